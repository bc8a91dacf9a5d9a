use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::kv::{Expect, KeyRange, MemoryStore, Order, Pair};

/// Long enough for a loaded machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A memory store whose commits wait to be let through, and are counted.
#[derive(Debug)]
struct Gate {
    inner: MemoryStore,
    passes: Mutex<Option<Receiver<()>>>,
    waiting: Sender<()>,
    commits: AtomicUsize,
    /// What someone else commits just before the next commit.
    intruder: Mutex<Option<Batch>>,
}

impl Gate {
    fn open() -> Arc<Self> {
        let (waiting, _) = mpsc::channel();
        Arc::new(Self {
            inner: MemoryStore::new(),
            passes: Mutex::new(None),
            waiting,
            commits: AtomicUsize::new(0),
            intruder: Mutex::new(None),
        })
    }

    /// Also a sender of passes, one a commit, and a receiver that tells when a commit waits for one.
    fn closed() -> (Arc<Self>, Sender<()>, Receiver<()>) {
        let (pass, passes) = mpsc::channel();
        let (waiting, waits) = mpsc::channel();
        let gate = Self {
            inner: MemoryStore::new(),
            passes: Mutex::new(Some(passes)),
            waiting,
            commits: AtomicUsize::new(0),
            intruder: Mutex::new(None),
        };
        (Arc::new(gate), pass, waits)
    }
}

impl Store for Gate {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }
    fn range(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.inner.range(range, order, limit)
    }
    fn commit(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        if let Some(passes) = self.passes.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = self.waiting.send(());
            // A test that is over has dropped its end: then everything may pass.
            let _ = passes.recv();
        }
        if let Some(batch) = self.intruder.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.inner.commit(batch, Durability::Buffered)?;
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(batch, durability)
    }
    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.inner.size_on_disk()
    }
}

type Answers = Receiver<(Ticket, Result<(), StoreError>)>;

fn writer(store: Arc<dyn Store>) -> (Writer, Answers) {
    let (answer, answers) = mpsc::channel();
    let done = move |ticket, result| {
        let _ = answer.send((ticket, result));
    };
    (Writer::spawn(store, done).unwrap(), answers)
}

fn put(key: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

fn next(answers: &Answers) -> (Ticket, Result<(), StoreError>) {
    answers.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn each_ticket_is_answered_once_and_in_order() {
    let store = Arc::new(MemoryStore::new());
    let (writer, answers) = writer(store.clone());
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let writer = &writer;
            scope.spawn(move || {
                for number in 0..500 {
                    writer.submit(thread << 32 | number, put(&format!("{thread}/{number}"), "x")).unwrap();
                }
            });
        }
    });
    writer.close();
    let mut next_of = [0; 4];
    for (ticket, result) in answers.iter() {
        assert_eq!(result, Ok(()));
        let (thread, number) = ((ticket >> 32) as usize, ticket & 0xFFFF_FFFF);
        assert_eq!(number, next_of[thread]);
        next_of[thread] += 1;
    }
    assert_eq!(next_of, [500; 4]);
    store.crash();
    assert_eq!(store.range(&KeyRange::all(), Order::Ascending, 5000).unwrap().len(), 2000);
}

#[test]
fn what_gathers_while_one_group_is_written_shares_the_next_commit() {
    let (store, pass, waits) = Gate::closed();
    let (writer, answers) = writer(store.clone());
    writer.submit(0, put("first", "")).unwrap();
    waits.recv_timeout(PATIENCE).unwrap();
    for ticket in 1..=100 {
        writer.submit(ticket, put(&format!("{ticket}"), "")).unwrap();
    }
    pass.send(()).unwrap();
    pass.send(()).unwrap();
    for ticket in 0..=100 {
        assert_eq!(next(&answers), (ticket, Ok(())));
    }
    assert_eq!(store.commits.load(Ordering::SeqCst), 2);
}

#[test]
fn a_conflict_fails_its_own_ticket_alone_and_sees_the_group_before_it() {
    let (store, pass, waits) = Gate::closed();
    let (writer, answers) = writer(store.clone());
    writer.submit(0, put("a", "0")).unwrap();
    waits.recv_timeout(PATIENCE).unwrap();
    let mut claim = put("a", "1");
    claim.require("a", Expect::Value(b"0".to_vec()));
    let mut late = put("a", "2");
    late.require("a", Expect::Value(b"0".to_vec())).put("b", "2");
    let mut next_claim = put("c", "3");
    next_claim.require("a", Expect::Value(b"1".to_vec())).require("b", Expect::Absent);
    for (ticket, batch) in [(1, claim), (2, late), (3, next_claim)] {
        writer.submit(ticket, batch).unwrap();
    }
    drop(pass);
    assert_eq!(next(&answers), (0, Ok(())));
    assert_eq!(next(&answers), (1, Ok(())));
    assert_eq!(next(&answers), (2, Err(StoreError::Conflict { key: b"a".to_vec() })));
    assert_eq!(next(&answers), (3, Ok(())));
    assert_eq!(store.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.get(b"b").unwrap(), None);
}

#[test]
fn a_commit_of_someone_else_in_between_is_noticed() {
    let store = Gate::open();
    let (writer, answers) = writer(store.clone());
    *store.intruder.lock().unwrap() = Some(put("name", "theirs"));
    let mut claim = put("name", "ours");
    claim.require("name", Expect::Absent);
    writer.submit(1, claim).unwrap();
    writer.submit(2, put("other", "x")).unwrap();
    assert_eq!(next(&answers), (1, Err(StoreError::Conflict { key: b"name".to_vec() })));
    assert_eq!(next(&answers), (2, Ok(())));
    store.inner.crash();
    assert_eq!(store.get(b"name").unwrap(), Some(b"theirs".to_vec()));
    assert_eq!(store.get(b"other").unwrap(), Some(b"x".to_vec()));
}

#[test]
fn what_no_store_takes_fails_alone() {
    let (writer, answers) = writer(Arc::new(MemoryStore::new()));
    writer.submit(1, put("", "x")).unwrap();
    writer.submit(2, put(&"k".repeat(crate::kv::KEY_BYTES_MAX + 1), "x")).unwrap();
    writer.submit(3, put("k", "x")).unwrap();
    assert_eq!(next(&answers), (1, Err(StoreError::EmptyKey)));
    assert!(matches!(next(&answers), (2, Err(StoreError::TooLarge { .. }))));
    assert_eq!(next(&answers), (3, Ok(())));
}

#[test]
fn a_failed_disk_fails_everything_after_it() {
    let store = Arc::new(MemoryStore::new());
    let (first, answers) = writer(store.clone());
    first.submit(1, put("a", "1")).unwrap();
    assert_eq!(next(&answers), (1, Ok(())));
    store.fail_next(StoreError::Full);
    first.submit(2, put("b", "2")).unwrap();
    assert_eq!(next(&answers), (2, Err(StoreError::Full)));
    first.submit(3, put("c", "3")).unwrap();
    assert_eq!(next(&answers), (3, Err(StoreError::Full)));
    first.close();

    store.crash();
    assert_eq!(store.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.get(b"b").unwrap(), None);
    let (second, answers) = writer(store);
    second.submit(4, put("b", "2")).unwrap();
    assert_eq!(next(&answers), (4, Ok(())));
}

#[test]
fn a_full_queue_gives_the_batch_back() {
    let (store, pass, waits) = Gate::closed();
    let (writer, answers) = writer(store);
    writer.submit(0, put("first", "")).unwrap();
    waits.recv_timeout(PATIENCE).unwrap();
    let mut accepted = 1;
    let back = loop {
        match writer.try_submit(accepted, put(&format!("{accepted}"), "")) {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(accepted as usize, 1 + WAITING_BATCHES_MAX);
    assert_eq!(back, Refused::Full(put(&format!("{accepted}"), "")));
    thread::scope(|scope| {
        let waits_for_room = scope.spawn(|| writer.submit(accepted, put("last", "")));
        drop(pass);
        for ticket in 0..=accepted {
            assert_eq!(next(&answers), (ticket, Ok(())));
        }
        waits_for_room.join().unwrap().unwrap();
    });
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let (store, pass, waits) = Gate::closed();
    let (writer, _answers) = writer(store);
    writer.submit(0, put("first", "")).unwrap();
    waits.recv_timeout(PATIENCE).unwrap();
    let large = "v".repeat(1024 * 1024);
    let accepted = (1..).take_while(|ticket| writer.try_submit(*ticket, put("k", &large)).is_ok()).count();
    assert_eq!(accepted, WAITING_BYTES_MAX / (large.len() + 1));
    drop(pass);
}

#[test]
fn closing_writes_what_waits_and_takes_nothing_more() {
    let (store, pass, waits) = Gate::closed();
    let (writer, answers) = writer(store.clone());
    writer.submit(0, put("0", "")).unwrap();
    waits.recv_timeout(PATIENCE).unwrap();
    for ticket in 1..50 {
        writer.submit(ticket, put(&format!("{ticket}"), "")).unwrap();
    }
    drop(pass);
    drop(writer);
    assert_eq!(answers.iter().map(|(ticket, _)| ticket).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
    store.inner.crash();
    assert_eq!(store.range(&KeyRange::all(), Order::Ascending, 100).unwrap().len(), 50);
}

#[test]
fn a_panic_in_done_closes_the_queue_instead_of_hanging_it() {
    let writer = Writer::spawn(Arc::new(MemoryStore::new()), |_, _| panic!("of the caller")).unwrap();
    writer.submit(1, put("k", "")).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while !matches!(writer.try_submit(2, Batch::new()), Err(Refused::Closed(_))) {
        assert!(std::time::Instant::now() < deadline);
        thread::yield_now();
    }
}

fn batch() -> impl Strategy<Value = Batch> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let value = || prop::sample::select(vec!["0", "1"]);
    let operations = prop::collection::vec((key(), prop::option::of(value())), 0..3);
    let requirements = prop::collection::vec((key(), prop::option::of(value())), 0..2);
    (requirements, operations).prop_map(|(requirements, operations)| {
        let mut batch = Batch::new();
        for (key, value) in requirements {
            batch.require(key, value.map_or(Expect::Absent, |value| Expect::Value(value.into())));
        }
        for (key, value) in operations {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            };
        }
        batch
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn prop_a_group_is_its_batches_one_by_one(before in prop::collection::vec(batch(), 0..4), batches in prop::collection::vec(batch(), 1..12)) {
        let (grouped, single) = (MemoryStore::new(), MemoryStore::new());
        for batch in before {
            let first = grouped.commit(batch.clone(), Durability::Synced);
            prop_assert_eq!(first, single.commit(batch, Durability::Synced));
        }
        let group: Vec<_> = batches.iter().cloned().enumerate().map(|(n, batch)| Job { ticket: n as u64, batch }).collect();
        let outcomes = write(&grouped, &group).unwrap();
        let expected: Vec<_> = batches.into_iter().map(|batch| single.commit(batch, Durability::Synced)).collect();
        prop_assert_eq!(outcomes, expected);
        grouped.crash();
        let all = |store: &MemoryStore| store.range(&KeyRange::all(), Order::Ascending, 100).unwrap();
        prop_assert_eq!(all(&grouped), all(&single));
    }
}
