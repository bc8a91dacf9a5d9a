//! Carries out what the replica wants, and turns what it tells into what people see.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use momoland_protocol::event::Event as StoredEvent;
use momoland_protocol::id::{AccountId, ChainId, EventId, RoomId};
use momoland_protocol::peer::PeerFrame;
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{CountersignedChange, RosterOp};
use momoland_protocol::server::ClientFrame;
use momoland_replica::input::{CommandId, LinkId, Remote};
use momoland_replica::output::{CommandRefusal, Notice, Output};
use momoland_store::kv::{Batch, StoreError};

use crate::account::record::Records;
use crate::api::events::Event;
use crate::engine::home::{Home, Waiting, counts, others_at};
use crate::projection::timeline::{Applied, Timeline};

/// What people are told while the disk takes nothing.
const DISK_FAILED: &str = "The disk takes nothing any more. Make room on it, and Momoland goes on by itself.";

impl Home {
    /// Carries out what the replica wants until it wants nothing more.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.replica.poll_output() {
            match output {
                Output::Send { link, frame } => self.send_frame(link, frame),
                Output::Persist { ticket, batch } => self.persistence.persist(ticket, &batch),
                Output::Load { ticket, load } => self.persistence.load(ticket, load),
                Output::Notice(notice) => self.notice(notice),
                Output::CloseLink { link, reason } => {
                    tracing::warn!(?reason, "a link is closed for what it sent");
                    self.close_link(link);
                }
            }
        }
    }

    fn send_frame(&mut self, link: LinkId, frame: Frame) {
        let credit = match &frame {
            Frame::Events { log: _, events } => events.iter().map(momoland_protocol::event::Event::size).sum(),
            Frame::Room { .. }
            | Frame::Roster { .. }
            | Frame::Closed { .. }
            | Frame::Have { .. }
            | Frame::Ack { .. }
            | Frame::Registers { .. }
            | Frame::Want { .. }
            | Frame::Position { .. }
            | Frame::Digest { .. }
            | Frame::Fetch { .. }
            | Frame::Mode { .. } => 0,
        };
        if self.server_link == Some(link) {
            self.send_to_server(&ClientFrame::Replication(frame), credit);
        } else {
            self.send_to_peer(link, &PeerFrame::Replication(frame), credit);
        }
    }

    fn close_link(&mut self, link: LinkId) {
        if self.server_link == Some(link) {
            self.restart_server("The server sent what no honest server sends.");
        } else {
            self.close_peer(link, "you sent what no honest peer sends");
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            // Nobody writes there: what it holds are registers.
            Notice::Stored { room, .. } if self.own_room.is(room) => {}
            Notice::Stored { room, event, author, roster_version, command } => {
                self.stored(room, &event, author, roster_version);
                self.document_event(room, &event, author, roster_version, command.is_some());
                self.tell_activity(room, &event);
                if let Some(command) = command {
                    self.answer_sent(command, Ok(event.id()));
                }
            }
            Notice::Register { register } if self.own_room.is(register.get().room) => {
                self.own_register(register.get());
            }
            Notice::Register { register } => self.register(register.get()),
            Notice::Done { command } => {
                if let Some(Waiting::Choice { choice, at }) = self.waiting.remove(&command) {
                    self.choice_written(choice, at);
                }
            }
            Notice::Refused { command, why } => self.answer_refused(command, why),
            Notice::Roster { room, .. } if self.own_room.is(room) => self.own_room_grew(),
            Notice::Roster { room, changes, reordered } => self.roster_grew(room, &changes, reordered),
            // It is made anew with the next connection, from what is known here.
            Notice::Forgotten { room } if self.own_room.is(room) => self.close_strangers(),
            Notice::Forgotten { room } => self.room_forgotten(room),
            Notice::Acknowledged { log, chain, seq, by } => {
                let room = RoomId(log.0);
                let own = self.account.id;
                let Some(timeline) = self.timelines.get_mut(&room) else {
                    self.document_reached(log, chain, seq, by);
                    return;
                };
                match by {
                    Remote::Relay => timeline.note_relayed(chain, seq),
                    // Another device of one's own is no other member.
                    Remote::Device { device: _, account } if account == own => {}
                    Remote::Device { device: _, account } => {
                        timeline.has_reached(account, chain, seq);
                        timeline.note_delivered(chain, seq);
                    }
                }
                self.progress.learned.insert(room);
            }
            // Of other registers nobody asks whether the relay has them.
            Notice::RegisterAcknowledged { key, hlc } if self.own_room.is(key.room) => self.choice_heard(&key, hlc),
            Notice::RegisterAcknowledged { .. } => {}
            Notice::RosterRefused { room, why } => tracing::warn!(%room, %why, "a roster change was refused"),
            Notice::Rejected { link, device, why } => {
                tracing::warn!(?link, ?device, %why, "an event was refused");
            }
            Notice::Halted => self.disk_failed(),
        }
    }

    fn stored(
        &mut self,
        room: RoomId,
        event: &momoland_protocol::event::Event,
        author: AccountId,
        roster_version: u64,
    ) {
        let now = self.now().wall;
        let own = self.account.id;
        let header = event.header.get();
        // What ended its right may have come while it was on its way to the disk.
        if header.log != room.conversation() || !self.replica.roster(room).is_some_and(|roster| counts(roster, header))
        {
            return;
        }
        if let Some(since) = self.rereading.get_mut(&room) {
            since.push(event.clone());
        }
        if self.histories.entry(room).or_default().note(header, roster_version) {
            self.grown_back.insert(room);
        }
        let timeline = self.new_timeline(room);
        let applied = timeline.apply(event, author, roster_version, now);
        timeline.keep_text(event, applied);
        let new = matches!(applied, Applied::New(_));
        if author != own {
            if self.typing.clear(room, author) {
                self.tell_typing(room, author, false);
            }
            self.note_grown(room, header.chain());
        } else if new {
            let now_ms = self.mono_ms();
            self.typing.sent(room, now_ms);
        }
        if new {
            self.advance_read(room);
        }
        self.tell_applied(room, applied);
        if self.positions.room(room).apply(event, author, roster_version) {
            self.tell_locations(room);
        }
        if let Some(change) = self.feed(room).apply(event, author, roster_version) {
            self.tell_feed(room, change);
        }
    }

    fn new_timeline(&mut self, room: RoomId) -> &mut Timeline {
        let (own, own_room) = (self.account.id, &self.own_room);
        let (records, texts) = (&self.records, &self.texts);
        self.timelines.entry(room).or_insert_with(|| {
            let marks = records.marks(room.conversation()).unwrap_or_else(|error| {
                tracing::error!(%error, "delivery marks could not be read");
                Default::default()
            });
            let mut timeline = Timeline::new(room, own, marks, Arc::clone(texts));
            timeline.set_unread_mark(own_room.unread_from(room));
            timeline
        })
    }

    fn register(&mut self, register: &momoland_protocol::register::Register) {
        let room = register.room;
        let own = self.account.id;
        let Some(roster) = self.replica.roster(room) else { return };
        let Some(timeline) = self.timelines.get_mut(&room) else { return };
        let own_chain = |chain: &ChainId| roster.account_of(chain.device) == Some(own);
        if timeline.apply_register(register, own_chain) {
            let mut batch = Batch::new();
            Records::put_reads(&mut batch, room.conversation(), timeline.outdone());
            self.persistence.write(batch);
        }
        let outdone = register.account == own && timeline.outdone().contains_key(&own);
        let moved = timeline.advance_read(|version| others_at(roster, version, own));
        self.progress.learned.insert(room);
        self.dirty.insert(room);
        self.tell_messages(room, moved);
        if outdone {
            self.show_read_again(room);
        }
    }

    /// A message may be read already when it comes: its author's other device, or a mark that was faster.
    fn advance_read(&mut self, room: RoomId) {
        let own = self.account.id;
        let Some(roster) = self.replica.roster(room) else { return };
        let Some(timeline) = self.timelines.get_mut(&room) else { return };
        let moved = timeline.advance_read(|version| others_at(roster, version, own));
        self.tell_messages(room, moved);
    }

    fn answer_sent(&mut self, command: CommandId, answer: Result<EventId, CommandRefusal>) {
        match self.waiting.remove(&command) {
            Some(Waiting::Send(waiting)) => {
                // The caller may have gone; the message stays.
                let _ = waiting.send(answer);
            }
            Some(Waiting::Document(step)) => self.document_step(step, answer),
            Some(Waiting::Again(said)) => _ = self.again.remove(&said),
            Some(Waiting::Choice { .. } | Waiting::Nobody) | None => {}
        }
    }

    fn answer_refused(&mut self, command: CommandId, why: CommandRefusal) {
        match self.waiting.remove(&command) {
            Some(Waiting::Send(answer)) => {
                let _ = answer.send(Err(why));
            }
            Some(Waiting::Document(step)) => self.document_step(step, Err(why)),
            Some(Waiting::Again(said)) => {
                tracing::warn!(%why, "a message could not be written anew");
                self.again.remove(&said);
            }
            Some(Waiting::Choice { choice, at }) => {
                tracing::warn!(%why, "what was chosen could not be written for other devices");
                self.choice_refused(choice, at);
            }
            Some(Waiting::Nobody) | None => tracing::debug!(%why, "a command of our own was refused"),
        }
    }

    /// The disk takes nothing any more: what people see stays, and what they write is refused until the actor has opened
    /// the store again.
    pub(super) fn disk_failed(&mut self) {
        if self.disk_problem.is_none() {
            self.disk_problem = Some(DISK_FAILED.to_owned());
            self.net_dirty = true;
            self.persistence.stop();
        }
    }

    /// Why the disk takes nothing became known better.
    pub(super) fn tell_disk_problem(&mut self, problem: String) {
        self.disk_problem = Some(problem);
        self.net_dirty = true;
    }

    /// Whether the disk takes nothing any more.
    pub(crate) fn has_disk_failed(&self) -> bool {
        self.disk_problem.is_some()
    }

    fn roster_grew(&mut self, room: RoomId, changes: &[CountersignedChange], reordered: bool) {
        let own = self.account.id;
        let sets_own_role = |change: &CountersignedChange| match &change.change.get().op {
            RosterOp::SetRole { account, .. } => *account == own,
            _ => false,
        };
        let Some(roster) = self.replica.roster(room) else { return };
        let members: std::collections::BTreeSet<AccountId> = roster.members().map(|member| member.account).collect();
        self.note_standing(room, changes);
        if !members.contains(&own) {
            self.forget_room(room);
            return;
        }
        self.new_timeline(room);
        if reordered {
            tracing::warn!(%room, "the server put two changes of the room in one place; both count");
        }
        if reordered || changes.iter().any(sets_own_role) {
            // What was judged by the versions that were is judged anew; and what was written under a right that ended is
            // written again where there is a new one.
            self.read_again(room);
        }
        let ends = changes.iter().any(|change| change.change.get().op.may_end_rights());
        if let (true, Some(timeline), Some(roster)) =
            (ends && !reordered, self.timelines.get_mut(&room), self.replica.roster(room))
        {
            let is_cut = |chain, seq, version| roster.is_cut(room.conversation(), chain, seq, version);
            if let Some(history) = self.histories.get_mut(&room) {
                history.take_back(is_cut);
            }
            let messages = timeline.take_back(is_cut);
            let is_post_cut = |chain, seq, hlc, version| roster.is_post_cut(chain, seq, hlc, version);
            let posts = self.feeds.get_mut(&room).is_some_and(|held| held.take_back(is_cut, is_post_cut));
            let positions = self.positions.room(room).take_back(is_cut);
            if posts {
                // A deletion that does not count any more may have dropped a text from the disk, as only the disk tells.
                self.read_again(room);
            }
            if positions || messages || posts {
                // Fronts read the list again.
                self.tell(Event::Resync {});
            }
        }
        self.tell_feed_policy(room);
        if reordered {
            self.documents_reordered(room);
        }
        self.documents_follow_roster(room);
        let before = self.members.insert(room, members.clone());
        if let Some(before) = before {
            self.tell_changes(room, changes);
            let room_id = room.to_string();
            for account in members.difference(&before) {
                let role = self.replica.roster(room).and_then(|roster| roster.role(*account));
                let Some(role) = role else { continue };
                let member = self.member(*account, role);
                self.tell(Event::MemberJoined { room_id: room_id.clone(), member });
            }
            for account in before.difference(&members) {
                self.positions.room(room).gone(*account);
                self.tell(Event::MemberLeft { room_id: room_id.clone(), user_id: account.to_string() });
            }
            self.tell_locations(room);
        }
        self.dirty.insert(room);
        self.dial_dirty = true;
        self.around_dirty = true;
        self.net_dirty = true;
        self.plan_repair(room);
        self.add_own_device(room);
        self.close_strangers();
    }

    /// Folds a room anew from what is on the disk. It is read beside this task, which goes on meanwhile.
    fn read_again(&mut self, room: RoomId) {
        // Where that is under way already, what is read is judged by the roster that is held then.
        if let Entry::Vacant(vacant) = self.rereading.entry(room) {
            vacant.insert(Vec::new());
            self.persistence.read_conversation(room);
        }
    }

    /// A room was read: what was stored meanwhile belongs to it.
    pub(super) fn reread(&mut self, room: RoomId, read: Result<Vec<StoredEvent>, StoreError>) {
        let Some(since) = self.rereading.remove(&room) else { return };
        let folded = read.and_then(|mut events| {
            events.extend(since);
            self.fold_room(room, events)
        });
        if let Err(error) = folded {
            tracing::error!(%error, "a room could not be read again");
        }
        self.dirty.insert(room);
        // Fronts read the list again.
        self.tell(Event::Resync {});
    }

    fn room_forgotten(&mut self, room: RoomId) {
        self.documents_forgotten(room);
        self.inbox_forgets(room);
        self.timelines.remove(&room);
        self.texts.forget_log(room.conversation());
        self.feed_texts.forget_log(room.conversation());
        self.histories.remove(&room);
        self.readers.remove(&room);
        self.rereading.remove(&room);
        self.members.remove(&room);
        self.marks.remove(&room);
        self.positions.forget(room);
        self.long_drafts.remove(&room);
        self.feeds.remove(&room);
        self.progress.forget(room);
        self.dirty.remove(&room);
        self.dial_dirty = true;
        self.around_dirty = true;
        self.net_dirty = true;
        self.tell(Event::RoomRemoved { room_id: room.to_string() });
        self.close_strangers();
    }
}

#[cfg(test)]
pub(in crate::engine) mod tests;
