//! The server's HTTP part, as a client: accounts and tokens.
//!
//! Requests are few and small, so they run on the blocking pool; each is bounded in time and in the bytes of its answer.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::certificate::{DeviceCertificate, REGISTRATION_CONTEXT, registration_message};
use momoland_protocol::id::{AccountId, DeviceId, ServerKey};
use momoland_protocol::limits;
use momoland_protocol::signed::{SecretKey, Signed};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::account::address::ServerAddress;
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::NotificationLevel;

/// From the first byte sent to the last received.
const TIMEOUT: Duration = Duration::from_secs(12);

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Why a request had no good answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HttpFailure {
    /// No answer came: no such host, nobody listening, a broken or slow network.
    #[error("{server} cannot be reached ({cause})")]
    Unreachable { server: String, cause: String },
    /// An answer came that is not Momoland's.
    #[error("{server} answers, but not as a Momoland server of this version does")]
    NotMomoland { server: String },
    /// The server refused.
    #[error("{message}")]
    Refused { kind: ErrorKind, message: String, retry_after_ms: Option<u64> },
}

impl From<HttpFailure> for ApiError {
    fn from(failure: HttpFailure) -> Self {
        match failure {
            HttpFailure::Unreachable { .. } => {
                Self::new(ErrorKind::Offline, format!("{failure}. Check the address and your network, then try again."))
            }
            HttpFailure::NotMomoland { .. } => {
                Self::new(ErrorKind::Offline, format!("{failure}. Check the address, or update Momoland."))
            }
            HttpFailure::Refused { kind, message, retry_after_ms } => {
                let mut error = Self::new(kind, message);
                error.retry_after_ms = retry_after_ms;
                error
            }
        }
    }
}

/// What registering and logging in answer.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) account: AccountId,
    pub(crate) handle: String,
    pub(crate) display_name: String,
    pub(crate) admin: bool,
    pub(crate) tokens: Tokens,
    pub(crate) certificate: Signed<DeviceCertificate>,
    pub(crate) server_key: ServerKey,
}

/// What a server says of itself.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) server_key: ServerKey,
    pub(crate) protocol_min: u16,
    pub(crate) protocol_max: u16,
    /// Where TURN is (RFC 7065).
    pub(crate) turn: Vec<String>,
    /// Its clock, in whole seconds.
    pub(crate) time: Option<SystemTime>,
}

/// What signs a device in.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    /// Seconds from now.
    pub(crate) access_expires_in: u64,
    pub(crate) refresh: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// A server, over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    address: ServerAddress,
    agent: ureq::Agent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedInAnswer {
    account_id: String,
    handle: String,
    display_name: String,
    admin: bool,
    access_token: String,
    access_token_expires_in: u64,
    refresh_token: String,
    certificate: String,
    server_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AboutAnswer {
    server_key: String,
    protocol: ProtocolAnswer,
    #[serde(default)]
    turn: Vec<String>,
}

#[derive(Deserialize)]
struct ProtocolAnswer {
    min: u16,
    max: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefreshAnswer {
    access_token: String,
    access_token_expires_in: u64,
    refresh_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileAnswer {
    display_name: String,
}

/// One device in the account's list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceAnswer {
    pub(crate) device_id: String,
    /// Unix milliseconds.
    pub(crate) created_at: u64,
    /// Unix milliseconds.
    #[serde(default)]
    pub(crate) revoked_at: Option<u64>,
}

#[derive(Deserialize)]
struct DevicesAnswer {
    devices: Vec<DeviceAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnnouncedAnswer {
    announcement_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotifiedAnswer {
    notification_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorAnswer {
    error: ErrorBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    kind: ErrorKind,
    message: String,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl HttpClient {
    pub(crate) fn new(address: ServerAddress) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("momoland/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { address, agent: config.into() }
    }

    pub(crate) async fn register(
        &self,
        handle: &str,
        password: &str,
        display_name: Option<&str>,
        invite_code: Option<&str>,
        key: &SecretKey,
    ) -> Result<SignedIn, HttpFailure> {
        let mut body = json!({ "handle": handle, "password": password, "device": device_body(handle, key) });
        if let Some(display_name) = display_name {
            body["displayName"] = json!(display_name);
        }
        if let Some(invite_code) = invite_code {
            body["inviteCode"] = json!(invite_code);
        }
        self.sign_in("/v1/auth/register", body).await
    }

    pub(crate) async fn login(&self, handle: &str, password: &str, key: &SecretKey) -> Result<SignedIn, HttpFailure> {
        let body = json!({ "handle": handle, "password": password, "device": device_body(handle, key) });
        self.sign_in("/v1/auth/login", body).await
    }

    async fn sign_in(&self, path: &'static str, body: Value) -> Result<SignedIn, HttpFailure> {
        let answer: SignedInAnswer = self.post(path, None, body).await?;
        self.understand(answer).ok_or_else(|| self.not_momoland())
    }

    fn understand(&self, answer: SignedInAnswer) -> Option<SignedIn> {
        let certificate = URL_SAFE_NO_PAD.decode(answer.certificate).ok()?;
        let certificate: Signed<DeviceCertificate> =
            cbor::decode(&certificate, limits::CERTIFICATE_BYTES_MAX + 128).ok()?;
        let server_key = URL_SAFE_NO_PAD.decode(answer.server_key).ok()?;
        let server_key = ServerKey::try_from(server_key.as_slice()).ok()?;
        let account: AccountId = answer.account_id.parse().ok()?;
        (certificate.is_by(server_key) && certificate.get().account == account).then_some(SignedIn {
            account,
            handle: answer.handle,
            display_name: answer.display_name,
            admin: answer.admin,
            tokens: Tokens {
                access: answer.access_token,
                access_expires_in: answer.access_token_expires_in,
                refresh: answer.refresh_token,
            },
            certificate,
            server_key,
        })
    }

    /// What the server says of itself to everybody.
    pub(crate) async fn about(&self) -> Result<About, HttpFailure> {
        let request = self.agent.get(self.address.http("/.well-known/momoland"));
        let (answer, time): (AboutAnswer, _) = self.run_timed(move || request.call()).await?;
        let key = URL_SAFE_NO_PAD.decode(answer.server_key).ok();
        let server_key = key.and_then(|key| ServerKey::try_from(key.as_slice()).ok());
        let server_key = server_key.ok_or_else(|| self.not_momoland())?;
        let ProtocolAnswer { min: protocol_min, max: protocol_max } = answer.protocol;
        Ok(About { server_key, protocol_min, protocol_max, turn: answer.turn, time })
    }

    /// Fresh tokens for an old refresh token.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, HttpFailure> {
        let body = json!({ "refreshToken": refresh_token });
        let answer: RefreshAnswer = self.post("/v1/auth/refresh", None, body).await?;
        Ok(Tokens {
            access: answer.access_token,
            access_expires_in: answer.access_token_expires_in,
            refresh: answer.refresh_token,
        })
    }

    pub(crate) async fn logout(&self, refresh_token: &str) -> Result<(), HttpFailure> {
        let body = json!({ "refreshToken": refresh_token });
        self.post::<Value>("/v1/auth/logout", None, body).await.map(|_| ())
    }

    pub(crate) async fn set_profile(&self, access_token: &str, display_name: &str) -> Result<String, HttpFailure> {
        let body = json!({ "displayName": display_name });
        let answer: ProfileAnswer = self.post("/v1/account/profile", Some(access_token), body).await?;
        Ok(answer.display_name)
    }

    pub(crate) async fn change_password(&self, access_token: &str, old: &str, new: &str) -> Result<(), HttpFailure> {
        let body = json!({ "currentPassword": old, "newPassword": new });
        self.post::<Value>("/v1/account/password", Some(access_token), body).await.map(|_| ())
    }

    pub(crate) async fn devices(&self, access_token: &str) -> Result<Vec<DeviceAnswer>, HttpFailure> {
        let answer: DevicesAnswer = self.get("/v1/account/devices", Some(access_token)).await?;
        Ok(answer.devices)
    }

    pub(crate) async fn revoke_device(&self, access_token: &str, device: DeviceId) -> Result<(), HttpFailure> {
        let body = json!({ "deviceId": device.to_string() });
        self.post::<Value>("/v1/account/devices/revoke", Some(access_token), body).await.map(|_| ())
    }

    /// Tells everybody, for an administrator. The announcement's id.
    pub(crate) async fn announce(
        &self,
        access_token: &str,
        message: &str,
        level: NotificationLevel,
        ttl_s: Option<u64>,
    ) -> Result<String, HttpFailure> {
        let mut body = json!({ "message": message, "level": level });
        if let Some(ttl_s) = ttl_s {
            body["ttlS"] = json!(ttl_s);
        }
        let answer: AnnouncedAnswer = self.post("/v1/admin/announcements", Some(access_token), body).await?;
        Ok(answer.announcement_id)
    }

    /// Tells one account, for an administrator. The notification's id.
    pub(crate) async fn notify(
        &self,
        access_token: &str,
        account: &str,
        title: &str,
        text: &str,
        level: NotificationLevel,
    ) -> Result<String, HttpFailure> {
        let body = json!({ "accountId": account, "title": title, "body": text, "level": level });
        let answer: NotifiedAnswer = self.post("/v1/admin/notifications", Some(access_token), body).await?;
        Ok(answer.notification_id)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        access_token: Option<&str>,
        body: Value,
    ) -> Result<T, HttpFailure> {
        let request = self.agent.post(self.address.http(path));
        let request = authorized(request, access_token);
        self.run(move || request.send_json(&body)).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &'static str, access_token: Option<&str>) -> Result<T, HttpFailure> {
        let request = authorized(self.agent.get(self.address.http(path)), access_token);
        self.run(move || request.call()).await
    }

    async fn run<T: DeserializeOwned>(
        &self,
        send: impl FnOnce() -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
    ) -> Result<T, HttpFailure> {
        Ok(self.run_timed(send).await?.0)
    }

    /// The answer, and the server's time where it says it.
    async fn run_timed<T: DeserializeOwned>(
        &self,
        send: impl FnOnce() -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
    ) -> Result<(T, Option<SystemTime>), HttpFailure> {
        let answered = tokio::task::spawn_blocking(move || {
            let mut response = send()?;
            let good = response.status().is_success();
            let date = response.headers().get("date").and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
            let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()?;
            Ok::<_, ureq::Error>((good, text, date))
        });
        let (good, text, date) = match answered.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Err(_) => return Err(self.not_momoland()),
        };
        if good {
            let answer = serde_json::from_str(&text).map_err(|_| self.not_momoland())?;
            return Ok((answer, date));
        }
        match serde_json::from_str::<ErrorAnswer>(&text) {
            Ok(ErrorAnswer { error }) => Err(HttpFailure::Refused {
                kind: error.kind,
                message: error.message,
                retry_after_ms: error.retry_after_ms,
            }),
            Err(_) => Err(self.not_momoland()),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> HttpFailure {
        let cause = match error {
            ureq::Error::HostNotFound => "no such host".to_owned(),
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            ureq::Error::ConnectionFailed => "nobody listens there".to_owned(),
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                "nobody listens there".to_owned()
            }
            other => other.to_string(),
        };
        HttpFailure::Unreachable { server: self.address.to_string(), cause }
    }

    fn not_momoland(&self) -> HttpFailure {
        HttpFailure::NotMomoland { server: self.address.to_string() }
    }
}

fn authorized<B>(request: ureq::RequestBuilder<B>, access_token: Option<&str>) -> ureq::RequestBuilder<B> {
    match access_token {
        Some(token) => request.header("Authorization", format!("Bearer {token}")),
        None => request,
    }
}

fn device_body(handle: &str, key: &SecretKey) -> Value {
    let proof = key.sign(REGISTRATION_CONTEXT, &registration_message(handle, key.device()));
    json!({ "key": URL_SAFE_NO_PAD.encode(key.public()), "proof": URL_SAFE_NO_PAD.encode(proof.0) })
}
