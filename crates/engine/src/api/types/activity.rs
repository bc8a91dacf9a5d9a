//! Who did what in rooms.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Role;

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListActivityParams {
    /// Of one room; of all of them where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    /// Activities before this point, as `next` of an earlier answer gives it.
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
pub struct Activities {
    /// The newest first.
    pub activities: Vec<Activity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    pub activity_id: String,
    pub kind: ActivityKind,
    pub room_id: String,
    /// Who did it.
    pub user_id: String,
    /// The other person, where it is done to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub target_user_id: Option<String>,
    /// What they became.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub role: Option<Role>,
    /// What the room, the document or the post is called from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub doc_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub post_id: Option<String>,
    #[ts(type = "number")]
    pub at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ActivityKind {
    Created,
    Joined,
    Left,
    Removed,
    Banned,
    Invited,
    Role,
    /// The room has another name, topic or visibility.
    Renamed,
    /// For as long as it is pinned.
    Pinned,
    /// A document was begun, and is still there.
    Document,
    /// A post was published, and is still there.
    Post,
}
