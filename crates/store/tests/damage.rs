//! Damage to the files of a store: an opening either has every record or is an error, never a panic and never a silent loss; and
//! what could not be opened is left as it was found.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::fs;
use std::path::{Path, PathBuf};

use momoland_store::kv::{Batch, Durability, KeyRange, Order, Pair, SchemaVersion, SledStore, Store, StoreError};

const SCHEMA: SchemaVersion = SchemaVersion(1);
/// Blows to one state of a store, of which there are two; `BLOWS` in the environment asks for more. Each failure names its
/// blow.
const BLOWS: u64 = 120;

/// Xorshift: the same blows on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

#[test]
fn damage_to_a_closed_store_is_never_silent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let expected = fill(&path, None);
    strike(&path, &expected, 0x9E37_79B9_7F4A_7C15);
}

#[test]
fn damage_to_a_store_that_was_killed_is_never_silent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let killed = folder.path().join("killed");
    // What lies on the disk while the store is open is what SIGKILL leaves.
    let expected = fill(&path, Some(&killed));
    strike(&killed, &expected, 0xD1B5_4A32_D192_ED03);
}

/// Tells the binary that it only opens a store, and where that is.
const OPENER: &str = "MOMOLAND_STORE_OPENER";
const KILLS: u64 = 16;

/// A store that was not closed is copied before it is opened, and the copy removed afterwards: the kill falls amid that.
#[test]
#[cfg(unix)]
fn a_kill_while_the_copy_is_removed_loses_nothing() {
    if let Some(path) = std::env::var_os(OPENER) {
        let store = SledStore::open(Path::new(&path), SCHEMA).unwrap();
        // Not closed: the next opening finds what a kill leaves, in any case.
        std::mem::forget(store);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed");
    let killed = folder.path().join("killed");
    let expected = fill(&path, Some(&killed));
    let first_file = killed.join("before-open").join("db");
    for kill in 0..KILLS {
        let mut opener = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["a_kill_while_the_copy_is_removed_loses_nothing", "--exact"])
            .env(OPENER, &killed)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // As soon as the copy's log is gone, by turns at once and a little later; the rest of it may be there still.
        let mut seen = false;
        while opener.try_wait().unwrap().is_none() {
            let there = first_file.exists();
            if seen && !there {
                std::thread::sleep(std::time::Duration::from_micros(kill % 4 * 20));
                break;
            }
            seen |= there;
        }
        let _ = opener.kill();
        opener.wait().unwrap();
        // A copy is looked at, since what is opened here is closed cleanly.
        let looked_at = folder.path().join(format!("looked-at-{kill}"));
        copy(&killed, &looked_at);
        let found = all(&SledStore::open(&looked_at, SCHEMA).unwrap()).unwrap();
        assert!(found == expected, "kill {kill}: {} of {} records", found.len(), expected.len());
        fs::remove_dir_all(&looked_at).unwrap();
    }
}

/// Makes a store that has been opened several times, with large and small values, changes and removals. Copies it to
/// `while_open` before it is closed. Every pair that it holds.
fn fill(path: &Path, while_open: Option<&Path>) -> Vec<Pair> {
    for round in 0..3_u64 {
        let store = SledStore::open(path, SCHEMA).unwrap();
        for number in 0..120_u64 {
            let mut batch = Batch::new();
            let bytes = if number == 60 { 150_000 } else { 300 };
            let value: Vec<u8> = (0..bytes as u64).map(|at| (at * 131 + number * 17 + round) as u8).collect();
            batch.put(format!("event/{round}/{number:04}"), value);
            batch.put(format!("mark/{}", number % 10), (round * 1000 + number).to_be_bytes());
            if number >= 100 {
                batch.delete(format!("event/{round}/{:04}", number - 100));
            }
            store.commit(batch, if number % 3 == 0 { Durability::Synced } else { Durability::Buffered }).unwrap();
        }
        store.commit(Batch::new(), Durability::Synced).unwrap();
        if round == 2 {
            let pairs = all(&store).unwrap();
            assert_eq!(pairs.len(), 310);
            if let Some(target) = while_open {
                copy(path, target);
            }
            return pairs;
        }
    }
    unreachable!("the last round returns")
}

fn strike(path: &Path, expected: &[Pair], seed: u64) {
    let blows = std::env::var("BLOWS").map_or(BLOWS, |blows| blows.parse().unwrap());
    let mut chance = Chance(seed);
    let (mut intact, mut refused) = (0, 0);
    for blow in 0..blows {
        let folder = tempfile::tempdir().unwrap();
        let struck = folder.path().join("store");
        copy(path, &struck);
        let what = damage(&struck, &mut chance, blow);
        let found = contents(&struck);
        let opened = std::panic::catch_unwind(|| {
            let store = SledStore::open(&struck, SCHEMA)?;
            let pairs = all(&store)?;
            // A store that opens takes commits, and keeps them.
            let mut batch = Batch::new();
            batch.put("after", "x");
            store.commit(batch, Durability::Synced)?;
            drop(store);
            let again = all(&SledStore::open(&struck, SCHEMA)?)?;
            assert_eq!(again.len(), pairs.len() + 1, "blow {blow}, {what}: lost after the second opening");
            Ok::<_, StoreError>(pairs)
        });
        match opened {
            Err(_) => panic!("blow {blow}, {what}: panicked"),
            Ok(Ok(pairs)) => {
                assert!(pairs == expected, "blow {blow}, {what}: {} of {} records", pairs.len(), expected.len());
                intact += 1;
            }
            Ok(Err(error)) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "blow {blow}, {what}: {error:?}");
                assert!(contents(&struck) == found, "blow {blow}, {what}: the damaged files were changed");
                refused += 1;
            }
        }
    }
    assert_eq!(intact + refused, blows);
    assert!(refused >= blows / 4, "{refused} refusals: the blows miss");
}

/// Strikes one file of the store. What was done.
fn damage(store: &Path, chance: &mut Chance, blow: u64) -> String {
    let mut files = Vec::new();
    list(store, &mut files);
    // By turns the log, which has almost every byte, and any file.
    let log = store.join("sled").join("db");
    files.retain(|file| !file.ends_with("lock"));
    let file = if blow % 3 < 2 { log } else { files[chance.below(files.len() as u64) as usize].clone() };
    let mut bytes = fs::read(&file).unwrap();
    let length = bytes.len() as u64;
    // The log is allocated in large segments; what is written lies in front of the zeros.
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    let done = match blow % 4 {
        0 | 1 if length > 0 => {
            let bit = chance.below(written * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            format!("bit {bit} flipped")
        }
        2 => {
            let end = written.saturating_sub(1 + chance.below(4096));
            bytes.truncate(end as usize);
            format!("cut to {end}")
        }
        0 | 1 | 3 => {
            let end = if blow % 8 == 3 { 0 } else { chance.below(length) };
            bytes.truncate(end as usize);
            format!("cut to {end}")
        }
        _ => unreachable!("a remainder of four"),
    };
    fs::write(&file, bytes).unwrap();
    format!("{} of {length} bytes: {done}", file.strip_prefix(store).unwrap().display())
}

fn all(store: &dyn Store) -> Result<Vec<Pair>, StoreError> {
    store.range(&KeyRange::all(), Order::Ascending, usize::MAX)
}

/// Sled's files and the head, with their bytes. The lock and the seal may come and go.
fn contents(store: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    list(store, &mut files);
    files.retain(|file| !file.ends_with("lock") && !file.ends_with("seal"));
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
