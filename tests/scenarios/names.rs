//! C61: a name belongs to one person, however it is written.

use std::time::Duration;

use serde_json::json;
use support::{PASSWORD, World};

// Rules: HT5
#[test]
fn c61_nobody_passes_as_somebody_else() {
    let (world, [alice]) = World::with_people(["alice"]);
    let other = world.stranger("other");
    let address = world.server.address();
    for (number, handle) in
        ["alice", "Alice", "ALICE", "ＡＬＩＣＥ", "alice ", " alice", "a\u{200b}lice", "\u{430}lice", "al\u{131}ce"]
            .iter()
            .enumerate()
    {
        let refusal =
            other.refused("account.register", json!({ "server": address, "handle": handle, "password": PASSWORD }));
        assert!(["conflict", "invalid"].contains(&refusal.kind.as_str()), "{handle:?} ({number}): {refusal:?}");
    }
    assert_eq!(
        other.ask("account.whoami", json!({}))["account"],
        serde_json::Value::Null,
        "a refusal leaves nothing behind"
    );
    for handle in ["ALICE", "ＡＬＩＣＥ"] {
        let elsewhere = world.stranger(&format!("elsewhere-{}", handle.len()));
        elsewhere.log_in(&address, handle, PASSWORD);
        assert_eq!(elsewhere.user_id(), alice.user_id(), "{handle} is alice");
    }
}

#[test]
fn c61_of_two_who_want_one_name_at_once_one_gets_it() {
    let world = World::new();
    let people = [world.stranger("one"), world.stranger("other")];
    let pending = [&people[0], &people[1]].map(|person| {
        person.begin(
            "account.register",
            json!({ "server": world.server.address(), "handle": "bob", "password": PASSWORD }),
        )
    });
    let outcomes = pending.map(|pending| pending.wait(Duration::from_secs(30)));
    let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(winners, 1, "{outcomes:?}");
    let loser = outcomes.into_iter().find_map(Result::err).expect("one was refused");
    assert_eq!(loser.kind, "conflict", "{loser:?}");
}

#[test]
fn a_second_device_of_one_account_reads_and_writes_as_the_same_person() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    ada.send(&room, "from the desk");
    grace.wait_text("from the desk");
    let laptop = world.stranger("laptop");
    laptop.log_in(&world.server.address(), "ada", PASSWORD);
    laptop.wait_text("from the desk");
    let id = laptop.send(&room, "from the sofa");
    for person in [&ada, &grace] {
        assert_eq!(person.wait_text("from the sofa")["author"], ada.user_id());
    }
    assert_eq!(ada.times_told(&id), 1);
    let devices = ada.ask("account.devices", json!({}));
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(2), "{devices}");
}
