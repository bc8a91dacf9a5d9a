//! Several devices without a server, on real links: who has one link finds the others through it.

use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::Hlc;
use momoland_protocol::id::{Nonce, RosterHash};
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Founder, Genesis, History, Posting, Role, RoomKind, RosterChange, RosterOp,
    Settings, Visibility,
};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_store::kv::{MemoryStore, Store};
use tokio::sync::{broadcast, mpsc};

use super::*;
use crate::account::record::{Account, Records};
use crate::engine::actor::Channels;
use crate::engine::fixture;
use crate::link::{SessionId, SignalPayload};
use crate::persistence::DiskEvent;

/// Links open in a fraction of it; what waits for them has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(50);

/// One device.
struct Device {
    home: Home,
    disk: mpsc::UnboundedReceiver<DiskEvent>,
    peers: mpsc::Receiver<PeerEvent>,
    /// What others said to it through an introducer.
    introduced: usize,
}

/// Devices, and between which pairs the test is the introducer. Others find each other by themselves, or not at all.
struct Mesh {
    devices: Vec<Device>,
    introduces: Vec<(usize, usize)>,
}

impl Device {
    fn new(number: u8) -> Self {
        let (ada, _) = fixture::ada();
        let key = SecretKey::from_seed(&[number; 32]);
        let certificate = DeviceCertificate {
            account: AccountId([number; 16]),
            handle: format!("person{number}"),
            device: key.device(),
            ..ada.certificate.get().clone()
        };
        let certificate = Signed::sign(certificate, &fixture::server()).unwrap();
        let account = Account { id: AccountId([number; 16]), handle: format!("person{number}"), certificate, ..ada };
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (disk_sender, disk) = mpsc::unbounded_channel();
        let (peer_sender, peers) = mpsc::channel(512);
        let channels = Channels { disk: disk_sender, server: mpsc::channel(64).0, peers: peer_sender };
        let records = Records::new(Arc::clone(&store));
        let mut home = Home::open(account, key, store, records, broadcast::channel(4_096).0, channels).unwrap();
        home.start_peers();
        Self { home, disk, peers, introduced: 0 }
    }

    fn id(&self) -> DeviceId {
        self.home.key.device()
    }

    fn is_linked(&self, with: DeviceId) -> bool {
        self.home.peers.values().any(|peer| peer.device == with && peer.link.is_some())
    }
}

impl Mesh {
    fn new(count: u8) -> Self {
        Self { devices: (1..=count).map(Device::new).collect(), introduces: Vec::new() }
    }

    /// A room of the first, in which the others are; everybody holds its roster.
    fn room(&mut self, nonce: u8, members: &[usize]) -> RoomId {
        let owner = &self.devices[members[0]].home;
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: owner.key.device(), nonce: Nonce([nonce; 32]) };
        let certificates = vec![owner.account.certificate.clone()];
        let founders = vec![Founder { account: owner.account.id, role: Role::Owner, certificates }];
        let settings = Settings {
            name: format!("room {nonce}"),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        let room = genesis.room();
        let op = RosterOp::Create { genesis, settings, founders };
        let created = owner.sign_change_after(room, RosterHash::ZERO, op, Vec::new()).unwrap();
        let mut placed = vec![in_place(created, 1)];
        for member in &members[1..] {
            let home = &self.devices[*member].home;
            let op = RosterOp::Join { certificate: home.account.certificate.clone(), invite: None };
            let prev = placed.last().unwrap().roster_hash();
            let device = home.key.device();
            let change = RosterChange { room, prev, device, hlc: Hlc(1), op, cuts: Vec::new() };
            let version = placed.len() as u64 + 1;
            placed.push(in_place(Signed::sign(change, &home.key).unwrap(), version));
        }
        for member in members {
            self.devices[*member].home.take_changes(placed.clone());
        }
        room
    }

    /// The test introduces two to each other.
    async fn link(&mut self, one: usize, other: usize) {
        self.introduces.push((one, other));
        let ids = [self.devices[one].id(), self.devices[other].id()];
        self.devices[one].home.links.as_ref().unwrap().dial(ids[1]);
        self.until(|mesh| mesh.devices[one].is_linked(ids[1]) && mesh.devices[other].is_linked(ids[0])).await;
    }

    fn event(&mut self, at: usize, event: PeerEvent) {
        let from = self.devices[at].id();
        let PeerEvent::Signal { to, signal } = event else { return self.devices[at].home.peer_event(event) };
        let target = self.devices.iter().position(|device| device.id() == to).expect("one of them");
        if self.introduces.contains(&(at, target)) || self.introduces.contains(&(target, at)) {
            self.devices[target].home.signalled(from, signal);
        } else {
            self.devices[at].home.peer_event(PeerEvent::Signal { to, signal });
        }
    }

    async fn until(&mut self, mut holds: impl FnMut(&mut Self) -> bool) {
        let begun = tokio::time::Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "it does not come about");
            let mut quiet = true;
            for at in 0..self.devices.len() {
                while let Ok(event) = self.devices[at].disk.try_recv() {
                    self.devices[at].home.disk(event);
                    quiet = false;
                }
                while let Ok(event) = self.devices[at].peers.try_recv() {
                    if let PeerEvent::Signal { .. } = event {
                        self.devices[at].introduced += 1;
                    }
                    self.event(at, event);
                    quiet = false;
                }
                self.devices[at].home.deadline();
                self.devices[at].home.settle();
            }
            if quiet {
                tokio::time::sleep(TICK).await;
            }
        }
    }

    fn texts(&self, at: usize, room: RoomId) -> Vec<String> {
        let timeline = &self.devices[at].home.timelines[&room];
        let (page, _) = timeline.page(None, None, 100).unwrap();
        page.iter().map(|entry| timeline.message(entry).unwrap().text).collect()
    }
}

fn in_place(change: Signed<RosterChange>, version: u64) -> CountersignedChange {
    let countersignature =
        Countersignature { change: change.change_hash(), version, at: UnixMillis::now(), cuts: Vec::new() };
    CountersignedChange { change, countersignature: Signed::sign(countersignature, &fixture::server()).unwrap() }
}

// Rules: PL7
#[tokio::test]
async fn who_has_one_link_finds_the_others_without_a_server() {
    let mut mesh = Mesh::new(4);
    let room = mesh.room(1, &[0, 1, 2, 3]);
    // A line: each knows its neighbours alone.
    mesh.link(0, 1).await;
    mesh.link(2, 3).await;
    mesh.link(1, 2).await;
    let ids: Vec<DeviceId> = mesh.devices.iter().map(Device::id).collect();
    mesh.until(|mesh| {
        let linked =
            |at: usize| ids.iter().enumerate().all(|(other, id)| other == at || mesh.devices[at].is_linked(*id));
        (0..4).all(linked)
    })
    .await;
    drop(mesh.devices[0].home.send_message(room, "to all".to_owned(), None).unwrap());
    mesh.until(|mesh| (0..4).all(|at| mesh.texts(at, room) == ["to all"])).await;
}

// Rules: PL7
#[tokio::test]
async fn strangers_are_not_introduced() {
    let mut mesh = Mesh::new(3);
    let left = mesh.room(1, &[0, 1]);
    let right = mesh.room(2, &[1, 2]);
    mesh.link(0, 1).await;
    mesh.link(1, 2).await;
    let (first, middle, last) = (mesh.devices[0].id(), mesh.devices[1].id(), mesh.devices[2].id());
    // The last is a modified client, which knows whom it wants.
    let connection = |device: &Device, with: DeviceId| {
        device.home.peers.iter().find(|(_, peer)| peer.device == with).map(|(connection, _)| *connection).unwrap()
    };
    let to_middle = connection(&mesh.devices[2], middle);
    let offer = SignalPayload::Offer { round: 0, sdp: "v=0".to_owned() };
    let signal = Signal { session: SessionId([9; 16]), payload: offer }.encode();
    let before = mesh.devices[0].introduced;
    mesh.devices[2].home.send_on(to_middle, &PeerFrame::Introduce { to: first, signal }, 0);
    // Behind it, and then behind whatever came of it.
    drop(mesh.devices[2].home.send_message(right, "behind it".to_owned(), None).unwrap());
    mesh.until(|mesh| mesh.texts(1, right) == ["behind it"]).await;
    drop(mesh.devices[1].home.send_message(left, "behind that".to_owned(), None).unwrap());
    mesh.until(|mesh| mesh.texts(0, left) == ["behind that"]).await;
    assert_eq!(mesh.devices[0].introduced, before, "the first was offered a link");
    for (at, stranger) in [(0, last), (2, first)] {
        assert_eq!(mesh.devices[at].home.around().count(), 0);
        let told = mesh.devices[at].home.peers.values().any(|peer| peer.introductions.knows(stranger));
        assert!(!told, "device {at} was told of a stranger");
    }
}
