//! SIGKILL amid commits: what was acknowledged is there afterwards, whole and in order.
//!
//! The test runs this same binary as the victim. The victim submits batches through the writer without waiting and prints each
//! ticket when it is acknowledged; the test kills it after some of them, opens the store, and looks.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use momoland_store::kv::{Batch, Durability, KeyRange, Order, SchemaVersion, SledStore, Store};
use momoland_store::writer::{Refused, Writer};

/// Kills; `ROUNDS` in the environment asks for more.
const ROUNDS: u64 = 12;
const SCHEMA: SchemaVersion = SchemaVersion(1);
/// Tells the binary that it is the victim, and where its store is.
const VICTIM: &str = "MOMOLAND_STORE_CRASH_VICTIM";

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let rounds = std::env::var("ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut acknowledged = 0;
    for round in 0..rounds {
        acknowledged = acknowledged.max(kill_one(folder.path(), 1 + round * 37 % 200));
        let held = check(folder.path());
        assert!(held >= acknowledged, "round {round}: {acknowledged} acknowledged, {held} held");
        acknowledged = held;
    }
    assert!(acknowledged > rounds);
}

/// Runs a victim, kills it once it has acknowledged `after` batches, and returns the newest that it acknowledged.
fn kill_one(folder: &Path, after: u64) -> u64 {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["what_was_acknowledged_survives_sigkill", "--exact", "--nocapture"])
        .env(VICTIM, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut newest = 0;
    let mut seen = 0;
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(number) = line.strip_prefix("acknowledged ").and_then(|number| number.parse().ok()) else { continue };
        newest = number;
        seen += 1;
        if seen == after {
            victim.kill().unwrap();
        }
    }
    let status = victim.wait().unwrap();
    assert!(seen >= after && !status.success(), "the victim ended by itself after {seen}: {status}");
    newest
}

/// Opens the store and checks that it holds batches 1 to n without a gap, each whole. Returns n.
fn check(folder: &Path) -> u64 {
    let store = SledStore::open(folder, SCHEMA).unwrap();
    let held = newest(&store);
    for number in 1..=held {
        let batch = batch(number);
        for operation in batch.operations() {
            let found = store.get(operation.key()).unwrap();
            let expected = match operation {
                momoland_store::kv::Operation::Put { value, .. } => Some(value.clone()),
                momoland_store::kv::Operation::Delete { .. } => None,
            };
            // What a later batch overwrites or deletes is checked with that batch.
            if !operation.key().starts_with(b"newest") && !operation.key().starts_with(b"short-lived") {
                assert_eq!(found, expected, "batch {number}");
            }
        }
    }
    let mut entries = 0;
    let mut rest = KeyRange::prefix("event");
    loop {
        let page = store.range(&rest, Order::Ascending, usize::MAX).unwrap();
        let Some((last, _)) = page.last() else { break };
        rest = rest.after(last);
        entries += page.len() as u64;
    }
    assert_eq!(entries, held * 3, "half of a batch");
    let short_lived = store.range(&KeyRange::prefix("short-lived"), Order::Ascending, 10).unwrap().len() as u64;
    assert_eq!(short_lived, held.min(1), "a deletion came back");
    held
}

fn newest(store: &dyn Store) -> u64 {
    let found = store.get(b"newest").unwrap();
    found.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// Batch `number`: three events, one of them now and then large enough for a file of its own; one key that changes each time, one that moves.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    for part in 0..3_u64 {
        let bytes = if number.is_multiple_of(40) && part == 1 { 200_000 } else { 300 };
        let value: Vec<u8> = (0..bytes as u64).map(|at| (at * 31 + number * 7 + part) as u8).collect();
        batch.put([b"event".as_slice(), &(number * 3 + part).to_be_bytes()].concat(), value);
    }
    batch.delete([b"short-lived".as_slice(), &(number - 1).to_be_bytes()].concat());
    batch.put([b"short-lived".as_slice(), &number.to_be_bytes()].concat(), "x");
    batch.put("newest", number.to_be_bytes());
    batch
}

fn write_until_killed(folder: &Path) -> ! {
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder, SCHEMA).unwrap());
    let first = newest(store.as_ref()) + 1;
    // Something that is only buffered goes before: it must not be there without what follows it, nor harm it.
    let mut buffered = Batch::new();
    buffered.put("buffered", first.to_be_bytes());
    store.commit(buffered, Durability::Buffered).unwrap();
    let writer = Writer::spawn(store, |ticket, result| {
        result.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {ticket}").unwrap();
        out.flush().unwrap();
    })
    .unwrap();
    for number in first.. {
        match writer.submit(number, batch(number)) {
            Ok(()) => {}
            Err(Refused::Full(_) | Refused::Closed(_)) => break,
        }
        // A few in flight at any time, not thousands: kills are to fall between groups of every size.
        if number.is_multiple_of(7) {
            std::thread::yield_now();
        }
    }
    unreachable!("nobody killed the victim")
}
