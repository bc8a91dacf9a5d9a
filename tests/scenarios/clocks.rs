//! Clocks that are wrong: order, times of sending, what comes from the future.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::{Momo, PASSWORD, Proxy, World, clock, invite_and_join, wait_direct};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// How far ahead a message may be before its display waits (EV10).
const AHEAD: i64 = 600;

/// C32: `sentAt` is this close to the truth once its author is online.
const OFF_MS_MAX: u64 = 5_000;

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_millis()).expect("it is before the year 500,000,000")
}

#[track_caller]
fn person(world: &World, name: &str, off_by: i64) -> Momo {
    let momo = Momo::start_with(world.folder(), name, clock::off_by(off_by));
    momo.register(&world.server.address(), PASSWORD);
    momo.wait_server("online", ARRIVES_WITHIN);
    momo
}

/// Sends, and looks at the time that the message says, as another reads it.
#[track_caller]
fn say(author: &Momo, others: &[&Momo], room: &str, text: &str) {
    let before = now_ms();
    author.send(room, text);
    let after = now_ms();
    for other in others {
        let sent_at = other.wait_text(text)["sentAt"].as_u64().expect("a time");
        assert!(
            (before.saturating_sub(OFF_MS_MAX)..=after + OFF_MS_MAX).contains(&sent_at),
            "{} sent at {sent_at}, in truth between {before} and {after}",
            author.name()
        );
    }
}

#[test]
fn c32_people_with_wrong_clocks_read_one_conversation_in_the_order_in_which_it_was_held() {
    let world = World::new();
    let people = [person(&world, "ada", HOUR), person(&world, "grace", -2 * DAY), world.person("carol")];
    let [ada, grace, carol] = &people;
    let room = world.room_of(&[ada, grace, carol]);
    let mut expected = Vec::new();
    for (author, text) in [(ada, "ada 1"), (grace, "grace 1"), (ada, "ada 2"), (carol, "carol 1"), (grace, "grace 2")] {
        let others: Vec<&Momo> = people.iter().filter(|person| person.name() != author.name()).collect();
        say(author, &others, &room, text);
        expected.push(text.to_owned());
    }
    for person in &people {
        person.wait_texts(&room, &expected, ARRIVES_WITHIN);
        person.close();
        person.start_again();
        assert_eq!(person.texts(&room), expected, "{} after a restart", person.name());
    }
}

// Rules: EV10
#[test]
fn c32_a_message_from_the_future_waits_for_its_time_and_drags_nobodys_clock() {
    let mut world = World::new();
    let (ada, carol) = (world.person("ada"), world.person("carol"));
    let wire = Proxy::start(world.server.port());
    let grace = world.person_by_way_of("grace", &wire.address());
    let room = world.room_of(&[&ada, &carol]);
    invite_and_join(&ada, &grace, &room);
    grace.kill();

    // Without the server her clock is not put right, and she writes by it.
    wire.refuse();
    for (off_by, text) in [(AHEAD + 12, "in ten minutes"), (DAY, "tomorrow")] {
        grace.set_environment(clock::off_by(off_by));
        grace.start_again();
        grace.send(&room, text);
        grace.close();
    }
    wire.restore();
    grace.set_environment(Vec::new());
    grace.start_again();
    wait_direct(&ada, &grace);

    for (author, other, text) in
        [(&ada, &carol, "today"), (&carol, &ada, "today, too"), (&grace, &ada, "from her as well")]
    {
        if author.name() == grace.name() {
            // Behind tomorrow's in her chain, and so as late as that: she is the only one whom it holds up.
            author.send(&room, text);
        } else {
            say(author, &[other], &room, text);
        }
    }
    // Its ten minutes are nearly over by her clock of then.
    for person in [&ada, &carol] {
        person.wait_text_within("in ten minutes", Duration::from_secs(60));
        assert_eq!(sorted(person.texts(&room)), ["in ten minutes", "today", "today, too"], "tomorrow's wait");
    }
    // Nobody's clock was dragged along to tomorrow: what is said now is read now.
    say(&ada, &[&carol], &room, "and so on");
    // Tomorrow it is shown, with nobody there to ask.
    carol.close();
    world.server.kill();
    carol.set_environment(clock::off_by(DAY));
    carol.start_again();
    let texts = carol.texts(&room);
    assert_eq!(texts[texts.len() - 2..], ["tomorrow", "from her as well"]);
    assert_eq!(texts.len(), 6, "{texts:?}");
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}
