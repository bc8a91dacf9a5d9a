//! The store's only writer for what the replica holds: persist requests become batches, and come back confirmed.
//!
//! `engine` hands in the replica's records and loads; the disk thread (group commit) and the blocking pool answer through
//! a channel. Nothing here decides anything.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use momoland_protocol::event::Event;
use momoland_protocol::id::{LogId, RoomId};
use momoland_replica::input::{PersistFailed, Ticket};
use momoland_replica::output::{Load, LoadOrder, Record};
use momoland_replica::replica::DurableState;
use momoland_store::event_log::{EventLog, EventReader};
use momoland_store::kv::{Batch, Store, StoreError};
use momoland_store::writer::{Refused, Writer};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::account::record::Records;

/// What the disk says.
#[derive(Debug)]
pub(crate) enum DiskEvent {
    Persisted {
        ticket: Ticket,
        result: Result<(), PersistFailed>,
    },
    Loaded {
        ticket: Ticket,
        events: Vec<Event>,
    },
    /// All events of a room's conversation, in no order; see [`Persistence::read_conversation`].
    Read {
        room: RoomId,
        events: Result<Vec<Event>, StoreError>,
    },
    /// What [`Persistence::write_marks`] wrote is on the disk.
    Marked,
    /// What [`Persistence::keep`] wrote is on the disk, or is not.
    Kept {
        ticket: u64,
        result: Result<(), PersistFailed>,
    },
    /// What [`Persistence::write_journal`] was given is on the disk, or the disk takes nothing any more.
    Journalled {
        written: bool,
    },
    /// What [`Persistence::fold_beside`] made, if anything.
    Folded {
        log: LogId,
        snapshot: Option<Vec<u8>>,
    },
    /// A part of what was forgotten is gone.
    Swept,
    /// The disk took nothing of what nobody waits for.
    Failed,
}

/// Nobody waits for this ticket: what it writes is told again or computed anew where it is lost.
const UNWATCHED: u64 = 0;

/// The ticket of a batch that deletes a part of what was forgotten.
const SWEEP: u64 = u64::MAX;

/// The ticket of a batch of delivery marks.
const MARKS: u64 = u64::MAX - 1;

/// Tickets from here on are of what somebody waits for besides the replica, which counts its own from 1.
const KEPT: u64 = 1 << 62;

/// The ticket of a batch of documents' journals.
const JOURNAL: u64 = u64::MAX - 2;

#[derive(Debug)]
pub(crate) struct Persistence {
    log: EventLog,
    reader: EventReader,
    /// `None` once the disk failed.
    writer: Option<Writer>,
    answers: mpsc::UnboundedSender<DiskEvent>,
    /// Batches that found the writer's queue full, in order.
    waiting: VecDeque<(u64, Batch)>,
    /// A batch of [`SWEEP`] is under way.
    sweeping: bool,
    /// Who waits for what was written with a ticket from [`KEPT`] on.
    keeping: BTreeMap<u64, oneshot::Sender<bool>>,
    next_kept: u64,
    /// Documents that are being folded.
    beside: JoinSet<()>,
}

impl Persistence {
    /// Opens the event log and starts the disk thread.
    ///
    /// # Errors
    /// Where the store cannot be read, or no thread is to be had.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        answers: mpsc::UnboundedSender<DiskEvent>,
    ) -> Result<(Self, DurableState), StoreError> {
        let (log, state) = EventLog::open(Arc::clone(&store))?;
        let of_writer = answers.clone();
        let writer = Writer::spawn(store, move |ticket, result| {
            if let Err(error) = &result {
                tracing::error!(%error, "the disk took nothing");
            }
            let answer = match ticket {
                UNWATCHED | SWEEP | MARKS if result.is_err() => DiskEvent::Failed,
                UNWATCHED => return,
                SWEEP => DiskEvent::Swept,
                MARKS => DiskEvent::Marked,
                JOURNAL => DiskEvent::Journalled { written: result.is_ok() },
                ticket if ticket >= KEPT => DiskEvent::Kept { ticket, result: result.map_err(|_| PersistFailed) },
                ticket => DiskEvent::Persisted { ticket: Ticket(ticket), result: result.map_err(|_| PersistFailed) },
            };
            // Nobody listens any more where the engine is gone.
            let _ = of_writer.send(answer);
        })?;
        let reader = log.reader();
        let mut persistence = Self {
            log,
            reader,
            writer: Some(writer),
            answers,
            waiting: VecDeque::new(),
            sweeping: false,
            keeping: BTreeMap::new(),
            next_kept: KEPT,
            beside: JoinSet::new(),
        };
        // What was forgotten before the last stop, and did not fit into one batch.
        persistence.sweep();
        Ok((persistence, state))
    }

    /// Deletes the next part of what was forgotten or deleted, if there is any; [`DiskEvent::Swept`] asks for the one after.
    pub(crate) fn sweep(&mut self) {
        let mut batch = Batch::new();
        match self.log.sweep(&mut batch) {
            Ok(more) => {
                self.sweeping = more;
                if more {
                    self.submit(SWEEP, batch);
                }
            }
            Err(error) => tracing::error!(%error, "what was forgotten or deleted could not be taken from the disk"),
        }
    }

    /// Writes a batch of the replica's.
    pub(crate) fn persist(&mut self, ticket: Ticket, records: &[Record]) {
        let mut batch = Batch::new();
        for record in records {
            if let Record::Forget { room } = record {
                Records::delete_of_log(&mut batch, room.conversation());
            }
            if let Err(error) = self.log.put(&mut batch, record) {
                tracing::error!(%error, "what a room holds could not be read to be forgotten");
                let _ = self.answers.send(DiskEvent::Persisted { ticket, result: Err(PersistFailed) });
                return;
            }
        }
        self.submit(ticket.0, batch);
        let leaves_work = |record: &Record| matches!(record, Record::Forget { .. } | Record::Deletion { .. });
        if !self.sweeping && records.iter().any(leaves_work) {
            self.sweep();
        }
    }

    /// Writes something that nobody waits for.
    pub(crate) fn write(&mut self, batch: Batch) {
        self.submit(UNWATCHED, batch);
    }

    /// Writes something of this device's own; answered with whether it is on the disk.
    pub(crate) fn keep(&mut self, batch: Batch) -> oneshot::Receiver<bool> {
        let (answer, answered) = oneshot::channel();
        let ticket = self.next_kept;
        self.next_kept += 1;
        self.keeping.insert(ticket, answer);
        self.submit(ticket, batch);
        answered
    }

    /// Answers who waits for what [`Self::keep`] wrote.
    pub(crate) fn kept(&mut self, ticket: u64, result: Result<(), PersistFailed>) {
        if let Some(answer) = self.keeping.remove(&ticket) {
            // The caller may have gone.
            let _ = answer.send(result.is_ok());
        }
    }

    /// Writes how far own messages got; [`DiskEvent::Marked`] tells when it is done.
    pub(crate) fn write_marks(&mut self, batch: Batch) {
        self.submit(MARKS, batch);
    }

    /// Writes to documents' journals; [`DiskEvent::Journalled`] tells when it is done.
    pub(crate) fn write_journal(&mut self, batch: Batch) {
        self.submit(JOURNAL, batch);
    }

    /// The writer has room again: hands over what waits.
    pub(crate) fn resume(&mut self) {
        while let Some((ticket, batch)) = self.waiting.pop_front() {
            let Some(writer) = &self.writer else {
                self.failed(ticket);
                continue;
            };
            match writer.try_submit(ticket, batch) {
                Ok(()) => {}
                Err(Refused::Full(batch)) => {
                    self.waiting.push_front((ticket, batch));
                    return;
                }
                Err(Refused::Closed(_)) => self.failed(ticket),
            }
        }
    }

    fn submit(&mut self, ticket: u64, batch: Batch) {
        self.waiting.push_back((ticket, batch));
        self.resume();
    }

    fn failed(&mut self, ticket: u64) {
        if ticket == JOURNAL {
            let _ = self.answers.send(DiskEvent::Journalled { written: false });
        } else if (KEPT..JOURNAL).contains(&ticket) {
            self.kept(ticket, Err(PersistFailed));
        } else if !matches!(ticket, UNWATCHED | SWEEP | MARKS) {
            let _ = self.answers.send(DiskEvent::Persisted { ticket: Ticket(ticket), result: Err(PersistFailed) });
        }
    }

    /// The disk failed: ends its thread, whose batches all fail, and takes no more. To go on, start anew.
    pub(crate) fn stop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.close();
        }
        self.resume();
    }

    /// Reads events on the blocking pool.
    pub(crate) fn load(&self, ticket: Ticket, load: Load) {
        let (reader, answers) = (self.reader.clone(), self.answers.clone());
        tokio::task::spawn_blocking(move || {
            let Load { log, chain, from, to, bytes_max, order } = load;
            let events = match order {
                LoadOrder::OldestFirst => reader.load(log, chain, from, to, bytes_max),
                LoadOrder::NewestFirst => reader.load_back(log, chain, from, to, bytes_max),
            };
            let events = events.unwrap_or_else(|error| {
                tracing::error!(%error, %log, "events could not be read");
                Vec::new()
            });
            let _ = answers.send(DiskEvent::Loaded { ticket, events });
        });
    }

    /// Reads all events of a room's conversation on the blocking pool.
    pub(crate) fn read_conversation(&self, room: RoomId) {
        let (reader, answers) = (self.reader.clone(), self.answers.clone());
        tokio::task::spawn_blocking(move || {
            let mut events = Vec::new();
            let read = reader.each_event_of(room.conversation(), &mut |event| events.push(event));
            let _ = answers.send(DiskEvent::Read { room, events: read.map(|()| events) });
        });
    }

    /// Reads events, from any thread; its calls block on the disk.
    pub(crate) fn reader(&self) -> EventReader {
        self.reader.clone()
    }

    /// Takes a document's snapshot that was made beside; [`DiskEvent::Folded`] brings it.
    pub(crate) fn fold_beside(&mut self, log: LogId, fold: impl FnOnce() -> Option<Vec<u8>> + Send + 'static) {
        while self.beside.try_join_next().is_some() {}
        let answers = self.answers.clone();
        self.beside.spawn_blocking(move || {
            let _ = answers.send(DiskEvent::Folded { log, snapshot: fold() });
        });
    }

    /// Waits for what reads beside.
    pub(crate) async fn end_beside(&mut self) {
        while self.beside.join_next().await.is_some() {}
    }

    /// Writes what waits and ends the disk thread.
    pub(crate) fn close(self) {
        let Self { log: _, reader: _, writer, answers: _, waiting, sweeping: _, keeping: _, next_kept: _, beside: _ } =
            self;
        let Some(writer) = writer else { return };
        for (ticket, batch) in waiting {
            if writer.submit(ticket, batch).is_err() {
                break;
            }
        }
        writer.close();
    }
}
