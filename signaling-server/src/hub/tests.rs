//! The hub over real rosters.

use std::collections::BTreeMap;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::ephemeral::{EphemeralSignal, kind};
use momoland_protocol::id::{AccountId, DeviceId, Nonce, RoomId, RosterHash, ServerKey};
use momoland_protocol::roster::{
    Founder, Genesis, History, Posting, Role, RoomKind, RosterChange, RosterOp, Settings, Visibility,
};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_replica::input::LinkId;
use momoland_replica::roster::Roster;

use super::fan_out::{may_send, recipients};
use super::introductions::{Introduction, introduce};
use super::registry::Registry;
use crate::rooms::Peer;
use crate::rooms::membership::Membership;
use crate::rooms::rosters::countersign;

const AT: UnixMillis = UnixMillis(1_700_000_000_000);

/// Rooms, their members, and who is connected.
struct World {
    server: SecretKey,
    registry: Registry,
    membership: Membership,
    rosters: BTreeMap<RoomId, Roster>,
}

struct Person {
    key: SecretKey,
    account: AccountId,
}

impl Person {
    fn new(number: u8) -> Self {
        Self { key: SecretKey::from_seed(&[number; 32]), account: AccountId([number; 16]) }
    }

    /// Another device of the same account.
    fn at(&self, number: u8) -> Self {
        Self { key: SecretKey::from_seed(&[number; 32]), account: self.account }
    }

    fn peer(&self) -> Peer {
        Peer { device: self.key.device(), account: self.account }
    }
}

impl World {
    fn new() -> Self {
        Self {
            server: SecretKey::from_seed(&[200; 32]),
            registry: Registry::default(),
            membership: Membership::default(),
            rosters: BTreeMap::new(),
        }
    }

    fn certificate(&self, person: &Person) -> Signed<DeviceCertificate> {
        let certificate = DeviceCertificate {
            server: ServerKey(self.server.public()),
            account: person.account,
            handle: format!("person{}", person.account.0[0]),
            device: person.key.device(),
            issued_at: AT,
            vouch: None,
        };
        Signed::sign(certificate, &self.server).unwrap()
    }

    fn create(&mut self, owner: &Person, number: u8) -> RoomId {
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: owner.key.device(), nonce: Nonce([number; 32]) };
        let settings = Settings {
            name: "Garden".to_owned(),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        let certificates = vec![self.certificate(owner)];
        let founders = vec![Founder { account: owner.account, role: Role::Owner, certificates }];
        let room = genesis.room();
        self.apply(room, owner, RosterOp::Create { genesis, settings, founders });
        room
    }

    fn join(&mut self, room: RoomId, person: &Person) {
        let certificate = self.certificate(person);
        self.apply(room, person, RosterOp::Join { certificate, invite: None });
    }

    fn apply(&mut self, room: RoomId, by: &Person, op: RosterOp) {
        let prev = self.rosters.get(&room).map_or(RosterHash::ZERO, Roster::head);
        let change = RosterChange { room, prev, device: by.key.device(), hlc: Hlc::at(AT), op, cuts: Vec::new() };
        let change = Signed::sign(change, &by.key).unwrap();
        let version = self.rosters.get(&room).map_or(0, Roster::version) + 1;
        let next = countersign(&self.server, change, version, AT, Vec::new()).unwrap();
        match self.rosters.get_mut(&room) {
            Some(roster) => roster.apply(&next).unwrap(),
            None => {
                self.rosters.insert(room, Roster::create(&next, ServerKey(self.server.public())).unwrap());
            }
        }
        let members = self.rosters[&room].members().map(|member| member.account).collect();
        self.membership.update(room, members);
        self.membership.check_invariants();
    }

    fn connect(&mut self, person: &Person) -> LinkId {
        let link = self.registry.arrive(person.peer()).link;
        self.registry.check_invariants();
        link
    }

    fn introduce(&self, from: &Person, to: DeviceId) -> Introduction {
        introduce(&self.registry, &self.membership, |room| self.rosters.get(&room), from.peer(), to)
    }
}

#[test]
fn strangers_are_not_introduced() {
    let mut world = World::new();
    let (ada, bob, eve) = (Person::new(1), Person::new(2), Person::new(3));
    let room = world.create(&ada, 1);
    world.create(&eve, 2);
    world.join(room, &bob);
    let link = world.connect(&bob);
    world.connect(&ada);
    world.connect(&eve);
    assert_eq!(world.introduce(&ada, bob.key.device()), Introduction::Pass(link));
    assert_eq!(world.introduce(&eve, bob.key.device()), Introduction::Strangers);
    assert_eq!(world.introduce(&ada, eve.key.device()), Introduction::Strangers);
    assert_eq!(world.introduce(&ada, ada.key.device()), Introduction::Strangers, "oneself");
    assert_eq!(world.introduce(&ada, Person::new(9).key.device()), Introduction::Away);
    // A device of a member that the roster does not have.
    let laptop = bob.at(12);
    world.connect(&laptop);
    assert_eq!(world.introduce(&laptop, ada.key.device()), Introduction::Strangers);
    assert_eq!(world.introduce(&ada, laptop.key.device()), Introduction::Strangers);
    // And one that was a member once.
    world.apply(room, &bob, RosterOp::Leave);
    assert_eq!(world.introduce(&ada, bob.key.device()), Introduction::Strangers);
}

#[test]
fn an_ephemeral_goes_to_the_rooms_devices_alone() {
    let mut world = World::new();
    let (ada, bob, eve) = (Person::new(1), Person::new(2), Person::new(3));
    let room = world.create(&ada, 1);
    world.join(room, &bob);
    let laptop = bob.at(12);
    let links: Vec<LinkId> = [&ada, &bob, &laptop, &eve].into_iter().map(|person| world.connect(person)).collect();
    let to = |world: &World, from: &Person, except: &[DeviceId]| {
        let mut links = recipients(&world.registry, &world.rosters[&room], from.key.device(), except);
        links.sort_unstable();
        links
    };
    assert_eq!(to(&world, &ada, &[]), [links[1]], "not oneself, not the device that is not in the roster");
    assert_eq!(to(&world, &ada, &[bob.key.device()]), []);
    let certificate = world.certificate(&laptop);
    world.apply(room, &laptop, RosterOp::AddDevice { certificate });
    assert_eq!(to(&world, &ada, &[]), [links[1], links[2]]);
    assert_eq!(to(&world, &bob, &[]), [links[0], links[2]], "one's own other device");
}

#[test]
fn who_may_send_what_follows_the_role() {
    let mut world = World::new();
    let (ada, bob, eve) = (Person::new(1), Person::new(2), Person::new(3));
    let room = world.create(&ada, 1);
    world.join(room, &bob);
    let typing = EphemeralSignal::Typing { typing: true };
    let caret = EphemeralSignal::Other { kind: 0xffff, payload: Vec::new() };
    let position = EphemeralSignal::Other { kind: kind::LOCATION, payload: Vec::new() };
    let allowed = |world: &World, by: Peer, signal: &EphemeralSignal| may_send(&world.rosters[&room], by, signal);
    assert!(allowed(&world, bob.peer(), &typing) && allowed(&world, bob.peer(), &caret));
    assert!(allowed(&world, bob.peer(), &position));
    world.apply(room, &ada, RosterOp::SetRole { account: bob.account, role: Role::Reader });
    assert!(!allowed(&world, bob.peer(), &typing) && allowed(&world, bob.peer(), &caret));
    assert!(!allowed(&world, bob.peer(), &position), "a reader has no say in where people are");
    assert!(!allowed(&world, eve.peer(), &caret));
    let impostor = Peer { account: eve.account, ..bob.peer() };
    assert!(!allowed(&world, impostor, &caret), "the device under another account");
}
