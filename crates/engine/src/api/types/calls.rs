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

/// What a call began with. Anybody in it may turn a camera on or off, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum CallMedia {
    Audio,
    /// With the camera on.
    Video,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinCallParams {
    pub call_id: String,
    /// Whether to come in with the camera on; without it: off.
    #[ts(optional)]
    pub camera: Option<bool>,
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
    /// Whether one's camera is seen.
    #[ts(optional)]
    pub camera: Option<bool>,
    /// Whether one's screen is seen.
    #[ts(optional)]
    pub screen: Option<bool>,
    /// The camera to use, by its id of `calls.devices`; an empty one for the system's choice.
    #[ts(optional)]
    pub camera_device: Option<String>,
    /// The screen or window to show, by its id of `calls.devices`; an empty one for the main screen.
    #[ts(optional)]
    pub screen_source: Option<String>,
    /// Whether what the microphone hears is freed of echo and noise, and made as loud as speech.
    #[ts(optional)]
    pub processing: Option<bool>,
}

/// Tries the devices out before a call. Asked again within ten seconds, or it ends by itself.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestCallParams {
    pub on: bool,
    /// Whether the camera is tried too: `calls.view` without a call shows it.
    #[ts(optional)]
    pub camera: Option<bool>,
    /// Plays a short sound.
    #[ts(optional)]
    pub sound: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlayParams {
    pub call_id: String,
    /// Of a file on this machine: WAV, FLAC, MP3, Ogg Vorbis or AAC.
    pub path: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaybackParams {
    pub call_id: String,
    pub action: PlaybackAction,
    /// Where to go on, for `seek`.
    #[ts(optional, type = "number")]
    pub position_ms: Option<u64>,
}

/// What anybody in a call may do with the file that is played in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum PlaybackAction {
    /// Goes on; at the end from the beginning.
    Play,
    Pause,
    Seek,
    /// Ends it for everybody.
    Stop,
}

/// The file that all in a call listen to, or listened to last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallListening {
    /// The device that has it.
    pub device_id: String,
    /// Whose that is, while they are in the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub user_id: Option<String>,
    pub title: String,
    /// Where its format tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub length_ms: Option<u64>,
    pub state: ListeningState,
    /// How far it was at `at`; while it plays it goes on from there.
    #[ts(type = "number")]
    pub position_ms: u64,
    #[ts(type = "number")]
    pub at: u64,
    /// Who changed something of it last, while they are in the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub changed_by: Option<String>,
    /// Why it failed, for a person, where it is played from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ListeningState {
    Playing,
    /// Also at its end.
    Paused,
    /// Somebody ended it.
    Stopped,
    /// It could not be read on.
    Failed,
    /// The device that has it is in the call no more.
    Left,
}

/// What one can speak into, hear with, be seen by, and show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallDevices {
    pub microphones: Vec<MediaDevice>,
    pub speakers: Vec<MediaDevice>,
    pub cameras: Vec<MediaDevice>,
    pub screens: Vec<ScreenSource>,
    /// The microphone that was chosen; without it the system's choice is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub chosen_microphone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub chosen_speakers: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub chosen_camera: Option<String>,
    /// Whether what the microphone hears is freed of echo and noise.
    pub processing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MediaDevice {
    pub device_id: String,
    pub name: String,
    pub is_default: bool,
}

/// Something that can be shown to the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScreenSource {
    pub source_id: String,
    pub name: String,
    pub kind: ScreenKind,
    pub is_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ScreenKind {
    Screen,
    Window,
    /// The desktop asks which one, when it is shown.
    Asked,
}

/// The camera that a call uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CallPicture {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub camera: Option<String>,
    /// What is wrong with it, with the screen or with the codec, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
}

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum PictureSource {
    Camera,
    Screen,
}

/// A picture that a window shows. Its place in the list is its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tile {
    /// Whose; one's own device: what one sends.
    pub device_id: String,
    pub source: PictureSource,
    /// Of the screen's pixels. Pictures come no larger than that.
    pub width: u16,
    pub height: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ViewCallParams {
    /// Without it: the camera that is tried out (`calls.test`).
    #[ts(optional)]
    pub call_id: Option<String>,
    /// All that this window shows, 12 at most; none: no pictures.
    pub tiles: Vec<Tile>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct CallView {
    /// Each picture that comes for these tiles bears it.
    pub view: u32,
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
    /// Whether one's own camera is seen.
    pub camera: bool,
    /// Whether one's own screen is seen.
    pub screen: bool,
    /// Since when this device is in it, or the other that it was heard of from.
    #[ts(type = "number")]
    pub since: u64,
    /// While this device is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sound: Option<CallSound>,
    /// While one's camera or screen is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub picture: Option<CallPicture>,
    /// The others in it.
    pub participants: Vec<CallParticipant>,
    /// While this device is in it, once a file was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub listening: Option<CallListening>,
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
    pub camera: bool,
    pub screen: bool,
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
    /// Their camera, once something of it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub video: Option<VideoStats>,
    /// Their screen, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub screen: Option<VideoStats>,
    /// What goes to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sent: Option<SentPictures>,
}

/// Pictures that come. Rates are of the last second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct VideoStats {
    #[ts(type = "number")]
    pub packets_received: u64,
    /// Never came, although they were asked for again.
    #[ts(type = "number")]
    pub packets_lost: u64,
    /// Packets and frames that were no VP8.
    #[ts(type = "number")]
    pub packets_refused: u64,
    #[ts(type = "number")]
    pub frames_decoded: u64,
    /// Given up, because a part was missing for too long.
    #[ts(type = "number")]
    pub frames_dropped: u64,
    #[ts(type = "number")]
    pub key_frames_asked: u64,
    pub width: u16,
    pub height: u16,
    pub frames_per_second: f32,
    #[ts(type = "number")]
    pub bits_per_second: u64,
    /// From the first packet of a frame to the picture: what waiting and decoding add.
    #[ts(type = "number")]
    pub delay_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SentPictures {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub video: Option<SentVideo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub screen: Option<SentVideo>,
}

/// Pictures that go. Rates are of the last second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SentVideo {
    pub width: u16,
    pub height: u16,
    pub frames_per_second: f32,
    #[ts(type = "number")]
    pub bits_per_second: u64,
    /// What the way is thought to carry.
    #[ts(type = "number")]
    pub target_bits_per_second: u64,
    #[ts(type = "number")]
    pub key_frames: u64,
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
