//! Stopping: everybody is told, nobody is waited for beyond the grace, clients come back spread out.
//!
//! ```text
//!  Running ── begin() ──► Draining ── all tasks gone, or the grace is over ──► Ended
//! ```
//! While *draining*, the listener is closed, HTTP connections finish what they are answering, WebSockets say goodbye
//! with [`Shutdown::retry_after`]. At *ended*, what is left is dropped where it stands ([`Shutdown::supervise`]).
//!
//! # Invariants
//! 1. Hints of clients that are told one after the other lie far apart (CASES C44). Test: `hints_are_spread_out`.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// No client is asked back earlier: the process that follows needs a moment to start.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(500);

/// The fractional part of the golden ratio: its multiples, modulo one, fill the unit interval evenly at every length
/// (Weyl), so no randomness is needed for an even spread.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// How far stopping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Running,
    Draining,
    Ended,
}

/// The switch, and what watches it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    phase: Arc<watch::Sender<Phase>>,
    hints: Arc<AtomicU64>,
}

impl Shutdown {
    /// A server that runs.
    pub fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Running)), hints: Arc::default() }
    }

    /// Starts to stop. Again, it does nothing.
    pub fn begin(&self) {
        self.advance_to(Phase::Draining);
    }

    /// Ends what still runs, without further waiting.
    pub fn end(&self) {
        self.advance_to(Phase::Ended);
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Completes once the server stops.
    ///
    /// # Cancel safety
    /// May be dropped and asked again.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Completes once nothing may run any longer.
    ///
    /// # Cancel safety
    /// As [`Shutdown::draining`].
    pub async fn ended(&self) {
        self.reached(Phase::Ended).await;
    }

    /// Runs `task` to its end, or until nothing may run any longer.
    pub async fn supervise(&self, task: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = self.ended() => {}
            () = task => {}
        }
    }

    /// When the next client that is told shall come back, within `spread`.
    pub fn retry_after(&self, spread: Duration) -> Duration {
        let count = self.hints.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a server has far fewer than 2^52 clients")]
        let place = (count as f64 * GOLDEN).fract();
        RETRY_AFTER_MIN + spread.mul_f64(place)
    }

    fn advance_to(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = *current < phase;
            if later {
                *current = phase;
            }
            later
        });
    }

    async fn reached(&self, phase: Phase) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.phase.subscribe().wait_for(|current| *current >= phase).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_spread_out() {
        let shutdown = Shutdown::new();
        let spread = Duration::from_secs(6);
        let hints: Vec<u64> =
            (0..1_000).map(|_| u64::try_from(shutdown.retry_after(spread).as_millis()).unwrap()).collect();
        for second in 0..6 {
            let from = 500 + second * 1_000;
            let within = hints.iter().filter(|hint| (from..from + 1_000).contains(*hint)).count();
            assert!((150..=185).contains(&within), "second {second} has {within}");
        }
        assert!(hints.windows(2).all(|pair| pair[0].abs_diff(pair[1]) > 1_000));
    }

    #[tokio::test]
    async fn phases_only_go_forward() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.phase(), Phase::Running);
        shutdown.begin();
        shutdown.draining().await;
        shutdown.end();
        shutdown.begin();
        assert_eq!(shutdown.phase(), Phase::Ended);
        shutdown.ended().await;
        shutdown.supervise(std::future::pending()).await;
    }
}
