//! Rates by address and account (CASES C26).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::world::{Answer, PASSWORD, Person, Server};

/// A log-in that claims to be forwarded for somebody.
async fn forwarded(person: &Person, password: &str, for_whom: &str) -> Answer {
    let mut body = person.body();
    body["password"] = json!(password);
    let request = person.request(reqwest::Method::POST, "/v1/auth/login", None);
    person.send(request.header("x-forwarded-for", for_whom).json(&body)).await
}

// Rules: HT4
#[tokio::test(flavor = "multi_thread")]
async fn a_spoofed_forwarding_header_evades_nothing_and_blocks_nobody() {
    let server = Server::start().await;
    let (alice, _) = server.registered("alice").await;
    let mut tried = 0;
    for number in 0..1_000 {
        let answer = forwarded(&alice, "not the password", &format!("127.0.{}.{}", number / 250, number % 250)).await;
        if answer.status == 401 {
            tried += 1;
        } else {
            answer.refused(429, "rate_limited");
        }
    }
    assert_eq!(tried, 10, "as many as without the header");
    // From the address that was named, and from any other, the right password gets in at once.
    for last in [1, 2, 77] {
        let mut elsewhere = server.person_at("alice", [127, 0, 0, last + 1].into());
        elsewhere.key = alice.key.clone();
        assert_eq!(elsewhere.login().await.status, 200, "127.0.0.{}", last + 1);
    }
    // Even the address that failed only waits.
    alice.login().await.refused(429, "rate_limited");
    server.clock.advance(Duration::from_secs(7));
    assert_eq!(alice.login().await.status, 200);
}

// Rules: HT4
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_the_rightmost_untrusted_hop_counts() {
    let server =
        Server::with(&[("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"), ("LOGIN_FAILURES_PER_ACCOUNT_PER_MINUTE", "2")])
            .await;
    let (alice, _) = server.registered("alice").await;
    for (number, hops) in
        ["198.51.100.7", "1.1.1.1, 198.51.100.7", "2.2.2.2, 198.51.100.7, 10.0.0.9"].iter().enumerate()
    {
        let status = if number < 2 { 401 } else { 429 };
        assert_eq!(forwarded(&alice, "not the password", hops).await.status, status, "{hops}");
    }
    assert_eq!(forwarded(&alice, PASSWORD, "198.51.100.8").await.status, 200, "another client of the proxy");
    // Who is no proxy is not believed.
    let stranger = server.person_at("alice", [127, 0, 0, 2].into());
    for number in 0..3 {
        let status = if number < 2 { 401 } else { 429 };
        let answer = forwarded(&stranger, "not the password", &format!("203.0.113.{number}")).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_people_behind_one_address_log_in_within_a_minute() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for number in 0..50 {
        people.push(Arc::new(server.registered(&format!("user{number}")).await.0));
    }
    // The clock stands still, so nothing is refilled meanwhile.
    let mut tasks = tokio::task::JoinSet::new();
    for person in &people {
        let person = Arc::clone(person);
        tasks.spawn(async move { person.at_another_device().login().await.status });
    }
    assert!(tasks.join_all().await.iter().all(|status| *status == 200));
    // And somebody who fails among them does not take the others down.
    for _ in 0..12 {
        people[0].login_with("not the password").await;
    }
    people[0].login().await.refused(429, "rate_limited");
    assert_eq!(people[1].login().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_are_limited_like_guesses_in_turn() {
    let server = Server::start().await;
    let (alice, _) = server.registered("alice").await;
    let alice = Arc::new(alice);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let alice = Arc::clone(&alice);
        tasks.spawn(async move { alice.login_with(&format!("not the password {number}")).await.status });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_and_requests_are_limited_by_address() {
    let server = Server::with(&[("REGISTRATIONS_PER_MINUTE", "2"), ("REQUESTS_PER_MINUTE", "20")]).await;
    server.registered("alice").await;
    server.registered("bob").await;
    let refused = server.person("carol").register().await;
    assert!(refused.refused(429, "rate_limited").contains("registrations"));
    assert_eq!(refused.headers["retry-after"], "30");
    assert_eq!(server.person_at("carol", [127, 0, 0, 3].into()).register().await.status, 200);

    let mut limited = false;
    for _ in 0..25 {
        let answer = server.get("/.well-known/momoland").await;
        limited = limited || answer.status == 429;
    }
    assert!(limited);
    assert_eq!(server.get("/healthz").await.status, 200, "whoever watches still sees");
    assert_eq!(server.get("/metrics").await.status, 200);
    let metrics = server.get("/metrics").await.json.as_str().unwrap().to_owned();
    assert!(metrics.contains("momoland_rate_limited_total{limit=\"registrations\"} 1"), "{metrics}");
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(server.person("dave").register().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_tokens_are_limited_by_address() {
    let server = Server::with(&[("LOGIN_FAILURES_PER_ADDRESS_PER_MINUTE", "5")]).await;
    let (alice, first) = server.registered("alice").await;
    for _ in 0..5 {
        alice.refresh(&json!("AAAA")).await.refused(401, "unauthorized");
    }
    alice.refresh(&json!("AAAA")).await.refused(429, "rate_limited");
    let elsewhere = server.person_at("alice", [127, 0, 0, 4].into());
    assert_eq!(elsewhere.refresh(&first["refreshToken"]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_of_passwords_says_when_to_come_back() {
    let server = Server::with(&[("PASSWORD_THREADS", "1"), ("PASSWORD_QUEUE", "1")]).await;
    let (alice, _) = server.registered("alice").await;
    let alice = Arc::new(alice);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let alice = Arc::clone(&alice);
        tasks.spawn(async move { alice.login().await });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    let busy: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!busy.is_empty());
    for answer in busy {
        answer.refused(503, "rate_limited");
    }
}
