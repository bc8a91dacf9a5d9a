//! Relay modes: what the relay does not send to who has it from peers, and lists instead.
//!
//! ```text
//!  relay                          device, fed by its peers            peer
//!    │ ◄───────────────── Mode digest │                                 │
//!    │        (nothing of an event)   │ ◄──────────────────────── Events │
//!    │ ◄───────────────────────── Ack │                                 │
//!    │ Digest {chain, high} ────────► │   of what got no further for a second
//!    │ ◄─────────────────────── Fetch │   of what no peer brought
//!    │ Events ──────────────────────► │
//! ```
//!
//! An acknowledgement is the device's digest: the relay fetches what it lacks of that, and nobody uploads what its
//! author did. Who takes nothing for a while is listed what it lacks, too, until it has caught up.
//! `docs/protocol.md`, Replication, has the rules (SY15, SY20 to SY23).
//!
//! # Invariants
//! 1. What is owed is either sent by itself, or listed until it is acknowledged or fetched: nothing is dropped between.
//!    Tests: `a_gap_that_peers_leave_is_listed_and_fetched`, and the simulation with `DigestWithoutTheGap`.
//! 2. A list holds a place a chain, whatever was written meanwhile. Test: `who_takes_nothing_costs_a_place_a_chain`.
//!
//! Not here: who is fed by peers (the engine's `update_modes`), sending (`sync`).

use std::collections::BTreeMap;

use momoland_protocol::id::{ChainId, EventId, LogId, RoomId, Seq};
use momoland_protocol::limits;
use momoland_protocol::register::{Register, RegisterKey};
use momoland_protocol::replication::{ChainHead, Frame, RelayMode};
use momoland_protocol::signed::Signed;

use super::{Pending, Replica};
use crate::input::{LinkId, Mono, Now, Remote};
use crate::log::Chain;
use crate::output::Output;
use crate::session::{DIGEST_EVERY_MS, Due, LogSession, Owed};
#[cfg(feature = "planted")]
use crate::sim::Planted;

/// Chains in one list or question.
const CHAINS_A_LIST: usize = limits::CHAINS_PER_FRAME_MAX / 2;

/// Chains of which one link says that it has more of them than the relay, and that wait to be asked for. Beyond: it is
/// compared with as a whole.
const AHEAD_MAX: usize = CHAINS_A_LIST;

impl Replica {
    /// Our own device's wish about the relay.
    pub(super) fn set_mode(&mut self, room: RoomId, mode: RelayMode) {
        let changed = match mode {
            RelayMode::Digest => self.fed_by_peers.insert(room),
            RelayMode::Full => self.fed_by_peers.remove(&room),
        };
        if changed {
            let relays: Vec<LinkId> = self
                .links
                .iter()
                .filter(|(_, link)| link.remote == Remote::Relay)
                .filter(|(_, link)| link.room(room).is_some_and(|session| session.offered))
                .map(|(id, _)| id)
                .collect();
            for id in relays {
                self.send_modes(id, room);
            }
        }
    }

    /// Tells the relay how to push a log of a room.
    pub(super) fn send_mode(&mut self, id: LinkId, room: RoomId, log: LogId) {
        let mode = if self.fed_by_peers.contains(&room) { RelayMode::Digest } else { RelayMode::Full };
        self.outputs.push_back(Output::Send { link: id, frame: Frame::Mode { log, mode } });
    }

    pub(super) fn send_modes(&mut self, id: LinkId, room: RoomId) {
        for log in self.logs_of(room) {
            self.send_mode(id, room, log);
        }
    }

    /// A device's wish about how it is pushed.
    pub(super) fn mode(&mut self, now: Now, id: LinkId, log: LogId, mode: RelayMode) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        if !self.is_relay() {
            return;
        }
        let Some(link) = self.links.get_mut(id) else { return };
        let Some(session) = link.log(room, log) else { return };
        let was_sent_all = !session.is_digest();
        session.mode = mode;
        if mode == RelayMode::Digest && was_sent_all {
            self.list_registers_under_way(now, id, room, log);
        }
        if mode == RelayMode::Full {
            let Some(session) = self.links.get_mut(id).and_then(|link| link.log(room, log)) else { return };
            session.slow = false;
            // Its peers may have gone in the middle: what they did not bring comes now.
            for owed in session.owed.values_mut() {
                owed.due = Due::From(now.mono);
            }
            if let Some(link) = self.links.get_mut(id) {
                link.ready.insert(log);
            }
            if self.tell_registers_due(id, room, true) {
                self.digest_by(id, room, log, Mono(now.mono.0 + DIGEST_EVERY_MS));
            }
            self.pump(now, id);
        }
    }

    /// Whether what somebody else wrote is left to the relay to ask for: it is told by an acknowledgement. Who lacks a
    /// chain's beginning acknowledges nothing of it, and passes it on instead.
    pub(super) fn leaves_to_relay(&self, id: LinkId, room: RoomId, log: LogId, chain: ChainId) -> bool {
        let to_relay = self.links.get(id).is_some_and(|link| link.remote == Remote::Relay);
        let held = self.logs.get(&log).and_then(|log| log.chains.get(&chain));
        to_relay && self.fed_by_peers.contains(&room) && held.is_some_and(Chain::is_whole)
    }

    /// A log on a link to a device that asked for digests.
    pub(super) fn fed_session(&mut self, id: LinkId, log: LogId) -> Option<&mut LogSession> {
        let room = self.room_of(log)?;
        let session = self.links.get_mut(id)?.log(room, log)?;
        (session.mode == RelayMode::Digest).then_some(session)
    }

    /// What is due of one log on one link: lists, and questions for what it has more of than we.
    pub(super) fn tell_digests(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) {
        let open = self.shares(id, room) && !self.halted;
        let Some(session) = self.links.get_mut(id).and_then(|link| link.log(room, log)) else { return };
        if session.fetch_at.is_some_and(|at| at <= now.mono) {
            session.fetch_at = None;
            let ahead = std::mem::take(&mut session.ahead);
            if open {
                self.fetch(id, log, ahead.into_iter().collect());
            }
        }
        let Some(session) = self.links.get_mut(id).and_then(|link| link.log(room, log)) else { return };
        if session.digest_at.is_some_and(|at| at <= now.mono) {
            session.digest_at = None;
            if open {
                self.tell_digest(now, id, room, log);
            }
        }
    }

    /// Lists the chains of which the other end got no further since the last look. Whoever takes nothing now is told
    /// once it does (`credit`): what waits for it is a place a chain.
    fn tell_digest(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) {
        let again = Mono(now.mono.0 + DIGEST_EVERY_MS);
        let of_conversation = log == room.conversation();
        let held = self.logs.get(&log);
        let Some(link) = self.links.get_mut(id).filter(|link| link.credit > 0) else { return };
        let Some(session) = link.log(room, log) else { return };
        let mut heads = Vec::new();
        let (mut waits, mut forked) = (false, false);
        session.owed.retain(|chain_id, owed| {
            let Due::Listed { seen, told } = &mut owed.due else { return true };
            let Some(chain) = held.and_then(|log| log.chains.get(chain_id)) else { return false };
            let high = chain.sendable();
            if high < owed.next {
                return false;
            }
            if *told >= high {
                return true;
            }
            if *seen != owed.next {
                (*seen, waits) = (owed.next, true);
            } else if chain.forked.is_some() {
                // Its events are what shows the fork; a head would not.
                (owed.due, forked) = (Due::From(now.mono), true);
            } else {
                *told = high;
                heads.push(ChainHead { chain: *chain_id, seq: high, event: chain.durable.event });
            }
            true
        });
        session.slow &= !session.owed.is_empty();
        if forked {
            link.ready.insert(log);
        }
        for part in heads.chunks(CHAINS_A_LIST) {
            let frame = Frame::Digest { log, chains: part.to_vec() };
            self.outputs.push_back(Output::Send { link: id, frame });
        }
        if of_conversation {
            waits |= self.tell_registers_due(id, room, false);
        }
        if waits {
            self.digest_by(id, room, log, again);
        }
    }

    fn digest_by(&mut self, id: LinkId, room: RoomId, log: LogId, at: Mono) {
        if let Some(session) = self.links.get_mut(id).and_then(|link| link.log(room, log)) {
            session.digest_at = Some(at);
        }
        self.links.wake_by(id, at);
    }

    /// The relay lists chains that grew: what no peer brought meanwhile is asked for.
    pub(super) fn digest(&mut self, id: LinkId, log: LogId, heads: Vec<ChainHead>) {
        if self.links.get(id).is_none_or(|link| link.remote != Remote::Relay)
            || !self.room_of(log).is_some_and(|room| self.shares(id, room))
        {
            return;
        }
        #[cfg(feature = "planted")]
        if self.config.planted == Some(Planted::DigestWithoutTheGap) {
            return;
        }
        self.fetch(id, log, heads.into_iter().map(|head| (head.chain, head.seq)).collect());
    }

    /// Asks a link for what it has of chains beyond what is here, or on its way to the disk.
    fn fetch(&mut self, id: LinkId, log: LogId, chains: Vec<(ChainId, Seq)>) {
        let held = self.logs.get(&log);
        let lacking = chains.into_iter().filter_map(|(chain, high)| {
            let here = held.and_then(|log| log.chains.get(&chain));
            let (seq, event) = here.map_or((Seq::ZERO, EventId::ZERO), |here| (here.staged.seq, here.staged.event));
            let takes_more = here.is_none_or(|here| here.forked.is_none());
            (seq < high && takes_more).then_some(ChainHead { chain, seq, event })
        });
        let lacking: Vec<ChainHead> = lacking.collect();
        for part in lacking.chunks(CHAINS_A_LIST) {
            let frame = Frame::Fetch { log, chains: part.to_vec() };
            self.outputs.push_back(Output::Send { link: id, frame });
        }
    }

    /// The other end asks for what follows in some chains.
    pub(super) fn fetched(&mut self, now: Now, id: LinkId, log: LogId, heads: &[ChainHead]) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        let given: BTreeMap<ChainId, (Seq, bool)> = heads
            .iter()
            .filter_map(|head| Some((head.chain, self.given_of(room, log, head.chain)?)))
            .filter(|(_, (high, _))| Seq::ZERO < *high)
            .collect();
        let tail = self.tail_of(log);
        let Some(link) = self.links.get_mut(id) else { return };
        let Some(session) = link.log(room, log).filter(|session| session.compared) else { return };
        for head in heads {
            let Some((high, long)) = given.get(&head.chain).copied().filter(|(high, _)| head.seq < *high) else {
                continue;
            };
            session.owed.remove(&head.chain);
            match head.seq {
                Seq::ZERO if long => session.owe(head.chain, Seq(high.0 - tail + 1), now.mono),
                Seq::ZERO => session.owe(head.chain, Seq(1), now.mono),
                after => session.owe_after(head.chain, after, head.event, now.mono),
            }
        }
        link.ready.insert(log);
        self.pump(now, id);
    }

    /// A device acknowledged more than the relay has: it is asked for it a moment later, when whoever wrote it had the
    /// time to send it.
    pub(super) fn note_ahead(&mut self, now: Now, id: LinkId, log: LogId, heads: &[ChainHead]) {
        if !self.is_relay() {
            return;
        }
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        let held = self.logs.get(&log);
        let ahead = heads.iter().filter(|head| {
            let here = held.and_then(|log| log.chains.get(&head.chain));
            here.is_none_or(|here| here.staged.seq < head.seq && here.forked.is_none())
        });
        let ahead: Vec<(ChainId, Seq)> = ahead.map(|head| (head.chain, head.seq)).collect();
        if ahead.is_empty() {
            return;
        }
        let due = self.pass_on_at(now);
        let Some(link) = self.links.get_mut(id) else { return };
        let Some(session) = link.log(room, log) else { return };
        for (chain, high) in ahead {
            if session.ahead.len() < AHEAD_MAX || session.ahead.contains_key(&chain) {
                let known = session.ahead.entry(chain).or_insert(high);
                *known = (*known).max(high);
            } else {
                session.compare_again = true;
            }
        }
        let due = *session.fetch_at.get_or_insert(due);
        self.links.wake_by(id, due);
    }

    /// Registers are on their way to the relay's disk: who has them from its peers sends them, too, and is sent none.
    pub(super) fn registers_taken(&mut self, now: Now, from: Option<LinkId>, registers: &[Signed<Register>]) {
        if !self.is_relay() {
            return;
        }
        let at = Mono(now.mono.0 + DIGEST_EVERY_MS);
        for register in registers {
            let key = register.get().key();
            let log = key.room.conversation();
            let elsewhere: Vec<LinkId> = self.links.in_room(key.room).filter(|id| Some(*id) != from).collect();
            for id in elsewhere {
                let Some(session) = self.links.room_mut(id, key.room) else { continue };
                let Some(of_log) = session.logs.get_mut(&log).filter(|of_log| of_log.is_digest()) else { continue };
                session.registers.insert(key, false);
                let at = *of_log.digest_at.get_or_insert(at);
                self.links.wake_by(id, at);
            }
        }
    }

    /// Registers that are on their way to the disk when a link is to be sent no more by themselves: nobody will send them
    /// once they are there, so they are listed as those are that come from now on.
    pub(super) fn list_registers_under_way(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) {
        if log != room.conversation() {
            return;
        }
        let under_way = self.tickets.values().filter_map(|pending| match pending {
            Pending::Registers { registers, link, .. } if *link != Some(id) => Some(registers),
            _ => None,
        });
        let keys = under_way.flatten().map(|register| register.get().key()).filter(|key| key.room == room);
        let keys: Vec<RegisterKey> = keys.collect();
        let Some(session) = self.links.room_mut(id, room).filter(|_| !keys.is_empty()) else { return };
        session.registers.extend(keys.into_iter().map(|key| (key, false)));
        let Some(of_log) = session.logs.get_mut(&log) else { return };
        let at = *of_log.digest_at.get_or_insert(Mono(now.mono.0 + DIGEST_EVERY_MS));
        self.links.wake_by(id, at);
    }

    /// The other end has a register, which it sent.
    pub(super) fn register_is_there(&mut self, id: LinkId, register: &Signed<Register>) {
        let key = register.get().key();
        if self.registers.get(&key).is_none_or(|held| !held.supersedes(register))
            && let Some(session) = self.links.room_mut(id, key.room)
        {
            session.registers.remove(&key);
        }
    }

    /// Sends the registers of a room that a link was not seen to have for a second, or `all` that wait; whether some
    /// still do.
    fn tell_registers_due(&mut self, id: LinkId, room: RoomId, all: bool) -> bool {
        let Some(session) = self.links.room_mut(id, room) else { return false };
        let waiting = std::mem::take(&mut session.registers);
        let (mut due, mut later) = (Vec::new(), BTreeMap::new());
        for (key, seen) in waiting {
            let Some(register) = self.registers.get(&key) else { continue };
            if (seen || all) && !self.is_being_written(&key) {
                due.push(register.clone());
            } else {
                later.insert(key, true);
            }
        }
        let waits = !later.is_empty();
        if let Some(session) = self.links.room_mut(id, room) {
            session.registers = later;
        }
        self.send_registers(id, room, due);
        waits
    }

    pub(super) fn is_being_written(&self, key: &RegisterKey) -> bool {
        let written = |pending: &Pending| match pending {
            Pending::Registers { registers, .. } => registers.iter().any(|register| register.get().key() == *key),
            _ => false,
        };
        self.tickets.values().any(written)
    }

    /// The other end takes so many bytes more. Where it took none before, what it was not listed meanwhile is due.
    pub(super) fn credit(&mut self, now: Now, id: LinkId, bytes: usize) {
        let Some(link) = self.links.get_mut(id) else { return };
        let resumes = link.credit == 0 && bytes > 0;
        link.credit = link.credit.saturating_add(bytes);
        if !resumes {
            return;
        }
        link.stalled_since = None;
        let mut waits = false;
        for (_, room) in link.rooms_mut() {
            let registers = !room.registers.is_empty();
            for session in room.logs.values_mut().filter(|session| session.is_digest()) {
                if session.digest_at.is_none() && (registers || !session.owed.is_empty()) {
                    session.digest_at = Some(now.mono);
                    waits = true;
                }
            }
        }
        if waits {
            self.links.wake_by(id, now.mono);
        }
    }
}

impl LogSession {
    /// Whether the other end is listed what it lacks.
    pub(crate) fn is_digest(&self) -> bool {
        self.slow || self.mode == RelayMode::Digest
    }

    /// Notes that the other end lacks a chain from `next` on, and is listed it.
    pub(crate) fn list(&mut self, chain: ChainId, next: Seq, at: Mono) -> Mono {
        let fresh = Owed { next, after: None, due: Due::LISTED };
        let owed = self.owed.entry(chain).or_insert(fresh);
        if next <= owed.next {
            *owed = fresh;
        }
        *self.digest_at.get_or_insert(at)
    }

    /// Whether the other end has all of a log that it was too slow for, but for an event that is new.
    pub(crate) fn has_caught_up(&self, held: &BTreeMap<ChainId, Chain>, new: (ChainId, Seq)) -> bool {
        self.owed.iter().all(|(chain, owed)| {
            let high = held.get(chain).map_or(Seq::ZERO, Chain::sendable);
            high < owed.next || (*chain, owed.next) == new
        })
    }

    /// The other end takes nothing: what waits for it is listed from now on.
    pub(crate) fn fall(&mut self) {
        self.slow = true;
        for owed in self.owed.values_mut() {
            owed.due = Due::LISTED;
        }
    }
}

#[cfg(test)]
mod tests;
