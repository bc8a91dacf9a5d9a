//! A bare server on axum, in a process of its own, and a bare client of its sockets: what the relay is measured beside.
//!
//! At `/bytes` it answers with the file that it was started with, which it read once.
//!
//! It passes each binary message on to the other socket with the same number, and knows nothing else: no accounts, no
//! store, no limits.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::member::socket_config;

/// The first argument of this program in its second role.
pub(crate) const ROLE: &str = "bare-relay";

/// Messages that wait for one socket, more than a measurement has in all: two whose senders waited for each other would
/// wait for ever.
const WAITING_MAX: usize = 1_024;

/// Of one socket: those of our server. The library's own 128 KiB would flatter us.
const READ_BUFFER_BYTES: usize = 1024;
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// A client's end.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The process, ended with this value.
#[derive(Debug)]
pub(crate) struct BareRelay {
    child: Child,
    pub(crate) port: u16,
}

impl BareRelay {
    /// Starts it and returns once it listens.
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// Likewise, to answer with the bytes of a file.
    pub(crate) fn start_with(answer: Option<&std::path::Path>) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg(ROLE).args(answer).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts again");
        let output = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("it tells its port");
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for BareRelay {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket that hears what others with `number` say.
pub(crate) async fn connect(port: u16, number: u32) -> Socket {
    let address = format!("ws://127.0.0.1:{port}/{number}");
    let connecting = tokio_tungstenite::connect_async_with_config(address, Some(socket_config()), true);
    connecting.await.expect("the bare relay takes everybody").0
}

/// Sends a message.
pub(crate) async fn send(socket: &mut Socket, bytes: Bytes) {
    socket.send(tungstenite::Message::Binary(bytes)).await.expect("the socket is open");
}

/// The next message.
pub(crate) async fn receive(socket: &mut Socket) -> Bytes {
    loop {
        match socket.next().await.expect("the socket is open").expect("the socket is whole") {
            tungstenite::Message::Binary(bytes) => return bytes,
            _ => continue,
        }
    }
}

/// What the process does.
pub(crate) async fn serve() -> std::io::Result<()> {
    let answer = match std::env::args_os().nth(2) {
        Some(path) => Bytes::from(std::fs::read(path)?),
        None => Bytes::new(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    writeln!(std::io::stdout(), "{port}")?;
    let listener = listener.tap_io(|stream| {
        // Where it fails the reference is slower, which the figures would show.
        let _ = stream.set_nodelay(true);
    });
    let sockets = Arc::new(Sockets::default());
    let bytes = move || async move { ([(axum::http::header::CONTENT_TYPE, "application/json")], answer) };
    let router = Router::new().route("/bytes", axum::routing::get(bytes));
    axum::serve(listener, router.route("/{number}", axum::routing::any(upgrade)).with_state(sockets)).await
}

#[derive(Debug, Default)]
struct Sockets(Mutex<BTreeMap<u32, Vec<mpsc::Sender<Bytes>>>>);

async fn upgrade(State(sockets): State<Arc<Sockets>>, Path(number): Path<u32>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(WRITE_BUFFER_BYTES);
    upgrade.on_upgrade(move |socket| forward(socket, sockets, number))
}

async fn forward(mut socket: WebSocket, sockets: Arc<Sockets>, number: u32) {
    let (own, mut waiting) = mpsc::channel(WAITING_MAX);
    let with_number = |change: &mut dyn FnMut(&mut Vec<mpsc::Sender<Bytes>>)| {
        change(sockets.0.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_default());
    };
    with_number(&mut |all| all.push(own.clone()));
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let mut others = Vec::new();
                    with_number(&mut |all| others = all.iter().filter(|other| !other.same_channel(&own)).cloned().collect());
                    for other in others {
                        // It may be gone by now.
                        let _ = other.send(bytes.clone()).await;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
            Some(bytes) = waiting.recv() => if socket.send(Message::Binary(bytes)).await.is_err() { break },
        }
    }
    with_number(&mut |all| all.retain(|other| !other.same_channel(&own)));
}
