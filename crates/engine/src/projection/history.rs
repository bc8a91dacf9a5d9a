//! How far back a conversation is held: of each chain the first event that is here.
//!
//! Fed by `engine` with every stored event, of the newest first and of the oldest alike; asked by `messages.list`, since a
//! page says what was written only where no chain begins in the middle of it.
//!
//! # Invariants
//! 1. It depends on the events that were noted, not on their order. Test: `the_order_of_arrival_does_not_matter`.
//!
//! Not here: who has what is missing (`replica`).

use std::collections::BTreeMap;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::EventHeader;
use momoland_protocol::id::{ChainId, Seq};

/// The first event of a chain that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct First {
    seq: Seq,
    hlc: Hlc,
    roster_version: u64,
}

/// Where each chain of a conversation begins here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    firsts: BTreeMap<ChainId, First>,
}

impl History {
    /// Takes a stored event. Whether its chain is held further back than before.
    pub(crate) fn note(&mut self, header: &EventHeader, roster_version: u64) -> bool {
        let first = First { seq: header.seq, hlc: header.hlc, roster_version };
        let held = self.firsts.entry(header.chain()).or_insert(first);
        let older = first.seq < held.seq;
        if older {
            *held = first;
        }
        older
    }

    /// Chains that do not count any more are waited for by nobody: by chain, place and the roster version that it names.
    pub(crate) fn take_back(&mut self, is_cut: impl Fn(ChainId, Seq, u64) -> bool) {
        self.firsts.retain(|chain, first| !is_cut(*chain, first.seq, first.roster_version));
    }

    /// The chains that begin here in their middle, those that are held the least far back first.
    pub(crate) fn missing(&self) -> Vec<ChainId> {
        let mut missing: Vec<(Hlc, ChainId)> = self.begun_later().map(|(chain, first)| (first.hlc, *chain)).collect();
        missing.sort_by(|one, other| other.cmp(one));
        missing.into_iter().map(|(_, chain)| chain).collect()
    }

    /// From when on everything is here that was written; `None` where all of it is.
    pub(crate) fn edge(&self) -> Option<Hlc> {
        self.begun_later().map(|(_, first)| first.hlc).max()
    }

    fn begun_later(&self) -> impl Iterator<Item = (&ChainId, &First)> {
        self.firsts.iter().filter(|(_, first)| first.seq > Seq(1))
    }
}

#[cfg(test)]
mod tests;
