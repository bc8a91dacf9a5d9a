//! A room of a million events: what they take on the disk, how long opening takes and what it holds in memory, and a
//! screen read at any place.
//!
//! The store is opened by a process of its own ([`ROLE`]), which has written nothing before, so that its memory is that of
//! an opened log and no more; one that ends without closing its store leaves what a SIGKILL leaves.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use momoland_protocol::event::Event;
use momoland_protocol::id::{Seq, random};
use momoland_replica::replica::{Config, DurableState, Own, Replica};
use momoland_store::event_log::EventLog;
use momoland_store::kv::{Batch, Durability, SchemaVersion, SledStore, Store};
use serde::{Deserialize, Serialize};

use super::{AUTHORS, SCREEN, World, bytes_below};
use crate::figure::{Samples, Target, print, print_beside};
use crate::memory::Memory;

/// Events of the room.
const MILLION: usize = 1_000_000;

/// Screens that are read.
const SCREENS: usize = 200;

/// The first argument of a process that opens the store.
pub(crate) const ROLE: &str = "read-million";

/// Whether it ends as a SIGKILL would end it.
const KILLED: &str = "killed";

/// What an opening process found.
#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    open_ms: f64,
    /// With the replica that is made of what was found.
    with_replica_ms: f64,
    pss_kib: f64,
    rss_kib: f64,
    screens_ms: Vec<f64>,
}

/// `false` where a promise was not kept.
pub(super) fn measure(folder: &Path) -> bool {
    let world = World::new(0);
    let begun = Instant::now();
    let own = world.write_all(folder, world.written().take(MILLION));
    print("a million events: signed and stored in", "s", &Samples::from(begun.elapsed().as_secs_f64()), None);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (an_event, its_own) = (bytes_below(folder) as f64 / MILLION as f64, own as f64 / MILLION as f64);
    let figure = "a million events: bytes on disk of each, beside its own";
    let mut kept =
        print_beside(figure, "B", &Samples::from(an_event), Some(&Samples::from(its_own)), Target::RatioAtMost(2.0));

    let (mut open, mut replica, mut screens) = (Samples::default(), Samples::default(), Samples::default());
    let (mut pss, mut rss) = (Samples::default(), Samples::default());
    for _ in 0..3 {
        let opened = in_process_of_its_own(folder, "");
        open.push(opened.open_ms);
        replica.push(opened.with_replica_ms);
        pss.push(opened.pss_kib / 1024.0);
        rss.push(opened.rss_kib / 1024.0);
        opened.screens_ms.into_iter().for_each(|took| screens.push(took));
    }
    kept &= print_beside("a million events: opening the store and its log", "ms", &open, None, Target::AtMost(500.0));
    print("a million events: the same, and a replica of what was found", "ms", &replica, None);
    print("a million events: a screen of 50 read at any place", "ms", &screens, None);
    print("a million events: memory of a process that opened them, before any read (PSS)", "MiB", &pss, None);
    print("a million events: memory of a process that opened them, before any read (RSS)", "MiB", &rss, None);

    in_process_of_its_own(folder, KILLED);
    let after_kill = in_process_of_its_own(folder, "").open_ms;
    print(
        "a million events: opening after a SIGKILL, which looks at every record",
        "ms",
        &Samples::from(after_kill),
        None,
    );
    kept
}

fn in_process_of_its_own(folder: &Path, how: &str) -> Opened {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).arg(ROLE).arg(folder).arg(how).output().expect("it starts");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What the process of its own does: it opens, looks at its memory, reads screens, and tells.
#[expect(clippy::print_stdout, reason = "it tells who started it what it found")]
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) {
    let folder = arguments.next().expect("the store's folder");
    let killed = arguments.next().as_deref() == Some(KILLED);
    let begun = Instant::now();
    let store = SledStore::open(Path::new(&folder), SchemaVersion(1)).expect("the store opens");
    let store: Arc<dyn Store> = Arc::new(store);
    let (log, state) = EventLog::open(Arc::clone(&store)).expect("the log opens");
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    let config = Config { own: Own::Relay, server: server_of(&state), recent_bytes_max: 0 };
    let chains = state.chains.clone();
    let replica = Replica::new(config, random(), state);
    let with_replica_ms = begun.elapsed().as_secs_f64() * 1e3;
    let memory = Memory::of(std::process::id());
    let reader = log.reader();
    let screens_ms = (0..SCREENS).map(|_| {
        let place = u64::from_be_bytes(random());
        let begun = Instant::now();
        let mut screen: Vec<Event> = Vec::new();
        for chain in &chains {
            let a_chain = (SCREEN / AUTHORS) as u64;
            let last = a_chain + place % (chain.high.0 - a_chain + 1);
            let from = Seq(last - a_chain + 1);
            let part = reader.load_back(chain.log, chain.chain, from, Seq(last), usize::MAX);
            screen.extend(part.expect("the store is whole"));
        }
        screen.sort_by_key(|event| event.header.get().order());
        assert_eq!(screen.len(), SCREEN, "a screen was read");
        begun.elapsed().as_secs_f64() * 1e3
    });
    let screens_ms = screens_ms.collect();
    let opened = Opened { open_ms, with_replica_ms, pss_kib: memory.pss_kib, rss_kib: memory.rss_kib, screens_ms };
    println!("{}", serde_json::to_string(&opened).expect("numbers"));
    if killed {
        let mut batch = Batch::new();
        batch.put(b"the last".to_vec(), b"commit".to_vec());
        store.commit(batch, Durability::Synced).expect("the disk takes it");
        std::process::abort();
    }
    drop(replica);
}

/// The key of the server whose rosters these are.
fn server_of(state: &DurableState) -> momoland_protocol::id::ServerKey {
    use momoland_protocol::roster::RosterOp;
    let (_, changes) = state.rosters.first().expect("a roster");
    let RosterOp::Create { founders, .. } = &changes.first().expect("its beginning").change.get().op else {
        panic!("a roster that does not begin");
    };
    founders.first().and_then(|founder| founder.certificates.first()).expect("a founder").get().server
}
