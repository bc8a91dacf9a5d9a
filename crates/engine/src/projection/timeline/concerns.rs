//! Which messages concern this person: what mentions them, answers them, or is written to them alone.
//!
//! Derived from the timeline whenever somebody asks, never kept: so it is the same after a restart, on every device and
//! however often an event comes, and what is deleted, edited or read takes its notification along.

use std::collections::BTreeSet;

use momoland_protocol::clock::Hlc;
use momoland_protocol::id::EventId;
use momoland_protocol::register::PutAway;

use super::{Entry, Seen, Timeline};
use crate::api::types::NotifyLevel;

/// Why a message is this person's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    Mention,
    Reply,
    /// It was written in a direct room.
    Direct,
    /// Nothing but that every message of the room is wanted. Told when it comes, and counted by its room alone.
    Any,
}

/// What of a room a person wants to hear of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) level: NotifyLevel,
    pub(crate) direct: bool,
}

impl Timeline {
    /// Why a message concerns this person; `None` where it does not, or is deleted.
    pub(crate) fn concern(&self, entry: &Entry, wanted: Wanted) -> Option<Concern> {
        // Of a call that was missed this person is told by itself.
        if entry.author == self.own || entry.is_call || wanted.level == NotifyLevel::None {
            return None;
        }
        let Seen::Text { is_meant, .. } = self.seen(entry) else { return None };
        let answers = |timeline: &Self| {
            let answered = entry.reply_to.and_then(|id| timeline.get(id));
            answered.is_some_and(|answered| answered.author == timeline.own)
        };
        if is_meant {
            Some(Concern::Mention)
        } else if answers(self) {
            Some(Concern::Reply)
        } else if wanted.level == NotifyLevel::Mentions {
            None
        } else if wanted.direct {
            Some(Concern::Direct)
        } else {
            Some(Concern::Any)
        }
    }

    /// The messages that concern this person, the newest first, from before a time on.
    pub(crate) fn concerns(&self, until: Hlc, wanted: Wanted) -> impl Iterator<Item = (Entry, Concern)> {
        let newest_first = self.entries.newest_first().skip_while(move |entry| entry.order.hlc > until);
        newest_first.filter_map(move |entry| {
            let concern = self.concern(&entry, wanted).filter(|concern| *concern != Concern::Any)?;
            Some((entry, concern))
        })
    }

    /// Those of them that were neither read nor put away.
    pub(crate) fn fresh_concerns(&self, wanted: Wanted, away: &PutAway) -> BTreeSet<EventId> {
        if wanted.level == NotifyLevel::None {
            return BTreeSet::new();
        }
        let after = self.reads_after().max(away.until);
        let newer = self.entries.newest_first().take_while(|entry| entry.order.hlc > after);
        let fresh = newer.filter(|entry| !away.has(entry.order.hlc, entry.id));
        let fresh = fresh.filter(|entry| self.concern(entry, wanted).is_some_and(|concern| concern != Concern::Any));
        fresh.map(|entry| entry.id).collect()
    }

    /// Whether a message was read, or put away.
    pub(crate) fn is_settled(&self, entry: &Entry, away: &PutAway) -> bool {
        entry.order.hlc <= self.reads_after() || away.has(entry.order.hlc, entry.id)
    }

    /// What was read since, or is put away by its time, needs no name any more; what is not here yet keeps its.
    pub(crate) fn leave_out_settled(&self, away: &mut PutAway) {
        let after = self.reads_after().max(away.until);
        away.these.retain(|id| self.get(*id).is_none_or(|entry| entry.order.hlc > after));
    }

    /// Puts away everything that is here.
    pub(crate) fn put_all_away(&self, away: &mut PutAway) {
        let newest = self.last().map_or(Hlc::default(), |entry| entry.order.hlc);
        away.until = away.until.max(newest);
        away.these.clear();
    }
}
