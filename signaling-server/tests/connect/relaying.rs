use momoland_protocol::roster::{RosterOp, Visibility};
use momoland_replica::output::Notice;

use crate::world::Server;

#[tokio::test]
async fn two_devices_talk_through_the_relay() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    ada.say(room, "hello").await;
    assert_eq!(bob.hears().await, "hello");
    bob.say(room, "hello yourself").await;
    assert_eq!(ada.hears().await, "hello yourself");
    ada.until_relayed(1).await;
    bob.until_relayed(1).await;
    server.eventually("two events", |app| app.metrics.events_stored.get() == 2).await;
    assert!(server.app.metrics.ws_bytes_out.get() > 0 && server.app.metrics.ws_bytes_in.get() > 0);
}

/// A choice that a device makes right before it signs out is said by nobody else.
#[tokio::test]
async fn what_a_device_says_last_is_heard() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    ada.say(room, "message 1").await;
    ada.until_relayed(1).await;
    for number in 2..=100 {
        ada.say(room, &format!("message {number}")).await;
    }
    ada.part().await;
    server.eventually("what was sent is stored", |app| app.metrics.events_stored.get() == 100).await;
    server.eventually("the link is gone", |app| app.metrics.ws_connections.get() == 0).await;
}

/// CASES C06: who was away gets what came meanwhile, once and in order, also if the room was empty before, and over a
/// restart of the server.
#[tokio::test]
async fn who_was_away_gets_the_rest_later() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    let bob = bob.vanish();
    for number in 1..=3 {
        ada.say(room, &format!("message {number}")).await;
    }
    ada.until_relayed(3).await;
    drop(ada);
    let server = server.stop().await.start().await;
    let mut bob = server.connect(bob).await;
    for number in 1..=3 {
        assert_eq!(bob.hears().await, format!("message {number}"));
    }
    bob.settle().await;
    let stored = bob.device.notices.iter().filter(|notice| matches!(notice, Notice::Stored { .. })).count();
    assert_eq!(stored, 0, "once each");
}

// Rules: SY6
#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    for number in 1..=50 {
        ada.say(room, &format!("message {number}")).await;
    }
    ada.until_relayed(50).await;
    drop(ada);
    let server = server.stop().await.start().await;
    let mut bob = server.newcomer("bob").await;
    bob.join(room, None).await.unwrap();
    for number in 1..=50 {
        assert_eq!(bob.hears().await, format!("message {number}"));
    }
}

// Rules: SY9
#[tokio::test]
async fn more_than_a_window_arrives_whole() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    let padding = "x".repeat(4_000);
    for number in 1..=300 {
        ada.say(room, &format!("{number} {padding}")).await;
    }
    ada.until_relayed(300).await;
    drop(ada);
    // From the disk, since a fresh server has nothing in memory: 1.2 MB through a window of 256 KiB.
    let server = server.stop().await.start().await;
    let mut bob = server.newcomer("bob").await;
    bob.join(room, None).await.unwrap();
    // A newcomer hears the newest of a long chain first.
    let heard = bob.hears_many(300).await;
    assert_eq!(heard, (1..=300).map(|number| format!("{number} {padding}")).collect());
}

// Rules: RO4, SY3
#[tokio::test]
async fn a_second_device_adds_itself_and_has_everything() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Cellar", Visibility::Private).await;
    ada.say(room, "from the desk").await;
    ada.until_relayed(1).await;
    let mut laptop = server.connect(server.another(&ada.device)).await;
    // The relay says which rooms there are and gives their rosters, nothing else, until the device is in them.
    laptop
        .until_notice("the roster", |notice| match notice {
            Notice::Roster { .. } => Some(()),
            _ => None,
        })
        .await;
    let add = RosterOp::AddDevice { certificate: laptop.device.certificate.clone() };
    laptop.do_in(room, add).await.unwrap();
    assert_eq!(laptop.hears().await, "from the desk");
    laptop.say(room, "from the sofa").await;
    assert_eq!(ada.hears().await, "from the sofa");
}

// Rules: SY3, SY4, SY13
#[tokio::test]
async fn a_stranger_gets_nothing() {
    let server = Server::start().await;
    let (mut ada, mut eve) = (server.newcomer("ada").await, server.newcomer("eve").await);
    let room = ada.create("Cellar", Visibility::Private).await;
    ada.say(room, "a secret").await;
    ada.until_relayed(1).await;
    let log = room.conversation();
    for frame in [
        momoland_protocol::replication::Frame::Have {
            log,
            chains: Vec::new(),
            more: false,
            registers: momoland_protocol::id::SetHash::ZERO,
        },
        momoland_protocol::replication::Frame::Want {
            log,
            chain: momoland_protocol::id::ChainId {
                device: ada.id(),
                incarnation: momoland_protocol::id::Incarnation::ZERO,
            },
            from: momoland_protocol::id::Seq(1),
            to: momoland_protocol::id::Seq(9),
        },
    ] {
        eve.send(momoland_protocol::server::ClientFrame::Replication(frame)).await;
    }
    eve.settle().await;
    let got = eve.seen.iter().any(|frame| matches!(frame, momoland_protocol::server::ServerFrame::Replication(_)));
    assert!(!got, "{:?}", eve.seen);
}
