//! What two replicas say to each other: between peers, and between a device and its relay, alike.
//!
//! A link carries many rooms. For each room that both ends belong to, both say which roster they hold
//! ([`Frame::Room`]) and, once the other end's membership is known, what they have of each log ([`Frame::Have`]).
//! Then each sends what the other lacks. `docs/protocol.md` §6 has the rules.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::event::Event;
use crate::id::{ChainId, EventId, LogId, RoomId, RosterHash, Seq, SetHash};
use crate::limits;
use crate::register::Register;
use crate::roster::CountersignedChange;
use crate::signed::Signed;

/// One replication frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Frame {
    /// "I am in this room and hold its roster up to here." Opens the room on this link; repeated when the roster grows.
    #[n(0)]
    Room {
        /// The room.
        #[n(0)]
        room: RoomId,
        /// How many changes the sender holds; 0: none, and it asks for all.
        #[n(1)]
        version: u64,
        /// The last of them; zero where there is none.
        #[n(2)]
        head: RosterHash,
    },
    /// Roster changes that the other end lacks, in order and without a gap.
    #[n(1)]
    Roster {
        /// The room.
        #[n(0)]
        room: RoomId,
        /// The changes.
        #[n(1)]
        changes: Vec<CountersignedChange>,
    },
    /// "Nothing more of this room on this link": the sender left it, or the receiver is no member (any more).
    #[n(2)]
    Closed {
        /// The room.
        #[n(0)]
        room: RoomId,
    },
    /// What the sender holds of a log, durable; the answer is what it lacks.
    #[n(3)]
    Have {
        /// The log.
        #[n(0)]
        log: LogId,
        /// Its chains, sorted; chains that are not named are not held.
        #[n(1)]
        chains: Vec<ChainRange>,
        /// Whether the vector goes on in the next frame for this log.
        #[n(2)]
        more: bool,
        /// A hash over the log's registers; differing ones are exchanged.
        #[n(3)]
        registers: SetHash,
    },
    /// Events, each chain's in order and without a gap after what the receiver has.
    #[n(4)]
    Events {
        /// The log.
        #[n(0)]
        log: LogId,
        /// The events.
        #[n(1)]
        events: Vec<Event>,
    },
    /// "On my disk, up to and including here." Cumulative for each chain.
    #[n(5)]
    Ack {
        /// The log.
        #[n(0)]
        log: LogId,
        /// The chains that advanced.
        #[n(1)]
        chains: Vec<ChainHead>,
    },
    /// Registers that are newer than what the receiver is known to have.
    #[n(6)]
    Registers {
        /// The room.
        #[n(0)]
        room: RoomId,
        /// The registers.
        #[n(1)]
        registers: Vec<Signed<Register>>,
    },
    /// Asks for part of a chain: a gap, or older history.
    #[n(7)]
    Want {
        /// The log.
        #[n(0)]
        log: LogId,
        /// The chain.
        #[n(1)]
        chain: ChainId,
        /// The first place wanted,
        #[n(2)]
        from: Seq,
        /// and the last.
        #[n(3)]
        to: Seq,
    },
    /// Where the sender stands in a log, short for a long [`Self::Have`]: the answer is its own `Have` where it stands
    /// elsewhere.
    #[n(8)]
    Position {
        /// The log.
        #[n(0)]
        log: LogId,
        /// How many events it holds of it, durable.
        #[n(1)]
        n: u64,
        /// A hash over the chains' ranges and the registers, as the `Have` would have them.
        #[n(2)]
        h: EventId,
    },
    /// From the relay in digest mode: chains that grew, without their events. The answer is a [`Self::Fetch`] of what the
    /// receiver did not get from its peers.
    #[n(9)]
    Digest {
        /// The log.
        #[n(0)]
        log: LogId,
        /// The chains and up to where.
        #[n(1)]
        chains: Vec<ChainHead>,
    },
    /// To the relay: how a log is to be pushed.
    #[n(10)]
    Mode {
        /// The log.
        #[n(0)]
        log: LogId,
        /// How.
        #[n(1)]
        mode: RelayMode,
    },
    /// Asks for what follows in some chains, as a [`Self::Have`] does for all.
    #[n(11)]
    Fetch {
        /// The log.
        #[n(0)]
        log: LogId,
        /// The chains and up to where the sender has them; place 0, and no event: nothing of it.
        #[n(1)]
        chains: Vec<ChainHead>,
    },
}

/// How the relay pushes a log to one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum RelayMode {
    /// Events with their bodies.
    #[default]
    #[n(0)]
    Full,
    /// [`Frame::Digest`], coalesced, at most one a second.
    #[n(1)]
    Digest,
}

/// The contiguous part of a chain that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ChainRange {
    /// The chain.
    #[n(0)]
    pub chain: ChainId,
    /// The first place held.
    #[n(1)]
    pub low: Seq,
    /// The last place held.
    #[n(2)]
    pub high: Seq,
    /// The event at `high`: two that differ at one place show a fork.
    #[n(3)]
    pub head: EventId,
}

/// The end of what is held of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ChainHead {
    /// The chain.
    #[n(0)]
    pub chain: ChainId,
    /// The last place held.
    #[n(1)]
    pub seq: Seq,
    /// The event there.
    #[n(2)]
    pub event: EventId,
}

impl Bounded for Frame {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Roster { room: _, changes } => {
                bound(changes.len() <= limits::CHANGES_PER_FRAME_MAX, "changes")?;
                changes.iter().try_for_each(Bounded::check_bounds)
            }
            Self::Have { log: _, chains, more: _, registers: _ } => {
                bound(chains.len() <= limits::CHAINS_PER_FRAME_MAX, "chains")?;
                bound(chains.iter().all(|range| Seq::ZERO < range.low && range.low <= range.high), "range")?;
                bound(chains.is_sorted_by(|one, next| one.chain < next.chain), "chains")
            }
            Self::Events { log, events } => {
                bound(events.len() <= limits::EVENTS_PER_FRAME_MAX, "events")?;
                bound(events.iter().all(|event| event.header.get().log == *log), "log")?;
                events.iter().try_for_each(Bounded::check_bounds)
            }
            Self::Ack { log: _, chains } | Self::Digest { log: _, chains } | Self::Fetch { log: _, chains } => {
                bound(chains.len() <= limits::CHAINS_PER_FRAME_MAX, "chains")
            }
            Self::Registers { room, registers } => {
                bound(registers.len() <= limits::REGISTERS_PER_FRAME_MAX, "registers")?;
                bound(registers.iter().all(|register| register.get().room == *room), "room")
            }
            Self::Want { log: _, chain: _, from, to } => bound(Seq::ZERO < *from && from <= to, "range"),
            Self::Room { .. } | Self::Closed { .. } | Self::Position { .. } | Self::Mode { .. } => Ok(()),
        }
    }
}
