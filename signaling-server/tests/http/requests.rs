//! Requests that are too large, too slow, malformed, or nowhere; and what can always be asked.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::Server;

/// How long a test waits for what the server has to do by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes as they are and reads until the server closes.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // A server that has seen enough closes while the rest is still being sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused() {
    let server = Server::with(&[("HEADER_TIMEOUT_S", "1")]).await;
    let alice = server.person("alice");
    let post = |content_type: &'static str, body: Vec<u8>| {
        alice.request(reqwest::Method::POST, "/v1/auth/login", None).header("content-type", content_type).body(body)
    };
    let json_type = "application/json";
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"handle\":\"\\ud800\"}".to_vec(),
        "[".repeat(10_000).into_bytes(),
        format!("{{\"handle\":{}1{}}}", "[".repeat(4_000), "]".repeat(4_000)).into_bytes(),
        b"{\"handle\":\"a\",\"handle\":\"b\"}".to_vec(),
    ] {
        alice.send(post(json_type, body)).await.refused(400, "invalid");
    }
    let whole = alice.body().to_string().into_bytes();
    alice.send(post("text/plain", whole.clone())).await.refused(415, "invalid");
    alice.send(post("application/x-www-form-urlencoded", whole.clone())).await.refused(415, "invalid");
    alice.send(post("application/json; charset=utf-8", whole)).await.refused(401, "unauthorized");
    alice.send(post(json_type, vec![b' '; 16 * 1024 + 1])).await.refused(413, "invalid");
    // So much is cut off in the middle, and whether the sender reads the answer before it notices is its own affair.
    let mut huge =
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5000000\r\n\r\n"
            .to_vec();
    huge.resize(5_000_000, b' ');
    let answer = raw(&server, &huge).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");

    alice.get("/", None).await.refused(404, "not_found");
    alice.get("/v1/auth/nothing", None).await.refused(404, "not_found");
    alice.get("/v1/auth/../../etc/passwd", None).await.refused(404, "not_found");
    alice.get("/v1/auth/login", None).await.refused(405, "invalid");
    alice.post("/healthz", None, &json!({})).await.refused(405, "invalid");

    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nzz\r\n",
    ] {
        let answer = raw(&server, bytes).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let long_head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let answer = raw(&server, long_head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(alice.register().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_idle_connections_are_cut_off() {
    let server = Server::with(&[("HEADER_TIMEOUT_S", "1")]).await;
    for start in [&b""[..], b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let answer = raw(&server, start).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    // One whole request, then silence.
    let answer = raw(&server, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    wait_for(|| server.app.metrics.connections.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_are_cut_off() {
    let server = Server::with(&[("BODY_TIMEOUT_S", "1"), ("HEADER_TIMEOUT_S", "2")]).await;
    let head =
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = raw(&server, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("took too long"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_never_reads_is_cut_off() {
    let server = Server::with(&[("STALL_TIMEOUT_S", "1"), ("REQUESTS_PER_MINUTE", "1000000")]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    // Until both sides' buffers are full and the server stops reading; then until it gives up.
    let asking = async { while stream.write_all(&request).await.is_ok() {} };
    timeout(Duration::from_secs(60), asking).await.expect("the connection is ended");
    wait_for(|| server.app.metrics.connections.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_turned_away() {
    let server = Server::with(&[("MAX_CONNECTIONS", "4"), ("MAX_CONNECTIONS_PER_ADDRESS", "3")]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(server.address).await.unwrap());
    }
    wait_for(|| server.app.metrics.connections.get() == 3).await;
    let answer = raw(&server, b"").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("rate_limited"), "{answer}");
    // Another address still gets in, until all places are taken.
    let elsewhere = server.person_at("alice", [127, 0, 0, 5].into());
    assert_eq!(elsewhere.get("/healthz", None).await.status, 200);
    assert_eq!(server.app.metrics.connections.get(), 4);
    let third = tokio::net::TcpSocket::new_v4().unwrap();
    third.bind("127.0.0.6:0".parse().unwrap()).unwrap();
    let mut third = third.connect(server.address).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, third.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // A place that is left can be taken.
    held.pop();
    wait_for(|| server.app.metrics.connections.get() == 3).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.app.metrics.connections_refused.get(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_always_be_asked() {
    let server = Server::with(&[("NAME", "Our place")]).await;
    assert_eq!(server.get("/healthz").await.json, "ok\n");
    assert_eq!(server.get("/readyz").await.json, "ready\n");
    let known = server.get("/.well-known/momoland").await.json;
    assert_eq!(known["name"], "Our place");
    assert_eq!(known["protocol"], json!({ "min": 1, "max": 1 }));
    assert_eq!(known["registration"], "open");
    assert_eq!(known["turn"], json!([]));
    assert_eq!(known["limits"]["passwordCharsMin"], 10);
    let described = server.get("/v1/openapi.json").await.json;
    assert_eq!(described["openapi"], "3.1.0");

    server.person("alice").login().await.refused(401, "unauthorized");
    let metrics = server.get("/metrics").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = metrics.json.as_str().unwrap();
    for line in [
        "momoland_http_requests_total{method=\"POST\",route=\"/v1/auth/login\",status=\"401\"} 1",
        "momoland_auth_failures_total{reason=\"password\"} 1",
        "momoland_ws_connections 0",
        "momoland_ws_bytes_out_total 0",
        "momoland_events_stored_total 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_fields_that_the_description_names() {
    let server = Server::start().await;
    let described = server.get("/v1/openapi.json").await.json;
    let (alice, first) = server.registered("alice").await;
    let access = first["accessToken"].as_str();
    let refreshed = alice.refresh(&first["refreshToken"]).await.json;
    let profile = alice.post("/v1/account/profile", access, &json!({ "displayName": "A" })).await.json;
    let devices = alice.get("/v1/account/devices", access).await.json;
    let refused = alice.get("/v1/account/devices", None).await.json;
    for (schema, answer) in [
        ("SignedIn", &first),
        ("Refreshed", &refreshed),
        ("Profile", &profile),
        ("Devices", &devices),
        ("Error", &refused),
        ("Server", &server.get("/.well-known/momoland").await.json),
        ("Feed", &server.get("/v1/feed").await.json),
        ("Jwks", &server.get("/.well-known/jwks.json").await.json),
    ] {
        fits(&described["components"]["schemas"][schema], answer, schema);
    }
}

/// Holds `value` to the required fields and the known fields of an object schema, all the way down.
fn fits(schema: &Value, value: &Value, place: &str) {
    if let Some(properties) = schema["properties"].as_object() {
        let fields = value.as_object().unwrap_or_else(|| panic!("{place} is {value}"));
        for field in fields.keys() {
            assert!(properties.contains_key(field), "{place}.{field} is not described");
        }
        for required in schema["required"].as_array().unwrap() {
            assert!(fields.contains_key(required.as_str().unwrap()), "{place}.{required} is missing");
        }
        for (field, value) in fields {
            fits(&properties[field], value, &format!("{place}.{field}"));
        }
    } else if schema["type"] == "array" {
        for item in value.as_array().unwrap() {
            fits(&schema["items"], item, place);
        }
    } else {
        let same = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64(),
            Some("boolean") => value.is_boolean(),
            Some("object") => value.is_object(),
            _ => schema["const"] == *value || schema["enum"].as_array().is_some_and(|words| words.contains(value)),
        };
        assert!(same, "{place} is {value}, described as {schema}");
    }
}

/// Waits, bounded, for what the server does on its own.
pub(crate) async fn wait_for(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("what was waited for happens");
}
