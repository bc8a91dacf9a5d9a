//! Who likes one post or comment: of each person the latest word.
//!
//! A feed has many times more likes than posts, so one is kept in little room, and nothing is counted anew for one.
//!
//! # Invariants
//! 1. `count` is the number of people whose latest word is a like. Test: `prop_feeds_converge`, by what is shown.

use momoland_protocol::event::EventOrder;
use momoland_protocol::id::AccountId;

use crate::names::{Names, Stamp};

/// What was said of one item, by person and of each person in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Likes {
    words: Vec<Word>,
    count: u32,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    stamp: Stamp,
    account: u32,
    /// The roster version, of which there are some twenty thousand at most, doubled; and one more where it is a like.
    version_and_on: u32,
}

impl Word {
    fn on(&self) -> bool {
        self.version_and_on % 2 == 1
    }

    fn roster_version(&self) -> u64 {
        u64::from(self.version_and_on / 2)
    }
}

impl Likes {
    pub(crate) fn say(
        &mut self,
        names: &mut Names,
        account: AccountId,
        order: EventOrder,
        roster_version: u64,
        on: bool,
    ) {
        let (Some(account), Some(stamp)) = (names.accounts.number_of(account), Stamp::of(order, names)) else { return };
        let version = u32::try_from(roster_version).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let word = Word { stamp, account, version_and_on: version * 2 + u32::from(on) };
        let place = |held: &Word| (held.account, held.stamp.order(names));
        let Err(at) = self.words.binary_search_by_key(&(account, Some(order)), place) else { return };
        let before = self.latest(account).is_some_and(Word::on);
        if self.words.len() == self.words.capacity() {
            // Less than doubled: a feed has thousands of these lists.
            self.words.reserve_exact(1 + self.words.len() / 4);
        }
        self.words.insert(at, word);
        let after = self.latest(account).is_some_and(Word::on);
        self.count = self.count.saturating_sub(u32::from(before)).saturating_add(u32::from(after));
    }

    fn latest(&self, account: u32) -> Option<&Word> {
        let end = self.words.partition_point(|word| word.account <= account);
        self.words.get(..end)?.last().filter(|word| word.account == account)
    }

    pub(crate) fn is_liked_by(&self, names: &Names, account: AccountId) -> bool {
        let number = names.accounts.known(account);
        number.and_then(|number| self.latest(number)).is_some_and(Word::on)
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// How much was said.
    pub(crate) fn said(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn take_back(&mut self, names: &Names, is_cut: impl Fn(&EventOrder, u64) -> bool) {
        let cut = |word: &Word| word.stamp.order(names).is_some_and(|order| is_cut(&order, word.roster_version()));
        self.words.retain(|word| !cut(word));
        let people = self.words.chunk_by(|one, other| one.account == other.account);
        let liking = people.filter(|words| words.last().is_some_and(Word::on)).count();
        self.count = u32::try_from(liking).unwrap_or(u32::MAX);
    }
}
