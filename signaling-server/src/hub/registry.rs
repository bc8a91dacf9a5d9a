//! Which devices are connected, and as whom.
//!
//! Three indexes over one fact; [`Registry::check_invariants`] says how they fit.

use std::collections::BTreeMap;

use momoland_protocol::id::{AccountId, DeviceId};
use momoland_replica::input::LinkId;

use crate::rooms::Peer;

/// Every link, by itself, by device, by account.
#[derive(Debug, Default)]
pub struct Registry {
    links: BTreeMap<LinkId, Peer>,
    devices: BTreeMap<DeviceId, LinkId>,
    /// Mostly one device an account: sets would cost ten times as much.
    accounts: BTreeMap<AccountId, Vec<DeviceId>>,
    opened: u64,
}

/// A link that was just opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub link: LinkId,
    /// The device's older link, which no longer counts.
    pub replaced: Option<LinkId>,
}

impl Registry {
    /// Opens a link for a device.
    pub fn arrive(&mut self, peer: Peer) -> Arrival {
        self.opened += 1;
        let link = LinkId(self.opened);
        let replaced = self.devices.insert(peer.device, link);
        if let Some(former) = replaced.and_then(|former| self.links.remove(&former)) {
            // A device belongs to one account for ever, but an index must not rely on what others promise.
            self.forget_device(former);
        }
        self.links.insert(link, peer);
        let devices = self.accounts.entry(peer.account).or_default();
        devices.reserve_exact(1);
        devices.push(peer.device);
        Arrival { link, replaced }
    }

    /// Closes a link; who it was. `None`: it was closed or replaced before.
    pub fn depart(&mut self, link: LinkId) -> Option<Peer> {
        let peer = self.links.remove(&link)?;
        self.devices.remove(&peer.device);
        self.forget_device(peer);
        Some(peer)
    }

    fn forget_device(&mut self, peer: Peer) {
        if let Some(devices) = self.accounts.get_mut(&peer.account) {
            devices.retain(|device| *device != peer.device);
            if devices.is_empty() {
                self.accounts.remove(&peer.account);
            }
        }
    }

    /// Who is at a link.
    pub fn peer(&self, link: LinkId) -> Option<Peer> {
        self.links.get(&link).copied()
    }

    /// The link and account of a device that is connected.
    pub fn link_of(&self, device: DeviceId) -> Option<(LinkId, AccountId)> {
        let link = *self.devices.get(&device)?;
        Some((link, self.links.get(&link)?.account))
    }

    /// The connected devices of an account.
    pub fn devices_of(&self, account: AccountId) -> impl Iterator<Item = (DeviceId, LinkId)> + '_ {
        let devices = self.accounts.get(&account).into_iter().flatten();
        devices.filter_map(|device| Some((*device, *self.devices.get(device)?)))
    }

    /// Whether any device of an account is connected.
    pub fn is_online(&self, account: AccountId) -> bool {
        self.accounts.contains_key(&account)
    }

    /// Every link.
    pub fn links(&self) -> impl Iterator<Item = (LinkId, Peer)> + '_ {
        self.links.iter().map(|(link, peer)| (*link, *peer))
    }

    /// How many accounts are connected.
    pub fn accounts_online(&self) -> usize {
        self.accounts.len()
    }

    /// How many links there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// # Panics
    /// Where the indexes do not say the same.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        assert_eq!(self.links.len(), self.devices.len(), "a link for each device");
        for (link, peer) in &self.links {
            assert_eq!(self.devices.get(&peer.device), Some(link), "a device's link is its own");
            assert!(self.accounts[&peer.account].contains(&peer.device), "an account knows its devices");
            assert!(link.0 <= self.opened, "links are numbered in order");
        }
        assert!(self.accounts.values().all(|devices| !devices.is_empty()), "no account without devices");
        assert_eq!(self.accounts.values().map(Vec::len).sum::<usize>(), self.links.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(device: u8) -> Peer {
        Peer { device: DeviceId([device; 32]), account: AccountId([device / 2; 16]) }
    }

    #[test]
    fn a_newer_link_replaces_the_older() {
        let mut registry = Registry::default();
        let old = registry.arrive(peer(2));
        let new = registry.arrive(peer(2));
        registry.check_invariants();
        assert_eq!(new.replaced, Some(old.link));
        assert_eq!(registry.depart(old.link), None, "the old one no longer counts");
        assert_eq!(registry.link_of(peer(2).device), Some((new.link, peer(2).account)));
        assert_eq!(registry.depart(new.link), Some(peer(2)));
        registry.check_invariants();
        assert!(registry.is_empty() && registry.accounts_online() == 0);
    }

    #[test]
    fn a_device_under_another_account_leaves_the_first() {
        let mut registry = Registry::default();
        registry.arrive(peer(2));
        registry.arrive(Peer { account: AccountId([9; 16]), ..peer(2) });
        registry.check_invariants();
        assert!(!registry.is_online(peer(2).account));
    }

    proptest! {
        #[test]
        fn prop_the_registry_stays_sound(steps in proptest::collection::vec((any::<bool>(), 0_u8..8), 1..200)) {
            let mut registry = Registry::default();
            let mut open: Vec<LinkId> = Vec::new();
            for (arrives, which) in steps {
                if arrives {
                    let arrival = registry.arrive(peer(which));
                    open.retain(|link| Some(*link) != arrival.replaced);
                    open.push(arrival.link);
                } else if !open.is_empty() {
                    let link = open.remove(usize::from(which) % open.len());
                    prop_assert!(registry.depart(link).is_some());
                    prop_assert!(registry.depart(link).is_none());
                }
                registry.check_invariants();
                prop_assert_eq!(registry.len(), open.len());
            }
            for link in open {
                registry.depart(link);
            }
            registry.check_invariants();
            prop_assert!(registry.is_empty());
        }
    }
}
