//! Introductions by peers: two who are both linked with a third find each other through it, so that the mesh heals while the
//! server is away. `docs/protocol.md`, PL7, has the rules.
//!
//! A device tells each of its peers which others it is linked with, and passes signals between them. It can refuse to, and
//! no more: the handshake on the link proves who is at the other end.
//!
//! # Invariants
//! 1. Nobody is told of, or introduced to, a device that shares no room with it. Test: `strangers_are_not_introduced`.
//! 2. A peer makes its introducer pass on so many signals and no more. Test: `a_flood_of_introductions_is_dropped`.
//!
//! Not here: what a signal says (`link`), introductions by the server (`engine::server`).

use std::collections::BTreeSet;
use std::time::Duration;

use momoland_protocol::id::DeviceId;
use momoland_protocol::limits::DEVICES_AROUND_MAX;
use momoland_protocol::peer::PeerFrame;
use momoland_protocol::server::ClientFrame;

use crate::engine::home::Home;

/// Signals that are passed on for one peer in [`PASSED_WITHIN`]: some ten attempts to link. More are dropped.
const PASSED_MAX: u32 = 400;

/// The time that [`PASSED_MAX`] is counted in.
const PASSED_WITHIN: Duration = Duration::from_secs(10);

/// What introductions have to do with one peer.
#[derive(Debug, Default)]
pub(super) struct Introductions {
    /// Whom it is linked with, as it says.
    around: BTreeSet<DeviceId>,
    /// Whom it was told that we are linked with.
    told: BTreeSet<DeviceId>,
    passed: u32,
    /// From when on they are counted, since the start.
    counted_since: Duration,
}

impl Introductions {
    /// Whether one more may be passed on for the peer.
    fn may_pass(&mut self, now: Duration) -> bool {
        if now >= self.counted_since + PASSED_WITHIN {
            (self.counted_since, self.passed) = (now, 0);
        }
        self.passed = self.passed.saturating_add(1);
        self.passed <= PASSED_MAX
    }

    /// Whether the peer said that it is linked with a device.
    #[cfg(test)]
    pub(super) fn knows(&self, device: DeviceId) -> bool {
        self.around.contains(&device)
    }
}

impl Home {
    /// Passes a signal to a device, by the server where that says that the device is there, else by a peer.
    pub(super) fn introduce(&mut self, to: DeviceId, signal: Vec<u8>) {
        let by_server = self.server_link.is_some() && self.presence.is_connected(to);
        let by_peer =
            self.peers.iter().find(|(_, peer)| peer.link.is_some() && peer.introductions.around.contains(&to));
        match by_peer.map(|(connection, _)| *connection).filter(|_| !by_server) {
            Some(connection) => self.send_on(connection, &PeerFrame::Introduce { to, signal }, 0),
            None => self.send_to_server_if_online(&ClientFrame::Introduce { to, signal }),
        }
    }

    /// Devices that peers introduce to, and that share a room by what is held here.
    pub(super) fn around(&self) -> impl Iterator<Item = DeviceId> + '_ {
        let own = self.key.device();
        let around = self.peers.values().flat_map(|peer| peer.introductions.around.iter().copied());
        around.filter(move |device| *device != own && self.account_of(*device).is_some())
    }

    /// Tells each peer with whom we are linked that it shares a room with, where that changed.
    pub(in crate::engine) fn tell_around(&mut self) {
        let linked: Vec<(u64, DeviceId)> =
            self.peers.iter().filter(|(_, peer)| peer.link.is_some()).map(|(id, peer)| (*id, peer.device)).collect();
        for (connection, device) in &linked {
            let others = linked.iter().map(|(_, other)| *other).filter(|other| other != device);
            let around: BTreeSet<DeviceId> =
                others.filter(|other| self.share_a_room(*device, *other)).take(DEVICES_AROUND_MAX).collect();
            let Some(peer) = self.peers.get_mut(connection) else { continue };
            if peer.introductions.told != around {
                peer.introductions.told.clone_from(&around);
                let devices = around.into_iter().collect();
                self.send_on(*connection, &PeerFrame::Around { devices }, 0);
            }
        }
    }

    /// A peer says with whom it is linked.
    pub(super) fn take_around(&mut self, connection: u64, devices: Vec<DeviceId>) {
        if let Some(peer) = self.peers.get_mut(&connection) {
            peer.introductions.around = devices.into_iter().collect();
            self.dial_dirty = true;
        }
    }

    /// A peer wants a signal passed on to another.
    pub(super) fn pass_on(&mut self, connection: u64, to: DeviceId, signal: Vec<u8>) {
        let now = self.started.elapsed();
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        let from = peer.device;
        if !peer.introductions.may_pass(now) || !self.share_a_room(from, to) {
            return;
        }
        let target = self.peers.iter().find(|(_, peer)| peer.link.is_some() && peer.device == to).map(|(id, _)| *id);
        if let Some(target) = target {
            self.send_on(target, &PeerFrame::Introduced { from, signal }, 0);
        }
    }

    /// Whether two devices belong to one room now.
    fn share_a_room(&self, one: DeviceId, other: DeviceId) -> bool {
        let both = |roster: &momoland_replica::roster::Roster| {
            roster.role_of_device(one).is_some() && roster.role_of_device(other).is_some()
        };
        self.replica.rooms().any(|(_, roster)| both(roster))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rules: PL7
    #[test]
    fn a_flood_of_introductions_is_dropped() {
        let mut introductions = Introductions::default();
        let at = |ms| Duration::from_millis(ms);
        let passed = (0..PASSED_MAX + 100).filter(|number| introductions.may_pass(at(u64::from(*number)))).count();
        assert_eq!(passed, usize::try_from(PASSED_MAX).unwrap());
        assert!(!introductions.may_pass(PASSED_WITHIN - at(1)));
        assert!(introductions.may_pass(PASSED_WITHIN));
    }
}
