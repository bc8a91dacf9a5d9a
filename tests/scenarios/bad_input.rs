//! What is wrong is said in a sentence, with a stable kind, and loses nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Impostor, PASSWORD, World, free_port};

#[test]
fn lines_that_are_not_requests_get_an_error_and_harm_nothing() {
    let (_world, [ada]) = World::with_people(["ada"]);
    for line in ["{", "nonsense", "\u{feff}{}", "[", "\"text\"", "12", "{\"jsonrpc\":\"2.0\"", "\0"] {
        ada.write_line(line.as_bytes());
        let answer = ada.next_nameless_answer();
        assert!(answer["error"]["code"].is_i64() && answer["error"]["message"].is_string(), "{line:?}: {answer}");
    }
    ada.write_line(b"\xff\xfe{}");
    assert!(ada.next_nameless_answer()["error"].is_object());

    let long = vec![b'x'; 4 * 1024 * 1024 + 1];
    ada.write_line(&long);
    let answer = ada.next_nameless_answer();
    assert_eq!(answer["error"]["data"]["kind"], "invalid", "{answer}");
    // Deep nesting must not overflow a stack.
    ada.write_line("[".repeat(1_000_000).as_bytes());
    assert!(ada.next_nameless_answer()["error"].is_object());

    ada.ask("account.whoami", json!({}));
    ada.check_output();
}

#[test]
fn methods_that_nobody_built_and_parameters_that_nobody_knows_are_refused() {
    let (_world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("the workshop", "private");
    for method in ["files.send", "data.export", "messages.search", "no.such", "", "rpc.discover"] {
        assert_eq!(ada.refused(method, json!({})).code, -32_601, "{method}");
    }
    for (method, params) in [
        ("messages.send", json!({ "roomId": room, "text": "x", "colour": "red" })),
        ("messages.send", json!({ "roomId": room })),
        ("messages.send", json!({ "roomId": room, "text": 7 })),
        ("messages.send", json!({ "roomId": room, "text": "" })),
        ("messages.send", json!({ "roomId": room, "text": "x".repeat(1_000_000) })),
        ("messages.send", json!([room, "x"])),
        ("messages.send", json!(null)),
        ("rooms.create", json!({ "name": "", "kind": "chat", "visibility": "private" })),
        ("rooms.create", json!({ "name": "x".repeat(10_000), "kind": "chat", "visibility": "private" })),
        ("rooms.create", json!({ "name": "x", "kind": "castle", "visibility": "private" })),
        ("rooms.create", json!({ "name": "a\u{0}b", "kind": "chat", "visibility": "private" })),
        ("net.setPolicy", json!({ "peers": "some" })),
        ("account.whoami", json!({ "verbose": true })),
    ] {
        ada.refused_as("invalid", method, params);
    }
    for id in ["nonsense", "", "../../etc/passwd", "\u{0}"] {
        let refusal = ada.refused("messages.send", json!({ "roomId": id, "text": "x" }));
        assert!(["invalid", "not_found"].contains(&refusal.kind.as_str()), "{id:?}: {refusal:?}");
    }
    assert_eq!(ada.texts(&room), [] as [&str; 0], "nothing of it was done");
}

#[test]
fn a_server_that_is_not_there_is_named_in_time() {
    let world = World::new();
    let ada = world.stranger("ada");
    let register = |server: &str| json!({ "server": server, "handle": "ada", "password": PASSWORD });
    for server in
        ["", "   ", "ftp://127.0.0.1", "http://", "javascript:alert(1)", "http://127.0.0.1:99999", "http://a b"]
    {
        ada.refused_as("invalid", "account.register", register(server));
    }
    let begun = Instant::now();
    let nobody = format!("127.0.0.1:{}", free_port());
    let refusal = ada.refused_as("offline", "account.register", register(&nobody));
    assert!(refusal.message.contains(&nobody), "the sentence names the address: {}", refusal.message);
    ada.refused_as("offline", "account.register", register("http://nowhere.invalid"));
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    // All of it left the folder as it was.
    ada.register(&world.server.address(), PASSWORD);
}

// Rules: HS4
#[test]
fn who_is_no_momoland_server_of_this_version_is_not_taken_for_one() {
    let world = World::new();
    let ada = world.stranger("ada");
    for (status, content_type, body) in [
        (200, "text/html", "<h1>It works!</h1>"),
        (404, "text/html", "<h1>Not here</h1>"),
        (500, "text/plain", "oops"),
        (302, "text/plain", "elsewhere"),
        (200, "application/json", "{}"),
        (200, "application/json", "[1,2,3]"),
        (200, "application/json", r#"{"name":"x","version":"99.0.0","protocol":{"min":98,"max":99}}"#),
    ] {
        let impostor = Impostor::start(status, content_type, body);
        let params = json!({ "server": impostor.address(), "handle": "ada", "password": PASSWORD });
        let refusal = ada.refused_as("offline", "account.register", params);
        assert!(!refusal.message.contains(body), "a stranger's words are not shown as ours: {}", refusal.message);
    }
    ada.register(&world.server.address(), PASSWORD);
}

#[test]
fn weak_passwords_bad_names_and_wrong_passwords_are_refused() {
    let (world, [ada]) = World::with_people(["ada"]);
    let address = world.server.address();
    let other = world.stranger("other");
    for (handle, password) in [
        ("bob", "short"),
        ("bob", "123456789"),
        ("bob", ""),
        ("b", PASSWORD),
        ("", PASSWORD),
        ("x\u{0}y", PASSWORD),
        ("x".repeat(33).as_str(), PASSWORD),
        ("bob", "x".repeat(100_000).as_str()),
    ] {
        other.refused_as(
            "invalid",
            "account.register",
            json!({ "server": address, "handle": handle, "password": password }),
        );
    }
    let wrong = other.refused_as(
        "unauthorized",
        "account.login",
        json!({ "server": address, "handle": "ada", "password": "not her password" }),
    );
    let unknown = other.refused_as(
        "unauthorized",
        "account.login",
        json!({ "server": address, "handle": "nobody", "password": "not her password" }),
    );
    assert_eq!(wrong.message, unknown.message, "a refusal does not tell which names exist");
    ada.refused_as(
        "conflict",
        "account.register",
        json!({ "server": address, "handle": "ada2", "password": PASSWORD }),
    );
    other.register(&address, PASSWORD);
}

// Rules: HS3
#[test]
fn a_server_with_another_key_is_not_taken_for_the_known_one() {
    let (mut world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("the workshop", "private");
    ada.send(&room, "mine");
    world.server.stop();
    world.server.replace_by_stranger();
    let status = support::wait_for("net.status tells what is wrong", Duration::from_secs(30), || {
        Some(ada.status()).filter(|status| status["problem"].as_str().is_some_and(|problem| problem.contains("key")))
    });
    assert_ne!(status["server"], "online", "{status}");
    ada.send(&room, "still mine");
    assert_eq!(ada.texts(&room), ["mine", "still mine"], "nothing is lost");
    world.server.stop();
    world.server.bring_back();
    ada.wait_server("online", Duration::from_secs(20));
    assert_eq!(ada.status().get("problem"), None::<&Value>);
}

#[test]
fn a_handle_or_room_name_with_markup_is_only_text() {
    let (_world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let name = "<img src=x onerror=alert(1)> & \"co\"";
    let created =
        ada.ask("rooms.create", json!({ "name": name, "kind": "chat", "visibility": "private", "topic": "</script>" }));
    let room = created["roomId"].as_str().expect("an id");
    support::invite_and_join(&ada, &grace, room);
    assert_eq!(grace.room(room).expect("she is in it")["name"], name);
    for text in
        ["<script>alert(1)</script>", "line\nbreak\ttab", "\u{202e}right to left", "😉 👩‍👩‍👧 e\u{301}", "{{7*7}} ${7*7}"]
    {
        ada.send(room, text);
        assert_eq!(grace.wait_text(text)["text"], text);
    }
}
