//! What administrators tell: everybody once, also who comes online later; and one person, on all of their devices.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn announce(admin: &Momo, message: &str, ttl_s: u64) -> String {
    let told = admin.ask("admin.announce", json!({ "message": message, "level": "warning", "ttlS": ttl_s }));
    told["announcementId"].as_str().expect("an id").to_owned()
}

fn notify(admin: &Momo, to: &Momo, body: &str) -> String {
    let params = json!({ "userId": to.user_id(), "title": "The harbour office", "body": body, "level": "success" });
    admin.ask("notifications.send", params)["notificationId"].as_str().expect("an id").to_owned()
}

fn shown(person: &Momo) -> Vec<Value> {
    person.ask("announcements.list", json!({}))["announcements"].as_array().expect("a list").clone()
}

fn messages(person: &Momo) -> Vec<String> {
    shown(person).iter().map(|each| each["message"].as_str().expect("a text").to_owned()).collect()
}

fn wait_announced(person: &Momo, id: &str) -> Value {
    let what = format!("{} is told", person.name());
    person.wait_event(0, &what, ARRIVES_WITHIN, |event| {
        event["type"] == "announcement.new" && event["announcement"]["announcementId"] == id
    })
}

fn wait_notified(person: &Momo, id: &str) -> Value {
    let what = format!("{} is notified", person.name());
    person.wait_event(0, &what, ARRIVES_WITHIN, |event| {
        event["type"] == "notification.new" && event["notification"]["notificationId"] == id
    })
}

fn times(person: &Momo, id: &str) -> usize {
    let about = |event: &Value| {
        (event["type"] == "announcement.new" && event["announcement"]["announcementId"] == id)
            || (event["type"] == "notification.new" && event["notification"]["notificationId"] == id)
    };
    person.events(about).len()
}

fn second_device(world: &World, of: &Momo, name: &str) -> Momo {
    let second = world.stranger(name);
    second.log_in(&world.server.address(), of.name(), PASSWORD);
    second.wait_server("online", ARRIVES_WITHIN);
    second
}

fn flap(person: &Momo) {
    person.ask("net.setOnline", json!({ "online": false }));
    person.ask("net.setOnline", json!({ "online": true }));
    person.wait_server("online", ARRIVES_WITHIN);
}

#[test]
fn an_announcement_reaches_everybody_once_also_who_was_away() {
    // The first account administers.
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let laptop = second_device(&world, &grace, "grace-laptop");
    assert_eq!(ada.ask("account.whoami", json!({}))["account"]["admin"], true);
    assert_eq!(grace.ask("account.whoami", json!({}))["account"]["admin"], false);
    grace.ask("net.setOnline", json!({ "online": false }));
    let gone = announce(&ada, "The gate is open.", 1);
    let first = announce(&ada, "The server moves on Sunday.\nPlan for an hour.", 3_600);
    for person in [&ada, &laptop] {
        let told = wait_announced(person, &first);
        assert_eq!(told["announcement"]["level"], "warning");
        assert_eq!(told["announcement"]["userId"], ada.user_id());
    }
    // Neither restarts of both sides nor new connections tell it again, and it stays until it is put away.
    wait_until("the gate's announcement has ended", ARRIVES_WITHIN, || messages(&ada).len() == 1);
    world.server.kill();
    world.server.start_again();
    grace.ask("net.setOnline", json!({ "online": true }));
    wait_announced(&grace, &first);
    laptop.kill_and_start_again();
    let newcomer = world.person("linus");
    wait_announced(&newcomer, &first);
    for person in [&ada, &grace, &laptop] {
        person.wait_server("online", ARRIVES_WITHIN);
        flap(person);
        assert_eq!(messages(person), ["The server moves on Sunday.\nPlan for an hour."]);
    }
    let mark = grace.mark();
    grace.ask("announcements.dismiss", json!({ "announcementId": first }));
    grace.ask("announcements.dismiss", json!({ "announcementId": first }));
    grace.wait_event(mark, "it is gone", ARRIVES_WITHIN, |event| {
        event["type"] == "announcement.gone" && event["announcementId"] == first.as_str()
    });
    grace.kill_and_start_again();
    grace.wait_server("online", ARRIVES_WITHIN);
    let last = announce(&ada, "That is all.", 3_600);
    for person in [&ada, &grace, &laptop, &newcomer] {
        wait_announced(person, &last);
        assert_eq!(times(person, &first), 1, "{} was told once", person.name());
    }
    assert_eq!(messages(&grace), ["That is all."], "what was put away stays so");
    assert_eq!(times(&grace, &gone), 0, "what had ended is told to nobody");
    assert_eq!(messages(&newcomer).len(), 2);
}

#[test]
fn c14_a_personal_notification_reaches_one_account_once_on_each_of_its_devices() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let laptop = second_device(&world, &grace, "grace-laptop");
    laptop.ask("net.setOnline", json!({ "online": false }));
    let first = notify(&ada, &grace, "Your berth is paid.");
    let told = wait_notified(&grace, &first);
    assert_eq!((&told["silent"], &told["notification"]["kind"]), (&json!(false), &json!("personal")));
    assert_eq!(told["notification"]["title"], "The harbour office");
    assert_eq!(told["notification"]["level"], "success");
    // Eight connections, and a restart of each side, and it is told once.
    for _ in 0..8 {
        flap(&grace);
    }
    world.server.kill();
    world.server.start_again();
    laptop.ask("net.setOnline", json!({ "online": true }));
    wait_notified(&laptop, &first);
    grace.kill_and_start_again();
    for person in [&ada, &grace, &laptop] {
        person.wait_server("online", ARRIVES_WITHIN);
    }
    let last = notify(&ada, &grace, "That is all.");
    for device in [&grace, &laptop] {
        wait_notified(device, &last);
        assert_eq!((times(device, &first), times(device, &last)), (1, 1), "{}", device.name());
        let list = device.ask("notifications.list", json!({}));
        let bodies: Vec<&Value> =
            list["notifications"].as_array().expect("a list").iter().map(|each| &each["body"]).collect();
        assert_eq!(bodies, ["That is all.", "Your berth is paid."]);
        assert_eq!(list["unreadCount"], 2);
    }
    assert!(ada.events(|event| event["type"] == "notification.new").is_empty(), "it is nobody else's");
    // One of one's own.
    let own = notify(&ada, &ada, "Renew the certificate.");
    wait_notified(&ada, &own);
}

#[test]
fn only_administrators_tell_and_what_they_tell_has_bounds() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let words = json!({ "message": "Hello", "level": "info" });
    let to_ada = json!({ "userId": ada.user_id(), "title": "Hello", "body": "Hello", "level": "info" });
    grace.refused_as("forbidden", "admin.announce", words.clone());
    grace.refused_as("forbidden", "notifications.send", to_ada.clone());
    world.stranger("eve").refused_as("unauthorized", "admin.announce", words.clone());
    let but = |params: &Value, field: &str, value: Value| {
        let mut params = params.clone();
        params[field] = value;
        params
    };
    for (field, value) in [
        ("message", json!("")),
        ("message", json!("a\u{0}b")),
        ("message", json!("x".repeat(4_097))),
        ("level", json!("loud")),
        ("ttlS", json!(0)),
        ("ttlS", json!(8_000_000)),
        ("ttlS", json!(-1)),
        ("until", json!(5)),
    ] {
        ada.refused_as("invalid", "admin.announce", but(&words, field, value));
    }
    for (field, value) in [("title", json!("a\nb")), ("body", json!(" ")), ("level", json!(1)), ("to", json!("x"))] {
        ada.refused_as("invalid", "notifications.send", but(&to_ada, field, value));
    }
    ada.refused_as("not_found", "notifications.send", but(&to_ada, "userId", json!("ab".repeat(16))));
    ada.refused_as("not_found", "notifications.send", but(&to_ada, "userId", json!("nobody")));
    ada.refused_as("not_found", "announcements.dismiss", json!({ "announcementId": "ab".repeat(16) }));
    ada.refused_as("invalid", "announcements.dismiss", json!({ "announcementId": "nothing" }));
    assert!(shown(&ada).is_empty() && shown(&grace).is_empty(), "nobody was told anything");
    // Hostile words arrive as what they are.
    let hostile = format!("<script>alert(1)</script> \u{202e}abc {}", "e\u{301}\u{301}".repeat(300));
    announce(&ada, &hostile, 60);
    wait_until("grace is told", ARRIVES_WITHIN, || messages(&grace) == [hostile.clone()]);
}

#[test]
fn c30_what_administrators_call_at_the_moment_of_a_drop_settles() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let sent: Vec<_> = (0..4)
        .map(|number| {
            let params =
                json!({ "userId": grace.user_id(), "title": "Hello", "body": number.to_string(), "level": "info" });
            ada.begin("notifications.send", params)
        })
        .collect();
    world.server.kill();
    let within = Duration::from_secs(15);
    for pending in sent {
        if let Err(refused) = pending.wait(within) {
            assert_eq!(refused.kind, "offline", "{refused:?}");
        }
    }
    ada.refused_as(
        "offline",
        "notifications.send",
        json!({ "userId": grace.user_id(), "title": "a", "body": "b", "level": "info" }),
    );
    ada.refused_as("offline", "admin.announce", json!({ "message": "a", "level": "info" }));
    world.server.start_again();
    for person in [&ada, &grace] {
        person.wait_server("online", ARRIVES_WITHIN);
    }
    let last = notify(&ada, &grace, "and now");
    wait_notified(&grace, &last);
    let ids: Vec<Value> = grace
        .events(|event| event["type"] == "notification.new")
        .into_iter()
        .map(|event| event["notification"]["notificationId"].clone())
        .collect();
    let distinct: std::collections::BTreeSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!(ids.len(), distinct.len(), "each was told once");
}
