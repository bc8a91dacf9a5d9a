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

/// That somebody likes something, or no longer does: it is marked where it is a like.
pub(crate) type Word = Stamp;

impl Likes {
    pub(crate) fn say(
        &mut self,
        (lists, names): (&mut Lists<Word>, &mut Names),
        author: AccountId,
        order: EventOrder,
        roster_version: u64,
        on: bool,
    ) {
        let Some(word) = Stamp::of(order, author, roster_version, on, names) else { return };
        let place = |held: &Word| (held.author(names), held.order(names));
        let words = lists.get(&self.words);
        let Err(at) = words.binary_search_by_key(&(Some(author), Some(order)), place) else { return };
        // The latest of this person before, and since: what was said after it stands behind it.
        let by_author = |word: &&Word| word.author(names) == Some(author);
        let (earlier, later) = words.split_at(at);
        let last_later = later.iter().take_while(by_author).last();
        let latest = last_later.or_else(|| earlier.last().filter(by_author));
        let before = latest.is_some_and(Word::is_marked);
        let after = last_later.map_or(on, Word::is_marked);
        lists.change(&mut self.words, |words| words.insert(at, word));
        self.count = self.count.saturating_sub(u32::from(before)).saturating_add(u32::from(after));
    }

    pub(crate) fn is_liked_by(&self, lists: &Lists<Word>, names: &Names, account: AccountId) -> bool {
        let words = lists.get(&self.words);
        let end = words.partition_point(|word| word.author(names) <= Some(account));
        let latest = words.get(..end).and_then(<[Word]>::last);
        latest.is_some_and(|word| word.author(names) == Some(account) && word.is_marked())
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
        let is_cut = |word: &Word| Some(is_cut(&word.order(names)?, word.roster_version(names)?));
        let cut = |word: &Word| is_cut(word).unwrap_or_default();
        if !lists.get(&self.words).iter().any(cut) {
            return false;
        }
        lists.change(&mut self.words, |words| words.retain(|word| !cut(word)));
        let by_one = |one: &Word, other: &Word| one.author(names) == other.author(names);
        let people = lists.get(&self.words).chunk_by(by_one);
        let liking = people.filter(|words| words.last().is_some_and(Word::is_marked)).count();
        self.count = u32::try_from(liking).unwrap_or(u32::MAX);
        true
    }
}
