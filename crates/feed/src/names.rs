//! What thousands of things in one feed name, each by a number.

use std::collections::BTreeMap;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{EventOrder, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, Seq};

/// A chain, whose it is, and the roster version that its events name.
type Writer = (ChainId, AccountId, u64);

/// Those who wrote in one feed, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    numbers: BTreeMap<Writer, u32>,
    all: Vec<Writer>,
}

impl Names {
    /// The number of a writer, who gets one where they are new. `None` beyond more than can be held anyway.
    fn number_of(&mut self, writer: Writer) -> Option<u32> {
        if let Some(number) = self.numbers.get(&writer) {
            return Some(*number);
        }
        let number = u32::try_from(self.all.len()).ok()?;
        self.numbers.insert(writer, number);
        self.all.push(writer);
        Some(number)
    }
}

/// Who wrote an event, where and when, by which roster, and one thing more. In words of four bytes: there is one of each like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    hlc: [u32; 2],
    writer: u32,
    /// The sequence number doubled, and one more where it is marked.
    seq_and_mark: u32,
}

impl Stamp {
    /// `None`: so long a chain is nobody's.
    pub(crate) fn of(
        order: EventOrder,
        author: AccountId,
        roster_version: u64,
        marked: bool,
        names: &mut Names,
    ) -> Option<Self> {
        let seq_and_mark = u32::try_from(order.seq.0).ok()?.checked_mul(2)? + u32::from(marked);
        let writer = names.number_of((order.chain(), author, roster_version))?;
        Some(Self { hlc: split(order.hlc), writer, seq_and_mark })
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.seq_and_mark % 2 == 1
    }

    fn seq(&self) -> Seq {
        Seq(u64::from(self.seq_and_mark / 2))
    }

    fn writer(&self, names: &Names) -> Option<Writer> {
        names.all.get(usize::try_from(self.writer).ok()?).copied()
    }

    pub(crate) fn hlc(&self) -> Hlc {
        joined(self.hlc)
    }

    pub(crate) fn author(&self, names: &Names) -> Option<AccountId> {
        self.writer(names).map(|(_, author, _)| author)
    }

    pub(crate) fn roster_version(&self, names: &Names) -> Option<u64> {
        self.writer(names).map(|(_, _, version)| version)
    }

    pub(crate) fn order(&self, names: &Names) -> Option<EventOrder> {
        let (ChainId { device, incarnation }, _, _) = self.writer(names)?;
        Some(EventOrder { hlc: self.hlc(), device, incarnation, seq: self.seq() })
    }

    pub(crate) fn place(&self, names: &Names) -> Option<EventPlace> {
        let (chain, _, _) = self.writer(names)?;
        Some(EventPlace { chain, seq: self.seq() })
    }
}

/// A clock in two words, the higher first.
pub(crate) fn split(hlc: Hlc) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = hlc.0.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

pub(crate) fn joined([high, low]: [u32; 2]) -> Hlc {
    Hlc(u64::from(high) << 32 | u64::from(low))
}
