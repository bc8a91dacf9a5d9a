//! Messages as people send, read and see them, and the marks by which others learn how far they got.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::content::MessageContent;
use momoland_protocol::event::{Action, Body, BodyBytes};
use momoland_protocol::id::{ChainId, EventId, RoomId};
use momoland_protocol::register::{DeliveredChain, DeliveryMark, RegisterName};
use momoland_replica::input::Command;
use momoland_replica::output::CommandRefusal;
use momoland_replica::roster::Roster;
use momoland_store::kv::Batch;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Home, Waiting, no_such_message, no_such_room};
use crate::account::record::Records;
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::projection::timeline::{Noted, Timeline};

/// Read and delivery marks are written at most this often for each room.
const MARK_EVERY: Duration = Duration::from_secs(2);

/// In larger rooms nobody says what reached them through the relay: the marks would be more than the messages.
const DELIVERY_MARKS_MEMBERS_MAX: usize = 64;

/// What marks of a room wait to be written, and until when.
#[derive(Debug)]
pub(in crate::engine) struct MarkState {
    /// [`MARK_EVERY`] after the last ones.
    not_before: Instant,
    /// A read mark that waits for its turn.
    read: Option<EventId>,
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
    ) -> Result<oneshot::Receiver<Result<EventId, CommandRefusal>>, ApiError> {
        let timeline = self.timeline(room)?;
        if let Some(reply_to) = reply_to
            && timeline.get(reply_to).is_none()
        {
            return Err(ApiError::not_found("The message that you reply to is not in this room."));
        }
        let content = MessageContent { text, sent_at: self.now().wall };
        cbor::Bounded::check_bounds(&content).map_err(|_| {
            ApiError::invalid(
                "A message holds at most 32 KiB of text, and no NUL character. Shorten it, or send a file.",
            )
        })?;
        let body = BodyBytes::new(&Body::Plain(cbor::encode(&content)))
            .map_err(|error| ApiError::invalid(format!("The message is too long: {error}.")))?;
        let (answer, answered) = oneshot::channel();
        let targets = reply_to.into_iter().collect();
        let command = Command::Append { log: room.conversation(), action: Action::POST, targets, body };
        self.command(command, Waiting::Send(answer));
        Ok(answered)
    }

    /// The timeline of a room that this person is in.
    pub(crate) fn timeline(&self, room: RoomId) -> Result<&Timeline, ApiError> {
        self.require_member(room)?;
        self.timelines.get(&room).ok_or_else(no_such_room)
    }

    /// The roster of a room that this person is in.
    pub(crate) fn require_member(&self, room: RoomId) -> Result<&Roster, ApiError> {
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

    /// Own messages, and documents with changes of one's own, that have not left this device.
    pub(crate) fn unsent(&self) -> u64 {
        self.timelines.values().map(Timeline::unsent).sum::<u64>() + self.documents.unsent()
    }

    /// Marks everything up to a message as read; an older message than before changes nothing.
    pub(crate) fn mark_read(&mut self, room: RoomId, message: EventId) -> Result<(), ApiError> {
        let timeline = self.timeline(room)?;
        let mark = timeline.mark_at(message).ok_or_else(no_such_message)?;
        if timeline.read_up_to().is_some_and(|held| mark <= held) {
            return Ok(());
        }
        // The count falls at once; that others, and the next start, learn of it may wait a little.
        let own = self.account.id;
        if let Some(timeline) = self.timelines.get_mut(&room) {
            timeline.set_read(own, mark);
        }
        self.dirty.insert(room);
        self.mark_state(room).read = Some(message);
        self.write_due_marks();
        Ok(())
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
        self.marks.entry(room).or_insert_with(|| MarkState { not_before: started, read: None, grown: BTreeSet::new() })
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
            let (read, grown) = (state.read.take(), std::mem::take(&mut state.grown));
            let target = room.conversation().0;
            if let Some(mark) = read.and_then(|id| self.timelines.get(&room)?.mark_at(id)) {
                let value = cbor::encode(&mark);
                let name = RegisterName::READ;
                self.command(Command::SetRegister { room, name, target, value }, Waiting::Nobody);
            }
            if !grown.is_empty() {
                let value = cbor::encode(&self.delivery_mark(room, grown));
                let name = RegisterName::DELIVERED;
                self.command(Command::SetRegister { room, name, target, value }, Waiting::Nobody);
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

    pub(in crate::engine) fn tell_message(&mut self, room: RoomId, id: EventId, new: bool) {
        let Some(timeline) = self.timelines.get(&room) else { return };
        let Some(entry) = timeline.get(id) else { return };
        let message = timeline.message(entry);
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
        (self.read.is_some() || !self.grown.is_empty()).then_some(self.not_before)
    }
}
