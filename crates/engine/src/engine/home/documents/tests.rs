use std::sync::Arc;

use momoland_protocol::document::Editors;
use momoland_replica::input::Command;
use momoland_store::kv::{Durability, KeyRange, Order, Store};

use super::*;
use crate::api::error::ErrorKind;
use crate::documents::document::Edit;
use crate::documents::rich::{Block, Inline, Marks};
use crate::engine::home::{Waiting, body_of};
use crate::engine::replication::tests::{Device, HeldStore};

/// Waits for an answer while the disk does its work.
async fn answered<T>(device: &mut Device, mut waiting: oneshot::Receiver<T>) -> T {
    let mut answer = None;
    device
        .until(|_| {
            answer = waiting.try_recv().ok();
            answer.is_some()
        })
        .await;
    answer.unwrap()
}

async fn create(device: &mut Device, room: RoomId) -> LogId {
    let waiting = device.home.create_document(room, "Tide tables".to_owned(), Editors::Members).unwrap();
    device.home.settle();
    answered(device, waiting).await.unwrap()
}

fn begin_to_type(device: &mut Device, log: LogId, text: &str) -> Written {
    let edits = [Edit::Insert { at: 0, text: text.to_owned() }];
    let waiting = device.home.edit_document(log, edits.to_vec()).unwrap();
    device.home.settle();
    waiting
}

async fn write(device: &mut Device, log: LogId, text: &str) {
    let waiting = begin_to_type(device, log, text);
    answered(device, waiting).await.unwrap();
}

/// Makes an event of what was typed.
async fn issue(device: &mut Device, log: LogId) {
    device.home.close_document(log).unwrap();
    device.until(|home| home.documents.shelf[&log].issuing.is_none()).await;
}

fn keys(store: &HeldStore, prefix: &[u8]) -> Vec<Vec<u8>> {
    let pairs = store.range(&KeyRange::prefix(prefix), Order::Ascending, 1_000).unwrap();
    pairs.into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn an_edit_is_answered_once_it_would_survive_a_kill() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let log = create(&mut device, room).await;
    let of_disk = Arc::clone(&store);
    let slow = of_disk.held.lock().unwrap();
    let mut waiting = begin_to_type(&mut device, log, "low water at 10:40");
    assert!(waiting.try_recv().is_err(), "nothing holds it yet");
    drop(slow);
    answered(&mut device, waiting).await.unwrap();
    // Killed here, before any event said it.
    drop(device);
    let mut restarted = Device::start(Arc::clone(&store));
    assert_eq!(restarted.home.document_text(log).unwrap(), "low water at 10:40");
    assert_eq!(restarted.home.unsent(), 1, "neither the relay nor anybody else has it");
    restarted.home.issue_due_documents();
    restarted.until(|home| home.documents.shelf[&log].issuing.is_none()).await;
    // What is written behind it is on the disk after it.
    write(&mut restarted, log, "! ").await;
    assert_eq!(keys(&store, b"Dj").len(), 1, "the first entry went when its event was stored");
    drop(restarted);
    let mut again = Device::start(store);
    assert_eq!(again.home.document_text(log).unwrap(), "! low water at 10:40");
}

#[tokio::test]
async fn what_comes_while_the_disk_is_busy_shares_the_next_write() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let log = create(&mut device, room).await;
    let of_disk = Arc::clone(&store);
    let slow = of_disk.held.lock().unwrap();
    let waiting: Vec<_> = (0..50).map(|_| begin_to_type(&mut device, log, "x")).collect();
    drop(slow);
    for waiting in waiting {
        answered(&mut device, waiting).await.unwrap();
    }
    assert_eq!(keys(&store, b"Dj").len(), 2, "the first by itself, all others together");
    issue(&mut device, log).await;
    write(&mut device, log, "x").await;
    assert_eq!(keys(&store, b"Dj").len(), 1, "both went when their event was stored");
    assert_eq!(device.home.document_text(log).unwrap(), "x".repeat(51));
}

// Rules: DO1
#[tokio::test]
async fn c03_a_document_that_cannot_be_read_is_an_error() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let log = create(&mut device, room).await;
    for text in ["one ", "two ", "three "] {
        write(&mut device, log, text).await;
        issue(&mut device, log).await;
    }
    drop(device);
    let mut restarted = Device::start(Arc::clone(&store));
    // One event in the middle, long after the store was found whole.
    let chains: Vec<Vec<u8>> = keys(&store, b"Ld").into_iter().filter(|key| key[6] == b'e').collect();
    let (damaged, whole) = chains.iter().rev().nth(1).map(|key| (key, store.get(key).unwrap().unwrap())).unwrap();
    let mut batch = Batch::new();
    batch.put(damaged.clone(), b"nonsense".to_vec());
    store.commit(batch, Durability::Synced).unwrap();
    let before = keys(&store, b"");
    let refused = restarted.home.document_text(log).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Internal, "{}", refused.message);
    let edit = [Edit::Insert { at: 0, text: "over it".to_owned() }];
    assert_eq!(restarted.home.edit_document(log, edit.to_vec()).unwrap_err().kind, ErrorKind::Internal);
    restarted.home.settle();
    assert_eq!(keys(&store, b""), before, "nothing is written over it");
    let mut batch = Batch::new();
    batch.put(damaged.clone(), whole);
    store.commit(batch, Durability::Synced).unwrap();
    assert_eq!(restarted.home.document_text(log).unwrap(), "three two one ");
}

// Rules: DO14
#[tokio::test]
async fn a_document_longer_than_a_value_of_the_store_is_kept() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    let log = create(&mut device, room).await;
    // Lines that deflating makes little shorter.
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
    };
    let line = |_| (0..2_000).map(|_| letter()).collect::<String>();
    let lines: Vec<String> = (0..3_000).map(line).collect();
    let of_disk = Arc::clone(&store);
    let slow = of_disk.held.lock().unwrap();
    let mut waiting = Vec::new();
    for part in lines.chunks(500) {
        let blocks: Vec<Block> =
            part.iter().map(|line| Block::Paragraph(vec![Inline::Text(line.clone(), Marks::default())])).collect();
        waiting.push(device.home.append_to_document(log, &blocks).unwrap());
        device.home.settle();
    }
    drop(slow);
    for waiting in waiting {
        answered(&mut device, waiting).await.unwrap();
    }
    // Killed with all of it in the journal, and again with all of it in events, folded.
    let text = lines.join("\n");
    drop(device);
    let mut restarted = Device::start(Arc::clone(&store));
    assert!(restarted.home.document_text(log).unwrap() == text);
    issue(&mut restarted, log).await;
    restarted.until(|home| !home.documents.shelf[&log].unfolded.folding).await;
    write(&mut restarted, log, "x").await;
    issue(&mut restarted, log).await;
    assert!(keys(&store, b"Ds").len() > 4, "it is in parts");
    drop(restarted);
    let mut again = Device::start(store);
    assert!(again.home.document_text(log).unwrap() == format!("x{text}"));
}

// Rules: DO14
#[tokio::test]
async fn a_document_opens_from_what_it_was_folded_to_while_that_stands() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    device.home.documents.fold_limits = FoldLimits { updates: 4, bytes: usize::MAX };
    let room = device.create_room().await;
    let log = create(&mut device, room).await;
    for _ in 0..10 {
        write(&mut device, log, "x").await;
        issue(&mut device, log).await;
    }
    device.until(|home| !home.documents.shelf[&log].unfolded.folding).await;
    // What is written behind it is on the disk after it.
    write(&mut device, log, "newest ").await;
    issue(&mut device, log).await;
    assert_eq!(keys(&store, b"Ds").len(), 1);
    drop(device);
    let mut restarted = Device::start(Arc::clone(&store));
    // An event at the beginning, which it does not need any more.
    let events: Vec<Vec<u8>> = keys(&store, b"Ld").into_iter().filter(|key| key[6] == b'e').collect();
    let damaged = &events[events.len() - 10];
    let mut batch = Batch::new();
    batch.put(damaged.clone(), b"nonsense".to_vec());
    store.commit(batch, Durability::Synced).unwrap();
    assert_eq!(restarted.home.document_text(log).unwrap(), format!("newest {}", "x".repeat(10)));
    // Under another list all events are judged anew, so they are read.
    let said = restarted.home.set_document_editors(log, Editors::Author).unwrap();
    answered(&mut restarted, said).await.unwrap();
    let refused = restarted.home.source(log).unwrap().fold().map(|_| ()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Internal, "{}", refused.message);
}

#[tokio::test]
async fn what_was_folded_before_something_was_erased_is_not_kept() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    // No fold of its own may be under way beside the two that are told here.
    device.home.documents.fold_limits = FoldLimits { updates: usize::MAX, bytes: usize::MAX };
    let room = device.create_room().await;
    let log = create(&mut device, room).await;
    write(&mut device, log, "x").await;
    issue(&mut device, log).await;
    device.home.documents.shelf.get_mut(&log).unwrap().unfolded.folding = true;
    device.home.drop_snapshot(log);
    device.home.document_folded(log, Some(b"with what was erased".to_vec()));
    write(&mut device, log, "y").await;
    assert_eq!(keys(&store, b"Ds"), Vec::<Vec<u8>>::new());
    // The next one is.
    device.home.document_folded(log, Some(b"without it".to_vec()));
    write(&mut device, log, "z").await;
    assert_eq!(keys(&store, b"Ds").len(), 1);
}

// Rules: DO1
#[tokio::test]
async fn a_document_of_which_nothing_came_yet_is_no_empty_page() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    // The announcement alone is here, and its author has not begun.
    let announcement =
        NewDocument { title: "Later".to_owned(), editors: Editors::Members, created_at: device.home.wall() };
    let body = body_of(&Announcement::Document(announcement)).unwrap();
    let log = room.conversation();
    device.home.command(
        Command::Append { log, action: Action::ANNOUNCE, targets: Vec::new(), place: None, body },
        Waiting::Nobody,
    );
    device.until(|home| !home.documents.shelf.is_empty()).await;
    let log = *device.home.documents.shelf.keys().next().unwrap();
    assert_eq!(device.home.document_text(log).unwrap_err().kind, ErrorKind::Offline);
    let edit = [Edit::Insert { at: 0, text: "first".to_owned() }];
    assert_eq!(device.home.edit_document(log, edit.to_vec()).unwrap_err().kind, ErrorKind::Offline);
    // Killed between the two: the next start begins it.
    drop(device);
    let mut restarted = Device::start(store);
    restarted.until(|home| home.document_text(log).is_ok_and(|text| text.is_empty())).await;
}
