//! Who is here. The server says who is connected to it; a peer link says that its other end is here, server or not.
//!
//! # Invariants
//! 1. While the server is away, exactly those are online who are linked. Test: `without_the_server_the_linked_are_here`.
//! 2. Every change of a status comes out of the call that made it, once. Test: `each_change_is_told_once`.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::server::AccountPresence;

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
    /// As the server said last; empty while it is away.
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
        let gone = std::mem::take(&mut self.by_server);
        for presence in gone.values().filter(|presence| !presence.devices.is_empty()) {
            self.last_seen.insert(presence.account, now);
        }
        self.online_count = 0;
        self.changed(gone.into_keys().collect())
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
        let away = connected && by_server.is_some_and(|presence| presence.away);
        let status = match (connected || linked, away) {
            (true, false) => PresenceStatus::Online,
            (true, true) => PresenceStatus::Away,
            (false, _) => PresenceStatus::Offline,
        };
        let text = by_server.map(|presence| presence.text.clone()).filter(|text| !text.is_empty());
        let last_seen = self.last_seen.get(&account).copied().filter(|_| status == PresenceStatus::Offline);
        Shown { status, text, last_seen }
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

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId([1; 16]);
    const LAPTOP: DeviceId = DeviceId([2; 32]);

    fn connected(devices: Vec<DeviceId>) -> AccountPresence {
        AccountPresence { account: ADA, devices, away: false, text: String::new(), last_seen: None }
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
}
