//! Crates and modules use each other as ARCHITECTURE.md draws it, and no other way.

use std::collections::{BTreeMap, BTreeSet};

use momoland_xtask::{document, tree};

fn table(path: &str) -> toml::Table {
    tree::read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn names_in(table: &toml::Table, key: &str) -> Vec<String> {
    table.get(key).and_then(toml::Value::as_table).map_or_else(Vec::new, |names| names.keys().cloned().collect())
}

/// Everything that a manifest asks for: to run, to build, to test, on any system.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let mut names: BTreeSet<String> = kinds.iter().flat_map(|kind| names_in(manifest, kind)).collect();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table) {
        names.extend(kinds.iter().flat_map(|kind| names_in(target, kind)));
    }
    names
}

fn members() -> Vec<String> {
    let root = table("Cargo.toml");
    let members = root.get("workspace").and_then(|workspace| workspace.get("members")).and_then(toml::Value::as_array);
    members.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

#[test]
fn crates_use_each_other_as_drawn() {
    let manifests: BTreeMap<String, toml::Table> =
        members().into_iter().map(|folder| (folder.clone(), table(&format!("{folder}/Cargo.toml")))).collect();
    let name = |manifest: &toml::Table| manifest["package"]["name"].as_str().unwrap_or_default().to_owned();
    let folders: BTreeMap<String, String> =
        manifests.iter().map(|(folder, manifest)| (name(manifest), folder.clone())).collect();
    let short = |folder: &String| folder.strip_prefix("crates/").unwrap_or(folder).to_owned();
    let real: BTreeMap<String, BTreeSet<String>> = manifests
        .iter()
        .map(|(folder, manifest)| {
            let used = dependencies(manifest).into_iter().filter_map(|name| folders.get(&name).map(short));
            (short(folder), used.collect())
        })
        .collect();
    let page = tree::read("ARCHITECTURE.md");
    let rows = document::rows(document::section(&page, "## The map").expect("ARCHITECTURE.md has a map"));
    let drawn: BTreeMap<String, BTreeSet<String>> = rows
        .into_iter()
        .skip(1)
        .map(|cells| {
            let used = cells[1].split(", ").filter(|name| *name != "nothing").map(str::to_owned);
            (cells[0].clone(), used.collect())
        })
        .collect();
    assert_eq!(real, drawn, "the manifests and the map in ARCHITECTURE.md differ");
}

#[test]
fn the_core_has_no_io_beneath_it() {
    let lock = table("Cargo.lock");
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let used = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        let used = used.filter_map(toml::Value::as_str).filter_map(|used| used.split(' ').next());
        edges.entry(package["name"].as_str().expect("a name")).or_default().extend(used);
    }
    let mut beneath = BTreeSet::new();
    let mut open = vec!["momoland-replica"];
    while let Some(name) = open.pop() {
        if beneath.insert(name) {
            open.extend(edges.get(name).into_iter().flatten());
        }
    }
    assert!(beneath.contains("momoland-protocol"), "the lock file was not understood");
    for banned in ["tokio", "mio", "socket2", "sled", "async-std", "rusqlite"] {
        assert!(!beneath.contains(banned), "{banned} is beneath momoland-replica: durability and links are messages");
    }
}

/// The engine's modules, from the first that bytes meet to the last before a front. A module uses those before it.
const ENGINE: [&str; 11] = [
    "account",
    "link",
    "session",
    "persistence",
    "projection",
    "ephemeral",
    "documents",
    "calls",
    "engine",
    "api",
    "fuzzing",
];

/// What may use a later one.
const ALLOWED: [(&str, &str, &str); 2] = [
    // The account's record keeps each room's marks in the form in which the timeline folds them, and reads them before
    // there is a timeline.
    ("account/record.rs", "projection", "timeline"),
    // The handle takes texts and hands them to the dispatch table, which calls back into the handle.
    ("engine.rs", "api", "methods"),
];

/// Words that all layers speak: the only serialisable types, without behaviour. Nothing in them uses another module.
const VOCABULARY: [&str; 3] = ["error", "events", "types"];

#[test]
fn the_engines_modules_use_those_before_them() {
    let place = |module: &str| ENGINE.iter().position(|name| *name == module);
    let mut exceptions: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for path in tree::files_ending_in(&[".rs"]) {
        let Some(inner) = path.strip_prefix("crates/engine/src/").filter(|inner| *inner != "lib.rs") else { continue };
        let own = inner.split(['/', '.']).next().unwrap_or_default();
        let own_place = place(own).unwrap_or_else(|| panic!("say here where the engine's module {own} stands"));
        let source = tree::read(&path);
        for (number, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for target in code.split("crate::").skip(1) {
                let mut words = target.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let module = words.next().unwrap_or_default();
                // The next word behind the `::`, or behind the bracket after it.
                let inner_module = words.find(|word| !word.is_empty()).unwrap_or_default();
                let Some(used) = place(module) else { continue };
                if used <= own_place || module == "api" && VOCABULARY.contains(&inner_module) {
                    continue;
                }
                let exception = ALLOWED
                    .iter()
                    .find(|(file, of, name)| (*file, *of, *name) == (inner, module, inner_module))
                    .copied();
                assert!(exception.is_some(), "{path}:{}: {own} uses {module}, which comes after it", number + 1);
                exceptions.extend(exception);
            }
        }
    }
    assert_eq!(exceptions.len(), ALLOWED.len(), "an exception is no longer needed: take it out");
}

#[test]
fn the_vocabulary_uses_nothing() {
    for name in VOCABULARY {
        let path = format!("crates/engine/src/api/{name}.rs");
        for line in tree::read(&path).lines() {
            let others = line.trim_start().starts_with("use crate::") && !line.contains("crate::api::");
            assert!(!others, "{path} uses another module: {line}");
        }
    }
}
