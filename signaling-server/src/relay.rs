//! The relay: the peer that never sleeps. It stores, acknowledges what is on disk, forwards, and hands over what was
//! missed, by driving the same replication core that every device runs; and it knows who is here.
//!
//! ```text
//!   connections ── calls ──►  driver: replica, rooms, hub  ── batches ──► the store's writer
//!        ▲                          │        ▲                                  │
//!        └────────── outboxes ──────┘        └────── completions, loads ────────┘
//! ```
//! One task owns all of the state and never waits for a socket: what it says goes into outboxes, each bounded with its
//! own policy, and what it is told comes through one bounded channel, so that a busy relay slows its senders down.
//!
//! # Invariants
//! 1. An event is acknowledged and forwarded only after it is on the disk. The core sees to it; this driver confirms a
//!    batch only when the writer did. Test: `what_was_acknowledged_is_there_after_a_restart`.
//! 2. A connection that does not read costs its outbox, and that is bounded. Test: `a_stalled_reader_costs_its_window`.
//! 3. A link that is gone leaves nothing behind. Test: `connections_that_die_early_leave_nothing`.
//! 4. What a device said before it went is heard. Test: `what_a_device_says_last_is_heard`.
//!
//! Not here: sockets and time-outs of connections (`connect`), digest mode and retention.

mod driver;
pub mod outbox;
mod persistence;
mod window;

use std::sync::Arc;

use momoland_protocol::server::ClientFrame;
use momoland_replica::input::LinkId;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::driver::RelayTask;
use self::outbox::Outbox;
use crate::rooms::Peer;

/// Frames that wait for the relay's task. Full: the connection that brings the next one waits, and so stops reading.
const CALLS_WAITING_MAX: usize = 256;

/// What a connection asks of the relay.
#[derive(Debug)]
enum Call {
    /// A device was authenticated.
    Join { peer: Peer, admin: bool, outbox: Arc<Outbox>, joined: oneshot::Sender<Joined> },
    /// A frame came from it.
    Frame { link: LinkId, frame: ClientFrame },
}

/// What a connection tells the relay without waiting. At most one `Gone` a link, and a `Drained` for each frame of
/// events that its window let out, so what waits is bounded by the links.
#[derive(Debug)]
enum Signal {
    Gone { link: LinkId },
    Drained { link: LinkId, bytes: usize },
}

/// The way to the relay's task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RelayHandle {
    calls: mpsc::Sender<Call>,
    signals: mpsc::UnboundedSender<Signal>,
    halted: Arc<watch::Sender<bool>>,
}

/// A device's place at the relay, as long as it lives.
#[derive(Debug)]
pub struct Joined {
    link: LinkId,
    relay: RelayHandle,
}

/// The relay's task has ended: the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay has stopped")]
pub struct Stopped;

/// Where a task finds what its handle sends.
#[derive(Debug)]
struct Inbox {
    calls: mpsc::Receiver<Call>,
    signals: mpsc::UnboundedReceiver<Signal>,
}

impl RelayHandle {
    fn new() -> (Self, Inbox) {
        let (calls, calls_inbox) = mpsc::channel(CALLS_WAITING_MAX);
        let (signals, signals_inbox) = mpsc::unbounded_channel();
        let handle = Self { calls, signals, halted: Arc::default() };
        (handle, Inbox { calls: calls_inbox, signals: signals_inbox })
    }

    /// Takes a place for a device, whose account may administer the server; the device's older connection is told to go.
    ///
    /// # Errors
    /// [`Stopped`].
    ///
    /// # Cancel safety
    /// A place that nobody waits for any more is given back.
    pub async fn join(&self, peer: Peer, admin: bool, outbox: Arc<Outbox>) -> Result<Joined, Stopped> {
        let (joined, place) = oneshot::channel();
        self.calls.send(Call::Join { peer, admin, outbox, joined }).await.map_err(|_| Stopped)?;
        place.await.map_err(|_| Stopped)
    }

    /// Whether the store failed: nothing is taken any more until the server serves anew.
    pub fn is_halted(&self) -> bool {
        *self.halted.borrow()
    }

    /// Completes once the store has failed.
    ///
    /// # Cancel safety
    /// May be dropped and asked again.
    pub async fn halted(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.halted.subscribe().wait_for(|halted| *halted).await;
    }
}

impl Joined {
    /// Hands over a frame; waits while the relay is busy.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn pass(&self, frame: ClientFrame) -> Result<(), Stopped> {
        self.relay.calls.send(Call::Frame { link: self.link, frame }).await.map_err(|_| Stopped)
    }

    /// The socket took so many bytes of events: the relay may send as many more.
    pub fn drained(&self, bytes: usize) {
        // A relay that has ended sends nothing more.
        let _ = self.relay.signals.send(Signal::Drained { link: self.link, bytes });
    }

    pub fn link(&self) -> LinkId {
        self.link
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let _ = self.relay.signals.send(Signal::Gone { link: self.link });
    }
}
