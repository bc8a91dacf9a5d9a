//! Stopping: ready no more, open requests answered, idle connections closed, the store free.

use std::time::{Duration, Instant};

use momoland_store::kv::{SchemaVersion, SledStore};
use signaling_server::records::SCHEMA;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::requests::wait_for;
use crate::world::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_frees_the_store() {
    let server = Server::start().await;
    server.registered("alice").await;
    let store = server.data.path().join("data/store");
    assert!(SledStore::open(&store, SchemaVersion(SCHEMA)).is_err(), "it is locked while the server runs");
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut asked = TcpStream::connect(server.address).await.unwrap();
    asked.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    asked.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");

    let begun = Instant::now();
    server.shutdown.begin();
    drop(server.app);
    timeout(Duration::from_secs(10), server.task).await.expect("it ends in time").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    for stream in [&mut idle, &mut asked] {
        let mut rest = Vec::new();
        let _ = timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await.expect("it is closed");
    }
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
    SledStore::open(&store, SchemaVersion(SCHEMA)).expect("the store is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_request_is_answered_before_the_end() {
    let server = Server::start().await;
    let alice = server.person("alice");
    let before = server.app.metrics.registrations.get();
    let registering = tokio::spawn(async move { alice.register().await });
    wait_for(|| server.app.metrics.http_in_flight.get() > 0).await;
    server.shutdown.begin();
    drop(server.app);
    timeout(Duration::from_secs(10), server.task).await.expect("it ends in time").unwrap();
    assert_eq!(before, 0);
    assert_eq!(registering.await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_connection_does_not_hold_the_stop() {
    let server = Server::with(&[("SHUTDOWN_GRACE_S", "1"), ("BODY_TIMEOUT_S", "600")]).await;
    let mut stuck = TcpStream::connect(server.address).await.unwrap();
    let head =
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    stuck.write_all(head).await.unwrap();
    wait_for(|| server.app.metrics.connections.get() == 1).await;
    server.shutdown.begin();
    drop(server.app);
    timeout(Duration::from_secs(5), server.task).await.expect("it ends in time").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervised_task_ends_with_the_server() {
    let server = Server::with(&[("SHUTDOWN_GRACE_S", "1")]).await;
    let shutdown = server.shutdown.clone();
    server.app.tasks.spawn(async move { shutdown.supervise(std::future::pending()).await });
    server.shutdown.begin();
    drop(server.app);
    timeout(Duration::from_secs(5), server.task).await.expect("it ends in time").unwrap();
}
