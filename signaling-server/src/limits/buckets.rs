//! Token buckets by key, in bounded memory.
//!
//! A bucket holds up to `burst` tokens and is refilled at `per_minute`. Keys are kept in two generations: what was used
//! since the last change of generation, and before. When the young one is full it becomes the old one and the old one is
//! forgotten, so memory is bounded, each call takes constant time, and only keys that nobody used while half of the
//! whole capacity passed by lose their state, which by then is a full bucket for all but a flood of addresses.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Keys of one limit that are remembered, both generations together. Full: the longest unused half is forgotten.
const KEYS_MAX: usize = 65_536;

/// One kind of limit.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    /// Tokens in a full bucket.
    burst: f64,
    /// Tokens that come back each millisecond.
    per_ms: f64,
    keys_max: usize,
    generations: Mutex<Generations<K>>,
}

#[derive(Debug)]
struct Generations<K> {
    young: HashMap<K, Bucket>,
    old: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at_ms: u64,
}

/// The bucket is empty; so long until there is a token again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Empty {
    pub(super) retry_after: Duration,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// `per_minute` tokens a minute, as many at once.
    pub(super) fn per_minute(per_minute: u32) -> Self {
        Self::with_capacity(per_minute, KEYS_MAX)
    }

    fn with_capacity(per_minute: u32, keys_max: usize) -> Self {
        Self {
            burst: f64::from(per_minute),
            per_ms: f64::from(per_minute) / 60_000.0,
            keys_max,
            generations: Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() }),
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// [`Empty`], and nothing is taken.
    pub(super) fn take(&self, key: &K, now_ms: u64) -> Result<(), Empty> {
        self.with_bucket(key, now_ms, |bucket| {
            if bucket.tokens < 1.0 {
                return Err(bucket.tokens);
            }
            bucket.tokens -= 1.0;
            Ok(())
        })
        .map_err(|tokens| self.empty(tokens))
    }

    /// Whether there is a token, without taking it.
    ///
    /// # Errors
    /// [`Empty`].
    pub(super) fn check(&self, key: &K, now_ms: u64) -> Result<(), Empty> {
        self.with_bucket(key, now_ms, |bucket| if bucket.tokens < 1.0 { Err(bucket.tokens) } else { Ok(()) })
            .map_err(|tokens| self.empty(tokens))
    }

    /// Gives a token back that was taken for something that then did not count.
    pub(super) fn give_back(&self, key: &K, now_ms: u64) {
        let burst = self.burst;
        self.with_bucket(key, now_ms, |bucket| bucket.tokens = (bucket.tokens + 1.0).min(burst));
    }

    fn empty(&self, tokens: f64) -> Empty {
        let missing_ms = ((1.0 - tokens) / self.per_ms).ceil();
        Empty { retry_after: Duration::from_secs_f64(missing_ms.max(1.0) / 1000.0) }
    }

    fn with_bucket<T>(&self, key: &K, now_ms: u64, use_it: impl FnOnce(&mut Bucket) -> T) -> T {
        // No code under this lock can panic half-way through a change, so a poisoned one is still sound.
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *generations;
        if !young.contains_key(key) {
            if young.len() >= self.keys_max / 2 {
                *old = std::mem::take(young);
            }
            let known = old.remove(key).unwrap_or(Bucket { tokens: self.burst, at_ms: now_ms });
            young.insert(key.clone(), known);
        }
        let bucket = young.entry(key.clone()).or_insert(Bucket { tokens: self.burst, at_ms: now_ms });
        // A clock that goes back refills nothing and takes nothing.
        let passed_ms = now_ms.saturating_sub(bucket.at_ms);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of uptime are far below 2^52")]
        let refilled = bucket.tokens + passed_ms as f64 * self.per_ms;
        bucket.tokens = refilled.min(self.burst);
        bucket.at_ms = bucket.at_ms.max(now_ms);
        use_it(bucket)
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        let generations = self.generations.lock().unwrap();
        generations.young.len() + generations.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let buckets = Buckets::per_minute(3);
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", 0), Ok(()));
        }
        assert_eq!(buckets.take(&"a", 0), Err(Empty { retry_after: Duration::from_secs(20) }));
        assert_eq!(buckets.take(&"b", 0), Ok(()), "another key has its own");
        assert_eq!(buckets.take(&"a", 19_999), Err(Empty { retry_after: Duration::from_millis(1) }));
        assert_eq!(buckets.take(&"a", 20_001), Ok(()));
        assert!(buckets.take(&"a", 20_001).is_err());
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", 10_000_000), Ok(()), "never more than the burst");
        }
        assert!(buckets.take(&"a", 10_000_000).is_err());
    }

    #[test]
    fn what_did_not_count_is_given_back() {
        let buckets = Buckets::per_minute(1);
        for _ in 0..100 {
            assert_eq!(buckets.take(&1, 0), Ok(()));
            assert!(buckets.check(&1, 0).is_err());
            buckets.give_back(&1, 0);
        }
        buckets.give_back(&1, 0);
        assert_eq!(buckets.take(&1, 0), Ok(()));
        assert!(buckets.take(&1, 0).is_err(), "giving back never fills over the burst");
    }

    #[test]
    fn a_clock_that_goes_back_refills_nothing() {
        let buckets = Buckets::per_minute(1);
        assert_eq!(buckets.take(&1, 100_000), Ok(()));
        assert!(buckets.take(&1, 0).is_err());
        assert!(buckets.take(&1, 100_001).is_err());
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_spares_who_is_active() {
        let buckets = Buckets::with_capacity(1, 1_000);
        assert_eq!(buckets.take(&0_u32, 0), Ok(()));
        for key in 1..100_000 {
            let _ = buckets.take(&key, 0);
            if key % 100 == 0 {
                assert!(buckets.take(&0, 0).is_err(), "a key in use is not forgotten");
            }
            assert!(buckets.keys() <= 1_000);
        }
    }
}
