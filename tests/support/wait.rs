//! Waiting for conditions, never for time.

use std::time::{Duration, Instant};

/// Between two looks at a condition of another process, which nothing can announce to us. Short beside what a person
/// notices, long beside what a look costs.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Looks until `probe` gives something.
///
/// # Panics
/// Where it gave nothing within `within`; `what` says what was expected.
#[track_caller]
pub fn wait_for<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(begun.elapsed() < within, "within {within:?} this did not come about: {what}");
        std::thread::sleep(LOOK_PAUSE);
    }
}

/// Looks until `condition` holds.
///
/// # Panics
/// As [`wait_for`].
#[track_caller]
pub fn wait_until(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, within, || condition().then_some(()));
}
