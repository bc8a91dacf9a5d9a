//! The program itself: starting, refusing to start, stopping, logging.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::certificate::{REGISTRATION_CONTEXT, registration_message};
use momoland_protocol::signed::SecretKey;
use momoland_store::kv::{SchemaVersion, SledStore};
use serde_json::{Value, json};
use signaling_server::records::SCHEMA;
use tempfile::TempDir;

/// Ended with the test, whatever becomes of it.
struct Running {
    child: Child,
    origin: String,
    /// Read all along: a full pipe would stop the server.
    log: Option<JoinHandle<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_momoland-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MOMOLAND_")) {
        command.env_remove(name);
    }
    command.env("MOMOLAND_DATA", data).env("MOMOLAND_LISTEN", "127.0.0.1:0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(command: &mut Command) -> Running {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let origin = line.trim().strip_prefix("momoland-server is listening on ").unwrap_or_default().to_owned();
    let mut stderr = child.stderr.take().unwrap();
    let log = thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        log
    });
    let running = Running { child, origin, log: Some(log) };
    assert!(running.origin.starts_with("http://127.0.0.1:"), "{line}");
    running
}

fn terminate(mut running: Running) -> (i32, String) {
    let id = running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let begun = Instant::now();
    let log = running.log.take().unwrap().join().unwrap();
    let status = running.child.wait().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    (status.code().unwrap(), log)
}

/// Runs it to its own end, which a refusal reaches within seconds. The sentence.
fn refusal(command: &mut Command, code: i32) -> String {
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it serves, where it should have refused: {command:?}");
        }
        thread::yield_now();
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{text}");
    let sentence = text.lines().find_map(|line| line.strip_prefix("momoland-server: ")).unwrap_or_default().to_owned();
    assert!(sentence.ends_with('.'), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    sentence
}

async fn post(running: &Running, path: &str, token: Option<&str>, body: &Value) -> Value {
    let mut request = reqwest::Client::builder().no_proxy().build().unwrap().post(format!("{}{path}", running.origin));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.json(body).send().await.unwrap().json().await.unwrap()
}

fn registration(key: &SecretKey, handle: &str, password: &str) -> Value {
    let proof = key.sign(REGISTRATION_CONTEXT, &registration_message(handle, key.device()));
    json!({ "handle": handle, "password": password, "device": {
        "key": URL_SAFE_NO_PAD.encode(key.device().as_bytes()), "proof": URL_SAFE_NO_PAD.encode(proof.0),
    } })
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_hold_no_secrets() {
    let data = folder();
    let running = start(command(data.path()).env("MOMOLAND_LOG", "trace"));
    let (key, password) = (SecretKey::generate(), "my most secret password");
    let first = post(&running, "/v1/auth/register", None, &registration(&key, "alice", password)).await;
    let wrong = registration(&key, "alice", "another secret that is wrong");
    post(&running, "/v1/auth/login", None, &wrong).await;
    let refresh = json!({ "refreshToken": first["refreshToken"] });
    let second = post(&running, "/v1/auth/refresh", None, &refresh).await;
    let change = json!({ "currentPassword": password, "newPassword": "the newest secret of all" });
    let access = second["accessToken"].as_str();
    assert_eq!(post(&running, "/v1/account/password", access, &change).await, json!({}));
    let (code, log) = terminate(running);
    assert_eq!(code, 0);
    assert!(log.contains("an account was made") && log.contains("asked to stop"), "{log}");
    let tokens = [&first["accessToken"], &first["refreshToken"], &second["accessToken"], &second["refreshToken"]];
    let secrets = tokens.map(|token| token.as_str().unwrap().to_owned());
    for secret in secrets.iter().map(String::as_str).chain([password, "another secret", "newest secret", "argon2id$"]) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_with_nothing_said_and_keeps_what_it_has() {
    let data = folder();
    let running = start(&mut command(data.path()));
    let key = SecretKey::generate();
    let first = post(&running, "/v1/auth/register", None, &registration(&key, "alice", "a good password")).await;
    for name in ["identity.pem", "tokens.pem"] {
        let mode = std::fs::metadata(data.path().join("keys").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(terminate(running).0, 0);
    let running = start(&mut command(data.path()));
    let again = post(&running, "/v1/auth/login", None, &registration(&key, "ALICE", "a good password")).await;
    assert_eq!(again["accountId"], first["accountId"], "{again}");
    assert_eq!(again["serverKey"], first["serverKey"]);

    // SIGKILL: what was acknowledged is there.
    drop(running);
    let running = start(&mut command(data.path()));
    let again = post(&running, "/v1/auth/login", None, &registration(&key, "alice", "a good password")).await;
    assert_eq!(again["accountId"], first["accountId"], "{again}");
}

#[test]
fn a_second_server_on_the_same_data_or_port_is_refused() {
    let data = folder();
    let running = start(&mut command(data.path()));
    let sentence = refusal(&mut command(data.path()), 1);
    assert!(sentence.contains("in use by another process"), "{sentence}");

    let other = folder();
    let taken = running.origin.strip_prefix("http://").unwrap();
    let sentence = refusal(command(other.path()).env("MOMOLAND_LISTEN", taken), 1);
    assert!(sentence.contains("Another program has it") && sentence.contains(taken), "{sentence}");
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let sentence = refusal(command(other.path()).env("MOMOLAND_LISTEN", &address), 1);
    assert!(sentence.contains("MOMOLAND_LISTEN"), "{sentence}");
    let sentence = refusal(command(other.path()).env("MOMOLAND_LISTEN", "203.0.113.1:1"), 1);
    assert!(sentence.contains("MOMOLAND_LISTEN"), "{sentence}");
}

#[test]
fn data_that_cannot_be_used_is_refused_and_kept() {
    // No folder can be made there, whoever asks.
    let data = folder();
    let file = data.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    for path in [file.clone(), file.join("below"), "/proc/momoland".into()] {
        let sentence = refusal(&mut command(&path), 1);
        assert!(sentence.contains("MOMOLAND_DATA"), "{sentence}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");

    // A store that a newer version wrote.
    let newer = folder();
    let store = newer.path().join("store");
    drop(SledStore::open(&store, SchemaVersion(SCHEMA + 1)).unwrap());
    let sentence = refusal(&mut command(newer.path()), 1);
    assert!(sentence.contains("newer version") && sentence.contains("update"), "{sentence}");
    SledStore::open(&store, SchemaVersion(SCHEMA + 1)).expect("it is as it was");

    // Data with another server's keys, and with a damaged one.
    let data = folder();
    terminate(start(&mut command(data.path())));
    let identity = data.path().join("keys/identity.pem");
    let right = std::fs::read(&identity).unwrap();
    std::fs::remove_file(&identity).unwrap();
    let sentence = refusal(&mut command(data.path()), 1);
    assert!(sentence.contains("identity.pem") && sentence.contains("back"), "{sentence}");
    std::fs::write(&identity, "damaged").unwrap();
    let sentence = refusal(&mut command(data.path()), 1);
    assert!(sentence.contains("is not a key"), "{sentence}");
    std::fs::write(&identity, right).unwrap();
    assert_eq!(terminate(start(&mut command(data.path()))).0, 0);

    // A store that lost a file.
    std::fs::remove_file(data.path().join("store/head")).unwrap();
    let sentence = refusal(&mut command(data.path()), 1);
    assert!(sentence.contains("damaged"), "{sentence}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let data = folder();
    let file = data.path().join("momoland.toml");
    let with_file = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = command(&data.path().join("data"));
        command.arg("--config").arg(&file);
        command
    };
    let sentence = refusal(&mut with_file("lisen = \"127.0.0.1:1\""), 1);
    assert!(sentence.contains("lisen") && sentence.contains("does not exist"), "{sentence}");
    let sentence = refusal(&mut with_file("registration = \"maybe\""), 1);
    assert!(sentence.contains("open, invite or closed"), "{sentence}");
    let sentence = refusal(command(data.path()).env("MOMOLAND_MAX_CONNECTIONS", "many"), 1);
    assert!(sentence.contains("MOMOLAND_MAX_CONNECTIONS"), "{sentence}");
    refusal(command(data.path()).args(["--config", "/nowhere.toml"]), 1);
    refusal(command(data.path()).arg("--confg"), 2);
    refusal(command(data.path()).arg("--config"), 2);
    assert!(!data.path().join("data").exists(), "nothing was made");

    assert_eq!(terminate(start(&mut with_file("name = \"Ours\"\nlog = \"warn\""))).0, 0);
    let help = Command::new(env!("CARGO_BIN_EXE_momoland-server")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for setting in signaling_server::config::SETTINGS {
        assert!(help.contains(&setting.environment_name()), "{}", setting.key);
    }
}

#[test]
fn a_misspelt_variable_is_pointed_out() {
    let data = folder();
    let running = start(command(data.path()).env("MOMOLAND_REGISTRATON", "closed"));
    let (code, log) = terminate(running);
    assert_eq!(code, 0);
    assert!(log.contains("MOMOLAND_REGISTRATON"), "{log}");
}
