//! `momo doctor`: what stands in the way is said, with what to do, and the status tells programs.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Finished, Impostor, Momo, World, clock, run_momo};

const WITHIN: Duration = Duration::from_secs(40);

/// What the doctor says of somebody's data, which nobody else may be using.
#[track_caller]
fn doctor(person: &Momo) -> Finished {
    run_momo(&["doctor", "--data", person.data().to_str().expect("a path of text")], WITHIN)
}

#[track_caller]
fn check(person: &Momo, status: i32, says: &[&str]) {
    let said = doctor(person);
    assert_eq!(said.status.code(), Some(status), "{said:?}");
    for sentence in says {
        assert!(said.output.contains(sentence), "not said: {sentence}\n{said:?}");
    }
}

#[test]
fn where_all_is_well_the_doctor_says_so() {
    let world = World::new();
    let ada = world.person("ada");
    let found = ada.ask("net.doctor", json!({}));
    assert_eq!(found["well"], json!(true), "{found}");
    let subjects: Vec<&Value> =
        found["checks"].as_array().expect("a list").iter().map(|check| &check["subject"]).collect();
    assert_eq!(subjects, ["server", "key", "clock", "session", "udp", "turn"], "{found}");
    ada.refused_as("invalid", "net.doctor", json!({ "loud": true }));
    ada.close();
    check(&ada, 0, &["answers.", "connected", "TURN works", "Nothing stands in the way."]);
}

#[test]
fn a_server_that_is_away_is_told_from_one_that_is_not_itself() {
    let mut world = World::new();
    let ada = world.person("ada");
    ada.close();
    world.server.stop();
    check(&ada, 1, &["cannot be reached", "→"]);
    world.server.replace_by_stranger();
    check(&ada, 1, &["another key", "by another way than Momoland"]);
    world.server.stop();
    world.server.bring_back();
    check(&ada, 0, &["Nothing stands in the way."]);
}

#[test]
fn a_server_without_turn_is_said_to_have_none() {
    let world = World::with_settings(&[("TURN_LISTEN", "off")]);
    let ada = world.person("ada");
    ada.close();
    check(&ada, 1, &["limited", "has no TURN", "MOMOLAND_TURN_LISTEN"]);
}

#[test]
fn a_server_is_looked_at_before_anybody_signs_in() {
    let mut world = World::new();
    let look = |address: &str| run_momo(&["doctor", "--server", address], WITHIN);
    let found = look(&world.server.address());
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    assert!(found.output.contains("answers.") && found.output.contains("UDP gets through"), "{found:?}");
    world.server.stop();
    let found = look(&world.server.address());
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    assert!(found.output.contains("cannot be reached"), "{found:?}");
    let found = look("javascript:alert(1)");
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    assert!(found.output.contains("not the address of a server"), "{found:?}");
    let found = run_momo(&["doctor"], WITHIN);
    assert_eq!(found.status.code(), Some(2), "one of the two is needed: {found:?}");
}

#[test]
fn who_has_not_signed_in_is_told_to() {
    let world = World::new();
    let nobody = world.stranger("nobody");
    nobody.close();
    check(&nobody, 1, &["Nobody is signed in here", "Sign in first."]);
}

#[test]
fn a_folder_in_use_is_refused_with_a_sentence() {
    let world = World::new();
    let ada = world.person("ada");
    let said = doctor(&ada);
    assert_eq!(said.status.code(), Some(1));
    assert!(said.errors.contains("use"), "{said:?}");
}

#[test]
fn somebody_who_answers_in_the_servers_place_is_recognised() {
    let mut world = World::new();
    let ada = world.person("ada");
    ada.close();
    let port = world.server.port();
    world.server.stop();
    let _hotel = Impostor::start_at(port, 200, "text/html", "<h1>Welcome to the hotel</h1>");
    check(&ada, 1, &["not as a Momoland server does", "open a browser"]);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_named() {
    let somebody = Impostor::start_with_own_certificate();
    let address = somebody.address().replace("http:", "https:");
    let found = run_momo(&["doctor", "--server", &address], WITHIN);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    for sentence in ["certificate of", "not one that this machine trusts", "renew it"] {
        assert!(found.output.contains(sentence), "not said: {sentence}\n{found:?}");
    }
}

#[test]
fn a_clock_that_is_off_is_noticed() {
    let world = World::new();
    let ada = Momo::start_with(world.folder(), "ada", clock::off_by(3 * 3_600 + 60));
    ada.register(&world.server.address(), support::PASSWORD);
    ada.wait_server("online", WITHIN);
    let found = ada.ask("net.doctor", json!({}));
    let said = found["checks"].as_array().expect("a list").iter().find(|check| check["subject"] == "clock");
    let said = said.unwrap_or_else(|| panic!("nothing of the clock: {found}"));
    assert_eq!(said["state"], "limited", "{said}");
    assert!(said["sentence"].as_str().expect("text").contains("3 hours ahead"), "{said}");
}
