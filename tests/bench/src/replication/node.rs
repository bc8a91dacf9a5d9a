//! A replica with a store of its own on a thread of its own, and links that are queues of encoded frames.
//!
//! It is driven as the engine and the relay drive theirs: one input, all outputs, the writer's thread beside it. A link
//! costs what encoding and decoding cost, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use momoland_protocol::cbor;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{ServerKey, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::replication::Frame;
use momoland_replica::input::{Command, CommandId, Input, LinkId, Mono, Now, PersistFailed, Remote};
use momoland_replica::output::{Load, LoadOrder, Notice, Output, Record};
use momoland_replica::replica::{Config, Own, Replica};
use momoland_store::event_log::{EventLog, EventReader};
use momoland_store::kv::{Batch, SchemaVersion, SledStore, Store, StoreError};
use momoland_store::writer::Writer;

/// Bytes of events under way on a link.
const WINDOW_BYTES: usize = 1024 * 1024;

/// As in the product.
const RECENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What may wake a node.
pub(crate) enum Wake {
    Link { link: LinkId, remote: Remote, to: Sender<Self>, bytes: Arc<std::sync::atomic::AtomicUsize> },
    Frame { link: LinkId, bytes: Vec<u8> },
    Taken { link: LinkId, bytes: usize },
    Written { ticket: u64, result: Result<(), StoreError> },
    Command(Command),
    Stop,
}

/// A node that runs.
pub(crate) struct Node {
    pub(crate) wakes: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts over what lies in `folder`; `watch` sees every notice as it is told.
    pub(crate) fn start(
        folder: &Path,
        own: Own,
        server: ServerKey,
        watch: impl FnMut(&Notice) + Send + 'static,
    ) -> Self {
        let (wakes, woken) = mpsc::channel();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(folder, SchemaVersion(1)).expect("the store opens"));
        let (log, held) = EventLog::open(Arc::clone(&store)).expect("the log opens");
        let config = Config { own, server, recent_bytes_max: RECENT_BYTES_MAX };
        let replica = Replica::new(config, random(), held);
        let answers = wakes.clone();
        let writer = Writer::spawn(store, move |ticket, result| {
            // Nobody waits once the node has stopped.
            let _ = answers.send(Wake::Written { ticket, result });
        });
        let driver = Driver {
            replica,
            reader: log.reader(),
            log,
            writer: writer.expect("a thread"),
            links: Vec::new(),
            early: Vec::new(),
            started: Instant::now(),
            commands: 0,
            watch,
        };
        let thread = std::thread::spawn(move || driver.run(&woken));
        Self { wakes, thread: Some(thread) }
    }

    /// Joins two nodes; the bytes of all frames that come to either are counted at it.
    pub(crate) fn connect(&self, remote: Remote, other: &Self, other_remote: Remote) -> Traffic {
        let link = LinkId(u64::from_be_bytes(random()));
        let traffic = Traffic::default();
        let ends = [(self, other_remote, other, &traffic.out), (other, remote, self, &traffic.back)];
        for (node, remote, to, bytes) in ends {
            node.tell(Wake::Link { link, remote, to: to.wakes.clone(), bytes: Arc::clone(bytes) });
        }
        traffic
    }

    pub(crate) fn tell(&self, wake: Wake) {
        self.wakes.send(wake).unwrap_or_else(|_| panic!("the node runs"));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.wakes.send(Wake::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Bytes of frames, both ways.
#[derive(Debug, Default, Clone)]
pub(crate) struct Traffic {
    out: Arc<std::sync::atomic::AtomicUsize>,
    back: Arc<std::sync::atomic::AtomicUsize>,
}

impl Traffic {
    pub(crate) fn bytes(&self) -> usize {
        let order = std::sync::atomic::Ordering::Relaxed;
        self.out.load(order) + self.back.load(order)
    }
}

struct Driver<W> {
    replica: Replica,
    log: EventLog,
    reader: EventReader,
    writer: Writer,
    links: Vec<(LinkId, Sender<Wake>, Arc<std::sync::atomic::AtomicUsize>)>,
    /// Frames of links that are not known here yet.
    early: Vec<(LinkId, Vec<u8>)>,
    started: Instant,
    commands: u64,
    watch: W,
}

impl<W: FnMut(&Notice)> Driver<W> {
    fn run(mut self, woken: &Receiver<Wake>) {
        loop {
            let due = self.replica.poll_timeout().map(|(at, _)| at.0.saturating_sub(self.now().mono.0));
            let wake = match woken.recv_timeout(Duration::from_millis(due.unwrap_or(1_000).min(1_000))) {
                Ok(wake) => wake,
                Err(RecvTimeoutError::Timeout) => {
                    let now = self.now();
                    self.replica.handle_timeout(now);
                    self.drain();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            match wake {
                Wake::Stop => return,
                Wake::Link { link, remote, to, bytes } => {
                    self.links.push((link, to, bytes));
                    self.input(Input::LinkUp { link, remote });
                    self.input(Input::Credit { link, bytes: WINDOW_BYTES });
                    let early: Vec<Vec<u8>> =
                        self.early.extract_if(.., |(of, _)| *of == link).map(|(_, bytes)| bytes).collect();
                    early.into_iter().for_each(|bytes| self.frame(link, &bytes));
                }
                // The other end was told of the link first.
                Wake::Frame { link, bytes } if self.links.iter().all(|(of, ..)| *of != link) => {
                    self.early.push((link, bytes));
                }
                Wake::Frame { link, bytes } => self.frame(link, &bytes),
                Wake::Taken { link, bytes } => self.input(Input::Credit { link, bytes }),
                Wake::Written { ticket, result } => {
                    let result = result.map_err(|_| PersistFailed);
                    self.input(Input::Persisted { ticket: momoland_replica::input::Ticket(ticket), result });
                }
                Wake::Command(command) => {
                    self.commands += 1;
                    self.input(Input::Command { id: CommandId(self.commands), command });
                }
            }
        }
    }

    fn frame(&mut self, link: LinkId, bytes: &[u8]) {
        let frame: Frame = cbor::decode(bytes, FRAME_BYTES_MAX).expect("a frame");
        let is_events = matches!(frame, Frame::Events { .. });
        self.input(Input::Frame { link, frame });
        if is_events && let Some((_, to, _)) = self.links.iter().find(|(of, ..)| *of == link) {
            let _ = to.send(Wake::Taken { link, bytes: bytes.len() });
        }
    }

    fn now(&self) -> Now {
        let mono = Mono(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
        Now { mono, wall: UnixMillis::now() }
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        self.replica.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.replica.poll_output() {
            match output {
                Output::Send { link, frame } => {
                    let Some((_, to, count)) = self.links.iter().find(|(of, ..)| *of == link) else { continue };
                    let bytes = cbor::encode(&frame);
                    count.fetch_add(bytes.len(), std::sync::atomic::Ordering::Relaxed);
                    // The other end may have stopped.
                    let _ = to.send(Wake::Frame { link, bytes });
                }
                Output::Persist { ticket, batch } => {
                    let batch = batch_of(&mut self.log, &batch);
                    self.writer.submit(ticket.0, batch).unwrap_or_else(|_| panic!("the writer runs"));
                }
                Output::Load { ticket, load: Load { log, chain, from, to, bytes_max, order } } => {
                    let events = match order {
                        LoadOrder::OldestFirst => self.reader.load(log, chain, from, to, bytes_max),
                        LoadOrder::NewestFirst => self.reader.load_back(log, chain, from, to, bytes_max),
                    };
                    let events = events.expect("the store is whole");
                    let now = self.now();
                    self.replica.handle_input(now, Input::Loaded { ticket, events });
                }
                Output::Notice(notice) => (self.watch)(&notice),
                Output::CloseLink { reason, .. } => panic!("an honest end was closed: {reason:?}"),
            }
        }
    }
}

pub(crate) fn batch_of(log: &mut EventLog, records: &[Record]) -> Batch {
    let mut batch = Batch::new();
    for record in records {
        log.put(&mut batch, record).expect("the store is whole");
    }
    batch
}
