//! How programs begin and end: folders, ports, signals, exit status, what they print.

use std::time::Duration;

use momoland_store::kv::SchemaVersion;
use momoland_store::kv::sled::{CACHE_BYTES, SledStore};
use serde_json::json;
use support::device::Device;
use support::{PASSWORD, Server, Window, World, free_port, run_momo, wait_for, wait_until};

#[test]
fn c67_a_second_process_on_one_folder_is_refused_soon_and_harms_nothing() {
    let (_world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("the workshop", "private");
    ada.send(&room, "mine");
    let folder = ada.data().to_str().expect("a path is text");
    for arguments in [vec!["rpc", "--data", folder], vec!["ui", "--data", folder, "--listen", "127.0.0.1:0"]] {
        let second = run_momo(&arguments, Duration::from_secs(10));
        assert!(second.took < Duration::from_secs(2), "{arguments:?} took {:?}", second.took);
        assert!(!second.status.success(), "{second:?}");
        assert!(second.errors.contains(folder) && second.errors.contains("in use"), "{second:?}");
        assert_eq!(second.output, "", "a refusal goes to standard error");
    }
    ada.send(&room, "still mine");
    ada.kill_and_start_again();
    assert_eq!(ada.texts(&room), ["mine", "still mine"], "the lock of a killed process is gone with it");
}

#[test]
fn a_server_gives_the_memory_back_that_passwords_were_hashed_in() {
    let world = World::new();
    let port = world.server.port();
    let before = world.server.usage();
    std::thread::scope(|threads| {
        for number in 0..12 {
            threads.spawn(move || Device::register(port, &format!("person{number}"), PASSWORD));
        }
    });
    let after = world.server.usage();
    // One at a time takes 19 MiB.
    assert!(after.rss_peak_kib > before.rss_kib + 16 * 1024, "nothing was hashed: {before:?}, {after:?}");
    wait_until("it is given back", Duration::from_secs(10), || {
        world.server.usage().rss_kib < before.rss_kib + 16 * 1024
    });
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "not a folder").expect("a file can be written");
    // Also for an administrator, to whom no permission is refused, a file is no folder.
    for path in [file.clone(), file.join("below")] {
        let path = path.to_str().expect("a path is text");
        let refused = run_momo(&["rpc", "--data", path], Duration::from_secs(10));
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.errors.contains(path), "{refused:?}");
        assert_eq!(refused.errors.trim_end().lines().count(), 1, "one sentence: {refused:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("it is still there"), "not a folder");
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let (_world, [ada]) = World::with_people(["ada"]);
    ada.close();
    let folder = ada.data().to_str().expect("a path is text");
    let store = ada.data().join("store");
    let newer = SledStore::open_and_migrate(&store, SchemaVersion(40), CACHE_BYTES, &|_, _| Ok(()));
    drop(newer.expect("a newer version can open it"));
    for _ in 0..2 {
        let refused = run_momo(&["rpc", "--data", folder], Duration::from_secs(10));
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.errors.contains("newer") && refused.errors.contains(folder), "{refused:?}");
    }
    drop(SledStore::open(&store, SchemaVersion(40)).expect("the newer version still opens it"));
}

#[test]
fn wrong_arguments_are_a_usage_error() {
    for arguments in [vec!["rpc"], vec!["dance"], vec!["rpc", "--data"], vec![]] {
        let refused = run_momo(&arguments, Duration::from_secs(10));
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {refused:?}");
        assert_eq!(refused.output, "");
    }
    let help = run_momo(&["--help"], Duration::from_secs(10));
    assert!(help.status.success() && help.output.contains("JSON-RPC"), "{help:?}");
}

#[test]
fn ui_refuses_to_listen_beyond_loopback_and_on_a_port_in_use() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().to_str().expect("a path is text");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let taken = taken.local_addr().expect("it listens").to_string();
    for (listen, word) in [
        ("0.0.0.0:0", "loopback"),
        ("[::]:0", "loopback"),
        ("192.0.2.1:7421", "loopback"),
        ("example.org:80", "address"),
        ("127.0.0.1", "address"),
        (taken.as_str(), "in use"),
    ] {
        let refused = run_momo(&["ui", "--data", folder, "--listen", listen], Duration::from_secs(10));
        assert_eq!(refused.status.code(), Some(1), "{listen}: {refused:?}");
        assert!(refused.errors.contains(word) && refused.errors.contains(listen), "{listen}: {refused:?}");
    }
}

#[test]
fn a_server_that_cannot_start_says_why_and_ends() {
    let mut world = World::new();
    let other = tempfile::tempdir().expect("a temporary folder");

    let mut second = Server::prepare(other.path(), world.server.port(), &[]);
    assert_refused(&mut second, "in use");

    // Its own port, but the first one's data.
    let link = other.path().join("link");
    std::fs::create_dir(&link).expect("a folder can be made");
    std::os::unix::fs::symlink(world.server.data(), link.join("server")).expect("a link can be made");
    let mut third = Server::prepare(&link, free_port(), &[]);
    assert_refused(&mut third, "in use");

    let broken = other.path().join("broken");
    std::fs::create_dir(&broken).expect("a folder can be made");
    std::fs::write(broken.join("server"), "not a folder").expect("a file can be written");
    let mut fourth = Server::prepare(&broken, free_port(), &[]);
    assert_refused(&mut fourth, "server");

    let mut fifth = Server::prepare(other.path(), free_port(), &[("REGISTRATION", "perhaps")]);
    assert_refused(&mut fifth, "registration");
    world.server.stop();
}

#[track_caller]
fn assert_refused(server: &mut Server, word: &str) {
    server.launch();
    let status = wait_for("the server refuses to start", Duration::from_secs(10), || server.process().ended());
    let log = std::fs::read_to_string(server.log()).expect("it said something");
    assert!(!status.success(), "{status}: {log}");
    assert!(log.to_lowercase().contains(word), "no {word:?} in: {log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_window_ends_well_when_asked() {
    let world = World::new();
    let window = Window::start(world.folder(), "ada");
    let (status, took) = window.stop();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(8), "it took {took:?}");
    let ada = world.person("ada");
    ada.ask("rooms.list", json!({}));
}

/// The processes that another one started, as Linux tells it.
fn children(parent: u32) -> Vec<u32> {
    let numbers = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|of| of.trim() == parent.to_string()))
    };
    pids.filter(is_child).collect()
}

#[test]
fn a_demonstration_that_is_killed_leaves_no_server_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let window = Window::demonstration(folder.path());
    let server = children(window.pid());
    assert_eq!(server.len(), 1, "it has one server");
    let told = std::fs::read(format!("/proc/{}/environ", server[0])).expect("it runs");
    let told = String::from_utf8_lossy(&told).into_owned();
    let address =
        told.split('\0').find_map(|variable| variable.strip_prefix("MOMOLAND_LISTEN=")).expect("it has an address");
    assert!(std::net::TcpStream::connect(address).is_ok(), "it listens");
    window.kill();
    // Whoever inherits it may let it lie as a zombie; nobody listens any more.
    wait_until("the server is gone", Duration::from_secs(20), || std::net::TcpStream::connect(address).is_err());
}
