//! Invites that are no longer open, and why: what a roster forgets and a person wants to hear.
//!
//! A roster keeps open invites only. Whoever comes with one that is used up, expired or withdrawn holds its secret and
//! knows of the room, so the server may say what happened to it. Fed every change of every roster, in order.

use std::collections::BTreeMap;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{InviteKey, RoomId};
use momoland_protocol::roster::{CountersignedChange, InviteProof, RosterOp};

use super::Peer;

/// Invites of one room that are remembered. More: the oldest is forgotten, and then answered like one that never was.
const REMEMBERED_MAX: usize = 1_024;

/// Every invite that was opened.
#[derive(Debug, Default)]
pub struct Invites {
    rooms: BTreeMap<RoomId, BTreeMap<InviteKey, Known>>,
}

#[derive(Debug)]
struct Known {
    /// The version that opened it: the lowest is the oldest.
    opened: u64,
    uses_left: Option<u32>,
    expires_at: UnixMillis,
    withdrawn: bool,
}

/// What an invite is worth to whoever proves to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    Open,
    UsedUp,
    Expired,
    Withdrawn,
}

impl Invites {
    /// Takes the next change of a room's roster.
    pub fn follow(&mut self, next: &CountersignedChange) {
        let change = next.change.get();
        match &change.op {
            RosterOp::OpenInvite { invite, role: _, uses_max, expires_at } => {
                let known = self.rooms.entry(change.room).or_default();
                if known.len() >= REMEMBERED_MAX
                    && let Some(oldest) = known.iter().min_by_key(|(_, invite)| invite.opened).map(|(key, _)| *key)
                {
                    known.remove(&oldest);
                }
                let opened = next.countersignature.get().version;
                let invite_known = Known { opened, uses_left: *uses_max, expires_at: *expires_at, withdrawn: false };
                known.insert(*invite, invite_known);
            }
            RosterOp::Join { certificate: _, invite: Some(proof) } => {
                if let Some(known) = self.known(change.room, proof.invite) {
                    known.uses_left = known.uses_left.map(|left| left.saturating_sub(1));
                }
            }
            RosterOp::CloseInvite { invite } => {
                if let Some(known) = self.known(change.room, *invite) {
                    known.withdrawn = true;
                }
            }
            RosterOp::Join { certificate: _, invite: None }
            | RosterOp::Create { .. }
            | RosterOp::Leave
            | RosterOp::AddDevice { .. }
            | RosterOp::RevokeDevice { .. }
            | RosterOp::SetRole { .. }
            | RosterOp::Remove { .. }
            | RosterOp::Unban { .. }
            | RosterOp::Configure { .. }
            | RosterOp::Repair { .. }
            | RosterOp::ListAuthor { .. } => {}
        }
    }

    /// The room is gone.
    pub fn forget(&mut self, room: RoomId) {
        self.rooms.remove(&room);
    }

    /// What an invite is worth to a device that proves to hold it. `None`: it never was one of this room's, or the proof
    /// is not the device's.
    pub fn worth(&self, room: RoomId, proof: &InviteProof, by: Peer, at: UnixMillis) -> Option<Worth> {
        let known = self.rooms.get(&room)?.get(&proof.invite)?;
        proof.verify(room, by.device).ok()?;
        Some(if known.withdrawn {
            Worth::Withdrawn
        } else if known.uses_left == Some(0) {
            Worth::UsedUp
        } else if known.expires_at <= at {
            Worth::Expired
        } else {
            Worth::Open
        })
    }

    fn known(&mut self, room: RoomId, invite: InviteKey) -> Option<&mut Known> {
        self.rooms.get_mut(&room)?.get_mut(&invite)
    }
}
