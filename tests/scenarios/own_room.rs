//! What a person chose is the same on all of their devices: it lies in a room of their own, which nobody sees.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::id::{AccountId, ServerKey};
use momoland_protocol::roster::Genesis;
use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, http, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// Ada's two devices, a room of hers with Grace in it, and Grace.
struct Stage {
    world: World,
    ada: Momo,
    laptop: Momo,
    grace: Momo,
    room: String,
}

impl Stage {
    fn new() -> Self {
        let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
        let room = world.room_of(&[&ada, &grace]);
        let laptop = second_device(&world, &ada, "ada-laptop");
        wait_until("the laptop is in the room", ARRIVES_WITHIN, || laptop.room(&room).is_some());
        Self { world, ada, laptop, grace, room }
    }

    fn devices(&self) -> [&Momo; 2] {
        [&self.ada, &self.laptop]
    }

    fn on_both(&self, what: &str, holds: impl Fn(&Momo) -> bool) {
        for device in self.devices() {
            wait_until(&format!("{what} on {}", device.name()), ARRIVES_WITHIN, || holds(device));
        }
    }

    fn wants(&self, device: &Momo) -> (String, bool) {
        let room = device.room(&self.room).expect("it is in the room");
        let notify = room["notify"].as_str().expect("a level").to_owned();
        (notify, room["favourite"].as_bool().expect("whether"))
    }

    fn set_notify(&self, device: &Momo, level: &str) {
        device.ask("rooms.setNotify", json!({ "roomId": self.room, "level": level }));
    }

    /// Empty where there is none.
    fn draft(&self, device: &Momo) -> String {
        device.room(&self.room).expect("it is in the room")["draft"].as_str().unwrap_or_default().to_owned()
    }

    fn set_draft(&self, device: &Momo, text: &str) {
        device.ask("drafts.set", json!({ "roomId": self.room, "text": text }));
    }
}

fn second_device(world: &World, of: &Momo, name: &str) -> Momo {
    let second = world.stranger(name);
    second.log_in(&world.server.address(), of.name(), PASSWORD);
    second.wait_server("online", ARRIVES_WITHIN);
    second
}

fn set_online(device: &Momo, online: bool) {
    device.ask("net.setOnline", json!({ "online": online }));
    if online {
        device.wait_server("online", ARRIVES_WITHIN);
    }
}

fn unread(device: &Momo) -> u64 {
    device.ask("notifications.list", json!({}))["unreadCount"].as_u64().expect("a count")
}

fn put_away(device: &Momo, id: &str) {
    device.ask("notifications.markRead", json!({ "notificationId": id }));
}

#[test]
fn what_is_chosen_on_one_device_counts_on_the_other_and_its_room_is_nowhere_seen() {
    let stage = Stage::new();
    let Stage { world, ada, laptop, grace, room } = &stage;
    let mark = laptop.mark();
    stage.set_notify(ada, "none");
    ada.ask("rooms.setFavourite", json!({ "roomId": room, "on": true }));
    stage.on_both("both", |device| stage.wants(device) == ("none".to_owned(), true));
    laptop.wait_event(mark, "the change", ARRIVES_WITHIN, |event| {
        event["type"] == "room.changed" && event["room"]["notify"] == "none"
    });
    assert_eq!(stage.wants(grace), ("all".to_owned(), false), "it is nobody else's business");
    // Back again, by the other one; and a third device that comes later.
    laptop.ask("rooms.setFavourite", json!({ "roomId": room, "on": false }));
    stage.on_both("no favourite any more", |device| stage.wants(device) == ("none".to_owned(), false));
    for device in stage.devices() {
        device.kill_and_start_again();
        assert_eq!(stage.wants(device), ("none".to_owned(), false));
    }
    let tablet = second_device(world, ada, "ada-tablet");
    wait_until("the tablet knows", ARRIVES_WITHIN, || {
        tablet.room(room).is_some() && stage.wants(&tablet) == ("none".to_owned(), false)
    });

    // Nobody sees the room in which it lies.
    let about = http::get(world.server.port(), "/.well-known/momoland").expect("an answer").json();
    let server = URL_SAFE_NO_PAD.decode(about["serverKey"].as_str().expect("a key")).expect("base64");
    let server = ServerKey::try_from(server.as_slice()).expect("32 bytes");
    let account: AccountId = ada.user_id().parse().expect("an id");
    let own = Genesis::Own { server, account }.room().to_string();
    for device in stage.devices() {
        let rooms = device.ask("rooms.list", json!({}))["rooms"].clone();
        assert_eq!(rooms.as_array().map(Vec::len), Some(1), "{rooms}");
        assert!(device.events(|event| event.to_string().contains(&own)).is_empty(), "no event is about it");
        let activities = device.ask("activity.list", json!({})).to_string();
        assert!(!activities.contains(&own), "{activities}");
    }
    let directory = grace.ask("rooms.directory", json!({})).to_string();
    assert!(!directory.contains(&own), "{directory}");
    let of_own = |more: Value| {
        let mut params = json!({ "roomId": own });
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        params
    };
    for (method, more) in [
        ("rooms.members", json!({})),
        ("rooms.leave", json!({})),
        ("rooms.invite", json!({})),
        ("rooms.join", json!({})),
        ("rooms.update", json!({ "name": "mine" })),
        ("rooms.remove", json!({ "userId": grace.user_id() })),
        ("rooms.setRole", json!({ "userId": ada.user_id(), "role": "reader" })),
        ("rooms.setNotify", json!({ "level": "none" })),
        ("rooms.setFavourite", json!({ "on": true })),
        ("messages.send", json!({ "text": "note to self" })),
        ("messages.list", json!({})),
        ("drafts.set", json!({ "text": "note to self" })),
        ("typing.set", json!({ "typing": true })),
        ("docs.create", json!({ "title": "mine", "editing": "author" })),
        ("feed.publish", json!({ "title": "mine", "body": "" })),
        ("activity.list", json!({})),
    ] {
        ada.refused_as("not_found", method, of_own(more));
    }
}

// Rules: RG4
#[test]
fn what_was_chosen_offline_survives_and_the_later_choice_counts() {
    let stage = Stage::new();
    let Stage { ada, laptop, .. } = &stage;
    for (first, later) in [(ada, laptop), (laptop, ada)] {
        stage.set_notify(ada, "all");
        stage.on_both("as at first", |device| stage.wants(device).0 == "all");
        for device in stage.devices() {
            set_online(device, false);
        }
        stage.set_notify(first, "none");
        // Clocks of two devices differ by what the server's word takes to each: later is what a person would call so.
        std::thread::sleep(Duration::from_secs(2));
        stage.set_notify(later, "mentions");
        for device in stage.devices() {
            device.kill();
            device.start_again();
            device.wait_server("online", ARRIVES_WITHIN);
        }
        stage.on_both("the later one", |device| stage.wants(device).0 == "mentions");
    }
}

#[test]
fn a_draft_goes_on_where_it_was_left_on_the_other_device() {
    let stage = Stage::new();
    let Stage { world, ada, laptop, room, .. } = &stage;
    let mark = laptop.mark();
    for length in 1..=40 {
        stage.set_draft(ada, &"half a sentence, and then another"[..length.min(33)]);
    }
    stage.on_both("the draft", |device| stage.draft(device) == "half a sentence, and then another");
    let told = laptop.events_since(mark);
    let told =
        told.iter().filter(|event| event["type"] == "room.changed" && event["room"]["draft"].is_string()).count();
    assert!(told <= 6, "keys are gathered, and not told one by one: {told}");
    let drafts = laptop.ask("drafts.list", json!({}))["drafts"].clone();
    assert_eq!((&drafts[0]["roomId"], drafts.as_array().map(Vec::len)), (&json!(room), Some(1)));
    // With what it answers.
    let origin = ada.send(room, "whoever answers this");
    let answer = json!({ "roomId": room, "text": "half a sentence, and then another", "replyTo": origin });
    ada.ask("drafts.set", answer);
    stage.on_both("what it answers", |device| {
        device.room(room).is_some_and(|room| room["draftReplyTo"] == json!(origin))
    });
    // Sent there: there is none any more, here either.
    laptop.send(room, "half a sentence, and then another");
    stage.set_draft(laptop, "");
    stage.on_both("no draft", |device| stage.draft(device).is_empty());
    // The last keys before an end are not lost.
    stage.set_draft(laptop, "one");
    stage.set_draft(laptop, "one more");
    laptop.close();
    laptop.start_again();
    stage.on_both("the last keys", |device| stage.draft(device) == "one more");

    // What is too long to be shared stays where it is, and nothing that is written elsewhere replaces it.
    let long = "long ".repeat(2_000);
    stage.set_draft(ada, &long);
    wait_until("the laptop has none", ARRIVES_WITHIN, || stage.draft(laptop).is_empty());
    stage.set_draft(laptop, "short");
    let tablet = second_device(world, ada, "ada-tablet");
    wait_until("the tablet has the short one", ARRIVES_WITHIN, || {
        tablet.room(room).is_some() && stage.draft(&tablet) == "short"
    });
    ada.kill_and_start_again();
    assert_eq!(stage.draft(ada), long);
    stage.set_draft(ada, "shorter");
    stage.on_both("short enough again", |device| stage.draft(device) == "shorter");
    // It goes with the room.
    ada.ask("rooms.leave", json!({ "roomId": room }));
    for device in stage.devices() {
        wait_until("no draft is left", ARRIVES_WITHIN, || device.ask("drafts.list", json!({}))["drafts"] == json!([]));
    }
}

#[test]
fn what_was_chosen_right_before_a_sign_out_is_not_lost() {
    let stage = Stage::new();
    let Stage { world, ada, laptop, room, .. } = &stage;
    stage.set_draft(laptop, "half");
    stage.on_both("the draft", |device| stage.draft(device) == "half");
    // Registers are not written with every key; a sign-out does not wait for the next one's turn.
    for text in ["half a", "half a sentence"] {
        stage.set_draft(laptop, text);
    }
    laptop.ask("account.logout", json!({}));
    wait_until("it is on the other device", ARRIVES_WITHIN, || stage.draft(ada) == "half a sentence");
    laptop.log_in(&world.server.address(), "ada", PASSWORD);
    wait_until("and here again", ARRIVES_WITHIN, || {
        laptop.room(room).is_some() && stage.draft(laptop) == "half a sentence"
    });
}

// Rules: SY24
#[test]
fn a_sign_out_says_that_what_was_chosen_offline_would_be_lost() {
    let mut stage = Stage::new();
    let would_lose = |device: &Momo| {
        device.refused_as("conflict", "account.logout", json!({})).data["count"].as_u64().expect("how much")
    };
    stage.world.server.kill();
    stage.laptop.wait_server_not_online(ARRIVES_WITHIN);
    stage.laptop.ask("rooms.setFavourite", json!({ "roomId": stage.room, "on": true }));
    assert_eq!(would_lose(&stage.laptop), 1);
    stage.set_notify(&stage.laptop, "none");
    stage.set_notify(&stage.laptop, "mentions");
    assert_eq!(would_lose(&stage.laptop), 2);
    // Whatever becomes of the device meanwhile, and whoever else is told.
    stage.laptop.kill_and_start_again();
    assert_eq!(would_lose(&stage.laptop), 2);
    stage.world.server.start_again();
    for device in stage.devices() {
        device.wait_server("online", ARRIVES_WITHIN);
    }
    stage.on_both("both", |device| stage.wants(device) == ("mentions".to_owned(), true));
    // Now the server has it, and nothing would be lost.
    let Stage { world, ada, laptop, room, .. } = &stage;
    let log_in_again = || {
        laptop.log_in(&world.server.address(), "ada", PASSWORD);
        set_online(laptop, true);
        wait_until("all of it is here again", ARRIVES_WITHIN, || {
            laptop.room(room).is_some() && stage.wants(laptop) == ("mentions".to_owned(), true)
        });
    };
    laptop.ask("account.logout", json!({}));
    log_in_again();
    set_online(laptop, false);
    stage.set_notify(laptop, "all");
    assert_eq!(would_lose(laptop), 1);
    laptop.ask("account.logout", json!({ "force": true }));
    log_in_again();
    assert_eq!(stage.wants(ada), ("mentions".to_owned(), true));
}

// Rules: RG5
#[test]
fn c52_what_is_put_away_on_two_devices_at_once_adds_up() {
    let stage = Stage::new();
    let Stage { ada, laptop, grace, room, .. } = &stage;
    let messages: Vec<String> = (0..5).map(|number| grace.send(room, &format!("@ada: {number}"))).collect();
    stage.on_both("all five", |device| unread(device) == 5);
    let mark = laptop.mark();
    put_away(ada, &messages[0]);
    stage.on_both("one less", |device| unread(device) == 4);
    let told = laptop.wait_event(mark, "what was put away elsewhere", ARRIVES_WITHIN, |event| {
        event["type"] == "notification.changed" && event["state"] == "read"
    });
    assert_eq!((&told["unreadCount"], &told["notificationIds"]), (&json!(4), &json!([messages[0]])));
    for device in stage.devices() {
        set_online(device, false);
    }
    put_away(ada, &messages[1]);
    put_away(laptop, &messages[2]);
    put_away(laptop, &messages[2]);
    assert_eq!((unread(ada), unread(laptop)), (3, 3));
    for device in stage.devices() {
        set_online(device, true);
    }
    stage.on_both("what both put away", |device| unread(device) == 2);
    let read = |device: &Momo| -> Vec<bool> {
        let list = device.ask("notifications.list", json!({}))["notifications"].clone();
        list.as_array().expect("a list").iter().map(|each| each["read"] == true).collect()
    };
    for device in stage.devices() {
        assert_eq!(read(device), [false, false, true, true, true]);
        device.kill_and_start_again();
        assert_eq!(unread(device), 2);
    }
    // All at once, while one of the others is deleted, edited and muted: never below zero, and the room stays unread.
    laptop.ask("notifications.markRead", json!({}));
    grace.ask("messages.delete", json!({ "roomId": room, "messageId": messages[4] }));
    stage.on_both("nothing", |device| unread(device) == 0);
    stage.set_notify(ada, "none");
    stage.set_notify(ada, "all");
    let count = |device: &Momo| device.room(room).expect("a room")["unreadCount"].as_u64();
    stage.on_both("four to read", |device| count(device) == Some(4) && unread(device) == 0);
    // Read to the end here, and counted as unread again there.
    ada.ask("messages.markRead", json!({ "roomId": room, "messageId": messages[3] }));
    stage.on_both("all read", |device| count(device) == Some(0));
    laptop.ask("messages.markUnread", json!({ "roomId": room, "messageId": messages[2] }));
    stage.on_both("two unread again", |device| count(device) == Some(2));
    for device in stage.devices() {
        device.kill_and_start_again();
        assert_eq!(count(device), Some(2));
    }
    let last = grace.send(room, "the last");
    stage.on_both("three", |device| count(device) == Some(3));
    ada.ask("messages.markRead", json!({ "roomId": room, "messageId": last }));
    stage.on_both("all read again", |device| count(device) == Some(0) && unread(device) == 0);
}

#[test]
fn notes_announcements_and_whom_one_follows_are_the_same_on_all_devices() {
    let stage = Stage::new();
    let Stage { world, ada, laptop, grace, .. } = &stage;
    // The first account administers the server.
    let noted = ada.call(
        "notifications.send",
        json!({ "userId": ada.user_id(), "title": "To you", "body": "alone", "level": "info" }),
    );
    let noted = noted.expect("she administers it")["notificationId"].as_str().expect("an id").to_owned();
    let told = ada.ask("admin.announce", json!({ "message": "Low water", "level": "info" }));
    let announced = told["announcementId"].as_str().expect("an id").to_owned();
    let shown = |device: &Momo| device.ask("announcements.list", json!({}))["announcements"].as_array().map(Vec::len);
    stage.on_both("both told", |device| unread(device) == 1 && shown(device) == Some(1));
    let mark = ada.mark();
    put_away(laptop, &noted);
    laptop.ask("announcements.dismiss", json!({ "announcementId": announced }));
    stage.on_both("both put away", |device| unread(device) == 0 && shown(device) == Some(0));
    ada.wait_event(mark, "the announcement's end", ARRIVES_WITHIN, |event| event["type"] == "announcement.gone");
    laptop.ask("feed.follow", json!({ "userId": grace.user_id(), "on": true }));
    let following = |device: &Momo| device.ask("feed.following", json!({}))["people"].as_array().map(Vec::len);
    stage.on_both("followed", |device| following(device) == Some(1));
    ada.wait_event(mark, "whom she follows", ARRIVES_WITHIN, |event| event["type"] == "follow.changed");
    // On a device that comes later, too, and it is not told again.
    let tablet = second_device(world, ada, "ada-tablet");
    wait_until("the tablet follows", ARRIVES_WITHIN, || following(&tablet) == Some(1));
    wait_until("it is told, and it is away", ARRIVES_WITHIN, || shown(&tablet) == Some(0) && unread(&tablet) == 0);
    ada.ask("feed.follow", json!({ "userId": grace.user_id(), "on": false }));
    stage.on_both("not followed", |device| following(device) == Some(0));
}

#[test]
fn what_a_lost_device_had_chosen_stays_when_it_is_put_out() {
    let stage = Stage::new();
    let Stage { world, ada, laptop, room, .. } = &stage;
    laptop.ask("rooms.setFavourite", json!({ "roomId": room, "on": true }));
    stage.on_both("the favourite", |device| stage.wants(device).1);
    let lost = laptop.ask("account.whoami", json!({}))["account"]["deviceId"].clone();
    ada.ask("account.revokeDevice", json!({ "deviceId": lost }));
    assert!(stage.wants(ada).1);
    ada.kill_and_start_again();
    assert!(stage.wants(ada).1);
    let tablet = second_device(world, ada, "ada-tablet");
    wait_until("the tablet knows", ARRIVES_WITHIN, || tablet.room(room).is_some() && stage.wants(&tablet).1);
    // The lost one learns nothing any more.
    stage.set_notify(ada, "none");
    wait_until("the tablet knows that, too", ARRIVES_WITHIN, || stage.wants(&tablet).0 == "none");
    assert_ne!(laptop.room(room).map(|room| room["notify"].clone()), Some(json!("none")));
}

#[test]
fn one_s_own_devices_agree_without_the_server_and_it_keeps_for_the_next_one_what_they_chose() {
    let (mut world, [ada]) = World::with_people(["ada"]);
    let room = world.room_of(&[&ada]);
    let laptop = second_device(&world, &ada, "ada-laptop");
    wait_until("the laptop is in the room", ARRIVES_WITHIN, || laptop.room(&room).is_some());
    wait_direct(&ada, &laptop);
    let is = |device: &Momo, what: &str, value: Value| device.room(&room).is_some_and(|room| room[what] == value);
    world.server.kill();
    for device in [&ada, &laptop] {
        device.wait_server_not_online(ARRIVES_WITHIN);
    }
    ada.ask("rooms.setNotify", json!({ "roomId": room, "level": "mentions" }));
    wait_until("the laptop hears of it", ARRIVES_WITHIN, || is(&laptop, "notify", json!("mentions")));
    // Where all devices are linked the server is sent what they bring each other, and repeats nothing.
    world.server.start_again();
    for device in [&ada, &laptop] {
        device.wait_server("online", ARRIVES_WITHIN);
    }
    laptop.ask("rooms.setFavourite", json!({ "roomId": room, "on": true }));
    wait_until("she hears of it", ARRIVES_WITHIN, || is(&ada, "favourite", json!(true)));
    let message = laptop.send(&room, "the server has what came before this");
    laptop.wait_state(&room, &message, "relayed");
    for device in [&ada, &laptop] {
        set_online(device, false);
    }
    let tablet = second_device(&world, &ada, "ada-tablet");
    wait_until("the tablet has both from the server", ARRIVES_WITHIN, || {
        is(&tablet, "notify", json!("mentions")) && is(&tablet, "favourite", json!(true))
    });
}
