//! One document: what the events of its log and this person's own changes add up to.
//!
//! The engine's home folds in events as they are stored, and asks for changes; a change is applied here at once, goes to
//! the journal, and later, together with others, into an event ([`Document::take_unissued`]).
//! `docs/protocol.md`, Documents, has the rules.
//!
//! # Invariants
//! 1. The same events make the same document, whatever the order of arrival. Test:
//!    `prop_documents_converge_in_any_order`.
//! 2. An update counts whole or not at all; one that is not taken changes nothing. Test:
//!    `an_update_that_is_not_taken_changes_nothing`.
//! 3. Nobody writes under a client id of somebody else's device. Test: `an_id_of_another_device_is_refused`.
//! 4. No bytes panic. Test: `prop_mutated_updates_do_no_harm`.
//! 5. What is being typed decides nothing: when the event has come, or never comes, only events count. Tests:
//!    `what_is_typed_shows_ahead_of_its_event`, `own_text_beside_what_never_came_is_made_again`.
//! 6. An edit that was refused is in nobody's document, and what others wrote beside it stays. Test:
//!    `what_was_written_beside_a_refused_edit_stays`.

mod clients;
mod live;

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::event::{EventHeader, EventOrder};
use momoland_protocol::id::{ChainId, DeviceId, EventId, LogId, Seq, random};
use momoland_protocol::limits;
use momoland_replica::roster::Roster;
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;
use yrs::{
    ClientID, Doc, OffsetKind, Options, ReadTxn, StateVector, Transact as _, TransactionMut, WriteTxn as _,
    XmlElementPrelim, XmlFragment as _, XmlFragmentRef,
};

use self::clients::{BOUND_FROM, bound_client, is_bound};
use self::live::Live;
pub(crate) use self::live::MadeAnew;
use super::depths::Depths;
use super::lines::Lines;
use super::rich::{self, Block};
use super::snapshot::{Beginning, Parts, Ranges, Snapshot};
use super::update::{Update, UpdateError, offset_of, units};

/// The root that holds the content: y-prosemirror's and TipTap's.
pub(super) const CONTENT: &str = "default";

/// Bytes of one update that a front may bring; in base64 they fit into a request.
pub(crate) const RAW_UPDATE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One change of the text, as `docs.edit` takes it. Each counts on the text that the one before it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    Insert { at: u32, text: String },
    Delete { at: u32, len: u32 },
}

/// Why a change was not taken. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EditRefusal {
    /// An offset is beyond the end.
    #[error("it reaches beyond the end: the text has {units} UTF-16 code units there")]
    BeyondTheEnd {
        /// What there is.
        units: u32,
    },
    /// An offset is in the middle of a character.
    #[error("offset {at} is in the middle of a character")]
    InACharacter {
        /// Which.
        at: u32,
    },
    /// The bytes are no update that is taken.
    #[error("{0}")]
    Update(#[from] UpdateError),
    /// It builds on what is not here.
    #[error("it builds on changes that are not here")]
    LeansOnUnknown,
    /// It was made under a client id that another device uses, or that none may choose.
    #[error("its client id {client} is not this device's")]
    ForeignClient {
        /// Which.
        client: u64,
    },
    /// The document would be too long.
    #[error("the document would be too long")]
    TooLong,
    /// Blocks would lie too deep within each other.
    #[error("its blocks lie too deep within each other")]
    TooDeep,
}

/// What became of one edit of several.
pub(crate) type Outcome = Result<(), EditRefusal>;

/// What became of an event's update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folded {
    /// It counts, and perhaps others that waited for it.
    Counts,
    /// It will count once what it builds on is here.
    Waits,
    /// It does not, here and everywhere.
    Refused,
    /// It came later than others and counts before them: all events are to be folded anew.
    OutOfOrder,
}

/// What became of something that the journal kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// No event says it yet, and it is to become one.
    New,
    /// Events say it.
    Known,
}

/// Whether an event may be what it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its author may write.
    Counts,
    /// Its author may not, by the document's editors: it counts for nothing but the places of what others put beside it.
    Refused,
}

/// A Yjs document, and where its content is.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) doc: Doc,
    pub(super) content: XmlFragmentRef,
}

/// A document in memory.
#[derive(Debug)]
pub(crate) struct Document {
    log: LogId,
    own: DeviceId,
    /// What events say that count, and one's own changes that build on nothing else.
    page: Page,
    /// What is shown, where others are typing.
    live: Option<Live>,
    /// Who uses the client ids below [`BOUND_FROM`], by the first event that does.
    claims: BTreeMap<u64, (EventOrder, DeviceId)>,
    /// Those of them that this device uses and no event says yet.
    own_claims: BTreeSet<u64>,
    /// Where each line is; dropped by what others write.
    lines: Option<Lines>,
    /// How deep everything lies.
    depths: Depths,
    /// Updates that build on what is not here yet, in no order.
    waiting: Vec<(EventHeader, u64, Update)>,
    /// What is left of updates that do not count, to be taken in where one that counts builds on it.
    outlines: Vec<(ChainId, Seq, Update)>,
    /// What came to count since it was last asked.
    counted: Vec<Vec<u8>>,
    /// Own changes that are in no event yet.
    unissued: Update,
    /// Whether they build on what others are typing, and so are not in `page`.
    leans: bool,
    /// Own changes that were not sent live yet.
    unsent: Update,
    /// The events that count, and the version of the roster that each names.
    places: BTreeMap<(ChainId, Seq), u64>,
}

impl Page {
    pub(super) fn new(client: u64) -> Self {
        let mut options = Options::with_client_id(ClientID::new(client));
        options.offset_kind = OffsetKind::Utf16;
        // It would delete in answer to what others write, and no event would say so.
        options.cleanup_formatting = false;
        let doc = Doc::with_options(options);
        let content = doc.transact_mut().get_or_insert_xml_fragment(CONTENT);
        Self { doc, content }
    }

    /// How many clocks of each client are in it.
    fn clocks(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    /// Takes in an update that fits and lies well.
    fn apply(&self, update: &Update) {
        let applied = yrs::Update::decode_v1(&update.encode())
            .map(|decoded| self.doc.transact_mut().apply_update(decoded).is_ok());
        if !applied.is_ok_and(|applied| applied) {
            tracing::error!("an update that was found good could not be applied");
        }
    }

    fn state(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }
}

fn clock_in(clocks: &StateVector) -> impl Fn(u64) -> u32 + '_ {
    |client| clocks.get(&ClientID::new(client))
}

impl Document {
    /// An empty document, under a new client id of this device.
    pub(crate) fn new(log: LogId, own: DeviceId) -> Self {
        Self {
            log,
            own,
            page: Page::new(bound_client(log, own, random())),
            live: None,
            claims: BTreeMap::new(),
            own_claims: BTreeSet::new(),
            lines: None,
            depths: Depths::default(),
            waiting: Vec::new(),
            outlines: Vec::new(),
            counted: Vec::new(),
            unissued: Update::default(),
            leans: false,
            unsent: Update::default(),
            places: BTreeMap::new(),
        }
    }

    /// A document as it was when a snapshot was made of it; `None` where that cannot be.
    pub(crate) fn from_snapshot(log: LogId, own: DeviceId, snapshot: Snapshot, roster: &Roster) -> Option<Self> {
        let Beginning { places, claims, depths, state } = snapshot.into_beginning(roster)?;
        let document = Self { places, claims, depths, ..Self::new(log, own) };
        let update = yrs::Update::decode_v1(&state).ok()?;
        document.page.doc.transact_mut().apply_update(update).ok()?;
        Some(document)
    }

    /// What these events add up to, which are all that was folded in; `None` where something else is in it.
    pub(crate) fn snapshot(
        &self,
        lists: BTreeSet<EventId>,
        ranges: &Ranges,
        unjudged: &[(ChainId, Seq)],
        roster: &Roster,
    ) -> Option<Snapshot> {
        if self.live.is_some() || self.has_unissued() {
            return None;
        }
        let waiting = self.waiting.iter().map(|(header, ..)| (header.chain(), header.seq));
        let outlines = self.outlines.iter().map(|(chain, seq, _)| (*chain, *seq));
        let parts = Parts {
            places: &self.places,
            claims: &self.claims,
            depths: &self.depths,
            state: self.page.state(),
            undecided: waiting.chain(outlines).collect(),
        };
        Snapshot::of(parts, lists, ranges, unjudged, roster)
    }

    /// The first change of a new document: a paragraph that all begin in, so that two who type into a new document at once
    /// type into one line.
    pub(crate) fn begin(&mut self) -> Result<Vec<u8>, EditRefusal> {
        let content = self.page.content.clone();
        self.change(|txn| {
            content.insert(txn, 0, XmlElementPrelim::empty("paragraph"));
        })
    }

    /// What people see.
    fn shown(&self) -> &Page {
        self.live.as_ref().map_or(&self.page, |live| &live.page)
    }

    // Events.

    /// Folds in the update of an event that its roster allows.
    pub(crate) fn fold(&mut self, header: &EventHeader, version: u64, bytes: &[u8], standing: Standing) -> Folded {
        let Ok(update) = Update::decode(bytes) else { return Folded::Refused };
        let folded = match standing {
            Standing::Counts => self.fold_one(header, version, update),
            Standing::Refused => {
                if self.writes_under_own_ids(header, &update).is_some() {
                    self.places.insert((header.chain(), header.seq), version);
                    self.outlines.push((header.chain(), header.seq, update.outline()));
                }
                Folded::Refused
            }
        };
        if folded == Folded::OutOfOrder || self.waiting.is_empty() {
            return folded;
        }
        match self.fold_waiting() {
            Folded::Refused | Folded::Waits => folded,
            settled @ (Folded::Counts | Folded::OutOfOrder) => settled,
        }
    }

    /// What waited may go on now.
    fn fold_waiting(&mut self) -> Folded {
        let mut counted = false;
        loop {
            let before = self.waiting.len();
            for (header, version, update) in std::mem::take(&mut self.waiting) {
                if self.fold_one(&header, version, update) == Folded::OutOfOrder {
                    return Folded::OutOfOrder;
                }
            }
            let went_on = self.waiting.len() < before;
            counted |= went_on;
            if self.waiting.is_empty() || !(went_on | self.take_in_outline()) {
                return if counted { Folded::Counts } else { Folded::Waits };
            }
        }
    }

    /// Takes in the outline of an update that does not count, where something that waits builds on it, by way of other
    /// outlines or at once.
    fn take_in_outline(&mut self) -> bool {
        let mut needed: Vec<usize> = Vec::new();
        loop {
            let builders = self.waiting.iter().map(|(_, _, update)| update);
            let builders: Vec<&Update> = builders
                .chain(needed.iter().filter_map(|it| self.outlines.get(*it)).map(|(.., outline)| outline))
                .collect();
            let more = (0..self.outlines.len()).find(|place| {
                let wanted = |outline| builders.iter().any(|update| update.builds_on(outline));
                !needed.contains(place) && self.outlines.get(*place).is_some_and(|(.., outline)| wanted(outline))
            });
            match more {
                Some(more) => needed.push(more),
                None => break,
            }
        }
        let clocks = self.page.clocks();
        let fits =
            |place: &usize| self.outlines.get(*place).is_some_and(|(.., outline)| outline.fits(clock_in(&clocks)));
        let Some(place) = needed.into_iter().find(fits) else { return false };
        let (.., outline) = self.outlines.swap_remove(place);
        if self.depths.take(&outline) {
            self.take_in(&outline);
        }
        true
    }

    /// The client ids below [`BOUND_FROM`] that an update uses; `None` where it uses one of another device's.
    fn writes_under_own_ids(&self, header: &EventHeader, update: &Update) -> Option<Vec<u64>> {
        let bound = |client: &u64| *client >= BOUND_FROM;
        let own = update.clients().filter(bound).all(|client| is_bound(client, self.log, header.device));
        own.then(|| update.clients().filter(|client| !bound(client)).collect())
    }

    fn fold_one(&mut self, header: &EventHeader, version: u64, update: Update) -> Folded {
        let order = header.order();
        let Some(claimed) = self.writes_under_own_ids(header, &update) else { return Folded::Refused };
        for client in &claimed {
            match self.claims.get(client) {
                Some((first, device)) if *device != header.device && *first < order => return Folded::Refused,
                Some((_, device)) if *device != header.device => return Folded::OutOfOrder,
                Some(_) | None => {}
            }
            if header.device != self.own && self.own_claims.contains(client) {
                return Folded::OutOfOrder;
            }
        }
        // Held back here and not in `yrs`, which would take part of it.
        if !update.fits(clock_in(&self.page.clocks())) {
            self.waiting.push((header.clone(), version, update));
            return Folded::Waits;
        }
        if !self.depths.take(&update) {
            return Folded::Refused;
        }
        self.take_in(&update);
        self.settle_typed(header.device, &update);
        for client in claimed {
            self.claim(client, order, header.device);
        }
        self.places.insert((header.chain(), header.seq), version);
        self.counted.push(update.encode());
        Folded::Counts
    }

    /// Applies what fits and lies well to all pages.
    fn take_in(&mut self, update: &Update) {
        self.page.apply(update);
        if let Some(live) = &mut self.live {
            live.depths.take(update);
            live.page.apply(update);
        }
        self.lines = None;
        self.settle_own();
    }

    fn claim(&mut self, client: u64, order: EventOrder, device: DeviceId) {
        let claim = self.claims.entry(client).or_insert((order, device));
        claim.0 = claim.0.min(order);
        self.own_claims.remove(&client);
    }

    /// The updates that came to count since it was last asked, in order.
    pub(crate) fn take_counted(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.counted)
    }

    /// An event that this device wrote of its own changes, which are here already, is stored.
    pub(crate) fn issued(&mut self, header: &EventHeader, version: u64, bytes: &[u8]) {
        if let Ok(update) = Update::decode(bytes) {
            // Read anew meanwhile, before it was stored.
            let mut rest = update.clone();
            rest.trim(clock_in(&self.page.clocks()));
            if rest.clients().next().is_some() {
                self.fold_one(header, version, update);
                return;
            }
            for client in update.clients().filter(|client| *client < BOUND_FROM) {
                self.claim(client, header.order(), header.device);
            }
        }
        self.places.insert((header.chain(), header.seq), version);
    }

    /// The events that count, and the version of the roster that each names.
    pub(crate) fn places(&self) -> impl Iterator<Item = (ChainId, Seq, u64)> + '_ {
        self.places.iter().map(|((chain, seq), version)| (*chain, *seq, *version))
    }

    // One's own.

    /// The text.
    pub(crate) fn text(&mut self) -> String {
        let page = self.live.as_ref().map_or(&self.page, |live| &live.page);
        let txn = page.doc.transact();
        let lines = self.lines.get_or_insert_with(|| Lines::walk(&page.content, &txn));
        lines.text(&txn)
    }

    /// Changes the text; all of it or nothing. The update that says so; empty where nothing changed.
    ///
    /// # Errors
    /// [`EditRefusal`].
    pub(crate) fn edit(&mut self, edits: &[Edit]) -> Result<Vec<u8>, EditRefusal> {
        let (outcomes, update) = self.edit_together(std::iter::once(edits));
        outcomes.into_iter().collect::<Result<(), EditRefusal>>()?;
        update
    }

    /// Changes the text several times in one transaction; each time all of it or nothing. What became of each, and the
    /// update that says all that was done; empty where that is nothing.
    pub(crate) fn edit_together<'a>(
        &mut self,
        all: impl Iterator<Item = &'a [Edit]>,
    ) -> (Vec<Outcome>, Result<Vec<u8>, EditRefusal>) {
        let mut lines = match self.lines.take() {
            Some(lines) => lines,
            None => Lines::walk(&self.shown().content, &self.shown().doc.transact()),
        };
        let content = self.shown().content.clone();
        let mut outcomes = Vec::new();
        let update = self.change(|txn| {
            for edits in all {
                let outcome = check(&mut lines, txn, edits);
                if outcome.is_ok() {
                    for edit in edits {
                        match edit {
                            Edit::Insert { at, text } => lines.insert(&content, txn, *at, text),
                            Edit::Delete { at, len } => lines.delete(&content, txn, *at, *len),
                        }
                    }
                }
                outcomes.push(outcome);
            }
        });
        self.lines = Some(lines);
        (outcomes, update)
    }

    /// Puts blocks at the end. The update that says so; empty where nothing changed.
    ///
    /// # Errors
    /// [`EditRefusal`].
    pub(crate) fn append(&mut self, blocks: &[Block]) -> Result<Vec<u8>, EditRefusal> {
        let content = self.shown().content.clone();
        self.lines = None;
        let mut written = Ok(());
        let bytes = self.change(|txn| written = rich::write(&content, txn, blocks))?;
        written?;
        Ok(bytes)
    }

    /// Makes these blocks of what is there, and leaves what is among them already. The update that says so; empty where
    /// nothing changed.
    ///
    /// # Errors
    /// [`EditRefusal`].
    pub(crate) fn become_blocks(&mut self, blocks: &[Block]) -> Result<Vec<u8>, EditRefusal> {
        let content = self.shown().content.clone();
        self.lines = None;
        let mut written = Ok(());
        let bytes = self.change(|txn| written = rich::replace(&content, txn, blocks))?;
        written?;
        Ok(bytes)
    }

    /// What people see, as blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let page = self.shown();
        rich::read(&page.content, &page.doc.transact())
    }

    /// The first of them, as many as are seen at once.
    pub(crate) fn beginning(&self) -> Vec<Block> {
        let page = self.shown();
        rich::read_beginning(&page.content, &page.doc.transact())
    }

    /// Takes an update that an editor on this machine made; all of it or nothing. What is new in it; empty where that is
    /// nothing.
    ///
    /// # Errors
    /// [`EditRefusal`].
    pub(crate) fn take_raw(&mut self, bytes: &[u8]) -> Result<Vec<u8>, EditRefusal> {
        let clocks = self.shown().clocks();
        let mut update = Update::decode(bytes)?;
        update.trim(clock_in(&clocks));
        if !update.fits(clock_in(&clocks)) {
            return Err(EditRefusal::LeansOnUnknown);
        }
        for client in update.clients() {
            let own = match client >= BOUND_FROM {
                true => is_bound(client, self.log, self.own),
                false => self.claims.get(&client).is_none_or(|(_, device)| *device == self.own),
            };
            if !own {
                return Err(EditRefusal::ForeignClient { client });
            }
        }
        if update.size() > limits::DOCUMENT_UPDATE_BYTES_MAX {
            update.clone().into_parts(limits::DOCUMENT_UPDATE_BYTES_MAX)?;
        }
        let depths = self.live.as_mut().map_or(&mut self.depths, |live| &mut live.depths);
        if !depths.take(&update) {
            return Err(EditRefusal::TooDeep);
        }
        let decoded = yrs::Update::decode_v1(&update.encode()).map_err(|_| UpdateError::Malformed)?;
        let clients: Vec<u64> = update.clients().filter(|client| *client < BOUND_FROM).collect();
        self.own_claims.extend(clients.into_iter().filter(|client| !self.claims.contains_key(client)));
        self.lines = None;
        self.change(|txn| {
            if txn.apply_update(decoded).is_err() {
                tracing::error!("an update that was found good could not be applied");
            }
        })
    }

    /// Changes what is shown as this person, and notes what is to become an event.
    fn change(&mut self, change: impl FnOnce(&mut TransactionMut<'_>)) -> Result<Vec<u8>, EditRefusal> {
        let mut txn = self.shown().doc.transact_mut();
        change(&mut txn);
        let bytes = txn.encode_update_v1();
        drop(txn);
        let update = Update::decode(&bytes)?;
        if update.is_empty() {
            return Ok(Vec::new());
        }
        match &mut self.live {
            Some(live) => {
                live.depths.take(&update);
                if self.leans || !update.fits(clock_in(&self.page.clocks())) {
                    self.leans = true;
                } else {
                    self.depths.take(&update);
                    self.page.apply(&update);
                }
            }
            None => {
                self.depths.take(&update);
            }
        }
        self.unsent.absorb(update.clone());
        self.unissued.absorb(update);
        Ok(bytes)
    }

    /// Takes in again what the journal kept over a restart.
    pub(crate) fn recover(&mut self, bytes: &[u8]) -> Recovered {
        let Ok(mut update) = Update::decode(bytes) else { return Recovered::Known };
        let clocks = self.page.clocks();
        update.trim(clock_in(&clocks));
        if update.is_empty() {
            return Recovered::Known;
        }
        let clients: Vec<u64> = update.clients().filter(|client| *client < BOUND_FROM).collect();
        self.own_claims.extend(clients.into_iter().filter(|client| !self.claims.contains_key(client)));
        if self.leans || !update.fits(clock_in(&clocks)) || !self.depths.take(&update) {
            // It was written beside what somebody typed: that may come yet, or it is made again.
            self.unissued.absorb(update);
            self.leans = true;
            return Recovered::New;
        }
        let Ok(decoded) = yrs::Update::decode_v1(&update.encode()) else { return Recovered::Known };
        self.lines = None;
        let changed = self.change(|txn| {
            if txn.apply_update(decoded).is_err() {
                tracing::warn!("what the journal kept could not be applied");
            }
        });
        if changed.is_ok_and(|changed| changed.is_empty()) { Recovered::Known } else { Recovered::New }
    }

    /// Whether what waits to become an event fills one of so many bytes, without the text that it deletes itself.
    pub(crate) fn fills_an_event(&mut self, bytes: usize) -> bool {
        if self.unissued.size() < bytes {
            return false;
        }
        self.unissued = std::mem::take(&mut self.unissued).without_deleted_text();
        // Half of it: else the next keystroke would ask again.
        self.unissued.size() >= bytes / 2
    }

    pub(crate) fn has_unissued(&self) -> bool {
        !self.unissued.is_empty()
    }

    /// What no event says yet, as one update.
    pub(crate) fn unissued(&self) -> Vec<u8> {
        self.unissued.encode()
    }

    /// The events of these updates were refused: they wait again.
    pub(crate) fn put_back(&mut self, parts: &[Vec<u8>]) {
        let later = std::mem::take(&mut self.unissued);
        for part in parts.iter().filter_map(|part| Update::decode(part).ok()) {
            self.unissued.absorb(part);
        }
        self.unissued.absorb(later);
    }

    /// The updates of the events that say what none said yet.
    pub(crate) fn take_unissued(&mut self, limit: usize) -> Vec<Vec<u8>> {
        let unissued = std::mem::take(&mut self.unissued).without_deleted_text();
        unissued.into_parts(limit).unwrap_or_else(|error| {
            // Such a piece is refused before it is taken.
            tracing::error!(%error, "a change cannot be said in events");
            Vec::new()
        })
    }

    /// What somebody lacks who has this much: all where that is nothing. And how much there is.
    ///
    /// # Errors
    /// [`UpdateError::Malformed`] where `theirs` is no state vector.
    pub(crate) fn state(&self, theirs: Option<&[u8]>) -> Result<(Vec<u8>, Vec<u8>), UpdateError> {
        let theirs = match theirs {
            Some(bytes) => StateVector::decode_v1(bytes).map_err(|_| UpdateError::Malformed)?,
            None => StateVector::default(),
        };
        let txn = self.shown().doc.transact();
        Ok((txn.encode_state_as_update_v1(&theirs), txn.state_vector().encode_v1()))
    }

    /// A client id for an editor on this machine, used by nothing that is here.
    pub(crate) fn new_client(&self) -> u64 {
        let known = self.shown().clocks();
        let own = self.page.doc.client_id().get();
        let start: [u8; 2] = random();
        let candidates = (0..1_u16 << 8).map(|step| {
            let chosen = u16::from_be_bytes(start).wrapping_add(step.wrapping_mul(257));
            bound_client(self.log, self.own, chosen.to_be_bytes())
        });
        let unused = |client: &u64| *client != own && !known.contains_client(&ClientID::new(*client));
        candidates.into_iter().find(unused).unwrap_or_else(|| bound_client(self.log, self.own, random()))
    }
}

/// Whether all offsets are there and between two characters.
fn check<T: ReadTxn>(lines: &mut Lines, txn: &T, edits: &[Edit]) -> Result<(), EditRefusal> {
    let mut held = lines.units();
    let mut wide = lines.is_wide();
    for edit in edits {
        match edit {
            Edit::Insert { at, text } => {
                if *at > held {
                    return Err(EditRefusal::BeyondTheEnd { units: held });
                }
                let len = units(text);
                wide = wide || text.chars().count() != len as usize;
                held = held.checked_add(len).ok_or(EditRefusal::TooLong)?;
            }
            Edit::Delete { at, len } => {
                if at.checked_add(*len).is_none_or(|end| end > held) {
                    return Err(EditRefusal::BeyondTheEnd { units: held });
                }
                held -= len;
            }
        }
    }
    let mut between = |at: u32| match lines.is_between_characters(txn, at) {
        true => Ok(()),
        false => Err(EditRefusal::InACharacter { at }),
    };
    match edits {
        _ if !wide => Ok(()),
        // A keystroke, mostly.
        [Edit::Insert { at, .. }] => between(*at),
        [Edit::Delete { at, len }] => between(*at).and_then(|()| between(at + len)),
        _ => check_characters(lines.text(txn), edits),
    }
}

/// Whether no offset falls into the middle of a character: tried on a copy.
fn check_characters(text: String, edits: &[Edit]) -> Result<(), EditRefusal> {
    let mut text = text;
    for edit in edits {
        let place = |text: &str, at: u32| offset_of(text, at).ok_or(EditRefusal::InACharacter { at });
        match edit {
            Edit::Insert { at, text: new } => text.insert_str(place(&text, *at)?, new),
            Edit::Delete { at, len } => {
                let range = place(&text, *at)?..place(&text, at + len)?;
                text.replace_range(range, "");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
