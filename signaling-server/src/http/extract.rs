//! What handlers take from a request: who asks, a bounded JSON body, a signed-in device.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::error::HttpError;
use crate::App;
use crate::accounts::Session;
use crate::limits::addresses::ClientAddress;

/// Characters of a parser's sentence that are sent back: it may quote what the client sent.
const REASON_CHARS_MAX: usize = 160;

/// The address that a request counts under. Put there by `routes::identify` before any handler.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub ClientAddress);

/// A body that is one JSON value of the right form, within the limits of size and time.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

/// As [`JsonBody`], but the body may be left away.
#[derive(Debug)]
pub struct OptionalJsonBody<T>(pub Option<T>);

/// The device that a good access token is for. Its session was looked up: it is signed in at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated(pub Session);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, HttpError> {
        // Only a router that was put together wrongly has no caller: then nobody is let through unlimited.
        parts.extensions.get().copied().ok_or_else(|| HttpError::internal("a request without an address"))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, HttpError> {
        check_content_type(request.headers())?;
        let bytes = read_body(request.into_body(), app).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for OptionalJsonBody<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, HttpError> {
        let content_type = check_content_type(request.headers());
        let bytes = read_body(request.into_body(), app).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        content_type?;
        parse(&bytes).map(|body| Self(Some(body)))
    }
}

impl FromRequestParts<Arc<App>> for Authenticated {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        let token = bearer(&parts.headers)
            .ok_or_else(|| HttpError::unauthorized("This needs an access token: Authorization: Bearer …"))?;
        let session = app.authenticate(token).await;
        if session.is_err() {
            app.metrics.auth_failures.increment("access_token");
        }
        Ok(Self(session?))
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Exactly `N` bytes in base64url without padding.
pub fn fixed_bytes<const N: usize>(text: &str, field: &str) -> Result<[u8; N], HttpError> {
    let refusal = || HttpError::invalid(format!("{field} must be {N} bytes in base64url without padding."));
    if text.len() > N * 2 {
        return Err(refusal());
    }
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(refusal)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), HttpError> {
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    if json {
        return Ok(());
    }
    Err(HttpError::invalid("The body must be JSON: Content-Type: application/json.")
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

async fn read_body(body: Body, app: &App) -> Result<axum::body::Bytes, HttpError> {
    let bytes_max = app.config.limits.body_bytes_max;
    let collecting = Limited::new(body, bytes_max).collect();
    let collected = tokio::time::timeout(app.config.limits.body_timeout, collecting).await.map_err(|_| {
        HttpError::invalid("The body took too long to arrive.").with_status(StatusCode::REQUEST_TIMEOUT)
    })?;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            HttpError::invalid(format!("The body is larger than {bytes_max} bytes."))
                .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        } else {
            HttpError::invalid("The body did not arrive whole.")
        }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, HttpError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let reason: String = error.to_string().chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
        HttpError::invalid(format!("The body is not what this needs: {reason}."))
    })
}
