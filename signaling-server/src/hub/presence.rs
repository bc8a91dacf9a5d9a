//! Who is online, away or gone, as others see it; and how many people are here.
//!
//! An account is online while one of its devices is connected, away while all of those are. What changed is collected
//! and told together: [`CHANGES_EVERY_MS`] after the first change, so that a device that reconnects at once was never gone.
//!
//! Not here: who may see whom (`rooms::membership`), and writing last-seen times down (the relay's driver).

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::limits::DEVICES_PER_ACCOUNT_MAX;
use momoland_protocol::server::AccountPresence;
use momoland_replica::input::Mono;

/// Changes are told this long after the first of them, milliseconds: many people who come at once cost one frame.
pub const CHANGES_EVERY_MS: u64 = 250;

/// The number of people online is told at most this often, milliseconds.
pub const COUNT_EVERY_MS: u64 = 1_000;

/// What is known of every account that ever was here.
#[derive(Debug, Default)]
pub struct Presence {
    accounts: BTreeMap<AccountId, Standing>,
    online: u32,
    changed: BTreeSet<AccountId>,
    changes_due: Option<Mono>,
    count_told: u32,
    count_told_at: Option<Mono>,
}

/// What outlives the account's connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastSeen {
    pub at: UnixMillis,
    /// The status text, as it was last set.
    pub text: String,
}

#[derive(Debug, Default)]
struct Standing {
    /// Connected devices, and whether each is away.
    devices: BTreeMap<DeviceId, bool>,
    text: String,
    last_seen: Option<UnixMillis>,
}

/// What is to be told now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Accounts whose presence changed.
    pub accounts: Vec<AccountId>,
    /// The number of people online, where it changed.
    pub online: Option<u32>,
}

impl Presence {
    /// Nobody is here; these were once.
    pub fn new(known: impl IntoIterator<Item = (AccountId, LastSeen)>) -> Self {
        let standing =
            |seen: LastSeen| Standing { devices: BTreeMap::new(), text: seen.text, last_seen: Some(seen.at) };
        let accounts = known.into_iter().map(|(account, seen)| (account, standing(seen))).collect();
        Self { accounts, ..Self::default() }
    }

    /// A device came. It is not away until it says so.
    pub fn arrive(&mut self, now: Mono, account: AccountId, device: DeviceId) {
        let standing = self.accounts.entry(account).or_default();
        if standing.devices.is_empty() {
            self.online += 1;
        }
        standing.devices.insert(device, false);
        self.note(now, account);
    }

    /// A device went. Answers what is to be written down where it was the account's last one.
    pub fn depart(&mut self, now: Mono, wall: UnixMillis, account: AccountId, device: DeviceId) -> Option<LastSeen> {
        let standing = self.accounts.get_mut(&account)?;
        standing.devices.remove(&device)?;
        let mut gone = None;
        if standing.devices.is_empty() {
            self.online -= 1;
            standing.last_seen = Some(wall);
            gone = Some(LastSeen { at: wall, text: standing.text.clone() });
        }
        self.note(now, account);
        gone
    }

    /// A device says how it is.
    pub fn set(&mut self, now: Mono, account: AccountId, device: DeviceId, away: bool, text: String) {
        let Some(standing) = self.accounts.get_mut(&account) else { return };
        let Some(known) = standing.devices.get_mut(&device) else { return };
        if *known == away && standing.text == text {
            return;
        }
        *known = away;
        standing.text = text;
        self.note(now, account);
    }

    /// Tells an account's presence again: somebody new may see it.
    pub fn note(&mut self, now: Mono, account: AccountId) {
        self.changed.insert(account);
        self.changes_due.get_or_insert(Mono(now.0 + CHANGES_EVERY_MS));
    }

    /// When [`Presence::take_due`] has something to say.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let count_due = (self.online != self.count_told)
            .then(|| Mono(self.count_told_at.map_or(0, |told| told.0 + COUNT_EVERY_MS)));
        self.changes_due.into_iter().chain(count_due).min()
    }

    /// What is to be told at `now`; nothing before its time.
    pub fn take_due(&mut self, now: Mono) -> Due {
        let mut due = Due::default();
        if self.changes_due.is_some_and(|at| at <= now) {
            self.changes_due = None;
            due.accounts = std::mem::take(&mut self.changed).into_iter().collect();
        }
        if self.online != self.count_told && self.count_told_at.is_none_or(|told| told.0 + COUNT_EVERY_MS <= now.0) {
            self.count_told = self.online;
            self.count_told_at = Some(now);
            due.online = Some(self.online);
        }
        due
    }

    /// How many accounts are online.
    pub fn online(&self) -> u32 {
        self.online
    }

    /// What others see of an account. `None`: it never was here.
    pub fn of(&self, account: AccountId) -> Option<AccountPresence> {
        let standing = self.accounts.get(&account)?;
        let online = !standing.devices.is_empty();
        Some(AccountPresence {
            account,
            devices: standing.devices.keys().copied().take(DEVICES_PER_ACCOUNT_MAX).collect(),
            away: online && standing.devices.values().all(|away| *away),
            text: standing.text.clone(),
            last_seen: if online { None } else { standing.last_seen },
        })
    }

    /// # Panics
    /// Where the count is not the number of accounts with devices.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let online = self.accounts.values().filter(|standing| !standing.devices.is_empty()).count();
        assert_eq!(usize::try_from(self.online), Ok(online));
        assert_eq!(self.changes_due.is_some(), !self.changed.is_empty(), "what changed is told some time");
        assert!(self.changed.iter().all(|account| self.accounts.contains_key(account)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId([1; 16]);
    const BOB: AccountId = AccountId([2; 16]);
    const DESK: DeviceId = DeviceId([3; 32]);
    const LAPTOP: DeviceId = DeviceId([4; 32]);
    const WALL: UnixMillis = UnixMillis(1_000_000);

    #[test]
    fn changes_are_told_together_and_once() {
        let mut presence = Presence::default();
        presence.arrive(Mono(1_000), ADA, DESK);
        presence.arrive(Mono(1_200), BOB, LAPTOP);
        presence.check_invariants();
        assert_eq!(presence.take_due(Mono(1_000)), Due { accounts: vec![], online: Some(2) });
        assert_eq!(presence.poll_timeout(), Some(Mono(1_250)));
        assert_eq!(presence.take_due(Mono(1_249)), Due::default());
        assert_eq!(presence.take_due(Mono(1_250)), Due { accounts: vec![ADA, BOB], online: None });
        assert_eq!(presence.poll_timeout(), None);
        presence.check_invariants();
    }

    #[test]
    fn the_count_is_told_at_most_once_a_second() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        assert_eq!(presence.take_due(Mono(0)).online, Some(1));
        presence.arrive(Mono(10), BOB, LAPTOP);
        assert_eq!(presence.take_due(Mono(999)).online, None);
        assert_eq!(presence.take_due(Mono(1_000)).online, Some(2));
        presence.depart(Mono(1_100), WALL, BOB, LAPTOP);
        presence.arrive(Mono(1_200), BOB, LAPTOP);
        assert_eq!(presence.take_due(Mono(5_000)).online, None, "as many as were told");
    }

    #[test]
    fn an_account_is_away_when_all_its_devices_are() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        presence.arrive(Mono(0), ADA, LAPTOP);
        presence.set(Mono(0), ADA, DESK, true, "at lunch".to_owned());
        let seen = presence.of(ADA).unwrap();
        assert_eq!((seen.away, seen.text.as_str(), seen.devices.len()), (false, "at lunch", 2));
        presence.set(Mono(0), ADA, LAPTOP, true, "at lunch".to_owned());
        assert!(presence.of(ADA).unwrap().away);
        presence.depart(Mono(0), WALL, ADA, DESK);
        assert!(presence.of(ADA).unwrap().away);
        presence.set(Mono(0), ADA, DESK, false, String::new());
        assert_eq!(presence.of(ADA).unwrap().text, "at lunch", "a device that went says nothing more");
        presence.check_invariants();
    }

    #[test]
    fn the_last_device_leaves_a_time_and_the_text() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        presence.arrive(Mono(0), ADA, LAPTOP);
        presence.set(Mono(0), ADA, DESK, true, "back at five".to_owned());
        assert_eq!(presence.depart(Mono(0), WALL, ADA, DESK), None);
        let gone = presence.depart(Mono(0), WALL, ADA, LAPTOP).unwrap();
        assert_eq!(gone, LastSeen { at: WALL, text: "back at five".to_owned() });
        assert_eq!(presence.depart(Mono(0), WALL, ADA, LAPTOP), None);
        let seen = presence.of(ADA).unwrap();
        assert_eq!((seen.devices.len(), seen.away, seen.last_seen), (0, false, Some(WALL)));
        let restarted = Presence::new([(ADA, gone)]);
        assert_eq!(restarted.of(ADA), Some(seen));
        assert_eq!(restarted.of(BOB), None);
        restarted.check_invariants();
    }

    #[test]
    fn saying_the_same_again_tells_nobody() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        presence.take_due(Mono(10_000));
        presence.set(Mono(10_000), ADA, DESK, false, String::new());
        assert_eq!(presence.poll_timeout(), None);
    }
}
