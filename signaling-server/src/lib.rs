//! The server: signs people in, introduces devices, keeps what is for those who are away.
//!
//! ```text
//!  main → serve ─► server (sockets) ─► http (routes) ─► accounts ─► records ─► store
//!                                      │            └─► passwords, tokens, limits
//!                                      └► connect (WebSockets) ─► relay ─► {hub, rooms, feed} ─► replica
//!          └► turn (UDP)
//! ```
//! A module uses only those below it in the list. [`App`] is what all of them share.
//!
//! # Invariants
//! 1. Logs, metrics and errors hold no password, token, body or whole address. Test: `logs_hold_no_secrets`.
//! 2. Whatever is sent gets a typed refusal or an answer; nothing ends the process. Test: `malformed_requests_are_refused`.
//! 3. A stop ends within the grace and a second, and frees the store's folder. Test: `a_stop_frees_the_store`.

pub mod accounts;
pub mod clock;
pub mod config;
pub mod connect;
pub mod feed;
pub mod http;
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod records;
pub mod relay;
pub mod rooms;
pub mod server;
pub mod shutdown;
pub mod turn;

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use momoland_store::event_log;
use momoland_store::kv::sled::CACHE_BYTES;
use momoland_store::kv::{Batch, Durability, Expect, SchemaVersion, SledStore, Store, StoreError};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::accounts::notices::Notices;
use crate::accounts::passwords::{HashingFailed, Passwords};
use crate::accounts::signing_keys::{KeyError, SigningKeys};
use crate::accounts::tokens::{SigningFailed, TokenError, Tokens};
use crate::accounts::{AccountError, Accounts, Policy, Session, handles};
use crate::clock::Clock;
use crate::config::Config;
use crate::connect::Pace;
use crate::feed::PublicFeed;
use crate::limits::{Exceeded, RateLimits};
use crate::metrics::Metrics;
use crate::records::RecordError;
use crate::relay::{RelayHandle, RelayTask};
use crate::server::Slots;
use crate::shutdown::Shutdown;
use crate::turn::{Turn, TurnError};

/// How long the answer of one probe of the store stands for the next: probing costs a synced write.
const PROBE_FRESH: Duration = Duration::from_secs(5);

/// What every part of the server shares.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    /// The server's identity, and the key of its access tokens.
    pub keys: SigningKeys,
    pub tokens: Arc<Tokens>,
    pub accounts: Accounts,
    pub passwords: Passwords,
    pub limits: RateLimits,
    pub metrics: Metrics,
    /// What happened to accounts, for the connections that it concerns.
    pub notices: Notices,
    pub shutdown: Shutdown,
    /// The public feed, as the relay stored it.
    pub feed: PublicFeed,
    /// The way to the relay's task.
    pub relay: RelayHandle,
    /// Where TURN is, and the secret of its credentials.
    pub turn: Turn,
    /// The heartbeats and rates of WebSockets.
    pub pace: Pace,
    /// The relay's task, until it is started.
    relay_task: Mutex<Option<RelayTask>>,
    /// Everything that a stop waits for. Tasks in it end by themselves when draining begins, or are supervised.
    pub tasks: TaskTracker,
    slots: Slots,
    probe: Mutex<Option<Probe>>,
}

#[derive(Debug)]
struct Probe {
    at_ms: u64,
    outcome: Result<(), StoreError>,
}

/// Why the server could not start. What was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("The data folder {path} cannot be made or used: {cause}. Choose another with MOMOLAND_DATA.")]
    Folder { path: PathBuf, cause: io::Error },
    #[error("The store in {path} cannot be opened: {cause}.")]
    Store { path: PathBuf, cause: StoreError },
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(
        "The key in {path} is not the one that this data belongs to, so every client would refuse the server. \
         Put the right identity.pem back."
    )]
    WrongIdentity { path: PathBuf },
    #[error("What the store holds cannot be read: {0}.")]
    Records(#[from] RecordError),
    #[error(transparent)]
    Hashing(#[from] HashingFailed),
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    #[error(transparent)]
    Turn(#[from] TurnError),
    #[error("The start was interrupted.")]
    Interrupted,
}

/// Why an access token lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// Why a server stopped serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It was asked to.
    Asked,
    /// Its store failed. What was acknowledged is on the disk; serve anew once that takes writes again.
    StoreFailed,
}

/// Serves on `listener` until `shutdown` is begun, or the store fails. Calls `ready` once the data is open and requests
/// are answered.
///
/// # Errors
/// [`OpenError`] where the data cannot be used; then nothing was served.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: Shutdown,
    ready: impl FnOnce(),
) -> Result<Served, OpenError> {
    let http = listener.local_addr().unwrap_or(config.listen);
    let of_app = shutdown.clone();
    let opening = tokio::task::spawn_blocking(move || App::open(config, Clock::system(), of_app));
    let app = opening.await.map_err(|_| OpenError::Interrupted)??;
    if let Err(error) = turn::start(&app, http).await {
        // The store's last handle goes here: closing it waits for the disk.
        let _ = tokio::task::spawn_blocking(move || drop(app)).await;
        return Err(error.into());
    }
    ready();
    let relay = app.relay.clone();
    let serving = server::run(listener, app);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        () = serving.as_mut() => return Ok(Served::Asked),
        () = relay.halted() => shutdown.begin(),
    }
    serving.await;
    Ok(Served::StoreFailed)
}

impl OpenError {
    /// Whether it is for want of room on the disk alone.
    pub fn is_full_disk(&self) -> bool {
        let full =
            |cause: &io::Error| matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        match self {
            Self::Store { cause, .. } => *cause == StoreError::Full,
            Self::Folder { cause, .. } => full(cause),
            Self::Records(RecordError::Store(cause)) => *cause == StoreError::Full,
            Self::Keys(_)
            | Self::WrongIdentity { .. }
            | Self::Records(_)
            | Self::Hashing(_)
            | Self::Signing(_)
            | Self::Turn(_)
            | Self::Interrupted => false,
        }
    }
}

impl App {
    /// Opens the data folder that `config` names, or makes it. Blocks on the disk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: Config, clock: Clock, shutdown: Shutdown) -> Result<Arc<Self>, OpenError> {
        let folder_error = |cause| OpenError::Folder { path: config.data.clone(), cause };
        let keys_folder = config.data.join("keys");
        let store_folder = config.data.join("store");
        make_private(&config.data).map_err(folder_error)?;
        make_private(&keys_folder).map_err(folder_error)?;
        // First the store, whose lock keeps a second server from making keys at the same time.
        let schema = SchemaVersion(records::SCHEMA);
        let store = SledStore::open_and_migrate(&store_folder, schema, CACHE_BYTES, &event_log::migrate)
            .map_err(|cause| OpenError::Store { path: store_folder.clone(), cause })?;
        let keys = SigningKeys::open(&keys_folder)?;
        bind_identity(&store, &keys, &keys_folder, &store_folder)?;
        Self::with_store(config, clock, shutdown, Arc::new(store), keys)
    }

    /// The server over a store and keys that are open already.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn with_store(
        config: Config,
        clock: Clock,
        shutdown: Shutdown,
        store: Arc<dyn Store>,
        keys: SigningKeys,
    ) -> Result<Arc<Self>, OpenError> {
        let tokens = Arc::new(Tokens::new(clock.clone(), &keys, config.access_token_ttl)?);
        let notices = Notices::new();
        let policy = Policy {
            admin: config.admin.as_deref().and_then(handles::fold_for_lookup),
            devices_max: config.limits.devices_per_account_max,
            refresh_ttl: config.refresh_token_ttl,
            refresh_grace: config.refresh_grace,
        };
        let accounts = Accounts::new(
            Arc::clone(&store),
            clock.clone(),
            keys.clone(),
            Arc::clone(&tokens),
            notices.clone(),
            policy,
        );
        let (relay, relay_task) = RelayTask::load(Arc::clone(&store))?;
        Ok(Arc::new(Self {
            passwords: Passwords::new(config.limits.password_threads, config.limits.password_queue_max)?,
            limits: RateLimits::new(clock.clone(), &config.limits),
            metrics: Metrics::default(),
            tasks: TaskTracker::new(),
            feed: PublicFeed::new(keys.server_key()),
            relay,
            relay_task: Mutex::new(Some(relay_task)),
            pace: Pace::standard(),
            turn: Turn::new(&config),
            slots: Slots::default(),
            probe: Mutex::new(None),
            config,
            clock,
            store,
            keys,
            tokens,
            accounts,
            notices,
            shutdown,
        }))
    }

    /// Runs what waits for the disk on a thread that may.
    ///
    /// # Errors
    /// Those of `work`; [`AccountError::Interrupted`] where the process is going down.
    ///
    /// # Cancel safety
    /// A dropped future leaves the work to finish; what it commits is committed.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let app = Arc::clone(self);
        let worked = self.tasks.spawn_blocking(move || work(&app)).await;
        worked.unwrap_or_else(|error| {
            tracing::error!(%error, "work on the store did not end");
            Err(AccountError::Interrupted)
        })
    }

    /// Who a good access token lets in: its signature, issuer, audience and time are checked, and that its device is
    /// still signed in.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn authenticate(self: &Arc<Self>, token: &str) -> Result<Session, AuthenticateError> {
        let token = self.tokens.check_access(token)?;
        Ok(self.blocking(move |app| app.accounts.session(&token)).await?)
    }

    /// Starts the relay's task. Again, it does nothing.
    fn start_relay(self: &Arc<Self>) {
        let task = self.relay_task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            self.tasks.spawn(task.run(Arc::clone(self)));
        }
    }

    /// Counts a limit that was exceeded, and passes it on.
    ///
    /// # Errors
    /// The one that came in.
    pub fn check_rate<T>(&self, checked: Result<T, Exceeded>) -> Result<T, Exceeded> {
        checked.inspect_err(|exceeded| {
            self.metrics.rate_limited.increment(exceeded.limit.word());
            tracing::debug!(limit = exceeded.limit.word(), "a limit was exceeded");
        })
    }

    /// Whether the store takes a synced commit. Blocks on the disk.
    ///
    /// # Errors
    /// What the store answered, now or some seconds ago.
    pub fn probe_store(&self) -> Result<(), AccountError> {
        let now_ms = self.clock.mono_ms();
        // Held while probing, so that a flood of questions is one write.
        let mut probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) =
            probe.as_ref().filter(|last| Duration::from_millis(now_ms.saturating_sub(last.at_ms)) < PROBE_FRESH)
        {
            return Ok(last.outcome.clone()?);
        }
        let mut batch = Batch::new();
        batch.put(records::PROBE, now_ms.to_be_bytes());
        let outcome = self.store.commit(batch, Durability::Synced);
        *probe = Some(Probe { at_ms: now_ms, outcome: outcome.clone() });
        Ok(outcome?)
    }
}

/// A folder that only its owner enters.
fn make_private(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Holds the store to the identity that it was first opened with.
fn bind_identity(
    store: &dyn Store,
    keys: &SigningKeys,
    keys_folder: &Path,
    store_folder: &Path,
) -> Result<(), OpenError> {
    let store_error = |cause| OpenError::Store { path: store_folder.to_path_buf(), cause };
    let server_key = keys.server_key();
    match store.get(records::SERVER_KEY).map_err(store_error)? {
        Some(known) if known == server_key.as_bytes() => Ok(()),
        Some(_) => Err(OpenError::WrongIdentity { path: keys_folder.join("identity.pem") }),
        None => {
            let mut batch = Batch::new();
            batch.require(records::SERVER_KEY, Expect::Absent);
            batch.put(records::SERVER_KEY, server_key.as_bytes());
            store.commit(batch, Durability::Synced).map_err(store_error)
        }
    }
}
