//! Who is here: joining, leaving, presence, names, ephemerals, introductions.

use std::collections::BTreeSet;
use std::sync::Arc;

use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::server::{AccountPresence, ChosenStatus, GoodbyeReason, ServerFrame};
use momoland_replica::input::{Input, LinkId, Mono, Remote};
use momoland_store::kv::Batch;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;

use super::{Driver, Joined, Link, OWN_TICKET, Outbox, Peer, Window};
use crate::accounts::notices::{Notice, SignOut};
use crate::hub::fan_out::{self, Told};
use crate::hub::introductions::{self, Introduction};
use crate::records::{self, LastSeenRecord};
use crate::relay::outbox::encode;
use crate::relay::window::WINDOW_BYTES;

impl Driver {
    pub(super) fn join(&mut self, peer: Peer, admin: bool, outbox: Arc<Outbox>, joined: oneshot::Sender<Joined>) {
        let arrival = self.registry.arrive(peer);
        if let Some(replaced) = arrival.replaced {
            self.close(replaced, GoodbyeReason::Replaced, "This device has connected again.");
            self.unlink(replaced);
            self.stop_typing(peer.device);
        }
        let link = arrival.link;
        self.links.insert(link, Link { peer, admin, outbox, window: Window::full() });
        // Where nobody waits any more, the place comes back through its own drop.
        let _ = joined.send(Joined { link, relay: self.handle.clone() });
        let now = self.now();
        self.presence.arrive(now.mono, peer.account, peer.device);
        self.introduce_newcomer(link, peer);
        self.input(Input::LinkUp { link, remote: Remote::Device { device: peer.device, account: peer.account } });
        self.input(Input::Credit { link, bytes: WINDOW_BYTES });
    }

    pub(super) fn depart(&mut self, link: LinkId) {
        self.unlink(link);
        let Some(peer) = self.registry.depart(link) else { return };
        self.stop_typing(peer.device);
        let now = self.now();
        if let Some(seen) = self.presence.depart(now.mono, now.wall, peer.account, peer.device) {
            let mut batch = Batch::new();
            let ChosenStatus { availability, text, at } = seen.chosen;
            let (availability, chosen_at_ms) = (Some(availability), Some(at.0));
            let record = LastSeenRecord { at_ms: seen.at.0, text, availability, chosen_at_ms };
            records::put(&mut batch, records::last_seen_key(peer.account), &record);
            self.submit(OWN_TICKET, batch);
        }
    }

    /// The link's own end, whether the device went or was replaced.
    fn unlink(&mut self, link: LinkId) {
        if self.links.remove(&link).is_some() {
            self.input(Input::LinkDown { link });
        }
    }

    /// Tells a device of everybody with whom it shares a room.
    fn introduce_newcomer(&mut self, link: LinkId, peer: Peer) {
        let companions = self.membership.companions(peer.account);
        let Some(known) = self.links.get(&link) else { return };
        known.outbox.show(companions.iter().map(|account| self.shown(*account)));
        known.outbox.meet(companions);
        known.outbox.count(self.presence.online());
        known.outbox.look_for_notices();
        // What was missed between authentication and now: a revocation, say.
        known.outbox.check_standing();
    }

    /// What others see of an account, whether it ever was here or not.
    pub(super) fn shown(&self, account: AccountId) -> AccountPresence {
        self.presence.of(account).unwrap_or_else(|| AccountPresence {
            account,
            devices: Vec::new(),
            idle: false,
            chosen: ChosenStatus::default(),
            last_seen: None,
        })
    }

    pub(super) fn tell_presence(&mut self, now: Mono) {
        let due = self.presence.take_due(now);
        if !due.accounts.is_empty() {
            let mut told = BTreeSet::new();
            for account in due.accounts {
                let shown = self.shown(account);
                for companion in self.membership.companions(account) {
                    for (_, id) in self.registry.devices_of(companion) {
                        if let Some(link) = self.links.get(&id) {
                            link.outbox.show([shown.clone()]);
                            told.insert(id);
                        }
                    }
                }
            }
            self.presence.spent(now, told.len() as u64);
        }
        if let Some(online) = due.online {
            for link in self.links.values() {
                link.outbox.count(online);
            }
        }
    }

    pub(super) fn ephemeral(&mut self, from: Peer, ephemeral: Ephemeral, except: Vec<DeviceId>) {
        let allowed = self
            .replica
            .roster(ephemeral.room)
            .is_some_and(|roster| fan_out::may_send(roster, from, &ephemeral.signal));
        if !allowed {
            self.app.metrics.ws_dropped.increment("ephemeral_not_allowed");
            return;
        }
        match ephemeral.signal {
            EphemeralSignal::Typing { typing } => {
                let now = self.now().mono;
                if let Some(told) = self.typing.handle(now, from.device, ephemeral.room, typing, except) {
                    self.tell_typing(&told);
                }
            }
            EphemeralSignal::Other { .. } => self.fan_out(from, ephemeral, &except),
        }
    }

    pub(super) fn tell_typing(&mut self, told: &Told) {
        // The roster may have changed since the device said so; and one that went is asked by its account's membership.
        let Some(roster) = self.replica.roster(told.room) else { return };
        let Some((account, _)) = roster.role_of_device(told.device) else { return };
        let ephemeral = Ephemeral { room: told.room, signal: EphemeralSignal::Typing { typing: told.typing } };
        self.fan_out(Peer { device: told.device, account }, ephemeral, &told.except);
    }

    fn stop_typing(&mut self, device: DeviceId) {
        for told in self.typing.depart(device) {
            self.tell_typing(&told);
        }
    }

    fn fan_out(&self, from: Peer, ephemeral: Ephemeral, except: &[DeviceId]) {
        let Some(roster) = self.replica.roster(ephemeral.room) else { return };
        let recipients = fan_out::recipients(&self.registry, roster, from.device, except);
        if recipients.is_empty() {
            return;
        }
        let frame = encode(&ServerFrame::Ephemeral { device: from.device, account: from.account, ephemeral });
        for link in recipients.iter().filter_map(|link| self.links.get(link)) {
            link.outbox.pass(frame.clone());
        }
    }

    pub(super) fn introduce(&mut self, from: Peer, to: DeviceId, signal: Vec<u8>) {
        let roster_of = |room| self.replica.roster(room);
        match introductions::introduce(&self.registry, &self.membership, roster_of, from, to) {
            Introduction::Pass(link) => {
                let Some(link) = self.links.get(&link) else { return };
                link.outbox.pass(encode(&ServerFrame::Introduced { from: from.device, signal }));
                self.app.metrics.introductions.increment();
            }
            Introduction::Away => self.app.metrics.ws_dropped.increment("introduction_away"),
            Introduction::Strangers => self.app.metrics.ws_dropped.increment("introduction_strangers"),
        }
    }

    pub(super) fn account_notice(&mut self, notice: Result<Notice, RecvError>) {
        match notice {
            Ok(Notice::ProfileChanged { account }) => {
                for companion in self.membership.companions(account) {
                    for (_, link) in self.registry.devices_of(companion) {
                        if let Some(link) = self.links.get(&link) {
                            link.outbox.meet([account]);
                        }
                    }
                }
            }
            Ok(Notice::Told { account: None }) => {
                for link in self.links.values() {
                    link.outbox.look_for_notices();
                }
            }
            Ok(Notice::Told { account: Some(account) }) => {
                for (_, link) in self.registry.devices_of(account) {
                    if let Some(link) = self.links.get(&link) {
                        link.outbox.look_for_notices();
                    }
                }
            }
            // The device joins its account's rooms by itself.
            Ok(Notice::DeviceAdded { .. }) => {}
            Ok(Notice::SignedOut { account: _, device, reason }) => {
                let Some((link, _)) = self.registry.link_of(device) else { return };
                let sentence = match reason {
                    SignOut::LoggedOut => "This device was signed out.",
                    SignOut::PasswordChanged => "The password was changed. Sign in again.",
                    SignOut::Revoked => "This device was revoked. Sign in with a new device key.",
                    SignOut::TokenReused => "This device was signed out to be safe. Sign in again.",
                };
                self.close(link, GoodbyeReason::Revoked, sentence);
            }
            Err(RecvError::Lagged(missed)) => {
                self.app.metrics.notices_missed.add(missed);
                for link in self.links.values() {
                    link.outbox.check_standing();
                    link.outbox.look_for_notices();
                }
            }
            // The sender lives in the server that this task runs for.
            Err(RecvError::Closed) => {}
        }
    }
}
