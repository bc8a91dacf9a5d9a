//! Ends and returns, of the server and of links: nothing twice, nobody lost.

use std::time::Duration;

use serde_json::json;
use support::{Momo, World, wait_until};

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
    // Its goodbye is seen at once, not when a timeout says so.
    let mark = grace.mark();
    ada.close();
    grace.wait_event(mark, "ada is offline", Duration::from_secs(5), |event| {
        event["type"] == "presence.changed" && event["userId"] == ada.user_id() && event["status"] == "offline"
    });
}
