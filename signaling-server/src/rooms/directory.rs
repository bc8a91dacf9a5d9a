//! The public rooms, and what is needed to join one room.

use std::collections::BTreeSet;
use std::ops::Bound;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::RoomId;
use momoland_protocol::limits::{DIRECTORY_PAGE_MAX, FRAME_BYTES_MAX};
use momoland_protocol::roster::{Genesis, InviteProof};
use momoland_protocol::server::{DirectoryEntry, Response};
use momoland_replica::roster::Roster;

use super::Peer;
use super::invites::{Invites, Worth};
use super::membership::Membership;
use super::rosters::{RoomRefusal, may_know_of};

/// Bytes of one page's rooms, so that it fits into a frame whatever their names and topics are.
const PAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 8 * 1024;

/// Bytes of an entry beside its texts.
const ENTRY_BYTES: usize = 64;

/// The rooms that everybody may find.
#[derive(Debug, Default)]
pub struct Directory {
    public: BTreeSet<RoomId>,
}

impl Directory {
    /// Takes a room's roster as it is now; `None`: the room is gone.
    pub fn follow(&mut self, room: RoomId, roster: Option<&Roster>) {
        // The public feed is where everybody looks anyway.
        let listed = |roster: &Roster| roster.is_public() && !matches!(roster.genesis(), Genesis::PublicFeed { .. });
        if roster.is_some_and(listed) {
            self.public.insert(room);
        } else {
            self.public.remove(&room);
        }
    }

    /// The page after a room.
    pub fn page<'a>(
        &self,
        after: Option<RoomId>,
        membership: &Membership,
        roster_of: impl Fn(RoomId) -> Option<&'a Roster>,
    ) -> Response {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rooms: Vec<DirectoryEntry> = Vec::new();
        let mut bytes = 0;
        for room in self.public.range((start, Bound::Unbounded)) {
            let Some(entry) = roster_of(*room).map(|roster| entry_of(roster, membership)) else { continue };
            bytes += entry.name.len() + entry.topic.len() + ENTRY_BYTES;
            if rooms.len() >= DIRECTORY_PAGE_MAX || (bytes > PAGE_BYTES_MAX && !rooms.is_empty()) {
                let next = rooms.last().map(|entry| entry.room);
                return Response::Directory { rooms, next };
            }
            rooms.push(entry);
        }
        Response::Directory { rooms, next: None }
    }
}

/// What is needed to join a room.
///
/// # Errors
/// [`RoomRefusal::NoSuchRoom`] or [`RoomRefusal::Invite`].
pub fn preview(
    roster: Option<&Roster>,
    membership: &Membership,
    invites: &Invites,
    invite: Option<&InviteProof>,
    by: Peer,
    at: UnixMillis,
) -> Result<Response, RoomRefusal> {
    let roster = roster.ok_or(RoomRefusal::NoSuchRoom)?;
    match invite.and_then(|proof| invites.worth(roster.room(), proof, by, at)) {
        // The roster withdraws by itself what somebody opened whose right to it ended.
        Some(Worth::Open) if invite.is_some_and(|proof| roster.invite_role(proof.invite, at).is_err()) => {
            return Err(RoomRefusal::Invite(Worth::Withdrawn));
        }
        Some(Worth::Open) => {}
        Some(worth) => return Err(RoomRefusal::Invite(worth)),
        None if may_know_of(roster, by) => {}
        None => return Err(RoomRefusal::NoSuchRoom),
    }
    Ok(Response::Preview { entry: entry_of(roster, membership), head: roster.head() })
}

fn entry_of(roster: &Roster, membership: &Membership) -> DirectoryEntry {
    let members = membership.members_of(roster.room()).map_or(0, BTreeSet::len);
    DirectoryEntry {
        room: roster.room(),
        name: roster.settings().name.clone(),
        topic: roster.settings().topic.clone(),
        members: u32::try_from(members).unwrap_or(u32::MAX),
    }
}
