//! The contract of a store: ordered byte keys, atomic commits, and a stated durability for each.
//!
//! The engine and the server write through [`crate::writer`] and read through [`Store`] itself. Calls block: they belong
//! on a thread that may wait for a disk. One [`Store`] is one folder (sled), one map (memory), or one schema of a database
//! server later; nothing in the contract asks for more than `SELECT`, `INSERT … ON CONFLICT` and one transaction.
//!
//! # Invariants
//! 1. A commit is there whole or not at all, whatever interrupts it. Tests: `conformance`, `crash`.
//! 2. Commits survive as a prefix: never a later one without every earlier one of the same store. Test: `crash`.
//! 3. One call sees one state: a `range` never shows half of a commit. Test: `conformance`.
//! 4. After a failed write a store refuses every further one until it is opened again, since what the disk holds is not
//!    known before that. Reads go on, or answer with the same error where they need what could not be written. Tests:
//!    `conformance`, `full_disk`.
//!
//! Not here: what keys mean (each owner lays its own out), queues and threads (`crate::writer`), deleting a range (page
//! through [`Store::range`] and delete in bounded batches: an atomic delete of unknown size has no bound).

mod batch;
#[cfg(test)]
mod conformance;
mod error;
pub mod memory;
mod range;
pub mod reopen;
pub mod schema;
pub mod sled;

pub use self::batch::{Batch, Expect, Operation, Requirement};
pub use self::error::StoreError;
pub use self::memory::MemoryStore;
pub use self::range::{KeyRange, Order};
pub use self::reopen::ReopenStore;
pub use self::schema::SchemaVersion;
pub use self::sled::SledStore;

/// Bytes of one key. Longer ones are refused: keys are repeated in index pages, which must stay small.
pub const KEY_BYTES_MAX: usize = 256;

/// Bytes of one value. Longer ones are refused: a document's snapshot fits with room to spare, and a file is cut into pieces.
pub const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Keys and values of one batch, in bytes. Larger ones are refused: a batch is held in memory, twice while it is written.
pub const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Pairs that one [`Store::range`] returns at most, whatever its `limit`. A caller that wants more pages on from the last key.
pub const RANGE_PAIRS_MAX: usize = 16 * 1024;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// What a commit that was answered with `Ok` survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Visible to readers at once; on the disk with the next synced commit, or with a clean close. A crash may lose it,
    /// and with it everything that was committed after it.
    Buffered,
    /// On the disk, together with every commit before it: survives SIGKILL and a power cut.
    Synced,
}

/// An ordered, transactional key-value store.
///
/// Object safe and blocking. Shared between threads; commits are put in one order by the store.
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// The value of `key`, as the newest commit left it, whether synced yet or not.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the record does not match its checksum, [`StoreError::Io`] where it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` (and at most [`RANGE_PAIRS_MAX`]) pairs of `range`, in `order`, all of one state.
    ///
    /// # Errors
    /// As [`Store::get`]; no pairs come beside an error.
    fn range(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// Checks the batch's requirements and applies its operations, in their order, as one step.
    ///
    /// Readers see a synced commit before it is on the disk; only the answer says that it is.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::TooLarge`] and [`StoreError::EmptyKey`] change nothing, and the store goes on.
    /// Any other error halts the store (invariant 4).
    fn commit(&self, batch: Batch, durability: Durability) -> Result<(), StoreError>;

    /// Whether a long read left more in memory than is kept there anyway, which only opening the store again gives back.
    fn is_swollen(&self) -> bool {
        false
    }

    /// Gives back what a long read left in memory. Who reads or writes meanwhile waits.
    ///
    /// # Errors
    /// Where the store had to be opened again for that, and could not be. It is closed then.
    fn rest(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Bytes that the store occupies on its disk, or in memory where it has none.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the files cannot be listed.
    fn size_on_disk(&self) -> Result<u64, StoreError>;
}
