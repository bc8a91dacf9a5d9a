//! What the engine tells its fronts: each event is one notification
//! `{"jsonrpc":"2.0","method":"event","params":{"type":"message.new",…}}`.
//!
//! Events carry the whole new value of what changed, never a hint to read a list again; the exception is
//! [`Event::Resync`], which a front gets that was too slow to be told of everything.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::api::types::{
    Activity, Announcement, Call, CallMedia, CallPeerStats, CallPicture, CallSound, Comment, Doc, FeedOrder,
    FeedPolicy, Member, Message, NetStatus, Notification, NotificationState, PeerStatus, Post, PresenceStatus, Room,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// The signed-in account changed: signed in, signed out, or the profile.
    #[serde(rename = "account.changed")]
    AccountChanged {},
    #[serde(rename = "net.changed")]
    NetChanged { status: NetStatus },
    #[serde(rename = "peer.changed")]
    PeerChanged {
        /// Absent where the peer is gone.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        peer: Option<PeerStatus>,
        user_id: String,
        device_id: String,
    },
    /// A room is new to this person, or its name, topic, roster or unread count changed.
    #[serde(rename = "room.changed")]
    RoomChanged { room: Room },
    /// This person left the room or was removed from it.
    #[serde(rename = "room.removed")]
    RoomRemoved { room_id: String },
    #[serde(rename = "member.joined")]
    MemberJoined { room_id: String, member: Member },
    #[serde(rename = "member.left")]
    MemberLeft { room_id: String, user_id: String },
    /// Once for each message on every device, the author's too.
    #[serde(rename = "message.new")]
    MessageNew { room_id: String, message: Message },
    #[serde(rename = "message.changed")]
    MessageChanged { room_id: String, message: Message },
    #[serde(rename = "typing.changed")]
    TypingChanged { room_id: String, user_id: String, typing: bool },
    #[serde(rename = "presence.changed")]
    PresenceChanged {
        user_id: String,
        /// A name may come after its person, and change.
        display_name: String,
        status: PresenceStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        text: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional, type = "number")]
        last_seen: Option<u64>,
    },
    /// Somebody moved, began to share where they are, or stopped (`ended`, with the last point).
    #[serde(rename = "location.changed")]
    LocationChanged {
        room_id: String,
        user_id: String,
        lat: f64,
        lng: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional, type = "number")]
        accuracy_m: Option<u32>,
        #[ts(type = "number")]
        at: u64,
        /// Of a live one: when it ends by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional, type = "number")]
        until: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        ended: Option<bool>,
    },
    /// Somebody published a post in a feed.
    #[serde(rename = "post.new")]
    PostNew { post: Post },
    /// A post has other words, likes or comments, was hidden or shown again, or was taken back (`deleted`).
    #[serde(rename = "post.changed")]
    PostChanged { post: Post },
    #[serde(rename = "comment.new")]
    CommentNew { comment: Comment },
    /// A comment has other likes, was hidden or shown again, or was taken back (`deleted`).
    #[serde(rename = "comment.changed")]
    CommentChanged { comment: Comment },
    /// The first posts of an order changed places.
    #[serde(rename = "ranking.changed")]
    RankingChanged {
        room_id: String,
        order: FeedOrder,
        /// The first twenty.
        post_ids: Vec<String>,
    },
    /// Who may post in a feed changed, or what this person may do there.
    #[serde(rename = "feed.changed")]
    FeedChanged { room_id: String, policy: FeedPolicy },
    /// This person follows somebody, or no longer.
    #[serde(rename = "follow.changed")]
    FollowChanged { user_id: String, on: bool },
    /// A document is new here, or something about it changed: what it is called, who may write, when it changed.
    #[serde(rename = "doc.changed")]
    DocChanged { doc: Doc },
    /// Somebody wrote in a document, this person included. `update` is a Yjs update of version 1, base64.
    #[serde(rename = "doc.update")]
    DocUpdate { doc_id: String, update: String },
    /// Where somebody else is in a document, as their editor says it; `null` where they went.
    #[serde(rename = "doc.awareness")]
    DocAwareness {
        doc_id: String,
        user_id: String,
        device_id: String,
        #[ts(type = "unknown")]
        state: Option<serde_json::Value>,
    },
    /// What counted in a document counts no more, which no update can say: read it anew with `docs.state`.
    #[serde(rename = "doc.reset")]
    DocReset { doc_id: String },
    /// The document is not to be had any more.
    #[serde(rename = "doc.removed")]
    DocRemoved { doc_id: String, room_id: String },
    /// Something concerns this person: once for each message or other occasion, on every device that has not read it.
    #[serde(rename = "notification.new")]
    NotificationNew {
        notification: Notification,
        /// Whether this person does not want to be disturbed: it is listed, and nothing pops up or rings.
        silent: bool,
        unread_count: u32,
    },
    /// Notifications were read, here or by reading their room anywhere, are unread again, or are gone.
    #[serde(rename = "notification.changed")]
    NotificationChanged { notification_ids: Vec<String>, state: NotificationState, unread_count: u32 },
    /// An administrator told everybody something: once on every device, whenever it comes online before the end.
    #[serde(rename = "announcement.new")]
    AnnouncementNew { announcement: Announcement },
    /// An announcement was put away.
    #[serde(rename = "announcement.gone")]
    AnnouncementGone { announcement_id: String },
    /// Somebody did something in a room: as `activity.list` has it.
    #[serde(rename = "activity.new")]
    ActivityNew { activity: Activity },
    /// Somebody calls.
    #[serde(rename = "call.incoming")]
    CallIncoming { call_id: String, room_id: String, from: String, media: CallMedia },
    /// A call began, ended, or somebody in it came, went or closed their microphone.
    #[serde(rename = "call.changed")]
    CallChanged { call: Call },
    /// Each second of the call that this device is in: as `calls.stats` has it.
    #[serde(rename = "call.stats")]
    CallStats { call_id: String, peers: Vec<CallPeerStats> },
    /// Ten times a second while the devices are tried out (`calls.test`), and without `sound` once that is over.
    #[serde(rename = "call.test")]
    CallTest {
        /// How loud the microphone was, 0 to 1.
        level: f32,
        speaking: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        sound: Option<CallSound>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        picture: Option<CallPicture>,
    },
    /// Events were dropped because this front did not read them in time: read the lists again.
    #[serde(rename = "resync")]
    Resync {},
}
