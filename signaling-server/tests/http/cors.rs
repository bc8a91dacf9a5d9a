//! Origins (CASES C23): listed ones exactly, others never.

use reqwest::Method;
use serde_json::json;

use crate::world::{Answer, Server};

const EVIL: [&str; 5] = [
    "https://evil.example",
    "https://allowed.example.evil.example",
    "http://allowed.example",
    "http://127.0.0.1:7420.evil.example",
    "null",
];

fn reflects(answer: &Answer) -> Option<&str> {
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
    assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "origin"), "{answer:?}");
    answer.headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap())
}

// Rules: HT3
#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_listed_is_never_reflected() {
    for settings in [&[][..], &[("CORS_ORIGINS", "https://allowed.example")]] {
        let server = Server::with(settings).await;
        let alice = server.person("alice");
        for origin in EVIL {
            for (method, path) in [
                (Method::GET, "/.well-known/momoland"),
                (Method::GET, "/v1/account/devices"),
                (Method::GET, "/no/such/path"),
                (Method::HEAD, "/healthz"),
                (Method::OPTIONS, "/v1/auth/login"),
                (Method::POST, "/v1/auth/login"),
                (Method::DELETE, "/v1/auth/login"),
            ] {
                let request = alice
                    .request(method.clone(), path, None)
                    .header("origin", origin)
                    .header("access-control-request-method", "POST")
                    .json(&alice.body());
                let answer = alice.send(request).await;
                assert_eq!(reflects(&answer), None, "{method} {path} {origin}");
            }
            let change = alice.request(Method::POST, "/v1/auth/register", None).header("origin", origin);
            alice.send(change.json(&alice.body())).await.refused(403, "forbidden");
        }
        assert_eq!(alice.login().await.status, 401, "a page of another origin made no account");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_origin_may_call() {
    let server = Server::with(&[("CORS_ORIGINS", "https://allowed.example, http://127.0.0.1:5173")]).await;
    let alice = server.person("alice");
    for origin in ["https://allowed.example", "http://127.0.0.1:5173"] {
        let preflight = alice
            .request(Method::OPTIONS, "/v1/auth/register", None)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let answer = alice.send(preflight).await;
        assert_eq!((answer.status, reflects(&answer)), (204, Some(origin)));
        assert_eq!(answer.headers["access-control-allow-headers"], "authorization, content-type");

        let call = alice.request(Method::POST, "/v1/auth/register", None).header("origin", origin).json(&alice.body());
        let answer = alice.send(call).await;
        assert_eq!((answer.status, reflects(&answer)), (200, Some(origin)));
        let call = alice.request(Method::POST, "/v1/auth/login", None).header("origin", origin).json(&json!({}));
        let answer = alice.send(call).await;
        assert_eq!((answer.status, reflects(&answer)), (400, Some(origin)), "a page may read its refusal");
    }
}

// Rules: HT3
#[tokio::test(flavor = "multi_thread")]
async fn native_clients_send_no_origin() {
    let server = Server::start().await;
    let answer = server.person("alice").register().await;
    assert_eq!((answer.status, reflects(&answer)), (200, None));
}
