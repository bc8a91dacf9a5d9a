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
    grace.ask("presence.set", json!({ "status": "online" }));
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
fn offline_is_not_a_status_to_be_set() {
    let (_world, [ada]) = World::with_people(["ada"]);
    ada.refused_as("invalid", "presence.set", json!({ "status": "offline" }));
    ada.refused_as("invalid", "presence.set", json!({ "status": "busy" }));
    ada.refused_as("invalid", "presence.set", json!({ "status": "away", "text": "x".repeat(10_000) }));
}

fn seen(by: &Momo, whom: &Momo) -> Option<Value> {
    let list = by.ask("presence.list", json!({}));
    list["users"].as_array()?.iter().find(|user| user["userId"] == whom.user_id()).cloned()
}

#[track_caller]
fn wait_seen(by: &Momo, whom: &Momo, status: &str) {
    let what = format!("{} sees {} {status}", by.name(), whom.name());
    wait_until(&what, ARRIVES_WITHIN, || seen(by, whom).is_some_and(|seen| seen["status"] == status));
}
