//! Who is typing where. Pure; `engine` carries the signals and asks for what ran out.
//!
//! # Invariants
//! 1. Nobody types for longer than [`TYPING_HOLDS_MS`] without saying so again: a lost stop ends by itself.
//!    Test: `a_lost_stop_ends_by_itself`.
//! 2. However often a front says so, others are told at most once a second, and a stop at once.
//!    Test: `a_hundred_a_second_become_one`.

use std::collections::BTreeMap;

use momoland_protocol::ephemeral::TYPING_HOLDS_MS;
use momoland_protocol::id::{AccountId, DeviceId, RoomId};

/// While somebody goes on typing, others are told again after this, milliseconds.
const REPEAT_AFTER_MS: u64 = 2_500;

/// Two changes of one's own typing in a room are at least this far apart on the wire, milliseconds.
const CHANGE_AFTER_MS: u64 = 1_000;

/// What one's own device last told others about a room, and what it wants to.
#[derive(Debug, Clone, Copy)]
struct Told {
    typing: bool,
    at_ms: u64,
    /// A start that came too soon after a stop: told once its time has come, unless it stops before.
    wants: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Typing {
    /// Until when each device types in a room, by this machine's monotonic clock, milliseconds.
    others: BTreeMap<(RoomId, AccountId, DeviceId), u64>,
    told: BTreeMap<RoomId, Told>,
}

impl Typing {
    /// One's own person types, or stopped: whether others are to be told now. What may not be told yet comes out of
    /// [`Self::due`].
    pub(crate) fn own(&mut self, room: RoomId, typing: bool, now_ms: u64) -> bool {
        let Some(told) = self.told.get_mut(&room) else {
            if typing {
                self.told.insert(room, Told { typing, at_ms: now_ms, wants: false });
            }
            return typing;
        };
        let tell = match (told.typing, typing) {
            (true, true) => told.at_ms + REPEAT_AFTER_MS <= now_ms,
            (false, true) => told.at_ms + CHANGE_AFTER_MS <= now_ms,
            (true, false) => true,
            (false, false) => false,
        };
        told.wants = typing && !told.typing && !tell;
        if tell {
            *told = Told { typing, at_ms: now_ms, wants: false };
        }
        tell
    }

    /// Rooms in which others are to be told now that one types.
    pub(crate) fn due(&mut self, now_ms: u64) -> Vec<RoomId> {
        let mut due = Vec::new();
        for (room, told) in &mut self.told {
            if told.wants && told.at_ms + CHANGE_AFTER_MS <= now_ms {
                *told = Told { typing: true, at_ms: now_ms, wants: false };
                due.push(*room);
            }
        }
        due
    }

    /// One's own message says that one stopped; nobody need be told.
    pub(crate) fn sent(&mut self, room: RoomId, now_ms: u64) {
        if let Some(told) = self.told.get_mut(&room) {
            *told = Told { typing: false, at_ms: now_ms.saturating_sub(CHANGE_AFTER_MS), wants: false };
        }
    }

    /// Somebody else's device says something. Whether the account's typing changed.
    pub(crate) fn other(
        &mut self,
        room: RoomId,
        account: AccountId,
        device: DeviceId,
        typing: bool,
        now_ms: u64,
    ) -> bool {
        let before = self.is_typing(room, account);
        if typing {
            self.others.insert((room, account, device), now_ms + TYPING_HOLDS_MS);
        } else {
            self.others.remove(&(room, account, device));
        }
        before != self.is_typing(room, account)
    }

    /// A message of the account arrived, or it left. Whether it was typing.
    pub(crate) fn clear(&mut self, room: RoomId, account: AccountId) -> bool {
        let before = self.is_typing(room, account);
        self.others.retain(|(of, who, _), _| (*of, *who) != (room, account));
        before
    }

    /// A device is gone: the rooms in which its account typed with it and does no longer.
    pub(crate) fn gone(&mut self, device: DeviceId) -> Vec<(RoomId, AccountId)> {
        self.remove(|(_, _, who), _| *who == device)
    }

    /// What ran out by now.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<(RoomId, AccountId)> {
        self.remove(|_, until| *until <= now_ms)
    }

    fn remove(&mut self, ends: impl Fn(&(RoomId, AccountId, DeviceId), &u64) -> bool) -> Vec<(RoomId, AccountId)> {
        let ended: Vec<_> = self.others.iter().filter(|(key, until)| ends(key, until)).map(|(key, _)| *key).collect();
        for key in &ended {
            self.others.remove(key);
        }
        let mut stopped: Vec<(RoomId, AccountId)> = ended.iter().map(|(room, account, _)| (*room, *account)).collect();
        stopped.dedup();
        stopped.retain(|(room, account)| !self.is_typing(*room, *account));
        stopped
    }

    /// When [`Self::expire`] or [`Self::due`] has something next.
    pub(crate) fn next_timeout(&self) -> Option<u64> {
        let due = self.told.values().filter(|told| told.wants).map(|told| told.at_ms + CHANGE_AFTER_MS);
        self.others.values().copied().chain(due).min()
    }

    fn is_typing(&self, room: RoomId, account: AccountId) -> bool {
        self.others.keys().any(|(of, who, _)| (*of, *who) == (room, account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([1; 32]);
    const ADA: AccountId = AccountId([2; 16]);
    const LAPTOP: DeviceId = DeviceId([3; 32]);
    const PHONE: DeviceId = DeviceId([4; 32]);

    #[test]
    fn a_lost_stop_ends_by_itself() {
        let mut typing = Typing::default();
        assert!(typing.other(ROOM, ADA, LAPTOP, true, 0));
        assert!(!typing.other(ROOM, ADA, LAPTOP, true, 1_000));
        assert!(typing.expire(TYPING_HOLDS_MS).is_empty());
        assert_eq!(typing.expire(TYPING_HOLDS_MS + 1_000), vec![(ROOM, ADA)]);
        assert_eq!(typing.next_timeout(), None);
    }

    #[test]
    fn a_hundred_a_second_become_one() {
        let mut typing = Typing::default();
        let told = (0..100).filter(|at| typing.own(ROOM, true, at * 10)).count();
        assert_eq!(told, 1);
        assert!(typing.own(ROOM, false, 1_000));
        assert!(!typing.own(ROOM, false, 1_001));
        let flips = (0..100).filter(|at| typing.own(ROOM, at % 2 == 0, 1_002 + at * 10)).count();
        assert!(flips <= 2, "{flips} changes in a second");
    }

    #[test]
    fn a_start_right_after_a_stop_is_told_a_little_later() {
        let mut typing = Typing::default();
        assert!(typing.own(ROOM, true, 0));
        assert!(typing.own(ROOM, false, 100));
        assert!(!typing.own(ROOM, true, 200));
        assert_eq!(typing.next_timeout(), Some(1_100));
        assert!(typing.due(1_000).is_empty());
        assert_eq!(typing.due(1_100), vec![ROOM]);
        assert!(typing.due(1_200).is_empty());
        // A stop before its time takes it back.
        assert!(typing.own(ROOM, false, 1_300));
        assert!(!typing.own(ROOM, true, 1_400));
        assert!(!typing.own(ROOM, false, 1_500));
        assert!(typing.due(9_000).is_empty());
    }

    #[test]
    fn a_person_types_until_the_last_device_stops() {
        let mut typing = Typing::default();
        assert!(typing.other(ROOM, ADA, LAPTOP, true, 0));
        assert!(!typing.other(ROOM, ADA, PHONE, true, 0));
        assert!(!typing.other(ROOM, ADA, LAPTOP, false, 1));
        assert_eq!(typing.gone(PHONE), vec![(ROOM, ADA)]);
    }

    #[test]
    fn a_message_ends_its_authors_typing() {
        let mut typing = Typing::default();
        assert!(typing.other(ROOM, ADA, LAPTOP, true, 0));
        assert!(typing.clear(ROOM, ADA));
        assert!(!typing.clear(ROOM, ADA));
    }
}
