//! Registers: small signed values of one account, where only the newest counts.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::clock::Hlc;
use crate::id::{AccountId, DeviceId, RoomId, RosterHash};
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
    /// How much of a room notifies.
    pub const NOTIFY: Self = Self(4);
    /// Whether a room is a favourite.
    pub const FAVOURITE: Self = Self(5);
    /// A draft.
    pub const DRAFT: Self = Self(6);
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
    pub event: crate::id::EventId,
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
