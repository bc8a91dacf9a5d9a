//! What can be done with a message once it is written, and drafts of what is not.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Message;

/// One message.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageParams {
    pub room_id: String,
    pub message_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditParams {
    pub room_id: String,
    pub message_id: String,
    pub text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReactParams {
    pub room_id: String,
    pub message_id: String,
    /// Exactly one emoji.
    pub emoji: String,
    pub on: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PinParams {
    pub room_id: String,
    pub message_id: String,
    pub on: bool,
}

/// A message as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OneMessage {
    pub message: Message,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// The one that was pinned first, first.
    pub messages: Vec<Message>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Receipts {
    /// Of members who have it or have read it; neither its author nor this person is among them.
    pub receipts: Vec<Receipt>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub user_id: String,
    pub state: ReceiptState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// It is on a disk of theirs.
    Delivered,
    Read,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetDraftParams {
    pub room_id: String,
    /// Empty: there is no draft any more.
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Drafts {
    /// The one that changed last, first.
    pub drafts: Vec<Draft>,
}

/// What somebody began to write, on any of their devices: another's comes as `room.changed`, and it is for the front to keep it
/// from replacing what is being typed. One of more than about 4,000 bytes stays on its device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    pub room_id: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
    #[ts(type = "number")]
    pub changed_at: u64,
}
