//! The links, with what an event needs of them: who is in its room, and who is woken next.
//!
//! A relay has thousands of links and an event concerns a few: nothing here but [`Links::iter`] costs what there is.
//!
//! # Invariants
//! 1. A link is listed under exactly the rooms that it has a session of, and under the one moment at which it is woken:
//!    checked by `check_invariants`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use momoland_protocol::id::{ChainId, LogId, RoomId, Seq};
use momoland_protocol::replication::ChainRange;

use crate::input::{LinkId, Mono, Remote, Ticket};
use crate::session::{ASKED_MAX, Asked, CHAINS_A_LOG_MAX, LogSession, RoomSession, WANTED_MAX, Wanted};

/// One link.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) remote: Remote,
    /// Bytes of events that it can take now.
    pub(crate) credit: usize,
    /// The load that is under way for it: at most one.
    pub(crate) loading: Option<Ticket>,
    rooms: BTreeMap<RoomId, RoomSession>,
    /// Parts of the vector that the other end is telling: of one log at a time.
    pub(crate) vector: Option<(LogId, Vec<ChainRange>)>,
    /// Chains of which the other end holds something that we lack and it does not send by itself, with its first
    /// place: what is before our first event, and long chains of which we hold nothing.
    pub(crate) older: BTreeMap<(LogId, ChainId), Seq>,
    /// The parts of chains that it was asked for, at most [`ASKED_MAX`].
    pub(crate) asked: Vec<Asked>,
    /// Parts of chains that it asked for, at most [`WANTED_MAX`].
    pub(crate) wanted: VecDeque<Wanted>,
    /// Logs with something owed that may be sent now.
    pub(crate) ready: BTreeSet<LogId>,
    /// The one of them that was served last: they take turns.
    pub(crate) served: Option<LogId>,
    /// Since when something waits and it takes nothing.
    pub(crate) stalled_since: Option<Mono>,
    /// When something that waits becomes due: owed events, lazy acknowledgements, a comparison, an answer.
    wake_at: Option<Mono>,
}

impl Link {
    pub(crate) fn new(remote: Remote) -> Self {
        Self {
            remote,
            credit: 0,
            loading: None,
            rooms: BTreeMap::new(),
            vector: None,
            older: BTreeMap::new(),
            asked: Vec::new(),
            wanted: VecDeque::new(),
            ready: BTreeSet::new(),
            served: None,
            stalled_since: None,
            wake_at: None,
        }
    }

    /// # Panics
    /// Where a collection is beyond its bound.
    fn check_bounds(&self) {
        let told = self.vector.as_ref().map_or(0, |(_, chains)| chains.len());
        assert!(told <= CHAINS_A_LOG_MAX, "a vector of {told} chains is kept");
        assert!(self.asked.len() <= ASKED_MAX, "{} questions wait for an answer", self.asked.len());
        assert!(self.wanted.len() <= WANTED_MAX + 1, "{} questions wait to be answered", self.wanted.len());
    }

    /// The log whose turn it is, of those with something to send.
    pub(crate) fn next_ready(&self) -> Option<LogId> {
        let after = self.served.and_then(|served| self.ready.range((Excluded(served), Unbounded)).next());
        after.or_else(|| self.ready.first()).copied()
    }

    pub(crate) fn room(&self, room: RoomId) -> Option<&RoomSession> {
        self.rooms.get(&room)
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = (RoomId, &RoomSession)> {
        self.rooms.iter().map(|(id, session)| (*id, session))
    }

    pub(crate) fn rooms_mut(&mut self) -> impl Iterator<Item = (RoomId, &mut RoomSession)> {
        self.rooms.iter_mut().map(|(id, session)| (*id, session))
    }

    /// The session of a log where there is one.
    pub(crate) fn open_log(&mut self, room: RoomId, log: LogId) -> Option<&mut LogSession> {
        self.rooms.get_mut(&room)?.logs.get_mut(&log)
    }

    /// The session of a log, begun where there is none, in a room that has one.
    pub(crate) fn log(&mut self, room: RoomId, log: LogId) -> Option<&mut LogSession> {
        Some(self.rooms.get_mut(&room)?.logs.entry(log).or_default())
    }
}

/// All links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: BTreeMap<LinkId, Link>,
    in_room: BTreeMap<RoomId, BTreeSet<LinkId>>,
    wakes: BTreeSet<(Mono, LinkId)>,
}

impl Links {
    pub(crate) fn insert(&mut self, id: LinkId, remote: Remote) {
        self.remove(id);
        self.links.insert(id, Link::new(remote));
    }

    pub(crate) fn remove(&mut self, id: LinkId) -> Option<Link> {
        let link = self.links.remove(&id)?;
        for room in link.rooms.keys() {
            self.unlist(*room, id);
        }
        if let Some(at) = link.wake_at {
            self.wakes.remove(&(at, id));
        }
        Some(link)
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(id, link)| (*id, link))
    }

    /// Those with a session of a room.
    pub(crate) fn in_room(&self, room: RoomId) -> impl Iterator<Item = LinkId> + '_ {
        self.in_room.get(&room).into_iter().flatten().copied()
    }

    pub(crate) fn room_mut(&mut self, id: LinkId, room: RoomId) -> Option<&mut RoomSession> {
        self.links.get_mut(&id)?.rooms.get_mut(&room)
    }

    pub(crate) fn log(&self, id: LinkId, room: RoomId, log: LogId) -> Option<&LogSession> {
        self.links.get(&id)?.rooms.get(&room)?.logs.get(&log)
    }

    pub(crate) fn log_mut(&mut self, id: LinkId, room: RoomId, log: LogId) -> Option<&mut LogSession> {
        self.links.get_mut(&id)?.open_log(room, log)
    }

    /// The session of a room, begun where there is none.
    pub(crate) fn enter(&mut self, id: LinkId, room: RoomId) -> Option<&mut RoomSession> {
        let link = self.links.get_mut(&id)?;
        Some(link.rooms.entry(room).or_insert_with(|| {
            self.in_room.entry(room).or_default().insert(id);
            RoomSession::default()
        }))
    }

    pub(crate) fn leave(&mut self, id: LinkId, room: RoomId) -> Option<RoomSession> {
        let session = self.links.get_mut(&id)?.rooms.remove(&room)?;
        self.unlist(room, id);
        Some(session)
    }

    fn unlist(&mut self, room: RoomId, id: LinkId) {
        if let Some(links) = self.in_room.get_mut(&room) {
            links.remove(&id);
            if links.is_empty() {
                self.in_room.remove(&room);
            }
        }
    }

    /// Has a link woken at a moment, or earlier where that was asked for before.
    pub(crate) fn wake_by(&mut self, id: LinkId, at: Mono) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match link.wake_at {
            Some(earlier) if earlier <= at => return,
            Some(later) => self.wakes.remove(&(later, id)),
            None => false,
        };
        link.wake_at = Some(at);
        self.wakes.insert((at, id));
    }

    /// The link that is woken first, and when.
    pub(crate) fn next_wake(&self) -> Option<(Mono, LinkId)> {
        self.wakes.first().copied()
    }

    /// Those whose moment came: they wait for nothing any more.
    pub(crate) fn take_due(&mut self, now: Mono) -> Vec<LinkId> {
        let mut due = Vec::new();
        while let Some((at, id)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            self.wakes.remove(&(at, id));
            if let Some(link) = self.links.get_mut(&id) {
                link.wake_at = None;
            }
            due.push(id);
        }
        due
    }

    /// # Panics
    /// Where an invariant of this module is broken.
    pub(crate) fn check_invariants(&self) {
        let mut in_room: BTreeMap<RoomId, BTreeSet<LinkId>> = BTreeMap::new();
        for (id, link) in &self.links {
            link.check_bounds();
            for room in link.rooms.keys() {
                in_room.entry(*room).or_default().insert(*id);
            }
        }
        assert_eq!(in_room, self.in_room, "rooms and their links differ");
        let wakes = self.links.iter().filter_map(|(id, link)| Some((link.wake_at?, *id)));
        assert_eq!(wakes.collect::<BTreeSet<_>>(), self.wakes, "links and when they are woken differ");
    }
}

#[cfg(test)]
mod tests;
