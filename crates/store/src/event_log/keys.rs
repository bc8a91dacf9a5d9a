//! The keys, built and read; the layout is at the top of [`super`].

use momoland_protocol::event::EventPlace;
use momoland_protocol::id::{LogId, Seq};
use momoland_protocol::register::RegisterKey;

use super::places::Place;
use crate::kv::KeyRange;

/// Required by a batch that must not be applied.
pub(super) const NEVER_WRITTEN: &[u8] = b"Lx";

/// Before the room's number, in keys of room records.
pub(super) const ROOMS: &[u8] = b"Lr";

/// Before the room's number, in all other keys.
pub(super) const DATA: &[u8] = b"Ld";

/// Stands for a room in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoomNumber(pub(super) u32);

/// Stands for a chain in keys, within its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChainNumber(pub(super) u32);

impl RoomNumber {
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl ChainNumber {
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

pub(super) fn room(number: RoomNumber) -> Vec<u8> {
    [ROOMS, &number.0.to_be_bytes()].concat()
}

/// The number in a key of a room record.
pub(super) fn room_number(key: &[u8]) -> Option<RoomNumber> {
    number_after(key, ROOMS).map(u32::from_be_bytes).map(RoomNumber)
}

/// What all keys of a room but its record begin with.
pub(super) fn data_of(room: RoomNumber) -> Vec<u8> {
    [DATA, &room.0.to_be_bytes()].concat()
}

pub(super) fn chains_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'c')
}

pub(super) fn chain(place: Place) -> Vec<u8> {
    numbered(chains_of(place.room), &place.chain.0.to_be_bytes())
}

/// The number in a key of one of the room's chain records.
pub(super) fn chain_number(room: RoomNumber, key: &[u8]) -> Option<ChainNumber> {
    number_after(key, &chains_of(room)).map(u32::from_be_bytes).map(ChainNumber)
}

pub(super) fn events_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'e')
}

pub(super) fn event(place: Place, seq: Seq) -> Vec<u8> {
    numbered(numbered(events_of(place.room), &place.chain.0.to_be_bytes()), &seq.0.to_be_bytes())
}

/// The place in a key of one of the chain's events.
pub(super) fn seq(place: Place, key: &[u8]) -> Option<Seq> {
    let chain = numbered(events_of(place.room), &place.chain.0.to_be_bytes());
    number_after(key, &chain).map(u64::from_be_bytes).map(Seq)
}

/// The keys of a chain's events from one place to another, both of them in.
pub(super) fn events(place: Place, from: Seq, to: Seq) -> KeyRange {
    let behind_last = numbered(event(place, to), &[0]);
    KeyRange::new(event(place, from), behind_last)
}

/// Of an edit of what stands at `target`, which stands in the chain of `place` itself.
pub(super) fn edit(log: LogId, target: EventPlace, place: Place, seq: Seq) -> Vec<u8> {
    about(b'a', log, target, place, seq)
}

/// Of a deletion of what stands at `target`, which stands in the chain of `place` itself.
pub(super) fn deletion(log: LogId, target: EventPlace, place: Place, seq: Seq) -> Vec<u8> {
    about(b'x', log, target, place, seq)
}

pub(super) fn deletions_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'x')
}

/// What the keys of all edits begin with whose target is that of a deletion.
pub(super) fn edits_like(deletion: &[u8]) -> Vec<u8> {
    let kind = DATA.len() + size_of::<u32>();
    let mut key: Vec<u8> = deletion.iter().copied().take(kind + 1 + TARGET_BYTES).collect();
    if let Some(kind) = key.get_mut(kind) {
        *kind = b'a';
    }
    key
}

/// Where the edit or deletion of a key stands itself.
pub(super) fn standing(key: &[u8]) -> Option<(Place, Seq)> {
    let numbers = key.strip_prefix(DATA)?;
    let (room, rest) = numbers.split_first_chunk()?;
    let (chain, seq) = rest.get(1 + TARGET_BYTES..)?.split_first_chunk()?;
    let place = Place { room: RoomNumber(u32::from_be_bytes(*room)), chain: ChainNumber(u32::from_be_bytes(*chain)) };
    Some((place, Seq(u64::from_be_bytes(seq.try_into().ok()?))))
}

/// Bytes that stand for a log and a place in it. Two that share them are told apart by the event that is there.
const TARGET_BYTES: usize = 16;

fn about(kind: u8, log: LogId, target: EventPlace, place: Place, seq: Seq) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("momoland 1 store target");
    hasher.update(log.as_bytes()).update(target.chain.device.as_bytes()).update(target.chain.incarnation.as_bytes());
    let hash = hasher.update(&target.seq.0.to_be_bytes()).finalize();
    let target = &hash.as_bytes()[..TARGET_BYTES];
    [kind_of(place.room, kind).as_slice(), target, &place.chain.0.to_be_bytes(), &seq.0.to_be_bytes()].concat()
}

pub(super) fn forks_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'f')
}

pub(super) fn fork(place: Place) -> Vec<u8> {
    numbered(forks_of(place.room), &place.chain.0.to_be_bytes())
}

pub(super) fn registers_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'g')
}

pub(super) fn register(room: RoomNumber, key: &RegisterKey) -> Vec<u8> {
    let RegisterKey { room: _, account, name, target } = key;
    [registers_of(room).as_slice(), account.as_bytes(), &name.0.to_be_bytes(), target].concat()
}

pub(super) fn logs_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'l')
}

pub(super) fn log(room: RoomNumber, log: LogId) -> Vec<u8> {
    numbered(logs_of(room), log.as_bytes())
}

pub(super) fn changes_of(room: RoomNumber) -> Vec<u8> {
    kind_of(room, b'r')
}

pub(super) fn change(room: RoomNumber, version: u64) -> Vec<u8> {
    numbered(changes_of(room), &version.to_be_bytes())
}

fn kind_of(room: RoomNumber, kind: u8) -> Vec<u8> {
    numbered(data_of(room), &[kind])
}

fn numbered(mut prefix: Vec<u8>, number: &[u8]) -> Vec<u8> {
    prefix.extend_from_slice(number);
    prefix
}

/// What follows the prefix, where it is exactly `N` bytes.
fn number_after<const N: usize>(key: &[u8], prefix: &[u8]) -> Option<[u8; N]> {
    key.strip_prefix(prefix)?.try_into().ok()
}
