//! `momo ui`: the window in a browser on this machine, and a WebSocket with the same JSON-RPC texts as `momo rpc`.
//!
//! ```text
//!   browser ── GET /?token=T ──▶ 303 to /, cookie       once: T is used up
//!           ── GET /, /assets/… ─▶ the built window     with the cookie
//!           ── GET /ws ──────────▶ conversation          with the cookie (or T, unused), from this origin
//!   editor  ── GET /yjs/DOC ─────▶ a document            the same, for whatever edits Yjs documents
//!
//!   and of a demonstration
//!           ── GET /demo-realtime ▶ the page with everybody
//!           ── GET /ws/ada ──────▶ her conversation      one an engine
//!           ── GET /stage ───────▶ who and what is there
//!           ── POST /stage/server?running=false ▶ the same, once the server was killed; true starts it
//! ```
//!
//! Anything on the machine, and any page in any browser on it, can reach a loopback port. So every request passes
//! `access`: the host it names, the origin it comes from, and the cookie that only the printed address gives.
//!
//! # Invariants
//! 1. Listens on loopback addresses only. Test: `ui_refuses_to_listen_beyond_loopback_and_on_a_port_in_use`.
//! 2. Nothing of the account leaves without the cookie or the unused token. Test:
//!    `the_token_opens_once_and_its_cookie_from_then_on`.
//! 3. A foreign Origin gets 403 before anything else is looked at. Test: `only_our_own_host_and_origin_pass`.
//!
//! Not here: what the window shows (`ui/` of the repository), what requests do (the engine).

mod access;
mod assets;
mod yjs;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use momoland_engine::{Engine, PictureStream};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::access::secret;
use self::access::{Access, Entry};
use crate::conversation::{self, Incoming, OUTGOING_MAX, REQUEST_BYTES_MAX};
use crate::demo::Stage;

/// Pages of one window that may be open at once. One more gets 503, so that a page that reconnects in a circle cannot
/// exhaust the process.
const SOCKETS_MAX: usize = 32;

/// Texts read ahead of a conversation. At the limit reading stops and the socket's own window fills.
const INCOMING_MAX: usize = 16;

/// How long open sockets and downloads may take to end, once the process was asked to.
const LAST_SOCKETS_WAIT_MAX: Duration = Duration::from_secs(3);

const CLOSE_GOING_AWAY: u16 = 1001;

/// Where the window is, and everybody's windows in one page.
const PAGES: [&str; 2] = ["/", DEMO_PAGE];
const DEMO_PAGE: &str = "/demo-realtime";

/// Why the window cannot be served. Nothing was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("{address} is not an address and port, such as 127.0.0.1:7421.")]
    Malformed { address: String },
    /// The window may read and write everything of the account: it is for this machine alone.
    #[error(
        "{address} can be reached from other machines. The window is served on a loopback address only, such as \
         127.0.0.1:{port}; from elsewhere use a tunnel, for example ssh -L.",
        port = .address.port()
    )]
    NotLoopback { address: SocketAddr },
    #[error("{address} is in use by another program. Choose another port, or port 0 for a free one.")]
    InUse { address: SocketAddr },
    #[error("{address} cannot be listened on: {source}.")]
    Refused { address: SocketAddr, source: std::io::Error },
}

/// Takes the port.
///
/// # Errors
/// A [`ListenError`] that names the address and what to do.
pub(crate) async fn listen(address: &str) -> Result<TcpListener, ListenError> {
    let numeric = address.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let Ok(address) = numeric.as_deref().unwrap_or(address).parse::<SocketAddr>() else {
        return Err(ListenError::Malformed { address: address.to_owned() });
    };
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback { address });
    }
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse { address },
        _ => ListenError::Refused { address, source },
    })
}

/// Whose window is served.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    One(Engine),
    /// Several people of a demonstration. A window without a name is the first one's.
    Stage(Arc<Stage>),
}

impl Shown {
    fn page(&self) -> &'static str {
        match self {
            Self::One(_) => "/",
            Self::Stage(_) => DEMO_PAGE,
        }
    }

    fn engine(&self, handle: Option<&str>) -> Option<&Engine> {
        match (self, handle) {
            (Self::One(engine), None) => Some(engine),
            (Self::One(_), Some(_)) => None,
            (Self::Stage(stage), None) => stage.people().first().map(|player| &player.engine),
            (Self::Stage(stage), Some(handle)) => {
                stage.people().iter().find(|player| player.handle == handle).map(|player| &player.engine)
            }
        }
    }

    fn stage(&self) -> Option<&Stage> {
        match self {
            Self::One(_) => None,
            Self::Stage(stage) => Some(stage),
        }
    }
}

/// What the routes share.
#[derive(Debug)]
struct Front {
    shown: Shown,
    access: Access,
    sockets: Arc<Semaphore>,
    conversations: TaskTracker,
    stop: CancellationToken,
}

/// Prints the address that opens the window, and serves it until `stop` is cancelled.
///
/// # Errors
/// Where the system gives no random numbers, standard output is closed, or the port cannot be served.
pub(crate) async fn serve(shown: Shown, listener: TcpListener, stop: &CancellationToken) -> std::io::Result<()> {
    let (access, token) = Access::new(listener.local_addr()?)?;
    let address = access.entrance(shown.page(), &token);
    let front = Arc::new(Front {
        shown,
        access,
        sockets: Arc::new(Semaphore::new(SOCKETS_MAX)),
        conversations: TaskTracker::new(),
        stop: stop.clone(),
    });
    let routes = Router::new()
        .route("/ws", get(socket))
        .route("/yjs/{document}", get(document))
        .route("/ws/{handle}", get(socket_of))
        .route("/stage", get(stage))
        .route("/stage/server", post(stage_server))
        .fallback(page)
        .layer(middleware::from_fn_with_state(Arc::clone(&front), guard))
        .with_state(Arc::clone(&front));

    let mut output = std::io::stdout().lock();
    writeln!(output, "{address}")?;
    output.flush()?;
    drop(output);

    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    let served = tokio::select! {
        served = served => served,
        // A browser keeps idle connections open for minutes; they must not hold the process.
        () = async { stop.cancelled().await; tokio::time::sleep(LAST_SOCKETS_WAIT_MAX).await } => Ok(()),
    };
    front.conversations.close();
    if tokio::time::timeout(LAST_SOCKETS_WAIT_MAX, front.conversations.wait()).await.is_err() {
        tracing::warn!("a page did not close its socket in time; ending without it");
    }
    served
}

/// Refuses what does not come from the printed address, and adds the headers that keep a page to itself.
async fn guard(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let mut response = match front.access.check_sender(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            tracing::warn!(?refused, "refused a request from elsewhere");
            sentence(StatusCode::FORBIDDEN, refused.sentence())
        }
    };
    front.access.protect(response.headers_mut());
    response
}

/// The window's files, and the door to them.
async fn page(State(front): State<Arc<Front>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return sentence(StatusCode::METHOD_NOT_ALLOWED, "There is nothing here to write to.");
    }
    match front.access.enter(&uri, &headers) {
        Entry::Known => {}
        Entry::Admitted { cookie } => {
            let location = access::without_token(&uri);
            return ([(header::SET_COOKIE, cookie), (header::LOCATION, location)], StatusCode::SEE_OTHER)
                .into_response();
        }
        Entry::Refused => return not_admitted(),
    }
    let path = match uri.path() {
        DEMO_PAGE if front.shown.stage().is_some() => "/",
        DEMO_PAGE => return not_a_demo(),
        path => path,
    };
    match assets::find(path) {
        assets::Found::File(asset) => (
            [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, asset.cache_control)],
            Body::from(asset.bytes),
        )
            .into_response(),
        assets::Found::Nothing => sentence(StatusCode::NOT_FOUND, "The window has no such file."),
        assets::Found::NotBuilt => sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "This momo was built without the window. Run `npm ci && npm run build` in ui/, then build momo again; \
             `momo rpc` works without it.",
        ),
    }
}

/// What the page of a demonstration asks first.
async fn stage(State(front): State<Arc<Front>>, uri: Uri, headers: HeaderMap) -> Response {
    if front.access.enter(&uri, &headers) != Entry::Known {
        return not_admitted();
    }
    let Some(stage) = front.shown.stage() else { return not_a_demo() };
    Json(stage.told().await).into_response()
}

/// Cuts the server of a demonstration, or starts it again. Answers once it is so.
async fn stage_server(
    State(front): State<Arc<Front>>,
    Query(wanted): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if front.access.enter(&uri, &headers) != Entry::Known {
        return not_admitted();
    }
    let Some(stage) = front.shown.stage() else { return not_a_demo() };
    let running = match wanted.get("running").map(String::as_str) {
        Some("true") => true,
        Some("false") => false,
        _ => return sentence(StatusCode::BAD_REQUEST, "Say running=true or running=false."),
    };
    match stage.set_server(running).await {
        Ok(()) => Json(stage.told().await).into_response(),
        Err(error) => {
            tracing::error!(%error, "the server of the demonstration");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
    }
}

async fn socket(State(front): State<Arc<Front>>, uri: Uri, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    upgrade_with(&front, None, &uri, &headers, upgrade, converse)
}

/// One of the people of a demonstration.
async fn socket_of(
    State(front): State<Arc<Front>>,
    Path(handle): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade_with(&front, Some(&handle), &uri, &headers, upgrade, converse)
}

async fn document(
    State(front): State<Arc<Front>>,
    Path(document): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade_with(&front, None, &uri, &headers, upgrade, |front, engine, socket| async move {
        yjs::serve(&engine, socket, document, &front.stop).await;
    })
}

/// Lets a socket in that may come in, and serves it with the others.
fn upgrade_with<Serving: Future<Output = ()> + Send + 'static>(
    front: &Arc<Front>,
    handle: Option<&str>,
    uri: &Uri,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    serve: impl FnOnce(Arc<Front>, Engine, WebSocket) -> Serving + Send + 'static,
) -> Response {
    let cookie = match front.access.enter(uri, headers) {
        Entry::Known => None,
        Entry::Admitted { cookie } => Some(cookie),
        Entry::Refused => return not_admitted(),
    };
    let Some(engine) = front.shown.engine(handle).cloned() else {
        return sentence(StatusCode::NOT_FOUND, "Nobody of this name is here.");
    };
    let Ok(place) = Arc::clone(&front.sockets).try_acquire_owned() else {
        return sentence(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open. Close one and load this again.");
    };
    let mut response = upgrade.max_message_size(REQUEST_BYTES_MAX).max_frame_size(REQUEST_BYTES_MAX).on_upgrade({
        let front = Arc::clone(front);
        move |socket| async move {
            let conversations = front.conversations.clone();
            conversations.track_future(serve(front, engine, socket)).await;
            drop(place);
        }
    });
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// One page's conversation, from the upgrade to the close.
async fn converse(front: Arc<Front>, engine: Engine, socket: WebSocket) {
    let (writer, reader) = socket.split();
    let (engine, pictures) = engine.with_pictures();
    let (incoming_sender, incoming) = mpsc::channel(INCOMING_MAX);
    let (outgoing, outgoing_receiver) = mpsc::channel(OUTGOING_MAX);
    let reading = read_texts(reader, incoming_sender);
    let writing = write_messages(writer, outgoing_receiver, pictures, front.stop.clone());
    let conversing = async {
        tokio::select! {
            biased;
            () = front.stop.cancelled() => {}
            ended = conversation::converse(&engine, incoming, outgoing) => tracing::info!(?ended, "a page's conversation is over"),
        }
    };
    tokio::select! {
        // Ends with the conversation, whose channel it drains, or with the socket.
        ((), ()) = async { tokio::join!(conversing, writing) } => {}
        // Only where the socket broke: a page that is gone reads no answers.
        () = reading => {}
    }
}

/// Ends where the page closed, or sent what no page of ours sends.
async fn read_texts(mut reader: SplitStream<WebSocket>, texts: mpsc::Sender<Incoming>) {
    while let Some(Ok(message)) = reader.next().await {
        let text = match message {
            Message::Text(text) => Incoming::Text(text.to_string()),
            Message::Binary(_) => Incoming::NotText,
            // axum answers pings by itself.
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        if texts.send(text).await.is_err() {
            return;
        }
    }
}

/// Writes texts, flushed when there is no more for now, and pictures between them, each once the one before was written;
/// closes the socket when the conversation is over.
async fn write_messages(
    mut writer: SplitSink<WebSocket, Message>,
    mut texts: mpsc::Receiver<String>,
    mut pictures: PictureStream,
    stop: CancellationToken,
) {
    loop {
        let text = tokio::select! {
            biased;
            text = texts.recv() => text,
            picture = pictures.next() => {
                if writer.send(Message::Binary(picture.into())).await.is_err() {
                    return;
                }
                continue;
            }
        };
        if text.is_none() {
            break;
        }
        let mut next = text;
        while let Some(text) = next {
            if writer.feed(Message::Text(text.into())).await.is_err() {
                return;
            }
            next = texts.try_recv().ok();
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
    let reason = if stop.is_cancelled() { "momo is closing" } else { "the engine has closed" };
    let close = axum::extract::ws::CloseFrame { code: CLOSE_GOING_AWAY, reason: reason.into() };
    // The page may be gone already.
    let _ = writer.send(Message::Close(Some(close))).await;
}

fn not_a_demo() -> Response {
    sentence(StatusCode::NOT_FOUND, "This page belongs to a demonstration. Start one with `momo ui --demo`.")
}

fn not_admitted() -> Response {
    sentence(
        StatusCode::UNAUTHORIZED,
        "Open the address that `momo ui` printed. It works once; for another browser, start `momo ui` again.",
    )
}

fn sentence(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response()
}
