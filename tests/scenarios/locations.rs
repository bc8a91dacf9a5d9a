//! Where people are: live for those who are there, kept where somebody leaves word, and nothing of it for others.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, World, invite_and_join, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn share(who: &Momo, room: &str, lat: f64, lng: f64, ttl_s: u64) -> Value {
    who.ask("location.share", json!({ "roomId": room, "lat": lat, "lng": lng, "ttlS": ttl_s }))
}

fn list(by: &Momo, room: &str) -> Vec<Value> {
    by.ask("location.list", json!({ "roomId": room }))["locations"].as_array().expect("a list").clone()
}

/// Waits until somebody is told where another is; gives what they were told.
#[track_caller]
fn wait_at(by: &Momo, who: &Momo, lat: f64) -> Value {
    let what = format!("{} sees {} at {lat}", by.name(), who.name());
    by.wait_event(0, &what, ARRIVES_WITHIN, |event| is_of(event, who) && near(&event["lat"], lat))
}

#[track_caller]
fn wait_ended(by: &Momo, who: &Momo, mark: usize) -> Value {
    let what = format!("{} sees that {} stopped", by.name(), who.name());
    by.wait_event(mark, &what, Duration::from_secs(60), |event| is_of(event, who) && event["ended"] == true)
}

fn is_of(event: &Value, who: &Momo) -> bool {
    event["type"] == "location.changed" && event["userId"] == who.user_id()
}

fn near(value: &Value, degrees: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - degrees).abs() < 1e-6)
}

// Rules: LO2, LO3
#[test]
fn a_live_position_moves_and_stops() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);

    let shared = share(&ada, &room, 38.366_67, -75.0, 600);
    assert!(shared["until"].as_u64().is_some(), "{shared}");
    let seen = wait_at(&grace, &ada, 38.366_67);
    assert!(near(&seen["lng"], -75.0) && seen["until"].is_u64() && seen.get("ended").is_none(), "{seen}");
    wait_at(&ada, &ada, 38.366_67);
    share(&ada, &room, 38.37, -75.01, 600);
    wait_at(&grace, &ada, 38.37);
    assert_eq!(list(&grace, &room).len(), 1, "one person, one place");

    let mark = grace.mark();
    ada.ask("location.stop", json!({ "roomId": room }));
    wait_ended(&grace, &ada, mark);
    assert_eq!(list(&grace, &room), Vec::<Value>::new());
    assert_eq!(list(&ada, &room), Vec::<Value>::new());
    // To stop again is no fault, and nothing comes back.
    ada.ask("location.stop", json!({}));
    assert!(grace.texts(&room).is_empty(), "positions are no messages");
}

#[test]
fn a_share_ends_by_itself_and_who_comes_later_sees_it_until_then() {
    let (world, [ada, grace, linus]) = World::with_people(["ada", "grace", "linus"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    share(&ada, &room, 1.0, 2.0, 25);
    wait_at(&grace, &ada, 1.0);
    invite_and_join(&ada, &linus, &room);
    wait_at(&linus, &ada, 1.0);
    wait_ended(&grace, &ada, 0);
    wait_ended(&linus, &ada, 0);
    wait_ended(&ada, &ada, 0);
    assert_eq!(list(&grace, &room), Vec::<Value>::new());
}

#[test]
fn a_position_said_once_is_kept_for_who_was_away() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    grace.ask("net.setOnline", json!({ "online": false }));
    let shared = ada.ask(
        "location.share",
        json!({ "roomId": room, "lat": 38.366_67, "lng": -75.0, "accuracyM": 5, "precision": "city" }),
    );
    assert!(near(&shared["lat"], 38.4) && shared["accuracyM"].as_u64() > Some(5_000), "{shared}");
    ada.kill_and_start_again();
    grace.ask("net.setOnline", json!({ "online": true }));
    wait_at(&grace, &ada, 38.4);
    let kept = list(&grace, &room);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].get("until").is_none(), "not live: {kept:?}");
    assert_eq!(list(&ada, &room), kept);
}

// Rules: LO4
#[test]
fn a_last_point_stays_where_it_is_left_and_a_dead_device_is_not_shown_for_long() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    share(&ada, &room, 5.0, 6.0, 600);
    wait_at(&grace, &ada, 5.0);
    ada.ask("location.stop", json!({ "roomId": room, "keepLast": true }));
    let last = wait_ended(&grace, &ada, 0);
    assert!(near(&last["lat"], 5.0));
    assert!(near(&list(&grace, &room)[0]["lat"], 5.0));

    share(&ada, &room, 7.0, 8.0, 600);
    wait_at(&grace, &ada, 7.0);
    let mark = grace.mark();
    ada.kill();
    wait_ended(&grace, &ada, mark);
    assert_eq!(list(&grace, &room), Vec::<Value>::new(), "a new share took the place of the last point");
}

#[test]
fn without_a_direct_path_the_relay_carries_positions() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    for person in [&ada, &grace] {
        person.ask("net.setPolicy", json!({ "peers": "none" }));
    }
    let room = world.room_of(&[&ada, &grace]);
    wait_until("they reach each other by the relay", ARRIVES_WITHIN, || {
        ada.path_to(&grace).as_deref() == Some("relay")
    });
    share(&ada, &room, 11.0, 12.0, 600);
    wait_at(&grace, &ada, 11.0);
}

#[test]
fn who_is_removed_is_shown_no_more_and_sees_nothing_more() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    share(&grace, &room, 3.0, 4.0, 600);
    wait_at(&ada, &grace, 3.0);
    let mark = ada.mark();
    ada.ask("rooms.remove", json!({ "roomId": room, "userId": grace.user_id() }));
    wait_ended(&ada, &grace, mark);
    assert_eq!(list(&ada, &room), Vec::<Value>::new());
    grace.refused_as("not_found", "location.share", json!({ "roomId": room, "lat": 1, "lng": 1, "ttlS": 60 }));
    grace.refused_as("not_found", "location.list", json!({ "roomId": room }));
}

// Rules: LO1
#[test]
fn c66_what_is_no_position_is_refused() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("harbour", "private");
    let _ = &world;
    let with = |lat: Value, lng: Value, ttl_s: Value| json!({ "roomId": room, "lat": lat, "lng": lng, "ttlS": ttl_s });
    let bad = [
        with(json!("12"), json!(0), json!(60)),
        with(json!(null), json!(0), json!(60)),
        with(json!(90.000_1), json!(0), json!(60)),
        with(json!(-90.000_1), json!(0), json!(60)),
        with(json!(0), json!(180.000_1), json!(60)),
        with(json!(0), json!(-180.000_1), json!(60)),
        with(json!(0), json!(0), json!(-1)),
        with(json!(0), json!(0), json!(0)),
        with(json!(0), json!(0), json!(1e12)),
        json!({ "roomId": room, "lat": 0, "ttlS": 60 }),
        json!({ "roomId": room, "lat": 0, "lng": 0, "ttlS": 60, "accuracyM": -1 }),
    ];
    for params in bad {
        ada.refused_as("invalid", "location.share", params);
    }
    // JSON has no such numbers, so they are no request at all.
    for number in ["NaN", "Infinity", "1e400"] {
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":900,"method":"location.share","params":{{"roomId":"{room}","lat":{number},"lng":0,"ttlS":60}}}}"#
        );
        ada.write_line(line.as_bytes());
        assert_eq!(ada.next_nameless_answer()["error"]["data"]["kind"], "invalid", "{number}");
    }
    assert_eq!(list(&ada, &room), Vec::<Value>::new(), "nothing of it was taken");
    for (lat, lng) in [(0.0, 0.0), (-90.0, 180.0), (-0.0, -180.0)] {
        share(&ada, &room, lat, lng, 60);
        wait_at(&ada, &ada, lat);
    }
}
