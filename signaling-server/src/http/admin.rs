//! `/v1/admin/…`: what administrators tell.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use momoland_protocol::id::AccountId;
use momoland_protocol::notice::NoticeLevel;
use serde::{Deserialize, Serialize};

use super::error::{ErrorKind, HttpError};
use super::extract::{Authenticated, JsonBody};
use crate::App;
use crate::accounts::administration::TellError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AnnounceBody {
    message: String,
    level: Level,
    ttl_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NotifyBody {
    account_id: String,
    title: String,
    body: String,
    level: Level,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Info,
    Success,
    Warning,
    Error,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Announced {
    announcement_id: String,
    expires_at: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notified {
    notification_id: String,
}

impl From<Level> for NoticeLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Success => Self::Success,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

pub(super) async fn announce(
    State(app): State<Arc<App>>,
    Authenticated(session): Authenticated,
    JsonBody(body): JsonBody<AnnounceBody>,
) -> Result<Json<Announced>, HttpError> {
    let AnnounceBody { message, level, ttl_s } = body;
    let ttl = ttl_s.map(Duration::from_secs);
    let notice = app.blocking(move |app| app.accounts.announce(session.account, message, level.into(), ttl)).await?;
    tracing::info!(by = %session.account, notice = %notice.id, "everybody is told something");
    Ok(Json(Announced { announcement_id: notice.id.to_string(), expires_at: notice.until.0 }))
}

pub(super) async fn notify(
    State(app): State<Arc<App>>,
    Authenticated(session): Authenticated,
    JsonBody(body): JsonBody<NotifyBody>,
) -> Result<Json<Notified>, HttpError> {
    let NotifyBody { account_id, title, body, level } = body;
    let notice = app
        .blocking(move |app| {
            // What is no id names nobody either. Whether the caller may ask at all is decided first.
            let to: AccountId = account_id.parse().unwrap_or(AccountId([0; 16]));
            app.accounts.tell_one(session.account, to, title, body, level.into())
        })
        .await?;
    tracing::info!(by = %session.account, notice = %notice.id, "somebody is told something");
    Ok(Json(Notified { notification_id: notice.id.to_string() }))
}

impl From<TellError> for HttpError {
    fn from(error: TellError) -> Self {
        let kind = match error {
            TellError::NotAdministrator => ErrorKind::Forbidden,
            TellError::NoSuchAccount => ErrorKind::NotFound,
            TellError::TooMany => ErrorKind::Conflict,
            TellError::Words | TellError::Ttl => ErrorKind::Invalid,
        };
        Self::new(kind, error.to_string())
    }
}
