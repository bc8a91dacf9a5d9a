//! Dealings with other devices: whom to link with, their sessions, and frames to and from them.

mod introductions;

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use bytes::Bytes;
use momoland_protocol::cbor;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::ephemeral::Ephemeral;
use momoland_protocol::id::{AccountId, DeviceId, RoomId, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::peer::PeerFrame;
use momoland_protocol::replication::RelayMode;
use momoland_protocol::roster::RoomKind;
use momoland_protocol::server::TurnAccess;
use momoland_replica::input::{Input, LinkId, Remote};
use momoland_replica::roster::Roster;

use self::introductions::Introductions;
use crate::account::address::ServerAddress;
use crate::api::events::Event;
use crate::api::types::{PeerPath as ApiPath, PeerPolicy, PeerStatus};
use crate::engine::home::Home;
use crate::engine::server::LINK_CREDIT;
use crate::link::roaming;
use crate::link::{
    Class, CloseReason, Dialer, IceServer, PeerConfig, PeerEvent, PeerLinks, PeerPath, PeerPolicy as LinkPolicy,
    PeerTimeouts, SendRefused, Signal,
};
use crate::session::{PeerSession, Received};

/// Frames that wait for a link whose queue is full. More: the link is closed, and what is durable is compared anew.
const BACKLOG_FRAMES_MAX: usize = 4_096;

/// Another device on a link.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) device: DeviceId,
    pub(super) account: AccountId,
    session: PeerSession,
    /// The replica's name for the link, once the session is proven.
    pub(super) link: Option<LinkId>,
    path: PeerPath,
    rtt_ms: f64,
    /// Frames that the link had no room for, with the credit that each used.
    backlog: VecDeque<(Bytes, usize)>,
    introductions: Introductions,
}

impl Peer {
    pub(super) fn api_path(&self) -> ApiPath {
        match self.path {
            PeerPath::Direct => ApiPath::Direct,
            PeerPath::Turn => ApiPath::Turn,
        }
    }
}

impl Home {
    pub(super) fn start_peers(&mut self) {
        if self.links.is_some() {
            return;
        }
        let config = PeerConfig {
            own: self.key.device(),
            ice_servers: self.ice_servers.clone(),
            policy: link_policy(self.policy),
            include_loopback: self.account.server.is_loopback(),
            timeouts: PeerTimeouts::PRODUCT,
        };
        self.links = Some(PeerLinks::new(config, self.channels.peers.clone()));
        self.dial_dirty = true;
    }

    pub(super) fn stop_peers(&mut self) {
        if let Some(links) = self.links.take() {
            tokio::spawn(links.shutdown());
        }
        let connections: Vec<u64> = self.peers.keys().copied().collect();
        for connection in connections {
            self.peer_closed(connection);
        }
        // What the set had under way is not answered any more.
        self.dialer = Dialer::new(self.key.device(), u64::from_be_bytes(random()));
        self.update_wanted();
    }

    /// The server says where TURN is, and with what it may be used.
    pub(super) fn take_turn_access(&mut self, access: TurnAccess) {
        self.ice_servers = ice_servers(&self.account.server, access);
        if let Some(links) = &self.links {
            links.set_ice_servers(self.ice_servers.clone());
        }
    }

    /// Where TURN is, as links will use it from now on.
    pub(crate) fn ice_server(&self) -> Option<IceServer> {
        self.ice_servers.first().cloned()
    }

    pub(crate) fn policy(&self) -> PeerPolicy {
        self.policy
    }

    pub(crate) fn set_policy(&mut self, policy: PeerPolicy) {
        self.policy = policy;
        if let Some(links) = &self.links {
            links.set_policy(link_policy(policy));
        }
        self.dial_dirty = true;
    }

    /// Tells the dialer which devices are worth a link: those online that share a room.
    pub(super) fn update_wanted(&mut self) {
        let wanted: BTreeSet<DeviceId> = if self.links.is_some() && self.policy != PeerPolicy::None {
            // A feed alone, which everybody may be in, makes no mesh.
            let meets = |roster: &Roster, device: DeviceId| {
                roster.kind() != RoomKind::Feed && roster.role_of_device(device).is_some()
            };
            let shares = |(device, account): &(DeviceId, AccountId)| {
                self.account_of(*device) == Some(*account)
                    && self.replica.rooms().any(|(_, roster)| meets(roster, *device))
            };
            let here = self.presence.all_devices().into_iter().filter(shares).map(|(device, _)| device);
            here.chain(self.around()).collect()
        } else {
            BTreeSet::new()
        };
        self.dialer.set_wanted(self.started.elapsed(), wanted);
    }

    /// Tells the replica in which rooms every other device that is here is linked: there the relay need not repeat what
    /// peers bring.
    pub(super) fn update_modes(&mut self) {
        let own = self.key.device();
        let linked: BTreeSet<DeviceId> =
            self.peers.values().filter(|peer| peer.link.is_some()).map(|peer| peer.device).collect();
        let here: Vec<DeviceId> =
            self.presence.all_devices().into_iter().map(|(device, _)| device).filter(|device| *device != own).collect();
        let covered = |roster: &Roster| {
            let mut others = here.iter().filter(|device| roster.role_of_device(**device).is_some()).peekable();
            others.peek().is_some() && others.all(|device| linked.contains(device))
        };
        let modes: Vec<(RoomId, RelayMode)> = self
            .replica
            .rooms()
            .map(|(room, roster)| (room, if covered(roster) { RelayMode::Digest } else { RelayMode::Full }))
            .collect();
        let now = self.now();
        for (room, mode) in modes {
            self.replica.handle_input(now, Input::Mode { room, mode });
        }
        self.drain();
    }

    /// Whether these devices are all of a room that are here.
    pub(super) fn reaches_all(&self, room: RoomId, reached: &[DeviceId]) -> bool {
        let Some(roster) = self.replica.roster(room) else { return true };
        let own = self.key.device();
        let mut here = self.presence.all_devices().into_iter().map(|(device, _)| device);
        here.all(|device| device == own || reached.contains(&device) || roster.role_of_device(device).is_none())
    }

    /// After sleep, and in another network, links are looked at now.
    pub(super) fn look_around(&mut self) {
        let now = self.started.elapsed();
        if now < self.roaming.next_look() {
            return;
        }
        let Some(change) = self.roaming.look(now, UnixMillis::now().0, roaming::addresses()) else { return };
        tracing::info!(?change, "links are looked at");
        if let Some(server) = &self.server {
            server.check();
        }
        if let Some(links) = &self.links {
            let devices: BTreeSet<DeviceId> = self.peers.values().map(|peer| peer.device).collect();
            for device in devices {
                links.restart_ice(device);
            }
        }
        self.dialer.handle_network_change(now);
    }

    pub(super) fn dial(&mut self) {
        let now = self.started.elapsed();
        while let Some(device) = self.dialer.poll_dial(now) {
            match &self.links {
                Some(links) => links.dial(device),
                None => self.dialer.handle_failed(now, device),
            }
        }
        while let Some(device) = self.dialer.poll_better(now) {
            // What looks for a way is silent for a moment, which a call would hear.
            if self.policy == PeerPolicy::All
                && !self.is_in_call()
                && let Some(links) = &self.links
            {
                tracing::debug!(?device, "a direct way is looked for");
                links.restart_ice(device);
            }
        }
    }

    /// An introducer passed on what a device says.
    pub(super) fn signalled(&mut self, from: DeviceId, signal: Signal) {
        // The introducer may be wrong about who shares a room; the rosters held here decide.
        if self.account_of(from).is_some()
            && let Some(links) = &self.links
        {
            links.signal(from, signal);
        }
    }

    pub(super) fn peer_event(&mut self, event: PeerEvent) {
        let now = self.started.elapsed();
        match event {
            PeerEvent::Signal { to, signal } => self.introduce(to, signal.encode()),
            PeerEvent::Open { device, connection, fingerprints, side, path, rtt } => {
                let standing = self.links.iter().flat_map(PeerLinks::stats).any(|link| link.connection == connection);
                if !standing {
                    // It ended before it was heard of, or belongs to a set that was given up.
                    self.dialer.handle_failed(now, device);
                    return;
                }
                let Some(account) = self.account_of(device) else {
                    self.dialer.handle_failed(now, device);
                    self.close_device(device);
                    return;
                };
                self.dialer.handle_open(device);
                self.dialer.handle_path(now, device, path);
                let (session, hello) = PeerSession::open(std::sync::Arc::clone(&self.key), device, side, fingerprints);
                let rtt_ms = rtt.as_secs_f64() * 1_000.0;
                let (backlog, introductions) = (VecDeque::new(), Introductions::default());
                let peer = Peer { device, account, session, link: None, path, rtt_ms, backlog, introductions };
                self.peers.insert(connection, peer);
                self.send_on(connection, &hello, 0);
            }
            PeerEvent::Frame { connection, device: _, class: Class::Durable, bytes } => {
                self.peer_frame(connection, &bytes);
            }
            PeerEvent::Frame { connection, device, class: Class::Ephemeral, bytes } => {
                let Some(account) = self.peers.get(&connection).filter(|peer| peer.link.is_some()).map(|p| p.account)
                else {
                    return;
                };
                if let Ok(ephemeral) = cbor::decode::<Ephemeral>(&bytes, FRAME_BYTES_MAX) {
                    self.ephemeral(device, account, ephemeral);
                }
            }
            PeerEvent::Writable { connection, device: _ } => {
                self.write_backlog(connection);
                self.drain();
            }
            PeerEvent::Path { device, connection, path, rtt } => {
                let Some(peer) = self.peers.get_mut(&connection) else { return };
                self.dialer.handle_path(now, device, path);
                let rtt_ms = rtt.as_secs_f64() * 1_000.0;
                let moved = (rtt_ms - peer.rtt_ms).abs() > f64::max(1.0, peer.rtt_ms / 4.0);
                let changed = moved || peer.path != path;
                peer.path = path;
                peer.rtt_ms = rtt_ms;
                if changed {
                    self.tell_peer(connection);
                }
            }
            PeerEvent::Closed { device, connection, reason } => {
                tracing::debug!(?device, %reason, "a peer link closed");
                // A link of a set that was given up says nothing about the present one.
                if self.peers.contains_key(&connection) {
                    self.dialer.handle_closed(now, device);
                    self.peer_closed(connection);
                }
            }
            PeerEvent::AttemptFailed { device, reason } => {
                tracing::debug!(?device, %reason, "a peer link did not come about");
                self.dialer.handle_failed(now, device);
            }
        }
    }

    fn peer_frame(&mut self, connection: u64, bytes: &[u8]) {
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        let device = peer.device;
        let received = match cbor::decode::<PeerFrame>(bytes, FRAME_BYTES_MAX) {
            Ok(frame) => peer.session.receive(frame),
            Err(error) => {
                tracing::warn!(?device, %error, "a peer's frame was malformed");
                self.close_device(device);
                return;
            }
        };
        match received {
            Ok(Received::Answer(frame)) => self.send_on(connection, &frame, 0),
            Ok(Received::Ready) => self.peer_ready(connection),
            Ok(Received::Replication(frame)) => {
                let Some(link) = self.peers.get(&connection).and_then(|peer| peer.link) else { return };
                let now = self.now();
                self.replica.handle_input(now, Input::Frame { link, frame });
                self.drain();
            }
            Ok(Received::Around(devices)) => self.take_around(connection, devices),
            Ok(Received::Introduce { to, signal }) => self.pass_on(connection, to, signal),
            Ok(Received::Introduced { from, signal }) => self.introduced(from, &signal),
            Ok(Received::Goodbye(sentence)) => {
                tracing::info!(?device, sentence, "a peer said goodbye");
                self.close_device(device);
            }
            Err(error) => {
                tracing::warn!(?device, %error, "a peer's session was refused");
                self.close_device(device);
            }
        }
    }

    fn peer_ready(&mut self, connection: u64) {
        let link = LinkId(self.number());
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        debug_assert!(peer.session.is_ready(), "only a proven session is given to the replica");
        peer.link = Some(link);
        let (device, account) = (peer.device, peer.account);
        let now = self.now();
        self.replica.handle_input(now, Input::LinkUp { link, remote: Remote::Device { device, account } });
        self.replica.handle_input(now, Input::Credit { link, bytes: LINK_CREDIT });
        self.drain();
        self.tell_awareness_again();
        let changed = self.presence.linked(device, account);
        self.tell_presence(changed);
        self.tell_peer(connection);
        self.net_dirty = true;
        self.dial_dirty = true;
        self.around_dirty = true;
    }

    fn peer_closed(&mut self, connection: u64) {
        let Some(peer) = self.peers.remove(&connection) else { return };
        if let Some(link) = peer.link {
            let now = self.now();
            self.replica.handle_input(now, Input::LinkDown { link });
            self.drain();
            let changed = self.presence.unlinked(peer.device, now.wall);
            self.tell_presence(changed);
            self.tell(Event::PeerChanged {
                peer: self.peer_status(peer.device, peer.account),
                user_id: peer.account.to_string(),
                device_id: peer.device.to_string(),
            });
        }
        if self.server_link.is_none() {
            for (room, account) in self.typing.gone(peer.device) {
                self.tell_typing(room, account, false);
            }
        }
        self.dial_dirty = true;
        self.net_dirty = true;
        self.around_dirty = true;
    }

    /// Closes links with devices that share no room any more.
    pub(super) fn close_strangers(&mut self) {
        let strangers: Vec<DeviceId> =
            self.peers.values().map(|peer| peer.device).filter(|device| self.account_of(*device).is_none()).collect();
        for device in strangers {
            self.close_device(device);
        }
    }

    pub(super) fn close_peer(&mut self, link: LinkId, sentence: &str) {
        let of_link = |(_, peer): &(&u64, &Peer)| peer.link == Some(link);
        let Some((connection, device)) = self.peers.iter().find(of_link).map(|(id, peer)| (*id, peer.device)) else {
            return;
        };
        self.send_on(connection, &PeerFrame::Goodbye(sentence.to_owned()), 0);
        self.close_device(device);
    }

    fn close_device(&mut self, device: DeviceId) {
        if let Some(links) = &self.links {
            links.close(device, CloseReason::Requested);
        }
    }

    pub(super) fn send_to_peer(&mut self, link: LinkId, frame: &PeerFrame, credit: usize) {
        let connection = self.peers.iter().find(|(_, peer)| peer.link == Some(link)).map(|(id, _)| *id);
        if let Some(connection) = connection {
            self.send_on(connection, frame, credit);
        }
    }

    fn send_on(&mut self, connection: u64, frame: &PeerFrame, credit: usize) {
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        if peer.backlog.len() >= BACKLOG_FRAMES_MAX {
            let device = peer.device;
            self.close_device(device);
            return;
        }
        peer.backlog.push_back((cbor::encode(frame).into(), credit));
        self.write_backlog(connection);
    }

    /// Hands over what waits, and gives back the credit that it used.
    fn write_backlog(&mut self, connection: u64) {
        let Some(links) = &self.links else { return };
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        let mut credit = 0;
        while let Some((bytes, used)) = peer.backlog.front() {
            match links.try_send(connection, Class::Durable, bytes.clone()) {
                Ok(()) => {
                    credit += used;
                    peer.backlog.pop_front();
                }
                Err(SendRefused::Full) => break,
                // Its end follows, and with it everything that waits.
                Err(SendRefused::Closed) => return,
                Err(SendRefused::TooLong) => {
                    tracing::error!(bytes = bytes.len(), "a frame was too long for a peer link");
                    peer.backlog.pop_front();
                }
            }
        }
        if let Some(link) = peer.link
            && credit > 0
        {
            let now = self.now();
            // The outputs are carried out by whoever drains: this may run inside of it.
            self.replica.handle_input(now, Input::Credit { link, bytes: credit });
        }
    }

    /// Sends an ephemeral to the linked devices of its room; who they are.
    pub(super) fn send_ephemeral_to_peers(&mut self, ephemeral: &Ephemeral) -> Vec<DeviceId> {
        let Some(links) = &self.links else { return Vec::new() };
        let Some(roster) = self.replica.roster(ephemeral.room) else { return Vec::new() };
        let bytes = Bytes::from(cbor::encode(ephemeral));
        let mut reached = Vec::new();
        for (connection, peer) in &self.peers {
            let in_room = peer.link.is_some() && roster.role_of_device(peer.device).is_some();
            if in_room && links.try_send(*connection, Class::Ephemeral, bytes.clone()).is_ok() {
                reached.push(peer.device);
            }
        }
        reached
    }

    fn tell_peer(&self, connection: u64) {
        let Some(peer) = self.peers.get(&connection).filter(|peer| peer.link.is_some()) else { return };
        self.tell(Event::PeerChanged {
            peer: self.peer_status(peer.device, peer.account),
            user_id: peer.account.to_string(),
            device_id: peer.device.to_string(),
        });
    }

    /// How one device is reached; `None` where it is not.
    fn peer_status(&self, device: DeviceId, account: AccountId) -> Option<PeerStatus> {
        let known = self.presence.all_devices().contains(&(device, account));
        let path = self.path_to(device).filter(|_| known)?;
        let stats = self.links.iter().flat_map(PeerLinks::stats).find(|stats| stats.device == device);
        let linked = self.peers.values().find(|peer| peer.device == device && peer.link.is_some());
        Some(PeerStatus {
            user_id: account.to_string(),
            device_id: device.to_string(),
            path,
            rtt_ms: linked.map(|peer| (peer.rtt_ms * 100.0).round() / 100.0),
            bytes_in: stats.map_or(0, |stats| stats.bytes_in),
            bytes_out: stats.map_or(0, |stats| stats.bytes_out),
        })
    }

    /// All devices that share a room and can be reached.
    pub(super) fn peer_statuses(&self) -> Vec<PeerStatus> {
        let own = self.key.device();
        let devices = self.presence.all_devices().into_iter();
        let shared = devices.filter(|(device, account)| *device != own && self.account_of(*device) == Some(*account));
        shared.filter_map(|(device, account)| self.peer_status(device, account)).collect()
    }
}

/// One server as links use it: for STUN and for TURN.
fn ice_servers(server: &ServerAddress, access: TurnAccess) -> Vec<IceServer> {
    let TurnAccess { port, username, password, ttl_s: _, host } = access;
    let host = match host {
        Some(host) if host.contains(':') => format!("[{host}]"),
        Some(host) => host,
        None => server.host().to_owned(),
    };
    let bare = host.trim_matches(['[', ']']);
    let is_plausible = bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '_'));
    // A server behind a proxy may know itself only as its machine does: that would be this machine here.
    let is_here = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !is_plausible || is_here && !server.is_loopback() {
        tracing::info!("the server's TURN address is of no use from here");
        return Vec::new();
    }
    let urls = ["stun", "turn"].map(|scheme| format!("{scheme}:{host}:{port}"));
    vec![IceServer { urls: urls.to_vec(), username, credential: password }]
}

fn link_policy(policy: PeerPolicy) -> LinkPolicy {
    match policy {
        PeerPolicy::All => LinkPolicy::All,
        PeerPolicy::TurnOnly => LinkPolicy::TurnOnly,
        PeerPolicy::None => LinkPolicy::None,
    }
}

#[cfg(test)]
mod mesh;
#[cfg(test)]
mod raw_frames;

#[cfg(test)]
mod tests {
    use super::*;

    fn access(host: Option<&str>) -> TurnAccess {
        TurnAccess {
            port: 7421,
            username: "17:ada".to_owned(),
            password: "secret".to_owned(),
            ttl_s: 3_600,
            host: host.map(str::to_owned),
        }
    }

    #[track_caller]
    fn check(server: &str, host: Option<&str>, expected: Option<&str>) {
        let servers = ice_servers(&ServerAddress::parse(server).unwrap(), access(host));
        let urls: Vec<String> = servers.into_iter().flat_map(|server| server.urls).collect();
        let expected = expected.map(|expected| ["stun", "turn"].map(|scheme| format!("{scheme}:{expected}")).to_vec());
        assert_eq!(urls, expected.unwrap_or_default(), "{server} {host:?}");
    }

    #[test]
    fn turn_is_where_the_server_says_or_where_it_is_itself() {
        check("https://chat.example.org", None, Some("chat.example.org:7421"));
        check("http://chat.example.org:7420", Some("turn.example.org"), Some("turn.example.org:7421"));
        check("http://[2001:db8::1]:7420", None, Some("[2001:db8::1]:7421"));
        check("https://chat.example.org", Some("2001:db8::2"), Some("[2001:db8::2]:7421"));
        check("http://127.0.0.1:7420", Some("127.0.0.1"), Some("127.0.0.1:7421"));
    }

    #[test]
    fn a_turn_server_that_would_be_this_machine_is_not_believed() {
        for host in ["127.0.0.1", "localhost", "::1", "a b", "x@y", "a/b"] {
            check("https://chat.example.org", Some(host), None);
        }
    }
}
