//! Who may write in a document: the lists of editors, as the document's author changed them, and what counts under each.
//!
//! The engine's home hands in the events that change the list, and asks about each update before the document folds it.
//! `docs/protocol.md`, Documents, has the rules.
//!
//! # Invariants
//! 1. The same changes give the same answers, whatever the order of arrival. Test: `prop_order_of_arrival_does_not_matter`.
//! 2. Who was taken off the list writes nothing more, whatever list an update names. Test: `backdating_gains_nothing`.
//! 3. Of two changes that did not know of each other, what either denies is denied. Test: `denial_wins`.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::document::{DocumentCut, Editors, EditorsChange};
use momoland_protocol::event::EventOrder;
use momoland_protocol::id::{AccountId, ChainId, EventId, LogId, Seq};

/// What an update is worth by the lists that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its author might write.
    Counts,
    /// Its author might not, or may not any more.
    Refused,
    /// It names a list that is not here yet.
    Unknown,
}

/// All lists of a document, in order.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    author: AccountId,
    /// What was announced.
    first: List,
    later: BTreeMap<EventOrder, List>,
}

#[derive(Debug, Clone)]
struct List {
    id: EventId,
    /// The lists that it follows: those that its author knew and no other followed.
    before: Vec<EventId>,
    editors: Editors,
    cuts: BTreeMap<ChainId, Seq>,
}

impl Rights {
    pub(crate) fn new(log: LogId, author: AccountId, editors: Editors) -> Self {
        let id = EventId(log.0);
        let first = List { id, before: Vec::new(), editors, cuts: BTreeMap::new() };
        Self { author, first, later: BTreeMap::new() }
    }

    /// Takes in a change. Whether it is new.
    pub(crate) fn take(&mut self, order: EventOrder, id: EventId, before: &[EventId], change: EditorsChange) -> bool {
        let EditorsChange { editors, cuts } = change;
        let cuts = cuts.into_iter().map(|DocumentCut { chain, seq }| (chain, seq)).collect();
        self.later.insert(order, List { id, before: before.to_vec(), editors, cuts }).is_none()
    }

    /// The list that holds now, and what it is called.
    pub(crate) fn current(&self) -> (EventId, &Editors) {
        let last = self.later.values().next_back().unwrap_or(&self.first);
        (last.id, &last.editors)
    }

    /// The lists that a new one follows.
    pub(crate) fn heads(&self) -> Vec<EventId> {
        let lists = self.lists();
        let followed = |id: &EventId| lists.iter().any(|list| list.before.contains(id));
        lists.iter().map(|list| list.id).filter(|id| !followed(id)).collect()
    }

    /// Whether somebody may write now.
    pub(crate) fn allows(&self, account: AccountId) -> bool {
        let lists = self.lists();
        self.allowed_at(&lists, lists.len() - 1, account)
    }

    /// What an update of an account is worth that stands in a chain and names a list.
    pub(crate) fn judge(&self, account: AccountId, chain: ChainId, seq: Seq, named: EventId) -> Verdict {
        let lists = self.lists();
        let Some(place) = lists.iter().position(|list| list.id == named) else { return Verdict::Unknown };
        if !self.allowed_at(&lists, place, account) {
            return Verdict::Refused;
        }
        let denied = (place + 1..lists.len()).any(|later| {
            let cut = lists.get(later).and_then(|list| list.cuts.get(&chain)).copied().unwrap_or_default();
            !self.allowed_at(&lists, later, account) && seq > cut
        });
        if denied { Verdict::Refused } else { Verdict::Counts }
    }

    /// What all lists are called that judge here.
    pub(crate) fn names(&self) -> BTreeSet<EventId> {
        self.lists().into_iter().map(|list| list.id).collect()
    }

    fn lists(&self) -> Vec<&List> {
        std::iter::once(&self.first).chain(self.later.values()).collect()
    }

    /// Whether a list lets an account write: by itself, and by those before it that its author did not know.
    fn allowed_at(&self, lists: &[&List], place: usize, account: AccountId) -> bool {
        let Some(list) = lists.get(place) else { return false };
        if !list.editors.allows(self.author, account) {
            return false;
        }
        let known = known_to(lists, list);
        let unknown = lists.iter().take(place).filter(|other| !known.contains(&other.id));
        unknown.into_iter().all(|other| other.editors.allows(self.author, account))
    }
}

/// The lists that the author of one knew: those that it follows.
fn known_to(lists: &[&List], list: &List) -> BTreeSet<EventId> {
    let (mut known, mut ahead) = (BTreeSet::new(), list.before.clone());
    while let Some(id) = ahead.pop() {
        if known.insert(id) {
            ahead.extend(lists.iter().filter(|list| list.id == id).flat_map(|list| &list.before));
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use momoland_protocol::clock::Hlc;
    use momoland_protocol::id::{DeviceId, Incarnation};
    use proptest::prelude::*;

    use super::*;

    const LOG: LogId = LogId([7; 32]);
    const ADA: AccountId = AccountId([1; 16]);
    const GRACE: AccountId = AccountId([2; 16]);
    const CAROL: AccountId = AccountId([3; 16]);
    const FIRST: EventId = EventId(LOG.0);

    fn chain(number: u8) -> ChainId {
        ChainId { device: DeviceId([number; 32]), incarnation: Incarnation([number; 16]) }
    }

    fn order(hlc: u64) -> EventOrder {
        let ChainId { device, incarnation } = chain(1);
        EventOrder { hlc: Hlc(hlc), device, incarnation, seq: Seq(hlc) }
    }

    fn listed(accounts: &[AccountId]) -> Editors {
        Editors::Listed { accounts: accounts.to_vec() }
    }

    fn change(editors: Editors, cuts: &[(u8, u64)]) -> EditorsChange {
        let cut = |(number, seq): &(u8, u64)| DocumentCut { chain: chain(*number), seq: Seq(*seq) };
        EditorsChange { editors, cuts: cuts.iter().map(cut).collect() }
    }

    fn id(number: u8) -> EventId {
        EventId([number; 32])
    }

    // Rules: DO6
    #[test]
    fn backdating_gains_nothing() {
        let mut rights = Rights::new(LOG, ADA, listed(&[GRACE, CAROL]));
        let judge = |rights: &Rights, seq, named| rights.judge(GRACE, chain(2), Seq(seq), named);
        assert_eq!(judge(&rights, 5, FIRST), Verdict::Counts);
        assert_eq!(judge(&rights, 5, id(11)), Verdict::Unknown);
        rights.take(order(10), id(11), &[FIRST], change(listed(&[CAROL]), &[(2, 3)]));
        assert!(!rights.allows(GRACE) && rights.allows(CAROL) && rights.allows(ADA));
        assert_eq!(judge(&rights, 3, FIRST), Verdict::Counts, "what counted before the cut counts");
        assert_eq!(judge(&rights, 4, FIRST), Verdict::Refused);
        assert_eq!(judge(&rights, 4, id(11)), Verdict::Refused);
        assert_eq!(rights.judge(GRACE, chain(9), Seq(1), FIRST), Verdict::Refused, "a chain that she kept back");
        assert_eq!(rights.judge(ADA, chain(1), Seq(99), FIRST), Verdict::Counts);
        // Let in again: what she wrote meanwhile stays refused.
        rights.take(order(20), id(12), &[id(11)], change(Editors::Members, &[]));
        assert_eq!(judge(&rights, 5, FIRST), Verdict::Refused);
        assert_eq!(judge(&rights, 5, id(12)), Verdict::Counts);
    }

    // Rules: DO6
    #[test]
    fn denial_wins() {
        let mut rights = Rights::new(LOG, ADA, listed(&[GRACE]));
        // From one device she is taken off, from another, which did not know, somebody else is let in.
        rights.take(order(10), id(11), &[FIRST], change(listed(&[]), &[(2, 3)]));
        rights.take(order(20), id(12), &[FIRST], change(listed(&[GRACE, CAROL]), &[]));
        assert!(!rights.allows(GRACE));
        assert!(!rights.allows(CAROL), "neither list knew of the other, so what one denies is denied");
        assert_eq!(rights.judge(GRACE, chain(2), Seq(4), id(12)), Verdict::Refused);
        // Who knows of both may let them in.
        assert_eq!(rights.heads(), [id(11), id(12)]);
        rights.take(order(30), id(13), &[id(12)], change(listed(&[CAROL]), &[(2, 3)]));
        assert!(!rights.allows(CAROL), "it follows one of them");
        let heads = rights.heads();
        rights.take(order(40), id(14), &heads, change(Editors::Members, &[]));
        assert!(rights.allows(CAROL) && rights.allows(GRACE));
        assert_eq!(rights.judge(GRACE, chain(2), Seq(4), id(12)), Verdict::Refused, "and takes nothing back");
    }

    proptest! {
        #[test]
        fn prop_order_of_arrival_does_not_matter(
            lists in prop::collection::vec((prop::collection::btree_set(1..4_u8, 0..3), 0..5_u8, 0..5_u64), 1..6),
            turn in any::<prop::sample::Index>(),
        ) {
            let changes: Vec<_> = lists.iter().enumerate().map(|(place, (accounts, before, cut))| {
                let accounts: Vec<AccountId> = accounts.iter().map(|it| AccountId([*it; 16])).collect();
                let place = u8::try_from(place).unwrap();
                let before = if *before <= place && *before > 0 { id(10 + before - 1) } else { FIRST };
                (order(u64::from(place) + 10), id(10 + place), before, change(listed(&accounts), &[(2, *cut)]))
            }).collect();
            let fold = |changes: &[(EventOrder, EventId, EventId, EditorsChange)]| {
                let mut rights = Rights::new(LOG, ADA, Editors::Members);
                for (order, id, before, change) in changes {
                    rights.take(*order, *id, &[*before], change.clone());
                }
                rights
            };
            let mut shuffled = changes.clone();
            shuffled.rotate_left(turn.index(changes.len()));
            shuffled.reverse();
            let (one, other) = (fold(&changes), fold(&shuffled));
            for account in [ADA, GRACE, CAROL] {
                prop_assert_eq!(one.allows(account), other.allows(account));
                for seq in 1..6 {
                    for named in (0..8).map(|it| if it == 7 { FIRST } else { id(10 + it) }) {
                        let judged = |rights: &Rights| rights.judge(account, chain(2), Seq(seq), named);
                        prop_assert_eq!(judged(&one), judged(&other));
                    }
                }
            }
        }
    }
}
