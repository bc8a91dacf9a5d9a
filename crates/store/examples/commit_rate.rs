//! How fast commits reach the disk: one at a time, and through the writer's groups.
//!
//! `cargo run --release -p momoland-store --example commit_rate [-- FOLDER]`, one JSON object a line.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use momoland_store::kv::{Batch, Durability, SchemaVersion, SledStore, Store};
use momoland_store::writer::Writer;

const SINGLE: u64 = 1000;
const GROUPED: u64 = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = match std::env::args_os().nth(1) {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let path = folder.path();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&path.join("store"), SchemaVersion(1))?);

    let mut latencies = Vec::new();
    for number in 0..SINGLE {
        let batch = event(number);
        let begun = Instant::now();
        store.commit(batch, Durability::Synced)?;
        latencies.push(begun.elapsed());
    }
    report("synced commits one at a time", SINGLE, latencies);

    let (answer, answers) = mpsc::channel();
    let writer = Writer::spawn(Arc::clone(&store), move |ticket, result| {
        let _ = answer.send((ticket, result, Instant::now()));
    })?;
    let begun = Instant::now();
    let mut submitted = Vec::new();
    for number in 0..GROUPED {
        let batch = event(SINGLE + number);
        submitted.push(Instant::now());
        writer.submit(number, batch)?;
    }
    writer.close();
    let took = begun.elapsed();
    for (_, result, _) in answers.iter() {
        result?;
    }
    rate("events through the writer", GROUPED, took);
    let bytes = store.size_on_disk()?;
    let begun = Instant::now();
    drop(store);
    let closed = begun.elapsed();
    let begun = Instant::now();
    drop(SledStore::open(&path.join("store"), SchemaVersion(1))?);
    println!(r#"{{"figure":"bytes on disk","value":{bytes}}}"#);
    println!(r#"{{"figure":"clean close","ms":{:.1}}}"#, closed.as_secs_f64() * 1e3);
    println!(r#"{{"figure":"open after a clean close, and close","ms":{:.1}}}"#, begun.elapsed().as_secs_f64() * 1e3);
    std::fs::remove_file(path.join("store").join("seal"))?;
    let begun = Instant::now();
    let store = SledStore::open(&path.join("store"), SchemaVersion(1))?;
    println!(r#"{{"figure":"open after a kill","ms":{:.1}}}"#, begun.elapsed().as_secs_f64() * 1e3);
    drop(store);
    bare(path)
}

/// The floor: one append and one fsync.
fn bare(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path.join("bare"))?;
    let mut latencies = Vec::new();
    for _ in 0..SINGLE {
        let begun = Instant::now();
        file.write_all(&[7; 400])?;
        file.sync_data()?;
        latencies.push(begun.elapsed());
    }
    report("bare append and fsync", SINGLE, latencies);
    Ok(())
}

/// An event of 300 bytes and its place in an index.
fn event(number: u64) -> Batch {
    let id = blake3::hash(&number.to_le_bytes());
    let mut value = vec![0; 300];
    blake3::Hasher::new().update(id.as_bytes()).finalize_xof().fill(&mut value);
    let mut batch = Batch::new();
    batch.put([b"e".as_slice(), &(number % 16).to_be_bytes(), &number.to_be_bytes()].concat(), value);
    batch.put([b"i".as_slice(), id.as_bytes()].concat(), number.to_be_bytes());
    batch
}

fn report(figure: &str, count: u64, mut latencies: Vec<Duration>) {
    latencies.sort();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(r#"{{"figure":"{figure}","p50_ms":{:.3},"p95_ms":{:.3},"p99_ms":{:.3}}}"#, at(50), at(95), at(99));
    rate(figure, count, latencies.iter().sum());
}

fn rate(figure: &str, count: u64, took: Duration) {
    println!(r#"{{"figure":"{figure}","per_second":{:.0}}}"#, count as f64 / took.as_secs_f64());
}
