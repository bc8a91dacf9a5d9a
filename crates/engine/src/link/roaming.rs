//! Whether this machine slept, or moved to another network: then links are looked at at once instead of being found
//! dead by their time-outs (C29).
//!
//! Pure: its owner looks every [`LOOK_EVERY`], and says what the clocks and the system's list of addresses say.
//!
//! - **Slept**: the look came far too late, or the wall clock went far further than the other, which stands still while
//!   the machine sleeps. A process that was stopped and goes on (SIGSTOP) is the same.
//! - **Moved**: an address is gone, or there is one again. One more beside those that were there disturbs nothing: the
//!   links that stand are as good as they were.
//!
//! Not here: what is done about it (`engine`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Between two looks. A person who opens a lid waits for no longer than this and a round trip.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How much later than asked a look may come on a busy machine, and how far a clock may be set meanwhile.
const LATE: Duration = Duration::from_secs(8);

/// What happened since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Slept,
    Moved,
}

/// The last look.
#[derive(Debug)]
pub(crate) struct Roaming {
    mono: Duration,
    wall_ms: u64,
    addresses: BTreeSet<IpAddr>,
}

impl Roaming {
    /// `mono`: since any fixed moment. `wall_ms`: Unix milliseconds. `addresses`: of the interfaces that are up.
    pub(crate) fn new(mono: Duration, wall_ms: u64, addresses: BTreeSet<IpAddr>) -> Self {
        Self { mono, wall_ms, addresses }
    }

    pub(crate) fn look(&mut self, mono: Duration, wall_ms: u64, addresses: BTreeSet<IpAddr>) -> Option<Change> {
        let passed = mono.saturating_sub(self.mono);
        let passed_wall = Duration::from_millis(wall_ms.saturating_sub(self.wall_ms));
        let slept = passed > LOOK_EVERY + LATE || passed_wall > passed + LATE;
        let is_outer = |address: &IpAddr| !address.is_loopback();
        let came_back = !self.addresses.iter().any(is_outer) && addresses.iter().any(is_outer);
        let moved = !self.addresses.is_subset(&addresses) || came_back;
        *self = Self { mono, wall_ms, addresses };
        match (slept, moved) {
            (true, _) => Some(Change::Slept),
            (false, true) => Some(Change::Moved),
            (false, false) => None,
        }
    }

    /// When to look next.
    pub(crate) fn next_look(&self) -> Duration {
        self.mono + LOOK_EVERY
    }
}

/// Of the interfaces that are up; none where the system does not say.
pub(crate) fn addresses() -> BTreeSet<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|interface| interface.ip()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_700_000_000_000;

    fn addresses(list: &[&str]) -> BTreeSet<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[track_caller]
    fn check(mono_s: u64, wall_s: u64, now: &[&str], expected: Option<Change>) {
        let mut roaming = Roaming::new(Duration::from_secs(100), START_MS, addresses(&["192.0.2.1"]));
        let (mono, wall_ms) = (Duration::from_secs(100 + mono_s), START_MS + wall_s * 1_000);
        assert_eq!(roaming.look(mono, wall_ms, addresses(now)), expected);
        assert_eq!(roaming.look(mono + LOOK_EVERY, wall_ms + 2_000, addresses(now)), None, "once");
    }

    #[test]
    fn a_look_in_time_finds_nothing() {
        check(2, 2, &["192.0.2.1"], None);
        // Busy, and the clock was set back, or forth a little.
        check(7, 7, &["192.0.2.1"], None);
        check(2, 0, &["192.0.2.1"], None);
        check(2, 9, &["192.0.2.1"], None);
    }

    #[test]
    fn sleep_is_a_look_that_comes_late_by_either_clock() {
        check(300, 300, &["192.0.2.1"], Some(Change::Slept));
        check(2, 3_600, &["192.0.2.1"], Some(Change::Slept));
        check(300, 300, &["198.51.100.1"], Some(Change::Slept));
    }

    #[test]
    fn another_address_is_another_network() {
        check(2, 2, &["198.51.100.1"], Some(Change::Moved));
        check(2, 2, &["192.0.2.1", "2001:db8::1"], None);
        check(2, 2, &[], Some(Change::Moved));
        let mut roaming = Roaming::new(Duration::ZERO, START_MS, addresses(&["127.0.0.1", "::1"]));
        let back = addresses(&["127.0.0.1", "::1", "192.0.2.1"]);
        assert_eq!(roaming.look(LOOK_EVERY, START_MS + 2_000, back), Some(Change::Moved));
    }
}
