//! Who likes one post or comment: of each person the latest word.
//!
//! A feed has many times more likes than posts, so one is kept in little room, and nothing is counted anew for one.
//!
//! # Invariants
//! 1. `count` is the number of people whose latest word is a like. Test: `prop_feeds_converge`, by what is shown.

use std::collections::BTreeMap;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::EventOrder;
use momoland_protocol::id::{AccountId, ChainId, Seq};

/// The chains of one feed, each by a number: thousands of likes name the same few.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chains {
    numbers: BTreeMap<ChainId, u32>,
    all: Vec<ChainId>,
}

impl Chains {
    /// `None` beyond more chains than can be held anyway.
    fn number_of(&mut self, chain: ChainId) -> Option<u32> {
        if let Some(number) = self.numbers.get(&chain) {
            return Some(*number);
        }
        let number = u32::try_from(self.all.len()).ok()?;
        self.numbers.insert(chain, number);
        self.all.push(chain);
        Some(number)
    }

    fn order_of(&self, word: &Word) -> Option<EventOrder> {
        let ChainId { device, incarnation } = *self.all.get(usize::try_from(word.chain).ok()?)?;
        Some(EventOrder { hlc: word.hlc, device, incarnation, seq: word.seq })
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Likes {
    by: BTreeMap<AccountId, Words>,
    count: u32,
}

/// What one person said, the latest last. Most say one thing once.
#[derive(Debug, Clone)]
enum Words {
    One(Word),
    Several(Vec<Word>),
}

#[derive(Debug, Clone)]
struct Word {
    hlc: Hlc,
    seq: Seq,
    chain: u32,
    roster_version: u32,
    on: bool,
}

impl Words {
    fn all(&self) -> &[Word] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Several(words) => words,
        }
    }

    fn on(&self) -> bool {
        self.all().last().is_some_and(|word| word.on)
    }
}

impl Likes {
    pub(crate) fn say(
        &mut self,
        chains: &mut Chains,
        account: AccountId,
        order: EventOrder,
        roster_version: u64,
        on: bool,
    ) {
        let Some(chain) = chains.number_of(order.chain()) else { return };
        // A roster has some twenty thousand changes at most.
        let roster_version = u32::try_from(roster_version).unwrap_or(u32::MAX);
        let word = Word { hlc: order.hlc, seq: order.seq, chain, roster_version, on };
        let Some(words) = self.by.get_mut(&account) else {
            self.count += u32::from(on);
            self.by.insert(account, Words::One(word));
            return;
        };
        let before = words.on();
        match words.all().binary_search_by_key(&Some(order), |word| chains.order_of(word)) {
            Ok(_) => return,
            Err(at) => {
                let mut all = words.all().to_vec();
                all.insert(at, word);
                *words = Words::Several(all);
            }
        }
        self.count = self.count.saturating_sub(u32::from(before)).saturating_add(u32::from(words.on()));
    }

    pub(crate) fn is_liked_by(&self, account: AccountId) -> bool {
        self.by.get(&account).is_some_and(Words::on)
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// How much was said.
    pub(crate) fn said(&self) -> usize {
        self.by.values().map(|words| words.all().len()).sum()
    }

    pub(crate) fn take_back(&mut self, chains: &Chains, is_cut: impl Fn(&EventOrder, u64) -> bool) {
        let cut =
            |word: &Word| chains.order_of(word).is_some_and(|order| is_cut(&order, u64::from(word.roster_version)));
        self.by.retain(|_, words| {
            if words.all().iter().any(&cut) {
                *words = Words::Several(words.all().iter().filter(|word| !cut(word)).cloned().collect());
            }
            !words.all().is_empty()
        });
        self.count = u32::try_from(self.by.values().filter(|words| words.on()).count()).unwrap_or(u32::MAX);
    }
}
