//! Messages as people send, read and see them, and the marks by which others learn how far they got.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::content::{Mentions, MessageContent};
use momoland_protocol::event::{Action, BodyBytes, EventPlace};
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId};
use momoland_protocol::register::{DeliveredChain, DeliveryMark, RegisterName};
use momoland_replica::input::{Command, Input};
use momoland_replica::roster::Roster;
use momoland_store::kv::Batch;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Home, Stored, Waiting, body_of, no_such_message, no_such_room, unreadable};
use crate::account::record::{Choice, Records};
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::{Message, Messages};
use crate::projection::history::History;
use crate::projection::mentions;
use crate::projection::texts::{Texts, TextsRead};
use crate::projection::timeline::{Applied, Entry, Noted, Timeline};

/// Read and delivery marks are written at most this often for each room.
const MARK_EVERY: Duration = Duration::from_secs(2);

/// In larger rooms nobody says what reached them through the relay: the marks would be more than the messages.
const DELIVERY_MARKS_MEMBERS_MAX: usize = 64;

/// Texts that are read from the disk without leaving the actor. More are read beside it.
const READ_AT_ONCE_MAX: usize = 4;

/// Messages of a page, and who tells that there is more history, where it is worth waiting for.
pub(crate) type Paged = (Messages, Option<oneshot::Receiver<()>>);

/// A list, or what has to be read for it first.
pub(crate) enum Listed<T> {
    Here(T),
    OnDisk(ToRead),
}

/// Texts of a conversation that are on the disk alone.
pub(crate) struct ToRead {
    log: LogId,
    places: Vec<EventPlace>,
    texts: Arc<Texts>,
}

impl ToRead {
    /// Reads them. Blocks on the disk.
    pub(crate) fn read(self) -> Result<TextsRead, ApiError> {
        let Self { log, places, texts } = self;
        texts.read_all(log, &places).map_err(|error| unreadable(RoomId(log.0), &error))
    }
}

/// What marks of a room wait to be written, and until when.
#[derive(Debug)]
pub(in crate::engine) struct MarkState {
    /// [`MARK_EVERY`] after the last ones.
    not_before: Instant,
    /// Whether a read mark waits for its turn.
    read: bool,
    /// Chains of others that grew since the last delivery mark.
    grown: BTreeSet<ChainId>,
}

/// How far own messages got, on its way to the disk. One batch at a time: what is learned meanwhile goes into the next,
/// so that a burst of acknowledgements costs one commit and not one each.
#[derive(Debug, Default)]
pub(in crate::engine) struct Progress {
    /// Rooms of which something may be noted and not yet handed over.
    pub(in crate::engine) learned: BTreeSet<RoomId>,
    /// What the batch under way says.
    writing: Option<BTreeMap<RoomId, Noted>>,
}

impl Progress {
    pub(in crate::engine) fn forget(&mut self, room: RoomId) {
        self.learned.remove(&room);
        if let Some(writing) = &mut self.writing {
            writing.remove(&room);
        }
    }
}

impl Home {
    /// Writes a message; answered once it is on disk.
    pub(crate) fn send_message(
        &mut self,
        room: RoomId,
        text: String,
        reply_to: Option<EventId>,
    ) -> Result<Stored, ApiError> {
        let timeline = self.timeline(room)?;
        if let Some(reply_to) = reply_to
            && timeline.get(reply_to).is_none()
        {
            return Err(ApiError::not_found("The message that you reply to is not in this room."));
        }
        let body = self.message_body(room, text)?;
        let targets = reply_to.into_iter().collect();
        let (log, action) = (room.conversation(), Action::POST);
        Ok(self.append(Command::Append { log, action, targets, place: None, body }))
    }

    /// What a message or an edit says, with whom it names.
    pub(super) fn message_body(&self, room: RoomId, text: String) -> Result<BodyBytes, ApiError> {
        let mentions = if text.contains('@') { self.mentions(room, &text)? } else { None };
        let content = MessageContent { text, sent_at: self.now().wall, mentions, call: None };
        cbor::Bounded::check_bounds(&content).map_err(|_| {
            ApiError::invalid(
                "A message holds at most 32 KiB of text, and no NUL character. Shorten it, or send a file.",
            )
        })?;
        body_of(&content)
    }

    fn mentions(&self, room: RoomId, text: &str) -> Result<Option<Mentions>, ApiError> {
        let members = self.require_member(room)?.members();
        let handles: Vec<_> = members.map(|member| (member.account, self.handle(member.account))).collect();
        Ok(mentions::find(text, handles.iter().map(|(account, handle)| (*account, handle.as_str()))))
    }

    /// Messages before (or after) one, oldest first, and where they go on.
    ///
    /// What was written between them may still be on its way, where chains begin here in their middle. While somebody is
    /// linked who has more, it is asked for before anything else, and a page ends where everything is here from. Where that
    /// leaves nothing of it, a receiver tells when the room reaches further back; who is not `patient` gets what there is.
    ///
    /// What the messages say is read beside, where it is on the disk alone: `read` holds what was.
    pub(crate) fn page(
        &mut self,
        room: RoomId,
        before: Option<EventId>,
        after: Option<EventId>,
        limit: usize,
        patient: bool,
        read: &TextsRead,
    ) -> Result<Listed<Paged>, ApiError> {
        let timeline = self.timeline(room)?;
        let (mut page, more) = timeline.page(before, after, limit).ok_or_else(no_such_message)?;
        let edge = self.histories.get(&room).and_then(History::edge).filter(|_| after.is_none());
        let reachable = edge.filter(|_| self.replica.lacks_history(room.conversation()));
        if let Some(edge) = reachable.filter(|_| patient) {
            page.drain(..page.partition_point(|entry| entry.order.hlc < edge));
        }
        let messages = match self.look_at(room, timeline, &page, read)? {
            Listed::Here(messages) => messages,
            Listed::OnDisk(texts) => return Ok(Listed::OnDisk(texts)),
        };
        if after.is_some() {
            let next = page.last().filter(|_| more).map(|entry| entry.id.to_string());
            return Ok(Listed::Here((Messages { messages, next }, None)));
        }
        let first = page.first().map(|entry| entry.id).or(before);
        let next = first.filter(|_| more || edge.is_some()).map(|id| id.to_string());
        let grown = reachable.and_then(|_| self.fetch(room)).filter(|_| messages.is_empty() && before.is_some());
        Ok(Listed::Here((Messages { messages, next }, grown)))
    }

    /// The pinned messages of a room, by when they were pinned.
    pub(crate) fn pins(&self, room: RoomId, read: &TextsRead) -> Result<Listed<Vec<Message>>, ApiError> {
        let timeline = self.timeline(room)?;
        self.look_at(room, timeline, &timeline.pins(), read)
    }

    /// Messages as fronts see them, once what they say was read.
    fn look_at(
        &self,
        room: RoomId,
        timeline: &Timeline,
        entries: &[Entry],
        read: &TextsRead,
    ) -> Result<Listed<Vec<Message>>, ApiError> {
        let places = timeline.texts_to_read(entries, read);
        if places.len() > READ_AT_ONCE_MAX {
            return Ok(Listed::OnDisk(ToRead { log: room.conversation(), places, texts: Arc::clone(&self.texts) }));
        }
        let messages = entries.iter().map(|entry| timeline.message_of(entry, read));
        let messages: Result<_, _> = messages.collect();
        messages.map(Listed::Here).map_err(|error| unreadable(room, &error))
    }

    /// A message as fronts see it; `None`, and a word in the log, where the disk cannot be read.
    pub(super) fn message(&self, room: RoomId, timeline: &Timeline, entry: &Entry) -> Option<Message> {
        timeline.message(entry).inspect_err(|error| tracing::error!(%room, %error, "a message could not be read")).ok()
    }

    /// Asks for what is missing of a room's history before anything else. Told when there is more of it.
    fn fetch(&mut self, room: RoomId) -> Option<oneshot::Receiver<()>> {
        let missing = self.histories.get(&room)?.missing();
        let now = self.now();
        self.replica.handle_input(now, Input::Fetch { log: room.conversation(), chains: missing });
        self.drain();
        let (reader, grown) = oneshot::channel();
        let readers = self.readers.entry(room).or_default();
        readers.retain(|reader| !reader.is_closed());
        readers.push(reader);
        Some(grown)
    }

    /// The timeline of a room that this person is in.
    pub(crate) fn timeline(&self, room: RoomId) -> Result<&Timeline, ApiError> {
        self.require_member(room)?;
        self.timelines.get(&room).ok_or_else(no_such_room)
    }

    /// The roster of a room that this person is in and sees: not their own room, where their devices keep what they chose.
    pub(crate) fn require_member(&self, room: RoomId) -> Result<&Roster, ApiError> {
        if self.own_room.is(room) {
            return Err(no_such_room());
        }
        self.member_roster(room)
    }

    /// As [`Self::require_member`], of the own room as well.
    pub(crate) fn member_roster(&self, room: RoomId) -> Result<&Roster, ApiError> {
        let roster = self.replica.roster(room).ok_or_else(no_such_room)?;
        if roster.role(self.account.id).is_none() {
            return Err(no_such_room());
        }
        Ok(roster)
    }

    /// Whether this device can read and write in a room by what is held here.
    pub(crate) fn has_room(&self, room: RoomId) -> bool {
        let counts = |roster: &Roster| roster.role_of_device(self.key.device()).is_some();
        self.timelines.contains_key(&room) && self.replica.roster(room).is_some_and(counts)
    }

    /// Whether anything of a room is still held, as one's own or not any more.
    pub(crate) fn holds_room(&self, room: RoomId) -> bool {
        self.replica.roster(room).is_some()
    }

    /// Own messages and documents with changes of one's own that have not left this device, and choices that the relay is not
    /// known to have.
    pub(crate) fn unsent(&self) -> u64 {
        let messages: u64 = self.timelines.values().map(Timeline::unsent).sum();
        messages + self.documents.unsent() + self.own_room.unsent()
    }

    /// Marks everything up to a message as read; an older message than before changes nothing.
    pub(crate) fn mark_read(&mut self, room: RoomId, message: EventId) -> Result<(), ApiError> {
        let mark = self.timeline(room)?.mark_at(message).ok_or_else(no_such_message)?;
        let own = self.account.id;
        let Some(timeline) = self.timelines.get_mut(&room) else { return Err(no_such_room()) };
        let private = timeline.unread_mark().copied();
        if !timeline.read_on(mark) {
            return Ok(());
        }
        let shown = timeline.read_up_to();
        // The count falls at once; that others, and the next start, learn of it may wait a little.
        let farther = timeline.set_read(own, mark);
        let moved = timeline.unread_mark().copied();
        if private != moved {
            let mut batch = Batch::new();
            let value = moved.map(|mark| cbor::encode(&mark)).unwrap_or_default();
            self.choose(&mut batch, Choice::of_room(RegisterName::UNREAD, room), value);
            self.persistence.write(batch);
        }
        self.dirty.insert(room);
        if shown != Some(farther) {
            self.show_read_again(room);
        }
        Ok(())
    }

    /// Lets others know that this person had read up to a message, where that is farther than the disk says.
    pub(super) fn show_read_to(&mut self, room: RoomId, message: EventId) {
        let own = self.account.id;
        let Some(timeline) = self.timelines.get_mut(&room) else { return };
        let Some(mark) = timeline.mark_at(message) else { return };
        if timeline.read_up_to().is_none_or(|shown| shown < mark) {
            timeline.set_read(own, mark);
            self.dirty.insert(room);
            self.show_read_again(room);
        }
    }

    /// Lets others know how far this person has read.
    pub(in crate::engine) fn show_read_again(&mut self, room: RoomId) {
        self.mark_state(room).read = true;
        self.write_due_marks();
    }

    /// Counts a message and what follows as unread again, for this person alone: a mark that others were shown stays.
    pub(crate) fn mark_unread(&mut self, room: RoomId, message: EventId) -> Result<oneshot::Receiver<bool>, ApiError> {
        self.require_member(room)?;
        let timeline = self.timelines.get_mut(&room).ok_or_else(no_such_room)?;
        let mark = timeline.mark_unread(message).ok_or_else(no_such_message)?;
        self.dirty.insert(room);
        Ok(self.choose_one(Choice::of_room(RegisterName::UNREAD, room), cbor::encode(&mark)))
    }

    pub(super) fn show_unread(&mut self, room: RoomId) {
        let mark = self.own_room.unread_from(room);
        if let Some(timeline) = self.timelines.get_mut(&room) {
            timeline.set_unread_mark(mark);
            self.dirty.insert(room);
        }
    }

    /// Notes that others' chains grew, so that the authors learn of it.
    pub(in crate::engine) fn note_grown(&mut self, room: RoomId, chain: ChainId) {
        let small = self.replica.roster(room).is_some_and(|roster| {
            roster.members().take(DELIVERY_MARKS_MEMBERS_MAX + 1).count() <= DELIVERY_MARKS_MEMBERS_MAX
        });
        if small {
            self.mark_state(room).grown.insert(chain);
        }
    }

    fn mark_state(&mut self, room: RoomId) -> &mut MarkState {
        let started = self.started;
        self.marks.entry(room).or_insert_with(|| MarkState { not_before: started, read: false, grown: BTreeSet::new() })
    }

    pub(super) fn write_due_marks(&mut self) {
        let now = Instant::now();
        let due: Vec<RoomId> = self
            .marks
            .iter()
            .filter(|(_, state)| state.due_at().is_some_and(|at| at <= now))
            .map(|(room, _)| *room)
            .collect();
        for room in due {
            let Some(state) = self.marks.get_mut(&room) else { continue };
            state.not_before = now + MARK_EVERY;
            let (read, grown) = (std::mem::take(&mut state.read), std::mem::take(&mut state.grown));
            let target = room.conversation().0;
            if let Some(mark) = self.timelines.get(&room).and_then(Timeline::read_up_to).filter(|_| read) {
                let value = cbor::encode(&mark);
                let name = RegisterName::READ;
                self.command(Command::SetRegister { room, name, target, value, at: None }, Waiting::Nobody);
            }
            if !grown.is_empty() {
                let value = cbor::encode(&self.delivery_mark(room, grown));
                let name = RegisterName::DELIVERED;
                self.command(Command::SetRegister { room, name, target, value, at: None }, Waiting::Nobody);
            }
        }
    }

    /// What is on disk here of others' chains: those that grew first, then as many more as a mark holds.
    fn delivery_mark(&self, room: RoomId, grown: BTreeSet<ChainId>) -> DeliveryMark {
        let own = self.key.device();
        let mut chains: Vec<(ChainId, _)> = self.replica.chains(room.conversation()).collect();
        chains.retain(|(chain, _)| chain.device != own);
        chains.sort_by_key(|(chain, _)| !grown.contains(chain));
        chains.truncate(DeliveryMark::CHAINS_MAX);
        chains.sort_by_key(|(chain, _)| *chain);
        DeliveryMark { chains: chains.into_iter().map(|(chain, seq)| DeliveredChain { chain, seq }).collect() }
    }

    /// Tells what a stored event changed.
    pub(in crate::engine) fn tell_applied(&mut self, room: RoomId, applied: Applied) {
        match applied {
            Applied::Nothing => {}
            Applied::New(id) => {
                self.inbox.arrived(room, id);
                self.tell_message(room, id, true);
            }
            Applied::Changed(id) => self.tell_message(room, id, false),
        }
    }

    pub(in crate::engine) fn tell_message(&mut self, room: RoomId, id: EventId, new: bool) {
        let Some(timeline) = self.timelines.get(&room) else { return };
        let Some(entry) = timeline.get(id) else { return };
        let Some(message) = self.message(room, timeline, &entry) else {
            // Whoever reads the list is told why.
            self.tell(Event::Resync {});
            self.dirty.insert(room);
            return;
        };
        let room_id = room.to_string();
        self.tell(if new {
            Event::MessageNew { room_id, message }
        } else {
            Event::MessageChanged { room_id, message }
        });
        self.dirty.insert(room);
    }

    pub(in crate::engine) fn tell_messages(&mut self, room: RoomId, ids: Vec<EventId>) {
        for id in ids {
            self.tell_message(room, id, false);
        }
    }

    /// Writes how far own messages got, unless a batch of that is under way.
    pub(in crate::engine) fn write_progress(&mut self) {
        if self.progress.writing.is_some() || self.progress.learned.is_empty() {
            return;
        }
        let (mut batch, mut writing) = (Batch::new(), BTreeMap::new());
        for room in std::mem::take(&mut self.progress.learned) {
            let unwritten = self.timelines.get(&room).and_then(Timeline::unwritten);
            if let Some((marks, noted)) = unwritten {
                Records::put_marks(&mut batch, room.conversation(), &marks);
                writing.insert(room, noted);
            }
        }
        if !writing.is_empty() {
            self.progress.writing = Some(writing);
            self.persistence.write_marks(batch);
        }
    }

    /// What was learned is on disk, and so may be shown.
    pub(in crate::engine) fn progress_written(&mut self) {
        for (room, noted) in self.progress.writing.take().unwrap_or_default() {
            let moved = self.timelines.get_mut(&room).map(|timeline| timeline.advance_to(&noted));
            self.tell_messages(room, moved.unwrap_or_default());
        }
    }
}

impl MarkState {
    /// When what waits may be written; `None` where nothing waits.
    pub(super) fn due_at(&self) -> Option<Instant> {
        (self.read || !self.grown.is_empty()).then_some(self.not_before)
    }
}
