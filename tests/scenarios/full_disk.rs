//! A client whose disk is full: what it refuses says so, what it has is read, and it goes on by itself.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use support::small_disk::with_small_disk;
use support::{RpcError, World, wait_for, wait_until};

/// Looking for room, at most ten seconds apart, and opening a small store.
const HEALS_WITHIN: Duration = Duration::from_secs(40);

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// More than a disk of 24 MiB takes of long messages.
const SENDS_MAX: usize = 2_000;

#[test]
fn a_full_disk_of_a_client_heals_once_there_is_room() {
    with_small_disk("full_disk::a_full_disk_of_a_client_heals_once_there_is_room", 24, fill_and_free);
}

fn fill_and_free(disk: &Path) {
    let (world, [grace]) = World::with_people(["grace"]);
    let data = disk.join("ada");
    std::fs::create_dir(&data).expect("a folder is made");
    std::os::unix::fs::symlink(&data, world.folder().join("ada")).expect("a link is made");
    let ada = world.person("ada");
    let room = world.room_of(&[&grace, &ada]);
    let pid = ada.pid();
    let mut acknowledged = vec!["before".to_owned()];
    ada.send(&room, "before");
    grace.wait_text("before");

    let ballast = disk.join("ballast");
    let mut fill = Command::new("dd");
    fill.args(["if=/dev/zero", "bs=64k", "status=none"]).arg(format!("of={}", ballast.display()));
    assert!(!fill.status().expect("dd runs").success(), "dd ends where the disk is full");
    let long = "of some length ".repeat(2_000);
    let mut unsure = Vec::new();
    for number in 0..SENDS_MAX {
        let text = format!("message {number} {long}");
        match ada.call("messages.send", json!({ "roomId": room, "text": text })) {
            Ok(_) => acknowledged.push(text),
            Err(error) => {
                check_refusal(&error);
                unsure.push(text);
                break;
            }
        }
    }
    assert_eq!(unsure.len(), 1, "the disk took {SENDS_MAX} messages");

    // While it is full: what is written is refused, and nothing of it turns up later; what is there is read.
    let refused = ada.refused("messages.send", json!({ "roomId": room, "text": "refused" }));
    check_refusal(&refused);
    assert_eq!(ada.texts(&room), acknowledged);
    let problem = ada.status()["problem"].as_str().map(str::to_owned);
    assert!(problem.as_deref().is_some_and(|problem| problem.contains("disk")), "{problem:?}");
    ada.refused_as("internal", "account.logout", json!({ "force": true }));
    grace.send(&room, "while it was full");

    let mark = ada.mark();
    std::fs::remove_file(&ballast).expect("the ballast goes");
    ada.wait_event(mark, "the lists are read again", HEALS_WITHIN, |event| event["type"] == "resync");
    ada.send(&room, "after");
    assert_eq!(ada.pid(), pid, "it is the same process");
    ada.wait_text("while it was full");
    let expected = |texts: &[String]| {
        let mut of_ada: Vec<&String> = texts.iter().filter(|text| *text != "while it was full").collect();
        // What failed while it was being written is there whole or not at all.
        of_ada.retain(|text| !unsure.contains(text));
        let mut wanted: Vec<&str> = acknowledged.iter().map(String::as_str).collect();
        wanted.push("after");
        of_ada == wanted && texts.len() <= wanted.len() + 1 + unsure.len()
    };
    for person in [&ada, &grace] {
        wait_for(&format!("{} has what was acknowledged, once", person.name()), ARRIVES_WITHIN, || {
            expected(&person.texts(&room)).then_some(())
        });
    }
    wait_until("both have the same", ARRIVES_WITHIN, || ada.texts(&room) == grace.texts(&room));
    assert_eq!(ada.status()["problem"], json!(null));
    let texts = ada.texts(&room);
    ada.kill_and_start_again();
    assert_eq!(ada.texts(&room), texts);
}

fn check_refusal(error: &RpcError) {
    assert_eq!(error.kind, "internal", "{error:?}");
    assert!(error.message.contains("disk") && error.message.ends_with('.'), "no sentence of the disk: {error:?}");
}
