//! Documents against the code: links, settings, metrics.

use std::collections::{BTreeMap, BTreeSet};

use momoland_xtask::{document, tree};

const OPERATING: &str = "docs/operating.md";

#[test]
fn links_between_documents_lead_somewhere() {
    for path in tree::files_ending_in(&[".md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in document::links(&tree::read(&path)) {
            let target = tree::root().join(folder).join(&link);
            assert!(target.exists(), "{path} links to {link}, which is not there");
        }
    }
}

/// The text in quotes behind a field's name.
fn field(part: &str, name: &str) -> String {
    let (_, rest) = part.split_once(&format!("{name}: \"")).unwrap_or_else(|| panic!("no {name} in {part}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn every_setting_of_the_server_is_described() {
    let source = tree::read("signaling-server/src/config.rs");
    let (_, table) = source.split_once("pub static SETTINGS").expect("the table of settings");
    let (table, _) = table.split_once("\n];").expect("the table's end");
    let settings: BTreeMap<String, (String, String)> = table
        .split("Setting {")
        .skip(1)
        .map(|part| (field(part, "key"), (field(part, "default"), field(part, "unit").replace(" | ", " or "))))
        .collect();
    assert!(settings.len() > 20, "the settings were not found");
    let page = tree::read(OPERATING);
    let rows = document::rows(document::section(&page, "## Settings").expect("the section"));
    let described: BTreeMap<String, (String, String)> = rows
        .into_iter()
        .filter(|cells| cells[0].starts_with("MOMOLAND_"))
        .map(|cells| {
            let key = cells[0].trim_start_matches("MOMOLAND_").to_ascii_lowercase();
            let default = if cells[1] == "(empty)" { String::new() } else { cells[1].clone() };
            (key, (default, cells[2].clone()))
        })
        .collect();
    assert_eq!(described, settings, "{OPERATING} and config.rs differ");
}

#[test]
fn every_metric_of_the_server_is_described() {
    let source = tree::read("signaling-server/src/metrics.rs");
    let (source, _) = source.split_once("#[cfg(test)]").expect("tests at the end");
    let quoted = source.split('"').skip(1).step_by(2);
    let plain = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let metrics: BTreeSet<&str> =
        quoted.filter(plain).filter(|text| text.starts_with("momoland_") || text.starts_with("process_")).collect();
    assert!(metrics.len() > 15, "the metrics were not found");
    let page = tree::read(OPERATING);
    let rows = document::rows(document::section(&page, "## Metrics").expect("the section"));
    let described: BTreeSet<&str> = rows.iter().skip(1).map(|cells| cells[0].as_str()).collect();
    assert_eq!(described, metrics, "{OPERATING} and metrics.rs differ");
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let mut functions = BTreeSet::new();
    let mut files = BTreeSet::new();
    for path in tree::files_ending_in(&[".rs"]) {
        let source = tree::read(&path);
        let names =
            source.split("fn ").skip(1).map(|part| part.split(['(', '<']).next().unwrap_or_default().to_owned());
        functions.extend(names);
        files.insert(path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned());
    }
    let page = tree::read("ARCHITECTURE.md");
    let table = document::section(&page, "## Invariants, and who attacks them").expect("the section");
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    assert!(named.len() > 15, "the tests were not found");
    for name in named {
        let there = functions.contains(name) || files.contains(name) || tree::root().join("crates").join(name).exists();
        assert!(there, "ARCHITECTURE.md names {name}, which is not there");
    }
}
