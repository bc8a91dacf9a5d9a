//! The link to the server: one WebSocket that comes back by itself.
//!
//! One task owns it: it keeps the access token fresh, connects, runs the handshake, carries frames both ways, notices a
//! half-open connection, and tries again with jittered exponential backoff. `engine` owns the task, gives it frames and
//! hears [`ServerEvent`]s.
//!
//! # Invariants
//! 1. At most one connection at a time; frames come only between `Online` and `Offline`.
//! 2. No delay between two attempts passes [`RETRY_DELAY_MAX`]. Test: `delays_grow_to_ten_seconds_and_no_further`.
//! 3. The server has proved the pinned key before any frame is believed.
//!
//! Not here: what a frame means.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use momoland_protocol::cbor;
use momoland_protocol::handshake::{ServerTranscript, VERSION};
use momoland_protocol::id::{Nonce, ServerKey, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::server::{ClientFrame, ClientHello, Goodbye, GoodbyeReason, ServerFrame, Welcome};
use momoland_protocol::signed::SecretKey;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::account::address::ServerAddress;
use crate::account::http::{HttpClient, HttpFailure, Tokens};
use crate::account::record::StoredTokens;
use crate::api::error::ErrorKind;

/// What one read takes at most. The library writes zeros over all of it before each, also where nothing has come; its own
/// choice is 128 KiB.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// From the first packet to the welcome.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two pings of an idle connection.
const PING_EVERY: Duration = Duration::from_secs(15);

/// Without a byte from the server: the connection is taken for dead (C43: within 60 s).
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// After the machine slept or moved, the same. A server that answers takes a round trip.
const SILENCE_MAX_WHEN_CHECKED: Duration = Duration::from_secs(4);

/// A write that takes longer: the connection is taken for dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Delay after the first failure; doubled by each further one.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(250);

/// The longest delay between two attempts (DESIGN §4).
const RETRY_DELAY_MAX: Duration = Duration::from_secs(10);

/// An access token is renewed when it holds no longer than this.
const TOKEN_MARGIN_MS: u64 = 60_000;

/// Frames that wait to be written. Full: the connection is given up, and everything durable is compared anew.
const WAITING_FRAMES_MAX: usize = 4_096;

/// A frame to be written.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) bytes: Vec<u8>,
    /// Credit that it used, given back once it is written.
    pub(crate) credit: usize,
}

/// What the link says to its owner.
#[derive(Debug)]
pub(crate) enum ServerEvent {
    /// An attempt begins.
    Connecting,
    /// Signed in.
    Online(Box<Welcome>),
    /// A frame, within its bounds.
    Frame(Box<ServerFrame>),
    /// Frames were written.
    Written { credit: usize },
    /// Fresh tokens, to be kept.
    Tokens(Tokens),
    /// The connection, or an attempt, ended; the next attempt follows by itself.
    Offline { problem: Option<String> },
    /// The server no longer accepts this device; nothing is tried until somebody signs in again.
    SignedOut { sentence: String },
}

/// Who connects to whom.
#[derive(Debug, Clone)]
pub(crate) struct ServerLinkConfig {
    pub(crate) address: ServerAddress,
    pub(crate) server_key: ServerKey,
    pub(crate) key: Arc<SecretKey>,
    pub(crate) access_token: String,
    /// By this machine's clock, Unix milliseconds.
    pub(crate) access_expires_at: u64,
    pub(crate) refresh_token: String,
}

/// The owner's handle. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct ServerLink {
    /// Names this link in its events: what an earlier one still has to say is not taken for this one's.
    pub(crate) number: u64,
    frames: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
    renewed: Arc<Mutex<Option<StoredTokens>>>,
    doubted: Arc<Notify>,
}

/// Bytes of frames, both ways.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
}

impl ServerLink {
    /// Starts to connect at once.
    pub(crate) fn start(
        number: u64,
        config: ServerLinkConfig,
        traffic: Arc<Traffic>,
        events: mpsc::Sender<(u64, ServerEvent)>,
    ) -> Self {
        let (frames, waiting) = mpsc::channel(WAITING_FRAMES_MAX);
        let renewed = Arc::new(Mutex::new(None));
        let doubted = Arc::new(Notify::new());
        let task = LinkTask {
            doubted: Arc::clone(&doubted),
            number,
            http: HttpClient::new(config.address.clone()),
            config,
            events,
            frames: waiting,
            traffic,
            renewed: Arc::clone(&renewed),
        };
        Self { number, frames, task: tokio::spawn(task.run()), renewed, doubted }
    }

    /// Somebody else renewed the tokens: the link's own refresh token would count as stolen from now on.
    pub(crate) fn renew(&self, tokens: StoredTokens) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
    }

    /// The machine slept or moved: the server has to answer now, or a new connection is made; where one is being waited
    /// for, it is tried at once.
    pub(crate) fn check(&self) {
        self.doubted.notify_one();
    }

    /// Hands over a frame; `false` where it cannot be taken: offline, or too much waits.
    pub(crate) fn send(&self, frame: &ClientFrame, credit: usize) -> bool {
        self.frames.try_send(Outgoing { bytes: cbor::encode(frame), credit }).is_ok()
    }

    /// Says goodbye and ends; what was handed over is still written, for a moment.
    pub(crate) async fn stop(self) {
        let Self { number: _, frames, task, renewed: _, doubted: _ } = self;
        drop(frames);
        let abort = task.abort_handle();
        if timeout(Duration::from_secs(2), task).await.is_err() {
            abort.abort();
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct LinkTask {
    number: u64,
    config: ServerLinkConfig,
    http: HttpClient,
    events: mpsc::Sender<(u64, ServerEvent)>,
    frames: mpsc::Receiver<Outgoing>,
    traffic: Arc<Traffic>,
    renewed: Arc<Mutex<Option<StoredTokens>>>,
    doubted: Arc<Notify>,
}

/// The owner is gone, and nobody hears what the link says.
struct Unheard;

/// Why a connection or an attempt ended.
enum End {
    /// The owner wants it, or is gone.
    Stopped,
    /// Try again; after the given delay where the server named one, else with backoff.
    Retry { problem: Option<String>, after: Option<Duration>, was_online: bool },
    /// The access token was refused.
    TokenRefused,
    /// Not without signing in again.
    SignedOut { sentence: String },
}

impl LinkTask {
    async fn tell(&self, event: ServerEvent) -> Result<(), Unheard> {
        self.events.send((self.number, event)).await.map_err(|_| Unheard)
    }

    async fn run(mut self) {
        let mut failures: u32 = 0;
        loop {
            if self.tell(ServerEvent::Connecting).await.is_err() {
                return;
            }
            // Whether the delay is the server's wish.
            let mut asked = false;
            let delay = match self.attempt().await {
                End::Stopped => return,
                End::SignedOut { sentence } => {
                    // The owner decides; until then there is nothing to try.
                    let _ = self.tell(ServerEvent::SignedOut { sentence }).await;
                    return;
                }
                End::TokenRefused => {
                    self.config.access_token.clear();
                    failures += 1;
                    // Once is a token that ended early; again and again would be a loop.
                    if failures > 1 { backoff(failures, random_fraction()) } else { Duration::ZERO }
                }
                End::Retry { problem, after, was_online } => {
                    failures = if was_online { 1 } else { failures.saturating_add(1) };
                    if self.tell(ServerEvent::Offline { problem }).await.is_err() {
                        return;
                    }
                    asked = after.is_some();
                    match after {
                        Some(after) => after.min(RETRY_DELAY_MAX),
                        None if was_online => backoff(0, random_fraction()),
                        None => backoff(failures, random_fraction()),
                    }
                }
            };
            if !self.wait(delay, !asked).await {
                return;
            }
        }
    }

    /// Waits, throwing away frames for a connection that is gone; `false` where the owner went.
    async fn wait(&mut self, delay: Duration, may_be_shortened: bool) -> bool {
        let until = Instant::now() + delay;
        loop {
            tokio::select! {
                biased;
                frame = self.frames.recv() => if frame.is_none() { return false },
                () = self.doubted.notified(), if may_be_shortened => return true,
                () = tokio::time::sleep_until(until) => return true,
            }
        }
    }

    async fn attempt(&mut self) -> End {
        if let Err(end) = self.refresh_token().await {
            return end;
        }
        let connecting = timeout(CONNECT_TIMEOUT, connect_and_greet(&self.config));
        let connected = tokio::select! {
            biased;
            () = owner_gone(&mut self.frames) => return End::Stopped,
            connected = connecting => connected,
        };
        let (socket, welcome) = match connected {
            Ok(Ok(connected)) => connected,
            Ok(Err(end)) => return end,
            Err(_) => {
                let problem = Some(format!("{} did not answer in time.", self.config.address));
                return End::Retry { problem, after: None, was_online: false };
            }
        };
        // Frames that were meant for an earlier connection do not belong to this one.
        while self.frames.try_recv().is_ok() {}
        if self.tell(ServerEvent::Online(Box::new(welcome))).await.is_err() {
            return End::Stopped;
        }
        self.carry(socket).await
    }

    async fn refresh_token(&mut self) -> Result<(), End> {
        let renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(StoredTokens { access, access_expires_at, refresh }) = renewed {
            self.config.access_token = access;
            self.config.access_expires_at = access_expires_at;
            self.config.refresh_token = refresh;
        }
        let now = momoland_protocol::clock::UnixMillis::now().0;
        if !self.config.access_token.is_empty() && now + TOKEN_MARGIN_MS < self.config.access_expires_at {
            return Ok(());
        }
        let refreshing = self.http.refresh(&self.config.refresh_token);
        match refreshing.await {
            Ok(tokens) => {
                self.config.access_token.clone_from(&tokens.access);
                self.config.access_expires_at = now.saturating_add(tokens.access_expires_in.saturating_mul(1_000));
                self.config.refresh_token.clone_from(&tokens.refresh);
                self.tell(ServerEvent::Tokens(tokens)).await.map_err(|_| End::Stopped)
            }
            Err(HttpFailure::Refused { kind: ErrorKind::Unauthorized | ErrorKind::Forbidden, message, .. }) => {
                Err(End::SignedOut { sentence: format!("{message} Sign in again; what is on this device stays.") })
            }
            Err(failure) => {
                let after = match &failure {
                    HttpFailure::Refused { retry_after_ms, .. } => retry_after_ms.map(Duration::from_millis),
                    HttpFailure::Unreachable { .. } | HttpFailure::NotMomoland { .. } => None,
                };
                Err(End::Retry { problem: Some(format!("{failure}.")), after, was_online: false })
            }
        }
    }

    /// Carries frames both ways until something ends it.
    async fn carry(&mut self, socket: Socket) -> End {
        let (mut sink, mut stream) = socket.split();
        let mut heard = Instant::now();
        let mut ping_at = Instant::now() + PING_EVERY;
        // Asked whether it is still there, and since when.
        let mut checked: Option<Instant> = None;
        let retry = |problem: Option<String>, after| End::Retry { problem, after, was_online: true };
        loop {
            tokio::select! {
                biased;
                outgoing = self.frames.recv() => {
                    let Some(first) = outgoing else {
                        let _ = timeout(Duration::from_secs(1), sink.close()).await;
                        return End::Stopped;
                    };
                    match timeout(WRITE_TIMEOUT, self.write(&mut sink, first)).await {
                        Ok(Ok(credit)) => {
                            if self.tell(ServerEvent::Written { credit }).await.is_err() {
                                return End::Stopped;
                            }
                        }
                        Ok(Err(())) => return retry(None, None),
                        Err(_) => return retry(Some("The connection to the server stalled.".to_owned()), None),
                    }
                }
                message = next_message(&mut stream) => {
                    heard = Instant::now();
                    checked = None;
                    match message {
                        Some(Message::Binary(bytes)) => {
                            self.traffic.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                            match self.received(&bytes).await {
                                Ok(()) => {}
                                Err(end) => return end,
                            }
                        }
                        Some(Message::Ping(_) | Message::Pong(_)) => {}
                        Some(Message::Text(_) | Message::Close(_) | Message::Frame(_)) | None => {
                            return retry(None, None);
                        }
                    }
                }
                () = self.doubted.notified() => {
                    checked = Some(Instant::now());
                    ping_at = Instant::now();
                }
                () = tokio::time::sleep_until(ping_at) => {
                    let unanswered = checked.is_some_and(|since| since.elapsed() >= SILENCE_MAX_WHEN_CHECKED);
                    if heard.elapsed() > SILENCE_MAX || unanswered {
                        return retry(Some("The server does not answer any more.".to_owned()), None);
                    }
                    ping_at = Instant::now() + if checked.is_some() { SILENCE_MAX_WHEN_CHECKED } else { PING_EVERY };
                    match timeout(WRITE_TIMEOUT, sink.send(Message::Ping(Bytes::new()))).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return retry(None, None),
                    }
                }
            }
        }
    }

    /// Writes a frame, and with it whatever waits behind it. The credit that was used.
    async fn write(&mut self, sink: &mut SplitSink<Socket, Message>, first: Outgoing) -> Result<usize, ()> {
        let mut next = Some(first);
        let mut credit = 0;
        let mut written = 0;
        while let Some(outgoing) = next {
            credit += outgoing.credit;
            written += outgoing.bytes.len();
            self.traffic.sent.fetch_add(outgoing.bytes.len() as u64, Ordering::Relaxed);
            sink.feed(Message::Binary(outgoing.bytes.into())).await.map_err(|_| ())?;
            next = if written < FRAME_BYTES_MAX { self.frames.try_recv().ok() } else { None };
        }
        sink.flush().await.map_err(|_| ())?;
        Ok(credit)
    }

    async fn received(&mut self, bytes: &[u8]) -> Result<(), End> {
        let retry = |problem: Option<String>, after| End::Retry { problem, after, was_online: true };
        match cbor::decode::<ServerFrame>(bytes, FRAME_BYTES_MAX) {
            Ok(ServerFrame::Goodbye(goodbye)) => Err(after_goodbye(goodbye, true)),
            Ok(ServerFrame::Hello(_) | ServerFrame::Welcome(_)) => {
                Err(retry(Some("The server broke the protocol.".to_owned()), None))
            }
            Ok(frame) => self.tell(ServerEvent::Frame(Box::new(frame))).await.map_err(|_| End::Stopped),
            Err(error) => {
                tracing::warn!(%error, "a frame of the server was refused");
                Err(retry(Some("The server sent what this version does not understand.".to_owned()), None))
            }
        }
    }
}

/// Ends when the owner goes; what it wanted to send is for no connection.
async fn owner_gone(frames: &mut mpsc::Receiver<Outgoing>) {
    while frames.recv().await.is_some() {}
}

async fn next_message(stream: &mut SplitStream<Socket>) -> Option<Message> {
    match stream.next().await {
        Some(Ok(message)) => Some(message),
        Some(Err(error)) => {
            tracing::debug!(%error, "the connection to the server broke");
            None
        }
        None => None,
    }
}

fn after_goodbye(goodbye: Goodbye, was_online: bool) -> End {
    let Goodbye { reason, sentence, retry_after_ms } = goodbye;
    let after = retry_after_ms.map(Duration::from_millis);
    match reason {
        GoodbyeReason::Unauthorized => End::TokenRefused,
        GoodbyeReason::Revoked => {
            End::SignedOut { sentence: format!("{sentence} Sign in again; what is on this device stays.") }
        }
        GoodbyeReason::Version => {
            let after = Some(RETRY_DELAY_MAX);
            End::Retry {
                problem: Some(format!("{sentence} Update Momoland, or ask whoever runs the server to.")),
                after,
                was_online,
            }
        }
        GoodbyeReason::ShuttingDown => End::Retry { problem: None, after, was_online },
        GoodbyeReason::Protocol | GoodbyeReason::Replaced | GoodbyeReason::RateLimited => {
            let after = after.or(Some(Duration::from_secs(5)));
            End::Retry { problem: Some(sentence), after, was_online }
        }
    }
}

async fn connect_and_greet(config: &ServerLinkConfig) -> Result<(Socket, Welcome), End> {
    let retry = |problem: String| End::Retry { problem: Some(problem), after: None, was_online: false };
    let unreachable = |cause: String| retry(format!("{} cannot be reached ({cause}).", config.address));
    let request = config.address.websocket("/v1/connect").into_client_request();
    let request = request.map_err(|error| unreachable(error.to_string()))?;
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let connected = connect_async_with_config(request, Some(limits), true).await;
    let (mut socket, _) = connected.map_err(|error| unreachable(error.to_string()))?;
    let not_momoland = || retry(format!("{} answers, but not as a Momoland server does.", config.address));

    let ServerFrame::Hello(hello) = next_frame(&mut socket).await.ok_or_else(not_momoland)? else {
        return Err(not_momoland());
    };
    if hello.version != VERSION {
        return Err(End::Retry {
            problem: Some(format!(
                "{} speaks version {} of the protocol, this Momoland version {VERSION}. Update the older of the two.",
                config.address, hello.version
            )),
            after: Some(RETRY_DELAY_MAX),
            was_online: false,
        });
    }
    let wrong_key = || End::Retry {
        problem: Some(format!(
            "{} shows another key than when you first signed in. Somebody may be in between, or the server was set up \
             anew: ask whoever runs it. Nothing was sent.",
            config.address
        )),
        after: Some(RETRY_DELAY_MAX),
        was_online: false,
    };
    if hello.server != config.server_key {
        return Err(wrong_key());
    }
    let transcript = ServerTranscript {
        server_nonce: hello.nonce,
        client_nonce: Nonce(random()),
        server: config.server_key,
        device: config.key.device(),
    };
    let answer = ClientFrame::Hello(ClientHello {
        version: VERSION,
        access_token: config.access_token.clone(),
        device: config.key.device(),
        nonce: transcript.client_nonce,
        proof: transcript.prove_device(&config.key),
    });
    let sent = socket.send(Message::Binary(cbor::encode(&answer).into())).await;
    sent.map_err(|error| unreachable(error.to_string()))?;
    match next_frame(&mut socket).await {
        Some(ServerFrame::Welcome(welcome)) => match transcript.verify_server(&welcome.proof) {
            Ok(()) => Ok((socket, welcome)),
            Err(_) => Err(wrong_key()),
        },
        Some(ServerFrame::Goodbye(goodbye)) => Err(after_goodbye(goodbye, false)),
        Some(_) | None => Err(not_momoland()),
    }
}

async fn next_frame(socket: &mut Socket) -> Option<ServerFrame> {
    loop {
        match socket.next().await?.ok()? {
            Message::Binary(bytes) => return cbor::decode(&bytes, FRAME_BYTES_MAX).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Text(_) | Message::Close(_) | Message::Frame(_) => return None,
        }
    }
}

/// The delay before the next attempt after so many failures; `fraction` in `0.0..1.0` spreads it over its upper half.
fn backoff(failures: u32, fraction: f64) -> Duration {
    let doubled = RETRY_DELAY_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let longest = doubled.min(RETRY_DELAY_MAX);
    longest / 2 + (longest / 2).mul_f64(fraction)
}

fn random_fraction() -> f64 {
    f64::from(u32::from_be_bytes(random())) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_ten_seconds_and_no_further() {
        for fraction in [0.0, 0.5, 0.999] {
            let delays: Vec<Duration> = (0..40).map(|failures| backoff(failures, fraction)).collect();
            assert!(delays.is_sorted());
            assert!(delays.iter().all(|delay| *delay >= RETRY_DELAY_MIN / 2 && *delay <= RETRY_DELAY_MAX));
        }
        assert!(backoff(40, 0.999) > RETRY_DELAY_MAX.mul_f64(0.9));
    }
}
