use std::sync::Arc;
use std::time::Instant;

use super::super::conformance::{self, Backend};
use super::*;

const V1: SchemaVersion = SchemaVersion(1);

struct Disk {
    folder: tempfile::TempDir,
    store: Option<Arc<SledStore>>,
}

impl Backend for Disk {
    const CASES: u32 = 24;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), V1).unwrap();
        Self { folder, store: Some(Arc::new(store)) }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    fn reopen(&mut self) {
        assert_eq!(Arc::strong_count(self.store.as_ref().unwrap()), 1);
        self.store = None;
        assert!(self.folder.path().join("seal").exists(), "closing left no seal");
        self.store = Some(Arc::new(SledStore::open(self.folder.path(), V1).unwrap()));
    }
}

conformance::suite!(Disk);

fn put(key: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

#[test]
fn a_second_opening_is_refused_within_two_seconds_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    let begun = Instant::now();
    let second = SledStore::open(folder.path(), V1).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(second, StoreError::Locked { path: folder.path().to_path_buf() });
    assert_eq!(set_aside(folder.path()), Err(second));
    store.commit(put("a", "1"), Durability::Synced).unwrap();
    drop(store);
    assert_eq!(SledStore::open(folder.path(), V1).unwrap().get(b"a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), SchemaVersion(3)).unwrap();
    store.commit(put("a", "1"), Durability::Synced).unwrap();
    drop(store);
    let files = Folder::new(folder.path());
    assert!(files.break_seal().unwrap());
    files.write_seal().unwrap();
    let refused = SledStore::open(folder.path(), SchemaVersion(2)).unwrap_err();
    assert_eq!(refused, StoreError::Newer { found: SchemaVersion(3), supported: SchemaVersion(2) });
    assert!(files.break_seal().unwrap(), "sled's files have changed");
}

#[test]
fn an_older_store_is_migrated_step_by_step_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(folder.path(), V1).unwrap().commit(put("log", "1"), Durability::Synced).unwrap();
    let refused = SledStore::open(folder.path(), SchemaVersion(3)).unwrap_err();
    assert_eq!(refused, StoreError::Older { found: V1, supported: SchemaVersion(3) });
    assert!(SledStore::open(folder.path(), V1).is_ok(), "a refusal has changed the schema");

    let step = |store: &dyn Store, from: SchemaVersion| {
        let log = store.get(b"log")?.unwrap_or_default();
        assert!(log.ends_with(from.to_string().as_bytes()));
        let longer = [log, (from.0 + 1).to_string().into_bytes()].concat();
        store.commit(put("log", &String::from_utf8_lossy(&longer)), Durability::Buffered)
    };
    // The second step fails before it has written anything: the first one stays, and the rest is done later.
    let fails_late = |store: &dyn Store, from: SchemaVersion| match from {
        SchemaVersion(2) => Err(StoreError::Full),
        _ => step(store, from),
    };
    let failed = SledStore::open_and_migrate(folder.path(), SchemaVersion(3), CACHE_BYTES, &fails_late).unwrap_err();
    assert_eq!(failed, StoreError::Full);
    let refused = SledStore::open(folder.path(), V1).unwrap_err();
    assert_eq!(refused, StoreError::Newer { found: SchemaVersion(3), supported: V1 });
    let store = SledStore::open_and_migrate(folder.path(), SchemaVersion(3), CACHE_BYTES, &step).unwrap();
    assert_eq!(store.get(b"log").unwrap(), Some(b"123".to_vec()));
    drop(store);
    assert!(SledStore::open(folder.path(), SchemaVersion(3)).is_ok());
}

#[test]
fn a_lost_tail_is_noticed_and_the_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    store.commit(put("a", "1"), Durability::Synced).unwrap();
    // What a disk that lost its last writes holds: sled's files of one commit ago beside the newest head.
    let older = folder.path().join("older");
    let files = Folder::new(folder.path());
    let copy_of = |name: &str| fs::copy(files.sled().join(name), older.join(name)).unwrap();
    fs::create_dir(&older).unwrap();
    let names: Vec<_> = fs::read_dir(files.sled()).unwrap().map(|entry| entry.unwrap()).collect();
    for entry in names.iter().filter(|entry| entry.file_type().unwrap().is_file()) {
        copy_of(&entry.file_name().to_string_lossy());
    }
    fs::create_dir(older.join("blobs")).unwrap();
    store.commit(put("b", "1"), Durability::Synced).unwrap();
    drop(store);
    fs::remove_dir_all(files.sled()).unwrap();
    fs::rename(&older, files.sled()).unwrap();

    for _ in 0..2 {
        let refused = SledStore::open(folder.path(), V1).unwrap_err();
        assert_eq!(refused, StoreError::damaged("its last 1 commits are missing"));
    }
    fs::remove_dir_all(files.sled()).unwrap();
    let refused = SledStore::open(folder.path(), V1).unwrap_err();
    assert_eq!(refused, StoreError::damaged("its ledger is missing"), "a store that vanished came back empty");

    let aside = set_aside(folder.path()).unwrap();
    assert!(aside.join("head").exists());
    let new = SledStore::open(folder.path(), V1).unwrap();
    assert_eq!(conformance::all(&new), []);
    drop(new);
    let second = set_aside(folder.path()).unwrap();
    assert_ne!(aside, second);
    for path in [aside, second] {
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn an_opening_that_was_interrupted_goes_on_from_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(folder.path(), V1).unwrap().commit(put("a", "1"), Durability::Synced).unwrap();
    let files = Folder::new(folder.path());
    assert!(files.make_copy().unwrap());
    fs::write(files.sled_log(), b"half repaired").unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    assert_eq!(store.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert!(!folder.path().join("before-open").exists());
}

#[test]
fn a_store_whose_making_was_interrupted_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mark = Mark { id: [1; 16], schema: V1, commit: 0 };
    Head::create(&folder.path().join("head"), &mark).unwrap();
    drop(open_sled(&Folder::new(folder.path()), CACHE_BYTES).unwrap());
    let store = SledStore::open(folder.path(), V1).unwrap();
    assert_eq!(conformance::all(&store), []);
}

#[test]
fn no_value_is_long_enough_for_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    // Leaves as heavy as they get, and an index over long keys that share no prefix.
    for round in 0..12_u32 {
        let mut batch = Batch::new();
        for number in 0..200_u32 {
            let mut key = blake3::hash(&(round * 1000 + number).to_le_bytes()).as_bytes().repeat(8);
            key.truncate(super::super::KEY_BYTES_MAX);
            batch.put(key, vec![round as u8; 4096]);
        }
        batch.put("long", vec![round as u8; 1_000_000]);
        store.commit(batch, Durability::Buffered).unwrap();
    }
    store.commit(Batch::new(), Durability::Synced).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("sled").join("blobs")).unwrap().count(), 0);
    assert_eq!(store.get(b"long").unwrap(), Some(vec![11; 1_000_000]));
    drop(store);
    fs::remove_file(folder.path().join("seal")).unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    assert_eq!(store.get(b"long").unwrap(), Some(vec![11; 1_000_000]));
    let mut batch = Batch::new();
    batch.delete("long");
    store.commit(batch, Durability::Synced).unwrap();
    let db = store.db().unwrap();
    assert_eq!(db.range(record::end_of_records()..).count(), 0, "pieces of a value that is gone");
}

/// Whether the bytes are in any file of a store.
fn is_somewhere(folder: &Path, needle: &[u8]) -> bool {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if fs::read(entry.path()).unwrap().windows(needle.len()).any(|window| window == needle) {
                return true;
            }
        }
    }
    false
}

#[test]
fn what_was_erased_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let long = "a long secret ".repeat(4_000);
    let store = SledStore::open(folder.path(), V1).unwrap();
    for number in 0..200 {
        store.commit(put(&format!("key {number}"), &format!("value {number}")), Durability::Buffered).unwrap();
    }
    store.commit(put("one", "a short secret"), Durability::Synced).unwrap();
    store.commit(put("two", &long), Durability::Synced).unwrap();
    let mut batch = put("one", "nothing");
    batch.delete("two").erase();
    store.commit(batch, Durability::Synced).unwrap();
    drop(store);
    assert!(is_somewhere(folder.path(), b"secret"), "else nothing is shown here");
    for round in 0..3 {
        let store = SledStore::open(folder.path(), V1).unwrap();
        assert!(!is_somewhere(folder.path(), b"secret"), "opening {round}");
        assert_eq!(store.get(b"one").unwrap().as_deref(), Some(&b"nothing"[..]));
        assert_eq!(store.get(b"two").unwrap(), None);
        assert_eq!(store.range(&KeyRange::prefix("key "), Order::Ascending, 1000).unwrap().len(), 200);
        store.commit(put("three", &format!("after it {round}")), Durability::Synced).unwrap();
        drop(store);
        assert!(folder.path().join("seal").exists());
        assert!(!folder.path().join("before-open").exists());
    }
}

#[test]
fn an_erasing_that_is_cut_off_at_any_step_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    store.commit(put("kept", "kept"), Durability::Synced).unwrap();
    store.commit(put("one", "a secret"), Durability::Synced).unwrap();
    let mut batch = Batch::new();
    batch.delete("one").erase();
    store.commit(batch, Durability::Synced).unwrap();
    drop(store);
    // Killed while it was being written: half of a folder.
    let new = folder.path().join("before-open.new");
    fs::create_dir_all(&new).unwrap();
    fs::write(new.join("db"), b"half of a sled").unwrap();
    // Not as the last close left it: the folder is copied first, and the copy has the secret too.
    fs::remove_file(folder.path().join("seal")).unwrap();
    let store = SledStore::open(folder.path(), V1).unwrap();
    assert!(!is_somewhere(folder.path(), b"secret"));
    assert_eq!(store.get(b"kept").unwrap().as_deref(), Some(&b"kept"[..]));
    store.commit(put("one", "another secret"), Durability::Synced).unwrap();
    let mut batch = Batch::new();
    batch.delete("one").erase();
    store.commit(batch, Durability::Synced).unwrap();
    drop(store);
    // Killed once it was whole, before it was put into place.
    let folder_of = Folder::new(folder.path());
    let (_, mark) = Head::open(&folder_of.head()).unwrap().unwrap();
    let db = open_sled(&folder_of, CACHE_BYTES).unwrap();
    let ledger = read_ledger(&db, &folder_of, &mark).unwrap();
    assert!(ledger.erase_due);
    let path = folder_of.begin_anew().unwrap();
    copy_records(&db, &folder_of, &path, &ledger, CACHE_BYTES).unwrap();
    folder_of.finish_anew().unwrap();
    drop(db);
    let store = SledStore::open(folder.path(), V1).unwrap();
    assert!(!is_somewhere(folder.path(), b"secret"));
    assert_eq!(store.get(b"kept").unwrap().as_deref(), Some(&b"kept"[..]));
    assert_eq!(store.get(b"one").unwrap(), None);
}

#[test]
fn what_was_erased_in_a_group_of_batches_is_in_no_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), V1).unwrap());
    store.commit(put("one", "a secret"), Durability::Synced).unwrap();
    let writer = crate::writer::Writer::spawn(Arc::clone(&store), |_, result| result.unwrap()).unwrap();
    for number in 0..50 {
        writer.submit(2, put(&format!("key {number}"), "beside it")).unwrap();
        let mut batch = put("one", &format!("nothing {number}"));
        batch.erase();
        writer.submit(3, batch).unwrap();
    }
    writer.close();
    drop(store);
    assert!(is_somewhere(folder.path(), b"secret"), "else nothing is shown here");
    drop(SledStore::open(folder.path(), V1).unwrap());
    assert!(!is_somewhere(folder.path(), b"secret"));
}
