use std::time::{Duration, Instant};

use futures_util::SinkExt;
use momoland_protocol::cbor;
use momoland_protocol::id::{RosterHash, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::Visibility;
use momoland_protocol::server::{ChosenStatus, ClientFrame, GoodbyeReason, RefusalKind, Request, Response};
use signaling_server::connect::Pace;
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Server, goodbye, send, server_hello};

// Rules: SV1, SV3
#[tokio::test]
async fn malformed_and_oversized_frames_end_the_connection_with_a_reason() {
    let server = Server::start().await;
    let mut trailing = cbor::encode(&ClientFrame::Presence { idle: false, chosen: ChosenStatus::default() });
    trailing.push(0);
    let too_long = cbor::encode(&ClientFrame::Presence {
        idle: false,
        chosen: ChosenStatus { text: "x".repeat(10_000), ..ChosenStatus::default() },
    });
    for (number, message) in [
        Message::Binary(vec![0xff; 100].into()),
        Message::Binary(Vec::new().into()),
        Message::Binary(trailing.into()),
        Message::Binary(too_long.into()),
        Message::Binary(vec![0; FRAME_BYTES_MAX + 1].into()),
        Message::Text("{}".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut eve = server.newcomer(&format!("eve{number}")).await;
        eve.socket.send(message).await.unwrap();
        assert_eq!(goodbye(&mut eve.socket).await.reason, GoodbyeReason::Protocol, "message {number}");
    }
    // A second hello.
    let mut eve = server.newcomer("eve-again").await;
    let mut other = server.socket().await;
    let hello = eve.device.hello(&server_hello(&mut other).await);
    eve.send(ClientFrame::Hello(hello)).await;
    assert_eq!(goodbye(&mut eve.socket).await.reason, GoodbyeReason::Protocol);
    server.eventually("one socket", |app| app.metrics.ws_connections.get() == 1).await;
    assert_eq!(server.app.metrics.ws_goodbyes.get("protocol"), 7);
}

// Rules: SV2, SV8
#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let server = Server::start().await;
    let mut eve = server.newcomer("eve").await;
    let burst = Pace::standard().requests.burst;
    for id in 0..burst + 100 {
        let request = Request::Directory { after: None };
        eve.send(ClientFrame::Request { id: 1_000_000 + id, request }).await;
    }
    let mut wait_ms = None;
    for _ in 0..burst + 100 {
        let response = eve
            .until("an answer", |frame| match frame {
                momoland_protocol::server::ServerFrame::Response { id: _, response } => Some(response.clone()),
                _ => None,
            })
            .await;
        if let Response::Refused(refusal) = response {
            assert_eq!(refusal.kind, RefusalKind::RateLimited);
            wait_ms = refusal.retry_after_ms;
            break;
        }
    }
    let wait = Duration::from_millis(wait_ms.expect("a refusal that says when"));
    assert!(wait > Duration::ZERO && wait < Duration::from_secs(2));
    assert!(server.app.metrics.rate_limited.get("ws_requests") > 0);
}

// Rules: SV8
#[tokio::test]
async fn a_flood_is_read_slowly_and_events_are_never_refused_for_it() {
    let mut pace = Pace::standard();
    pace.frames.burst = 50;
    pace.frames.per_second = 200;
    let server = Server::with(pace, &[]).await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    ada.say(room, "message 1").await;
    // From here on each message is a frame of its own.
    ada.until_relayed(1).await;
    let started = Instant::now();
    for number in 2..=250 {
        ada.say(room, &format!("message {number}")).await;
    }
    ada.until_relayed(250).await;
    assert!(started.elapsed() >= Duration::from_millis(800), "{:?}", started.elapsed());
    server.eventually("250 events", |app| app.metrics.events_stored.get() == 250).await;
}

// Rules: SV8
#[tokio::test]
async fn a_flood_of_introductions_ends_the_connection() {
    let mut pace = Pace::standard();
    pace.frames.burst = 100_000;
    pace.introductions.burst = 10;
    pace.introductions.per_second = 1;
    let server = Server::with(pace, &[]).await;
    let mut eve = server.newcomer("eve").await;
    let to = momoland_protocol::id::DeviceId(random());
    for _ in 0..1_100 {
        let introduce = cbor::encode(&ClientFrame::Introduce { to, signal: vec![1] });
        if eve.socket.send(Message::Binary(introduce.into())).await.is_err() {
            break;
        }
    }
    let said = goodbye(&mut eve.socket).await;
    assert_eq!(said.reason, GoodbyeReason::RateLimited);
    assert!(said.retry_after_ms.is_some());
}

/// CASES C27: what waits for a connection that does not read is bounded, and the others go on.
// Rules: SV9, SY9
#[tokio::test]
async fn a_stalled_reader_costs_its_window() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    let (mut bob, mut carol) = (server.newcomer("bob").await, server.newcomer("carol").await);
    bob.join(room, None).await.unwrap();
    carol.join(room, None).await.unwrap();
    ada.until_members(room, 3).await;
    bob.until_members(room, 3).await;
    let before = server.app.metrics.ws_bytes_out.get();
    let padding = "x".repeat(8_000);
    // 24 MB in all, far more than the kernel's buffers of a socket; Bob reads none of it for now.
    const MESSAGES: usize = 3_000;
    for number in 1..=MESSAGES {
        ada.say(room, &format!("{number} {padding}")).await;
        if number % 50 == 0 {
            assert_eq!(carol.hears().await, format!("{} {padding}", number - 49));
            for behind in number - 48..=number {
                assert_eq!(carol.hears().await, format!("{behind} {padding}"));
            }
        }
    }
    ada.until_relayed(MESSAGES as u64).await;
    let out = server.app.metrics.ws_bytes_out.get() - before;
    let to_carol = (MESSAGES * (padding.len() + 300)) as u64;
    assert!(out < to_carol * 3 / 2, "{out} bytes left, {to_carol} of them to carol");
    for number in 1..=MESSAGES {
        assert_eq!(bob.hears().await, format!("{number} {padding}"));
    }
}

/// CASES C58: connections that die between a request and its answer.
#[tokio::test]
async fn connections_that_die_early_leave_nothing() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    let mut eve = server.device("eve");
    for round in 0..50 {
        let mut connected = server.connect(eve).await;
        match round % 3 {
            0 => connected.send(ClientFrame::Request { id: 1, request: Request::Preview { room, invite: None } }).await,
            1 => {
                let creation = connected.device.creation("Gone", Visibility::Private);
                connected
                    .send(ClientFrame::Request { id: 1, request: Request::SubmitChange { change: creation } })
                    .await;
            }
            _ => {
                let ask = Frame::Room { room, version: 0, head: RosterHash::ZERO };
                connected.send(ClientFrame::Replication(ask)).await;
            }
        }
        eve = connected.vanish();
    }
    // And some that die in the middle of the handshake.
    for _ in 0..20 {
        let mut socket = server.socket().await;
        let hello = server_hello(&mut socket).await;
        send(&mut socket, &ClientFrame::Hello(eve.hello(&hello))).await;
    }
    server.eventually("one connection", |app| app.metrics.ws_connections.get() == 1).await;
    ada.until("one person", |frame| match frame {
        momoland_protocol::server::ServerFrame::Online { count: 1 } => Some(()),
        _ => None,
    })
    .await;
    server.eventually("one socket", |app| app.metrics.connections.get() == 1).await;
}
