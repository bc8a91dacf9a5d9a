//! History: what a newcomer is given later than the newest, asked for piece by piece, newest first.
//!
//! A device that holds nothing of a long chain gets its newest events from the relay, and then asks whoever has more,
//! a peer before the relay, part by part; so a screen is there at once, and the relay sends what no
//! peer has. Where the relay is away, it asks a peer for the chain's first event, and what follows comes by itself.
//! `docs/protocol.md`, Replication, has the rules.
//!
//! Not here: the newest events (`sync`), whether an event fits below what is held (`admission`).

use std::collections::BTreeSet;

use momoland_protocol::event::Event;
use momoland_protocol::id::{ChainId, LogId, RoomId, Seq};
use momoland_protocol::replication::{ChainRange, Frame};

use super::sync::LOAD_BYTES_MAX;
use super::{FETCHED_FIRST_MAX, Pending, Replica};
use crate::input::{LinkId, Mono, Now, Remote, Ticket};
use crate::log::Chain;
use crate::output::{Load, LoadOrder, Output};
use crate::session::{
    ANSWER_WITHIN_MS, ASKED_MAX, Asked, HISTORY_EVENTS, TAIL_EVENTS, TAIL_EVENTS_MIN, WANTED_MAX, Wanted,
};

impl Replica {
    /// A link is gone; what it was asked for is asked of others.
    pub(super) fn link_down(&mut self, now: Now, id: LinkId) {
        let Some(link) = self.links.remove(id) else { return };
        for asked in &link.asked {
            self.unask(asked);
        }
        if link.rooms().next().is_some() {
            self.ask_everybody(now);
        }
    }

    fn ask_everybody(&mut self, now: Now) {
        let mut links: Vec<(bool, LinkId)> = Vec::new();
        for (id, link) in self.links.iter().filter(|(_, link)| !link.older.is_empty()) {
            links.push((link.remote == Remote::Relay, id));
        }
        links.sort();
        for (_, link) in links {
            self.ask_for_history(now, link);
        }
    }

    /// Somebody waits for what is before the first events held of these chains.
    pub(super) fn fetch_first(&mut self, now: Now, log: LogId, chains: Vec<ChainId>) {
        self.fetched_first = chains.into_iter().take(FETCHED_FIRST_MAX).map(|chain| (log, chain)).collect();
        self.ask_everybody(now);
    }

    /// Whether somebody who is linked has more of a log's history than is held here.
    pub fn lacks_history(&self, log: LogId) -> bool {
        let held = self.logs.get(&log);
        let lacks = |((of, chain), low): (&(LogId, ChainId), &Seq)| {
            let held = held.and_then(|held| held.chains.get(chain));
            *of == log && held.is_some_and(|held| *low < held.low.seq)
        };
        self.links.iter().any(|(_, link)| link.older.iter().any(lacks))
    }

    /// Notes what the other end has of chains that begin later here.
    pub(super) fn note_older(&mut self, id: LinkId, log: LogId, vector: &[ChainRange]) {
        if self.is_relay() {
            return;
        }
        let Some(room) = self.room_of(log) else { return };
        let Some(roster) = self.roster(room) else { return };
        let Some(remote) = self.links.get(id).map(|link| link.remote) else { return };
        let given_whole = if remote == Remote::Relay { TAIL_EVENTS_MIN } else { TAIL_EVENTS };
        let mut older = Vec::new();
        for range in vector {
            let held = self.logs.get(&log).and_then(|log| log.chains.get(&range.chain));
            let lacks = match held {
                Some(chain) => range.low < chain.staged_low.seq,
                // Who is known to the roster only, so that nobody fills the memory with inventions.
                None => {
                    log == room.conversation()
                        && range.high.0 > given_whole
                        && roster.account_of(range.chain.device).is_some()
                }
            };
            if lacks {
                older.push(((log, range.chain), range.low));
            }
        }
        let logs = &self.logs;
        let Some(link) = self.links.get_mut(id) else { return };
        link.older.retain(|(of, chain), _| {
            // A vector from before a chain began says nothing of it.
            let unnamed = vector.binary_search_by(|range| range.chain.cmp(chain)).is_err();
            let held = logs.get(of).is_some_and(|log| log.chains.contains_key(chain));
            *of != log || unnamed && held
        });
        link.older.extend(older);
    }

    /// A link gave chains from their middle: it holds them from their beginning on, whatever it said before.
    pub(super) fn begun_in_the_middle(&mut self, id: LinkId, log: LogId, chains: Vec<ChainId>) {
        if let Some(link) = self.links.get_mut(id) {
            link.older.extend(chains.into_iter().map(|chain| ((log, chain), Seq(1))));
        }
    }

    /// Asks a link for parts of what it has and we lack, as many as it is to answer at once.
    pub(super) fn ask_for_history(&mut self, now: Now, id: LinkId) {
        if self.halted {
            return;
        }
        let Some(link) = self.links.get(id).filter(|link| link.asked.len() < ASKED_MAX) else { return };
        let remote = link.remote;
        let mut settled = Vec::new();
        let mut questions = Vec::new();
        // What somebody waits for, and then everything in its order.
        let first = self.fetched_first.iter().filter_map(|chain| link.older.get_key_value(chain));
        for ((log, chain), low) in first.chain(&link.older) {
            let is_asked = link.asked.iter().any(|asked| (asked.log, asked.chain) == (*log, *chain));
            if is_asked || questions.iter().any(|wanted: &Wanted| (wanted.log, wanted.chain) == (*log, *chain)) {
                continue;
            }
            let Some(room) = self.room_of(*log).filter(|room| self.shares(id, *room)) else {
                settled.push((*log, *chain));
                continue;
            };
            let held = self.logs.get(log).and_then(|held| held.chains.get(chain));
            let part = match held {
                Some(held) if held.staged_low.seq <= *low => {
                    settled.push((*log, *chain));
                    None
                }
                Some(held) if held.asked.is_some() => None,
                Some(held) => {
                    let to = held.staged_low.seq.0 - 1;
                    Some((Seq(low.0.max(to.saturating_sub(HISTORY_EVENTS - 1))), Seq(to)))
                }
                // The relay sends the newest by itself; without it a peer gives the chain from its beginning.
                None if remote == Remote::Relay || self.relay_compared(room) || *low != Seq(1) => None,
                None => Some((Seq(1), Seq(1))),
            };
            if let Some((from, to)) = part {
                questions.push(Wanted { log: *log, chain: *chain, from, to });
                if link.asked.len() + questions.len() == ASKED_MAX {
                    break;
                }
            }
        }
        let until = Mono(now.mono.0 + ANSWER_WITHIN_MS);
        let Some(link) = self.links.get_mut(id) else { return };
        for chain in settled {
            link.older.remove(&chain);
        }
        for Wanted { log, chain, from, to } in questions {
            if let Some(link) = self.links.get_mut(id) {
                link.asked.push(Asked { log, chain, from, until });
            }
            self.links.wake_by(id, until);
            if let Some(chain) = self.logs.get_mut(&log).and_then(|log| log.chains.get_mut(&chain)) {
                chain.asked = Some(id);
            }
            self.outputs.push_back(Output::Send { link: id, frame: Frame::Want { log, chain, from, to } });
        }
    }

    /// Whether a relay is linked that has said what it has of a room.
    fn relay_compared(&self, room: RoomId) -> bool {
        let mut relays = self.links.iter().filter(|(_, link)| link.remote == Remote::Relay);
        relays.any(|(id, _)| self.links.log(id, room, room.conversation()).is_some_and(|session| session.compared))
    }

    fn unask(&mut self, asked: &Asked) {
        if let Some(chain) = self.logs.get_mut(&asked.log).and_then(|log| log.chains.get_mut(&asked.chain)) {
            chain.asked = None;
        }
    }

    /// The other end did not answer in time: it is not asked for these chains again before it says anew what it has.
    pub(super) fn give_up(&mut self, now: Now, id: LinkId, overdue: Vec<Asked>) {
        for asked in overdue {
            self.unask(&asked);
            if let Some(link) = self.links.get_mut(id) {
                link.older.remove(&(asked.log, asked.chain));
            }
        }
        self.ask_everybody(now);
    }

    /// Events of a link are on disk, of which chains in `whole` have their beginning: asks for the next part, and tells
    /// everybody of a chain that became whole.
    pub(super) fn history_stored(&mut self, now: Now, id: LinkId, whole: BTreeSet<(RoomId, LogId)>) {
        let logs = &self.logs;
        let Some(link) = self.links.get_mut(id) else {
            // It went while they were on their way to the disk: what it would have given next, others have.
            self.tell_everybody(now, whole);
            return;
        };
        let is_answered = |asked: &mut Asked| {
            let chain = logs.get(&asked.log).and_then(|log| log.chains.get(&asked.chain));
            chain.is_some_and(|chain| chain.low.seq <= asked.from && chain.durable.seq >= asked.from)
        };
        let answered: Vec<Asked> = link.asked.extract_if(.., is_answered).collect();
        let waiting = !link.asked.is_empty();
        let mut begun = BTreeSet::new();
        for asked in &answered {
            let chain = self.logs.get(&asked.log).and_then(|log| log.chains.get(&asked.chain));
            if let Some(room) = self.room_of(asked.log).filter(|_| chain.is_some_and(Chain::is_whole)) {
                begun.insert((room, asked.log));
            }
            self.unask(asked);
        }
        self.tell_everybody(now, begun);
        if !answered.is_empty() {
            self.ask_everybody(now);
        } else if !waiting {
            self.ask_for_history(now, id);
        }
    }

    fn tell_everybody(&mut self, now: Now, logs: BTreeSet<(RoomId, LogId)>) {
        for (room, log) in logs {
            let links: Vec<LinkId> = self.links.in_room(room).filter(|link| self.shares(*link, room)).collect();
            for link in links {
                self.compare_soon(now, link, room, log);
            }
        }
    }

    /// The other end asks for part of a chain.
    pub(super) fn wanted(&mut self, now: Now, id: LinkId, wanted: Wanted) {
        if !self.room_of(wanted.log).is_some_and(|room| self.shares(id, room)) {
            return;
        }
        let Some(link) = self.links.get_mut(id) else { return };
        if link.wanted.len() < WANTED_MAX && !link.wanted.contains(&wanted) {
            link.wanted.push_back(wanted);
        }
        self.pump(now, id);
    }

    /// Reads for the first question of a link, where nothing newer goes first.
    pub(super) fn answer_wanted(&mut self, id: LinkId) {
        while let Some(link) = self.links.get_mut(id) {
            if link.loading.is_some() || link.credit == 0 {
                return;
            }
            let Some(mut wanted) = link.wanted.pop_front() else { return };
            let held = self.logs.get(&wanted.log).and_then(|log| log.chains.get(&wanted.chain));
            let (Some(room), Some(chain)) = (self.room_of(wanted.log), held) else { continue };
            // A single event may be the proof of a fork, and is given as it is held.
            let high = if wanted.from == wanted.to { chain.durable.seq } else { chain.sendable() };
            wanted.to = wanted.to.min(high);
            wanted.from = wanted.from.max(chain.low.seq);
            if wanted.to < wanted.from || !self.shares(id, room) {
                continue;
            }
            let Wanted { log, chain, from, to } = wanted;
            let ticket = self.open_ticket(Pending::LoadWanted { link: id, room, wanted });
            if let Some(link) = self.links.get_mut(id) {
                link.loading = Some(ticket);
            }
            let (bytes_max, order) = (LOAD_BYTES_MAX, LoadOrder::NewestFirst);
            let load = Load { log, chain, from, to, bytes_max, order };
            self.outputs.push_back(Output::Load { ticket, load });
            return;
        }
    }

    /// Events were read for a question.
    pub(super) fn loaded_wanted(
        &mut self,
        now: Now,
        ticket: Ticket,
        id: LinkId,
        room: RoomId,
        wanted: Wanted,
        mut events: Vec<Event>,
    ) {
        let Some(link) = self.links.get_mut(id).filter(|link| link.loading == Some(ticket)) else { return };
        link.loading = None;
        if self.shares(id, room) {
            self.drop_deleted_bodies(room, wanted.log, &mut events);
            if wanted.from == wanted.to {
                // A single event may be the proof of a fork: beyond a cut its header is enough for that.
                let cut = events.first().is_some_and(|event| self.is_cut(room, event));
                events.iter_mut().filter(|_| cut).for_each(|event| event.body = None);
                self.send_events(id, wanted.log, events);
                self.pump(now, id);
                return;
            }
            let cut = events.iter().position(|event| self.is_cut(room, event));
            events.truncate(cut.unwrap_or(events.len()));
            let last = events.last().map(|event| event.header.get().seq);
            let rest = last.filter(|last| wanted.from < *last && cut.is_none());
            if let (Some(last), Some(link)) = (rest, self.links.get_mut(id)) {
                link.wanted.push_front(Wanted { to: Seq(last.0 - 1), ..wanted });
            }
            self.send_events(id, wanted.log, events);
        }
        self.pump(now, id);
    }
}

#[cfg(test)]
mod tests;
