//! `/v1/auth/…`: registering, logging in, refreshing, logging out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::id::DeviceId;
use momoland_protocol::signed::Signature;
use serde::{Deserialize, Serialize};

use super::error::HttpError;
use super::extract::{Caller, JsonBody, OptionalJsonBody, bearer, fixed_bytes};
use crate::App;
use crate::accounts::handles::Handle;
use crate::accounts::passwords::Password;
use crate::accounts::tokens::TokenError;
use crate::accounts::{AccountError, DisplayName, NewAccount, SignedIn, devices};
use crate::config::Registration;
use crate::limits::account_name;
use crate::limits::addresses::ClientAddress;
use crate::records::AccountRecord;

/// Bytes of a handle as it is sent, before anything is computed from it.
const HANDLE_BYTES_MAX: usize = 512;

/// A device and the proof that the sender has its key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeviceBody {
    /// Base64url of the Ed25519 public key.
    key: String,
    /// Base64url of the signature over `registration_message(handle as sent, key)`.
    proof: String,
    /// What the owner's list of devices calls it.
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RegisterBody {
    handle: String,
    password: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    invite_code: Option<String>,
    device: DeviceBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LoginBody {
    handle: String,
    password: String,
    device: DeviceBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RefreshBody {
    refresh_token: String,
}

/// What registering and logging in answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedInAnswer {
    account_id: String,
    handle: String,
    display_name: String,
    admin: bool,
    access_token: String,
    /// Seconds.
    access_token_expires_in: u64,
    refresh_token: String,
    /// Base64url of the encoded certificate.
    certificate: String,
    /// Base64url of the key that clients pin.
    server_key: String,
    server_time: u64,
}

/// What refreshing answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefreshAnswer {
    access_token: String,
    /// Seconds.
    access_token_expires_in: u64,
    refresh_token: String,
    server_time: u64,
}

/// An answer without content; an object, so that fields can come.
#[derive(Serialize)]
pub(super) struct Done {}

/// A device whose proof was right.
struct ProvenDevice {
    id: DeviceId,
    name: DisplayName,
}

pub(super) async fn register(
    State(app): State<Arc<App>>,
    Caller(address): Caller,
    JsonBody(body): JsonBody<RegisterBody>,
) -> Result<Json<SignedInAnswer>, HttpError> {
    app.check_rate(app.limits.registration(address))?;
    check_invited(&app, address, body.invite_code.as_deref())?;
    let handle = Handle::parse(&body.handle)?;
    let password = Password::choose(&body.password)?;
    let display_name = DisplayName::parse(&body.display_name)?;
    let device = check_device(&app, &body.handle, &body.device)?;

    let skeletons = handle.skeletons().clone();
    if app.blocking(move |app| app.accounts.is_taken(&skeletons)).await? {
        return repeat_registration(&app, address, &body.handle, password, device).await;
    }
    let hash = app.passwords.turn().await?.hash(password.clone()).await?;
    let new = NewAccount { handle, display_name, password: hash, device: device.id, device_name: device.name.clone() };
    match app.blocking(move |app| app.accounts.register(&new)).await {
        Ok(signed_in) => {
            app.metrics.registrations.increment();
            tracing::info!(account = %signed_in.account.id, "an account was made");
            Ok(Json(answer(&app, signed_in)))
        }
        // Perhaps the same registration, sent twice at once.
        Err(AccountError::HandleTaken | AccountError::DeviceElsewhere) => {
            repeat_registration(&app, address, &body.handle, password, device).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    Caller(address): Caller,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<Json<SignedInAnswer>, HttpError> {
    if body.handle.len() > HANDLE_BYTES_MAX {
        return Err(HttpError::invalid("That is no handle: it is too long."));
    }
    let password = Password::given(&body.password)?;
    let device = check_device(&app, &body.handle, &body.device)?;
    let handle = body.handle.clone();
    let account = app.blocking(move |app| app.accounts.find(&handle)).await?.map(|held| held.record);
    let Some(account) = compare_password(&app, address, &body.handle, password, account).await? else {
        // One sentence for both, so that nobody learns which handles exist.
        return Err(HttpError::unauthorized("The handle or the password is wrong."));
    };
    sign_in(&app, account, device).await
}

pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    Caller(address): Caller,
    JsonBody(body): JsonBody<RefreshBody>,
) -> Result<Json<RefreshAnswer>, HttpError> {
    app.check_rate(app.limits.check_failures(address))?;
    let outcome = match app.tokens.read_refresh(&body.refresh_token) {
        Ok(token) => app.blocking(move |app| app.accounts.refresh(&token)).await,
        Err(_) => Err(AccountError::NotSignedIn),
    };
    match outcome {
        Ok(refreshed) => {
            app.metrics.refreshes.increment();
            Ok(Json(RefreshAnswer {
                access_token: refreshed.access_token,
                access_token_expires_in: app.tokens.access_ttl().as_secs(),
                refresh_token: refreshed.refresh_token,
                server_time: app.clock.unix_ms(),
            }))
        }
        Err(error) => {
            if matches!(error, AccountError::NotSignedIn | AccountError::TokenReused) {
                app.limits.count_failure(address);
                let reused = error == AccountError::TokenReused;
                app.metrics.auth_failures.increment(if reused { "refresh_token_reused" } else { "refresh_token" });
            }
            Err(error.into())
        }
    }
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<RefreshBody>,
) -> Result<Json<Done>, HttpError> {
    if let Some(body) = body {
        let token = match app.tokens.read_refresh(&body.refresh_token) {
            Ok(token) => token,
            Err(error) => return Err(error.into()),
        };
        app.blocking(move |app| app.accounts.log_out_by_token(&token)).await?;
        return Ok(Json(Done {}));
    }
    let token = bearer(&headers)
        .ok_or_else(|| HttpError::unauthorized("Logging out needs the access token or the refresh token."))?;
    match app.authenticate(token).await {
        Ok(session) => app.blocking(move |app| app.accounts.log_out(session.account, session.device)).await?,
        // A log-out whose answer was lost is repeated with a token that is no longer signed in: it is done.
        Err(error) => match app.tokens.check_access(token) {
            Ok(_) => {}
            Err(TokenError::Foreign | TokenError::Expired | TokenError::TooEarly) => return Err(error.into()),
        },
    }
    Ok(Json(Done {}))
}

/// A registration for a handle that is taken: refused, unless it is a repeat of the very one that took it, whose answer
/// was lost. That it is shows by its device key, which nobody else has; then it is a log-in.
async fn repeat_registration(
    app: &Arc<App>,
    address: ClientAddress,
    handle: &str,
    password: Password,
    device: ProvenDevice,
) -> Result<Json<SignedInAnswer>, HttpError> {
    let (handle_text, device_id) = (handle.to_owned(), device.id);
    let (account, holder) = app
        .blocking(move |app| Ok::<_, AccountError>((app.accounts.find(&handle_text)?, app.accounts.device(device_id)?)))
        .await?;
    let same = account
        .map(|held| held.record)
        .filter(|account| holder.as_ref().is_some_and(|holder| holder.account == account.id));
    let Some(account) = same else {
        let elsewhere = holder.is_some();
        return Err(if elsewhere { AccountError::DeviceElsewhere } else { AccountError::HandleTaken }.into());
    };
    match compare_password(app, address, handle, password, Some(account)).await? {
        Some(account) => sign_in(app, account, device).await,
        None => Err(AccountError::HandleTaken.into()),
    }
}

async fn sign_in(
    app: &Arc<App>,
    account: AccountRecord,
    device: ProvenDevice,
) -> Result<Json<SignedInAnswer>, HttpError> {
    let signed_in = app.blocking(move |app| app.accounts.sign_in(&account, device.id, &device.name)).await?;
    app.metrics.logins.increment();
    Ok(Json(answer(app, signed_in)))
}

/// The account, if `password` is its. The same time and the same limits whether there is one or not.
pub(super) async fn compare_password(
    app: &Arc<App>,
    address: ClientAddress,
    handle: &str,
    password: Password,
    account: Option<AccountRecord>,
) -> Result<Option<AccountRecord>, HttpError> {
    let name = account_name(handle);
    app.check_rate(app.limits.check_login(address, name))?;
    let turn = app.passwords.turn().await?;
    let attempt = app.check_rate(app.limits.login(address, name))?;
    let stored = account.as_ref().map(|account| account.password.clone());
    if turn.verify(password, stored).await? {
        attempt.succeeded();
        return Ok(account);
    }
    attempt.failed();
    app.metrics.auth_failures.increment("password");
    tracing::info!(?address, "a password was wrong");
    Ok(None)
}

fn check_invited(app: &App, address: ClientAddress, code: Option<&str>) -> Result<(), HttpError> {
    match app.config.registration {
        Registration::Open => Ok(()),
        Registration::Closed => {
            Err(HttpError::forbidden("This server takes no registrations. Ask whoever runs it for an account."))
        }
        Registration::Invite => {
            app.check_rate(app.limits.check_failures(address))?;
            let Some(code) = code else {
                return Err(HttpError::forbidden(
                    "Registering here needs an invite code. Ask whoever runs this server.",
                ));
            };
            // All are compared, as hashes, in a time that says nothing about any of them.
            let given = blake3::hash(code.trim().as_bytes());
            let known = app.config.invite_codes.iter().fold(false, |found, known| {
                let same = blake3::hash(known.as_bytes()) == given;
                found | same
            });
            if known {
                return Ok(());
            }
            app.limits.count_failure(address);
            app.metrics.auth_failures.increment("invite_code");
            Err(HttpError::forbidden("This invite code is not valid here."))
        }
    }
}

fn check_device(app: &App, handle: &str, body: &DeviceBody) -> Result<ProvenDevice, HttpError> {
    let id = DeviceId(fixed_bytes(&body.key, "device.key")?);
    let proof = Signature(fixed_bytes(&body.proof, "device.proof")?);
    let name = DisplayName::parse(&body.name)?;
    devices::check_proof(handle, id, &proof).map_err(|_| {
        app.metrics.auth_failures.increment("device_proof");
        HttpError::unauthorized("The device's proof does not fit its key and the handle.")
    })?;
    Ok(ProvenDevice { id, name })
}

fn answer(app: &App, signed_in: SignedIn) -> SignedInAnswer {
    SignedInAnswer {
        account_id: signed_in.account.id.to_string(),
        handle: signed_in.account.handle,
        display_name: signed_in.account.display_name,
        admin: signed_in.admin,
        access_token: signed_in.access_token,
        access_token_expires_in: app.tokens.access_ttl().as_secs(),
        refresh_token: signed_in.refresh_token,
        certificate: URL_SAFE_NO_PAD.encode(signed_in.certificate),
        server_key: URL_SAFE_NO_PAD.encode(app.keys.server_key().as_bytes()),
        server_time: app.clock.unix_ms(),
    }
}
