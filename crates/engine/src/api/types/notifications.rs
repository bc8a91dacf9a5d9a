//! What concerns a person, wherever it happened.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListNotificationsParams {
    /// Notifications before this point, as `next` of an earlier answer gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    /// 1 to 1,000; 50 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    /// The newest first.
    pub notifications: Vec<Notification>,
    /// Of all of them, not only of those in this answer.
    pub unread_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub notification_id: String,
    pub kind: NotificationKind,
    pub title: String,
    pub body: String,
    pub level: NotificationLevel,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub post_id: Option<String>,
    /// Whose doing it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub user_id: Option<String>,
    #[ts(type = "number")]
    pub at: u64,
    /// Follows the room's read mark, whichever device set that.
    pub read: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum NotificationKind {
    /// A message names this person or everybody.
    Mention,
    /// A message answers one of this person's.
    Reply,
    /// A message of a direct room.
    Direct,
    /// Another message of a room of which every message is wanted. It is told when it comes and not listed: its room
    /// counts it.
    Message,
    /// This person's standing in a room changed: others let them in, gave them another role, or removed them.
    Room,
    /// Somebody whom this person follows published a post.
    Post,
    /// An administrator wrote to this person.
    Personal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum NotificationLevel {
    Info,
    Success,
    Warning,
    Error,
}

/// What became of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum NotificationState {
    Read,
    Unread,
    /// What they were about was deleted, or is not to be told of any more.
    Gone,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkNotificationsReadParams {
    /// All of them, where it is left out. What was written in the rooms stays unread there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub notification_id: Option<String>,
}

/// For administrators.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendNotificationParams {
    pub user_id: String,
    /// At most 128 characters in one line.
    pub title: String,
    /// At most 4,096 bytes. Lines may break.
    pub body: String,
    pub level: NotificationLevel,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSent {
    pub notification_id: String,
}

/// For administrators.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnnounceParams {
    /// At most 4,096 bytes. Lines may break.
    pub message: String,
    pub level: NotificationLevel,
    /// Seconds for which it is told to those who come online: up to 90 days, a week unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub ttl_s: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    pub announcement_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Announcements {
    /// What is in force and was not put away, the oldest first.
    pub announcements: Vec<Announcement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    pub announcement_id: String,
    pub message: String,
    pub level: NotificationLevel,
    /// Who told it.
    pub user_id: String,
    #[ts(type = "number")]
    pub at: u64,
    #[ts(type = "number")]
    pub expires_at: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnnouncementParams {
    pub announcement_id: String,
}
