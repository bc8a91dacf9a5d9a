//! `/v1/account/…`.

use serde_json::json;
use signaling_server::accounts::notices::{Notice, SignOut};

use crate::world::{PASSWORD, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_signs_the_other_devices_out() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let other = alice.at_another_device();
    let elsewhere = other.login().await.json;
    let access = first["accessToken"].as_str();
    let change = |current: &str, new: &str| json!({ "currentPassword": current, "newPassword": new });
    let path = "/v1/account/password";

    alice.post(path, access, &change("not the password", "another password")).await.refused(403, "forbidden");
    alice.post(path, access, &change(PASSWORD, "short")).await.refused(400, "invalid");
    alice.post(path, None, &change(PASSWORD, "another password")).await.refused(401, "unauthorized");
    let mut notices = server.app.notices.listen();
    assert_eq!(alice.post(path, access, &change(PASSWORD, "another password")).await.status, 200);
    assert_eq!(
        notices.recv().await.unwrap(),
        Notice::SignedOut {
            account: first["accountId"].as_str().unwrap().parse().unwrap(),
            device: other.key.device(),
            reason: SignOut::PasswordChanged
        }
    );
    assert!(alice.is_in(&first["accessToken"]).await, "the one that changed it stays");
    assert!(!other.is_in(&elsewhere["accessToken"]).await);
    other.refresh(&elsewhere["refreshToken"]).await.refused(401, "unauthorized");
    other.login().await.refused(401, "unauthorized");
    let again = other.login_with("another password").await.json;

    let keep = json!({ "currentPassword": "another password", "newPassword": PASSWORD, "signOutOthers": false });
    assert_eq!(alice.post(path, access, &keep).await.status, 200);
    assert!(other.is_in(&again["accessToken"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_display_name_is_changed_and_told() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let access = first["accessToken"].as_str();
    let mut notices = server.app.notices.listen();
    let answer = alice.post("/v1/account/profile", access, &json!({ "displayName": "Alice  L." })).await;
    assert_eq!(answer.json["displayName"], "Alice  L.", "{answer:?}");
    assert!(matches!(notices.recv().await.unwrap(), Notice::ProfileChanged { account }
        if account.to_string() == first["accountId"].as_str().unwrap()));
    let back = alice.post("/v1/account/profile", access, &json!({ "displayName": "" })).await;
    assert_eq!(back.json["displayName"], "alice");
    for bad in [json!("a\u{0}b"), json!("x".repeat(65)), json!(5)] {
        let body = json!({ "displayName": bad });
        alice.post("/v1/account/profile", access, &body).await.refused(400, "invalid");
    }
    alice.post("/v1/account/profile", None, &json!({ "displayName": "x" })).await.refused(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_and_revoked_by_their_owner_alone() {
    let server = Server::start().await;
    let (alice, first) = server.registered("alice").await;
    let access = first["accessToken"].as_str();
    let phone = alice.at_another_device();
    let mut body = phone.body();
    body["device"]["name"] = json!("the phone");
    let on_phone = phone.post("/v1/auth/login", None, &body).await.json;
    let (bob, bobs) = server.registered("bob").await;

    let list = alice.get("/v1/account/devices", access).await.json;
    let devices = list["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2, "{list}");
    let phones = devices.iter().find(|device| device["name"] == "the phone").unwrap();
    assert_eq!(phones["deviceId"], json!(phone.key.device().to_string()));
    assert_eq!(phones["current"], false);
    assert!(phones.get("revokedAt").is_none());

    let revoke = json!({ "deviceId": phone.key.device().to_string() });
    let path = "/v1/account/devices/revoke";
    bob.post(path, bobs["accessToken"].as_str(), &revoke).await.refused(404, "not_found");
    bob.post(path, bobs["accessToken"].as_str(), &json!({ "deviceId": "x" })).await.refused(404, "not_found");
    bob.post(path, None, &revoke).await.refused(401, "unauthorized");
    assert!(phone.is_in(&on_phone["accessToken"]).await);

    for _ in 0..2 {
        assert_eq!(alice.post(path, access, &revoke).await.status, 200);
    }
    assert!(!phone.is_in(&on_phone["accessToken"]).await);
    phone.refresh(&on_phone["refreshToken"]).await.refused(401, "unauthorized");
    phone.login().await.refused(403, "forbidden");
    assert_eq!(phone.at_another_device().login().await.status, 200, "the person comes back with a new key");
    let list = alice.get("/v1/account/devices", access).await.json;
    let revoked = list["devices"].as_array().unwrap().iter().filter(|device| device.get("revokedAt").is_some());
    assert_eq!(revoked.count(), 1);
}
