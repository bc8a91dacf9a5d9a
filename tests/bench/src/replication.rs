//! The replication core with real stores, over links of memory: what catching up costs, how soon a newcomer has a
//! screen, how long a message takes from one core to another, and what an event takes on the disk.
//!
//! References: the same log copied over TCP, verified and written to the same store; two commits, a signature and its
//! check with nothing around them.

pub(crate) mod million;
mod node;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{
    AccountId, EventId, Incarnation, LogId, Nonce, RoomId, RosterHash, Seq, ServerKey, random,
};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Founder, Genesis, History, Posting, Role, RoomKind, RosterChange, RosterOp,
    Settings, Visibility,
};
use momoland_protocol::signed::{PublicKey as _, SecretKey, Signed};
use momoland_replica::input::{Command, Remote};
use momoland_replica::output::{Notice, Record};
use momoland_replica::replica::Own;
use momoland_store::event_log::EventLog;
use momoland_store::kv::{Batch, Durability, SchemaVersion, SledStore, Store};
use momoland_store::writer::Writer;

use self::node::{Node, Wake};
use crate::figure::{Samples, Target, print, print_beside};
use crate::floor::EVENT_BYTES;

/// Events of the long room.
const LONG: usize = 100_000;

/// Events of the short room beside it.
const SHORT: usize = 100;

/// Who writes in it, by turns.
const AUTHORS: usize = 10;

/// Bytes of an event as it is stored, about.
const STORED_BYTES: usize = 300;

/// Events of one commit where a log is written as fast as it goes.
const EVENTS_A_COMMIT: usize = 256;

/// Messages from one core to the other.
const MESSAGES: usize = 400;

/// Messages that fill a screen.
const SCREEN: usize = 50;

/// Whoever waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures all of it, with a million events where it may take `long`; `false` where a promise was not kept.
pub(crate) fn measure(folder: &Path, long_too: bool) -> bool {
    let long = World::new(LONG);
    let short = World::new(SHORT);
    let held = folder.join("relay");
    let mut kept = on_disk(&held, &long);
    short.write(&folder.join("short"), SHORT);
    kept &= catching_up(folder, &held, &long);
    kept &= newcomer(folder, (&held, &long), (&folder.join("short"), &short));
    kept &= message(folder);
    if long_too {
        kept &= million::measure(&folder.join("million"));
    }
    kept
}

/// A room, its people, and what they wrote.
struct World {
    server: SecretKey,
    people: Vec<Person>,
    room: RoomId,
    roster: Vec<CountersignedChange>,
    events: Vec<Event>,
}

struct Person {
    key: Arc<SecretKey>,
    account: AccountId,
    certificate: Signed<DeviceCertificate>,
}

impl World {
    /// Everybody is in the room; the last person reads only.
    fn new(events: usize) -> Self {
        let server = SecretKey::generate();
        let people: Vec<Person> = (0..=AUTHORS).map(|number| Person::new(&server, number)).collect();
        let mut world = Self { server, people, room: RoomId([0; 32]), roster: Vec::new(), events: Vec::new() };
        world.create();
        for person in 1..world.people.len() {
            let certificate = world.people[person].certificate.clone();
            world.change(person, RosterOp::Join { certificate, invite: None });
        }
        world.fill(events);
        world
    }

    fn server_key(&self) -> ServerKey {
        ServerKey(self.server.public())
    }

    fn log(&self) -> LogId {
        self.room.conversation()
    }

    fn reader(&self) -> &Person {
        self.people.last().expect("there are people")
    }

    fn create(&mut self) {
        let person = &self.people[0];
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: person.key.device(), nonce: Nonce(random()) };
        self.room = genesis.room();
        let certificates = vec![person.certificate.clone()];
        let founders = vec![Founder { account: person.account, role: Role::Owner, certificates }];
        let settings = Settings {
            name: "the bench".to_owned(),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        self.change(0, RosterOp::Create { genesis, settings, founders });
    }

    fn change(&mut self, author: usize, op: RosterOp) {
        let prev = self.head();
        let (room, key) = (self.room, &self.people[author].key);
        let (device, at) = (key.device(), UnixMillis(1));
        let change = RosterChange { room, prev, device, hlc: Hlc::at(at), op, cuts: Vec::new() };
        let change = Signed::sign(change, key).expect("within its bounds");
        let version = self.roster.len() as u64 + 1;
        let countersignature = Countersignature { change: change.change_hash(), version, at, cuts: Vec::new() };
        let countersignature = Signed::sign(countersignature, &self.server).expect("within its bounds");
        self.roster.push(CountersignedChange { change, countersignature });
    }

    fn head(&self) -> RosterHash {
        self.roster.last().map_or(RosterHash::ZERO, |change| change.roster_hash())
    }

    /// Writes events by turns, of about [`STORED_BYTES`] each.
    fn fill(&mut self, count: usize) {
        self.events = self.written().take(count).collect();
    }

    /// What people write by turns, without end.
    fn written(&self) -> impl Iterator<Item = Event> {
        let (roster, log) = (self.head(), self.log());
        let authors: Vec<Arc<SecretKey>> =
            self.people[..AUTHORS].iter().map(|person| Arc::clone(&person.key)).collect();
        let mut ends = [(Seq::ZERO, EventId::ZERO); AUTHORS];
        (0..).map(move |number: usize| {
            let author = number % AUTHORS;
            let (last, prev) = ends[author];
            let text = vec![b'm'; STORED_BYTES.saturating_sub(EVENT_BYTES) + 40];
            let body = BodyBytes::new(&Body::Plain(text)).expect("a short body");
            let header = EventHeader {
                log,
                device: authors[author].device(),
                incarnation: Incarnation([1; 16]),
                seq: Seq(last.0 + 1),
                prev,
                hlc: Hlc::at(UnixMillis(1_000 + number as u64)),
                roster,
                action: Action::POST,
                targets: Vec::new(),
                body_hash: body.hash(),
                body_length: u32::try_from(body.len()).expect("a short body"),
                place: None,
            };
            let header = Signed::sign(header, &authors[author]).expect("within its bounds");
            let event = Event { header, body: Some(body) };
            ends[author] = (Seq(last.0 + 1), event.id());
            event
        })
    }

    /// Puts the roster and the first so many events into a store.
    fn write(&self, folder: &Path, events: usize) {
        self.write_all(folder, self.events[..events].iter().cloned());
    }

    /// Puts the roster and events into a store; their own bytes.
    fn write_all(&self, folder: &Path, events: impl Iterator<Item = Event>) -> usize {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(folder, SchemaVersion(1)).expect("a new store opens"));
        let (mut log, _) = EventLog::open(Arc::clone(&store)).expect("the log opens");
        let mut batch = Batch::new();
        for (version, change) in (1..).zip(&self.roster) {
            let record = Record::Roster { place: version, change: change.clone() };
            log.put(&mut batch, &record).expect("nothing is read for a change");
        }
        store.commit(batch, Durability::Synced).expect("the disk takes it");
        let (mut batch, mut in_batch, mut bytes) = (Batch::new(), 0, 0);
        for event in events {
            bytes += cbor::encode(&event).len();
            log.put_event(&mut batch, self.room, &event);
            in_batch += 1;
            if in_batch == EVENTS_A_COMMIT {
                store.commit(std::mem::take(&mut batch), Durability::Synced).expect("the disk takes it");
                in_batch = 0;
            }
        }
        store.commit(batch, Durability::Synced).expect("the disk takes it");
        bytes
    }

    fn own_bytes(&self) -> usize {
        self.events.iter().map(|event| cbor::encode(event).len()).sum()
    }

    /// Starts the relay over a store.
    fn relay(&self, folder: &Path) -> Node {
        Node::start(folder, Own::Relay, self.server_key(), |_| {})
    }

    /// Starts the reader over a store; what it stores is told.
    fn start_reader(&self, folder: &Path) -> (Node, mpsc::Receiver<Seq>) {
        self.start(folder, self.reader())
    }

    fn start(&self, folder: &Path, person: &Person) -> (Node, mpsc::Receiver<Seq>) {
        let (told, stored) = mpsc::channel();
        let own = Own::Device { key: Arc::clone(&person.key), account: person.account };
        let node = Node::start(folder, own, self.server_key(), move |notice| {
            if let Notice::Stored { event, .. } = notice {
                // Nobody counts any more once a figure is there.
                let _ = told.send(event.header.get().seq);
            }
        });
        (node, stored)
    }
}

impl Person {
    fn new(server: &SecretKey, number: usize) -> Self {
        let key = SecretKey::generate();
        let account = AccountId(random());
        let certificate = DeviceCertificate {
            server: ServerKey(server.public()),
            account,
            handle: format!("person{number}"),
            device: key.device(),
            issued_at: UnixMillis(1),
            vouch: None,
        };
        let certificate = Signed::sign(certificate, server).expect("within its bounds");
        Self { key: Arc::new(key), account, certificate }
    }

    fn remote(&self) -> Remote {
        Remote::Device { device: self.key.device(), account: self.account }
    }
}

fn wait_for(stored: &mpsc::Receiver<Seq>, count: usize) {
    for _ in 0..count {
        stored.recv_timeout(PATIENCE).expect("events arrive");
    }
}

/// What an event takes on the disk, and how long such a store takes to open.
fn on_disk(folder: &Path, world: &World) -> bool {
    world.write(folder, LONG);
    let own = world.own_bytes();
    let mut opened = Samples::default();
    for _ in 0..3 {
        let begun = Instant::now();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(folder, SchemaVersion(1)).expect("the store opens"));
        let log = EventLog::open(Arc::clone(&store)).expect("the log opens");
        opened.push_ms(begun.elapsed());
        drop(log);
    }
    let disk = bytes_below(folder);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (an_event, its_own) = (disk as f64 / LONG as f64, own as f64 / LONG as f64);
    let kept = print_beside(
        "bytes on disk of a stored event, at 100,000",
        "B",
        &Samples::from(an_event),
        Some(&Samples::from(its_own)),
        Target::RatioAtMost(2.0),
    );
    kept & print_beside("opening a store of 100,000 events", "ms", &opened, None, Target::AtMost(500.0))
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("an entry");
        let data = entry.metadata().expect("its size");
        if data.is_dir() { bytes_below(&entry.path()) } else { data.len() }
    });
    sizes.sum()
}

/// One who was away fetches 100,000 events from the relay, beside a plain copy.
fn catching_up(folder: &Path, held: &Path, world: &World) -> bool {
    let (mut ours, mut reference) = (Samples::default(), Samples::default());
    let mut bytes = 0;
    for round in 0..3 {
        let target = folder.join(format!("away-{round}"));
        world.write(&target, AUTHORS);
        let relay = world.relay(held);
        let (reader, stored) = world.start_reader(&target);
        let begun = Instant::now();
        let traffic = relay.connect(Remote::Relay, &reader, world.reader().remote());
        wait_for(&stored, LONG - AUTHORS);
        ours.push_ms(begun.elapsed());
        bytes = traffic.bytes();
        drop((reader, relay));
        reference.push_ms(plain_copy(&folder.join(format!("copy-{round}")), world));
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (sent, own) = (bytes as f64, world.own_bytes() as f64);
    let kept = print_beside(
        "catching up 100,000 events: bytes both ways",
        "B",
        &Samples::from(sent),
        Some(&Samples::from(own)),
        Target::RatioAtMost(1.1),
    );
    kept & print_beside(
        "catching up 100,000 events: time, beside copying, verifying and storing them",
        "ms",
        &ours,
        Some(&reference),
        Target::RatioAtMost(1.5),
    )
}

/// The log over TCP: each event is decoded, verified and put into a store of the same kind.
fn plain_copy(folder: &Path, world: &World) -> Duration {
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder, SchemaVersion(1)).expect("a new store opens"));
    let (mut log, _) = EventLog::open(Arc::clone(&store)).expect("the log opens");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let bytes: Vec<Vec<u8>> = world.events.iter().map(cbor::encode).collect();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut socket =
                std::io::BufWriter::with_capacity(64 * 1024, TcpStream::connect(address).expect("it listens"));
            for event in bytes {
                let length = u32::try_from(event.len()).expect("a small event").to_be_bytes();
                socket.write_all(&length).and_then(|()| socket.write_all(&event)).expect("it is read");
            }
            socket.flush().expect("it is read");
        });
        let (done, written) = mpsc::channel();
        let writer = Writer::spawn(store, move |_, result| {
            let _ = done.send(result);
        });
        let writer = writer.expect("a thread");
        let mut socket = std::io::BufReader::with_capacity(64 * 1024, listener.accept().expect("it connects").0);
        let mut commits = 0;
        let mut batch = Batch::new();
        for number in 1..=world.events.len() {
            let mut length = [0; 4];
            socket.read_exact(&mut length).expect("an event");
            let mut event = vec![0; u32::from_be_bytes(length) as usize];
            socket.read_exact(&mut event).expect("an event");
            let event: Event = cbor::decode(&event, FRAME_BYTES_MAX).expect("an event");
            event.header.verify(&event.header.get().device).expect("its author signed it");
            log.put_event(&mut batch, world.room, &event);
            if number % EVENTS_A_COMMIT == 0 || number == world.events.len() {
                commits += 1;
                writer.submit(commits, std::mem::take(&mut batch)).unwrap_or_else(|_| panic!("the writer runs"));
            }
        }
        for _ in 0..commits {
            written.recv().expect("the writer runs").expect("the disk takes it");
        }
    });
    begun.elapsed()
}

/// A newcomer to a long room has the newest screen, beside one to a short room.
fn newcomer(folder: &Path, long: (&Path, &World), short: (&Path, &World)) -> bool {
    let (mut ours, mut reference) = (Samples::default(), Samples::default());
    for round in 0..7 {
        for ((held, world), samples, count) in [(long, &mut ours, LONG), (short, &mut reference, SHORT)] {
            let relay = world.relay(held);
            let (reader, stored) = world.start_reader(&folder.join(format!("new-{count}-{round}")));
            let newest = (count - SCREEN) / AUTHORS;
            let begun = Instant::now();
            relay.connect(Remote::Relay, &reader, world.reader().remote());
            let mut missing = SCREEN;
            while missing > 0 {
                let seq = stored.recv_timeout(PATIENCE).expect("events arrive");
                missing -= usize::from(seq.0 > newest as u64);
            }
            samples.push_ms(begun.elapsed());
        }
    }
    let figure = "a newcomer to a room of 100,000 events has the newest screen";
    let kept = print_beside(figure, "ms", &ours, None, Target::AtMost(300.0));
    let beside = format!("{figure}, beside a room of 100");
    kept & print_beside(&beside, "ms", &ours, Some(&reference), Target::RatioAtMost(1.5))
}

/// A message from one core to the other's notice that it is stored, beside what no chat can leave out.
fn message(folder: &Path) -> bool {
    let world = World::new(0);
    world.write(&folder.join("writes"), 0);
    world.write(&folder.join("reads"), 0);
    let author = &world.people[0];
    let (writes, stored_there) = world.start(&folder.join("writes"), author);
    let (reads, stored) = world.start(&folder.join("reads"), world.reader());
    writes.connect(author.remote(), &reads, world.reader().remote());
    let mut floor = (Floor::open(&folder.join("floor-writes")), Floor::open(&folder.join("floor-reads")));
    let (mut ours, mut reference) = (Samples::default(), Samples::default());
    for number in 0..MESSAGES {
        let body = BodyBytes::new(&Body::Plain(format!("message {number}").into_bytes())).expect("a short body");
        let (log, action) = (world.log(), Action::POST);
        let begun = Instant::now();
        writes.tell(Wake::Command(Command::Append { log, action, targets: Vec::new(), place: None, body }));
        wait_for(&stored, 1);
        ours.push_ms(begun.elapsed());
        wait_for(&stored_there, 1);
        reference.push_ms(floor_of(&mut floor, number));
    }
    drop((writes, reads));
    print("a message from one core to the other's screen, the floor under it", "ms", &reference, None);
    print_beside(
        "a message from one core to the other's screen, beside two commits, a signature and its check",
        "ms",
        &ours,
        Some(&reference),
        Target::RatioAtMost(1.3),
    )
}

/// A disk with a writer.
struct Floor {
    writer: Writer,
    written: mpsc::Receiver<()>,
}

impl Floor {
    fn open(folder: &Path) -> Self {
        let store = SledStore::open(folder, SchemaVersion(1)).expect("a new store opens");
        let (done, written) = mpsc::channel();
        let writer = Writer::spawn(Arc::new(store), move |_, result| {
            result.expect("the disk takes it");
            let _ = done.send(());
        });
        Self { writer: writer.expect("a thread"), written }
    }

    fn commit(&self, number: usize, bytes: &[u8]) {
        let mut batch = Batch::new();
        batch.put([b"e".as_slice(), &number.to_be_bytes()].concat(), bytes);
        batch.put(b"head".to_vec(), number.to_be_bytes());
        self.writer.submit(number as u64, batch).unwrap_or_else(|_| panic!("the writer runs"));
        self.written.recv().expect("the writer runs");
    }
}

fn floor_of((writes, reads): &mut (Floor, Floor), number: usize) -> Duration {
    const CONTEXT: momoland_protocol::signed::Context = momoland_protocol::signed::Context::new("momoland/1/bench\0");
    let key = SecretKey::generate();
    let bytes = vec![7; EVENT_BYTES];
    let begun = Instant::now();
    let signature = key.sign(CONTEXT, &bytes);
    writes.commit(number, &bytes);
    key.device().check(CONTEXT, &bytes, &signature).expect("it was signed");
    reads.commit(number, &bytes);
    begun.elapsed()
}
