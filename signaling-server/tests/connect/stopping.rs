use std::time::{Duration, Instant};

use momoland_protocol::roster::Visibility;
use momoland_protocol::server::GoodbyeReason;

use crate::world::{Server, goodbye, server_hello};

/// CASES C44.
// Rules: SV3
#[tokio::test]
async fn a_stop_says_goodbye_and_spreads_the_return() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for number in 0..60 {
        people.push(server.newcomer(&format!("person{number}")).await);
    }
    let mut half_way = server.socket().await;
    server_hello(&mut half_way).await;
    let started = Instant::now();
    let stopping = tokio::spawn(server.stop());
    let mut hints = Vec::new();
    for person in &mut people {
        let said = goodbye(&mut person.socket).await;
        assert_eq!(said.reason, GoodbyeReason::ShuttingDown);
        hints.push(said.retry_after_ms.unwrap());
    }
    assert_eq!(goodbye(&mut half_way).await.reason, GoodbyeReason::ShuttingDown);
    let stopped = stopping.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    hints.sort_unstable();
    assert!(hints[59] - hints[0] >= 3_000, "{hints:?}");
    for second in hints.chunk_by(|one, next| one / 1_000 == next / 1_000) {
        assert!(second.len() <= 15, "{hints:?}");
    }
    // The folder is free: the next server opens it.
    let server = stopped.start().await;
    let person = people.pop().unwrap();
    drop(people);
    server.connect(person.vanish()).await;
}

#[tokio::test]
async fn what_is_under_way_when_a_stop_begins_is_kept_or_not_acknowledged() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    for number in 1..=200 {
        ada.say(room, &format!("message {number}")).await;
    }
    let stopping = tokio::spawn(server.stop());
    while ada.step().await.is_some() {}
    let server = stopping.await.unwrap().start().await;
    // Whatever was lost, the device has: after it comes back everything is there once.
    let mut ada = server.connect(ada.vanish()).await;
    ada.until_relayed(200).await;
    let mut bob = server.newcomer("bob").await;
    bob.join(room, None).await.unwrap();
    let heard = bob.hears_many(200).await;
    assert_eq!(heard, (1..=200).map(|number| format!("message {number}")).collect());
}
