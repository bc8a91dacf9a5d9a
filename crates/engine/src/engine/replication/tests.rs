use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::id::{Nonce, RosterHash, Seq};
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Founder, Genesis, History, Posting, Role, RoomKind, RosterChange, RosterOp,
    Settings, Visibility,
};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_store::kv::memory::MemoryStore;
use momoland_store::kv::{Batch, Durability, KeyRange, Order, Pair, Store, StoreError};
use tokio::sync::{broadcast, mpsc};

use super::*;
use crate::account::record::Records;
use crate::api::error::ApiError;
use crate::api::types::DeliveryState;
use crate::engine::Stored;
use crate::engine::actor::Channels;
use crate::engine::fixture::{self, ADA};
use crate::persistence::DiskEvent;

const GRACE: AccountId = AccountId([2; 16]);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A store whose commits can be held up: the disk is slow, and nothing that waits for it is on it.
#[derive(Debug, Default)]
pub(in crate::engine) struct HeldStore {
    store: MemoryStore,
    commits: AtomicUsize,
    pub(in crate::engine) held: Mutex<()>,
}

impl Store for HeldStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn range(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.store.range(range, order, limit)
    }

    fn commit(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        let _free = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.store.commit(batch, durability)
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.store.size_on_disk()
    }
}

/// Ada's device on a store. What Grace's device would say to it is said in her name.
pub(in crate::engine) struct Device {
    pub(in crate::engine) home: Home,
    disk: mpsc::UnboundedReceiver<DiskEvent>,
    events: broadcast::Receiver<Arc<Event>>,
}

impl Device {
    pub(in crate::engine) fn start(store: Arc<HeldStore>) -> Self {
        let (account, key) = fixture::ada();
        let (disk_sender, disk) = mpsc::unbounded_channel();
        let channels = Channels { disk: disk_sender, server: mpsc::channel(1).0, peers: mpsc::channel(1).0 };
        let (sender, events) = broadcast::channel(1_024);
        let records = Records::new(store.clone());
        let home = Home::open(account, key, store.clone(), records, sender, channels).unwrap();
        Self { home, disk, events }
    }

    pub(in crate::engine) async fn create_room(&mut self) -> RoomId {
        let device = self.home.key.device();
        let genesis = Genesis::Made { kind: RoomKind::Chat, device, nonce: Nonce([3; 32]) };
        let certificates = vec![self.home.account.certificate.clone()];
        let founders = vec![Founder { account: ADA, role: Role::Owner, certificates }];
        let settings = Settings {
            name: "shed".to_owned(),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        let room = genesis.room();
        let op = RosterOp::Create { genesis, settings, founders };
        let change = self.home.sign_change_after(room, RosterHash::ZERO, op, Vec::new()).unwrap();
        let countersignature =
            Countersignature { change: change.change_hash(), version: 1, at: UnixMillis::now(), cuts: Vec::new() };
        let countersignature = Signed::sign(countersignature, &fixture::server()).unwrap();
        self.home.take_changes(vec![CountersignedChange { change, countersignature }]);
        self.until(|home| home.timelines.contains_key(&room)).await;
        room
    }

    /// Somebody changes the room, who knows of no chain in it.
    fn change(&mut self, room: RoomId, by: &SecretKey, op: RosterOp) {
        let roster = self.home.replica.roster(room).unwrap();
        let (prev, version) = (roster.head(), roster.version() + 1);
        let change = RosterChange { room, prev, device: by.device(), hlc: Hlc(version), op, cuts: Vec::new() };
        let change = Signed::sign(change, by).unwrap();
        let countersignature =
            Countersignature { change: change.change_hash(), version, at: UnixMillis::now(), cuts: Vec::new() };
        let countersignature = Signed::sign(countersignature, &fixture::server()).unwrap();
        self.home.take_changes(vec![CountersignedChange { change, countersignature }]);
    }

    async fn send(&mut self, room: RoomId, text: &str) -> (EventId, ChainId) {
        let id = self.wait(|home| home.send_message(room, text.to_owned(), None)).await;
        (id, self.home.timelines[&room].get(id).unwrap().order.chain())
    }

    async fn publish(&mut self, room: RoomId, title: &str) -> EventId {
        self.wait(|home| home.publish(room, title.to_owned(), String::new(), Vec::new())).await
    }

    /// Writes something, and waits until it is on the disk.
    async fn wait(&mut self, write: impl FnOnce(&mut Home) -> Result<Stored, ApiError>) -> EventId {
        let mut answered = write(&mut self.home).unwrap();
        let mut sent = None;
        self.until(|_| {
            sent = answered.try_recv().ok();
            sent.is_some()
        })
        .await;
        sent.unwrap().unwrap()
    }

    /// The relay (or Grace) says how far it has a chain.
    fn acknowledge(&mut self, room: RoomId, chain: ChainId, seq: u64, by: Remote) {
        let log = room.conversation();
        self.home.notice(Notice::Acknowledged { log, chain, seq: Seq(seq), by });
        self.home.settle();
    }

    pub(in crate::engine) async fn until(&mut self, mut holds: impl FnMut(&mut Home) -> bool) {
        while !holds(&mut self.home) {
            let event = tokio::time::timeout(WAIT_MAX, self.disk.recv()).await.unwrap().unwrap();
            self.home.disk(event);
            self.home.settle();
        }
    }

    fn state(&self, room: RoomId, id: EventId) -> DeliveryState {
        let timeline = &self.home.timelines[&room];
        timeline.message(&timeline.get(id).unwrap()).unwrap().state
    }

    fn told_changed(&mut self) -> Vec<DeliveryState> {
        let mut told = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let Event::MessageChanged { message, .. } = &*event {
                told.push(message.state);
            }
        }
        told
    }
}

fn grace() -> Remote {
    Remote::Device { device: SecretKey::from_seed(&[2; 32]).device(), account: GRACE }
}

#[tokio::test]
async fn a_state_is_shown_only_once_it_would_survive_a_kill() {
    for (by, reached) in [(Remote::Relay, DeliveryState::Relayed), (grace(), DeliveryState::Delivered)] {
        let store = Arc::new(HeldStore::default());
        let mut device = Device::start(Arc::clone(&store));
        let room = device.create_room().await;
        let (id, chain) = device.send(room, "hello").await;
        let of_disk = Arc::clone(&store);
        let slow = of_disk.held.lock().unwrap();
        device.acknowledge(room, chain, 1, by);
        assert_eq!(device.told_changed(), []);
        assert_eq!(device.state(room, id), DeliveryState::Stored);
        drop(slow);
        device
            .until(|home| {
                let timeline = &home.timelines[&room];
                timeline.message(&timeline.get(id).unwrap()).unwrap().state == reached
            })
            .await;
        assert_eq!(device.told_changed(), [reached]);
        // Killed here: the next start finds no less.
        let restarted = Device::start(store);
        assert_eq!(restarted.state(room, id), reached);
    }
}

#[tokio::test]
async fn a_burst_of_acknowledgements_costs_one_commit_while_another_is_under_way() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let mut last = None;
    for number in 0..20_u64 {
        last = Some(device.send(room, &number.to_string()).await);
    }
    let (id, chain) = last.unwrap();
    let of_disk = Arc::clone(&store);
    let slow = of_disk.held.lock().unwrap();
    let before = store.commits.load(Ordering::SeqCst);
    for seq in 1..=20 {
        device.acknowledge(room, chain, seq, Remote::Relay);
        device.acknowledge(room, chain, seq, grace());
    }
    drop(slow);
    device
        .until(|home| {
            let timeline = &home.timelines[&room];
            timeline.message(&timeline.get(id).unwrap()).unwrap().state == DeliveryState::Delivered
        })
        .await;
    assert_eq!(store.commits.load(Ordering::SeqCst) - before, 2);
    assert_eq!(device.told_changed().len(), 21, "the first went two steps, the others one");
}

/// Grace owns the room; Ada's right to write in it ends, without Grace knowing what she wrote, and is given back.
#[tokio::test]
async fn what_a_cut_took_back_is_written_anew_once() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let grace = SecretKey::from_seed(&[2; 32]);
    let certificate = DeviceCertificate {
        account: GRACE,
        handle: "grace".to_owned(),
        device: grace.device(),
        ..device.home.account.certificate.get().clone()
    };
    let certificate = Signed::sign(certificate, &fixture::server()).unwrap();
    device.change(room, &grace, RosterOp::Join { certificate, invite: None });
    let ada = SecretKey::clone(&device.home.key);
    device.change(room, &ada, RosterOp::SetRole { account: GRACE, role: Role::Owner });
    for text in ["first", "second", "third"] {
        device.send(room, text).await;
    }
    let role = |role| RosterOp::SetRole { account: ADA, role };
    device.change(room, &grace, role(Role::Reader));
    device.until(|home| texts(home, room).is_empty()).await;
    device.change(room, &grace, role(Role::Member));
    // What is written while the room is read for that is not lost.
    drop(device.home.send_message(room, "meanwhile".to_owned(), None).unwrap());
    let all = ["meanwhile", "first", "second", "third"];
    device.until(|home| texts(home, room) == all).await;
    // Nothing is doubled by a start, nor by a second end of the right.
    drop(device);
    let mut device = Device::start(Arc::clone(&store));
    assert_eq!(texts(&device.home, room), all);
    device.change(room, &grace, role(Role::Reader));
    device.until(|home| texts(home, room).is_empty()).await;
    // Killed before it could write: the next start does.
    device.change(room, &grace, role(Role::Member));
    device.until(|home| texts(home, room) == all).await;
    device.send(room, "fourth").await;
    assert_eq!(texts(&Device::start(store).home, room), ["meanwhile", "first", "second", "third", "fourth"]);
}

fn texts(home: &Home, room: RoomId) -> Vec<String> {
    let timeline = &home.timelines[&room];
    let (page, _) = timeline.page(None, None, 100).unwrap();
    page.iter().map(|entry| timeline.message(entry).unwrap().text).collect()
}

/// What posts and comments say lies on the disk alone, until somebody looks.
#[tokio::test]
async fn what_a_feed_says_is_read_where_it_lies_and_not_kept_once_deleted() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let post = device.publish(room, "hello").await;
    let comment = device.wait(|home| home.comment(post, "indeed".to_owned(), None)).await;
    drop(device);
    let mut device = Device::start(store);
    let home = &mut device.home;
    let place = home.feeds[&room].place(post).unwrap();
    let (listed, to_read) = home.list_posts(room, momoland_feed::Order::New, false, None, 20).unwrap();
    assert!(!to_read.is_empty() && !home.feed_texts.is_kept(room.conversation(), place), "nothing was looked at yet");
    let posts = home.posts(room, listed, &to_read.read().unwrap()).unwrap().posts;
    assert_eq!((posts[0].title.as_str(), posts[0].comments_count), ("hello", 1));
    assert!(home.feed_texts.is_kept(room.conversation(), place));
    let (_, to_read) = home.list_posts(room, momoland_feed::Order::New, false, None, 20).unwrap();
    assert!(to_read.is_empty(), "it was read a moment ago");
    let (of, listed, to_read) = home.list_comments(post, None, 20).unwrap();
    let comments = home.comments(of, listed, &to_read.read().unwrap()).comments;
    assert_eq!((comments[0].comment_id.clone(), comments[0].text.as_str()), (comment.to_string(), "indeed"));

    // Somebody reads the list while it is being deleted.
    let (listed, _) = home.list_posts(room, momoland_feed::Order::New, false, None, 20).unwrap();
    let read = home.feed_texts.read_all(room.conversation(), &[place]).unwrap();
    device.wait(|home| home.take_back_post(post)).await;
    let home = &mut device.home;
    assert!(home.posts(room, listed, &read).unwrap().posts.is_empty());
    assert!(!home.feed_texts.is_kept(room.conversation(), place));
}
