//! Who is here, as the others see it.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, World, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn people_are_seen_coming_going_and_being_away() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_seen(&ada, &grace, "online");
    wait_until("both are counted", ARRIVES_WITHIN, || {
        ada.ask("presence.list", json!({ "roomId": room }))["count"] == 2 && ada.status()["onlineCount"] == 2
    });

    grace.ask("presence.set", json!({ "status": "away", "text": "at lunch" }));
    wait_seen(&ada, &grace, "away");
    wait_until("the text is seen", ARRIVES_WITHIN, || {
        seen(&ada, &grace).is_some_and(|seen| seen["text"] == "at lunch")
    });
    grace.ask("presence.set", json!({ "status": "online", "text": "" }));
    wait_seen(&ada, &grace, "online");

    let mark = ada.mark();
    grace.kill();
    let event = ada.wait_event(mark, "presence.changed to offline", ARRIVES_WITHIN, |event| {
        event["type"] == "presence.changed" && event["userId"] == grace.user_id() && event["status"] == "offline"
    });
    assert!(event["lastSeen"].as_u64().is_some_and(|at| at > 1_600_000_000_000), "{event}");
    wait_seen(&ada, &grace, "offline");
    wait_until("one is counted", ARRIVES_WITHIN, || {
        ada.ask("presence.list", json!({ "roomId": room }))["count"] == 1 && ada.status()["onlineCount"] == 1
    });

    grace.start_again();
    wait_seen(&ada, &grace, "online");
    grace.ask("net.setOnline", json!({ "online": false }));
    wait_seen(&ada, &grace, "offline");
    assert_eq!(grace.status()["server"], "offline");
    assert_eq!(grace.status()["peers"], json!([]), "offline closes the links to peers as well");
    grace.ask("net.setOnline", json!({ "online": true }));
    wait_seen(&ada, &grace, "online");
}

// Rules: SV5
#[test]
fn a_new_name_is_told_to_those_who_know_its_person() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    world.room_of(&[&ada, &grace]);
    wait_seen(&ada, &grace, "online");
    let mark = ada.mark();
    grace.ask("account.setProfile", json!({ "displayName": "Grace Lindqvist" }));
    ada.wait_event(mark, "grace has a new name", ARRIVES_WITHIN, |event| {
        event["type"] == "presence.changed"
            && event["userId"] == grace.user_id()
            && event["displayName"] == "Grace Lindqvist"
    });
}

#[test]
fn what_somebody_chose_is_of_all_their_devices_and_outlives_them() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let laptop = world.stranger("grace-laptop");
    laptop.log_in(&world.server.address(), "grace", support::PASSWORD);
    laptop.wait_server("online", ARRIVES_WITHIN);
    wait_until("the laptop is in the room", ARRIVES_WITHIN, || laptop.room(&room).is_some());
    assert_eq!(ada.members(&room).len(), 2, "several devices are one person");

    grace.ask("presence.set", json!({ "status": "dnd", "text": "deep in it" }));
    for person in [&ada, &laptop] {
        wait_seen(person, &grace, "dnd");
        wait_text(person, &grace, Some("deep in it"));
    }
    // Without a text the one that is there stays; on another device it is chosen as well.
    laptop.ask("presence.set", json!({ "status": "online" }));
    for person in [&ada, &grace] {
        wait_seen(person, &grace, "online");
        wait_text(person, &grace, Some("deep in it"));
    }
    // Away where nobody sits at any device.
    grace.ask("presence.setIdle", json!({ "idle": true }));
    laptop.ask("presence.setIdle", json!({ "idle": true }));
    wait_seen(&ada, &grace, "away");
    laptop.ask("presence.setIdle", json!({ "idle": false }));
    wait_seen(&ada, &grace, "online");
    laptop.kill();
    wait_seen(&ada, &grace, "away");
    grace.ask("presence.set", json!({ "status": "dnd" }));
    wait_seen(&ada, &grace, "dnd");

    // Kills on all sides change nothing, and the laptop learns of what it missed.
    world.server.kill();
    grace.kill_and_start_again();
    world.server.start_again();
    for person in [&ada, &grace] {
        person.wait_server("online", Duration::from_secs(60));
    }
    laptop.start_again();
    for person in [&ada, &grace, &laptop] {
        wait_seen(person, &grace, "dnd");
        wait_text(person, &grace, Some("deep in it"));
    }
    laptop.ask("presence.set", json!({ "status": "online", "text": "" }));
    for person in [&ada, &grace] {
        wait_seen(person, &grace, "online");
        wait_text(person, &grace, None);
    }
}

#[test]
fn c56_an_outage_of_the_server_heals_by_itself() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    world.room_of(&[&ada, &grace]);
    grace.ask("presence.set", json!({ "status": "dnd", "text": "deep in it" }));
    wait_seen(&ada, &grace, "dnd");
    support::wait_direct(&ada, &grace);
    world.server.kill();
    ada.wait_server_not_online(ARRIVES_WITHIN);
    assert_eq!(seen(&ada, &grace).expect("grace")["status"], "dnd", "a link shows that she is here");
    world.server.start_again();
    ada.wait_server("online", Duration::from_secs(60));
    grace.wait_server("online", Duration::from_secs(60));
    wait_seen(&ada, &grace, "dnd");
    wait_text(&ada, &grace, Some("deep in it"));
    wait_until("both are counted", ARRIVES_WITHIN, || ada.status()["onlineCount"] == 2);
}

#[test]
fn offline_is_not_a_status_to_be_set() {
    let (_world, [ada]) = World::with_people(["ada"]);
    ada.refused_as("invalid", "presence.set", json!({ "status": "offline" }));
    ada.refused_as("invalid", "presence.set", json!({ "status": "busy" }));
    ada.refused_as("invalid", "presence.set", json!({ "status": "away", "text": "x".repeat(10_000) }));
    ada.refused_as("invalid", "presence.set", json!({ "status": "away", "text": "a\nb" }));
    ada.refused_as("invalid", "presence.setIdle", json!({ "idle": "yes" }));
}

fn seen(by: &Momo, whom: &Momo) -> Option<Value> {
    let list = by.ask("presence.list", json!({}));
    list["users"].as_array()?.iter().find(|user| user["userId"] == whom.user_id()).cloned()
}

#[track_caller]
fn wait_text(by: &Momo, whom: &Momo, text: Option<&str>) {
    let what = format!("{} reads {text:?} of {}", by.name(), whom.name());
    wait_until(&what, ARRIVES_WITHIN, || seen(by, whom).is_some_and(|seen| seen["text"].as_str() == text));
}

#[track_caller]
fn wait_seen(by: &Momo, whom: &Momo, status: &str) {
    let what = format!("{} sees {} {status}", by.name(), whom.name());
    wait_until(&what, ARRIVES_WITHIN, || seen(by, whom).is_some_and(|seen| seen["status"] == status));
}
