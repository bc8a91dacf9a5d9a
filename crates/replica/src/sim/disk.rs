//! A node's disk: what is synced, apart from what is only written. A crash loses the latter.
//!
//! Batches and reads are answered each in its order, after the time that the disk takes; a full disk refuses a batch
//! whole. A batch is synced or it is not: the store sees to that (`store`: `crash`, `full_disk`).
#![allow(clippy::unwrap_used, reason = "a world ends where something does not hold")]

use std::collections::{BTreeMap, VecDeque};

use momoland_protocol::event::{Action, Event, EventHeader, EventPlace};
use momoland_protocol::id::{ChainId, LogId, RoomId, Seq};
use momoland_protocol::register::{Register, RegisterKey};
use momoland_protocol::roster::CountersignedChange;
use momoland_protocol::signed::Signed;

use super::world::Due;
use crate::deletions::Deletion;
use crate::input::{Input, PersistFailed, Ticket};
use crate::output::{Load, LoadOrder, Record};
use crate::replica::{DurableState, HeldChain, HeldDeletion, HeldFork};

/// What a disk holds.
#[derive(Default, Clone)]
pub(crate) struct Contents {
    pub(crate) rosters: BTreeMap<RoomId, Vec<CountersignedChange>>,
    pub(crate) events: BTreeMap<(LogId, ChainId, Seq), (RoomId, Event)>,
    pub(crate) forks: BTreeMap<(LogId, ChainId), (Seq, Signed<EventHeader>)>,
    pub(crate) deletions: BTreeMap<(LogId, EventPlace, EventPlace), Deletion>,
    pub(crate) registers: BTreeMap<RegisterKey, Signed<Register>>,
}

impl Contents {
    /// Takes one record, as the store would.
    ///
    /// # Panics
    /// Where the store would refuse it: a gap, an event twice, a proof without its chain.
    fn write(&mut self, record: &Record) {
        match record {
            Record::Roster { place, change } => {
                let changes = self.rosters.entry(change.change.get().room).or_default();
                assert_eq!(changes.len() as u64 + 1, *place, "durability: roster changes are written in order");
                changes.push(change.clone());
            }
            Record::Event { room, event } => {
                let header = event.header.get();
                let (log, chain, seq) = (header.log, header.chain(), header.seq);
                let (first, last) = ((log, chain, Seq(0)), (log, chain, Seq(u64::MAX)));
                let unknown = self.events.range(first..=last).next().is_none();
                let beside = |seq| self.events.contains_key(&(log, chain, seq));
                let follows = unknown || beside(Seq(seq.0 - 1)) || beside(Seq(seq.0 + 1));
                assert!(follows, "durability: events are written without a gap");
                let replaced = self.events.insert((log, chain, seq), (*room, event.clone()));
                assert!(replaced.is_none(), "durability: no event is written twice");
            }
            Record::Deletion { room: _, by } => {
                let header = by.get();
                let (place, deletion) = Deletion::of(header).expect("durability: what is written as a deletion is one");
                let held = self.events.contains_key(&(header.log, by.get().chain(), header.seq));
                assert!(held, "durability: a deletion is written after its event");
                self.deletions.insert((header.log, place, deletion.by), deletion);
                for ((log, ..), (_, event)) in &mut self.events {
                    let of = event.header.get();
                    let meant = (place, deletion.target);
                    let edits = of.action == Action::EDIT && of.amended() == Some(meant);
                    if *log == header.log && (edits || (of.own_place(), event.id()) == meant) {
                        event.body = None;
                    }
                }
            }
            Record::Fork { room: _, seq, offered } => {
                let header = offered.get();
                let held = self.events.keys().any(|(log, chain, _)| (*log, *chain) == (header.log, header.chain()));
                assert!(held, "durability: the proof of a fork is written after its chain");
                self.forks.insert((header.log, header.chain()), (*seq, offered.clone()));
            }
            Record::Register(register) => {
                self.registers.insert(register.get().key(), register.clone());
            }
            Record::Forget { room } => {
                self.rosters.remove(room);
                self.events.retain(|_, (of, _)| of != room);
                let events = &self.events;
                self.deletions.retain(|(log, _, by), _| events.contains_key(&(*log, by.chain, by.seq)));
                self.forks.retain(|(log, chain), _| events.keys().any(|key| (key.0, key.1) == (*log, *chain)));
                self.registers.retain(|key, _| key.room != *room);
            }
        }
    }

    fn read(&self, load: &Load) -> Vec<Event> {
        let range = (load.log, load.chain, load.from)..=(load.log, load.chain, load.to);
        let mut held: Vec<&Event> = self.events.range(range).map(|(_, (_, event))| event).collect();
        if load.order == LoadOrder::NewestFirst {
            held.reverse();
        }
        let mut bytes = 0;
        let mut events = Vec::new();
        for event in held {
            events.push(event.clone());
            bytes += event.size();
            if bytes >= load.bytes_max {
                break;
            }
        }
        events
    }

    /// What a replica starts from.
    pub(crate) fn state(&self) -> DurableState {
        let mut chains: BTreeMap<(LogId, ChainId), HeldChain> = BTreeMap::new();
        for ((log, chain, seq), (room, event)) in &self.events {
            let header = event.header.get();
            let first = HeldChain {
                room: *room,
                log: *log,
                chain: *chain,
                low: *seq,
                low_prev: header.prev,
                high: *seq,
                head: event.id(),
                hlc: header.hlc,
            };
            let held = chains.entry((*log, *chain)).or_insert(first);
            (held.high, held.head, held.hlc) = (*seq, event.id(), header.hlc);
        }
        let forks = self.forks.iter().map(|((log, chain), (seq, offered))| HeldFork {
            log: *log,
            chain: *chain,
            seq: *seq,
            offered: offered.clone(),
        });
        DurableState {
            rosters: self.rosters.iter().map(|(room, changes)| (*room, changes.clone())).collect(),
            chains: chains.into_values().collect(),
            forks: forks.collect(),
            deletions: self
                .deletions
                .iter()
                .map(|((log, place, _), deletion)| HeldDeletion { log: *log, place: *place, deletion: *deletion })
                .collect(),
            registers: self.registers.values().cloned().collect(),
            logs: self.events.values().filter_map(|(room, event)| announced(*room, event)).collect(),
        }
    }
}

/// The log that an event announces.
fn announced(room: RoomId, event: &Event) -> Option<(RoomId, LogId)> {
    let header = event.header.get();
    let announces = header.action == Action::ANNOUNCE && header.log == room.conversation();
    announces.then(|| (room, LogId(event.id().0)))
}

/// The disk of one node.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) synced: Contents,
    writing: VecDeque<(Due, Ticket, Vec<Record>)>,
    reading: VecDeque<(Due, Ticket, Load)>,
    /// What a write or a read takes, milliseconds.
    pub(crate) takes_ms: u64,
    /// Times that it still has no space. From the first refusal on nothing is taken until the store is opened anew.
    pub(crate) refuses: u32,
    refused: bool,
}

impl Disk {
    pub(crate) fn write(&mut self, now_ms: u64, number: u64, ticket: Ticket, batch: Vec<Record>) {
        self.writing.push_back((Due { at_ms: now_ms + self.takes_ms, number }, ticket, batch));
    }

    pub(crate) fn read(&mut self, now_ms: u64, number: u64, ticket: Ticket, load: Load) {
        self.reading.push_back((Due { at_ms: now_ms + self.takes_ms, number }, ticket, load));
    }

    pub(crate) fn write_due(&self) -> Option<Due> {
        self.writing.front().map(|(due, ..)| *due)
    }

    pub(crate) fn read_due(&self) -> Option<Due> {
        self.reading.front().map(|(due, ..)| *due)
    }

    /// The rooms that the batch that was written first forgets.
    pub(crate) fn forgets(&self) -> impl Iterator<Item = RoomId> + '_ {
        let batch = self.writing.front().into_iter().flat_map(|(_, _, batch)| batch);
        batch.filter_map(|record| match record {
            Record::Forget { room } => Some(*room),
            Record::Roster { .. }
            | Record::Event { .. }
            | Record::Deletion { .. }
            | Record::Fork { .. }
            | Record::Register(_) => None,
        })
    }

    /// Syncs the batch that was written first, or refuses it.
    pub(crate) fn sync(&mut self) -> Option<Input> {
        let (_, ticket, batch) = self.writing.pop_front()?;
        if !self.refused && self.refuses > 0 {
            self.refuses -= 1;
            self.refused = true;
        }
        if self.refused {
            return Some(Input::Persisted { ticket, result: Err(PersistFailed) });
        }
        batch.iter().for_each(|record| self.synced.write(record));
        Some(Input::Persisted { ticket, result: Ok(()) })
    }

    /// Answers the read that was asked for first.
    pub(crate) fn load(&mut self) -> Option<Input> {
        let (_, ticket, load) = self.reading.pop_front()?;
        Some(Input::Loaded { ticket, events: self.synced.read(&load) })
    }

    /// What was not synced is gone, and the store is opened anew.
    pub(crate) fn lose_power(&mut self) {
        self.refused = false;
        self.writing.clear();
        self.reading.clear();
    }
}
