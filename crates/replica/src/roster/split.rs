//! Two branches in one fold.
//!
//! The branch whose first change has the lower hash comes first, on every replica. Neither knew of the other. What
//! either denies counts. What one grants counts where the rules allow it beside the other, and neither by nor to anybody
//! whose right the other ended: else a server could let somebody in together with who was removed, by going on from
//! before the removal. Only a later change, which knows of the end, gives a right again.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::event::Action;
use momoland_protocol::id::{AccountId, DeviceId, RosterHash};
use momoland_protocol::roster::{CountersignedChange, Posting, RosterChange, RosterOp, Settings};
use momoland_protocol::signed::Signed;

use super::{Roster, RosterRefusal};

/// The place of two branches in the order of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// The last version that both have in common.
    pub(super) at: u64,
    /// How many changes the first branch has,
    pub(super) one: u64,
    /// and the second, which stands behind it.
    pub(super) other: u64,
    /// Whether no repair has joined them yet.
    pub(super) open: bool,
}

/// What a repair has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitHeads {
    /// The last change of the first branch,
    pub one: RosterHash,
    /// and of the second.
    pub other: RosterHash,
}

/// What a branch takes away.
struct Denied {
    accounts: BTreeSet<AccountId>,
    devices: BTreeSet<DeviceId>,
    /// Who may not post any more.
    authors: BTreeSet<AccountId>,
    /// Whether posting became curated.
    posting: bool,
}

impl Split {
    pub(super) fn first(self) -> RangeInclusive<u64> {
        self.at + 1..=self.at + self.one
    }

    pub(super) fn second(self) -> RangeInclusive<u64> {
        self.at + self.one + 1..=self.at + self.one + self.other
    }
}

impl Roster {
    /// The ends of two branches that no repair has joined yet.
    pub fn split(&self) -> Option<SplitHeads> {
        let split = self.open_split()?;
        let (one, other) = (self.hash_at(*split.first().end())?, self.hash_at(*split.second().end())?);
        Some(SplitHeads { one, other })
    }

    pub(super) fn open_split(&self) -> Option<Split> {
        self.splits.last().copied().filter(|split| split.open)
    }

    pub(super) fn close_split(&mut self) {
        if let Some(split) = self.splits.last_mut() {
            split.open = false;
        }
    }

    /// Whether the author of a change at `version` knew of the change at `at`: it came before, and in no other branch.
    pub(super) fn knows_of(&self, version: u64, at: u64) -> bool {
        let apart = |split: &Split| split.first().contains(&at) && split.second().contains(&version);
        at <= version && !self.splits.iter().any(apart)
    }

    /// The version that a device names in what it writes now: the last; of two branches one in which it has the right,
    /// and that knows of every end of it.
    ///
    /// # Errors
    /// [`RosterRefusal::NotAMember`], [`RosterRefusal::Forbidden`], or [`RosterRefusal::Frozen`] where only a repair
    /// will know.
    pub fn writes_under(&self, device: DeviceId, action: Action) -> Result<u64, RosterRefusal> {
        let Some(split) = self.open_split() else {
            self.allows(device, self.version(), action)?;
            return Ok(self.version());
        };
        let (account, role) = self.role_of_device(device).ok_or(RosterRefusal::NotAMember)?;
        if action.role().is_none_or(|needed| role < needed) {
            return Err(RosterRefusal::Forbidden { role });
        }
        let mut ends = [*split.second().end(), *split.first().end()].into_iter();
        let may = |version: &u64| {
            self.allows(device, *version, action).is_ok_and(|owner| owner == account)
                && self.endings_of(device).all(|at| self.knows_of(*version, at))
        };
        ends.find(may).ok_or(RosterRefusal::Frozen)
    }

    /// Takes the changes of two branches, which each were checked without the other.
    pub(super) fn fold_branches<'a>(
        &mut self,
        split: Split,
        mut changes: impl Iterator<Item = &'a CountersignedChange>,
    ) {
        let mut take =
            |count: u64| -> Vec<_> { changes.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)).collect() };
        let (one, other) = (take(split.one), take(split.other));
        let ((one, denied_by_one), (other, denied_by_other)) = (self.alone(one), self.alone(other));
        self.splits.push(Split { open: true, ..split });
        for (branch, denied) in [(one, denied_by_other), (other, denied_by_one)] {
            for (next, denies) in branch {
                if denies {
                    self.fold_denial(next);
                } else {
                    self.fold_grant(next, &denied);
                }
            }
        }
    }

    /// Which changes of a branch deny something, and to whom, as it is without the other.
    fn alone<'a>(&self, branch: Vec<&'a CountersignedChange>) -> (Vec<(&'a CountersignedChange, bool)>, Denied) {
        let (mut alone, at) = (self.clone(), self.version());
        let mut changes = Vec::new();
        for next in branch {
            changes.push((next, alone.denies(next.change.get())));
            alone.fold(next);
        }
        let mut accounts = BTreeSet::new();
        let mut devices = BTreeSet::new();
        for (account, endings) in &alone.endings {
            for ending in endings.iter().filter(|ending| ending.version > at) {
                match ending.device {
                    Some(device) => devices.insert(device),
                    None => accounts.insert(*account),
                };
            }
        }
        let unlisted = |(account, ends): (&AccountId, &Vec<u64>)| ends.iter().any(|end| *end > at).then_some(*account);
        let authors = alone.posting.unlisted.iter().filter_map(unlisted).collect();
        let posting = self.settings.posting != alone.settings.posting && alone.settings.posting == Posting::Curated;
        (changes, Denied { accounts, devices, authors, posting })
    }

    /// Whether a change takes a right away, where it is the next.
    fn denies(&self, change: &RosterChange) -> bool {
        match &change.op {
            RosterOp::Leave
            | RosterOp::Remove { .. }
            | RosterOp::RevokeDevice { .. }
            | RosterOp::CloseInvite { .. } => true,
            RosterOp::SetRole { account, role } => self.role(*account).is_some_and(|held| *role < held),
            RosterOp::Configure { .. } | RosterOp::ListAuthor { .. } => !self.unlists(&change.op).is_empty(),
            RosterOp::Create { .. }
            | RosterOp::Join { .. }
            | RosterOp::AddDevice { .. }
            | RosterOp::Unban { .. }
            | RosterOp::OpenInvite { .. }
            | RosterOp::Repair { .. } => false,
        }
    }

    /// Takes a change that denies something.
    fn fold_denial(&mut self, next: &CountersignedChange) {
        let (it, version) = (next.change.get(), self.version() + 1);
        match &it.op {
            RosterOp::Leave => {
                if let Some(account) = self.account_of(it.device) {
                    self.put_out(account, version);
                }
            }
            RosterOp::Remove { account, ban } => {
                if *ban {
                    self.bans.insert(*account);
                }
                if self.standings.contains_key(account) {
                    self.put_out(*account, version);
                }
            }
            RosterOp::RevokeDevice { device } => {
                let standing = self.accounts.get(device).and_then(|account| self.standings.get_mut(account));
                if let Some(span) = standing.and_then(|standing| standing.devices.get_mut(device)) {
                    span.ended.get_or_insert(version);
                    let account = span.certificate.get().account;
                    self.end_right(account, version, Some(*device));
                }
            }
            RosterOp::SetRole { account, role } => {
                self.end_right(*account, version, None);
                if let Some(held) = self.role(*account) {
                    self.set_role(*account, version, Some(held.min(*role)));
                    self.keep_an_owner(version);
                }
            }
            RosterOp::CloseInvite { invite } => {
                self.invites.remove(invite);
            }
            RosterOp::Configure { settings } => {
                let may = self.check_right(it, next.countersignature.get().at).is_ok();
                let kept = Settings { posting: settings.posting, ..self.settings.clone() };
                self.end_posting(&it.op, version);
                self.configure(if may { settings.clone() } else { kept }, version);
            }
            RosterOp::ListAuthor { account, listed: _ } => {
                self.end_posting(&it.op, version);
                self.list_author(*account, version, false);
            }
            RosterOp::Create { .. }
            | RosterOp::Join { .. }
            | RosterOp::AddDevice { .. }
            | RosterOp::Unban { .. }
            | RosterOp::OpenInvite { .. }
            | RosterOp::Repair { .. } => {}
        }
        self.finish_fold(next);
    }

    fn put_out(&mut self, account: AccountId, version: u64) {
        self.end_right(account, version, None);
        self.set_role(account, version, None);
        self.keep_an_owner(version);
    }

    /// Takes a change that denies nothing: its effect counts where the roster allows it with both branches.
    fn fold_grant(&mut self, next: &CountersignedChange, denied: &Denied) {
        let (it, at) = (next.change.get(), next.countersignature.get().at);
        if self.is_denied(it, denied) {
            self.finish_fold(next);
            return;
        }
        let gave_more = match &it.op {
            RosterOp::SetRole { account, role } => self.role(*account).is_some_and(|held| *role <= held),
            _ => false,
        };
        match self.check_right(it, at) {
            Ok(()) if !gave_more => {
                self.fold(next);
                return;
            }
            // The other branch gave it, or more, already.
            Ok(()) | Err(RosterRefusal::AlreadySo) => self.state_again(it),
            Err(_) => {}
        }
        self.finish_fold(next);
    }

    /// Whether a change is by, for, or by the invite of somebody whose right the other branch ended.
    fn is_denied(&self, change: &RosterChange, denied: &Denied) -> bool {
        let is_denied = |device: DeviceId, account: Option<AccountId>| {
            denied.devices.contains(&device) || account.is_some_and(|account| denied.accounts.contains(&account))
        };
        let concerned = match &change.op {
            RosterOp::Join { certificate, invite } => {
                let open = invite.as_ref().and_then(|proof| self.invites.get(&proof.invite));
                let by_whom = open.is_some_and(|open| is_denied(open.by, self.account_of(open.by)));
                by_whom || denied.accounts.contains(&certificate.get().account)
            }
            RosterOp::AddDevice { certificate } => denied.accounts.contains(&certificate.get().account),
            RosterOp::SetRole { account, .. } => denied.accounts.contains(account),
            RosterOp::ListAuthor { account, .. } => {
                denied.accounts.contains(account) || denied.authors.contains(account)
            }
            // What one branch curates, the other does not open again.
            RosterOp::Configure { settings } => denied.posting && settings.posting == Posting::Members,
            _ => false,
        };
        concerned || is_denied(change.device, self.account_of(change.device))
    }

    /// Both branches gave it: who acts under the second acts by right.
    fn state_again(&mut self, change: &RosterChange) {
        let version = self.version() + 1;
        let account = match &change.op {
            RosterOp::Join { certificate, .. } | RosterOp::AddDevice { certificate } => {
                self.device_again(certificate, version);
                certificate.get().account
            }
            RosterOp::SetRole { account, .. } => *account,
            _ => return,
        };
        if let Some(role) = self.role(account) {
            self.set_role(account, version, Some(role));
        }
    }

    fn device_again(&mut self, certificate: &Signed<DeviceCertificate>, version: u64) {
        let it = certificate.get();
        let standing = self.standings.get_mut(&it.account);
        match standing.and_then(|standing| standing.devices.get_mut(&it.device)) {
            Some(span) => span.added.push(version),
            None => self.add_device(certificate, version),
        }
    }
}
