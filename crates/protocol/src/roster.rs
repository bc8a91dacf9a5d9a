//! Rosters: who belongs to a room, as a chain of signed changes that the server puts in order.
//!
//! Each change names its predecessor and is signed by a device that may make it; the server countersigns. So the
//! server can neither forge a role nor let itself in, and members cannot fork the order among themselves.
//! What a chain of changes adds up to, and which change is allowed, is `replica`'s roster fold.

use minicbor::{Decode, Encode};

use crate::cbor::{self, Bounded, DecodeError, bound, bound_line};
use crate::certificate::DeviceCertificate;
use crate::clock::{Hlc, UnixMillis};
use crate::id::{
    AccountId, ChainId, ChangeHash, DeviceId, EventId, InviteKey, LogId, Nonce, RoomId, RosterHash, Seq, ServerKey,
};
use crate::limits;
use crate::signed::{BadSignature, Context, PublicKey, SecretKey, Signable, Signature, Signed};

/// What a member may do; a higher role may do all that a lower one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Reads; reacts where the room lets readers.
    #[n(0)]
    Reader,
    /// Writes.
    #[n(1)]
    Member,
    /// Also removes and redacts.
    #[n(2)]
    Moderator,
    /// Also changes roles and settings.
    #[n(3)]
    Owner,
}

/// What a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum RoomKind {
    /// A conversation of any number of people.
    #[n(0)]
    Chat,
    /// A conversation of two people; both are owners.
    #[n(1)]
    Direct,
    /// A feed of posts.
    #[n(2)]
    Feed,
    /// An account's own devices.
    #[n(3)]
    Own,
}

/// What a room's id is the hash of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Genesis {
    /// A room that a device made.
    #[n(0)]
    Made {
        /// [`RoomKind::Chat`] or [`RoomKind::Feed`].
        #[n(0)]
        kind: RoomKind,
        /// The device that made it.
        #[n(1)]
        device: DeviceId,
        /// Random.
        #[n(2)]
        nonce: Nonce,
    },
    /// The direct room of two accounts: both sides come to the same id.
    #[n(1)]
    Direct {
        /// Their server.
        #[n(0)]
        server: ServerKey,
        /// The lower account id,
        #[n(1)]
        low: AccountId,
        /// and the higher.
        #[n(2)]
        high: AccountId,
    },
    /// The server's public feed.
    #[n(2)]
    PublicFeed {
        /// The server.
        #[n(0)]
        server: ServerKey,
    },
    /// The room of an account's own devices.
    #[n(3)]
    Own {
        /// Its server.
        #[n(0)]
        server: ServerKey,
        /// The account.
        #[n(1)]
        account: AccountId,
    },
}

impl Genesis {
    /// Of the direct room between two different accounts; the order of the arguments does not matter.
    pub fn direct(server: ServerKey, one: AccountId, other: AccountId) -> Self {
        Self::Direct { server, low: one.min(other), high: one.max(other) }
    }

    /// The id of the room that this makes.
    pub fn room(&self) -> RoomId {
        RoomId(blake3::derive_key("momoland 1 room genesis", &cbor::encode(self)))
    }

    /// What the room is for.
    pub fn kind(&self) -> RoomKind {
        match self {
            Self::Made { kind, .. } => *kind,
            Self::Direct { .. } => RoomKind::Direct,
            Self::PublicFeed { .. } => RoomKind::Feed,
            Self::Own { .. } => RoomKind::Own,
        }
    }
}

/// Who may find and join a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Visibility {
    /// Whoever has an invite.
    #[n(0)]
    Private,
    /// Every account of the server.
    #[n(1)]
    Public,
}

/// What a newcomer may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum History {
    /// Everything.
    #[n(0)]
    All,
    /// What was written after the newcomer joined.
    #[n(1)]
    SinceJoin,
}

/// Who may post in a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Posting {
    /// Every member.
    #[n(0)]
    Members,
    /// Moderators and owners, and whom the roster lists as author.
    #[n(1)]
    Curated,
}

/// What owners and moderators can change about a room.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Settings {
    /// Its name; empty for a direct room.
    #[n(0)]
    pub name: String,
    /// What it is about; may be empty.
    #[n(1)]
    pub topic: String,
    /// Who may find and join it.
    #[n(2)]
    pub visibility: Visibility,
    /// What newcomers may read.
    #[n(3)]
    pub history: History,
    /// Who may post, in a feed.
    #[n(4)]
    pub posting: Posting,
}

impl Bounded for Settings {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound_line(&self.name, limits::ROOM_NAME_CHARS_MAX, "name")?;
        bound_line(&self.topic, limits::TOPIC_CHARS_MAX, "topic")
    }
}

/// An account that belongs to the room from the start.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Founder {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// Its role.
    #[n(1)]
    pub role: Role,
    /// Its devices that are known; others add themselves.
    #[n(2)]
    pub certificates: Vec<Signed<DeviceCertificate>>,
}

/// The proof that a device holds an invite: its secret key's signature over room and device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InviteProof {
    /// The public half, as the roster names it.
    #[n(0)]
    pub invite: InviteKey,
    /// The signature.
    #[n(1)]
    pub signature: Signature,
}

/// Context of an [`InviteProof`].
const INVITE_CONTEXT: Context = Context::new("momoland/1/invite\0");

impl InviteProof {
    /// Proves to hold `secret`, for one room and device.
    pub fn new(secret: &SecretKey, room: RoomId, device: DeviceId) -> Self {
        let signature = secret.sign(INVITE_CONTEXT, &Self::message(room, device));
        Self { invite: InviteKey(secret.public()), signature }
    }

    /// # Errors
    /// [`BadSignature`] where it is for another room, device or invite.
    pub fn verify(&self, room: RoomId, device: DeviceId) -> Result<(), BadSignature> {
        self.invite.check(INVITE_CONTEXT, &Self::message(room, device), &self.signature)
    }

    fn message(room: RoomId, device: DeviceId) -> Vec<u8> {
        [room.as_bytes(), device.as_bytes()].concat()
    }
}

/// What a roster change does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum RosterOp {
    /// The first change: makes the room.
    #[n(0)]
    Create {
        /// What its id is the hash of.
        #[n(0)]
        genesis: Genesis,
        /// Its settings.
        #[n(1)]
        settings: Settings,
        /// Who belongs to it: one, of a direct room both.
        #[n(2)]
        founders: Vec<Founder>,
    },
    /// The signing device's account joins, to a public room or by an invite.
    #[n(1)]
    Join {
        /// Who joins; its device signs.
        #[n(0)]
        certificate: Signed<DeviceCertificate>,
        /// The invite, where the room is private or the role is above member.
        #[n(1)]
        invite: Option<InviteProof>,
    },
    /// The signing device's account leaves.
    #[n(2)]
    Leave,
    /// A further device of a member's account; it signs itself.
    #[n(3)]
    AddDevice {
        /// The device.
        #[n(0)]
        certificate: Signed<DeviceCertificate>,
    },
    /// A device of one's own account no longer counts.
    #[n(4)]
    RevokeDevice {
        /// The device.
        #[n(0)]
        device: DeviceId,
    },
    /// A member gets another role.
    #[n(5)]
    SetRole {
        /// Who.
        #[n(0)]
        account: AccountId,
        /// The role.
        #[n(1)]
        role: Role,
    },
    /// A member is removed.
    #[n(6)]
    Remove {
        /// Who.
        #[n(0)]
        account: AccountId,
        /// Whether later joins are refused too.
        #[n(1)]
        ban: bool,
    },
    /// A ban is lifted.
    #[n(7)]
    Unban {
        /// Whose.
        #[n(0)]
        account: AccountId,
    },
    /// An invite is opened.
    #[n(8)]
    OpenInvite {
        /// Its public half.
        #[n(0)]
        invite: InviteKey,
        /// The role that it gives.
        #[n(1)]
        role: Role,
        /// How many accounts may use it; no bound where absent.
        #[n(2)]
        uses_max: Option<u32>,
        /// Until when, by the server's clock.
        #[n(3)]
        expires_at: UnixMillis,
    },
    /// An invite is withdrawn.
    #[n(9)]
    CloseInvite {
        /// Which.
        #[n(0)]
        invite: InviteKey,
    },
    /// New settings.
    #[n(10)]
    Configure {
        /// All of them.
        #[n(0)]
        settings: Settings,
    },
    /// Ends a freeze: names both countersigned successors of one change.
    #[n(11)]
    Repair {
        /// One,
        #[n(0)]
        one: RosterHash,
        /// and the other.
        #[n(1)]
        other: RosterHash,
    },
    /// An account may post in the room's feed while that is curated, or no longer.
    #[n(12)]
    ListAuthor {
        /// Who.
        #[n(0)]
        account: AccountId,
        /// Whether from now on.
        #[n(1)]
        listed: bool,
    },
}

impl RosterOp {
    /// Whether changes of this kind may end somebody's right, so that what was taken may count no more.
    pub fn may_end_rights(&self) -> bool {
        match self {
            Self::Leave
            | Self::RevokeDevice { .. }
            | Self::SetRole { .. }
            | Self::Remove { .. }
            | Self::Configure { .. }
            | Self::Repair { .. }
            | Self::ListAuthor { .. } => true,
            Self::Create { .. }
            | Self::Join { .. }
            | Self::AddDevice { .. }
            | Self::Unban { .. }
            | Self::OpenInvite { .. }
            | Self::CloseInvite { .. } => false,
        }
    }
}

/// The last event of a chain that still counts under a right that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Cut {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// The chain.
    #[n(1)]
    pub chain: ChainId,
    /// The last place that counts; 0: none does.
    #[n(2)]
    pub seq: Seq,
    /// The event at that place; zero where `seq` is 0.
    #[n(3)]
    pub event: EventId,
}

/// One change of a roster. Signed by the device that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RosterChange {
    /// The room.
    #[n(0)]
    pub room: RoomId,
    /// The change before; zero for the first.
    #[n(1)]
    pub prev: RosterHash,
    /// The device that makes it.
    #[n(2)]
    pub device: DeviceId,
    /// When, by its author's clock.
    #[n(3)]
    pub hlc: Hlc,
    /// What it does.
    #[n(4)]
    pub op: RosterOp,
    /// Where rights end, as its author knows it.
    #[n(5)]
    pub cuts: Vec<Cut>,
}

impl Bounded for RosterChange {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.cuts.len() <= limits::CUTS_MAX, "cuts")?;
        match &self.op {
            RosterOp::Create { genesis: _, settings, founders } => {
                bound((1..=limits::FOUNDERS_MAX).contains(&founders.len()), "founders")?;
                bound(
                    founders.iter().all(|founder| founder.certificates.len() <= limits::FOUNDER_CERTIFICATES_MAX),
                    "certificates",
                )?;
                bound(self.prev == RosterHash::ZERO, "prev")?;
                settings.check_bounds()
            }
            RosterOp::Configure { settings } => settings.check_bounds(),
            RosterOp::Join { .. }
            | RosterOp::Leave
            | RosterOp::AddDevice { .. }
            | RosterOp::RevokeDevice { .. }
            | RosterOp::SetRole { .. }
            | RosterOp::Remove { .. }
            | RosterOp::Unban { .. }
            | RosterOp::OpenInvite { .. }
            | RosterOp::CloseInvite { .. }
            | RosterOp::Repair { .. }
            | RosterOp::ListAuthor { .. } => Ok(()),
        }
    }
}

impl Signable for RosterChange {
    const CONTEXT: Context = Context::new("momoland/1/roster-change\0");
    const BYTES_MAX: usize = limits::ROSTER_CHANGE_BYTES_MAX;
}

impl Signed<RosterChange> {
    /// The name by which a countersignature refers to it.
    pub fn change_hash(&self) -> ChangeHash {
        ChangeHash(self.hash())
    }
}

/// The server's word on a change's place in the order. Signed by the server's key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Countersignature {
    /// The change.
    #[n(0)]
    pub change: ChangeHash,
    /// Its place: 1 for the first.
    #[n(1)]
    pub version: u64,
    /// When, by the server's clock.
    #[n(2)]
    pub at: UnixMillis,
    /// Where rights end, as the server knows it. For each chain the higher of both lists counts.
    #[n(3)]
    pub cuts: Vec<Cut>,
}

impl Bounded for Countersignature {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.version > 0, "version")?;
        bound(self.cuts.len() <= limits::CUTS_MAX, "cuts")
    }
}

impl Signable for Countersignature {
    const CONTEXT: Context = Context::new("momoland/1/countersignature\0");
    const BYTES_MAX: usize = limits::ROSTER_CHANGE_BYTES_MAX;
}

/// A change in its place.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CountersignedChange {
    /// What its author signed.
    #[n(0)]
    pub change: Signed<RosterChange>,
    /// What the server signed.
    #[n(1)]
    pub countersignature: Signed<Countersignature>,
}

impl CountersignedChange {
    /// The name by which events and successors refer to it: that of its countersignature, since the time and the cuts in
    /// there are part of what the change does.
    pub fn roster_hash(&self) -> RosterHash {
        RosterHash(self.countersignature.hash())
    }
}

impl Bounded for CountersignedChange {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.countersignature.get().change == self.change.change_hash(), "countersignature")
    }
}
