//! The journal: what was answered and is in no event yet, one batch of it under way at a time.

use std::collections::BTreeSet;

use momoland_protocol::id::LogId;
use momoland_store::kv::Batch;

use super::Answer;
use crate::documents::records::DocumentRecords;

/// What waits for the disk before it is answered. One batch at a time: what comes meanwhile goes into the next.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) last: u64,
    queue: Vec<JournalEntry>,
    pub(super) writing: Option<Vec<Answer>>,
}

struct JournalEntry {
    log: LogId,
    number: u64,
    /// Entries that it stands for.
    instead_of: BTreeSet<u64>,
    /// Yjs updates, each with its length in front.
    updates: Vec<u8>,
    answers: Vec<Answer>,
    /// Whether more may be added: not once an event was made of it.
    open: bool,
}

impl Journal {
    /// Adds an update; the number of the entry that it is in.
    pub(super) fn add(&mut self, log: LogId, update: &[u8], answers: Vec<Answer>) -> u64 {
        let open = self.queue.iter_mut().find(|entry| entry.log == log && entry.open);
        let entry = match open {
            Some(entry) => entry,
            None => {
                self.last += 1;
                let entry = JournalEntry {
                    log,
                    number: self.last,
                    instead_of: BTreeSet::new(),
                    updates: Vec::new(),
                    answers: Vec::new(),
                    open: true,
                };
                self.queue.push(entry);
                let last = self.queue.len() - 1;
                &mut self.queue[last]
            }
        };
        // A request holds far less than what 32 bits count.
        entry.updates.extend_from_slice(&u32::try_from(update.len()).unwrap_or(u32::MAX).to_be_bytes());
        entry.updates.extend_from_slice(update);
        entry.answers.extend(answers);
        entry.number
    }

    /// Adds no more to the entries of a document that wait.
    pub(super) fn seal(&mut self, log: LogId) {
        self.queue.iter_mut().filter(|entry| entry.log == log).for_each(|entry| entry.open = false);
    }

    /// Events say what these entries say: they need not be written any more, only answered.
    pub(super) fn drop_entries(&mut self, numbers: &BTreeSet<u64>) {
        self.queue.iter_mut().filter(|entry| numbers.contains(&entry.number)).for_each(|entry| entry.updates.clear());
    }

    /// The last entry of a document stands for earlier ones.
    pub(super) fn replace(&mut self, log: LogId, numbers: BTreeSet<u64>) {
        self.drop_entries(&numbers);
        if let Some(entry) = self.queue.iter_mut().rev().find(|entry| entry.log == log) {
            entry.instead_of = numbers;
        }
    }

    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        if self.queue.is_empty() {
            return None;
        }
        let (mut batch, mut answers) = (Batch::new(), Vec::new());
        for entry in self.queue.drain(..) {
            DocumentRecords::delete_journal(&mut batch, entry.log, entry.instead_of.into_iter());
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
