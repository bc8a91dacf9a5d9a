//! Who belongs to which rooms: the rosters' present members, indexed both ways.
//!
//! Presence and introductions ask it "whom do these two have in common", for which folding rosters would be too slow.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::id::{AccountId, RoomId};

/// Accounts by room and rooms by account; neither holds an empty set.
#[derive(Debug, Default)]
pub struct Membership {
    members: BTreeMap<RoomId, BTreeSet<AccountId>>,
    rooms: BTreeMap<AccountId, BTreeSet<RoomId>>,
    /// The public feed: everybody may be in it, so to share it is not to know each other.
    apart: Option<RoomId>,
}

/// What one update changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moved {
    pub joined: Vec<AccountId>,
    pub left: Vec<AccountId>,
}

impl Membership {
    /// `public_feed`: the room in which people do not meet.
    pub fn new(public_feed: RoomId) -> Self {
        Self { apart: Some(public_feed), ..Self::default() }
    }

    /// Whether the members of a room are told of each other.
    pub fn meet_in(&self, room: RoomId) -> bool {
        self.apart != Some(room)
    }

    /// Takes a room's present members; none: the room is gone.
    pub fn update(&mut self, room: RoomId, members: BTreeSet<AccountId>) -> Moved {
        let before = self.members.remove(&room).unwrap_or_default();
        let joined: Vec<AccountId> = members.difference(&before).copied().collect();
        let left: Vec<AccountId> = before.difference(&members).copied().collect();
        for account in &joined {
            self.rooms.entry(*account).or_default().insert(room);
        }
        for account in &left {
            if let Some(rooms) = self.rooms.get_mut(account) {
                rooms.remove(&room);
                if rooms.is_empty() {
                    self.rooms.remove(account);
                }
            }
        }
        if !members.is_empty() {
            self.members.insert(room, members);
        }
        Moved { joined, left }
    }

    pub fn rooms_of(&self, account: AccountId) -> Option<&BTreeSet<RoomId>> {
        self.rooms.get(&account)
    }

    pub fn members_of(&self, room: RoomId) -> Option<&BTreeSet<AccountId>> {
        self.members.get(&room)
    }

    /// How many rooms have members.
    pub fn rooms(&self) -> usize {
        self.members.len()
    }

    /// Everybody who shares a room with an account, itself included.
    pub fn companions(&self, account: AccountId) -> BTreeSet<AccountId> {
        let rooms = self.rooms.get(&account).into_iter().flatten();
        let mut companions: BTreeSet<AccountId> = rooms
            .filter(|room| self.meet_in(**room))
            .filter_map(|room| self.members.get(room))
            .flatten()
            .copied()
            .collect();
        companions.insert(account);
        companions
    }

    /// # Panics
    /// Where the two indexes do not say the same.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let forth: BTreeSet<(RoomId, AccountId)> =
            self.members.iter().flat_map(|(room, members)| members.iter().map(|account| (*room, *account))).collect();
        let back: BTreeSet<(RoomId, AccountId)> =
            self.rooms.iter().flat_map(|(account, rooms)| rooms.iter().map(|room| (*room, *account))).collect();
        assert_eq!(forth, back);
        assert!(self.members.values().all(|members| !members.is_empty()));
        assert!(self.rooms.values().all(|rooms| !rooms.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(number: u8) -> AccountId {
        AccountId([number; 16])
    }

    fn room(number: u8) -> RoomId {
        RoomId([number; 32])
    }

    #[test]
    fn an_update_says_who_came_and_went() {
        let mut membership = Membership::default();
        membership.update(room(1), [account(1), account(2)].into());
        let moved = membership.update(room(1), [account(2), account(3)].into());
        assert_eq!(moved, Moved { joined: vec![account(3)], left: vec![account(1)] });
        assert_eq!(membership.companions(account(2)), [account(2), account(3)].into());
        assert_eq!(membership.companions(account(1)), [account(1)].into());
        membership.update(room(1), BTreeSet::new());
        membership.check_invariants();
        assert_eq!(membership.rooms(), 0);
    }

    #[test]
    fn in_the_public_feed_nobody_meets() {
        let mut membership = Membership::new(room(9));
        membership.update(room(9), [account(1), account(2), account(3)].into());
        membership.update(room(1), [account(1), account(2)].into());
        assert_eq!(membership.companions(account(1)), [account(1), account(2)].into());
        assert_eq!(membership.companions(account(3)), [account(3)].into());
    }

    proptest! {
        #[test]
        fn prop_the_indexes_say_the_same(
            updates in proptest::collection::vec((0_u8..6, proptest::collection::btree_set(0_u8..6, 0..6)), 0..60),
        ) {
            let mut membership = Membership::default();
            let mut model: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
            for (which, members) in updates {
                membership.update(room(which), members.iter().copied().map(account).collect());
                model.insert(which, members);
                membership.check_invariants();
            }
            for one in 0..6 {
                let expected: BTreeSet<AccountId> = model
                    .values()
                    .filter(|members| members.contains(&one))
                    .flatten()
                    .chain([&one])
                    .copied()
                    .map(account)
                    .collect();
                prop_assert_eq!(membership.companions(account(one)), expected);
            }
        }
    }
}
