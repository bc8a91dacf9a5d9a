//! What a person wants of a room: the same on all their devices, whose changes come as `room.changed`. Other members do not
//! see it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What of a room a person wants to be told about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum NotifyLevel {
    /// Every message.
    #[default]
    All,
    /// What mentions this person or everybody, and replies.
    Mentions,
    /// Nothing: the room is muted. Messages are counted all the same.
    None,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetNotifyParams {
    pub room_id: String,
    pub level: NotifyLevel,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetFavouriteParams {
    pub room_id: String,
    pub on: bool,
}
