//! Whom to reach, and when to try.
//!
//! The engine tells it which devices are worth a link (online, and in a common room), and what became of attempts; it
//! answers which device to dial now. Of each pair the device with the lower id dials at once and the other after
//! [`GRACE`]: usually one offer is made, and where one side cannot begin, the other does.
//!
//! A link that goes over TURN is worth looking for a direct way, since what was in it may be gone: a NAT that was entered
//! anew, another network at the other end. The device with the lower id looks, ever more seldom.
//!
//! Where more devices are wanted than [`LINKS_MAX`], both ends of a pair rank it alike, by a hash over the two ids, so
//! that they choose each other. The relay carries what has no link.
//!
//! # Invariants
//! 1. Links and attempts together never exceed [`LINKS_MAX`], attempts never [`ATTEMPTS_MAX`].
//!    Test: `prop_budgets_hold_whatever_happens`.
//! 2. A wanted device without a link is tried again within [`RETRY_DELAY_MAX`] and the grace, for ever, as far as the
//!    budgets allow. Test: `delays_grow_to_ten_seconds_and_no_further`.
//! 3. The same seed and inputs give the same dials. Test: `the_same_seed_gives_the_same_times`.
//!
//! Not here: IO, clocks, randomness from outside, signalling; whether a dial is a good idea for any other reason.

use std::collections::BTreeMap;
use std::time::Duration;

use momoland_protocol::id::DeviceId;

use super::PeerPath;

#[cfg(test)]
mod tests;

/// Devices that are linked or being reached. More is the relay's business (DESIGN §3, overlay).
const LINKS_MAX: usize = 8;
/// Attempts under way at once: each costs sockets, a key and a handshake.
const ATTEMPTS_MAX: usize = 4;
/// What the device with the higher id waits before it dials as well. An attempt that goes well takes less.
const GRACE: Duration = Duration::from_millis(1_500);
/// Delay after the first failure; doubled by each further one.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(500);
/// The longest delay between two attempts (DESIGN §4: reconnection never waits longer than 10 s).
const RETRY_DELAY_MAX: Duration = Duration::from_secs(10);

/// From the opening of a link over TURN to the first look for a direct way; doubled by each further one.
const BETTER_DELAY_MIN: Duration = Duration::from_secs(30);
/// The longest time between two looks: each has both ends gather candidates anew.
const BETTER_DELAY_MAX: Duration = Duration::from_secs(30 * 60);

/// How it stands with one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// To be dialled, not before `at`.
    Waiting { at: Duration },
    /// Dialled; an answer or a failure is to come.
    Dialling,
    /// Linked, whoever dialled.
    Linked,
}

#[derive(Debug)]
struct Target {
    standing: Standing,
    failures: u32,
    wanted: bool,
    rank: u64,
    /// When a direct way is looked for next, and how often it was; of a link over TURN.
    better: Option<(Duration, u32)>,
}

/// Decides whom to dial. Time is the duration since any fixed moment, and must not run back.
#[derive(Debug)]
pub struct Dialer {
    own: DeviceId,
    targets: BTreeMap<DeviceId, Target>,
    jitter: Jitter,
}

impl Dialer {
    /// `seed` chooses the jitter.
    pub fn new(own: DeviceId, seed: u64) -> Self {
        Self { own, targets: BTreeMap::new(), jitter: Jitter(seed) }
    }

    /// These devices are worth a link, and no others. Those that are new, or newly online, are tried without delay.
    pub fn set_wanted(&mut self, now: Duration, devices: impl IntoIterator<Item = DeviceId>) {
        for target in self.targets.values_mut() {
            target.wanted = false;
        }
        for device in devices {
            if device == self.own {
                continue;
            }
            let at = now + self.grace(device);
            let rank = rank(self.own, device);
            self.targets
                .entry(device)
                .or_insert(Target { standing: Standing::Waiting { at }, failures: 0, wanted: true, rank, better: None })
                .wanted = true;
        }
        // What is linked or under way is remembered until its end is heard.
        self.targets.retain(|_, target| target.wanted || !matches!(target.standing, Standing::Waiting { .. }));
    }

    /// The network is back, or changed: forget what failed before and try at once.
    pub fn handle_network_change(&mut self, now: Duration) {
        let Self { own, targets, .. } = self;
        for (device, target) in targets {
            target.failures = 0;
            if let Standing::Waiting { at } = &mut target.standing {
                *at = (*at).min(now + grace(*own, *device));
            }
        }
    }

    /// A link to the device stands, whoever dialled.
    pub fn handle_open(&mut self, device: DeviceId) {
        let rank = rank(self.own, device);
        let target = self.targets.entry(device).or_insert(Target {
            standing: Standing::Linked,
            failures: 0,
            wanted: false,
            rank,
            better: None,
        });
        target.standing = Standing::Linked;
        target.failures = 0;
    }

    /// The link to the device goes this way now; told as often as anybody likes.
    pub fn handle_path(&mut self, now: Duration, device: DeviceId, path: PeerPath) {
        let looks = self.own < device && path == PeerPath::Turn;
        let Some(target) = self.targets.get_mut(&device).filter(|target| target.standing == Standing::Linked) else {
            return;
        };
        if !looks {
            target.better = None;
        } else if target.better.is_none() {
            target.better = Some((now + better_delay(&mut self.jitter, 0), 0));
        }
    }

    /// The next device to which a direct way is to be looked for now; the next look is later.
    pub fn poll_better(&mut self, now: Duration) -> Option<DeviceId> {
        let (device, better) = self.targets.iter_mut().find_map(|(device, target)| match &mut target.better {
            Some(better) if better.0 <= now => Some((*device, better)),
            _ => None,
        })?;
        let looks = better.1.saturating_add(1);
        *better = (now + better_delay(&mut self.jitter, looks), looks);
        Some(device)
    }

    /// The link to the device is gone.
    pub fn handle_closed(&mut self, now: Duration, device: DeviceId) {
        let grace = self.grace(device);
        // A little spread, so that a room that lost one member's network does not dial it in step.
        let spread = self.jitter.up_to(Duration::from_millis(200));
        self.wait(device, now + grace + spread);
    }

    /// An attempt failed, whoever made it.
    pub fn handle_failed(&mut self, now: Duration, device: DeviceId) {
        let Some(target) = self.targets.get_mut(&device) else { return };
        if target.standing == Standing::Linked {
            return;
        }
        target.failures = target.failures.saturating_add(1);
        let doubled = RETRY_DELAY_MIN.saturating_mul(1 << (target.failures - 1).min(16));
        let longest = doubled.min(RETRY_DELAY_MAX);
        // Half fixed, half random: never at once, never in step.
        let delay = longest / 2 + self.jitter.up_to(longest / 2);
        self.wait(device, now + delay);
    }

    /// The next device to dial now, if any; it counts as being dialled from here on.
    pub fn poll_dial(&mut self, now: Duration) -> Option<DeviceId> {
        if !self.has_budget() {
            return None;
        }
        let due = |target: &Target| matches!(target.standing, Standing::Waiting { at } if at <= now) && target.wanted;
        let device = self
            .targets
            .iter()
            .filter(|(_, target)| due(target))
            .min_by_key(|(device, target)| (target.failures, target.rank, **device))
            .map(|(device, _)| *device)?;
        if let Some(target) = self.targets.get_mut(&device) {
            target.standing = Standing::Dialling;
        }
        Some(device)
    }

    /// When [`Self::poll_dial`] or [`Self::poll_better`] may have something next. `None`: not before another input.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let better = self.targets.values().filter_map(|target| Some(target.better?.0)).min();
        if !self.has_budget() {
            return better;
        }
        let waiting = self.targets.values().filter(|target| target.wanted);
        let dials = waiting.filter_map(|target| match target.standing {
            Standing::Waiting { at } => Some(at),
            Standing::Dialling | Standing::Linked => None,
        });
        dials.chain(better).min()
    }

    fn has_budget(&self) -> bool {
        let count = |standing| self.targets.values().filter(|target| target.standing == standing).count();
        let (dialling, linked) = (count(Standing::Dialling), count(Standing::Linked));
        dialling < ATTEMPTS_MAX && dialling + linked < LINKS_MAX
    }

    fn grace(&self, device: DeviceId) -> Duration {
        grace(self.own, device)
    }

    fn wait(&mut self, device: DeviceId, at: Duration) {
        if let Some(target) = self.targets.get_mut(&device) {
            target.better = None;
            if target.wanted {
                target.standing = Standing::Waiting { at };
            } else {
                self.targets.remove(&device);
            }
        }
    }
}

fn better_delay(jitter: &mut Jitter, looks: u32) -> Duration {
    let longest = BETTER_DELAY_MIN.saturating_mul(1 << looks.min(16)).min(BETTER_DELAY_MAX);
    // Links that were opened together, as those of a room, are not all looked at together.
    longest.mul_f64(0.75) + jitter.up_to(longest / 4)
}

fn grace(own: DeviceId, device: DeviceId) -> Duration {
    if own < device { Duration::ZERO } else { GRACE }
}

/// The same for both ends of a pair, and as good as random between pairs.
fn rank(one: DeviceId, other: DeviceId) -> u64 {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    // FNV-1a, then a finaliser that spreads it over all bits: no adversary gains by a good rank.
    let folded =
        low.as_bytes().iter().chain(high.as_bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    mix(folded)
}

/// SplitMix64 (Steele et al. 2014): enough to spread delays, not for secrets.
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    fn up_to(&mut self, longest: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        let scaled = (u128::from(mix(self.0)) * u128::from(nanos)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(nanos))
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
