//! The pace of one connection: heartbeats, and how much it may ask in what time.
//!
//! What is durable is never refused for its rate: a connection that sends faster than [`Pace::frames`] is read more
//! slowly, and TCP makes its client wait with its events on its own disk. What asks for work or goes to others unstored
//! (requests, ephemerals, introductions) has buckets of its own and is answered, or dropped and counted.

use std::time::Duration;

/// The heartbeats and rates of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two pings, give or take a tenth, so that thousands of connections do not ping in step.
    pub ping_every: Duration,
    /// Nothing heard for so long: the connection is gone. Well within the minute of CASES C43.
    pub silence_max: Duration,
    /// How long a goodbye may take to be written, and the other end to close.
    pub goodbye_max: Duration,
    /// Frames of any kind.
    pub frames: Rate,
    /// Requests: each is a signature to check, or a read of the disk.
    pub requests: Rate,
    /// Ephemerals: each goes to everybody in a room. Carets and positions are sent some thirty times a second.
    pub ephemerals: Rate,
    /// Introductions: each goes to somebody else. A call in a room of eight needs some hundred at once.
    pub introductions: Rate,
}

/// So many at once, so many a second in the long run.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub burst: u32,
    pub per_second: u32,
}

impl Pace {
    /// What every server runs with.
    pub fn standard() -> Self {
        Self {
            ping_every: Duration::from_secs(20),
            silence_max: Duration::from_secs(50),
            goodbye_max: Duration::from_secs(2),
            frames: Rate { burst: 2_000, per_second: 500 },
            requests: Rate { burst: 200, per_second: 20 },
            ephemerals: Rate { burst: 400, per_second: 100 },
            introductions: Rate { burst: 500, per_second: 50 },
        }
    }
}

/// A token bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    at_ms: u64,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: Rate, now_ms: u64) -> Self {
        Self { rate, tokens: f64::from(rate.burst), at_ms: now_ms }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one; nothing was taken.
    pub(super) fn take(&mut self, now_ms: u64) -> Result<(), Duration> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds between two frames are far below 2^52")]
        let passed_ms = now_ms.saturating_sub(self.at_ms) as f64;
        self.at_ms = self.at_ms.max(now_ms);
        let per_ms = f64::from(self.rate.per_second) / 1_000.0;
        self.tokens = (self.tokens + passed_ms * per_ms).min(f64::from(self.rate.burst));
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(((1.0 - self.tokens) / per_ms).max(1.0) / 1_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Rate { burst: 10, per_second: 100 }, 5_000);
        assert_eq!((0..20).filter(|_| bucket.take(5_000).is_ok()).count(), 10);
        let wait = bucket.take(5_000).unwrap_err();
        assert_eq!(wait, Duration::from_millis(10));
        assert!(bucket.take(5_010).is_ok());
        assert!(bucket.take(5_010).is_err());
        assert_eq!((5_010..6_010).filter(|now| bucket.take(*now).is_ok()).count(), 99);
        assert!(bucket.take(4_000).is_err(), "a clock that goes back refills nothing");
        assert_eq!((0..50).filter(|_| bucket.take(60_000).is_ok()).count(), 10, "no more than its burst");
    }
}
