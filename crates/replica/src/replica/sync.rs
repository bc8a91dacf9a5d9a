//! What goes to whom: links, comparisons, and sending within each link's credit.

use momoland_protocol::event::Event;
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId, Seq, SetHash};
use momoland_protocol::limits;
use momoland_protocol::replication::{ChainHead, ChainRange, Frame};

use super::rosters::Access;
use super::{Pending, Replica};
use crate::input::{LinkId, Mono, Now, Remote, Ticket};
use crate::links::Link;
use crate::output::{Load, LoadOrder, Notice, Output};
use crate::session::{
    CHAINS_A_LOG_MAX, COMPARE_EVERY_MS, Due, LogSession, Owed, PASS_ON_AFTER_MS, TAIL_EVENTS, TAIL_EVENTS_MIN, Wanted,
};
#[cfg(feature = "planted")]
use crate::sim::Planted;

/// Bytes of events in one frame; headers and marks of the frame come on top.
pub(super) const EVENTS_BYTES_PER_FRAME: usize = limits::FRAME_BYTES_MAX - 12 * 1024;

/// Events read from disk for one link at once, bytes.
pub(super) const LOAD_BYTES_MAX: usize = 256 * 1024;

/// What one chain offers to be sent next.
enum NextEvent {
    /// It is in memory.
    Ready(Event),
    /// It must be read, up to the given place.
    OnDisk(Seq),
    /// Nothing may be sent.
    None,
}

impl Replica {
    pub(super) fn link_up(&mut self, id: LinkId, remote: Remote) {
        self.links.insert(id, remote);
        let rooms: Vec<RoomId> = match remote {
            Remote::Relay => self.rooms.keys().copied().collect(),
            Remote::Device { device: _, account } => self.rooms_of(account).collect(),
        };
        let mine = |room: &RoomId| remote == Remote::Relay || self.access(remote, *room) > Access::None;
        let rooms: Vec<RoomId> = rooms.into_iter().filter(mine).collect();
        for room in rooms {
            self.announce_room(id, room);
        }
    }

    pub(super) fn frame(&mut self, now: Now, link: LinkId, frame: Frame) {
        if self.halted || self.links.get(link).is_none() {
            return;
        }
        match frame {
            Frame::Room { room, version, head } => self.room_announced(now, link, room, version, head),
            Frame::Roster { room: _, changes } => self.roster_changes(Some(link), changes),
            Frame::Closed { room } => {
                self.links.leave(link, room);
            }
            Frame::Have { log, chains, more, registers } => self.have(now, link, log, chains, more, registers),
            Frame::Events { log, events } => self.receive(now, link, log, events),
            Frame::Ack { log, chains } => {
                self.note_ahead(now, link, log, &chains);
                self.acknowledged(link, log, &chains);
            }
            Frame::Registers { room, registers } => self.receive_registers(now, link, room, registers),
            Frame::Want { log, chain, from, to } => self.wanted(now, link, Wanted { log, chain, from, to }),
            Frame::Mode { log, mode } => self.mode(now, link, log, mode),
            Frame::Position { log, n, h } => self.position(now, link, log, (n, h)),
            Frame::Digest { log, chains } => self.digest(link, log, chains),
            Frame::Fetch { log, chains } => self.fetched(now, link, log, &chains),
        }
    }

    /// When what somebody else sends first is passed on, if it still has to be.
    pub(super) fn pass_on_at(&mut self, now: Now) -> Mono {
        let spread = u64::from(self.draw()[0]) * PASS_ON_AFTER_MS / 256;
        Mono(now.mono.0 + PASS_ON_AFTER_MS + spread)
    }

    /// Who may not have everything of a room any more is compared with anew once it may again: meanwhile what it sent was
    /// not looked at, and nothing was sent to it.
    pub(super) fn close_sessions(&mut self, room: RoomId) {
        let closed: Vec<LinkId> = self.links.in_room(room).filter(|id| !self.shares(*id, room)).collect();
        for id in closed {
            if let Some(session) = self.links.room_mut(id, room) {
                session.offered = false;
                session.logs.clear();
                session.registers.clear();
            }
        }
    }

    /// Tells a link what we have of all logs of a room.
    pub(super) fn compare_all(&mut self, now: Now, id: LinkId, room: RoomId) {
        if let Some(session) = self.links.enter(id, room) {
            session.offered = true;
        }
        let to_relay = self.links.get(id).is_some_and(|link| link.remote == Remote::Relay);
        if to_relay && self.fed_by_peers.contains(&room) {
            self.send_modes(id, room);
        }
        for log in self.logs_of(room) {
            self.compare_first(now, id, room, log);
        }
    }

    /// Begins to compare a log on a link. Mostly nothing happened since the last time, which a hash tells as well as a
    /// long vector.
    fn compare_first(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) {
        let ranges = self.logs.get(&log).map(super::Log::ranges).unwrap_or_default();
        if ranges.len() < POSITION_FROM_CHAINS {
            self.compare(now, id, room, log);
            return;
        }
        let (n, h) = self.position_in(room, log, &ranges);
        let Some(session) = self.links.get_mut(id).and_then(|link| link.log(room, log)) else { return };
        session.told_position = true;
        session.compared_at = Some(now.mono);
        self.outputs.push_back(Output::Send { link: id, frame: Frame::Position { log, n, h } });
    }

    fn position_in(&self, room: RoomId, log: LogId, ranges: &[ChainRange]) -> (u64, EventId) {
        let mut hasher = blake3::Hasher::new_derive_key("momoland 1 position");
        let mut events = 0_u64;
        for ChainRange { chain, low, high, head } in ranges {
            events = events.saturating_add((high.0 - low.0).saturating_add(1));
            hasher.update(chain.device.as_bytes()).update(&chain.incarnation.0);
            hasher.update(&low.0.to_be_bytes()).update(&high.0.to_be_bytes()).update(&head.0);
        }
        if log == room.conversation() && self.rooms.contains_key(&room) {
            hasher.update(&self.durable_registers(room).0);
        }
        (events, EventId(*hasher.finalize().as_bytes()))
    }

    /// The other end says where it stands: either that is where we are, or it is told what we have.
    fn position(&mut self, now: Now, id: LinkId, log: LogId, theirs: (u64, EventId)) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        if self.fed_by_peers.contains(&room) && self.links.get(id).is_some_and(|link| link.remote == Remote::Relay) {
            // It may not have known the log yet when it was told.
            self.send_mode(id, room, log);
        }
        let ranges = self.logs.get(&log).map(super::Log::ranges).unwrap_or_default();
        if self.position_in(room, log, &ranges) == theirs {
            if log == room.conversation() {
                self.registers_are_there(id, room);
            }
            self.compared_as(now, id, room, log, &ranges);
        } else {
            self.compare(now, id, room, log);
        }
    }

    /// Tells a link what we have of a log. May be repeated at any time; the other end then sends what we lack.
    fn compare(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) {
        let registers = self.durable_registers(room);
        let ranges = self.logs.get(&log).map(super::Log::ranges).unwrap_or_default();
        let Some(session) = self.links.get_mut(id).and_then(|link| link.log(room, log)) else { return };
        session.told_position = false;
        session.compared_at = Some(now.mono);
        session.compare_again = false;
        session.lazy_acks.clear();
        let mut parts: Vec<Vec<ChainRange>> =
            ranges.chunks(limits::CHAINS_PER_FRAME_MAX / 2).map(<[ChainRange]>::to_vec).collect();
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let last = parts.len() - 1;
        for (place, chains) in parts.into_iter().enumerate() {
            let frame = Frame::Have { log, chains, more: place < last, registers };
            self.outputs.push_back(Output::Send { link: id, frame });
        }
    }

    /// Compares a log again, but not at once where that was done a moment ago.
    pub(super) fn compare_soon(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) {
        let Some(link) = self.links.get_mut(id) else { return };
        let Some(session) = link.log(room, log) else { return };
        match session.compared_at.map(|at| Mono(at.0 + COMPARE_EVERY_MS)) {
            Some(due) if now.mono < due => {
                session.compare_again = true;
                self.links.wake_by(id, due);
            }
            Some(_) | None => self.compare(now, id, room, log),
        }
    }

    /// The other end says what it has.
    fn have(&mut self, now: Now, id: LinkId, log: LogId, chains: Vec<ChainRange>, more: bool, registers: SetHash) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        let Some(link) = self.links.get_mut(id) else { return };
        let told = link.vector.take().filter(|(of, _)| *of == log);
        let mut vector = told.map_or_else(Vec::new, |(_, parts)| parts);
        // What goes beyond the bound counts as not held: it is sent in vain, and no session hangs on it.
        let space = CHAINS_A_LOG_MAX.saturating_sub(vector.len());
        vector.extend(chains.into_iter().take(space));
        if more {
            link.vector = Some((log, vector));
            return;
        }
        let ours = self.rooms.get(&room).map_or(SetHash::ZERO, |room| room.registers);
        if log == room.conversation() {
            if registers == ours {
                self.registers_are_there(id, room);
            } else {
                self.send_all_registers(id, room);
            }
        }
        self.compared_as(now, id, room, log, &vector);
        let session = self.links.get_mut(id).and_then(|link| link.log(room, log));
        if session.is_some_and(|session| session.told_position) {
            // It stands elsewhere, and does not know yet where we do.
            self.compare(now, id, room, log);
        }
    }

    /// The other end has this of a log.
    fn compared_as(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId, vector: &[ChainRange]) {
        self.compare_with(now, id, room, log, vector);
        self.note_older(id, log, vector);
        self.pump(now, id);
        self.ask_for_history(now, id);
    }

    fn compare_with(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId, vector: &[ChainRange]) {
        let own_device = self.own_device();
        let mut compared = Vec::new();
        for theirs in vector {
            let own = own_device == Some(theirs.chain.device);
            let Some(chain) = self.logs.get_mut(&log).and_then(|log| log.chains.get_mut(&theirs.chain)) else {
                continue;
            };
            let there = match theirs.high == chain.durable.seq {
                true => Some(chain.durable.event),
                false => self.recent.get(log, theirs.chain, theirs.high).map(Event::id),
            };
            if chain.forked.is_none() && there.is_some_and(|there| there != theirs.head) {
                // A claim proves nothing; the event itself, with its author's signature, does.
                let (chain, place) = (theirs.chain, theirs.high);
                let frame = Frame::Want { log, chain, from: place, to: place };
                self.outputs.push_back(Output::Send { link: id, frame });
            }
            if own && there.is_none() && theirs.high < chain.durable.seq && chain.low.seq <= theirs.high {
                // Ours is on the disk: whoever holds another branch of it lets us know that it forked.
                compared.push(*theirs);
            }
            if own && theirs.high > chain.staged.seq && self.incarnations.get(&log) == Some(&theirs.chain.incarnation) {
                // Somebody holds more of our own chain than we do: our tail was lost, and to write on would fork it.
                self.begin_incarnation(log);
            }
        }
        if !compared.is_empty() {
            // As many as one vector of all own chains needs: who says it again and again does not keep the disk busy.
            let under_way = |pending: &&Pending| matches!(pending, Pending::LoadCompared { link, log: of, .. } if (*link, *of) == (id, log));
            let under_way = self.tickets.values().filter(under_way).count();
            compared.truncate(limits::CUTS_MAX.saturating_sub(under_way));
        }
        for theirs in compared {
            let ticket = self.open_ticket(Pending::LoadCompared { link: id, log, theirs });
            let ChainRange { chain, low: _, high, head: _ } = theirs;
            let load = Load { log, chain, from: high, to: high, bytes_max: 1, order: LoadOrder::OldestFirst };
            self.outputs.push_back(Output::Load { ticket, load });
        }
        let due_later = self.pass_on_at(now);
        let at_once = self.is_relay();
        let tail = self.tail_of(log);
        let chains = self.logs.get(&log).into_iter().flat_map(|log| log.chains.keys());
        let given = chains.filter_map(|chain| Some((*chain, self.given_of(room, log, *chain)?)));
        let held: Vec<(ChainId, (Seq, bool))> = given.collect();
        let Some(link) = self.links.get_mut(id) else { return };
        let remote = link.remote;
        let Some(session) = link.log(room, log) else { return };
        let again = std::mem::replace(&mut session.compared, true);
        session.owed.clear();
        let mut later = false;
        for (chain, (high, long)) in held {
            let range =
                vector.binary_search_by(|range| range.chain.cmp(&chain)).ok().and_then(|place| vector.get(place));
            let theirs = range.map_or(Seq::ZERO, |range| range.high);
            if theirs == Seq::ZERO && long && remote != Remote::Relay {
                // A newcomer has the newest from the relay, and asks for the rest.
                if at_once {
                    session.owe(chain, Seq(high.0 - tail + 1), now.mono);
                }
                continue;
            }
            if theirs < high {
                let own = own_device == Some(chain.device);
                // What others wrote, its author or the relay mostly sends first; the relay itself lacks it for good.
                let due = if at_once || own || remote == Remote::Relay { now.mono } else { due_later };
                later |= due > now.mono;
                match range {
                    Some(range) => session.owe_after(chain, theirs, range.head, due),
                    None => session.owe(chain, Seq(1), due),
                }
            }
        }
        link.ready.insert(log);
        if later {
            self.links.wake_by(id, due_later);
        }
        // Who lacks the beginning does not have it all up to its end.
        let whole = vector.iter().filter(|range| range.low == Seq(1));
        let heads: Vec<ChainHead> =
            whole.map(|range| ChainHead { chain: range.chain, seq: range.high, event: range.head }).collect();
        if again {
            // It is told nothing in return, by which it would see what is lacking here.
            self.note_ahead(now, id, log, &heads);
        }
        self.acknowledged(id, log, &heads);
    }

    /// How many of a chain's newest events a newcomer is given at first.
    pub(super) fn tail_of(&self, log: LogId) -> u64 {
        let chains = self.logs.get(&log).map_or(0, |log| log.chains.len() as u64);
        (TAIL_EVENTS / chains.max(1)).max(TAIL_EVENTS_MIN)
    }

    /// The last place of a chain that others are given, and whether it is too long to be given whole to who has nothing.
    pub(super) fn given_of(&self, room: RoomId, log: LogId, chain: ChainId) -> Option<(Seq, bool)> {
        let high = self.logs.get(&log)?.chains.get(&chain)?.sendable();
        let long_from = if self.is_relay() { self.tail_of(log) } else { TAIL_EVENTS };
        // A chain with cuts is given from its beginning: its end may not be what counts.
        // Nor is a document anything without its beginning.
        let long = log == room.conversation()
            && high.0 > long_from
            && self.roster(room).is_some_and(|roster| !roster.has_cuts(log, chain));
        Some((high, long))
    }

    /// The other end has chains on disk up to here.
    pub(super) fn acknowledged(&mut self, id: LinkId, log: LogId, chains: &[ChainHead]) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        let own_device = self.own_device();
        let Some(link) = self.links.get_mut(id) else { return };
        let by = link.remote;
        let Some(session) = link.log(room, log) else { return };
        for head in chains {
            session.has(head.chain, head.seq);
            if own_device != Some(head.chain.device) {
                continue;
            }
            let before = session.acknowledged.get(&head.chain).copied().unwrap_or_default();
            let held = self.logs.get(&log).and_then(|log| log.chains.get(&head.chain));
            let real = held.is_some_and(|chain| head.seq <= chain.durable.seq);
            if real && before < head.seq {
                session.acknowledged.insert(head.chain, head.seq);
                let notice = Notice::Acknowledged { log, chain: head.chain, seq: head.seq, by };
                self.outputs.push_back(Output::Notice(notice));
            }
        }
    }

    /// Something that waited on a link is due.
    pub(super) fn wake_link(&mut self, now: Now, id: LinkId) {
        let Some(link) = self.links.get_mut(id) else { return };
        let overdue = link.asked.extract_if(.., |asked| asked.until <= now.mono).collect::<Vec<_>>();
        let mut next = link.asked.iter().map(|asked| asked.until).min();
        let mut acks = Vec::new();
        let (mut again, mut digests) = (Vec::new(), Vec::new());
        let mut due = Vec::new();
        for (room, session) in link.rooms_mut() {
            for (log, session) in &mut session.logs {
                if session.compare_again {
                    let due = session.compared_at.map_or(now.mono, |at| Mono(at.0 + COMPARE_EVERY_MS));
                    if due <= now.mono {
                        again.push((room, *log));
                    } else {
                        next = Some(next.map_or(due, |at| at.min(due)));
                    }
                }
                if !session.lazy_acks.is_empty() {
                    let chains: Vec<ChainHead> = std::mem::take(&mut session.lazy_acks).into_values().collect();
                    acks.push((*log, chains));
                }
                for owed in session.owed.values() {
                    match owed.due {
                        Due::From(at) if at <= now.mono => due.push(*log),
                        Due::From(at) => next = Some(next.map_or(at, |next| at.min(next))),
                        Due::Listed { .. } => {}
                    }
                }
                for at in [session.digest_at, session.fetch_at].into_iter().flatten() {
                    if at <= now.mono {
                        digests.push((room, *log));
                    } else {
                        next = Some(next.map_or(at, |next| at.min(next)));
                    }
                }
            }
        }
        link.ready.extend(due);
        if let Some(next) = next {
            self.links.wake_by(id, next);
        }
        for (log, chains) in acks {
            for part in chains.chunks(limits::CHAINS_PER_FRAME_MAX / 2) {
                let frame = Frame::Ack { log, chains: part.to_vec() };
                self.outputs.push_back(Output::Send { link: id, frame });
            }
        }
        for (room, log) in again {
            // Whose removal is on its way to the disk still has a session here, and gets no vector any more.
            if self.shares(id, room) {
                self.compare(now, id, room, log);
            }
        }
        for (room, log) in digests {
            self.tell_digests(now, id, room, log);
        }
        if !overdue.is_empty() {
            self.give_up(now, id, overdue);
        }
        self.pump(now, id);
    }

    /// Sends a link what it lacks, as far as its credit goes.
    pub(super) fn pump(&mut self, now: Now, id: LinkId) {
        while let Some(log) = self.links.get(id).and_then(Link::next_ready) {
            let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else {
                self.unready(id, log);
                continue;
            };
            let step = self.next_frame(now, id, room, log);
            if let (Step::Send(_) | Step::Load { .. }, Some(link)) = (&step, self.links.get_mut(id)) {
                link.served = Some(log);
            }
            match step {
                Step::Send(events) => {
                    let bytes: usize = events.iter().map(Event::size).sum();
                    if let Some(link) = self.links.get_mut(id) {
                        link.credit = link.credit.saturating_sub(bytes);
                    }
                    self.outputs.push_back(Output::Send { link: id, frame: Frame::Events { log, events } });
                }
                Step::Load { chain, from, to } => {
                    let bytes_max = LOAD_BYTES_MAX;
                    let ticket = self.open_ticket(Pending::Load { link: id, room, log, chain, from });
                    if let Some(link) = self.links.get_mut(id) {
                        link.loading = Some(ticket);
                    }
                    let load = Load { log, chain, from, to, bytes_max, order: LoadOrder::OldestFirst };
                    self.outputs.push_back(Output::Load { ticket, load });
                    return;
                }
                Step::Wait => return,
                Step::Done => self.unready(id, log),
            }
        }
        self.answer_wanted(id);
    }

    fn unready(&mut self, id: LinkId, log: LogId) {
        if let Some(link) = self.links.get_mut(id) {
            link.ready.remove(&log);
        }
    }

    /// The next frame of events for a log on a link.
    fn next_frame(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId) -> Step {
        let Some(link) = self.links.get_mut(id) else { return Step::Done };
        if link.credit == 0 {
            link.stalled_since.get_or_insert(now.mono);
        }
        if link.loading.is_some() || link.credit == 0 {
            return Step::Wait;
        }
        let room_for = link.credit.min(EVENTS_BYTES_PER_FRAME);
        let Some(session) = link.log(room, log) else { return Step::Done };
        let is_due = |owed: &Owed| matches!(owed.due, Due::From(at) if at <= now.mono);
        let due: Vec<ChainId> = session.owed.iter().filter(|(_, owed)| is_due(owed)).map(|(chain, _)| *chain).collect();
        let mut events = Vec::new();
        let mut bytes = 0;
        for chain in due {
            while let Some(next) = self.owed_next(id, room, log, chain) {
                match self.next_event(log, chain, next) {
                    // What is beyond a cut is not sent, nor what follows it in its chain.
                    NextEvent::Ready(event) if self.is_cut(room, &event) => {
                        self.withhold(id, room, &event);
                        break;
                    }
                    NextEvent::Ready(event) => {
                        let full = events.len() == limits::EVENTS_PER_FRAME_MAX || bytes + event.size() > room_for;
                        if full && !events.is_empty() {
                            return Step::Send(events);
                        }
                        bytes += event.size();
                        events.push(event);
                        self.set_owed_next(id, room, log, chain, Seq(next.0 + 1));
                    }
                    NextEvent::OnDisk(to) if events.is_empty() => return Step::Load { chain, from: next, to },
                    // What is at hand goes first; the load comes with the next turn.
                    NextEvent::OnDisk(_) => return Step::Send(events),
                    NextEvent::None => {
                        self.clear_owed(id, room, log, chain);
                        break;
                    }
                }
            }
        }
        if events.is_empty() { Step::Done } else { Step::Send(events) }
    }

    fn next_event(&self, log: LogId, chain: ChainId, next: Seq) -> NextEvent {
        let Some(held) = self.logs.get(&log).and_then(|log| log.chains.get(&chain)) else { return NextEvent::None };
        let to = held.sendable();
        if next > to || next < held.low.seq {
            return NextEvent::None;
        }
        match self.recent.get(log, chain, next) {
            Some(event) => NextEvent::Ready(event.clone()),
            None => NextEvent::OnDisk(to),
        }
    }

    fn session(&mut self, id: LinkId, room: RoomId, log: LogId) -> Option<&mut LogSession> {
        self.links.log_mut(id, room, log)
    }

    fn owed_next(&mut self, id: LinkId, room: RoomId, log: LogId, chain: ChainId) -> Option<Seq> {
        self.session(id, room, log)?.owed.get(&chain).map(|owed| owed.next)
    }

    fn set_owed_next(&mut self, id: LinkId, room: RoomId, log: LogId, chain: ChainId, next: Seq) {
        if let Some(owed) = self.session(id, room, log).and_then(|session| session.owed.get_mut(&chain)) {
            (owed.next, owed.after) = (next, None);
        }
    }

    /// An event that is owed is beyond a cut: neither it nor what follows is sent. Where the other end holds something
    /// else before it, the chain forked: its header shows that there, and the event that is held there shows it here.
    fn withhold(&mut self, id: LinkId, room: RoomId, event: &Event) {
        let header = event.header.get();
        let (log, chain) = (header.log, header.chain());
        let owed = self.session(id, room, log).and_then(|session| session.owed.remove(&chain));
        let theirs = owed.filter(|owed| owed.next == header.seq).and_then(|owed| owed.after);
        if theirs.is_none_or(|theirs| theirs == header.prev) {
            return;
        }
        let held = self.logs.get_mut(&log).and_then(|log| log.chains.get_mut(&chain));
        let Some(held) = held.filter(|chain| chain.forked.is_none()) else { return };
        let place = Seq(header.seq.0 - 1);
        held.known = Some((place, header.prev));
        self.send_events(id, log, vec![Event { header: event.header.clone(), body: None }]);
        self.outputs.push_back(Output::Send { link: id, frame: Frame::Want { log, chain, from: place, to: place } });
    }

    fn clear_owed(&mut self, id: LinkId, room: RoomId, log: LogId, chain: ChainId) {
        if let Some(session) = self.session(id, room, log) {
            session.owed.remove(&chain);
        }
    }

    /// Events were read for a link.
    pub(super) fn loaded(&mut self, now: Now, ticket: Ticket, mut events: Vec<Event>) {
        let (id, room, log, chain, from) = match self.tickets.remove(&ticket) {
            Some(Pending::Load { link, room, log, chain, from }) => (link, room, log, chain, from),
            Some(Pending::LoadOwnHead { room, log, chain }) => {
                self.loaded_own_head(room, log, chain, &events);
                return;
            }
            Some(Pending::LoadTwin { link: _, room, log, proof }) => {
                self.loaded_twin(room, log, proof, &events);
                return;
            }
            Some(Pending::LoadCompared { link, log, theirs }) => {
                self.loaded_compared(link, log, theirs, &events);
                return;
            }
            Some(Pending::LoadWanted { link, room, wanted }) => {
                self.loaded_wanted(now, ticket, link, room, wanted, events);
                return;
            }
            Some(_) | None => return,
        };
        let Some(link) = self.links.get_mut(id).filter(|link| link.loading == Some(ticket)) else { return };
        link.loading = None;
        let still_owed = self.owed_next(id, room, log, chain) == Some(from);
        if events.is_empty() {
            // The store lost what its heads promise; the chain is not offered again on this link.
            self.clear_owed(id, room, log, chain);
        } else if still_owed && self.shares(id, room) {
            self.drop_deleted_bodies(room, log, &mut events);
            self.send_loaded(id, room, log, chain, events);
        }
        self.pump(now, id);
    }

    /// An own event was read: where it is another than the other end says, that one is asked for.
    fn loaded_compared(&mut self, link: LinkId, log: LogId, theirs: ChainRange, events: &[Event]) {
        let Some(event) = events.first().filter(|event| event.id() != theirs.head) else { return };
        // Who was removed while the disk read is asked nothing any more.
        if !self.room_of(log).is_some_and(|room| self.shares(link, room)) {
            return;
        }
        let held = self.logs.get_mut(&log).and_then(|log| log.chains.get_mut(&theirs.chain));
        let Some(chain) = held.filter(|chain| chain.forked.is_none()) else { return };
        chain.known = Some((theirs.high, event.id()));
        let (chain, place) = (theirs.chain, theirs.high);
        self.outputs.push_back(Output::Send { link, frame: Frame::Want { log, chain, from: place, to: place } });
    }

    /// Whether an event does not count by the roster held now: it is beyond a cut, or only one branch allowed it.
    pub(super) fn is_cut(&self, room: RoomId, event: &Event) -> bool {
        #[cfg(feature = "planted")]
        if self.config.planted == Some(Planted::SkipsCut) {
            return false;
        }
        let header = event.header.get();
        let Some(roster) = self.roster(room) else { return true };
        !roster.counts_event(header)
    }

    /// What was read is sent whole: a load is bounded, and so is the credit that it may overdraw.
    fn send_loaded(&mut self, id: LinkId, room: RoomId, log: LogId, chain: ChainId, mut events: Vec<Event>) {
        let cut = events.iter().position(|event| self.is_cut(room, event));
        if let Some(first) = events.first().filter(|_| cut == Some(0)) {
            self.withhold(id, room, first);
            return;
        }
        events.truncate(cut.unwrap_or(events.len()));
        let limit = self.logs.get(&log).and_then(|log| log.chains.get(&chain)).map(super::Chain::sendable);
        let limit = limit.unwrap_or(Seq::ZERO);
        events.retain(|event| event.header.get().seq <= limit);
        if let Some(last) = events.last() {
            self.set_owed_next(id, room, log, chain, Seq(last.header.get().seq.0 + 1));
        }
        if cut.is_some() {
            self.clear_owed(id, room, log, chain);
        }
        self.send_events(id, log, events);
    }

    /// Sends events in as many frames as they need.
    pub(super) fn send_events(&mut self, id: LinkId, log: LogId, events: Vec<Event>) {
        let mut frames: Vec<Vec<Event>> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let size = event.size();
            match frames.last_mut() {
                Some(part) if part.len() < limits::EVENTS_PER_FRAME_MAX && bytes + size <= EVENTS_BYTES_PER_FRAME => {
                    bytes += size;
                    part.push(event);
                }
                Some(_) | None => {
                    bytes = size;
                    frames.push(vec![event]);
                }
            }
        }
        for events in frames {
            let bytes: usize = events.iter().map(Event::size).sum();
            if let Some(link) = self.links.get_mut(id) {
                link.credit = link.credit.saturating_sub(bytes);
            }
            self.outputs.push_back(Output::Send { link: id, frame: Frame::Events { log, events } });
        }
    }
}

/// From as many chains on, a comparison begins with a hash.
const POSITION_FROM_CHAINS: usize = 4;

/// What to do next for a log on a link.
enum Step {
    Send(Vec<Event>),
    Load {
        chain: ChainId,
        from: Seq,
        to: Seq,
    },
    /// No credit, or a load is under way.
    Wait,
    /// Nothing is owed that is due.
    Done,
}

#[cfg(test)]
mod tests;
