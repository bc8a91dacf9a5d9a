//! A room's changes in the one order that every replica gives them, whatever the order in which they came.
//!
//! Without a faulty server (or one restored from a backup) that is the order of versions, and each change names the one
//! before it. Where it countersigned two successors of one change, both branches are kept, one behind the other (see
//! `split`), until a repair joins them. What a repair does not name is dropped: its author did not know of it.
//!
//! One split can be open at a time, and none begins inside another: a third successor is refused.

use momoland_protocol::id::{RosterHash, ServerKey};
use momoland_protocol::roster::{CountersignedChange, RosterOp};

use super::split::Split;
use super::{Roster, RosterRefusal};

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

/// A room's changes, and what they add up to. Never empty.
#[derive(Debug, Clone)]
pub struct Line {
    changes: Vec<CountersignedChange>,
    roster: Roster,
    server: ServerKey,
}

impl Line {
    /// A room's first change.
    ///
    /// # Errors
    /// A [`RosterRefusal`].
    pub fn create(first: &CountersignedChange, server: ServerKey) -> Result<Self, RosterRefusal> {
        let roster = Roster::create(first, server)?;
        Ok(Self { changes: vec![first.clone()], roster, server })
    }

    /// What the changes add up to.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[CountersignedChange] {
        &self.changes
    }

    /// Takes a change, wherever it belongs.
    ///
    /// # Errors
    /// A [`RosterRefusal`]; nothing changed.
    pub fn take(&mut self, change: &CountersignedChange) -> Result<Taken, RosterRefusal> {
        if self.roster.version_of(change.change.roster_hash()).is_some() {
            return Ok(Taken::Known);
        }
        if let RosterOp::Repair { one, other } = &change.change.get().op {
            return self.join(change, *one, *other);
        }
        match self.roster.open_split() {
            Some(split) => self.take_in_branch(split, change),
            None if change.change.get().prev == self.roster.head() => {
                self.roster.apply(change)?;
                self.changes.push(change.clone());
                Ok(Taken::Next)
            }
            None => self.divide(change),
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
    fn divide(&mut self, change: &CountersignedChange) -> Result<Taken, RosterRefusal> {
        let stale = RosterRefusal::Stale { head: self.roster.head() };
        let at = self.roster.version_of(change.change.get().prev).ok_or_else(|| stale.clone())?;
        let settled = self.roster.splits.last().map_or(1, |split| *split.second().end() + 1);
        let place = usize::try_from(at).map_err(|_| stale.clone())?;
        if at < settled || place >= self.changes.len() {
            return Err(stale);
        }
        let (common, held) = self.changes.split_at(place);
        let mut alone = fold(common, &self.roster.splits, self.server)?;
        alone.apply(change)?;
        let mut branches = [held.to_vec(), vec![change.clone()]];
        branches.sort_by_key(|branch| branch.first().map(|first| first.change.roster_hash()));
        let common = common.to_vec();
        self.set_branches(at, common, branches)?;
        Ok(Taken::Reordered { after: at })
    }

    /// While there are two branches, each may still turn out to be longer.
    fn take_in_branch(&mut self, split: Split, change: &CountersignedChange) -> Result<Taken, RosterRefusal> {
        let (common, mut branches) = self.branches(split);
        let prev = change.change.get().prev;
        let ends_there = |branch: &&mut Vec<CountersignedChange>| {
            branch.last().is_some_and(|last| last.change.roster_hash() == prev)
        };
        let Some(branch) = branches.iter_mut().find(ends_there) else {
            return Err(RosterRefusal::Stale { head: self.roster.head() });
        };
        let mut alone = fold(&common, &self.roster.splits, self.server)?;
        // What is held was checked when it came.
        branch.iter().for_each(|held| alone.fold(held));
        alone.apply(change)?;
        branch.push(change.clone());
        self.set_branches(split.at, common, branches)?;
        Ok(Taken::Reordered { after: split.at })
    }

    /// A repair: both branches count up to the ends that it names, and are one again.
    fn join(
        &mut self,
        repair: &CountersignedChange,
        one: RosterHash,
        other: RosterHash,
    ) -> Result<Taken, RosterRefusal> {
        let split = self.roster.open_split().ok_or(RosterRefusal::Unknown("split"))?;
        let (common, mut branches) = self.branches(split);
        let lengths = [branches[0].len(), branches[1].len()];
        for (branch, end) in branches.iter_mut().zip([one, other]) {
            let end = branch.iter().position(|change| change.change.roster_hash() == end);
            branch.truncate(end.ok_or(RosterRefusal::Unknown("split"))? + 1);
        }
        let whole = lengths == [branches[0].len(), branches[1].len()];
        let mut joined = Self { changes: Vec::new(), roster: self.roster.clone(), server: self.server };
        joined.set_branches(split.at, common, branches)?;
        joined.roster.apply(repair)?;
        joined.changes.push(repair.clone());
        *self = joined;
        Ok(if whole { Taken::Next } else { Taken::Reordered { after: split.at } })
    }

    /// What both branches of a split have in common, and each.
    fn branches(&self, split: Split) -> (Vec<CountersignedChange>, [Vec<CountersignedChange>; 2]) {
        let place = |version: u64| usize::try_from(version).unwrap_or(usize::MAX).min(self.changes.len());
        let (common, rest) = self.changes.split_at(place(split.at));
        let (one, other) = rest.split_at(place(split.one).min(rest.len()));
        (common.to_vec(), [one.to_vec(), other.to_vec()])
    }

    fn set_branches(
        &mut self,
        at: u64,
        common: Vec<CountersignedChange>,
        branches: [Vec<CountersignedChange>; 2],
    ) -> Result<(), RosterRefusal> {
        let [one, other] = branches;
        let split = Split { at, one: one.len() as u64, other: other.len() as u64, open: true };
        let mut splits = self.roster.splits.clone();
        splits.retain(|split| !split.open);
        splits.push(split);
        let changes = [common, one, other].concat();
        self.roster = fold(&changes, &splits, self.server)?;
        self.changes = changes;
        Ok(())
    }
}

/// What changes that were checked add up to, with the splits among them.
fn fold(changes: &[CountersignedChange], splits: &[Split], server: ServerKey) -> Result<Roster, RosterRefusal> {
    let Some((first, rest)) = changes.split_first() else {
        return Err(RosterRefusal::Invalid("a roster has a first change"));
    };
    let mut roster = Roster::check_create(&first.change, server)?;
    roster.fold(first);
    let mut rest = rest.iter();
    let mut splits = splits.iter().copied().peekable();
    while !rest.as_slice().is_empty() {
        let parts_here = |split: &Split| split.at == roster.version();
        match splits.next_if(parts_here) {
            Some(split) => roster.fold_branches(split, rest.by_ref()),
            None => rest.by_ref().take(1).for_each(|next| roster.fold(next)),
        }
    }
    Ok(roster)
}

#[cfg(test)]
mod tests;
