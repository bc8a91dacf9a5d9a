//! The journal: what was answered and is in no event yet, one batch of it under way at a time.

use std::collections::BTreeSet;

use momoland_protocol::id::LogId;
use momoland_store::kv::Batch;

use super::Answer;
use crate::documents::records::{DocumentRecords, WrittenAnew};
use crate::documents::update::Update;

/// Bytes of updates in one entry, well below what a value of the store may have.
const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of entries that are written at once, well below what a batch may have.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What waits for the disk before it is answered. One batch at a time: what comes meanwhile goes into the next.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) last: u64,
    queue: Vec<JournalEntry>,
    pub(super) writing: Option<Vec<Answer>>,
    /// Entries that the batch under way deletes.
    deleting: BTreeSet<u64>,
}

struct JournalEntry {
    log: LogId,
    number: u64,
    /// Entries that it stands for.
    instead_of: BTreeSet<u64>,
    /// Where it makes own events again: all that were.
    anew: Option<WrittenAnew>,
    /// Yjs updates, each with its length in front.
    updates: Vec<u8>,
    answers: Vec<Answer>,
    /// Whether more may be added: not once an event was made of it.
    open: bool,
}

impl Journal {
    /// Adds an update, answered once all of it is on the disk; the numbers of the entries that it is in.
    pub(super) fn add(&mut self, log: LogId, update: &[u8], answers: Vec<Answer>) -> BTreeSet<u64> {
        let parts = match update.len() > ENTRY_BYTES_MAX {
            // What cannot be cut was refused when it came: no event could say it either.
            true => Update::decode(update).and_then(|update| update.into_parts(ENTRY_BYTES_MAX)).unwrap_or_default(),
            false => Vec::new(),
        };
        let mut numbers = BTreeSet::new();
        for part in &parts {
            numbers.insert(self.add_part(log, part).number);
        }
        let last = match parts.is_empty() {
            true => self.add_part(log, update),
            false => self.open_entry(log, 0),
        };
        last.answers.extend(answers);
        numbers.insert(last.number);
        numbers
    }

    fn add_part(&mut self, log: LogId, update: &[u8]) -> &mut JournalEntry {
        let entry = self.open_entry(log, update.len());
        // A request holds far less than what 32 bits count.
        entry.updates.extend_from_slice(&u32::try_from(update.len()).unwrap_or(u32::MAX).to_be_bytes());
        entry.updates.extend_from_slice(update);
        entry
    }

    /// The entry of a document that so many bytes more go into.
    fn open_entry(&mut self, log: LogId, bytes: usize) -> &mut JournalEntry {
        let fits = |entry: &JournalEntry| entry.updates.is_empty() || entry.updates.len() + bytes <= ENTRY_BYTES_MAX;
        let open = self.queue.iter().rposition(|entry| entry.log == log && entry.open);
        match open.filter(|place| self.queue.get(*place).is_some_and(fits)) {
            Some(place) => &mut self.queue[place],
            None => self.push(log),
        }
    }

    fn push(&mut self, log: LogId) -> &mut JournalEntry {
        self.last += 1;
        self.queue.push_mut(JournalEntry {
            log,
            number: self.last,
            instead_of: BTreeSet::new(),
            anew: None,
            updates: Vec::new(),
            answers: Vec::new(),
            open: true,
        })
    }

    /// Adds no more to the entries of a document that wait.
    pub(super) fn seal(&mut self, log: LogId) {
        self.queue.iter_mut().filter(|entry| entry.log == log).for_each(|entry| entry.open = false);
    }

    /// Deletes entries, since events say what they say or nobody will take it. Those that wait are only answered.
    pub(super) fn delete(&mut self, log: LogId, numbers: BTreeSet<u64>) {
        if numbers.is_empty() {
            return;
        }
        self.drop_entries(&numbers);
        let entry = self.push(log);
        (entry.instead_of, entry.open) = (numbers, false);
    }

    fn drop_entries(&mut self, numbers: &BTreeSet<u64>) {
        self.queue.iter_mut().filter(|entry| numbers.contains(&entry.number)).for_each(|entry| entry.updates.clear());
    }

    /// The last entry of a document stands for earlier ones.
    pub(super) fn replace(&mut self, log: LogId, numbers: BTreeSet<u64>) {
        self.drop_entries(&numbers);
        if let Some(entry) = self.queue.iter_mut().rev().find(|entry| entry.log == log) {
            entry.instead_of = numbers;
        }
    }

    /// Whether an entry is deleted, or another stands for it, though it may be on the disk still.
    pub(super) fn deletes(&self, number: u64) -> bool {
        self.deleting.contains(&number) || self.queue.iter().any(|entry| entry.instead_of.contains(&number))
    }

    /// The last entry of a document makes own events again; it and the note of that are written together.
    pub(super) fn note_written_anew(&mut self, log: LogId, anew: WrittenAnew) {
        if let Some(entry) = self.queue.iter_mut().rev().find(|entry| entry.log == log) {
            entry.anew = Some(anew);
        }
    }

    /// Whether that is not on its way yet: an event that says it goes behind.
    pub(super) fn notes_written_anew(&self, log: LogId) -> bool {
        self.queue.iter().any(|entry| entry.log == log && entry.anew.is_some())
    }

    /// What is to be written next, in the order in which it came.
    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        if self.queue.is_empty() {
            return None;
        }
        let mut bytes = 0;
        let fit = self.queue.iter().take_while(|entry| {
            bytes += entry.updates.len();
            bytes <= BATCH_BYTES_MAX
        });
        let fit = fit.count().max(1);
        let (mut batch, mut answers) = (Batch::new(), Vec::new());
        self.deleting.clear();
        for entry in self.queue.drain(..fit) {
            DocumentRecords::delete_journal(&mut batch, entry.log, entry.instead_of.iter().copied());
            self.deleting.extend(entry.instead_of);
            if let Some(anew) = &entry.anew {
                DocumentRecords::put_written_anew(&mut batch, entry.log, anew);
            }
            if !entry.updates.is_empty() {
                DocumentRecords::put_journal(&mut batch, entry.log, entry.number, entry.updates);
            }
            answers.extend(entry.answers);
        }
        self.writing = Some(answers);
        Some(batch)
    }
}

/// The updates of a journal's entry.
pub(super) fn split(mut updates: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = updates.split_first_chunk::<4>() {
        let Some((update, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
        found.push(update);
        updates = rest;
    }
    found
}
