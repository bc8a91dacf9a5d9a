//! What one idle connection costs the server: the growth of its memory, over the number of connections.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use support::{Server, free_port};
use tokio::task::JoinSet;

use crate::bare_relay::{self, BareRelay, Socket};
use crate::figure::{self, Target};
use crate::member::{self, Registered};
use crate::memory::Memory;

/// Ten thousand bytes, of this many connections: with fewer, what all share weighs more on each.
const EACH_KIB_MAX: f64 = 10_000.0 / 1024.0;
const PROMISED_FOR: usize = 5_000;

/// Until a process that was given something to do has put its memory in order again.
const SETTLE: Duration = Duration::from_secs(3);

/// Handshakes under way at once: as many as a server that came back sees.
const HANDSHAKES_MAX: usize = 64;

/// `false` where a connection costs more than was promised.
pub(super) async fn measure(folder: &Path, count: usize) -> bool {
    let per_minute = (count * 10).to_string();
    let mut server = Server::prepare(folder, free_port(), &[("CONNECTS_PER_MINUTE", &per_minute)]);
    let registered = member::register(server.data(), count);
    server.start_again();
    let relay = BareRelay::start();
    tokio::time::sleep(SETTLE).await;
    let before = Memory::of(server.process().pid());
    let bare_before = Memory::of(relay.pid());

    let mut ours = Idle::default();
    ours.open(registered, |who: Registered| {
        let port = server.port();
        async move { member::sign_in(port, &who).await.0 }
    })
    .await;
    let mut bare = Idle::default();
    let relay_port = relay.port;
    bare.open(0..u32::try_from(count).expect("some thousands"), move |number| async move {
        bare_relay::connect(relay_port, number).await
    })
    .await;
    tokio::time::sleep(SETTLE).await;

    let open = server.metric("momoland_ws_connections");
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let connections = count as f64;
    assert_eq!(open, Some(connections), "all connections are open");
    let after = Memory::of(server.process().pid());
    let each = (after.pss_kib - before.pss_kib) / connections;
    let bare_each = (Memory::of(relay.pid()).pss_kib - bare_before.pss_kib) / connections;
    let figure = format!("server.idle_pss_per_connection.{count}");
    let target = if count >= PROMISED_FOR { Target::AtMost(EACH_KIB_MAX) } else { Target::None };
    let kept = figure::print_beside(&figure, "KiB", &each.into(), Some(&bare_each.into()), target);
    let figure = format!("server.idle_pss.{count}_accounts_away");
    let (empty, bare_empty) = (before.pss_kib / 1024.0, bare_before.pss_kib / 1024.0);
    figure::print(&figure, "MiB", &empty.into(), Some(&bare_empty.into()));
    let figure = format!("server.idle_rss.{count}_connections");
    figure::print(&figure, "MiB", &(after.rss_kib / 1024.0).into(), None);
    kept
}

/// Sockets that are read, so that pings are answered, and say nothing.
#[derive(Debug, Default)]
struct Idle(JoinSet<()>);

impl Idle {
    async fn open<T, F>(&mut self, all: impl IntoIterator<Item = T>, connect: impl Fn(T) -> F)
    where
        F: Future<Output = Socket>,
    {
        let mut sockets = futures_util::stream::iter(all).map(connect).buffer_unordered(HANDSHAKES_MAX);
        while let Some(mut socket) = sockets.next().await {
            self.0.spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
        }
    }
}
