//! The handle that fronts hold, and the actor behind it.
//!
//! `actor` owns everything mutable and runs one task; `home` is the state of the signed-in account; `replication`,
//! `server` and `peers` are its dealings with the core, the server and other devices.

mod actor;
mod healing;
mod home;
mod peers;
mod repair;
mod replication;
mod server;
#[cfg(test)]
mod fixture;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use momoland_store::event_log;
use momoland_store::kv::sled::SledStore;
use momoland_store::kv::{ReopenStore, SchemaVersion, StoreError};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::account::keys::{DeviceKey, KeyVault};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::methods;
use crate::calls::{Gallery, PictureStream};

use self::actor::{Call, EngineActor};
use self::healing::{Disk, look_for_room};
pub(crate) use self::home::{
    DocumentHistory, DocumentVersion, FeedToRead, Home, Listed, Stored, no_such_document, no_such_message,
    no_such_room, refused, unreadable,
};
pub(crate) use self::server::RequestFailure;

/// The layout of the engine's store: `EventLog`'s keys and the engine's own. Raised with every change to either. Schema 3
/// keeps what people chose as registers; what stood elsewhere is taken over when an account is opened
/// (`account::record::earlier`).
pub const SCHEMA: SchemaVersion = SchemaVersion(3);

/// Bytes of the store's pages that are kept in memory: the newest screens of some rooms. What is read at the start is read
/// once, and the system keeps the files' pages as well.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;

/// By then the first lists were read and the server's first word was heard, which took memory for a moment.
const STARTED_AFTER: Duration = Duration::from_secs(2);

/// Events that a front may be behind. More: it gets [`Event::Resync`] and reads its lists again. All their places are there
/// from the start, and written to, which is why they hold an event's address and not the event.
const EVENTS_BEHIND_MAX: usize = 8_192;

/// Calls that wait for the actor. Full: callers wait.
const CALLS_WAITING_MAX: usize = 1_024;

/// Where the device's secret key lies.
#[derive(Debug, Clone)]
pub enum KeyStorage {
    /// The system's keychain; where it refuses, the data folder.
    Vault(Arc<dyn KeyVault>),
    /// A file in the data folder, mode 0600.
    DataFolder,
}

/// What an engine is opened with.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Made if it does not exist. One process at a time.
    pub data_dir: PathBuf,
    /// Where the device's key lies.
    pub keys: KeyStorage,
}

/// Why a data folder could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another Momoland process. Close it, or choose another data folder.", .data_dir.display())]
    InUse {
        /// The folder.
        data_dir: PathBuf,
    },
    /// The folder cannot be made, read or written.
    #[error("{} cannot be used as a data folder: {source}. Check its permissions, or choose another folder.", .data_dir.display())]
    Inaccessible {
        /// The folder.
        data_dir: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("There is no room on the disk of {}. Nothing was changed; make room, then start again.", .data_dir.display())]
    Full {
        /// The folder.
        data_dir: PathBuf,
    },
    /// It was written by a newer version of Momoland.
    #[error("{} was written by a newer Momoland (store version {found}, this one reads up to {supported}). Update Momoland; nothing was changed.", .data_dir.display())]
    Newer {
        /// The folder.
        data_dir: PathBuf,
        /// Its version.
        found: u64,
        /// The newest that this program reads.
        supported: u64,
    },
    /// The store is damaged.
    #[error("The store in {} is damaged: {detail}. The files were kept as they are. Move the folder aside and sign in again: the relay and your peers still have what was sent.", .data_dir.display())]
    Damaged {
        /// The folder.
        data_dir: PathBuf,
        /// What was found.
        detail: String,
    },
}

/// The client: cheap to clone, shared by all fronts of one process.
#[derive(Debug, Clone)]
pub struct Engine {
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<Arc<Event>>,
    /// Held by whoever changes who is signed in, from the first look to the last write: such calls take turns, in the
    /// order in which they came.
    signing: Arc<tokio::sync::Mutex<()>>,
    /// Held while a sign-out takes things from the disk, which a shutdown waits for.
    forgetting: Arc<tokio::sync::Mutex<()>>,
    finished: Arc<tokio::sync::Mutex<Option<oneshot::Receiver<()>>>>,
    gallery: Gallery,
    /// Of a front that shows pictures.
    front: Option<u64>,
}

/// Events for one front, in order. A front that falls behind gets [`Event::Resync`] in place of what it missed.
#[derive(Debug)]
pub struct EventStream {
    events: broadcast::Receiver<Arc<Event>>,
}

impl Engine {
    /// Opens the data folder, signs in if an account is there, and starts to connect in the background.
    ///
    /// # Errors
    /// An [`OpenError`] that names the folder and what to do.
    pub async fn open(config: EngineConfig) -> Result<Self, OpenError> {
        momoland_allocator::use_few_heaps();
        momoland_allocator::keep_large_pieces_apart();
        let EngineConfig { data_dir, keys } = config;
        let vault = match keys {
            KeyStorage::Vault(vault) => Some(vault),
            KeyStorage::DataFolder => None,
        };
        let of_store = data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || open_store(&of_store)).await;
        let disk = opened.unwrap_or_else(|panic| {
            let detail = format!("opening it failed ({panic})");
            Err(OpenError::Damaged { data_dir: data_dir.clone(), detail })
        })?;
        let (calls, calls_waiting) = mpsc::channel(CALLS_WAITING_MAX);
        let (events, _) = broadcast::channel(EVENTS_BEHIND_MAX);
        let (done, finished) = oneshot::channel();
        let keys = DeviceKey::in_folder(&data_dir, vault);
        let gallery = Gallery::default();
        let mut actor = EngineActor::new(disk, keys, events.clone(), gallery.clone(), calls_waiting);
        actor.restore().map_err(|error| refuse(&data_dir, error))?;
        tokio::spawn(async move {
            actor.run().await;
            // Nobody waits where the engine was dropped without a shutdown.
            let _ = done.send(());
        });
        tokio::spawn(async {
            tokio::time::sleep(STARTED_AFTER).await;
            // A panic in it, of which there is none, would be of no consequence.
            let _ = tokio::task::spawn_blocking(momoland_allocator::give_back).await;
        });
        let finished = Arc::new(tokio::sync::Mutex::new(Some(finished)));
        let (signing, forgetting) = Default::default();
        Ok(Self { calls, events, signing, forgetting, finished, gallery, front: None })
    }

    /// This engine for a front that shows the pictures of calls, and those pictures: what `calls.view` asks for through
    /// the one comes out of the other.
    #[must_use]
    pub fn with_pictures(&self) -> (Self, PictureStream) {
        let (front, pictures) = self.gallery.open();
        (Self { front: Some(front), ..self.clone() }, pictures)
    }

    /// The front that shows pictures, if this is one.
    pub(crate) fn front(&self) -> Option<u64> {
        self.front
    }

    /// Answers one JSON-RPC 2.0 request, given and answered as JSON text; `None` for a notification.
    /// Never fails: what is not JSON-RPC gets a JSON-RPC error.
    pub async fn handle(&self, request: &str) -> Option<String> {
        methods::handle(self, request).await
    }

    /// Does one method of the API for a program of this process, which needs no text around it.
    ///
    /// # Errors
    /// The method's refusal.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, ApiError> {
        methods::ask(self, method, params).await
    }

    /// Events from now on.
    pub fn events(&self) -> EventStream {
        EventStream { events: self.events.subscribe() }
    }

    /// Closes links, writes what is pending, and releases the data folder. Later requests answer `offline`.
    pub async fn shutdown(&self) {
        // Where it cannot be sent, the actor has ended already.
        let _ = self.calls.send(Call::Shutdown).await;
        if let Some(finished) = self.finished.lock().await.take() {
            let _ = finished.await;
        }
        drop(self.forgetting().await);
    }

    /// Waits for one's turn to change who is signed in.
    pub(crate) async fn signing(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.signing).lock_owned().await
    }

    /// Holds up a shutdown.
    pub(crate) async fn forgetting(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.forgetting).lock_owned().await
    }

    /// Runs something on the actor.
    pub(crate) async fn with_actor<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut EngineActor) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let closed = || ApiError::new(ErrorKind::Offline, "Momoland is closing. Nothing was changed.");
        let (answer, answered) = oneshot::channel();
        let call = Call::Run(Box::new(move |actor| {
            // The caller may have gone.
            let _ = answer.send(run(actor));
        }));
        self.calls.send(call).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }

    /// Runs something with the signed-in account.
    ///
    /// # Errors
    /// `unauthorized` where nobody is signed in, and what `run` refuses.
    pub(crate) async fn with_home<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Home) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.with_actor(move |actor| match actor.home_mut() {
            Some(home) => run(home),
            None => Err(ApiError::new(ErrorKind::Unauthorized, "Nobody is signed in here. Sign in first.")),
        })
        .await?
    }
}

impl EventStream {
    /// The next event; `None` once the engine has shut down.
    pub async fn next(&mut self) -> Option<Event> {
        match self.events.recv().await {
            Ok(event) => Some(Arc::unwrap_or_clone(event)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Event::Resync {}),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn open_store(data_dir: &std::path::Path) -> Result<Disk, OpenError> {
    let inaccessible = |source| OpenError::Inaccessible { data_dir: data_dir.to_owned(), source };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data_dir).map_err(inaccessible)?;
    let folder = data_dir.join("store");
    let store =
        ReopenStore::open(move || SledStore::open_and_migrate(&folder, SCHEMA, CACHE_BYTES, &event_log::migrate));
    let store = Arc::new(store.map_err(|error| refuse(data_dir, error))?);
    let (of_reopening, data_dir) = (Arc::clone(&store), data_dir.to_owned());
    let reopen = Arc::new(move || {
        look_for_room(&data_dir)?;
        of_reopening.reopen().map_err(|error| refuse(&data_dir, error))
    });
    Ok(Disk { store, reopen })
}

fn refuse(data_dir: &std::path::Path, error: StoreError) -> OpenError {
    let data_dir = data_dir.to_owned();
    match error {
        StoreError::Locked { .. } => OpenError::InUse { data_dir },
        StoreError::Newer { found, supported } => {
            OpenError::Newer { data_dir, found: found.0.into(), supported: supported.0.into() }
        }
        StoreError::Full => OpenError::Full { data_dir },
        StoreError::Io { kind, detail } => {
            OpenError::Inaccessible { data_dir, source: std::io::Error::new(kind, detail) }
        }
        StoreError::Damaged { detail } => OpenError::Damaged { data_dir, detail },
        error @ (StoreError::Older { .. }
        | StoreError::Conflict { .. }
        | StoreError::TooLarge { .. }
        | StoreError::EmptyKey) => OpenError::Damaged { data_dir, detail: error.to_string() },
    }
}
