//! What the server holds and how fast it is: start, events stored, what it sends and holds (see the parts); and a client's
//! start and memory.

mod crowd;
mod idle;
mod introductions;
mod mesh;
mod restart;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Momo, PASSWORD, Server, free_port, http, invite_and_join, wait_direct};
use tokio::task::JoinSet;

use crate::bare_relay::BareRelay;
use crate::figure::{self, Samples};
use crate::floor::EVENT_BYTES;
use crate::member::{self, Member};
use crate::memory::Memory;

/// Connections at once; the second with `--long`.
const CONNECTIONS: usize = 1_000;
const CONNECTIONS_LONG: usize = 5_000;

/// Starts of each kind.
const STARTS: usize = 15;

/// Until a process that was given something to do has put its memory in order again.
const SETTLE: Duration = Duration::from_secs(3);

/// Between two looks at a server that starts.
const LOOK_PAUSE: Duration = Duration::from_millis(1);

/// What holds for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Devices that write at once, how much each writes a round, and rounds. Within a connection's burst of frames.
const WRITERS: usize = 8;
const MESSAGES_EACH: u64 = 250;
const WRITE_ROUNDS: usize = 5;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Mesh,
    Introductions,
    Start,
    Client,
    Events,
    Crowd,
    Idle,
    Restart,
}

impl Part {
    pub(crate) const ALL: [Self; 8] = [
        Self::Mesh,
        Self::Introductions,
        Self::Start,
        Self::Client,
        Self::Events,
        Self::Crowd,
        Self::Idle,
        Self::Restart,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Introductions => "introductions",
            Self::Start => "start",
            Self::Client => "client",
            Self::Events => "events",
            Self::Crowd => "crowd",
            Self::Idle => "idle",
            Self::Restart => "restart",
        }
    }

    /// `false` where a promise was not kept.
    async fn measure(self, folder: &Path, long: bool) -> bool {
        let folder = made(folder.join(self.name()));
        match self {
            Self::Mesh => return mesh::measure(&folder).await,
            Self::Introductions => return introductions::measure(&folder).await,
            Self::Start => server_start(&folder),
            Self::Client => client(&folder),
            Self::Events => events_stored(&folder).await,
            Self::Crowd => return crowd::measure(&folder).await,
            Self::Idle => return idle::measure(&folder, if long { CONNECTIONS_LONG } else { CONNECTIONS }).await,
            Self::Restart => return restart::measure(&folder).await,
        }
        true
    }
}

/// Measures one part, or all of them; `false` where a promise was not kept.
pub(crate) async fn measure(folder: &Path, only: Option<Part>, long: bool) -> bool {
    let mut kept = true;
    for part in Part::ALL {
        // What takes long is only measured where it was asked for.
        if only.map_or(long || part != Part::Restart, |only| only == part) {
            kept &= part.measure(folder, long).await;
        }
    }
    kept
}

/// From the start of the process to the first answer that it is ready, beside a bare axum server's.
fn server_start(folder: &Path) {
    let (mut fresh, mut again, mut bare) = (Samples::default(), Samples::default(), Samples::default());
    for number in 0..STARTS {
        let mut server = Server::prepare(&made(folder.join(number.to_string())), free_port(), &[]);
        for samples in [&mut fresh, &mut again] {
            let begun = Instant::now();
            server.launch();
            until_ready(server.port());
            samples.push_ms(begun.elapsed());
            server.stop();
        }
        let begun = Instant::now();
        let relay = BareRelay::start();
        // The same question; that this path is unknown to it is an answer as well.
        http::get(relay.port, "/readyz").expect("the bare relay answers");
        bare.push_ms(begun.elapsed());
    }
    figure::print("server.start_to_ready.first", "ms", &fresh, Some(&bare));
    figure::print("server.start_to_ready.again", "ms", &again, Some(&bare));
}

fn until_ready(port: u16) {
    let begun = Instant::now();
    while !http::get(port, "/readyz").is_ok_and(|answer| answer.status == 200) {
        assert!(begun.elapsed() < PATIENCE, "the server does not become ready");
        std::thread::sleep(LOOK_PAUSE);
    }
}

/// `momo rpc` of somebody signed in, with two rooms: until it answers, until it is online, and what it holds idle.
fn client(folder: &Path) {
    let server = Server::start(folder, &[]);
    let people = ["ada", "grace"].map(|name| {
        let momo = Momo::start(folder, name);
        momo.register(&server.address(), PASSWORD);
        momo.wait_server("online", PATIENCE);
        momo
    });
    let [ada, grace] = &people;
    for name in ["boat-shed", "workshop"] {
        invite_and_join(ada, grace, &ada.create_room(name, "private"));
    }
    wait_direct(ada, grace);
    let (mut linked_pss, mut linked_rss) = (Samples::default(), Samples::default());
    std::thread::sleep(SETTLE);
    for person in &people {
        let held = Memory::of(person.pid());
        linked_pss.push(held.pss_kib / 1024.0);
        linked_rss.push(held.rss_kib / 1024.0);
    }
    grace.close();

    let (mut answered, mut online) = (Samples::default(), Samples::default());
    let (mut pss, mut rss) = (Samples::default(), Samples::default());
    for number in 0..STARTS {
        ada.close();
        let mark = ada.mark();
        let begun = Instant::now();
        ada.start_again();
        ada.ask("rooms.list", json!({}));
        answered.push_ms(begun.elapsed());
        ada.wait_event(mark, "net.changed with online", PATIENCE, |event| {
            event["type"] == "net.changed" && event["status"]["server"] == "online"
        });
        online.push_ms(begun.elapsed());
        if number % 5 == 0 {
            std::thread::sleep(SETTLE);
            let held = Memory::of(ada.pid());
            pss.push(held.pss_kib / 1024.0);
            rss.push(held.rss_kib / 1024.0);
        }
    }
    figure::print("client.start_to_rooms_listed", "ms", &answered, None);
    figure::print("client.start_to_online", "ms", &online, None);
    figure::print("client.idle_pss", "MiB", &pss, None);
    figure::print("client.idle_rss", "MiB", &rss, None);
    figure::print("client.idle_pss.one_peer_link", "MiB", &linked_pss, None);
    figure::print("client.idle_rss.one_peer_link", "MiB", &linked_rss, None);
}

/// Events a second through the relay, each acknowledged only when it is on the relay's disk, beside as many appends to
/// a bare file with an fsync after each.
async fn events_stored(folder: &Path) {
    let mut server = Server::prepare(folder, free_port(), &[("LOG", "warn")]);
    let registered = member::register(server.data(), WRITERS);
    server.start_again();
    let mut writers = Vec::new();
    for who in registered {
        let mut member = Member::connect(server.port(), who).await;
        let room = member.create_room().await;
        writers.push((member, room));
    }
    let (mut stored, mut bare) = (Samples::default(), Samples::default());
    let before = server.metric("momoland_events_stored_total").unwrap_or_default();
    for _ in 0..WRITE_ROUNDS {
        let begun = Instant::now();
        let mut writing = JoinSet::new();
        for (mut member, room) in writers.drain(..) {
            writing.spawn(async move {
                member.write(room, MESSAGES_EACH).await;
                (member, room)
            });
        }
        writers = writing.join_all().await;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let messages = (WRITERS as u64 * MESSAGES_EACH) as f64;
        stored.push(messages / begun.elapsed().as_secs_f64());
        bare.push(bare_appends(&folder.join("bare")));
        // The pace of a connection allows a burst; the next round begins with a full bucket again.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let counted = server.metric("momoland_events_stored_total").unwrap_or_default() - before;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let written = (WRITE_ROUNDS as u64 * WRITERS as u64 * MESSAGES_EACH) as f64;
    assert!((counted - written).abs() < 0.5, "the server counted {counted} events, {written} were written");
    figure::print("server.events_stored", "1/s", &stored, Some(&bare));
}

/// Appends a second, each on the disk before the next.
fn bare_appends(path: &Path) -> f64 {
    use std::io::Write as _;
    const APPENDS: u32 = 200;
    let mut file = std::fs::File::create(path).expect("the folder takes a file");
    let begun = Instant::now();
    for _ in 0..APPENDS {
        file.write_all(&[7; EVENT_BYTES]).and_then(|()| file.sync_data()).expect("the disk takes it");
    }
    f64::from(APPENDS) / begun.elapsed().as_secs_f64()
}

fn made(folder: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}
