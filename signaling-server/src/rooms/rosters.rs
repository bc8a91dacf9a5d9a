//! Putting changes of rosters in order.

use momoland_protocol::cbor::DecodeError;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, DeviceId, ServerKey};
use momoland_protocol::roster::{Countersignature, CountersignedChange, Cut, Genesis, RosterChange, RosterOp};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_replica::roster::{Roster, RosterRefusal, longest_cuts};

use super::invites::{Invites, Worth};
use super::membership::Membership;
use super::{CHANGES_PER_ROOM_MAX, MEMBERS_PER_ROOM_MAX, Peer, ROOMS_PER_ACCOUNT_MAX};

/// Why a change was not put in order, or a room not shown. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomRefusal {
    /// Another device than the connection's signed it.
    NotYourDevice,
    /// A certificate in it is another account's, or of a device that does not count any more.
    NotYourCertificate,
    /// There is no such room, or the asker may not know of it.
    NoSuchRoom,
    /// The direct or own room exists: the asker's account belongs to it, and can have its roster.
    ExistsAlready,
    /// A room with this genesis exists, and the asker's account does not belong to it.
    IdTaken,
    /// An account of the other side does not exist.
    NoSuchAccount,
    /// Only who administers the server may do it.
    Administrators,
    /// The invite is not worth a place any more.
    Invite(Worth),
    TooManyRooms,
    TooManyMembers,
    TooManyChanges,
    /// Too many changes of this room wait for their turn.
    Busy,
    /// The roster's own rules.
    Rules(RosterRefusal),
    /// The store takes nothing at the moment.
    Unavailable,
}

impl From<RosterRefusal> for RoomRefusal {
    fn from(refusal: RosterRefusal) -> Self {
        Self::Rules(refusal)
    }
}

/// What the server knows when it decides.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub server: ServerKey,
    pub membership: &'a Membership,
    pub invites: &'a Invites,
    /// The room's roster, where there is one.
    pub roster: Option<&'a Roster>,
    pub at: UnixMillis,
    /// Whether the asker administers the server.
    pub admin: bool,
}

/// Whether a change may be the next of its room; the version that it would make.
///
/// # Errors
/// A [`RoomRefusal`].
pub fn admit(known: Known<'_>, change: &Signed<RosterChange>, by: Peer) -> Result<u64, RoomRefusal> {
    let it = change.get();
    if it.device != by.device {
        return Err(RoomRefusal::NotYourDevice);
    }
    if let RosterOp::Join { certificate, invite: _ } | RosterOp::AddDevice { certificate } = &it.op
        && certificate.get().account != by.account
    {
        return Err(RoomRefusal::NotYourCertificate);
    }
    match (&it.op, known.roster) {
        (RosterOp::Create { genesis, settings: _, founders }, roster) => {
            // First what needs no room to be found out: who may not make a room must not learn whether it exists.
            Roster::check_create(change, known.server)?;
            // Its device is a founder's, say the roster's rules; which account that is, the connection says.
            if !founders.iter().any(|founder| founder.account == by.account) {
                return Err(RoomRefusal::NotYourCertificate);
            }
            admit_first(known, roster, genesis, by)
        }
        (_, Some(roster)) => admit_next(known, roster, change, by),
        (_, None) => Err(RoomRefusal::NoSuchRoom),
    }
}

fn admit_first(known: Known<'_>, roster: Option<&Roster>, genesis: &Genesis, by: Peer) -> Result<u64, RoomRefusal> {
    if let Some(roster) = roster {
        return Err(match genesis {
            Genesis::Direct { .. } | Genesis::Own { .. } if roster.role(by.account).is_some() => {
                RoomRefusal::ExistsAlready
            }
            Genesis::Direct { .. } | Genesis::Own { .. } | Genesis::Made { .. } | Genesis::PublicFeed { .. } => {
                RoomRefusal::IdTaken
            }
        });
    }
    if matches!(genesis, Genesis::PublicFeed { .. }) && !known.admin {
        return Err(RoomRefusal::Administrators);
    }
    let is_own = matches!(genesis, Genesis::Own { .. });
    if !is_own && rooms_of(known, by.account) >= ROOMS_PER_ACCOUNT_MAX {
        return Err(RoomRefusal::TooManyRooms);
    }
    Ok(1)
}

/// How many rooms an account is in. Its own, where its devices keep what it chose, does not count.
fn rooms_of(known: Known<'_>, account: AccountId) -> usize {
    let own = Genesis::Own { server: known.server, account }.room();
    let rooms = known.membership.rooms_of(account);
    rooms.map_or(0, |rooms| rooms.iter().filter(|room| **room != own).count())
}

fn admit_next(known: Known<'_>, roster: &Roster, change: &Signed<RosterChange>, by: Peer) -> Result<u64, RoomRefusal> {
    let it = change.get();
    if let RosterOp::Join { certificate: _, invite: Some(proof) } = &it.op {
        match known.invites.worth(it.room, proof, by, known.at) {
            Some(Worth::Open) => {}
            // To a member, or where the change would be stale anyway, the roster's own rules say more.
            Some(worth) if !may_know_of(roster, by) || it.prev == roster.head() => {
                return Err(RoomRefusal::Invite(worth));
            }
            Some(_) => {}
            None if may_know_of(roster, by) => {}
            None => return Err(RoomRefusal::NoSuchRoom),
        }
    } else if !may_know_of(roster, by) {
        return Err(RoomRefusal::NoSuchRoom);
    }
    roster.check(change, known.at)?;
    if matches!(it.op, RosterOp::Join { .. }) {
        if rooms_of(known, by.account) >= ROOMS_PER_ACCOUNT_MAX {
            return Err(RoomRefusal::TooManyRooms);
        }
        if known.membership.members_of(it.room).is_some_and(|members| members.len() >= MEMBERS_PER_ROOM_MAX) {
            return Err(RoomRefusal::TooManyMembers);
        }
    }
    if roster.version() >= CHANGES_PER_ROOM_MAX && ending(roster, it).is_none() {
        return Err(RoomRefusal::TooManyChanges);
    }
    Ok(roster.version() + 1)
}

/// Whether somebody may know that a room exists: it is public, theirs, or bans them by name.
pub fn may_know_of(roster: &Roster, by: Peer) -> bool {
    roster.is_public() || roster.role(by.account).is_some() || roster.is_banned(by.account)
}

/// Whose rights a change ends or lowers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Account(AccountId),
    Device(AccountId, DeviceId),
}

/// Whose rights a change ends or lowers, which asks for a list of cuts. `None`: nobody's.
pub fn ending(roster: &Roster, change: &RosterChange) -> Option<Ending> {
    match &change.op {
        RosterOp::SetRole { account, role } => {
            roster.role(*account).is_some_and(|present| *role < present).then_some(Ending::Account(*account))
        }
        _ => removal(roster, change),
    }
}

/// Who no longer belongs to the room after a change. `None`: everybody does.
pub fn removal(roster: &Roster, change: &RosterChange) -> Option<Ending> {
    match &change.op {
        RosterOp::Leave => roster.account_of(change.device).map(Ending::Account),
        RosterOp::Remove { account, ban: _ } => Some(Ending::Account(*account)),
        RosterOp::RevokeDevice { device } => Some(Ending::Device(roster.account_of(*device)?, *device)),
        RosterOp::Create { .. }
        | RosterOp::Join { .. }
        | RosterOp::AddDevice { .. }
        | RosterOp::SetRole { .. }
        | RosterOp::Unban { .. }
        | RosterOp::OpenInvite { .. }
        | RosterOp::CloseInvite { .. }
        | RosterOp::Configure { .. }
        | RosterOp::Repair { .. }
        | RosterOp::ListAuthor { .. } => None,
    }
}

impl Ending {
    pub fn account(self) -> AccountId {
        match self {
            Self::Account(account) | Self::Device(account, _) => account,
        }
    }

    /// Of the cuts of its account's chains those that the change is about.
    pub fn select(self, mut cuts: Vec<Cut>) -> Vec<Cut> {
        match self {
            Self::Account(_) => {}
            Self::Device(_, device) => cuts.retain(|cut| cut.chain.device == device),
        }
        longest_cuts(cuts)
    }
}

/// Gives a change its place.
///
/// # Errors
/// [`DecodeError`] where the countersignature would be out of its bounds.
pub fn countersign(
    key: &SecretKey,
    change: Signed<RosterChange>,
    version: u64,
    at: UnixMillis,
    cuts: Vec<Cut>,
) -> Result<CountersignedChange, DecodeError> {
    let countersignature = Countersignature { change: change.change_hash(), version, at, cuts };
    let countersignature = Signed::sign(countersignature, key)?;
    Ok(CountersignedChange { change, countersignature })
}
