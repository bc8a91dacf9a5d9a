//! What plain bodies say. The engine writes and reads these; replication never does.
//!
//! A content type is chosen by the header's action. Fields are only ever added at the end.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::clock::UnixMillis;
use crate::id::{AccountId, CallId};
use crate::limits;

/// The content of [`crate::event::Action::POST`], [`crate::event::Action::EDIT`] and [`crate::event::Action::CALL`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MessageContent {
    /// The text, as typed.
    #[n(0)]
    pub text: String,
    /// The author's wall clock, corrected by the last known offset to the server's.
    #[n(1)]
    pub sent_at: UnixMillis,
    /// Who is meant by it; absent where nobody is.
    #[n(2)]
    pub mentions: Option<Mentions>,
    /// What became of a call: there in an [`crate::event::Action::CALL`], whose text is empty, and ignored elsewhere.
    #[n(3)]
    pub call: Option<CallEntry>,
}

/// A call that is over, as a device tells that was in it at its end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CallEntry {
    /// The call. More than one device may tell of it; the longest counts.
    #[n(0)]
    pub call: CallId,
    /// Who called.
    #[n(1)]
    pub from: AccountId,
    /// Whether it began with a camera.
    #[n(2)]
    pub video: bool,
    /// When it began, by the clock of who called.
    #[n(3)]
    pub began: UnixMillis,
    /// How long it lasted, milliseconds: until one was alone in it. Nothing where nobody answered.
    #[n(4)]
    pub length_ms: u64,
    /// Who was in it, sorted.
    #[n(5)]
    pub accounts: Vec<AccountId>,
    /// What came of it.
    #[n(6)]
    pub outcome: CallOutcome,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CallOutcome {
    /// People talked.
    #[n(0)]
    Held,
    /// Nobody answered.
    #[n(1)]
    Unanswered,
    /// Between two people: the other declined.
    #[n(2)]
    Declined,
    /// Between two people: the other was in another call.
    #[n(3)]
    Busy,
}

/// Whom a message names. Its author's device found them, so that names which change later do not change who was meant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Mentions {
    /// Accounts, sorted.
    #[n(0)]
    pub accounts: Vec<AccountId>,
    /// Everybody in the room.
    #[n(1)]
    pub room: bool,
}

/// The content of [`crate::event::Action::REACT`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ReactionContent {
    /// One emoji.
    #[n(0)]
    pub emoji: String,
    /// Whether it is set or taken back.
    #[n(1)]
    pub on: bool,
}

/// The content of [`crate::event::Action::PIN`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PinContent {
    /// Whether the target is pinned, or its pin taken off.
    #[n(0)]
    pub on: bool,
}

/// The content of [`crate::event::Action::RETRACT`] and [`crate::event::Action::REDACT`]: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeletionContent {}

impl Bounded for MessageContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.text.len() <= limits::TEXT_BYTES_MAX, "text")?;
        bound(!self.text.contains('\0'), "text")?;
        self.mentions.as_ref().map_or(Ok(()), Bounded::check_bounds)?;
        self.call.as_ref().map_or(Ok(()), Bounded::check_bounds)
    }
}

impl Bounded for CallEntry {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound((1..=limits::CALL_ACCOUNTS_MAX).contains(&self.accounts.len()), "call")?;
        bound(self.accounts.is_sorted_by(|one, next| one < next), "call")?;
        bound(self.length_ms <= limits::CALL_LENGTH_MS_MAX, "call")
    }
}

impl Bounded for Mentions {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.accounts.len() <= limits::MENTIONS_MAX, "mentions")?;
        bound(self.accounts.is_sorted_by(|one, next| one < next), "mentions")?;
        // Who means nobody leaves the field out.
        bound(self.room || !self.accounts.is_empty(), "mentions")
    }
}

impl Bounded for ReactionContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound((1..=limits::EMOJI_BYTES_MAX).contains(&self.emoji.len()), "emoji")?;
        bound(!self.emoji.chars().any(|c| c.is_control() || c.is_whitespace()), "emoji")
    }
}

impl Bounded for PinContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

impl Bounded for DeletionContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
