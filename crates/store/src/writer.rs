//! The disk thread: group commit.
//!
//! The drivers of the replica (engine and server) submit batches with tickets and go on; this thread makes few synced
//! commits out of many batches and calls `done` for each ticket once its batch is on the disk. There is no timer: while
//! one group is being synced the next one gathers, so a lone batch waits for nothing and a crowd shares an fsync.
//!
//! # Invariants
//! 1. `done` is called exactly once for each accepted ticket, in the order of submission, and with `Ok` only after the
//!    batch is synced. Tests: `each_ticket_is_answered_once_and_in_order`, `crash`.
//! 2. A group has the effect of its batches committed one after the other: a requirement sees what earlier batches of the
//!    same group wrote, and a conflict fails its own ticket alone. Test: `prop_a_group_is_its_batches_one_by_one`.
//! 3. After a failed write every ticket of the group and every later one gets the same error; what the disk holds is known
//!    only after the store is opened again, so a new `Writer` begins there. Test: `a_failed_disk_fails_everything_after_it`.
//! 4. What waits is bounded by [`WAITING_BATCHES_MAX`] and [`WAITING_BYTES_MAX`]. Test: `a_full_queue_gives_the_batch_back`.
//!
//! Not here: reads (callers read the store themselves), an async runtime, retries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::kv::{Batch, Durability, Operation, Store, StoreError};

#[cfg(test)]
mod tests;

/// Batches that wait for the disk. Full: [`Writer::try_submit`] gives the batch back, [`Writer::submit`] waits.
pub const WAITING_BATCHES_MAX: usize = 4096;

/// Bytes of keys and values that wait for the disk; a batch that is larger on its own waits for an empty queue. Full: as
/// [`WAITING_BATCHES_MAX`].
pub const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Batches of one group. More stay for the next: the first ticket of a group waits until its last is written, and this many
/// keep that below ten milliseconds on a usual disk.
pub const GROUP_BATCHES_MAX: usize = 512;

/// Bytes of one group. More stay for the next; a batch that is larger on its own is a group of its own.
pub const GROUP_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Names a batch to the one who submitted it. Tickets need not be unique or ordered; they come back as they were given.
pub type Ticket = u64;

/// Why a batch was not taken. It comes back unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full. Nothing of the batch was written. Since at least one ticket is open, `done` will be called;
    /// an async caller tries again after each call, and need not wait in any other way.
    #[error("too much waits for the disk")]
    Full(Batch),
    /// The writer has been closed. Nothing of the batch was written, and no `done` will be called for it.
    #[error("the store is closing")]
    Closed(Batch),
}

/// The owner of the disk thread.
///
/// Dropping it takes no more batches, writes those that wait, and ends the thread. Share it in an `Arc`.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when a batch arrives or the queue closes.
    arrived: Condvar,
    /// Told when the thread has taken batches out.
    taken: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug)]
struct Job {
    ticket: Ticket,
    batch: Batch,
}

/// What became of one batch before the group is synced.
type Outcome = Result<(), StoreError>;

impl Writer {
    /// Starts the thread that writes to `store` and calls `done` for each ticket.
    ///
    /// `done` runs on that thread, between two groups: it should hand the answer on and return.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the system gives no thread.
    pub fn spawn(
        store: Arc<dyn Store>,
        done: impl FnMut(Ticket, Result<(), StoreError>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::default());
        let of_thread = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let _closes = CloseOnExit(&of_thread);
                run(&of_thread, store.as_ref(), done);
            })
            .map_err(|error| StoreError::Io { kind: error.kind(), detail: error.to_string() })?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Hands over a batch without waiting.
    ///
    /// An empty batch is a barrier: its ticket is answered when everything before it is on the disk.
    ///
    /// # Errors
    /// [`Refused`], with the batch.
    pub fn try_submit(&self, ticket: Ticket, batch: Batch) -> Result<(), Refused> {
        self.queue.lock().push(ticket, batch)?;
        self.queue.arrived.notify_one();
        Ok(())
    }

    /// Hands over a batch, waiting while the queue is full. Not from `done`, which empties it, nor from async code.
    ///
    /// # Errors
    /// [`Refused::Closed`], with the batch.
    pub fn submit(&self, ticket: Ticket, mut batch: Batch) -> Result<(), Refused> {
        let mut waiting = self.queue.lock();
        loop {
            match waiting.push(ticket, batch) {
                Ok(()) => break,
                Err(Refused::Full(back)) => batch = back,
                Err(closed @ Refused::Closed(_)) => return Err(closed),
            }
            waiting = self.queue.taken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        drop(waiting);
        self.queue.arrived.notify_one();
        Ok(())
    }

    /// Takes no more batches, and returns once those that wait are written and answered.
    pub fn close(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.queue.close();
        let Some(thread) = self.thread.take() else { return };
        // The last owner may be what `done` holds; a thread cannot wait for itself, and it ends by itself.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Lets go of those who wait for room, also where `done` panicked.
struct CloseOnExit<'a>(&'a Queue);

impl Drop for CloseOnExit<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.taken.notify_all();
    }

    /// Waits for batches and takes as many as make a group. `None` once the queue is closed and empty.
    fn take_group(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let group = waiting.take_group();
        drop(waiting);
        self.taken.notify_all();
        Some(group)
    }
}

impl Waiting {
    fn push(&mut self, ticket: Ticket, batch: Batch) -> Result<(), Refused> {
        if self.closed {
            return Err(Refused::Closed(batch));
        }
        let fits = self.jobs.len() < WAITING_BATCHES_MAX && self.bytes + batch.bytes() <= WAITING_BYTES_MAX;
        if !fits && !self.jobs.is_empty() {
            return Err(Refused::Full(batch));
        }
        self.bytes += batch.bytes();
        self.jobs.push_back(Job { ticket, batch });
        Ok(())
    }

    fn take_group(&mut self) -> Vec<Job> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.jobs.front() {
            let fits = group.len() < GROUP_BATCHES_MAX && bytes + next.batch.bytes() <= GROUP_BYTES_MAX;
            if !fits && !group.is_empty() {
                break;
            }
            bytes += next.batch.bytes();
            group.extend(self.jobs.pop_front());
        }
        self.bytes -= bytes;
        group
    }
}

fn run(queue: &Queue, store: &dyn Store, mut done: impl FnMut(Ticket, Outcome)) {
    let mut halted = None;
    while let Some(group) = queue.take_group() {
        let outcomes = match &halted {
            None => write(store, &group),
            Some(cause) => Err(StoreError::clone(cause)),
        };
        match outcomes {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    done(job.ticket, outcome);
                }
            }
            Err(cause) => {
                for job in group {
                    done(job.ticket, Err(cause.clone()));
                }
                halted = Some(cause);
            }
        }
    }
}

/// Writes a group. An outcome for each of its batches, or the error that halts the writer.
fn write(store: &dyn Store, group: &[Job]) -> Result<Vec<Outcome>, StoreError> {
    let (merged, outcomes) = merge(store, group)?;
    if outcomes.iter().all(Result::is_err) {
        return Ok(outcomes);
    }
    match store.commit(merged, Durability::Synced) {
        Ok(()) => Ok(outcomes),
        // Someone else has committed between the look and the commit. One by one the store itself is the judge.
        Err(StoreError::Conflict { .. }) => write_one_by_one(store, group),
        Err(error) => Err(error),
    }
}

/// The effect of a group as one batch, and which of its batches take part.
fn merge(store: &dyn Store, group: &[Job]) -> Result<(Batch, Vec<Outcome>), StoreError> {
    let mut merged = Batch::new();
    let mut outcomes = Vec::with_capacity(group.len());
    // What the group writes so far, over what the store holds.
    let mut written: BTreeMap<&[u8], &Operation> = BTreeMap::new();
    for Job { batch, .. } in group {
        let mut seen_in_store = Vec::new();
        let mut outcome = batch.check();
        for requirement in batch.requirements() {
            if outcome.is_err() {
                break;
            }
            let holds = match written.get(requirement.key.as_slice()) {
                Some(Operation::Put { value, .. }) => requirement.expect.holds(Some(value)),
                Some(Operation::Delete { .. }) => requirement.expect.holds(None),
                None => {
                    seen_in_store.push(requirement);
                    requirement.expect.holds(store.get(&requirement.key)?.as_deref())
                }
            };
            if !holds {
                outcome = Err(StoreError::Conflict { key: requirement.key.clone() });
            }
        }
        if outcome.is_ok() {
            // The store checks again what was read from it: others may commit too.
            for requirement in seen_in_store {
                merged.require(requirement.key.clone(), requirement.expect.clone());
            }
            for operation in batch.operations() {
                written.insert(operation.key(), operation);
            }
            if batch.erases() {
                merged.erase();
            }
        }
        outcomes.push(outcome);
    }
    for operation in written.into_values() {
        merged.push(operation.clone());
    }
    Ok((merged, outcomes))
}

fn write_one_by_one(store: &dyn Store, group: &[Job]) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        let outcome = store.commit(job.batch.clone(), Durability::Buffered);
        match outcome {
            Err(error) if error.halts() => return Err(error),
            Ok(()) | Err(_) => outcomes.push(outcome),
        }
    }
    store.commit(Batch::new(), Durability::Synced)?;
    Ok(outcomes)
}
