//! Liveness, readiness, metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::error::HttpError;
use crate::App;
use crate::shutdown::Phase;

/// The process runs and answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// New connections are welcome: the store takes commits, and nobody asked to stop.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, HttpError> {
    if app.shutdown.phase() != Phase::Running {
        return Err(HttpError::unavailable("The server is stopping."));
    }
    if app.relay.is_halted() {
        return Err(HttpError::unavailable("The store failed. The server serves anew once that takes writes again."));
    }
    match app.blocking(|app| app.probe_store()).await {
        Ok(()) => Ok("ready\n"),
        Err(cause) => {
            tracing::warn!(%cause, "not ready");
            Err(HttpError::unavailable("The server cannot store anything at the moment."))
        }
    }
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render()).into_response()
}
