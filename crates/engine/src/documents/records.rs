//! What is kept of documents between two starts, beside the events of their logs.
//!
//! Keys of the store that begin with `D`:
//!
//! ```text
//!   D a ‖ log (32)                how far one's own chains of a document got elsewhere: Reached as JSON
//!   D n ‖ log (32)                which events say who may write in a document and where it is put: Noted, CBOR
//!   D s ‖ log (32)                a document folded so far: how many parts it has (1), and the first of a Snapshot, CBOR
//!   D s ‖ log (32) ‖ part (1)     the others, from 1 on
//!   D w ‖ log (32)                which own events were made again, since a cut took what they build on: WrittenAnew, CBOR
//!   D j ‖ log (32) ‖ number (8)   the journal: a Yjs update of one's own that is in no event yet
//! ```
//! Numbers are big endian. The journal is what makes an edit safe before its event is signed: it is deleted once events
//! that say the same are on disk. What is noted and folded is derived from events, and lost without harm.

use std::collections::BTreeMap;
use std::sync::Arc;

use minicbor::{Decode, Encode};
use momoland_protocol::id::{ChainId, LogId, Seq};
use momoland_store::kv::{Batch, KeyRange, Order, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::snapshot::Ranges;

const REACHED: &[u8] = b"Da";
const NOTED: &[u8] = b"Dn";
const SNAPSHOT: &[u8] = b"Ds";
const WRITTEN_ANEW: &[u8] = b"Dw";
const JOURNAL: &[u8] = b"Dj";

/// Records read at a time.
const PAGE: usize = 64;

/// Bytes of one part of a snapshot, well below what a value may have.
const SNAPSHOT_PART_BYTES: usize = 1024 * 1024;

/// Parts of a snapshot: fewer than a batch may have. A longer one is not kept, and its document folded at each opening.
const SNAPSHOT_PARTS_MAX: u8 = 24;

/// How far one's own chains of a document got: the place up to which the relay or another member has each, by incarnation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    pub(crate) chains: BTreeMap<String, u64>,
}

/// Where in a document's log the few events are that are no updates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Noted {
    /// Where was looked for them.
    #[n(0)]
    pub(crate) looked: Ranges,
    #[n(1)]
    pub(crate) places: Vec<(ChainId, Seq)>,
}

/// Where in a document's log the own events are that were made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct WrittenAnew {
    #[n(0)]
    pub(crate) places: Vec<(ChainId, Seq)>,
}

/// The engine's records of documents.
#[derive(Debug, Clone)]
pub(crate) struct DocumentRecords {
    store: Arc<dyn Store>,
}

impl DocumentRecords {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The documents that have something in the journal, and the highest number of each.
    ///
    /// # Errors
    /// Where the store cannot be read, or holds what was not written there.
    pub(crate) fn journals(&self) -> Result<BTreeMap<LogId, u64>, StoreError> {
        let mut last = BTreeMap::new();
        self.each(JOURNAL, |key, _| {
            let (log, number) = understand(key)?;
            last.insert(log, number);
            Ok(())
        })?;
        Ok(last)
    }

    /// What the journal holds of a document, oldest first.
    ///
    /// # Errors
    /// As [`Self::journals`].
    pub(crate) fn journal(&self, log: LogId) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let mut entries = Vec::new();
        self.each(&[JOURNAL, log.as_bytes()].concat(), |key, value| {
            let (_, number) = understand(key)?;
            entries.push((number, value));
            Ok(())
        })?;
        Ok(entries)
    }

    pub(crate) fn put_journal(batch: &mut Batch, log: LogId, number: u64, update: Vec<u8>) {
        batch.put(journal_key(log, number), update);
    }

    pub(crate) fn delete_journal(batch: &mut Batch, log: LogId, numbers: impl Iterator<Item = u64>) {
        for number in numbers {
            batch.delete(journal_key(log, number));
        }
    }

    /// # Errors
    /// Where the store cannot be read. What cannot be understood counts as nothing: it is learned again.
    pub(crate) fn reached(&self, log: LogId) -> Result<Reached, StoreError> {
        let bytes = self.store.get(&[REACHED, log.as_bytes()].concat())?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    pub(crate) fn put_reached(batch: &mut Batch, log: LogId, reached: &Reached) {
        // A map of strings to numbers: there is nothing that JSON could refuse.
        batch.put([REACHED, log.as_bytes()].concat(), serde_json::to_vec(reached).unwrap_or_default());
    }

    /// # Errors
    /// Where the store cannot be read. What cannot be understood counts as nothing: it is looked for again.
    pub(crate) fn noted(&self, log: LogId) -> Result<Noted, StoreError> {
        let bytes = self.store.get(&[NOTED, log.as_bytes()].concat())?;
        Ok(bytes.and_then(|bytes| minicbor::decode(&bytes).ok()).unwrap_or_default())
    }

    pub(crate) fn put_noted(batch: &mut Batch, log: LogId, noted: &Noted) {
        // A `Vec` cannot refuse bytes.
        batch.put([NOTED, log.as_bytes()].concat(), minicbor::to_vec(noted).unwrap_or_default());
    }

    /// # Errors
    /// Where the store cannot be read, or holds what was not written there: to count that as nothing would say all twice.
    pub(crate) fn written_anew(&self, log: LogId) -> Result<WrittenAnew, StoreError> {
        let Some(bytes) = self.store.get(&[WRITTEN_ANEW, log.as_bytes()].concat())? else {
            return Ok(WrittenAnew::default());
        };
        minicbor::decode(&bytes)
            .map_err(|error| StoreError::Damaged { detail: format!("what was written anew of {log}: {error}") })
    }

    pub(crate) fn put_written_anew(batch: &mut Batch, log: LogId, anew: &WrittenAnew) {
        // A `Vec` cannot refuse bytes.
        batch.put([WRITTEN_ANEW, log.as_bytes()].concat(), minicbor::to_vec(anew).unwrap_or_default());
    }

    /// A document folded so far.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn snapshot(&self, log: LogId) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(first) = self.store.get(&snapshot_key(log, 0))? else { return Ok(None) };
        let Some((parts, first)) = first.split_first() else { return Ok(None) };
        let mut snapshot = first.to_vec();
        for part in 1..*parts {
            let Some(bytes) = self.store.get(&snapshot_key(log, part))? else { return Ok(None) };
            snapshot.extend_from_slice(&bytes);
        }
        Ok(Some(snapshot))
    }

    /// Puts a snapshot in the place of the one before, if it is not too long.
    pub(crate) fn put_snapshot(batch: &mut Batch, log: LogId, snapshot: &[u8]) {
        Self::delete_snapshot(batch, log);
        let parts = snapshot.len().div_ceil(SNAPSHOT_PART_BYTES).max(1);
        let Some(count) = u8::try_from(parts).ok().filter(|parts| *parts <= SNAPSHOT_PARTS_MAX) else { return };
        for (part, bytes) in (0..count).zip(snapshot.chunks(SNAPSHOT_PART_BYTES)) {
            let value = if part == 0 { [&[count], bytes].concat() } else { bytes.to_vec() };
            batch.put(snapshot_key(log, part), value);
        }
    }

    pub(crate) fn delete_snapshot(batch: &mut Batch, log: LogId) {
        for part in 0..SNAPSHOT_PARTS_MAX {
            batch.delete(snapshot_key(log, part));
        }
    }

    /// Deletes everything of a document.
    ///
    /// # Errors
    /// As [`Self::journals`].
    pub(crate) fn forget(&self, batch: &mut Batch, log: LogId) -> Result<(), StoreError> {
        for kind in [REACHED, NOTED, WRITTEN_ANEW] {
            batch.delete([kind, log.as_bytes()].concat());
        }
        Self::delete_snapshot(batch, log);
        self.each(&[JOURNAL, log.as_bytes()].concat(), |key, _| {
            batch.delete(key);
            Ok(())
        })
    }

    fn each(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut range = KeyRange::prefix(prefix);
        loop {
            let page = self.store.range(&range, Order::Ascending, PAGE)?;
            let next = page.last().map(|(key, _)| range.after(key)).filter(|_| page.len() == PAGE);
            for (key, value) in page {
                visit(&key, value)?;
            }
            match next {
                Some(next) => range = next,
                None => return Ok(()),
            }
        }
    }
}

fn snapshot_key(log: LogId, part: u8) -> Vec<u8> {
    let part = [part];
    [SNAPSHOT, log.as_bytes(), if part == [0] { &[] } else { &part }].concat()
}

fn journal_key(log: LogId, number: u64) -> Vec<u8> {
    [JOURNAL, log.as_bytes(), &number.to_be_bytes()].concat()
}

fn understand(key: &[u8]) -> Result<(LogId, u64), StoreError> {
    let of = |key: &[u8]| {
        let (log, number) = key.strip_prefix(JOURNAL)?.split_at_checked(LogId::LENGTH)?;
        Some((LogId::try_from(log).ok()?, u64::from_be_bytes(number.try_into().ok()?)))
    };
    of(key)
        .ok_or_else(|| StoreError::Damaged { detail: format!("key \"{}\": no key of a journal", key.escape_ascii()) })
}
