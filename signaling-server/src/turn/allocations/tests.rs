use proptest::prelude::*;

use super::super::credentials::Credentials;
use super::*;

const TTL_S: u64 = 3_600;
const START_S: u64 = 1_700_000_000;
/// What this machine is reached at.
const SERVER: &str = "203.0.113.1";

/// A relay, its clients, and the time.
struct World {
    relays: Relays,
    secret: Secret,
    now: Now,
    next_port: u16,
    next_transaction: u32,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Relayed(SocketAddr),
    Done,
    Error(u16),
    Nothing(Refused),
}

impl World {
    fn new() -> Self {
        Self::with(|_| {}, &[])
    }

    fn with(change: impl FnOnce(&mut Quotas), allowed: &[&str]) -> Self {
        let secret = Secret::shared("a secret of the tests");
        let mut quotas =
            Quotas { allocations_max: 6, allocations_per_account_max: 3, bytes_per_second_per_account: 1_000_000 };
        change(&mut quotas);
        let reach = Reach::new(allowed.iter().map(|range| range.parse().unwrap()).collect());
        let mut relays = Relays::new(secret.clone(), TTL_S, reach, quotas, [9; 32]);
        relays.set_own([SERVER.parse().unwrap(), "127.0.0.1".parse().unwrap()]);
        let now = Now { mono_ms: 5_000, unix_ms: START_S * 1_000 };
        Self { relays, secret, now, next_port: 50_000, next_transaction: 0 }
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono_ms += ms;
        self.now.unix_ms += ms;
    }

    fn credentials(&self, user: &str) -> Credentials {
        self.secret.credentials(user, self.now.unix_ms / 1_000 + TTL_S)
    }

    fn handle(&mut self, from: &str, datagram: &[u8]) -> Outcome {
        let mut outcome = self.relays.handle(self.now, address(from), datagram);
        if let Outcome::NeedPort(pending) = outcome {
            let relayed = SocketAddr::new(SERVER.parse().unwrap(), self.next_port);
            self.next_port += 1;
            outcome = self.relays.granted(self.now, *pending, Some(relayed));
        }
        self.relays.check_invariants();
        outcome
    }

    fn transaction(&mut self) -> Transaction {
        self.next_transaction += 1;
        let mut transaction = [7; 12];
        transaction[..4].copy_from_slice(&self.next_transaction.to_be_bytes());
        transaction
    }

    /// A nonce for this address, as a first question brings it.
    fn nonce(&mut self, from: &str) -> String {
        let transaction = self.transaction();
        let question = Builder::new(Class::Request, Method::Allocate, transaction).finish(None);
        let Outcome::Reply { bytes, stranger: true, .. } = self.handle(from, &question) else { panic!("no answer") };
        let answer = Message::decode(&bytes).unwrap();
        assert_eq!(error_of(&answer), Some(401));
        assert_eq!(answer.text(attribute::REALM), Some(REALM));
        answer.text(attribute::NONCE).unwrap().to_owned()
    }

    fn signed(&self, request: Builder, credentials: &Credentials, nonce: &str) -> Vec<u8> {
        let key = md5_key(&credentials.username, &credentials.password);
        request
            .with(attribute::USERNAME, credentials.username.as_bytes())
            .with(attribute::REALM, REALM.as_bytes())
            .with(attribute::NONCE, nonce.as_bytes())
            .finish(Some(&key))
    }

    fn ask(
        &mut self,
        from: &str,
        method: Method,
        credentials: &Credentials,
        write: impl FnOnce(Builder) -> Builder,
    ) -> Answer {
        let nonce = self.nonce(from);
        let transaction = self.transaction();
        let request = write(Builder::new(Class::Request, method, transaction));
        let bytes = self.signed(request, credentials, &nonce);
        answer_of(self.handle(from, &bytes))
    }

    fn allocate(&mut self, from: &str, credentials: &Credentials) -> Answer {
        self.ask(from, Method::Allocate, credentials, udp)
    }

    #[track_caller]
    fn allocated(&mut self, from: &str, user: &str) -> SocketAddr {
        let credentials = self.credentials(user);
        match self.allocate(from, &credentials) {
            Answer::Relayed(relayed) => relayed,
            other => panic!("{other:?}"),
        }
    }

    fn permit(&mut self, from: &str, user: &str, peer: &str) -> Answer {
        let credentials = self.credentials(user);
        let peer = address(peer);
        self.ask(from, Method::CreatePermission, &credentials, |request| {
            request.with_address(attribute::XOR_PEER_ADDRESS, peer)
        })
    }

    fn bind(&mut self, from: &str, user: &str, number: u16, peer: &str) -> Answer {
        let credentials = self.credentials(user);
        let peer = address(peer);
        self.ask(from, Method::ChannelBind, &credentials, |request| {
            let [high, low] = number.to_be_bytes();
            request.with(attribute::CHANNEL_NUMBER, &[high, low, 0, 0]).with_address(attribute::XOR_PEER_ADDRESS, peer)
        })
    }

    fn send(&mut self, from: &str, peer: &str, data: &[u8]) -> Outcome {
        let transaction = self.transaction();
        let bytes = Builder::new(Class::Indication, Method::Send, transaction)
            .with_address(attribute::XOR_PEER_ADDRESS, address(peer))
            .with(attribute::DATA, data)
            .finish(None);
        self.handle(from, &bytes)
    }

    fn refresh(&mut self, from: &str, credentials: &Credentials, lifetime_s: u32) -> Answer {
        self.ask(from, Method::Refresh, credentials, |request| {
            request.with(attribute::LIFETIME, &lifetime_s.to_be_bytes())
        })
    }
}

/// As any other implementation computes it.
fn md5_key(username: &str, password: &str) -> [u8; 16] {
    use md5::{Digest, Md5};
    Md5::digest(format!("{username}:{REALM}:{password}")).into()
}

fn udp(request: Builder) -> Builder {
    request.with(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
}

fn error_of(message: &Message<'_>) -> Option<u16> {
    match message.get(attribute::ERROR_CODE)? {
        [_, _, hundreds, rest, ..] => Some(u16::from(*hundreds) * 100 + u16::from(*rest)),
        _ => None,
    }
}

fn answer_of(outcome: Outcome) -> Answer {
    let bytes = match outcome {
        Outcome::Reply { bytes, .. } | Outcome::Released { bytes, .. } => bytes,
        Outcome::Dropped(refused) => return Answer::Nothing(refused),
        other => panic!("no answer: {other:?}"),
    };
    let message = Message::decode(&bytes).unwrap();
    if let Some(code) = error_of(&message) {
        return Answer::Error(code);
    }
    let relayed = message.get(attribute::XOR_RELAYED_ADDRESS).map(|value| {
        let again = Builder::new(Class::Request, Method::Send, message.transaction)
            .with(attribute::XOR_PEER_ADDRESS, value)
            .finish(None);
        Message::decode(&again).unwrap().peers().unwrap()[0]
    });
    relayed.map_or(Answer::Done, Answer::Relayed)
}

const ADA: &str = "198.51.100.7:4000";
const GRACE: &str = "198.51.100.8:4000";
const PEER: &str = "192.0.2.9:5000";

// Rules: TN1
#[test]
fn only_good_credentials_get_an_address() {
    let mut world = World::new();
    let good = world.credentials("ada");
    let ended = world.secret.credentials("ada", START_S);
    let altered = Credentials { username: good.username.replace("ada", "eva"), password: good.password.clone() };
    let longer = Credentials { username: format!("9{}", good.username), password: good.password.clone() };
    let of_another_server = Secret::shared("another secret of tests").credentials("ada", START_S + TTL_S);
    let nameless = Credentials { username: "ada".to_owned(), password: good.password.clone() };
    for bad in [ended, altered, longer, of_another_server, nameless] {
        assert_eq!(world.allocate(ADA, &bad), Answer::Error(401), "{}", bad.username);
    }
    assert!(matches!(world.allocate(ADA, &good), Answer::Relayed(_)));
    assert_eq!(world.relays.len(), 1);
}

// Rules: TN4
#[test]
fn a_nonce_is_this_addresss_own_and_ends() {
    let mut world = World::new();
    let credentials = world.credentials("ada");
    let nonce = world.nonce(ADA);
    let ask = |world: &mut World, from: &str, nonce: &str| {
        let transaction = world.transaction();
        let request = udp(Builder::new(Class::Request, Method::Allocate, transaction));
        let bytes = world.signed(request, &credentials, nonce);
        answer_of(world.handle(from, &bytes))
    };
    assert_eq!(ask(&mut world, GRACE, &nonce), Answer::Error(438));
    assert_eq!(ask(&mut world, ADA, "0-0"), Answer::Error(438));
    assert_eq!(ask(&mut world, ADA, ""), Answer::Error(438));
    world.pass(NONCE_MS - 1);
    // The credentials have a second left as well.
    assert!(matches!(ask(&mut world, ADA, &nonce), Answer::Relayed(_)));
    let mut world = World::new();
    let nonce = world.nonce(ADA);
    world.pass(NONCE_MS);
    assert_eq!(ask(&mut world, ADA, &nonce), Answer::Error(438));
}

// Rules: TN1
#[test]
fn an_allocation_outlives_its_nonce_and_its_credentials_while_it_is_renewed() {
    let mut world = World::new();
    let credentials = world.credentials("ada");
    let nonce = world.nonce(ADA);
    let transaction = world.transaction();
    let request = world.signed(udp(Builder::new(Class::Request, Method::Allocate, transaction)), &credentials, &nonce);
    assert!(matches!(answer_of(world.handle(ADA, &request)), Answer::Relayed(_)));
    for _ in 0..200 {
        world.pass(60_000);
        assert_eq!(world.relays.expire(world.now), []);
        // It is used all the time.
        assert_eq!(world.permit(ADA, "ada", PEER), Answer::Done);
        assert!(matches!(world.send(ADA, PEER, b"x"), Outcome::ToPeer { .. }));
        let transaction = world.transaction();
        let request = world.signed(Builder::new(Class::Request, Method::Refresh, transaction), &credentials, &nonce);
        assert_eq!(answer_of(world.handle(ADA, &request)), Answer::Done);
    }
    assert_eq!(world.allocate(GRACE, &credentials), Answer::Error(401), "for a new address they have ended");
    // Newer ones of the same user carry it on.
    let newer = world.credentials("ada");
    assert_eq!(world.refresh(ADA, &newer, 700), Answer::Done);
    assert_eq!(world.relays.len(), 1);
    world.pass(699_999);
    assert_eq!(world.relays.expire(world.now), []);
    world.pass(1);
    assert_eq!(world.relays.expire(world.now).len(), 1);
    world.relays.check_invariants();
}

// Rules: TN6
#[test]
fn what_carries_nothing_is_given_back() {
    let mut world = World::new();
    world.allocated(ADA, "ada");
    let relayed = world.allocated(GRACE, "grace");
    world.permit(GRACE, "grace", PEER);
    world.pass(UNUSED_MS - 1);
    let (ada, grace) = (world.credentials("ada"), world.credentials("grace"));
    assert_eq!(world.refresh(ADA, &ada, 600), Answer::Done);
    assert_eq!(world.relays.len(), 2, "not yet");
    // What comes counts as well as what goes.
    assert!(world.relays.relay_in(world.now, relayed, address(PEER), b"x").is_ok());
    world.pass(1);
    assert_eq!(world.refresh(ADA, &ada, 600), Answer::Done);
    assert_eq!(world.refresh(GRACE, &grace, 600), Answer::Done);
    assert_eq!(world.relays.len(), 1);
    assert_eq!(world.refresh(ADA, &ada, 600), Answer::Error(437), "its lifetime was said to be zero");
}

#[test]
fn a_request_that_comes_again_is_answered_again() {
    let mut world = World::new();
    let credentials = world.credentials("ada");
    let nonce = world.nonce(ADA);
    let transaction = world.transaction();
    let request = world.signed(udp(Builder::new(Class::Request, Method::Allocate, transaction)), &credentials, &nonce);
    let first = answer_of(world.handle(ADA, &request));
    assert_eq!(answer_of(world.handle(ADA, &request)), first);
    assert_eq!(world.relays.len(), 1);
    assert_eq!(world.allocate(ADA, &credentials), Answer::Error(437), "another one is a second address");
}

// Rules: TN1
#[test]
fn an_allocation_is_its_users_own() {
    let mut world = World::new();
    world.allocated(ADA, "ada");
    let mallory = world.credentials("mallory");
    assert_eq!(world.refresh(ADA, &mallory, 0), Answer::Error(441));
    assert_eq!(world.permit(ADA, "mallory", PEER), Answer::Error(441));
    assert_eq!(world.bind(ADA, "mallory", 0x4000, PEER), Answer::Error(441));
    assert_eq!(world.relays.len(), 1);
    assert_eq!(world.refresh(GRACE, &mallory, 0), Answer::Error(437), "there is none");
    let ada = world.credentials("ada");
    assert_eq!(world.refresh(ADA, &ada, 0), Answer::Done);
    assert_eq!(world.relays.len(), 0);
}

// Rules: TN1
#[test]
fn who_is_signed_out_is_relayed_no_more() {
    let mut world = World::new();
    let before = world.credentials("ada.phone");
    let relayed = world.allocated(ADA, "ada.phone");
    world.allocated(GRACE, "ada.desk");
    assert_eq!(world.relays.sign_out(world.now, "ada.phone"), [relayed]);
    world.relays.check_invariants();
    assert_eq!(world.allocate(ADA, &before), Answer::Error(401));
    assert_eq!(world.relays.len(), 1, "the account's other device goes on");
    // Signed in again, it has newer ones.
    world.pass(1_000);
    let after = world.credentials("ada.phone");
    assert!(matches!(world.allocate(ADA, &after), Answer::Relayed(_)));
    world.pass((TTL_S + 1) * 1_000);
    world.relays.expire(world.now);
    assert!(world.relays.signed_out.is_empty(), "it is remembered while it can matter");
}

// Rules: TN4
#[test]
fn quotas_hold() {
    let mut world = World::new();
    for port in 0..3 {
        world.allocated(&format!("198.51.100.7:{}", 4_000 + port), "ada.phone");
    }
    let ada = world.credentials("ada.desk");
    assert_eq!(world.allocate("198.51.100.7:4900", &ada), Answer::Error(486), "devices of one account count together");
    for port in 0..3 {
        world.allocated(&format!("198.51.100.8:{}", 4_000 + port), "grace.phone");
    }
    let carol = world.credentials("carol.phone");
    assert_eq!(world.allocate("198.51.100.9:4000", &carol), Answer::Error(508));
    let ada = world.credentials("ada.phone");
    assert_eq!(world.refresh("198.51.100.7:4000", &ada, 0), Answer::Done);
    assert!(matches!(world.allocate("198.51.100.9:4000", &carol), Answer::Relayed(_)));
}

// Rules: TN4
#[test]
fn permissions_and_channels_are_so_many_and_end() {
    let mut world = World::new();
    world.allocated(ADA, "ada");
    let peer = |number: usize| format!("192.0.2.{number}:5000");
    for number in 0..PERMISSIONS_MAX {
        assert_eq!(world.permit(ADA, "ada", &peer(number)), Answer::Done, "{number}");
    }
    assert_eq!(world.permit(ADA, "ada", &peer(PERMISSIONS_MAX)), Answer::Error(508));
    assert_eq!(world.bind(ADA, "ada", 0x4000, &peer(PERMISSIONS_MAX)), Answer::Error(508));
    assert_eq!(world.permit(ADA, "ada", &peer(0)), Answer::Done, "one that is held is renewed");
    assert!(matches!(world.send(ADA, &peer(1), b"x"), Outcome::ToPeer { .. }));
    world.pass(PERMISSION_MS);
    assert_eq!(world.send(ADA, &peer(1), b"x"), Outcome::Dropped(Refused::NoPermission));
    let peer_address = address(&peer(1));
    let relayed = *world.relays.relayed.keys().next().unwrap();
    assert_eq!(world.relays.relay_in(world.now, relayed, peer_address, b"x"), Err(Refused::NoPermission));
    assert_eq!(world.permit(ADA, "ada", &peer(PERMISSIONS_MAX)), Answer::Done, "those that ended make room");
}

#[test]
fn data_goes_both_ways_in_indications_and_channels() {
    let mut world = World::new();
    let relayed = world.allocated(ADA, "ada");
    let to_peer = |data: &[u8]| Outcome::ToPeer { relayed, peer: address(PEER), data: data.to_vec() };
    assert_eq!(world.send(ADA, PEER, b"early"), Outcome::Dropped(Refused::NoPermission));
    assert_eq!(world.permit(ADA, "ada", PEER), Answer::Done);
    assert_eq!(world.send(ADA, PEER, b"hello"), to_peer(b"hello"));
    assert_eq!(world.send(GRACE, PEER, b"hello"), Outcome::Dropped(Refused::NoAllocation));
    let (client, bytes) = world.relays.relay_in(world.now, relayed, address(PEER), b"hi").unwrap();
    assert_eq!(client, address(ADA));
    let indication = Message::decode(&bytes).unwrap();
    assert_eq!((indication.class, indication.method), (Class::Indication, Method::Data));
    assert_eq!(indication.peers(), Some(vec![address(PEER)]));
    assert_eq!(indication.get(attribute::DATA), Some(&b"hi"[..]));

    assert_eq!(world.bind(ADA, "ada", 0x4001, PEER), Answer::Done);
    assert_eq!(world.handle(ADA, &stun::encode_channel_data(0x4001, b"short")), to_peer(b"short"));
    let no_channel = world.handle(ADA, &stun::encode_channel_data(0x4002, b"short"));
    assert_eq!(no_channel, Outcome::Dropped(Refused::NoPermission));
    let (_, bytes) = world.relays.relay_in(world.now, relayed, address(PEER), b"hi").unwrap();
    assert_eq!(stun::decode_channel_data(&bytes), Some((0x4001, &b"hi"[..])));
    // One number a peer, one peer a number.
    assert_eq!(world.bind(ADA, "ada", 0x4001, "192.0.2.9:5001"), Answer::Error(400));
    assert_eq!(world.bind(ADA, "ada", 0x4002, PEER), Answer::Error(400));
    assert_eq!(world.bind(ADA, "ada", 0x3FFF, "192.0.2.9:5001"), Answer::Error(400));
    world.pass(CHANNEL_MS);
    let ended = world.handle(ADA, &stun::encode_channel_data(0x4001, b"late"));
    assert_eq!(ended, Outcome::Dropped(Refused::NoPermission));
}

// Rules: TN4
#[test]
fn an_account_relays_so_much_a_second() {
    let mut world = World::with(|quotas| quotas.bytes_per_second_per_account = 10_000, &[]);
    world.allocated(ADA, "ada.phone");
    world.allocated("198.51.100.7:4001", "ada.desk");
    world.permit(ADA, "ada.phone", PEER);
    world.permit("198.51.100.7:4001", "ada.desk", PEER);
    let data = [0; 1_000];
    let sent = |world: &mut World, from: &str| matches!(world.send(from, PEER, &data), Outcome::ToPeer { .. });
    let burst = (0..100).filter(|_| sent(&mut world, ADA)).count();
    assert_eq!(burst, 20);
    assert!(!sent(&mut world, "198.51.100.7:4001"), "its devices share");
    world.pass(1_000);
    assert_eq!((0..100).filter(|_| sent(&mut world, "198.51.100.7:4001")).count(), 10);
}

/// Of every range that is closed, and every form of IPv6 that hides one.
const CLOSED: &[&str] = &[
    "127.0.0.1:80",
    "127.8.8.8:80",
    "169.254.169.254:80",
    "10.0.0.1:53",
    "172.16.0.1:53",
    "192.168.0.1:53",
    "100.64.0.1:53",
    "0.0.0.0:80",
    "224.0.0.251:5353",
    "255.255.255.255:9",
];

const CLOSED_V6: &[&str] = &[
    "[::1]:80",
    "[::]:80",
    "[::ffff:127.0.0.1]:80",
    "[::ffff:10.0.0.1]:80",
    "[::ffff:192.0.2.9]:80",
    "[fe80::1]:80",
    "[fc00::1]:80",
    "[fd00::1]:80",
    "[ff02::1]:80",
    "[64:ff9b::a00:1]:80",
];

// Rules: TN2
#[test]
fn c25_nothing_passes_into_closed_networks() {
    let mut world = World::new();
    let relayed = world.allocated(ADA, "ada");
    // A permission for a peer outside, so that something could pass.
    assert_eq!(world.permit(ADA, "ada", PEER), Answer::Done);
    for closed in CLOSED {
        assert_eq!(world.permit(ADA, "ada", closed), Answer::Error(403), "{closed}");
        assert_eq!(world.bind(ADA, "ada", 0x4000, closed), Answer::Error(403), "{closed}");
        assert_eq!(world.send(ADA, closed, b"let me in"), Outcome::Dropped(Refused::NoPermission), "{closed}");
        let from = world.relays.relay_in(world.now, relayed, address(closed), b"let me out");
        assert!(from.is_err(), "{closed}: {from:?}");
    }
    // One closed address among open ones.
    let credentials = world.credentials("ada");
    let mixed = world.ask(ADA, Method::CreatePermission, &credentials, |request| {
        let peers = ["192.0.2.10:1", "10.0.0.1:1"].map(address);
        peers.into_iter().fold(request, |request, peer| request.with_address(attribute::XOR_PEER_ADDRESS, peer))
    });
    assert_eq!(mixed, Answer::Error(403));
    assert_eq!(world.send(ADA, "192.0.2.10:1", b"x"), Outcome::Dropped(Refused::NoPermission));
    for closed in CLOSED_V6 {
        assert_eq!(world.permit(ADA, "ada", closed), Answer::Error(443), "{closed}: another family");
        assert_eq!(world.bind(ADA, "ada", 0x4000, closed), Answer::Error(443), "{closed}");
        assert_eq!(world.send(ADA, closed, b"let me in"), Outcome::Dropped(Refused::NoPermission), "{closed}");
    }
}

// Rules: TN2
#[test]
fn c25_nothing_passes_into_closed_networks_over_ipv6() {
    let mut world = World::new();
    let credentials = world.credentials("ada");
    let nonce = world.nonce(ADA);
    let transaction = world.transaction();
    let request = udp(Builder::new(Class::Request, Method::Allocate, transaction));
    let bytes = world.signed(request.with(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]), &credentials, &nonce);
    let Outcome::NeedPort(pending) = world.relays.handle(world.now, address(ADA), &bytes) else { panic!("no port") };
    assert!(pending.wants_v6);
    world.relays.granted(world.now, *pending, Some(address("[2001:db8::1]:50000")));
    for closed in CLOSED_V6 {
        assert_eq!(world.permit(ADA, "ada", closed), Answer::Error(403), "{closed}");
        assert_eq!(world.bind(ADA, "ada", 0x4000, closed), Answer::Error(403), "{closed}");
        assert_eq!(world.send(ADA, closed, b"let me in"), Outcome::Dropped(Refused::NoPermission), "{closed}");
    }
    assert_eq!(world.permit(ADA, "ada", "[2606:4700::1111]:53"), Answer::Done);
}

// Rules: TN2
#[test]
fn c25_what_the_operator_opened_passes_and_nothing_beside_it() {
    let mut world = World::with(|_| {}, &["10.1.0.0/16", "127.0.0.1/32"]);
    world.allocated(ADA, "ada");
    for open in ["10.1.2.3:53", "127.0.0.1:80"] {
        assert_eq!(world.permit(ADA, "ada", open), Answer::Done, "{open}");
        assert!(matches!(world.send(ADA, open, b"x"), Outcome::ToPeer { .. }), "{open}");
    }
    for closed in ["10.2.0.1:53", "127.0.0.2:80", "192.168.0.1:80"] {
        assert_eq!(world.permit(ADA, "ada", closed), Answer::Error(403), "{closed}");
    }
}

// Rules: TN3
#[test]
fn c25_of_this_machine_only_others_live_relays_are_reached() {
    let mut world = World::new();
    let ada = world.allocated(ADA, "ada");
    let second = world.allocated("198.51.100.7:4001", "ada");
    let grace = world.allocated(GRACE, "grace");
    let service = format!("{SERVER}:22");
    for (from, user) in [(ADA, "ada"), (GRACE, "grace")] {
        assert_eq!(world.permit(from, user, &service), Answer::Done, "the address has relays: the port decides");
    }
    assert_eq!(world.send(ADA, &service, b"x"), Outcome::Dropped(Refused::ClosedAddress));
    assert_eq!(world.bind(ADA, "ada", 0x4000, &service), Answer::Error(403));
    assert_eq!(world.send(ADA, &format!("{SERVER}:50999"), b"x"), Outcome::Dropped(Refused::ClosedAddress));
    assert_eq!(world.send(ADA, &second.to_string(), b"x"), Outcome::Dropped(Refused::ClosedAddress), "her own");
    assert_eq!(world.send(ADA, &ada.to_string(), b"x"), Outcome::Dropped(Refused::ClosedAddress), "itself");
    // Through the network nothing comes from this machine, whatever address it claims.
    for claimed in [grace, address(&service)] {
        assert_eq!(world.relays.relay_in(world.now, ada, claimed, b"x"), Err(Refused::ClosedAddress));
    }
    let Outcome::ToClient { client, bytes, data_bytes: 5 } = world.send(ADA, &grace.to_string(), b"hello") else {
        panic!("another user's relay is reached");
    };
    assert_eq!(client, address(GRACE));
    let indication = Message::decode(&bytes).unwrap();
    assert_eq!(indication.peers(), Some(vec![ada]), "from her relayed address");
    // Also by a channel.
    assert_eq!(world.bind(GRACE, "grace", 0x4005, &ada.to_string()), Answer::Done);
    let Outcome::ToClient { bytes, .. } = world.send(ADA, &grace.to_string(), b"hello") else { panic!("no way") };
    assert_eq!(stun::decode_channel_data(&bytes), Some((0x4005, &b"hello"[..])));
    // Once it is given back it is any port of this machine.
    let credentials = world.credentials("grace");
    assert_eq!(world.refresh(GRACE, &credentials, 0), Answer::Done);
    assert_eq!(world.send(ADA, &grace.to_string(), b"hello"), Outcome::Dropped(Refused::ClosedAddress));
}

#[test]
fn a_machine_without_relays_on_an_address_does_not_reach_itself_there() {
    let mut world = World::new();
    world.relays.set_own(["203.0.113.1", "203.0.113.77"].map(|ip| ip.parse().unwrap()));
    world.allocated(ADA, "ada");
    assert_eq!(world.permit(ADA, "ada", "203.0.113.77:22"), Answer::Error(403));
    assert_eq!(world.permit(ADA, "ada", "203.0.113.78:22"), Answer::Done);
}

/// Its kind and value.
type Attribute<'a> = (u16, &'a [u8]);

#[test]
fn what_is_not_udp_or_reserves_is_refused() {
    let mut world = World::new();
    let credentials = world.credentials("ada");
    let cases: [(&[Attribute<'_>], u16); 7] = [
        (&[], 400),
        (&[(attribute::REQUESTED_TRANSPORT, &[])], 400),
        (&[(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0])], 442),
        (&[(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]), (attribute::EVEN_PORT, &[0x80])], 508),
        (&[(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]), (attribute::RESERVATION_TOKEN, &[0; 8])], 508),
        (&[(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]), (attribute::REQUESTED_ADDRESS_FAMILY, &[9])], 440),
        (&[(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]), (0x001A, &[])], 420),
    ];
    for (attributes, code) in cases {
        let answer = world.ask(ADA, Method::Allocate, &credentials, |request| {
            attributes.iter().fold(request, |request, (kind, value)| request.with(*kind, value))
        });
        assert_eq!(answer, Answer::Error(code), "{attributes:?}");
    }
    assert_eq!(world.relays.len(), 0);
}

#[test]
fn a_binding_request_tells_where_it_came_from() {
    let mut world = World::new();
    let question = Builder::new(Class::Request, Method::Binding, [1; 12]).finish(None);
    let Outcome::Reply { bytes, refused: None, stranger: true } = world.handle(ADA, &question) else {
        panic!("no answer");
    };
    let answer = Message::decode(&bytes).unwrap();
    let value = answer.get(attribute::XOR_MAPPED_ADDRESS).unwrap();
    let again = Builder::new(Class::Request, Method::Send, [1; 12]).with(attribute::XOR_PEER_ADDRESS, value);
    assert_eq!(Message::decode(&again.finish(None)).unwrap().peers(), Some(vec![address(ADA)]));
}

proptest! {
    /// Hostile datagrams from somebody who has an allocation: nothing breaks, nothing grows beyond its bounds.
    #[test]
    fn prop_hostile_datagrams_change_nothing_that_counts(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..30),
        kinds in prop::collection::vec(0_u8..4, 30),
    ) {
        let mut world = World::new();
        world.allocated(ADA, "ada");
        for (mut bytes, kind) in datagrams.into_iter().zip(kinds) {
            // Some look like what they pretend to be.
            match kind {
                0 if bytes.len() >= 20 => {
                    bytes.truncate(bytes.len() / 4 * 4);
                    bytes[0] &= 0x3F;
                    let length = u16::try_from(bytes.len() - 20).unwrap().to_be_bytes();
                    bytes[2..4].copy_from_slice(&length);
                    bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
                }
                1 if bytes.len() >= 4 => bytes[0] = 0x40,
                _ => {}
            }
            let outcome = world.handle(ADA, &bytes);
            let relays = matches!(outcome, Outcome::ToPeer { .. } | Outcome::ToClient { .. });
            prop_assert!(!relays);
        }
        prop_assert_eq!(world.relays.len(), 1);
    }
}
