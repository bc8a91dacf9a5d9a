//! A document's events on disk, and what they add up to: read apart from the actor, which goes on meanwhile.
//!
//! A [`Source`] holds all that judges the events as it was when it was taken. Whoever installs what came out looks
//! whether that still holds; a snapshot is looked at anew each time it is read, so writing one that does not is harmless.

use momoland_protocol::event::{Action, Event as LogEvent, EventHeader};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, LogId, Seq};
use momoland_replica::roster::Roster;
use momoland_store::event_log::EventReader;
use momoland_store::kv::StoreError;

use super::{no_such_document, standing};
use crate::api::error::{ApiError, ErrorKind};
use crate::documents::document::{Document, Folded, Standing};
use crate::documents::packing;
use crate::documents::records::DocumentRecords;
use crate::documents::rights::Rights;
use crate::documents::snapshot::{Ranges, Snapshot};
use crate::documents::update::Update;
use crate::engine::Home;

/// An update as an event says it.
pub(super) struct WrittenUpdate {
    pub(super) id: EventId,
    pub(super) header: EventHeader,
    pub(super) author: AccountId,
    /// Of the roster that it names.
    version: u64,
    pub(super) update: Vec<u8>,
    pub(super) standing: Standing,
}

/// Where a document is read from.
pub(super) struct Source {
    log: LogId,
    own: DeviceId,
    roster: Roster,
    rights: Rights,
    reader: EventReader,
    records: DocumentRecords,
    limits: FoldLimits,
}

/// What was read of a document's events.
#[derive(Default)]
struct Read {
    updates: Vec<WrittenUpdate>,
    ranges: Ranges,
    /// Those that nothing can be said of yet.
    unjudged: Vec<(ChainId, Seq)>,
    /// Those of them that a change of the roster took from everybody.
    cut: Vec<(EventHeader, Update)>,
}

/// What a document's events add up to.
pub(super) struct FoldedLog {
    pub(super) document: Document,
    /// What is worth writing down, so that the next time less is read.
    pub(super) snapshot: Option<Vec<u8>>,
    /// What a change of the roster took from everybody.
    pub(super) cut: Vec<(EventHeader, Update)>,
}

/// How much is read beside a snapshot before a new one is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoldLimits {
    /// So many events, whatever their length.
    pub(super) updates: usize,
    /// So many bytes of them.
    pub(super) bytes: usize,
}

/// Of a long snapshot this part, where that is more: each one is written whole.
const REST_PART_OF_SNAPSHOT: usize = 4;

impl FoldLimits {
    pub(super) const PRODUCT: Self = Self { updates: 128, bytes: 64 * 1024 };

    fn exceeded(self, updates: &[WrittenUpdate], snapshot_bytes: usize) -> bool {
        let bytes = updates.iter().map(|written| written.update.len()).sum::<usize>();
        updates.len() >= self.updates || bytes >= self.bytes.max(snapshot_bytes / REST_PART_OF_SNAPSHOT)
    }
}

pub(super) fn unreadable(log: LogId, error: &StoreError) -> ApiError {
    tracing::error!(%error, %log, "a document cannot be read");
    ApiError::new(
        ErrorKind::Internal,
        "This document cannot be read from the disk, so it is not shown, and nothing was changed in it. \
         Others still have it; the log says what is damaged.",
    )
}

impl Home {
    /// Where a document that this person may see is read from.
    pub(super) fn source(&self, log: LogId) -> Result<Source, ApiError> {
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        self.require_member(shelved.room).map_err(|_| no_such_document())?;
        Ok(Source {
            log,
            own: self.key.device(),
            roster: self.replica.roster(shelved.room).ok_or_else(no_such_document)?.clone(),
            rights: shelved.rights.clone(),
            reader: self.persistence.reader(),
            records: self.documents.records.clone(),
            limits: self.documents.fold_limits,
        })
    }
}

impl Source {
    /// All updates, in order; those that count for nothing left out. Blocks on the disk.
    pub(super) fn updates(&self) -> Result<Vec<WrittenUpdate>, ApiError> {
        let read = self.read(None).map_err(|error| unreadable(self.log, &error))?;
        if read.updates.is_empty() {
            return Err(not_arrived());
        }
        Ok(read.updates)
    }

    /// What updates add up to.
    pub(super) fn fold_updates<'a>(&self, updates: impl Iterator<Item = &'a WrittenUpdate> + Clone) -> Document {
        let mut document = Document::new(self.log, self.own);
        fold_into(&mut document, updates);
        document
    }

    /// What all events add up to: a snapshot, where there is one that stands, and the rest. Blocks on the disk.
    pub(super) fn fold(&self) -> Result<FoldedLog, ApiError> {
        let failed = |error: StoreError| unreadable(self.log, &error);
        if let Some((snapshot, snapshot_bytes)) = self.snapshot() {
            let rest = self.read(Some(&snapshot)).map_err(failed)?;
            if let Some(mut document) = Document::from_snapshot(self.log, self.own, snapshot, &self.roster)
                && fold_into(&mut document, rest.updates.iter())
            {
                let much = self.limits.exceeded(&rest.updates, snapshot_bytes);
                let snapshot = much.then(|| self.snapshot_of(&document, &rest));
                return Ok(FoldedLog { document, snapshot: snapshot.flatten(), cut: rest.cut });
            }
            tracing::info!(log = %self.log, "a document's snapshot does not go with its other events: all are read");
        }
        let all = self.read(None).map_err(failed)?;
        if all.updates.is_empty() {
            return Err(not_arrived());
        }
        let document = self.fold_updates(all.updates.iter());
        let much = self.limits.exceeded(&all.updates, 0);
        let snapshot = much.then(|| self.snapshot_of(&document, &all));
        Ok(FoldedLog { document, snapshot: snapshot.flatten(), cut: all.cut })
    }

    /// The snapshot on disk, where it stands, and its length.
    fn snapshot(&self) -> Option<(Snapshot, usize)> {
        let bytes = self.records.snapshot(self.log).unwrap_or_else(|error| {
            // The events are there beside it.
            tracing::warn!(%error, log = %self.log, "a document's snapshot cannot be read");
            None
        })?;
        let snapshot = Snapshot::decode(&bytes)?;
        snapshot.stands(self.log, &self.rights.names(), &self.roster).then_some((snapshot, bytes.len()))
    }

    fn snapshot_of(&self, document: &Document, read: &Read) -> Option<Vec<u8>> {
        let lists = self.rights.names();
        document.snapshot(lists, &read.ranges, &read.unjudged, &self.roster).map(|snapshot| snapshot.encode())
    }

    /// The updates that a snapshot does not say, or all, in order.
    fn read(&self, beside: Option<&Snapshot>) -> Result<Read, StoreError> {
        let mut read = Read { ranges: beside.map(Snapshot::ranges).cloned().unwrap_or_default(), ..Read::default() };
        let known = read.ranges.clone();
        self.reader.each_event_beyond(self.log, &|chain| known.of(chain), &mut |event| {
            let header = event.header.get();
            read.ranges.take(header.chain(), header.seq);
            self.judge(&event, &mut read);
        })?;
        for (chain, seq) in beside.into_iter().flat_map(Snapshot::again) {
            if let Some(event) = self.reader.event(self.log, chain, seq)? {
                self.judge(&event, &mut read);
            }
        }
        read.updates.sort_by_key(|written| written.header.order());
        Ok(read)
    }

    fn judge(&self, event: &LogEvent, read: &mut Read) {
        let header = event.header.get();
        if header.action != Action::DOCUMENT_UPDATE {
            return;
        }
        let Some(update) = event.content().and_then(packing::unpack) else { return };
        let counts = self.roster.counts_event(header);
        if !counts && let Ok(update) = Update::decode(&update) {
            read.cut.push((header.clone(), update));
        }
        let author = self.roster.account_of(header.device).filter(|_| counts);
        let judged = author.and_then(|author| Some((author, standing(&self.rights, header, author)?)));
        let Some((author, standing)) = judged else {
            read.unjudged.push((header.chain(), header.seq));
            return;
        };
        let version = self.roster.version_of(header.roster).unwrap_or_default();
        read.updates.push(WrittenUpdate { id: event.id(), header: header.clone(), author, version, update, standing });
    }
}

/// Folds updates into a document. Whether they go with what is in it.
fn fold_into<'a>(document: &mut Document, updates: impl Iterator<Item = &'a WrittenUpdate> + Clone) -> bool {
    let mut fits = true;
    // Those that do not count first: others may be placed beside them.
    for refused in [true, false] {
        let of_it = updates.clone().filter(|written| (written.standing == Standing::Refused) == refused);
        for written in of_it {
            let folded = document.fold(&written.header, written.version, &written.update, written.standing);
            fits &= folded != Folded::OutOfOrder;
        }
    }
    document.take_counted();
    fits
}

fn not_arrived() -> ApiError {
    ApiError::new(
        ErrorKind::Offline,
        "This document has not arrived on this device yet. It comes once its author, or somebody who has it, is online.",
    )
}
