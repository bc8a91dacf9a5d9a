//! The messages of one conversation, in the one order that every replica shows, with what became of them.
//!
//! Fed by `engine` with stored events, registers and acknowledgements; read by `messages.list` and the room list.
//!
//! # Invariants
//! 1. The same events in any order give the same list. Test: `prop_order_of_arrival_does_not_matter`.
//! 2. A message's state never goes back, nor does it over a restart: what is learned is noted, written, and shown only
//!    then. Tests: `states_only_go_forward`, `what_is_not_written_is_not_shown`.
//! 3. An event from far in the future is kept but not listed before its time.
//!    Test: `a_message_from_tomorrow_waits_without_getting_lost`.
//!
//! Not here: edits, reactions, redactions (their actions are stored and synced already), search.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::MessageContent;
use momoland_protocol::event::{Action, Body, Event, EventOrder};
use momoland_protocol::id::{AccountId, ChainId, EventId, RoomId, Seq};
use momoland_protocol::limits;
use momoland_protocol::register::{DeliveryMark, ReadMark, Register, RegisterName};
use serde::{Deserialize, Serialize};

use crate::api::types::{DeliveryState, Message};

/// How far ahead of the clock a message may be and still be shown at once, milliseconds (DESIGN §3, When).
pub(crate) const AHEAD_MAX_MS: u64 = 10 * 60 * 1000;

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) chain: ChainId,
    pub(crate) author: AccountId,
    pub(crate) text: String,
    pub(crate) sent_at: UnixMillis,
    pub(crate) reply_to: Option<EventId>,
    /// The roster version that it names: whose reading counts for `read`.
    pub(crate) roster_version: u64,
    state: DeliveryState,
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
    entries: BTreeMap<EventOrder, Entry>,
    orders: BTreeMap<EventId, EventOrder>,
    /// Messages whose time has not come.
    waiting: BTreeMap<EventOrder, Entry>,
    /// What is on disk, and therefore shown.
    marks: Marks,
    noted: Noted,
    /// How far each account has read.
    read: BTreeMap<AccountId, ReadMark>,
}

impl Timeline {
    pub(crate) fn new(room: RoomId, own: AccountId, marks: Marks) -> Self {
        Self {
            room,
            own,
            entries: BTreeMap::new(),
            orders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            marks,
            noted: Noted::default(),
            read: BTreeMap::new(),
        }
    }

    /// Takes a stored event. Whether it is a message that is new to the list.
    pub(crate) fn apply(&mut self, event: &Event, author: AccountId, roster_version: u64, now: UnixMillis) -> bool {
        let header = event.header.get();
        let id = event.id();
        if header.action != Action::POST || self.orders.contains_key(&id) {
            return false;
        }
        let Some(content) = message_content(event) else { return false };
        let entry = Entry {
            id,
            chain: header.chain(),
            author,
            text: content.text,
            sent_at: content.sent_at,
            reply_to: header.targets.first().copied(),
            roster_version,
            state: DeliveryState::Stored,
        };
        let order = header.order();
        if header.hlc.wall().0 > now.0.saturating_add(AHEAD_MAX_MS) {
            self.waiting.insert(order, entry);
            return false;
        }
        self.insert(order, entry);
        true
    }

    fn insert(&mut self, order: EventOrder, mut entry: Entry) {
        entry.state = self.state_by_marks(&entry, order.seq);
        self.orders.insert(entry.id, order);
        self.entries.insert(order, entry);
    }

    /// Lists messages whose time has come.
    pub(crate) fn release(&mut self, now: UnixMillis) -> Vec<EventId> {
        let until = Hlc::at(UnixMillis(now.0.saturating_add(AHEAD_MAX_MS)));
        let mut released = Vec::new();
        while let Some((order, _)) = self.waiting.first_key_value()
            && order.hlc <= until
        {
            let Some((order, entry)) = self.waiting.pop_first() else { break };
            released.push(entry.id);
            self.insert(order, entry);
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
        let counts = |order: &EventOrder, entry: &Entry| !is_cut(entry.chain, order.seq, entry.roster_version);
        let before = self.entries.len() + self.waiting.len();
        self.waiting.retain(|order, entry| counts(order, entry));
        self.entries.retain(|order, entry| counts(order, entry));
        let entries = &self.entries;
        self.orders.retain(|_, order| entries.contains_key(order));
        before != self.entries.len() + self.waiting.len()
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
        let mut moved: Vec<EventId> = moved.into_iter().collect();
        moved.sort_by_key(|id| self.orders.get(id).copied());
        moved
    }

    /// Moves messages of a chain forward, newest first, until one that is there already.
    fn advance(&mut self, chain: ChainId, seq: Seq, state: DeliveryState) -> Vec<EventId> {
        let mut moved = Vec::new();
        for (order, entry) in self.entries.iter_mut().rev() {
            if entry.chain != chain || order.seq > seq {
                continue;
            }
            if entry.state >= state {
                break;
            }
            entry.state = state;
            moved.push(entry.id);
        }
        moved.reverse();
        moved
    }

    fn state_by_marks(&self, entry: &Entry, seq: Seq) -> DeliveryState {
        if entry.author != self.own {
            return DeliveryState::Delivered;
        }
        let reached = self.marks.chains.get(&entry.chain.incarnation.to_string()).copied().unwrap_or_default();
        if seq.0 <= reached.delivered {
            DeliveryState::Delivered
        } else if seq.0 <= reached.relayed {
            DeliveryState::Relayed
        } else {
            DeliveryState::Stored
        }
    }

    /// Takes a read mark, or notes a delivery mark. Our own device's chains are those of `own_chain`.
    pub(crate) fn apply_register(&mut self, register: &Register, own_chain: impl Fn(&ChainId) -> bool) {
        let account = register.account;
        match register.name {
            RegisterName::READ => {
                let Ok(mark) = momoland_protocol::cbor::decode::<ReadMark>(&register.value, 256) else {
                    return;
                };
                self.set_read(account, mark);
            }
            RegisterName::DELIVERED if account != self.own => {
                let mark =
                    momoland_protocol::cbor::decode::<DeliveryMark>(&register.value, limits::REGISTER_VALUE_BYTES_MAX);
                let chains = mark.map(|mark| mark.chains).unwrap_or_default();
                // Noted although it lies on disk itself: its author's next one may name other chains.
                for delivered in chains.into_iter().filter(|delivered| own_chain(&delivered.chain)) {
                    self.note_delivered(delivered.chain, delivered.seq);
                }
            }
            _ => {}
        }
    }

    /// An account has read up to here; an older mark than before changes nothing.
    pub(crate) fn set_read(&mut self, account: AccountId, mark: ReadMark) {
        let held = self.read.entry(account).or_insert(mark);
        *held = (*held).max(mark);
    }

    /// Moves our own messages to `read` that all of `others(version)` have read; newest first, until one that is there.
    pub(crate) fn advance_read(&mut self, others: impl Fn(u64) -> BTreeSet<AccountId>) -> Vec<EventId> {
        let mut moved = Vec::new();
        let mut known: BTreeMap<u64, Option<Hlc>> = BTreeMap::new();
        for (order, entry) in self.entries.iter_mut().rev() {
            if entry.author != self.own {
                continue;
            }
            if entry.state == DeliveryState::Read {
                break;
            }
            // Up to when everybody has read: the earliest of their marks. Nobody else there: never.
            let read = &self.read;
            let all_read = known.entry(entry.roster_version).or_insert_with(|| {
                let others = others(entry.roster_version);
                let marks: Option<Vec<Hlc>> =
                    others.iter().map(|account| read.get(account).map(|mark| mark.hlc)).collect();
                marks.and_then(|marks| marks.into_iter().min())
            });
            if all_read.is_some_and(|all_read| order.hlc <= all_read) {
                entry.state = DeliveryState::Read;
                moved.push(entry.id);
            }
        }
        moved.reverse();
        moved
    }

    /// Messages of others after one's own read mark.
    pub(crate) fn unread(&self) -> u32 {
        let after = self.read.get(&self.own).map_or(Hlc(0), |mark| mark.hlc);
        let newer = self.entries.iter().rev().take_while(|(order, _)| order.hlc > after);
        let count = newer.filter(|(_, entry)| entry.author != self.own).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// One's own read mark.
    pub(crate) fn read_up_to(&self) -> Option<ReadMark> {
        self.read.get(&self.own).copied()
    }

    /// The mark that a message stands for, where it is listed here.
    pub(crate) fn mark_at(&self, id: EventId) -> Option<ReadMark> {
        let order = self.orders.get(&id)?;
        Some(ReadMark { hlc: order.hlc, event: id })
    }

    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.last_key_value().map(|(_, entry)| entry)
    }

    pub(crate) fn get(&self, id: EventId) -> Option<&Entry> {
        self.entries.get(self.orders.get(&id)?)
    }

    /// At most `limit` messages before (or after) one, oldest first, and whether there are more on that side.
    ///
    /// `None` where the message that it is to go on from is not here.
    pub(crate) fn page(
        &self,
        before: Option<EventId>,
        after: Option<EventId>,
        limit: usize,
    ) -> Option<(Vec<&Entry>, bool)> {
        if let Some(after) = after {
            let from = *self.orders.get(&after)?;
            let bounds = (std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded);
            let mut rest = self.entries.range(bounds).map(|(_, entry)| entry);
            let page: Vec<&Entry> = rest.by_ref().take(limit).collect();
            return Some((page, rest.next().is_some()));
        }
        let mut rest: Box<dyn Iterator<Item = &Entry>> = match before {
            Some(before) => {
                let to = *self.orders.get(&before)?;
                Box::new(self.entries.range(..to).rev().map(|(_, entry)| entry))
            }
            None => Box::new(self.entries.values().rev()),
        };
        let mut page: Vec<&Entry> = rest.by_ref().take(limit).collect();
        page.reverse();
        let more = rest.next().is_some();
        Some((page, more))
    }

    /// A message as fronts see it.
    pub(crate) fn message(&self, entry: &Entry) -> Message {
        Message {
            message_id: entry.id.to_string(),
            room_id: self.room.to_string(),
            author: entry.author.to_string(),
            device_id: entry.chain.device.to_string(),
            text: entry.text.clone(),
            sent_at: entry.sent_at.0,
            edited_at: None,
            reply_to: entry.reply_to.map(|id| id.to_string()),
            reactions: Vec::new(),
            files: Vec::new(),
            state: entry.state,
        }
    }

    /// Own messages that are not at the relay and at no other member's: what a sign-out would lose.
    pub(crate) fn unsent(&self) -> u64 {
        let own = self.entries.values().chain(self.waiting.values()).filter(|entry| entry.author == self.own);
        own.filter(|entry| entry.state == DeliveryState::Stored).count() as u64
    }
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

fn message_content(event: &Event) -> Option<MessageContent> {
    let Body::Plain(bytes) = event.body.as_ref()?.decode().ok()? else { return None };
    momoland_protocol::cbor::decode(&bytes, limits::BODY_BYTES_MAX).ok()
}

#[cfg(test)]
mod tests;
