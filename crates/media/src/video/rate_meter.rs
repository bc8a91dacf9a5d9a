//! Pictures and bits a second, from counts that only grow.

use std::time::{Duration, Instant};

/// Rates are of so long.
pub(super) const RATE_WINDOW: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    /// Since when, and how many pictures and bytes there had been.
    since: Option<(Instant, u64, u64)>,
    pictures_per_second: f32,
    bits_per_second: u64,
}

impl RateMeter {
    /// The rates of the last whole second, from how many pictures and bytes there have been by now.
    pub(super) fn measure(&mut self, now: Instant, pictures: u64, bytes: u64) -> (f32, u64) {
        let (since, pictures_then, bytes_then) = *self.since.get_or_insert((now, pictures, bytes));
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= RATE_WINDOW {
            #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
            let more = pictures.saturating_sub(pictures_then) as f32;
            self.pictures_per_second = more / elapsed.as_secs_f32();
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
            self.bits_per_second = bytes.saturating_sub(bytes_then).saturating_mul(8_000) / millis;
            self.since = Some((now, pictures, bytes));
        }
        (self.pictures_per_second, self.bits_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_whole_second() {
        let mut meter = RateMeter::default();
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(meter.measure(at(0), 100, 5_000), (0.0, 0), "what was before does not count");
        assert_eq!(meter.measure(at(900), 120, 9_000), (0.0, 0));
        assert_eq!(meter.measure(at(2_000), 160, 25_000), (30.0, 80_000));
        assert_eq!(meter.measure(at(2_500), 161, 25_001), (30.0, 80_000));
        assert_eq!(meter.measure(at(3_000), 161, 25_001), (1.0, 8));
    }
}
