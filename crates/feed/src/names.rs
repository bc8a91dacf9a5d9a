//! What thousands of things in one feed name, each by a number.

use std::collections::BTreeMap;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{EventOrder, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, Seq};

/// The chains and people of one feed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) chains: Numbered<ChainId>,
    pub(crate) accounts: Numbered<AccountId>,
}

/// Names in the order in which they came.
#[derive(Debug, Clone)]
pub(crate) struct Numbered<T> {
    numbers: BTreeMap<T, u32>,
    all: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), all: Vec::new() }
    }
}

impl<T: Copy + Ord> Numbered<T> {
    /// The number of a name, which gets one where it is new. `None` beyond more names than can be held anyway.
    pub(crate) fn number_of(&mut self, name: T) -> Option<u32> {
        if let Some(number) = self.known(name) {
            return Some(number);
        }
        let number = u32::try_from(self.all.len()).ok()?;
        self.numbers.insert(name, number);
        self.all.push(name);
        Some(number)
    }

    pub(crate) fn known(&self, name: T) -> Option<u32> {
        self.numbers.get(&name).copied()
    }

    pub(crate) fn name_of(&self, number: u32) -> Option<T> {
        self.all.get(usize::try_from(number).ok()?).copied()
    }
}

/// Where and when an event was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) hlc: Hlc,
    chain: u32,
    seq: u32,
}

impl Stamp {
    /// `None`: so long a chain is nobody's.
    pub(crate) fn of(order: EventOrder, names: &mut Names) -> Option<Self> {
        let seq = u32::try_from(order.seq.0).ok()?;
        Some(Self { hlc: order.hlc, chain: names.chains.number_of(order.chain())?, seq })
    }

    pub(crate) fn order(&self, names: &Names) -> Option<EventOrder> {
        let ChainId { device, incarnation } = names.chains.name_of(self.chain)?;
        Some(EventOrder { hlc: self.hlc, device, incarnation, seq: Seq(u64::from(self.seq)) })
    }

    pub(crate) fn place(&self, names: &Names) -> Option<EventPlace> {
        let order = self.order(names)?;
        Some(EventPlace { chain: order.chain(), seq: order.seq })
    }
}
