//! The round trip of a message, from one person's `messages.send` to the other's `message.new` and back.
//!
//! Both engines run in this process, as both ends of the references do, so that all cross the same number of processes.
//! A round trip of ours puts four things on disk (each message on both sides); so does the second reference of each pair.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use support::Server;

use crate::bare_channel;
use crate::bare_relay::{self, BareRelay};
use crate::figure::{self, Samples};
use crate::floor::{Author, EVENT_BYTES};
use crate::person::Person;

/// Round trips of each kind.
const ROUND_TRIPS: usize = 300;

/// Those before, which find cold caches.
const WARM_UP: usize = 20;

/// Between two round trips, so that each begins on an idle pair: receipts of the last one are through.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Trips {
    ours: Samples,
    bare: Samples,
    stored: Samples,
}

pub(crate) async fn measure(folder: &Path) {
    let mut server = Server::start(folder, &[("LOG", "warn")]);
    let mut ada = Person::register(&server, folder, "ada").await;
    let mut grace = Person::register(&server, folder, "grace").await;
    let room = ada.share_room(&grace).await;
    let mut authors = (Author::open(&folder.join("floor-one")), Author::open(&folder.join("floor-other")));

    let direct = over_channel(&mut ada, &mut grace, &room, &mut authors).await;
    print("chat.round_trip.direct", "data_channel", &direct);

    // Without the server's own copy of each message on the same disk and processor.
    server.stop();
    let alone = over_channel(&mut ada, &mut grace, &room, &mut authors).await;
    print("chat.round_trip.direct.server_stopped", "data_channel", &alone);
    server.start_again();

    for person in [&ada, &grace] {
        person.wait_online().await;
        person.use_relay().await;
    }
    let relayed = over_relay(&mut ada, &mut grace, &room, &mut authors).await;
    print("chat.round_trip.relay", "websocket", &relayed);

    ada.close().await;
    grace.close().await;
}

fn print(figure: &str, carrier: &str, trips: &Trips) {
    figure::print(&format!("{figure}/bare_{carrier}"), "ms", &trips.ours, Some(&trips.bare));
    let stored = format!("{figure}/bare_{carrier}_sign_verify_store");
    figure::print(&stored, "ms", &trips.ours, Some(&trips.stored));
}

async fn over_channel(ada: &mut Person, grace: &mut Person, room: &str, authors: &mut (Author, Author)) -> Trips {
    let (near, far) = bare_channel::pair().await;
    let mut trips = Trips::default();
    for number in 0..WARM_UP + ROUND_TRIPS {
        let ours = our_trip(ada, grace, room, &format!("direct {number}")).await;

        let event = [7; EVENT_BYTES];
        let begun = Instant::now();
        near.send(&event).await;
        far.send(&far.receive().await).await;
        near.receive().await;
        let bare = begun.elapsed();

        let (one, other) = &mut *authors;
        let begun = Instant::now();
        near.send(&one.write().await).await;
        other.take(one.device(), &far.receive().await).await;
        far.send(&other.write().await).await;
        one.take(other.device(), &near.receive().await).await;
        let stored = begun.elapsed();

        trips.count(number, ours, bare, stored);
        tokio::time::sleep(PAUSE).await;
    }
    near.close().await;
    far.close().await;
    trips
}

async fn over_relay(ada: &mut Person, grace: &mut Person, room: &str, authors: &mut (Author, Author)) -> Trips {
    let relay = BareRelay::start();
    let (mut near, mut far) = (bare_relay::connect(relay.port, 0).await, bare_relay::connect(relay.port, 0).await);
    let mut trips = Trips::default();
    for number in 0..WARM_UP + ROUND_TRIPS {
        let ours = our_trip(ada, grace, room, &format!("relayed {number}")).await;

        let begun = Instant::now();
        bare_relay::send(&mut near, Bytes::from_static(&[7; EVENT_BYTES])).await;
        let heard = bare_relay::receive(&mut far).await;
        bare_relay::send(&mut far, heard).await;
        bare_relay::receive(&mut near).await;
        let bare = begun.elapsed();

        let (one, other) = &mut *authors;
        let begun = Instant::now();
        bare_relay::send(&mut near, one.write().await).await;
        other.take(one.device(), &bare_relay::receive(&mut far).await).await;
        bare_relay::send(&mut far, other.write().await).await;
        one.take(other.device(), &bare_relay::receive(&mut near).await).await;
        let stored = begun.elapsed();

        trips.count(number, ours, bare, stored);
        tokio::time::sleep(PAUSE).await;
    }
    trips
}

async fn our_trip(ada: &mut Person, grace: &mut Person, room: &str, text: &str) -> Duration {
    let back = format!("{text} and back");
    let begun = Instant::now();
    ada.say(room, text).await;
    grace.hear(text).await;
    grace.say(room, &back).await;
    ada.hear(&back).await;
    begun.elapsed()
}

impl Trips {
    fn count(&mut self, number: usize, ours: Duration, bare: Duration, stored: Duration) {
        if number >= WARM_UP {
            self.ours.push_ms(ours);
            self.bare.push_ms(bare);
            self.stored.push_ms(stored);
        }
    }
}
