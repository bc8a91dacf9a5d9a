//! The runtime under one peer connection: tokio's, with two corrections that the library needs from outside.
//!
//! **Wake-ups.** The driver of `webrtc` 0.21 feeds a datagram that came over a TURN relay to its core after the pass's
//! writes, and nothing writes again before it sleeps: each answer over a relay would wait for the next timer (opening
//! 6 s instead of 2.6, round trip 200 ms instead of 0.3, measured). Here the driver's `sleep` completes at once twice
//! after each wake-up, so it makes two more passes before it truly sleeps. Only sleeps made while the driver itself is
//! being polled are treated so: others, like the one that bounds `close()`, are real time-outs.
//!
//! **Socket buffers.** A burst overflows the kernel's default UDP buffers, and SCTP then waits a second for its
//! retransmission: bulk over loopback went from 30 to 280 MB/s with larger ones.
//!
//! **IPv6.** The library cannot resolve the IPv6 address of a TURN server that it wrote itself.
//!
//! # Invariants
//! 1. One [`LinkRuntime`] serves one peer connection, since the count of passes is the connection's.
//! 2. After any wake-up the driver runs two more passes, then sleeps as long as it asked.
//!    Test: `a_driver_makes_two_more_passes_and_then_sleeps`.
//! 3. Sleeps outside the driver last their time. Test: `others_sleep_their_time`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

/// Passes that the driver makes after a wake-up before it sleeps. One moves what a relayed datagram caused from the
/// core to the TURN client, one from there to the socket.
const EXTRA_PASSES: u32 = 2;

/// Bytes asked for a socket's receive and send buffers. The kernel grants less where `rmem_max` says so, and takes
/// memory only for what waits.
const SOCKET_BUFFER_BYTES: usize = 2 * 1024 * 1024;

type BoxedFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// Which connection's driver this thread is polling at this moment; 0: none.
    static POLLING: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
pub(crate) struct LinkRuntime {
    inner: TokioRuntime,
    /// Passes made since the driver was last woken by something. Its address also names the connection.
    passes: Arc<AtomicU32>,
}

impl LinkRuntime {
    pub(crate) fn new() -> Self {
        Self { inner: TokioRuntime, passes: Arc::new(AtomicU32::new(0)) }
    }

    fn name_of(passes: &Arc<AtomicU32>) -> usize {
        Arc::as_ptr(passes).addr()
    }
}

/// The driver, polled with its name in [`POLLING`].
struct Driver {
    passes: Arc<AtomicU32>,
    future: BoxedFuture,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        /// Restores the marker even if the poll unwinds.
        struct Restore(usize);
        impl Drop for Restore {
            fn drop(&mut self) {
                POLLING.set(self.0);
            }
        }
        let _restore = Restore(POLLING.replace(LinkRuntime::name_of(&self.passes)));
        self.future.as_mut().poll(context)
    }
}

/// A sleep of the driver: over at once for the passes that are still to be made, else real.
struct Nap {
    passes: Arc<AtomicU32>,
    real: Option<BoxedFuture>,
    counted: bool,
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.real {
            Some(real) => real.as_mut().poll(context),
            None => {
                self.counted = true;
                self.passes.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        // The driver got on by something else than an extra pass: a datagram, a command, a timer that was due.
        if !self.counted {
            self.passes.store(0, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("passes", &self.passes).finish_non_exhaustive()
    }
}

impl Runtime for LinkRuntime {
    fn spawn(&self, future: BoxedFuture) -> Box<dyn JoinHandle> {
        self.inner.spawn(Box::pin(Driver { passes: Arc::clone(&self.passes), future }))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let handle = socket2::SockRef::from(&socket);
        // A kernel that refuses leaves its default, which works, slowly.
        let _ = handle.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
        let _ = handle.set_send_buffer_size(SOCKET_BUFFER_BYTES);
        self.inner.wrap_udp_socket(socket)
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        address: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        self.inner.connect_tcp(address)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        // The library writes an IPv6 address of a TURN server without brackets.
        if let Some((ip, port)) = host.rsplit_once(':')
            && let (Ok(ip), Ok(port)) = (ip.parse::<Ipv6Addr>(), port.parse())
        {
            return Box::pin(std::future::ready(Ok(vec![SocketAddr::new(ip.into(), port)])));
        }
        self.inner.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> BoxedFuture {
        if POLLING.get() != Self::name_of(&self.passes) {
            return self.inner.sleep(duration);
        }
        let extra_pass = self.passes.load(Ordering::Relaxed) < EXTRA_PASSES;
        let real = if extra_pass { None } else { Some(self.inner.sleep(duration)) };
        Box::pin(Nap { passes: Arc::clone(&self.passes), real, counted: false })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }

    fn yield_now(&self) -> BoxedFuture {
        self.inner.yield_now()
    }

    fn name(&self) -> &'static str {
        "momoland-link"
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_driver_makes_two_more_passes_and_then_sleeps() {
        let runtime = Arc::new(LinkRuntime::new());
        let (wake, mut woken) = mpsc::channel::<()>(4);
        let (pass, mut passes) = mpsc::channel::<Instant>(16);
        let inside = Arc::clone(&runtime);
        let driver = runtime.spawn(Box::pin(async move {
            loop {
                pass.send(Instant::now()).await.unwrap();
                tokio::select! {
                    biased;
                    () = inside.sleep(Duration::from_secs(1)) => {}
                    _ = woken.recv() => {}
                }
            }
        }));
        let start = Instant::now();
        for _ in 0..=EXTRA_PASSES {
            assert_eq!(passes.recv().await, Some(start));
        }
        // The next pass comes when the sleep is over, and brings two more along.
        for _ in 0..=EXTRA_PASSES {
            assert_eq!(passes.recv().await, Some(start + Duration::from_secs(1)));
        }
        wake.send(()).await.unwrap();
        for _ in 0..=EXTRA_PASSES {
            assert_eq!(passes.recv().await, Some(start + Duration::from_secs(1)));
        }
        assert_eq!(passes.recv().await, Some(start + Duration::from_secs(2)));
        driver.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn others_sleep_their_time() {
        let runtime = LinkRuntime::new();
        let start = Instant::now();
        runtime.sleep(Duration::from_millis(100)).await;
        assert_eq!(Instant::now() - start, Duration::from_millis(100));
    }

    #[tokio::test]
    async fn an_ipv6_address_without_brackets_is_understood() {
        let runtime = LinkRuntime::new();
        for host in ["2001:db8::1:7420", "[2001:db8::1]:7420"] {
            let expected: SocketAddr = "[2001:db8::1]:7420".parse().unwrap();
            assert_eq!(runtime.resolve_host(host).await.unwrap(), [expected], "{host}");
        }
    }

    #[tokio::test]
    async fn sockets_get_larger_buffers() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let probe = socket.try_clone().unwrap();
        let before = socket2::SockRef::from(&probe).recv_buffer_size().unwrap();
        let _wrapped = LinkRuntime::new().wrap_udp_socket(socket).unwrap();
        assert!(socket2::SockRef::from(&probe).recv_buffer_size().unwrap() >= before);
    }
}
