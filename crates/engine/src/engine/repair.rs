//! Joins the branches of a roster in which the server put two changes in one place (`docs/protocol.md`, RO15).
//!
//! Every owner's device tries by itself: the room's membership stands still until one has succeeded. The server learns
//! of the other branch from the same connection, so a first try may come too early for it.

use std::collections::BTreeMap;
use std::time::Duration;

use momoland_protocol::id::RoomId;
use momoland_protocol::roster::{Role, RosterOp};
use momoland_protocol::server::Request;
use tokio::time::Instant;

use crate::engine::Home;
use crate::engine::server::Answer;

/// Between a first try and the second; doubled from then on.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Between two tries at most.
const TRY_AGAIN_AFTER_MAX: Duration = Duration::from_secs(64);

/// Rooms whose roster has two branches, when the next try is due, and how long after it another would be.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    due: BTreeMap<RoomId, (Instant, Duration)>,
}

impl Repairs {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.due.values().map(|(at, _)| *at).min()
    }
}

impl Home {
    /// A roster grew, or the server can be asked again.
    pub(super) fn plan_repair(&mut self, room: RoomId) {
        if self.may_repair(room) {
            self.repairs.due.insert(room, (Instant::now(), TRY_AGAIN_AFTER));
        }
    }

    fn may_repair(&self, room: RoomId) -> bool {
        let roster = self.replica.roster(room);
        self.server_link.is_some()
            && roster
                .is_some_and(|roster| roster.split().is_some() && roster.role(self.account.id) == Some(Role::Owner))
    }

    /// Does what is due.
    pub(super) fn repair_rosters(&mut self) {
        let now = Instant::now();
        let due = self.repairs.due.iter().filter(|(_, (at, _))| *at <= now).map(|(room, _)| *room);
        let due: Vec<RoomId> = due.collect();
        for room in due {
            let wait = self.repairs.due.remove(&room).map_or(TRY_AGAIN_AFTER, |(_, wait)| wait);
            if !self.may_repair(room) {
                continue;
            }
            self.repairs.due.insert(room, (now + wait, (wait * 2).min(TRY_AGAIN_AFTER_MAX)));
            let Some(heads) = self.replica.roster(room).and_then(|roster| roster.split()) else { continue };
            match self.sign_change(room, RosterOp::Repair { one: heads.one, other: heads.other }) {
                Ok(change) => self.send_request(Request::SubmitChange { change }, Answer::Repair { room }),
                Err(error) => tracing::error!(error = %error.message, "a roster's repair could not be signed"),
            }
        }
    }
}
