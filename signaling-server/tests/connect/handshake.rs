use futures_util::SinkExt;
use momoland_protocol::cbor;
use momoland_protocol::handshake::VERSION;
use momoland_protocol::id::{Nonce, random};
use momoland_protocol::server::{ClientFrame, ClientHello, GoodbyeReason, Request, Response, ServerFrame};
use momoland_protocol::signed::SecretKey;
use signaling_server::connect::Pace;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::world::{Device, Server, goodbye, receive, send, server_hello};

// Rules: HS1, SV5
#[tokio::test]
async fn a_device_is_welcome_with_its_certificate_and_names() {
    let server = Server::start().await;
    let ada = server.newcomer("ada").await;
    assert_eq!(ada.welcome.account, ada.device.account);
    assert_eq!(ada.welcome.certificate, ada.device.certificate);
    assert!(ada.welcome.certificate.is_by(ada.device.server));
    assert_eq!(ada.welcome.profile.handle, "ada");
    assert_eq!(ada.welcome.profile.display_name, "ada the tester");
    assert!(ada.welcome.admin, "the first account administers");
    assert!(!server.newcomer("bob").await.welcome.admin);
    server.eventually("two connections", |app| app.metrics.ws_connections.get() == 2).await;
    assert_eq!(server.app.metrics.ws_connects.get(), 2);
}

/// What the server says to a hello that was changed.
async fn refusal_of(server: &Server, device: &Device, change: impl FnOnce(&mut ClientHello)) -> GoodbyeReason {
    let mut socket = server.socket().await;
    let hello = server_hello(&mut socket).await;
    let mut client = device.hello(&hello);
    change(&mut client);
    send(&mut socket, &ClientFrame::Hello(client)).await;
    goodbye(&mut socket).await.reason
}

// Rules: HS2
#[tokio::test]
async fn strangers_get_no_further_than_the_hello() {
    let server = Server::start().await;
    let (ada, bob) = (server.device("ada"), server.device("bob"));
    let stranger = SecretKey::generate();

    let version = refusal_of(&server, &ada, |hello| hello.version = VERSION + 1).await;
    assert_eq!(version, GoodbyeReason::Version);
    // Another key's proof, and one for another connection.
    let nonce = refusal_of(&server, &ada, |hello| hello.nonce = Nonce(random())).await;
    assert_eq!(nonce, GoodbyeReason::Unauthorized);
    let key = refusal_of(&server, &ada, |hello| hello.device = stranger.device()).await;
    assert_eq!(key, GoodbyeReason::Unauthorized);
    // One's own proof with another's token: the token was stolen.
    let stolen = refusal_of(&server, &ada, |hello| hello.access_token.clone_from(&bob.token)).await;
    assert_eq!(stolen, GoodbyeReason::Unauthorized);
    let nonsense = refusal_of(&server, &ada, |hello| hello.access_token = "nonsense".to_owned()).await;
    assert_eq!(nonsense, GoodbyeReason::Unauthorized);
    assert_eq!(server.app.metrics.auth_failures.get("device_proof"), 2);
    assert_eq!(server.app.metrics.auth_failures.get("foreign_token"), 1);
    assert_eq!(server.app.metrics.auth_failures.get("access_token"), 1);
    assert_eq!(server.app.metrics.ws_connects.get(), 0);
}

// Rules: HS1
#[tokio::test]
async fn a_proof_cannot_be_played_back() {
    let server = Server::start().await;
    let ada = server.device("ada");
    let mut first = server.socket().await;
    let recorded = ada.hello(&server_hello(&mut first).await);
    send(&mut first, &ClientFrame::Hello(recorded.clone())).await;
    assert!(matches!(receive(&mut first).await, Some(ServerFrame::Welcome(_))));
    let mut second = server.socket().await;
    server_hello(&mut second).await;
    send(&mut second, &ClientFrame::Hello(recorded)).await;
    assert_eq!(goodbye(&mut second).await.reason, GoodbyeReason::Unauthorized);
}

// Rules: HS2, CE2
#[tokio::test]
async fn revoked_and_signed_out_devices_are_told_so() {
    let server = Server::start().await;
    let ada = server.device("ada");
    let laptop = server.another(&ada);
    server.app.accounts.revoke(ada.account, laptop.id()).unwrap();
    assert_eq!(refusal_of(&server, &laptop, |_| {}).await, GoodbyeReason::Revoked);
    server.app.accounts.log_out(ada.account, ada.id()).unwrap();
    assert_eq!(refusal_of(&server, &ada, |_| {}).await, GoodbyeReason::Revoked);
}

// Rules: SV3
#[tokio::test]
async fn a_revocation_ends_a_live_connection() {
    let server = Server::start().await;
    let ada = server.newcomer("ada").await;
    let mut laptop = server.connect(server.another(&ada.device)).await;
    server.app.accounts.revoke(ada.device.account, laptop.id()).unwrap();
    assert_eq!(goodbye(&mut laptop.socket).await.reason, GoodbyeReason::Revoked);
    server.eventually("one connection", |app| app.metrics.ws_connections.get() == 1).await;
}

// Rules: HS2
#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let server = Server::with(Pace::standard(), &[("HANDSHAKE_TIMEOUT_S", "1")]).await;
    let mut socket = server.socket().await;
    server_hello(&mut socket).await;
    assert_eq!(goodbye(&mut socket).await.reason, GoodbyeReason::Protocol);
    server.eventually("no connection", |app| app.metrics.ws_connections.get() == 0).await;
}

// Rules: HS2
#[tokio::test]
async fn before_the_hello_nothing_else_is_taken() {
    let server = Server::start().await;
    let request = ClientFrame::Request { id: 1, request: Request::Directory { after: None } };
    for message in [
        Message::Binary(cbor::encode(&request).into()),
        Message::Binary(b"nonsense".to_vec().into()),
        Message::Binary(Vec::new().into()),
        Message::Text("hello".into()),
    ] {
        let mut socket = server.socket().await;
        server_hello(&mut socket).await;
        socket.send(message.clone()).await.unwrap();
        assert_eq!(goodbye(&mut socket).await.reason, GoodbyeReason::Protocol, "{message:?}");
    }
}

// Rules: HS5
#[tokio::test]
async fn a_newer_connection_of_a_device_replaces_the_older() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let mut again = server.socket().await;
    let hello = ada.device.hello(&server_hello(&mut again).await);
    send(&mut again, &ClientFrame::Hello(hello)).await;
    assert!(matches!(receive(&mut again).await, Some(ServerFrame::Welcome(_))));
    assert_eq!(goodbye(&mut ada.socket).await.reason, GoodbyeReason::Replaced);
    // The newer one works, and is the only one.
    send(&mut again, &ClientFrame::Request { id: 9, request: Request::Directory { after: None } }).await;
    loop {
        match receive(&mut again).await.unwrap() {
            ServerFrame::Response { id, response } => {
                assert_eq!((id, response), (9, Response::Directory { rooms: Vec::new(), next: None }));
                break;
            }
            ServerFrame::Online { count } => assert_eq!(count, 1),
            _ => {}
        }
    }
    server.eventually("one connection", |app| app.metrics.ws_connections.get() == 1).await;
}

/// CASES C23.
// Rules: HT3
#[tokio::test]
async fn pages_of_foreign_origins_get_no_socket() {
    let server = Server::with(Pace::standard(), &[("CORS_ORIGINS", "https://allowed.example")]).await;
    let connect = |origin: &'static str| {
        let mut request = format!("ws://{}/v1/connect", server.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        tokio_tungstenite::connect_async(request)
    };
    for origin in
        ["https://evil.example", "https://allowed.example.evil.example", "http://127.0.0.1:7420.evil.example", "null"]
    {
        match connect(origin).await {
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                assert_eq!(response.status().as_u16(), 403, "{origin}");
            }
            other => panic!("{origin}: {:?}", other.map(|(_, response)| response)),
        }
    }
    assert!(connect("https://allowed.example").await.is_ok());
}

#[tokio::test]
async fn a_flood_of_connects_is_told_when_to_come_back() {
    let server = Server::with(Pace::standard(), &[("CONNECTS_PER_MINUTE", "3")]).await;
    for _ in 0..3 {
        server.socket().await;
    }
    match tokio_tungstenite::connect_async(format!("ws://{}/v1/connect", server.address)).await {
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            assert_eq!(response.status().as_u16(), 429);
            assert!(response.headers().contains_key("retry-after"));
        }
        other => panic!("{:?}", other.map(|(_, response)| response)),
    }
}

#[tokio::test]
async fn a_plain_request_is_told_that_this_is_a_websocket() {
    let server = Server::start().await;
    let response = reqwest::get(format!("http://{}/v1/connect", server.address)).await.unwrap();
    assert!(response.status().is_client_error(), "{}", response.status());
    let answer: serde_json::Value = response.json().await.unwrap();
    assert_eq!(answer["error"]["kind"], "invalid");
}
