//! How HTTP refuses: the API's kinds, their statuses, and sentences that a person can act on.
//!
//! What went wrong inside goes to the log and never into an answer.

use std::time::Duration;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::AuthenticateError;
use crate::accounts::handles::HandleError;
use crate::accounts::passwords::{Busy, HashingFailed, PasswordError};
use crate::accounts::tokens::{SigningFailed, TokenError};
use crate::accounts::{AccountError, DisplayNameError};
use crate::limits::Exceeded;
use crate::records::RecordError;

/// When to come back while the server cannot store, or is stopping.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// When to come back while too many passwords wait to be hashed.
const BUSY_RETRY: Duration = Duration::from_secs(2);

/// The kind of a refusal: the words are the API's, on every front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Unauthorized,
    Forbidden,
    NotFound,
    Invalid,
    Conflict,
    RateLimited,
    /// The server cannot do its work now; nothing changed.
    Offline,
    Internal,
}

/// A refusal as it is sent.
#[derive(Debug)]
pub struct HttpError {
    kind: ErrorKind,
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
}

impl ErrorKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::Offline => "offline",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Conflict => StatusCode::CONFLICT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Offline => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl HttpError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, status: kind.status(), message: message.into(), retry_after: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unauthorized, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    /// A fault of ours. The cause is logged here.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(ErrorKind::Internal, "Something went wrong on the server. Its log has the cause.")
    }

    /// The server is stopping or cannot store.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { retry_after: Some(UNAVAILABLE_RETRY), ..Self::new(ErrorKind::Offline, message) }
    }

    /// A more telling status within the kind.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    fn rate_limited(message: String, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ErrorKind::RateLimited, message) }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut error = json!({ "kind": self.kind.word(), "message": self.message });
        if let Some(retry_after) = self.retry_after {
            error["retryAfterMs"] = json!(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(retry_after) = self.retry_after {
            // Whole seconds (RFC 9110 §10.2.3), rounded up: earlier would be refused again.
            let seconds = retry_after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<AccountError> for HttpError {
    fn from(error: AccountError) -> Self {
        let sentence = error.to_string();
        match error {
            AccountError::HandleTaken | AccountError::DeviceElsewhere | AccountError::TooManyDevices { max: _ } => {
                Self::new(ErrorKind::Conflict, sentence)
            }
            AccountError::DeviceRevoked => Self::forbidden(sentence),
            AccountError::NoSuchDevice => Self::new(ErrorKind::NotFound, sentence),
            AccountError::PasswordChanged | AccountError::NotSignedIn | AccountError::TokenReused => {
                Self::unauthorized(sentence)
            }
            AccountError::Tell(error) => error.into(),
            AccountError::Contended => Self::rate_limited(sentence, BUSY_RETRY),
            AccountError::Interrupted => Self::unavailable("The server is stopping. Try again later."),
            AccountError::Records(RecordError::Store(cause)) => {
                tracing::error!(%cause, "the store failed");
                Self::unavailable("The server cannot store anything at the moment. Try again later.")
            }
            AccountError::Records(RecordError::Unreadable { .. })
            | AccountError::Signing(_)
            | AccountError::Certificate(_) => Self::internal(sentence),
        }
    }
}

impl From<AuthenticateError> for HttpError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(error) => error.into(),
            AuthenticateError::Account(error) => error.into(),
        }
    }
}

impl From<Exceeded> for HttpError {
    fn from(exceeded: Exceeded) -> Self {
        Self::rate_limited(exceeded.to_string(), exceeded.retry_after)
    }
}

impl From<Busy> for HttpError {
    fn from(busy: Busy) -> Self {
        Self::rate_limited(format!("{busy} Try again in a moment."), BUSY_RETRY)
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
    }
}

impl From<HandleError> for HttpError {
    fn from(error: HandleError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<DisplayNameError> for HttpError {
    fn from(error: DisplayNameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<PasswordError> for HttpError {
    fn from(error: PasswordError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<HashingFailed> for HttpError {
    fn from(error: HashingFailed) -> Self {
        Self::internal(error)
    }
}

impl From<SigningFailed> for HttpError {
    fn from(error: SigningFailed) -> Self {
        Self::internal(error)
    }
}

impl From<TokenError> for HttpError {
    fn from(error: TokenError) -> Self {
        Self::unauthorized(error.to_string())
    }
}
