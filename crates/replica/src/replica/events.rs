//! Events in and out of the disk: our own are written and signed here, others' are admitted here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use momoland_protocol::event::{Action, Event, EventHeader};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, Incarnation, LogId, RoomId, RosterHash, Seq};
use momoland_protocol::limits;
use momoland_protocol::replication::{ChainHead, Frame};
use momoland_protocol::signed::Signed;

use super::logs::announcement;
use super::{Own, Pending, Replica, Staged, Written};
use crate::admission::{Admission, Held, Rejection, admit};
use crate::deletions::Deletion;
use crate::input::{CommandId, LinkId, Mono, Now, Remote};
use crate::log::{Chain, Head, Log};
use crate::output::{CloseReason, CommandRefusal, Load, LoadOrder, Notice, Output, Record};
use crate::roster::{Roster, RosterRefusal};
use crate::session::{
    COMPARE_EVERY_MS, DIGEST_EVERY_MS, FED_ACK_AFTER_MS, LAZY_ACK_AFTER_MS, SLOW_AFTER_MS, TWINS_MAX,
};
#[cfg(feature = "planted")]
use crate::sim::Planted;

/// What came of a frame of events.
#[derive(Default)]
struct Received {
    /// What was taken,
    staged: Vec<Staged>,
    /// and as the store is given it.
    batch: Vec<Record>,
    /// Held already.
    duplicates: BTreeMap<ChainId, ChainHead>,
    /// Chains that begin later than at their first event here.
    begun: Vec<ChainId>,
    /// Forks that an event proved, and where.
    forks: Vec<(ChainId, Seq, Signed<EventHeader>)>,
    /// Chains that forked, of which the other end may not know it yet.
    frozen: Vec<ChainId>,
    /// What the own device signed once, and is held to be compared with what the disk has there.
    twins: Vec<Signed<EventHeader>>,
    /// Something before what came is missing: what is held is told again.
    compare: bool,
    /// An event names a roster change that is not held.
    ask_for_roster: bool,
}

impl Replica {
    pub(super) fn append(&mut self, now: Now, command: CommandId, log: LogId, written: Written) {
        match self.write(now, log, written) {
            Ok(mut staged) => {
                // A deletion may be on its way to the disk, and not known yet to who writes.
                self.drop_deleted_bodies(staged.room, log, [&mut staged.event]);
                #[cfg(feature = "planted")]
                if self.config.planted == Some(Planted::SendsBeforePersisted) {
                    let mut links: Vec<LinkId> = self.links.iter().map(|(id, _)| id).collect();
                    links.retain(|link| self.shares(*link, staged.room));
                    for link in links {
                        self.send_events(link, log, vec![staged.event.clone()]);
                    }
                }
                let batch = self.records_of(&staged);
                self.persist(Pending::Append { command, staged }, batch);
            }
            Err(why) => self.refuse(command, why),
        }
    }

    /// Writes the next event of our own chain.
    fn write(&mut self, now: Now, log: LogId, written: Written) -> Result<Staged, CommandRefusal> {
        let Written { action, targets, place, body } = written;
        let Own::Device { key, account } = self.config.own.clone() else {
            return Err(CommandRefusal::NotAllowed(RosterRefusal::NotAMember));
        };
        let (room, roster, roster_version) = self.right_to_write(log, key.device(), action)?;
        let hlc = self.clock.tick(now.wall).ok_or_else(|| CommandRefusal::OutOfBounds("the clock".to_owned()))?;
        let incarnation = self.own_incarnation(log);
        let begins = |log: &Log| !log.chains.contains_key(&ChainId { device: key.device(), incarnation });
        if let (Some(held), Some(roster)) = (self.logs.get(&log), self.roster(room))
            && begins(held)
            && has_enough_chains(roster, &held.chains, account)
        {
            return Err(CommandRefusal::OutOfBounds("chains of one account in one room".to_owned()));
        }
        let chain_id = ChainId { device: key.device(), incarnation };
        let chain = self.logs.entry(log).or_insert_with(|| Log::new(room)).chains.entry(chain_id);
        let chain = chain.or_insert_with(Chain::empty);
        let seq = chain.staged.seq.next().ok_or_else(|| CommandRefusal::OutOfBounds("seq".to_owned()))?;
        let header = EventHeader {
            log,
            device: key.device(),
            incarnation,
            seq,
            prev: chain.staged.event,
            hlc,
            roster,
            action,
            targets,
            body_hash: body.hash(),
            // Bounded by `BODY_BYTES_MAX` when it was made.
            body_length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            place,
        };
        let header = Signed::sign(header, &key).map_err(|error| CommandRefusal::OutOfBounds(error.to_string()))?;
        let event = Event { header, body: Some(body) };
        chain.staged = Head::of(event.header.get(), event.id());
        self.clock = hlc;
        Ok(Staged { room, event, author: account, roster_version })
    }

    /// What is written of an event that was taken. A deletion is minded from here on: what comes after it comes in the
    /// disk's order after it too.
    fn records_of(&mut self, staged: &Staged) -> Vec<Record> {
        let Staged { room, event, author: _, roster_version: _ } = staged;
        let header = event.header.get();
        let mut records = vec![Record::Event { room: *room, event: event.clone() }];
        if let Some((place, deletion)) = Deletion::of(header)
            && let Some(roster) = self.rooms.get(room).map(super::Room::roster)
            && deletion.counts(header.log, place, roster)
            && let Some(log) = self.logs.get_mut(&header.log)
        {
            log.deletions.insert(place, deletion, |other| other.counts(header.log, place, roster));
            records.push(Record::Deletion { room: *room, by: event.header.clone() });
            self.drop_recent_bodies(*room, header.log);
        }
        records
    }

    fn drop_recent_bodies(&mut self, room: RoomId, log: LogId) {
        let (Some(held), Some(room)) = (self.logs.get(&log), self.rooms.get(&room)) else { return };
        let concerned = |event: &Event| held.deletions.concern(log, event.header.get(), event.id(), room.roster());
        self.recent.drop_bodies(log, concerned);
    }

    /// Leaves the headers of events whose bodies are not to be kept: they were read or taken before that was known.
    pub(super) fn drop_deleted_bodies<'a>(
        &self,
        room: RoomId,
        log: LogId,
        events: impl IntoIterator<Item = &'a mut Event>,
    ) {
        let (Some(held), Some(roster)) = (self.logs.get(&log), self.roster(room)) else { return };
        for event in events {
            if held.deletions.concern(log, event.header.get(), event.id(), roster) {
                event.body = None;
            }
        }
    }

    /// The room of a log and the roster under which a device may do something there now.
    fn right_to_write(
        &self,
        log: LogId,
        device: DeviceId,
        action: Action,
    ) -> Result<(RoomId, RosterHash, u64), CommandRefusal> {
        let room = self.room_of(log).ok_or(CommandRefusal::UnknownRoom)?;
        let roster = self.roster(room).ok_or(CommandRefusal::UnknownRoom)?;
        let version = roster.writes_under(device, action).map_err(CommandRefusal::NotAllowed)?;
        let named = roster.hash_at(version).unwrap_or(RosterHash::ZERO);
        Ok((room, named, version))
    }

    /// The room that a log belongs to: a conversation's log is named like its room, another one was announced there.
    pub(crate) fn room_of(&self, log: LogId) -> Option<RoomId> {
        let conversation = RoomId(log.0);
        if self.rooms.contains_key(&conversation) {
            return Some(conversation);
        }
        self.announced.room_of(log).filter(|room| self.rooms.contains_key(room))
    }

    fn own_incarnation(&mut self, log: LogId) -> Incarnation {
        if self.unsure.remove(&log) {
            // The disk has not answered yet whether the present one still counts.
            return self.begin_incarnation(log);
        }
        if let Some(incarnation) = self.incarnations.get(&log) {
            return *incarnation;
        }
        self.begin_incarnation(log)
    }

    /// Starts a new life of our device in a log.
    pub(super) fn begin_incarnation(&mut self, log: LogId) -> Incarnation {
        let chance = self.draw();
        let mut incarnation = Incarnation::ZERO;
        incarnation.0.copy_from_slice(&chance[..Incarnation::LENGTH]);
        self.incarnations.insert(log, incarnation);
        incarnation
    }

    /// Nothing more is taken of a chain of which two events at one place were seen, over restarts too; a device whose
    /// own chain it is (its folder was copied) goes on in a new one.
    fn freeze(&mut self, room: RoomId, log: LogId, chain_id: ChainId, seq: Seq, offered: Signed<EventHeader>) {
        let Some(chain) = self.logs.get_mut(&log).and_then(|log| log.chains.get_mut(&chain_id)) else { return };
        if chain.forked.is_some_and(|known| known <= seq) {
            return;
        }
        chain.fork_at(seq);
        self.proofs.insert((log, chain_id), offered.clone());
        self.leave_own_chain(log, chain_id);
        self.persist(Pending::Fork, vec![Record::Fork { room, seq, offered }]);
    }

    /// Reads the own event at the place of one that the own key signed too.
    fn look_at_twin(&mut self, link: LinkId, room: RoomId, log: LogId, proof: Signed<EventHeader>) {
        let of_link = |pending: &&Pending| matches!(pending, Pending::LoadTwin { link: of, .. } if *of == link);
        if self.tickets.values().filter(of_link).count() >= TWINS_MAX {
            return;
        }
        let (chain, from) = (proof.get().chain(), proof.get().seq);
        let ticket = self.open_ticket(Pending::LoadTwin { link, room, log, proof });
        let load = Load { log, chain, from, to: from, bytes_max: 1, order: LoadOrder::OldestFirst };
        self.outputs.push_back(Output::Load { ticket, load });
    }

    pub(super) fn loaded_twin(&mut self, room: RoomId, log: LogId, proof: Signed<EventHeader>, events: &[Event]) {
        let (chain, seq) = (proof.get().chain(), proof.get().seq);
        let differs = events.first().is_some_and(|event| event.header != proof);
        if differs && proof.verify(&chain.device).is_ok() {
            self.freeze(room, log, chain, seq, proof);
        }
    }

    /// A device whose present chain it is goes on in a new one.
    pub(super) fn leave_own_chain(&mut self, log: LogId, chain: ChainId) {
        let own = self.own_device() == Some(chain.device);
        if own && self.incarnations.get(&log) == Some(&chain.incarnation) {
            self.begin_incarnation(log);
        }
    }

    /// Events from a link: takes what may be taken, asks for what is missing.
    pub(super) fn receive(&mut self, now: Now, link: LinkId, log: LogId, events: Vec<Event>) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(link, *room)) else { return };
        let mut received = Received::default();
        for event in events {
            if self.receive_one(now, (link, room, log), event, &mut received).is_break() {
                break;
            }
        }
        self.forget_empty_log(log);
        self.follow_up(now, (link, room, log), received);
    }

    /// Judges an event and notes what follows from it; breaks off where it proves that the other end misbehaves.
    fn receive_one(
        &mut self,
        now: Now,
        (link, room, log): (LinkId, RoomId, LogId),
        mut event: Event,
        received: &mut Received,
    ) -> ControlFlow<()> {
        let header = event.header.get();
        let (chain_id, seq, hlc) = (header.chain(), header.seq, header.hlc);
        let own = self.own_device();
        let from_middle = !self.is_relay() && self.links.get(link).is_some_and(|link| link.remote == Remote::Relay);
        let Some(held) = self.rooms.get(&room) else { return ControlFlow::Break(()) };
        let chains = &mut self.logs.entry(log).or_insert_with(|| Log::new(room)).chains;
        let empty = Chain::empty();
        let chain = chains.get(&chain_id).unwrap_or(&empty);
        let known = chain.known.filter(|(known, _)| *known == seq).map(|(_, event)| event);
        let there = self.recent.get(log, chain_id, seq).map(Event::id).or(known);
        let outcome = match admit(&event, held.roster(), &Held { chain, there, from_middle }) {
            Admission::Admitted { author, roster_version: _ }
                if chain.is_empty() && has_enough_chains(held.roster(), chains, author) =>
            {
                Admission::Rejected(Rejection::TooManyChains)
            }
            #[cfg(feature = "planted")]
            Admission::Rejected(Rejection::Cut)
                if self.config.planted == Some(Planted::AcceptsBackdated)
                    && let Some(author) = held.roster().account_of(chain_id.device)
                    && let Some(roster_version) = held.roster().version_of(event.header.get().roster) =>
            {
                Admission::Admitted { author, roster_version }
            }
            outcome => outcome,
        };
        match outcome {
            Admission::Admitted { author, roster_version } => {
                if chain.is_empty() && seq > Seq(1) {
                    received.begun.push(chain_id);
                }
                chains.entry(chain_id).or_insert(empty).stage(&event);
                self.observe(hlc, now.wall);
                // What we wrote comes from elsewhere: our tail was lost, and more of it may be on its way.
                self.leave_own_chain(log, chain_id);
                self.drop_deleted_bodies(room, log, [&mut event]);
                let taken = Staged { room, event, author, roster_version };
                received.batch.extend(self.records_of(&taken));
                received.staged.push(taken);
            }
            // The proof of a fork, further back than what is at hand, comes without its body.
            Admission::Duplicate if event.body.is_none() && there.is_none() && own == Some(chain_id.device) => {
                received.twins.push(event.header);
            }
            // Nor does it say what its sender holds.
            Admission::Duplicate if event.body.is_none() => {}
            Admission::Duplicate => {
                received.duplicates.insert(chain_id, ChainHead { chain: chain_id, seq, event: event.id() });
            }
            Admission::Frozen => received.frozen.push(chain_id),
            Admission::Older => {}
            Admission::Gap => received.compare = true,
            Admission::UnknownRoster => received.ask_for_roster = true,
            Admission::Rejected(why) => {
                let misbehaved = why.proves_misbehaviour();
                if let Rejection::Forked { seq, .. } = why {
                    received.frozen.push(chain_id);
                    received.forks.push((chain_id, seq, event.header));
                }
                let device = chain_id.device;
                self.outputs.push_back(Output::Notice(Notice::Rejected { link, device, why }));
                if misbehaved {
                    let reason = CloseReason::Misbehaved;
                    self.outputs.push_back(Output::CloseLink { link, reason });
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Writes what came, and says and asks what follows from it.
    fn follow_up(&mut self, now: Now, (link, room, log): (LinkId, RoomId, LogId), received: Received) {
        let Received { staged, batch, duplicates, begun, forks, mut frozen, twins, mut compare, ask_for_roster } =
            received;
        self.begun_in_the_middle(link, log, begun);
        self.received_again(link, log, duplicates.into_values().collect());
        if !staged.is_empty() {
            self.persist(Pending::Received { link, staged }, batch);
        }
        // After the events: a proof is kept beside a chain, which the same frame may have begun.
        for (chain, seq, offered) in forks {
            self.freeze(room, log, chain, seq, offered);
        }
        if ask_for_roster {
            self.ask_for_roster(now, link, room);
        }
        if let Some(session) = self.links.get_mut(link).and_then(|link| link.log(room, log)) {
            frozen.retain(|chain| session.told_forked.insert(*chain));
            compare |= !frozen.is_empty();
        }
        let proofs = frozen.into_iter().filter_map(|chain| self.proofs.get(&(log, chain)).cloned());
        let proofs: Vec<Event> = proofs.map(|header| Event { header, body: None }).collect();
        self.send_events(link, log, proofs);
        for proof in twins {
            self.look_at_twin(link, room, log, proof);
        }
        if compare || ask_for_roster {
            self.compare_soon(now, link, room, log);
        }
    }

    /// Says again how much of a roster is held, since an event names more; not at once where that was said a moment ago:
    /// the answer may be on its way to a slow disk, and what is said is answered with the same event.
    fn ask_for_roster(&mut self, now: Now, id: LinkId, room: RoomId) {
        let Some(session) = self.links.room_mut(id, room) else { return };
        if session.roster_asked_at.is_none_or(|at| Mono(at.0 + COMPARE_EVERY_MS) <= now.mono) {
            session.roster_asked_at = Some(now.mono);
            self.announce_room(id, room);
        }
    }

    /// Events came that are held already: who sends one has it on its disk, and may not know yet that we have it too.
    fn received_again(&mut self, link: LinkId, log: LogId, theirs: Vec<ChainHead>) {
        if theirs.is_empty() {
            return;
        }
        self.acknowledged(link, log, &theirs);
        let (own, held) = (self.own_device(), self.logs.get(&log));
        let ours = theirs.into_iter().filter(|head| {
            let chain = held.and_then(|log| log.chains.get(&head.chain));
            let stored = chain.is_some_and(|chain| chain.is_whole() && head.seq <= chain.durable.seq);
            own != Some(head.chain.device) && stored
        });
        let chains: Vec<ChainHead> = ours.collect();
        if !chains.is_empty() {
            self.outputs.push_back(Output::Send { link, frame: Frame::Ack { log, chains } });
        }
    }

    /// A log that nothing was admitted to leaves no trace.
    fn forget_empty_log(&mut self, log: LogId) {
        if self.logs.get(&log).is_some_and(|log| log.chains.is_empty()) {
            self.logs.remove(&log);
        }
    }

    /// Events are on disk: tell, acknowledge, pass on.
    pub(super) fn stored(&mut self, now: Now, command: Option<CommandId>, from: Option<LinkId>, staged: Vec<Staged>) {
        let mut heads: BTreeMap<(RoomId, LogId, ChainId), ChainHead> = BTreeMap::new();
        let mut forks: BTreeSet<(RoomId, LogId, ChainId)> = BTreeSet::new();
        let mut announced = Vec::new();
        let mut concerned: BTreeSet<LinkId> = from.into_iter().collect();
        for room in staged.iter().map(|staged| staged.room).collect::<BTreeSet<_>>() {
            concerned.extend(self.links.in_room(room));
        }
        for Staged { room, mut event, author, roster_version } in staged {
            // Its deletion may have been taken while it was on its way to the disk.
            self.drop_deleted_bodies(room, event.header.get().log, [&mut event]);
            let header = event.header.get();
            let (log, chain_id, seq) = (header.log, header.chain(), header.seq);
            let Some(chain) = self.logs.get_mut(&log).and_then(|log| log.chains.get_mut(&chain_id)) else {
                // The room was forgotten meanwhile.
                if let Some(command) = command {
                    self.refuse(command, CommandRefusal::UnknownRoom);
                }
                continue;
            };
            chain.store(&event);
            if chain.forked.is_some_and(|forked| forked <= seq) {
                forks.insert((room, log, chain_id));
            }
            #[cfg(feature = "planted")]
            if self.config.planted == Some(Planted::MergesRangesWrongly) && chain.low.seq > Seq(1) {
                chain.low.seq = Seq(chain.low.seq.0 - 1);
            }
            let head = chain.durable;
            // To acknowledge an event is to have all before it, too.
            if chain.is_whole() {
                heads.insert((room, log, chain_id), ChainHead { chain: chain_id, seq: head.seq, event: head.event });
            }
            if seq == head.seq {
                self.recent.insert(&event, self.config.recent_bytes_max);
                self.owe_to_links(now, room, log, chain_id, seq, from);
            }
            announced.extend(announcement(room, &event));
            self.outputs.push_back(Output::Notice(Notice::Stored { room, event, author, roster_version, command }));
        }
        for (room, log) in announced {
            self.log_announced(now, room, log);
        }
        if let Some(from) = from {
            self.acknowledge(now, from, &heads);
            self.history_stored(now, from, heads.keys().map(|(room, log, _)| (*room, *log)).collect());
        }
        for link in &concerned {
            self.tell_forks_again(now, *link, &forks);
        }
        // Together with what else is stored before the driver asks: to each of them in one frame.
        self.served_next.append(&mut concerned);
        self.served_now = now;
    }

    /// Who was told of a fork while what is held here was not on the disk yet has seen nothing of it in the vector.
    fn tell_forks_again(&mut self, now: Now, link: LinkId, forks: &BTreeSet<(RoomId, LogId, ChainId)>) {
        for (room, log, chain) in forks {
            let session = self.links.log(link, *room, *log);
            if session.is_some_and(|session| session.told_forked.contains(chain)) && self.shares(link, *room) {
                self.compare_soon(now, link, *room, *log);
            }
        }
    }

    /// Notes for every link but the one that an event came from that it lacks the event.
    fn owe_to_links(&mut self, now: Now, room: RoomId, log: LogId, chain: ChainId, seq: Seq, from: Option<LinkId>) {
        let relay = self.is_relay();
        let at_once = relay || from.is_none();
        let due = if at_once { now.mono } else { self.pass_on_at(now) };
        let left = |id: &LinkId| from.is_some() && self.leaves_to_relay(*id, room, log, chain);
        let links: Vec<LinkId> = self.links.in_room(room).filter(|id| Some(*id) != from && !left(id)).collect();
        let mut fallen = Vec::new();
        for id in links {
            let Some(link) = self.links.get_mut(id) else { continue };
            let stalled = link.stalled_since.is_some_and(|since| since.0 + SLOW_AFTER_MS <= now.mono.0);
            let Some(session) = link.open_log(room, log).filter(|session| session.compared) else { continue };
            if session.slow
                && let Some(held) = self.logs.get(&log)
            {
                session.slow = !session.has_caught_up(&held.chains, (chain, seq));
            }
            let falls = relay && stalled && !session.is_digest();
            if falls {
                session.fall();
            }
            if session.is_digest() {
                let at = session.list(chain, seq, Mono(now.mono.0 + DIGEST_EVERY_MS));
                if falls {
                    link.ready.remove(&log);
                    fallen.push(id);
                }
                self.links.wake_by(id, at);
                continue;
            }
            session.owe(chain, seq, due);
            if at_once {
                link.ready.insert(log);
            } else {
                self.links.wake_by(id, due);
            }
        }
        for id in fallen {
            self.list_registers_under_way(now, id, room, log);
        }
    }

    /// Acknowledges at once where the events came from, and a little later to everybody else in the room. Whoever is fed by
    /// peers has their word first, and the relay's a moment later, together with others. The relay does not wait for a
    /// device's word of what it sent itself: it gets that together with others, too.
    fn acknowledge(&mut self, now: Now, from: LinkId, heads: &BTreeMap<(RoomId, LogId, ChainId), ChainHead>) {
        #[cfg(feature = "planted")]
        if self.config.planted == Some(Planted::DropsAcknowledgement) {
            return;
        }
        // Whose removal is on its way to the disk is told nothing more.
        let mut by_log: BTreeMap<(RoomId, LogId), Vec<ChainHead>> = BTreeMap::new();
        for ((room, log, _), head) in heads.iter().filter(|((room, ..), _)| self.shares(from, *room)) {
            by_log.entry((*room, *log)).or_default().push(*head);
        }
        let relay = self.is_relay();
        let from_relay = self.links.get(from).is_some_and(|link| link.remote == Remote::Relay);
        for ((room, log), chains) in by_log {
            let (waits, after_ms) = match (relay, from_relay) {
                (true, _) => (self.fed_session(from, log), FED_ACK_AFTER_MS),
                (false, true) => (self.links.log_mut(from, room, log), LAZY_ACK_AFTER_MS),
                (false, false) => (None, 0),
            };
            if let Some(session) = waits {
                session.lazy_acks.extend(chains.into_iter().map(|head| (head.chain, head)));
                self.links.wake_by(from, Mono(now.mono.0 + after_ms));
            } else {
                self.outputs.push_back(Output::Send { link: from, frame: Frame::Ack { log, chains } });
            }
        }
        if relay {
            return;
        }
        let due = Mono(now.mono.0 + LAZY_ACK_AFTER_MS);
        for ((room, log, chain), head) in heads {
            for id in self.links.in_room(*room).filter(|id| *id != from).collect::<Vec<_>>() {
                if let Some(session) = self.links.log_mut(id, *room, *log) {
                    session.lazy_acks.insert(*chain, *head);
                    self.links.wake_by(id, due);
                }
            }
        }
    }
}

/// Whether an account has as many chains in a log as it may: what a removal could not cut would be lost with it.
fn has_enough_chains(roster: &Roster, chains: &BTreeMap<ChainId, Chain>, account: AccountId) -> bool {
    let devices = roster.devices_ever(account);
    let first = |device: DeviceId| ChainId { device, incarnation: Incarnation::ZERO };
    let of = |device: DeviceId| {
        chains
            .range(first(device)..)
            .take_while(move |(chain, _)| chain.device == device)
            .take(limits::CUTS_MAX)
            .count()
    };
    devices.map(of).sum::<usize>() >= limits::CUTS_MAX
}
