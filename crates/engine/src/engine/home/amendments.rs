//! What a person does with messages that are written: edit, delete, react, pin; and how far they got with others.
//!
//! Each answers with what is being written, or with nothing where it is so already. Who may do it is checked here for the
//! sentence; the replica, and everybody else's, check it again.

use momoland_protocol::content::{DeletionContent, PinContent, ReactionContent};
use momoland_protocol::event::{Action, BodyBytes};
use momoland_protocol::id::{EventId, RoomId};
use momoland_protocol::roster::{Role, RoomKind};
use momoland_replica::input::Command;

use super::{Home, Stored, body_of, no_such_message, unreadable};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{Receipt, ReceiptState};
use crate::projection::amendments::About;
use crate::projection::timeline::{self, Entry, Timeline};

impl Home {
    /// Gives one's own message another text.
    pub(crate) fn edit_message(
        &mut self,
        room: RoomId,
        message: EventId,
        text: String,
    ) -> Result<Option<Stored>, ApiError> {
        let (timeline, entry) = self.message_in(room, message)?;
        if entry.author != self.account.id {
            return Err(forbidden("Only its author can edit a message."));
        }
        if entry.is_call {
            return Err(ApiError::invalid("The entry of a call has no text to edit."));
        }
        not_deleted(timeline, &entry)?;
        if timeline.message(&entry).map_err(|error| unreadable(room, &error))?.text == text {
            return Ok(None);
        }
        let about = entry.about();
        let body = self.message_body(room, text)?;
        self.amend(room, Action::EDIT, about, body).map(Some)
    }

    /// Deletes a message for everybody: one's own, or as a moderator anybody's.
    pub(crate) fn delete_message(&mut self, room: RoomId, message: EventId) -> Result<Option<Stored>, ApiError> {
        let (timeline, entry) = self.message_in(room, message)?;
        let roster = self.require_member(room)?;
        let action = if entry.author == self.account.id {
            Action::RETRACT
        } else if roster.kind() != RoomKind::Direct && roster.role(self.account.id) >= Some(Role::Moderator) {
            Action::REDACT
        } else {
            return Err(forbidden("Only its author, or a moderator of the room, can delete a message."));
        };
        if timeline.is_deleted(&entry) {
            return Ok(None);
        }
        let about = entry.about();
        let body = body_of(&DeletionContent {})?;
        self.amend(room, action, about, body).map(Some)
    }

    /// Sets or takes back one's own reaction.
    pub(crate) fn react(
        &mut self,
        room: RoomId,
        message: EventId,
        emoji: &'static str,
        on: bool,
    ) -> Result<Option<Stored>, ApiError> {
        let (timeline, entry) = self.message_in(room, message)?;
        not_deleted(timeline, &entry)?;
        let about = entry.about();
        if timeline.reacts(&entry, emoji) == on {
            return Ok(None);
        }
        let body = body_of(&ReactionContent { emoji: emoji.to_owned(), on })?;
        self.amend(room, Action::REACT, about, body).map(Some)
    }

    /// Pins a message, or takes its pin off.
    pub(crate) fn pin(&mut self, room: RoomId, message: EventId, on: bool) -> Result<Option<Stored>, ApiError> {
        let (timeline, entry) = self.message_in(room, message)?;
        not_deleted(timeline, &entry)?;
        let about = entry.about();
        if timeline.is_pinned(&entry) == on {
            return Ok(None);
        }
        let body = body_of(&PinContent { on })?;
        self.amend(room, Action::PIN, about, body).map(Some)
    }

    /// How far a message got with the other members.
    pub(crate) fn receipts(&self, room: RoomId, message: EventId) -> Result<Vec<Receipt>, ApiError> {
        let (timeline, entry) = self.message_in(room, message)?;
        let members = self.require_member(room)?.members().map(|member| member.account);
        let others = members.filter(|account| *account != self.account.id && *account != entry.author);
        let receipt = |account| {
            let state = match timeline.receipt(&entry, account)? {
                timeline::Receipt::Delivered => ReceiptState::Delivered,
                timeline::Receipt::Read => ReceiptState::Read,
            };
            Some(Receipt { user_id: account.to_string(), state })
        };
        Ok(others.filter_map(receipt).collect())
    }

    fn message_in(&self, room: RoomId, message: EventId) -> Result<(&Timeline, Entry), ApiError> {
        let timeline = self.timeline(room)?;
        Ok((timeline, timeline.get(message).ok_or_else(no_such_message)?))
    }

    fn amend(&mut self, room: RoomId, action: Action, about: About, body: BodyBytes) -> Result<Stored, ApiError> {
        let (place, target) = about;
        let (log, targets, place) = (room.conversation(), vec![target], Some(place));
        Ok(self.append(Command::Append { log, action, targets, place, body }))
    }
}

fn not_deleted(timeline: &Timeline, entry: &Entry) -> Result<(), ApiError> {
    if timeline.is_deleted(entry) {
        return Err(ApiError::new(ErrorKind::Conflict, "This message was deleted."));
    }
    Ok(())
}

fn forbidden(sentence: &str) -> ApiError {
    ApiError::new(ErrorKind::Forbidden, sentence)
}
