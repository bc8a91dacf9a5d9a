//! Who did what in rooms: alike for everybody who is in them, and after every start.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, World, invite_and_join, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn list(person: &Momo, params: Value) -> Vec<Value> {
    person.ask("activity.list", params)["activities"].as_array().expect("a list").clone()
}

fn kinds(person: &Momo, room: &str) -> Vec<String> {
    let all = list(person, json!({ "roomId": room }));
    all.iter().map(|each| each["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn what_was_done_in_a_room_is_told_once_and_is_alike_for_everybody() {
    let (world, [ada, grace, mary]) = World::with_people(["ada", "grace", "mary"]);
    let room = world.room_of(&[&ada, &grace]);
    let in_room = |more: Value| {
        let mut params = json!({ "roomId": room });
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        params
    };
    ada.ask("rooms.update", in_room(json!({ "name": "the boat shed" })));
    ada.ask("rooms.setRole", in_room(json!({ "userId": grace.user_id(), "role": "moderator" })));
    invite_and_join(&ada, &mary, &room);
    ada.ask("rooms.remove", in_room(json!({ "userId": mary.user_id() })));
    let message = ada.send(&room, "low water at ten");
    ada.ask("messages.pin", in_room(json!({ "messageId": message, "on": true })));
    let doc = ada.ask("docs.create", in_room(json!({ "title": "Tide tables", "editing": "members" })));
    let post = ada.ask("feed.publish", in_room(json!({ "title": "We sail on Sunday", "body": "" })));
    let expected = [
        "post", "document", "pinned", "removed", "joined", "invited", "role", "renamed", "joined", "invited", "created",
    ];
    for person in [&ada, &grace] {
        wait_until("everything is there", ARRIVES_WITHIN, || kinds(person, &room) == expected);
        let all = list(person, json!({}));
        assert_eq!(all, list(person, in_room(json!({}))), "{} is in one room alone", person.name());
        let one = |kind: &str| all.iter().find(|each| each["kind"] == kind).expect("it is there").clone();
        assert!(all.iter().all(|each| each["roomId"] == *room && each["at"].as_u64().is_some_and(|at| at > 0)));
        assert_eq!(
            (&one("role")["targetUserId"], &one("role")["role"]),
            (&json!(grace.user_id()), &json!("moderator"))
        );
        assert_eq!(one("removed")["targetUserId"], mary.user_id());
        assert_eq!(
            (&one("renamed")["userId"], &one("renamed")["name"]),
            (&json!(ada.user_id()), &json!("the boat shed"))
        );
        assert_eq!(one("pinned")["messageId"], message);
        assert_eq!((&one("document")["docId"], &one("document")["name"]), (&doc["docId"], &json!("Tide tables")));
        assert_eq!((&one("post")["postId"], &one("post")["name"]), (&post["postId"], &json!("We sail on Sunday")));
        for each in &all {
            let told = person.events(|event| event["type"] == "activity.new" && event["activity"] == *each);
            assert!(told.len() <= 1, "{each} was told {} times", told.len());
        }
        let told = person.events(|event| event["type"] == "activity.new" && event["activity"]["kind"] == "post");
        assert_eq!(told.len(), 1, "{} is told as it happens", person.name());
        // Page by page it is the same list.
        let first = person.ask("activity.list", in_room(json!({ "limit": 4 })));
        let rest = list(person, in_room(json!({ "before": first["next"] })));
        let paged: Vec<Value> = first["activities"].as_array().expect("a list").iter().cloned().chain(rest).collect();
        assert_eq!(paged, all);
        person.kill_and_start_again();
        assert_eq!(list(person, json!({})), all);
    }
    // What is taken back is not said any longer, nor is what is nobody's business.
    ada.ask("messages.pin", in_room(json!({ "messageId": message, "on": false })));
    assert!(!kinds(&ada, &room).contains(&"pinned".to_owned()));
    mary.refused_as("not_found", "activity.list", in_room(json!({})));
    assert!(list(&mary, json!({})).is_empty());
    ada.refused_as("invalid", "activity.list", json!({ "roomId": "nothing" }));
    ada.refused_as("invalid", "activity.list", json!({ "limit": 1_001 }));
    ada.refused_as("invalid", "activity.list", json!({ "before": "nothing" }));
}
