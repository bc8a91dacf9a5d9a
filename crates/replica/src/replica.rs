//! The replica: one state machine over all rooms, logs and links of a device or a relay.
//!
//! Drivers (the engine's `replication`, the server's `relay`) call [`Replica::handle_input`] with one input, or with all that
//! the disk answered at once, drain [`Replica::poll_output`] to `None`, and sleep until [`Replica::poll_timeout`]. `events` takes and writes events,
//! `rosters` follows membership, `sync` decides what goes to whom, `digests` what the relay lists instead.
//!
//! Not here: what a body means, whom to connect to (`overlay`, later), any effect.

mod digests;
mod events;
mod history;
mod logs;
mod registers;
mod rosters;
mod sync;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, BodyBytes, Event, EventHeader, EventPlace};
use momoland_protocol::id::{
    AccountId, ChainId, DeviceId, EventId, Incarnation, LogId, RoomId, RosterHash, Seq, ServerKey, SetHash,
};
use momoland_protocol::register::{Register, RegisterKey, RegisterName};
use momoland_protocol::replication::{ChainRange, Frame};
use momoland_protocol::roster::{CountersignedChange, Cut};
use momoland_protocol::signed::{SecretKey, Signed};

use crate::deletions::Deletion;
use crate::input::{Command, CommandId, Input, LinkId, Mono, Now, Ticket};
use crate::links::Links;
use crate::log::{Chain, Head, Log, Low};
use crate::output::{CommandRefusal, Notice, Output, Record};
use crate::roster::Roster;
use crate::roster::line::Line;
use crate::session::Wanted;

use self::logs::Announced;
use self::registers::Setting;

/// How far ahead of the wall clock an event may be and still move our clock, milliseconds (DESIGN §3, When).
const CLOCK_AHEAD_MAX_MS: u64 = 10 * 60 * 1000;

/// Chains whose history is asked for before that of others: more than a page of a conversation shows.
pub const FETCHED_FIRST_MAX: usize = 64;

/// Whose replica it is.
#[derive(Debug, Clone)]
pub enum Own {
    /// A device of a person.
    Device {
        /// Its key.
        key: Arc<SecretKey>,
        /// The person's account.
        account: AccountId,
    },
    /// The server's relay: writes nothing, passes everything on at once.
    Relay,
}

/// What a replica is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose it is.
    pub own: Own,
    /// The server that countersigns rosters and certifies devices.
    pub server: ServerKey,
    /// Bytes of events kept in memory so that what was just stored need not be read again to be sent. Full: oldest go.
    pub recent_bytes_max: usize,
    /// A fault that is built in, to prove that the simulation finds it.
    #[cfg(feature = "planted")]
    pub planted: Option<crate::sim::Planted>,
}

/// What is on disk of one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldChain {
    /// The room of the log.
    pub room: RoomId,
    /// The log.
    pub log: LogId,
    /// The chain.
    pub chain: ChainId,
    /// The first place held.
    pub low: Seq,
    /// The event before it, which the event there names; zero where `low` is 1.
    pub low_prev: EventId,
    /// The last place held.
    pub high: Seq,
    /// The event there,
    pub head: EventId,
    /// and its time.
    pub hlc: Hlc,
}

/// A chain of which two events at one place were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFork {
    /// The log.
    pub log: LogId,
    /// The chain.
    pub chain: ChainId,
    /// Where the two part.
    pub seq: Seq,
    /// The proof: what its device signed beside what is held.
    pub offered: Signed<EventHeader>,
}

/// A deletion that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldDeletion {
    /// The log.
    pub log: LogId,
    /// Where its target stands.
    pub place: EventPlace,
    /// The deletion.
    pub deletion: Deletion,
}

/// Everything that is on disk but for the events themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DurableState {
    /// Each room's changes, in the order in which they were taken.
    pub rosters: Vec<(RoomId, Vec<CountersignedChange>)>,
    /// The chains.
    pub chains: Vec<HeldChain>,
    /// Those of them that forked.
    pub forks: Vec<HeldFork>,
    /// What was deleted.
    pub deletions: Vec<HeldDeletion>,
    /// The registers.
    pub registers: Vec<Signed<Register>>,
    /// The logs that were announced in a room's conversation.
    pub logs: Vec<(RoomId, LogId)>,
}

/// Why the machine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Something that waited on a link is due: an event to pass on, acknowledgements, a comparison.
    Link(LinkId),
}

/// A room: the changes of its roster, and what they add up to.
#[derive(Debug)]
struct Room {
    line: Line,
    /// How many changes were taken, in whatever order: the place of the next on disk.
    taken: u64,
    /// Those that are not on disk yet.
    unwritten: BTreeSet<RosterHash>,
    /// Sum over the room's registers' hashes, so that two sets can be compared by one value.
    registers: SetHash,
}

/// What a ticket stands for.
#[derive(Debug)]
enum Pending {
    /// Own event.
    Append { command: CommandId, staged: Staged },
    /// Events from a link.
    Received { link: LinkId, staged: Vec<Staged> },
    /// Roster changes; from a link or not.
    Roster { room: RoomId, changes: Vec<CountersignedChange>, reordered: bool, link: Option<LinkId> },
    /// Registers.
    Registers { command: Option<CommandId>, registers: Vec<Signed<Register>>, link: Option<LinkId> },
    /// A room goes.
    Forget { command: CommandId, room: RoomId },
    /// The proof of a fork.
    Fork,
    /// A load of what a link lacks.
    Load { link: LinkId, room: RoomId, log: LogId, chain: ChainId, from: Seq },
    /// A load of the own chain's last event.
    LoadOwnHead { room: RoomId, log: LogId, chain: ChainId },
    /// A load of an own event, to be held against the proof that its chain forked.
    LoadTwin { link: LinkId, room: RoomId, log: LogId, proof: Signed<EventHeader> },
    /// A load of an own event, to be compared with what a link says to have at its place.
    LoadCompared { link: LinkId, log: LogId, theirs: ChainRange },
    /// A load of what a link asked for.
    LoadWanted { link: LinkId, room: RoomId, wanted: Wanted },
}

impl Pending {
    /// The command that waits for it.
    fn command(&self) -> Option<CommandId> {
        match self {
            Self::Append { command, .. } | Self::Forget { command, .. } => Some(*command),
            Self::Registers { command, .. } => *command,
            Self::Received { .. }
            | Self::Roster { .. }
            | Self::Fork
            | Self::Load { .. }
            | Self::LoadOwnHead { .. }
            | Self::LoadTwin { .. }
            | Self::LoadCompared { .. }
            | Self::LoadWanted { .. } => None,
        }
    }
}

/// An event on its way to the disk.
#[derive(Debug)]
struct Staged {
    room: RoomId,
    event: Event,
    author: AccountId,
    roster_version: u64,
}

/// What our own device writes.
#[derive(Debug)]
struct Written {
    action: Action,
    targets: Vec<EventId>,
    place: Option<EventPlace>,
    body: BodyBytes,
}

/// Events that were stored a moment ago.
#[derive(Debug, Default)]
struct Recent {
    events: BTreeMap<(LogId, ChainId, Seq), Event>,
    order: VecDeque<(LogId, ChainId, Seq)>,
    bytes: usize,
}

/// The replication core. See the module for how to drive it.
#[derive(Debug)]
pub struct Replica {
    config: Config,
    seed: [u8; 32],
    drawn: u64,
    rooms: BTreeMap<RoomId, Room>,
    rooms_of: BTreeMap<AccountId, BTreeSet<RoomId>>,
    logs: BTreeMap<LogId, Log>,
    announced: Announced,
    /// Rooms in which the relay need not push what peers bring.
    fed_by_peers: BTreeSet<RoomId>,
    /// Chains whose history somebody waits for, at most [`FETCHED_FIRST_MAX`].
    fetched_first: Vec<(LogId, ChainId)>,
    /// The incarnation that our own next event of a log belongs to.
    incarnations: BTreeMap<LogId, Incarnation>,
    /// Of each forked chain, what its device signed beside what is held.
    proofs: BTreeMap<(LogId, ChainId), Signed<EventHeader>>,
    /// Logs of which it is not known yet whether our own chain still counts: it is read.
    unsure: BTreeSet<LogId>,
    registers: BTreeMap<RegisterKey, Signed<Register>>,
    links: Links,
    tickets: BTreeMap<Ticket, Pending>,
    next_ticket: u64,
    recent: Recent,
    clock: Hlc,
    outputs: VecDeque<Output>,
    /// Links that are given what was stored for them, once all else of an input, or of several, is told.
    served_next: BTreeSet<LinkId>,
    served_now: Now,
    halted: bool,
}

impl Replica {
    /// A replica over what is on disk; also the only way to recover.
    ///
    /// Changes and chains of `state` that contradict what comes before them are left out. Signatures are not looked at again: they
    /// were checked before anything was stored, and the store checks its own damage.
    pub fn new(config: Config, seed: [u8; 32], state: DurableState) -> Self {
        let mut replica = Self {
            config,
            seed,
            drawn: 0,
            rooms: BTreeMap::new(),
            rooms_of: BTreeMap::new(),
            logs: BTreeMap::new(),
            announced: Announced::default(),
            fed_by_peers: BTreeSet::new(),
            fetched_first: Vec::new(),
            incarnations: BTreeMap::new(),
            proofs: BTreeMap::new(),
            unsure: BTreeSet::new(),
            registers: BTreeMap::new(),
            links: Links::default(),
            tickets: BTreeMap::new(),
            next_ticket: 0,
            recent: Recent::default(),
            clock: Hlc::default(),
            outputs: VecDeque::new(),
            served_next: BTreeSet::new(),
            served_now: Now::default(),
            halted: false,
        };
        for (room, changes) in state.rosters {
            replica.recover_roster(room, &changes);
        }
        for (room, log) in state.logs {
            replica.announced.insert(room, log);
        }
        for held in state.chains {
            replica.recover_chain(&held);
        }
        for fork in state.forks {
            replica.recover_fork(fork);
        }
        for HeldDeletion { log, place, deletion } in state.deletions {
            let Some(held) = replica.logs.get_mut(&log) else { continue };
            let roster = replica.rooms.get(&held.room).map(Room::roster);
            let counts = |other: &Deletion| roster.is_some_and(|roster| other.counts(log, place, roster));
            held.deletions.insert(place, deletion, counts);
        }
        replica.look_at_own_heads();
        for register in state.registers {
            let key = register.get().key();
            if let Some(room) = replica.rooms.get_mut(&key.room).filter(|room| room.roster().counts(register.get())) {
                room.registers = toggled(room.registers, &register);
                replica.registers.insert(key, register);
            }
        }
        replica
    }

    fn recover_chain(&mut self, held: &HeldChain) {
        let head = Head { seq: held.high, event: held.head, hlc: held.hlc };
        #[cfg(feature = "planted")]
        let head = match self.config.planted {
            Some(crate::sim::Planted::ReusesSeqAfterCrash)
                if self.own_device() == Some(held.chain.device) && held.low < held.high =>
            {
                Head { seq: Seq(held.high.0 - 1), ..head }
            }
            _ => head,
        };
        let log = self.logs.entry(held.log).or_insert_with(|| Log::new(held.room));
        let low = Low { seq: held.low, prev: held.low_prev };
        log.chains.insert(held.chain, Chain::held(low, head));
        self.clock = self.clock.max(held.hlc);
        if self.own_device() == Some(held.chain.device) {
            // Of several lives, the one that wrote last goes on.
            let present = self.incarnations.get(&held.log).copied();
            let last = present.and_then(|incarnation| {
                let chain = ChainId { device: held.chain.device, incarnation };
                self.logs.get(&held.log)?.chains.get(&chain).map(|chain| chain.staged.hlc)
            });
            if last.is_none_or(|last| last <= held.hlc) {
                self.incarnations.insert(held.log, held.chain.incarnation);
            }
        }
    }

    fn recover_fork(&mut self, fork: HeldFork) {
        let Some(chain) = self.logs.get_mut(&fork.log).and_then(|log| log.chains.get_mut(&fork.chain)) else { return };
        chain.fork_at(fork.seq);
        self.proofs.insert((fork.log, fork.chain), fork.offered);
        self.leave_own_chain(fork.log, fork.chain);
    }

    /// Takes one input. Total: hostile input ends in `CloseLink` or a notice of refusal.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::LinkUp { link, remote } => self.link_up(link, remote),
            Input::LinkDown { link } => self.link_down(now, link),
            Input::Frame { link, frame } => self.frame(now, link, frame),
            Input::Credit { link, bytes } => {
                self.credit(now, link, bytes);
                self.pump(now, link);
            }
            Input::Mode { room, mode } => self.set_mode(room, mode),
            Input::Fetch { log, chains } => self.fetch_first(now, log, chains),
            Input::Roster(changes) => self.roster_changes(None, changes),
            Input::Command { id, command } => self.command(now, id, command),
            Input::Persisted { ticket, result } => match result {
                Ok(()) => self.persisted(now, ticket),
                Err(_) => self.halt(),
            },
            Input::Loaded { ticket, events } => self.loaded(now, ticket, events),
        }
    }

    /// Does what is due. Safe to call early, late or twice.
    pub fn handle_timeout(&mut self, now: Now) {
        for link in self.links.take_due(now.mono) {
            self.wake_link(now, link);
        }
    }

    /// The next thing to do; drain to `None` after each input or time-out, or after several `Persisted` and `Loaded`
    /// that came at once.
    pub fn poll_output(&mut self) -> Option<Output> {
        while self.outputs.is_empty()
            && let Some(link) = self.served_next.pop_first()
        {
            self.pump(self.served_now, link);
        }
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, Timer)> {
        self.links.next_wake().map(|(at, link)| (at, Timer::Link(link)))
    }

    /// The roster of a room that is held here.
    pub fn roster(&self, room: RoomId) -> Option<&Roster> {
        self.rooms.get(&room).map(Room::roster)
    }

    /// The changes of a room's roster that are on disk, in order.
    pub fn changes(&self, room: RoomId) -> &[CountersignedChange] {
        let changes = self.rooms.get(&room).map(|room| room.line.changes()).unwrap_or_default();
        let durable = usize::try_from(self.durable_version(room)).unwrap_or(usize::MAX);
        changes.get(..durable.min(changes.len())).unwrap_or_default()
    }

    /// How many changes of a room's roster are on disk, from the first on; 0 where it is not held.
    pub fn durable_version(&self, room: RoomId) -> u64 {
        self.rooms.get(&room).map_or(0, Room::durable_version)
    }

    /// All rooms that are held here.
    pub fn rooms(&self) -> impl Iterator<Item = (RoomId, &Roster)> {
        self.rooms.iter().map(|(id, room)| (*id, room.roster()))
    }

    /// The rooms that an account is a member of.
    pub fn rooms_of(&self, account: AccountId) -> impl Iterator<Item = RoomId> + '_ {
        self.rooms_of.get(&account).into_iter().flatten().copied()
    }

    /// Where the chains of an account end here, in all logs of a room: the cuts of its removal.
    pub fn cuts_for(&self, room: RoomId, account: AccountId) -> Vec<Cut> {
        let Some(roster) = self.roster(room) else { return Vec::new() };
        let logs = self.logs.iter().filter(|(_, log)| log.room == room);
        logs.flat_map(|(id, log)| {
            let of_account = |chain: &ChainId| roster.account_of(chain.device) == Some(account);
            let chains = log.chains.iter().filter(move |(chain, _)| of_account(chain));
            chains.map(|(chain, held)| Cut {
                log: *id,
                chain: *chain,
                seq: held.durable.seq,
                event: held.durable.event,
            })
        })
        .collect()
    }

    /// Of every chain that somebody wrote in a room's conversation the last place on disk, where `of` has its author.
    pub fn post_cuts_for(&self, room: RoomId, of: &BTreeSet<AccountId>) -> Vec<Cut> {
        let (Some(roster), Some(log)) = (self.roster(room), self.logs.get(&room.conversation())) else {
            return Vec::new();
        };
        let concerned = |chain: &ChainId| roster.account_of(chain.device).is_some_and(|account| of.contains(&account));
        let chains = log.chains.iter().filter(|(chain, _)| concerned(chain));
        chains
            .map(|(chain, held)| Cut {
                log: room.conversation(),
                chain: *chain,
                seq: held.durable.seq,
                event: held.durable.event,
            })
            .collect()
    }

    /// The chains of a log that are on disk from their first event on, and the last place of each.
    pub fn chains(&self, log: LogId) -> impl Iterator<Item = (ChainId, Seq)> + '_ {
        let chains = self.logs.get(&log).into_iter().flat_map(|log| log.chains.iter());
        chains.filter(|(_, chain)| chain.is_whole()).map(|(id, chain)| (*id, chain.durable.seq))
    }

    /// The newest value of a register.
    pub fn register(&self, key: &RegisterKey) -> Option<&Signed<Register>> {
        self.registers.get(key)
    }

    /// All registers of a room.
    pub fn registers(&self, room: RoomId) -> impl Iterator<Item = &Signed<Register>> {
        let first = RegisterKey { room, account: AccountId([0; 16]), name: RegisterName(0), target: [0; 32] };
        self.registers.range(first..).take_while(move |(key, _)| key.room == room).map(|(_, register)| register)
    }

    /// Whether the store failed.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// # Panics
    /// Where an invariant is broken.
    pub fn check_invariants(&self) {
        for (id, log) in &self.logs {
            log.check_invariants(*id);
            assert!(self.rooms.contains_key(&log.room), "{id}: a log without its room");
        }
        for (id, room) in &self.rooms {
            let (changes, roster) = (room.line.changes(), room.roster());
            assert_eq!(changes.len() as u64, roster.version(), "{id}: changes and versions differ");
            assert!(room.durable_version() <= roster.version(), "{id}: more on disk than there is");
            for member in roster.members() {
                let known = self.rooms_of.get(&member.account).is_some_and(|rooms| rooms.contains(id));
                assert!(known, "{id}: a member without the room in its index");
            }
        }
        assert!(self.fetched_first.len() <= FETCHED_FIRST_MAX, "too much is fetched first");
        assert!(self.recent.bytes <= self.config.recent_bytes_max, "the recent events are within their bound");
        self.links.check_invariants();
    }

    /// Writes and reads that wait for their answer.
    #[cfg(any(test, feature = "sim"))]
    pub fn tickets_open(&self) -> usize {
        self.tickets.len()
    }

    /// How many chains each link is owed something of.
    #[cfg(test)]
    fn owed_places(&self) -> Vec<usize> {
        let links = self.links.iter().map(|(_, link)| link.rooms().flat_map(|(_, room)| room.logs.values()));
        links.map(|logs| logs.map(|log| log.owed.len()).sum()).collect()
    }

    fn own_device(&self) -> Option<DeviceId> {
        match &self.config.own {
            Own::Device { key, account: _ } => Some(key.device()),
            Own::Relay => None,
        }
    }

    fn is_relay(&self) -> bool {
        matches!(self.config.own, Own::Relay)
    }

    fn halt(&mut self) {
        if self.halted {
            return;
        }
        self.halted = true;
        self.outputs.push_back(Output::Notice(Notice::Halted));
        for (ticket, pending) in std::mem::take(&mut self.tickets) {
            if let Some(command) = pending.command() {
                self.refuse(command, CommandRefusal::Unsure);
            }
            // What never got to the disk is on its way there for good, so that nobody is told that it is there.
            if matches!(pending, Pending::Registers { .. }) {
                self.tickets.insert(ticket, pending);
            }
        }
    }

    fn command(&mut self, now: Now, id: CommandId, command: Command) {
        if self.halted {
            self.refuse(id, CommandRefusal::Halted);
            return;
        }
        match command {
            Command::Append { log, action, targets, place, body } => {
                self.append(now, id, log, Written { action, targets, place, body });
            }
            Command::SetRegister { room, name, target, value, at } => {
                self.set_register(now, id, Setting { room, name, target, value, at });
            }
            Command::Forget { room } => self.forget(id, room),
        }
    }

    fn refuse(&mut self, command: CommandId, why: CommandRefusal) {
        self.outputs.push_back(Output::Notice(Notice::Refused { command, why }));
    }

    fn forget(&mut self, command: CommandId, room: RoomId) {
        if self.rooms.remove(&room).is_none() {
            self.refuse(command, CommandRefusal::UnknownRoom);
            return;
        }
        for rooms in self.rooms_of.values_mut() {
            rooms.remove(&room);
        }
        self.rooms_of.retain(|_, rooms| !rooms.is_empty());
        self.fed_by_peers.remove(&room);
        self.logs.retain(|_, log| log.room != room);
        self.announced.forget(room);
        let logs = &self.logs;
        self.proofs.retain(|(log, _), _| logs.contains_key(log));
        self.fetched_first.retain(|(log, _)| logs.contains_key(log));
        self.incarnations.retain(|log, _| logs.contains_key(log));
        self.registers.retain(|key, _| key.room != room);
        for link in self.links.in_room(room).collect::<Vec<_>>() {
            if self.links.leave(link, room).is_some_and(|session| session.announced) {
                self.outputs.push_back(Output::Send { link, frame: Frame::Closed { room } });
            }
        }
        self.persist(Pending::Forget { command, room }, vec![Record::Forget { room }]);
    }

    fn persist(&mut self, pending: Pending, batch: Vec<Record>) {
        let ticket = self.open_ticket(pending);
        self.outputs.push_back(Output::Persist { ticket, batch });
    }

    fn open_ticket(&mut self, pending: Pending) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.tickets.insert(ticket, pending);
        ticket
    }

    fn persisted(&mut self, now: Now, ticket: Ticket) {
        if self.halted {
            return;
        }
        match self.tickets.remove(&ticket) {
            Some(Pending::Append { command, staged }) => self.stored(now, Some(command), None, vec![staged]),
            Some(Pending::Received { link, staged }) => self.stored(now, None, Some(link), staged),
            Some(Pending::Roster { room, changes, reordered, link }) => {
                self.roster_stored(now, room, changes, reordered, link);
            }
            Some(Pending::Registers { command, registers, link }) => {
                self.registers_stored(command, registers, link);
            }
            Some(Pending::Forget { command, room }) => {
                self.outputs.push_back(Output::Notice(Notice::Forgotten { room }));
                self.outputs.push_back(Output::Notice(Notice::Done { command }));
            }
            // A load is answered by `Loaded`; a ticket that is not open was answered before.
            Some(
                Pending::Fork
                | Pending::Load { .. }
                | Pending::LoadOwnHead { .. }
                | Pending::LoadTwin { .. }
                | Pending::LoadCompared { .. }
                | Pending::LoadWanted { .. },
            )
            | None => {}
        }
    }

    /// Moves our clock past what was seen, unless that is from far in the future.
    fn observe(&mut self, hlc: Hlc, wall: UnixMillis) {
        if hlc.wall().0 <= wall.0.saturating_add(CLOCK_AHEAD_MAX_MS) {
            self.clock = self.clock.max(hlc);
        }
    }

    /// The next bytes of chance that the seed gives.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut input = self.seed.to_vec();
        input.extend_from_slice(&self.drawn.to_be_bytes());
        blake3::derive_key("momoland 1 replica chance", &input)
    }
}

/// The set's hash with `register` in it where it was not, and without it where it was.
fn toggled(set: SetHash, register: &Signed<Register>) -> SetHash {
    let mut sum = set.0;
    for (sum, byte) in sum.iter_mut().zip(register.hash()) {
        *sum ^= byte;
    }
    SetHash(sum)
}

impl Recent {
    fn insert(&mut self, event: &Event, bytes_max: usize) {
        let header = event.header.get();
        let key = (header.log, header.chain(), header.seq);
        if self.events.insert(key, event.clone()).is_none() {
            self.order.push_back(key);
            self.bytes += event.size();
        }
        while self.bytes > bytes_max {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(event) = self.events.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(event.size());
            }
        }
    }

    /// Leaves the headers of events of a log whose bodies are not to be kept.
    fn drop_bodies(&mut self, log: LogId, is_meant: impl Fn(&Event) -> bool) {
        for ((of, ..), event) in &mut self.events {
            if *of == log && event.body.is_some() && is_meant(event) {
                let before = event.size();
                event.body = None;
                self.bytes = self.bytes.saturating_sub(before - event.size());
            }
        }
    }

    fn get(&self, log: LogId, chain: ChainId, seq: Seq) -> Option<&Event> {
        self.events.get(&(log, chain, seq))
    }
}

#[cfg(test)]
pub(crate) mod tests;
