//! What every backend must do, run over each of them.
//!
//! A backend makes itself a [`Backend`] and names the suite with [`suite`]; each rule is then a test of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{
    BATCH_BYTES_MAX, Batch, Durability, Expect, KEY_BYTES_MAX, KeyRange, MemoryStore, Order, Pair, RANGE_PAIRS_MAX,
    Store, StoreError, VALUE_BYTES_MAX,
};

/// One empty store, and a way to close and open it again.
pub(super) trait Backend: Sized {
    /// How many cases the property test runs: a backend on a disk is slower.
    const CASES: u32;
    fn new() -> Self;
    fn store(&self) -> Arc<dyn Store>;
    /// Closes the store cleanly and opens it again. Nobody else holds it.
    fn reopen(&mut self);
}

/// Makes a test of each rule, for one backend.
macro_rules! suite {
    ($backend:ty) => {
        $crate::kv::conformance::suite!($backend:
            a_value_is_read_as_it_was_written,
            a_range_is_half_open_ordered_and_bounded,
            a_batch_with_a_failed_requirement_changes_nothing,
            of_several_operations_on_a_key_the_last_counts,
            what_is_beyond_a_limit_is_refused_and_the_store_goes_on,
            an_empty_batch_is_accepted,
            a_clean_close_keeps_buffered_commits,
            of_concurrent_claims_exactly_one_wins,
            a_range_never_shows_half_of_a_commit,
            it_behaves_like_an_ordered_map,
        );
    };
    ($backend:ty: $($rule:ident,)*) => {
        $(#[test] fn $rule() { $crate::kv::conformance::$rule::<$backend>(); })*
    };
}
pub(super) use suite;

/// Every pair of the store.
pub(super) fn all(store: &dyn Store) -> Vec<Pair> {
    store.range(&KeyRange::all(), Order::Ascending, usize::MAX).unwrap()
}

fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

pub(super) fn a_value_is_read_as_it_was_written<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    for value in [vec![], vec![0], vec![0xFF; 100], vec![7; 300 * 1024]] {
        for key in [vec![0], vec![0xFF], b"key".to_vec(), vec![1; KEY_BYTES_MAX]] {
            store.commit(put(key.clone(), value.clone()), Durability::Synced).unwrap();
            assert_eq!(store.get(&key).unwrap(), Some(value.clone()));
        }
    }
    assert_eq!(store.get(b"").unwrap(), None);
    assert_eq!(store.get(b"ke").unwrap(), None);
    let mut batch = Batch::new();
    batch.delete("key").delete("never there");
    store.commit(batch, Durability::Buffered).unwrap();
    assert_eq!(store.get(b"key").unwrap(), None);
    assert_eq!(all(store.as_ref()).len(), 3);
    assert!(store.size_on_disk().unwrap() > 0);
}

pub(super) fn a_range_is_half_open_ordered_and_bounded<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut batch = Batch::new();
    for key in ["a", "b", "ba", "bb", "c"] {
        batch.put(key, key);
    }
    store.commit(batch, Durability::Buffered).unwrap();
    let check = |range: KeyRange, order, limit, expected: &str| {
        let found = store.range(&range, order, limit).unwrap();
        let keys: Vec<_> = found.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
        assert_eq!(keys.join(" "), expected, "{range:?} {order:?} {limit}");
    };
    let (up, down) = (Order::Ascending, Order::Descending);
    check(KeyRange::all(), up, 10, "a b ba bb c");
    check(KeyRange::all(), down, 10, "c bb ba b a");
    check(KeyRange::all(), up, 2, "a b");
    check(KeyRange::all(), down, 2, "c bb");
    check(KeyRange::all(), up, 0, "");
    check(KeyRange::new("b", "c"), up, 10, "b ba bb");
    check(KeyRange::new("b", "c"), down, 1, "bb");
    check(KeyRange::new("", "b"), up, 10, "a");
    check(KeyRange::new("", ""), up, 10, "");
    check(KeyRange::new("c", "a"), up, 10, "");
    check(KeyRange::new("c", "a"), down, 10, "");
    check(KeyRange::prefix("b"), up, 10, "b ba bb");
    check(KeyRange::prefix("b").after(b"b"), up, 10, "ba bb");
    check(KeyRange::prefix("b").before(b"bb"), down, 10, "ba b");
    check(KeyRange::starting_at("bb"), up, 10, "bb c");

    let many = u32::try_from(RANGE_PAIRS_MAX).unwrap() + 1;
    let mut batch = Batch::new();
    for number in 0..many {
        batch.put(number.to_be_bytes(), "");
    }
    store.commit(batch, Durability::Buffered).unwrap();
    assert_eq!(all(store.as_ref()).len(), RANGE_PAIRS_MAX);
}

pub(super) fn a_batch_with_a_failed_requirement_changes_nothing<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    store.commit(put("a", "1"), Durability::Synced).unwrap();
    let mut batch = put("b", "2");
    batch.delete("a").require("a", Expect::Value(b"1".to_vec())).require("c", Expect::Value(b"".to_vec()));
    assert_eq!(store.commit(batch, Durability::Synced), Err(StoreError::Conflict { key: b"c".to_vec() }));
    let mut batch = put("b", "2");
    batch.require("a", Expect::Absent);
    assert_eq!(store.commit(batch, Durability::Synced), Err(StoreError::Conflict { key: b"a".to_vec() }));
    assert_eq!(all(store.as_ref()), [(b"a".to_vec(), b"1".to_vec())]);

    // Requirements look at the state before the batch, which may write the same keys.
    let mut batch = put("a", "2");
    batch.put("b", "2").require("a", Expect::Value(b"1".to_vec())).require("b", Expect::Absent);
    store.commit(batch, Durability::Synced).unwrap();
    assert_eq!(all(store.as_ref()).len(), 2);
}

pub(super) fn of_several_operations_on_a_key_the_last_counts<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut batch = put("a", "1");
    batch.delete("a").put("a", "2").put("b", "1").delete("b");
    store.commit(batch, Durability::Synced).unwrap();
    assert_eq!(all(store.as_ref()), [(b"a".to_vec(), b"2".to_vec())]);
}

pub(super) fn what_is_beyond_a_limit_is_refused_and_the_store_goes_on<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut large = Batch::new();
    for number in 0..=(BATCH_BYTES_MAX / VALUE_BYTES_MAX) {
        large.put(format!("{number}"), vec![0; VALUE_BYTES_MAX]);
    }
    let mut required = Batch::new();
    required.require("", Expect::Absent);
    for (batch, expected) in [
        (put("", "x"), StoreError::EmptyKey),
        (required, StoreError::EmptyKey),
        (
            put(vec![1; KEY_BYTES_MAX + 1], "x"),
            StoreError::TooLarge { what: "key", bytes: KEY_BYTES_MAX + 1, bytes_max: KEY_BYTES_MAX },
        ),
        (
            put("k", vec![1; VALUE_BYTES_MAX + 1]),
            StoreError::TooLarge { what: "value", bytes: VALUE_BYTES_MAX + 1, bytes_max: VALUE_BYTES_MAX },
        ),
        (large.clone(), StoreError::TooLarge { what: "batch", bytes: large.bytes(), bytes_max: BATCH_BYTES_MAX }),
    ] {
        assert!(!expected.halts());
        assert_eq!(store.commit(batch, Durability::Synced), Err(expected));
    }
    store.commit(put("k", vec![1; VALUE_BYTES_MAX]), Durability::Synced).unwrap();
    assert_eq!(all(store.as_ref()).len(), 1);
}

pub(super) fn an_empty_batch_is_accepted<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    store.commit(Batch::new(), Durability::Buffered).unwrap();
    store.commit(Batch::new(), Durability::Synced).unwrap();
    assert_eq!(all(store.as_ref()), []);
}

pub(super) fn a_clean_close_keeps_buffered_commits<B: Backend>() {
    let mut backend = B::new();
    for round in 0..3_u8 {
        backend.store().commit(put([round], [round]), Durability::Buffered).unwrap();
        backend.reopen();
        assert_eq!(all(backend.store().as_ref()).len(), usize::from(round) + 1);
    }
}

pub(super) fn of_concurrent_claims_exactly_one_wins<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    std::thread::scope(|scope| {
        let claims: Vec<_> = (0..4_u8)
            .map(|claimant| {
                let store = &store;
                scope.spawn(move || {
                    let wins = |round: &u8| {
                        let mut claim = put([*round], [claimant]);
                        claim.require([*round], Expect::Absent);
                        store.commit(claim, Durability::Buffered).is_ok()
                    };
                    (0..50).filter(wins).count()
                })
            })
            .collect();
        let wins: usize = claims.into_iter().map(|claim| claim.join().unwrap()).sum();
        assert_eq!(wins, 50);
    });
}

pub(super) fn a_range_never_shows_half_of_a_commit<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200_u32 {
                let mut batch = Batch::new();
                for key in 0..40_u8 {
                    batch.put([key], round.to_be_bytes());
                }
                store.commit(batch, Durability::Buffered).unwrap();
            }
            over.store(true, Ordering::SeqCst);
        });
        let mut order = Order::Ascending;
        while !over.load(Ordering::SeqCst) {
            let seen = store.range(&KeyRange::all(), order, 100).unwrap();
            assert!(seen.is_empty() || seen.len() == 40);
            assert!(seen.windows(2).all(|pairs| pairs[0].1 == pairs[1].1));
            order = if order == Order::Ascending { Order::Descending } else { Order::Ascending };
        }
    });
}

/// One step of the property test.
#[derive(Debug, Clone)]
enum Step {
    Commit { requirements: Vec<(Vec<u8>, Option<Vec<u8>>)>, operations: Vec<(Vec<u8>, Option<Vec<u8>>)>, synced: bool },
    Get(Vec<u8>),
    Range { range: KeyRange, descending: bool, limit: usize },
    Reopen,
}

/// Few keys, so that steps meet; bytes at the edges, so that order and prefixes are tried.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xFE, 0xFF]), 1..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => prop::collection::vec(any::<u8>(), 0..8), 1 => (any::<u8>(), 1..40_000_usize).prop_map(|(byte, length)| vec![byte; length])]
}

fn step() -> impl Strategy<Value = Step> {
    let writes = || prop::collection::vec((key(), prop::option::weighted(0.7, value())), 0..6);
    let edge = || prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xFE, 0xFF]), 0..4);
    let range = prop_oneof![
        edge().prop_map(KeyRange::prefix),
        edge().prop_map(KeyRange::starting_at),
        (edge(), edge()).prop_map(|(start, end)| KeyRange::new(start, end)),
    ];
    let requirements = prop::collection::vec((key(), prop::option::weighted(0.3, value())), 0..2);
    prop_oneof![
        6 => (requirements, writes(), any::<bool>())
            .prop_map(|(requirements, operations, synced)| Step::Commit { requirements, operations, synced }),
        2 => key().prop_map(Step::Get),
        3 => (range, any::<bool>(), 0..20_usize)
            .prop_map(|(range, descending, limit)| Step::Range { range, descending, limit }),
        1 => Just(Step::Reopen),
    ]
}

pub(super) fn it_behaves_like_an_ordered_map<B: Backend>() {
    let config = Config { cases: B::CASES, failure_persistence: None, ..Config::default() };
    let checked = TestRunner::new(config).run(&prop::collection::vec(step(), 1..40), |steps| {
        let mut backend = B::new();
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Commit { requirements, operations, synced } => {
                    let durability = if synced { Durability::Synced } else { Durability::Buffered };
                    let mut batch = Batch::new();
                    let failing = requirements.iter().find(|(key, value)| model.get(key) != value.as_ref());
                    let expected = match failing {
                        Some((key, _)) => Err(StoreError::Conflict { key: key.clone() }),
                        None => Ok(()),
                    };
                    for (key, value) in requirements {
                        batch.require(key, value.map_or(Expect::Absent, Expect::Value));
                    }
                    for (key, value) in operations {
                        match value {
                            Some(value) => {
                                batch.put(key.clone(), value.clone());
                                if expected.is_ok() {
                                    model.insert(key, value);
                                }
                            }
                            None => {
                                batch.delete(key.clone());
                                if expected.is_ok() {
                                    model.remove(&key);
                                }
                            }
                        }
                    }
                    prop_assert_eq!(backend.store().commit(batch, durability), expected);
                }
                Step::Get(key) => prop_assert_eq!(backend.store().get(&key), Ok(model.get(&key).cloned())),
                Step::Range { range, descending, limit } => {
                    let matching = model.iter().filter(|(key, _)| range.contains(key));
                    let mut expected: Vec<_> = matching.map(|(key, value)| (key.clone(), value.clone())).collect();
                    let order = if descending { Order::Descending } else { Order::Ascending };
                    if descending {
                        expected.reverse();
                    }
                    expected.truncate(limit);
                    prop_assert_eq!(backend.store().range(&range, order, limit), Ok(expected));
                }
                Step::Reopen => backend.reopen(),
            }
        }
        let expected: Vec<_> = model.into_iter().collect();
        prop_assert_eq!(all(backend.store().as_ref()), expected);
        Ok(())
    });
    checked.unwrap();
}

mod memory {
    use super::*;

    struct Memory(Arc<MemoryStore>);

    impl Backend for Memory {
        const CASES: u32 = 256;
        fn new() -> Self {
            Self(Arc::new(MemoryStore::new()))
        }
        fn store(&self) -> Arc<dyn Store> {
            self.0.clone()
        }
        fn reopen(&mut self) {}
    }

    suite!(Memory);

    #[test]
    fn a_crash_takes_back_what_was_not_synced() {
        let store = MemoryStore::new();
        store.commit(put("a", "1"), Durability::Synced).unwrap();
        store.commit(put("a", "2"), Durability::Buffered).unwrap();
        let mut batch = put("b", "1");
        batch.delete("a");
        store.commit(batch, Durability::Buffered).unwrap();
        store.crash();
        assert_eq!(all(&store), [(b"a".to_vec(), b"1".to_vec())]);
        assert_eq!(store.size_on_disk().unwrap(), 2);

        store.commit(put("a", "3"), Durability::Buffered).unwrap();
        store.commit(put("b", "3"), Durability::Synced).unwrap();
        store.crash();
        assert_eq!(all(&store).len(), 2);
    }

    #[test]
    fn after_a_failed_write_every_commit_is_refused_until_it_is_opened_again() {
        let store = MemoryStore::new();
        store.fail_next(StoreError::Full);
        assert_eq!(store.commit(put("", ""), Durability::Synced), Err(StoreError::EmptyKey));
        assert_eq!(store.commit(put("a", "1"), Durability::Synced), Err(StoreError::Full));
        assert_eq!(store.commit(put("b", "1"), Durability::Buffered), Err(StoreError::Full));
        assert_eq!(store.get(b"b").unwrap(), None);
        store.crash();
        store.commit(put("b", "1"), Durability::Synced).unwrap();
        assert_eq!(all(&store).len(), 1);
    }
}
