//! Own changes on their way from the journal into events, and how far those got.

use std::time::Duration;

use momoland_protocol::event::Action;
use momoland_protocol::id::{ChainId, EventId, LogId, Seq};
use momoland_protocol::limits;
use momoland_replica::input::{Command, Remote};
use momoland_replica::output::CommandRefusal;
use momoland_store::kv::Batch;
use tokio::time::Instant;

use super::{DocumentStep, ISSUE_AFTER, ISSUE_AGAIN_AFTER, Issuing};
use crate::api::events::Event;
use crate::documents::document::Document;
use crate::documents::packing;
use crate::documents::records::DocumentRecords;
use crate::engine::Home;
use crate::engine::home::{Waiting, body_of, refused};

/// How long own changes wait for what they were written beside, before they are made again without it.
const LEANS_MAX: Duration = Duration::from_secs(10);

/// Between two looks at whether it came.
const LEANS_AGAIN_AFTER: Duration = Duration::from_millis(250);

impl Home {
    pub(in crate::engine) fn issue_due_documents(&mut self) {
        let now = Instant::now();
        let due = self.documents.shelf.iter().filter(|(_, shelved)| shelved.issue_at.is_some_and(|at| at <= now));
        let due: Vec<LogId> = due.map(|(log, _)| *log).collect();
        for log in due {
            self.issue_document(log);
        }
    }

    /// Makes events of own changes.
    pub(super) fn issue_document(&mut self, log: LogId) {
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        if shelved.issuing.is_some() {
            // What follows goes when these are stored.
            shelved.issue_at = None;
            return;
        }
        if self.documents.journal.notes_written_anew(log) {
            // Else a kill would find the event without the note, and all would be said once more.
            shelved.issue_at = Some(Instant::now() + ISSUE_AFTER);
            return;
        }
        (shelved.issue_at, shelved.issue_until) = (None, None);
        let Some(document) = shelved.document.as_mut().filter(|document| document.has_unissued()) else { return };
        if document.leans() {
            let now = Instant::now();
            if *shelved.leans_since.get_or_insert(now) + LEANS_MAX <= now {
                self.rebase_document(log);
            } else {
                shelved.issue_at = Some(now + LEANS_AGAIN_AFTER);
            }
            return;
        }
        shelved.leans_since = None;
        let named = shelved.rights.current().0;
        let parts = document.take_unissued(limits::DOCUMENT_UPDATE_BYTES_MAX);
        let numbers = std::mem::take(&mut shelved.journalled);
        self.documents.journal.seal(log);
        shelved.issuing = Some(Issuing { parts: parts.clone(), waiting: parts.len(), numbers });
        for update in parts {
            let command = body_of(&packing::pack(update)).map(|body| Command::Append {
                log,
                action: Action::DOCUMENT_UPDATE,
                targets: vec![named],
                place: None,
                body,
            });
            match command {
                Ok(command) => self.command(command, Waiting::Document(DocumentStep::Issue(log))),
                Err(error) => {
                    tracing::error!(%log, error = %error.message, "a change could not be said in an event");
                    self.document_issued(log, false);
                }
            }
        }
    }

    /// A command of a document is done.
    pub(in crate::engine) fn document_step(&mut self, step: DocumentStep, outcome: Result<EventId, CommandRefusal>) {
        match (step, outcome) {
            (DocumentStep::Announce(answer), Ok(event)) => self.begin_document(LogId(event.0), Some(answer)),
            (DocumentStep::Begin(log, answer), Ok(_)) => {
                // The caller may have gone; the document stays.
                let _ = answer.send(Ok(log));
            }
            (DocumentStep::Announce(answer) | DocumentStep::Begin(_, answer), Err(why)) => {
                let _ = answer.send(Err(why));
            }
            (DocumentStep::Issue(log), Ok(_)) => self.document_issued(log, true),
            (DocumentStep::Issue(log), Err(why)) => {
                tracing::warn!(%log, %why, "what was typed into a document cannot be issued now");
                self.document_issued(log, false);
            }
        }
    }

    /// One of the events that are under way is stored, or will not be.
    pub(super) fn document_issued(&mut self, log: LogId, stored: bool) {
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        let Some(issuing) = &mut shelved.issuing else { return };
        issuing.waiting = issuing.waiting.saturating_sub(1);
        // They are answered in order, and after a refusal all that follow are refused.
        if stored && !issuing.parts.is_empty() {
            issuing.parts.remove(0);
        }
        if issuing.waiting > 0 {
            return;
        }
        let Some(Issuing { parts, waiting: _, numbers }) = shelved.issuing.take() else { return };
        if parts.is_empty() {
            self.documents.journal.delete(log, numbers);
            let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
            if shelved.document.as_ref().is_some_and(Document::has_unissued) && shelved.issue_at.is_none() {
                shelved.issue_at = Some(Instant::now() + ISSUE_AFTER);
            }
            return;
        }
        shelved.journalled.extend(numbers);
        shelved.issue_at = Some(Instant::now() + ISSUE_AGAIN_AFTER);
        if let Some(document) = &mut shelved.document {
            document.put_back(&parts);
        }
    }

    /// Writes what waits for the journal, unless a batch of that is under way.
    pub(in crate::engine) fn write_journal(&mut self) {
        if self.documents.journal.writing.is_some() {
            return;
        }
        if let Some(batch) = self.documents.journal.next_batch() {
            self.persistence.write_journal(batch);
        }
    }

    /// At the end, whatever is under way.
    pub(in crate::engine) fn write_journal_at_last(&mut self) {
        while let Some(batch) = self.documents.journal.next_batch() {
            self.persistence.write(batch);
        }
    }

    /// What the journal was given is on disk, or will not be.
    pub(in crate::engine) fn journal_written(&mut self, written: bool) {
        for answer in self.documents.journal.writing.take().unwrap_or_default() {
            // The caller may have gone.
            let _ = answer.send(if written { Ok(()) } else { Err(refused(CommandRefusal::Halted)) });
        }
    }

    /// The relay, or another member, has own changes up to here.
    pub(in crate::engine) fn document_reached(&mut self, log: LogId, chain: ChainId, seq: Seq, by: Remote) {
        let own = self.account.id;
        match by {
            Remote::Device { device: _, account } if account == own => return,
            Remote::Relay | Remote::Device { .. } => {}
        }
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        let reached = shelved.reached.chains.entry(chain.incarnation.to_string()).or_default();
        if *reached < seq.0 {
            *reached = seq.0;
            let mut batch = Batch::new();
            DocumentRecords::put_reached(&mut batch, log, &shelved.reached);
            self.persistence.write(batch);
        }
    }

    pub(in crate::engine) fn tell_documents(&mut self) {
        for log in std::mem::take(&mut self.documents.changed) {
            if let Some(doc) = self.doc(log).filter(|_| self.documents.shelf.contains_key(&log)) {
                self.tell(Event::DocChanged { doc });
            }
        }
    }
}
