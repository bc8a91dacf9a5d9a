//! What is held of one log: its chains, each one contiguous range.
//!
//! # Invariants
//! 1. `low <= durable.seq + 1`, `durable.seq <= staged.seq`: checked by `check_invariants`.
//! 2. `staged` moves by one event at a time, each naming the one before.

use std::collections::BTreeMap;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::EventHeader;
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId, Seq};
use momoland_protocol::replication::ChainRange;

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: Seq,
    pub(crate) event: EventId,
    pub(crate) hlc: Hlc,
}

impl Head {
    const EMPTY: Self = Self { seq: Seq::ZERO, event: EventId::ZERO, hlc: Hlc(0) };

    pub(crate) fn of(header: &EventHeader, event: EventId) -> Self {
        Self { seq: header.seq, event, hlc: header.hlc }
    }
}

/// One chain.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The first place held.
    pub(crate) low: Seq,
    /// The last event taken; on its way to the disk, or there.
    pub(crate) staged: Head,
    /// The last event on disk.
    pub(crate) durable: Head,
    /// Two events with one place were seen from here on: nothing more is taken or sent.
    pub(crate) frozen: bool,
}

impl Chain {
    pub(crate) fn empty() -> Self {
        Self { low: Seq(1), staged: Head::EMPTY, durable: Head::EMPTY, frozen: false }
    }

    pub(crate) fn held(low: Seq, head: Head) -> Self {
        Self { low, staged: head, durable: head, frozen: false }
    }

    /// The last place that may be sent.
    pub(crate) fn sendable(&self) -> Seq {
        if self.frozen {
            return Seq::ZERO;
        }
        self.durable.seq
    }
}

/// One log.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) room: RoomId,
    pub(crate) chains: BTreeMap<ChainId, Chain>,
}

impl Log {
    pub(crate) fn new(room: RoomId) -> Self {
        Self { room, chains: BTreeMap::new() }
    }

    /// What is on disk, for a comparison.
    pub(crate) fn ranges(&self) -> Vec<ChainRange> {
        let held = self.chains.iter().filter(|(_, chain)| chain.durable.seq >= chain.low);
        held.map(|(id, chain)| ChainRange {
            chain: *id,
            low: chain.low,
            high: chain.durable.seq,
            head: chain.durable.event,
        })
        .collect()
    }

    /// # Panics
    /// Where an invariant of this module is broken.
    pub(crate) fn check_invariants(&self, log: LogId) {
        for (id, chain) in &self.chains {
            assert!(chain.low > Seq::ZERO, "{log} {id:?}: places begin at 1");
            assert!(chain.durable.seq <= chain.staged.seq, "{log} {id:?}: durable ahead of staged");
            assert!(chain.low.0 <= chain.durable.seq.0 + 1, "{log} {id:?}: a gap below the range");
        }
    }
}
