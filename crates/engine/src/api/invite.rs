//! An invite as people pass it on: one line, which says where the room is, and holds the secret half of its key.
//!
//! Made and read by `rooms.invite` and `rooms.join`. Whoever has the line may use it; it is in no log.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use momoland_protocol::cbor::{self, Bounded, DecodeError, bound};
use momoland_protocol::id::{Nonce, RoomId, ServerKey};

/// What it begins with.
const PREFIX: &str = "momoland://join/";

/// Characters of it. A longer one is refused unread.
const CHARS_MAX: usize = 1_024;

/// Characters of the server's address.
const SERVER_CHARS_MAX: usize = 300;

/// What it holds, in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct InviteContent {
    #[n(0)]
    pub(crate) server: String,
    #[n(1)]
    pub(crate) server_key: ServerKey,
    #[n(2)]
    pub(crate) room: RoomId,
    #[n(3)]
    pub(crate) secret: Nonce,
}

impl Bounded for InviteContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.server.len() <= SERVER_CHARS_MAX, "server")
    }
}

impl InviteContent {
    /// The line.
    pub(crate) fn write(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(cbor::encode(self)))
    }

    /// What a line says; `None` where it is no invite.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.len() > CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(line.strip_prefix(PREFIX)?).ok()?;
        cbor::decode(&bytes, CHARS_MAX).ok()
    }
}
