//! Which messages concern this person: what mentions them, answers them, or is written to them alone.
//!
//! Derived from the timeline whenever somebody asks, never kept: so it is the same after a restart, on every device and
//! however often an event comes, and what is deleted, edited or read takes its notification along.

use std::collections::BTreeSet;

use momoland_protocol::clock::Hlc;
use momoland_protocol::id::EventId;
use serde::{Deserialize, Serialize};

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

/// What was put away in the notifications without reading the room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PutAway {
    /// Everything up to here,
    until: u64,
    /// and these.
    messages: BTreeSet<String>,
}

impl PutAway {
    fn has(&self, entry: &Entry) -> bool {
        entry.order.hlc.0 <= self.until || self.messages.contains(&entry.id.to_string())
    }
}

impl Timeline {
    /// Why a message concerns this person; `None` where it does not, or is deleted.
    pub(crate) fn concern(&self, entry: &Entry, wanted: Wanted) -> Option<Concern> {
        if entry.author == self.own || wanted.level == NotifyLevel::None {
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
        let after = self.reads_after().0.max(away.until);
        let newer = self.entries.newest_first().take_while(|entry| entry.order.hlc.0 > after);
        let fresh = newer.filter(|entry| !away.has(entry));
        let fresh = fresh.filter(|entry| self.concern(entry, wanted).is_some_and(|concern| concern != Concern::Any));
        fresh.map(|entry| entry.id).collect()
    }

    /// Whether a message was read, or put away.
    pub(crate) fn is_settled(&self, entry: &Entry, away: &PutAway) -> bool {
        entry.order.hlc <= self.reads_after() || away.has(entry)
    }

    /// Puts one message away; what was read since needs no entry any more.
    pub(crate) fn put_away(&self, away: &mut PutAway, message: EventId) {
        away.messages.insert(message.to_string());
        let after = self.reads_after().0.max(away.until);
        away.messages.retain(|id| {
            let entry = id.parse().ok().and_then(|id| self.get(id));
            entry.is_some_and(|entry| entry.order.hlc.0 > after)
        });
    }

    /// Puts away everything that is here.
    pub(crate) fn put_all_away(&self, away: &mut PutAway) {
        let newest = self.last().map_or(0, |entry| entry.order.hlc.0);
        away.until = away.until.max(newest);
        away.messages.clear();
    }
}
