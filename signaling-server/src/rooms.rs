//! Rooms: which changes of a roster the server puts in order, and what it answers about rooms.
//!
//! The fold of a roster, and what it allows, is `replica`'s. Here is what only the server adds: a change is taken from
//! the device that signed it, a stranger cannot tell a private room from none, limits, the countersignature with the
//! server's own list of cuts, and the indexes that questions need. Pure; the relay's task owns all of it.
//!
//! # Invariants
//! 1. One successor of a change is countersigned, ever: changes of one room are put in order one at a time. Test:
//!    `of_two_changes_at_once_one_is_stale`.
//! 2. Who is no member and has no invite is answered about a private room as about none. Test:
//!    `a_stranger_cannot_tell_a_private_room_from_none`.

pub mod directory;
pub mod invites;
pub mod membership;
pub mod refusals;
pub mod rosters;

use momoland_protocol::id::{AccountId, DeviceId};

/// A device and its account, as the handshake proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub device: DeviceId,
    pub account: AccountId,
}

/// Rooms that one account may belong to, besides its own. More: joining and making are refused, and nothing else is.
pub const ROOMS_PER_ACCOUNT_MAX: usize = 500;

/// Accounts of one room. More: joining is refused.
pub const MEMBERS_PER_ROOM_MAX: usize = 10_000;

/// Changes of one roster: a replica keeps them all. More: only leaving, removing and revoking go on.
pub const CHANGES_PER_ROOM_MAX: u64 = 20_000;
