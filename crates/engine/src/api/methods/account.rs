//! `account.*`: who is signed in on this data folder.
//!
//! # Invariants
//! 1. Calls that change who is signed in take turns in the order in which they came, and a sign-out that began ends, also
//!    where its caller has gone. Tests: `calls_that_sign_in_and_out_take_turns`, `a_sign_out_ends_without_its_caller`.

use std::time::Duration;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::DeviceId;
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_store::kv::StoreError;

use super::id;
use crate::account::address::ServerAddress;
use crate::account::http::{HttpClient, HttpFailure, SignedIn as HttpSignedIn};
use crate::account::record::{Account, StoredTokens};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{
    ChangePasswordParams, Device, DeviceParams, Devices, Done, LoginParams, LogoutParams, NoParams, OwnAccount,
    ProfileParams, RegisterParams, SignedIn, Whoami,
};
use crate::engine::Engine;

/// How long a sign-out waits for the server to have what was chosen last. A server that works takes a fraction of it.
const CHOICES_HEARD_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn register(engine: &Engine, params: RegisterParams) -> Result<SignedIn, ApiError> {
    let address = parse_address(&params.server)?;
    let _turn = engine.signing().await;
    let key = new_device(engine).await?;
    let http = HttpClient::new(address.clone());
    let (display_name, invite_code) = (params.display_name.as_deref(), params.invite_code.as_deref());
    let signed_in = http.register(&params.handle, &params.password, display_name, invite_code, &key).await?;
    install(engine, address, signed_in, key).await
}

pub(super) async fn login(engine: &Engine, params: LoginParams) -> Result<SignedIn, ApiError> {
    let address = parse_address(&params.server)?;
    let _turn = engine.signing().await;
    let held =
        engine.with_actor(|actor| actor.home().map(|home| (home.account.clone(), SecretKey::clone(&home.key)))).await?;
    let Some((account, key)) = held else {
        let key = new_device(engine).await?;
        let signed_in = HttpClient::new(address.clone()).login(&params.handle, &params.password, &key).await?;
        return install(engine, address, signed_in, key).await;
    };
    // Signing in again after the server ended the session: the same account on the same server goes on as it was.
    if account.server != address {
        return Err(already_signed_in());
    }
    let signed_in = HttpClient::new(address).login(&params.handle, &params.password, &key).await?;
    if signed_in.account != account.id {
        return Err(already_signed_in());
    }
    if signed_in.server_key != account.server_key {
        return Err(other_key());
    }
    let answer = answer(&signed_in, &key);
    engine
        .with_home(move |home| {
            home.disconnect();
            home.sign_in_again(signed_in);
            home.set_online(true);
            Ok(())
        })
        .await?;
    Ok(answer)
}

pub(super) async fn logout(engine: &Engine, params: LogoutParams) -> Result<Done, ApiError> {
    let force = params.force.unwrap_or(false);
    let turn = engine.signing().await;
    let engine = engine.clone();
    // From here it goes to its end, whatever becomes of the caller: half signed out would be neither.
    let ending = tokio::spawn(async move {
        let _turn = turn;
        let (server, refresh) = forget(&engine, force).await?;
        // Without the server the session ends by itself when its tokens do: the key is gone from here.
        if let Err(failure) = HttpClient::new(server).logout(&refresh).await {
            tracing::info!(%failure, "the server was not told of the sign-out");
        }
        Ok(Done {})
    });
    ending.await.map_err(|_| ApiError::new(ErrorKind::Internal, "Signing out failed. Start Momoland again."))?
}

/// Takes the account and all that is its from this data folder. The server that it was of, and its refresh token.
async fn forget(engine: &Engine, force: bool) -> Result<(ServerAddress, String), ApiError> {
    let _finished = engine.forgetting().await;
    // Where the disk takes nothing, or everything ends meanwhile, that is said below.
    let _ = engine.with_home(|home| Ok(home.say_choices_at_last())).await?.await;
    // Nobody sees of a choice whether it has left, as one does of a message: what is about to arrive is waited for.
    let heard = engine.with_home(|home| Ok(home.choices_heard())).await?;
    let _ = tokio::time::timeout(CHOICES_HEARD_WITHIN, heard).await;
    // Counted and taken away in one step, so that nothing is written in between.
    let taken = engine.with_actor(move |actor| {
        let nobody = || ApiError::new(ErrorKind::Unauthorized, "Nobody is signed in here. Sign in first.");
        let home = actor.home().ok_or_else(nobody)?;
        if home.has_disk_failed() {
            return Err(ApiError::new(
                ErrorKind::Internal,
                "The disk takes nothing any more, so nothing can be taken from it either. Make room on it, then sign out.",
            ));
        }
        let unsent = home.unsent();
        if unsent > 0 && !force {
            let (what, them) =
                if unsent == 1 { ("message or choice has", "it") } else { ("messages or choices have", "them") };
            return Err(ApiError::new(
                ErrorKind::Conflict,
                format!(
                    "{unsent} {what} not left this device yet. Connect first, or sign out anyway and lose {them}."
                ),
            )
            .with_count(unsent));
        }
        let home = actor.uninstall().ok_or_else(nobody)?;
        Ok((home, actor.records.clone(), actor.keys.clone()))
    });
    let (mut home, records, keys) = taken.await??;
    let (server, refresh) = (home.account.server.clone(), home.account.tokens.refresh.clone());
    home.forget_everything();
    home.close(None).await;
    records.remove_account().map_err(|error| disk(&error))?;
    keys.remove().map_err(|error| {
        ApiError::new(ErrorKind::Internal, format!("Signed out, but the device's key could not be removed: {error}."))
    })?;
    Ok((server, refresh))
}

pub(super) async fn whoami(engine: &Engine, NoParams {}: NoParams) -> Result<Whoami, ApiError> {
    let account = engine
        .with_actor(|actor| {
            actor.home().map(|home| OwnAccount {
                user_id: home.account.id.to_string(),
                device_id: home.key.device().to_string(),
                handle: home.account.handle.clone(),
                display_name: home.account.display_name.clone(),
                server: home.account.server.to_string(),
                admin: home.account.admin,
            })
        })
        .await?;
    Ok(Whoami { account })
}

pub(super) async fn devices(engine: &Engine, NoParams {}: NoParams) -> Result<Devices, ApiError> {
    let (http, token, own) = authenticated(engine).await?;
    let devices = http.devices(&token).await?;
    let devices = devices.into_iter().map(|device| Device {
        this: device.device_id == own.to_string(),
        device_id: device.device_id,
        added_at: device.created_at,
        revoked: device.revoked_at.is_some(),
    });
    Ok(Devices { devices: devices.collect() })
}

pub(super) async fn revoke_device(engine: &Engine, params: DeviceParams) -> Result<Done, ApiError> {
    let device: DeviceId = id(&params.device_id, "device")?;
    let (http, token, _) = authenticated(engine).await?;
    http.revoke_device(&token, device).await?;
    // The server no longer lets it in; each room's roster says so to its members, too.
    super::rooms::revoke_everywhere(engine, device).await?;
    Ok(Done {})
}

pub(super) async fn set_profile(engine: &Engine, params: ProfileParams) -> Result<Done, ApiError> {
    // Under the turn, so that the name is not given to another account.
    let _turn = engine.signing().await;
    let (http, token, _) = authenticated_in_turn(engine).await?;
    let display_name = http.set_profile(&token, &params.display_name).await?;
    engine
        .with_home(move |home| {
            home.set_display_name(display_name);
            Ok(Done {})
        })
        .await
}

pub(super) async fn change_password(engine: &Engine, params: ChangePasswordParams) -> Result<Done, ApiError> {
    let (http, token, _) = authenticated(engine).await?;
    http.change_password(&token, &params.old_password, &params.new_password).await?;
    Ok(Done {})
}

/// The server's HTTP part with a token that holds, and this device.
pub(super) async fn authenticated(engine: &Engine) -> Result<(HttpClient, String, DeviceId), ApiError> {
    let _turn = engine.signing().await;
    authenticated_in_turn(engine).await
}

/// As [`authenticated`], by who has the turn: renewed tokens are those of the account that is signed in, and two calls
/// do not renew with one refresh token, the second of which would count as stolen.
async fn authenticated_in_turn(engine: &Engine) -> Result<(HttpClient, String, DeviceId), ApiError> {
    let account = engine.with_home(|home| Ok((home.account.clone(), home.key.device()))).await?;
    let (account, device) = account;
    let http = HttpClient::new(account.server);
    if UnixMillis::now().0 + 30_000 < account.tokens.access_expires_at {
        return Ok((http, account.tokens.access, device));
    }
    let tokens = http.refresh(&account.tokens.refresh).await.map_err(|failure| match failure {
        HttpFailure::Refused { kind: ErrorKind::Unauthorized, .. } => {
            ApiError::new(ErrorKind::Unauthorized, "The server no longer accepts this device. Sign in again.")
        }
        failure => failure.into(),
    })?;
    let access = tokens.access.clone();
    engine
        .with_home(move |home| {
            home.renewed(&tokens);
            Ok(())
        })
        .await?;
    Ok((http, access, device))
}

/// The key of a device that is not registered yet. It is on disk before the server hears of it, so that a lost answer
/// can be repeated as the same device.
async fn new_device(engine: &Engine) -> Result<SecretKey, ApiError> {
    let (signed_in, keys) = engine.with_actor(|actor| (actor.home().is_some(), actor.keys.clone())).await?;
    if signed_in {
        return Err(already_signed_in());
    }
    let kept = tokio::task::spawn_blocking(move || match keys.load() {
        Ok(Some(key)) => Ok(key),
        // Nobody is signed in, so a key that cannot be read is no loss; a fresh one takes its place.
        Ok(None) | Err(_) => {
            let key = SecretKey::generate();
            keys.save(&key).map(|()| key)
        }
    });
    let kept: Result<std::io::Result<SecretKey>, _> = kept.await;
    match kept {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(error)) => {
            Err(ApiError::new(ErrorKind::Internal, format!("This device's key could not be kept: {error}.")))
        }
        Err(_) => Err(ApiError::new(ErrorKind::Internal, "This device's key could not be kept.")),
    }
}

async fn install(
    engine: &Engine,
    server: ServerAddress,
    signed_in: HttpSignedIn,
    key: SecretKey,
) -> Result<SignedIn, ApiError> {
    let answer = answer(&signed_in, &key);
    let account = account_of(server, signed_in);
    engine
        .with_actor(move |actor| {
            if actor.home().is_some() {
                return Err(already_signed_in());
            }
            let installed = actor.records.set_account(&account).and_then(|()| actor.install(account, key));
            installed.map_err(|error| {
                if error.halts() {
                    actor.heal();
                }
                disk(&error)
            })
        })
        .await??;
    Ok(answer)
}

fn answer(signed_in: &HttpSignedIn, key: &SecretKey) -> SignedIn {
    SignedIn { user_id: signed_in.account.to_string(), device_id: key.device().to_string() }
}

fn account_of(server: ServerAddress, signed_in: HttpSignedIn) -> Account {
    let certificate: Signed<DeviceCertificate> = signed_in.certificate;
    Account {
        server,
        server_key: signed_in.server_key,
        id: signed_in.account,
        handle: signed_in.handle,
        display_name: signed_in.display_name,
        admin: signed_in.admin,
        certificate,
        tokens: StoredTokens {
            access: signed_in.tokens.access,
            access_expires_at: UnixMillis::now()
                .0
                .saturating_add(signed_in.tokens.access_expires_in.saturating_mul(1_000)),
            refresh: signed_in.tokens.refresh,
        },
        clock_offset_ms: 0,
    }
}

fn parse_address(typed: &str) -> Result<ServerAddress, ApiError> {
    ServerAddress::parse(typed).map_err(|error| ApiError::invalid(error.to_string()))
}

fn already_signed_in() -> ApiError {
    ApiError::new(
        ErrorKind::Conflict,
        "Somebody is signed in on this data folder. Sign out first, or choose another folder.",
    )
}

fn other_key() -> ApiError {
    ApiError::new(
        ErrorKind::Conflict,
        "The server shows another key than when you first signed in. Somebody may be in between, or it was set up anew: \
         ask whoever runs it.",
    )
}

fn disk(error: &StoreError) -> ApiError {
    ApiError::new(ErrorKind::Internal, format!("It could not be written to disk: {error}."))
}

#[cfg(test)]
mod tests;
