//! Two people talk: the path that everything else widens.

use serde_json::json;
use support::{World, wait_direct};

#[test]
fn two_people_chat_both_ways_over_a_direct_link() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);

    let hello = ada.send(&room, "hello");
    let heard = grace.wait_text("hello");
    assert_eq!(heard["messageId"], hello);
    assert_eq!(heard["author"], ada.user_id());
    let reply = grace.ask("messages.send", json!({ "roomId": room, "text": "hello yourself", "replyTo": hello }));
    assert_eq!(ada.wait_text("hello yourself")["replyTo"], hello);

    ada.wait_state(&room, &hello, "delivered");
    let expected = ["hello".to_owned(), "hello yourself".to_owned()];
    assert_eq!(ada.texts(&room), expected);
    assert_eq!(grace.texts(&room), expected);
    for person in [&ada, &grace] {
        for message in [hello.as_str(), reply["messageId"].as_str().expect("an id")] {
            assert_eq!(person.times_told(message), 1, "{} is told of each message once", person.name());
        }
        person.check_output();
    }
}
