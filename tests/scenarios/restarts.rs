//! Ends and returns, of the server and of links: nothing twice, nobody lost.

use std::time::Duration;

use momoland_protocol::server::{GoodbyeReason, ServerFrame};
use serde_json::json;
use support::device::{self, Admission, Device};
use support::socket::Socket;
use support::{Momo, PASSWORD, World, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn c14_after_five_restarts_and_five_flaps_a_message_comes_once() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    for _ in 0..5 {
        world.server.stop();
        world.server.start_again();
        for person in [&ada, &grace] {
            person.wait_server("online", ARRIVES_WITHIN);
        }
        grace.ask("net.setOnline", json!({ "online": false }));
        grace.ask("net.setOnline", json!({ "online": true }));
        grace.wait_server("online", ARRIVES_WITHIN);
    }
    let id = ada.send(&room, "only once");
    grace.wait_text("only once");
    ada.wait_state(&room, &id, "delivered");
    // A second one, by the same ways, would have brought a repetition of the first along.
    ada.send(&room, "and no more");
    grace.wait_text("and no more");
    for person in [&ada, &grace] {
        assert_eq!(person.times_told(&id), 1, "{} is told once", person.name());
        assert_eq!(person.texts(&room), ["only once", "and no more"]);
    }
    wait_until("one link a device", ARRIVES_WITHIN, || world.server.metric("momoland_ws_connections") == Some(2.0));
    assert_eq!(grace.status()["peers"].as_array().map(Vec::len), Some(1), "one entry a peer");
}

#[test]
fn c44_a_stopping_server_says_so_and_everybody_returns_without_signing_in() {
    let mut world = World::new();
    let people: Vec<Momo> = (0..8).map(|number| world.person(&format!("person-{number}"))).collect();
    let all: Vec<&Momo> = people.iter().collect();
    let room = world.room_of(&all);
    let (status, took) = world.server.stop();
    assert!(status.success(), "SIGTERM is a graceful end: {status}");
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    for person in &people {
        person.wait_server_not_online(ARRIVES_WITHIN);
        person.send(&room, &format!("{} while it was away", person.name()));
    }
    // The store's lock is released, or this fails.
    world.server.start_again();
    for person in &people {
        person.wait_server("online", Duration::from_secs(60));
    }
    for person in &people {
        let what = format!("{} is in step", person.name());
        wait_until(&what, Duration::from_secs(60), || person.messages(&room).len() == people.len());
        assert_eq!(person.texts(&room), people[0].texts(&room));
    }
}

/// C44 asks for 1,000; each is an account whose password is hashed. `MOMOLAND_CLIENTS` for more.
const CLIENTS: usize = 200;

/// Accounts made at once.
const HANDS: usize = 4;

// Rules: SV3
#[test]
fn c44_every_one_of_many_is_told_why_and_when_to_return() {
    let mut world = World::with_settings(&[("REGISTRATIONS_PER_MINUTE", "100000")]);
    let port = world.server.port();
    let clients = std::env::var("MOMOLAND_CLIENTS").ok().and_then(|clients| clients.parse().ok()).unwrap_or(CLIENTS);
    let connect = |device: &Device| match device.connect(port) {
        Admission::Welcome(socket) => socket,
        Admission::Goodbye(goodbye) => panic!("turned away: {goodbye:?}"),
    };
    let mut connected: Vec<(Device, Box<Socket>)> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS)
            .map(|hand| {
                scope.spawn(move || {
                    (0..clients / HANDS)
                        .map(|number| {
                            let device = Device::register(port, &format!("client-{hand}-{number}"), PASSWORD);
                            let socket = connect(&device);
                            (device, socket)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("it does not panic")).collect()
    });

    let (status, took) = world.server.stop();
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
    let mut delays = Vec::new();
    for (_, socket) in &mut connected {
        let goodbye = loop {
            match device::receive(socket) {
                Ok(ServerFrame::Goodbye(goodbye)) => break goodbye,
                Ok(_) => {}
                Err(error) => panic!("closed without a reason: {error}"),
            }
        };
        assert_eq!(goodbye.reason, GoodbyeReason::ShuttingDown, "{goodbye:?}");
        delays.push(goodbye.retry_after_ms.expect("it says when to return"));
    }
    let (first, last) = (delays.iter().min().expect("somebody"), delays.iter().max().expect("somebody"));
    assert!(last - first >= 3_000, "all would return within {} ms", last - first);
    assert!(*last <= 10_000, "somebody would wait {last} ms");

    world.server.start_again();
    // Worse than what the delays ask for: all of them as fast as they can, and nobody is limited or signed out.
    for (device, _) in &connected {
        drop(connect(device));
    }
}

#[test]
fn a_client_that_is_asked_to_end_ends_well_and_at_once() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    ada.send(&room, "before");
    let (status, _) = ada.terminate();
    assert!(status.success(), "SIGTERM: {status}");
    ada.start_again();
    assert_eq!(ada.texts(&room), ["before"]);
    let (status, _) = ada.close();
    assert!(status.success(), "end of input: {status}");
    ada.start_again();
    assert_eq!(ada.texts(&room), ["before"]);
    // Who ends before the server has welcomed them again never was back, and nobody is told that they went.
    ada.wait_server("online", Duration::from_secs(20));
    // Its goodbye is seen at once, not when a timeout says so.
    let mark = grace.mark();
    ada.close();
    grace.wait_event(mark, "ada is offline", Duration::from_secs(10), |event| {
        event["type"] == "presence.changed" && event["userId"] == ada.user_id() && event["status"] == "offline"
    });
}
