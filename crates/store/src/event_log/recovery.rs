//! Opening: reads all but the events, and checks that nothing is missing that the heads know of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use momoland_protocol::event::EventPlace;
use momoland_protocol::id::{EventId, Seq};
use momoland_protocol::register::Register;
use momoland_protocol::roster::CountersignedChange;
use momoland_protocol::signed::Signed;
use momoland_replica::deletions::Deletion;
use momoland_replica::replica::{DurableState, HeldChain, HeldDeletion, HeldFork};

use super::keys::{self, RoomNumber};
use super::places::{Place, Places};
use super::records::{self, ChainRecord, DeletionRecord, ForkRecord, LogRecord, RoomHead, RoomRecord, damaged};
use super::{EventLog, PAGE_PAIRS, Room};
use crate::kv::{KeyRange, Order, Store, StoreError};

pub(super) fn open(store: Arc<dyn Store>) -> Result<(EventLog, DurableState), StoreError> {
    let mut log = EventLog {
        store,
        rooms: BTreeMap::new(),
        places: Arc::new(Places::default()),
        next_room: Some(RoomNumber::FIRST),
        forgotten: BTreeSet::new(),
        undropped: BTreeSet::new(),
    };
    let mut held = DurableState::default();
    let store = Arc::clone(&log.store);
    let store = store.as_ref();
    let mut numbers = Vec::new();
    each_pair(store, KeyRange::prefix(keys::ROOMS), |key, value| {
        let number = keys::room_number(key).ok_or_else(|| damaged(key, "no key of a room"))?;
        numbers.push(number);
        match records::decode(key, value)? {
            RoomRecord::Held(head) => {
                let room = open_room(store, number, head, &log.places, &mut held, &mut log.undropped)?;
                if log.rooms.insert(head.room, room).is_some() {
                    return Err(damaged(key, "a room that has another number too"));
                }
            }
            RoomRecord::Forgotten => {
                log.forgotten.insert(number);
            }
        }
        Ok(())
    })?;
    if let Some(last) = numbers.last() {
        log.next_room = last.next();
    }
    check_no_strays(store, &numbers)?;
    held.rosters.sort_by_key(|(room, _)| *room);
    held.chains.sort_by_key(|chain| (chain.log, chain.chain));
    held.forks.sort_by_key(|fork| (fork.log, fork.chain));
    held.deletions.sort_by_key(|held| (held.log, held.place, held.deletion.by));
    held.registers.sort_by_key(|register| register.get().key());
    held.logs.sort();
    Ok((log, held))
}

fn open_room(
    store: &dyn Store,
    number: RoomNumber,
    head: RoomHead,
    places: &Places,
    held: &mut DurableState,
    undropped: &mut BTreeSet<Vec<u8>>,
) -> Result<Room, StoreError> {
    let changes = open_roster(store, number, head)?;
    if !changes.is_empty() {
        held.rosters.push((head.room, changes));
    }
    let mut chains = BTreeMap::new();
    each_pair(store, KeyRange::prefix(keys::chains_of(number)), |key, value| {
        let chain = keys::chain_number(number, key).ok_or_else(|| damaged(key, "no key of a chain"))?;
        let record: ChainRecord = records::decode(key, value)?;
        if places.insert(record.log, record.chain, Place { room: number, chain }).is_some() {
            return Err(damaged(key, "a chain that has another number too"));
        }
        chains.insert(chain, record);
        Ok(())
    })?;
    let room = Room { number, head, chains };
    check_chains(store, &room)?;
    held.chains.extend(room.chains.values().map(|record| {
        let ChainRecord { log, chain, low, high, head: event, hlc, low_prev } = *record;
        let low_prev = low_prev.unwrap_or(EventId::ZERO);
        HeldChain { room: head.room, log, chain, low, low_prev, high, head: event, hlc }
    }));
    each_pair(store, KeyRange::prefix(keys::forks_of(number)), |key, value| {
        let ForkRecord { seq, offered } = records::decode(key, value)?;
        let header = offered.get();
        let place = places.get(header.log, header.chain());
        if place.is_none_or(|place| keys::fork(place) != key) {
            return Err(damaged(key, "a fork of another chain"));
        }
        held.forks.push(HeldFork { log: header.log, chain: header.chain(), seq, offered });
        Ok(())
    })?;
    each_pair(store, KeyRange::prefix(keys::deletions_of(number)), |key, value| {
        let DeletionRecord { log, place, target, action, roster, dropped } = records::decode(key, value)?;
        let standing = keys::standing(key).filter(|(by, seq)| keys::deletion(log, place, *by, *seq) == key);
        let by = standing.and_then(|(by, seq)| Some((room.chains.get(&by.chain)?, seq)));
        let Some((by, seq)) = by.filter(|(by, seq)| by.log == log && by.low <= *seq && *seq <= by.high) else {
            return Err(damaged(key, "a deletion that stands nowhere"));
        };
        let by = EventPlace { chain: by.chain, seq };
        held.deletions.push(HeldDeletion { log, place, deletion: Deletion { target, by, action, roster } });
        if !dropped {
            undropped.insert(key.to_vec());
        }
        Ok(())
    })?;
    each_pair(store, KeyRange::prefix(keys::registers_of(number)), |key, value| {
        let register: Signed<Register> = records::decode(key, value)?;
        let belongs = register.get().room == head.room && keys::register(number, &register.get().key()) == key;
        if !belongs {
            return Err(damaged(key, "a register of another key"));
        }
        held.registers.push(register);
        Ok(())
    })?;
    each_pair(store, KeyRange::prefix(keys::logs_of(number)), |key, value| {
        let LogRecord { log } = records::decode(key, value)?;
        if keys::log(number, log) != key {
            return Err(damaged(key, "a log of another name"));
        }
        held.logs.push((head.room, log));
        Ok(())
    })?;
    Ok(room)
}

/// The changes of a room's roster: from the first to the one that the head names.
fn open_roster(store: &dyn Store, number: RoomNumber, head: RoomHead) -> Result<Vec<CountersignedChange>, StoreError> {
    let mut changes = Vec::new();
    let mut version = 0u64;
    each_pair(store, KeyRange::prefix(keys::changes_of(number)), |key, value| {
        version = version.saturating_add(1);
        if keys::change(number, version) != key {
            return Err(damaged(&keys::change(number, version), "a roster change is missing"));
        }
        let change: CountersignedChange = records::decode(key, value)?;
        if change.change.get().room != head.room {
            return Err(damaged(key, "a roster change of another room"));
        }
        changes.push(change);
        Ok(())
    })?;
    let last = changes.last().map(|change| change.roster_hash());
    if version != head.version || last.is_some_and(|last| last != head.head) {
        return Err(damaged(&keys::room(number), "the roster ends elsewhere than its head says"));
    }
    Ok(changes)
}

/// That each chain begins at its low end, ends with its head, and nothing lies between the chains.
fn check_chains(store: &dyn Store, room: &Room) -> Result<(), StoreError> {
    let mut behind = KeyRange::prefix(keys::events_of(room.number));
    for (chain, record) in &room.chains {
        let place = Place { room: room.number, chain: *chain };
        let first = keys::event(place, record.low);
        match store.range(&behind, Order::Ascending, 1)?.pop() {
            Some((key, _)) if key == first => {}
            Some((key, _)) if key < first => return Err(damaged(&key, "an event outside of what its chain holds")),
            Some(_) | None => return Err(damaged(&first, "the first event of a chain is missing")),
        }
        let last = keys::event(place, record.high);
        let value = store.get(&last)?.ok_or_else(|| damaged(&last, "the last event of a chain is missing"))?;
        let event = records::decode_event((record.log, record.chain), place, record.high, &value)?;
        if event.id() != record.head || event.header.get().hlc != record.hlc {
            return Err(damaged(&last, "another event than the head of its chain"));
        }
        if record.low > Seq(1) {
            let value = store.get(&first)?.ok_or_else(|| damaged(&first, "the first event of a chain is missing"))?;
            let event = records::decode_event((record.log, record.chain), place, record.low, &value)?;
            if Some(event.header.get().prev) != record.low_prev {
                return Err(damaged(&first, "another event than the beginning of its chain"));
            }
        }
        behind = behind.after(&last);
    }
    match store.range(&behind, Order::Ascending, 1)?.pop() {
        Some((key, _)) => Err(damaged(&key, "an event outside of what its chain holds")),
        None => Ok(()),
    }
}

/// That all keys belong to a number that has a record: else a later room with the number would find them.
fn check_no_strays(store: &dyn Store, numbers: &[RoomNumber]) -> Result<(), StoreError> {
    let all = KeyRange::prefix(keys::DATA);
    let mut from = all.start().to_vec();
    let ends = numbers.iter().map(|number| KeyRange::prefix(keys::data_of(*number)));
    for own in ends.chain([KeyRange::prefix(all.end().unwrap_or_default())]) {
        if let Some((key, _)) = store.range(&KeyRange::new(from, own.start()), Order::Ascending, 1)?.pop() {
            return Err(damaged(&key, "a key of no room"));
        }
        from = own.end().unwrap_or_default().to_vec();
    }
    Ok(())
}

/// Visits the pairs of a range, reading a page at a time.
fn each_pair(
    store: &dyn Store,
    mut range: KeyRange,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    loop {
        let page = store.range(&range, Order::Ascending, PAGE_PAIRS)?;
        for (key, value) in &page {
            visit(key, value)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE_PAIRS => range = range.after(last),
            Some(_) | None => return Ok(()),
        }
    }
}
