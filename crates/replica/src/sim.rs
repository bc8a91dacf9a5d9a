//! Deterministic simulation: a seed is a plan of what happens in a world of the shipped replicas; any failure replays.
//!
//! ```text
//!  draw (seed → plan) ─► run ─► world ─► Replica::handle_input ─► outputs ─► network, disk ─► world …
//!                         │       └──────── every frame, record, notice ────────► checkers
//!                         └─ heal, come to rest ────────────────────────────────► checkers
//! ```
//!
//! [`plan::Plan::from_seed`] draws some hundreds of commands with faults and time between them. [`run`] carries them out
//! on virtual time, heals the world, lets it come to rest, and holds what is there against the invariants: one file each
//! in `sim/checkers`. After FoundationDB's and TigerBeetle's simulators; `docs/protocol.md` has the rules.
//!
//! The same plan gives the same frames, byte for byte. Test: `a_seed_replays_exactly`. A plan that fails is made small by
//! [`shrink::shrink`], and told line by line by [`narrate`].
//!
//! Not here: real disks and processes (`./dev crash`), real links (scenarios).

pub mod plan;
pub mod shrink;
mod chance;
mod checkers;
mod disk;
mod draw;
mod liar;
mod network;
mod run;
mod server;
pub(crate) mod world;

pub use self::run::{Ran, Totals, narrate, run, run_with};

/// The relay's number among the nodes.
const RELAY: usize = 0;

/// People, one device each: nodes 1 to 5.
pub const PEOPLE: usize = 5;

/// The second device of person 2.
const TABLET: usize = PEOPLE + 1;

/// The last node that has an honest replica.
const HONEST: usize = TABLET;

/// A person who has no replica, and lies.
const LIAR: usize = HONEST + 1;

/// Faults that can be built in, to prove that the simulation finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// An own event leaves before it is on the disk.
    SendsBeforePersisted,
    /// What is beyond a cut is sent.
    SkipsCut,
    /// An event that claims a right that had ended is taken.
    AcceptsBackdated,
    /// Nobody is told that an event is on the disk.
    DropsAcknowledgement,
    /// After a crash the last place of the own chain is used again.
    ReusesSeqAfterCrash,
    /// A device that is listed what its peers did not bring does not ask for it.
    DigestWithoutTheGap,
    /// The lower end of a range moves one place too far.
    MergesRangesWrongly,
    /// Whoever was ever in the roster is sent everything.
    ForwardsToRemovedMember,
}

#[cfg(test)]
mod tests;
