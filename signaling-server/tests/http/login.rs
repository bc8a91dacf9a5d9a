//! `POST /v1/auth/login` and `/v1/auth/logout`.

use serde_json::json;

use crate::world::{PASSWORD, Server};

// Rules: HT5
#[tokio::test(flavor = "multi_thread")]
async fn a_handle_logs_in_in_any_case_and_normal_form() {
    let server = Server::start().await;
    let (jose, first) = server.registered("Jos\u{e9}").await;
    for spelling in ["Jos\u{e9}", "jos\u{e9}", "JOSE\u{301}", "jose\u{301}", "ｊｏｓ\u{e9}"] {
        let mut person = jose.at_another_device();
        person.handle = spelling.to_owned();
        let answer = person.login().await;
        assert_eq!(answer.status, 200, "{spelling}: {answer:?}");
        assert_eq!(answer.json["accountId"], first["accountId"]);
        assert_eq!(answer.json["handle"], "Jos\u{e9}");
        assert_ne!(answer.json["certificate"], first["certificate"], "each device has its own");
    }
    assert_eq!(jose.login().await.json["certificate"], first["certificate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_handles_and_wrong_passwords_get_the_same_answer() {
    let server = Server::start().await;
    let (alice, _) = server.registered("alice").await;
    let wrong = alice.login_with("not the password").await;
    let sentence = wrong.refused(401, "unauthorized").to_owned();
    assert_eq!(wrong.headers["www-authenticate"], "Bearer");
    for handle in ["nobody", "", "a", "a b", "\u{430}lice", "a\u{0}b", &"x".repeat(500)] {
        let answer = server.person(handle).login().await;
        assert_eq!(answer.refused(401, "unauthorized"), sentence, "{handle}");
    }
    let empty = alice.login_with("").await;
    assert_eq!(empty.refused(401, "unauthorized"), sentence);
    alice.login_with(&"x".repeat(1025)).await.refused(400, "invalid");
    server.person(&"x".repeat(513)).login().await.refused(400, "invalid");
    assert_eq!(server.app.metrics.auth_failures.get("password"), 9);
}

// Rules: CE2
#[tokio::test(flavor = "multi_thread")]
async fn the_device_proves_its_key_for_the_handle_as_sent() {
    let server = Server::start().await;
    let (alice, _) = server.registered("alice").await;
    let mut body = alice.body();
    body["handle"] = json!("ALICE");
    alice.post("/v1/auth/login", None, &body).await.refused(401, "unauthorized");
    let (bob, _) = server.registered("bob").await;
    let mut thief = alice.at_another_device();
    thief.key = bob.key.clone();
    thief.login().await.refused(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_many_devices_and_no_more() {
    let server = Server::with(&[("MAX_DEVICES_PER_ACCOUNT", "2")]).await;
    let (alice, _) = server.registered("alice").await;
    assert_eq!(alice.at_another_device().login().await.status, 200);
    let answer = alice.at_another_device().login().await;
    assert!(answer.refused(409, "conflict").contains("at most 2"));
    assert_eq!(alice.login().await.status, 200, "a device that is known needs no room");
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_devices_sessions_and_can_be_repeated() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let other = alice.at_another_device();
    let elsewhere = other.login().await.json;
    let access = first["accessToken"].as_str();
    for _ in 0..2 {
        assert_eq!(alice.post("/v1/auth/logout", access, &json!(null)).await.status, 400, "null is no body");
        assert_eq!(alice.send(alice.request(reqwest::Method::POST, "/v1/auth/logout", access)).await.status, 200);
    }
    assert!(!alice.is_in(&first["accessToken"]).await);
    alice.refresh(&first["refreshToken"]).await.refused(401, "unauthorized");
    assert!(other.is_in(&elsewhere["accessToken"]).await, "another device stays signed in");

    // Without an access token, by the refresh token.
    let body = json!({ "refreshToken": elsewhere["refreshToken"] });
    assert_eq!(other.post("/v1/auth/logout", None, &body).await.status, 200);
    assert!(!other.is_in(&elsewhere["accessToken"]).await);
    assert_eq!(other.post("/v1/auth/logout", None, &body).await.status, 200, "a repeat is no error");

    let made_up = json!({ "refreshToken": "AAAA" });
    other.post("/v1/auth/logout", None, &made_up).await.refused(401, "unauthorized");
    other.send(other.request(reqwest::Method::POST, "/v1/auth/logout", None)).await.refused(401, "unauthorized");
    other
        .send(other.request(reqwest::Method::POST, "/v1/auth/logout", Some("not.a.token")))
        .await
        .refused(401, "unauthorized");
    assert_eq!(alice.login_with(PASSWORD).await.status, 200);
}
