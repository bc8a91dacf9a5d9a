//! The feed: posts, likes and comments of a room's members, and of everybody in the server's public one.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, http, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn publish(who: &Momo, room: Option<&str>, title: &str) -> String {
    let mut params = json!({ "title": title, "body": format!("About **{title}**.") });
    if let Some(room) = room {
        params["roomId"] = json!(room);
    }
    who.ask("feed.publish", params)["postId"].as_str().expect("an id").to_owned()
}

fn posts(by: &Momo, params: Value) -> Vec<Value> {
    by.ask("feed.list", params)["posts"].as_array().expect("a list").clone()
}

fn titles(by: &Momo, params: Value) -> Vec<String> {
    posts(by, params).iter().map(|post| post["title"].as_str().expect("a title").to_owned()).collect()
}

fn post(by: &Momo, params: Value, post_id: &str) -> Option<Value> {
    posts(by, params).into_iter().find(|post| post["postId"] == post_id)
}

/// Opens the public feed, which is there once its administrator has been.
#[track_caller]
fn wait_public(by: &Momo) {
    wait_until("the public feed is there", ARRIVES_WITHIN, || by.call("feed.list", json!({})).is_ok());
}

// Rules: FE1
#[test]
fn everybody_reads_writes_and_likes_in_the_public_feed() {
    // They share no room; the first account administers.
    let (_world, [ada, grace, linus]) = World::with_people(["ada", "grace", "linus"]);
    wait_public(&ada);
    wait_public(&grace);
    let post_id = publish(&grace, None, "Low water");
    let told = ada.wait_event(0, "a new post", ARRIVES_WITHIN, |event| event["type"] == "post.new");
    assert_eq!((&told["post"]["postId"], &told["post"]["authorName"]), (&json!(post_id), &json!("grace")));
    ada.ask("feed.like", json!({ "postId": post_id, "on": true }));
    grace.wait_event(0, "a like", ARRIVES_WITHIN, |event| {
        event["type"] == "post.changed" && event["post"]["likesCount"] == 1
    });
    // Who comes later finds it as it is.
    wait_public(&linus);
    wait_until("linus has the post with its like", ARRIVES_WITHIN, || {
        post(&linus, json!({}), &post_id).is_some_and(|post| post["likesCount"] == 1 && post["liked"] == false)
    });
    let feeds = |by: &Momo| by.ask("rooms.list", json!({}))["rooms"].as_array().expect("a list").len();
    assert_eq!(feeds(&linus), 0, "the feed is no conversation");
    let listed = linus.ask("rooms.directory", json!({}));
    assert_eq!(listed["rooms"], json!([]));
    assert_eq!(linus.ask("presence.list", json!({}))["users"].as_array().map(Vec::len), Some(1), "nobody meets there");
    assert_eq!(linus.status()["peers"], json!([]), "and nobody is linked for it");
}

#[test]
fn likes_count_once_a_person_whatever_happens() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let post_id = publish(&ada, Some(&room), "Harbour day");
    let of_room = json!({ "roomId": room });
    wait_until("grace has the post", ARRIVES_WITHIN, || post(&grace, of_room.clone(), &post_id).is_some());
    // Both offline, liked and unliked over and over, then a crash.
    for person in [&ada, &grace] {
        person.ask("net.setOnline", json!({ "online": false }));
        for on in [true, true, false, true] {
            person.ask("feed.like", json!({ "postId": post_id, "on": on }));
        }
    }
    grace.kill_and_start_again();
    assert_eq!(post(&grace, of_room.clone(), &post_id).expect("it is there")["liked"], true);
    for person in [&ada, &grace] {
        person.ask("net.setOnline", json!({ "online": true }));
    }
    for person in [&ada, &grace] {
        wait_until("both likes are here", ARRIVES_WITHIN, || {
            post(person, of_room.clone(), &post_id).is_some_and(|post| post["likesCount"] == 2)
        });
    }
    grace.ask("feed.like", json!({ "postId": post_id, "on": false }));
    wait_until("one is taken back", ARRIVES_WITHIN, || {
        post(&ada, of_room.clone(), &post_id).is_some_and(|post| post["likesCount"] == 1)
    });
}

#[test]
fn comments_are_threads_and_go_with_their_post() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let post_id = publish(&ada, Some(&room), "Tides");
    let of_room = json!({ "roomId": room });
    wait_until("grace has the post", ARRIVES_WITHIN, || post(&grace, of_room.clone(), &post_id).is_some());
    let said = grace.ask("feed.comment", json!({ "postId": post_id, "text": "When?" }));
    let first = said["commentId"].as_str().expect("an id").to_owned();
    ada.wait_event(0, "a comment", ARRIVES_WITHIN, |event| {
        event["type"] == "comment.new" && event["comment"]["text"] == "When?"
    });
    ada.ask("feed.comment", json!({ "postId": post_id, "text": "At six.", "replyTo": first }));
    let thread = |by: &Momo| by.ask("feed.comments", json!({ "postId": post_id }))["comments"].clone();
    wait_until("grace has the answer", ARRIVES_WITHIN, || thread(&grace).as_array().map(Vec::len) == Some(2));
    assert_eq!(thread(&grace)[1]["replyTo"], json!(first));
    assert_eq!(post(&grace, of_room.clone(), &post_id).expect("there")["commentsCount"], 2);

    grace.ask("feed.delete", json!({ "postId": first }));
    wait_until("the comment is gone and its answer stays", ARRIVES_WITHIN, || {
        let thread = thread(&ada);
        thread[0]["deleted"] == true && thread[0]["text"] == "" && thread[1]["text"] == "At six."
    });
    // Somebody else's post: not as a member, but as the room's owner.
    grace.refused_as("forbidden", "feed.delete", json!({ "postId": post_id }));
    let by_grace = publish(&grace, Some(&room), "Mine");
    wait_until("ada has it", ARRIVES_WITHIN, || post(&ada, of_room.clone(), &by_grace).is_some());
    ada.ask("feed.delete", json!({ "postId": by_grace }));
    wait_until("it is gone", ARRIVES_WITHIN, || post(&grace, of_room.clone(), &by_grace).is_none());
    grace.refused_as("not_found", "feed.like", json!({ "postId": by_grace, "on": true }));
    grace.refused_as("not_found", "feed.comments", json!({ "postId": by_grace }));
}

#[test]
fn posts_are_edited_and_ranked() {
    let (_world, [ada, grace]) = World::with_people(["ada", "grace"]);
    wait_public(&ada);
    wait_public(&grace);
    let first = publish(&ada, None, "First");
    publish(&ada, None, "Second");
    wait_until("grace has both", ARRIVES_WITHIN, || titles(&grace, json!({})) == ["Second", "First"]);
    grace.refused_as("forbidden", "feed.edit", json!({ "postId": first, "title": "Mine" }));
    ada.ask("feed.edit", json!({ "postId": first, "title": "The first", "tags": ["tides", "boats"] }));
    wait_until("grace has the edit", ARRIVES_WITHIN, || {
        post(&grace, json!({}), &first).is_some_and(|post| {
            post["title"] == "The first" && post["tags"] == json!(["tides", "boats"]) && post["editedAt"].is_u64()
        })
    });
    let mark = ada.mark();
    grace.ask("feed.like", json!({ "postId": first, "on": true }));
    ada.wait_event(mark, "the ranking", ARRIVES_WITHIN, |event| {
        event["type"] == "ranking.changed" && event["order"] == "top" && event["postIds"][0] == first
    });
    assert_eq!(titles(&ada, json!({ "order": "top" })), ["The first", "Second"]);
    assert_eq!(titles(&ada, json!({ "order": "new" })), ["Second", "The first"]);
}

// Rules: FE4
#[test]
fn c63_pages_hold_still_while_the_feed_moves() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("harbour", "private");
    let _ = &world;
    let mut all: Vec<String> = (0..45).map(|at| publish(&ada, Some(&room), &format!("post {at}"))).collect();
    for order in ["new", "top", "hot"] {
        let mut read: Vec<String> = Vec::new();
        let mut taken_back = false;
        let mut cursor = Value::Null;
        loop {
            let mut params = json!({ "roomId": room, "order": order, "limit": 10 });
            if !cursor.is_null() {
                params["before"] = cursor.clone();
            }
            let page = ada.ask("feed.list", params);
            let ids = page["posts"].as_array().expect("a list").iter().map(|post| post["postId"].to_string());
            read.extend(ids.map(|id| id.trim_matches('"').to_owned()));
            cursor = page["next"].clone();
            if cursor.is_null() {
                break;
            }
            publish(&ada, Some(&room), "meanwhile");
            let unread = all.iter().find(|id| !read.contains(id)).expect("the list goes on");
            ada.ask("feed.like", json!({ "postId": unread, "on": true }));
            if !std::mem::replace(&mut taken_back, true) {
                ada.ask("feed.delete", json!({ "postId": read[0] }));
                all.retain(|id| *id != read[0]);
            }
        }
        let mut once = read.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), read.len(), "{order}: something was read twice");
        let missing: Vec<&String> = all.iter().filter(|id| !read.contains(id)).collect();
        assert!(missing.is_empty(), "{order}: skipped {missing:?}");
    }
    ada.refused_as("invalid", "feed.list", json!({ "roomId": room, "before": "nonsense" }));
    ada.refused_as("conflict", "feed.list", json!({ "roomId": room, "before": "1-10" }));
}

// Rules: FE5
#[test]
fn moderators_hide_and_show_again() {
    let (world, [ada, grace, linus]) = World::with_people(["ada", "grace", "linus"]);
    for person in [&ada, &grace, &linus] {
        wait_public(person);
    }
    let post_id = publish(&grace, None, "Low water");
    wait_until("all have the post", ARRIVES_WITHIN, || {
        [&ada, &linus].iter().all(|by| post(by, json!({}), &post_id).is_some())
    });
    let said = linus.ask("feed.comment", json!({ "postId": post_id, "text": "When?" }))["commentId"].clone();
    let hide = |on: bool, reason: &str| json!({ "postId": post_id, "on": on, "reason": reason });
    for person in [&grace, &linus] {
        person.refused_as("forbidden", "feed.hide", hide(true, ""));
    }
    ada.refused_as("invalid", "feed.hide", hide(true, "two\nlines"));
    ada.refused_as("invalid", "feed.hide", hide(true, &"x".repeat(201)));
    ada.refused_as("not_found", "feed.hide", json!({ "postId": "00".repeat(32), "on": true }));

    let mark = linus.mark();
    ada.ask("feed.hide", hide(true, "off topic"));
    let told = linus.wait_event(mark, "that it is hidden", ARRIVES_WITHIN, |event| {
        event["type"] == "post.changed" && event["post"]["hidden"]["name"] == "ada"
    });
    let hidden = &told["post"];
    assert_eq!((&hidden["title"], &hidden["body"], &hidden["deleted"]), (&json!(""), &json!(""), &json!(false)));
    assert_eq!(hidden["hidden"]["reason"], "off topic");
    for (method, params) in [
        ("feed.like", json!({ "postId": post_id, "on": true })),
        ("feed.comment", json!({ "postId": post_id, "text": "?" })),
        ("feed.comments", json!({ "postId": post_id })),
    ] {
        linus.refused_as("forbidden", method, params);
    }
    wait_until("its author still reads it, and what became of it", ARRIVES_WITHIN, || {
        post(&grace, json!({}), &post_id)
            .is_some_and(|post| post["title"] == "Low water" && post["hidden"]["name"] == "ada")
    });
    assert_eq!(post(&ada, json!({}), &post_id).expect("moderators see it")["body"], "About **Low water**.");
    let port = world.server.port();
    let public =
        || http::get(port, "/v1/feed").expect("an answer").text() + &http::get(port, "/feed.rss").expect("one").text();
    wait_until("the public does not read it", ARRIVES_WITHIN, || !public().contains("Low water"));
    linus.kill_and_start_again();
    assert_eq!(post(&linus, json!({}), &post_id).expect("it keeps its place")["hidden"]["reason"], "off topic");

    ada.ask("feed.hide", hide(false, ""));
    wait_until("it is back", ARRIVES_WITHIN, || {
        post(&linus, json!({}), &post_id).is_some_and(|post| post["title"] == "Low water" && post["hidden"].is_null())
    });
    wait_until("for the public, too", ARRIVES_WITHIN, || public().contains("Low water"));
    // A comment likewise.
    wait_until("the comment is here", ARRIVES_WITHIN, || {
        post(&ada, json!({}), &post_id).is_some_and(|post| post["commentsCount"] == 1)
    });
    ada.ask("feed.hide", json!({ "postId": said, "on": true }));
    let text = |by: &Momo| by.ask("feed.comments", json!({ "postId": post_id }))["comments"][0].clone();
    wait_until("grace sees that a comment is hidden", ARRIVES_WITHIN, || text(&grace)["hidden"]["name"] == "ada");
    assert_eq!((&text(&grace)["text"], &text(&linus)["text"]), (&json!(""), &json!("When?")));
}

// Rules: FE6
#[test]
fn curated_posting_is_for_those_who_are_listed() {
    let (world, [ada, grace, linus]) = World::with_people(["ada", "grace", "linus"]);
    for person in [&ada, &grace] {
        wait_public(person);
    }
    let early = publish(&grace, None, "Before");
    wait_until("ada has it", ARRIVES_WITHIN, || post(&ada, json!({}), &early).is_some());
    grace.refused_as("forbidden", "feed.setPosting", json!({ "posting": "curated" }));
    let list = |who: &Momo, on: bool| json!({ "userId": who.user_id(), "on": on });
    ada.refused_as("not_found", "feed.setAuthor", list(&linus, true));
    let mark = grace.mark();
    ada.ask("feed.setPosting", json!({ "posting": "curated" }));
    let told = grace.wait_event(mark, "that it is curated", ARRIVES_WITHIN, |event| event["type"] == "feed.changed");
    assert_eq!(told["policy"], json!({ "posting": "curated", "mayPost": false, "mayModerate": false }));
    let params = json!({ "title": "After", "body": "" });
    let refusal = grace.refused_as("forbidden", "feed.publish", params.clone());
    assert!(refusal.message.contains("curated"), "{}", refusal.message);
    grace.refused_as("forbidden", "feed.setAuthor", list(&grace, true));
    // What was before stays, and all else goes on.
    grace.ask("feed.comment", json!({ "postId": early, "text": "Still here." }));
    wait_public(&linus);
    wait_until("a newcomer reads what was before", ARRIVES_WITHIN, || titles(&linus, json!({})) == ["Before"]);
    linus.refused_as("forbidden", "feed.publish", params.clone());
    let port = world.server.port();
    assert_eq!(http::get(port, "/v1/feed").expect("an answer").json()["posts"][0]["title"], "Before");

    ada.ask("feed.setAuthor", list(&grace, true));
    ada.ask("feed.setAuthor", list(&grace, true));
    let authors = ada.ask("feed.authors", json!({}));
    assert_eq!(authors["authors"], json!([{ "userId": grace.user_id(), "name": "grace" }]));
    wait_until("grace may post", ARRIVES_WITHIN, || grace.call("feed.publish", params.clone()).is_ok());
    wait_until("linus reads it", ARRIVES_WITHIN, || titles(&linus, json!({})) == ["After", "Before"]);
    ada.ask("feed.setAuthor", list(&grace, false));
    wait_until("no longer", ARRIVES_WITHIN, || grace.call("feed.publish", params.clone()).is_err());
    ada.ask("feed.publish", json!({ "title": "A moderator's", "body": "" }));

    // A room's feed as well, from one peer to another.
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    ada.ask("feed.setPosting", json!({ "roomId": room, "posting": "curated" }));
    let of_room = json!({ "roomId": room, "title": "x", "body": "" });
    wait_until("grace heard of it", ARRIVES_WITHIN, || {
        grace.ask("feed.list", json!({ "roomId": room }))["policy"]["mayPost"] == false
    });
    grace.refused_as("forbidden", "feed.publish", of_room.clone());
    ada.ask("feed.setPosting", json!({ "roomId": room, "posting": "members" }));
    wait_until("everybody may again", ARRIVES_WITHIN, || grace.call("feed.publish", of_room.clone()).is_ok());
}

#[test]
fn who_follows_an_author_hears_of_what_they_publish() {
    let (world, [ada, grace, linus]) = World::with_people(["ada", "grace", "linus"]);
    for person in [&ada, &grace, &linus] {
        wait_public(person);
    }
    let old = publish(&ada, None, "Old");
    wait_until("grace has it", ARRIVES_WITHIN, || post(&grace, json!({}), &old).is_some());
    let follow = |who: &str, on: bool| json!({ "userId": who, "on": on });
    grace.refused_as("invalid", "feed.follow", follow(grace.user_id(), true));
    grace.refused_as("not_found", "feed.follow", follow(&"00".repeat(16), true));
    let mark = grace.mark();
    for _ in 0..2 {
        grace.ask("feed.follow", follow(ada.user_id(), true));
    }
    let followed = |event: &Value| event["type"] == "follow.changed";
    assert_eq!(grace.events_since(mark).iter().filter(|event| followed(event)).count(), 1, "it is told once");
    assert_eq!(grace.ask("feed.following", json!({}))["people"], json!([{ "userId": ada.user_id(), "name": "ada" }]));

    publish(&linus, None, "Somebody else's");
    let new = publish(&ada, None, "New");
    let told = grace.wait_event(mark, "a notification", ARRIVES_WITHIN, |event| event["type"] == "notification.new");
    let told = &told["notification"];
    assert_eq!((&told["kind"], &told["postId"], &told["body"]), (&json!("post"), &json!(new), &json!("New")));
    wait_until("all three are here", ARRIVES_WITHIN, || titles(&grace, json!({})).len() == 3);
    assert_eq!(titles(&grace, json!({ "followed": true })), ["New", "Old"]);
    assert_eq!(post(&grace, json!({}), &new).expect("it is here")["followed"], true);
    let listed = |by: &Momo| by.ask("notifications.list", json!({}))["notifications"].as_array().expect("a list").len();
    assert_eq!((listed(&grace), listed(&linus)), (1, 0), "nobody else hears, and of nobody else");
    // Others do not learn who follows whom, and a restart forgets nothing.
    assert_eq!(ada.events(followed).len(), 0);
    grace.kill_and_start_again();
    assert_eq!(titles(&grace, json!({ "followed": true })), ["New", "Old"]);
    assert_eq!(listed(&grace), 1);
    // What is taken back is not told of any more.
    ada.ask("feed.delete", json!({ "postId": new }));
    wait_until("the notification is gone", ARRIVES_WITHIN, || listed(&grace) == 0);
    grace.ask("feed.follow", follow(ada.user_id(), false));
    assert_eq!(titles(&grace, json!({ "followed": true })), [""; 0]);
    let last = publish(&ada, None, "Last");
    wait_until("grace has it", ARRIVES_WITHIN, || post(&grace, json!({}), &last).is_some());
    assert_eq!(listed(&grace), 0);
    // Whoever else signs in on this device next does not learn whom she followed.
    grace.ask("feed.follow", follow(ada.user_id(), true));
    grace.ask("account.logout", json!({ "force": true }));
    let linus = json!({ "server": world.server.address(), "handle": "linus", "password": PASSWORD });
    grace.ask("account.login", linus);
    assert_eq!(grace.ask("feed.following", json!({}))["people"], json!([]));
}

fn posts_now(by: &Momo, room: &str) -> Vec<String> {
    let posts = posts(by, json!({ "roomId": room, "limit": 200 }));
    posts.iter().map(|post| post["postId"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn the_public_feed_is_read_over_http() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    wait_public(&ada);
    wait_public(&grace);
    let post_id = publish(&grace, None, "A & B <rant>");
    let strange =
        grace.ask("feed.publish", json!({ "title": "", "body": "x\u{1d}y ]]> 😉\u{fffe} <script>alert(1)</script>" }));
    wait_until("ada has the post", ARRIVES_WITHIN, || post(&ada, json!({}), &post_id).is_some());
    ada.ask("feed.like", json!({ "postId": post_id, "on": true }));
    let port = world.server.port();
    let feed = |query: &str| http::get(port, &format!("/v1/feed{query}")).expect("an answer");
    wait_until("the like is at the server", ARRIVES_WITHIN, || {
        let posts = feed("?order=top").json()["posts"].clone();
        posts[0]["likesCount"] == 1 && posts[0]["authorName"] == "grace" && posts[0]["title"] == "A & B <rant>"
    });
    let page = feed("?limit=1").json();
    assert_eq!(page["posts"][0]["postId"], strange["postId"]);
    let rest = feed(&format!("?limit=1&before={}", page["next"].as_str().expect("it goes on"))).json();
    assert_eq!((&rest["posts"][0]["postId"], &rest["next"]), (&json!(post_id), &Value::Null));
    for bad in ["?order=best", "?limit=0", "?limit=101", "?limit=x", "?page=2", "?before=x"] {
        assert_eq!(feed(bad).status, 400, "{bad}");
    }
    assert_eq!(feed("?before=1-1").status, 409);

    let rss = || http::get(port, "/feed.rss").expect("an answer");
    assert_eq!(rss().header("content-type"), Some("application/rss+xml; charset=utf-8"));
    let text = rss().text();
    let document = roxmltree::Document::parse(&text).expect("well-formed XML");
    let of = |name: &str| -> Vec<String> {
        let items = document.descendants().filter(|node| node.has_tag_name("item"));
        let named = items.flat_map(|item| item.children().filter(|node| node.has_tag_name(name)));
        named.map(|node| node.text().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(of("title"), ["xy ]]> 😉 <script>alert(1)</script>", "A & B <rant>"]);
    assert_eq!(of("guid"), [strange["postId"].as_str().expect("an id"), &post_id]);

    // A restart of the server changes nothing; what is taken back leaves.
    world.server.kill();
    world.server.start_again();
    wait_until("the feed is there again", ARRIVES_WITHIN, || {
        feed("").json()["posts"].as_array().map(Vec::len) == Some(2)
    });
    grace.ask("feed.delete", json!({ "postId": post_id }));
    wait_until("it left", ARRIVES_WITHIN, || !rss().text().contains("rant"));
}

#[test]
fn what_is_no_post_is_refused() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = ada.create_room("harbour", "private");
    let _ = &world;
    let post =
        |title: &str, body: &str, tags: Value| json!({ "roomId": room, "title": title, "body": body, "tags": tags });
    for params in [
        post("", "  ", json!([])),
        post(&"x".repeat(201), "", json!([])),
        post("two\nlines", "", json!([])),
        post("t", &"x".repeat(32 * 1024 + 1), json!([])),
        post("t", "b\0", json!([])),
        post("t", "b", json!(["a", "a"])),
        post("t", "b", json!([""])),
        post("t", "b", json!(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"])),
    ] {
        ada.refused_as("invalid", "feed.publish", params);
    }
    let nothing = "00".repeat(32);
    for method in ["feed.like", "feed.comment", "feed.delete", "feed.edit", "feed.comments"] {
        let params = match method {
            "feed.like" => json!({ "postId": nothing, "on": true }),
            "feed.comment" => json!({ "postId": nothing, "text": "?" }),
            _ => json!({ "postId": nothing }),
        };
        ada.refused_as("not_found", method, params);
    }
    let post_id = publish(&ada, Some(&room), "t");
    ada.refused_as("invalid", "feed.comment", json!({ "postId": post_id, "text": "  " }));
    ada.refused_as("not_found", "feed.comment", json!({ "postId": post_id, "text": "?", "replyTo": nothing }));
    ada.refused_as("invalid", "feed.list", json!({ "roomId": room, "limit": 0 }));
    assert_eq!(posts_now(&ada, &room), [post_id]);
}
