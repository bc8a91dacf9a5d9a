//! What travels on the WebSocket between a device and its server: binary messages, one frame each.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound, bound_line};
use crate::certificate::DeviceCertificate;
use crate::clock::UnixMillis;
use crate::ephemeral::Ephemeral;
use crate::id::{AccountId, DeviceId, Nonce, RoomId, RosterHash, ServerKey};
use crate::limits;
use crate::notice::Notice;
use crate::replication;
use crate::roster::{CountersignedChange, InviteProof, RosterChange};
use crate::signed::{Signature, Signed};

/// From a device to its server.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ClientFrame {
    /// Answers the server's hello. The only frame before the welcome.
    #[n(0)]
    Hello(#[n(0)] ClientHello),
    /// Asks for something; answered by [`ServerFrame::Response`] with the same number.
    #[n(1)]
    Request {
        /// Chosen by the client, different from those still open.
        #[n(0)]
        id: u32,
        /// What.
        #[n(1)]
        request: Request,
    },
    /// Replication with the relay.
    #[n(2)]
    Replication(#[n(0)] replication::Frame),
    /// To be passed to the room's members that are connected, but for those in `except`, whom the sender reaches itself.
    #[n(3)]
    Ephemeral {
        /// The ephemeral.
        #[n(0)]
        ephemeral: Ephemeral,
        /// Devices that have it from the sender already.
        #[n(1)]
        except: Vec<DeviceId>,
    },
    /// To be passed to one device that shares a room.
    #[n(4)]
    Introduce {
        /// The device.
        #[n(0)]
        to: DeviceId,
        /// An offer, an answer or a candidate, in the clients' own coding.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        signal: Vec<u8>,
    },
    /// The sender's own presence.
    #[n(5)]
    Presence {
        /// Whether nobody sits at this device.
        #[n(0)]
        idle: bool,
        /// How the person chose to appear, on all devices.
        #[n(1)]
        chosen: ChosenStatus,
    },
}

/// How a person wants to appear, whatever their devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Availability {
    /// As their devices are: here, or away where all of them are idle.
    #[default]
    #[n(0)]
    Online,
    /// Away.
    #[n(1)]
    Away,
    /// Not to be disturbed.
    #[n(2)]
    Busy,
}

/// What a person chose last; of two choices the later counts, whichever device it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct ChosenStatus {
    /// How they want to appear.
    #[n(0)]
    pub availability: Availability,
    /// The status text; may be empty.
    #[n(1)]
    pub text: String,
    /// When it was chosen; 0: never.
    #[n(2)]
    pub at: UnixMillis,
}

impl Bounded for ChosenStatus {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound_line(&self.text, limits::STATUS_TEXT_CHARS_MAX, "text")
    }
}

/// The client's half of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ClientHello {
    /// [`crate::handshake::VERSION`].
    #[n(0)]
    pub version: u16,
    /// A fresh access token.
    #[n(1)]
    pub access_token: String,
    /// The device.
    #[n(2)]
    pub device: DeviceId,
    /// Chosen for this connection.
    #[n(3)]
    pub nonce: Nonce,
    /// Over the transcript, by the device.
    #[n(4)]
    pub proof: Signature,
}

/// What a device may ask of its server.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// To put a roster change in order.
    #[n(0)]
    SubmitChange {
        /// The change.
        #[n(0)]
        change: Signed<RosterChange>,
    },
    /// What is needed to join a room: answered with [`Response::Preview`].
    #[n(1)]
    Preview {
        /// The room.
        #[n(0)]
        room: RoomId,
        /// The invite, where the room is private.
        #[n(1)]
        invite: Option<InviteProof>,
    },
    /// The public rooms, by id.
    #[n(2)]
    Directory {
        /// After this one; from the start where absent.
        #[n(0)]
        after: Option<RoomId>,
    },
    /// Names of accounts that share a room with the asker, or that a direct room is to be opened with.
    #[n(3)]
    Profiles {
        /// The accounts.
        #[n(0)]
        accounts: Vec<AccountId>,
    },
    /// The account of a handle.
    #[n(4)]
    Lookup {
        /// The handle, in any case and normal form.
        #[n(0)]
        handle: String,
    },
}

/// From a server to a device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ServerFrame {
    /// First.
    #[n(0)]
    Hello(#[n(0)] ServerHello),
    /// The device is signed in.
    #[n(1)]
    Welcome(#[n(0)] Welcome),
    /// Answers a request.
    #[n(2)]
    Response {
        /// The request's number.
        #[n(0)]
        id: u32,
        /// The answer.
        #[n(1)]
        response: Response,
    },
    /// Replication with the relay.
    #[n(3)]
    Replication(#[n(0)] replication::Frame),
    /// From another member.
    #[n(4)]
    Ephemeral {
        /// The sender's device,
        #[n(0)]
        device: DeviceId,
        /// and account.
        #[n(1)]
        account: AccountId,
        /// The ephemeral.
        #[n(2)]
        ephemeral: Ephemeral,
    },
    /// From a device that shares a room.
    #[n(5)]
    Introduced {
        /// The device.
        #[n(0)]
        from: DeviceId,
        /// As in [`ClientFrame::Introduce`].
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        signal: Vec<u8>,
    },
    /// The presence of accounts that share a room with the receiver: all of them after the welcome, then what changes.
    #[n(6)]
    Presence {
        /// The accounts.
        #[n(0)]
        accounts: Vec<AccountPresence>,
    },
    /// How many accounts are online on the server.
    #[n(7)]
    Online {
        /// The receiver's included.
        #[n(0)]
        count: u32,
    },
    /// Names that changed, or that the receiver meets for the first time.
    #[n(8)]
    Profiles {
        /// The accounts.
        #[n(0)]
        profiles: Vec<Profile>,
    },
    /// A removal from a room, for the removed, who may not have the roster itself any more: the change that did it.
    #[n(9)]
    Removed {
        /// The change.
        #[n(0)]
        change: CountersignedChange,
    },
    /// Last: why the server closes.
    #[n(10)]
    Goodbye(#[n(0)] Goodbye),
    /// Where a TURN server is, and what to show to it: straight after the welcome, and anew before it ends.
    #[n(11)]
    Turn(#[n(0)] TurnAccess),
    /// What administrators tell everybody, or the receiver's account: all that is in force after the welcome, then each as
    /// it is said.
    #[n(12)]
    Notices {
        /// The oldest first.
        #[n(0)]
        notices: Vec<Notice>,
    },
}

/// The server's half of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ServerHello {
    /// [`crate::handshake::VERSION`].
    #[n(0)]
    pub version: u16,
    /// The server's key.
    #[n(1)]
    pub server: ServerKey,
    /// Chosen for this connection.
    #[n(2)]
    pub nonce: Nonce,
}

/// The end of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// Over the transcript, by the server.
    #[n(0)]
    pub proof: Signature,
    /// The account that the token and device belong to.
    #[n(1)]
    pub account: AccountId,
    /// The device's certificate.
    #[n(2)]
    pub certificate: Signed<DeviceCertificate>,
    /// The server's clock.
    #[n(3)]
    pub time: UnixMillis,
    /// The receiver's own name.
    #[n(4)]
    pub profile: Profile,
    /// Whether the account administers the server.
    #[n(5)]
    pub admin: bool,
}

/// How a device uses a TURN server (RFC 8656) over UDP; it answers STUN's questions as well.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct TurnAccess {
    /// Its UDP port.
    #[n(0)]
    pub port: u16,
    /// Names the second at which it ends, and whom it is for.
    #[n(1)]
    pub username: String,
    /// The password that goes with it.
    #[n(2)]
    pub password: String,
    /// For how many seconds from now it is good.
    #[n(3)]
    pub ttl_s: u32,
    /// A name or an address; absent: the host by which the device reaches this server.
    #[n(4)]
    pub host: Option<String>,
}

impl fmt::Debug for TurnAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnAccess").field("port", &self.port).field("ttl_s", &self.ttl_s).finish_non_exhaustive()
    }
}

/// The presence of one account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountPresence {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// Its devices that are connected; none: offline.
    #[n(1)]
    pub devices: Vec<DeviceId>,
    /// Whether nobody sits at any of them.
    #[n(2)]
    pub idle: bool,
    /// What the person chose.
    #[n(3)]
    pub chosen: ChosenStatus,
    /// When the last device went, where none is connected and one ever was.
    #[n(4)]
    pub last_seen: Option<UnixMillis>,
}

/// The names of one account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// Its handle.
    #[n(1)]
    pub handle: String,
    /// What it wants to be called.
    #[n(2)]
    pub display_name: String,
}

/// A public room in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DirectoryEntry {
    /// The room.
    #[n(0)]
    pub room: RoomId,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Its topic.
    #[n(2)]
    pub topic: String,
    /// How many accounts belong to it.
    #[n(3)]
    pub members: u32,
}

/// The server's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Response {
    /// The change has its place, on the server's disk.
    #[n(0)]
    Accepted {
        /// The change, countersigned.
        #[n(0)]
        change: CountersignedChange,
    },
    /// What is needed to join.
    #[n(1)]
    Preview {
        /// The room.
        #[n(0)]
        entry: DirectoryEntry,
        /// The last change.
        #[n(1)]
        head: RosterHash,
    },
    /// A page of the directory.
    #[n(2)]
    Directory {
        /// The rooms, by id.
        #[n(0)]
        rooms: Vec<DirectoryEntry>,
        /// Where it goes on.
        #[n(1)]
        next: Option<RoomId>,
    },
    /// The names asked for; accounts that do not exist are left out.
    #[n(3)]
    Profiles {
        /// The names.
        #[n(0)]
        profiles: Vec<Profile>,
    },
    /// No.
    #[n(4)]
    Refused(#[n(0)] Refusal),
}

/// Why a request was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// The kind.
    #[n(0)]
    pub kind: RefusalKind,
    /// A sentence for a person.
    #[n(1)]
    pub sentence: String,
    /// Milliseconds until a repeat can succeed, where that is known.
    #[n(2)]
    pub retry_after_ms: Option<u64>,
}

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RefusalKind {
    /// The role does not allow it.
    #[n(0)]
    Forbidden,
    /// There is no such thing, or the asker may not know of it.
    #[n(1)]
    NotFound,
    /// It breaks a rule of the protocol.
    #[n(2)]
    Invalid,
    /// The roster moved on: fetch its head and sign again.
    #[n(3)]
    Stale,
    /// The present state does not allow it: used up, banned, already so.
    #[n(4)]
    Conflict,
    /// Too often.
    #[n(5)]
    RateLimited,
    /// The server cannot store now.
    #[n(6)]
    Unavailable,
}

/// Why a server closes a connection.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Goodbye {
    /// The reason.
    #[n(0)]
    pub reason: GoodbyeReason,
    /// A sentence for a person.
    #[n(1)]
    pub sentence: String,
    /// When to come back, milliseconds; spread over the clients. Absent: at once, with the client's own backoff.
    #[n(2)]
    pub retry_after_ms: Option<u64>,
}

/// The reason of a goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum GoodbyeReason {
    /// The server stops or restarts.
    #[n(0)]
    ShuttingDown,
    /// A frame was malformed or not allowed at this point.
    #[n(1)]
    Protocol,
    /// The token is no longer good: refresh it.
    #[n(2)]
    Unauthorized,
    /// The device was revoked or its session family was: sign in again.
    #[n(3)]
    Revoked,
    /// The same device connected again.
    #[n(4)]
    Replaced,
    /// Too many frames.
    #[n(5)]
    RateLimited,
    /// The versions do not fit.
    #[n(6)]
    Version,
}

impl Bounded for ClientFrame {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Hello(hello) => bound(hello.access_token.len() <= limits::ACCESS_TOKEN_BYTES_MAX, "accessToken"),
            Self::Request { id: _, request } => match request {
                Request::Profiles { accounts } => bound(accounts.len() <= limits::PROFILES_PER_FRAME_MAX, "accounts"),
                Request::Lookup { handle } => bound_line(handle, limits::HANDLE_CHARS.1, "handle"),
                Request::SubmitChange { .. } | Request::Preview { .. } | Request::Directory { .. } => Ok(()),
            },
            Self::Replication(frame) => frame.check_bounds(),
            Self::Ephemeral { ephemeral, except } => {
                bound(except.len() <= limits::PROFILES_PER_FRAME_MAX, "except")?;
                ephemeral.check_bounds()
            }
            Self::Introduce { to: _, signal } => bound(signal.len() <= limits::SIGNAL_BYTES_MAX, "signal"),
            Self::Presence { idle: _, chosen } => chosen.check_bounds(),
        }
    }
}

impl Bounded for ServerFrame {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Response { id: _, response } => match response {
                Response::Accepted { change } => change.check_bounds(),
                Response::Directory { rooms, next: _ } => bound(rooms.len() <= limits::DIRECTORY_PAGE_MAX, "rooms"),
                Response::Profiles { profiles } => bound(profiles.len() <= limits::PROFILES_PER_FRAME_MAX, "profiles"),
                Response::Preview { .. } | Response::Refused(_) => Ok(()),
            },
            Self::Replication(frame) => frame.check_bounds(),
            Self::Ephemeral { device: _, account: _, ephemeral } => ephemeral.check_bounds(),
            Self::Introduced { from: _, signal } => bound(signal.len() <= limits::SIGNAL_BYTES_MAX, "signal"),
            Self::Presence { accounts } => {
                bound(accounts.len() <= limits::PROFILES_PER_FRAME_MAX, "accounts")?;
                bound(
                    accounts.iter().all(|account| account.devices.len() <= limits::DEVICES_PER_ACCOUNT_MAX),
                    "devices",
                )
            }
            Self::Profiles { profiles } => bound(profiles.len() <= limits::PROFILES_PER_FRAME_MAX, "profiles"),
            Self::Removed { change } => change.check_bounds(),
            Self::Turn(TurnAccess { port, username, password, ttl_s: _, host }) => {
                bound(*port != 0, "port")?;
                bound_line(username, limits::TURN_LINE_CHARS_MAX, "username")?;
                bound_line(password, limits::TURN_LINE_CHARS_MAX, "password")?;
                host.iter().try_for_each(|host| {
                    bound(!host.is_empty(), "host")?;
                    bound_line(host, limits::TURN_LINE_CHARS_MAX, "host")
                })
            }
            Self::Notices { notices } => {
                bound(notices.len() <= limits::NOTICES_PER_FRAME_MAX, "notices")?;
                notices.iter().try_for_each(Bounded::check_bounds)
            }
            Self::Hello(_) | Self::Welcome(_) | Self::Online { .. } | Self::Goodbye(_) => Ok(()),
        }
    }
}
