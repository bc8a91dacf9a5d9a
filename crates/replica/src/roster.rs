//! What a chain of roster changes adds up to, and which change may come next.
//!
//! A pure fold: clients, peers and the server run the same code over the same changes, so none of them has to
//! believe another. The server adds the order and its list of cuts; it cannot add a change.
//!
//! A server that countersigned two successors of one change made two branches: [`line`] holds both, and this fold has
//! them one behind the other, the second with what its part may do (`split`). Until a change that names both ends joins
//! them, no other change is taken.
//!
//! # Invariants
//! 1. `version` changes are held, and `hash_at(v)` names each. Test: `a_chain_without_its_predecessor_is_refused`.
//! 2. A right once ended is back only by a later change that grants it. Test: `a_removed_member_is_out_until_rejoined`.
//! 3. The last owner cannot go while others remain: the longest-standing of the highest remaining role becomes one.
//!    Test: `a_room_never_stays_without_an_owner`.
//! 4. What either branch of a split ended stays ended. Test: `prop_both_branches_of_a_split_deny`.
//!
//! Not here: persistence.

pub mod line;
mod posting;
mod split;

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::{Action, EventHeader};
use momoland_protocol::id::{
    AccountId, ChainId, DeviceId, EventId, InviteKey, LogId, RoomId, RosterHash, Seq, ServerKey,
};
use momoland_protocol::limits;
use momoland_protocol::register::Register;
use momoland_protocol::roster::{
    CountersignedChange, Cut, Genesis, Role, RoomKind, RosterChange, RosterOp, Settings, Visibility,
};
use momoland_protocol::signed::Signed;

use posting::{AUTHORS_MAX, PostingRights};
use split::Split;
pub use split::SplitHeads;

/// Why a change may not be the next one. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterRefusal {
    /// It names another predecessor than the last change held here.
    #[error("the roster has moved on")]
    Stale {
        /// The last change held.
        head: RosterHash,
    },
    /// The server put two changes in one place: nothing but their repair may follow.
    #[error("the server put two changes in one place; nothing can change until an owner's device has joined them")]
    Frozen,
    /// A signature does not fit: of the device, the server, the invite or a certificate.
    #[error("the signature of the {0} does not fit")]
    BadSignature(&'static str),
    /// It is for another room, or the room's id is not the hash of its genesis.
    #[error("it belongs to another room")]
    WrongRoom,
    /// The device is not one of a current member's.
    #[error("the device is not in the room")]
    NotAMember,
    /// The author's role does not allow it.
    #[error("a {role:?} may not do this")]
    Forbidden {
        /// The author's role.
        role: Role,
    },
    /// The room is private and there is no invite, or it names one that is not open.
    #[error("there is no such invite, or it was withdrawn")]
    NoInvite,
    /// The invite was used as often as it may be.
    #[error("the invite is used up")]
    InviteUsedUp,
    /// The invite's time is over.
    #[error("the invite has expired")]
    InviteExpired,
    /// The account is banned.
    #[error("the account is banned from the room")]
    Banned,
    /// It would change nothing: already a member, already this role.
    #[error("it is so already")]
    AlreadySo,
    /// It names an account, device or invite that the roster does not have.
    #[error("there is no such {0} in the roster")]
    Unknown(&'static str),
    /// A bound or a rule of form is broken.
    #[error("{0}")]
    Invalid(&'static str),
}

/// A member's device and from which version to which it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DeviceSpan {
    /// The version that added it; two where both branches of a split did.
    added: Vec<u64>,
    /// The version that revoked it.
    ended: Option<u64>,
    certificate: Signed<DeviceCertificate>,
}

/// One account's standing through the versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Standing {
    /// Role from each version on; `None`: not a member. Sorted by version, never empty once inserted.
    roles: Vec<(u64, Option<Role>)>,
    devices: BTreeMap<DeviceId, DeviceSpan>,
}

impl Standing {
    fn current(&self) -> Option<Role> {
        self.roles.last().and_then(|(_, role)| *role)
    }

    fn has_device(&self, device: DeviceId) -> bool {
        self.devices.get(&device).is_some_and(|span| span.ended.is_none())
    }
}

/// An invite that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OpenInvite {
    /// The device that opened it: it holds only while that device could open it anew.
    by: DeviceId,
    role: Role,
    uses_max: Option<u32>,
    uses: u32,
    expires_at: UnixMillis,
}

/// Where a chain ends for rights from before a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutAt {
    /// The version that made it.
    pub version: u64,
    /// The last place that counts under an older right.
    pub seq: Seq,
    /// The event there.
    pub event: EventId,
}

/// A member, as the roster has it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub account: AccountId,
    /// The present role.
    pub role: Role,
}

/// A room's roster: the fold of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    room: RoomId,
    server: ServerKey,
    genesis: Genesis,
    settings: Settings,
    changes: Vec<RosterHash>,
    versions: BTreeMap<RosterHash, u64>,
    standings: BTreeMap<AccountId, Standing>,
    accounts: BTreeMap<DeviceId, AccountId>,
    handles: BTreeMap<AccountId, String>,
    invites: BTreeMap<InviteKey, OpenInvite>,
    bans: BTreeSet<AccountId>,
    cuts: BTreeMap<(LogId, ChainId), Vec<CutAt>>,
    /// Versions that ended a right, by whose: chains of theirs that such a version does not cut count only up to 0.
    endings: BTreeMap<AccountId, Vec<Ending>>,
    posting: PostingRights,
    /// Where changes stand in two branches, in order; only the last may still be open.
    splits: Vec<Split>,
}

/// Where a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Somebody sent it.
    Sent,
    /// Its signatures were checked when it came, and it has been on this replica's own disk since, like the events, which are
    /// not verified again either.
    Kept,
}

/// A version that ended a right of an account, or of one of its devices alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ending {
    version: u64,
    device: Option<DeviceId>,
}

impl Roster {
    /// The roster after its first change.
    ///
    /// # Errors
    /// A [`RosterRefusal`].
    pub fn create(first: &CountersignedChange, server: ServerKey) -> Result<Self, RosterRefusal> {
        let mut roster = Self::founded_by(first, server, Origin::Sent)?;
        roster.fold(first);
        Ok(roster)
    }

    /// The roster before its first change counts as a version.
    ///
    /// # Errors
    /// A [`RosterRefusal`].
    fn founded_by(first: &CountersignedChange, server: ServerKey, origin: Origin) -> Result<Self, RosterRefusal> {
        Self::check_countersignature(first, server, 1, origin)?;
        match origin {
            Origin::Sent => Self::check_create(&first.change, server),
            Origin::Kept => Self::found(first.change.get(), server),
        }
    }

    /// Whether `change` may be a room's first. Answers the roster that it would make, still without versions.
    ///
    /// # Errors
    /// A [`RosterRefusal`].
    pub fn check_create(change: &Signed<RosterChange>, server: ServerKey) -> Result<Self, RosterRefusal> {
        Self::check_signatures(change, server)?;
        Self::found(change.get(), server)
    }

    /// Those of its device, of the certificates in it and of an invite.
    fn check_signatures(change: &Signed<RosterChange>, server: ServerKey) -> Result<(), RosterRefusal> {
        let it = change.get();
        change.verify(&it.device).map_err(|_| RosterRefusal::BadSignature("device"))?;
        let is_ours = |certificate: &Signed<DeviceCertificate>| {
            if certificate.is_by(server) { Ok(()) } else { Err(RosterRefusal::BadSignature("certificate")) }
        };
        match &it.op {
            RosterOp::Create { founders, .. } => {
                founders.iter().flat_map(|founder| &founder.certificates).try_for_each(is_ours)
            }
            RosterOp::Join { certificate, invite } => {
                is_ours(certificate)?;
                let Some(proof) = invite else { return Ok(()) };
                proof.verify(it.room, it.device).map_err(|_| RosterRefusal::BadSignature("invite"))
            }
            RosterOp::AddDevice { certificate } => is_ours(certificate),
            RosterOp::Leave
            | RosterOp::RevokeDevice { .. }
            | RosterOp::SetRole { .. }
            | RosterOp::Remove { .. }
            | RosterOp::Unban { .. }
            | RosterOp::OpenInvite { .. }
            | RosterOp::CloseInvite { .. }
            | RosterOp::Configure { .. }
            | RosterOp::ListAuthor { .. }
            | RosterOp::Repair { .. } => Ok(()),
        }
    }

    fn found(it: &RosterChange, server: ServerKey) -> Result<Self, RosterRefusal> {
        let RosterOp::Create { genesis, settings, founders } = &it.op else {
            return Err(RosterRefusal::Invalid("the first change makes the room"));
        };
        if genesis.room() != it.room {
            return Err(RosterRefusal::WrongRoom);
        }
        for founder in founders {
            for certificate in &founder.certificates {
                if certificate.get().account != founder.account {
                    return Err(RosterRefusal::Invalid("a founder's certificate is another account's"));
                }
            }
        }
        let author = founders
            .iter()
            .find(|founder| founder.certificates.iter().any(|known| known.get().device == it.device))
            .ok_or(RosterRefusal::NotAMember)?;
        match genesis {
            Genesis::Made { kind, device, nonce: _ } => {
                let well_formed = matches!(kind, RoomKind::Chat | RoomKind::Feed)
                    && *device == it.device
                    && founders.len() == 1
                    && author.role == Role::Owner
                    && !settings.name.trim().is_empty();
                if !well_formed {
                    return Err(RosterRefusal::Invalid("a room is made by one owner, and has a name"));
                }
            }
            Genesis::Direct { server: of, low, high } => {
                let well_formed = *of == server
                    && low < high
                    && founders.len() == 2
                    && founders.iter().all(|founder| founder.role == Role::Owner)
                    && founders.iter().any(|founder| founder.account == *low)
                    && founders.iter().any(|founder| founder.account == *high)
                    && settings.visibility == Visibility::Private;
                if !well_formed {
                    return Err(RosterRefusal::Invalid("a direct room is private, and has two owners"));
                }
            }
            Genesis::Own { server: of, account } => {
                let well_formed = *of == server
                    && founders.len() == 1
                    && author.account == *account
                    && author.role == Role::Owner
                    && settings.visibility == Visibility::Private;
                if !well_formed {
                    return Err(RosterRefusal::Invalid("an own room is private, and its account's alone"));
                }
            }
            Genesis::PublicFeed { server: of } => {
                let well_formed = *of == server
                    && founders.len() == 1
                    && author.role == Role::Owner
                    && settings.visibility == Visibility::Public
                    && !settings.name.trim().is_empty();
                if !well_formed {
                    return Err(RosterRefusal::Invalid("the public feed is public, and has one owner to begin with"));
                }
            }
        }
        Ok(Self {
            room: it.room,
            server,
            genesis: genesis.clone(),
            settings: settings.clone(),
            changes: Vec::new(),
            versions: BTreeMap::new(),
            standings: BTreeMap::new(),
            accounts: BTreeMap::new(),
            handles: BTreeMap::new(),
            invites: BTreeMap::new(),
            bans: BTreeSet::new(),
            cuts: BTreeMap::new(),
            endings: BTreeMap::new(),
            posting: PostingRights::new(settings.posting),
            splits: Vec::new(),
        })
    }

    /// Takes the next change.
    ///
    /// # Errors
    /// A [`RosterRefusal`]; the roster is as before.
    pub fn apply(&mut self, next: &CountersignedChange) -> Result<(), RosterRefusal> {
        self.apply_from(next, Origin::Sent)
    }

    fn apply_from(&mut self, next: &CountersignedChange, origin: Origin) -> Result<(), RosterRefusal> {
        Self::check_countersignature(next, self.server, self.version() + 1, origin)?;
        let at = next.countersignature.get().at;
        match origin {
            Origin::Sent => self.check(&next.change, at)?,
            Origin::Kept => {
                self.check_place(next.change.get())?;
                self.check_right(next.change.get(), at)?;
            }
        }
        self.fold(next);
        Ok(())
    }

    /// Whether `change` may come next, at a moment of the server's clock.
    ///
    /// # Errors
    /// A [`RosterRefusal`].
    pub fn check(&self, change: &Signed<RosterChange>, at: UnixMillis) -> Result<(), RosterRefusal> {
        self.check_place(change.get())?;
        Self::check_signatures(change, self.server)?;
        self.check_right(change.get(), at)
    }

    /// Whether a change follows the last one.
    fn check_place(&self, it: &RosterChange) -> Result<(), RosterRefusal> {
        if it.room != self.room {
            return Err(RosterRefusal::WrongRoom);
        }
        if it.prev != self.head() {
            return Err(RosterRefusal::Stale { head: self.head() });
        }
        if self.split().is_some() && !matches!(it.op, RosterOp::Repair { .. }) {
            return Err(RosterRefusal::Frozen);
        }
        Ok(())
    }

    /// Whether people come, go and change roles in it: not in a direct room, nor in an account's own.
    fn is_governed(&self) -> bool {
        matches!(self.genesis, Genesis::Made { .. } | Genesis::PublicFeed { .. })
    }

    /// Whether the author of a change may make it, as members and settings are now.
    fn check_right(&self, it: &RosterChange, at: UnixMillis) -> Result<(), RosterRefusal> {
        match &it.op {
            RosterOp::Create { .. } => Err(RosterRefusal::AlreadySo),
            RosterOp::Join { certificate, invite } => {
                Self::check_certificate(certificate, it.device)?;
                let account = certificate.get().account;
                if self.role(account).is_some() {
                    return Err(RosterRefusal::AlreadySo);
                }
                if self.bans.contains(&account) {
                    return Err(RosterRefusal::Banned);
                }
                if !self.is_governed() {
                    return Err(RosterRefusal::NoInvite);
                }
                match invite {
                    Some(proof) => {
                        let open = self.invites.get(&proof.invite).ok_or(RosterRefusal::NoInvite)?;
                        if open.expires_at <= at {
                            return Err(RosterRefusal::InviteExpired);
                        }
                        if open.uses_max.is_some_and(|uses_max| uses_max <= open.uses) {
                            return Err(RosterRefusal::InviteUsedUp);
                        }
                        Ok(())
                    }
                    None if self.settings.visibility == Visibility::Public => Ok(()),
                    None => Err(RosterRefusal::NoInvite),
                }
            }
            RosterOp::AddDevice { certificate } => {
                Self::check_certificate(certificate, it.device)?;
                let account = certificate.get().account;
                let standing = self.standings.get(&account).filter(|standing| standing.current().is_some());
                let standing = standing.ok_or(RosterRefusal::NotAMember)?;
                if standing.devices.contains_key(&it.device) {
                    // A revoked device stays revoked: the key that was lost must not come back.
                    return Err(RosterRefusal::AlreadySo);
                }
                if standing.devices.len() >= limits::DEVICES_PER_ACCOUNT_MAX {
                    return Err(RosterRefusal::Invalid("an account has at most 32 devices in a room"));
                }
                Ok(())
            }
            RosterOp::Leave => {
                self.author(it.device)?;
                Ok(())
            }
            RosterOp::RevokeDevice { device } => {
                let (account, _) = self.author(it.device)?;
                let standing = self.standings.get(&account).ok_or(RosterRefusal::NotAMember)?;
                if !standing.has_device(*device) {
                    return Err(RosterRefusal::Unknown("device"));
                }
                Ok(())
            }
            RosterOp::SetRole { account, role } => {
                let (author, own) = self.author(it.device)?;
                let present = self.role(*account).ok_or(RosterRefusal::Unknown("member"))?;
                if own < Role::Owner || !self.is_governed() {
                    return Err(RosterRefusal::Forbidden { role: own });
                }
                if present == *role {
                    return Err(RosterRefusal::AlreadySo);
                }
                if author == *account && self.owners() == 1 {
                    return Err(RosterRefusal::Invalid("a room keeps at least one owner"));
                }
                Ok(())
            }
            RosterOp::Remove { account, ban } => {
                let (author, own) = self.author(it.device)?;
                if own < Role::Moderator || !self.is_governed() || author == *account {
                    return Err(RosterRefusal::Forbidden { role: own });
                }
                match self.role(*account) {
                    Some(role) if role >= own && own < Role::Owner => Err(RosterRefusal::Forbidden { role: own }),
                    Some(_) => Ok(()),
                    None if *ban && !self.bans.contains(account) => Ok(()),
                    None => Err(RosterRefusal::Unknown("member")),
                }
            }
            RosterOp::Unban { account } => {
                self.at_least(it.device, Role::Moderator)?;
                if self.bans.contains(account) { Ok(()) } else { Err(RosterRefusal::Unknown("ban")) }
            }
            RosterOp::OpenInvite { invite, role, uses_max, expires_at } => {
                let (_, own) = self.author(it.device)?;
                if own < Role::Member || *role > own || !self.is_governed() {
                    return Err(RosterRefusal::Forbidden { role: own });
                }
                if *uses_max == Some(0) || *expires_at <= at {
                    return Err(RosterRefusal::Invalid("an invite can be used at least once, for some time"));
                }
                if self.invites.contains_key(invite) {
                    return Err(RosterRefusal::AlreadySo);
                }
                if self.invites.len() >= INVITES_OPEN_MAX {
                    return Err(RosterRefusal::Invalid("too many invites are open; withdraw one first"));
                }
                Ok(())
            }
            RosterOp::CloseInvite { invite } => {
                self.at_least(it.device, Role::Moderator)?;
                if self.invites.contains_key(invite) { Ok(()) } else { Err(RosterRefusal::Unknown("invite")) }
            }
            RosterOp::Configure { settings } => {
                self.at_least(it.device, Role::Moderator)?;
                if !self.is_governed() {
                    return Err(RosterRefusal::Invalid("this room has no settings"));
                }
                if settings.name.trim().is_empty() {
                    return Err(RosterRefusal::Invalid("a room has a name"));
                }
                if *settings == self.settings { Err(RosterRefusal::AlreadySo) } else { Ok(()) }
            }
            RosterOp::ListAuthor { account, listed } => {
                self.at_least(it.device, Role::Moderator)?;
                if !self.is_governed() {
                    return Err(RosterRefusal::Invalid("this room has no settings"));
                }
                if *listed && self.role(*account).is_none() {
                    return Err(RosterRefusal::Unknown("member"));
                }
                if *listed && self.authors().count() >= AUTHORS_MAX {
                    return Err(RosterRefusal::Invalid("a feed lists at most 1,000 authors"));
                }
                if self.is_author(*account) == *listed { Err(RosterRefusal::AlreadySo) } else { Ok(()) }
            }
            RosterOp::Repair { one, other } => {
                self.at_least(it.device, Role::Owner)?;
                match self.split() {
                    Some(heads) if (heads.one, heads.other) == (*one, *other) => Ok(()),
                    Some(_) | None => Err(RosterRefusal::Unknown("split")),
                }
            }
        }
    }

    fn check_countersignature(
        change: &CountersignedChange,
        server: ServerKey,
        version: u64,
        origin: Origin,
    ) -> Result<(), RosterRefusal> {
        let countersignature = change.countersignature.get();
        if origin == Origin::Sent {
            change.countersignature.verify(&server).map_err(|_| RosterRefusal::BadSignature("server"))?;
        }
        if countersignature.change != change.change.change_hash() || countersignature.version != version {
            return Err(RosterRefusal::Invalid("the countersignature is for another change or place"));
        }
        Ok(())
    }

    fn check_certificate(certificate: &Signed<DeviceCertificate>, device: DeviceId) -> Result<(), RosterRefusal> {
        if certificate.get().device == device { Ok(()) } else { Err(RosterRefusal::BadSignature("certificate")) }
    }

    /// The account and role that a device acts with now.
    fn author(&self, device: DeviceId) -> Result<(AccountId, Role), RosterRefusal> {
        self.role_of_device(device).ok_or(RosterRefusal::NotAMember)
    }

    fn at_least(&self, device: DeviceId, needed: Role) -> Result<(), RosterRefusal> {
        let (_, role) = self.author(device)?;
        if role < needed { Err(RosterRefusal::Forbidden { role }) } else { Ok(()) }
    }

    /// Takes a change that was checked.
    fn fold(&mut self, next: &CountersignedChange) {
        let version = self.version() + 1;
        let it = next.change.get();
        match &it.op {
            RosterOp::Create { genesis: _, settings: _, founders } => {
                for founder in founders {
                    self.set_role(founder.account, version, Some(founder.role));
                    for certificate in &founder.certificates {
                        self.add_device(certificate, version);
                    }
                }
            }
            RosterOp::Join { certificate, invite } => {
                let open = invite.as_ref().and_then(|proof| self.invites.get_mut(&proof.invite));
                let role = open.map_or(Role::Member, |open| {
                    open.uses = open.uses.saturating_add(1);
                    open.role
                });
                self.set_role(certificate.get().account, version, Some(role));
                self.add_device(certificate, version);
            }
            RosterOp::AddDevice { certificate } => self.add_device(certificate, version),
            RosterOp::Leave => {
                if let Some(account) = self.accounts.get(&it.device).copied() {
                    self.end_right(account, version, None);
                    self.set_role(account, version, None);
                    self.keep_an_owner(version);
                }
            }
            RosterOp::RevokeDevice { device } => {
                let standing = self.accounts.get(device).and_then(|account| self.standings.get_mut(account));
                if let Some(span) = standing.and_then(|standing| standing.devices.get_mut(device)) {
                    span.ended = Some(version);
                    let account = span.certificate.get().account;
                    self.end_right(account, version, Some(*device));
                }
            }
            RosterOp::SetRole { account, role } => {
                if self.role(*account).is_some_and(|held| *role < held) {
                    self.end_right(*account, version, None);
                }
                self.set_role(*account, version, Some(*role));
            }
            RosterOp::Remove { account, ban } => {
                if *ban {
                    self.bans.insert(*account);
                }
                if self.role(*account).is_some() {
                    self.end_right(*account, version, None);
                    self.set_role(*account, version, None);
                    self.keep_an_owner(version);
                }
            }
            RosterOp::Unban { account } => {
                self.bans.remove(account);
            }
            RosterOp::OpenInvite { invite, role, uses_max, expires_at } => {
                let open =
                    OpenInvite { by: it.device, role: *role, uses_max: *uses_max, uses: 0, expires_at: *expires_at };
                self.invites.insert(*invite, open);
            }
            RosterOp::CloseInvite { invite } => {
                self.invites.remove(invite);
            }
            RosterOp::Configure { settings } => {
                self.end_posting(&it.op, version);
                self.configure(settings.clone(), version);
            }
            RosterOp::ListAuthor { account, listed } => {
                self.end_posting(&it.op, version);
                self.list_author(*account, version, *listed);
            }
            RosterOp::Repair { .. } => self.close_split(),
        }
        self.finish_fold(next);
    }

    /// What every change does, whatever it is: invites end, cuts are noted, it has a version.
    fn finish_fold(&mut self, next: &CountersignedChange) {
        let (it, version) = (next.change.get(), self.version() + 1);
        let invites_over = next.countersignature.get().at;
        self.invites.retain(|_, open| {
            open.expires_at > invites_over && open.uses_max.is_none_or(|uses_max| open.uses < uses_max)
        });
        // A list counts only for chains whose right this very change ends: else anybody could erase anybody's history.
        let concerned = |cuts: &[Cut]| -> Vec<Cut> {
            let ended = |cut: &&Cut| self.endings_of(cut.chain.device).any(|at| at == version);
            cuts.iter().filter(ended).copied().collect()
        };
        let countersignature = next.countersignature.get();
        let (one, other) = (concerned(&it.cuts), concerned(&countersignature.cuts));
        self.fold_cuts(version, &one, &other);
        self.fold_post_cuts(version, it, countersignature);
        let hash = next.roster_hash();
        self.changes.push(hash);
        self.versions.insert(hash, version);
        if self.endings.values().flatten().any(|ending| ending.version == version) {
            self.withdraw_invites();
        }
    }

    /// Whose right ended keeps no way back: invites hold only while who opened them may open them anew.
    fn withdraw_invites(&mut self) {
        let mut invites = std::mem::take(&mut self.invites);
        invites.retain(|_, open| {
            self.role_of_device(open.by).is_some_and(|(_, role)| Role::Member <= role && open.role <= role)
        });
        self.invites = invites;
    }

    /// The higher of both lists counts, for each chain.
    fn fold_cuts(&mut self, version: u64, one: &[Cut], other: &[Cut]) {
        for (chain, cut) in highest_of(version, one.iter().chain(other)) {
            self.cuts.entry(chain).or_default().push(cut);
        }
    }

    fn end_right(&mut self, account: AccountId, version: u64, device: Option<DeviceId>) {
        self.endings.entry(account).or_default().push(Ending { version, device });
    }

    fn set_role(&mut self, account: AccountId, version: u64, role: Option<Role>) {
        // Who comes back is listed anew, or not.
        if role.is_none() && self.is_author(account) {
            self.list_author(account, version, false);
        }
        self.standings.entry(account).or_default().roles.push((version, role));
    }

    fn add_device(&mut self, certificate: &Signed<DeviceCertificate>, version: u64) {
        let it = certificate.get();
        let span = DeviceSpan { added: vec![version], ended: None, certificate: certificate.clone() };
        let standing = self.standings.entry(it.account).or_default();
        // Somebody who rejoins keeps a device that was there before, from its first addition on; a revoked one stays so.
        standing.devices.entry(it.device).or_insert(span);
        self.accounts.insert(it.device, it.account);
        self.handles.insert(it.account, it.handle.clone());
    }

    /// A room whose last owner went gets a new one, the same at every replica.
    fn keep_an_owner(&mut self, version: u64) {
        if self.owners() > 0 {
            return;
        }
        let successor = self
            .standings
            .iter()
            .filter_map(|(account, standing)| {
                let role = standing.current()?;
                let since = standing.roles.iter().rev().take_while(|(_, role)| role.is_some()).last()?.0;
                Some((role, std::cmp::Reverse(since), std::cmp::Reverse(*account)))
            })
            .max();
        if let Some((_, _, std::cmp::Reverse(account))) = successor {
            self.set_role(account, version, Some(Role::Owner));
        }
    }

    fn owners(&self) -> usize {
        self.standings.values().filter(|standing| standing.current() == Some(Role::Owner)).count()
    }

    /// The room.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// What the room is for.
    pub fn kind(&self) -> RoomKind {
        self.genesis.kind()
    }

    /// What the room's id is the hash of.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Its present settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many changes are held.
    pub fn version(&self) -> u64 {
        self.changes.len() as u64
    }

    /// The last change.
    pub fn head(&self) -> RosterHash {
        self.changes.last().copied().unwrap_or(RosterHash::ZERO)
    }

    /// The change at a version; zero for version 0.
    pub fn hash_at(&self, version: u64) -> Option<RosterHash> {
        match usize::try_from(version).ok()? {
            0 => Some(RosterHash::ZERO),
            place => self.changes.get(place - 1).copied(),
        }
    }

    /// The version that a change made.
    pub fn version_of(&self, change: RosterHash) -> Option<u64> {
        self.versions.get(&change).copied()
    }

    /// The present members, by account.
    pub fn members(&self) -> impl Iterator<Item = MemberView> + '_ {
        self.standings
            .iter()
            .filter_map(|(account, standing)| Some(MemberView { account: *account, role: standing.current()? }))
    }

    /// Who belonged at a version.
    pub fn members_at(&self, version: u64) -> impl Iterator<Item = AccountId> + '_ {
        let belongs = move |standing: &Standing| self.role_at(standing, version).is_some();
        self.standings.iter().filter(move |(_, standing)| belongs(standing)).map(|(account, _)| *account)
    }

    /// The role at a version, by the changes that it knew of.
    fn role_at(&self, standing: &Standing, version: u64) -> Option<Role> {
        let mut known = standing.roles.iter().rev().filter(|(from, _)| self.knows_of(version, *from));
        known.next().and_then(|(_, role)| *role)
    }

    fn has_device_at(&self, standing: &Standing, device: DeviceId, version: u64) -> bool {
        standing.devices.get(&device).is_some_and(|span| {
            let ended = span.ended.is_some_and(|ended| self.knows_of(version, ended));
            span.added.iter().any(|added| self.knows_of(version, *added)) && !ended
        })
    }

    /// The present role of an account.
    pub fn role(&self, account: AccountId) -> Option<Role> {
        self.standings.get(&account)?.current()
    }

    /// The account and present role behind a device that counts now.
    pub fn role_of_device(&self, device: DeviceId) -> Option<(AccountId, Role)> {
        let account = self.account_of(device)?;
        let standing = self.standings.get(&account)?;
        let role = standing.current()?;
        standing.has_device(device).then_some((account, role))
    }

    /// The account of a device that ever was in the roster.
    pub fn account_of(&self, device: DeviceId) -> Option<AccountId> {
        self.accounts.get(&device).copied()
    }

    /// The handle of an account that ever was in the roster, as its certificate has it.
    pub fn handle(&self, account: AccountId) -> Option<&str> {
        self.handles.get(&account).map(String::as_str)
    }

    /// The devices of an account that count now.
    pub fn devices(&self, account: AccountId) -> impl Iterator<Item = DeviceId> + '_ {
        self.standings.get(&account).into_iter().flat_map(move |standing| {
            let counts = move |device: &DeviceId| standing.has_device(*device);
            standing.devices.keys().copied().filter(counts)
        })
    }

    /// Whether a register's device belongs to its account here now, and did all the time since the change that it names.
    /// Who heard of somebody's way out and back at once has the same registers as who heard of one after the other.
    pub fn counts(&self, register: &Register) -> bool {
        let belongs = self.role_of_device(register.device).is_some_and(|(account, _)| account == register.account);
        belongs
            && self.version_of(register.roster).is_some_and(|version| {
                let stayed = |(at, role): &(u64, Option<Role>)| role.is_some() || self.knows_of(version, *at);
                self.standings.get(&register.account).is_some_and(|standing| standing.roles.iter().all(stayed))
            })
    }

    /// The devices of an account that ever were in the roster.
    pub fn devices_ever(&self, account: AccountId) -> impl Iterator<Item = DeviceId> + '_ {
        self.standings.get(&account).into_iter().flat_map(|standing| standing.devices.keys().copied())
    }

    /// The certificate of a device that ever was in the roster.
    pub fn certificate(&self, device: DeviceId) -> Option<&Signed<DeviceCertificate>> {
        let account = self.account_of(device)?;
        Some(&self.standings.get(&account)?.devices.get(&device)?.certificate)
    }

    /// Whether a device might act at a version: its account, where its role then allowed the action.
    ///
    /// # Errors
    /// [`RosterRefusal::NotAMember`] or [`RosterRefusal::Forbidden`].
    pub fn allows(&self, device: DeviceId, version: u64, action: Action) -> Result<AccountId, RosterRefusal> {
        let account = self.account_of(device).ok_or(RosterRefusal::NotAMember)?;
        let standing = self.standings.get(&account).ok_or(RosterRefusal::NotAMember)?;
        let role = self.role_at(standing, version).filter(|_| self.has_device_at(standing, device, version));
        let role = role.ok_or(RosterRefusal::NotAMember)?;
        let may_post = action != Action::PUBLISH || self.may_post_at(account, standing, version);
        match action.role() {
            Some(needed) if needed <= role && may_post => Ok(account),
            Some(_) | None => Err(RosterRefusal::Forbidden { role }),
        }
    }

    /// Whether an event at a place of a chain, under the roster of `version`, is beyond a cut. A chain whose author's
    /// right ended, and that neither list of that change names, is cut at 0.
    pub fn is_cut(&self, log: LogId, chain: ChainId, seq: Seq, version: u64) -> bool {
        let cuts = self.cuts.get(&(log, chain)).map_or(&[][..], Vec::as_slice);
        let listed = cuts.iter().any(|cut| cut.seq < seq && !self.knows_of(version, cut.version));
        let unlisted = |at: &u64| !self.knows_of(version, *at) && !cuts.iter().any(|cut| cut.version == *at);
        listed || self.endings_of(chain.device).any(|at| unlisted(&at))
    }

    /// Whether an event that was taken counts still: its author might write it, and no cut excludes it. The other
    /// branch of a split takes back what only one branch allowed.
    pub fn counts_event(&self, header: &EventHeader) -> bool {
        self.version_of(header.roster).is_some_and(|version| {
            self.allows(header.device, version, header.action).is_ok()
                && !self.is_cut(header.log, header.chain(), header.seq, version)
        })
    }

    /// Whether any change ended a right under which a chain was written.
    pub fn has_cuts(&self, log: LogId, chain: ChainId) -> bool {
        self.cuts.contains_key(&(log, chain)) || self.endings_of(chain.device).next().is_some()
    }

    /// The versions that ended a right of a device.
    pub fn endings_of(&self, device: DeviceId) -> impl Iterator<Item = u64> + '_ {
        let endings = self.account_of(device).and_then(|account| self.endings.get(&account));
        let concerns = move |ending: &&Ending| ending.device.is_none_or(|only| only == device);
        endings.into_iter().flatten().filter(concerns).map(|ending| ending.version)
    }

    /// The cuts that a version made.
    pub fn cuts_of(&self, version: u64) -> impl Iterator<Item = (LogId, ChainId, CutAt)> + '_ {
        self.cuts.iter().flat_map(move |((log, chain), cuts)| {
            cuts.iter().filter(move |cut| cut.version == version).map(move |cut| (*log, *chain, *cut))
        })
    }

    /// Whether an open invite would let somebody in at a moment; its role where it would.
    ///
    /// # Errors
    /// [`RosterRefusal::NoInvite`], [`RosterRefusal::InviteExpired`] or [`RosterRefusal::InviteUsedUp`].
    pub fn invite_role(&self, invite: InviteKey, at: UnixMillis) -> Result<Role, RosterRefusal> {
        let open = self.invites.get(&invite).ok_or(RosterRefusal::NoInvite)?;
        if open.expires_at <= at {
            return Err(RosterRefusal::InviteExpired);
        }
        if open.uses_max.is_some_and(|uses_max| uses_max <= open.uses) {
            return Err(RosterRefusal::InviteUsedUp);
        }
        Ok(open.role)
    }

    /// Whether an account is banned.
    pub fn is_banned(&self, account: AccountId) -> bool {
        self.bans.contains(&account)
    }

    /// Whether every account of the server may find and join it.
    pub fn is_public(&self) -> bool {
        self.settings.visibility == Visibility::Public
    }
}

/// Of several cuts of a chain the highest, for each chain.
fn highest_of<'a>(version: u64, cuts: impl Iterator<Item = &'a Cut>) -> BTreeMap<(LogId, ChainId), CutAt> {
    let mut highest: BTreeMap<(LogId, ChainId), CutAt> = BTreeMap::new();
    for cut in cuts {
        let at = CutAt { version, seq: cut.seq, event: cut.event };
        let held = highest.entry((cut.log, cut.chain)).or_insert(at);
        if held.seq < at.seq {
            *held = at;
        }
    }
    highest
}

/// Of more cuts than a change may carry, those of the longest chains, where the most would be lost.
pub fn longest_cuts(mut cuts: Vec<Cut>) -> Vec<Cut> {
    if cuts.len() > limits::CUTS_MAX {
        cuts.sort_by_key(|cut| std::cmp::Reverse(cut.seq));
        cuts.truncate(limits::CUTS_MAX);
    }
    cuts
}

/// Invites that may be open at once in one room.
const INVITES_OPEN_MAX: usize = 256;

#[cfg(test)]
mod tests;
