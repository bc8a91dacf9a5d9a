//! Durable state: an ordered, transactional key-value store, and the one thread that writes to it.
//!
//! - [`kv`] is the contract and its backends: sled on a disk, and memory for simulation and tests.
//! - [`writer`] turns many small batches into few synced commits, and says when each is on the disk.
//!
//! # Invariants
//! 1. What a synced commit acknowledged is there after SIGKILL and after a power cut. Test: `crash`.
//! 2. Damage is an error, never a silent loss, and the damaged files are kept. Test: `damage`.
//! 3. Nothing in here knows what the bytes mean, what time it is, or an async runtime.

#![deny(missing_docs)]

pub mod event_log;
pub mod kv;
pub mod writer;
