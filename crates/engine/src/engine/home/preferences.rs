//! What a person wants of each room, the same on all their devices.

use momoland_protocol::cbor;
use momoland_protocol::id::RoomId;
use momoland_protocol::register::{FavouriteChoice, NotifyChoice, RegisterName};
use tokio::sync::oneshot;

use super::Home;
use crate::account::record::Choice;
use crate::api::error::ApiError;
use crate::api::types::NotifyLevel;

/// What a person wants of a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Preferences {
    pub(in crate::engine) notify: NotifyLevel,
    pub(in crate::engine) favourite: bool,
}

impl Home {
    /// Answered with whether it is on the disk.
    pub(crate) fn set_notify(&mut self, room: RoomId, level: NotifyLevel) -> Result<oneshot::Receiver<bool>, ApiError> {
        self.timeline(room)?;
        let value = match level {
            NotifyLevel::All => Vec::new(),
            NotifyLevel::Mentions => cbor::encode(&NotifyChoice::Mentions),
            NotifyLevel::None => cbor::encode(&NotifyChoice::Nothing),
        };
        Ok(self.choose_one(Choice::of_room(RegisterName::NOTIFY, room), value))
    }

    /// Answered with whether it is on the disk.
    pub(crate) fn set_favourite(&mut self, room: RoomId, on: bool) -> Result<oneshot::Receiver<bool>, ApiError> {
        self.timeline(room)?;
        let value = if on { cbor::encode(&FavouriteChoice { on }) } else { Vec::new() };
        Ok(self.choose_one(Choice::of_room(RegisterName::FAVOURITE, room), value))
    }

    pub(super) fn show_preferences(&mut self, room: RoomId) {
        let notify = match self.own_room.read(Choice::of_room(RegisterName::NOTIFY, room)) {
            Some(NotifyChoice::Mentions) => NotifyLevel::Mentions,
            Some(NotifyChoice::Nothing) => NotifyLevel::None,
            Some(NotifyChoice::All) | None => NotifyLevel::All,
        };
        let favourite = self.own_room.read(Choice::of_room(RegisterName::FAVOURITE, room));
        let favourite = favourite.is_some_and(|FavouriteChoice { on }| on);
        self.preferences.insert(room, Preferences { notify, favourite });
        self.dirty.insert(room);
    }
}
