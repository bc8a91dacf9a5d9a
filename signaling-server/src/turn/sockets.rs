//! The relay's sockets: one that clients talk to, and one for each relayed address.
//!
//! [`Relaying`] waits for datagrams and the time, hands them to [`Relays`], and does what comes of it. Nothing here waits
//! for a socket to take something: UDP may lose, and a full buffer does.
//!
//! Not here: what is allowed (`allocations`), settings (`turn`).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use momoland_protocol::id::random;
use tokio::net::UdpSocket;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{AbortHandle, JoinSet};

use super::allocations::{Now, Outcome, Pending, Relays};
use super::strangers::Strangers;
use crate::App;
use crate::accounts::notices::Notice;

/// Bytes of a datagram. Longer ones are cut, and then not understood; what crosses networks has 1,500.
const DATAGRAM_BYTES_MAX: usize = 4 * 1024;
/// Asked of the kernel for the socket that all clients talk to; it grants less where `rmem_max` says so.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Between two looks at what has ended.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Ports tried for a relayed address. With half of the range taken, sixteen fail once in 65,000 times.
const PORTS_TRIED: usize = 16;
/// After an error of a socket, which would come again at once.
const ERROR_REST: Duration = Duration::from_millis(20);

/// Where relayed addresses lie.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What the sockets are bound to; absent: the address that the way to the client begins at.
    pub(super) bind: Option<IpAddr>,
    /// What the relayed addresses are called, where that is another: behind a NAT that maps one address to one.
    pub(super) public: Option<IpAddr>,
    pub(super) ports: RangeInclusive<u16>,
}

#[derive(Debug)]
struct Shared {
    app: Arc<App>,
    main: UdpSocket,
    /// Whether the main socket is an IPv6 one, that IPv4 clients reach as well.
    is_v6: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    relays: Relays,
    sockets: BTreeMap<SocketAddr, RelayedSocket>,
}

#[derive(Debug)]
struct RelayedSocket {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

/// A server that relays, until its app is asked to stop.
#[derive(Debug)]
pub(super) struct Relaying {
    shared: Arc<Shared>,
    place: Place,
    strangers: Strangers,
    readers: JoinSet<()>,
}

impl Relaying {
    pub(super) fn new(app: Arc<App>, main: UdpSocket, place: Place, relays: Relays) -> io::Result<Self> {
        let handle = socket2::SockRef::from(&main);
        // A kernel that refuses leaves its default, which loses more at once.
        let _ = handle.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
        let _ = handle.set_send_buffer_size(SOCKET_BUFFER_BYTES);
        let is_v6 = main.local_addr()?.is_ipv6();
        let state = Mutex::new(State { relays, sockets: BTreeMap::new() });
        let shared = Arc::new(Shared { app, main, is_v6, state });
        Ok(Self { shared, place, strangers: Strangers::new(random()), readers: JoinSet::new() })
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut notices = shared.app.notices.listen();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            tokio::select! {
                biased;
                () = shared.app.shutdown.draining() => break,
                notice = notices.recv() => self.handle_notice(notice),
                _ = sweep.tick() => self.sweep(),
                received = shared.main.recv_from(&mut datagram) => match received {
                    Ok((length, from)) => {
                        self.handle(canonical(from), datagram.get(..length).unwrap_or_default());
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the TURN socket failed for a moment");
                        tokio::time::sleep(ERROR_REST).await;
                    }
                },
            }
        }
        let freed = shared.state().relays.release_all();
        shared.close(freed);
        self.readers.shutdown().await;
    }

    fn handle(&mut self, from: SocketAddr, datagram: &[u8]) {
        let shared = Arc::clone(&self.shared);
        let now = shared.now();
        let outcome = shared.state().relays.handle(now, from, datagram);
        let metrics = &shared.app.metrics;
        match outcome {
            Outcome::Reply { bytes, refused, stranger } => {
                if let Some(refused) = refused {
                    metrics.turn_refused.increment(refused.word());
                }
                // Whoever forges addresses must not find an amplifier here.
                if stranger && !self.strangers.may_be_answered(now.mono_ms, from.ip()) {
                    metrics.turn_refused.increment("stranger_rate");
                    return;
                }
                shared.send(&bytes, from);
            }
            Outcome::NeedPort(pending) => self.grant(now, *pending),
            Outcome::Released { bytes, relayed } => {
                shared.close(vec![relayed]);
                shared.send(&bytes, from);
            }
            Outcome::ToPeer { relayed, peer, data } => {
                metrics.turn_bytes_out.add(bytes_of(&data));
                let socket = shared.state().sockets.get(&relayed).map(|relayed| Arc::clone(&relayed.socket));
                if let Some(socket) = socket {
                    // Lost like any datagram: the buffer is full, or there is no way there.
                    let _ = socket.try_send_to(&data, peer);
                }
            }
            Outcome::ToClient { client, bytes, data_bytes } => {
                metrics.turn_bytes_out.add(u64::try_from(data_bytes).unwrap_or(u64::MAX));
                metrics.turn_bytes_in.add(u64::try_from(data_bytes).unwrap_or(u64::MAX));
                shared.send(&bytes, client);
            }
            Outcome::Dropped(refused) => metrics.turn_refused.increment(refused.word()),
        }
    }

    fn grant(&mut self, now: Now, pending: Pending) {
        let shared = Arc::clone(&self.shared);
        let client = pending.client;
        let bound = self.bind(client, pending.wants_v6);
        let relayed = bound.as_ref().map(|(_, relayed)| *relayed);
        let mut state = shared.state();
        let outcome = state.relays.granted(now, pending, relayed);
        if let Some((socket, relayed)) = bound {
            let socket = Arc::new(socket);
            let reader = self.readers.spawn(read(Arc::clone(&shared), Arc::clone(&socket), relayed));
            state.sockets.insert(relayed, RelayedSocket { socket, reader });
            shared.app.metrics.turn_allocations.increment();
            shared.app.metrics.turn_allocations_made.increment();
        }
        drop(state);
        if let Outcome::Reply { bytes, refused, stranger: _ } = outcome {
            if let Some(refused) = refused {
                shared.app.metrics.turn_refused.increment(refused.word());
            }
            shared.send(&bytes, client);
        }
    }

    /// A socket at a random port, and what it is called.
    fn bind(&self, client: SocketAddr, wants_v6: bool) -> Option<(UdpSocket, SocketAddr)> {
        let bind = match self.place.bind {
            Some(bind) => bind,
            None => way_to(client)?,
        };
        let called = self.place.public.unwrap_or(bind);
        // Asked for nothing, a client gets what there is.
        if wants_v6 && called.is_ipv4() {
            return None;
        }
        let (first, last) = (u32::from(*self.place.ports.start()), u32::from(*self.place.ports.end()));
        for _ in 0..PORTS_TRIED {
            let port = first + u32::from_be_bytes(random()) % (last.saturating_sub(first) + 1);
            let port = u16::try_from(port).ok()?;
            let relayed = SocketAddr::new(called, port);
            if self.shared.state().sockets.contains_key(&relayed) {
                continue;
            }
            let Ok(socket) = std::net::UdpSocket::bind((bind, port)) else { continue };
            let socket = socket.set_nonblocking(true).and_then(|()| UdpSocket::from_std(socket));
            return socket.ok().map(|socket| (socket, relayed));
        }
        tracing::warn!("no port is free for a relayed address");
        None
    }

    fn handle_notice(&self, notice: Result<Notice, RecvError>) {
        let shared = &self.shared;
        let mut state = shared.state();
        let freed = match notice {
            Ok(Notice::SignedOut { account, device, reason: _ }) => {
                let user = shared.app.turn.secret().user(account, device);
                state.relays.sign_out(shared.now(), &user)
            }
            Ok(Notice::ProfileChanged { .. } | Notice::DeviceAdded { .. } | Notice::Told { .. }) => Vec::new(),
            // Some sign-out was missed. Whoever may, comes back with the credentials that their connection brings.
            Err(RecvError::Lagged(_)) => state.relays.release_all(),
            Err(RecvError::Closed) => Vec::new(),
        };
        drop(state);
        shared.close(freed);
    }

    fn sweep(&mut self) {
        let mut own: Vec<IpAddr> = self.place.public.into_iter().chain(self.place.bind).collect();
        match if_addrs::get_if_addrs() {
            Ok(interfaces) => own.extend(interfaces.into_iter().map(|interface| interface.ip())),
            Err(error) => tracing::warn!(%error, "no list of network interfaces"),
        }
        let mut state = self.shared.state();
        state.relays.set_own(own);
        let freed = state.relays.expire(self.shared.now());
        drop(state);
        self.shared.close(freed);
        while self.readers.try_join_next().is_some() {}
    }
}

/// Hands what peers send to a relayed address to its client.
async fn read(shared: Arc<Shared>, socket: Arc<UdpSocket>, relayed: SocketAddr) {
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut datagram).await {
            Ok((length, peer)) => {
                let data = datagram.get(..length).unwrap_or_default();
                let answer = shared.state().relays.relay_in(shared.now(), relayed, canonical(peer), data);
                match answer {
                    Ok((client, bytes)) => {
                        shared.app.metrics.turn_bytes_in.add(bytes_of(data));
                        shared.send(&bytes, client);
                    }
                    Err(refused) => shared.app.metrics.turn_refused.increment(refused.word()),
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a relayed address failed for a moment");
                tokio::time::sleep(ERROR_REST).await;
            }
        }
    }
}

impl Shared {
    // Nothing panics under this lock; were anything to, the maps would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now { mono_ms: self.app.clock.mono_ms(), unix_ms: self.app.clock.unix_ms() }
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) {
        // Lost like any datagram.
        let _ = self.main.try_send_to(bytes, if self.is_v6 { mapped(to) } else { to });
    }

    fn close(&self, freed: Vec<SocketAddr>) {
        let mut state = self.state();
        for relayed in freed {
            if let Some(RelayedSocket { socket: _, reader }) = state.sockets.remove(&relayed) {
                reader.abort();
                self.app.metrics.turn_allocations.decrement();
            }
        }
    }
}

/// Of a client of a socket for both families, its own address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The way back.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(address) => SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0).into(),
        SocketAddr::V6(_) => address,
    }
}

/// The address of this machine that the way to a client begins at; nothing is sent.
fn way_to(client: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if client.is_ipv4() { std::net::Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let probe = std::net::UdpSocket::bind((any, 0)).ok()?;
    probe.connect(client).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

fn bytes_of(data: &[u8]) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}
