//! What is held of one log: its chains, each one contiguous range.
//!
//! A range `[low, high]` grows at both ends: upwards as people write, downwards as history is filled in, newest first.
//!
//! # Invariants
//! 1. Where a chain is held at all, `1 <= low <= durable.seq <= staged.seq` and `staged_low <= low`: checked by
//!    `check_invariants`.
//! 2. Both ends move by one event at a time: the upper by one that names the one before, the lower to the one that is
//!    named. Test: `prop_replicas_converge_under_any_schedule`.
//! 3. A relay's chains begin at 1. Test: `the_relay_takes_no_chain_from_its_middle`.

use std::collections::BTreeMap;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Event, EventHeader};
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId, Seq};
use momoland_protocol::replication::ChainRange;

use crate::deletions::Deletions;
use crate::input::LinkId;

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

/// The beginning of what is held of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Low {
    pub(crate) seq: Seq,
    /// The event before it, which it names; zero for the first of all.
    pub(crate) prev: EventId,
}

impl Low {
    pub(crate) const FIRST: Self = Self { seq: Seq(1), prev: EventId::ZERO };

    pub(crate) fn of(header: &EventHeader) -> Self {
        Self { seq: header.seq, prev: header.prev }
    }
}

/// One chain.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The first event on disk.
    pub(crate) low: Low,
    /// The first event taken; on its way to the disk, or there.
    pub(crate) staged_low: Low,
    /// The last event taken; on its way to the disk, or there.
    pub(crate) staged: Head,
    /// The last event on disk.
    pub(crate) durable: Head,
    /// The first place at which two events were seen: nothing more is taken, and nothing from there on is sent.
    pub(crate) forked: Option<Seq>,
    /// An event further back that was read to be compared.
    pub(crate) known: Option<(Seq, EventId)>,
    /// The link that was asked for what is before `staged_low`.
    pub(crate) asked: Option<LinkId>,
}

impl Chain {
    pub(crate) fn empty() -> Self {
        let (low, head) = (Low::FIRST, Head::EMPTY);
        Self { low, staged_low: low, staged: head, durable: head, forked: None, known: None, asked: None }
    }

    pub(crate) fn held(low: Low, head: Head) -> Self {
        Self { low, staged_low: low, staged: head, durable: head, forked: None, known: None, asked: None }
    }

    /// Whether nothing of it is held or on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.staged.seq == Seq::ZERO
    }

    /// Whether all of it is on disk, from its first event on.
    pub(crate) fn is_whole(&self) -> bool {
        self.low.seq == Seq(1)
    }

    /// Takes an event that was admitted, on either side of what is held.
    pub(crate) fn stage(&mut self, event: &Event) {
        let header = event.header.get();
        if self.is_empty() {
            self.low = Low::of(header);
            self.staged_low = self.low;
        }
        if header.seq < self.staged_low.seq {
            self.staged_low = Low::of(header);
        } else {
            self.staged = Head::of(header, event.id());
        }
    }

    /// An event that was taken is on disk.
    pub(crate) fn store(&mut self, event: &Event) {
        let header = event.header.get();
        if header.seq < self.low.seq {
            self.low = Low::of(header);
        } else {
            self.durable = Head::of(header, event.id());
        }
    }

    /// Notes that two events stand at one place.
    pub(crate) fn fork_at(&mut self, seq: Seq) {
        self.forked = Some(self.forked.map_or(seq, |earlier| earlier.min(seq)));
    }

    /// The last place that may be sent.
    pub(crate) fn sendable(&self) -> Seq {
        match self.forked {
            Some(forked) => self.durable.seq.min(Seq(forked.0.saturating_sub(1))),
            None => self.durable.seq,
        }
    }
}

/// One log.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) room: RoomId,
    pub(crate) chains: BTreeMap<ChainId, Chain>,
    pub(crate) deletions: Deletions,
}

impl Log {
    pub(crate) fn new(room: RoomId) -> Self {
        Self { room, chains: BTreeMap::new(), deletions: Deletions::default() }
    }

    /// What is on disk, for a comparison.
    pub(crate) fn ranges(&self) -> Vec<ChainRange> {
        let held = self.chains.iter().filter(|(_, chain)| chain.durable.seq >= chain.low.seq);
        held.map(|(id, chain)| ChainRange {
            chain: *id,
            low: chain.low.seq,
            high: chain.durable.seq,
            head: chain.durable.event,
        })
        .collect()
    }

    /// # Panics
    /// Where an invariant of this module is broken.
    pub(crate) fn check_invariants(&self, log: LogId) {
        for (id, chain) in &self.chains {
            let (low, staged_low) = (chain.low.seq, chain.staged_low.seq);
            assert!(staged_low > Seq::ZERO, "{log} {id:?}: places begin at 1");
            assert!(staged_low <= low, "{log} {id:?}: the lower end on disk is ahead of what was taken");
            assert!(chain.durable.seq <= chain.staged.seq, "{log} {id:?}: durable ahead of staged");
            let held = chain.durable.seq == Seq::ZERO || low <= chain.durable.seq;
            assert!(held, "{log} {id:?}: a gap below the range");
        }
    }
}
