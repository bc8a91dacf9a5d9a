use std::sync::atomic::{AtomicU32, Ordering};

use momoland_protocol::server::Request;
use momoland_replica::input::LinkId;
use momoland_store::kv::MemoryStore;

use super::*;
use crate::engine::fixture;

/// Where a flood ends, so that a test that fails ends too.
const FLOOD_MAX: u32 = 100_000;

/// A call that puts the next one into the queue while it runs, so that the queue is never empty.
fn flood(calls: mpsc::Sender<Call>, count: Arc<AtomicU32>) -> Call {
    Call::Run(Box::new(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) < FLOOD_MAX {
            let next = flood(calls.clone(), count);
            assert!(calls.try_send(next).is_ok(), "the queue has room");
        }
    }))
}

#[tokio::test]
async fn no_source_starves_the_timers_or_another_source() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { store: Arc::new(MemoryStore::new()), reopen: Arc::new(|| Ok(())) };
    let (calls, waiting) = mpsc::channel(16);
    let (events, _) = broadcast::channel(16);
    let keys = DeviceKey::in_folder(folder.path(), None);
    let mut actor = EngineActor::new(disk, keys, events, Gallery::default(), waiting);
    actor.online = false;
    let (account, key) = fixture::ada();
    actor.install(account, key).unwrap();
    let count = Arc::new(AtomicU32::new(0));

    // A request that is due, and a word of a server's link that is no more.
    let home = actor.home.as_mut().unwrap();
    home.server_link = Some(LinkId(1));
    let expired = home.request(Request::Profiles { accounts: Vec::new() });
    home.requests.values_mut().for_each(|request| request.deadline = Instant::now());
    let server = home.channels.server.clone();
    server.try_send((0, ServerEvent::Connecting)).unwrap();
    calls.try_send(flood(calls.clone(), Arc::clone(&count))).unwrap();
    let running = tokio::spawn(actor.run());

    expired.await.unwrap().unwrap_err();
    while server.capacity() < LINK_EVENTS_MAX {
        tokio::task::yield_now().await;
    }
    assert!(count.load(Ordering::SeqCst) < FLOOD_MAX, "they were served only when the flood was over");
    running.abort();
}
