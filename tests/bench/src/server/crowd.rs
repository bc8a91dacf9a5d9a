//! A room of a thousand, all connected, whose messages go by the relay to everybody: deliveries for a second of the
//! server's processor time, beside a bare axum server that writes each message to each socket.
//!
//! Ours checks each message's signature, has it on its disk before it leaves, and hears from each reader how far it is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use support::{Server, free_port};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::bare_relay::{self, BareRelay};
use crate::figure::{Samples, Target, print_beside};
use crate::floor::EVENT_BYTES;
use crate::member::{self, Member};
use crate::processor;

const PEOPLE: usize = 1_000;

/// Those of them who write, all at once, and how much each.
const WRITERS: usize = 8;
const MESSAGES_EACH: u64 = 25;

const RATIO_MIN: f64 = 3.0;

/// Handshakes under way at once: few, since each has a roster of a thousand folded here, and others would wait for that longer
/// than the server waits for them.
const HANDSHAKES_MAX: usize = 4;

/// For all of it, on a busy machine.
const WITHIN: Duration = Duration::from_secs(300);

/// A process that used less than this in [`LOOK_EVERY`] is idle.
const IDLE_MAX: Duration = Duration::from_millis(20);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `false` where a delivery costs more than was promised.
pub(super) async fn measure(folder: &Path) -> bool {
    let ours = deliveries_a_second(&relayed(folder).await);
    let bare = deliveries_a_second(&bare().await);
    let figure = format!("server.deliveries_per_cpu_second.room_of_{PEOPLE}");
    print_beside(&figure, "1/s", &ours, Some(&bare), Target::RatioAtLeast(RATIO_MIN))
}

fn deliveries_a_second(used: &Duration) -> Samples {
    #[expect(clippy::cast_precision_loss, reason = "some millions")]
    let deliveries = DELIVERIES as f64;
    Samples::from(deliveries / used.as_secs_f64())
}

const DELIVERIES: u64 = WRITERS as u64 * MESSAGES_EACH * (PEOPLE as u64 - 1);

/// The server's processor time until everybody has everything.
async fn relayed(folder: &Path) -> Duration {
    let per_minute = (PEOPLE * 20).to_string();
    let mut server = Server::prepare(folder, free_port(), &[("CONNECTS_PER_MINUTE", &per_minute), ("LOG", "warn")]);
    let mut people = member::register(server.data(), PEOPLE);
    server.start_again();
    let port = server.port();
    let (room, line) = member::gathered(port, &people).await;
    let heard = Arc::new(AtomicU64::new(0));
    let mut reading = JoinSet::new();
    let readers = people.split_off(WRITERS);
    let mut connecting = futures_util::stream::iter(readers)
        .map(|who| Member::resume(port, who, vec![(room, line.clone())]))
        .buffer_unordered(HANDSHAKES_MAX);
    while let Some(mut member) = connecting.next().await {
        let heard = Arc::clone(&heard);
        reading.spawn(async move {
            member.follow(|| one_more(&heard)).await;
        });
    }
    drop(connecting);
    let mut writers = Vec::new();
    for who in people {
        writers.push(Member::resume(port, who, vec![(room, line.clone())]).await);
    }
    let pid = server.process().pid();
    until_idle(pid).await;
    let before = processor::time_of(pid);
    for mut writer in writers {
        let heard = Arc::clone(&heard);
        reading.spawn(async move {
            for number in 0..MESSAGES_EACH {
                writer.say(room, format!("message {number} of one among a thousand")).await;
            }
            writer.follow(|| one_more(&heard)).await;
        });
    }
    until_heard(&heard).await;
    let used = processor::time_of(pid) - before;
    reading.shutdown().await;
    used
}

fn one_more(heard: &AtomicU64) {
    heard.fetch_add(1, Ordering::Relaxed);
}

/// The bare server's, of as many bytes each.
async fn bare() -> Duration {
    let relay = BareRelay::start();
    let heard = Arc::new(AtomicU64::new(0));
    let mut reading = JoinSet::new();
    let mut sockets = Vec::new();
    for _ in 0..PEOPLE {
        sockets.push(bare_relay::connect(relay.port, 0).await);
    }
    until_idle(relay.pid()).await;
    let before = processor::time_of(relay.pid());
    for (number, socket) in sockets.into_iter().enumerate() {
        let (mut sink, mut stream) = socket.split();
        let heard = Arc::clone(&heard);
        reading.spawn(async move {
            let saying = async {
                for _ in 0..if number < WRITERS { MESSAGES_EACH } else { 0 } {
                    let message = Message::Binary(Bytes::from_static(&[7; EVENT_BYTES]));
                    sink.send(message).await.expect("the socket is open");
                }
            };
            let reading = async {
                while let Some(Ok(_)) = stream.next().await {
                    one_more(&heard);
                }
            };
            tokio::join!(saying, reading);
        });
    }
    until_heard(&heard).await;
    let used = processor::time_of(relay.pid()) - before;
    reading.shutdown().await;
    used
}

async fn until_heard(heard: &AtomicU64) {
    let begun = Instant::now();
    while heard.load(Ordering::Relaxed) < DELIVERIES {
        let so_far = heard.load(Ordering::Relaxed);
        assert!(begun.elapsed() < WITHIN, "{so_far} of {DELIVERIES} deliveries in {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What readers say of it is part of its cost.
    tokio::time::sleep(LOOK_EVERY).await;
}

async fn until_idle(pid: u32) {
    let begun = Instant::now();
    let mut used = processor::time_of(pid);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = processor::time_of(pid);
        if now - used <= IDLE_MAX {
            return;
        }
        assert!(begun.elapsed() < WITHIN, "the process does not come to rest");
        used = now;
    }
}
