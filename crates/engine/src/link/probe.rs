//! What the network between this machine and a TURN server lets through, found out by trying.
//!
//! ```text
//!   one socket ──Binding──► server: the address that the server sees
//!       │   another socket ──Allocate──► a relayed address there: credentials good, a port bound
//!       └── a datagram ───────────────► that address, which tells the other socket where it came from
//! ```
//! A NAT that shows the server's two ports two different addresses (RFC 4787 §4.1: address and port-dependent mapping,
//! "symmetric") does so to peers as well. One that depends on the address alone is not told apart by one server.
//!
//! Only for `momo doctor` and its like: a link finds its way by itself (`peer`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::turn::client::{Client, ClientConfig, Event};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use super::IceServer;

/// How long one question may take, repetitions included.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Datagrams sent to the relayed address: one may be lost.
const KNOCKS: usize = 5;
const BETWEEN_KNOCKS: Duration = Duration::from_millis(100);

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) udp: Udp,
    pub(crate) turn: Turn,
}

/// UDP to the server and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Udp {
    /// Nothing came back.
    Silent,
    /// There is no NAT.
    Open,
    /// Behind a NAT that peers can reach through.
    Mapped,
    /// Behind a NAT that shows each peer another address.
    Symmetric,
    /// Behind a NAT of which no more is known.
    SomeNat,
}

/// The TURN server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It gave an address.
    Works,
    /// It answered with a refusal.
    Refused,
    /// It did not answer.
    Silent,
    /// There are no credentials to try it with.
    Untried,
}

/// Tries. `None` where the server's name leads nowhere, or this machine has no socket for it.
pub(crate) async fn look(server: &IceServer) -> Option<Findings> {
    let authority = server.urls.iter().find_map(|url| url.strip_prefix("turn:"))?;
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host(authority).await.ok()?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let address = *addresses.first()?;
    let local = way_to(address).await?;

    let mut asking = Asking::new(server, address, local).await?;
    let mapped = asking.mapped().await;
    let mut holding = Asking::new(server, address, local).await?;
    let Some(mapped) = mapped else { return Some(Findings { udp: Udp::Silent, turn: Turn::Silent }) };
    let (turn, relayed) = if server.username.is_empty() {
        (Turn::Untried, None)
    } else {
        match holding.allocate().await {
            Some(Ok(relayed)) => (Turn::Works, Some(relayed)),
            Some(Err(())) => (Turn::Refused, None),
            None => (Turn::Silent, None),
        }
    };
    let udp = if mapped == asking.local {
        Udp::Open
    } else {
        let seen = match relayed {
            Some(relayed) => holding.seen_at(relayed, mapped.ip(), &asking.socket).await,
            None => None,
        };
        match seen {
            Some(seen) if seen == mapped => Udp::Mapped,
            Some(_) => Udp::Symmetric,
            None => Udp::SomeNat,
        }
    };
    holding.release(relayed).await;
    Some(Findings { udp, turn })
}

/// The address of this machine that the way to another begins at.
async fn way_to(address: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if address.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    let probe = UdpSocket::bind((any, 0)).await.ok()?;
    probe.connect(address).await.ok()?;
    Some(probe.local_addr().ok()?.ip())
}

/// One socket, and the library's client on it.
struct Asking {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    client: Client,
}

impl Asking {
    async fn new(server: &IceServer, address: SocketAddr, local: IpAddr) -> Option<Self> {
        let socket = UdpSocket::bind((local, 0)).await.ok()?;
        let local = socket.local_addr().ok()?;
        let config = ClientConfig {
            stun_serv_addr: address.to_string(),
            turn_serv_addr: address.to_string(),
            local_addr: local,
            transport_protocol: TransportProtocol::UDP,
            username: server.username.clone(),
            password: server.credential.clone(),
            ..ClientConfig::default()
        };
        let crypto = rtc::crypto::default_provider().ok()?;
        let client = Client::new(config, Arc::clone(&crypto)).ok()?;
        Some(Self { socket, local, server: address, client })
    }

    /// Where the server sees this socket.
    async fn mapped(&mut self) -> Option<SocketAddr> {
        self.client.send_binding_request(std::time::Instant::now()).ok()?;
        let event = self.next(|event| matches!(event, Event::BindingResponse(..) | Event::BindingError(..))).await?;
        match event {
            Event::BindingResponse(_, mapped) => Some(mapped),
            _ => None,
        }
    }

    /// `None` where no answer came.
    async fn allocate(&mut self) -> Option<Result<SocketAddr, ()>> {
        self.client.allocate(std::time::Instant::now()).ok()?;
        let event = self.next(|event| matches!(event, Event::AllocateResponse(..) | Event::AllocateError(..))).await?;
        match event {
            Event::AllocateResponse(_, relayed) => Some(Ok(relayed)),
            _ => Some(Err(())),
        }
    }

    /// Where the relayed address sees another socket of this machine, whose outer IP address is known.
    async fn seen_at(&mut self, relayed: SocketAddr, outer: IpAddr, other: &UdpSocket) -> Option<SocketAddr> {
        let now = std::time::Instant::now();
        self.client.relay(relayed).ok()?.create_permission(now, SocketAddr::new(outer, 9)).ok()?;
        let is_answer =
            |event: &Event| matches!(event, Event::CreatePermissionResponse(..) | Event::CreatePermissionError(..));
        let Some(Event::CreatePermissionResponse(..)) = self.next(is_answer).await else { return None };
        for _ in 0..KNOCKS {
            other.send_to(b"momoland", relayed).await.ok()?;
            let is_data = |event: &Event| matches!(event, Event::DataIndicationOrChannelData(..));
            if let Ok(Some(Event::DataIndicationOrChannelData(_, seen, _))) =
                timeout(BETWEEN_KNOCKS, self.next(is_data)).await
            {
                return Some(seen);
            }
        }
        None
    }

    async fn release(mut self, relayed: Option<SocketAddr>) {
        if let Some(relayed) = relayed
            && let Ok(mut relay) = self.client.relay(relayed)
            && relay.close(std::time::Instant::now()).is_ok()
        {
            // Not waited for: it ends by itself as well.
            self.write().await;
        }
    }

    /// The next event of a kind, within the time.
    async fn next(&mut self, is_it: impl Fn(&Event) -> bool) -> Option<Event> {
        let until = Instant::now() + ANSWER_WITHIN;
        let mut datagram = vec![0; 2_048];
        loop {
            self.write().await;
            while let Some(event) = self.client.poll_event() {
                if is_it(&event) {
                    return Some(event);
                }
                if matches!(event, Event::TransactionTimeout(_)) {
                    return None;
                }
            }
            if Instant::now() >= until {
                return None;
            }
            let wake = self.client.poll_timeout().map_or(until, Instant::from_std).min(until);
            tokio::select! {
                received = self.socket.recv_from(&mut datagram) => {
                    // An ICMP refusal is silence too.
                    let Ok((length, from)) = received else { continue };
                    let message = TaggedBytesMut {
                        now: std::time::Instant::now(),
                        transport: TransportContext {
                            local_addr: self.local,
                            peer_addr: from,
                            ecn: None,
                            transport_protocol: TransportProtocol::UDP,
                        },
                        message: BytesMut::from(datagram.get(..length).unwrap_or_default()),
                    };
                    if let Err(error) = self.client.handle_read(message) {
                        tracing::debug!(%error, "an answer was not understood");
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    let _ = self.client.handle_timeout(std::time::Instant::now());
                }
            }
        }
    }

    async fn write(&mut self) {
        while let Some(message) = self.client.poll_write() {
            // Lost like any datagram.
            let _ = self.socket.send_to(&message.message, self.server).await;
        }
    }
}
