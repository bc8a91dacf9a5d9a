//! What is known of the other end of one link in one room, and what it still has to be sent.
//!
//! For a chain that is not in `owed`, the other end has, or was sent, everything that is on disk here: so a session
//! costs memory for what is missing, not for what there is.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::id::{ChainId, EventId, LogId, Seq};
use momoland_protocol::register::RegisterKey;
use momoland_protocol::replication::{ChainHead, RelayMode};

use crate::input::Mono;

/// How long a device waits before it passes on what somebody else wrote: its author or the relay mostly sends it
/// first, and then nothing is sent twice. Milliseconds; up to as much again is added so that peers do not all answer.
pub(crate) const PASS_ON_AFTER_MS: u64 = 1_000;

/// Between two lists of what changed in one log, for one link, milliseconds: what got no further in that time is listed.
pub(crate) const DIGEST_EVERY_MS: u64 = 1_000;

/// Who has taken nothing for so long, while something waited for it, is too slow to be sent events by themselves.
/// Milliseconds.
pub(crate) const SLOW_AFTER_MS: u64 = 2_000;

/// How long an acknowledgement waits for others, on links that the events did not come from. Shorter than
/// [`PASS_ON_AFTER_MS`], so that it arrives before the event is passed on in vain.
pub(crate) const LAZY_ACK_AFTER_MS: u64 = 400;

/// How long the relay's acknowledgement to a device in digest mode waits for others, milliseconds: a burst of messages that
/// peers carry costs the relay a few of them, and nobody sees the wait.
pub(crate) const FED_ACK_AFTER_MS: u64 = 100;

/// Between two comparisons of one log on one link, milliseconds: a gap may show in every event of a burst.
pub(crate) const COMPARE_EVERY_MS: u64 = 500;

/// Events of a log that a newcomer is given, in equal parts of all chains, before it asks for more: a screen has fewer.
/// Chains up to this length are given whole by peers.
pub(crate) const TAIL_EVENTS: u64 = 128;

/// Events of one chain that a newcomer is given at least.
pub(crate) const TAIL_EVENTS_MIN: u64 = 8;

/// Events of a chain's history that are asked for at once.
pub(crate) const HISTORY_EVENTS: u64 = 1024;

/// Questions to one link that wait for their answer: enough that many short chains do not wait for each other.
pub(crate) const ASKED_MAX: usize = 8;

/// How long an answer may take to come whole before somebody else is asked, milliseconds.
pub(crate) const ANSWER_WITHIN_MS: u64 = 10_000;

/// Questions of one link that wait for their answer. An honest end has [`ASKED_MAX`], and one more for each fork that
/// it sees; what goes beyond is not answered.
pub(crate) const WANTED_MAX: usize = 16;

/// Own events that are read at once for what one link says of them. An honest end has a proof for each own chain that
/// forked; what goes beyond is not looked at, and a member cannot keep the disk busy.
pub(crate) const TWINS_MAX: usize = 8;

/// Chains in the vector of one log that are taken from one link. A longer vector is a flood.
pub(crate) const CHAINS_A_LOG_MAX: usize = 100_000;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) log: LogId,
    pub(crate) chain: ChainId,
    /// The first place that will answer it.
    pub(crate) from: Seq,
    /// Somebody else is asked then.
    pub(crate) until: Mono,
}

/// What the other end asked for: answered from `to` downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) log: LogId,
    pub(crate) chain: ChainId,
    pub(crate) from: Seq,
    pub(crate) to: Seq,
}

/// Events that the other end lacks of one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owed {
    /// The first place to send.
    pub(crate) next: Seq,
    /// What the other end said to hold before it.
    pub(crate) after: Option<EventId>,
    pub(crate) due: Due,
}

/// When what is owed is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Not before then.
    From(Mono),
    /// Once the other end asks for it. Until then it is listed.
    Listed {
        /// The first place to send when that was last looked at: who got further since has it from others.
        seen: Seq,
        /// The last place that was listed.
        told: Seq,
    },
}

impl Due {
    /// Neither looked at nor listed yet.
    pub(crate) const LISTED: Self = Self::Listed { seen: Seq::ZERO, told: Seq::ZERO };
}

/// One log on one link.
#[derive(Debug, Default)]
pub(crate) struct LogSession {
    /// Whether the other end has said what it has.
    pub(crate) compared: bool,
    pub(crate) owed: BTreeMap<ChainId, Owed>,
    /// Up to where it has acknowledged our own chains.
    pub(crate) acknowledged: BTreeMap<ChainId, Seq>,
    /// Acknowledgements that wait for company.
    pub(crate) lazy_acks: BTreeMap<ChainId, ChainHead>,
    /// It was told by a hash where we stand, and not yet what we have.
    pub(crate) told_position: bool,
    /// When it was last told what we have.
    pub(crate) compared_at: Option<Mono>,
    /// How the other end, a device, wants it.
    pub(crate) mode: RelayMode,
    /// It takes too little to be sent events by themselves, until it has caught up.
    pub(crate) slow: bool,
    /// When it is listed what it lacks.
    pub(crate) digest_at: Option<Mono>,
    /// Chains of which it acknowledged more than is held here, and up to where.
    pub(crate) ahead: BTreeMap<ChainId, Seq>,
    /// When it is asked for that.
    pub(crate) fetch_at: Option<Mono>,
    /// Forked chains of which it was told once what is held here.
    pub(crate) told_forked: BTreeSet<ChainId>,
    /// Something was missing in what it sent: to be compared again when that is due.
    pub(crate) compare_again: bool,
}

/// One room on one link.
#[derive(Debug, Default)]
pub(crate) struct RoomSession {
    /// Whether we said that we are in the room.
    pub(crate) announced: bool,
    /// Whether we said what we have of its logs.
    pub(crate) offered: bool,
    /// The roster version that the other end has, or was sent; `None` before it said.
    pub(crate) remote_version: Option<u64>,
    /// When it was last asked for a roster change that its events name.
    pub(crate) roster_asked_at: Option<Mono>,
    /// How far back the last place was at which the two rosters were compared, to find where they part.
    pub(crate) parting_step: u64,
    /// Whether that was the first change: there is nothing before it.
    pub(crate) parting_at_first: bool,
    /// Registers that it may lack, and whether that was so at the last look.
    pub(crate) registers: BTreeMap<RegisterKey, bool>,
    pub(crate) logs: BTreeMap<LogId, LogSession>,
}

impl LogSession {
    /// Notes that the other end lacks a chain from `next` on.
    pub(crate) fn owe(&mut self, chain: ChainId, next: Seq, due: Mono) {
        let fresh = Owed { next, after: None, due: Due::From(due) };
        let owed = self.owed.entry(chain).or_insert(fresh);
        if next <= owed.next {
            // What was owed before is there meanwhile.
            *owed = fresh;
        } else if let Due::From(at) = &mut owed.due {
            *at = due.min(*at);
        }
    }

    /// Notes that the other end lacks what follows an event that it says to hold.
    pub(crate) fn owe_after(&mut self, chain: ChainId, head: Seq, event: EventId, due: Mono) {
        self.owed.insert(chain, Owed { next: Seq(head.0.saturating_add(1)), after: Some(event), due: Due::From(due) });
    }

    /// Notes that the other end has a chain up to `seq`.
    pub(crate) fn has(&mut self, chain: ChainId, seq: Seq) {
        if let Some(owed) = self.owed.get_mut(&chain) {
            let next = Seq(seq.0.saturating_add(1));
            if owed.next < next {
                (owed.next, owed.after) = (next, None);
            }
        }
    }
}
