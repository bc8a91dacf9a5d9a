//! What is opened is closed: memory and files stay level.

use std::time::Duration;

use momoland_protocol::server::{ClientFrame, Request};
use serde_json::json;
use support::device::{self, Admission, Device};
use support::{Momo, PASSWORD, Usage, World, socket, wait_direct, wait_until};

/// C59 asks for 500; each takes a third of a second to two. `MOMOLAND_LEAK_CYCLES` for more.
const CYCLES: usize = 30;

/// C59 takes the level after 50; fewer cycles take it after a third.
const LEVEL_AFTER_MAX: usize = 50;

#[test]
fn c59_links_that_come_and_go_leave_nothing_behind() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let cycles = std::env::var("MOMOLAND_LEAK_CYCLES").ok().and_then(|cycles| cycles.parse().ok()).unwrap_or(CYCLES);
    let mut level: Option<Usage> = None;
    for cycle in 0..cycles {
        grace.ask("net.setOnline", json!({ "online": false }));
        wait_until("the link is gone", Duration::from_secs(10), || ada.path_to(&grace).as_deref() != Some("direct"));
        grace.ask("net.setOnline", json!({ "online": true }));
        wait_direct(&ada, &grace);
        let text = format!("cycle {cycle}");
        ada.send(&room, &text);
        grace.wait_text(&text);
        if cycle + 1 == cycles.div_ceil(3).min(LEVEL_AFTER_MAX) {
            level = Some(ada.usage());
        }
    }
    let level = level.expect("there is at least one cycle");
    check_level(&ada, level);
    let (status, took) = grace.close();
    assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");
}

/// Sockets of a closed link may linger for a moment.
#[track_caller]
fn check_level(momo: &Momo, level: Usage) {
    let what = format!("{} is back to {level:?}", momo.name());
    wait_until(&what, Duration::from_secs(30), || {
        let now = momo.usage();
        // 5 %, and what an allocator and a store's cache round up to.
        now.files <= level.files + 2 + level.files / 20 && now.rss_kib <= level.rss_kib + level.rss_kib / 20 + 6 * 1024
    });
}

/// C58 asks for 2,000 connects. The level is taken after a tenth. `MOMOLAND_LEAK_CONNECTS` for more.
const CONNECTS: usize = 600;

#[test]
fn c58_connections_that_die_half_way_leave_nothing_at_the_server() {
    let world = World::new();
    let port = world.server.port();
    let device = Device::register(port, "ada", PASSWORD);
    let online = || world.server.metric("momoland_ws_connections").expect("the server tells it");
    let connects =
        std::env::var("MOMOLAND_LEAK_CONNECTS").ok().and_then(|count| count.parse().ok()).unwrap_or(CONNECTS);
    let mut level: Option<Usage> = None;
    for number in 0..connects {
        if number == connects / 10 {
            wait_until("nobody is connected", Duration::from_secs(20), || online() == 0.0);
            level = Some(world.server.usage());
        }
        match number % 3 {
            // Before the handshake.
            0 => drop(socket::open(port, "/v1/connect", &[]).expect("it is upgraded")),
            // After it.
            1 => drop(welcome(&device, port)),
            // With a question on its way.
            _ => {
                let mut socket = welcome(&device, port);
                let question = ClientFrame::Request { id: 1, request: Request::Directory { after: None } };
                device::send(&mut socket, &question).expect("the socket is open");
            }
        }
    }
    let level = level.expect("the level was taken");
    wait_until("nobody is connected", Duration::from_secs(20), || online() == 0.0);
    let what = format!("the server is back to {level:?}");
    wait_until(&what, Duration::from_secs(20), || {
        let now = world.server.usage();
        now.files <= level.files + 2
            && now.threads <= level.threads + 2
            && now.rss_kib <= level.rss_kib + level.rss_kib / 20 + 4 * 1024
    });
}

#[test]
fn c58_a_join_whose_author_dies_is_whole_or_not_there() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("the workshop", "private");
    let grace = world.person("grace");
    for _ in 0..5 {
        let invite = ada.invite(&room);
        drop(grace.begin("rooms.join", json!({ "invite": invite })));
        grace.kill_and_start_again();
        grace.wait_server("online", Duration::from_secs(20));
        assert_eq!(grace.join(&invite), room);
        wait_until("both see both", Duration::from_secs(20), || {
            ada.members(&room).len() == 2 && grace.members(&room).len() == 2
        });
        grace.ask("rooms.leave", json!({ "roomId": room }));
        wait_until("ada sees her leave", Duration::from_secs(20), || ada.members(&room).len() == 1);
    }
    grace.kill();
    wait_until("one is connected", Duration::from_secs(20), || {
        world.server.metric("momoland_ws_connections") == Some(1.0)
    });
}

#[track_caller]
fn welcome(device: &Device, port: u16) -> Box<socket::Socket> {
    match device.connect(port) {
        Admission::Welcome(socket) => socket,
        Admission::Goodbye(goodbye) => panic!("turned away: {goodbye:?}"),
    }
}
