use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::kv::conformance::{self, Backend};
use crate::kv::{SchemaVersion, SledStore};

const SCHEMA: SchemaVersion = SchemaVersion(1);

/// sled behind it, which refuses to be opened twice.
struct Reopened {
    _folder: tempfile::TempDir,
    store: Arc<ReopenStore<SledStore>>,
}

fn on_disk(path: &Path) -> ReopenStore<SledStore> {
    let path = path.to_owned();
    ReopenStore::open(move || SledStore::open(&path, SCHEMA)).unwrap()
}

impl Backend for Reopened {
    const CASES: u32 = 4;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(on_disk(&folder.path().join("store")));
        Self { _folder: folder, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn reopen(&mut self) {
        self.store.reopen().unwrap();
    }
}

conformance::suite!(Reopened);

fn put(key: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, "there");
    batch
}

#[test]
fn what_was_acknowledged_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(&folder.path().join("store"));
    store.commit(put("first"), Durability::Synced).unwrap();
    store.reopen().unwrap();
    assert_eq!(store.get(b"first").unwrap().as_deref(), Some(b"there".as_slice()));
    store.commit(put("second"), Durability::Synced).unwrap();
}

#[test]
fn what_cannot_be_opened_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    let (path, is_full) = (folder.path().join("store"), full.clone());
    let store = ReopenStore::open(move || match is_full.exists() {
        true => Err(StoreError::Full),
        false => SledStore::open(&path, SCHEMA),
    });
    let store = store.unwrap();
    store.commit(put("kept"), Durability::Synced).unwrap();
    std::fs::write(&full, "").unwrap();
    assert_eq!(store.reopen(), Err(StoreError::Full));
    assert_eq!(store.get(b"kept"), Err(StoreError::Full));
    assert_eq!(store.commit(put("lost"), Durability::Synced), Err(StoreError::Full));
    std::fs::remove_file(&full).unwrap();
    store.reopen().unwrap();
    assert_eq!(store.get(b"kept").unwrap().as_deref(), Some(b"there".as_slice()));
    assert_eq!(store.get(b"lost").unwrap(), None);
}

#[test]
fn who_writes_while_it_rests_is_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(&folder.path().join("store"));
    store.rest().unwrap();
    let mut batch = Batch::new();
    for number in 0..64 {
        batch.put(format!("{number}"), "there");
    }
    store.commit(batch, Durability::Synced).unwrap();
    for _ in 0..512 {
        store.range(&KeyRange::prefix(""), Order::Ascending, 64).unwrap();
    }
    assert!(store.is_swollen(), "so much was read");
    std::thread::scope(|scope| {
        let store = &store;
        let write = move |at| store.commit(put(&format!("x{at}")), Durability::Buffered).is_ok();
        let written = scope.spawn(move || (0..100).all(write));
        store.rest().unwrap();
        assert!(written.join().unwrap());
    });
    assert!(!store.is_swollen());
    assert_eq!(store.get(b"x99").unwrap().as_deref(), Some(b"there".as_slice()));
}
