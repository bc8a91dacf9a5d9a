//! Documents that are read from the disk, when they are first asked for or judged anew, and put away again.

use std::collections::BTreeSet;

use momoland_protocol::event::EventHeader;
use momoland_protocol::id::{ChainId, LogId, Seq};
use momoland_store::kv::Batch;
use tokio::time::Instant;

use super::journal::split;
use super::source::{FoldedLog, unreadable};
use super::{ISSUE_AFTER, ISSUE_AGAIN_AFTER, Shelved, Unfolded, no_such_document};
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::documents::document::{Document, MadeAnew, Recovered};
use crate::documents::records::DocumentRecords;
use crate::documents::update::Update;
use crate::engine::Home;

/// Documents that stay in memory though nobody has them open. More: those that were used longest ago go.
const IDLE_DOCUMENTS_MAX: usize = 16;

/// What a change of the roster took from everybody.
type Cut = Vec<(EventHeader, Update)>;

impl Home {
    /// A document that this person may see, in memory.
    pub(super) fn document(&mut self, log: LogId) -> Result<&mut Document, ApiError> {
        self.edit_together();
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        self.require_member(shelved.room).map_err(|_| no_such_document())?;
        if shelved.document.is_none() {
            let (mut document, cut) = self.read_document(log, true)?;
            self.write_anew(log, &mut document, cut)?;
            if let Some(shelved) = self.documents.shelf.get_mut(&log) {
                shelved.document = Some(document);
            }
            self.put_idle_away(log);
        }
        self.documents.uses += 1;
        let uses = self.documents.uses;
        let shelved = self.documents.shelf.get_mut(&log).ok_or_else(no_such_document)?;
        shelved.used = uses;
        shelved.document.as_mut().ok_or_else(no_such_document)
    }

    /// Folds what is on disk of a document. Blocks on the disk, for as long as what no snapshot says takes.
    fn read_document(&mut self, log: LogId, journal: bool) -> Result<(Document, Cut), ApiError> {
        let FoldedLog { mut document, snapshot, cut } = self.source(log)?.fold()?;
        if let Some(snapshot) = snapshot {
            self.keep_snapshot(log, snapshot);
        }
        if !journal {
            return Ok((document, cut));
        }
        let journal = self.documents.records.journal(log).map_err(|error| unreadable(log, &error))?;
        let mut batch = Batch::new();
        let mut journalled = BTreeSet::new();
        for (number, updates) in journal {
            if self.documents.journal.deletes(number) {
                // An event says it, or other changes hold the same words: with both the text would be there twice.
                continue;
            }
            let recovered: Vec<Recovered> = split(&updates).into_iter().map(|it| document.recover(it)).collect();
            if recovered.iter().all(|it| *it == Recovered::Known) {
                // The events were stored, and there was no time left to say so.
                DocumentRecords::delete_journal(&mut batch, log, std::iter::once(number));
            } else {
                journalled.insert(number);
            }
        }
        self.persistence.write(batch);
        if let Some(shelved) = self.documents.shelf.get_mut(&log)
            && document.has_unissued()
        {
            shelved.journalled.extend(journalled);
            shelved.issue_at = Some(Instant::now());
        }
        Ok((document, cut))
    }

    /// Makes own changes again that build on what a cut took, where this person may write, once each.
    fn write_anew(&mut self, log: LogId, document: &mut Document, cut: Cut) -> Result<(), ApiError> {
        if cut.is_empty() || self.may_edit(log).is_err() {
            return Ok(());
        }
        // The note may still be on its way to the disk.
        let mut anew = match self.documents.anew.get(&log) {
            Some(anew) => anew.clone(),
            None => self.documents.records.written_anew(log).map_err(|error| unreadable(log, &error))?,
        };
        let done: BTreeSet<(ChainId, Seq)> = anew.places.iter().copied().collect();
        let Some(MadeAnew { update, places }) = document.write_anew(cut, &done) else { return Ok(()) };
        tracing::info!(%log, "own changes were written beside what a change of the room took back: they are made again");
        anew.places.extend(places);
        self.documents.anew.insert(log, anew.clone());
        self.documents.journal.seal(log);
        let added = self.documents.journal.add(log, &update, Vec::new());
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return Ok(()) };
        let numbers = std::mem::replace(&mut shelved.journalled, added);
        (shelved.leans_since, shelved.issue_at) = (None, Some(Instant::now()));
        // One batch: a kill finds the old changes, or the new ones with the note of it.
        self.documents.journal.replace(log, numbers);
        self.documents.journal.note_written_anew(log, anew);
        Ok(())
    }

    /// An event of a document is stored: after some, what it adds up to is folded, so that it opens fast, here or after a
    /// restart.
    pub(super) fn note_unfolded(&mut self, log: LogId, bytes: usize) {
        let limits = self.documents.fold_limits;
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        let Unfolded { events, bytes: held, folding, stale: _ } = &mut shelved.unfolded;
        (*events, *held) = (*events + 1, *held + bytes);
        if *folding || (*events < limits.updates && *held < limits.bytes) {
            return;
        }
        let Ok(source) = self.source(log) else { return };
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.unfolded = Unfolded { folding: true, ..Unfolded::default() };
        }
        self.persistence.fold_beside(log, move || source.fold().ok()?.snapshot);
    }

    /// What was folded beside is there.
    pub(in crate::engine) fn document_folded(&mut self, log: LogId, snapshot: Option<Vec<u8>>) {
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        shelved.unfolded.folding = false;
        let stale = std::mem::take(&mut shelved.unfolded.stale);
        if let Some(snapshot) = snapshot.filter(|_| !stale) {
            self.keep_snapshot(log, snapshot);
        }
    }

    fn keep_snapshot(&mut self, log: LogId, snapshot: Vec<u8>) {
        let mut batch = Batch::new();
        DocumentRecords::put_snapshot(&mut batch, log, &snapshot);
        self.persistence.write(batch);
    }

    /// Something of a document's events is to be on no disk any more.
    pub(super) fn drop_snapshot(&mut self, log: LogId) {
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.unfolded.stale = shelved.unfolded.folding;
        }
        let mut batch = Batch::new();
        DocumentRecords::delete_snapshot(&mut batch, log);
        self.persistence.write(batch);
    }

    /// Reads a document anew, since what counted counts no more, or what did not does. Own changes that no event says yet
    /// are kept, where this person may still write.
    pub(super) fn read_document_again(&mut self, log: LogId) {
        let Some(before) = self.documents.shelf.get_mut(&log).and_then(|shelved| shelved.document.take()) else {
            return;
        };
        let may_edit = self.may_edit(log).is_ok();
        let read = self.read_document(log, may_edit).and_then(|(mut document, cut)| {
            if may_edit {
                document.recover(&before.unissued());
                self.write_anew(log, &mut document, cut)?;
            }
            Ok(document)
        });
        match read {
            Ok(document) => {
                let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
                if document.has_unissued() && shelved.issue_at.is_none() {
                    shelved.issue_at = Some(Instant::now() + ISSUE_AFTER);
                }
                shelved.document = Some(document);
                if !may_edit {
                    self.discard_unissued(log);
                }
            }
            Err(error) => tracing::error!(%log, error = %error.message, "a document could not be read again"),
        }
        self.tell(Event::DocReset { doc_id: log.to_string() });
    }

    /// Nobody else will take what this person wrote and no event says: it would be in their copy alone.
    pub(super) fn discard_unissued(&mut self, log: LogId) {
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        (shelved.issue_at, shelved.leans_since) = (None, None);
        let numbers = std::mem::take(&mut shelved.journalled);
        self.documents.journal.delete(log, numbers);
    }

    /// What own changes build on never came: they are made again beside what did.
    pub(super) fn rebase_document(&mut self, log: LogId) {
        let Some(before) = self.documents.shelf.get_mut(&log).and_then(|shelved| shelved.document.take()) else {
            return;
        };
        let rebased = self.read_document(log, false).map(|(mut document, _)| {
            let update = document.rebase(&before);
            (document, update)
        });
        let (document, update) = match rebased {
            Ok((document, Ok(update))) => (document, update),
            Ok((_, Err(error))) => {
                tracing::error!(%log, %error, "own changes could not be made again; they wait");
                self.put_document_back(log, before);
                return;
            }
            Err(error) => {
                tracing::error!(%log, error = %error.message, "a document could not be read again");
                self.put_document_back(log, before);
                return;
            }
        };
        tracing::info!(%log, "what own changes were written beside never came: they were made again without it");
        self.documents.journal.seal(log);
        let added = self.documents.journal.add(log, &update, Vec::new());
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        let numbers = std::mem::replace(&mut shelved.journalled, added);
        (shelved.document, shelved.leans_since, shelved.issue_at) = (Some(document), None, Some(Instant::now()));
        // One batch: a kill finds the old changes or the new ones.
        self.documents.journal.replace(log, numbers);
        self.tell(Event::DocReset { doc_id: log.to_string() });
    }

    pub(super) fn put_document_back(&mut self, log: LogId, document: Document) {
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.document = Some(document);
            shelved.issue_at = Some(Instant::now() + ISSUE_AGAIN_AFTER);
        }
    }

    /// Lets go of documents that nobody has open, all but the latest few.
    pub(super) fn put_idle_away(&mut self, keep: LogId) {
        let idle = |(log, shelved): &(&LogId, &Shelved)| {
            **log != keep
                && shelved.open == 0
                && shelved.issuing.is_none()
                && shelved.document.as_ref().is_some_and(|document| !document.has_unissued())
        };
        let mut idle: Vec<(u64, LogId)> =
            self.documents.shelf.iter().filter(idle).map(|(log, shelved)| (shelved.used, *log)).collect();
        idle.sort();
        let surplus = idle.len().saturating_sub(IDLE_DOCUMENTS_MAX);
        for (_, log) in idle.into_iter().take(surplus) {
            if let Some(shelved) = self.documents.shelf.get_mut(&log) {
                shelved.document = None;
            }
        }
    }
}
