//! How the API refuses: one stable number and word a kind, and a sentence that a person can act on.
//!
//! Layers below know neither JSON-RPC nor these kinds; each front-facing method turns their typed errors into an
//! [`ApiError`] in one exhaustive match. Causes go to the log, never into the sentence.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ts_rs::TS;

/// The kind of a refusal. The words and numbers are part of the API and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Nobody is signed in, or the server no longer accepts this device.
    Unauthorized,
    /// Signed in, but not allowed to do this.
    Forbidden,
    /// What an id names does not exist, or is hidden from this person.
    NotFound,
    /// A parameter is missing, unknown, malformed or out of bounds. Nothing changed.
    Invalid,
    /// The present state does not allow it: taken, used up, already done, in use.
    Conflict,
    /// Too often; `retryAfterMs` says when to try again.
    RateLimited,
    /// It needs the server, and the server cannot be reached now. Nothing changed.
    Offline,
    /// A fault of ours; the log has the cause.
    Internal,
}

impl ErrorKind {
    /// The JSON-RPC error code: from the range that the specification leaves to applications.
    pub fn code(self) -> i32 {
        match self {
            Self::Unauthorized => -32_001,
            Self::Forbidden => -32_002,
            Self::NotFound => -32_003,
            Self::Invalid => -32_602,
            Self::Conflict => -32_004,
            Self::RateLimited => -32_005,
            Self::Offline => -32_006,
            Self::Internal => -32_603,
        }
    }
}

/// A refusal, as a front shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub kind: ErrorKind,
    /// A sentence: what happened, what is safe, what to do.
    pub message: String,
    /// Milliseconds until a repeat can succeed, where that is known.
    pub retry_after_ms: Option<u64>,
    /// How many of something stand in the way, where the sentence names a number.
    pub count: Option<u64>,
}

impl ApiError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, count: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub fn with_count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// The `error` member of a JSON-RPC 2.0 answer.
    pub fn to_json(&self) -> Value {
        let mut data = json!({ "kind": self.kind });
        if let Some(retry_after_ms) = self.retry_after_ms {
            data["retryAfterMs"] = json!(retry_after_ms);
        }
        if let Some(count) = self.count {
            data["count"] = json!(count);
        }
        json!({ "code": self.kind.code(), "message": self.message, "data": data })
    }
}
