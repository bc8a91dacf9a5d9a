//! The parameters and results of the API: the only types in this crate that a front may serialise.
//!
//! `api::methods` reads parameters and writes results; `ui/src/client/types.gen.ts` is generated from here
//! (`./dev bless`), and a test holds the two together.
//!
//! Conventions, alike for every method: fields are camelCase; ids are opaque strings; times are Unix
//! milliseconds; results are objects, so that a field can be added; unknown parameters are refused, so that a
//! misspelt option is never silently ignored.
//!
//! Not here: events (`api::events`), errors (`api::error`), anything the wire or the disk sees (`protocol`).

mod activity;
mod calls;
mod feed;
mod location;
mod messages;
mod docs;
mod notifications;
mod preferences;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use self::activity::*;
pub use self::calls::*;
pub use self::docs::*;
pub use self::feed::*;
pub use self::location::*;
pub use self::messages::*;
pub use self::notifications::*;
pub use self::preferences::*;

/// How sure the author may be that a message survives. States never go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// On this device's disk.
    Stored,
    /// On the relay's disk.
    Relayed,
    /// On the disk of at least one other member.
    Delivered,
    /// Read by every other member of the roster that the message names.
    Read,
}

/// How bytes reach a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum PeerPath {
    /// A data channel between the two devices.
    Direct,
    /// A data channel through a TURN server.
    Turn,
    /// No data channel: the server's relay.
    Relay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    Online,
    Connecting,
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum PeerPolicy {
    /// Direct where possible, then TURN, then the relay.
    All,
    /// TURN and the relay: no address of this machine is told to a peer.
    TurnOnly,
    /// The relay alone.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum PresenceStatus {
    Online,
    Away,
    /// Here, and not to be disturbed.
    Dnd,
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    Chat,
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Joined by invite only; strangers do not learn that it exists.
    Private,
    /// Listed in the directory; every account of the server may join.
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reader,
    Member,
    Moderator,
    Owner,
}

/// Parameters of a method that takes none: an empty object, or nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// The result of a method that only acts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
pub struct Done {}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterParams {
    /// The server's address: `http(s)://host[:port]`; a bare `host[:port]` means https, on loopback http.
    pub server: String,
    pub handle: String,
    pub password: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub invite_code: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginParams {
    pub server: String,
    pub handle: String,
    pub password: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    pub user_id: String,
    pub device_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogoutParams {
    /// Sign out although something has not left this device yet; without it the answer is `conflict` with a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub force: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// `null` while nobody is signed in on this data folder.
    pub account: Option<OwnAccount>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OwnAccount {
    pub user_id: String,
    pub device_id: String,
    pub handle: String,
    pub display_name: String,
    pub server: String,
    /// Whether this account administers the server.
    pub admin: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    pub devices: Vec<Device>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub device_id: String,
    #[ts(type = "number")]
    pub added_at: u64,
    /// Whether it is the device that answers.
    pub this: bool,
    pub revoked: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceParams {
    pub device_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileParams {
    pub display_name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePasswordParams {
    pub old_password: String,
    pub new_password: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NetStatus {
    pub server: ServerState,
    /// What stands in the way, as a sentence; absent while all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
    pub peers: Vec<PeerStatus>,
    /// Accounts of this server that are online, this one included; as last told by the server.
    pub online_count: u32,
    /// Bytes from and to the server since the engine started.
    #[ts(type = "number")]
    pub server_bytes_in: u64,
    #[ts(type = "number")]
    pub server_bytes_out: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoctorParams {
    /// Another server than the one that is signed in to, as a person types it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub server: Option<String>,
}

/// What works and what stands in the way, found out by looking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Whether nothing stands in the way.
    pub well: bool,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub subject: CheckSubject,
    pub state: CheckState,
    /// What was found.
    pub sentence: String,
    /// What to do; absent where nothing needs to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub advice: Option<String>,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum CheckSubject {
    /// Whether the server answers.
    Server,
    /// Whether it is the one that was signed in to.
    Key,
    /// Whether both speak the same protocol.
    Version,
    /// This machine's clock.
    Clock,
    /// Whether this device is signed in and connected.
    Session,
    /// How other devices are reached.
    Links,
    /// Whether UDP gets through.
    Udp,
    /// What a router does to addresses.
    Nat,
    /// Whether there is a way round difficult routers.
    Turn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum CheckState {
    Good,
    /// It works, with less.
    Limited,
    Broken,
}

/// One device of another person (or another device of one's own) that shares a room and is reachable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PeerStatus {
    pub user_id: String,
    pub device_id: String,
    pub path: PeerPath,
    /// Round trip, milliseconds; `null` until measured.
    pub rtt_ms: Option<f64>,
    #[ts(type = "number")]
    pub bytes_in: u64,
    #[ts(type = "number")]
    pub bytes_out: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetOnlineParams {
    pub online: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPolicyParams {
    pub peers: PeerPolicy,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRoomParams {
    pub name: String,
    pub kind: RoomKind,
    pub visibility: Visibility,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub topic: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomCreated {
    pub room_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Rooms {
    pub rooms: Vec<Room>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    pub room_id: String,
    /// Of a direct room: the other person's display name.
    pub name: String,
    pub topic: String,
    pub kind: RoomKind,
    pub visibility: Visibility,
    pub role: Role,
    pub member_count: u32,
    /// Of a direct room: the other person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub peer_user_id: Option<String>,
    /// Messages of others after the read mark; deleted ones count nowhere.
    pub unread_count: u32,
    /// Those of them that mention this person, or everybody.
    pub mentions_count: u32,
    /// What of it this person wants to be told about.
    pub notify: NotifyLevel,
    pub favourite: bool,
    /// What this person began to write here, on any of their devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub draft: Option<String>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub draft_reply_to: Option<String>,
    /// Up to and including this message the person has read the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub read_up_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub last_message: Option<Message>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    pub rooms: Vec<DirectoryRoom>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryRoom {
    pub room_id: String,
    pub name: String,
    pub topic: String,
    pub member_count: u32,
    pub joined: bool,
}

/// One of `roomId` (a public room) and `invite`.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRoomParams {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    /// An invite as `rooms.invite` gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub invite: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomParams {
    pub room_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InviteParams {
    pub room_id: String,
    /// `member` unless said otherwise; never above one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub role: Option<Role>,
    /// How many people may use it; unlimited unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub max_uses: Option<u32>,
    /// Seconds; seven days unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub ttl_s: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// `momoland://join/…`: holds the server, the room and the secret. Whoever has it may join.
    pub invite: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Members {
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user_id: String,
    pub handle: String,
    pub display_name: String,
    pub role: Role,
    pub status: PresenceStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub last_seen: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetRoleParams {
    pub room_id: String,
    pub user_id: String,
    pub role: Role,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveMemberParams {
    pub room_id: String,
    pub user_id: String,
    /// Refuse this person's later joins too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ban: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRoomParams {
    pub room_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub topic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub visibility: Option<Visibility>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectParams {
    pub user_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendParams {
    pub room_id: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    pub message_id: String,
    pub state: DeliveryState,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMessagesParams {
    pub room_id: String,
    /// Messages before this message, as `next` of an earlier answer gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    /// Messages after this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub after: Option<String>,
    /// 1 to 10,000; 50 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Where older messages go on; absent once the room's beginning is here. Beside an empty page: what is older cannot be
    /// had just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub message_id: String,
    pub room_id: String,
    /// The author's user id.
    pub author: String,
    pub device_id: String,
    /// As it was edited last; empty where it was deleted.
    pub text: String,
    #[ts(type = "number")]
    pub sent_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub edited_at: Option<u64>,
    /// It was deleted: a mark stays in its place, without text, reactions, pin and mentions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub deleted_at: Option<u64>,
    /// Absent where it was deleted and by whom is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub deleted_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
    /// By when the first person of each reacted.
    pub reactions: Vec<Reaction>,
    pub pinned: bool,
    /// The user ids of who is named in it.
    pub mentions: Vec<String>,
    /// Whether everybody is.
    pub mentions_room: bool,
    pub files: Vec<MessageFile>,
    /// It is no message but tells of a call that is over; its text is empty. More than one may tell of one call: the
    /// longest counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub call: Option<MessageCall>,
    pub state: DeliveryState,
}

/// A call that is over, as a device tells that was in it at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MessageCall {
    pub call_id: String,
    /// The user id of who called.
    pub from: String,
    pub media: CallMedia,
    #[ts(type = "number")]
    pub began_at: u64,
    /// Milliseconds until one was alone in it; 0 where nobody answered.
    #[ts(type = "number")]
    pub length_ms: u64,
    /// The user ids of who was in it.
    pub user_ids: Vec<String>,
    pub outcome: MessageCallOutcome,
}

/// What came of a call. `declined` and `busy` are said of calls between two people alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum MessageCallOutcome {
    Held,
    Unanswered,
    Declined,
    Busy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    pub emoji: String,
    /// In the order in which they reacted.
    pub user_ids: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MessageFile {
    pub file_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkReadParams {
    pub room_id: String,
    /// Read up to and including this message.
    pub message_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetTypingParams {
    pub room_id: String,
    pub typing: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPresenceParams {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PresenceList {
    pub users: Vec<UserPresence>,
    /// How many of `users` are not offline.
    pub count: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct UserPresence {
    pub user_id: String,
    pub handle: String,
    pub display_name: String,
    pub status: PresenceStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub last_seen: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPresenceParams {
    /// `online`, `away` or `dnd`, on all devices; `offline` is `net.setOnline`'s business and is refused here.
    pub status: PresenceStatus,
    /// Without one, the text that is there stays; an empty one takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub text: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetIdleParams {
    /// Whether nobody sits at this device. Who is idle on all devices, and chose to be online, is shown as away.
    pub idle: bool,
}
