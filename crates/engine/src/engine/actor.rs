//! The one task that owns the client's state.
//!
//! It waits for one of a closed set of things ([`Call`], disk, server, peers, a deadline), handles it to the end without
//! suspending, and waits again.
//!
//! # Invariants
//! 1. Nothing that wakes it starves the rest: what is due is done after at most [`INPUTS_BEFORE_TIMERS_MAX`] inputs, and
//!    fronts, the server and peers are served alike. Test: `no_source_starves_the_timers_or_another_source`.

use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::signed::SecretKey;
use momoland_store::kv::StoreError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::account::keys::DeviceKey;
use crate::account::record::{Account, Records};
use crate::api::events::Event;
use crate::api::types::PeerPolicy;
use crate::calls::Gallery;
use crate::engine::healing::{Disk, Healing};
use crate::engine::home::Home;
use crate::link::PeerEvent;
use crate::link::server::ServerEvent;
use crate::persistence::DiskEvent;

/// Events of links that wait for the actor. Full: the link waits, and with it the other end.
const LINK_EVENTS_MAX: usize = 512;

/// Inputs between two looks at what is due. Timers are good to some milliseconds; an input takes far less than one.
const INPUTS_BEFORE_TIMERS_MAX: u32 = 64;

/// Calls that are handled as one input where they wait already. A transaction of a document takes as many edits: longer
/// ones cost `yrs` more a piece.
const CALLS_TOGETHER_MAX: u32 = 32;

/// What fronts want.
pub(crate) enum Call {
    Run(Box<dyn FnOnce(&mut EngineActor) + Send>),
    Shutdown,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run(_) => "Run",
            Self::Shutdown => "Shutdown",
        })
    }
}

/// Where links and the disk tell of themselves; one set for each sign-in, so that nothing of an earlier one arrives.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) disk: mpsc::UnboundedSender<DiskEvent>,
    pub(crate) server: mpsc::Sender<(u64, ServerEvent)>,
    pub(crate) peers: mpsc::Sender<PeerEvent>,
}

struct Incoming {
    disk: mpsc::UnboundedReceiver<DiskEvent>,
    server: mpsc::Receiver<(u64, ServerEvent)>,
    peers: mpsc::Receiver<PeerEvent>,
}

pub(crate) struct EngineActor {
    disk: Disk,
    healing: Healing,
    pub(crate) records: Records,
    pub(crate) keys: DeviceKey,
    pub(crate) events: broadcast::Sender<Arc<Event>>,
    gallery: Gallery,
    calls: mpsc::Receiver<Call>,
    home: Option<Home>,
    incoming: Option<Incoming>,
    /// Since timers were last served.
    inputs: u32,
    pub(crate) online: bool,
    pub(crate) policy: PeerPolicy,
}

enum Wake {
    Call(Option<Call>),
    Disk(DiskEvent),
    Server(u64, ServerEvent),
    Peer(PeerEvent),
    Healed(Result<(), String>),
    Deadline,
}

impl EngineActor {
    pub(super) fn new(
        disk: Disk,
        keys: DeviceKey,
        events: broadcast::Sender<Arc<Event>>,
        gallery: Gallery,
        calls: mpsc::Receiver<Call>,
    ) -> Self {
        let records = Records::new(Arc::clone(&disk.store));
        Self {
            disk,
            healing: Healing::default(),
            records,
            keys,
            events,
            gallery,
            calls,
            home: None,
            incoming: None,
            inputs: 0,
            online: true,
            policy: PeerPolicy::All,
        }
    }

    /// Signs in the account that the data folder holds.
    pub(crate) fn restore(&mut self) -> Result<(), StoreError> {
        let Some(account) = self.records.account()? else { return Ok(()) };
        let key = self.keys.load().map_err(|error| {
            let detail = format!("this device's key could not be read: {error}");
            StoreError::Io { kind: error.kind(), detail }
        })?;
        let Some(key) = key else {
            return Err(StoreError::Damaged { detail: "this device's key is missing".to_owned() });
        };
        self.install(account, key)
    }

    /// Makes an account the signed-in one, with what is on disk.
    pub(crate) fn install(&mut self, account: Account, key: SecretKey) -> Result<(), StoreError> {
        let (mut home, incoming) = self.open_home(account, key)?;
        if self.online {
            home.connect();
        }
        self.home = Some(home);
        self.incoming = Some(incoming);
        self.tell(Event::AccountChanged {});
        Ok(())
    }

    /// What is on disk of an account, not connected yet.
    fn open_home(&self, account: Account, key: SecretKey) -> Result<(Home, Incoming), StoreError> {
        let (disk, disk_events) = mpsc::unbounded_channel();
        let (server, server_events) = mpsc::channel(LINK_EVENTS_MAX);
        let (peers, peer_events) = mpsc::channel(LINK_EVENTS_MAX);
        let channels = Channels { disk, server, peers };
        let store = Arc::clone(&self.disk.store);
        let mut home = Home::open(account, key, store, self.records.clone(), self.events.clone(), channels)?;
        home.set_policy(self.policy);
        home.set_gallery(self.gallery.clone());
        Ok((home, Incoming { disk: disk_events, server: server_events, peers: peer_events }))
    }

    /// The disk took nothing: looks until it does.
    pub(crate) fn heal(&mut self) {
        self.healing.begin(&self.disk);
    }

    /// The store is open again, or never will be.
    async fn healed(&mut self, healed: Result<(), String>) {
        let Some(home) = &mut self.home else { return };
        if let Err(problem) = healed {
            tracing::error!(problem, "the store cannot be opened again");
            home.tell_disk_problem(problem);
            return;
        }
        // A new one beside the old, which has its lists until this one has them.
        let (account, key) = (home.account.clone(), SecretKey::clone(&home.key));
        match self.open_home(account, key) {
            Ok((home, incoming)) => self.replace(home, incoming).await,
            Err(error) => {
                tracing::error!(%error, "the store was opened again and cannot be read");
                self.heal();
            }
        }
    }

    /// Goes on with what was read from the store anew.
    async fn replace(&mut self, mut home: Home, incoming: Incoming) {
        let old_incoming = self.incoming.replace(incoming).map(|incoming| incoming.server);
        if let Some(old) = self.home.take() {
            // Its links end first: two that renew one token would count as theft.
            home.take_over(old.retire(old_incoming).await);
        }
        if self.online {
            home.connect();
        }
        tracing::info!("the disk takes writes again");
        self.home = Some(home);
        self.tell(Event::Resync {});
    }

    /// Takes the signed-in account away, to be closed.
    pub(crate) fn uninstall(&mut self) -> Option<Home> {
        self.incoming = None;
        let home = self.home.take();
        if home.is_some() {
            self.tell(Event::AccountChanged {});
        }
        home
    }

    pub(crate) fn home_mut(&mut self) -> Option<&mut Home> {
        self.home.as_mut()
    }

    pub(crate) fn home(&self) -> Option<&Home> {
        self.home.as_ref()
    }

    fn tell(&self, event: Event) {
        // Without a front nobody listens.
        let _ = self.events.send(Arc::new(event));
    }

    pub(crate) async fn run(mut self) {
        loop {
            match self.wake().await {
                Wake::Call(Some(Call::Run(run))) => {
                    run(&mut self);
                    if self.run_more_calls() {
                        break;
                    }
                }
                Wake::Call(Some(Call::Shutdown) | None) => break,
                Wake::Disk(event) => self.at_home(|home| home.disk(event)),
                Wake::Server(link, event) => self.at_home(|home| home.server_event(link, event)),
                Wake::Peer(event) => self.at_home(|home| home.peer_event(event)),
                Wake::Healed(healed) => self.healed(healed).await,
                Wake::Deadline => self.at_home(Home::deadline),
            }
            self.at_home(Home::settle);
            if self.home.as_ref().is_some_and(Home::has_disk_failed) {
                self.heal();
            }
        }
        self.healing.stop().await;
        let server_events = self.incoming.take().map(|incoming| incoming.server);
        if let Some(home) = self.home.take() {
            home.close(server_events).await;
        }
    }

    /// Runs calls that wait already, so that they share what follows a call: a transaction, a batch for the disk, a frame.
    /// Whether one of them ends the engine.
    fn run_more_calls(&mut self) -> bool {
        for _ in 1..CALLS_TOGETHER_MAX {
            match self.calls.try_recv() {
                Ok(Call::Run(run)) => run(self),
                Ok(Call::Shutdown) => return true,
                Err(_) => break,
            }
            self.inputs += 1;
        }
        false
    }

    fn at_home(&mut self, run: impl FnOnce(&mut Home)) {
        if let Some(home) = &mut self.home {
            run(home);
        }
    }

    async fn wake(&mut self) -> Wake {
        // Without an account there is nothing to wait for but calls.
        let (Some(home), Some(incoming)) = (&self.home, &mut self.incoming) else {
            return tokio::select! {
                call = self.calls.recv() => Wake::Call(call),
                healed = self.healing.healed() => Wake::Healed(healed),
            };
        };
        let far = Instant::now() + Duration::from_secs(3_600);
        let deadline = home.next_deadline().map_or(far, |at| at.min(far));
        if self.inputs >= INPUTS_BEFORE_TIMERS_MAX {
            self.inputs = 0;
            if deadline <= Instant::now() {
                return Wake::Deadline;
            }
        }
        self.inputs += 1;
        // What the disk confirms sets others free, and there is never more of it than was asked for.
        if let Ok(event) = incoming.disk.try_recv() {
            return Wake::Disk(event);
        }
        // Not biased: among those that are ready the choice falls by chance.
        tokio::select! {
            Some(event) = incoming.disk.recv() => Wake::Disk(event),
            call = self.calls.recv() => Wake::Call(call),
            Some((link, event)) = incoming.server.recv() => Wake::Server(link, event),
            Some(event) = incoming.peers.recv() => Wake::Peer(event),
            healed = self.healing.healed() => Wake::Healed(healed),
            () = sleep_until(deadline) => Wake::Deadline,
        }
    }
}

#[cfg(test)]
mod tests;
