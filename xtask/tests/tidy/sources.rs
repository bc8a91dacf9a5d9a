//! Sources: names that say nothing, leftovers, machine paths, lock files, tests that are named and not there.

use std::collections::BTreeSet;

use momoland_xtask::tree;

const CODE: [&str; 6] = [".rs", ".ts", ".tsx", ".mjs", ".js", ".css"];

#[test]
fn no_file_is_called_after_nothing() {
    let empty = ["util", "utils", "common", "helper", "helpers", "misc", "manager"];
    for path in tree::files() {
        let says_nothing = path.split('/').any(|part| empty.contains(&part.split('.').next().unwrap_or_default()));
        assert!(!says_nothing, "{path}: name it after what is in it");
    }
}

#[test]
fn nothing_is_left_over() {
    // Written apart, so that this file does not find itself.
    let leftovers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("dbg", "!("),
        concat!("to", "do!("),
        concat!("#[", "ignore"),
    ];
    for path in tree::files_ending_in(&CODE) {
        for (number, line) in tree::read(&path).lines().enumerate() {
            for leftover in leftovers {
                assert!(!line.contains(leftover), "{path}:{}: {leftover}", number + 1);
            }
        }
    }
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    for path in tree::files() {
        let Some(text) = tree::read_if_text(&path) else { continue };
        for machine in [concat!("/wo", "rk/"), concat!("/ro", "ot/")] {
            assert!(!text.contains(machine), "{path} has {machine}: it is there on one machine only");
        }
    }
}

#[test]
fn lock_files_name_no_place_to_download_from() {
    for path in tree::files_ending_in(&["package-lock.json"]) {
        let named = tree::read(&path).contains("\"resolved\"");
        assert!(!named, "{path} names where packages come from: install with omit-lockfile-registry-resolved");
    }
    for line in tree::read("Cargo.lock").lines() {
        if let Some(source) = line.strip_prefix("source = ") {
            assert!(source.contains("crates.io-index"), "Cargo.lock: {source} is not the registry");
        }
    }
}

/// The names behind `Test:` and `Tests:` in a module's documentation.
fn named_tests(source: &str) -> Vec<String> {
    let lines = source.lines().filter_map(|line| line.trim_start().strip_prefix("//!"));
    let text = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    let mut names = Vec::new();
    for part in text.split("Test: `").chain(text.split("Tests: `")).skip(1) {
        // `one`, `two` and `three`
        let mut rest = part;
        while let Some((name, behind)) = rest.split_once('`') {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
                break;
            }
            names.push(name.to_owned());
            match behind.strip_prefix(", `").or_else(|| behind.strip_prefix(" and `")) {
                Some(next) => rest = next,
                None => break,
            }
        }
    }
    names
}

#[test]
fn every_test_that_an_invariant_names_is_there() {
    let mut there = BTreeSet::new();
    let mut named = Vec::new();
    for path in tree::files_ending_in(&[".rs"]) {
        let source = tree::read(&path);
        for part in source.split("fn ").skip(1) {
            there.insert(part.split(['(', '<']).next().unwrap_or_default().to_owned());
        }
        // A file of tests stands for all in it.
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
        there.insert(stem.to_owned());
        named.extend(named_tests(&source).into_iter().map(|name| (path.clone(), name)));
    }
    assert!(named.len() > 30, "the invariants' tests were not found");
    let missing: Vec<_> = named.iter().filter(|(_, name)| !there.contains(name)).collect();
    assert!(missing.is_empty(), "these tests are named and are not there: {missing:?}");
}
