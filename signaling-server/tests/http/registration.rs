//! `POST /v1/auth/register`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::id::ServerKey;
use momoland_protocol::limits::CERTIFICATE_BYTES_MAX;
use momoland_protocol::signed::{SecretKey, Signed};
use serde_json::{Value, json};

use crate::world::{PASSWORD, Server};

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_gives_an_account_a_certificate_and_tokens() {
    let server = Server::start().await;
    let alice = server.person("Alice");
    let mut body = alice.body();
    body["displayName"] = json!("  Alice Liddell ");
    let answer = alice.post("/v1/auth/register", None, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let json = answer.json;
    assert_eq!(json["handle"], "Alice");
    assert_eq!(json["displayName"], "Alice Liddell");
    assert_eq!(json["admin"], true);
    assert_eq!(json["accessTokenExpiresIn"], 900);
    assert_eq!(json["serverTime"].as_u64(), Some(server.app.clock.unix_ms()));

    let known = server.get("/.well-known/momoland").await.json;
    assert_eq!(json["serverKey"], known["serverKey"]);
    let server_key = ServerKey(bytes(&json["serverKey"]).try_into().unwrap());
    let certificate: Signed<DeviceCertificate> =
        cbor::decode(&bytes(&json["certificate"]), CERTIFICATE_BYTES_MAX + 128).unwrap();
    assert!(certificate.is_by(server_key));
    assert_eq!(certificate.get().device, alice.key.device());
    assert_eq!(certificate.get().account.to_string(), json["accountId"].as_str().unwrap());
    assert!(alice.is_in(&json["accessToken"]).await);

    let (_, second) = server.registered("bob").await;
    assert_eq!(second["admin"], false);
    assert_eq!(second["displayName"], "bob");
}

// Rules: HT5
#[tokio::test(flavor = "multi_thread")]
async fn look_alikes_of_a_taken_handle_are_refused() {
    let server = Server::start().await;
    server.registered("alice").await;
    for (handle, status, kind) in [
        ("Alice", 409, "conflict"),
        ("ＡＬＩＣＥ", 409, "conflict"),
        ("aIice", 409, "conflict"),
        ("alice", 409, "conflict"),
        ("alice ", 400, "invalid"),
        ("a\u{200B}lice", 400, "invalid"),
        ("\u{430}lice", 400, "invalid"),
        ("a\u{0}b", 400, "invalid"),
        (&*format!("a{}", "\u{301}".repeat(2_000)), 400, "invalid"),
    ] {
        let sentence = server.person(handle).register().await.refused(status, kind).to_owned();
        assert!(!sentence.contains("conflict"), "{sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_registrations_of_one_handle_one_wins() {
    let server = Server::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for handle in ["bob", "Bob", "BOB", "b0b", "bob", "ＢＯＢ"] {
        let person = server.person(handle);
        tasks.spawn(async move { person.register().await });
    }
    let answers = tasks.join_all().await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(409, "conflict");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_repeated_after_a_lost_answer_signs_in() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let again = alice.register().await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.json["accountId"], first["accountId"]);
    assert_eq!(again.json["certificate"], first["certificate"]);
    assert!(alice.is_in(&again.json["accessToken"]).await);

    // Sent twice at once: both get in.
    let bob = server.person("bob");
    let (one, two) = tokio::join!(bob.register(), bob.register());
    assert_eq!((one.status, two.status), (200, 200), "{one:?} {two:?}");
    assert_eq!(one.json["accountId"], two.json["accountId"]);

    // Neither another device nor another password gets in this way.
    alice.at_another_device().register().await.refused(409, "conflict");
    let mut body = alice.body();
    body["password"] = json!("another password");
    alice.post("/v1/auth/register", None, &body).await.refused(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_somebody_else_is_refused() {
    let server = Server::start().await;
    let (alice, _) = server.registered("alice").await;
    let mut mallory = server.person("mallory");
    mallory.key = alice.key.clone();
    mallory.register().await.refused(409, "conflict");
}

// Rules: CE2
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_device_proof_is_refused() {
    let server = Server::start().await;
    let alice = server.person("alice");
    let bob = server.person("bob");
    let other_key = URL_SAFE_NO_PAD.encode(SecretKey::generate().device().as_bytes());
    for (field, value) in [
        ("proof", bob.device()["proof"].clone()),
        ("proof", json!(URL_SAFE_NO_PAD.encode([0; 64]))),
        ("key", json!(other_key)),
        // The neutral element as a key: a signature of zeros would fit it under a lenient check.
        ("key", json!(URL_SAFE_NO_PAD.encode([&[1][..], &[0; 31]].concat()))),
    ] {
        let mut body = alice.body();
        body["device"][field] = value;
        alice.post("/v1/auth/register", None, &body).await.refused(401, "unauthorized");
    }
    // A proof for another handle.
    let mut body = alice.body();
    body["handle"] = json!("alicia");
    alice.post("/v1/auth/register", None, &body).await.refused(401, "unauthorized");
    assert_eq!(server.app.metrics.auth_failures.get("device_proof"), 5);
    assert_eq!(alice.register().await.status, 200, "nothing of it was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_refused_with_a_sentence() {
    let server = Server::start().await;
    let alice = server.person("alice");
    let cases: Vec<(&str, Value, &str)> = vec![
        ("/handle", json!("a"), "2 to 32"),
        ("/handle", json!("a".repeat(33)), "2 to 32"),
        ("/handle", json!("al ice"), "a space"),
        ("/handle", json!("_alice"), "begins with"),
        ("/handle", json!(5), "not what this needs"),
        ("/handle", Value::Null, "not what this needs"),
        ("/password", json!("ninechars"), "at least 10"),
        ("/password", json!("x".repeat(1025)), "at most 1024"),
        ("/displayName", json!("a\u{0}b"), "visible"),
        ("/displayName", json!("x".repeat(65)), "at most 64"),
        ("/displayName", json!("\u{202E}evil"), "visible"),
        ("/device/key", json!("short"), "32 bytes"),
        ("/device/key", json!("!".repeat(43)), "32 bytes"),
        ("/device/proof", json!("A".repeat(85)), "64 bytes"),
        ("/device/name", json!("a\nb"), "visible"),
        ("/device", json!("none"), "not what this needs"),
        ("/unknown", json!(1), "unknown field"),
        ("/device/unknown", json!(1), "unknown field"),
    ];
    for (pointer, value, says) in cases {
        let mut body = alice.body();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value;
        let answer = alice.post("/v1/auth/register", None, &body).await;
        let sentence = answer.refused(400, "invalid");
        assert!(sentence.contains(says), "{pointer}: {sentence}");
    }
    for field in ["handle", "password", "device"] {
        let mut body = alice.body();
        body.as_object_mut().unwrap().remove(field);
        alice.post("/v1/auth/register", None, &body).await.refused(400, "invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_by_invite_needs_a_code() {
    let server = Server::with(&[("REGISTRATION", "invite"), ("INVITE_CODES", "open-sesame, second-code")]).await;
    assert_eq!(server.get("/.well-known/momoland").await.json["registration"], "invite");
    let alice = server.person("alice");
    alice.register().await.refused(403, "forbidden");
    for (code, status) in [("open-sesam", 403), ("", 403), ("open-sesame, second-code", 403), ("second-code", 200)] {
        let mut body = alice.body();
        body["inviteCode"] = json!(code);
        assert_eq!(alice.post("/v1/auth/register", None, &body).await.status, status, "{code}");
    }
    assert_eq!(alice.login().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_registration_lets_members_in_only() {
    let data_first = Server::start().await;
    let (alice, _) = data_first.registered("alice").await;
    let server = Server::with(&[("REGISTRATION", "closed")]).await;
    server.person("alice").register().await.refused(403, "forbidden");
    server.person("alice").login().await.refused(401, "unauthorized");
    assert_eq!(alice.login_with(PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_outlive_the_process() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let server = server.restart(std::time::Duration::from_secs(1)).await;
    let mut alice_again = server.person("alice");
    alice_again.key = alice.key.clone();
    assert!(alice_again.is_in(&first["accessToken"]).await, "tokens stay good");
    let login = alice_again.login().await;
    assert_eq!(login.json["accountId"], first["accountId"]);
    assert_eq!(login.json["certificate"], first["certificate"]);
    assert_eq!(login.json["serverKey"], first["serverKey"]);
    assert_eq!(login.json["admin"], true);
    server.person("ALICE").register().await.refused(409, "conflict");
    let (_, bob) = server.registered("bob").await;
    assert_eq!(bob["admin"], false);
}
