//! Sockets: accepting within limits, HTTP/1.1 on each, and an orderly end.
//!
//! Every connection holds a [`Slot`], which frees its place when the last clone goes; a WebSocket takes the clone from
//! its upgrade request along and keeps it. Slow senders of heads are cut off by hyper's header time-out, slow senders of
//! bodies by the extractor, idle connections by either, and who never reads by the kernel.
//!
//! Not here: TLS, which a proxy in front ends; HTTP/2, which WebSockets over proxies do not need.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::App;
use crate::http::routes::router;
use crate::limits::addresses::{ClientAddress, is_trusted};

/// Bytes of a request's head, and of what hyper buffers for one connection.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long accepting rests after a failure, which is mostly "too many open files": trying at once would only spin.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long what was cut off at the end of the grace may take to notice.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What is written to a connection beyond the limit, best effort.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n\
connection: close\r\ncontent-length: 114\r\n\r\n\
{\"error\":{\"kind\":\"rate_limited\",\"message\":\"Too many connections are open. Try again later.\",\"retryAfterMs\":5000}}\n";

/// The socket's other end, in a request's extensions. It may be a proxy; `Caller` is who counts.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// A connection's place, in a request's extensions. Whoever upgrades a connection keeps a clone as long as it lives.
#[derive(Debug, Clone)]
pub struct Slot {
    _held: Arc<HeldSlot>,
}

#[derive(Debug)]
struct HeldSlot {
    app: Arc<App>,
    counted: Option<ClientAddress>,
}

/// Places that are taken.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Addresses with at least one connection.
    by_address: HashMap<ClientAddress, usize>,
}

impl Slot {
    /// A place for a connection from `peer`, unless all, or all of its address, are taken.
    fn take(app: &Arc<App>, peer: SocketAddr) -> Option<Self> {
        let limits = &app.config.limits;
        let counted = (!is_trusted(peer.ip(), &app.config.trusted_proxies)).then(|| ClientAddress::of(peer.ip()));
        let mut taken = app.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= limits.connections_max {
            return None;
        }
        if let Some(address) = counted {
            let of_address = taken.by_address.entry(address).or_default();
            if *of_address >= limits.connections_per_address_max {
                return None;
            }
            *of_address += 1;
        }
        taken.all += 1;
        app.metrics.connections.increment();
        Some(Self { _held: Arc::new(HeldSlot { app: Arc::clone(app), counted }) })
    }
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        let mut taken = self.app.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(address) = self.counted
            && let Some(of_address) = taken.by_address.get_mut(&address)
        {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                taken.by_address.remove(&address);
            }
        }
        self.app.metrics.connections.decrement();
    }
}

/// Serves until the switch in `app` is thrown, then ends everything within the grace and closes the store.
pub async fn run(listener: TcpListener, app: Arc<App>) {
    app.start_relay();
    let router = router(Arc::clone(&app));
    loop {
        let accepted = tokio::select! {
            biased;
            () = app.shutdown.draining() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => accept(stream, peer, &router, &app),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    drop(router);
    app.tasks.close();
    tracing::info!(connections = app.metrics.connections.get(), "stopping");
    tokio::select! {
        biased;
        () = app.tasks.wait() => {}
        () = app.shutdown.ended() => {}
        () = tokio::time::sleep(app.config.shutdown_grace) => {}
    }
    app.shutdown.end();
    if tokio::time::timeout(LAST_WAIT, app.tasks.wait()).await.is_err() {
        tracing::warn!(tasks = app.tasks.len(), "some work did not end in time");
    }
    // The store's last handle goes here, on a thread that may wait for the disk: then its folder is free.
    if let Err(error) = tokio::task::spawn_blocking(move || drop(app)).await {
        tracing::error!(%error, "closing the store failed");
    }
}

fn accept(stream: TcpStream, peer: SocketAddr, router: &Router, app: &Arc<App>) {
    let Some(slot) = Slot::take(app, peer) else {
        app.metrics.connections_refused.increment();
        // A fresh socket's buffer has room for so little; if not, the close says it.
        let _ = stream.try_write(TURNED_AWAY);
        return;
    };
    let (router, app_of_task) = (router.clone(), Arc::clone(app));
    app.tasks.spawn(async move {
        let shutdown = app_of_task.shutdown.clone();
        shutdown.supervise(converse(stream, peer, slot, router, app_of_task)).await;
    });
}

/// HTTP/1.1 on one connection, until either side ends it or it is upgraded.
async fn converse(stream: TcpStream, peer: SocketAddr, slot: Slot, router: Router, app: Arc<App>) {
    if let Err(error) = prepare(&stream, app.config.limits.stall_timeout) {
        tracing::debug!(%error, "a socket kept its defaults");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(slot.clone());
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.config.limits.header_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = app.shutdown.draining() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Malformed heads, resets and time-outs: the other side's affair, at any rate it likes.
        tracing::debug!(%error, phase = ?app.shutdown.phase(), "a connection ended early");
    }
}

/// Sets what the kernel does for a connection.
fn prepare(stream: &TcpStream, stall_timeout: Duration) -> std::io::Result<()> {
    // Small answers must not wait for an acknowledgement (RFC 896 meets delayed ACK).
    stream.set_nodelay(true)?;
    // Who asks and never reads would keep its place for ever: hyper waits for the socket to take the answer. The kernel
    // ends a connection whose data is not acknowledged, or whose window stays shut, for that long (RFC 5482, tcp(7)).
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stall_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = stall_timeout;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_one_too_many_is_whole() {
        let text = std::str::from_utf8(TURNED_AWAY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        assert_eq!(length, body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
