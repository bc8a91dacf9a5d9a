//! A server on a free port with its own data folder and a clock that tests move, and people who call it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::certificate::{REGISTRATION_CONTEXT, registration_message};
use momoland_protocol::signed::SecretKey;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use signaling_server::clock::{Clock, ManualClock};
use signaling_server::config::Config;
use signaling_server::shutdown::Shutdown;
use signaling_server::{App, server};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) clock: ManualClock,
    pub(crate) shutdown: Shutdown,
    pub(crate) data: Arc<TempDir>,
    pub(crate) task: JoinHandle<()>,
    settings: Vec<(String, String)>,
}

/// An answer: its status, its headers, its JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

/// Somebody at a device, who calls from an address.
pub(crate) struct Person {
    pub(crate) handle: String,
    pub(crate) key: SecretKey,
    pub(crate) client: reqwest::Client,
    origin: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with some settings, by their environment variables without the prefix.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (format!("MOMOLAND_{name}"), (*value).to_owned())).collect();
        Self::over(Arc::new(tempfile::tempdir().unwrap()), settings).await
    }

    async fn over(data: Arc<TempDir>, settings: Vec<(String, String)>) -> Self {
        let mut config = Config::load(None, settings.clone()).unwrap();
        config.data = data.path().join("data");
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let (clock, hand) = Clock::manual(u64::try_from(now_ms).unwrap());
        let shutdown = Shutdown::new();
        let app = App::open(config, clock, shutdown.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(server::run(listener, Arc::clone(&app)));
        Self { address, app, clock: hand, shutdown, data, task, settings }
    }

    /// Stops it and starts another over the same data, whose clock stands where this one's stood, and later by `later`.
    pub(crate) async fn restart(self, later: Duration) -> Self {
        let Self { app, shutdown, data, task, settings, clock: _, address: _ } = self;
        let stood_ms = app.clock.unix_ms();
        shutdown.begin();
        drop(app);
        task.await.unwrap();
        let next = Self::over(data, settings).await;
        let behind_ms = stood_ms.saturating_sub(next.app.clock.unix_ms());
        next.clock.advance(Duration::from_millis(behind_ms) + later);
        next
    }

    pub(crate) fn person(&self, handle: &str) -> Person {
        self.person_at(handle, [127, 0, 0, 1].into())
    }

    /// Somebody who calls from another of the loopback's addresses.
    pub(crate) fn person_at(&self, handle: &str, from: IpAddr) -> Person {
        Person {
            handle: handle.to_owned(),
            key: SecretKey::generate(),
            client: reqwest::Client::builder().local_address(from).no_proxy().build().unwrap(),
            origin: format!("http://{}", self.address),
        }
    }

    pub(crate) async fn registered(&self, handle: &str) -> (Person, Value) {
        let person = self.person(handle);
        let answer = person.register().await;
        assert_eq!(answer.status, 200, "{handle}: {answer:?}");
        (person, answer.json)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.person("nobody").get(path, None).await
    }
}

impl Person {
    /// The same account at a new device.
    pub(crate) fn at_another_device(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key: SecretKey::generate(),
            client: self.client.clone(),
            origin: self.origin.clone(),
        }
    }

    /// The device's part of registering and logging in, with its proof.
    pub(crate) fn device(&self) -> Value {
        let device = self.key.device();
        let proof = self.key.sign(REGISTRATION_CONTEXT, &registration_message(&self.handle, device));
        json!({ "key": URL_SAFE_NO_PAD.encode(device.as_bytes()), "proof": URL_SAFE_NO_PAD.encode(proof.0) })
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "handle": self.handle, "password": PASSWORD, "device": self.device() })
    }

    pub(crate) async fn register(&self) -> Answer {
        self.post("/v1/auth/register", None, &self.body()).await
    }

    pub(crate) async fn login(&self) -> Answer {
        self.post("/v1/auth/login", None, &self.body()).await
    }

    pub(crate) async fn login_with(&self, password: &str) -> Answer {
        let mut body = self.body();
        body["password"] = json!(password);
        self.post("/v1/auth/login", None, &body).await
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        self.post("/v1/auth/refresh", None, &json!({ "refreshToken": token })).await
    }

    /// Whether an access token is accepted.
    pub(crate) async fn is_in(&self, token: &Value) -> bool {
        self.get("/v1/account/devices", token.as_str()).await.status == 200
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.send(self.request(reqwest::Method::POST, path, token).json(body)).await
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(self.request(reqwest::Method::GET, path, token)).await
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str, token: Option<&str>) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Answer { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }
}

impl Answer {
    /// Holds a refusal to its status and kind, and to the form that all have. Its sentence.
    pub(crate) fn refused(&self, status: u16, kind: &str) -> &str {
        let error = &self.json["error"];
        assert_eq!((self.status, error["kind"].as_str()), (status, Some(kind)), "{self:?}");
        let sentence = error["message"].as_str().unwrap();
        assert!(sentence.ends_with('.') || sentence.ends_with('…'), "{sentence}");
        if matches!(status, 429 | 503) {
            let after_ms = error["retryAfterMs"].as_u64().unwrap();
            let after_s: u64 = self.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!(after_ms > 0 && after_s * 1000 >= after_ms, "{self:?}");
        }
        sentence
    }
}
