//! `/v1/admin/…`.

use serde_json::json;

use crate::world::Server;

const ANNOUNCE: &str = "/v1/admin/announcements";
const NOTIFY: &str = "/v1/admin/notifications";

#[tokio::test(flavor = "multi_thread")]
async fn administrators_announce_and_others_do_not() {
    let server = Server::start().await;
    let (ada, first) = server.registered("ada").await;
    let (bob, bobs) = server.registered("bob").await;
    let (ada_in, bob_in) = (first["accessToken"].as_str(), bobs["accessToken"].as_str());
    let words = json!({ "message": "The server moves on Sunday.\nPlan for an hour.", "level": "warning", "ttlS": 60 });

    ada.post(ANNOUNCE, None, &words).await.refused(401, "unauthorized");
    bob.post(ANNOUNCE, bob_in, &words).await.refused(403, "forbidden");
    let told = ada.post(ANNOUNCE, ada_in, &words).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.json["expiresAt"], json!(server.app.clock.unix_ms() + 60_000));

    let but = |field: &str, value: serde_json::Value| {
        let mut words = words.clone();
        words[field] = value;
        words
    };
    for bad in [
        but("message", json!("")),
        but("message", json!(" \n ")),
        but("message", json!("a\u{0}b")),
        but("message", json!("x".repeat(4_097))),
        but("message", json!(5)),
        but("level", json!("loud")),
        but("ttlS", json!(0)),
        but("ttlS", json!(91 * 86_400)),
        but("ttlS", json!(u64::MAX)),
        but("to", json!("somebody")),
    ] {
        ada.post(ANNOUNCE, ada_in, &bad).await.refused(400, "invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_write_to_one_and_others_do_not() {
    let server = Server::start().await;
    let (ada, first) = server.registered("ada").await;
    let (bob, bobs) = server.registered("bob").await;
    let (ada_in, bob_in) = (first["accessToken"].as_str(), bobs["accessToken"].as_str());
    let to = |account: &serde_json::Value| json!({ "accountId": account, "title": "Your key", "body": "It ends soon.", "level": "info" });
    let (to_ada, to_bob) = (to(&first["accountId"]), to(&bobs["accountId"]));

    ada.post(NOTIFY, None, &to_bob).await.refused(401, "unauthorized");
    bob.post(NOTIFY, bob_in, &to_ada).await.refused(403, "forbidden");
    // Nobody learns by it who exists.
    bob.post(NOTIFY, bob_in, &to(&json!("ab".repeat(16)))).await.refused(403, "forbidden");
    assert_eq!(ada.post(NOTIFY, ada_in, &to_bob).await.status, 200);
    for nobody in [json!("ab".repeat(16)), json!("nobody"), json!("")] {
        ada.post(NOTIFY, ada_in, &to(&nobody)).await.refused(404, "not_found");
    }
    for (field, value) in [
        ("title", json!("")),
        ("title", json!("two\nlines")),
        ("title", json!("x".repeat(129))),
        ("body", json!("")),
        ("body", json!("x".repeat(4_097))),
        ("level", json!("loud")),
        ("ttlS", json!(5)),
    ] {
        let mut bad = to_bob.clone();
        bad[field] = value;
        ada.post(NOTIFY, ada_in, &bad).await.refused(400, "invalid");
    }
}

// Rules: SV12
#[tokio::test(flavor = "multi_thread")]
async fn announcements_in_force_are_bounded_and_end() {
    let server = Server::start().await;
    let (ada, first) = server.registered("ada").await;
    let access = first["accessToken"].as_str();
    let words = json!({ "message": "Low water at ten.", "level": "info", "ttlS": 60 });
    for _ in 0..64 {
        assert_eq!(ada.post(ANNOUNCE, access, &words).await.status, 200);
    }
    ada.post(ANNOUNCE, access, &words).await.refused(409, "conflict");
    let account = first["accountId"].as_str().unwrap().parse().unwrap();
    assert_eq!(server.app.accounts.told(account, 0).unwrap().0.len(), 64);
    server.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(server.app.accounts.told(account, 0).unwrap(), (Vec::new(), 64), "they have ended");
    assert_eq!(ada.post(ANNOUNCE, access, &words).await.status, 200);
    let (told, last) = server.app.accounts.told(account, 0).unwrap();
    assert_eq!((told.len(), last), (1, 65));
    assert!(server.app.accounts.told(account, last).unwrap().0.is_empty());

    // Of one's own the latest stay, over a restart too.
    let body = |number: u32| json!({ "accountId": first["accountId"], "title": "n", "body": format!("{number}"), "level": "info" });
    for number in 0..202 {
        assert_eq!(ada.post(NOTIFY, access, &body(number)).await.status, 200);
    }
    let server = server.restart(std::time::Duration::ZERO).await;
    let (told, _) = server.app.accounts.told(account, last).unwrap();
    assert_eq!(told.len(), 200);
    assert_eq!((told[0].text.as_str(), told[199].text.as_str()), ("2", "201"));
}
