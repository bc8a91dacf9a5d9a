//! The messages of one conversation, in the one order that every replica shows, with what became of them.
//!
//! Fed by `engine` with stored events, registers and acknowledgements; read by `messages.list` and the room list.
//!
//! # Invariants
//! 1. The same events in any order give the same list. Test: `prop_order_of_arrival_does_not_matter`.
//! 2. A message's state never goes back, nor does it over a restart: what is learned is noted, written, and shown only
//!    then. Tests: `states_only_go_forward`, `what_is_not_written_is_not_shown`.
//! 3. An event from far in the future is kept but neither listed nor of effect before its time.
//!    Test: `a_message_from_tomorrow_waits_without_getting_lost`.
//! 4. A message that was deleted stays listed without its text, and counts as unread nowhere.
//!    Test: `a_deleted_message_leaves_no_text`.
//!
//! `entries` holds where messages stand, `texts` reads what they say; `amendments` folds what was said of them later, and
//! `concerns` finds what this person is told of. Not here: search.

pub(crate) mod concerns;
mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::{CallEntry, CallOutcome, MessageContent};
use momoland_protocol::event::{Action, Event, EventOrder, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, EventId, LogId, RoomId, Seq};
use momoland_protocol::limits;
use momoland_protocol::register::{DeliveryMark, ReadMark, Register, RegisterName, UnreadFrom};
use momoland_store::kv::StoreError;
use serde::{Deserialize, Serialize};

use self::entries::Entries;
pub(crate) use self::entries::Entry;
use crate::api::types::{CallMedia, DeliveryState, Message, MessageCall, MessageCallOutcome, Reaction};
use crate::projection::amendments::{self, Amendment, Amendments, Deleted, Edited};
use crate::projection::texts::{Texts, TextsRead};

/// How far ahead of the clock a message may be and still be shown at once, milliseconds (DESIGN §3, When).
pub(crate) const AHEAD_MAX_MS: u64 = 10 * 60 * 1000;

/// What a stored event changed of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Nothing that is seen.
    Nothing,
    /// A message is new.
    New(EventId),
    /// A message is another than before.
    Changed(EventId),
}

/// What waits for its time.
#[derive(Debug)]
enum Waiting {
    Message(Entry),
    Amendment(Amendment),
}

/// How far one's own chains of a log got, kept over restarts: states never go back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// By incarnation.
    chains: BTreeMap<String, Reached>,
}

/// How far one chain got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    relayed: u64,
    delivered: u64,
}

/// How far chains got by what others say, beyond what is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    chains: BTreeMap<ChainId, Reached>,
}

/// The messages of one conversation.
#[derive(Debug)]
pub(crate) struct Timeline {
    room: RoomId,
    own: AccountId,
    texts: Arc<Texts>,
    entries: Entries,
    amendments: Amendments,
    /// Messages and amendments whose time has not come.
    waiting: BTreeMap<EventOrder, Waiting>,
    /// What is on disk, and therefore shown.
    marks: Marks,
    noted: Noted,
    /// How far each account has read. Never back: `set_read`.
    read: BTreeMap<AccountId, ReadMark>,
    /// What each account has on a disk.
    delivered: BTreeMap<AccountId, BTreeMap<ChainId, Seq>>,
    /// Read marks that go on counting although their account's register has an earlier one.
    outdone: BTreeMap<AccountId, ReadMark>,
    /// Where this person wants to go on reading: everything after it counts as unread, although others may have been shown
    /// that it was read. Not beyond what counts by itself: `set_read`, `set_unread_mark`.
    unread_after: Option<UnreadFrom>,
}

impl Timeline {
    pub(crate) fn new(room: RoomId, own: AccountId, marks: Marks, texts: Arc<Texts>) -> Self {
        Self {
            room,
            own,
            texts,
            entries: Entries::default(),
            amendments: Amendments::default(),
            waiting: BTreeMap::new(),
            marks,
            noted: Noted::default(),
            read: BTreeMap::new(),
            delivered: BTreeMap::new(),
            outdone: BTreeMap::new(),
            unread_after: None,
        }
    }

    /// Takes a stored event: a message, or an amendment of one that is here or may still come.
    pub(crate) fn apply(&mut self, event: &Event, author: AccountId, roster_version: u64, now: UnixMillis) -> Applied {
        let header = event.header.get();
        let order = header.order();
        let is_call = header.action == Action::CALL;
        let what = if header.action == Action::POST || is_call {
            let id = event.id();
            let content = event.content::<MessageContent>();
            let says_nothing = |content: &MessageContent| is_call && content.call.is_none();
            if event.body.is_some() && content.as_ref().is_none_or(says_nothing) {
                return Applied::Nothing;
            }
            let is_meant = content.as_ref().is_some_and(|it| amendments::mentions(it.mentions.as_ref(), self.own));
            Waiting::Message(Entry {
                id,
                order,
                author,
                reply_to: header.targets.first().copied(),
                roster_version,
                state: DeliveryState::Stored,
                has_text: content.is_some(),
                is_meant: is_meant && !is_call,
                is_call,
            })
        } else {
            match Amendment::of(event, author, roster_version, self.own) {
                Some(amendment) => Waiting::Amendment(amendment),
                None => return Applied::Nothing,
            }
        };
        // A deletion does not wait: what it concerns is on the disk no more.
        let may_wait = !matches!(&what, Waiting::Amendment(amendment) if amendment.is_deletion());
        if may_wait && header.hlc.wall().0 > now.0.saturating_add(AHEAD_MAX_MS) {
            self.waiting.insert(order, what);
            return Applied::Nothing;
        }
        self.insert(what)
    }

    fn insert(&mut self, what: Waiting) -> Applied {
        match what {
            Waiting::Message(mut entry) => {
                let id = entry.id;
                if self.entries.get(id).is_some() {
                    return Applied::Nothing;
                }
                entry.state = self.state_by_marks(entry.author, &entry.order);
                if !self.entries.insert(entry) {
                    return Applied::Nothing;
                }
                self.drop_deleted_text(id);
                Applied::New(id)
            }
            Waiting::Amendment(amendment) => {
                let (place, id) = amendment.about;
                let target = |timeline: &Self| {
                    let entry = timeline.get(id).filter(|entry| entry.place() == place)?;
                    Some(timeline.looks(&entry))
                };
                let before = target(self);
                let edits: Vec<EventPlace> = self.amendments.edits(&amendment.about).collect();
                self.amendments.insert(amendment);
                if self.drop_deleted_text(id) {
                    edits.into_iter().for_each(|edit| self.texts.forget(self.log(), edit));
                }
                if before == target(self) { Applied::Nothing } else { Applied::Changed(id) }
            }
        }
    }

    /// All that amendments say of a message.
    fn looks(&self, entry: &Entry) -> (Seen, Vec<Reaction>, bool) {
        let about = entry.about();
        match self.seen(entry) {
            seen @ Seen::Mark(_) => (seen, Vec::new(), false),
            seen @ Seen::Text { .. } => {
                let pinned = self.amendments.pinned_since(&about).is_some();
                (seen, reactions(self.amendments.reactions(&about)), pinned)
            }
        }
    }

    /// What is deleted is not kept in memory either. Whether a message is.
    fn drop_deleted_text(&mut self, id: EventId) -> bool {
        let Some(entry) = self.entries.get(id) else { return false };
        let deleted = self.amendments.deleted(&entry.about(), entry.author).is_some();
        if deleted {
            self.entries.drop_text(id);
            self.texts.forget(self.log(), entry.place());
        }
        deleted
    }

    fn log(&self) -> LogId {
        self.room.conversation()
    }

    /// Lists messages, and lets amendments count, whose time has come.
    pub(crate) fn release(&mut self, now: UnixMillis) -> Vec<Applied> {
        let until = Hlc::at(UnixMillis(now.0.saturating_add(AHEAD_MAX_MS)));
        let mut released = Vec::new();
        while let Some((order, _)) = self.waiting.first_key_value()
            && order.hlc <= until
        {
            let Some((_, what)) = self.waiting.pop_first() else { break };
            released.push(self.insert(what));
        }
        released
    }

    /// When the next waiting message may be listed.
    pub(crate) fn next_release(&self) -> Option<UnixMillis> {
        let (order, _) = self.waiting.first_key_value()?;
        Some(UnixMillis(order.hlc.wall().0.saturating_sub(AHEAD_MAX_MS)))
    }

    /// Takes back what is beyond a cut, by chain, place and the roster version that it names. Whether anything was.
    pub(crate) fn take_back(&mut self, is_cut: impl Fn(ChainId, Seq, u64) -> bool) -> bool {
        let counts = |order: &EventOrder, version: u64| !is_cut(order.chain(), order.seq, version);
        let before = self.waiting.len();
        self.waiting.retain(|order, what| match what {
            Waiting::Message(entry) => counts(order, entry.roster_version),
            Waiting::Amendment(amendment) => counts(order, amendment.roster_version),
        });
        let messages = self.entries.retain(|entry| counts(&entry.order, entry.roster_version));
        let any = self.amendments.take_back(is_cut) || messages || before != self.waiting.len();
        if any {
            // A deletion that comes for what was taken back would not find it here.
            self.texts.forget_log(self.log());
        }
        any
    }

    /// The relay has our chain up to a place. Nothing of it shows before [`Self::advance_to`].
    pub(crate) fn note_relayed(&mut self, chain: ChainId, seq: Seq) {
        // Delivered says more: where it is known, the relay's word changes nothing.
        let known = self.known(chain);
        if seq.0 > known.relayed.max(known.delivered) {
            self.noted.chains.insert(chain, Reached { relayed: seq.0, ..known });
        }
    }

    /// Another member has our chain up to a place. Nothing of it shows before [`Self::advance_to`].
    pub(crate) fn note_delivered(&mut self, chain: ChainId, seq: Seq) {
        let known = self.known(chain);
        if seq.0 > known.delivered {
            self.noted.chains.insert(chain, Reached { delivered: seq.0, ..known });
        }
    }

    fn known(&self, chain: ChainId) -> Reached {
        let noted = self.noted.chains.get(&chain).copied();
        noted.unwrap_or_else(|| self.marks.chains.get(&chain.incarnation.to_string()).copied().unwrap_or_default())
    }

    /// What is to be written, and what may be shown once it is.
    pub(crate) fn unwritten(&self) -> Option<(Marks, Noted)> {
        if self.noted.chains.is_empty() {
            return None;
        }
        let mut marks = self.marks.clone();
        marks.reach(&self.noted);
        Some((marks, self.noted.clone()))
    }

    /// What was noted is on disk: the messages that it moves.
    pub(crate) fn advance_to(&mut self, written: &Noted) -> Vec<EventId> {
        self.marks.reach(written);
        let mut moved = BTreeSet::new();
        for (chain, reached) in &written.chains {
            // What came since stays noted.
            if self.noted.chains.get(chain) == Some(reached) {
                self.noted.chains.remove(chain);
            }
            moved.extend(self.advance(*chain, Seq(reached.delivered), DeliveryState::Delivered));
            moved.extend(self.advance(*chain, Seq(reached.relayed), DeliveryState::Relayed));
        }
        moved.into_iter().map(|(_, id)| id).collect()
    }

    /// Moves messages of a chain forward, newest first, until one that is there already.
    fn advance(&mut self, chain: ChainId, seq: Seq, state: DeliveryState) -> Vec<(EventOrder, EventId)> {
        let mut moved = Vec::new();
        for entry in self.entries.moving() {
            if entry.order.chain() != chain || entry.order.seq > seq {
                continue;
            }
            if *entry.state >= state {
                break;
            }
            *entry.state = state;
            moved.push((entry.order, entry.id));
        }
        moved
    }

    fn state_by_marks(&self, author: AccountId, order: &EventOrder) -> DeliveryState {
        if author != self.own {
            return DeliveryState::Delivered;
        }
        let reached = self.marks.chains.get(&order.incarnation.to_string()).copied().unwrap_or_default();
        if order.seq.0 <= reached.delivered {
            DeliveryState::Delivered
        } else if order.seq.0 <= reached.relayed {
            DeliveryState::Relayed
        } else {
            DeliveryState::Stored
        }
    }

    /// Takes a read mark, or notes a delivery mark. Our own device's chains are those of `own_chain`. Whether what is to be
    /// kept of [`Self::outdone`] changed.
    pub(crate) fn apply_register(&mut self, register: &Register, own_chain: impl Fn(&ChainId) -> bool) -> bool {
        let account = register.account;
        match register.name {
            RegisterName::READ => {
                let Ok(mark) = momoland_protocol::cbor::decode::<ReadMark>(&register.value, 256) else {
                    return false;
                };
                let counts = self.set_read(account, mark);
                return match counts == mark {
                    true => self.outdone.remove(&account).is_some(),
                    // By a device that did not know better.
                    false => self.outdone.insert(account, counts) != Some(counts),
                };
            }
            RegisterName::DELIVERED if account != self.own => {
                let mark =
                    momoland_protocol::cbor::decode::<DeliveryMark>(&register.value, limits::REGISTER_VALUE_BYTES_MAX);
                let chains = mark.map(|mark| mark.chains).unwrap_or_default();
                // Noted although it lies on disk itself: its author's next one may name other chains.
                for delivered in chains {
                    self.has_reached(account, delivered.chain, delivered.seq);
                    if own_chain(&delivered.chain) {
                        self.note_delivered(delivered.chain, delivered.seq);
                    }
                }
            }
            _ => {}
        }
        false
    }

    /// Read marks that are nowhere on the disk but where this is kept.
    pub(crate) fn outdone(&self) -> &BTreeMap<AccountId, ReadMark> {
        &self.outdone
    }

    /// Takes the read marks that were kept.
    pub(crate) fn set_outdone(&mut self, outdone: BTreeMap<AccountId, ReadMark>) {
        for (account, mark) in &outdone {
            self.set_read(*account, *mark);
        }
        self.outdone = outdone;
    }

    /// An account has a chain on a disk, up to a place.
    pub(crate) fn has_reached(&mut self, account: AccountId, chain: ChainId, seq: Seq) {
        let held = self.delivered.entry(account).or_default().entry(chain).or_insert(seq);
        *held = (*held).max(seq);
    }

    /// An account has read up to here; an older mark than before changes nothing. The one that counts.
    pub(crate) fn set_read(&mut self, account: AccountId, mark: ReadMark) -> ReadMark {
        let held = self.read.entry(account).or_insert(mark);
        if account == self.own && *held < mark {
            // Read on, here or on another device.
            self.unread_after = self.unread_after.take().filter(|unread| unread.read >= mark.hlc);
        }
        *held = (*held).max(mark);
        *held
    }

    /// How far an account that is not its author got with a message; `None` where nothing is known.
    pub(crate) fn receipt(&self, entry: &Entry, account: AccountId) -> Option<Receipt> {
        if self.read.get(&account).is_some_and(|mark| entry.order.hlc <= mark.hlc) {
            return Some(Receipt::Read);
        }
        let reached = self.delivered.get(&account)?.get(&entry.order.chain())?;
        (entry.order.seq <= *reached).then_some(Receipt::Delivered)
    }

    /// Moves our own messages to `read` that all of `others(version)` have read; newest first, until one that is there.
    pub(crate) fn advance_read(&mut self, others: impl Fn(u64) -> BTreeSet<AccountId>) -> Vec<EventId> {
        let mut moved = Vec::new();
        let mut known: BTreeMap<u64, Option<Hlc>> = BTreeMap::new();
        let (own, read) = (self.own, &self.read);
        for entry in self.entries.moving() {
            if entry.author != own {
                continue;
            }
            if *entry.state == DeliveryState::Read {
                break;
            }
            // Up to when everybody has read: the earliest of their marks. Nobody else there: never.
            let all_read = known.entry(entry.roster_version).or_insert_with(|| {
                let others = others(entry.roster_version);
                let marks: Option<Vec<Hlc>> =
                    others.iter().map(|account| read.get(account).map(|mark| mark.hlc)).collect();
                marks.and_then(|marks| marks.into_iter().min())
            });
            if all_read.is_some_and(|all_read| entry.order.hlc <= all_read) {
                *entry.state = DeliveryState::Read;
                moved.push(entry.id);
            }
        }
        moved.reverse();
        moved
    }

    /// Messages of others after one's own mark, and how many of them mean this person. Deleted ones count nowhere, nor do
    /// calls: who missed one is told of that by itself.
    pub(crate) fn unread(&self) -> Unread {
        let after = self.reads_after();
        let newer = self.entries.newest_first().take_while(|entry| entry.order.hlc > after);
        let mut unread = Unread::default();
        for entry in newer.filter(|entry| entry.author != self.own && !entry.is_call) {
            if let Seen::Text { is_meant, .. } = self.seen(&entry) {
                unread.messages = unread.messages.saturating_add(1);
                unread.mentions += u32::from(is_meant);
            }
        }
        unread
    }

    /// Everything up to here is read, as this person sees it.
    fn reads_after(&self) -> Hlc {
        match &self.unread_after {
            Some(unread) => unread.after,
            None => self.has_read(),
        }
    }

    /// One's own read mark, as others are shown it.
    pub(crate) fn read_up_to(&self) -> Option<ReadMark> {
        self.read.get(&self.own).copied()
    }

    /// The last message that this person has read, as it sees it itself.
    pub(crate) fn last_read(&self) -> Option<String> {
        match &self.unread_after {
            Some(unread) => unread.event.map(|event| event.to_string()),
            None => self.read_up_to().map(|mark| mark.event.to_string()),
        }
    }

    /// Reads up to a message, as this person sees it: whether that is farther than before.
    pub(crate) fn read_on(&mut self, mark: ReadMark) -> bool {
        if mark.hlc <= self.reads_after() {
            return false;
        }
        if self.read_up_to().is_none_or(|shown| shown <= mark) {
            self.unread_after = None;
        } else if let Some(unread) = &mut self.unread_after {
            *unread = UnreadFrom { after: mark.hlc, event: Some(mark.event), ..*unread };
        }
        true
    }

    /// Counts a message and what follows as unread again. The mark to be kept; `None` where the message is not here.
    pub(crate) fn mark_unread(&mut self, id: EventId) -> Option<UnreadFrom> {
        let order = self.get(id)?.order;
        let before = self.entries.before(order).next();
        let event = before.map(|entry| entry.id);
        let mark = UnreadFrom { after: Hlc(order.hlc.0.saturating_sub(1)), read: self.has_read(), event };
        self.unread_after = Some(mark);
        Some(mark)
    }

    /// The private mark, to be kept.
    pub(crate) fn unread_mark(&self) -> Option<&UnreadFrom> {
        self.unread_after.as_ref()
    }

    /// Takes the private mark of this person's, or that there is none. It counts until they read farther than they had.
    pub(crate) fn set_unread_mark(&mut self, mark: Option<UnreadFrom>) {
        let read = self.has_read();
        self.unread_after = mark.filter(|unread| unread.read >= read);
    }

    /// Up to when others are shown that this person has read.
    fn has_read(&self) -> Hlc {
        self.read.get(&self.own).map_or(Hlc(0), |mark| mark.hlc)
    }

    /// The mark that a message stands for, where it is listed here.
    pub(crate) fn mark_at(&self, id: EventId) -> Option<ReadMark> {
        Some(ReadMark { hlc: self.get(id)?.order.hlc, event: id })
    }

    pub(crate) fn last(&self) -> Option<Entry> {
        self.entries.newest_first().next()
    }

    pub(crate) fn get(&self, id: EventId) -> Option<Entry> {
        self.entries.get(id)
    }

    /// At most `limit` messages before (or after) one, oldest first, and whether there are more on that side.
    ///
    /// `None` where the message that it is to go on from is not here.
    pub(crate) fn page(
        &self,
        before: Option<EventId>,
        after: Option<EventId>,
        limit: usize,
    ) -> Option<(Vec<Entry>, bool)> {
        if let Some(after) = after {
            let mut rest = self.entries.after(self.get(after)?.order);
            let page: Vec<Entry> = rest.by_ref().take(limit).collect();
            return Some((page, rest.next().is_some()));
        }
        let mut rest: Box<dyn Iterator<Item = Entry>> = match before {
            Some(before) => Box::new(self.entries.before(self.get(before)?.order)),
            None => Box::new(self.entries.newest_first()),
        };
        let mut page: Vec<Entry> = rest.by_ref().take(limit).collect();
        page.reverse();
        let more = rest.next().is_some();
        Some((page, more))
    }

    /// A message as fronts see it. Blocks on the disk where its text is not kept.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub(crate) fn message(&self, entry: &Entry) -> Result<Message, StoreError> {
        self.message_of(entry, &TextsRead::new())
    }

    /// As [`Self::message`], with texts that were read beside.
    pub(crate) fn message_of(&self, entry: &Entry, read: &TextsRead) -> Result<Message, StoreError> {
        let text = |place: EventPlace| match read.get(&place) {
            Some(text) => Ok(text.clone()),
            None => self.texts.get(self.log(), place),
        };
        let (mut seen, reactions, pinned) = self.looks(entry);
        let mut first = None;
        let mut said = None;
        if let Seen::Text { edited, .. } = &seen {
            first = text(entry.place())?;
            said = match edited {
                Some(edited) => text(edited.place())?,
                None => first.clone(),
            };
            if said.is_none() {
                // Its deletion is on the disk, and on its way to here.
                seen = Seen::Mark(None);
            }
        }
        let mut message = Message {
            message_id: entry.id.to_string(),
            room_id: self.room.to_string(),
            author: entry.author.to_string(),
            device_id: entry.order.device.to_string(),
            text: String::new(),
            sent_at: first.as_ref().map_or(entry.order.hlc.wall(), |content| content.sent_at).0,
            edited_at: None,
            deleted_at: None,
            deleted_by: None,
            reply_to: entry.reply_to.map(|id| id.to_string()),
            reactions: Vec::new(),
            pinned: false,
            mentions: Vec::new(),
            mentions_room: false,
            files: Vec::new(),
            call: None,
            state: entry.state,
        };
        match (seen, said) {
            (Seen::Text { edited, .. }, Some(said)) => {
                said.text.clone_into(&mut message.text);
                message.edited_at = edited.map(|_| said.sent_at.0);
                if let Some(mentions) = &said.mentions {
                    message.mentions = mentions.accounts.iter().map(ToString::to_string).collect();
                    message.mentions_room = mentions.room;
                }
                let call = first.as_ref().and_then(|first| first.call.as_ref());
                message.call = call.filter(|_| entry.is_call).map(api_call);
                message.reactions = reactions;
                message.pinned = pinned;
            }
            (seen, _) => {
                let deleted = match seen {
                    Seen::Mark(deleted) => deleted,
                    Seen::Text { .. } => None,
                };
                message.deleted_at = Some(deleted.map_or(entry.order.hlc.wall(), |deleted| deleted.at).0);
                message.deleted_by = deleted.map(|deleted| deleted.by.to_string());
            }
        }
        Ok(message)
    }

    /// Where the texts of messages stand that are on the disk alone.
    pub(crate) fn texts_to_read(&self, entries: &[Entry], read: &TextsRead) -> Vec<EventPlace> {
        let mut places = Vec::new();
        for entry in entries {
            if let Seen::Text { edited, .. } = self.seen(entry) {
                places.push(entry.place());
                places.extend(edited.map(|edited| edited.place()));
            }
        }
        places.retain(|place| !read.contains_key(place) && !self.texts.is_kept(self.log(), *place));
        places
    }

    /// Keeps what an event says that was taken just now, where it is seen: it will be looked at next.
    pub(crate) fn keep_text(&self, event: &Event, applied: Applied) {
        let (Applied::New(id) | Applied::Changed(id)) = applied else { return };
        let place = event.header.get().own_place();
        if !self.get(id).is_some_and(|entry| self.texts_to_read(&[entry], &TextsRead::new()).contains(&place)) {
            return;
        }
        if let Some(text) = event.content() {
            self.texts.keep(self.log(), place, Arc::new(text));
        }
    }

    /// What is seen of a message.
    fn seen(&self, entry: &Entry) -> Seen {
        let about = entry.about();
        let deleted = self.amendments.deleted(&about, entry.author);
        if deleted.is_some() || !entry.has_text {
            return Seen::Mark(deleted);
        }
        let edited = self.amendments.edit(&about, entry.author);
        Seen::Text { edited, is_meant: edited.map_or(entry.is_meant, |edited| edited.is_meant) }
    }

    /// Whether a message was deleted.
    pub(crate) fn is_deleted(&self, entry: &Entry) -> bool {
        matches!(self.seen(entry), Seen::Mark(_))
    }

    /// Whether a message is pinned.
    pub(crate) fn is_pinned(&self, entry: &Entry) -> bool {
        self.amendments.pinned_since(&entry.about()).is_some()
    }

    /// Since when a message is pinned, and who did it.
    pub(crate) fn pinned_by(&self, entry: &Entry) -> Option<(EventOrder, AccountId)> {
        self.amendments.pinned_by(&entry.about())
    }

    /// Whether this person's reaction with an emoji stands.
    pub(crate) fn reacts(&self, entry: &Entry, emoji: &'static str) -> bool {
        self.amendments.reacts(&entry.about(), self.own, emoji)
    }

    /// The pinned messages that are here, by when they were pinned.
    pub(crate) fn pins(&self) -> Vec<Entry> {
        let mut pins: Vec<(EventOrder, Entry)> =
            self.amendments.pins().filter_map(|(since, id)| Some((since, self.get(id)?))).collect();
        pins.retain(|(_, entry)| self.is_pinned(entry) && !self.is_deleted(entry));
        pins.sort_by_key(|(since, _)| *since);
        pins.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Own messages and amendments that are not at the relay and at no other member's: what a sign-out would lose.
    pub(crate) fn unsent(&self) -> u64 {
        let messages = self.entries.newest_first().filter(|entry| entry.author == self.own);
        let messages = messages.filter(|entry| entry.state == DeliveryState::Stored).count();
        let waiting = self.waiting.iter().filter(|(_, what)| match what {
            Waiting::Message(entry) => entry.author == self.own,
            Waiting::Amendment(amendment) => amendment.author == self.own,
        });
        let others = waiting.map(|(order, _)| *order).chain(self.amendments.written_by(self.own));
        let others = others.filter(|order| self.state_by_marks(self.own, order) == DeliveryState::Stored).count();
        (messages + others) as u64
    }
}

/// What is seen of a message: its text, or the mark that it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Text {
        edited: Option<Edited>,
        /// Whether this person is meant by what it says now.
        is_meant: bool,
    },
    /// `None`: no body is held, and by whom it was deleted is not known.
    Mark(Option<Deleted>),
}

/// What waits to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) messages: u32,
    pub(crate) mentions: u32,
}

/// How far a message got with somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipt {
    Delivered,
    Read,
}

fn api_call(call: &CallEntry) -> MessageCall {
    let CallEntry { call, from, video, began, length_ms, accounts, outcome } = call;
    MessageCall {
        call_id: call.to_string(),
        from: from.to_string(),
        media: if *video { CallMedia::Video } else { CallMedia::Audio },
        began_at: began.0,
        length_ms: *length_ms,
        user_ids: accounts.iter().map(ToString::to_string).collect(),
        outcome: match outcome {
            CallOutcome::Held => MessageCallOutcome::Held,
            CallOutcome::Unanswered => MessageCallOutcome::Unanswered,
            CallOutcome::Declined => MessageCallOutcome::Declined,
            CallOutcome::Busy => MessageCallOutcome::Busy,
        },
    }
}

fn reactions(by_emoji: Vec<(&'static str, Vec<AccountId>)>) -> Vec<Reaction> {
    let reaction = |(emoji, accounts): (&str, Vec<AccountId>)| Reaction {
        emoji: emoji.to_owned(),
        user_ids: accounts.iter().map(ToString::to_string).collect(),
    };
    by_emoji.into_iter().map(reaction).collect()
}

impl Marks {
    fn reach(&mut self, noted: &Noted) {
        for (chain, further) in &noted.chains {
            let reached = self.chains.entry(chain.incarnation.to_string()).or_default();
            reached.relayed = reached.relayed.max(further.relayed);
            reached.delivered = reached.delivered.max(further.delivered);
        }
    }
}

#[cfg(test)]
mod tests;
