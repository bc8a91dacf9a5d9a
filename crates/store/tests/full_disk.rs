//! A disk that fills up: nothing more is acknowledged, everything that was is there once there is room.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::path::Path;
use std::process::Command;

use momoland_store::kv::{Batch, Durability, Operation, SchemaVersion, SledStore, Store, StoreError};

#[path = "../../../tests/support/small_disk.rs"]
mod small_disk;

use small_disk::with_small_disk;

const SCHEMA: SchemaVersion = SchemaVersion(1);

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    with_small_disk("a_full_disk_loses_nothing_that_was_acknowledged", 8, fill_twice);
}

fn fill_twice(disk: &Path) {
    let path = disk.join("store");
    let mut acknowledged = 0;
    for disk_mib in [32, 96] {
        let store = SledStore::open(&path, SCHEMA).unwrap();
        check(&store, acknowledged);
        let refused = loop {
            match store.commit(batch(acknowledged), Durability::Synced) {
                Ok(()) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, StoreError::Full);
        assert_eq!(store.commit(Batch::new(), Durability::Synced), Err(StoreError::Full), "it went on by itself");
        // sled reads on, but for pages that it could not write.
        for number in 0..acknowledged {
            let found = store.get(&number.to_be_bytes());
            assert!(
                found == Err(StoreError::Full) || found == Ok(value_of(&batch(number))),
                "batch {number}: {found:?}"
            );
        }
        drop(store);
        match SledStore::open(&path, SCHEMA) {
            Ok(store) => check(&store, acknowledged),
            Err(error) => assert_eq!(error, StoreError::Full),
        }
        let room = Command::new("mount").args(["-o", &format!("remount,size={disk_mib}m")]).arg(disk).status().unwrap();
        assert!(room.success());
    }
    let store = SledStore::open(&path, SCHEMA).unwrap();
    check(&store, acknowledged);
    store.commit(Batch::new(), Durability::Synced).unwrap();
    assert!(acknowledged > 1000, "{acknowledged} batches filled the disk");
}

/// A short value, and a long one now and then.
fn batch(number: u64) -> Batch {
    let bytes = if number.is_multiple_of(100) { 100_000 } else { 300 };
    let mut batch = Batch::new();
    batch.put(number.to_be_bytes(), vec![number as u8; bytes]);
    batch
}

fn value_of(batch: &Batch) -> Option<Vec<u8>> {
    batch.operations().iter().find_map(|operation| match operation {
        Operation::Put { value, .. } => Some(value.clone()),
        Operation::Delete { .. } => None,
    })
}

fn check(store: &dyn Store, acknowledged: u64) {
    for number in 0..acknowledged {
        assert_eq!(store.get(&number.to_be_bytes()).unwrap(), value_of(&batch(number)), "batch {number}");
    }
}
