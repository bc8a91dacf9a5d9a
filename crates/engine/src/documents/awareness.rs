//! Who is in a document, and where: carets, selections, names and colours, as editors say them (y-protocols' awareness,
//! one state a device: that of the editor that moved last). Pure; `engine` carries the signals and asks for what is due.
//!
//! # Invariants
//! 1. Nobody is shown for longer than [`HOLDS_MS`] after their last word. Test: `a_lost_goodbye_ends_by_itself`.
//! 2. However often an editor says where it is, others are told at most every [`TELL_EVERY_MS`], and the last word is
//!    always told. Test: `a_thousand_a_second_become_twenty`.
//! 3. What others say is bounded. Test: `a_crowd_is_bounded`.

use std::collections::BTreeMap;

use momoland_protocol::id::{AccountId, DeviceId, LogId};

/// Bytes of one state, as JSON.
pub(crate) const STATE_BYTES_MAX: usize = 4 * 1024;

/// Between two words of one's own, milliseconds.
const TELL_EVERY_MS: u64 = 50;

/// While an editor stays, it says so again after this, milliseconds.
const REPEAT_AFTER_MS: u64 = 10_000;

/// How long a word holds, milliseconds: a repetition may get lost.
const HOLDS_MS: u64 = 25_000;

/// Devices that are shown in one document. More are not.
const SHOWN_MAX: usize = 256;

/// How long an editor's own word holds without being renewed, milliseconds: whoever closes a window without a word is not
/// told of for ever. Editors say theirs again every fifteen seconds.
const OWN_HOLDS_MS: u64 = 60_000;

/// Editors of one's own in one document that are told apart.
const EDITORS_MAX: usize = 64;

/// Which editor of this device: its Yjs client id; zero for those that have none.
pub(crate) type Editor = u64;

/// One's own state in a document: that of the editor that moved last.
#[derive(Debug, Default)]
struct Own {
    editors: BTreeMap<Editor, Place>,
    /// How often an editor moved.
    moves: u64,
    told_at_ms: u64,
    /// Whether others do not know it yet.
    untold: bool,
}

/// Where an editor of one's own is.
#[derive(Debug)]
struct Place {
    state: String,
    /// The higher, the later it moved.
    moved: u64,
    until_ms: u64,
}

#[derive(Debug)]
struct Other {
    account: AccountId,
    state: String,
    until_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Awareness {
    own: BTreeMap<LogId, Own>,
    others: BTreeMap<(LogId, DeviceId), Other>,
}

impl Awareness {
    /// An editor here says where it is, or that it goes. What is to be told comes out of [`Self::due`].
    pub(crate) fn set(&mut self, log: LogId, editor: Editor, state: Option<String>, now_ms: u64) {
        let own = match state.is_some() {
            true => self.own.entry(log).or_default(),
            false => match self.own.get_mut(&log) {
                Some(own) => own,
                None => return,
            },
        };
        let before = own.state().map(ToOwned::to_owned);
        match state {
            None => drop(own.editors.remove(&editor)),
            Some(state) => {
                let until_ms = now_ms.saturating_add(OWN_HOLDS_MS);
                let full = own.editors.len() >= EDITORS_MAX;
                match own.editors.get_mut(&editor) {
                    // Who only says again where they are has not moved.
                    Some(place) if place.state == state => place.until_ms = until_ms,
                    None if full => return,
                    Some(_) | None => {
                        own.moves += 1;
                        own.editors.insert(editor, Place { state, moved: own.moves, until_ms });
                    }
                }
            }
        }
        own.untold |= own.state() != before.as_deref();
    }

    /// No editor here has a document open any more.
    pub(crate) fn leave(&mut self, log: LogId) {
        if let Some(own) = self.own.get_mut(&log) {
            own.untold |= !own.editors.is_empty();
            own.editors.clear();
        }
    }

    /// Somebody may know nothing of it: a link is new, or another one went.
    pub(crate) fn tell_again(&mut self) {
        for own in self.own.values_mut() {
            own.untold |= !own.editors.is_empty();
        }
    }

    /// What is to be told now.
    pub(crate) fn due(&mut self, now_ms: u64) -> Vec<(LogId, Option<String>)> {
        let mut due = Vec::new();
        for (log, own) in &mut self.own {
            own.forget_stale(now_ms);
            if own.due_at().is_some_and(|at| at <= now_ms) {
                own.told_at_ms = now_ms;
                own.untold = false;
                due.push((*log, own.state().map(ToOwned::to_owned)));
            }
        }
        self.own.retain(|_, own| !own.editors.is_empty() || own.untold);
        due
    }

    /// A device says where it is, or that it goes. Whether that is news.
    pub(crate) fn hear(
        &mut self,
        log: LogId,
        account: AccountId,
        device: DeviceId,
        state: Option<String>,
        now_ms: u64,
    ) -> bool {
        let Some(state) = state else { return self.others.remove(&(log, device)).is_some() };
        let until_ms = now_ms + HOLDS_MS;
        if let Some(other) = self.others.get_mut(&(log, device)) {
            let news = other.state != state;
            (other.state, other.until_ms) = (state, until_ms);
            return news;
        }
        if self.of(log).count() >= SHOWN_MAX {
            return false;
        }
        self.others.insert((log, device), Other { account, state, until_ms });
        true
    }

    /// Who is in a document.
    pub(crate) fn of(&self, log: LogId) -> impl Iterator<Item = (AccountId, DeviceId, &str)> {
        let from = (log, DeviceId::ZERO);
        let of_it = self.others.range(from..).take_while(move |((of, _), _)| *of == log);
        of_it.map(|((_, device), other)| (other.account, *device, other.state.as_str()))
    }

    /// Those of whom nothing was heard for too long go.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<(LogId, AccountId, DeviceId)> {
        self.remove(|_, _, other| other.until_ms <= now_ms)
    }

    /// Devices that are here no more go.
    pub(crate) fn keep(&mut self, here: impl Fn(DeviceId) -> bool) -> Vec<(LogId, AccountId, DeviceId)> {
        self.remove(|_, device, _| !here(device))
    }

    /// A document is not to be had any more.
    pub(crate) fn forget(&mut self, log: LogId) {
        self.own.remove(&log);
        self.remove(|of, _, _| of == log);
    }

    fn remove(&mut self, which: impl Fn(LogId, DeviceId, &Other) -> bool) -> Vec<(LogId, AccountId, DeviceId)> {
        let mut gone = Vec::new();
        self.others.retain(|(log, device), other| {
            let goes = which(*log, *device, other);
            if goes {
                gone.push((*log, other.account, *device));
            }
            !goes
        });
        gone
    }

    /// When something is due or runs out.
    pub(crate) fn next_timeout(&self) -> Option<u64> {
        let own = self.own.values().filter_map(Own::due_at);
        own.chain(self.others.values().map(|other| other.until_ms)).min()
    }
}

impl Own {
    fn state(&self) -> Option<&str> {
        self.editors.values().max_by_key(|place| place.moved).map(|place| place.state.as_str())
    }

    fn forget_stale(&mut self, now_ms: u64) {
        let before = self.state().map(ToOwned::to_owned);
        self.editors.retain(|_, place| now_ms < place.until_ms);
        self.untold |= self.state() != before.as_deref();
    }

    fn due_at(&self) -> Option<u64> {
        // What is stale by then is forgotten when it would be said again.
        match (self.untold, self.editors.is_empty()) {
            (true, _) => Some(self.told_at_ms + TELL_EVERY_MS),
            (false, false) => Some(self.told_at_ms + REPEAT_AFTER_MS),
            (false, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId([1; 32]);
    const GRACE: AccountId = AccountId([2; 16]);

    fn at(caret: u64) -> Option<String> {
        Some(format!("{{\"caret\":{caret}}}"))
    }

    fn device(number: u16) -> DeviceId {
        let mut device = DeviceId::ZERO;
        device.0[..2].copy_from_slice(&number.to_be_bytes());
        device
    }

    // Rules: DO9
    #[test]
    fn a_thousand_a_second_become_twenty() {
        let mut awareness = Awareness::default();
        let mut told = Vec::new();
        for ms in 1_000..2_000 {
            awareness.set(LOG, 0, at(ms), ms);
            told.extend(awareness.due(ms));
        }
        assert!((19..=21).contains(&told.len()), "{}", told.len());
        // The last word is told a little later.
        assert_eq!(awareness.due(2_000 + TELL_EVERY_MS), [(LOG, at(1_999))]);
        assert_eq!(awareness.due(3_000), []);
        assert_eq!(awareness.due(2_000 + TELL_EVERY_MS + REPEAT_AFTER_MS), [(LOG, at(1_999))], "it is still there");
        awareness.set(LOG, 0, None, 20_000);
        assert_eq!(awareness.due(60_000), [(LOG, None)]);
        assert_eq!(awareness.next_timeout(), None);
    }

    // Rules: DO9
    #[test]
    fn a_lost_goodbye_ends_by_itself() {
        let mut awareness = Awareness::default();
        assert!(awareness.hear(LOG, GRACE, device(2), at(1), 0));
        assert!(!awareness.hear(LOG, GRACE, device(2), at(1), 10_000), "a repetition is no news");
        assert!(awareness.expire(10_000 + HOLDS_MS - 1).is_empty());
        assert_eq!(awareness.expire(10_000 + HOLDS_MS), [(LOG, GRACE, device(2))]);
        assert!(awareness.hear(LOG, GRACE, device(2), at(3), 50_000));
        assert_eq!(awareness.keep(|here| here != device(2)), [(LOG, GRACE, device(2))]);
        assert!(!awareness.hear(LOG, GRACE, device(2), None, 50_000));
        assert_eq!(awareness.of(LOG).count(), 0);
    }

    #[test]
    fn who_comes_late_is_told_at_once() {
        let mut awareness = Awareness::default();
        awareness.set(LOG, 0, at(1), 0);
        assert_eq!(awareness.due(100).len(), 1);
        awareness.tell_again();
        assert_eq!(awareness.due(100 + TELL_EVERY_MS), [(LOG, at(1))]);
    }

    // Rules: DO9
    #[test]
    fn of_several_editors_here_the_last_to_move_is_told_and_none_for_ever() {
        let mut awareness = Awareness::default();
        awareness.set(LOG, 1, at(1), 0);
        awareness.set(LOG, 2, at(2), 10);
        assert_eq!(awareness.due(1_000), [(LOG, at(2))]);
        // The first says again where it is, and has not moved.
        awareness.set(LOG, 1, at(1), 2_000);
        assert_eq!(awareness.due(3_000), []);
        awareness.set(LOG, 1, at(7), 4_000);
        assert_eq!(awareness.due(5_000), [(LOG, at(7))]);
        awareness.set(LOG, 1, None, 6_000);
        assert_eq!(awareness.due(7_000), [(LOG, at(2))], "the other is still there");
        // It was closed without a word.
        assert_eq!(awareness.due(10 + OWN_HOLDS_MS), [(LOG, None)]);
        assert_eq!(awareness.next_timeout(), None);
    }

    #[test]
    fn a_crowd_is_bounded() {
        let mut awareness = Awareness::default();
        let heard = (0..300_u16).filter(|number| awareness.hear(LOG, GRACE, device(number + 1), at(0), 0)).count();
        assert_eq!(heard, SHOWN_MAX);
        assert!(awareness.hear(LogId([2; 32]), GRACE, device(1), at(0), 0), "another document has room");
        assert_eq!(awareness.of(LOG).count(), SHOWN_MAX);
    }
}
