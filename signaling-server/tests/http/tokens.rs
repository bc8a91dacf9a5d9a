//! Access tokens that were tampered with, refresh tokens that come again (CASES C34), keys.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use signaling_server::accounts::notices::{Notice, SignOut};
use signaling_server::accounts::signing_keys::SigningKeys;

use crate::world::{Person, Server};

/// The server's own token key, as somebody would use it who broke into its folder.
fn stolen_key(server: &Server) -> EncodingKey {
    let pem = std::fs::read(server.data.path().join("data/keys/tokens.pem")).unwrap();
    EncodingKey::from_ed_pem(&pem).unwrap()
}

fn claims_of(token: &Value) -> Value {
    let body = token.as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

fn header(server: &Server, algorithm: Algorithm) -> Header {
    let mut header = Header::new(algorithm);
    header.kid = Some(server.app.keys.token_key_id());
    header
}

async fn refused(person: &Person, token: &str) {
    person.get("/v1/account/devices", Some(token)).await.refused(401, "unauthorized");
}

// Rules: HT1
#[tokio::test(flavor = "multi_thread")]
async fn forged_access_tokens_are_refused() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let token = first["accessToken"].as_str().unwrap();
    let claims = claims_of(&first["accessToken"]);
    let key = stolen_key(&server);
    let good = jsonwebtoken::encode(&header(&server, Algorithm::EdDSA), &claims, &key).unwrap();
    assert!(alice.is_in(&json!(good)).await, "what follows differs from a good one in one thing only");

    let now_s = server.app.clock.unix_ms() / 1000;
    for (claim, value) in [
        ("iss", json!(SigningKeys::generate().server_key().to_string())),
        ("aud", json!("somebody else")),
        ("exp", json!(now_s - 6)),
        ("nbf", json!(now_s + 60)),
        ("iat", json!(now_s + 60)),
        ("sub", json!("00000000000000000000000000000000")),
        ("device", json!("00".repeat(32))),
        ("sid", json!(URL_SAFE_NO_PAD.encode([0; 16]))),
    ] {
        let mut changed = claims.clone();
        changed[claim] = value;
        let forged = jsonwebtoken::encode(&header(&server, Algorithm::EdDSA), &changed, &key).unwrap();
        refused(&alice, &forged).await;
    }

    // Without a signature, and with the public key as the secret of a MAC.
    let body = token.split('.').nth(1).unwrap();
    let none = URL_SAFE_NO_PAD
        .encode(json!({ "alg": "none", "typ": "JWT", "kid": server.app.keys.token_key_id() }).to_string());
    refused(&alice, &format!("{none}.{body}.")).await;
    let jwks = server.get("/.well-known/jwks.json").await.json;
    let published = jwks["keys"][0]["x"].as_str().unwrap();
    for secret in [URL_SAFE_NO_PAD.decode(published).unwrap(), published.as_bytes().to_vec()] {
        let by_mac = EncodingKey::from_secret(&secret);
        let forged = jsonwebtoken::encode(&header(&server, Algorithm::HS256), &claims, &by_mac).unwrap();
        refused(&alice, &forged).await;
    }
    // Another body under the good signature, another server's token, garbage.
    let (head, signature) = (token.split('.').next().unwrap(), token.split('.').nth(2).unwrap());
    let mut changed = claims.clone();
    changed["exp"] = json!(now_s + 1_000_000);
    refused(&alice, &format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(changed.to_string()))).await;
    let other = Server::start().await;
    let (_, elsewhere) = other.registered("alice").await;
    refused(&alice, elsewhere["accessToken"].as_str().unwrap()).await;
    for garbage in ["", "x", "..", "a.b.c", &"x".repeat(8_000)] {
        refused(&alice, garbage).await;
    }
    alice.get("/v1/account/devices", None).await.refused(401, "unauthorized");
    let basic = alice.request(reqwest::Method::GET, "/v1/account/devices", None).header("authorization", "Basic YTpi");
    alice.send(basic).await.refused(401, "unauthorized");
    assert!(alice.is_in(&first["accessToken"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_ends_after_a_quarter_of_an_hour() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    server.clock.advance(Duration::from_secs(14 * 60));
    assert!(alice.is_in(&first["accessToken"]).await);
    server.clock.advance(Duration::from_secs(66));
    let answer = alice.get("/v1/account/devices", first["accessToken"].as_str()).await;
    assert!(answer.refused(401, "unauthorized").contains("expired"));
    let refreshed = alice.refresh(&first["refreshToken"]).await;
    assert!(alice.is_in(&refreshed.json["accessToken"]).await);
}

// Rules: HT1
#[tokio::test(flavor = "multi_thread")]
async fn anybody_can_check_an_access_token_by_the_published_keys() {
    let server = Server::start().await;
    let (_, first) = server.registered("alice").await;
    let jwks: JwkSet = serde_json::from_value(server.get("/.well-known/jwks.json").await.json).unwrap();
    let token = first["accessToken"].as_str().unwrap();
    let head = jsonwebtoken::decode_header(token).unwrap();
    let key = DecodingKey::from_jwk(jwks.find(&head.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["momoland"]);
    validation.set_issuer(&[server.app.keys.server_key().to_string()]);
    validation.validate_nbf = true;
    let claims: Value = jsonwebtoken::decode(token, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], first["accountId"]);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
}

// Rules: HT2
#[tokio::test(flavor = "multi_thread")]
async fn parallel_and_repeated_refreshes_sign_nobody_out() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let alice = std::sync::Arc::new(alice);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (alice, token) = (std::sync::Arc::clone(&alice), first["refreshToken"].clone());
        tasks.spawn(async move { alice.refresh(&token).await });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let successor = answers[0].json["refreshToken"].clone();
    assert!(answers.iter().all(|answer| answer.json["refreshToken"] == successor), "one family lives on");
    assert_ne!(successor, first["refreshToken"]);
    for answer in &answers {
        assert!(alice.is_in(&answer.json["accessToken"]).await);
    }

    // The answer is lost; even a restart in between is forgiven.
    let server = server.restart(Duration::from_secs(5)).await;
    let alice = server.person("alice");
    let again = alice.refresh(&first["refreshToken"]).await;
    assert_eq!((again.status, &again.json["refreshToken"]), (200, &successor), "{again:?}");
    assert_eq!(alice.refresh(&successor).await.status, 200);
    assert!(alice.is_in(&first["accessToken"]).await);
}

// Rules: HT2
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_after_minutes_ends_the_family_and_tells_the_device() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let other = alice.at_another_device();
    let elsewhere = other.login().await.json;
    let second = alice.refresh(&first["refreshToken"]).await.json;
    let mut notices = server.app.notices.listen();
    server.clock.advance(Duration::from_secs(120));
    assert!(alice.is_in(&second["accessToken"]).await);

    let replay = alice.refresh(&first["refreshToken"]).await;
    assert!(replay.refused(401, "unauthorized").contains("used before"));
    let Notice::SignedOut { account, device, reason } = notices.recv().await.unwrap() else { panic!("signed out") };
    assert_eq!(account.to_string(), first["accountId"].as_str().unwrap());
    assert_eq!((device, reason), (alice.key.device(), SignOut::TokenReused));
    alice.refresh(&second["refreshToken"]).await.refused(401, "unauthorized");
    assert!(!alice.is_in(&second["accessToken"]).await);
    assert!(other.is_in(&elsewhere["accessToken"]).await, "the account's other devices stay");
    assert_eq!(alice.login().await.status, 200);
    assert_eq!(server.app.metrics.auth_failures.get("refresh_token_reused"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_refresh_tokens_are_refused_and_harm_nobody() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let good = URL_SAFE_NO_PAD.decode(first["refreshToken"].as_str().unwrap()).unwrap();
    // The secret replaced by somebody who knows device and family.
    let mut forged = good.clone();
    forged[50] ^= 1;
    for token in [json!(URL_SAFE_NO_PAD.encode(&forged)), json!(""), json!("AAAA"), first["accessToken"].clone()] {
        alice.refresh(&token).await.refused(401, "unauthorized");
    }
    alice.refresh(&json!(7)).await.refused(400, "invalid");
    assert!(alice.is_in(&first["accessToken"]).await);
    assert_eq!(alice.refresh(&first["refreshToken"]).await.status, 200);
}
