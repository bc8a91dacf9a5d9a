//! The time, as a value that is handed in.
//!
//! Tokens, rate limits and grace periods ask an injected [`Clock`], so that a test moves it by minutes instead of
//! sleeping, and so that no rule depends on a hidden call. Time-outs of sockets are tokio's and do not come from here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time that is cheap to clone.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System { started: Instant },
    Manual(Arc<AtomicU64>),
}

/// The handle that moves a manual clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl Clock {
    /// The machine's own clocks.
    pub fn system() -> Self {
        Self(Source::System { started: Instant::now() })
    }

    /// A clock that stands at `unix_ms` until its handle moves it.
    pub fn manual(unix_ms: u64) -> (Self, ManualClock) {
        let at = Arc::new(AtomicU64::new(unix_ms));
        (Self(Source::Manual(Arc::clone(&at))), ManualClock(at))
    }

    /// Milliseconds since 1970. May jump when the machine's clock is set.
    pub fn unix_ms(&self) -> u64 {
        match &self.0 {
            // A clock before 1970 is a broken machine: everything issued there counts as long expired.
            Source::System { .. } => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis_of),
            Source::Manual(at) => at.load(Ordering::SeqCst),
        }
    }

    /// Milliseconds since some fixed moment; never goes back. For rates and nothing else.
    pub fn mono_ms(&self) -> u64 {
        match &self.0 {
            Source::System { started } => millis_of(started.elapsed()),
            Source::Manual(at) => at.load(Ordering::SeqCst),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System { .. } => f.write_str("Clock::system"),
            Source::Manual(at) => write!(f, "Clock::manual({})", at.load(Ordering::SeqCst)),
        }
    }
}

impl ManualClock {
    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis_of(by), Ordering::SeqCst);
    }
}

fn millis_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
