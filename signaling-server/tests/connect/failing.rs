use std::sync::Arc;

use momoland_protocol::roster::Visibility;
use momoland_protocol::server::{RefusalKind, ServerFrame};
use momoland_replica::input::Remote;
use momoland_replica::output::Notice;
use momoland_store::kv::{MemoryStore, StoreError};

use crate::world::{Server, refused};

#[tokio::test]
async fn a_store_that_fails_acknowledges_nothing() {
    let store = Arc::new(MemoryStore::new());
    let server = Server::with_store(Arc::clone(&store) as Arc<dyn momoland_store::kv::Store>).await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    ada.say(room, "kept").await;
    ada.until_relayed(1).await;
    assert_eq!(bob.hears().await, "kept");

    store.fail_next(StoreError::Full);
    ada.say(room, "lost, were it acknowledged").await;
    server.eventually("the relay notices", |app| app.relay.is_halted()).await;
    let creation = ada.device.creation("Cellar", Visibility::Private);
    let refusal = refused(ada.submit(creation).await, RefusalKind::Unavailable);
    assert!(refusal.retry_after_ms.is_some());
    ada.settle().await;
    bob.settle().await;
    let acknowledged = |notice: &Notice| matches!(notice, Notice::Acknowledged { by: Remote::Relay, .. });
    assert!(!ada.device.notices.iter().any(acknowledged), "{:?}", ada.device.notices);
    let heard = bob.device.notices.iter().any(|notice| matches!(notice, Notice::Stored { .. }));
    assert!(!heard, "nobody hears what is not on the disk");
    let ready = reqwest::get(format!("http://{}/readyz", server.address)).await.unwrap();
    assert_eq!(ready.status().as_u16(), 503);
    // What needs no disk goes on: people still find each other, and talk directly.
    ada.type_in(room, true).await;
    assert_eq!(bob.hears_typing().await, (ada.id(), true));
    assert!(!ada.seen.iter().any(|frame| matches!(frame, ServerFrame::Goodbye(_))));
}

#[tokio::test]
async fn a_change_that_waits_when_the_store_fails_is_answered() {
    let store = Arc::new(MemoryStore::new());
    let server = Server::with_store(Arc::clone(&store) as Arc<dyn momoland_store::kv::Store>).await;
    let mut ada = server.newcomer("ada").await;
    store.fail_next(StoreError::Full);
    let creation = ada.device.creation("Cellar", Visibility::Private);
    refused(ada.submit(creation).await, RefusalKind::Unavailable);
}
