//! C27: somebody who is connected and reads nothing costs nobody memory, time or a message.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Momo, World, wait_direct, wait_until};

/// C27 asks for 40 MB in 20,000: here 12 MB, in fewer; `MOMOLAND_STALL_MESSAGES=5000` for as many bytes.
const MESSAGES: usize = 1_500;
const MESSAGE_BYTES: usize = 8_000;
/// Sent before the answers of earlier ones are awaited.
const IN_FLIGHT: usize = 100;
/// While one stands still, so many times as much is sent.
const STALLED: usize = 2;
/// What the server may grow by more for a reader who stands still than when she reads, less than what is sent meanwhile.
const GROWTH_MAX_KIB: i64 = 16 * 1024;
/// Growth over a round that everybody reads, from which on the store's cache is taken to be full.
const SETTLED_KIB: i64 = 4 * 1024;
const ROUNDS_MAX: usize = 8;

#[test]
fn c27_who_stops_reading_costs_the_others_nothing_and_has_all_of_it_afterwards() {
    let messages =
        std::env::var("MOMOLAND_STALL_MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(MESSAGES);
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    wait_direct(&ada, &grace);
    wait_direct(&ada, &carol);
    wait_direct(&grace, &carol);
    // What everybody reads fills the store's cache first, unevenly: only once that is over does a size say anything.
    let peak = || i64::try_from(world.server.usage().rss_peak_kib).expect("a size of memory");
    let (mut size, mut growth_by_reading, mut rounds) = (peak(), i64::MAX, 0);
    while growth_by_reading > SETTLED_KIB && rounds < ROUNDS_MAX {
        rounds += 1;
        send_all(&ada, &room, &format!("round {rounds}"), messages);
        wait_told(&[&grace, &carol], rounds * messages);
        growth_by_reading = peak() - size;
        size += growth_by_reading;
    }

    grace.freeze();
    let begun = Instant::now();
    send_all(&ada, &room, "stalled", STALLED * messages);
    let all = (rounds + STALLED) * messages;
    wait_told(&[&carol], all);
    let growth = peak() - size;
    let took = begun.elapsed();
    assert!(
        growth < growth_by_reading + GROWTH_MAX_KIB,
        "the server grew by {growth} KiB for a reader who stands still, and by {growth_by_reading} KiB when she read"
    );
    // She is not waited for: a message goes to carol as quickly as ever.
    let id = ada.send(&room, "quick?");
    carol.wait_text_within("quick?", Duration::from_secs(5));
    assert_eq!(carol.times_told(&id), 1);

    grace.thaw();
    grace.wait_text_within("quick?", took + Duration::from_secs(60));
    wait_told(&[&grace], all + 1);
    for person in [&grace, &carol] {
        let told = person.events(|event| event["type"] == "message.new");
        let ids: BTreeSet<&str> = told.iter().filter_map(|event| event["message"]["messageId"].as_str()).collect();
        assert_eq!(told.len(), ids.len(), "{} was told of a message twice", person.name());
        assert_eq!(ids.len(), all + 1, "{} was told of every message", person.name());
    }
}

fn send_all(author: &Momo, room: &str, word: &str, count: usize) {
    let padding = "x".repeat(MESSAGE_BYTES);
    let mut pending = std::collections::VecDeque::new();
    for number in 0..count {
        let text = format!("{word} {number} {padding}");
        pending.push_back(author.begin("messages.send", json!({ "roomId": room, "text": text })));
        if pending.len() == IN_FLIGHT {
            sent(pending.pop_front());
        }
    }
    while !pending.is_empty() {
        sent(pending.pop_front());
    }
}

fn sent(pending: Option<support::Pending<'_>>) {
    let answer = pending.expect("it was begun").wait(Duration::from_secs(60));
    assert_eq!(answer.expect("it is sent")["state"], "stored");
}

fn wait_told(readers: &[&Momo], count: usize) {
    for reader in readers {
        wait_until(&format!("{} was told of {count} messages", reader.name()), Duration::from_secs(180), || {
            reader.count_events(|event| event["type"] == "message.new") >= count
        });
    }
}
