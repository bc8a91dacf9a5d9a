//! Who is here. The server says who is connected to it; a peer link says that its other end is here, server or not.
//!
//! # Invariants
//! 1. While the server is away, exactly those are online who are linked. Test: `without_the_server_the_linked_are_here`.
//! 2. Every change of a status comes out of the call that made it, once. Test: `each_change_is_told_once`.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::server::{AccountPresence, Availability, ChosenStatus};

use crate::api::types::PresenceStatus;

/// The presence of one account, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) status: PresenceStatus,
    pub(crate) text: Option<String>,
    pub(crate) last_seen: Option<UnixMillis>,
}

#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// As the server said last; without devices while it is away.
    by_server: BTreeMap<AccountId, AccountPresence>,
    /// Devices that are linked.
    linked: BTreeMap<DeviceId, AccountId>,
    /// When an account was last known to be here.
    last_seen: BTreeMap<AccountId, UnixMillis>,
    /// What was told of each account.
    told: BTreeMap<AccountId, Shown>,
    pub(crate) online_count: u32,
}

impl Presence {
    /// The server tells of accounts. Those whose appearance changed.
    pub(crate) fn told_by_server(&mut self, accounts: Vec<AccountPresence>) -> Vec<AccountId> {
        let ids: Vec<AccountId> = accounts.iter().map(|presence| presence.account).collect();
        for presence in accounts {
            if let Some(last_seen) = presence.last_seen {
                self.last_seen.insert(presence.account, last_seen);
            }
            self.by_server.insert(presence.account, presence);
        }
        self.changed(ids)
    }

    /// The server is away.
    pub(crate) fn server_lost(&mut self, now: UnixMillis) -> Vec<AccountId> {
        // What somebody chose goes on while a link shows that they are here.
        for presence in self.by_server.values_mut().filter(|presence| !presence.devices.is_empty()) {
            self.last_seen.insert(presence.account, now);
            presence.devices.clear();
            presence.idle = false;
        }
        self.online_count = 0;
        self.changed(self.by_server.keys().copied().collect())
    }

    /// A peer link is proven.
    pub(crate) fn linked(&mut self, device: DeviceId, account: AccountId) -> Vec<AccountId> {
        self.linked.insert(device, account);
        self.changed(vec![account])
    }

    /// A peer link is gone.
    pub(crate) fn unlinked(&mut self, device: DeviceId, now: UnixMillis) -> Vec<AccountId> {
        let Some(account) = self.linked.remove(&device) else { return Vec::new() };
        self.last_seen.insert(account, now);
        self.changed(vec![account])
    }

    fn changed(&mut self, accounts: Vec<AccountId>) -> Vec<AccountId> {
        let mut changed = Vec::new();
        for account in accounts {
            let shown = self.of(account);
            if self.told.get(&account) != Some(&shown) {
                self.told.insert(account, shown);
                changed.push(account);
            }
        }
        changed
    }

    /// How an account appears.
    pub(crate) fn of(&self, account: AccountId) -> Shown {
        let by_server = self.by_server.get(&account);
        let connected = by_server.is_some_and(|presence| !presence.devices.is_empty());
        let linked = self.linked.values().any(|linked| *linked == account);
        let idle = connected && by_server.is_some_and(|presence| presence.idle);
        let chosen = by_server.map(|presence| &presence.chosen);
        let status = match connected || linked {
            true => appearance(chosen.map_or(Availability::Online, |chosen| chosen.availability), idle),
            false => PresenceStatus::Offline,
        };
        let text = chosen.map(|chosen| chosen.text.clone()).filter(|text| !text.is_empty());
        let last_seen = self.last_seen.get(&account).copied().filter(|_| status == PresenceStatus::Offline);
        Shown { status, text, last_seen }
    }

    /// What an account chose last, as the server knows it.
    pub(crate) fn chosen(&self, account: AccountId) -> Option<&ChosenStatus> {
        self.by_server.get(&account).map(|presence| &presence.chosen)
    }

    /// Whether the server says that a device is connected to it.
    pub(crate) fn is_connected(&self, device: DeviceId) -> bool {
        self.by_server.values().any(|presence| presence.devices.contains(&device))
    }

    /// All devices that are connected or linked, with their accounts.
    pub(crate) fn all_devices(&self) -> BTreeSet<(DeviceId, AccountId)> {
        let connected = self
            .by_server
            .iter()
            .flat_map(|(account, presence)| presence.devices.iter().map(|device| (*device, *account)));
        connected.chain(self.linked.iter().map(|(device, account)| (*device, *account))).collect()
    }
}

/// How somebody appears who is here.
pub(crate) fn appearance(chosen: Availability, idle: bool) -> PresenceStatus {
    match (chosen, idle) {
        (Availability::Busy, _) => PresenceStatus::Dnd,
        (Availability::Away, _) | (Availability::Online, true) => PresenceStatus::Away,
        (Availability::Online, false) => PresenceStatus::Online,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId([1; 16]);
    const LAPTOP: DeviceId = DeviceId([2; 32]);

    fn connected(devices: Vec<DeviceId>) -> AccountPresence {
        AccountPresence { account: ADA, devices, idle: false, chosen: ChosenStatus::default(), last_seen: None }
    }

    #[test]
    fn each_change_is_told_once() {
        let mut presence = Presence::default();
        assert_eq!(presence.told_by_server(vec![connected(vec![LAPTOP])]), vec![ADA]);
        assert!(presence.told_by_server(vec![connected(vec![LAPTOP])]).is_empty());
        assert!(presence.linked(LAPTOP, ADA).is_empty());
        assert!(presence.unlinked(LAPTOP, UnixMillis(5)).is_empty());
        assert_eq!(presence.told_by_server(vec![connected(vec![])]), vec![ADA]);
    }

    #[test]
    fn without_the_server_the_linked_are_here() {
        let mut presence = Presence::default();
        presence.told_by_server(vec![connected(vec![LAPTOP])]);
        presence.linked(LAPTOP, ADA);
        assert!(presence.server_lost(UnixMillis(7)).is_empty());
        assert_eq!(presence.of(ADA).status, PresenceStatus::Online);
        assert_eq!(presence.unlinked(LAPTOP, UnixMillis(8)), vec![ADA]);
        let shown = presence.of(ADA);
        assert_eq!((shown.status, shown.last_seen), (PresenceStatus::Offline, Some(UnixMillis(8))));
    }

    #[test]
    fn what_somebody_chose_shows_over_what_their_devices_do() {
        let mut presence = Presence::default();
        let chosen = |availability| ChosenStatus { availability, text: "deep in it".to_owned(), at: UnixMillis(1) };
        let mut status = |availability, idle| {
            let chosen = chosen(availability);
            presence.told_by_server(vec![AccountPresence { idle, chosen, ..connected(vec![LAPTOP]) }]);
            presence.of(ADA).status
        };
        assert_eq!(status(Availability::Online, false), PresenceStatus::Online);
        assert_eq!(status(Availability::Online, true), PresenceStatus::Away);
        assert_eq!(status(Availability::Away, false), PresenceStatus::Away);
        assert_eq!(status(Availability::Busy, true), PresenceStatus::Dnd);
        // Without the server, a link shows that somebody is here, and not to be disturbed.
        presence.linked(LAPTOP, ADA);
        presence.server_lost(UnixMillis(7));
        assert_eq!(presence.of(ADA).status, PresenceStatus::Dnd);
        assert_eq!(presence.of(ADA).text.as_deref(), Some("deep in it"));
        presence.unlinked(LAPTOP, UnixMillis(8));
        assert_eq!(presence.of(ADA).status, PresenceStatus::Offline);
    }
}
