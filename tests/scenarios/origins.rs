//! C23: pages from elsewhere are refused, at the server and at the window's port.

use serde_json::json;
use support::http;
use support::socket::{self, Message};
use support::{Window, World};

/// What a page of somebody else's could send, for a server or window at this port.
fn foreign_origins(port: u16) -> Vec<String> {
    vec![
        "https://evil.example".to_owned(),
        "https://allowed.example.evil.example".to_owned(),
        "https://evil-allowed.example".to_owned(),
        "http://allowed.example".to_owned(),
        "https://allowed.example:444".to_owned(),
        format!("http://127.0.0.1:{port}.evil.example"),
        "http://127.0.0.1:1".to_owned(),
        "null".to_owned(),
    ]
}

#[test]
fn c23_the_server_takes_sockets_from_listed_origins_and_from_programs_only() {
    let world = World::with_settings(&[("CORS_ORIGINS", "https://allowed.example")]);
    let port = world.server.port();
    for origin in foreign_origins(port) {
        let refused = socket::open(port, "/v1/connect", &[("origin", &origin)]).err();
        assert_eq!(refused, Some(403), "{origin}");
    }
    for headers in [vec![], vec![("origin", "https://allowed.example")]] {
        let mut socket = socket::open(port, "/v1/connect", &headers).expect("it is let in");
        let hello = socket.read().expect("the server speaks first");
        assert!(matches!(hello, Message::Binary(_)), "{hello:?}");
    }
}

#[test]
fn c23_no_answer_shares_itself_with_an_origin_that_is_not_listed() {
    let world = World::with_settings(&[("CORS_ORIGINS", "https://allowed.example")]);
    let port = world.server.port();
    let paths = ["/healthz", "/.well-known/momoland", "/.well-known/jwks.json", "/v1/auth/login", "/no/such"];
    for path in paths {
        for origin in foreign_origins(port) {
            for method in ["GET", "OPTIONS"] {
                let asked = [("origin", origin.as_str()), ("access-control-request-method", "POST")];
                let answer = http::send(port, method, path, &asked, b"").expect("the server answers");
                let shared = answer.header("access-control-allow-origin");
                assert_ne!(shared, Some(origin.as_str()), "{method} {path} for {origin}");
                let credentials = answer.header("access-control-allow-credentials") == Some("true");
                assert!(!(credentials && shared == Some("*")), "{method} {path} for {origin}: {answer:?}");
            }
        }
    }
    let allowed = [("origin", "https://allowed.example"), ("access-control-request-method", "POST")];
    let answer = http::send(port, "OPTIONS", "/v1/auth/login", &allowed, b"").expect("the server answers");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://allowed.example"));
}

#[test]
fn c23_the_window_is_for_its_own_page() {
    let world = World::new();
    let window = Window::start(world.folder(), "ada");
    let port = window.port();
    for origin in foreign_origins(port) {
        // Even with the right token, which stays unused.
        for path in ["/ws".to_owned(), format!("/ws{}", window.entrance().trim_start_matches('/'))] {
            assert_eq!(socket::open(port, &path, &[("origin", &origin)]).err(), Some(403), "{origin}");
        }
        let page = http::send(port, "GET", window.entrance(), &[("origin", &origin)], b"").expect("it answers");
        assert_eq!((page.status, page.header("access-control-allow-origin")), (403, None), "{origin}");
    }
    for host in
        ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", &format!("127.0.0.1:{port}.evil.example")]
    {
        let page = http::send(port, "GET", window.entrance(), &[("host", host)], b"").expect("it answers");
        assert_eq!(page.status, 403, "rebound to {host}");
    }
    assert_eq!(socket::open(port, "/ws", &[]).err(), Some(401), "no token");
    assert_eq!(socket::open(port, "/ws?token=guess", &[]).err(), Some(401), "a guess");

    // All of that has not used the token up.
    let page = http::get(port, window.entrance()).expect("it answers");
    assert_eq!((page.status, page.header("location")), (303, Some("/")), "{page:?}");
    let cookie = page.header("set-cookie").expect("the token becomes a cookie").to_owned();
    for word in ["HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    assert_eq!(http::get(port, window.entrance()).expect("it answers").status, 401, "the address works once");
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");

    let own = window.origin().to_owned();
    for headers in [vec![("cookie", cookie.as_str())], vec![("cookie", cookie.as_str()), ("origin", own.as_str())]] {
        let mut socket = socket::open(port, "/ws", &headers).expect("it is let in");
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "account.whoami" });
        socket.send(Message::text(request.to_string())).expect("the socket is open");
        let answer = loop {
            let text = socket.read().expect("an answer").into_text().expect("text");
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            if value["id"] == 1 {
                break value;
            }
        };
        assert_eq!(answer["result"]["account"], serde_json::Value::Null, "{answer}");
    }
}
