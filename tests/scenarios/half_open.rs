//! C43: a wire that goes silent, which no end is told of.

use std::time::Duration;

use serde_json::json;
use support::{Proxy, World, wait_until};

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
