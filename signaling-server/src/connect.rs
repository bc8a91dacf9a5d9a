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
//! 2. An idle connection owns a few KiB to read and write into, whatever it was sent before, and little else.
//!    Tests: `an_idle_connection_is_small`, `who_caught_up_costs_no_more_than_who_did_not`.
//! 3. A connection that is silent is gone within a minute (CASES C43). Test: `a_silent_connection_is_given_up`.
//! 4. A stop tells everybody, with a time to come back that is spread out (CASES C44). Test:
//!    `a_stop_says_goodbye_and_spreads_the_return`.

mod connection;
mod handshake;
mod limits;
mod socket;

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub use self::limits::Pace;
use crate::App;
use crate::http::cors;
use crate::http::error::HttpError;
use crate::http::extract::Caller;
use crate::server::Slot;
use crate::shutdown::Phase;

/// `GET /v1/connect`.
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(slot): Extension<Slot>,
    request: Request,
) -> Response {
    if !cors::origin_allowed(&app.config, request.headers()) {
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
    let Ok((answer, upgrading)) = socket::upgrade(request) else {
        return HttpError::invalid("This path is a WebSocket (RFC 6455): connect with one.")
            .with_status(StatusCode::UPGRADE_REQUIRED)
            .into_response();
    };
    let (tasks, shutdown) = (app.tasks.clone(), app.shutdown.clone());
    // Counted among the tasks that a stop waits for, and cut off where the grace ends.
    // Boxed, since each future that holds another by value is larger than it, and two of them do here.
    let conversation = Box::pin(connection::converse(app, caller.0, upgrading));
    tasks.spawn(async move {
        shutdown.supervise(conversation).await;
        drop(slot);
    });
    answer
}
