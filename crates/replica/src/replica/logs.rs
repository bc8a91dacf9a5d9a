//! The logs of a room beside its conversation: each is announced there by an event, and named after it.
//!
//! Who stores the announcement knows the log from then on, and asks everybody in the room for it; before that, nothing of
//! the log is taken or told. `docs/protocol.md`, Replication, has the rules.
//!
//! # Invariants
//! 1. Two ends that both know a log compare it, whoever learned of it first. Test:
//!    `a_log_reaches_everybody_whoever_learns_of_it_first`.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Action, Event};
use momoland_protocol::id::{EventId, LogId, RoomId, Seq};
use momoland_protocol::replication::Frame;

use super::Replica;
use crate::input::{LinkId, Now, Remote};
use crate::output::Output;

/// The logs that events in conversations announced, whether anything of them is held or not.
#[derive(Debug, Default)]
pub(super) struct Announced {
    rooms: BTreeMap<LogId, RoomId>,
    logs: BTreeMap<RoomId, BTreeSet<LogId>>,
}

impl Announced {
    /// Whether it was not known before. The room that announced a log first has it.
    pub(super) fn insert(&mut self, room: RoomId, log: LogId) -> bool {
        if self.rooms.contains_key(&log) {
            return false;
        }
        self.rooms.insert(log, room);
        self.logs.entry(room).or_default().insert(log)
    }

    pub(super) fn room_of(&self, log: LogId) -> Option<RoomId> {
        self.rooms.get(&log).copied()
    }

    fn of(&self, room: RoomId) -> impl Iterator<Item = LogId> + '_ {
        self.logs.get(&room).into_iter().flatten().copied()
    }

    pub(super) fn forget(&mut self, room: RoomId) {
        for log in self.logs.remove(&room).into_iter().flatten() {
            self.rooms.remove(&log);
        }
    }
}

impl Replica {
    /// When the last event of a log that is on disk was written, by its author's clock; `None` where there is none.
    pub fn last_change(&self, log: LogId) -> Option<Hlc> {
        let chains = self.logs.get(&log)?.chains.values();
        chains.filter(|chain| chain.durable.seq > Seq::ZERO).map(|chain| chain.durable.hlc).max()
    }

    /// The logs of a room: its conversation always, others once they were announced.
    pub(super) fn logs_of(&self, room: RoomId) -> Vec<LogId> {
        let mut logs = BTreeSet::from([room.conversation()]);
        logs.extend(self.announced.of(room));
        logs.into_iter().collect()
    }

    /// An announcement is on disk: what the other ends said of the log before was not understood here, so they are asked
    /// to say it again.
    pub(super) fn log_announced(&mut self, now: Now, room: RoomId, log: LogId) {
        if !self.announced.insert(room, log) {
            return;
        }
        let offered = |id: &LinkId| {
            let session = self.links.get(*id).and_then(|link| link.room(room));
            session.is_some_and(|session| session.offered) && self.shares(*id, room)
        };
        let links: Vec<LinkId> = self.links.in_room(room).filter(offered).collect();
        for id in links {
            let Some(link) = self.links.get_mut(id) else { continue };
            let relay = link.remote == Remote::Relay;
            let Some(session) = link.log(room, log) else { continue };
            session.told_position = true;
            session.compared_at = Some(now.mono);
            if relay && self.fed_by_peers.contains(&room) {
                self.send_mode(id, room, log);
            }
            // Nobody stands there, so whoever knows the log answers with what it has.
            let frame = Frame::Position { log, n: 0, h: EventId::ZERO };
            self.outputs.push_back(Output::Send { link: id, frame });
        }
    }
}

/// The log that an event announces, with the room of both.
pub(super) fn announcement(room: RoomId, event: &Event) -> Option<(RoomId, LogId)> {
    let header = event.header.get();
    let announces = header.action == Action::ANNOUNCE && header.log == room.conversation();
    announces.then(|| (room, LogId(event.id().0)))
}
