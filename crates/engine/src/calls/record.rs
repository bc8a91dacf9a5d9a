//! What is told in its room of a call that is over, and by whom.
//!
//! Nobody decides for others here either: whoever hangs up while at most one other is in it tells, and so does who was left
//! alone without a word. All see much the same, so one device tells; where two hang up at once both do, and whoever shows
//! it takes the longest of what is told of one call.
//!
//! # Invariants
//! 1. Of a call that somebody was in at its end, somebody tells. Tests: `who_hangs_up_tells`, `who_was_left_alone_tells`.
//! 2. What others can cause is bounded: [`CALL_ACCOUNTS_MAX`], and what they say of the time by [`SINCE_MAX_MS`]. Tests:
//!    `a_crowd_that_passes_through_is_bounded`, `what_others_say_of_the_time_is_bounded`.
//!
//! Times are of the wall clock, which goes on while a machine sleeps: who wakes hours later tells when the others were heard
//! last, and not when they woke.

use std::collections::BTreeMap;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::content::CallOutcome;
use momoland_protocol::id::AccountId;
use momoland_protocol::limits::CALL_ACCOUNTS_MAX;

/// Two who were the only ones for so long know of it both, milliseconds: then the one who hangs up tells.
const KNOWN_AFTER_MS: u64 = 3_000;
/// Nobody is in a call for longer, as far as is believed, milliseconds: a day.
const SINCE_MAX_MS: u64 = 86_400_000;

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    /// Who called.
    pub(crate) from: AccountId,
    pub(crate) began: UnixMillis,
    /// From when the second person came in until one was alone; nothing where nobody did.
    pub(crate) length_ms: u64,
    /// Sorted.
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) outcome: CallOutcome,
}

/// What a device notices of a call while it goes on.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Who rang before anybody answered.
    from: Option<AccountId>,
    /// Who was in it, and since when first.
    since: BTreeMap<AccountId, UnixMillis>,
    /// When another was heard last.
    heard: UnixMillis,
    /// Since when exactly one other is in it, by the clock that never goes back.
    two_since_ms: Option<u64>,
    /// Since when nobody else is in it any more, and whether the last told somebody that they went.
    alone: Option<(UnixMillis, bool)>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self { from: None, since: BTreeMap::new(), heard: UnixMillis(0), two_since_ms: None, alone: None }
    }

    /// This device is in it, and rings or not.
    pub(super) fn entered(&mut self, account: AccountId, since: UnixMillis, ringing: bool) {
        self.note(account, since, ringing);
    }

    /// Another device says that it is in it since a while, which makes so many others.
    pub(super) fn came(
        &mut self,
        account: AccountId,
        (since, ringing): (UnixMillis, bool),
        others: usize,
        (now_ms, wall): (u64, UnixMillis),
    ) {
        let since = since.0.clamp(wall.0.saturating_sub(SINCE_MAX_MS), wall.0);
        self.note(account, UnixMillis(since), ringing);
        self.heard = wall;
        self.alone = None;
        self.two_since_ms = if others == 1 { self.two_since_ms.or(Some(now_ms)) } else { None };
    }

    /// Another device is in it no more, which leaves so many: it said so, or was silent for too long.
    pub(super) fn went(&mut self, others: usize, said: Option<UnixMillis>, now_ms: u64) {
        if others == 0 {
            let knew = self.two_since_ms.is_some_and(|since| since + KNOWN_AFTER_MS <= now_ms);
            self.alone = Some((said.unwrap_or(self.heard), said.is_some() && knew));
        }
        self.two_since_ms = if others == 1 { Some(now_ms) } else { None };
    }

    fn note(&mut self, account: AccountId, since: UnixMillis, ringing: bool) {
        if ringing && self.from.is_none() {
            self.from = Some(account);
        }
        // Who comes back, or with another device, is there since they first came.
        if self.since.len() < CALL_ACCOUNTS_MAX {
            self.since.entry(account).or_insert(since);
        }
    }

    /// What this device tells when the call ends for it, with so many others in it; `None` where others do.
    pub(super) fn over(&self, others: usize, refused: Option<CallOutcome>) -> Option<Over> {
        let until = match (others, self.alone) {
            (0, Some((_, true))) => return None,
            (0, Some((since, false))) => since,
            // While somebody is in it they are heard each second.
            (0, None) | (1, _) => self.heard,
            _ => return None,
        };
        let mut by_time: Vec<(UnixMillis, AccountId)> = self.since.iter().map(|(who, since)| (*since, *who)).collect();
        by_time.sort();
        let (began, first) = *by_time.first()?;
        let met = by_time.get(1).map(|(since, _)| *since);
        Some(Over {
            from: self.from.unwrap_or(first),
            began,
            length_ms: met.map_or(0, |met| until.0.saturating_sub(met.0)),
            accounts: self.since.keys().copied().collect(),
            outcome: match met {
                Some(_) => CallOutcome::Held,
                None => refused.unwrap_or(CallOutcome::Unanswered),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId([1; 16]);
    const BO: AccountId = AccountId([2; 16]);
    /// When Ada calls.
    const BEGAN: u64 = 1_000_000_000;

    fn at(ms: u64) -> UnixMillis {
        UnixMillis(BEGAN + ms)
    }

    fn comes(record: &mut Record, who: AccountId, since: u64, others: usize, now_ms: u64) {
        record.came(who, (at(since), false), others, (now_ms, at(now_ms)));
    }

    /// Ada calls, and Bo comes in after five seconds and is heard until the sixtieth.
    fn talk() -> Record {
        let mut record = Record::new();
        record.entered(ADA, at(0), true);
        comes(&mut record, BO, 5_000, 1, 5_000);
        comes(&mut record, BO, 5_000, 1, 60_000);
        record
    }

    #[test]
    fn who_hangs_up_tells() {
        let over = talk().over(1, None).unwrap();
        assert_eq!((over.from, over.began, over.length_ms), (ADA, at(0), 55_000));
        assert_eq!((over.accounts, over.outcome), (vec![ADA, BO], CallOutcome::Held));
        let mut left = talk();
        left.went(0, Some(at(60_500)), 60_500);
        assert_eq!(left.over(0, None), None, "the other told");
        let mut three = talk();
        comes(&mut three, AccountId([3; 16]), 50_000, 2, 60_000);
        assert_eq!(three.over(2, None), None, "it goes on");
        // Both others hang up at once: neither knew that only two were left.
        three.went(1, Some(at(61_000)), 61_000);
        three.went(0, Some(at(61_010)), 61_010);
        let over = three.over(0, None).unwrap();
        assert_eq!((over.length_ms, over.accounts.len()), (56_010, 3));
    }

    #[test]
    fn who_was_left_alone_tells() {
        let mut record = talk();
        record.went(0, None, 70_000);
        assert_eq!(record.over(0, None).map(|over| over.length_ms), Some(55_000), "until the other was heard last");
        comes(&mut record, BO, 71_000, 1, 71_000);
        comes(&mut record, BO, 71_000, 1, 80_000);
        record.went(0, Some(at(80_000)), 80_000);
        assert_eq!(record.over(0, None), None, "came back, and hung up");
    }

    #[test]
    fn who_slept_tells_no_longer_call_for_it() {
        // The lid was closed: the clock that never goes back stood still, and nothing was heard since.
        assert_eq!(talk().over(1, None).unwrap().length_ms, 55_000);
    }

    #[test]
    fn nobody_answered() {
        let mut record = Record::new();
        record.entered(ADA, at(0), true);
        let over = record.over(0, None).unwrap();
        assert_eq!((over.length_ms, over.outcome), (0, CallOutcome::Unanswered));
        assert_eq!(record.over(0, Some(CallOutcome::Busy)).unwrap().outcome, CallOutcome::Busy);
        // One's own other device is nobody who answers, and who rings does not talk.
        comes(&mut record, ADA, 10, 1, 10);
        assert_eq!(record.over(1, None).unwrap().outcome, CallOutcome::Unanswered);
        comes(&mut record, BO, 40_000, 2, 41_000);
        record.went(1, None, 41_500);
        assert_eq!(record.over(1, None).unwrap().length_ms, 1_000);
    }

    #[test]
    fn what_others_say_of_the_time_is_bounded() {
        // Bo's clock is an hour behind: Ada called all the same.
        let mut record = Record::new();
        record.entered(ADA, at(0), true);
        record.came(BO, (UnixMillis(0), false), 1, (5_000, at(5_000)));
        let over = record.over(1, None).unwrap();
        assert_eq!((over.from, over.length_ms), (ADA, 5_000));
        // And one that is ahead.
        let mut record = Record::new();
        record.entered(ADA, at(0), true);
        record.came(BO, (at(900_000), false), 1, (5_000, at(5_000)));
        record.came(BO, (at(900_000), false), 1, (15_000, at(15_000)));
        assert_eq!(record.over(1, None).unwrap().length_ms, 10_000);
        let mut record = Record::new();
        for n in [1, 2] {
            record.came(AccountId([n; 16]), (UnixMillis(0), false), 2, (5_000, UnixMillis(9 * SINCE_MAX_MS)));
        }
        assert!(record.over(1, None).unwrap().length_ms <= SINCE_MAX_MS);
    }

    #[test]
    fn a_crowd_that_passes_through_is_bounded() {
        let mut record = talk();
        for n in 3..=200 {
            comes(&mut record, AccountId([n; 16]), 61_000, 1, 61_000);
            record.went(0, Some(at(61_000)), 61_000);
        }
        assert_eq!(record.over(1, None).unwrap().accounts.len(), CALL_ACCOUNTS_MAX);
    }
}
