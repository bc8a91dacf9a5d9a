//! A server that is restored from an older backup: what it forgot, and what it put in the place of what it forgot.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use support::{World, wait_until};

const LEVEL_WITHIN: Duration = Duration::from_secs(30);

/// Copies a folder with what is in it.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is made");
    for entry in std::fs::read_dir(from).expect("the folder is read") {
        let entry = entry.expect("its entries are read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its kind is known").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}

// Rules: RO13, RO14, RO15
#[test]
fn a_server_restored_from_a_backup_brings_nobody_back() {
    let (mut world, [ada, grace, mallory]) = World::with_people(["ada", "grace", "mallory"]);
    let room = world.room_of(&[&ada, &grace, &mallory]);
    ada.send(&room, "before the backup");
    grace.wait_text("before the backup");

    world.server.stop();
    let backup = world.folder().join("backup");
    copy_folder(world.server.data(), &backup);
    world.server.start_again();
    for person in [&ada, &grace, &mallory] {
        person.wait_server("online", LEVEL_WITHIN);
    }
    // Grace knows of nothing that comes after the backup.
    grace.ask("net.setOnline", json!({ "online": false }));
    ada.ask("rooms.remove", json!({ "roomId": room, "userId": mallory.user_id() }));
    wait_until("mallory is out", LEVEL_WITHIN, || mallory.room(&room).is_none());
    ada.ask("net.setOnline", json!({ "online": false }));

    world.server.stop();
    std::fs::remove_dir_all(world.server.data()).expect("the newer data go");
    copy_folder(&backup, world.server.data());
    world.server.start_again();
    // The server, and grace, go on from where the backup ends: another change in the place of the removal.
    grace.ask("net.setOnline", json!({ "online": true }));
    grace.wait_server("online", LEVEL_WITHIN);
    grace.invite(&room);
    ada.ask("net.setOnline", json!({ "online": true }));

    let names = |person: &support::Momo| {
        let members = person.members(&room);
        members.iter().filter_map(|member| member["handle"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    for person in [&ada, &grace] {
        let what = format!("{} has mallory out", person.name());
        wait_until(&what, LEVEL_WITHIN, || !names(person).contains(&"mallory".to_owned()));
        assert_eq!(names(person).len(), 2, "{:?}", names(person));
    }
    // Ada's device joins the branches by itself; then the room can be changed again, by both.
    let settled = |person: &support::Momo| person.call("rooms.invite", json!({ "roomId": room })).is_ok();
    for person in [&ada, &grace] {
        wait_until(&format!("{} can change the room again", person.name()), LEVEL_WITHIN, || settled(person));
    }
    let text = grace.send(&room, "after the repair");
    ada.wait_text("after the repair");
    grace.wait_state(&room, &text, "delivered");
    for person in [&ada, &grace] {
        person.kill_and_start_again();
        assert_eq!(names(person).len(), 2, "{} after a restart: {:?}", person.name(), names(person));
        assert_eq!(person.texts(&room), ["before the backup", "after the repair"]);
    }
    // Until ada was back the server took mallory for a member, as the backup has it.
    wait_until("mallory is out again", LEVEL_WITHIN, || mallory.room(&room).is_none());
}
