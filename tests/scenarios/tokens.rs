//! Tokens and passwords at the server's door: who gets in, who is slowed down, who is signed out.

use std::time::{Duration, Instant};

use momoland_protocol::server::GoodbyeReason;
use momoland_protocol::signed::SecretKey;
use serde_json::json;
use support::device::{Admission, Device, sign_in};
use support::http;
use support::{PASSWORD, World, wait_until};

// Rules: HT2
#[test]
fn c34_parallel_and_repeated_refreshes_sign_nobody_out() {
    let world = World::with_settings(&[("REFRESH_GRACE_S", "8")]);
    let port = world.server.port();
    let device = Device::register(port, "ada", PASSWORD);
    let first = device.refresh_token.clone();

    let used = Instant::now();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let refreshes: Vec<_> = (0..20).map(|_| scope.spawn(|| Device::refresh(port, &first))).collect();
        refreshes.into_iter().map(|refresh| refresh.join().expect("it does not panic")).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // The answer was lost: the same token again, some seconds later.
    let mut last = Device::refresh(port, &first);
    wait_until("some seconds of the grace have passed", Duration::from_secs(10), || {
        last = Device::refresh(port, &first);
        assert_eq!(last.status, 200, "after {:?}: {}", used.elapsed(), last.text());
        used.elapsed() > Duration::from_secs(5)
    });
    // Whichever of the answers arrived, the device goes on with it.
    let next = last.json()["refreshToken"].as_str().expect("a token").to_owned();
    let newer = Device::refresh(port, &next);
    assert_eq!(newer.status, 200, "{}", newer.text());
    let newest = newer.json()["refreshToken"].as_str().expect("a token").to_owned();
    let access = newer.json()["accessToken"].as_str().expect("a token").to_owned();
    let key = SecretKey::generate();
    assert!(
        matches!(device.connect_with(port, &[], &access, &key), Admission::Goodbye(_)),
        "a token without the device's key"
    );

    // Long after, it can only be a thief's: the whole family goes.
    let replayed = support::wait_for("the grace is over", Duration::from_secs(30), || {
        Some(Device::refresh(port, &first)).filter(|answer| answer.status != 200)
    });
    assert_eq!(replayed.status, 401, "{}", replayed.text());
    assert_eq!(Device::refresh(port, &newest).status, 401, "the newest of the family is revoked with it");
}

#[test]
fn a_device_proves_its_key_and_a_token_is_of_this_server() {
    let world = World::new();
    let port = world.server.port();
    let ada = Device::register(port, "ada", PASSWORD);
    assert!(matches!(ada.connect(port), Admission::Welcome(_)));

    let mallory = Device::register(port, "mallory", PASSWORD);
    let stolen = mallory.connect_with(port, &[], &ada.access_token, &SecretKey::generate());
    assert!(
        matches!(stolen, Admission::Goodbye(goodbye) if goodbye.reason == GoodbyeReason::Unauthorized),
        "another's token"
    );

    let other = World::new();
    let foreign = Device::register(other.server.port(), "ada", PASSWORD);
    for token in [foreign.access_token.as_str(), "", "a.b.c", &ada.access_token[..ada.access_token.len() - 4]] {
        let refused = ada.connect_with(port, &[], token, &SecretKey::generate());
        assert!(matches!(refused, Admission::Goodbye(_)), "{token}");
    }
    let mut forged = ada.access_token.clone();
    // The algorithm `none` and no signature.
    let payload = forged.split('.').nth(1).expect("a token has three parts").to_owned();
    forged = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    let refused =
        http::send(port, "GET", "/v1/account/devices", &[("authorization", &format!("Bearer {forged}"))], b"")
            .expect("the server answers");
    assert!([401, 404].contains(&refused.status), "{}", refused.text());
}

#[test]
fn c26_a_spoofed_forwarding_header_changes_nothing() {
    let world = World::with_settings(&[("LOGIN_FAILURES_PER_ADDRESS_PER_MINUTE", "20")]);
    let port = world.server.port();
    let key = SecretKey::generate();
    Device::register(port, "victim", PASSWORD);
    let attempt = |number: u32, forwarded: Option<&str>| {
        let headers: Vec<(&str, &str)> = forwarded.map(|address| ("x-forwarded-for", address)).into_iter().collect();
        // Another name each time, so that only the address can be counted.
        sign_in(port, "login", &format!("guess-{number}"), "not the password", &key, &headers)
    };
    let mut refused = 0;
    let mut limited = None;
    for number in 0..60 {
        let answer = attempt(number, Some(&format!("203.0.113.{number}")));
        match answer.status {
            401 => refused += 1,
            429 => {
                limited = Some(answer);
                break;
            }
            status => panic!("{status}: {}", answer.text()),
        }
    }
    let limited = limited.unwrap_or_else(|| panic!("{refused} failures with new headers each were never limited"));
    assert!(refused <= 21, "limited after {refused} failures");
    let retry: u64 = limited.header("retry-after").and_then(|value| value.parse().ok()).expect("it says when to retry");
    assert!((1..=60).contains(&retry), "{retry}");
    assert_eq!(attempt(100, None).status, 429, "without the header it is the same address");
}

#[test]
fn c26_behind_a_trusted_proxy_the_rightmost_untrusted_address_counts() {
    let world = World::with_settings(&[
        ("LOGIN_FAILURES_PER_ADDRESS_PER_MINUTE", "5"),
        ("TRUSTED_PROXIES", "127.0.0.1/32, 10.0.0.0/8"),
    ]);
    let port = world.server.port();
    let key = SecretKey::generate();
    let attempt = |number: u32, forwarded: &str| {
        sign_in(port, "login", &format!("guess-{number}"), "not the password", &key, &[("x-forwarded-for", forwarded)])
            .status
    };
    // The attacker's own part of the header, at the left, is ignored.
    let statuses: Vec<u16> =
        (0..12).map(|number| attempt(number, &format!("198.51.100.{number}, 203.0.113.7, 10.1.2.3"))).collect();
    assert!(statuses.iter().filter(|status| **status == 401).count() <= 6, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(attempt(50, "203.0.113.8"), 401, "somebody else behind the same proxy is not limited");
    assert_eq!(attempt(51, "198.51.100.1"), 401, "nor is who was named by the attacker");
}

#[test]
fn c26_fifty_people_behind_one_address_sign_in_within_a_minute() {
    let world = World::new();
    let port = world.server.port();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..5 {
            scope.spawn(move || {
                for number in 0..10 {
                    let handle = format!("person-{part}-{number}");
                    Device::register(port, &handle, PASSWORD);
                    let answer = sign_in(port, "login", &handle, PASSWORD, &SecretKey::generate(), &[]);
                    assert_eq!(answer.status, 200, "{handle}: {}", answer.text());
                }
            });
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
}

#[test]
fn a_repeated_log_out_is_done_already() {
    let world = World::new();
    let port = world.server.port();
    let device = Device::register(port, "ada", PASSWORD);
    for _ in 0..2 {
        let answer =
            http::post(port, "/v1/auth/logout", &json!({ "refreshToken": device.refresh_token })).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(Device::refresh(port, &device.refresh_token).status, 401);
}
