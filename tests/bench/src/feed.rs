//! What a feed costs where it is large: 10,000 posts, 100,000 likes and 10,000 comments by ten people.
//!
//! The ten write without a disk (`member`), each in the order of time, so that likes and comments of a post lie beside it
//! in every chain. What is measured are clients and a server as they are shipped, and for a like two engines in this
//! process, as for a message (`chat`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use momoland_engine::api::events::Event;
use momoland_engine::api::types::FeedOrder;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::Action;
use momoland_protocol::feed::{CommentContent, LikeContent, PostContent};
use serde_json::{Value, json};
use support::{Momo, PASSWORD, Server, free_port, http};

use crate::bare_relay::BareRelay;
use crate::figure::{self, Samples, Target};
use crate::http_load;
use crate::member::{self, Member};
use crate::memory::Memory;
use crate::person::Person;

const PEOPLE: usize = 10;
const POSTS: usize = 10_000;
const POSTS_SMALL: usize = 100;

/// Between two posts, so that all lie within the ten minutes that a clock may be ahead.
const POST_EVERY_MS: u64 = 10;

const LIKES: usize = 200;
const WARM_UP: usize = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// Newcomers, and restarts of somebody who has the feed.
const NEWCOMERS: usize = 3;
const STARTS: usize = 7;
const PAGE: usize = 20;

/// Until a feed of this size is with somebody, on a busy machine.
const WHOLE_WITHIN: Duration = Duration::from_secs(120);
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const SETTLE: Duration = Duration::from_secs(3);

const CONNECTIONS: usize = 32;
const ASKING: Duration = Duration::from_secs(2);
const ASKING_ROUNDS: usize = 5;

/// `false` where a promise was not kept.
pub(crate) async fn measure(folder: &Path) -> bool {
    let mut kept = likes(&made(folder.join("likes"))).await;
    let small = Grown::new(&made(folder.join("small")), POSTS_SMALL).await;
    let reference = small.reader("small");
    let large = Grown::new(&made(folder.join("large")), POSTS).await;
    kept &= large.newcomers();
    let reader = large.reader("large");
    kept &= starts(&reader, &reference);
    kept &= large.asked_over_http(folder).await;
    reader.close();
    reference.close();
    kept
}

/// From one person's `feed.like` to the other's new ranking.
async fn likes(folder: &Path) -> bool {
    let server = Server::start(folder, &[("LOG", "warn")]);
    let ada = Person::register(&server, folder, "ada").await;
    let mut grace = Person::register(&server, folder, "grace").await;
    let room = ada.share_room(&grace).await;
    let mut posts = Vec::new();
    for title in ["older", "newer"] {
        let post = json!({ "roomId": room, "title": title, "body": "" });
        posts.push(ada.ask("feed.publish", post).await["postId"].as_str().expect("an id").to_owned());
        grace.hear_event(|event| matches!(event, Event::PostNew { post } if post.title == title)).await;
    }
    let mut ours = Samples::default();
    for number in 0..WARM_UP + LIKES {
        // With its like the older one leads, without it the newer.
        let on = number % 2 == 0;
        let first = posts[usize::from(!on)].clone();
        let begun = Instant::now();
        let liking = ada.ask("feed.like", json!({ "postId": posts[0], "on": on }));
        let ranked = grace.hear_event(|event| {
            matches!(event, Event::RankingChanged { order: FeedOrder::Top, post_ids, .. } if post_ids.first() == Some(&first))
        });
        let ((), took) = tokio::join!(async { drop(liking.await) }, async {
            ranked.await;
            begun.elapsed()
        });
        if number >= WARM_UP {
            ours.push_ms(took);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let kept = figure::print_beside("feed.like_to_ranked.direct", "ms", &ours, None, Target::AtMost(10.0));
    ada.close().await;
    grace.close().await;
    kept
}

/// A server with a public feed of so many posts, each with ten likes and a comment.
struct Grown {
    server: Server,
    folder: PathBuf,
    posts: usize,
}

impl Grown {
    async fn new(folder: &Path, posts: usize) -> Self {
        // Everybody here has one address; no rate of theirs is to be measured.
        let settings = [("LOG", "warn"), ("REQUESTS_PER_MINUTE", "10000000")];
        let mut server = Server::prepare(folder, free_port(), &settings);
        let registered = member::register(server.data(), PEOPLE);
        server.start_again();
        let mut people = Vec::new();
        for who in registered {
            let mut person = Member::connect(server.port(), who).await;
            let room = person.public_feed().await;
            person.disconnect().await;
            people.push((person, room));
        }
        let began = UnixMillis::now();
        for number in 0..posts {
            let at = UnixMillis(began.0 + number as u64 * POST_EVERY_MS);
            let content = PostContent {
                title: format!("What happened on day {number}"),
                body: format!("Something **worth telling** happened on day {number}. ").repeat(6),
                tags: vec!["bench".to_owned()],
                sent_at: at,
            };
            let (author, room) = &mut people[number % PEOPLE];
            let post = author.append(*room, Action::PUBLISH, Vec::new(), &content, at).await;
            for (person, room) in &mut people {
                person.append(*room, Action::LIKE, vec![post], &LikeContent { on: true }, at).await;
            }
            let (commenter, room) = &mut people[(number + 1) % PEOPLE];
            let content = CommentContent { text: format!("So it is, on day {number}."), sent_at: at };
            commenter.append(*room, Action::COMMENT, vec![post], &content, at).await;
        }
        for (person, _) in &mut people {
            person.reconnect(server.port()).await;
            person.disconnect().await;
        }
        Self { server, folder: folder.to_owned(), posts }
    }

    fn person(&self, name: &str) -> Momo {
        let momo = Momo::start(&self.folder, name);
        momo.register(&self.server.address(), PASSWORD);
        momo.wait_server("online", WHOLE_WITHIN);
        momo
    }

    /// Until somebody who has nothing of it reads the newest posts, from their first question on.
    fn newcomers(&self) -> bool {
        let mut ours = Samples::default();
        for number in 0..NEWCOMERS {
            let newcomer = self.person(&format!("newcomer-{number}"));
            let begun = Instant::now();
            while page(&newcomer).len() < PAGE {
                assert!(begun.elapsed() < WHOLE_WITHIN, "the newest posts do not come");
                std::thread::sleep(LOOK_PAUSE);
            }
            ours.push_ms(begun.elapsed());
            newcomer.close();
        }
        figure::print_beside("feed.first_page.newcomer", "ms", &ours, None, Target::AtMost(1_000.0))
    }

    /// Somebody who has all of it.
    fn reader(&self, name: &str) -> Momo {
        let reader = self.person(name);
        let begun = Instant::now();
        while !is_whole(&reader, self.posts) {
            assert!(begun.elapsed() < WHOLE_WITHIN, "the feed does not come whole");
            std::thread::sleep(SETTLE / 3);
        }
        reader
    }

    /// Pages over HTTP, beside a bare handler that answers with the same bytes.
    async fn asked_over_http(&self, folder: &Path) -> bool {
        let path = "/v1/feed?order=hot";
        let answer = http::get(self.server.port(), path).expect("an answer").text();
        let file = folder.join("answer.json");
        std::fs::write(&file, &answer).expect("the folder takes a file");
        let bare = BareRelay::start_with(Some(&file));
        let (mut ours, mut beside) = (Samples::default(), Samples::default());
        for _ in 0..ASKING_ROUNDS {
            ours.push(http_load::requests_per_second(self.server.port(), path, CONNECTIONS, ASKING).await);
            beside.push(http_load::requests_per_second(bare.port, "/bytes", CONNECTIONS, ASKING).await);
        }
        figure::print_beside("feed.http_pages/bare_axum", "1/s", &ours, Some(&beside), Target::RatioAtLeast(0.5))
    }
}

/// Somebody who has a large feed starts again: the first page, and what it holds beside one who has a small one.
fn starts(large: &Momo, small: &Momo) -> bool {
    let (mut first, mut beside, mut asked) = (Samples::default(), Samples::default(), Samples::default());
    let (mut held, mut reference) = (Samples::default(), Samples::default());
    for number in 0..STARTS {
        for (momo, samples) in [(large, &mut first), (small, &mut beside)] {
            momo.close();
            let begun = Instant::now();
            momo.start_again();
            momo.ask("account.whoami", json!({}));
            let ready = Instant::now();
            assert_eq!(page(momo).len(), PAGE, "it has the feed");
            samples.push_ms(begun.elapsed());
            if std::ptr::eq(momo, large) {
                asked.push_ms(ready.elapsed());
            }
        }
        if number % 3 == 0 {
            std::thread::sleep(SETTLE);
            for (momo, samples) in [(large, &mut held), (small, &mut reference)] {
                samples.push(Memory::of(momo.pid()).rss_kib / 1024.0);
            }
        }
    }
    let mut kept = figure::print_beside("feed.first_page.cold", "ms", &asked, None, Target::AtMost(100.0));
    figure::print("feed.start_to_first_page/small_feed", "ms", &first, Some(&beside));
    kept &=
        figure::print_beside("feed.client_rss/small_feed", "MiB", &held, Some(&reference), Target::RatioAtMost(1.5));
    kept
}

fn page(by: &Momo) -> Vec<Value> {
    let page = by.ask("feed.list", json!({ "limit": PAGE }));
    page["posts"].as_array().expect("a list").clone()
}

/// Whether somebody has every post with its likes and comments.
fn is_whole(by: &Momo, posts: usize) -> bool {
    let (mut read, mut before) = (BTreeSet::new(), Value::Null);
    loop {
        let mut params = json!({ "limit": 200 });
        if !before.is_null() {
            params["before"] = before;
        }
        let Ok(mut page) = by.call("feed.list", params) else { return false };
        for post in page["posts"].as_array().expect("a list") {
            if post["likesCount"] == PEOPLE && post["commentsCount"] == 1 {
                read.insert(post["postId"].to_string());
            }
        }
        before = page["next"].take();
        if before.is_null() {
            return read.len() == posts;
        }
    }
}

fn made(folder: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
