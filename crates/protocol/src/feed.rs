//! What the events of a feed say: posts, likes, comments.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound, bound_line};
use crate::clock::UnixMillis;
use crate::limits;

/// The content of [`crate::event::Action::PUBLISH`], and of an [`crate::event::Action::EDIT`] of a post.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PostContent {
    /// One line; may be empty where the text is not.
    #[n(0)]
    pub title: String,
    /// Markdown, as typed.
    #[n(1)]
    pub body: String,
    /// What it is about, each a line; no two alike.
    #[n(2)]
    pub tags: Vec<String>,
    /// The author's wall clock, corrected by the last known offset to the server's.
    #[n(3)]
    pub sent_at: UnixMillis,
}

impl Bounded for PostContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound_line(&self.title, limits::POST_TITLE_CHARS_MAX, "title")?;
        bound(self.body.len() <= limits::TEXT_BYTES_MAX && !self.body.contains('\0'), "body")?;
        bound(!self.title.trim().is_empty() || !self.body.trim().is_empty(), "body")?;
        bound(self.tags.len() <= limits::TAGS_MAX, "tags")?;
        for (at, tag) in self.tags.iter().enumerate() {
            bound_line(tag, limits::TAG_CHARS_MAX, "tags")?;
            bound(!tag.trim().is_empty() && !self.tags.iter().take(at).any(|before| before == tag), "tags")?;
        }
        Ok(())
    }
}

/// The content of [`crate::event::Action::LIKE`]. Of one person's the latest counts, whatever their devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LikeContent {
    /// Whether the person likes it now.
    #[n(0)]
    pub on: bool,
}

impl Bounded for LikeContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// The content of [`crate::event::Action::COMMENT`]. `targets`: the post, then the comment that it answers, if any.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CommentContent {
    /// Markdown, as typed.
    #[n(0)]
    pub text: String,
    /// The author's wall clock, corrected by the last known offset to the server's.
    #[n(1)]
    pub sent_at: UnixMillis,
}

impl Bounded for CommentContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.text.len() <= limits::TEXT_BYTES_MAX && !self.text.contains('\0'), "text")?;
        bound(!self.text.trim().is_empty(), "text")
    }
}

/// The content of [`crate::event::Action::HIDE`]. Of one post's or comment's the latest counts, whichever moderator's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HideContent {
    /// Whether it is hidden from now on.
    #[n(0)]
    pub on: bool,
    /// Why, in a line for those who do not see it any more; may be empty.
    #[n(1)]
    pub reason: String,
}

impl Bounded for HideContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound_line(&self.reason, limits::REASON_CHARS_MAX, "reason")
    }
}
