//! Who is online, away or gone, as others see it; and how many people are here.
//!
//! An account is online while one of its devices is connected, idle while all of those are; what a person chose is of the
//! account, and the latest choice counts. What changed is collected
//! and told together: [`CHANGES_EVERY_MS`] after the first change, so that a device that reconnects at once was never gone,
//! and later where telling it cost much the last time.
//!
//! Not here: who may see whom (`rooms::membership`), and writing last-seen times down (the relay's driver).

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::limits::DEVICES_PER_ACCOUNT_MAX;
use momoland_protocol::server::{AccountPresence, ChosenStatus};
use momoland_replica::input::Mono;

/// Changes are told this long after the first of them, milliseconds: many people who come at once cost one frame.
pub const CHANGES_EVERY_MS: u64 = 250;

/// Devices that are told of changes in a second, over the times that they are told: beyond, changes wait longer for company.
/// So however many come and go, a device of a room of a thousand is told twice a second, each time of all that changed.
const CHANGES_TO_A_SECOND: u64 = 2_000;

/// The number of people online is told at most this often, milliseconds; where there are more than [`COUNT_TO_A_SECOND`], to as
/// many a second, so that a number costs little while thousands return after a restart.
pub const COUNT_EVERY_MS: u64 = 1_000;

/// People who are told the number in a second.
const COUNT_TO_A_SECOND: u64 = 1_000;

/// What is known of every account that ever was here.
#[derive(Debug, Default)]
pub struct Presence {
    accounts: BTreeMap<AccountId, Standing>,
    online: u32,
    changed: BTreeSet<AccountId>,
    changes_due: Option<Mono>,
    /// Not before then.
    changes_from: Mono,
    count_told: u32,
    count_told_at: Option<Mono>,
}

/// What outlives the account's connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastSeen {
    pub at: UnixMillis,
    /// What the person chose last.
    pub chosen: ChosenStatus,
}

#[derive(Debug, Default)]
struct Standing {
    /// Connected devices, and whether each is idle. Mostly one: a map would cost ten times as much.
    devices: Vec<(DeviceId, bool)>,
    chosen: ChosenStatus,
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

impl Standing {
    /// Whether a connected device is idle.
    fn device(&mut self, device: DeviceId) -> Option<&mut bool> {
        self.devices.iter_mut().find(|(known, _)| *known == device).map(|(_, idle)| idle)
    }
}

impl Presence {
    /// Nobody is here; these were once.
    pub fn new(known: impl IntoIterator<Item = (AccountId, LastSeen)>) -> Self {
        let standing = |seen: LastSeen| Standing { devices: Vec::new(), chosen: seen.chosen, last_seen: Some(seen.at) };
        let accounts = known.into_iter().map(|(account, seen)| (account, standing(seen))).collect();
        Self { accounts, ..Self::default() }
    }

    /// A device came. It is not away until it says so.
    pub fn arrive(&mut self, now: Mono, account: AccountId, device: DeviceId) {
        let standing = self.accounts.entry(account).or_default();
        if standing.devices.is_empty() {
            self.online += 1;
        }
        match standing.device(device) {
            Some(idle) => *idle = false,
            None => {
                standing.devices.reserve_exact(1);
                standing.devices.push((device, false));
            }
        }
        self.note(now, account);
    }

    /// A device went. Answers what is to be written down where it was the account's last one.
    pub fn depart(&mut self, now: Mono, wall: UnixMillis, account: AccountId, device: DeviceId) -> Option<LastSeen> {
        let standing = self.accounts.get_mut(&account)?;
        let place = standing.devices.iter().position(|(known, _)| *known == device)?;
        standing.devices.swap_remove(place);
        let mut gone = None;
        if standing.devices.is_empty() {
            self.online -= 1;
            standing.last_seen = Some(wall);
            gone = Some(LastSeen { at: wall, chosen: standing.chosen.clone() });
        }
        self.note(now, account);
        gone
    }

    /// A device says how it is, and what its person chose; an earlier choice than the last changes nothing.
    pub fn set(&mut self, now: Mono, account: AccountId, device: DeviceId, idle: bool, chosen: ChosenStatus) {
        let Some(standing) = self.accounts.get_mut(&account) else { return };
        let is_later = standing.chosen.at < chosen.at;
        let Some(known) = standing.device(device) else { return };
        if *known == idle && !is_later {
            return;
        }
        *known = idle;
        if is_later {
            standing.chosen = chosen;
        }
        self.note(now, account);
    }

    /// Tells an account's presence again: somebody new may see it.
    pub fn note(&mut self, now: Mono, account: AccountId) {
        self.changed.insert(account);
        self.changes_due.get_or_insert(Mono(now.0 + CHANGES_EVERY_MS).max(self.changes_from));
    }

    /// So many devices were told what [`Presence::take_due`] gave, each of one account or of many.
    pub fn spent(&mut self, now: Mono, devices: u64) {
        self.changes_from = Mono(now.0 + devices.saturating_mul(1_000) / CHANGES_TO_A_SECOND);
    }

    /// When [`Presence::take_due`] has something to say.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.changes_due.into_iter().chain(self.count_due()).min()
    }

    /// When the number of people online is told, where it changed.
    fn count_due(&self) -> Option<Mono> {
        let every_ms = COUNT_EVERY_MS.max(u64::from(self.online) * 1_000 / COUNT_TO_A_SECOND);
        (self.online != self.count_told).then(|| Mono(self.count_told_at.map_or(0, |told| told.0 + every_ms)))
    }

    /// What is to be told at `now`; nothing before its time.
    pub fn take_due(&mut self, now: Mono) -> Due {
        let mut due = Due::default();
        if self.changes_due.is_some_and(|at| at <= now) {
            self.changes_due = None;
            due.accounts = std::mem::take(&mut self.changed).into_iter().collect();
        }
        if self.count_due().is_some_and(|at| at <= now) {
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
            devices: standing.devices.iter().map(|(device, _)| *device).take(DEVICES_PER_ACCOUNT_MAX).collect(),
            idle: online && standing.devices.iter().all(|(_, idle)| *idle),
            chosen: standing.chosen.clone(),
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
    use momoland_protocol::server::Availability;

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
    fn changes_that_many_are_told_wait_for_more() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        assert_eq!(presence.take_due(Mono(250)).accounts, [ADA]);
        presence.spent(Mono(250), CHANGES_TO_A_SECOND);
        presence.arrive(Mono(300), BOB, LAPTOP);
        assert_eq!(presence.take_due(Mono(1_249)).accounts, []);
        presence.depart(Mono(1_249), WALL, ADA, DESK);
        assert_eq!(presence.take_due(Mono(1_250)).accounts, [ADA, BOB]);
        presence.spent(Mono(1_250), 10);
        presence.arrive(Mono(1_300), ADA, DESK);
        assert_eq!(presence.take_due(Mono(1_550)).accounts, [ADA], "as soon as ever");
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
    fn the_count_costs_as_much_a_second_however_many_come() {
        let mut presence = Presence::default();
        let mut told = 0;
        // Five thousand within five seconds, and as long again.
        for now in 0..10_000_u16 {
            if now < 5_000 {
                let mut account = [0; 16];
                account[..2].copy_from_slice(&now.to_be_bytes());
                presence.arrive(Mono(now.into()), AccountId(account), DESK);
            }
            if presence.take_due(Mono(now.into())).online.is_some() {
                told += u64::from(presence.online());
            }
        }
        assert!(told <= 10 * COUNT_TO_A_SECOND, "{told} were told");
        assert_eq!((presence.count_told, presence.online()), (5_000, 5_000), "in the end all know how many there are");
    }

    fn lunch(at: u64) -> ChosenStatus {
        ChosenStatus { availability: Availability::Away, text: format!("lunch {at}"), at: UnixMillis(at) }
    }

    #[test]
    fn an_account_is_idle_when_all_its_devices_are() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        presence.arrive(Mono(0), ADA, LAPTOP);
        presence.set(Mono(0), ADA, DESK, true, ChosenStatus::default());
        let seen = presence.of(ADA).unwrap();
        assert_eq!((seen.idle, seen.devices.len()), (false, 2));
        presence.set(Mono(0), ADA, LAPTOP, true, ChosenStatus::default());
        assert!(presence.of(ADA).unwrap().idle);
        presence.depart(Mono(0), WALL, ADA, DESK);
        assert!(presence.of(ADA).unwrap().idle);
        presence.set(Mono(0), ADA, DESK, false, lunch(9));
        assert_eq!(presence.of(ADA).unwrap().chosen, ChosenStatus::default(), "a device that went says nothing more");
        presence.check_invariants();
    }

    #[test]
    fn the_latest_choice_counts_whichever_device_it_comes_from() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        presence.set(Mono(0), ADA, DESK, false, lunch(5));
        presence.arrive(Mono(0), ADA, LAPTOP);
        presence.take_due(Mono(10_000));
        presence.set(Mono(10_000), ADA, LAPTOP, false, lunch(4));
        assert_eq!(presence.poll_timeout(), None, "who missed it tells nobody anything");
        assert_eq!(presence.of(ADA).unwrap().chosen, lunch(5));
        presence.set(Mono(10_000), ADA, LAPTOP, false, lunch(6));
        assert_eq!(presence.of(ADA).unwrap().chosen, lunch(6));
    }

    #[test]
    fn the_last_device_leaves_a_time_and_the_choice() {
        let mut presence = Presence::default();
        presence.arrive(Mono(0), ADA, DESK);
        presence.arrive(Mono(0), ADA, LAPTOP);
        presence.set(Mono(0), ADA, DESK, true, lunch(5));
        assert_eq!(presence.depart(Mono(0), WALL, ADA, DESK), None);
        let gone = presence.depart(Mono(0), WALL, ADA, LAPTOP).unwrap();
        assert_eq!(gone, LastSeen { at: WALL, chosen: lunch(5) });
        assert_eq!(presence.depart(Mono(0), WALL, ADA, LAPTOP), None);
        let seen = presence.of(ADA).unwrap();
        assert_eq!((seen.devices.len(), seen.idle, seen.last_seen), (0, false, Some(WALL)));
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
        presence.set(Mono(10_000), ADA, DESK, false, ChosenStatus::default());
        assert_eq!(presence.poll_timeout(), None);
    }
}
