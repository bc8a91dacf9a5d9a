//! The WebSocket: one task a connection, from the upgrade to the goodbye.
//!
//! ```text
//!  upgrade ─► handshake ─► join the relay ─► reader ∥ writer ─► goodbye
//! ```
//! What is refused before the upgrade is refused in HTTP: a foreign origin, a flood. After it, every end has a reason:
//! a [`Goodbye`](momoland_protocol::server::Goodbye), then a close frame.
//!
//! # Invariants
//! 1. Nothing but a hello is taken before the device has proved its key. Test: `strangers_get_no_further_than_the_hello`.
//! 2. An idle connection owns a buffer of `READ_BUFFER_BYTES`, what its last frames needed to be written, and little else.
//!    Test: `an_idle_connection_is_small`.
//! 3. A connection that is silent is gone within a minute (CASES C43). Test: `a_silent_connection_is_given_up`.
//! 4. A stop tells everybody, with a time to come back that is spread out (CASES C44). Test:
//!    `a_stop_says_goodbye_and_spreads_the_return`.

mod connection;
mod handshake;
mod limits;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use momoland_protocol::limits::FRAME_BYTES_MAX;

pub use self::limits::Pace;
use crate::App;
use crate::http::cors;
use crate::http::error::HttpError;
use crate::http::extract::Caller;
use crate::server::Slot;
use crate::shutdown::Phase;

/// Bytes that are read at once; a frame that is longer gets a buffer of its own size while it comes. The library holds so
/// many for every connection, and its default takes 128 KiB.
const READ_BUFFER_BYTES: usize = 1024;

/// Bytes that are written before a flush asks for it.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes that may wait in the write buffer: one whole frame over what the socket has not taken yet.
const WRITE_BUFFER_BYTES_MAX: usize = FRAME_BYTES_MAX + 64 * 1024;

/// `GET /v1/connect`.
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(slot): Extension<Slot>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if !cors::origin_allowed(&app.config, &headers) {
        app.metrics.auth_failures.increment("origin");
        return HttpError::forbidden("Pages of this origin may not connect to this server.").into_response();
    }
    if app.shutdown.phase() != Phase::Running {
        return HttpError::unavailable("The server is stopping.").into_response();
    }
    let limits = &app.limits;
    let rates = limits.check_failures(caller.0).and_then(|()| limits.connect(caller.0));
    if let Err(exceeded) = app.check_rate(rates) {
        return HttpError::from(exceeded).into_response();
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let status = rejection.into_response().status();
            return HttpError::invalid("This path is a WebSocket (RFC 6455): connect with one.")
                .with_status(status)
                .into_response();
        }
    };
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            let (tasks, shutdown) = (app.tasks.clone(), app.shutdown.clone());
            // Counted among the tasks that a stop waits for, and cut off where the grace ends.
            // Boxed, since each future that holds another by value is larger than it, and two of them do here.
            let conversation = Box::pin(connection::converse(app, caller.0, socket));
            let task = async move {
                shutdown.supervise(conversation).await;
                drop(slot);
            };
            // Its own task: the upgrade's is the library's, which nobody counts.
            tasks.spawn(task);
        })
}
