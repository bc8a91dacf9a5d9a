//! `/v1/account/…`: what a signed-in device may ask about its own account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use momoland_protocol::id::DeviceId;
use serde::{Deserialize, Serialize};

use super::auth::{Done, compare_password};
use super::error::{ErrorKind, HttpError};
use super::extract::{Authenticated, Caller, JsonBody};
use crate::App;
use crate::accounts::passwords::Password;
use crate::accounts::{AccountError, DisplayName};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PasswordBody {
    current_password: String,
    new_password: String,
    /// Whether the account's other devices have to log in again. They do unless this says otherwise: a password is
    /// mostly changed because somebody else has it.
    #[serde(default = "yes")]
    sign_out_others: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProfileBody {
    display_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RevokeBody {
    device_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileAnswer {
    account_id: String,
    handle: String,
    display_name: String,
    admin: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceAnswer {
    device_id: String,
    name: String,
    created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<u64>,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(Serialize)]
pub(super) struct DevicesAnswer {
    devices: Vec<DeviceAnswer>,
}

pub(super) async fn password(
    State(app): State<Arc<App>>,
    Caller(address): Caller,
    Authenticated(session): Authenticated,
    JsonBody(body): JsonBody<PasswordBody>,
) -> Result<Json<Done>, HttpError> {
    let current = Password::given(&body.current_password)?;
    let new = Password::choose(&body.new_password)?;
    let account = app.blocking(move |app| app.accounts.account(session.account)).await?;
    let account = account.map(|held| held.record).ok_or(AccountError::NotSignedIn)?;
    let handle = account.handle.clone();
    let Some(account) = compare_password(&app, address, &handle, current, Some(account)).await? else {
        return Err(HttpError::forbidden("The current password is wrong."));
    };
    let hash = app.passwords.turn().await?.hash(new).await?;
    app.blocking(move |app| {
        app.accounts.change_password(&account, &hash)?;
        if body.sign_out_others {
            app.accounts.log_out_others(session.account, session.device)?;
        }
        Ok::<_, AccountError>(())
    })
    .await?;
    Ok(Json(Done {}))
}

pub(super) async fn profile(
    State(app): State<Arc<App>>,
    Authenticated(session): Authenticated,
    JsonBody(body): JsonBody<ProfileBody>,
) -> Result<Json<ProfileAnswer>, HttpError> {
    let name = DisplayName::parse(&body.display_name)?;
    let account = app.blocking(move |app| app.accounts.rename(session.account, &name)).await?;
    let admin = app.accounts.administers(&account);
    Ok(Json(ProfileAnswer {
        account_id: account.id.to_string(),
        handle: account.handle,
        display_name: account.display_name,
        admin,
    }))
}

pub(super) async fn devices(
    State(app): State<Arc<App>>,
    Authenticated(session): Authenticated,
) -> Result<Json<DevicesAnswer>, HttpError> {
    let entries = app.blocking(move |app| app.accounts.devices(session.account)).await?;
    let devices = entries
        .into_iter()
        .map(|entry| DeviceAnswer {
            device_id: entry.device.to_string(),
            name: entry.name,
            created_at: entry.created_at_ms,
            last_seen_at: entry.used_at_ms,
            revoked_at: entry.revoked_at_ms,
            current: entry.device == session.device,
        })
        .collect();
    Ok(Json(DevicesAnswer { devices }))
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Authenticated(session): Authenticated,
    JsonBody(body): JsonBody<RevokeBody>,
) -> Result<Json<Done>, HttpError> {
    // What is no id names no device either.
    let device: DeviceId = body
        .device_id
        .parse()
        .map_err(|_| HttpError::new(ErrorKind::NotFound, AccountError::NoSuchDevice.to_string()))?;
    app.blocking(move |app| app.accounts.revoke(session.account, device)).await?;
    tracing::info!(account = %session.account, ?device, "a device was revoked");
    Ok(Json(Done {}))
}

fn yes() -> bool {
    true
}
