//! Documents: announced in a room's conversation, read from the disk when first asked for, written to the journal at
//! once and to events a moment later.
//!
//! ```text
//!  docs.edit ─► Document ─► journal (synced) ─► answered
//!                  └──── a second later ─► event ─► replica ─► links;  then the journal's entry goes
//! ```
//!
//! # Invariants
//! 1. What was answered is in the journal or in an event, on disk. Scenario: `what_was_typed_survives_the_kill_of_its_author`.
//! 2. A document that cannot be read is an error, and nothing is written to it. Scenario:
//!    `c03_a_document_that_is_not_here_is_no_empty_page`.

mod journal;
mod live;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::document::{
    Announcement, DocumentChange, DocumentCut, DocumentUpdate, Editors, EditorsChange, NewDocument,
};
use momoland_protocol::event::{Action, Event as LogEvent, EventHeader, EventOrder};
use momoland_protocol::id::{AccountId, ChainId, EventId, LogId, RoomId, Seq};
use momoland_protocol::limits;
use momoland_replica::input::Command;
use momoland_replica::output::CommandRefusal;
use momoland_store::kv::{Batch, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::journal::{Journal, split};
use super::{Home, Waiting, body_of, refused};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{Doc, DocEditing};
use crate::documents::awareness::Awareness;
use crate::documents::document::{Document, Edit, EditRefusal, Folded, Recovered, Standing};
use crate::documents::records::{DocumentRecords, Reached};
use crate::documents::rights::{Rights, Verdict};

/// How long own changes wait for more before they become an event.
const ISSUE_AFTER: Duration = Duration::from_secs(1);

/// So many bytes of changes do not wait: they fill an event.
const ISSUE_FROM_BYTES: usize = limits::DOCUMENT_UPDATE_BYTES_MAX / 2;

/// After a refusal: the role may come back, a split roster be repaired.
const ISSUE_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Documents that stay in memory though nobody has them open. More: those that were used longest ago go.
const IDLE_DOCUMENTS_MAX: usize = 16;

/// What only a room's moderators may do: the high byte of an action.
const MODERATORS: u16 = 0x0200;

/// What only a room's owners may do.
const OWNERS: u16 = 0x0300;

/// Where an answer is awaited: whether the disk has it.
type Answer = oneshot::Sender<Result<(), CommandRefusal>>;

/// What a command of a document was for.
pub(in crate::engine) enum DocumentStep {
    /// It is announced, and to be begun.
    Announce(oneshot::Sender<Result<LogId, CommandRefusal>>),
    /// Its first change, after which it is there.
    Begin(LogId, oneshot::Sender<Result<LogId, CommandRefusal>>),
    /// Own changes.
    Issue(LogId),
}

/// All documents of the rooms that are held here.
pub(in crate::engine) struct Documents {
    records: DocumentRecords,
    shelf: BTreeMap<LogId, Shelved>,
    journal: Journal,
    /// Those of which fronts are to be told anew.
    changed: BTreeSet<LogId>,
    /// How often a document was used, all in all.
    uses: u64,
    /// Who is where.
    awareness: Awareness,
    /// Those in which own changes are to be sent live.
    typed: BTreeSet<LogId>,
}

/// A document and where it stands.
struct Shelved {
    room: RoomId,
    author: AccountId,
    /// The announcement's place, and the version of the roster that it names.
    chain: ChainId,
    seq: Seq,
    version: u64,
    /// When, and as what, it was announced.
    announced: (EventOrder, String),
    title: (EventOrder, String),
    archived: (EventOrder, bool),
    deleted: (EventOrder, bool),
    rights: Rights,
    created_at: u64,
    changed_at: u64,
    /// In memory, since it was asked for.
    document: Option<Document>,
    open: bool,
    used: u64,
    /// Journal entries that no event stands for yet.
    journalled: BTreeSet<u64>,
    /// When own changes are to become an event.
    issue_at: Option<Instant>,
    issuing: Option<Issuing>,
    /// Since when own changes wait for what others typed.
    leans_since: Option<Instant>,
    /// Not before this, milliseconds, is anything sent live again.
    live_after_ms: u64,
    reached: Reached,
    /// The last place of one's own chains, by incarnation.
    stored: BTreeMap<String, u64>,
}

/// Own changes on their way into events.
struct Issuing {
    /// The updates of events that are not stored yet, in order.
    parts: Vec<Vec<u8>>,
    /// Answers still to come.
    waiting: usize,
    /// The journal's entries that they stand for.
    numbers: BTreeSet<u64>,
}

impl Documents {
    pub(super) fn new(records: DocumentRecords) -> Self {
        Self {
            records,
            shelf: BTreeMap::new(),
            journal: Journal::default(),
            changed: BTreeSet::new(),
            uses: 0,
            awareness: Awareness::default(),
            typed: BTreeSet::new(),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.shelf.values().filter_map(|shelved| shelved.issue_at).min()
    }

    /// When something live is due, milliseconds since the start.
    pub(super) fn next_live_ms(&self) -> Option<u64> {
        let typed = self.typed.iter().filter_map(|log| self.shelf.get(log)).map(|shelved| shelved.live_after_ms);
        let live = self.shelf.values().filter_map(|shelved| shelved.document.as_ref()?.live_until());
        typed.chain(live).chain(self.awareness.next_timeout()).min()
    }

    /// Own changes that neither the relay nor another member has, by documents.
    pub(super) fn unsent(&self) -> u64 {
        self.shelf.values().filter(|shelved| shelved.is_unsent()).count() as u64
    }
}

impl Home {
    // Coming and going.

    /// An event of a room is stored, or read at the start.
    pub(in crate::engine) fn document_event(
        &mut self,
        room: RoomId,
        event: &LogEvent,
        author: AccountId,
        version: u64,
        own_command: bool,
    ) {
        let header = event.header.get();
        if header.log == room.conversation() {
            if header.action == Action::ANNOUNCE {
                self.document_announced(room, event, author, version);
            }
            return;
        }
        let own = self.key.device();
        let log = header.log;
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        shelved.changed_at = shelved.changed_at.max(header.hlc.wall().0);
        if header.device == own {
            shelved.stored.insert(header.incarnation.to_string(), header.seq.0);
        }
        self.documents.changed.insert(log);
        match header.action {
            Action::DOCUMENT_EDITORS | Action::DOCUMENT_CHANGE => {
                let news = self.note_change(log, event, author, version);
                if news && header.action == Action::DOCUMENT_EDITORS {
                    // What counted may count no more, and what waited for the list may count now.
                    if let Err(error) = self.note_changes(log) {
                        tracing::error!(%error, %log, "what became of a document could not be read");
                    }
                    self.read_document_again(log);
                }
                return;
            }
            Action::DOCUMENT_UPDATE => {}
            _ => return,
        }
        let Some(DocumentUpdate { update }) = event.content() else { return };
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        let Some(document) = &mut shelved.document else { return };
        if own_command {
            document.issued(header, version, &update);
            return;
        }
        let Some(standing) = standing(&shelved.rights, header, author) else { return };
        let folded = document.fold(header, version, &update, standing);
        let counted = document.take_counted();
        match folded {
            Folded::OutOfOrder => self.read_document_again(log),
            Folded::Refused => tracing::warn!(%log, %author, "an update of a document does not count"),
            Folded::Counts | Folded::Waits => {}
        }
        for update in counted {
            self.tell_update(log, &update);
        }
    }

    /// Takes in who may write, what a document is called and where it is put. Whether that is new.
    fn note_change(&mut self, log: LogId, event: &LogEvent, author: AccountId, version: u64) -> bool {
        let header = event.header.get();
        let order = header.order();
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return false };
        let Some(roster) = self.replica.roster(shelved.room) else { return false };
        let has_role = |role: u16| roster.allows(header.device, version, Action(role)).is_ok();
        if header.action == Action::DOCUMENT_EDITORS {
            // Where its author is gone, the room's owner acts.
            let author_is_here = roster.members_at(version).any(|account| account == shelved.author);
            if author != shelved.author && (author_is_here || !has_role(OWNERS)) {
                return false;
            }
            let Some(change) = event.content::<EditorsChange>() else { return false };
            return shelved.rights.take(order, event.id(), &header.targets, change);
        }
        let Some(change) = event.content::<DocumentChange>() else { return false };
        let may_write = standing(&shelved.rights, header, author) == Some(Standing::Counts);
        match change {
            DocumentChange::Rename { title } if may_write => newer(&mut shelved.title, order, title),
            DocumentChange::Archive { archived } if may_write => newer(&mut shelved.archived, order, archived),
            DocumentChange::Delete { deleted } if author == shelved.author || has_role(MODERATORS) => {
                newer(&mut shelved.deleted, order, deleted)
            }
            DocumentChange::Rename { .. } | DocumentChange::Archive { .. } | DocumentChange::Delete { .. } => false,
        }
    }

    fn document_announced(&mut self, room: RoomId, event: &LogEvent, author: AccountId, version: u64) {
        let header = event.header.get();
        let log = LogId(event.id().0);
        let Some(Announcement::Document(document)) = event.content() else { return };
        if self.documents.shelf.contains_key(&log) {
            return;
        }
        let NewDocument { title, editors, created_at } = document;
        let changed_at = self.replica.last_change(log).map_or(0, |hlc| hlc.wall().0).max(created_at.0);
        let own = self.key.device();
        let stored = self.replica.chains(log).filter(|(chain, _)| chain.device == own);
        let stored = stored.map(|(chain, seq)| (chain.incarnation.to_string(), seq.0)).collect();
        let reached = self.documents.records.reached(log).unwrap_or_else(|error| {
            tracing::error!(%error, "how far a document got could not be read");
            Reached::default()
        });
        let shelved = Shelved {
            room,
            author,
            chain: header.chain(),
            seq: header.seq,
            version,
            announced: (header.order(), title.clone()),
            title: (header.order(), title),
            archived: (header.order(), false),
            deleted: (header.order(), false),
            rights: Rights::new(log, author, editors),
            created_at: created_at.0,
            changed_at,
            document: None,
            open: false,
            used: 0,
            journalled: BTreeSet::new(),
            issue_at: None,
            issuing: None,
            leans_since: None,
            live_after_ms: 0,
            reached,
            stored,
        };
        self.documents.shelf.insert(log, shelved);
        self.documents.changed.insert(log);
        if let Err(error) = self.note_changes(log) {
            tracing::error!(%error, %log, "what became of a document could not be read");
        }
    }

    /// Reads who may write in a document, what it is called and where it is put. Blocks on the disk.
    fn note_changes(&mut self, log: LogId) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        let noted = [Action::DOCUMENT_EDITORS, Action::DOCUMENT_CHANGE];
        self.persistence.each_event(log, &mut |event| {
            if noted.contains(&event.header.get().action) {
                changes.push(event);
            }
        })?;
        // Who might change the title is known once all lists are.
        changes.sort_by_key(|event| (event.header.get().action == Action::DOCUMENT_CHANGE, event.header.get().order()));
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            let (order, title) = shelved.announced.clone();
            (shelved.title, shelved.archived, shelved.deleted) = ((order, title), (order, false), (order, false));
        }
        for event in changes {
            let header = event.header.get();
            let room = self.documents.shelf.get(&log).map(|shelved| shelved.room);
            let Some(roster) = room.and_then(|room| self.replica.roster(room)) else { continue };
            let (author, version) = (roster.account_of(header.device), roster.version_of(header.roster));
            if let (Some(author), Some(version), true) = (author, version, roster.counts_event(header)) {
                self.note_change(log, &event, author, version);
            }
        }
        Ok(())
    }

    /// At the start: what the journal holds becomes events, and documents that were announced and not begun are begun.
    pub(super) fn recover_documents(&mut self) -> Result<(), StoreError> {
        let journals = self.documents.records.journals()?;
        self.documents.journal.last = journals.values().copied().max().unwrap_or_default();
        let mut batch = Batch::new();
        for log in journals.into_keys() {
            if !self.documents.shelf.contains_key(&log) {
                self.documents.records.forget(&mut batch, log)?;
            } else if let Err(error) = self.document(log) {
                tracing::error!(%log, error = %error.message, "what was typed into a document waits: it cannot be read");
            }
        }
        self.persistence.write(batch);
        let own = self.key.device();
        let unbegun = self
            .documents
            .shelf
            .iter()
            .filter(|(log, shelved)| shelved.chain.device == own && self.replica.last_change(**log).is_none());
        let unbegun: Vec<LogId> = unbegun.map(|(log, _)| *log).collect();
        for log in unbegun {
            self.begin_document(log, None);
        }
        Ok(())
    }

    /// A roster grew: what is beyond a cut is taken back.
    pub(in crate::engine) fn documents_follow_roster(&mut self, room: RoomId) {
        let Some(roster) = self.replica.roster(room) else { return };
        let of_room = self.documents.shelf.iter().filter(|(_, shelved)| shelved.room == room);
        let (mut gone, mut again) = (Vec::new(), Vec::new());
        for (log, shelved) in of_room {
            if roster.is_cut(room.conversation(), shelved.chain, shelved.seq, shelved.version) {
                gone.push(*log);
            } else if let Some(document) = &shelved.document
                && document.places().any(|(chain, seq, version)| roster.is_cut(*log, chain, seq, version))
            {
                again.push(*log);
            }
        }
        for log in gone {
            self.forget_document(log);
        }
        for log in again {
            self.read_document_again(log);
        }
        // Roles may have changed, and with them who may write.
        let of_room = self.documents.shelf.iter().filter(|(_, shelved)| shelved.room == room);
        self.documents.changed.extend(of_room.map(|(log, _)| *log).collect::<Vec<_>>());
    }

    /// The rosters' versions mean others now: everything of the room is read anew.
    pub(in crate::engine) fn documents_reordered(&mut self, room: RoomId) {
        let of_room = self.documents.shelf.iter().filter(|(_, shelved)| shelved.room == room);
        let loaded = of_room.filter(|(_, shelved)| shelved.document.is_some()).map(|(log, _)| *log);
        let loaded: Vec<LogId> = loaded.collect();
        for log in loaded {
            self.read_document_again(log);
        }
    }

    pub(in crate::engine) fn documents_forgotten(&mut self, room: RoomId) {
        let of_room = self.documents.shelf.iter().filter(|(_, shelved)| shelved.room == room);
        let logs: Vec<LogId> = of_room.map(|(log, _)| *log).collect();
        for log in logs {
            self.forget_document(log);
        }
    }

    fn forget_document(&mut self, log: LogId) {
        self.documents.changed.remove(&log);
        self.documents.awareness.forget(log);
        let Some(shelved) = self.documents.shelf.remove(&log) else { return };
        let mut batch = Batch::new();
        match self.documents.records.forget(&mut batch, log) {
            Ok(()) => self.persistence.write(batch),
            Err(error) => tracing::error!(%error, %log, "a document's journal could not be read to be forgotten"),
        }
        self.tell(Event::DocRemoved { doc_id: log.to_string(), room_id: shelved.room.to_string() });
    }

    // For fronts.

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

    fn begin_document(&mut self, log: LogId, answer: Option<oneshot::Sender<Result<LogId, CommandRefusal>>>) {
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
            body_of(&DocumentUpdate { update }).map_err(|error| CommandRefusal::OutOfBounds(error.message))
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
    fn may_edit(&self, log: LogId) -> Result<(), ApiError> {
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
            shelved.open = true;
        }
        Ok(client)
    }

    /// Nobody looks at a document any more: what was changed goes out at once.
    pub(crate) fn close_document(&mut self, log: LogId) -> Result<(), ApiError> {
        let shelved = self.documents.shelf.get_mut(&log).ok_or_else(no_such_document)?;
        shelved.open = false;
        self.documents.awareness.set(log, None);
        self.issue_document(log);
        Ok(())
    }

    /// Changes the text of a document; answered once that is on disk.
    pub(crate) fn edit_document(
        &mut self,
        log: LogId,
        edits: &[Edit],
    ) -> Result<oneshot::Receiver<Result<(), CommandRefusal>>, ApiError> {
        self.may_edit(log)?;
        let update = self.document(log)?.edit(edits).map_err(not_taken)?;
        Ok(self.document_changed(log, update))
    }

    /// Takes an update of an editor on this machine; answered once it is on disk.
    pub(crate) fn update_document(
        &mut self,
        log: LogId,
        update: &[u8],
    ) -> Result<oneshot::Receiver<Result<(), CommandRefusal>>, ApiError> {
        self.may_edit(log)?;
        let update = self.document(log)?.take_raw(update).map_err(not_taken)?;
        Ok(self.document_changed(log, update))
    }

    fn document_changed(&mut self, log: LogId, update: Vec<u8>) -> oneshot::Receiver<Result<(), CommandRefusal>> {
        let (answer, answered) = oneshot::channel();
        if update.is_empty() {
            let _ = answer.send(Ok(()));
            return answered;
        }
        self.tell_update(log, &update);
        self.documents.typed.insert(log);
        let number = self.documents.journal.add(log, &update, answer);
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.journalled.insert(number);
            let full = shelved.document.as_ref().is_some_and(|it| it.unissued_bytes() >= ISSUE_FROM_BYTES);
            let at = if full { Instant::now() } else { Instant::now() + ISSUE_AFTER };
            shelved.issue_at = Some(shelved.issue_at.map_or(at, |earlier| earlier.min(at)));
        }
        answered
    }

    // Changing what it is.

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

    // Reading.

    /// A document that this person may see, in memory.
    fn document(&mut self, log: LogId) -> Result<&mut Document, ApiError> {
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        self.require_member(shelved.room).map_err(|_| no_such_document())?;
        if shelved.document.is_none() {
            let document = self.read_document(log, true)?;
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

    /// Folds what is on disk of a document. Blocks on the disk.
    fn read_document(&mut self, log: LogId, journal: bool) -> Result<Document, ApiError> {
        let unreadable = |error: StoreError| {
            tracing::error!(%error, %log, "a document cannot be read");
            ApiError::new(
                ErrorKind::Internal,
                "This document cannot be read from the disk, so it is not shown, and nothing was changed in it. \
                 Others still have it; the log says what is damaged.",
            )
        };
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        let roster = self.replica.roster(shelved.room).ok_or_else(no_such_document)?;
        let mut updates = Vec::new();
        let folded = self.persistence.each_event(log, &mut |event| {
            let header = event.header.get();
            if header.action != Action::DOCUMENT_UPDATE || !roster.counts_event(header) {
                return;
            }
            let Some(author) = roster.account_of(header.device) else { return };
            let standing = standing(&shelved.rights, header, author);
            if let (Some(standing), Some(DocumentUpdate { update })) = (standing, event.content()) {
                let version = roster.version_of(header.roster).unwrap_or_default();
                updates.push((header.clone(), version, update, standing));
            }
        });
        folded.map_err(unreadable)?;
        if updates.is_empty() {
            return Err(ApiError::new(
                ErrorKind::Offline,
                "This document has not arrived on this device yet. It comes once its author, or somebody who has it, is online.",
            ));
        }
        updates.sort_by_key(|(header, ..)| header.order());
        let mut document = Document::new(log, self.key.device());
        // Those that do not count first: others may be placed beside them.
        for refused in [true, false] {
            let of_it = updates.iter().filter(|(.., standing)| (*standing == Standing::Refused) == refused);
            for (header, version, update, standing) in of_it {
                document.fold(header, *version, update, *standing);
            }
        }
        document.take_counted();
        if !journal {
            return Ok(document);
        }
        let journal = self.documents.records.journal(log).map_err(unreadable)?;
        let mut batch = Batch::new();
        let mut journalled = BTreeSet::new();
        for (number, updates) in journal {
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
        Ok(document)
    }

    /// Reads a document anew, since what counted counts no more, or what did not does. Own changes that no event says yet
    /// are kept, where this person may still write.
    fn read_document_again(&mut self, log: LogId) {
        let Some(before) = self.documents.shelf.get_mut(&log).and_then(|shelved| shelved.document.take()) else {
            return;
        };
        let may_edit = self.may_edit(log).is_ok();
        let read = self.read_document(log, may_edit).map(|mut document| {
            if may_edit {
                document.recover(&before.unissued());
            }
            document
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
    fn discard_unissued(&mut self, log: LogId) {
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        (shelved.issue_at, shelved.leans_since) = (None, None);
        let numbers = std::mem::take(&mut shelved.journalled);
        self.documents.journal.drop_entries(&numbers);
        let mut batch = Batch::new();
        DocumentRecords::delete_journal(&mut batch, log, numbers.into_iter());
        self.persistence.write(batch);
    }

    /// What own changes build on never came: they are made again beside what did.
    fn rebase_document(&mut self, log: LogId) {
        let Some(before) = self.documents.shelf.get_mut(&log).and_then(|shelved| shelved.document.take()) else {
            return;
        };
        let rebased = self.read_document(log, false).map(|mut document| {
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
        let (answer, _) = oneshot::channel();
        let number = self.documents.journal.add(log, &update, answer);
        let Some(shelved) = self.documents.shelf.get_mut(&log) else { return };
        let numbers = std::mem::replace(&mut shelved.journalled, BTreeSet::from([number]));
        (shelved.document, shelved.leans_since, shelved.issue_at) = (Some(document), None, Some(Instant::now()));
        // One batch: a kill finds the old changes or the new ones.
        self.documents.journal.replace(log, numbers);
        self.tell(Event::DocReset { doc_id: log.to_string() });
    }

    fn put_document_back(&mut self, log: LogId, document: Document) {
        if let Some(shelved) = self.documents.shelf.get_mut(&log) {
            shelved.document = Some(document);
            shelved.issue_at = Some(Instant::now() + ISSUE_AGAIN_AFTER);
        }
    }

    /// Lets go of documents that nobody has open, all but the latest few.
    fn put_idle_away(&mut self, keep: LogId) {
        let idle = |(log, shelved): &(&LogId, &Shelved)| {
            **log != keep
                && !shelved.open
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

impl Shelved {
    fn is_unsent(&self) -> bool {
        let behind = |(incarnation, seq): (&String, &u64)| self.reached.chains.get(incarnation) < Some(seq);
        !self.journalled.is_empty() || self.issuing.is_some() || self.stored.iter().any(behind)
    }
}

/// What an update of a document is worth; `None` where it names a list of editors that is not here yet.
fn standing(rights: &Rights, header: &EventHeader, author: AccountId) -> Option<Standing> {
    let Some(named) = header.targets.first() else { return Some(Standing::Refused) };
    match rights.judge(author, header.chain(), header.seq, *named) {
        Verdict::Counts => Some(Standing::Counts),
        Verdict::Refused => Some(Standing::Refused),
        Verdict::Unknown => None,
    }
}

/// Sets a value where what says so is newer. Whether that changed anything.
fn newer<T: PartialEq>(held: &mut (EventOrder, T), order: EventOrder, value: T) -> bool {
    if order <= held.0 {
        return false;
    }
    let news = held.1 != value;
    *held = (order, value);
    news
}

fn refuse_begin(answer: Option<oneshot::Sender<Result<LogId, CommandRefusal>>>, why: CommandRefusal) {
    match answer {
        Some(answer) => {
            let _ = answer.send(Err(why));
        }
        None => tracing::error!(%why, "a document could not be begun"),
    }
}

pub(crate) fn no_such_document() -> ApiError {
    ApiError::not_found("There is no such document here, or you are not in its room.")
}

/// What a refused change means to a person.
fn not_taken(refusal: EditRefusal) -> ApiError {
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

#[cfg(test)]
mod tests;
