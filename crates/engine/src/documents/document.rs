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

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::event::{EventHeader, EventOrder};
use momoland_protocol::id::{ChainId, DeviceId, LogId, Seq, random};
use momoland_protocol::limits;
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;
use yrs::{
    ClientID, Doc, OffsetKind, Options, ReadTxn as _, StateVector, Transact as _, TransactionMut, WriteTxn as _,
    XmlElementPrelim, XmlFragment as _, XmlFragmentRef,
};

use super::depths::Depths;
use super::lines::Lines;
use super::update::{Update, UpdateError, offset_of, units};

/// The root that holds the content: y-prosemirror's and TipTap's.
pub(super) const CONTENT: &str = "default";

/// Client ids from here on belong to the device that they are derived from; lower ones to who uses them first.
const BOUND_FROM: u64 = 1 << 52;

/// Bits of a bound client id that the device chooses: for each life of an editor another id.
const CHOSEN_BITS: u32 = 16;

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
    /// What it builds on is not here.
    Waits,
}

/// A document in memory.
#[derive(Debug)]
pub(crate) struct Document {
    log: LogId,
    own: DeviceId,
    doc: Doc,
    content: XmlFragmentRef,
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
    /// What came to count since it was last asked.
    counted: Vec<Vec<u8>>,
    /// Own changes that are in no event yet.
    unissued: Update,
    /// The events that count, and the version of the roster that each names.
    places: BTreeMap<(ChainId, Seq), u64>,
}

impl Document {
    /// An empty document, under a client id of this device that it has not used in it before as far as `used` says.
    pub(crate) fn new(log: LogId, own: DeviceId) -> Self {
        let mut options = Options::with_client_id(ClientID::new(bound_client(log, own, random())));
        options.offset_kind = OffsetKind::Utf16;
        // It would delete in answer to what others write, and no event would say so.
        options.cleanup_formatting = false;
        let doc = Doc::with_options(options);
        let content = doc.transact_mut().get_or_insert_xml_fragment(CONTENT);
        Self {
            log,
            own,
            doc,
            content,
            claims: BTreeMap::new(),
            own_claims: BTreeSet::new(),
            lines: None,
            depths: Depths::default(),
            waiting: Vec::new(),
            counted: Vec::new(),
            unissued: Update::default(),
            places: BTreeMap::new(),
        }
    }

    /// The first change of a new document: a paragraph that all begin in, so that two who type into a new document at once
    /// type into one line.
    pub(crate) fn begin(&mut self) -> Result<Vec<u8>, EditRefusal> {
        let content = self.content.clone();
        self.change(|txn| {
            content.insert(txn, 0, XmlElementPrelim::empty("paragraph"));
        })
    }

    /// Folds in the update of an event that its roster allows.
    pub(crate) fn fold(&mut self, header: &EventHeader, version: u64, bytes: &[u8]) -> Folded {
        let Ok(update) = Update::decode(bytes) else { return Folded::Refused };
        let folded = self.fold_one(header, version, update);
        if folded == Folded::Counts && !self.waiting.is_empty() {
            return self.fold_waiting();
        }
        folded
    }

    /// What waited may go on now.
    fn fold_waiting(&mut self) -> Folded {
        loop {
            let before = self.waiting.len();
            for (header, version, update) in std::mem::take(&mut self.waiting) {
                if self.fold_one(&header, version, update) == Folded::OutOfOrder {
                    return Folded::OutOfOrder;
                }
            }
            if self.waiting.len() == before || self.waiting.is_empty() {
                return Folded::Counts;
            }
        }
    }

    fn fold_one(&mut self, header: &EventHeader, version: u64, update: Update) -> Folded {
        let order = header.order();
        let mut claimed = Vec::new();
        for client in update.clients() {
            if client >= BOUND_FROM {
                if !is_bound(client, self.log, header.device) {
                    return Folded::Refused;
                }
                continue;
            }
            match self.claims.get(&client) {
                Some((first, device)) if *device != header.device && *first < order => return Folded::Refused,
                Some((_, device)) if *device != header.device => return Folded::OutOfOrder,
                Some(_) | None => claimed.push(client),
            }
            if header.device != self.own && self.own_claims.contains(&client) {
                return Folded::OutOfOrder;
            }
        }
        let known = self.doc.transact().state_vector();
        // Held back here and not in `yrs`, which would take part of it.
        if !update.fits(|client| known.get(&ClientID::new(client))) {
            self.waiting.push((header.clone(), version, update));
            return Folded::Waits;
        }
        if !self.depths.take(&update) {
            return Folded::Refused;
        }
        let bytes = update.encode();
        let Ok(decoded) = yrs::Update::decode_v1(&bytes) else { return Folded::Refused };
        if self.doc.transact_mut().apply_update(decoded).is_err() {
            tracing::error!(log = %self.log, "an update that was found good could not be applied");
        }
        for client in claimed {
            let claim = self.claims.entry(client).or_insert((order, header.device));
            claim.0 = claim.0.min(order);
            self.own_claims.remove(&client);
        }
        self.places.insert((header.chain(), header.seq), version);
        self.lines = None;
        self.counted.push(bytes);
        Folded::Counts
    }

    /// The updates that came to count since it was last asked, in order.
    pub(crate) fn take_counted(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.counted)
    }

    /// An event that this device wrote of its own changes, which are here already, is stored.
    pub(crate) fn issued(&mut self, header: &EventHeader, version: u64, bytes: &[u8]) {
        if let Ok(update) = Update::decode(bytes) {
            // Read anew meanwhile, before it was stored.
            let known = self.doc.transact().state_vector();
            let mut rest = update.clone();
            rest.trim(|client| known.get(&ClientID::new(client)));
            if rest.clients().next().is_some() {
                self.fold_one(header, version, update);
                return;
            }
            for client in update.clients().filter(|client| *client < BOUND_FROM) {
                let claim = self.claims.entry(client).or_insert((header.order(), header.device));
                claim.0 = claim.0.min(header.order());
                self.own_claims.remove(&client);
            }
        }
        self.places.insert((header.chain(), header.seq), version);
    }

    /// The events that count, and the version of the roster that each names.
    pub(crate) fn places(&self) -> impl Iterator<Item = (ChainId, Seq, u64)> + '_ {
        self.places.iter().map(|((chain, seq), version)| (*chain, *seq, *version))
    }

    /// The text.
    pub(crate) fn text(&mut self) -> String {
        let txn = self.doc.transact();
        let lines = self.lines.get_or_insert_with(|| Lines::walk(&self.content, &txn));
        lines.text(&txn)
    }

    /// Changes the text; all of it or nothing. The update that says so; empty where nothing changed.
    ///
    /// # Errors
    /// [`EditRefusal`].
    pub(crate) fn edit(&mut self, edits: &[Edit]) -> Result<Vec<u8>, EditRefusal> {
        let mut lines = match self.lines.take() {
            Some(lines) => lines,
            None => Lines::walk(&self.content, &self.doc.transact()),
        };
        if let Err(refusal) = self.check(&lines, edits) {
            self.lines = Some(lines);
            return Err(refusal);
        }
        let content = self.content.clone();
        let update = self.change(|txn| {
            for edit in edits {
                match edit {
                    Edit::Insert { at, text } => lines.insert(&content, txn, *at, text),
                    Edit::Delete { at, len } => lines.delete(&content, txn, *at, *len),
                }
            }
        });
        self.lines = Some(lines);
        update
    }

    /// Whether all offsets are there and between two characters.
    fn check(&self, lines: &Lines, edits: &[Edit]) -> Result<(), EditRefusal> {
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
        if wide { check_characters(lines.text(&self.doc.transact()), edits) } else { Ok(()) }
    }

    /// Takes an update that an editor on this machine made; all of it or nothing. What is new in it; empty where that is
    /// nothing.
    ///
    /// # Errors
    /// [`EditRefusal`].
    pub(crate) fn take_raw(&mut self, bytes: &[u8]) -> Result<Vec<u8>, EditRefusal> {
        let known = self.doc.transact().state_vector();
        let clock = |client: u64| known.get(&ClientID::new(client));
        let mut update = Update::decode(bytes)?;
        update.trim(clock);
        if !update.fits(clock) {
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
        if !self.depths.take(&update) {
            return Err(EditRefusal::TooDeep);
        }
        let clients: Vec<u64> = update.clients().filter(|client| *client < BOUND_FROM).collect();
        let decoded = yrs::Update::decode_v1(&update.encode()).map_err(|_| UpdateError::Malformed)?;
        self.lines = None;
        let mut refused = false;
        let taken = self.change(|txn| refused = txn.apply_update(decoded).is_err());
        if refused {
            return Err(UpdateError::Malformed.into());
        }
        self.own_claims.extend(clients.into_iter().filter(|client| !self.claims.contains_key(client)));
        taken
    }

    /// Changes the document as this person, and notes what is to become an event.
    fn change(&mut self, change: impl FnOnce(&mut TransactionMut<'_>)) -> Result<Vec<u8>, EditRefusal> {
        let mut txn = self.doc.transact_mut();
        change(&mut txn);
        let bytes = txn.encode_update_v1();
        drop(txn);
        let update = Update::decode(&bytes)?;
        if update.is_empty() {
            return Ok(Vec::new());
        }
        self.depths.take(&update);
        self.unissued.absorb(update);
        Ok(bytes)
    }

    /// Takes in again what the journal kept over a restart.
    pub(crate) fn recover(&mut self, bytes: &[u8]) -> Recovered {
        // It was checked before it was written, but what it builds on may have been cut since.
        let known = self.doc.transact().state_vector();
        let Ok(mut update) = Update::decode(bytes) else { return Recovered::Waits };
        update.trim(|client| known.get(&ClientID::new(client)));
        let clients: Vec<u64> = update.clients().filter(|client| *client < BOUND_FROM).collect();
        let clock = |client: u64| known.get(&ClientID::new(client));
        if !update.fits(clock) || !self.depths.take(&update) {
            tracing::warn!(log = %self.log, "what the journal kept builds on what is not here");
            return Recovered::Waits;
        }
        let Ok(decoded) = yrs::Update::decode_v1(&update.encode()) else { return Recovered::Waits };
        self.lines = None;
        let changed = self.change(|txn| {
            if txn.apply_update(decoded).is_err() {
                tracing::warn!("what the journal kept could not be applied");
            }
        });
        self.own_claims.extend(clients.into_iter().filter(|client| !self.claims.contains_key(client)));
        match changed {
            Ok(changed) if changed.is_empty() => Recovered::Known,
            Ok(_) => Recovered::New,
            Err(_) => Recovered::Waits,
        }
    }

    /// About how many bytes wait to become an event.
    pub(crate) fn unissued_bytes(&self) -> usize {
        self.unissued.size()
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
        let unissued = std::mem::take(&mut self.unissued);
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
        let txn = self.doc.transact();
        Ok((txn.encode_state_as_update_v1(&theirs), txn.state_vector().encode_v1()))
    }

    /// A client id for an editor on this machine, used by nothing that is here.
    pub(crate) fn new_client(&self) -> u64 {
        let known = self.doc.transact().state_vector();
        let own = self.doc.client_id().get();
        let start: [u8; 2] = random();
        let candidates = (0..1_u16 << 8).map(|step| {
            let chosen = u16::from_be_bytes(start).wrapping_add(step.wrapping_mul(257));
            bound_client(self.log, self.own, chosen.to_be_bytes())
        });
        let unused = |client: &u64| *client != own && !known.contains_client(&ClientID::new(*client));
        candidates.into_iter().find(unused).unwrap_or_else(|| bound_client(self.log, self.own, random()))
    }
}

/// The client id of a device in a document with these chosen bits.
fn bound_client(log: LogId, device: DeviceId, chosen: [u8; 2]) -> u64 {
    bound_prefix(log, device) | u64::from(u16::from_be_bytes(chosen))
}

fn is_bound(client: u64, log: LogId, device: DeviceId) -> bool {
    client >> CHOSEN_BITS == bound_prefix(log, device) >> CHOSEN_BITS
}

fn bound_prefix(log: LogId, device: DeviceId) -> u64 {
    let hash = momoland_protocol::document::client_seed(log, device);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    BOUND_FROM | ((u64::from_be_bytes(bytes) >> 12 >> CHOSEN_BITS) << CHOSEN_BITS)
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
