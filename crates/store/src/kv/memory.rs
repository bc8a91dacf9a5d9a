//! A store in memory, for simulation and tests, with the two things that a disk does to a program: it forgets what was not
//! synced, and it fails.
//!
//! Shares the contract's suites with sled (`conformance`). Written and synced are kept apart: [`MemoryStore::crash`] takes
//! back every commit since the last synced one, as a power cut does.
//!
//! Not here: latency and scheduling of faults. The simulator owns both.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Batch, Durability, KeyRange, Operation, Order, Pair, RANGE_PAIRS_MAX, Store, StoreError};

/// An ordered map that forgets unsynced commits when told to crash.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What each write since the last synced commit replaced, oldest first.
    undo: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    bytes: u64,
    /// What the next commit that reaches the disk fails with.
    fault: Option<StoreError>,
    /// The failure that halted the store.
    halted: Option<StoreError>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses every commit after the last synced one, forgets planned faults, and takes commits again: a power cut and the
    /// opening after it.
    pub fn crash(&self) {
        let mut state = self.write();
        while let Some((key, before)) = state.undo.pop() {
            state.set(key, before);
        }
        state.fault = None;
        state.halted = None;
    }

    /// Makes the next commit that passes its checks fail with `error`, and every one after it until [`MemoryStore::crash`].
    /// The failing batch is visible but not synced, as on a disk that is full.
    pub fn fail_next(&self, error: StoreError) {
        self.write().fault = Some(error);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().pairs.get(key).cloned())
    }

    fn range(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let state = self.read();
        let limit = limit.min(RANGE_PAIRS_MAX);
        let pairs = state.pairs.range::<[u8], _>(range.bounds()).map(|(key, value)| (key.clone(), value.clone()));
        Ok(match order {
            Order::Ascending => pairs.take(limit).collect(),
            Order::Descending => pairs.rev().take(limit).collect(),
        })
    }

    fn commit(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        batch.check()?;
        let mut state = self.write();
        if let Some(cause) = &state.halted {
            return Err(cause.clone());
        }
        let (requirements, operations) = batch.into_parts();
        for requirement in requirements {
            if !requirement.expect.holds(state.pairs.get(&requirement.key).map(Vec::as_slice)) {
                return Err(StoreError::Conflict { key: requirement.key });
            }
        }
        for operation in operations {
            let (key, value) = match operation {
                Operation::Put { key, value } => (key, Some(value)),
                Operation::Delete { key } => (key, None),
            };
            let before = state.set(key.clone(), value);
            state.undo.push((key, before));
        }
        if let Some(fault) = state.fault.take() {
            state.halted = Some(fault.clone());
            return Err(fault);
        }
        match durability {
            Durability::Buffered => {}
            Durability::Synced => state.undo.clear(),
        }
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(self.read().bytes)
    }
}

impl State {
    /// Sets or removes one key; what it held before.
    fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let key_bytes = key.len();
        let before = match value {
            Some(value) => {
                self.bytes += (key_bytes + value.len()) as u64;
                self.pairs.insert(key, value)
            }
            None => self.pairs.remove(&key),
        };
        if let Some(before) = &before {
            self.bytes -= (key_bytes + before.len()) as u64;
        }
        before
    }
}
