//! One connection: a reader and a writer over one socket, in one task, until either has a reason to end.
//!
//! The reader hands frames to the relay and waits where the relay or the pace says so; the writer takes from the
//! outbox, writes what is there and flushes once. Neither waits for the other, so two ends that both write at length
//! go on reading.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::StreamExt;
use hyper::upgrade::OnUpgrade;
use momoland_protocol::cbor;
use momoland_protocol::id::{AccountId, random};
use momoland_protocol::limits::{FRAME_BYTES_MAX, NOTICES_PER_FRAME_MAX, SENTENCE_CHARS_MAX};
use momoland_protocol::roster::{Genesis, RosterChange, RosterOp};
use momoland_protocol::server::{
    ClientFrame, Goodbye, GoodbyeReason, Profile, Refusal, RefusalKind, Request, Response, ServerFrame, Welcome,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use super::handshake::{self, Authenticated, Failed};
use super::limits::{Bucket, Pace};
use super::socket::{self, Sink, Stream};
use crate::App;
use crate::accounts::AccountError;
use crate::limits::addresses::ClientAddress;
use crate::relay::outbox::{LookUp, Outbox, Outgoing, encode};
use crate::relay::{Joined, Stopped};
use crate::rooms::Peer;
use crate::rooms::refusals::refusal;
use crate::rooms::rosters::RoomRefusal;

/// Frames that are written before one flush, at most: others wait for the flush to see their credit.
const FRAMES_PER_FLUSH_MAX: usize = 64;

/// Introductions that were dropped for their rate, after which a connection is a flood.
const INTRODUCTIONS_DROPPED_MAX: u32 = 1_000;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// We say why.
    Goodbye(Goodbye),
    /// The other end said so, or the socket broke.
    Closed,
    /// Nothing was heard for too long.
    Silent,
}

/// What the reader and the writer share.
struct Connection {
    app: Arc<App>,
    pace: Pace,
    joined: Joined,
    outbox: Arc<Outbox>,
    /// When the reader last had something, or was done with it.
    heard_at_ms: AtomicU64,
    /// Whether the reader waits for the socket.
    reading: AtomicBool,
    /// The number of the last notice of an administrator that was written.
    told: AtomicU64,
    peer: Peer,
}

/// A connection that was welcomed, with both halves of its socket.
struct Open {
    connection: Connection,
    sink: Sink,
    stream: Stream,
}

/// Talks to a socket from its upgrade on until it ends.
///
/// Nearly all of a connection's time is spent in [`Open::talk`]. What is needed before, after, and for the moment of one
/// frame is boxed for that moment: a task is as large as its largest moment.
pub(super) fn converse(app: Arc<App>, address: ClientAddress, upgrading: OnUpgrade) -> impl Future<Output = ()> + Send {
    let opening = Box::pin(open(Arc::clone(&app), address, upgrading));
    async move {
        let _counted = app.metrics.ws_connections.raise();
        let Some(mut open) = opening.await else { return };
        let end = open.talk().await;
        Box::pin(open.part(end)).await;
    }
}

/// The handshake and the welcome. `None`: that was all.
async fn open(app: Arc<App>, address: ClientAddress, upgrading: OnUpgrade) -> Option<Box<Open>> {
    let pace = app.pace;
    let mut socket = socket::open(upgrading).await.ok()?;
    // A stop that comes during the handshake does not wait for it.
    let authenticated = tokio::select! {
        biased;
        () = app.shutdown.draining() => Err(Failed::Refused(shutting_down(&app))),
        authenticated = handshake::authenticate(&app, address, &mut socket) => authenticated,
    };
    let (sink, stream) = socket::split(socket);
    let Authenticated { peer, welcome } = match authenticated {
        Ok(authenticated) => authenticated,
        Err(Failed::Refused(goodbye)) => {
            say_goodbye(&app, pace, goodbye, sink, stream).await;
            return None;
        }
        Err(Failed::Gone) => return None,
    };
    let outbox = Arc::new(Outbox::default());
    let Ok(joined) = app.relay.join(peer, welcome.admin, Arc::clone(&outbox)).await else {
        say_goodbye(&app, pace, shutting_down(&app), sink, stream).await;
        return None;
    };
    app.metrics.ws_connects.increment();
    tracing::debug!(link = joined.link().0, device = ?peer.device, "connected");
    let connection = Connection {
        heard_at_ms: AtomicU64::new(app.clock.mono_ms()),
        reading: AtomicBool::new(true),
        told: AtomicU64::new(0),
        peer,
        app,
        pace,
        joined,
        outbox,
    };
    let mut open = Box::new(Open { connection, sink, stream });
    match open.connection.greet(&mut open.sink, welcome).await {
        Ok(()) => Some(open),
        Err(end) => {
            open.part(end).await;
            None
        }
    }
}

impl Open {
    /// From the welcome on, until there is a reason to end.
    async fn talk(&mut self) -> End {
        let Self { connection, sink, stream } = self;
        tokio::select! {
            end = connection.read(stream) => end,
            end = connection.write(sink) => end,
        }
    }

    async fn part(self: Box<Self>, end: End) {
        let Self { connection: Connection { app, pace, joined, .. }, sink, stream } = *self;
        let link = joined.link().0;
        // The relay forgets the link now, and not when the goodbye has been heard.
        drop(joined);
        match end {
            End::Goodbye(goodbye) => {
                tracing::debug!(link, reason = ?goodbye.reason, "said goodbye");
                say_goodbye(&app, pace, goodbye, sink, stream).await;
            }
            End::Closed => tracing::debug!(link, "closed by the other end"),
            End::Silent => {
                app.metrics.ws_goodbyes.increment("silent");
                tracing::debug!(link, "silent for too long");
            }
        }
    }
}

impl Connection {
    /// Reads until there is a reason to end.
    async fn read(&self, stream: &mut Stream) -> End {
        let now_ms = self.app.clock.mono_ms();
        let mut buckets = Buckets {
            frames: Bucket::new(self.pace.frames, now_ms),
            requests: Bucket::new(self.pace.requests, now_ms),
            ephemerals: Bucket::new(self.pace.ephemerals, now_ms),
            introductions: Bucket::new(self.pace.introductions, now_ms),
            introductions_dropped: 0,
        };
        loop {
            self.reading.store(true, Ordering::Relaxed);
            let message = stream.next().await;
            self.heard_at_ms.store(self.app.clock.mono_ms(), Ordering::Relaxed);
            self.reading.store(false, Ordering::Relaxed);
            let handled = match message {
                Some(Ok(Message::Binary(bytes))) => Box::pin(self.handle_bytes(&bytes, &mut buckets)).await,
                // A bare frame is only ever written.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
                Some(Ok(Message::Text(_))) => Err(End::Goodbye(protocol("Frames are binary messages."))),
                Some(Err(error)) => Err(End::Goodbye(protocol(format!("The WebSocket broke: {error}.")))),
                Some(Ok(Message::Close(_))) | None => Err(End::Closed),
            };
            if let Err(end) = handled {
                return end;
            }
            // One that sends faster than its pace is read more slowly, and TCP tells it to wait.
            while let Err(wait) = buckets.frames.take(self.app.clock.mono_ms()) {
                tokio::time::sleep(wait).await;
            }
            self.heard_at_ms.store(self.app.clock.mono_ms(), Ordering::Relaxed);
        }
    }

    async fn handle_bytes(&self, bytes: &Bytes, buckets: &mut Buckets) -> Result<(), End> {
        self.app.metrics.ws_frames_in.increment();
        self.app.metrics.ws_bytes_in.add(bytes.len() as u64);
        let frame: ClientFrame = cbor::decode(bytes, FRAME_BYTES_MAX)
            .map_err(|error| End::Goodbye(protocol(format!("A frame is {error}."))))?;
        let frame = match frame {
            ClientFrame::Hello(_) => return Err(End::Goodbye(protocol("A connection has one hello."))),
            ClientFrame::Request { id, request } => {
                if let Err(wait) = buckets.requests.take(self.app.clock.mono_ms()) {
                    self.app.metrics.rate_limited.increment("ws_requests");
                    self.respond(id, Response::Refused(too_many_requests(wait)));
                    return Ok(());
                }
                match Box::pin(self.prepare(request)).await {
                    Ok(request) => ClientFrame::Request { id, request },
                    Err(response) => {
                        self.respond(id, response);
                        return Ok(());
                    }
                }
            }
            ClientFrame::Introduce { .. } => {
                if let Err(wait) = buckets.introductions.take(self.app.clock.mono_ms()) {
                    self.app.metrics.rate_limited.increment("ws_introductions");
                    buckets.introductions_dropped += 1;
                    if buckets.introductions_dropped > INTRODUCTIONS_DROPPED_MAX {
                        return Err(End::Goodbye(flood(wait)));
                    }
                    return Ok(());
                }
                buckets.introductions_dropped = 0;
                frame
            }
            ClientFrame::Ephemeral { .. } => {
                if buckets.ephemerals.take(self.app.clock.mono_ms()).is_err() {
                    // Lossy by design: a newer one is on its way, or the stop that ends it lapses by itself.
                    self.app.metrics.rate_limited.increment("ws_ephemerals");
                    return Ok(());
                }
                frame
            }
            ClientFrame::Replication(_) | ClientFrame::Presence { .. } => frame,
        };
        self.joined.pass(frame).await.map_err(|Stopped| End::Goodbye(shutting_down(&self.app)))
    }

    /// Answers what accounts know, and checks what only they can; the rest is the relay's.
    async fn prepare(&self, request: Request) -> Result<Request, Response> {
        match request {
            Request::Profiles { accounts } => Err(self.profiles(accounts).await),
            Request::Lookup { handle } => Err(self.lookup(handle).await),
            Request::SubmitChange { change } => match self.check_founders(change.get()).await {
                Ok(()) => Ok(Request::SubmitChange { change }),
                Err(why) => Err(Response::Refused(why.into())),
            },
            Request::Preview { .. } | Request::Directory { .. } => Ok(request),
        }
    }

    async fn profiles(&self, accounts: Vec<AccountId>) -> Response {
        match self.app.blocking(move |app| profiles(app, accounts)).await {
            Ok(profiles) => Response::Profiles { profiles },
            Err(error) => unavailable(&error),
        }
    }

    async fn lookup(&self, handle: String) -> Response {
        let found = self
            .app
            .blocking(move |app| {
                let Some(held) = app.accounts.find(&handle)? else { return Ok(None) };
                app.accounts.profile(held.record.id)
            })
            .await;
        match found {
            Ok(Some(profile)) => Response::Profiles { profiles: vec![profile] },
            Ok(None) => Response::Refused(refusal(RefusalKind::NotFound, "Nobody on this server has this handle.")),
            Err(error) => unavailable(&error),
        }
    }

    /// Of a room's first change: both accounts exist, and the devices that come along still count.
    async fn check_founders(&self, change: &RosterChange) -> Result<(), RoomRefusal> {
        let RosterOp::Create { genesis, settings: _, founders } = &change.op else { return Ok(()) };
        let mut accounts: Vec<AccountId> = founders.iter().map(|founder| founder.account).collect();
        if let Genesis::Direct { server: _, low, high } = genesis {
            accounts.extend([low, high]);
        }
        let devices: Vec<_> = founders
            .iter()
            .flat_map(|founder| {
                founder.certificates.iter().map(|certificate| (founder.account, certificate.get().device))
            })
            .collect();
        let checked = self
            .app
            .blocking(move |app| {
                for account in accounts {
                    if app.accounts.account(account)?.is_none() {
                        return Ok(Err(RoomRefusal::NoSuchAccount));
                    }
                }
                for (account, device) in devices {
                    let known = app.accounts.device(device)?;
                    if !known.is_some_and(|known| known.account == account && known.revoked_at_ms.is_none()) {
                        return Ok(Err(RoomRefusal::NotYourCertificate));
                    }
                }
                Ok(Ok(()))
            })
            .await;
        checked.unwrap_or_else(|error| {
            tracing::error!(%error, "the founders of a room could not be looked up");
            Err(RoomRefusal::Unavailable)
        })
    }

    fn respond(&self, id: u32, response: Response) {
        self.outbox.push(&ServerFrame::Response { id, response }, 0);
    }

    /// The welcome, and with it what links with peers need.
    async fn greet(&self, sink: &mut Sink, welcome: Welcome) -> Result<(), End> {
        self.feed(sink, encode(&ServerFrame::Welcome(welcome))).await?;
        match self.app.turn_access(self.peer) {
            Some(access) => self.write_burst(sink, Outgoing::of(&ServerFrame::Turn(access))).await,
            None => self.within(sink.flush()).await,
        }
    }

    /// Writes until there is a reason to end.
    async fn write(&self, sink: &mut Sink) -> End {
        let mut next_ping_ms = self.next_ping_ms();
        // New credentials are there before half of the old ones' time is left.
        let turn_every_ms = millis_of(self.app.config.turn.credential_ttl) / 2;
        let mut next_turn_ms = self.app.clock.mono_ms().saturating_add(turn_every_ms);
        let due_in = |ping_ms: u64, turn_ms: u64| {
            let now_ms = self.app.clock.mono_ms();
            let due_ms = ping_ms.min(turn_ms).min(self.silent_at_ms(now_ms));
            Duration::from_millis(due_ms.saturating_sub(now_ms))
        };
        // Both wait over many writes: a frame costs neither a new timer nor a new look at the shutdown. Who is heard is
        // silent later than the timer thinks, which then looks again.
        let mut draining = std::pin::pin!(self.app.shutdown.draining());
        let mut timer = std::pin::pin!(tokio::time::sleep(due_in(next_ping_ms, next_turn_ms)));
        loop {
            let written = tokio::select! {
                biased;
                () = &mut draining => return End::Goodbye(shutting_down(&self.app)),
                outgoing = self.outbox.next() => Box::pin(self.write_burst(sink, outgoing)).await,
                () = &mut timer => {
                    let now_ms = self.app.clock.mono_ms();
                    if self.silent_at_ms(now_ms) <= now_ms {
                        return End::Silent;
                    }
                    let mut written = Ok(());
                    if next_turn_ms <= now_ms {
                        next_turn_ms = now_ms.saturating_add(turn_every_ms);
                        if let Some(access) = self.app.turn_access(self.peer) {
                            self.outbox.push(&ServerFrame::Turn(access), 0);
                        }
                    } else if next_ping_ms <= now_ms {
                        next_ping_ms = self.next_ping_ms();
                        written = Box::pin(self.within(sink.ping())).await;
                    }
                    timer.as_mut().reset(tokio::time::Instant::now() + due_in(next_ping_ms, next_turn_ms));
                    written
                }
            };
            if let Err(end) = written {
                return end;
            }
        }
    }

    /// Writes what waits, up to a number of frames, and flushes once.
    async fn write_burst(&self, sink: &mut Sink, first: Outgoing) -> Result<(), End> {
        let mut events_bytes_out = 0;
        let mut outgoing = first;
        for place in 1..=FRAMES_PER_FLUSH_MAX {
            match outgoing {
                Outgoing::Frame { bytes, events_bytes } => {
                    events_bytes_out += events_bytes;
                    self.feed(sink, bytes).await?;
                }
                Outgoing::LookUp(look_up) => Box::pin(self.look_up(sink, look_up)).await?,
                Outgoing::Goodbye(goodbye) => return Err(End::Goodbye(goodbye)),
            }
            if place == FRAMES_PER_FLUSH_MAX {
                break;
            }
            match self.outbox.try_next() {
                Some(next) => outgoing = next,
                None => break,
            }
        }
        self.within(sink.flush()).await?;
        if events_bytes_out > 0 {
            self.joined.drained(events_bytes_out);
        }
        Ok(())
    }

    /// Asks the store, and writes what it says: first whether the device is still signed in, which ends the connection
    /// of one that was signed out while nobody could tell it so.
    async fn look_up(&self, sink: &mut Sink, look_up: LookUp) -> Result<(), End> {
        let LookUp { standing, notices, names } = look_up;
        let (Peer { device, account }, after) = (self.peer, self.told.load(Ordering::Relaxed));
        let asked = self.app.blocking(move |app| {
            let signed_in = if standing { app.accounts.is_signed_in(device) } else { Ok(true) };
            let told = notices.then(|| app.accounts.told(account, after)).transpose();
            Ok((signed_in, told, profiles(app, names)))
        });
        let (signed_in, told, profiles) = match asked.await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(%error, "what a connection asked the store was not answered");
                return Ok(());
            }
        };
        match signed_in {
            Ok(true) => {}
            Ok(false) => {
                return Err(End::Goodbye(Goodbye {
                    reason: GoodbyeReason::Revoked,
                    sentence: "This device was signed out. Sign in again.".to_owned(),
                    retry_after_ms: None,
                }));
            }
            // Whether it is signed in is as before: nothing has changed that could be read.
            Err(error) => tracing::warn!(%error, "a device's standing could not be read"),
        }
        match told {
            Ok(None) => {}
            Ok(Some((notices, last))) => {
                self.told.store(last, Ordering::Relaxed);
                for notices in notices.chunks(NOTICES_PER_FRAME_MAX) {
                    self.feed(sink, encode(&ServerFrame::Notices { notices: notices.to_vec() })).await?;
                }
            }
            // Not lost: the next connection looks again.
            Err(error) => tracing::warn!(%error, "what administrators told could not be read"),
        }
        match profiles {
            Ok(profiles) if profiles.is_empty() => {}
            Ok(profiles) => self.feed(sink, encode(&ServerFrame::Profiles { profiles })).await?,
            // Not lost either: the next connection is told all names.
            Err(error) => tracing::warn!(%error, "names could not be read"),
        }
        Ok(())
    }

    async fn feed(&self, sink: &mut Sink, bytes: Bytes) -> Result<(), End> {
        self.app.metrics.ws_frames_out.increment();
        self.app.metrics.ws_bytes_out.add(bytes.len() as u64);
        self.within(sink.feed(bytes)).await
    }

    /// Waits for a write as long as the other end is heard and the server runs: a socket that takes nothing for ever
    /// must not hold its connection for ever.
    async fn within(&self, writing: impl Future<Output = Result<(), tungstenite::Error>>) -> Result<(), End> {
        let mut writing = std::pin::pin!(writing);
        // Mostly the socket takes it at once.
        match futures_util::poll!(writing.as_mut()) {
            Poll::Ready(written) => written.map_err(|_| End::Closed),
            Poll::Pending => Box::pin(self.wait_within(writing)).await,
        }
    }

    async fn wait_within(
        &self,
        mut writing: Pin<&mut impl Future<Output = Result<(), tungstenite::Error>>>,
    ) -> Result<(), End> {
        loop {
            let now_ms = self.app.clock.mono_ms();
            let silent_at_ms = self.silent_at_ms(now_ms);
            if silent_at_ms <= now_ms {
                return Err(End::Silent);
            }
            tokio::select! {
                biased;
                written = writing.as_mut() => return written.map_err(|_| End::Closed),
                () = self.app.shutdown.draining() => return Err(End::Goodbye(shutting_down(&self.app))),
                () = tokio::time::sleep(Duration::from_millis(silent_at_ms - now_ms)) => {}
            }
        }
    }

    /// When the other end counts as gone, unless it is heard before: never while the reader is busy with what it sent.
    fn silent_at_ms(&self, now_ms: u64) -> u64 {
        let heard_ms =
            if self.reading.load(Ordering::Relaxed) { self.heard_at_ms.load(Ordering::Relaxed) } else { now_ms };
        heard_ms.saturating_add(millis_of(self.pace.silence_max))
    }

    fn next_ping_ms(&self) -> u64 {
        let every_ms = millis_of(self.pace.ping_every);
        let jitter = u64::from(u16::from_be_bytes(random()));
        // Nine tenths to eleven tenths.
        self.app.clock.mono_ms() + every_ms * 9 / 10 + every_ms * jitter / 5 / u64::from(u16::MAX)
    }
}

/// The profiles of those of some accounts that exist. Blocks on the disk.
fn profiles(app: &App, accounts: Vec<AccountId>) -> Result<Vec<Profile>, AccountError> {
    accounts.into_iter().filter_map(|account| app.accounts.profile(account).transpose()).collect()
}

/// The rates of one connection.
#[derive(Debug)]
struct Buckets {
    frames: Bucket,
    requests: Bucket,
    ephemerals: Bucket,
    introductions: Bucket,
    /// In a row.
    introductions_dropped: u32,
}

/// Says why, closes, and waits a moment for the other end to have read it: a socket that is dropped with unread input
/// resets the connection, and the last frames are lost (RFC 1122 §4.2.2.13).
async fn say_goodbye(app: &Arc<App>, pace: Pace, goodbye: Goodbye, mut sink: Sink, mut stream: Stream) {
    app.metrics.ws_goodbyes.increment(word_of(goodbye.reason));
    let (code, reason) = (code_of(goodbye.reason), word_of(goodbye.reason));
    let goodbye = encode(&ServerFrame::Goodbye(goodbye));
    let parting = async {
        app.metrics.ws_frames_out.increment();
        app.metrics.ws_bytes_out.add(goodbye.len() as u64);
        sink.feed(goodbye).await?;
        sink.close(CloseFrame { code: code.into(), reason: reason.into() }).await?;
        sink.flush().await?;
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<(), tungstenite::Error>(())
    };
    // Whoever does not listen any more has missed nothing that it could act on.
    let _ = tokio::time::timeout(pace.goodbye_max, parting).await;
}

fn shutting_down(app: &App) -> Goodbye {
    let retry_after = app.shutdown.retry_after(app.config.shutdown_retry_spread);
    Goodbye {
        reason: GoodbyeReason::ShuttingDown,
        sentence: "The server is stopping. What you write is kept on your device.".to_owned(),
        retry_after_ms: Some(millis_of(retry_after)),
    }
}

fn protocol(sentence: impl Into<String>) -> Goodbye {
    let sentence: String = sentence.into();
    // A decoder's sentence may quote what came.
    let sentence = sentence.chars().filter(|letter| !letter.is_control()).take(SENTENCE_CHARS_MAX).collect();
    Goodbye { reason: GoodbyeReason::Protocol, sentence, retry_after_ms: None }
}

fn flood(wait: Duration) -> Goodbye {
    Goodbye {
        reason: GoodbyeReason::RateLimited,
        sentence: "Too many introductions were asked for.".to_owned(),
        retry_after_ms: Some(millis_of(wait)),
    }
}

fn too_many_requests(wait: Duration) -> Refusal {
    let sentence = "Too many requests at once from this device. Try again in a moment.";
    Refusal { retry_after_ms: Some(millis_of(wait)), ..refusal(RefusalKind::RateLimited, sentence) }
}

fn unavailable(error: &AccountError) -> Response {
    tracing::error!(%error, "accounts could not be read");
    Response::Refused(RoomRefusal::Unavailable.into())
}

/// The close codes of RFC 6455 §7.4.1, and for what has none the private ones.
fn code_of(reason: GoodbyeReason) -> u16 {
    match reason {
        GoodbyeReason::ShuttingDown => 1001,
        GoodbyeReason::Protocol => 1002,
        GoodbyeReason::Unauthorized | GoodbyeReason::Revoked => 1008,
        GoodbyeReason::RateLimited => 1013,
        GoodbyeReason::Replaced => 4000,
        GoodbyeReason::Version => 4001,
    }
}

/// The word of a reason in metrics and close frames.
fn word_of(reason: GoodbyeReason) -> &'static str {
    match reason {
        GoodbyeReason::ShuttingDown => "shutting_down",
        GoodbyeReason::Protocol => "protocol",
        GoodbyeReason::Unauthorized => "unauthorized",
        GoodbyeReason::Revoked => "revoked",
        GoodbyeReason::Replaced => "replaced",
        GoodbyeReason::RateLimited => "rate_limited",
        GoodbyeReason::Version => "version",
    }
}

fn millis_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
