//! What is told in its room of a call that is over, and by whom.
//!
//! Nobody decides for others here either: whoever hangs up while at most one other is in it tells, and so does who was left
//! alone without a word. All see much the same, so one device tells; where two hang up at once both do, and whoever shows
//! it takes the longest of what is told of one call.
//!
//! # Invariants
//! 1. Of a call that somebody was in at its end, somebody tells. Tests: `who_hangs_up_tells`, `who_was_left_alone_tells`.
//! 2. What others can cause is bounded: [`CALL_ACCOUNTS_MAX`]. Test: `a_crowd_that_passes_through_is_bounded`.

use std::collections::BTreeSet;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::content::CallOutcome;
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::limits::CALL_ACCOUNTS_MAX;

/// Two who were the only ones for so long know of it both, milliseconds: then the one who hangs up tells.
const KNOWN_AFTER_MS: u64 = 3_000;

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    /// Who called.
    pub(crate) from: AccountId,
    pub(crate) began: UnixMillis,
    /// When the second came in; `None` where nobody did.
    pub(crate) met: Option<UnixMillis>,
    /// When one was alone in it, by the clock that never goes back; `None`: now.
    pub(crate) until_ms: Option<u64>,
    pub(crate) accounts: BTreeSet<AccountId>,
    pub(crate) outcome: CallOutcome,
}

/// Since when somebody is in a call: `None` for this device.
type Since = (UnixMillis, Option<DeviceId>, AccountId);

/// What a device notices of a call while it goes on.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The first two devices, by when they came.
    first: Vec<Since>,
    accounts: BTreeSet<AccountId>,
    /// Since when exactly one other is in it.
    two_since_ms: Option<u64>,
    /// Since when nobody else is in it any more, and whether the last told somebody that they went.
    alone: Option<(u64, bool)>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self { first: Vec::new(), accounts: BTreeSet::new(), two_since_ms: None, alone: None }
    }

    /// This device is in it.
    pub(super) fn entered(&mut self, account: AccountId, since: UnixMillis) {
        self.note((since, None, account));
    }

    /// Another device is in it, which makes so many others.
    pub(super) fn came(&mut self, device: DeviceId, account: AccountId, since: UnixMillis, others: usize, now_ms: u64) {
        self.note((since, Some(device), account));
        self.alone = None;
        self.two_since_ms = if others == 1 { self.two_since_ms.or(Some(now_ms)) } else { None };
    }

    /// Another device is in it no more, which leaves so many: it said so, or was heard last at `heard_ms`.
    pub(super) fn went(&mut self, others: usize, said: bool, heard_ms: u64, now_ms: u64) {
        if others == 0 {
            let knew = self.two_since_ms.is_some_and(|since| since + KNOWN_AFTER_MS <= now_ms);
            self.alone = Some((if said { now_ms } else { heard_ms }, said && knew));
        }
        self.two_since_ms = if others == 1 { Some(now_ms) } else { None };
    }

    fn note(&mut self, since @ (_, device, account): Since) {
        if self.accounts.len() < CALL_ACCOUNTS_MAX {
            self.accounts.insert(account);
        }
        match self.first.iter_mut().find(|(_, known, _)| *known == device) {
            // Who comes back is there since they first came.
            Some(_) => {}
            None => self.first.push(since),
        }
        self.first.sort();
        self.first.truncate(2);
    }

    /// What this device tells when the call ends for it, with so many others in it; `None` where others do.
    pub(super) fn over(&self, others: usize, refused: Option<CallOutcome>) -> Option<Over> {
        let until_ms = match (others, self.alone) {
            (0, Some((_, true))) => return None,
            (0, Some((since_ms, false))) => Some(since_ms),
            (0, None) | (1, _) => None,
            _ => return None,
        };
        let (began, _, from) = *self.first.first()?;
        let met = self.first.get(1).map(|(since, _, _)| *since).filter(|_| self.accounts.len() > 1);
        let outcome = match met {
            Some(_) => CallOutcome::Held,
            None => refused.unwrap_or(CallOutcome::Unanswered),
        };
        Some(Over { from, began, met, until_ms, accounts: self.accounts.clone(), outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId([1; 16]);
    const BO: AccountId = AccountId([2; 16]);

    fn device(n: u8) -> DeviceId {
        DeviceId([n; 32])
    }

    /// Ada calls at 100, and Bo comes in at 105.
    fn talk() -> Record {
        let mut record = Record::new();
        record.entered(ADA, UnixMillis(100));
        record.came(device(2), BO, UnixMillis(105), 1, 5);
        record
    }

    #[test]
    fn who_hangs_up_tells() {
        let over = talk().over(1, None).unwrap();
        assert_eq!((over.from, over.began, over.met), (ADA, UnixMillis(100), Some(UnixMillis(105))));
        assert_eq!((over.until_ms, over.outcome), (None, CallOutcome::Held));
        let mut left = talk();
        left.went(0, true, 9_000, 9_500);
        assert_eq!(left.over(0, None), None, "the other told");
        let mut three = talk();
        three.came(device(3), AccountId([3; 16]), UnixMillis(110), 2, 10);
        assert_eq!(three.over(2, None), None, "it goes on");
        // Both others hang up at once: neither knew that only two were left.
        three.went(1, true, 8_000, 8_000);
        three.went(0, true, 8_010, 8_010);
        assert_eq!(three.over(0, None).map(|over| (over.until_ms, over.accounts.len())), Some((Some(8_010), 3)));
    }

    #[test]
    fn who_was_left_alone_tells() {
        let mut record = talk();
        record.went(0, false, 20_000, 30_000);
        assert_eq!(record.over(0, None).and_then(|over| over.until_ms), Some(20_000), "when the other was heard last");
        record.came(device(2), BO, UnixMillis(140), 1, 31_000);
        record.went(0, true, 40_000, 40_000);
        assert_eq!(record.over(0, None), None, "came back, and hung up");
    }

    #[test]
    fn nobody_answered() {
        let mut record = Record::new();
        record.entered(ADA, UnixMillis(100));
        let over = record.over(0, None).unwrap();
        assert_eq!((over.met, over.outcome), (None, CallOutcome::Unanswered));
        assert_eq!(record.over(0, Some(CallOutcome::Busy)).unwrap().outcome, CallOutcome::Busy);
        // One's own other device is nobody who answers.
        record.came(device(9), ADA, UnixMillis(110), 1, 10);
        assert_eq!(record.over(1, None).unwrap().outcome, CallOutcome::Unanswered);
    }

    #[test]
    fn a_crowd_that_passes_through_is_bounded() {
        let mut record = talk();
        for n in 3..=200 {
            record.came(device(n), AccountId([n; 16]), UnixMillis(200 + u64::from(n)), 1, 50);
            record.went(0, true, 60, 60);
        }
        let over = record.over(1, None).unwrap();
        assert_eq!((over.accounts.len(), record.first.len()), (CALL_ACCOUNTS_MAX, 2));
    }
}
