//! Who may post in the room's feed (FE6): everybody, or where that is curated moderators and the authors whom they list.
//!
//! A change that ends this right cuts posts alone: likes and comments of the same people lie in the same chains, so those go
//! on, and posts beyond the cuts are left out by who folds the feed.
//!
//! Test: `where_posting_is_curated_only_listed_authors_count`.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, EventHeader};
use momoland_protocol::id::{AccountId, ChainId, Seq};
use momoland_protocol::limits;
use momoland_protocol::roster::{Countersignature, Cut, Posting, Role, RosterChange, RosterOp, Settings};

use super::{CutAt, Roster, Standing, highest_of};

/// Accounts that may be listed as authors in one room.
pub(super) const AUTHORS_MAX: usize = 1_000;

/// Who might post at which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostingRights {
    /// Who may post from each version on; sorted by version.
    by_version: Vec<(u64, Posting)>,
    /// Whom each version lists as author, or no longer; sorted by version.
    authors: BTreeMap<AccountId, Vec<(u64, bool)>>,
    /// The versions that ended somebody's right to post, by whose: posts of theirs beyond its cuts do not count.
    pub(super) unlisted: BTreeMap<AccountId, Vec<u64>>,
    cuts: BTreeMap<ChainId, Vec<CutAt>>,
    /// Versions whose lists of such cuts were full, and when: chains that they do not name are judged by that time.
    full_lists: BTreeMap<u64, UnixMillis>,
}

impl PostingRights {
    pub(super) fn new(posting: Posting) -> Self {
        Self {
            by_version: vec![(0, posting)],
            authors: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            cuts: BTreeMap::new(),
            full_lists: BTreeMap::new(),
        }
    }
}

impl Roster {
    /// Whose right to post a change of settings or of the list of authors ends.
    pub fn unlists(&self, op: &RosterOp) -> BTreeSet<AccountId> {
        if self.settings.posting == Posting::Members {
            let curates = matches!(op, RosterOp::Configure { settings } if settings.posting == Posting::Curated);
            let listed = |account: AccountId| self.is_author(account) || self.role(account) >= Some(Role::Moderator);
            let all = self.standings.iter().filter(|(_, standing)| curates && standing.current().is_some());
            return all.map(|(account, _)| *account).filter(|account| !listed(*account)).collect();
        }
        match op {
            RosterOp::ListAuthor { account, listed: false }
                if self.is_author(*account) && self.role(*account) < Some(Role::Moderator) =>
            {
                BTreeSet::from([*account])
            }
            _ => BTreeSet::new(),
        }
    }

    pub(super) fn end_posting(&mut self, op: &RosterOp, version: u64) {
        for account in self.unlists(op) {
            self.posting.unlisted.entry(account).or_default().push(version);
        }
    }

    pub(super) fn configure(&mut self, settings: Settings, version: u64) {
        if settings.posting != self.settings.posting {
            self.posting.by_version.push((version, settings.posting));
        }
        self.settings = settings;
    }

    pub(super) fn list_author(&mut self, account: AccountId, version: u64, listed: bool) {
        self.posting.authors.entry(account).or_default().push((version, listed));
    }

    /// As [`Self::fold_cuts`], of the cuts that concern posts alone.
    pub(super) fn fold_post_cuts(&mut self, version: u64, change: &RosterChange, by_server: &Countersignature) {
        let ended = |cut: &&Cut| {
            let account = self.account_of(cut.chain.device);
            let ends = account.and_then(|account| self.posting.unlisted.get(&account));
            cut.log == self.room.conversation() && ends.is_some_and(|ends| ends.contains(&version))
        };
        let cuts: Vec<Cut> = change.cuts.iter().chain(&by_server.cuts).filter(ended).copied().collect();
        if by_server.cuts.len() >= limits::CUTS_MAX {
            self.posting.full_lists.insert(version, by_server.at);
        }
        for ((_, chain), cut) in highest_of(version, cuts.iter()) {
            self.posting.cuts.entry(chain).or_default().push(cut);
        }
    }

    /// Whether an account is on the list of authors.
    pub fn is_author(&self, account: AccountId) -> bool {
        self.posting.authors.get(&account).and_then(|listed| listed.last()).is_some_and(|(_, listed)| *listed)
    }

    /// The list of authors.
    pub fn authors(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.posting.authors.keys().copied().filter(|account| self.is_author(*account))
    }

    /// Whether an account might post in the room's feed at a version, its role apart.
    pub(super) fn may_post_at(&self, account: AccountId, standing: &Standing, version: u64) -> bool {
        let mut postings = self.posting.by_version.iter().rev().filter(|(from, _)| self.knows_of(version, *from));
        if postings.next().is_none_or(|(_, posting)| *posting == Posting::Members) {
            return true;
        }
        let listed = self.posting.authors.get(&account).map_or(&[][..], Vec::as_slice);
        let mut listed = listed.iter().rev().filter(|(from, _)| self.knows_of(version, *from));
        self.role_at(standing, version) >= Some(Role::Moderator) || listed.next().is_some_and(|(_, listed)| *listed)
    }

    /// Whether an account may post in the room's feed now.
    pub fn may_post(&self, account: AccountId) -> bool {
        self.standings.get(&account).is_some_and(|standing| {
            standing.current() >= Some(Role::Member) && self.may_post_at(account, standing, self.version())
        })
    }

    /// Whether a post counts no more because its author may not post since, and it is beyond that change's cuts.
    pub fn is_unlisted(&self, header: &EventHeader) -> bool {
        let version = self.version_of(header.roster).filter(|_| header.action == Action::PUBLISH);
        version.is_some_and(|version| self.is_post_cut(header.chain(), header.seq, header.hlc, version))
    }

    /// As [`Self::is_unlisted`], of a post at a place of the conversation, under the roster of `version`.
    pub fn is_post_cut(&self, chain: ChainId, seq: Seq, hlc: Hlc, version: u64) -> bool {
        let ends = self.account_of(chain.device).and_then(|account| self.posting.unlisted.get(&account));
        let cuts = self.posting.cuts.get(&chain);
        ends.into_iter().flatten().filter(|end| !self.knows_of(version, **end)).any(|end| {
            match cuts.into_iter().flatten().find(|cut| cut.version == *end) {
                Some(cut) => cut.seq < seq,
                None => self.posting.full_lists.get(end).is_none_or(|at| at.0 < hlc.wall().0),
            }
        })
    }
}
