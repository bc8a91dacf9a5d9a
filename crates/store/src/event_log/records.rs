//! The values: two records of this module's own, the bounds of all, and what is said of one that does not decode.

use minicbor::{Decode, Encode};
use momoland_protocol::cbor::{self, Bounded, DecodeError, bound};
use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Action, Event, EventHeader, EventPlace};
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId, RosterHash, Seq};
use momoland_protocol::limits;
use momoland_protocol::register::Register;
use momoland_protocol::roster::CountersignedChange;
use momoland_protocol::signed::Signed;

use super::places::Place;
use crate::kv::StoreError;

/// What stands under a room's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) enum RoomRecord {
    /// A room.
    #[n(0)]
    Held(#[n(0)] RoomHead),
    /// A room that was forgotten: what is left under the number is to be deleted, and then this mark.
    #[n(1)]
    Forgotten,
}

/// A room, and where its roster ends: a lost tail is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct RoomHead {
    #[n(0)]
    pub(super) room: RoomId,
    /// Of the last change held; 0: none.
    #[n(1)]
    pub(super) version: u64,
    /// The last change held; zero: none.
    #[n(2)]
    pub(super) head: RosterHash,
}

/// A chain, and which part of it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct ChainRecord {
    #[n(0)]
    pub(super) log: LogId,
    #[n(1)]
    pub(super) chain: ChainId,
    #[n(2)]
    pub(super) low: Seq,
    #[n(3)]
    pub(super) high: Seq,
    /// The event at `high`.
    #[n(4)]
    pub(super) head: EventId,
    #[n(5)]
    pub(super) hlc: Hlc,
    /// The event before `low`; `None` where that is the first of all.
    #[n(6)]
    pub(super) low_prev: Option<EventId>,
}

/// That a chain forked, and the proof.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct ForkRecord {
    #[n(0)]
    pub(super) seq: Seq,
    #[n(1)]
    pub(super) offered: Signed<EventHeader>,
}

/// That an event deletes another, whether bodies were dropped for it, and what must be known to judge whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct DeletionRecord {
    #[n(0)]
    pub(super) log: LogId,
    #[n(1)]
    pub(super) place: EventPlace,
    #[n(2)]
    pub(super) target: EventId,
    #[n(3)]
    pub(super) action: Action,
    #[n(4)]
    pub(super) roster: RosterHash,
    #[n(5)]
    pub(super) dropped: bool,
}

/// That a log was announced in the room's conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct LogRecord {
    #[n(0)]
    pub(super) log: LogId,
}

/// What an event names as the one before it; `None` for the first.
pub(super) fn prev_of(header: &EventHeader) -> Option<EventId> {
    Some(header.prev).filter(|_| header.seq > Seq(1))
}

impl ChainRecord {
    /// Of a chain of which one event is held.
    pub(super) fn first(event: &Event) -> Self {
        let header = event.header.get();
        Self {
            log: header.log,
            chain: header.chain(),
            low: header.seq,
            high: header.seq,
            head: event.id(),
            hlc: header.hlc,
            low_prev: prev_of(header),
        }
    }
}

impl Bounded for RoomRecord {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Held(RoomHead { room: _, version, head }) => {
                bound((*version == 0) == (*head == RosterHash::ZERO), "version")
            }
            Self::Forgotten => Ok(()),
        }
    }
}

impl Bounded for ChainRecord {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(Seq::ZERO < self.low && self.low <= self.high, "range")?;
        bound(self.low_prev.is_some() == (self.low > Seq(1)), "low")
    }
}

impl Bounded for DeletionRecord {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.place.seq > Seq::ZERO, "place")
    }
}

impl Bounded for LogRecord {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

impl Bounded for ForkRecord {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(Seq::ZERO < self.seq && self.seq <= self.offered.get().seq, "seq")?;
        self.offered.check_bounds()
    }
}

/// A kind of value, with the most bytes that its encoding can have.
pub(super) trait Value: Encode<()> + for<'b> Decode<'b, ()> + Bounded {
    const BYTES_MAX: usize;
}

/// A signature, and the tags and lengths of a few arrays and byte strings: never more than this beside what they hold.
const ENVELOPE_BYTES_MAX: usize = 128;

impl Value for RoomRecord {
    const BYTES_MAX: usize = 128;
}

impl Value for ChainRecord {
    const BYTES_MAX: usize = 256;
}

impl Value for DeletionRecord {
    const BYTES_MAX: usize = 256;
}

impl Value for ForkRecord {
    const BYTES_MAX: usize = limits::HEADER_BYTES_MAX + ENVELOPE_BYTES_MAX;
}

impl Value for Event {
    const BYTES_MAX: usize = limits::HEADER_BYTES_MAX + limits::BODY_BYTES_MAX + ENVELOPE_BYTES_MAX;
}

impl Value for CountersignedChange {
    const BYTES_MAX: usize = 2 * (limits::ROSTER_CHANGE_BYTES_MAX + ENVELOPE_BYTES_MAX);
}

impl Value for LogRecord {
    const BYTES_MAX: usize = 64;
}

impl Value for Signed<Register> {
    const BYTES_MAX: usize = limits::REGISTER_BYTES_MAX + ENVELOPE_BYTES_MAX;
}

/// The value under a key.
pub(super) fn decode<V: Value>(key: &[u8], value: &[u8]) -> Result<V, StoreError> {
    cbor::decode(value, V::BYTES_MAX).map_err(|error| damaged(key, &error.to_string()))
}

/// The event under the key of a place in a chain.
pub(super) fn decode_event(
    (log, chain): (LogId, ChainId),
    place: Place,
    seq: Seq,
    value: &[u8],
) -> Result<Event, StoreError> {
    let key = super::keys::event(place, seq);
    let event: Event = decode(&key, value)?;
    let header = event.header.get();
    if (header.log, header.chain(), header.seq) != (log, chain, seq) {
        return Err(damaged(&key, "the event of another place"));
    }
    Ok(event)
}

/// That what is under a key is not what belongs there.
pub(super) fn damaged(key: &[u8], what: &str) -> StoreError {
    StoreError::damaged(format!("key \"{}\": {what}", key.escape_ascii()))
}
