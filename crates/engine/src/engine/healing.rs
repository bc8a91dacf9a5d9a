//! After the disk failed: waits for room on it, and opens the store again.
//!
//! The actor holds one [`Healing`]. While it is under way, lists are read as before, and what would be written is
//! refused; what messages say is read from the store, and not while that is being opened. Once the store is open again the actor makes a new replica and new lists from it, as after a start: there is
//! nothing to roll back.
//!
//! # Invariants
//! 1. What was answered as stored is there afterwards, once. Test: `a_full_disk_of_a_client_heals_once_there_is_room`.
//! 2. A store that is damaged, or of another version, is not tried again: its files are kept, and the problem is told. Test:
//!    `a_store_that_cannot_be_opened_is_left_alone`.
//! 3. A shutdown waits until the store is not being opened any more, so that the folder is free after it. Test:
//!    `a_shutdown_while_it_heals_frees_the_folder`.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use momoland_store::kv::Store;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::OpenError;

/// Until the first look at whether the disk takes writes again.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Between two looks at most: who made room waits no longer.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(10);

/// A disk that fails again so soon is looked at less often.
const FAILS_AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// Free bytes that a store needs before it is opened again: less, and it would be full again at once.
const ROOM_BYTES: usize = 1024 * 1024;

/// Opens the store again. Blocks on the disk.
pub(super) type Reopen = dyn Fn() -> Result<(), OpenError> + Send + Sync;

/// The store, and the way to open it again under the same handle.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) store: Arc<dyn Store>,
    pub(super) reopen: Arc<Reopen>,
}

/// Where the store's recovery stands.
#[derive(Debug, Default)]
pub(super) struct Healing {
    state: State,
    /// When the store was last opened again, and how long it was waited for.
    last: Option<(Instant, Duration)>,
}

#[derive(Debug, Default)]
enum State {
    /// The disk works as far as is known.
    #[default]
    Well,
    UnderWay(UnderWay),
    /// The store cannot be opened again.
    GivenUp,
}

#[derive(Debug)]
struct UnderWay {
    /// Dropped: no more is tried.
    _stop: oneshot::Sender<()>,
    /// `None` where it was stopped.
    task: JoinHandle<Option<Result<(), OpenError>>>,
    begun_with: Duration,
}

impl Healing {
    /// Begins to look for room, unless that is under way or in vain.
    pub(super) fn begin(&mut self, disk: &Disk) {
        if !matches!(self.state, State::Well) {
            return;
        }
        let again = self.last.filter(|(at, _)| at.elapsed() < FAILS_AGAIN_WITHIN);
        let begun_with = again.map_or(FIRST_LOOK, |(_, waited)| (waited * 2).min(LOOK_EVERY_MAX));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(heal(Arc::clone(&disk.reopen), begun_with, stopped));
        self.state = State::UnderWay(UnderWay { _stop: stop, task, begun_with });
    }

    /// Waits for the store to be open again, or for why it never will be. For ever, where nothing is under way.
    pub(super) async fn healed(&mut self) -> Result<(), String> {
        let State::UnderWay(under_way) = &mut self.state else { return std::future::pending().await };
        let (ended, waited) = ((&mut under_way.task).await, under_way.begun_with);
        let refused = match ended {
            Ok(Some(Ok(()))) => {
                self.state = State::Well;
                self.last = Some((Instant::now(), waited));
                return Ok(());
            }
            Ok(Some(Err(error))) => error.to_string(),
            Ok(None) | Err(_) => "The store could not be opened again. Start Momoland again.".to_owned(),
        };
        self.state = State::GivenUp;
        Err(refused)
    }

    /// Tries no more, and comes back once the store is not being opened.
    pub(super) async fn stop(self) {
        if let State::UnderWay(UnderWay { _stop: stop, task, begun_with: _ }) = self.state {
            drop(stop);
            // Whatever it came to, there is nobody to tell.
            let _ = task.await;
        }
    }
}

/// Looks for room again and again; `None` where it was stopped.
async fn heal(
    reopen: Arc<Reopen>,
    mut wait: Duration,
    mut stopped: oneshot::Receiver<()>,
) -> Option<Result<(), OpenError>> {
    loop {
        tokio::select! {
            _ = &mut stopped => return None,
            () = sleep(wait) => {}
        }
        let reopen = Arc::clone(&reopen);
        match spawn_blocking(move || reopen()).await.ok()? {
            // Another process may have it for a while: it is nobody's while it is closed.
            Err(error @ (OpenError::Full { .. } | OpenError::Inaccessible { .. } | OpenError::InUse { .. })) => {
                tracing::info!(%error, "the store waits for its disk");
                wait = (wait * 2).min(LOOK_EVERY_MAX);
            }
            opened @ (Ok(()) | Err(OpenError::Newer { .. } | OpenError::Damaged { .. })) => return Some(opened),
        }
    }
}

/// Whether the data folder takes [`ROOM_BYTES`].
pub(super) fn look_for_room(data_dir: &Path) -> Result<(), OpenError> {
    let probe = data_dir.join("room-probe");
    let written = std::fs::File::create(&probe).and_then(|mut file| {
        file.write_all(&vec![0; ROOM_BYTES])?;
        file.sync_all()
    });
    // It may never have been made.
    let _ = std::fs::remove_file(&probe);
    written.map_err(|source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            OpenError::Full { data_dir: data_dir.to_owned() }
        }
        _ => OpenError::Inaccessible { data_dir: data_dir.to_owned(), source },
    })
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("store", &self.store).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
