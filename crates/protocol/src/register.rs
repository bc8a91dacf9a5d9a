//! Registers: small signed values of one account, where only the newest counts.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::clock::Hlc;
use crate::id::{AccountId, DeviceId, EventId, RoomId, RosterHash};
use crate::limits;
use crate::signed::{Context, Signable, Signed};

/// What a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RegisterName(#[n(0)] pub u16);

impl RegisterName {
    /// Up to where the account has read a log (`target`): value [`ReadMark`].
    pub const READ: Self = Self(1);
    /// Up to where one device of the account holds a log's chains on disk: value [`DeliveryMark`].
    pub const DELIVERED: Self = Self(2);
    /// The status text.
    pub const STATUS: Self = Self(3);
    /// How much of a room (`target`) notifies: value [`NotifyChoice`].
    pub const NOTIFY: Self = Self(4);
    /// Whether a room (`target`) is a favourite: value [`FavouriteChoice`].
    pub const FAVOURITE: Self = Self(5);
    /// What was begun to be written in a room (`target`): value [`Draft`].
    pub const DRAFT: Self = Self(6);
    /// Whether an author of feeds (`target`, the account's id [`padded`]) is followed: value [`Follow`].
    pub const FOLLOW: Self = Self(7);
    /// What was put away of a room's notifications (`target`), or for zero of those that no message stands for: value
    /// [`PutAway`].
    pub const PUT_AWAY: Self = Self(8);
    /// Which announcements were put away: value [`PutAway`].
    pub const ANNOUNCEMENTS: Self = Self(9);
    /// From where on a room (`target`) counts as unread again: value [`UnreadFrom`].
    pub const UNREAD: Self = Self(10);
}

/// One value. Signed by the device that set it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Register {
    /// Whose it is.
    #[n(0)]
    pub account: AccountId,
    /// The device that set it.
    #[n(1)]
    pub device: DeviceId,
    /// The room in which it counts, and whose members may see it.
    #[n(2)]
    pub room: RoomId,
    /// What it holds.
    #[n(3)]
    pub name: RegisterName,
    /// The log or event that it is about; zero for the room itself.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub target: [u8; 32],
    /// The roster change under which the account was a member.
    #[n(5)]
    pub roster: RosterHash,
    /// When it was set.
    #[n(6)]
    pub hlc: Hlc,
    /// The encoded value; empty: unset.
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

/// Which register: a newer value of the same key replaces an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterKey {
    /// The room.
    pub room: RoomId,
    /// Whose.
    pub account: AccountId,
    /// What.
    pub name: RegisterName,
    /// About what.
    pub target: [u8; 32],
}

impl Register {
    /// Its key.
    pub fn key(&self) -> RegisterKey {
        RegisterKey { room: self.room, account: self.account, name: self.name, target: self.target }
    }
}

impl Signed<Register> {
    /// Whether this value replaces `other` of the same key: newest by time, then device, then hash.
    pub fn supersedes(&self, other: &Self) -> bool {
        let order = |signed: &Self| (signed.get().hlc, signed.get().device, signed.hash());
        order(self) > order(other)
    }
}

impl Bounded for Register {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.value.len() <= limits::REGISTER_VALUE_BYTES_MAX, "value")
    }
}

impl Signable for Register {
    const CONTEXT: Context = Context::new("momoland/1/register\0");
    const BYTES_MAX: usize = limits::REGISTER_BYTES_MAX;
}

/// Value of [`RegisterName::READ`]: everything up to this moment of the log's order is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ReadMark {
    /// The last message read, by its time.
    #[n(0)]
    pub hlc: Hlc,
    /// The last message read.
    #[n(1)]
    pub event: EventId,
}

impl Bounded for ReadMark {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Value of [`RegisterName::DELIVERED`]: everything up to these places is on a disk of the account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeliveryMark {
    /// For each chain of the log the last place held without a gap; sorted by chain.
    #[n(0)]
    pub chains: Vec<DeliveredChain>,
}

/// One chain of a [`DeliveryMark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct DeliveredChain {
    /// The chain.
    #[n(0)]
    pub chain: crate::id::ChainId,
    /// The last place held.
    #[n(1)]
    pub seq: crate::id::Seq,
}

impl DeliveryMark {
    /// Chains that fit into one register's value; of more, those that changed last are named.
    pub const CHAINS_MAX: usize = 64;
}

impl Bounded for DeliveryMark {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.chains.len() <= Self::CHAINS_MAX, "chains")
    }
}

/// Value of [`RegisterName::NOTIFY`]. Unset: everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum NotifyChoice {
    /// Every message.
    #[n(0)]
    All,
    /// What mentions the account, or answers it.
    #[n(1)]
    Mentions,
    /// Nothing.
    #[n(2)]
    Nothing,
}

impl Bounded for NotifyChoice {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Value of [`RegisterName::FAVOURITE`]. Unset: no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct FavouriteChoice {
    /// Whether it is one.
    #[n(0)]
    pub on: bool,
}

impl Bounded for FavouriteChoice {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Value of [`RegisterName::DRAFT`]. Unset: there is none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Draft {
    /// What is to be sent one day.
    #[n(0)]
    pub text: String,
    /// The message that it answers.
    #[n(1)]
    pub reply_to: Option<EventId>,
}

impl Bounded for Draft {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(!self.text.is_empty() && !self.text.contains('\0'), "text")
    }
}

/// Value of [`RegisterName::FOLLOW`]. Unset: not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Follow {
    /// Since when.
    #[n(0)]
    pub since: Hlc,
}

impl Bounded for Follow {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// A shorter id as registers name it: with zeros behind.
pub fn padded(id: [u8; 16]) -> [u8; 32] {
    std::array::from_fn(|place| id.get(place).copied().unwrap_or(0))
}

/// Value of [`RegisterName::PUT_AWAY`] and [`RegisterName::ANNOUNCEMENTS`]: what was put away without being read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct PutAway {
    /// Everything up to here,
    #[n(0)]
    pub until: Hlc,
    /// and these: ids of events, roster changes, notices or calls, the shorter ones [`padded`]; sorted.
    #[n(1)]
    pub these: Vec<EventId>,
}

impl PutAway {
    /// Ids that fit into one register's value.
    pub const THESE_MAX: usize = 100;

    /// Whether something of this time and name was put away.
    pub fn has(&self, hlc: Hlc, id: EventId) -> bool {
        hlc <= self.until || self.these.binary_search(&id).is_ok()
    }

    /// Puts one more away. Where there are too many, another counts again.
    pub fn insert(&mut self, id: EventId) {
        let Err(place) = self.these.binary_search(&id) else { return };
        self.these.insert(place, id);
        if self.these.len() > Self::THESE_MAX {
            self.these.remove(usize::from(place == 0));
        }
    }

    /// Whether everything that `other` has put away is so here.
    pub fn covers(&self, other: &Self) -> bool {
        other.until <= self.until && other.these.iter().all(|id| self.these.binary_search(id).is_ok())
    }
}

impl Bounded for PutAway {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.these.len() <= Self::THESE_MAX, "these")?;
        bound(self.these.is_sorted(), "order of these")
    }
}

/// Value of [`RegisterName::UNREAD`]. Unset: what the read mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct UnreadFrom {
    /// Everything after this is unread,
    #[n(0)]
    pub after: Hlc,
    /// as long as the account has read no farther than it had then: up to here.
    #[n(1)]
    pub read: Hlc,
    /// The last message that counts as read, where there is one.
    #[n(2)]
    pub event: Option<EventId>,
}

impl Bounded for UnreadFrom {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
