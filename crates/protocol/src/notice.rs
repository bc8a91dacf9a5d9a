//! What a server's administrators tell: everybody (an announcement), or one person.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound, bound_line};
use crate::clock::UnixMillis;
use crate::id::{AccountId, NoticeId};
use crate::limits;

/// One of them, until it expires. The server keeps it and tells it again to whoever connects; who was told is told by its id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Notice {
    /// Of this one for ever.
    #[n(0)]
    pub id: NoticeId,
    /// The administrator.
    #[n(1)]
    pub by: AccountId,
    /// When it was said, and
    #[n(2)]
    pub at: UnixMillis,
    /// until when it is told, by the server's clock.
    #[n(3)]
    pub until: UnixMillis,
    /// How it is meant.
    #[n(4)]
    pub level: NoticeLevel,
    /// What it says. Lines may break; it has no other control characters.
    #[n(5)]
    pub text: String,
    /// Of one that is for the receiver alone; everybody's have none.
    #[n(6)]
    pub title: Option<String>,
}

/// How a notice is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum NoticeLevel {
    /// To be known.
    #[n(0)]
    Info,
    /// Good news.
    #[n(1)]
    Success,
    /// Something to look out for.
    #[n(2)]
    Warning,
    /// Something is wrong.
    #[n(3)]
    Error,
}

impl Bounded for Notice {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(!self.text.trim().is_empty() && self.text.len() <= limits::NOTICE_TEXT_BYTES_MAX, "text")?;
        bound(!self.text.chars().any(|letter| letter.is_control() && letter != '\n'), "text")?;
        bound(self.until > self.at, "until")?;
        self.title.iter().try_for_each(|title| {
            bound(!title.trim().is_empty(), "title")?;
            bound_line(title, limits::NOTICE_TITLE_CHARS_MAX, "title")
        })
    }
}
