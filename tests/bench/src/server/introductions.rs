//! How long two who know each other from a room take to a direct link, from the moment in which both want one.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use support::Server;

use crate::figure::{Samples, Target, print_beside};
use crate::person::Person;

const ROUNDS: usize = 30;

/// Longest promised time, in milliseconds.
const OPEN_MS_MAX: f64 = 400.0;

/// Between two rounds: what the last link left is gone.
const PAUSE: Duration = Duration::from_secs(1);

/// `false` where it takes longer than was promised.
pub(super) async fn measure(folder: &Path) -> bool {
    let server = Server::start(folder, &[("LOG", "warn")]);
    let ada = Person::register(&server, folder, "ada").await;
    let grace = Person::register(&server, folder, "grace").await;
    ada.share_room(&grace).await;
    let mut opened = Samples::default();
    for _ in 0..ROUNDS {
        for person in [&ada, &grace] {
            person.use_relay().await;
        }
        tokio::time::sleep(PAUSE).await;
        ada.ask("net.setPolicy", json!({ "peers": "all" })).await;
        let begun = Instant::now();
        grace.ask("net.setPolicy", json!({ "peers": "all" })).await;
        for (from, to) in [(&ada, &grace), (&grace, &ada)] {
            from.wait_direct(to).await;
        }
        opened.push_ms(begun.elapsed());
    }
    ada.close().await;
    grace.close().await;
    print_beside("server.introduction_to_open_channel", "ms", &opened, None, Target::AtMost(OPEN_MS_MAX))
}
