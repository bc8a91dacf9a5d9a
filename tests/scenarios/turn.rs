//! Links over TURN, and what TURN does not let through.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use support::turn::{TurnClient, credentials};
use support::{Momo, Proxy, Watched, World, free_port, wait_direct, wait_until};

/// A link over TURN opens within three seconds; the machine is busy with other tests.
const PATH_WITHIN: Duration = Duration::from_secs(30);

/// Long enough for a datagram over loopback to have come, were it to come: the one that follows it has.
const NOTHING_WITHIN: Duration = Duration::from_millis(200);

const SECRET: &str = "a secret of the scenarios";

#[track_caller]
fn wait_path(one: &Momo, other: &Momo, expected: &str) {
    for (from, to) in [(one, other), (other, one)] {
        let what = format!("{} reaches {} by {expected}", from.name(), to.name());
        wait_until(&what, PATH_WITHIN, || from.path_to(to).as_deref() == Some(expected));
    }
}

#[test]
fn from_way_to_way_nothing_is_lost_or_repeated() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let mut texts = Vec::new();
    for (round, (policy, path)) in
        [("turnOnly", "turn"), ("none", "relay"), ("turnOnly", "turn"), ("all", "direct")].into_iter().enumerate()
    {
        // While they change over, too.
        for person in [&ada, &grace] {
            person.ask("net.setPolicy", json!({ "peers": policy }));
            texts.push(format!("{round} {} on the way to {path}", person.name()));
            person.send(&room, texts.last().expect("just pushed"));
        }
        if path == "relay" {
            for (from, to) in [(&ada, &grace), (&grace, &ada)] {
                wait_until("nobody is linked", PATH_WITHIN, || from.path_to(to).as_deref() == Some("relay"));
            }
        } else {
            wait_path(&ada, &grace, path);
        }
        for person in [&ada, &grace] {
            texts.push(format!("{round} {} by {path}", person.name()));
            person.send(&room, texts.last().expect("just pushed"));
        }
    }
    for person in [&ada, &grace] {
        wait_until("everything is there", PATH_WITHIN, || person.messages(&room).len() == texts.len());
        let mut listed = person.texts(&room);
        listed.sort();
        texts.sort();
        assert_eq!(listed, texts);
        for message in person.messages(&room) {
            let id = message["messageId"].as_str().expect("an id");
            assert_eq!(person.times_told(id), 1, "{message}");
        }
    }
    assert!(world.server.metric("momoland_turn_bytes_out_total").expect("the server tells it") > 0.0);
}

// Rules: TN5, SV11
#[test]
fn c42_who_uses_turn_alone_tells_no_address_of_its_own() {
    let world = World::new();
    let wire = Proxy::start(world.server.port());
    let ada = world.person("ada");
    ada.ask("net.setPolicy", json!({ "peers": "turnOnly" }));
    // What comes down this wire is what grace is told.
    wire.record();
    let grace = world.person_by_way_of("grace", &wire.address());
    let room = world.room_of(&[&ada, &grace]);
    wait_path(&ada, &grace, "turn");
    ada.send(&room, "from nowhere");
    grace.wait_text("from nowhere");
    let told = String::from_utf8_lossy(&wire.recorded()).into_owned();
    let candidates: Vec<&str> = told.split("candidate:").skip(1).map(|rest| rest.get(..120).unwrap_or(rest)).collect();
    assert!(candidates.iter().any(|candidate| candidate.contains("typ relay")), "{candidates:?}");
    for kind in ["typ host", "typ srflx", "typ prflx"] {
        assert!(!told.contains(kind), "she was told of {kind}: {candidates:?}");
    }
    for origin in told.split("IN IP4 ").skip(1) {
        assert!(origin.starts_with("0.0.0.0"), "a description tells where it is from");
    }
    for behind in told.split("raddr ").skip(1) {
        assert!(behind.starts_with("0.0.0.0 rport 0"), "a relayed candidate tells what is behind it: {candidates:?}");
    }
}

#[test]
fn credentials_are_renewed_while_a_device_is_connected() {
    let world = World::with_settings(&[("TURN_CREDENTIAL_TTL_S", "10")]);
    let ada = world.person("ada");
    let grace = world.person("grace");
    for person in [&ada, &grace] {
        person.ask("net.setPolicy", json!({ "peers": "turnOnly" }));
    }
    let room = world.room_of(&[&ada, &grace]);
    wait_path(&ada, &grace, "turn");
    let allocated = || world.server.metric("momoland_turn_allocations_total").expect("the server tells it");
    let begun = SystemTime::now();
    let mut rounds = 0;
    // Links that begin after the first credentials have ended.
    while begun.elapsed().expect("time goes on") < Duration::from_secs(14) {
        let before = allocated();
        grace.ask("net.setOnline", json!({ "online": false }));
        wait_until("the link is gone", PATH_WITHIN, || ada.path_to(&grace).is_none());
        grace.ask("net.setOnline", json!({ "online": true }));
        wait_path(&ada, &grace, "turn");
        assert!(allocated() > before);
        rounds += 1;
    }
    assert!(rounds > 0);
    let id = ada.send(&room, "still here");
    grace.wait_text("still here");
    assert_eq!(grace.times_told(&id), 1);
}

/// Longer than the first renewal of a relayed address takes to come, which is a minute. An hour and more, past the end of
/// every nonce and permission: `MOMOLAND_TURN_SECONDS=3700`.
const LONG: Duration = Duration::from_secs(75);

// Rules: TN1
#[test]
fn a_link_over_turn_outlives_its_credentials_and_loses_nothing() {
    let world = World::with_settings(&[("TURN_CREDENTIAL_TTL_S", "10")]);
    let (ada, grace) = (world.person("ada"), world.person("grace"));
    for person in [&ada, &grace] {
        person.ask("net.setPolicy", json!({ "peers": "turnOnly" }));
    }
    let room = world.room_of(&[&ada, &grace]);
    wait_path(&ada, &grace, "turn");
    let marks = [(&ada, ada.mark()), (&grace, grace.mark())];
    let seconds = std::env::var("MOMOLAND_TURN_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let until = Instant::now() + seconds.map_or(LONG, Duration::from_secs);
    let mut said = 0;
    while Instant::now() < until {
        let text = format!("number {said}");
        let mark = grace.mark();
        ada.send(&room, &text);
        grace.wait_event(mark, &text, PATH_WITHIN, |event| event["message"]["text"] == text);
        said += 1;
        // It is time that has to pass, and not too many messages in it.
        let next = Instant::now() + Duration::from_millis(250);
        wait_until("the next is due", Duration::from_secs(5), || Instant::now() >= next);
    }
    assert_eq!(grace.messages(&room).len(), said.min(10_000));
    for (person, mark) in marks {
        let events = person.events_since(mark);
        let other_way = events.iter().find(|event| event["type"] == "peer.changed" && event["peer"]["path"] != "turn");
        assert_eq!(other_way, None, "{}: it is the same link all the time", person.name());
    }
    let told = grace.events(|event| event["type"] == "message.new" && event["message"]["author"] == ada.user_id());
    assert_eq!(told.len(), said, "each once");
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn client(world: &World, user: &str) -> TurnClient {
    let server = SocketAddr::from(([127, 0, 0, 1], world.server.port()));
    TurnClient::new(server, credentials(SECRET, user, now_s() + 600))
}

/// Somebody on this machine whom TURN must not reach.
fn service() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    socket.set_read_timeout(Some(NOTHING_WITHIN)).expect("a socket takes a time-out");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

// Rules: TN1, TN2, TN3
#[test]
fn c25_turn_is_no_way_into_the_machine_that_it_runs_on() {
    let world = World::with_settings(&[("TURN_SECRET", SECRET)]);
    let mut ada = client(&world, "ada");
    let mut grace = client(&world, "grace");
    let (ada_relayed, grace_relayed) = (ada.allocate().expect("good"), grace.allocate().expect("good"));
    for closed in ["169.254.169.254:80", "10.0.0.1:80", "192.168.1.1:80", "127.0.0.2:80", "224.0.0.1:80", "0.0.0.0:80"]
    {
        let closed = closed.parse().expect("an address");
        assert_eq!(ada.permit(closed), Err(403), "{closed}");
        assert_eq!(ada.bind(0x4000, closed), Err(403), "{closed}");
    }
    // Relayed addresses lie on loopback here, so it is the port that decides.
    let (socket, address) = service();
    assert_eq!(ada.permit(address), Ok(()));
    assert_eq!(ada.bind(0x4000, address), Err(403));
    ada.send(address, b"let me in");
    ada.send_channel(0x4000, b"let me in");
    socket.send_to(b"let me out", ada_relayed).expect("it is sent");
    // Behind those: once this has come, they would have.
    grace.permit(ada_relayed).expect("good");
    ada.send(grace_relayed, b"hello");
    assert_eq!(grace.receive(Duration::from_secs(5)), Some((Some(ada_relayed), b"hello".to_vec())));
    grace.send(ada_relayed, b"and back");
    assert_eq!(ada.receive(Duration::from_secs(5)), Some((Some(grace_relayed), b"and back".to_vec())));
    let mut buffer = [0; 64];
    assert!(socket.recv_from(&mut buffer).is_err(), "a datagram came through");
    assert_eq!(ada.receive(NOTHING_WITHIN), None, "a datagram came from this machine");

    // One's own second address is no way round.
    let mut second = client(&world, "ada");
    let second_relayed = second.allocate().expect("good");
    second.permit(ada_relayed).expect("good");
    ada.send(second_relayed, b"hello me");
    assert_eq!(second.receive(NOTHING_WITHIN), None);
    // Nor one that was given back.
    grace.release().expect("good");
    ada.send(grace_relayed, b"anybody?");
    assert_eq!(grace.receive(NOTHING_WITHIN), None);

    let server = SocketAddr::from(([127, 0, 0, 1], world.server.port()));
    let (username, password) = credentials(SECRET, "ada", now_s() + 600);
    let altered = (username.replace("ada", "eva"), password);
    for bad in
        [credentials(SECRET, "ada", now_s() - 1), credentials("another secret of them", "ada", now_s() + 600), altered]
    {
        assert_eq!(TurnClient::new(server, bad).allocate(), Err(401));
    }
}

// Rules: TN2
#[test]
fn c25_what_the_operator_opened_is_reached() {
    let world = World::with_settings(&[("TURN_SECRET", SECRET), ("TURN_ALLOW", "127.0.0.0/8")]);
    let mut ada = client(&world, "ada");
    let relayed = ada.allocate().expect("good");
    let (socket, address) = service();
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a socket takes a time-out");
    ada.bind(0x4000, address).expect("the range is open");
    let mut buffer = [0; 64];
    // A machine that is busy may lose a datagram.
    let arrived = (0..20).find_map(|_| {
        ada.send_channel(0x4000, b"hello");
        socket.recv_from(&mut buffer).ok()
    });
    let (length, from) = arrived.expect("it arrives");
    assert_eq!((&buffer[..length], from), (&b"hello"[..], relayed));
    socket.send_to(b"hi", relayed).expect("it is sent");
    assert_eq!(ada.receive(Duration::from_secs(5)), Some((None, b"hi".to_vec())));
    assert_eq!(ada.permit("10.0.0.1:80".parse().expect("an address")), Err(403));
}

// Rules: TN4
#[test]
fn an_account_holds_so_many_relayed_addresses_and_no_more() {
    let world = World::with_settings(&[("TURN_SECRET", SECRET), ("TURN_ALLOCATIONS_PER_ACCOUNT", "2")]);
    let mut held: Vec<TurnClient> = (0..2).map(|_| client(&world, "ada")).collect();
    for one in &mut held {
        one.allocate().expect("good");
    }
    let mut third = client(&world, "ada");
    assert_eq!(third.allocate(), Err(486));
    assert!(client(&world, "grace").allocate().is_ok(), "others have their own");
    held[0].release().expect("good");
    assert!(third.allocate().is_ok());
}

#[test]
fn a_stop_frees_the_turn_port() {
    let mut world = World::with_settings(&[("TURN_SECRET", SECRET)]);
    let relayed = client(&world, "ada").allocate().expect("good");
    let (status, took) = world.server.stop();
    assert!(status.success(), "{status} after {took:?}");
    for address in [SocketAddr::from(([127, 0, 0, 1], world.server.port())), relayed] {
        assert!(UdpSocket::bind(address).is_ok(), "{address} is still held");
    }
    world.server.start_again();
    assert!(client(&world, "ada").allocate().is_ok());
}

#[test]
fn a_coturn_with_the_same_secret_takes_the_same_credentials() {
    if Command::new("turnserver").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no turnserver here; Debian's package is coturn");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let mut command = Command::new("turnserver");
    command
        .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-cli"])
        .args(["--no-tls", "--no-dtls", "--no-tcp", "--fingerprint", "--use-auth-secret", "--realm=elsewhere"])
        .args(["--log-file=stdout", "--simple-log", "--cli-password=unused"])
        .arg(format!("--listening-port={port}"))
        .arg(format!("--static-auth-secret={SECRET}"))
        .arg(format!("--userdb={}", folder.path().join("turndb").display()))
        .arg(format!("--pidfile={}", folder.path().join("pid").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let _coturn = Watched::start("coturn", command, &folder.path().join("coturn.log"));
    let public = format!("127.0.0.1:{port}");
    let world = World::with_settings(&[("TURN_LISTEN", "off"), ("TURN_PUBLIC", &public), ("TURN_SECRET", SECRET)]);
    let (ada, grace) = (world.person("ada"), world.person("grace"));
    for person in [&ada, &grace] {
        person.ask("net.setPolicy", json!({ "peers": "turnOnly" }));
    }
    let room = world.room_of(&[&ada, &grace]);
    wait_path(&ada, &grace, "turn");
    ada.send(&room, "by way of coturn");
    grace.wait_text("by way of coturn");
    assert_eq!(world.server.metric("momoland_turn_allocations_total"), Some(0.0), "ours took no part");
}
