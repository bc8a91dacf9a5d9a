//! Half-open ranges of keys.

use std::ops::Bound;

/// The direction in which [`super::Store::range`] walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// The keys `start <= key < end`; without an end, every key from `start` on. Keys are ordered byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// The keys from `start` on, up to but without `end`. Empty where `end <= start`.
    pub fn new(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// The keys from `start` on.
    pub fn starting_at(start: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: None }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        // The first key behind them: the last byte that can be raised, raised, and nothing after it. A prefix of 0xFF alone
        // has no such key, and no key follows it either.
        let end = start.iter().rposition(|byte| *byte != u8::MAX).map(|last| {
            let mut end = start[..=last].to_vec();
            end[last] += 1;
            end
        });
        Self { start, end }
    }

    /// Every key.
    pub fn all() -> Self {
        Self::starting_at(Vec::new())
    }

    /// The same range from just behind `key` on: the next page of an ascending walk that ended with `key`.
    #[must_use]
    pub fn after(&self, key: &[u8]) -> Self {
        let mut start = key.to_vec();
        start.push(0);
        Self { start: start.max(self.start.clone()), end: self.end.clone() }
    }

    /// The same range up to, but without, `key`: the next page of a descending walk that ended with `key`.
    #[must_use]
    pub fn before(&self, key: &[u8]) -> Self {
        let end = match &self.end {
            Some(end) if end.as_slice() <= key => end.clone(),
            Some(_) | None => key.to_vec(),
        };
        Self { start: self.start.clone(), end: Some(end) }
    }

    /// The first key that may belong to the range.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The first key behind the range, where it has an end.
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Whether `key` belongs to the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && self.end().is_none_or(|end| key < end)
    }

    /// Whether no key can belong to the range.
    pub fn is_empty(&self) -> bool {
        self.end().is_some_and(|end| end <= self.start())
    }

    /// The range as the standard maps take it. Only for a range that is not empty: they panic on an inverted one.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (Bound::Included(self.start()), self.end().map_or(Bound::Unbounded, Bound::Excluded))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::KeyRange;

    proptest! {
        #[test]
        fn prop_a_prefix_range_holds_exactly_the_keys_that_begin_with_it(
            prefix in proptest::collection::vec(prop_oneof![Just(0u8), Just(254), Just(255), any::<u8>()], 0..4),
            key in proptest::collection::vec(prop_oneof![Just(0u8), Just(254), Just(255), any::<u8>()], 0..6),
        ) {
            prop_assert_eq!(KeyRange::prefix(prefix.clone()).contains(&key), key.starts_with(&prefix));
            let mut longer = prefix.clone();
            longer.extend_from_slice(&key);
            prop_assert!(KeyRange::prefix(prefix).contains(&longer));
        }

        #[test]
        fn prop_the_pages_around_a_key_leave_out_that_key_alone(key in proptest::collection::vec(any::<u8>(), 1..4), other in proptest::collection::vec(any::<u8>(), 1..4)) {
            let all = KeyRange::all();
            prop_assert_eq!(all.after(&key).contains(&other), other > key);
            prop_assert_eq!(all.before(&key).contains(&other), other < key);
        }
    }
}
