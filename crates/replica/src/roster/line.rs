//! A room's changes in the one order that every replica gives them, whatever the order in which they came.
//!
//! Without a faulty server (or one restored from a backup) that is the order of versions, and each change names the one
//! before it. Where it countersigned two successors of one change, both branches are kept, one behind the other (see
//! `split`), until a repair joins them. What a repair does not name is dropped: its author did not know of it.
//!
//! One split can be open at a time, and none begins inside another: a third successor is refused.
//!
//! # Invariants
//! 1. However many changes of a branch come at once, the two branches are folded together once for all of them. Test:
//!    `a_long_branch_is_folded_once_for_all_that_comes_at_once`.

use momoland_protocol::id::{RosterHash, ServerKey};
use momoland_protocol::roster::{CountersignedChange, RosterOp};

use super::split::Split;
use super::{Origin, Roster, RosterRefusal};

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was held already.
    Known,
    /// It is the last one now.
    Next,
    /// It belongs further in front: from the version after `after` on, the order is another.
    Reordered {
        /// The last version that stayed as it was.
        after: u64,
    },
}

/// What became of changes that were taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAll {
    /// Those that are new, in the order in which they came.
    pub new: Vec<CountersignedChange>,
    /// The last version that stayed as it was, where some belonged further in front.
    pub reordered_after: Option<u64>,
    /// Why one was refused. What came behind it was not looked at.
    pub refused: Option<RosterRefusal>,
}

/// A room's changes, and what they add up to. Never empty.
#[derive(Debug, Clone)]
pub struct Line {
    changes: Vec<CountersignedChange>,
    roster: Roster,
    /// What the first change founds, before it counts as a version: where every fold begins.
    founded: Roster,
    /// The two branches that no repair has joined yet.
    open: Option<Open>,
    /// How often changes were folded from the first on.
    #[cfg(test)]
    folds: u64,
}

/// Two branches, each as it is without the other.
#[derive(Debug, Clone)]
struct Open {
    /// The last version that both have in common.
    at: u64,
    /// The one that comes first in the order, and the other.
    branches: [Branch; 2],
    /// Changes came since both were folded together.
    grown: bool,
}

#[derive(Debug, Clone)]
struct Branch {
    changes: Vec<CountersignedChange>,
    /// What they add up to behind what both have in common.
    alone: Roster,
}

impl Line {
    /// A room's first change.
    ///
    /// # Errors
    /// A [`RosterRefusal`].
    pub fn create(first: &CountersignedChange, server: ServerKey) -> Result<Self, RosterRefusal> {
        Self::begin(first, server, Origin::Sent)
    }

    /// A room's changes from this replica's own disk, in the order in which they were taken, and why those are refused that a
    /// repair dropped since.
    ///
    /// # Errors
    /// A [`RosterRefusal`] of the first.
    pub fn recover(
        first: &CountersignedChange,
        rest: &[CountersignedChange],
        server: ServerKey,
    ) -> Result<(Self, Vec<RosterRefusal>), RosterRefusal> {
        let mut line = Self::begin(first, server, Origin::Kept)?;
        let refused = rest.iter().filter_map(|change| line.place(change, Origin::Kept).err()).collect();
        line.settle();
        Ok((line, refused))
    }

    fn begin(first: &CountersignedChange, server: ServerKey, origin: Origin) -> Result<Self, RosterRefusal> {
        let founded = Roster::founded_by(first, server, origin)?;
        let mut roster = founded.clone();
        roster.fold(first);
        Ok(Self {
            changes: vec![first.clone()],
            roster,
            founded,
            open: None,
            #[cfg(test)]
            folds: 0,
        })
    }

    /// What the changes add up to.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[CountersignedChange] {
        &self.changes
    }

    /// Takes changes in the order in which they come, each wherever it belongs.
    pub fn take_all(&mut self, changes: Vec<CountersignedChange>) -> TakenAll {
        let (mut new, mut reordered_after, mut refused) = (Vec::new(), None::<u64>, None);
        for change in changes {
            match self.place(&change, Origin::Sent) {
                Ok(Taken::Known) => {}
                Ok(Taken::Next) => new.push(change),
                Ok(Taken::Reordered { after }) => {
                    reordered_after = Some(reordered_after.map_or(after, |before| before.min(after)));
                    new.push(change);
                }
                Err(why) => {
                    refused = Some(why);
                    break;
                }
            }
        }
        self.settle();
        TakenAll { new, reordered_after, refused }
    }

    /// Takes a change, wherever it belongs.
    ///
    /// # Errors
    /// A [`RosterRefusal`]; nothing changed.
    pub fn take(&mut self, change: &CountersignedChange) -> Result<Taken, RosterRefusal> {
        let taken = self.place(change, Origin::Sent);
        self.settle();
        taken
    }

    /// Puts a change where it belongs. What the changes add up to is known again once [`Self::settle`] was called.
    fn place(&mut self, change: &CountersignedChange, origin: Origin) -> Result<Taken, RosterRefusal> {
        let hash = change.roster_hash();
        let in_branch = |open: &Open| open.branches.iter().any(|branch| branch.alone.version_of(hash).is_some());
        if self.roster.version_of(hash).is_some() || self.open.as_ref().is_some_and(in_branch) {
            return Ok(Taken::Known);
        }
        if let RosterOp::Repair { one, other } = &change.change.get().op {
            return self.join(change, *one, *other, origin);
        }
        match &mut self.open {
            Some(open) => open.take(change, self.roster.head(), origin),
            None if change.change.get().prev == self.roster.head() => {
                self.roster.apply_from(change, origin)?;
                self.changes.push(change.clone());
                Ok(Taken::Next)
            }
            None => self.divide(change, origin),
        }
    }

    /// How much of this line somebody holds whose own ends with `head`, a change that is in this one: the last version
    /// up to which both are the same for certain.
    pub fn in_common(&self, head: RosterHash, version: u64) -> Option<u64> {
        let mut at = self.roster.version_of(head)?;
        if at == version {
            return Some(at);
        }
        // In a branch a change's own place is not the one that it has here. Back to where the two are the same.
        loop {
            let change = self.change_at(at)?;
            if change.countersignature.get().version == at {
                return Some(at);
            }
            at = self.roster.version_of(change.change.get().prev)?;
        }
    }

    fn change_at(&self, version: u64) -> Option<&CountersignedChange> {
        self.changes.get(usize::try_from(version.checked_sub(1)?).ok()?)
    }

    /// A second successor of a change that has one.
    fn divide(&mut self, change: &CountersignedChange, origin: Origin) -> Result<Taken, RosterRefusal> {
        let stale = RosterRefusal::Stale { head: self.roster.head() };
        let at = self.roster.version_of(change.change.get().prev).ok_or_else(|| stale.clone())?;
        let settled = self.roster.splits.last().map_or(1, |split| *split.second().end() + 1);
        let place = usize::try_from(at).map_err(|_| stale.clone())?;
        if at < settled || place >= self.changes.len() {
            return Err(stale);
        }
        let (common, held) = self.changes.split_at(place);
        let (common, held) = (common.to_vec(), held.to_vec());
        let mut of_held = self.fold(&common, &self.roster.splits.clone());
        let mut of_other = of_held.clone();
        of_other.apply_from(change, origin)?;
        // What is held was checked when it came.
        held.iter().for_each(|held| of_held.fold(held));
        let held = Branch { changes: held, alone: of_held };
        let other = Branch { changes: vec![change.clone()], alone: of_other };
        let first = |branch: &Branch| branch.changes.first().map(|first| first.roster_hash());
        let branches = if first(&held) < first(&other) { [held, other] } else { [other, held] };
        self.open = Some(Open { at, branches, grown: true });
        Ok(Taken::Reordered { after: at })
    }

    /// A repair: both branches count up to the ends that it names, and are one again.
    fn join(
        &mut self,
        repair: &CountersignedChange,
        one: RosterHash,
        other: RosterHash,
        origin: Origin,
    ) -> Result<Taken, RosterRefusal> {
        let Open { at, branches, grown: _ } = self.open.as_ref().ok_or(RosterRefusal::Unknown("split"))?;
        let mut whole = true;
        let mut named = Vec::new();
        for (branch, end) in branches.iter().zip([one, other]) {
            let end = branch.changes.iter().position(|change| change.roster_hash() == end);
            let end = end.ok_or(RosterRefusal::Unknown("split"))?;
            whole &= end + 1 == branch.changes.len();
            named.push(branch.changes.get(..=end).unwrap_or_default().to_vec());
        }
        let (at, [one, other]) = (*at, <[_; 2]>::try_from(named).unwrap_or_default());
        let (changes, mut roster) = self.with_branches(at, &one, &other);
        roster.apply_from(repair, origin)?;
        (self.changes, self.roster, self.open) = (changes, roster, None);
        self.changes.push(repair.clone());
        Ok(if whole { Taken::Next } else { Taken::Reordered { after: at } })
    }

    /// Folds the two branches together, where one grew.
    fn settle(&mut self) {
        let Some(open) = self.open.as_mut().filter(|open| open.grown) else { return };
        open.grown = false;
        let [one, other] = [0, 1].map(|branch| open.branches[branch].changes.clone());
        let at = open.at;
        (self.changes, self.roster) = self.with_branches(at, &one, &other);
    }

    /// What is held up to `at`, and then two branches: the changes in order, and what they add up to.
    fn with_branches(
        &mut self,
        at: u64,
        one: &[CountersignedChange],
        other: &[CountersignedChange],
    ) -> (Vec<CountersignedChange>, Roster) {
        let common = usize::try_from(at).ok().and_then(|at| self.changes.get(..at)).unwrap_or_default();
        let changes = [common, one, other].concat();
        let mut splits: Vec<Split> = self.roster.splits.iter().copied().filter(|split| !split.open).collect();
        splits.push(Split { at, one: one.len() as u64, other: other.len() as u64, open: true });
        let roster = self.fold(&changes, &splits);
        (changes, roster)
    }

    /// What changes that were checked add up to, with the splits among them.
    fn fold(&mut self, changes: &[CountersignedChange], splits: &[Split]) -> Roster {
        #[cfg(test)]
        {
            self.folds += 1;
        }
        let mut roster = self.founded.clone();
        let mut rest = changes.iter();
        rest.by_ref().take(1).for_each(|first| roster.fold(first));
        let mut splits = splits.iter().copied().peekable();
        while !rest.as_slice().is_empty() {
            let parts_here = |split: &Split| split.at == roster.version();
            match splits.next_if(parts_here) {
                Some(split) => roster.fold_branches(split, rest.by_ref()),
                None => rest.by_ref().take(1).for_each(|next| roster.fold(next)),
            }
        }
        roster
    }
}

impl Open {
    /// While there are two branches, each may still turn out to be longer.
    fn take(&mut self, change: &CountersignedChange, head: RosterHash, origin: Origin) -> Result<Taken, RosterRefusal> {
        let prev = change.change.get().prev;
        let Some(branch) = self.branches.iter_mut().find(|branch| branch.alone.head() == prev) else {
            return Err(RosterRefusal::Stale { head });
        };
        branch.alone.apply_from(change, origin)?;
        branch.changes.push(change.clone());
        self.grown = true;
        Ok(Taken::Reordered { after: self.at })
    }
}

#[cfg(test)]
mod tests;
