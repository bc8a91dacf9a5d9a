//! Documents: the same keystrokes typed here, into one bare `yrs` document, and through other editors' servers.
//!
//! Both engines run in this process; the other editors' clients and all servers are processes of their own. What is typed
//! is a recorded trace (`--trace FILE`), or a seeded one of the same length.

mod editors;
mod trace;

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use momoland_engine::SCHEMA;
use momoland_store::kv::{KeyRange, Order, SledStore, Store as _};
use serde_json::{Value, json};
use support::Server;
use yrs::updates::decoder::Decode as _;
use yrs::{Doc, GetString as _, OffsetKind, Options, ReadTxn as _, StateVector, Text as _, Transact as _};

use self::editors::{Editors, Kind};
use self::trace::{Key, Trace};
use crate::bare_channel;
use crate::figure::{self, Samples, Target};
use crate::person::Person;
use crate::processor;

/// Calls of `docs.edit` under way at once.
const CALLS_AT_ONCE: usize = 1_000;

/// Between two looks at whether the other has it.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Keystrokes at the pace of somebody who types fast, and that pace.
const PACED_KEYS: usize = 400;
const PACE: Duration = Duration::from_millis(50);

/// What a keystroke weighs on a bare channel: a Yjs update of one letter, with a client id of 53 bits.
const UPDATE_BYTES: usize = 25;

/// Until what was typed is in events and what these add up to is folded: no event tells of the latter.
const ISSUED_WITHIN: Duration = Duration::from_secs(3);

/// A document of ten megabytes: what is imported at once, how often, and keystrokes in it.
const IMPORT_BYTES: usize = 1024 * 1024;
const LARGE_PARTS: usize = 10;
const LARGE_KEYS: usize = 50;

/// Times that some text comes and goes.
const CHURNS: usize = 50_000;

/// Openings of the finished document.
const OPENINGS: usize = 5;

/// What the server may send while two direct peers type, of the bytes that it is sent: acknowledgements, and no updates.
const DIGEST_RATIO_MAX: f64 = 0.2;

/// The seed of what is typed where no trace is given.
const SEED: u64 = 7;

/// Whether all that was promised is kept.
pub(crate) async fn measure(folder: &Path, trace: Option<&Path>) -> Result<bool, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let trace = match trace {
        Some(path) => Trace::load(path)?,
        None => Trace::seeded(SEED),
    };
    let file = folder.join("trace.json");
    std::fs::write(&file, trace.as_json().to_string())
        .map_err(|error| format!("the trace cannot be written: {error}"))?;
    let mut kept = true;

    let server = Server::start(folder, &[("LOG", "warn")]);
    let ada = Person::register(&server, folder, "ada").await;
    let mut grace = Person::register(&server, folder, "grace").await;
    let room = ada.share_room(&grace).await;

    kept &= paced(&ada, &mut grace, &room, folder).await;
    let ten = type_trace(&ada, &grace, &server, &room, &trace, 10).await;
    let (bare_ten, _) = bare(&trace, 10);
    let one = type_trace(&ada, &grace, &server, &room, &trace, 1).await;
    let (bare_one, state_bytes) = bare(&trace, 1);

    let seconds = |took: Duration| Samples::from(took.as_secs_f64());
    let judge = |figure: &str, ours: Duration, bare: Duration, most: f64| {
        let target = Target::RatioAtMost(most);
        figure::print_beside(figure, "s", &seconds(ours), Some(&seconds(bare)), target)
    };
    kept &= judge("docs.type.one_key_a_call/bare_yrs", one.took, bare_one, 1.5);
    kept &= judge("docs.type.ten_keys_a_call/bare_yrs", ten.took, bare_ten, 1.3);
    let server_out = (Samples::from(one.server_bytes_out), Samples::from(one.server_bytes_in));
    let target = Target::RatioAtMost(DIGEST_RATIO_MAX);
    kept &= figure::print_beside("docs.type.server_bytes_out/in", "B", &server_out.0, Some(&server_out.1), target);

    for kind in Kind::ALL {
        let mut editors = Editors::start(kind, folder);
        let (took_ten, _) = editors.type_trace("ten", &file, 10);
        let (took_one, server_cpu) = editors.type_trace("one", &file, 1);
        let name = kind.name();
        let beside = |keys: &str| format!("docs.type.{keys}/{name}");
        figure::print(&beside("one_key_a_call"), "s", &seconds(one.took), Some(&seconds(took_one)));
        figure::print(&beside("ten_keys_a_call"), "s", &seconds(ten.took), Some(&seconds(took_ten)));
        let cpu = (seconds(one.server_cpu), seconds(server_cpu));
        let target = Target::RatioAtMost(0.01);
        kept &= figure::print_beside(&beside("one_key_a_call.server_cpu"), "s", &cpu.0, Some(&cpu.1), target);
    }

    // What a client holds of it, and how fast that opens.
    grace.close().await;
    let mut opened = Samples::default();
    for _ in 0..OPENINGS {
        let grace = Person::return_to(folder, "grace").await;
        let begun = Instant::now();
        let answer = grace.ask("docs.open", json!({ "docId": one.document })).await;
        opened.push_ms(begun.elapsed());
        assert!(answer["update"].as_str().is_some_and(|update| !update.is_empty()));
        assert_eq!(text_of(&grace, &one.document).await, trace.end);
        grace.close().await;
    }
    kept &= figure::print_beside("docs.open.cold", "ms", &opened, None, Target::AtMost(30.0));
    ada.close().await;
    let (alone, _) = alone(folder, &server, "alone", &trace, 10).await;
    let state = Samples::from(state_bytes);
    kept &= figure::print_beside("docs.stored/encoded_state", "B", &alone, Some(&state), Target::RatioAtMost(2.0));
    kept &= churned(folder, &server).await;
    kept &= large(folder, &server).await;
    Ok(kept)
}

/// One typing of the trace.
struct Typed {
    document: String,
    took: Duration,
    server_cpu: Duration,
    server_bytes_out: f64,
    server_bytes_in: f64,
}

/// Types the trace on one peer until the other has it.
async fn type_trace(ada: &Person, grace: &Person, server: &Server, room: &str, trace: &Trace, keys: usize) -> Typed {
    let document = new_document(ada, grace, room).await;
    let calls: Vec<Value> = trace.keys.chunks(keys).map(|keys| edit(&document, keys)).collect();
    let bytes = |name: &str| server.metric(name).expect("the server tells it");
    let (out, into) = ("momoland_ws_bytes_out_total", "momoland_ws_bytes_in_total");
    let before = (processor::time_of(server.pid()), bytes(out), bytes(into));
    let begun = Instant::now();
    ada.ask_many("docs.edit", calls, CALLS_AT_ONCE).await;
    let all_answered = begun.elapsed();
    while text_of(grace, &document).await != trace.end {
        assert!(begun.elapsed() < Duration::from_secs(600), "the other never has it");
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let took = begun.elapsed();
    if std::env::var_os("MOMOLAND_BENCH_TRACE").is_some() {
        figure::print("docs.type.answered", "s", &Samples::from(all_answered.as_secs_f64()), None);
    }
    Typed {
        document,
        took,
        server_cpu: processor::time_of(server.pid()) - before.0,
        server_bytes_out: bytes(out) - before.1,
        server_bytes_in: bytes(into) - before.2,
    }
}

/// A document that both have open.
async fn new_document(ada: &Person, grace: &Person, room: &str) -> String {
    let made = ada.ask("docs.create", json!({ "roomId": room, "title": "A paper", "editing": "members" })).await;
    let document = made["docId"].as_str().expect("an id").to_owned();
    grace.wait_for_document(&document).await;
    for person in [ada, grace] {
        person.ask("docs.open", json!({ "docId": document })).await;
    }
    document
}

fn edit(document: &str, keys: &[Key]) -> Value {
    let ops: Vec<Value> = keys.iter().flat_map(Key::ops).collect();
    json!({ "docId": document, "ops": ops })
}

async fn text_of(person: &Person, document: &str) -> String {
    let answer = person.ask("docs.text", json!({ "docId": document })).await;
    answer["text"].as_str().expect("a text").to_owned()
}

/// The trace typed into one bare document: how long that takes, and the bytes that say what it holds.
fn bare(trace: &Trace, keys: usize) -> (Duration, f64) {
    let doc = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
    let text = doc.get_or_insert_text("default");
    let begun = Instant::now();
    for keys in trace.keys.chunks(keys) {
        let mut txn = doc.transact_mut();
        for Key { at, deleted, inserted } in keys {
            if *deleted > 0 {
                text.remove_range(&mut txn, *at, *deleted);
            }
            if !inserted.is_empty() {
                text.insert(&mut txn, *at, inserted);
            }
        }
        // What a peer would be sent.
        std::hint::black_box(txn.encode_update_v1());
    }
    let took = begun.elapsed();
    let txn = doc.transact();
    assert_eq!(text.get_string(&txn), trace.end);
    (took, txn.encode_state_as_update_v1(&StateVector::default()).len() as f64)
}

/// Somebody who types at their own pace: how fast the other sees each letter, and what goes over the wire for it.
async fn paced(ada: &Person, grace: &mut Person, room: &str, folder: &Path) -> bool {
    let document = new_document(ada, grace, room).await;
    let (near, far) = bare_channel::pair().await;
    let (mut seen, mut bare) = (Samples::default(), Samples::default());
    let wire = |status: &Value, own: bool| {
        let number = |value: &Value| value.as_f64().expect("a number");
        let peers: f64 = status["peers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| number(&it["bytesIn"]) + number(&it["bytesOut"]))
            .sum();
        // Both ends of a peer link count the same bytes.
        let server = number(&status["serverBytesIn"]) + number(&status["serverBytesOut"]);
        if own { peers + server } else { server }
    };
    let all = async |ada: &Person, grace: &Person| {
        wire(&ada.ask("net.status", json!({})).await, true) + wire(&grace.ask("net.status", json!({})).await, false)
    };
    let mut mirror = Mirror::default();
    mirror.take(&state_of(grace, &document).await);
    let before = all(ada, grace).await;
    for number in 0..PACED_KEYS {
        let begun = Instant::now();
        let call = json!({ "docId": document, "ops": [{ "at": number, "insert": "x" }] });
        let (_, at) = tokio::join!(ada.ask("docs.edit", call), async {
            // Its event repeats what was seen as it was typed: only what is new counts.
            while mirror.letters() <= number {
                let update = grace.hear_update(&document).await;
                mirror.take(&update);
            }
            begun.elapsed()
        });
        seen.push_ms(at);
        let begun_bare = Instant::now();
        near.send(&[7; UPDATE_BYTES]).await;
        far.receive().await;
        bare.push_ms(begun_bare.elapsed());
        tokio::time::sleep(PACE.saturating_sub(begun.elapsed())).await;
    }
    let ours = all(ada, grace).await - before;
    near.close().await;
    far.close().await;
    let mut kept = figure::print_beside("docs.key_visible.direct", "ms", &seen, None, Target::AtMost(5.0));
    let most = bare.percentile(50).expect("something was measured") + 1.0;
    kept &=
        figure::print_beside("docs.key_visible.direct/bare_channel", "ms", &seen, Some(&bare), Target::AtMost(most));
    for kind in Kind::ALL {
        let editors = Editors::start(kind, folder);
        let (latencies, bytes) = editors.type_at_pace("paced", PACED_KEYS, PACE);
        let name = kind.name();
        figure::print(&format!("docs.key_visible.direct/{name}"), "ms", &seen, Some(&latencies));
        let each = |bytes: f64| Samples::from(bytes / PACED_KEYS as f64);
        let target = if kind == Kind::YWebsocket { Target::RatioAtMost(1.5) } else { Target::None };
        kept &= figure::print_beside(
            &format!("docs.wire_bytes_a_key/{name}"),
            "B",
            &each(ours),
            Some(&each(bytes)),
            target,
        );
    }
    kept
}

/// A document as an editor in the other's window has it.
#[derive(Default)]
struct Mirror(Doc);

impl Mirror {
    /// Takes an update in, in base64.
    fn take(&mut self, update: &str) {
        let update = STANDARD.decode(update).expect("base64");
        let update = yrs::Update::decode_v1(&update).expect("an update");
        self.0.transact_mut().apply_update(update).expect("it fits");
    }

    /// How many of the letters that are typed here are in it.
    fn letters(&self) -> usize {
        let content = self.0.get_or_insert_xml_fragment("default");
        content.get_string(&self.0.transact()).matches('x').count()
    }
}

async fn state_of(person: &Person, document: &str) -> String {
    let answer = person.ask("docs.state", json!({ "docId": document })).await;
    answer["update"].as_str().expect("an update").to_owned()
}

/// Text that comes and goes: what is left of it is short, and so is what is kept.
async fn churned(folder: &Path, server: &Server) -> bool {
    let left = "0123456789abcdef".repeat(64);
    let mut keys = vec![Key { at: 0, deleted: 0, inserted: left.clone() }];
    for _ in 0..CHURNS {
        keys.push(Key { at: 512, deleted: 0, inserted: "comes&goes".to_owned() });
        keys.push(Key { at: 512, deleted: 10, inserted: String::new() });
    }
    let trace = Trace { keys, end: left };
    let (stored, document) = alone(folder, server, "churn", &trace, 1).await;
    let (mut opened, mut state) = (Samples::default(), 0);
    for _ in 0..OPENINGS {
        let person = Person::return_to(folder, "churn").await;
        let begun = Instant::now();
        assert_eq!(text_of(&person, &document).await, trace.end);
        opened.push_ms(begun.elapsed());
        state = STANDARD.decode(state_of(&person, &document).await).expect("base64").len();
        person.close().await;
    }
    let open = figure::print_beside("docs.churn.open.cold", "ms", &opened, None, Target::AtMost(100.0));
    let state = Samples::from(state as f64);
    let target = Target::RatioAtMost(1.5);
    figure::print_beside("docs.churn.stored/encoded_state", "B", &stored, Some(&state), target) && open
}

/// A document of ten megabytes: how long a keystroke in its middle takes, and its opening.
async fn large(folder: &Path, server: &Server) -> bool {
    let person = Person::register(server, folder, "large").await;
    let room = json!({ "name": "the bench", "kind": "chat", "visibility": "private" });
    let room = person.ask("rooms.create", room).await["roomId"].as_str().expect("an id").to_owned();
    let made = person.ask("docs.create", json!({ "roomId": room, "title": "An archive", "editing": "members" })).await;
    let document = made["docId"].as_str().expect("an id").to_owned();
    let part = format!("{}\n", "a line of an archive ".repeat(4)).repeat(IMPORT_BYTES / 85);
    for _ in 0..LARGE_PARTS {
        person.ask("docs.import", json!({ "docId": document, "format": "text", "content": part })).await;
    }
    let mut answered = Samples::default();
    for _ in 0..LARGE_KEYS {
        let begun = Instant::now();
        let at = part.len() * LARGE_PARTS / 2;
        person.ask("docs.edit", json!({ "docId": document, "ops": [{ "at": at, "insert": "x" }] })).await;
        answered.push_ms(begun.elapsed());
    }
    let kept = figure::print_beside("docs.large.key_answered", "ms", &answered, None, Target::AtMost(50.0));
    person.ask("docs.close", json!({ "docId": document })).await;
    tokio::time::sleep(ISSUED_WITHIN).await;
    person.close().await;
    let person = Person::return_to(folder, "large").await;
    let begun = Instant::now();
    person.ask("docs.open", json!({ "docId": document })).await;
    figure::print("docs.large.open.cold", "ms", &Samples::from(begun.elapsed().as_secs_f64() * 1e3), None);
    person.close().await;
    kept
}

/// Somebody who types a trace where nobody else is: everything that documents take in their store then, and the document.
async fn alone(folder: &Path, server: &Server, handle: &str, trace: &Trace, keys: usize) -> (Samples, String) {
    let person = Person::register(server, folder, handle).await;
    let room = json!({ "name": "the bench", "kind": "chat", "visibility": "private" });
    let room = person.ask("rooms.create", room).await["roomId"].as_str().expect("an id").to_owned();
    person.close().await;
    let before = stored_bytes(folder, handle);
    let person = Person::return_to(folder, handle).await;
    let made = person.ask("docs.create", json!({ "roomId": room, "title": "A paper", "editing": "members" })).await;
    let document = made["docId"].as_str().expect("an id").to_owned();
    let calls: Vec<Value> = trace.keys.chunks(keys).map(|keys| edit(&document, keys)).collect();
    person.ask_many("docs.edit", calls, CALLS_AT_ONCE).await;
    assert_eq!(text_of(&person, &document).await, trace.end);
    person.ask("docs.close", json!({ "docId": document })).await;
    tokio::time::sleep(ISSUED_WITHIN).await;
    person.close().await;
    (Samples::from(stored_bytes(folder, handle) - before), document)
}

/// What the records in somebody's store take, who is not here.
fn stored_bytes(folder: &Path, handle: &str) -> f64 {
    let store = SledStore::open(&folder.join(handle).join("store"), SCHEMA).expect("the store opens");
    let (mut range, mut bytes) = (KeyRange::all(), 0);
    loop {
        let page = store.range(&range, Order::Ascending, 1_000).expect("the store can be read");
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        bytes += page.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    }
    bytes as f64
}
