//! A store that is opened again in place, for those who hold on to it over a failure of its disk.
//!
//! After a failed write a store refuses every further one until it is opened again (`kv`, invariant 4), and a folder is open
//! once: everybody has to let go of it first. Here they keep their handle, and the store behind it is closed and opened.
//!
//! # Invariants
//! 1. Nobody uses the store while it is closed: calls answer with why it is. Test: `what_was_acknowledged_is_there_again`.
//! 2. A store that cannot be opened again stays closed, and can be tried again. Test: `what_cannot_be_opened_is_tried_again`.
//! 3. Who uses it while it rests is not refused. Test: `who_writes_while_it_rests_is_not_refused`.
//!
//! Not here: when to try (the owner knows whether there is room), what was in flight: its writer has had its answers.

use std::io;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use super::{Batch, Durability, KeyRange, Order, Pair, Store, StoreError};

/// How often a store that rests is tried to be opened again, which waits for its file each time.
const REST_TRIES: u32 = 6;
const REST_PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;

/// Opens the store that was closed.
type Open<S> = Box<dyn Fn() -> Result<S, StoreError> + Send + Sync>;

/// A store, and the way to open it again.
pub struct ReopenStore<S> {
    state: RwLock<State<S>>,
    open: Open<S>,
    /// Held while it is being closed and opened: one at a time.
    opening: Mutex<()>,
}

#[derive(Debug)]
enum State<S> {
    Open(S),
    Closed(StoreError),
}

impl<S: Store> ReopenStore<S> {
    /// Opens it for the first time.
    ///
    /// # Errors
    /// What `open` answers.
    pub fn open(open: impl Fn() -> Result<S, StoreError> + Send + Sync + 'static) -> Result<Self, StoreError> {
        let state = RwLock::new(State::Open(open()?));
        Ok(Self { state, open: Box::new(open), opening: Mutex::default() })
    }

    /// Closes it, and opens it again. What is under way ends first; what comes meanwhile is refused, and so is what comes
    /// after an error. Blocks for as long as opening takes.
    ///
    /// # Errors
    /// What opening it answers. It stays closed then, and may be tried again.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        // What was open is dropped here, which closes it.
        drop(self.replace(State::closed()));
        match (self.open)() {
            Ok(store) => {
                self.replace(State::Open(store));
                Ok(())
            }
            Err(error) => {
                self.replace(State::Closed(error.clone()));
                Err(error)
            }
        }
    }

    /// The lock is free again when this comes back: to close a store may take a while.
    fn replace(&self, state: State<S>) -> State<S> {
        std::mem::replace(&mut self.state.write().unwrap_or_else(PoisonError::into_inner), state)
    }

    fn state(&self) -> RwLockReadGuard<'_, State<S>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> State<S> {
    fn closed() -> Self {
        let detail = "it is being opened again".to_owned();
        Self::Closed(StoreError::Io { kind: io::ErrorKind::NotConnected, detail })
    }

    fn store(&self) -> Result<&S, StoreError> {
        match self {
            Self::Open(store) => Ok(store),
            Self::Closed(cause) => Err(cause.clone()),
        }
    }
}

impl<S: Store> Store for ReopenStore<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.state().store()?.get(key)
    }

    fn range(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.state().store()?.range(range, order, limit)
    }

    fn commit(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        self.state().store()?.commit(batch, durability)
    }

    fn is_swollen(&self) -> bool {
        matches!(&*self.state(), State::Open(store) if store.is_swollen())
    }

    fn rest(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is wrong with the disk, so nobody is to be refused: the lock is held until it is open again.
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(&*state, State::Open(store) if store.is_swollen()) {
            return Ok(());
        }
        *state = State::closed();
        // It was sound a moment ago, so what keeps it from being opened passes: somebody looks at the file, or it is slow.
        let mut tries = 1;
        loop {
            match (self.open)() {
                Ok(store) => {
                    *state = State::Open(store);
                    return Ok(());
                }
                Err(_) if tries < REST_TRIES => std::thread::sleep(REST_PAUSE),
                Err(error) => {
                    *state = State::Closed(error.clone());
                    return Err(error);
                }
            }
            tries += 1;
        }
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.state().store()?.size_on_disk()
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for ReopenStore<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReopenStore").field("state", &self.state).finish_non_exhaustive()
    }
}
