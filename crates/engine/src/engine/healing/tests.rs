use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use momoland_store::kv::MemoryStore;

use super::*;

fn disk(reopen: impl Fn() -> Result<(), OpenError> + Send + Sync + 'static) -> Disk {
    Disk { store: Arc::new(MemoryStore::new()), reopen: Arc::new(reopen) }
}

fn full() -> OpenError {
    OpenError::Full { data_dir: PathBuf::from("data") }
}

#[tokio::test(start_paused = true)]
async fn it_looks_until_there_is_room_and_less_often_where_it_fails_again() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    // Full at the first three looks.
    let disk = disk(move || if counted.fetch_add(1, Ordering::SeqCst) < 3 { Err(full()) } else { Ok(()) });
    let mut healing = Healing::default();
    let begun = Instant::now();
    healing.begin(&disk);
    healing.begin(&disk);
    healing.healed().await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 4);
    assert!(begun.elapsed() >= FIRST_LOOK * (1 + 2 + 4 + 8));
    let again = Instant::now();
    healing.begin(&disk);
    healing.healed().await.unwrap();
    assert!(again.elapsed() >= FIRST_LOOK * 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_opened_is_left_alone() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let disk = disk(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(OpenError::Damaged { data_dir: PathBuf::from("data"), detail: "its ledger is missing".to_owned() })
    });
    let mut healing = Healing::default();
    healing.begin(&disk);
    let problem = healing.healed().await.unwrap_err();
    assert!(problem.contains("its ledger is missing") && problem.contains("kept"), "{problem}");
    healing.begin(&disk);
    assert!(tokio::time::timeout(LOOK_EVERY_MAX * 10, healing.healed()).await.is_err(), "it went on");
    assert_eq!(looks.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_shutdown_while_it_heals_frees_the_folder() {
    let (opening, is_opening) = mpsc::channel();
    let (open, may_open) = mpsc::channel::<()>();
    let may_open = Mutex::new(may_open);
    let held = Arc::new(());
    let of_reopening = Arc::clone(&held);
    let disk = disk(move || {
        let _held = Arc::clone(&of_reopening);
        opening.send(()).unwrap();
        may_open.lock().unwrap().recv().unwrap();
        Err(full())
    });
    let mut healing = Healing::default();
    healing.begin(&disk);
    drop(disk);
    spawn_blocking(move || is_opening.recv().unwrap()).await.unwrap();
    let stopping = tokio::spawn(healing.stop());
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished(), "it is being opened");
    open.send(()).unwrap();
    stopping.await.unwrap();
    assert_eq!(Arc::strong_count(&held), 1, "the way to open it is gone with it");
}
