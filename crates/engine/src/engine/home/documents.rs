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

mod calls;
mod history;
mod journal;
mod live;
mod reading;
mod source;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use momoland_protocol::clock::Hlc;
use momoland_protocol::document::{Announcement, DocumentChange, EditorsChange, NewDocument};
use momoland_protocol::event::{Action, Event as LogEvent, EventHeader, EventOrder};
use momoland_protocol::id::{AccountId, ChainId, LogId, RoomId, Seq};
use momoland_replica::output::CommandRefusal;
use momoland_store::kv::{Batch, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use self::history::{DocumentHistory, DocumentVersion};
use self::journal::Journal;
use self::source::FoldLimits;
use super::Home;
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::documents::awareness::Awareness;
use crate::documents::document::{Document, Edit, Folded, Standing};
use crate::documents::packing;
use crate::documents::records::{DocumentRecords, Noted, Reached, WrittenAnew};
use crate::documents::rights::{Rights, Verdict};

/// How long own changes wait for more before they become an event.
const ISSUE_AFTER: Duration = Duration::from_secs(1);

/// How long they wait at most while more go on coming: who is here sees them as they are typed, and an event costs those
/// who take it, and every disk, some hundred bytes.
const ISSUE_AT_LATEST_AFTER: Duration = Duration::from_secs(3);

/// After a refusal: the role may come back, a split roster be repaired.
const ISSUE_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// So many events are looked through again at a start, before it is noted where those are that are no updates.
const NOTE_AFTER: u64 = 64;

/// What only a room's moderators may do: the high byte of an action.
const MODERATORS: u16 = 0x0200;

/// What only a room's owners may do.
const OWNERS: u16 = 0x0300;

/// Where an answer is awaited: whether it was done, and the disk has it.
type Answer = oneshot::Sender<Result<(), ApiError>>;

/// Comes once what was written is on disk, or says why it is not.
pub(in crate::engine) type Written = oneshot::Receiver<Result<(), ApiError>>;

/// Edits of one document that follow each other and are done in one transaction.
struct Together {
    log: LogId,
    calls: Vec<(Vec<Edit>, Answer)>,
}

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
    /// Own events that were made again since the start.
    anew: BTreeMap<LogId, WrittenAnew>,
    /// How much is read beside a snapshot before a new one is made.
    fold_limits: FoldLimits,
    /// Edits that were asked for and not begun.
    together: Option<Together>,
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
    /// How many editors have it open.
    open: u32,
    used: u64,
    /// Journal entries that no event stands for yet.
    journalled: BTreeSet<u64>,
    /// What was stored since it was last folded.
    unfolded: Unfolded,
    /// When own changes are to become an event.
    issue_at: Option<Instant>,
    /// When at the latest, however many more come.
    issue_until: Option<Instant>,
    issuing: Option<Issuing>,
    /// Since when own changes wait for what others typed.
    leans_since: Option<Instant>,
    /// Not before this, milliseconds, is anything sent live again.
    live_after_ms: u64,
    reached: Reached,
    /// The last place of one's own chains, by incarnation.
    stored: BTreeMap<String, u64>,
}

/// Events of a document that came since it was last folded, beside the actor.
#[derive(Debug, Default)]
struct Unfolded {
    events: usize,
    bytes: usize,
    /// Whether that is under way.
    folding: bool,
    /// What is under way was begun before something was erased, and is not kept.
    stale: bool,
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
            anew: BTreeMap::new(),
            fold_limits: FoldLimits::PRODUCT,
            together: None,
            changed: BTreeSet::new(),
            uses: 0,
            awareness: Awareness::default(),
            typed: BTreeSet::new(),
        }
    }

    pub(super) fn of_room(&self, room: RoomId) -> Vec<LogId> {
        self.shelf.iter().filter(|(_, shelved)| shelved.room == room).map(|(log, _)| *log).collect()
    }

    /// When a document was announced, and by whom.
    pub(super) fn announced(&self, log: LogId) -> Option<(Hlc, AccountId)> {
        let shelved = self.shelf.get(&log)?;
        Some((shelved.announced.0.hlc, shelved.author))
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
            Action::RETRACT | Action::REDACT => {
                self.drop_snapshot(log);
                return;
            }
            Action::DOCUMENT_UPDATE => self.note_unfolded(log, header.body_length as usize),
            _ => return,
        }
        let Some(update) = event.content().and_then(packing::unpack) else { return };
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
            open: 0,
            used: 0,
            journalled: BTreeSet::new(),
            unfolded: Unfolded::default(),
            issue_at: None,
            issue_until: None,
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

    /// Reads who may write in a document, what it is called and where it is put. Blocks on the disk, for as long as what
    /// is new since it last looked takes.
    fn note_changes(&mut self, log: LogId) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        let reader = self.persistence.reader();
        let Noted { mut looked, mut places } = self.documents.records.noted(log)?;
        for (chain, seq) in &places {
            changes.extend(reader.event(log, *chain, *seq)?);
        }
        let (known, mut seen) = (looked.clone(), 0_u64);
        reader.each_event_beyond(log, &|chain| known.of(chain), &mut |event| {
            let header = event.header.get();
            seen += 1;
            looked.take(header.chain(), header.seq);
            if [Action::DOCUMENT_EDITORS, Action::DOCUMENT_CHANGE].contains(&header.action) {
                places.push((header.chain(), header.seq));
                changes.push(event);
            }
        })?;
        if seen > NOTE_AFTER {
            let mut batch = Batch::new();
            DocumentRecords::put_noted(&mut batch, log, &Noted { looked, places });
            self.persistence.write(batch);
        }
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
        self.documents.anew.remove(&log);
        let Some(shelved) = self.documents.shelf.remove(&log) else { return };
        let mut batch = Batch::new();
        match self.documents.records.forget(&mut batch, log) {
            Ok(()) => self.persistence.write(batch),
            Err(error) => tracing::error!(%error, %log, "a document's journal could not be read to be forgotten"),
        }
        self.tell(Event::DocRemoved { doc_id: log.to_string(), room_id: shelved.room.to_string() });
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

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
