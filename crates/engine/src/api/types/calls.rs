//! `calls.*`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::PeerPath;

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartCallParams {
    pub room_id: String,
    pub media: CallMedia,
}

/// What a call carries. Video is not built yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum CallMedia {
    Audio,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallParams {
    pub call_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetCallMediaParams {
    /// Without it: the call that this device is in.
    #[ts(optional)]
    pub call_id: Option<String>,
    /// Whether one's microphone is heard.
    #[ts(optional)]
    pub mic: Option<bool>,
    /// The microphone to use, by its id of `calls.devices`; an empty one for the system's choice.
    #[ts(optional)]
    pub microphone: Option<String>,
    /// What to hear with, likewise.
    #[ts(optional)]
    pub speakers: Option<String>,
}

/// What one can speak into and hear with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallDevices {
    pub microphones: Vec<MediaDevice>,
    pub speakers: Vec<MediaDevice>,
    /// The microphone that was chosen; without it the system's choice is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub chosen_microphone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub chosen_speakers: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MediaDevice {
    pub device_id: String,
    pub name: String,
    pub is_default: bool,
}

/// The devices that a call uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallSound {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub microphone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub speakers: Option<String>,
    /// What is wrong with them, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallStarted {
    /// Of two who call each other at once both end in the call with one of the two ids; either names it.
    pub call_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct CallList {
    pub calls: Vec<Call>,
}

/// This device's part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum CallPart {
    /// It rings here.
    Ringing,
    /// It goes on without this device, and can be joined.
    Out,
    /// It rings at others.
    Calling,
    In,
    Ended,
}

/// Why it ended for this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum CallEnd {
    /// Somebody hung up.
    Left,
    Declined,
    Busy,
    Unanswered,
    /// Declined on another device of this person.
    Elsewhere,
    /// This person is out of the room.
    Removed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub call_id: String,
    pub room_id: String,
    pub media: CallMedia,
    pub part: CallPart,
    /// Whether one's own microphone is heard.
    pub mic: bool,
    /// Whether one is heard speaking.
    pub speaking: bool,
    /// Since when this device is in it, or the other that it was heard of from.
    #[ts(type = "number")]
    pub since: u64,
    /// While this device is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sound: Option<CallSound>,
    /// The others in it.
    pub participants: Vec<CallParticipant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ended: Option<CallEnd>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallParticipant {
    pub user_id: String,
    pub device_id: String,
    pub mic: bool,
    pub speaking: bool,
    #[ts(type = "number")]
    pub since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub path: Option<PeerPath>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallStats {
    pub call_id: String,
    pub peers: Vec<CallPeerStats>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallPeerStats {
    pub user_id: String,
    pub device_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub path: Option<PeerPath>,
    pub audio: AudioStats,
}

/// Frames are of 20 ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AudioStats {
    #[ts(type = "number")]
    pub packets_received: u64,
    #[ts(type = "number")]
    pub packets_lost: u64,
    #[ts(type = "number")]
    pub frames_decoded: u64,
    #[ts(type = "number")]
    pub frames_recovered: u64,
    #[ts(type = "number")]
    pub frames_concealed: u64,
    #[ts(type = "number")]
    pub jitter_ms: u64,
    /// What the jitter buffer adds.
    #[ts(type = "number")]
    pub delay_ms: u64,
    /// There and back, on a direct way or by TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub rtt_ms: Option<f64>,
    /// From their mouth to this ear, without what the devices themselves add.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub mouth_to_ear_ms: Option<f64>,
    /// Received, of Opus, over the last second.
    #[ts(type = "number")]
    pub bits_per_second: u64,
    /// Packets that were no Opus of one frame.
    #[ts(type = "number")]
    pub packets_refused: u64,
    /// How loud, 0 to 1.
    pub level: f32,
    pub speaking: bool,
}
