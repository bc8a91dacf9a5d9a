//! C43, C29: a wire that goes silent, which no end is told of, and a machine that slept.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Proxy, World, wait_direct, wait_direct_within, wait_until};

/// Within this both ends have noticed.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);

// Rules: SV7
#[test]
fn c43_both_ends_of_a_silent_link_notice_and_it_comes_back() {
    let world = World::new();
    let wire = Proxy::start(world.server.port());
    let ada = world.person("ada");
    let grace = world.person_by_way_of("grace", &wire.address());
    // Without a link between the two, ada knows of grace by the server alone: who is linked is here, whatever it says.
    ada.ask("net.setPolicy", json!({ "peers": "none" }));
    grace.ask("net.setPolicy", json!({ "peers": "none" }));
    let room = world.room_of(&[&ada, &grace]);
    let seen = || {
        let list = ada.ask("presence.list", json!({}));
        let users = list["users"].as_array().expect("a list");
        users.iter().find(|user| user["userId"] == grace.user_id()).map(|user| user["status"].clone())
    };
    wait_until("ada sees grace online", NOTICED_WITHIN, || seen() == Some(json!("online")));

    wire.silence();
    let mark = ada.mark();
    grace.wait_server_not_online(NOTICED_WITHIN);
    ada.wait_event(mark, "the server says that grace is offline", NOTICED_WITHIN, |event| {
        event["type"] == "presence.changed" && event["userId"] == grace.user_id() && event["status"] == "offline"
    });
    let id = grace.send(&room, "can anybody hear me?");

    wire.restore();
    grace.wait_server("online", Duration::from_secs(10));
    ada.wait_text("can anybody hear me?");
    grace.wait_state(&room, &id, "delivered");
    assert_eq!(ada.times_told(&id), 1);
    assert_eq!(
        world.server.metric("momoland_ws_connections"),
        Some(2.0),
        "the silent connection is not kept beside the new one"
    );
}

#[test]
fn a_wire_that_is_cut_is_noticed_at_once_and_comes_back() {
    let world = World::new();
    let wire = Proxy::start(world.server.port());
    let ada = world.person_by_way_of("ada", &wire.address());
    wire.refuse();
    ada.wait_server_not_online(Duration::from_secs(5));
    wire.restore();
    // The longest pause between two tries is 10 s.
    ada.wait_server("online", Duration::from_secs(15));
}

/// Longer than any end waits for a sign of life. C43 asks for an hour: `MOMOLAND_IDLE_SECONDS=3600`.
const IDLE: Duration = Duration::from_secs(60);

// Rules: SV7
#[test]
fn c43_an_idle_link_stays_up() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let idle = std::env::var("MOMOLAND_IDLE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let until = Instant::now() + idle.map_or(IDLE, Duration::from_secs);
    let marks = [(&ada, ada.mark()), (&grace, grace.mark())];
    wait_until("the idle time is over", until - Instant::now() + Duration::from_secs(5), || Instant::now() >= until);
    for (person, mark) in marks {
        let status = person.status();
        assert_eq!(status["server"], "online", "{}", person.name());
        assert_eq!(status["peers"][0]["path"], "direct", "{}", person.name());
        let ups_and_downs = person.events_since(mark).into_iter().filter(|event| {
            // How long a round trip takes may change, and nothing else.
            event["type"] == "presence.changed"
                || event["type"] == "peer.changed" && event["peer"]["path"] != "direct"
                || event["type"] == "net.changed" && event["status"]["server"] != "online"
        });
        assert_eq!(ups_and_downs.collect::<Vec<_>>(), Vec::<serde_json::Value>::new(), "{}", person.name());
    }
    ada.send(&room, "still there?");
    grace.wait_text("still there?");
}

#[test]
fn c29_who_slept_says_the_truth_and_is_back_at_once() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    grace.freeze();
    wait_until("the server lets her go", NOTICED_WITHIN + Duration::from_secs(10), || {
        world.server.metric("momoland_ws_connections") == Some(1.0)
    });
    assert_ne!(ada.path_to(&grace).as_deref(), Some("direct"));
    ada.send(&room, "while you slept");
    grace.thaw();
    let within = Duration::from_secs(10);
    wait_until("she is connected", within, || world.server.metric("momoland_ws_connections") == Some(2.0));
    grace.wait_server("online", within);
    grace.wait_text_within("while you slept", within);
    wait_direct_within(&ada, &grace, within);
    let id = grace.send(&room, "good morning");
    ada.wait_text_within("good morning", within);
    assert_eq!(ada.times_told(&id), 1);
}
