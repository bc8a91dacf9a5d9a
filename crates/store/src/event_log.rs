//! The event log on disk: rosters, chains of events and registers, as keys and values of a [`Store`].
//!
//! Drivers of the replica (the engine's `persistence`, the server's `relay`) turn each record that the replica wants
//! persisted into one [`EventLog::put`] on a [`Batch`], hand the batch to the [`crate::writer`], and go on without waiting. So
//! the numbers and heads in here run ahead of the disk; an [`EventReader`] shows what is committed and nothing else.
//!
//! # Keys
//! Everything begins with `L`; the other first bytes are for other owners of keys in the same store. Numbers are big
//! endian.
//! ```text
//!  L r ‖ room (4)                                                    RoomRecord: which room, the head of its roster;
//!                                                                    or that what is under the number is to be deleted
//!  L d ‖ room (4) ‖ a ‖ target (16) ‖ chain (4) ‖ seq (8)            nothing: an edit of the target stands there
//!  L d ‖ room (4) ‖ c ‖ chain (4)                                    ChainRecord: log, chain, low, its prev, high,
//!                                                                    head, hlc
//!  L d ‖ room (4) ‖ e ‖ chain (4) ‖ seq (8)                          Event
//!  L d ‖ room (4) ‖ f ‖ chain (4)                                    ForkRecord: where the chain forks, and the proof
//!  L d ‖ room (4) ‖ g ‖ account (16) ‖ name (2) ‖ target (32)        Signed<Register>
//!  L d ‖ room (4) ‖ x ‖ target (16) ‖ chain (4) ‖ seq (8)            DeletionRecord: the deletion of the target that stands
//!                                                                    there, and whether bodies were dropped for it
//!  L d ‖ room (4) ‖ l ‖ log (32)                                     LogRecord: a log that was announced
//!  L d ‖ room (4) ‖ r ‖ place (8)                                    CountersignedChange, as they were taken
//!  L x                                                               never written, see below
//! ```
//! `room` and `chain` are small numbers that stand for the long ids, a chain's within its room: 19 bytes a key of an
//! event, and a chain that is appended to is appended to in the tree. `target` is a hash over a log and a place in it,
//! which may not be held yet. Values are canonical CBOR. A change of any of
//! this raises the schema of the store's owner.
//!
//! # Invariants
//! 1. What is read back is what was put, or [`StoreError::Damaged`] with the key: never a value that does not decode,
//!    sits under another one's key, leaves a gap in a chain, or belongs to no chain and no room. Test:
//!    `damage_is_named`, `a_lost_key_is_noticed`.
//! 2. A chain's end moves in the batch of its event, and requires the end before it. So a batch that depends on one that
//!    did not reach the store is a [`StoreError::Conflict`], never a gap. Test:
//!    `a_batch_after_a_lost_one_is_refused`.
//! 3. A number that was given out while a batch is in flight is not given out again by this [`EventLog`], whatever
//!    becomes of the batch; after a failed batch the log is to be dropped and opened again. Test:
//!    `a_batch_after_a_lost_one_is_refused`.
//! 4. A room that was forgotten is gone as soon as the batch is committed: nothing shows it, and a room of the same
//!    name is a new one. Its bytes go in bounded batches, over a crash too. Test:
//!    `a_large_room_is_forgotten_in_bounded_batches`.
//!
//! 5. Once a deletion is committed, the bodies of its target and of the target's edits go with [`EventLog::sweep`], over a
//!    crash too. Test: `a_deletion_drops_bodies_whatever_was_in_flight`.
//!
//! Not here: whether an event is admissible and a deletion counts (`replica`, which also takes what comes after a deletion
//! without its body), another event in an event's place (chosen forks), projections, the relay's order of storing.

mod deletions;
mod keys;
mod places;
mod reader;
mod records;
mod recovery;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use momoland_protocol::cbor;
use momoland_protocol::event::{Action, Event, EventHeader};
use momoland_protocol::id::{LogId, RoomId, RosterHash, Seq};
use momoland_protocol::register::Register;
use momoland_protocol::roster::CountersignedChange;
use momoland_protocol::signed::Signed;
use momoland_replica::output::Record;
use momoland_replica::replica::DurableState;

pub use self::reader::EventReader;

use self::keys::{ChainNumber, RoomNumber};
use self::places::{Place, Places};
use self::records::{ChainRecord, ForkRecord, LogRecord, RoomHead, RoomRecord};
use crate::kv::{Batch, Expect, KeyRange, Order, SchemaVersion, Store, StoreError};

/// Pairs read at a time. Bounds what a read holds in memory: at most this many of the largest events, about 3 MiB.
const PAGE_PAIRS: usize = 64;

/// Keys that one batch of [`EventLog::forget`] or [`EventLog::sweep`] deletes. More stay for the next: the batch
/// takes a turn with those of people who are writing, and should not be felt.
pub const SWEEP_KEYS_MAX: usize = 2048;

/// A room's number, roster head and chain heads, as they are once every batch so far is committed.
#[derive(Debug)]
struct Room {
    number: RoomNumber,
    head: RoomHead,
    chains: BTreeMap<ChainNumber, ChainRecord>,
}

/// The one owner of the keys under `L` in a store: fills batches, and knows where each chain is.
///
/// [`EventLog::put`] is called in the order in which the batches are submitted, and expects what the replica promises:
/// the next change of a roster, the next event of a chain. A call out of turn is a bug of the caller, and
/// spoils its batch: the commit answers [`StoreError::Conflict`] and applies nothing of it. After that, and after any
/// other error of a commit, drop the log and open it again: it has counted the batch as written.
#[derive(Debug)]
pub struct EventLog {
    store: Arc<dyn Store>,
    rooms: BTreeMap<RoomId, Room>,
    places: Arc<Places>,
    /// The number of the next room; `None` past the last number.
    next_room: Option<RoomNumber>,
    /// Rooms whose bytes are not yet all deleted.
    forgotten: BTreeSet<RoomNumber>,
    /// Keys of the deletions for which bodies are still to be dropped.
    undropped: BTreeSet<Vec<u8>>,
}

/// Brings the keys of an older program's store to the next schema.
///
/// Schema 2 has keys for edits and deletions, and events that say where their target stands: an older program would take
/// both for damage. There is nothing to rewrite, since it wrote no such events.
///
/// # Errors
/// None; it is a [`crate::kv::MigrationStep`].
pub fn migrate(_: &dyn Store, _: SchemaVersion) -> Result<(), StoreError> {
    Ok(())
}

impl EventLog {
    /// Reads everything but the events from a store that nobody else writes these keys to.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the key where something is missing, does not decode or does not fit the rest:
    /// also where a chain ends elsewhere than its head says. [`StoreError::Io`] where the store cannot be read.
    pub fn open(store: Arc<dyn Store>) -> Result<(Self, DurableState), StoreError> {
        recovery::open(store)
    }

    /// Adds what the replica wants persisted. No IO but where a room is forgotten.
    ///
    /// # Errors
    /// As [`Store::range`], for a room that is to be forgotten; nothing has changed then, neither here nor in the batch.
    pub fn put(&mut self, batch: &mut Batch, record: &Record) -> Result<(), StoreError> {
        match record {
            Record::Roster { place, change } => self.put_roster(batch, *place, change),
            Record::Event { room, event } => self.put_event(batch, *room, event),
            Record::Deletion { room, by } => self.put_deletion(batch, *room, by.get()),
            Record::Fork { room, seq, offered } => self.put_fork(batch, *room, *seq, offered),
            Record::Register(register) => self.put_register(batch, register),
            Record::Forget { room } => self.forget(batch, *room)?,
        }
        Ok(())
    }

    /// Adds the next event of its chain, the one before the first that is held, or the first that is held of a new one.
    pub fn put_event(&mut self, batch: &mut Batch, room: RoomId, event: &Event) {
        let header = event.header.get();
        let place = match self.places.get(header.log, header.chain()) {
            Some(place) => self.extend_chain(batch, room, place, event),
            None => self.begin_chain(batch, room, event),
        };
        match place {
            Some(place) => {
                batch.put(keys::event(place, header.seq), cbor::encode(event));
                if header.action == Action::EDIT
                    && event.body.is_some()
                    && let Some((target, _)) = header.amended()
                {
                    batch.put(keys::edit(header.log, target, place, header.seq), Vec::new());
                }
                if header.action == Action::ANNOUNCE && header.log == room.conversation() {
                    let log = LogId(event.id().0);
                    batch.put(keys::log(place.room, log), cbor::encode(&LogRecord { log }));
                }
            }
            None => spoil(batch, "an event", room),
        }
    }

    /// Adds the proof that a held chain forked at a place, instead of one for a later place.
    fn put_fork(&mut self, batch: &mut Batch, room: RoomId, seq: Seq, offered: &Signed<EventHeader>) {
        let header = offered.get();
        let number = self.rooms.get(&room).map(|held| held.number);
        match self.places.get(header.log, header.chain()).filter(|place| Some(place.room) == number) {
            Some(place) => {
                batch.put(keys::fork(place), cbor::encode(&ForkRecord { seq, offered: offered.clone() }));
            }
            None => spoil(batch, "a fork", room),
        }
    }

    /// Adds a change of its room's roster: `place` is 1 for the first that is put, and has no gaps.
    fn put_roster(&mut self, batch: &mut Batch, place: u64, change: &CountersignedChange) {
        let room = change.change.get().room;
        let next = self.rooms.get(&room).map_or(Some(1), |held| held.head.version.checked_add(1));
        if next != Some(place) {
            return spoil(batch, "a roster change", room);
        }
        let Some(held) = self.room(batch, room) else { return spoil(batch, "a roster change", room) };
        held.head.version = place;
        held.head.head = change.roster_hash();
        batch.put(keys::room(held.number), cbor::encode(&RoomRecord::Held(held.head)));
        batch.put(keys::change(held.number, place), cbor::encode(change));
    }

    /// Adds a register, in place of what was held under its key.
    fn put_register(&mut self, batch: &mut Batch, register: &Signed<Register>) {
        let room = register.get().room;
        let Some(held) = self.room(batch, room) else { return spoil(batch, "a register", room) };
        batch.put(keys::register(held.number, &register.get().key()), cbor::encode(register));
    }

    /// Adds that a room goes: its roster, chains, events and registers. No error where it is not held.
    ///
    /// The batch marks the room as gone, and deletes what is committed of it, up to [`SWEEP_KEYS_MAX`] keys. The rest
    /// (of a large room, and what batches in flight still bring) goes with [`EventLog::sweep`], now or after the next
    /// start.
    ///
    /// # Errors
    /// As [`Store::range`]; nothing has changed then, neither here nor in the batch.
    fn forget(&mut self, batch: &mut Batch, room: RoomId) -> Result<(), StoreError> {
        let Some(number) = self.rooms.get(&room).map(|held| held.number) else { return Ok(()) };
        let committed = self.keys_of(number)?;
        let Some(held) = self.rooms.remove(&room) else { return Ok(()) };
        self.places.remove(held.chains.values().map(|record| (record.log, record.chain)));
        self.forgotten.insert(number);
        self.undropped.retain(|key| !key.starts_with(&keys::data_of(number)));
        require_once(batch, keys::room(number), || Expect::Value(cbor::encode(&RoomRecord::Held(held.head))));
        batch.put(keys::room(number), cbor::encode(&RoomRecord::Forgotten));
        for key in committed {
            batch.delete(key);
        }
        Ok(())
    }

    /// Adds deletions of what forgotten rooms left behind, at most [`SWEEP_KEYS_MAX`] and a mark; else drops bodies of
    /// what was deleted. Whether there is more to do: then commit the batch, also where it is empty and only waits for
    /// those before it, and call again.
    ///
    /// To be called after [`EventLog::forget`], [`EventLog::put_deletion`] and [`EventLog::open`]; anything may be written
    /// in between.
    ///
    /// # Errors
    /// As [`Store::range`]; nothing has changed then, neither here nor in the batch.
    pub fn sweep(&mut self, batch: &mut Batch) -> Result<bool, StoreError> {
        let Some(number) = self.forgotten.first().copied() else { return self.drop_bodies(batch) };
        // Batches are committed in their order: where the mark is, everything is that was put under the number.
        let marked = self.store.get(&keys::room(number))? == Some(cbor::encode(&RoomRecord::Forgotten));
        if !marked {
            return Ok(true);
        }
        let committed = self.keys_of(number)?;
        let all = committed.len() < SWEEP_KEYS_MAX;
        for key in committed {
            batch.delete(key);
        }
        if all {
            batch.delete(keys::room(number));
            self.forgotten.remove(&number);
        }
        Ok(true)
    }

    /// A reader of what is committed, for any thread.
    pub fn reader(&self) -> EventReader {
        EventReader::new(Arc::clone(&self.store), Arc::clone(&self.places))
    }

    /// # Panics
    /// Where an invariant is broken.
    #[cfg(test)]
    fn check_invariants(&self) {
        let mut places = 0;
        for (room, held) in &self.rooms {
            assert_eq!(held.head.room, *room);
            assert!(self.next_room.is_none_or(|next| held.number < next), "a number that is still to be given out");
            assert!(!self.forgotten.contains(&held.number), "a number with two rooms");
            for (chain, record) in &held.chains {
                let place = Place { room: held.number, chain: *chain };
                assert_eq!(self.places.get(record.log, record.chain), Some(place));
                assert!(record.low <= record.high);
                places += 1;
            }
        }
        let numbers: BTreeSet<_> = self.rooms.values().map(|held| held.number).collect();
        assert_eq!(numbers.len(), self.rooms.len(), "two rooms with one number");
        assert_eq!(self.places.len(), places, "a place without its chain");
    }

    /// One end of the chain moves on to the event. `None` where the event is next to neither.
    fn extend_chain(&mut self, batch: &mut Batch, room: RoomId, place: Place, event: &Event) -> Option<Place> {
        let header = event.header.get();
        let held = self.rooms.get_mut(&room).filter(|held| held.number == place.room)?;
        let record = held.chains.get_mut(&place.chain)?;
        let follows = record.high.next() == Some(header.seq) && record.head == header.prev;
        let precedes = header.seq.next() == Some(record.low) && record.low_prev == Some(event.id());
        if !follows && !precedes {
            return None;
        }
        let key = keys::chain(place);
        require_once(batch, key.clone(), || Expect::Value(cbor::encode(record)));
        if follows {
            record.high = header.seq;
            record.head = event.id();
            record.hlc = header.hlc;
        } else {
            record.low = header.seq;
            record.low_prev = records::prev_of(header);
        }
        batch.put(key, cbor::encode(record));
        Some(place)
    }

    /// The chain gets a number and a head. `None` where there are no more numbers.
    fn begin_chain(&mut self, batch: &mut Batch, room: RoomId, event: &Event) -> Option<Place> {
        let held = self.room(batch, room)?;
        let last = held.chains.last_key_value().map(|(number, _)| *number);
        let chain = last.map_or(Some(ChainNumber::FIRST), ChainNumber::next)?;
        let place = Place { room: held.number, chain };
        let record = ChainRecord::first(event);
        let key = keys::chain(place);
        require_once(batch, key.clone(), || Expect::Absent);
        batch.put(key, cbor::encode(&record));
        held.chains.insert(chain, record);
        self.places.insert(record.log, record.chain, place);
        Some(place)
    }

    /// The room, with a number if it has none yet; the batch requires that the store knows it alike. `None` where
    /// there are no more numbers.
    fn room(&mut self, batch: &mut Batch, room: RoomId) -> Option<&mut Room> {
        use std::collections::btree_map::Entry;

        match self.rooms.entry(room) {
            Entry::Occupied(held) => {
                let held = held.into_mut();
                require_once(batch, keys::room(held.number), || {
                    Expect::Value(cbor::encode(&RoomRecord::Held(held.head)))
                });
                Some(held)
            }
            Entry::Vacant(vacant) => {
                let number = self.next_room?;
                self.next_room = number.next();
                let head = RoomHead { room, version: 0, head: RosterHash::ZERO };
                require_once(batch, keys::room(number), || Expect::Absent);
                batch.put(keys::room(number), cbor::encode(&RoomRecord::Held(head)));
                Some(vacant.insert(Room { number, head, chains: BTreeMap::new() }))
            }
        }
    }

    /// The first keys that are committed of a room, its record aside; fewer than [`SWEEP_KEYS_MAX`] are all.
    fn keys_of(&self, number: RoomNumber) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut range = KeyRange::prefix(keys::data_of(number));
        let mut found = Vec::new();
        while found.len() < SWEEP_KEYS_MAX {
            let page = self.store.range(&range, Order::Ascending, PAGE_PAIRS.min(SWEEP_KEYS_MAX - found.len()))?;
            let Some((last, _)) = page.last() else { break };
            range = range.after(last);
            found.extend(page.into_iter().map(|(key, _)| key));
        }
        Ok(found)
    }
}

/// Requires what a key holds before the batch, unless the batch does so already.
fn require_once(batch: &mut Batch, key: Vec<u8>, expect: impl FnOnce() -> Expect) {
    if batch.requirements().iter().all(|requirement| requirement.key != key) {
        batch.require(key, expect());
    }
}

/// Makes the batch one that no store applies.
fn spoil(batch: &mut Batch, what: &'static str, room: RoomId) {
    tracing::error!(%room, "{what} was to be stored out of turn: its batch is refused");
    require_once(batch, keys::NEVER_WRITTEN.to_vec(), || Expect::Value(Vec::new()));
}
