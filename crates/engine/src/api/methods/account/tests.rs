use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::id::{AccountId, ServerKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::*;
use crate::engine::{EngineConfig, KeyStorage};

const WAIT_MAX: Duration = Duration::from_secs(30);

/// A server's accounts and nothing else. Its answers can be held up, so that calls overlap for certain.
struct Accounts {
    key: SecretKey,
    /// By handle.
    ids: Mutex<BTreeMap<String, AccountId>>,
    heard: Mutex<Vec<String>>,
    answers: Semaphore,
}

struct World {
    accounts: Arc<Accounts>,
    address: String,
    engine: Engine,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let accounts = Arc::new(Accounts {
            key: SecretKey::from_seed(&[9; 32]),
            ids: Mutex::default(),
            heard: Mutex::default(),
            answers: Semaphore::new(1_000),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = Arc::clone(&accounts);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer_one(Arc::clone(&serving), socket));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path()).await;
        Self { accounts, address, engine, folder }
    }

    /// Starts a call at once, in the order of these lines.
    async fn call(&self, method: &str, handle: &str) -> tokio::task::JoinHandle<Result<Value, String>> {
        let params = match method {
            "account.logout" | "account.whoami" => json!({}),
            _ => json!({ "server": self.address, "handle": handle, "password": "long enough for it" }),
        };
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let engine = self.engine.clone();
        let call = tokio::spawn(async move {
            let answer: Value = serde_json::from_str(&engine.handle(&request).await.unwrap()).unwrap();
            match answer.get("result") {
                Some(result) => Ok(result.clone()),
                None => Err(answer["error"]["data"]["kind"].as_str().unwrap().to_owned()),
            }
        });
        // On one thread a task runs until it first waits, which here is for its turn.
        tokio::task::yield_now().await;
        call
    }

    async fn whoami(&self) -> Option<String> {
        let answer = self.call("account.whoami", "").await.await.unwrap().unwrap();
        answer["account"]["handle"].as_str().map(str::to_owned)
    }

    fn heard(&self, path: &str) -> usize {
        self.accounts.heard.lock().unwrap().iter().filter(|heard| heard.as_str() == path).count()
    }
}

async fn open(folder: &std::path::Path) -> Engine {
    Engine::open(EngineConfig { data_dir: folder.join("data"), keys: KeyStorage::DataFolder }).await.unwrap()
}

async fn answer_one(accounts: Arc<Accounts>, mut socket: TcpStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (path, body) = loop {
        let mut chunk = [0; 4_096];
        let read = socket.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if let Ok(body) = serde_json::from_str::<Value>(body) {
            break (path, body);
        }
        if head.starts_with("GET ") {
            break (path, Value::Null);
        }
    };
    accounts.heard.lock().unwrap().push(path.clone());
    accounts.answers.acquire().await.unwrap().forget();
    let (status, answer) = accounts.answer(&path, &body);
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    socket.write_all((head + &answer).as_bytes()).await
}

impl Accounts {
    fn answer(&self, path: &str, body: &Value) -> (u16, Value) {
        let refuse = |status, kind: &str| (status, json!({ "error": { "kind": kind, "message": "No." } }));
        let handle = body["handle"].as_str().unwrap_or_default().to_owned();
        let mut ids = self.ids.lock().unwrap();
        let number = u8::try_from(ids.len() + 1).unwrap();
        let account = match path {
            "/v1/auth/register" if ids.contains_key(&handle) => return refuse(409, "conflict"),
            "/v1/auth/register" => *ids.entry(handle.clone()).or_insert(AccountId([number; 16])),
            "/v1/auth/login" => match ids.get(&handle) {
                Some(account) => *account,
                None => return refuse(401, "unauthorized"),
            },
            "/v1/auth/logout" => return (200, json!({})),
            _ => return refuse(404, "not_found"),
        };
        let device = URL_SAFE_NO_PAD.decode(body["device"]["key"].as_str().unwrap()).unwrap();
        let server_key = ServerKey(self.key.device().0);
        let certificate = DeviceCertificate {
            server: server_key,
            account,
            handle: handle.clone(),
            device: DeviceId(device.try_into().unwrap()),
            issued_at: UnixMillis::now(),
            vouch: None,
        };
        let certificate = Signed::sign(certificate, &self.key).unwrap();
        let answer = json!({
            "accountId": account.to_string(), "handle": handle, "displayName": handle, "admin": false,
            "accessToken": "access", "accessTokenExpiresIn": 900, "refreshToken": "refresh",
            "certificate": URL_SAFE_NO_PAD.encode(cbor::encode(&certificate)),
            "serverKey": URL_SAFE_NO_PAD.encode(server_key.0),
        });
        (200, answer)
    }
}

type Outcome = Result<(), &'static str>;

/// Starts calls one after the other without waiting for any. What each answers, and who is signed in then and after a
/// restart.
async fn check(first: &[(&str, &str)], calls: &[(&str, &str, Outcome)], signed_in: Option<&str>) {
    let mut world = World::start().await;
    for (method, handle) in first {
        world.call(method, handle).await.await.unwrap().unwrap();
    }
    let mut started = Vec::new();
    for (method, handle, _) in calls {
        started.push(world.call(method, handle).await);
    }
    for (call, (method, handle, expected)) in started.into_iter().zip(calls) {
        let outcome = tokio::time::timeout(WAIT_MAX, call).await.unwrap().unwrap();
        let outcome = outcome.as_ref().map(|_| ()).map_err(String::as_str);
        assert_eq!(outcome, *expected, "{method} {handle} of {calls:?}");
    }
    assert_eq!(world.whoami().await.as_deref(), signed_in, "{calls:?}");
    world.engine.shutdown().await;
    world.engine = open(world.folder.path()).await;
    assert_eq!(world.whoami().await.as_deref(), signed_in, "{calls:?}, after a restart");
    world.engine.shutdown().await;
}

#[tokio::test]
async fn calls_that_sign_in_and_out_take_turns() {
    let (register, login, logout) = ("account.register", "account.login", "account.logout");
    // Two at once on one folder: the second finds somebody signed in.
    check(&[], &[(register, "ada", Ok(())), (register, "grace", Err("conflict"))], Some("ada")).await;
    check(&[], &[(register, "ada", Ok(())), (login, "ada", Ok(()))], Some("ada")).await;
    // Out and in again, as the same and as another, without waiting.
    check(&[(register, "ada")], &[(logout, "", Ok(())), (login, "ada", Ok(()))], Some("ada")).await;
    check(&[(register, "ada")], &[(logout, "", Ok(())), (register, "grace", Ok(()))], Some("grace")).await;
    check(&[(register, "ada")], &[(login, "ada", Ok(())), (logout, "", Ok(()))], None).await;
    // Out twice.
    check(&[(register, "ada")], &[(logout, "", Ok(())), (logout, "", Err("unauthorized"))], None).await;
    check(
        &[(register, "ada")],
        &[(logout, "", Ok(())), (login, "ada", Ok(())), (logout, "", Ok(())), (register, "grace", Ok(()))],
        Some("grace"),
    )
    .await;
}

#[tokio::test]
async fn the_second_of_two_registrations_never_reaches_the_server() {
    let world = World::start().await;
    let (one, two) = (world.call("account.register", "ada").await, world.call("account.register", "grace").await);
    assert!(one.await.unwrap().is_ok());
    assert_eq!(two.await.unwrap(), Err("conflict".to_owned()));
    assert_eq!(world.heard("/v1/auth/register"), 1, "an account was made that nobody can use from here");
    world.engine.shutdown().await;
}

#[tokio::test]
async fn a_sign_out_ends_without_its_caller() {
    let mut world = World::start().await;
    world.call("account.register", "ada").await.await.unwrap().unwrap();
    // The server is silent from now on, and the front goes away while it waits for it.
    world.accounts.answers.forget_permits(usize::MAX);
    let call = world.call("account.logout", "").await;
    let started = Instant::now();
    while world.whoami().await.is_some() {
        assert!(started.elapsed() < WAIT_MAX, "nobody was signed out");
    }
    call.abort();
    while world.heard("/v1/auth/logout") == 0 {
        assert!(started.elapsed() < WAIT_MAX, "the server never heard of it");
        tokio::task::yield_now().await;
    }
    world.engine.shutdown().await;
    world.engine = open(world.folder.path()).await;
    assert_eq!(world.whoami().await, None);
    world.engine.shutdown().await;
}
