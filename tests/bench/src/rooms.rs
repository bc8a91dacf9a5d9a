//! What long rooms cost a client: ten rooms of 10,000 messages, beside ten of 100.
//!
//! The messages are written without a disk (`member`), one device a room, and come to the measured clients, which are
//! programs as they are shipped, through the relay. What a window takes on top is measured with windows
//! (`tests/desktop/rooms.mjs`).

use std::path::Path;
use std::time::{Duration, Instant};

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::content::MessageContent;
use momoland_protocol::event::Action;
use serde_json::json;
use support::{Momo, PASSWORD, Server, free_port};

use crate::figure::{self, Samples, Target};
use crate::member::{self, Member};
use crate::memory::Memory;
use crate::processor;

const ROOMS: usize = 10;
const MESSAGES: usize = 10_000;
const MESSAGES_SMALL: usize = 100;

/// So that the messages of all rooms lie within the ten minutes that a clock may be ahead.
const MESSAGE_EVERY_MS: u64 = 10;

/// 60 MB.
const MEMORY_MAX_MIB: f64 = 57.2;

const STARTS: usize = 7;
const SCREEN: usize = 50;

/// Until everything is with somebody, on a busy machine.
const WHOLE_WITHIN: Duration = Duration::from_secs(300);
const SETTLE: Duration = Duration::from_secs(3);

/// `false` where a promise was not kept.
pub(crate) async fn measure(folder: &Path) -> bool {
    let (small, _small_server) = client(&folder.join("small"), MESSAGES_SMALL).await;
    let (long, _long_server) = client(&folder.join("long"), MESSAGES).await;
    let (mut listed, mut listed_small) = (Samples::default(), Samples::default());
    let (mut opened, mut opened_small) = (Samples::default(), Samples::default());
    let (mut worked, mut worked_small) = (Samples::default(), Samples::default());
    let (mut held, mut held_small) = (Samples::default(), Samples::default());
    for number in 0..STARTS {
        for (momo, listed, opened, worked) in [
            (&long, &mut listed, &mut opened, &mut worked),
            (&small, &mut listed_small, &mut opened_small, &mut worked_small),
        ] {
            momo.close();
            let begun = Instant::now();
            momo.start_again();
            let rooms = momo.ask("rooms.list", json!({}));
            listed.push_ms(begun.elapsed());
            worked.push_ms(processor::time_of(momo.pid()));
            let room = rooms["rooms"][ROOMS / 2]["roomId"].clone();
            let begun = Instant::now();
            let screen = momo.ask("messages.list", json!({ "roomId": room, "limit": SCREEN }));
            opened.push_ms(begun.elapsed());
            assert_eq!(screen["messages"].as_array().map(Vec::len), Some(SCREEN), "it has the room");
        }
        if number % 3 == 0 {
            std::thread::sleep(SETTLE);
            for (momo, samples) in [(&long, &mut held), (&small, &mut held_small)] {
                samples.push(Memory::of(momo.pid()).pss_kib / 1024.0);
            }
        }
    }
    let mut kept = figure::print_beside(
        "rooms.client_pss/small_rooms",
        "MiB",
        &held,
        Some(&held_small),
        Target::AtMost(MEMORY_MAX_MIB),
    );
    kept &= figure::print_beside(
        "rooms.start_to_list/small_rooms",
        "ms",
        &listed,
        Some(&listed_small),
        Target::AtMost(2_000.0),
    );
    figure::print("rooms.start_to_list.processor/small_rooms", "ms", &worked, Some(&worked_small));
    figure::print("rooms.screen_after_start/small_rooms", "ms", &opened, Some(&opened_small));
    for momo in [long, small] {
        momo.close();
    }
    kept
}

/// A client that has ten rooms of so many messages, and the server that it has them from.
async fn client(folder: &Path, messages: usize) -> (Momo, Server) {
    std::fs::create_dir_all(folder).expect("a folder can be made");
    // Everybody here has one address; no rate of theirs is to be measured.
    let settings = [("LOG", "warn"), ("REQUESTS_PER_MINUTE", "10000000")];
    let mut server = Server::prepare(folder, free_port(), &settings);
    let registered = member::register(server.data(), ROOMS);
    server.start_again();
    let mut rooms = Vec::new();
    for who in registered {
        let mut writer = Member::connect(server.port(), who).await;
        let room = writer.create_public_room().await;
        writer.disconnect().await;
        let began = UnixMillis::now();
        for number in 0..messages {
            let at = UnixMillis(began.0 + number as u64 * MESSAGE_EVERY_MS);
            let text = format!("{number}: low water is at ten, and the slip is free until noon; bring the pump.");
            let content = MessageContent { text, sent_at: at, mentions: None, call: None };
            writer.append(room, Action::POST, Vec::new(), &content, at).await;
        }
        writer.reconnect(server.port()).await;
        writer.disconnect().await;
        rooms.push(room.to_string());
    }
    let momo = Momo::start(folder, "reader");
    momo.register(&server.address(), PASSWORD);
    momo.wait_server("online", WHOLE_WITHIN);
    for room in &rooms {
        momo.ask("rooms.join", json!({ "roomId": room }));
        let begun = Instant::now();
        let held = |momo: &Momo| {
            let list = momo.ask("messages.list", json!({ "roomId": room, "limit": messages }));
            list["messages"].as_array().map_or(0, Vec::len)
        };
        while held(&momo) < messages {
            assert!(begun.elapsed() < WHOLE_WITHIN, "the room does not come whole");
            std::thread::sleep(SETTLE);
        }
    }
    (momo, server)
}
