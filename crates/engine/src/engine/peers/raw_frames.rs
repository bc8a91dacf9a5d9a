//! A modified client on a real link: Eve was removed from one of two rooms that she shared with Ada, so the link stands, and
//! says on it whatever she likes. Signals pass the test as they pass an introducer; everything else is the product's.

mod roles;

use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::Hlc;
use momoland_protocol::content::MessageContent;
use momoland_protocol::document::{DocumentSignal, DocumentUpdate, Editors};
use momoland_protocol::ephemeral::{EphemeralSignal, kind};
use momoland_protocol::event::{Action, Body, BodyBytes, Event as WireEvent, EventHeader};
use momoland_protocol::id::{ChainId, EventId, Incarnation, LogId, Nonce, RosterHash, Seq, SetHash};
use momoland_protocol::limits;
use momoland_protocol::register::{ReadMark, Register, RegisterName};
use momoland_protocol::replication::{ChainHead, Frame};
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Cut, Founder, Genesis, History, Posting, Role, RoomKind, RosterChange,
    RosterOp, Settings, Visibility,
};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_store::kv::{MemoryStore, Store};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::*;
use crate::account::record::Records;
use crate::api::types::DeliveryState;
use crate::documents::document::{Document, Edit};
use crate::engine::actor::Channels;
use crate::engine::fixture::{self, ADA};
use crate::persistence::DiskEvent;

const EVE: AccountId = AccountId([5; 16]);

/// A link opens in a fraction of it; what waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ada's device, as it is, and Eve's, of which only the link and its handshake are.
struct Stage {
    ada: Home,
    disk: mpsc::UnboundedReceiver<DiskEvent>,
    peers: mpsc::Receiver<PeerEvent>,
    told: broadcast::Receiver<Arc<Event>>,
    eve: Eve,
}

struct Eve {
    key: Arc<SecretKey>,
    links: PeerLinks,
    events: mpsc::Receiver<PeerEvent>,
    session: Option<(u64, PeerSession)>,
    /// What Ada's device said.
    heard: Vec<Frame>,
    closed: bool,
}

impl Eve {
    fn new() -> Self {
        let key = Arc::new(SecretKey::from_seed(&[5; 32]));
        let config = PeerConfig {
            own: key.device(),
            ice_servers: Vec::new(),
            policy: LinkPolicy::All,
            include_loopback: true,
            timeouts: PeerTimeouts::PRODUCT,
        };
        let (sender, events) = mpsc::channel(512);
        Self { key, links: PeerLinks::new(config, sender), events, session: None, heard: Vec::new(), closed: false }
    }

    fn certificate(&self) -> Signed<DeviceCertificate> {
        let (account, _) = fixture::ada();
        let it = DeviceCertificate {
            account: EVE,
            handle: "eve".to_owned(),
            device: self.key.device(),
            ..account.certificate.get().clone()
        };
        Signed::sign(it, &fixture::server()).unwrap()
    }

    fn chain(&self) -> ChainId {
        ChainId { device: self.key.device(), incarnation: Incarnation([5; 16]) }
    }

    /// Says something on the reliable channel, as it is.
    fn say(&self, frame: Frame) {
        self.send(Class::Durable, cbor::encode(&PeerFrame::Replication(frame)));
    }

    fn send(&self, class: Class, bytes: Vec<u8>) {
        let (connection, _) = self.session.as_ref().expect("a link");
        self.links.try_send(*connection, class, bytes.into()).expect("the link has room");
    }

    /// The next message of her chain in a room, under a roster of her choice.
    fn message(&self, room: RoomId, seq: u64, prev: EventId, roster: RosterHash, text: &str) -> WireEvent {
        let content = MessageContent { text: text.to_owned(), sent_at: UnixMillis::now(), mentions: None, call: None };
        let body = BodyBytes::new(&Body::Plain(cbor::encode(&content))).unwrap();
        let header = EventHeader {
            log: room.conversation(),
            device: self.key.device(),
            incarnation: self.chain().incarnation,
            seq: Seq(seq),
            prev,
            hlc: Hlc(Hlc::at(UnixMillis::now()).0 + seq),
            roster,
            action: Action::POST,
            targets: Vec::new(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            place: None,
        };
        WireEvent { header: Signed::sign(header, &self.key).unwrap(), body: Some(body) }
    }

    /// Takes one event of her link; what is to be passed on to Ada comes back.
    fn event(&mut self, event: PeerEvent, ada: DeviceId) -> Option<Signal> {
        match event {
            PeerEvent::Signal { to: _, signal } => return Some(signal),
            PeerEvent::Open { connection, fingerprints, side, .. } => {
                let (session, hello) = PeerSession::open(Arc::clone(&self.key), ada, side, fingerprints);
                self.session = Some((connection, session));
                self.send(Class::Durable, cbor::encode(&hello));
            }
            PeerEvent::Frame { class: Class::Durable, bytes, .. } => {
                let Some((_, session)) = &mut self.session else { panic!("a frame without a link") };
                match session.receive(cbor::decode(&bytes, FRAME_BYTES_MAX).unwrap()).unwrap() {
                    Received::Answer(answer) => self.send(Class::Durable, cbor::encode(&answer)),
                    Received::Replication(frame) => self.heard.push(frame),
                    Received::Ready | Received::Around(_) => {}
                    Received::Introduce { .. } | Received::Introduced { .. } => panic!("there is nobody else"),
                    Received::Goodbye(sentence) => panic!("Ada's device said goodbye: {sentence}"),
                }
            }
            PeerEvent::Closed { .. } | PeerEvent::AttemptFailed { .. } => self.closed = true,
            PeerEvent::Frame { class: Class::Ephemeral, .. } | PeerEvent::Writable { .. } | PeerEvent::Path { .. } => {}
        }
        None
    }
}

impl Stage {
    /// Ada and Eve share two rooms and a link.
    async fn new() -> (Self, RoomId, RoomId) {
        let (mut account, key) = fixture::ada();
        account.server = ServerAddress::parse("http://127.0.0.1:1").unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (disk_sender, disk) = mpsc::unbounded_channel();
        let (peer_sender, peers) = mpsc::channel(512);
        let channels = Channels { disk: disk_sender, server: mpsc::channel(64).0, peers: peer_sender };
        let (sender, told) = broadcast::channel(4_096);
        let records = Records::new(Arc::clone(&store));
        let mut ada = Home::open(account, key, store, records, sender, channels).unwrap();
        ada.start_peers();
        let mut stage = Self { ada, disk, peers, told, eve: Eve::new() };
        let rooms = [stage.room(3).await, stage.room(4).await];
        stage.eve.links.dial(stage.ada.key.device());
        stage.until(|stage| stage.eve.session.as_ref().is_some_and(|(_, session)| session.is_ready())).await;
        stage.until(|stage| stage.ada.peers.values().any(|peer| peer.link.is_some())).await;
        (stage, rooms[0], rooms[1])
    }

    /// A room of Ada's which Eve has joined.
    async fn room(&mut self, nonce: u8) -> RoomId {
        let device = self.ada.key.device();
        let genesis = Genesis::Made { kind: RoomKind::Chat, device, nonce: Nonce([nonce; 32]) };
        let certificates = vec![self.ada.account.certificate.clone()];
        let founders = vec![Founder { account: ADA, role: Role::Owner, certificates }];
        let settings = Settings {
            name: format!("room {nonce}"),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        let room = genesis.room();
        let op = RosterOp::Create { genesis, settings, founders };
        let created = self.ada.sign_change_after(room, RosterHash::ZERO, op, Vec::new()).unwrap();
        let created = in_place(created, 1, &fixture::server());
        let joined = RosterChange {
            room,
            prev: created.roster_hash(),
            device: self.eve.key.device(),
            hlc: Hlc(1),
            op: RosterOp::Join { certificate: self.eve.certificate(), invite: None },
            cuts: Vec::new(),
        };
        let joined = Signed::sign(joined, &self.eve.key).unwrap();
        self.ada.take_changes(vec![created, in_place(joined, 2, &fixture::server())]);
        self.until(|stage| stage.ada.timelines.contains_key(&room)).await;
        room
    }

    async fn remove_eve(&mut self, room: RoomId) {
        let removal = self.ada.sign_change(room, RosterOp::Remove { account: EVE, ban: false }).unwrap();
        self.ada.take_changes(vec![in_place(removal, 3, &fixture::server())]);
        self.until(|stage| stage.eve.heard.contains(&Frame::Closed { room })).await;
    }

    async fn answered<T>(&mut self, mut answer: oneshot::Receiver<T>) -> T {
        let mut answered = None;
        self.until(|_| {
            answered = answer.try_recv().ok();
            answered.is_some()
        })
        .await;
        answered.unwrap()
    }

    async fn post(&mut self, room: RoomId, text: &str) -> EventId {
        let answer = self.ada.send_message(room, text.to_owned(), None).unwrap();
        self.answered(answer).await.unwrap()
    }

    fn texts(&self, room: RoomId) -> Vec<String> {
        let timeline = &self.ada.timelines[&room];
        let (page, _) = timeline.page(None, None, 1_000).unwrap();
        page.iter().map(|entry| timeline.message(entry).unwrap().text).collect()
    }

    fn head(&self, room: RoomId) -> RosterHash {
        self.ada.replica.roster(room).unwrap().head()
    }

    async fn until(&mut self, mut holds: impl FnMut(&mut Self) -> bool) {
        let ada = self.ada.key.device();
        while !holds(self) {
            let one = tokio::time::timeout(PATIENCE, async {
                tokio::select! {
                    Some(event) = self.disk.recv() => self.ada.disk(event),
                    Some(event) = self.peers.recv() => match event {
                        PeerEvent::Signal { to: _, signal } => self.eve.links.signal(ada, signal),
                        event => self.ada.peer_event(event),
                    },
                    Some(event) = self.eve.events.recv() => {
                        if let Some(signal) = self.eve.event(event, ada) {
                            self.ada.signalled(self.eve.key.device(), signal);
                        }
                    }
                }
            });
            one.await.expect("it happens in time");
            self.ada.settle();
        }
    }
}

fn in_place(change: Signed<RosterChange>, version: u64, server: &SecretKey) -> CountersignedChange {
    let countersignature =
        Countersignature { change: change.change_hash(), version, at: UnixMillis::now(), cuts: Vec::<Cut>::new() };
    CountersignedChange { change, countersignature: Signed::sign(countersignature, server).unwrap() }
}

/// Whether a frame says anything of a room.
fn tells_of(frame: &Frame, room: RoomId) -> bool {
    let conversation = room.conversation();
    match frame {
        Frame::Room { room: of, .. } | Frame::Roster { room: of, .. } | Frame::Registers { room: of, .. } => {
            *of == room
        }
        Frame::Have { log, .. }
        | Frame::Events { log, .. }
        | Frame::Ack { log, .. }
        | Frame::Want { log, .. }
        | Frame::Position { log, .. }
        | Frame::Digest { log, .. }
        | Frame::Fetch { log, .. }
        | Frame::Mode { log, .. } => *log == conversation,
        Frame::Closed { .. } => false,
    }
}

/// Everything that a modified client could say of a room to get something of it, or into it.
fn demands(stage: &Stage, room: RoomId, old_roster: RosterHash, own: &WireEvent, of_ada: ChainId) -> Vec<Frame> {
    let (eve, log) = (&stage.eve, room.conversation());
    let backdated = eve.message(room, 2, own.id(), old_roster, "written before, honestly");
    let mut anew = eve.message(room, 1, EventId::ZERO, old_roster, "in another life");
    let header = EventHeader { incarnation: Incarnation([6; 16]), ..anew.header.get().clone() };
    anew.header = Signed::sign(header, &eve.key).unwrap();
    let mark = Register {
        account: EVE,
        device: eve.key.device(),
        room,
        name: RegisterName::READ,
        target: log.0,
        roster: old_roster,
        hlc: Hlc::at(UnixMillis::now()),
        value: cbor::encode(&ReadMark { hlc: own.header.get().hlc, event: own.id() }),
    };
    let rejoined = RosterChange {
        room,
        prev: stage.head(room),
        device: eve.key.device(),
        hlc: Hlc::at(UnixMillis::now()),
        op: RosterOp::Join { certificate: eve.certificate(), invite: None },
        cuts: Vec::new(),
    };
    let rejoined = in_place(Signed::sign(rejoined, &eve.key).unwrap(), 4, &eve.key);
    let all_of_it = ChainHead { chain: of_ada, seq: Seq(2), event: EventId([1; 32]) };
    vec![
        Frame::Room { room, version: 2, head: old_roster },
        Frame::Room { room, version: 0, head: RosterHash::ZERO },
        Frame::Roster { room, changes: vec![rejoined] },
        Frame::Have { log, chains: Vec::new(), more: false, registers: SetHash::ZERO },
        Frame::Position { log, n: 0, h: EventId::ZERO },
        Frame::Want { log, chain: of_ada, from: Seq(1), to: Seq(10) },
        Frame::Events { log, events: vec![backdated] },
        Frame::Events { log, events: vec![anew] },
        Frame::Registers { room, registers: vec![Signed::sign(mark, &eve.key).unwrap()] },
        Frame::Ack { log, chains: vec![all_of_it] },
        Frame::Mode { log, mode: RelayMode::Full },
        Frame::Fetch { log, chains: vec![ChainHead { chain: of_ada, seq: Seq::ZERO, event: EventId::ZERO }] },
    ]
}

#[tokio::test]
async fn c08_raw_frames_of_a_removed_member_get_and_change_nothing() {
    let (mut stage, left, shared) = Stage::new().await;
    let old_roster = stage.head(left);
    // While she belongs, raw frames are as good as any: she is told, and she is heard.
    stage.post(left, "before").await;
    for room in [left, shared] {
        stage.eve.say(Frame::Room { room, version: 2, head: stage.head(room) });
        let nothing =
            Frame::Have { log: room.conversation(), chains: Vec::new(), more: false, registers: SetHash::ZERO };
        stage.eve.say(nothing);
    }
    let own = stage.eve.message(left, 1, EventId::ZERO, old_roster, "hello from eve");
    stage.eve.say(Frame::Events { log: left.conversation(), events: vec![own.clone()] });
    let is_told = |frame: &Frame| matches!(frame, Frame::Events { log, .. } if *log == left.conversation());
    stage.until(|stage| stage.texts(left).len() == 2 && stage.eve.heard.iter().any(is_told)).await;

    stage.remove_eve(left).await;
    let told_before = stage.eve.heard.len();
    let secret = stage.post(left, "after").await;
    let of_ada = stage.ada.timelines[&left].get(secret).unwrap().order.chain();
    for frame in demands(&stage, left, old_roster, &own, of_ada) {
        stage.eve.say(frame);
    }
    let typing = |room| cbor::encode(&Ephemeral { room, signal: EphemeralSignal::Typing { typing: true } });
    stage.eve.send(Class::Ephemeral, typing(left));
    stage.eve.send(Class::Ephemeral, typing(shared));
    // The channel is in order: once this is there, and was acknowledged, all of the above has been answered.
    let shared_roster = stage.head(shared);
    let last = stage.eve.message(shared, 1, EventId::ZERO, shared_roster, "still here");
    stage.eve.say(Frame::Events { log: shared.conversation(), events: vec![last] });
    let is_fence = |frame: &Frame| matches!(frame, Frame::Ack { log, .. } if *log == shared.conversation());
    stage.until(|stage| stage.eve.heard.iter().skip(told_before).any(is_fence)).await;
    let mut typing = Vec::new();
    stage
        .until(|stage| {
            while let Ok(event) = stage.told.try_recv() {
                if let Event::TypingChanged { room_id, .. } = &*event {
                    typing.push(room_id.clone());
                }
            }
            typing.contains(&shared.to_string())
        })
        .await;

    assert_eq!(stage.texts(shared), ["still here"], "the link stands");
    assert!(!stage.eve.closed);
    let told: Vec<&Frame> = stage.eve.heard.iter().skip(told_before).filter(|frame| tells_of(frame, left)).collect();
    assert!(told.is_empty(), "she was told of a room that she is out of: {told:?}");
    assert_eq!(stage.texts(left), ["before", "hello from eve", "after"]);
    let chains: Vec<_> = stage.ada.replica.chains(left.conversation()).collect();
    let of_eve = chains.iter().filter(|(chain, _)| chain.device == stage.eve.key.device());
    assert_eq!(of_eve.collect::<Vec<_>>(), [&(stage.eve.chain(), Seq(1))]);
    assert_eq!(stage.ada.replica.registers(left).filter(|register| register.get().account == EVE).count(), 0);
    assert_eq!(stage.ada.replica.roster(left).unwrap().version(), 3);
    let timeline = &stage.ada.timelines[&left];
    assert_eq!(timeline.message(&timeline.get(secret).unwrap()).unwrap().state, DeliveryState::Stored);
    assert!(!typing.contains(&left.to_string()), "she is seen typing in a room that she is out of");
}

/// The next event of Eve's chain in a document: what she writes, under the list of editors that the announcement was.
fn update_of(eve: &Eve, log: LogId, seq: u64, prev: EventId, roster: RosterHash, update: Vec<u8>) -> WireEvent {
    let body = BodyBytes::new(&Body::Plain(cbor::encode(&DocumentUpdate { update, inflated: None }))).unwrap();
    let header = EventHeader {
        log,
        device: eve.key.device(),
        incarnation: eve.chain().incarnation,
        seq: Seq(seq),
        prev,
        hlc: Hlc(Hlc::at(UnixMillis::now()).0 + seq),
        roster,
        action: Action::DOCUMENT_UPDATE,
        targets: vec![EventId(log.0)],
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
    };
    WireEvent { header: Signed::sign(header, &eve.key).unwrap(), body: Some(body) }
}

// Rules: DO5, DO6, DO8
#[tokio::test]
async fn c10_raw_updates_of_a_reader_change_nothing_and_her_caret_shows() {
    let (mut stage, room, _) = Stage::new().await;
    let roster = stage.head(room);
    stage.eve.say(Frame::Room { room, version: 2, head: roster });
    let nothing = |log| Frame::Have { log, chains: Vec::new(), more: false, registers: SetHash::ZERO };
    stage.eve.say(nothing(room.conversation()));
    let made = stage.ada.create_document(room, "Hers alone".to_owned(), Editors::Author).unwrap();
    let log = stage.answered(made).await.unwrap();
    let written = stage.ada.edit_document(log, vec![Edit::Insert { at: 0, text: "hers".to_owned() }]).unwrap();
    stage.ada.settle();
    stage.answered(written).await.unwrap();
    // Good Yjs, under a client id of Eve's device: what her own engine would make of a key that she strikes.
    let (state, _) = stage.ada.document_state(log, None).unwrap();
    let mut of_eve = Document::new(log, stage.eve.key.device());
    of_eve.recover(&state);
    of_eve.take_unissued(limits::DOCUMENT_UPDATE_BYTES_MAX);
    let keys = of_eve.edit(&[Edit::Insert { at: 4, text: " and eve's".to_owned() }]).unwrap();
    let deletion = of_eve.edit(&[Edit::Delete { at: 0, len: 4 }]).unwrap();
    while stage.told.try_recv().is_ok() {}

    let signal = |kind, content: Vec<u8>| {
        let payload = cbor::encode(&DocumentSignal { document: DocumentSignal::name(log), content });
        cbor::encode(&Ephemeral { room, signal: EphemeralSignal::Other { kind, payload } })
    };
    for update in [&keys, &deletion] {
        stage.eve.send(Class::Ephemeral, signal(kind::DOCUMENT_KEYS, update.clone()));
    }
    stage.eve.say(nothing(log));
    let first = update_of(&stage.eve, log, 1, EventId::ZERO, roster, keys);
    let second = update_of(&stage.eve, log, 2, first.id(), roster, deletion);
    stage.eve.say(Frame::Events { log, events: vec![first, second] });
    // She may write in the room, so her events are kept and passed on; what they say counts for nothing.
    let chain = stage.eve.chain();
    let mut texts = BTreeSet::new();
    stage
        .until(|stage| {
            texts.insert(stage.ada.document_text(log).unwrap());
            stage.ada.replica.chains(log).any(|held| held == (chain, Seq(2)))
        })
        .await;
    // Where she is, everybody may say. It is lossy: said until it is heard, behind what she typed.
    let eve = stage.eve.key.device().to_string();
    let mut told = Vec::new();
    stage.eve.send(Class::Ephemeral, signal(kind::DOCUMENT_AWARENESS, br#"{"caret":4}"#.to_vec()));
    stage
        .until(|stage| {
            texts.insert(stage.ada.document_text(log).unwrap());
            while let Ok(event) = stage.told.try_recv() {
                told.push(event);
            }
            told.iter().any(|event| matches!(&**event, Event::DocAwareness { device_id, .. } if *device_id == eve))
        })
        .await;
    assert_eq!(texts, BTreeSet::from(["hers".to_owned()]), "not even for a moment");
    let shown = |event: &&Arc<Event>| matches!(&***event, Event::DocUpdate { .. } | Event::DocReset { .. });
    assert_eq!(told.iter().filter(shown).count(), 0, "no editor was told anything: {told:?}");
    assert_eq!(stage.ada.awareness(log).len(), 1);
    assert!(!stage.eve.closed, "the link stands");
}
