//! TURN over UDP (RFC 8656): a way for devices that reach each other by no other, and STUN for those that can.
//!
//! ```text
//!   settings ──► Turn ── credentials ──► connect: told to each device on its WebSocket
//!                  │
//!                  └ start ──► sockets ◄─► allocations (pure) ── stun, credentials, reach
//! ```
//! The server embeds it on its own UDP port; or devices are sent to a TURN server elsewhere that shares the secret, a
//! coturn with `use-auth-secret`. Either way this module issues the credentials.
//!
//! Written here rather than taken from the `turn` crate (0.17), because that keeps a nonce for every question of a
//! stranger and never forgets one, lets any user renew or widen another's allocation, bounds neither permissions nor
//! channels, cannot refuse a peer, and logs addresses.
//!
//! # Invariants
//! 1. It is no way into the server's network. Tests: `c25_nothing_passes_into_closed_networks` and the others of that name.
//! 2. A stop frees the port. Test: `a_stop_frees_the_turn_port`.
//!
//! Not here: TURN over TCP or TLS. Where UDP is blocked the relay over the WebSocket carries everything.

mod allocations;
pub mod credentials;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod reach;
mod sockets;
mod strangers;
mod stun;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use momoland_protocol::id::random;
use momoland_protocol::server::TurnAccess;
use tokio::net::UdpSocket;

use self::allocations::{Quotas, Relays};
use self::credentials::Secret;
use self::reach::Reach;
use self::sockets::{Place, Relaying};
use crate::App;
use crate::config::{Config, TurnListen};
use crate::rooms::Peer;

/// Where devices find TURN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// A name or an address; absent: the one by which they reach the server itself.
    pub host: Option<String>,
    pub port: u16,
}

/// What the server knows of its TURN server, embedded or not.
#[derive(Debug)]
pub struct Turn {
    secret: Secret,
    announced: OnceLock<Announced>,
}

/// Why the embedded server could not start.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error(
        "UDP on {address} cannot be listened on for TURN: {cause}. Choose another with MOMOLAND_TURN_LISTEN, or switch \
         it off with MOMOLAND_TURN_LISTEN=off."
    )]
    Listen { address: SocketAddr, cause: io::Error },
    #[error("The name {host:?} of MOMOLAND_TURN_PUBLIC leads to no address ({cause}). Give the address itself.")]
    Public { host: String, cause: io::Error },
}

impl Turn {
    pub fn new(config: &Config) -> Self {
        let secret = config.turn.secret.as_deref().map_or_else(Secret::fresh, Secret::shared);
        let turn = Self { secret, announced: OnceLock::new() };
        if config.turn.listen == TurnListen::Off
            && let Some((host, port)) = &config.turn.public
        {
            turn.announce(Announced { host: Some(host.clone()), port: port.unwrap_or(DEFAULT_PORT) });
        }
        turn
    }

    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Where it is; `None` where there is none.
    pub fn announced(&self) -> Option<&Announced> {
        self.announced.get()
    }

    fn announce(&self, announced: Announced) {
        // Set once, before anybody asks.
        let _ = self.announced.set(announced);
    }
}

/// The port of `turn:` without one (RFC 7065).
const DEFAULT_PORT: u16 = 3478;

impl App {
    /// What a device needs to use TURN from now on, where there is any.
    pub fn turn_access(&self, peer: Peer) -> Option<TurnAccess> {
        let Announced { host, port } = self.turn.announced()?.clone();
        let ttl = self.config.turn.credential_ttl;
        let user = self.turn.secret.user(peer.account, peer.device);
        let credentials = self.turn.secret.credentials(&user, self.clock.unix_ms() / 1_000 + ttl.as_secs());
        Some(TurnAccess {
            port,
            username: credentials.username,
            password: credentials.password,
            ttl_s: u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX),
            host,
        })
    }
}

/// Binds the embedded server beside an HTTP listener at `http`, and starts it; it ends when draining begins.
///
/// # Errors
/// [`TurnError`]; nothing was started.
pub async fn start(app: &Arc<App>, http: SocketAddr) -> Result<(), TurnError> {
    let settings = &app.config.turn;
    let (address, may_differ) = match settings.listen {
        TurnListen::Off => return Ok(()),
        // Where the system chose the port for TCP, it may choose another for UDP.
        TurnListen::WithServer => (http, app.config.listen.port() == 0),
        TurnListen::At(address) => (address, false),
    };
    let bound = match UdpSocket::bind(address).await {
        Err(_) if may_differ => UdpSocket::bind((address.ip(), 0)).await,
        bound => bound,
    };
    let listen_error = |cause| TurnError::Listen { address, cause };
    let socket = bound.map_err(listen_error)?;
    let address = socket.local_addr().map_err(listen_error)?;
    let is_specific = !address.ip().is_unspecified();
    let (host, port, public) = match &settings.public {
        Some((host, port)) => {
            let public = address_of(host).await.map_err(|cause| TurnError::Public { host: host.clone(), cause })?;
            (Some(host.clone()), port.unwrap_or(address.port()), Some(public))
        }
        None => (is_specific.then(|| address.ip().to_string()), address.port(), None),
    };
    let quotas = Quotas {
        allocations_max: settings.allocations_max,
        allocations_per_account_max: settings.allocations_per_account_max,
        bytes_per_second_per_account: settings.bytes_per_second_per_account,
    };
    let reach = Reach::new(settings.allow.clone());
    let relays = Relays::new(app.turn.secret.clone(), settings.credential_ttl.as_secs(), reach, quotas, random());
    let place = Place { bind: is_specific.then(|| address.ip()), public, ports: settings.ports.clone() };
    let relaying = Relaying::new(Arc::clone(app), socket, place, relays).map_err(listen_error)?;
    app.turn.announce(Announced { host, port });
    app.tasks.spawn(relaying.run());
    tracing::info!(%address, "TURN is relaying");
    Ok(())
}

async fn address_of(host: &str) -> io::Result<IpAddr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let mut found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
    // Relayed addresses are of one family, and every client has the older.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().map(SocketAddr::ip).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}
