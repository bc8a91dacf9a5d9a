//! The deletions of one log: of which events no body is kept.
//!
//! Fed by `replica` with the retracts and redacts that are taken; asked for every event that is taken, sent or told. A
//! deletion names its target by place and id, so that it works whichever of the two comes first (`docs/protocol.md`, BO4).
//!
//! # Invariants
//! 1. Whether a deletion counts depends on it and the roster alone, never on what else is held: its place says whose the
//!    target is. Test: `a_deletion_that_does_not_count_drops_nothing`.
//!
//! Not here: dropping what is on the disk (the store does, once the deletion is there), what people see of it.

use std::collections::BTreeMap;

use momoland_protocol::event::{Action, EventHeader, EventPlace};
use momoland_protocol::id::{EventId, LogId, RosterHash};
use momoland_protocol::roster::RoomKind;

use crate::roster::Roster;

/// Deletions of one target that are remembered. The first of each author would do; a moderator who repeats the same
/// deletion for ever is not to fill the memory.
const A_TARGET_MAX: usize = 8;

/// An event that deletes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// What is deleted.
    pub target: EventId,
    /// Where the deletion stands itself.
    pub by: EventPlace,
    /// What it is.
    pub action: Action,
    /// The roster change that it names.
    pub roster: RosterHash,
}

impl Deletion {
    /// What an event deletes, and where that stands; `None` for one that deletes nothing.
    pub fn of(header: &EventHeader) -> Option<(EventPlace, Self)> {
        let (place, target) = header.amended()?;
        let deletes = header.action == Action::RETRACT || header.action == Action::REDACT;
        let (by, action, roster) = (header.own_place(), header.action, header.roster);
        deletes.then_some((place, Self { target, by, action, roster }))
    }

    /// Whether it counts by the roster held now.
    pub fn counts(&self, log: LogId, place: EventPlace, roster: &Roster) -> bool {
        let Some(version) = roster.version_of(self.roster) else { return false };
        let Ok(author) = roster.allows(self.by.chain.device, version, self.action) else { return false };
        let has_right = match self.action {
            Action::RETRACT => roster.account_of(place.chain.device) == Some(author),
            // Both are owners of a direct room, and neither is to take the other's words away.
            _ => roster.kind() != RoomKind::Direct,
        };
        has_right && !roster.is_cut(log, self.by.chain, self.by.seq, version)
    }
}

/// The deletions of a log, by where their targets stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletions {
    by_place: BTreeMap<EventPlace, Vec<Deletion>>,
}

impl Deletions {
    /// Minds a deletion. Where there are many of one target, those that `counts` denies make room.
    pub(crate) fn insert(&mut self, place: EventPlace, deletion: Deletion, counts: impl Fn(&Deletion) -> bool) {
        let held = self.by_place.entry(place).or_default();
        if held.len() == A_TARGET_MAX {
            held.retain(counts);
        }
        if held.len() < A_TARGET_MAX && !held.contains(&deletion) {
            held.push(deletion);
        }
    }

    /// Whether the body of an event is not to be kept: it is deleted, or is an edit of what is.
    pub(crate) fn concern(&self, log: LogId, header: &EventHeader, id: EventId, roster: &Roster) -> bool {
        let deleted = |place: EventPlace, target: EventId| {
            let mut deletions = self.by_place.get(&place).into_iter().flatten();
            deletions.any(|deletion| deletion.target == target && deletion.counts(log, place, roster))
        };
        !self.by_place.is_empty()
            && (deleted(header.own_place(), id)
                || header.action == Action::EDIT
                    && header.amended().is_some_and(|(place, target)| deleted(place, target)))
    }
}

#[cfg(test)]
mod tests;
