//! The replication core, sans-IO: what is held, who may have it, what to send.
//!
//! One state machine, [`replica::Replica`], serves the client's engine and the server's relay alike. A driver feeds
//! it [`input::Input`]s and carries out its [`output::Output`]s; time and randomness come as parameters.
//!
//! # Invariants
//! 1. Our own event leaves, and anybody's event is acknowledged, shown or forwarded, only after `Persisted(Ok)`.
//!    Test: `nothing_leaves_before_it_is_on_disk`.
//! 2. What is admitted depends on the event, the rosters and the chain held so far, never on the order of arrival of
//!    unrelated things. Test: `prop_replicas_converge_under_any_schedule`.
//! 3. A link gets nothing of a room unless its device is in the roster held here. Test: `a_stranger_gets_nothing`.
//! 4. Memory a link is bounded: at most one load in flight, at most its credit in frames.
//!
//! Not here: sockets, disks, threads, clocks, meaning of bodies.
#![warn(missing_docs)]

pub mod roster;
pub mod input;
pub mod output;
pub mod admission;
pub mod deletions;
mod links;
mod log;
mod session;
pub mod replica;

#[cfg(any(test, feature = "sim"))]
pub mod sim;
