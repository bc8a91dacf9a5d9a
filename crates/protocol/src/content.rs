//! What plain bodies say. The engine writes and reads these; replication never does.
//!
//! A content type is chosen by the header's action. Fields are only ever added at the end.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::clock::UnixMillis;
use crate::limits;

/// The content of [`crate::event::Action::POST`] and [`crate::event::Action::EDIT`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MessageContent {
    /// The text, as typed.
    #[n(0)]
    pub text: String,
    /// The author's wall clock, corrected by the last known offset to the server's.
    #[n(1)]
    pub sent_at: UnixMillis,
}

impl Bounded for MessageContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.text.len() <= limits::TEXT_BYTES_MAX, "text")?;
        bound(!self.text.contains('\0'), "text")
    }
}
