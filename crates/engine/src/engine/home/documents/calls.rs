//! Documents as fronts make, read, write and change them.

use momoland_protocol::cbor;
use momoland_protocol::document::{Announcement, DocumentChange, DocumentCut, Editors, EditorsChange, NewDocument};
use momoland_protocol::event::Action;
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId};
use momoland_protocol::limits;
use momoland_replica::input::Command;
use momoland_replica::output::CommandRefusal;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{
    Answer, DocumentStep, ISSUE_AFTER, ISSUE_AT_LATEST_AFTER, MODERATORS, OWNERS, Together, Written, no_such_document,
    refuse_begin,
};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{Doc, DocEditing};
use crate::documents::document::{Document, Edit, EditRefusal};
use crate::documents::packing;
use crate::documents::rich::Block;
use crate::engine::Home;
use crate::engine::home::{Waiting, body_of, refused};

/// So many bytes of changes do not wait: they fill an event.
const ISSUE_FROM_BYTES: usize = limits::DOCUMENT_UPDATE_BYTES_MAX / 2;

impl Home {
    /// Announces a document and writes its first change; answered with its id once both are on disk.
    pub(crate) fn create_document(
        &mut self,
        room: RoomId,
        title: String,
        editors: Editors,
    ) -> Result<oneshot::Receiver<Result<LogId, CommandRefusal>>, ApiError> {
        self.require_member(room)?;
        let created_at = self.now().wall;
        let announcement = Announcement::Document(NewDocument { title, editors, created_at });
        cbor::Bounded::check_bounds(&announcement).map_err(|_| {
            ApiError::invalid(
                "A document needs a title of at most 128 characters in one line, and 1,000 editors at most.",
            )
        })?;
        let body = body_of(&announcement)?;
        let (answer, answered) = oneshot::channel();
        let command = Command::Append {
            log: room.conversation(),
            action: Action::ANNOUNCE,
            targets: Vec::new(),
            place: None,
            body,
        };
        self.command(command, Waiting::Document(DocumentStep::Announce(answer)));
        Ok(answered)
    }

    pub(super) fn begin_document(
        &mut self,
        log: LogId,
        answer: Option<oneshot::Sender<Result<LogId, CommandRefusal>>>,
    ) {
        let own = self.key.device();
        let Some(shelved) = self.documents.shelf.get_mut(&log) else {
            refuse_begin(answer, CommandRefusal::UnknownRoom);
            return;
        };
        let mut document = Document::new(log, own);
        let begun = document.begin().map_err(|error| CommandRefusal::OutOfBounds(error.to_string()));
        let body = begun.and_then(|update| {
            // It is an event at once, and nothing waits to become one.
            document.take_unissued(limits::DOCUMENT_UPDATE_BYTES_MAX);
            body_of(&packing::pack(update)).map_err(|error| CommandRefusal::OutOfBounds(error.message))
        });
        match body {
            Ok(body) => {
                shelved.document = Some(document);
                let targets = vec![EventId(log.0)];
                let step = match answer {
                    Some(answer) => DocumentStep::Begin(log, answer),
                    None => DocumentStep::Issue(log),
                };
                let command = Command::Append { log, action: Action::DOCUMENT_UPDATE, targets, place: None, body };
                self.command(command, Waiting::Document(step));
            }
            Err(why) => refuse_begin(answer, why),
        }
    }

    /// The documents of a room, the newest change first.
    pub(crate) fn documents(&self, room: RoomId, deleted: bool) -> Result<Vec<Doc>, ApiError> {
        self.require_member(room)?;
        let of_room = self.documents.shelf.iter().filter(|(_, shelved)| shelved.room == room);
        let of_room = of_room.filter(|(_, shelved)| shelved.deleted.1 == deleted);
        let mut docs: Vec<Doc> = of_room.filter_map(|(log, _)| self.doc(*log)).collect();
        docs.sort_by(|one, other| other.changed_at.cmp(&one.changed_at).then_with(|| one.doc_id.cmp(&other.doc_id)));
        Ok(docs)
    }

    /// A document as fronts see it.
    pub(crate) fn doc(&self, log: LogId) -> Option<Doc> {
        let shelved = self.documents.shelf.get(&log)?;
        let (editing, editors) = match shelved.rights.current().1 {
            Editors::Author => (DocEditing::Author, Vec::new()),
            Editors::Members => (DocEditing::Members, Vec::new()),
            Editors::Listed { accounts } => (DocEditing::Listed, accounts.iter().map(ToString::to_string).collect()),
        };
        let read_only = self.may_edit(log).err().map(|error| error.message);
        Some(Doc {
            doc_id: log.to_string(),
            room_id: shelved.room.to_string(),
            title: shelved.title.1.clone(),
            author: shelved.author.to_string(),
            editing,
            editors,
            created_at: shelved.created_at,
            changed_at: shelved.changed_at,
            archived: shelved.archived.1,
            deleted: shelved.deleted.1,
            read_only,
        })
    }

    /// Whether this person may write in a document now; the reason where not.
    pub(super) fn may_edit(&self, log: LogId) -> Result<(), ApiError> {
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        let roster = self.require_member(shelved.room).map_err(|_| no_such_document())?;
        if let Err(why) = roster.writes_under(self.key.device(), Action::DOCUMENT_UPDATE) {
            return Err(refused(CommandRefusal::NotAllowed(why)));
        }
        if shelved.deleted.1 {
            return Err(ApiError::new(ErrorKind::Conflict, "This document was deleted. Restore it first."));
        }
        if !shelved.rights.allows(self.account.id) {
            let who = match shelved.rights.current().1 {
                Editors::Listed { .. } => "the people whom its author listed",
                Editors::Author | Editors::Members => "its author",
            };
            let sentence = format!("Only {who} may write in this document. You can read it.");
            return Err(ApiError::new(ErrorKind::Forbidden, sentence));
        }
        Ok(())
    }

    /// The text of a document.
    pub(crate) fn document_text(&mut self, log: LogId) -> Result<String, ApiError> {
        self.document(log).map(Document::text)
    }

    /// What somebody lacks of a document who has this much, and how much there is.
    pub(crate) fn document_state(&mut self, log: LogId, theirs: Option<&[u8]>) -> Result<(Vec<u8>, Vec<u8>), ApiError> {
        self.document(log)?.state(theirs).map_err(|_| ApiError::invalid("This is no state vector of Yjs, version 1."))
    }

    /// Keeps a document in memory, and tells of what changes in it. A client id for an editor.
    pub(crate) fn open_document(&mut self, log: LogId) -> Result<u64, ApiError> {
        let client = self.document(log)?.new_client();
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.open = shelved.open.saturating_add(1);
        }
        Ok(client)
    }

    /// An editor is closed: what was changed goes out at once.
    pub(crate) fn close_document(&mut self, log: LogId) -> Result<(), ApiError> {
        let shelved = self.documents.shelf.get_mut(&log).ok_or_else(no_such_document)?;
        shelved.open = shelved.open.saturating_sub(1);
        if shelved.open == 0 {
            self.documents.awareness.leave(log);
        }
        self.edit_together();
        self.issue_document(log);
        Ok(())
    }

    /// Changes the text of a document; answered once that is on disk. It is done together with others that wait, at the
    /// latest by [`Self::settle`].
    pub(crate) fn edit_document(&mut self, log: LogId, edits: Vec<Edit>) -> Result<Written, ApiError> {
        self.may_edit(log)?;
        if self.documents.together.as_ref().is_none_or(|together| together.log != log) {
            // Is it here? It says so now.
            self.document(log)?;
            self.documents.together = Some(Together { log, calls: Vec::new() });
        }
        let (answer, answered) = oneshot::channel();
        if let Some(together) = &mut self.documents.together {
            together.calls.push((edits, answer));
        }
        Ok(answered)
    }

    /// Does the edits that were asked for: one after the other, in one transaction.
    pub(in crate::engine) fn edit_together(&mut self) {
        let Some(Together { log, calls }) = self.documents.together.take() else { return };
        let Some(document) = self.documents.shelf.get_mut(&log).and_then(|shelved| shelved.document.as_mut()) else {
            calls.into_iter().for_each(|(_, answer)| {
                // The caller may have gone.
                let _ = answer.send(Err(no_such_document()));
            });
            return;
        };
        let (outcomes, update) = document.edit_together(calls.iter().map(|(edits, _)| edits.as_slice()));
        let mut answers = Vec::with_capacity(calls.len());
        for ((_, answer), outcome) in calls.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => answers.push(answer),
                Err(refusal) => {
                    let _ = answer.send(Err(not_taken(refusal)));
                }
            }
        }
        match update {
            Ok(update) => self.note_changed(log, &update, answers),
            Err(refusal) => answers.into_iter().for_each(|answer| {
                let _ = answer.send(Err(not_taken(refusal)));
            }),
        }
    }

    /// Takes an update of an editor on this machine; answered once it is on disk.
    pub(crate) fn update_document(&mut self, log: LogId, update: &[u8]) -> Result<Written, ApiError> {
        self.may_edit(log)?;
        let update = self.document(log)?.take_raw(update).map_err(not_taken)?;
        Ok(self.document_changed(log, &update))
    }

    /// A document's title, and what is in it.
    pub(crate) fn document_blocks(&mut self, log: LogId) -> Result<(String, Vec<Block>), ApiError> {
        let blocks = self.document(log)?.blocks();
        let title = self.documents.shelf.get(&log).map(|shelved| shelved.title.1.clone());
        Ok((title.ok_or_else(no_such_document)?, blocks))
    }

    /// The first blocks of a document, as many as are seen at once.
    pub(crate) fn document_beginning(&mut self, log: LogId) -> Result<Vec<Block>, ApiError> {
        Ok(self.document(log)?.beginning())
    }

    /// Puts blocks at the end of a document; answered once that is on disk.
    pub(crate) fn append_to_document(&mut self, log: LogId, blocks: &[Block]) -> Result<Written, ApiError> {
        self.may_edit(log)?;
        let update = self.document(log)?.append(blocks).map_err(not_taken)?;
        Ok(self.document_changed(log, &update))
    }

    pub(super) fn document_changed(&mut self, log: LogId, update: &[u8]) -> Written {
        let (answer, answered) = oneshot::channel();
        self.note_changed(log, update, vec![answer]);
        answered
    }

    /// Tells of a change and writes it to the journal; who waits is answered once it is there.
    fn note_changed(&mut self, log: LogId, update: &[u8], answers: Vec<Answer>) {
        if update.is_empty() {
            for answer in answers {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        self.tell_update(log, update);
        self.documents.typed.insert(log);
        let added = self.documents.journal.add(log, update, answers);
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.journalled.extend(added);
            let full = shelved.document.as_mut().is_some_and(|it| it.fills_an_event(ISSUE_FROM_BYTES));
            let now = Instant::now();
            let until = *shelved.issue_until.get_or_insert(now + ISSUE_AT_LATEST_AFTER);
            shelved.issue_at = Some(if full { now } else { until.min(now + ISSUE_AFTER) });
        }
    }

    /// Says who may write from now on; answered once that is on disk.
    pub(crate) fn set_document_editors(
        &mut self,
        log: LogId,
        editors: Editors,
    ) -> Result<oneshot::Receiver<Result<EventId, CommandRefusal>>, ApiError> {
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        let roster = self.require_member(shelved.room).map_err(|_| no_such_document())?;
        let own = self.account.id;
        let author_is_here = roster.role(shelved.author).is_some();
        let stands_in = !author_is_here && roster.writes_under(self.key.device(), Action(OWNERS)).is_ok();
        if own != shelved.author && !stands_in {
            let sentence = "Only its author says who may write in a document; where they left the room, its owners do.";
            return Err(ApiError::new(ErrorKind::Forbidden, sentence));
        }
        let denied = |chain: &ChainId| {
            roster.account_of(chain.device).is_some_and(|account| !editors.allows(shelved.author, account))
        };
        let mut cuts: Vec<DocumentCut> = self
            .replica
            .chains(log)
            .filter(|(chain, _)| denied(chain))
            .map(|(chain, seq)| DocumentCut { chain, seq })
            .collect();
        cuts.sort_by_key(|cut| std::cmp::Reverse(cut.seq));
        cuts.truncate(limits::DOCUMENT_CUTS_MAX);
        cuts.sort_by_key(|cut| cut.chain);
        let targets = shelved.rights.heads();
        let change = EditorsChange { editors, cuts };
        cbor::Bounded::check_bounds(&change).map_err(|_| ApiError::invalid("A document has at most 1,000 editors."))?;
        let body = body_of(&change)?;
        Ok(self.append(Command::Append { log, action: Action::DOCUMENT_EDITORS, targets, place: None, body }))
    }

    /// Renames, archives, deletes or restores a document; answered once that is on disk.
    pub(crate) fn change_document(
        &mut self,
        log: LogId,
        change: &DocumentChange,
    ) -> Result<oneshot::Receiver<Result<EventId, CommandRefusal>>, ApiError> {
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        let roster = self.require_member(shelved.room).map_err(|_| no_such_document())?;
        cbor::Bounded::check_bounds(change)
            .map_err(|_| ApiError::invalid("A document needs a title of at most 128 characters in one line."))?;
        match change {
            DocumentChange::Rename { .. } | DocumentChange::Archive { .. } => self.may_edit(log)?,
            DocumentChange::Delete { .. } => {
                let moderates = roster.writes_under(self.key.device(), Action(MODERATORS)).is_ok();
                if shelved.author != self.account.id && !moderates {
                    let sentence = "Only its author and the room's moderators delete or restore a document.";
                    return Err(ApiError::new(ErrorKind::Forbidden, sentence));
                }
            }
        }
        let (targets, body) = (vec![shelved.rights.current().0], body_of(change)?);
        Ok(self.append(Command::Append { log, action: Action::DOCUMENT_CHANGE, targets, place: None, body }))
    }
}

/// What a refused change means to a person.
pub(super) fn not_taken(refusal: EditRefusal) -> ApiError {
    match refusal {
        EditRefusal::BeyondTheEnd { units } => ApiError::invalid(format!(
            "The change reaches beyond the end of the text, which has {units} UTF-16 code units there. Read the text again."
        )),
        EditRefusal::InACharacter { at } => ApiError::invalid(format!(
            "Offset {at} is in the middle of a character. Offsets count UTF-16 code units, and an emoji has two or more."
        )),
        EditRefusal::Update(error) => ApiError::invalid(format!("The update is not taken: {error}. Nothing changed.")),
        EditRefusal::LeansOnUnknown => ApiError::new(
            ErrorKind::Conflict,
            "The update builds on changes that are not here. Ask docs.state for what you lack, and send yours again.",
        ),
        EditRefusal::ForeignClient { client } => ApiError::invalid(format!(
            "The update was made under client id {client}, which is not this device's. Use the one that docs.open gives."
        )),
        EditRefusal::TooLong => ApiError::invalid("The document would be too long."),
        EditRefusal::TooDeep => {
            ApiError::invalid("The update is not taken: its blocks lie too deep within each other. Nothing changed.")
        }
    }
}
