//! What the server sends where eight people are connected to each other, beside the same eight who have no peer links.
//!
//! Everything is counted that leaves the server on WebSockets: events, acknowledgements, delivery marks, presence.

use std::path::Path;
use std::time::Duration;

use support::Server;

use crate::figure::{Samples, Target, print, print_beside};
use crate::person::Person;

const PEOPLE: usize = 8;

/// Messages of a burst, one straight after the other.
const BURST: usize = 200;

/// Messages at one a second, by turns.
const PACED: usize = 30;

/// Until marks and acknowledgements of the last message are through.
const SETTLE: Duration = Duration::from_secs(5);

/// `false` where a promise was not kept.
pub(super) async fn measure(folder: &Path) -> bool {
    let server = Server::start(folder, &[("LOG", "warn")]);
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(Person::register(&server, folder, &format!("person{number}")).await);
    }
    let room = Person::share_room_of_all(&people).await;
    tokio::time::sleep(SETTLE).await;
    let connected = both(&server, &mut people, &room, "connected").await;
    for person in &people {
        person.use_relay().await;
    }
    tokio::time::sleep(SETTLE).await;
    let relayed = both(&server, &mut people, &room, "relayed").await;
    for person in people {
        person.close().await;
    }
    let names = ["in a burst of 200", "at one a second"];
    let mut kept = true;
    for (place, most) in [(0, 0.03), (1, 0.10)] {
        let figure =
            format!("server bytes out a delivered message, 8 people connected, beside relayed, {}", names[place]);
        let (ours, beside) = (Samples::from(connected[place]), Samples::from(relayed[place]));
        kept &= print_beside(&figure, "B", &ours, Some(&beside), Target::RatioAtMost(most));
    }
    kept
}

/// Bytes a delivered message, in a burst and at one a second.
async fn both(server: &Server, people: &mut [Person], room: &str, how: &str) -> [f64; 2] {
    let before = bytes_out(server);
    for number in 0..BURST {
        people[0].say(room, &format!("{how}: message {number} of a burst")).await;
    }
    let last = format!("{how}: message {} of a burst", BURST - 1);
    for person in people.iter_mut() {
        person.hear(&last).await;
    }
    tokio::time::sleep(SETTLE).await;
    let burst = bytes_out(server) - before;

    let before = bytes_out(server);
    for number in 0..PACED {
        let text = format!("{how}: message {number}, not in haste");
        people[number % PEOPLE].say(room, &text).await;
        for person in people.iter_mut() {
            person.hear(&text).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(SETTLE).await;
    let paced = bytes_out(server) - before;

    let before = bytes_out(server);
    tokio::time::sleep(SETTLE).await;
    let idle = (bytes_out(server) - before) / SETTLE.as_secs_f64();
    print(&format!("server bytes out a second, 8 people {how} and silent"), "B", &Samples::from(idle), None);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let deliveries = [BURST, PACED].map(|messages| (messages * (PEOPLE - 1)) as f64);
    [burst / deliveries[0], paced / deliveries[1]]
}

fn bytes_out(server: &Server) -> f64 {
    server.metric("momoland_ws_bytes_out_total").expect("the server counts its bytes")
}
