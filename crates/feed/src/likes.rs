//! Who likes one post or comment: of each person the latest word.
//!
//! A feed has many times more likes than posts, so one is kept in little room, and nothing is counted anew for one.
//!
//! # Invariants
//! 1. `count` is the number of people whose latest word is a like. Test: `prop_feeds_converge`, by what is shown.

use momoland_protocol::event::EventOrder;
use momoland_protocol::id::AccountId;

use crate::lists::{List, Lists};
use crate::names::{Names, Stamp};

/// What was said of one item, by person and of each person in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Likes {
    pub(crate) words: List<Word>,
    count: u32,
}

/// That somebody likes something, or no longer does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    stamp: Stamp,
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
        (lists, names): (&mut Lists<Word>, &mut Names),
        author: AccountId,
        order: EventOrder,
        roster_version: u64,
        on: bool,
    ) {
        let Some(stamp) = Stamp::of(order, author, names) else { return };
        let version = u32::try_from(roster_version).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let word = Word { stamp, version_and_on: version * 2 + u32::from(on) };
        let place = |held: &Word| (held.stamp.author(names), held.stamp.order(names));
        let words = lists.get(&self.words);
        let Err(at) = words.binary_search_by_key(&(Some(author), Some(order)), place) else { return };
        // The latest of this person before, and since: what was said after it stands behind it.
        let by_author = |word: &&Word| word.stamp.author(names) == Some(author);
        let (earlier, later) = words.split_at(at);
        let last_later = later.iter().take_while(by_author).last();
        let latest = last_later.or_else(|| earlier.last().filter(by_author));
        let before = latest.is_some_and(Word::on);
        let after = last_later.map_or(on, Word::on);
        lists.change(&mut self.words, |words| words.insert(at, word));
        self.count = self.count.saturating_sub(u32::from(before)).saturating_add(u32::from(after));
    }

    pub(crate) fn is_liked_by(&self, lists: &Lists<Word>, names: &Names, account: AccountId) -> bool {
        let words = lists.get(&self.words);
        let end = words.partition_point(|word| word.stamp.author(names) <= Some(account));
        let latest = words.get(..end).and_then(<[Word]>::last);
        latest.is_some_and(|word| word.stamp.author(names) == Some(account) && word.on())
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Takes back what is beyond a cut. Whether anything was.
    pub(crate) fn take_back(
        &mut self,
        lists: &mut Lists<Word>,
        names: &Names,
        is_cut: impl Fn(&EventOrder, u64) -> bool,
    ) -> bool {
        let cut = |word: &Word| word.stamp.order(names).is_some_and(|order| is_cut(&order, word.roster_version()));
        if !lists.get(&self.words).iter().any(cut) {
            return false;
        }
        lists.change(&mut self.words, |words| words.retain(|word| !cut(word)));
        let by_one = |one: &Word, other: &Word| one.stamp.author(names) == other.stamp.author(names);
        let people = lists.get(&self.words).chunk_by(by_one);
        let liking = people.filter(|words| words.last().is_some_and(Word::on)).count();
        self.count = u32::try_from(liking).unwrap_or(u32::MAX);
        true
    }
}
