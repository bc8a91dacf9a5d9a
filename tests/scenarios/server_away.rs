//! The server vanishes and returns; people go on.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Proxy, World, invite_and_join, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// What a person takes for "at once" (C30), on a machine busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Within this a method that needs the server has answered or failed (C30).
const SETTLES_WITHIN: Duration = Duration::from_secs(15);

#[test]
fn connected_people_chat_on_without_the_server_and_are_in_step_when_it_returns() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    world.server.stop();
    for person in [&ada, &grace] {
        person.wait_server_not_online(ARRIVES_WITHIN);
    }

    let first = ada.send(&room, "are you there?");
    grace.wait_text("are you there?");
    grace.send(&room, "always");
    ada.wait_text("always");
    ada.wait_state(&room, &first, "delivered");
    wait_direct(&ada, &grace);
    let expected = ["are you there?".to_owned(), "always".to_owned()];
    assert_eq!(ada.texts(&room), expected);
    assert_eq!(grace.texts(&room), expected);

    world.server.start_again();
    for person in [&ada, &grace] {
        person.wait_server("online", ARRIVES_WITHIN);
        for message in person.messages(&room) {
            let id = message["messageId"].as_str().expect("an id");
            assert_eq!(person.times_told(id), 1, "{} is told once of {}", person.name(), message["text"]);
        }
    }
    // In step means that the relay has it too, from whichever of the two brought it first.
    let stored = || world.server.metric("momoland_events_stored_total").expect("the server tells it");
    wait_until("the relay has stored both", ARRIVES_WITHIN, || stored() >= 2.0);
    // So a newcomer who meets nobody but the server reads everything.
    let carol = world.person("carol");
    let invite = ada.invite(&room);
    ada.ask("net.setOnline", json!({ "online": false }));
    grace.ask("net.setOnline", json!({ "online": false }));
    carol.join(&invite);
    carol.wait_texts(&room, &expected, ARRIVES_WITHIN);
}

#[test]
fn the_server_is_killed_mid_chat_and_nothing_answered_is_lost() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    // Without a link between them everything goes by way of the relay.
    for person in [&ada, &grace] {
        person.ask("net.setPolicy", json!({ "peers": "none" }));
    }
    let mut expected = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let text = format!("round {round} line {number}");
            ada.send(&room, &text);
            expected.push(text);
        }
        world.server.kill();
        let text = format!("round {round} without a server");
        ada.send(&room, &text);
        expected.push(text);
        world.server.start_again();
        grace.wait_texts(&room, &expected, ARRIVES_WITHIN);
    }
    assert_eq!(ada.texts(&room), expected);
    assert_eq!(
        ada.path_to(&grace).unwrap_or_else(|| "relay".to_owned()),
        "relay",
        "the path that is told is the true one"
    );
}

#[test]
fn who_was_away_gets_everything_once_and_in_the_same_order() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    carol.kill();
    for round in 0..10 {
        for person in [&ada, &grace] {
            let text = format!("{} {round}", person.name());
            person.send(&room, &text);
            ada.wait_text(&text);
            grace.wait_text(&text);
        }
    }
    let expected = ada.texts(&room);
    assert_eq!(expected.len(), 20);
    carol.start_again();
    carol.wait_texts(&room, &expected, ARRIVES_WITHIN);
    for message in carol.messages(&room) {
        let id = message["messageId"].as_str().expect("an id");
        wait_until("carol is told", ARRIVES_WITHIN, || carol.times_told(id) > 0);
        assert_eq!(carol.times_told(id), 1, "carol is told once of {}", message["text"]);
    }
    assert_eq!(carol.room(&room).expect("she is in it")["unreadCount"], 20);
}

#[test]
fn c06_what_was_said_in_an_outage_comes_also_where_nothing_was_said_before() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    for server_restarts in [false, true] {
        let room = world.room_of(&[&ada, &grace]);
        grace.ask("net.setOnline", json!({ "online": false }));
        let expected: Vec<String> = (0..3).map(|number| format!("{server_restarts} {number}")).collect();
        let ids: Vec<String> = expected.iter().map(|text| ada.send(&room, text)).collect();
        ada.wait_state(&room, &ids[2], "relayed");
        assert!(grace.texts(&room).is_empty(), "grace is offline");
        if server_restarts {
            world.server.stop();
            world.server.start_again();
        }
        grace.ask("net.setOnline", json!({ "online": true }));
        grace.wait_texts(&room, &expected, Duration::from_secs(10));
        for id in &ids {
            wait_until("grace is told", ARRIVES_WITHIN, || grace.times_told(id) > 0);
            assert_eq!(grace.times_told(id), 1);
        }
    }
}

#[test]
fn a_restart_without_the_server_lists_and_sends_at_once() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    ada.send(&room, "before");
    grace.wait_text("before");
    grace.kill();
    world.server.kill();
    ada.kill_and_start_again();

    let begun = Instant::now();
    assert_eq!(ada.texts(&room), ["before"]);
    let id = ada.send(&room, "without anybody");
    assert!(begun.elapsed() < Duration::from_secs(3), "start, list and send took {:?}", begun.elapsed());
    assert_eq!(ada.state(&room, &id), "stored");
    assert_ne!(ada.status()["server"], "online");

    world.server.start_again();
    ada.wait_state(&room, &id, "relayed");
    grace.start_again();
    grace.wait_texts(&room, &["before".to_owned(), "without anybody".to_owned()], ARRIVES_WITHIN);
    ada.wait_state(&room, &id, "delivered");
}

#[test]
fn what_needs_the_server_says_so_while_it_is_away_and_works_afterwards() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = ada.create_room("the workshop", "private");
    let invite = ada.invite(&room);
    world.server.stop();
    for person in [&ada, &grace] {
        person.wait_server_not_online(ARRIVES_WITHIN);
    }
    let begun = Instant::now();
    grace.refused_as("offline", "rooms.join", json!({ "invite": invite }));
    ada.refused_as("offline", "rooms.invite", json!({ "roomId": room }));
    grace.refused_as("offline", "rooms.directory", json!({}));
    assert!(begun.elapsed() < SETTLES_WITHIN, "three refusals took {:?}", begun.elapsed());
    world.server.start_again();
    for person in [&ada, &grace] {
        person.wait_server("online", ARRIVES_WITHIN);
    }
    invite_and_join(&ada, &grace, &room);
}

#[test]
fn c30_a_call_made_at_the_moment_of_the_drop_settles_and_is_not_done_twice() {
    let world = World::new();
    let wire = Proxy::start(world.server.port());
    let ada = world.person_by_way_of("ada", &wire.address());
    let grace = world.person("grace");
    let room = world.room_of(&[&ada, &grace]);
    let elsewhere = grace.invite(&grace.create_room("elsewhere", "private"));

    wire.silence();
    let sent = ada.begin("messages.send", json!({ "roomId": room, "text": "into the silence" }));
    let invited = ada.begin("rooms.invite", json!({ "roomId": room }));
    let joined = ada.begin("rooms.join", json!({ "invite": elsewhere }));
    let sent = sent.wait(AT_ONCE).expect("a send is answered from this disk");
    assert_eq!(sent["state"], "stored");
    for pending in [invited, joined] {
        if let Err(refusal) = pending.wait(SETTLES_WITHIN) {
            assert_eq!(refusal.kind, "offline", "{refusal:?}");
        }
    }
    wire.restore();

    ada.wait_server("online", Duration::from_secs(60));
    let id = sent["messageId"].as_str().expect("an id");
    ada.wait_state(&room, id, "delivered");
    grace.wait_texts(&room, &["into the silence".to_owned()], ARRIVES_WITHIN);
    assert_eq!((ada.times_told(id), grace.times_told(id)), (1, 1));
    assert_eq!(ada.texts(&room), ["into the silence"]);
    // Once the join has settled one way or the other it can be made good, and she is there once.
    if ada.room(&ada_joined(&ada, &elsewhere)).is_some() {
        let own_rooms = ada.ask("rooms.list", json!({}));
        assert_eq!(own_rooms["rooms"].as_array().map(Vec::len), Some(2), "{own_rooms}");
    }
}

/// Joins by the invite, unless that was done already; gives the room.
fn ada_joined(ada: &support::Momo, invite: &str) -> String {
    match ada.call("rooms.join", json!({ "invite": invite })) {
        Ok(joined) => joined["roomId"].as_str().expect("an id").to_owned(),
        Err(refusal) => {
            assert_eq!(refusal.kind, "conflict", "only a join that was done already may be refused: {refusal:?}");
            let rooms = ada.ask("rooms.list", json!({}));
            let names =
                rooms["rooms"].as_array().expect("a list").iter().find(|room| room["name"] == "elsewhere").cloned();
            names.expect("she is in it")["roomId"].as_str().expect("an id").to_owned()
        }
    }
}
