//! Ends that nobody announced, and disks that lie. `./dev crash` has the many kills; here is what people see.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use support::{Momo, PASSWORD, Server, World, run_momo, wait_for, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// C01.
const KILLS: usize = 20;

/// What is cut off the end.
const CUT_BYTES: u64 = 4 * 1024;

#[test]
fn c01_twenty_kills_amid_writes_lose_nothing_that_was_answered() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        let texts: Vec<String> = (0..20).map(|number| format!("round {round} line {number}")).collect();
        let pending: Vec<_> = texts
            .iter()
            .map(|text| (text, ada.begin("messages.send", json!({ "roomId": room, "text": text }))))
            .collect();
        let mut answered = 0;
        for (number, (text, sent)) in pending.into_iter().enumerate() {
            // The kill falls after another answer each time, while the rest is under way.
            if number == 1 + round % 15 {
                ada.kill();
                world.server.kill();
            }
            if let Some(answer) = sent.settle(ARRIVES_WITHIN) {
                answer.unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
                acknowledged.push(text.clone());
                answered += 1;
            }
        }
        assert!(answered > round % 15, "{answered} were answered");
        ada.start_again();
        check_once(&ada, &room, &acknowledged);
        world.server.start_again();
    }
    let complete = || acknowledged.iter().all(|text| grace.texts(&room).contains(text));
    wait_until("grace has everything", Duration::from_secs(60), complete);
    check_once(&grace, &room, &acknowledged);
    wait_until("both list the same", ARRIVES_WITHIN, || ada.texts(&room) == grace.texts(&room));
}

#[track_caller]
fn check_once(who: &Momo, room: &str, acknowledged: &[String]) {
    let texts = who.texts(room);
    for text in acknowledged {
        let times = texts.iter().filter(|listed| *listed == text).count();
        assert_eq!(times, 1, "{} lists {text:?} so often", who.name());
    }
}

#[test]
fn c01_a_damaged_store_of_a_client_is_whole_or_refused_with_a_way_out_that_works() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let expected: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
    for text in &expected {
        ada.send(&room, text);
    }
    grace.wait_texts(&room, &expected, ARRIVES_WITHIN);
    ada.kill();
    let whole = world.folder().join("whole");
    copy(ada.data(), &whole);
    let mut refusals = 0;
    for damage in damages(&ada.data().join("store")) {
        fs::remove_dir_all(ada.data()).expect("a folder can be removed");
        copy(&whole, ada.data());
        let what = damage.strike(&ada.data().join("store"));
        let found = contents(ada.data());
        let folder = ada.data().to_str().expect("a path is text");
        // Its input ends at once: where it opens, it ends well.
        let opened = run_momo(&["rpc", "--data", folder], ARRIVES_WITHIN);
        assert!(!opened.errors.contains("panicked"), "{what}: {opened:?}");
        if opened.status.success() {
            ada.start_again();
            assert_eq!(ada.texts(&room), expected, "{what}: it opened, and so has everything");
            ada.kill();
            continue;
        }
        refusals += 1;
        assert_eq!(opened.status.code(), Some(1), "{what}: {opened:?}");
        let sentence = opened.errors.lines().filter(|line| line.starts_with("momo: ")).collect::<Vec<_>>().join("\n");
        assert!(sentence.contains(folder) && sentence.contains("Move the folder aside"), "{what}: {opened:?}");
        assert!(found == contents(ada.data()), "{what}: the damaged files were changed");
    }
    assert!(refusals >= 2, "nothing was damaged");

    // The way out.
    fs::rename(ada.data(), world.folder().join("aside")).expect("a folder can be moved");
    ada.start_again();
    ada.log_in(&world.server.address(), "ada", PASSWORD);
    wait_until("the room is back", ARRIVES_WITHIN, || ada.room(&room).is_some());
    ada.wait_texts(&room, &expected, ARRIVES_WITHIN);
    ada.send(&room, "here I am again");
    grace.wait_text("here I am again");
}

#[test]
fn c01_a_damaged_store_of_the_server_is_whole_or_refused_with_a_way_out() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let last = ada.send(&room, "before");
    ada.wait_state(&room, &last, "delivered");
    world.server.kill();
    ada.kill();
    grace.kill();
    let whole = world.folder().join("whole");
    copy(world.server.data(), &whole);
    let mut refusals = 0;
    for damage in damages(&world.server.data().join("store")) {
        fs::remove_dir_all(world.server.data()).expect("a folder can be removed");
        copy(&whole, world.server.data());
        let what = damage.strike(&world.server.data().join("store"));
        let found = contents(world.server.data());
        let logged = fs::read_to_string(world.server.log()).expect("a log").len();
        world.server.launch();
        let refused =
            wait_for("the server is ready, or ends", ARRIVES_WITHIN, || match world.server.process().ended() {
                Some(status) => Some(Some(status)),
                None => is_ready(&world.server).then_some(None),
            });
        let log = fs::read_to_string(world.server.log()).expect("a log").split_off(logged);
        assert!(!log.contains("panicked"), "{what}: {log}");
        world.server.kill();
        if let Some(status) = refused {
            refusals += 1;
            assert!(!status.success(), "{what}: {status}");
            let folder = world.server.data().to_str().expect("a path is text");
            assert!(log.contains(folder) && log.contains("set its folder aside"), "{what}: {log}");
            assert!(found == contents(world.server.data()), "{what}: the damaged files were changed");
        }
    }
    assert!(refusals >= 2, "nothing was damaged");

    fs::remove_dir_all(world.server.data()).expect("a folder can be removed");
    copy(&whole, world.server.data());
    world.server.start_again();
    ada.start_again();
    ada.wait_server("online", ARRIVES_WITHIN);
    assert_eq!(ada.texts(&room), ["before"]);
}

fn is_ready(server: &Server) -> bool {
    support::http::get(server.port(), "/readyz").is_ok_and(|answer| answer.status == 200)
}

/// What is done to a store.
#[derive(Debug)]
enum Damage {
    /// A file loses its last bytes; those of the log that were never written to do not count as such.
    Cut { file: PathBuf, written: bool },
    /// A file is empty.
    Emptied { file: PathBuf },
}

/// Each file of a store, by its place in it.
fn damages(store: &Path) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (path, bytes) in contents(store) {
        if bytes.is_empty() {
            continue;
        }
        let file = path.strip_prefix(store).expect("it lies in the store").to_owned();
        damages.push(Damage::Cut { file: file.clone(), written: false });
        damages.push(Damage::Cut { file: file.clone(), written: true });
        damages.push(Damage::Emptied { file });
    }
    damages
}

impl Damage {
    /// What was done.
    fn strike(&self, store: &Path) -> String {
        let (file, keep) = match self {
            Self::Emptied { file } => (file, 0),
            Self::Cut { file, written } => {
                let bytes = fs::read(store.join(file)).expect("a file can be read");
                let last = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
                let end = if *written { last } else { bytes.len() as u64 };
                (file, end.saturating_sub(CUT_BYTES))
            }
        };
        let opened = fs::OpenOptions::new().write(true).open(store.join(file)).expect("a file can be opened");
        opened.set_len(keep).expect("a file can be cut");
        format!("{self:?}")
    }
}

/// Every file with its bytes but for locks, which come and go.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder can be read") {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                let bytes = fs::read(&path).expect("a file can be read");
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
