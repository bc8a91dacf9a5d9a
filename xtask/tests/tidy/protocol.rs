//! `docs/protocol.md` against the code: rules and their tests, schema and golden bytes, contexts, limits.

use std::collections::{BTreeMap, BTreeSet};

use momoland_xtask::schema::Schema;
use momoland_xtask::{document, rules, tree};

const PAGE: &str = "docs/protocol.md";

/// Rules that no other rule uses: what stands alone on a wire, on a disk, or under a signature.
const TOP: [&str; 35] = [
    "message-content",
    "announcement",
    "document-update",
    "editors-change",
    "document-change",
    "document-signal",
    "read-mark",
    "delivery-mark",
    "notify-choice",
    "favourite-choice",
    "draft",
    "follow",
    "put-away",
    "unread-from",
    "reaction-content",
    "pin-content",
    "deletion-content",
    "invite-content",
    "server-transcript",
    "peer-transcript",
    "peer-frame",
    "signal",
    "post-content",
    "like-content",
    "comment-content",
    "hide-content",
    "location-content",
    "live-position",
    "call-signal",
    "listening-signal",
    "client-frame",
    "server-frame",
    "log-id",
    "fingerprint",
    "set-hash",
];

fn schema() -> Schema {
    let text = document::fenced(&tree::read(PAGE), "cddl").expect("the page has a schema");
    Schema::parse(&text).unwrap_or_else(|error| panic!("{PAGE}: the schema cannot be read: {error}"))
}

/// The schema's rule for a golden vector; `None` where it is no CBOR but a hash or a signature.
fn rule_of(name: &str) -> Option<&'static str> {
    if name.ends_with(".hash") || name.ends_with("proof") && name != "peer.proof" {
        return None;
    }
    match name {
        "event.id" => None,
        "feed.post" => Some("post-content"),
        "feed.like" => Some("like-content"),
        "feed.comment" => Some("comment-content"),
        "feed.hide" => Some("hide-content"),
        "location.live" => Some("live-position"),
        "content.message" | "content.message.mentions" | "content.call" => Some("message-content"),
        "content.reaction" => Some("reaction-content"),
        "content.pin" => Some("pin-content"),
        "content.deletion" => Some("deletion-content"),
        "document.update" | "document.update.deflated" => Some("document-update"),
        "document.editors" => Some("editors-change"),
        "document.signal" => Some("document-signal"),
        "document.change.rename" | "document.change.archive" | "document.change.delete" => Some("document-change"),
        "register.read-mark" => Some("read-mark"),
        "register.delivery-mark" => Some("delivery-mark"),
        "register.notify" => Some("notify-choice"),
        "register.favourite" => Some("favourite-choice"),
        "register.draft" => Some("draft"),
        "register.follow" => Some("follow"),
        "register.put-away" => Some("put-away"),
        "register.unread" => Some("unread-from"),
        "register" => Some("signed-register"),
        "roster.countersigned" => Some("countersigned-change"),
        "handshake.server.transcript" => Some("server-transcript"),
        "handshake.peer.transcript" => Some("peer-transcript"),
        _ => match name.split('.').next() {
            Some("room") => None,
            Some("document") => Some("announcement"),
            Some("certificate") => Some("signed-certificate"),
            Some("event") => Some("event"),
            Some("call") => Some("call-signal"),
            Some("listening") => Some("listening-signal"),
            Some("location") => Some("location-content"),
            Some("roster") => Some("signed-roster-change"),
            Some("peer") => Some("peer-frame"),
            Some("replication") => Some("replication"),
            Some("ephemeral") => Some("ephemeral"),
            Some("client") => Some("client-frame"),
            Some("server") => Some("server-frame"),
            _ => panic!("{name}: say here which rule of the schema this vector is of"),
        },
    }
}

fn vectors() -> Vec<(String, Vec<u8>)> {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).expect("a hexadecimal digit")).expect("below 16");
    let text = tree::read("crates/protocol/golden/vectors.txt");
    let vector = |line: &str| {
        let (name, hex) = line.split_once(' ').expect("a name and its bytes");
        let bytes = hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
        (name.to_owned(), bytes)
    };
    text.lines().map(vector).collect()
}

// Rules: EN2, EN6
#[test]
fn every_golden_vector_fits_the_schema() {
    let schema = schema();
    for (name, bytes) in vectors() {
        match rule_of(&name) {
            Some(rule) => {
                assert!(schema.fits(rule, &bytes), "{name} does not fit the schema's {rule}");
                let mut longer = bytes.clone();
                longer.push(0);
                assert!(!schema.fits(rule, &longer), "{name} with a byte behind it fits");
            }
            None => assert!(matches!(bytes.len(), 32 | 64), "{name} is neither a hash nor a signature"),
        }
    }
}

#[test]
fn the_schema_is_whole() {
    let schema = schema();
    let (names, used) = (schema.names(), schema.used());
    let undefined: Vec<_> = used.iter().filter(|name| !names.contains(*name) && !Schema::is_built_in(name)).collect();
    assert!(undefined.is_empty(), "the schema uses {undefined:?} and does not define them");
    let unused: Vec<_> = names.iter().filter(|name| !used.contains(*name) && !TOP.contains(name)).collect();
    assert!(unused.is_empty(), "the schema defines {unused:?} and nothing uses them");
}

#[test]
fn every_rule_has_a_test_and_every_citation_a_rule() {
    let defined = rules::defined(&tree::read(PAGE));
    let ids: BTreeSet<&String> = defined.iter().collect();
    assert_eq!(ids.len(), defined.len(), "a rule's id is given twice");
    assert!(ids.len() > 50, "the page's rules were not found");
    let mut cited: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in tree::files_ending_in(&[".rs"]) {
        let found = rules::cited(&path, &tree::read(&path)).unwrap_or_else(|error| panic!("{error}"));
        for (id, tests) in found {
            cited.entry(id).or_default().extend(tests);
        }
    }
    let untested: Vec<_> = ids.iter().filter(|id| !cited.contains_key(**id)).collect();
    assert!(untested.is_empty(), "no test cites these rules of {PAGE}: {untested:?}");
    let unknown: Vec<_> = cited.iter().filter(|(id, _)| !ids.contains(id)).collect();
    assert!(unknown.is_empty(), "{PAGE} has no such rules: {unknown:?}");
}

// Rules: SG2
#[test]
fn every_context_is_in_the_table() {
    let mut contexts = BTreeSet::new();
    for path in tree::files_ending_in(&[".rs"]).iter().filter(|path| path.starts_with("crates/protocol/src/")) {
        for part in tree::read(path).split("Context::new(\"").skip(1) {
            let context = part.split('"').next().unwrap_or_default();
            let name = context.strip_suffix("\\0").unwrap_or_else(|| panic!("{context} ends in NUL"));
            assert!(contexts.insert(name.to_owned()), "{name} is the context of two kinds of object");
        }
    }
    let page = tree::read(PAGE);
    let rows = document::rows(document::section(&page, "## Signatures").expect("the section"));
    let table: BTreeSet<String> =
        rows.into_iter().filter_map(|cells| cells.first().cloned()).filter(|cell| cell.contains('/')).collect();
    assert_eq!(table, contexts, "{PAGE} and the code have different contexts");
}

/// The value of `64 * 1024`, `OTHER + 512` and `(2, 32)`.
fn value_of(expression: &str, known: &BTreeMap<String, String>) -> String {
    if let Some(pair) = expression.strip_prefix('(') {
        return pair.trim_end_matches(')').to_owned();
    }
    let factor = |text: &str| -> u64 {
        let text = known.get(text.trim()).map_or(text.trim(), String::as_str);
        text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
    };
    let sum: u64 = expression.split('+').map(|product| product.split('*').map(factor).product::<u64>()).sum();
    sum.to_string()
}

// Rules: LM1
#[test]
fn every_limit_is_in_the_table() {
    let mut limits: BTreeMap<String, String> = BTreeMap::new();
    for line in tree::read("crates/protocol/src/limits.rs").lines() {
        let Some((name, rest)) = line.strip_prefix("pub const ").and_then(|rest| rest.split_once(':')) else {
            continue;
        };
        let (_, expression) = rest.trim_end_matches(';').split_once(" = ").expect("a constant has a value");
        let value = value_of(expression, &limits);
        limits.insert(name.to_owned(), value);
    }
    assert!(limits.len() > 20, "the limits were not found");
    let page = tree::read(PAGE);
    let rows = document::rows(document::section(&page, "## Limits").expect("the section"));
    let table: BTreeMap<String, String> =
        rows.into_iter().skip(1).map(|cells| (cells[0].clone(), cells[1].clone())).collect();
    assert_eq!(table, limits, "{PAGE} and limits.rs differ");
}

/// The cases of an enumeration in a source, in order.
fn cases(source: &str, name: &str) -> Vec<String> {
    let (_, rest) = source.split_once(&format!("enum {name} {{")).unwrap_or_else(|| panic!("there is no {name}"));
    let body = rest.split("\n}").next().unwrap_or_default();
    let lines = body.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    lines.filter_map(|line| line.split(',').next().map(str::to_owned)).collect()
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for (place, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_ascii_lowercase(), letters.as_str()))
}

#[test]
fn every_refusal_goodbye_and_error_kind_is_in_its_table() {
    let page = tree::read(PAGE);
    let server = tree::read("crates/protocol/src/server.rs");
    let first_cells = |heading: &str| -> BTreeSet<String> {
        let rows = document::rows(document::section(&page, heading).expect("the section"));
        rows.into_iter().filter_map(|cells| cells.first().cloned()).collect()
    };
    let connection = first_cells("## The server's connection");
    for name in [cases(&server, "RefusalKind"), cases(&server, "GoodbyeReason")].concat() {
        assert!(connection.contains(&camel(&name)), "{PAGE} says nothing of {}", camel(&name));
    }
    let engine = tree::read("crates/engine/src/api/error.rs");
    let http = tree::read("signaling-server/src/http/error.rs");
    assert_eq!(cases(&engine, "ErrorKind"), cases(&http, "ErrorKind"), "the fronts have different kinds of error");
    let rows = document::rows(document::section(&page, "## HTTP and tokens").expect("the section"));
    for name in cases(&engine, "ErrorKind") {
        let row = rows.iter().find(|cells| cells[0] == snake(&name));
        let row = row.unwrap_or_else(|| panic!("{PAGE} says nothing of the kind {}", snake(&name)));
        let code = row[1].trim_start_matches('-');
        let grouped = format!("Self::{name} => -{}_{},", &code[..2], &code[2..]);
        assert!(engine.contains(&grouped), "{PAGE} has another code for {name}");
    }
}
