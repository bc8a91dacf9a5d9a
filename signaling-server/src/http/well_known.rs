//! What a client asks before it knows anybody: keys, version, limits; and the description of all of this.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::{handshake, limits};
use serde_json::{Value, json};

use crate::App;
use crate::accounts::passwords;

/// The description of the HTTP part (OpenAPI 3.1). A test holds it against the table of routes.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

pub(super) async fn jwks(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.keys.jwks())
}

pub(super) async fn momoland(State(app): State<Arc<App>>, headers: HeaderMap) -> Json<Value> {
    Json(json!({
        "name": app.config.name,
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": { "min": handshake::VERSION, "max": handshake::VERSION },
        "serverKey": URL_SAFE_NO_PAD.encode(app.keys.server_key().as_bytes()),
        "registration": app.config.registration.word(),
        "turn": turn_addresses(&app, &headers),
        "limits": {
            "bodyBytesMax": app.config.limits.body_bytes_max,
            "frameBytesMax": limits::FRAME_BYTES_MAX,
            "eventBodyBytesMax": limits::BODY_BYTES_MAX,
            "textBytesMax": limits::TEXT_BYTES_MAX,
            "handleCharsMin": limits::HANDLE_CHARS.0,
            "handleCharsMax": limits::HANDLE_CHARS.1,
            "displayNameCharsMax": limits::DISPLAY_NAME_CHARS_MAX,
            "passwordCharsMin": passwords::CHARS_MIN,
            "passwordBytesMax": passwords::BYTES_MAX,
            "devicesPerAccountMax": app.config.limits.devices_per_account_max,
        },
    }))
}

/// As RFC 7065 writes them. Where the TURN server has no name of its own, it is at the host that was asked.
fn turn_addresses(app: &App, headers: &HeaderMap) -> Vec<String> {
    let Some(announced) = app.turn.announced() else { return Vec::new() };
    let asked = || {
        let authority: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
        Some(authority.host().trim_matches(['[', ']']).to_owned())
    };
    let Some(host) = announced.host.clone().or_else(asked) else { return Vec::new() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    vec![format!("turn:{host}:{}?transport=udp", announced.port)]
}

pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
