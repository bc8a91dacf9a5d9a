//! Stores to run over, and people who write.

use std::collections::BTreeMap;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Body, BodyBytes, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, EventId, Incarnation};
use momoland_protocol::register::RegisterName;
use momoland_protocol::roster::{Countersignature, RosterChange, RosterOp};
use momoland_protocol::signed::SecretKey;
use momoland_replica::replica::HeldChain;

use super::*;
use crate::kv::{MemoryStore, SchemaVersion, SledStore};

/// One store, and a way to close and open it again.
pub(super) trait Backend {
    /// How many cases the property test runs: a backend on a disk is slower.
    const CASES: u32;
    fn new() -> Self;
    fn store(&self) -> Arc<dyn Store>;
    /// Opens the store again; nobody else holds it.
    fn reopen(&mut self);
}

pub(super) struct Memory(Arc<MemoryStore>);

impl Backend for Memory {
    const CASES: u32 = 128;

    fn new() -> Self {
        Self(Arc::new(MemoryStore::new()))
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }

    fn reopen(&mut self) {
        self.0.crash();
    }
}

pub(super) struct Disk {
    folder: tempfile::TempDir,
    store: Option<Arc<SledStore>>,
}

impl Backend for Disk {
    const CASES: u32 = 12;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), SchemaVersion(1)).unwrap();
        Self { folder, store: Some(Arc::new(store)) }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    fn reopen(&mut self) {
        assert_eq!(Arc::strong_count(self.store.as_ref().unwrap()), 1);
        self.store = None;
        self.store = Some(Arc::new(SledStore::open(self.folder.path(), SchemaVersion(1)).unwrap()));
    }
}

pub(super) fn opened(store: &Arc<dyn Store>) -> (EventLog, DurableState) {
    EventLog::open(Arc::clone(store)).unwrap()
}

pub(super) fn commit(store: &Arc<dyn Store>, batch: Batch) {
    store.commit(batch, Durability::Synced).unwrap();
}

pub(super) fn all_keys(store: &Arc<dyn Store>) -> Vec<Vec<u8>> {
    let pairs = store.range(&KeyRange::all(), Order::Ascending, usize::MAX).unwrap();
    pairs.into_iter().map(|(key, _)| key).collect()
}

pub(super) fn room(number: u8) -> RoomId {
    RoomId([number; 32])
}

pub(super) fn device(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

/// The one chain that a device has in a log.
pub(super) fn chain_of(device: SecretKey, log: LogId) -> ChainId {
    ChainId { device: device.device(), incarnation: Incarnation([log.0[0]; 16]) }
}

/// What was written so far: what a log must hold that was given all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    clock: u64,
    rosters: BTreeMap<RoomId, Vec<CountersignedChange>>,
    chains: BTreeMap<(LogId, ChainId), (RoomId, Vec<Event>)>,
    registers: BTreeMap<(RoomId, u16), Signed<Register>>,
}

impl World {
    /// The next change of a room's roster.
    pub(super) fn next_change(&mut self, room: RoomId) -> CountersignedChange {
        let hlc = self.tick();
        let changes = self.rosters.entry(room).or_default();
        let prev = changes.last().map_or(RosterHash::ZERO, |change| change.roster_hash());
        let device = device(1);
        let change = RosterChange { room, prev, device: device.device(), hlc, op: RosterOp::Leave, cuts: Vec::new() };
        let change = Signed::sign(change, &device).unwrap();
        let countersignature = Countersignature {
            change: change.change_hash(),
            version: changes.len() as u64 + 1,
            at: UnixMillis(hlc.0),
            cuts: Vec::new(),
        };
        let countersignature = Signed::sign(countersignature, &SecretKey::from_seed(&[0xAA; 32])).unwrap();
        let change = CountersignedChange { change, countersignature };
        changes.push(change.clone());
        change
    }

    /// Writes the next change of a room's roster to the log.
    pub(super) fn roster(&mut self, log: &mut EventLog, batch: &mut Batch, room: RoomId) {
        let change = self.next_change(room);
        log.put_roster(batch, change.countersignature.get().version, &change);
    }

    /// The next event of a device's chain.
    pub(super) fn next_event(&mut self, room: RoomId, log: LogId, device: SecretKey) -> Event {
        self.next_event_about(room, log, device, Action::POST, None)
    }

    /// The next event of a device's chain, about another.
    pub(super) fn next_event_about(
        &mut self,
        room: RoomId,
        log: LogId,
        device: SecretKey,
        action: Action,
        about: Option<(EventPlace, EventId)>,
    ) -> Event {
        let hlc = self.tick();
        let body = BodyBytes::new(&Body::Plain(hlc.0.to_be_bytes().to_vec())).unwrap();
        let chain = chain_of(device.clone(), log);
        let (_, events) = self.chains.entry((log, chain)).or_insert_with(|| (room, Vec::new()));
        let header = EventHeader {
            log,
            device: chain.device,
            incarnation: chain.incarnation,
            seq: Seq(events.len() as u64 + 1),
            prev: events.last().map_or(EventId::ZERO, Event::id),
            hlc,
            roster: RosterHash([1; 32]),
            action,
            targets: about.iter().map(|(_, target)| *target).collect(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            place: about.map(|(place, _)| place),
        };
        // Every third body was dropped on its way.
        let body = Some(body).filter(|_| !hlc.0.is_multiple_of(3));
        let event = Event { header: Signed::sign(header, &device).unwrap(), body };
        events.push(event.clone());
        event
    }

    /// Writes the next events of a device's chain to the log.
    pub(super) fn events(
        &mut self,
        log: &mut EventLog,
        batch: &mut Batch,
        room: RoomId,
        id: LogId,
        device: SecretKey,
        count: u32,
    ) {
        for _ in 0..count {
            let event = self.next_event(room, id, device.clone());
            log.put_event(batch, room, &event);
        }
    }

    /// Writes a new value of a register to the log.
    pub(super) fn register(
        &mut self,
        log: &mut EventLog,
        batch: &mut Batch,
        room: RoomId,
        name: u16,
    ) -> Signed<Register> {
        let hlc = self.tick();
        let device = device(1);
        let register = Register {
            account: AccountId([3; 16]),
            device: device.device(),
            room,
            name: RegisterName(name),
            target: [4; 32],
            roster: RosterHash([1; 32]),
            hlc,
            value: hlc.0.to_be_bytes().to_vec(),
        };
        let register = Signed::sign(register, &device).unwrap();
        log.put_register(batch, &register);
        self.registers.insert((room, name), register.clone());
        register
    }

    pub(super) fn forget(&mut self, room: RoomId) {
        self.rosters.remove(&room);
        self.chains.retain(|_, (of, _)| *of != room);
        self.registers.retain(|(of, _), _| *of != room);
    }

    /// What opening must find.
    pub(super) fn held(&self) -> DurableState {
        let chains = self.chains.iter().map(|((log, chain), (room, events))| {
            let (first, last) = (&events[0], &events[events.len() - 1]);
            HeldChain {
                room: *room,
                log: *log,
                chain: *chain,
                low: first.header.get().seq,
                low_prev: first.header.get().prev,
                high: last.header.get().seq,
                head: last.id(),
                hlc: last.header.get().hlc,
            }
        });
        DurableState {
            rosters: self.rosters.iter().map(|(room, changes)| (*room, changes.clone())).collect(),
            chains: chains.collect(),
            forks: Vec::new(),
            deletions: Vec::new(),
            registers: self.registers.values().cloned().collect(),
            logs: Vec::new(),
        }
    }

    pub(super) fn chain(&self, log: LogId, chain: ChainId) -> Vec<Event> {
        self.chains.get(&(log, chain)).map(|(_, events)| events.clone()).unwrap_or_default()
    }

    /// The events of a log, chain after chain.
    pub(super) fn log(&self, log: LogId) -> Vec<Event> {
        self.chains().filter(|(of, _, _)| *of == log).flat_map(|(_, _, events)| events.to_vec()).collect()
    }

    pub(super) fn chains(&self) -> impl Iterator<Item = (LogId, ChainId, &[Event])> {
        self.chains.iter().map(|((log, chain), (_, events))| (*log, *chain, events.as_slice()))
    }

    /// How many keys hold all of this.
    pub(super) fn keys(&self) -> usize {
        let rooms: BTreeSet<RoomId> = self.rosters.keys().copied().collect();
        let of_chains = self.chains.values().map(|(room, _)| *room);
        let of_registers = self.registers.keys().map(|(room, _)| *room);
        let rooms: BTreeSet<RoomId> = rooms.into_iter().chain(of_chains).chain(of_registers).collect();
        let changes: usize = self.rosters.values().map(Vec::len).sum();
        let events: usize = self.chains.values().map(|(_, events)| 1 + events.len()).sum();
        rooms.len() + changes + events + self.registers.len()
    }

    fn tick(&mut self) -> Hlc {
        self.clock += 1;
        Hlc(self.clock)
    }
}
