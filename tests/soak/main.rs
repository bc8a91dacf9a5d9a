//! `momoland-soak [--people N] [--rooms R] [--seconds S] [--seed X]`: many people talk for a long time while processes are
//! killed and people go offline and come back; then everything must be everywhere once, and nothing may have piled up.
//!
//! Called by `./dev soak`: 30 processes in one room of all and ten rooms of eight, for ten minutes. All are real and on
//! loopback, so peers link, part and link again all the time.
//!
//! Standard output ends with `N people, R rooms, M messages, K kills, F flaps: L lost, D doubled`, before it what processes
//! held at the beginning, after half of the time and at the end. The status is 1 where something was lost or doubled, or
//! where memory or open files grew in the second half beyond what the messages themselves take; the data and logs are kept
//! then.
//!
//! # Rules
//! 1. Who does what is a function of the seed; when it happens is the machine's to say.
//! 2. What all clients hold is compared, by the one that holds most: how many links each has is drawn anew with every kill,
//!    and who is killed begins anew. Most of what a client's memory grows by, it grows in its first minutes.
//!
//! Not here: what is lost at the moment of a kill (`tests/crash`), networks (`tests/nat`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever calls it from a terminal gets the result on standard output, and is told on standard error how it goes"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use support::split_mix::SplitMix;
use support::{Momo, PASSWORD, Server, Usage, free_port, invite_and_join, wait_until};

const USAGE: &str = "momoland-soak [--people N] [--rooms R] [--seconds S] [--seed X]";

/// In each of the smaller rooms.
const ROOM_OF: usize = 8;

/// Between two things that somebody does.
const STEP: Duration = Duration::from_millis(60);

/// Of so many steps one is a kill, and one somebody's going offline or coming back.
const KILL_EVERY: u64 = 120;
const FLAP_EVERY: u64 = 25;

/// For everybody to come into step, on a busy machine.
const IN_STEP_WITHIN: Duration = Duration::from_secs(300);
const ONLINE_WITHIN: Duration = Duration::from_secs(60);

/// After which a process has put its memory in order and closed what it does not need.
const SETTLE: Duration = Duration::from_secs(20);

/// What clients, and the server, may hold more at the end than after half of the time, beside what messages take.
const RSS_GROWTH_KIB_MAX: u64 = 6 * 1024;
/// Of all that is said; a client gets a third of that.
const RSS_OF_A_MESSAGE_KIB: u64 = 1;
const FILES_GROWTH_MAX: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    people: usize,
    rooms: usize,
    seconds: u64,
    seed: u64,
}

impl Wanted {
    /// `None` where it is not understood.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut wanted = Self { people: 30, rooms: 10, seconds: 600, seed: 1 };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value: u64 = arguments.next()?.parse().ok()?;
            let count = usize::try_from(value).ok()?;
            match name.as_str() {
                "--people" if count >= 2 => wanted.people = count,
                "--rooms" => wanted.rooms = count,
                "--seconds" => wanted.seconds = value,
                "--seed" => wanted.seed = value,
                _ => return None,
            }
        }
        Some(wanted)
    }
}

/// What came out.
#[derive(Debug, Default)]
struct Outcome {
    messages: usize,
    kills: usize,
    flaps: usize,
    lost: usize,
    doubled: usize,
    /// Whether somebody held more at the end than they may.
    grown: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = Wanted::parse(std::env::args().skip(1)) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    if std::env::var_os("MOMOLAND_BIN_DIR").is_none() {
        eprintln!(
            "MOMOLAND_BIN_DIR must name the folder of momo and momoland-server; `./dev soak` builds and sets it."
        );
        return ExitCode::from(2);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A panic says why, and that somebody did not come into step.
    let outcome = catch_unwind(AssertUnwindSafe(|| soak(folder.path(), &wanted)));
    let good = outcome.as_ref().is_ok_and(|outcome| outcome.lost + outcome.doubled == 0 && !outcome.grown);
    if !good {
        eprintln!("data and logs are kept in {}", folder.keep().display());
    }
    if let Ok(Outcome { messages, kills, flaps, lost, doubled, grown: _ }) = outcome {
        let Wanted { people, rooms, .. } = wanted;
        let rooms = rooms + 1;
        println!(
            "{people} people, {rooms} rooms, {messages} messages, {kills} kills, {flaps} flaps: {lost} lost, {doubled} doubled"
        );
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A room, who is in it, and everything that was said there and answered.
struct Room {
    id: String,
    members: Vec<usize>,
    said: Vec<String>,
}

fn soak(folder: &Path, wanted: &Wanted) -> Outcome {
    let mut server = Server::prepare(folder, free_port(), &[]);
    server.start_again();
    let people: Vec<Momo> = (0..wanted.people)
        .map(|number| {
            let person = Momo::start(folder, &format!("person{number}"));
            person.register(&server.address(), PASSWORD);
            person.wait_server("online", ONLINE_WITHIN);
            person
        })
        .collect();
    let mut rooms = vec![open(&people, "everybody", (0..people.len()).collect())];
    for number in 0..wanted.rooms {
        // Each begins with somebody else, so that everybody is in several.
        let members = (0..ROOM_OF.min(people.len())).map(|place| (number * 3 + place) % people.len()).collect();
        rooms.push(open(&people, &format!("room {number}"), members));
    }
    eprintln!("{} people in {} rooms", people.len(), rooms.len());
    std::thread::sleep(SETTLE);
    Held::look(&people, &mut server).tell("at the beginning");
    let mut outcome = Outcome::default();
    let mut draw = SplitMix::new(wanted.seed);
    let half = Duration::from_secs(wanted.seconds) / 2;
    bustle(&people, &mut rooms, &mut draw, half, &mut outcome);
    std::thread::sleep(SETTLE);
    let (before, said) = (Held::look(&people, &mut server), outcome.messages);
    before.tell("after half of the time");
    bustle(&people, &mut rooms, &mut draw, half, &mut outcome);
    std::thread::sleep(SETTLE);
    let after = Held::look(&people, &mut server);
    after.tell("at the end");
    outcome.grown = after.outgrew(&before, outcome.messages - said);
    outcome
}

/// For so long people talk, go and come back, and are killed; in the end all are there, and come into step.
fn bustle(people: &[Momo], rooms: &mut [Room], draw: &mut SplitMix, time: Duration, outcome: &mut Outcome) {
    let mut away = vec![false; people.len()];
    let until = Instant::now() + time;
    let mut below = |bound: usize| usize::try_from(draw.draw() % bound.max(1) as u64).unwrap_or(0);
    while Instant::now() < until {
        let step = below(usize::try_from(KILL_EVERY * FLAP_EVERY).unwrap_or(usize::MAX)) as u64;
        let who = below(people.len());
        if step.is_multiple_of(KILL_EVERY) {
            people[who].kill_and_start_again();
            // A process begins online.
            away[who] = false;
            outcome.kills += 1;
        } else if step.is_multiple_of(FLAP_EVERY) {
            away[who] = !away[who];
            people[who].ask("net.setOnline", json!({ "online": !away[who] }));
            outcome.flaps += 1;
        } else {
            let room = below(rooms.len());
            let room = &mut rooms[room];
            let who = room.members[below(room.members.len())];
            let text = format!("{} by {}", outcome.messages, people[who].name());
            people[who].send(&room.id, &text);
            room.said.push(text);
            outcome.messages += 1;
        }
        std::thread::sleep(STEP);
    }
    for person in people {
        person.ask("net.setOnline", json!({ "online": true }));
    }
    compare(people, rooms, outcome);
}

fn open(people: &[Momo], name: &str, members: Vec<usize>) -> Room {
    let [first, others @ ..] = members.as_slice() else { panic!("a room has somebody in it") };
    let id = people[*first].create_room(name, "private");
    for other in others {
        invite_and_join(&people[*first], &people[*other], &id);
    }
    Room { id, members, said: Vec::new() }
}

/// Waits until everybody has what was said in their rooms, and counts what is missing or there twice.
fn compare(people: &[Momo], rooms: &mut [Room], outcome: &mut Outcome) {
    for room in rooms {
        room.said.sort();
        for member in &room.members {
            let person = &people[*member];
            let until = Instant::now() + IN_STEP_WITHIN;
            let mut texts = person.texts(&room.id);
            while texts.len() < room.said.len() && Instant::now() < until {
                std::thread::sleep(STEP * 5);
                texts = person.texts(&room.id);
            }
            texts.sort();
            let before = texts.len();
            texts.dedup();
            outcome.doubled += before - texts.len();
            outcome.lost += room.said.iter().filter(|text| texts.binary_search(text).is_err()).count();
        }
    }
    for person in people {
        wait_until(&format!("{} is online", person.name()), ONLINE_WITHIN, || person.status()["server"] == "online");
    }
}

/// What processes hold at a moment.
#[derive(Debug)]
struct Held {
    clients: Vec<Usage>,
    /// Without the files of relayed addresses: one of a process that was killed is held until its time is over, ten minutes
    /// later.
    server: Usage,
}

impl Held {
    fn look(people: &[Momo], server: &mut Server) -> Self {
        let clients = people.iter().map(Momo::usage).collect();
        let relayed = server.metric("momoland_turn_allocations").unwrap_or_default() as usize;
        let usage = server.process().usage();
        Self { clients, server: Usage { files: usage.files.saturating_sub(relayed), ..usage } }
    }

    /// The middle one of the clients' values, and the greatest.
    fn middle(&self, of: impl Fn(&Usage) -> u64) -> (u64, u64) {
        let mut values: Vec<u64> = self.clients.iter().map(of).collect();
        values.sort_unstable();
        (values[values.len() / 2], values.last().copied().unwrap_or(0))
    }

    fn tell(&self, when: &str) {
        let (rss, rss_most) = self.middle(|usage| usage.rss_kib / 1024);
        let (files, files_most) = self.middle(|usage| usage.files as u64);
        let Usage { rss_kib, files: of_server, .. } = self.server;
        println!(
            "{when}: a client holds {rss} MiB (at most {rss_most}) and {files} files (at most {files_most}); the server {} MiB and \
             {of_server} files beside its relayed addresses",
            rss_kib / 1024,
        );
    }

    /// Whether this is more than `before` allows, after so many messages more.
    fn outgrew(&self, before: &Self, messages: usize) -> bool {
        let allowed = RSS_GROWTH_KIB_MAX + RSS_OF_A_MESSAGE_KIB * messages as u64;
        let most = |held: &Self| (held.middle(|usage| usage.rss_kib).1, held.middle(|usage| usage.files as u64).1);
        let server = |held: &Self| (held.server.rss_kib, held.server.files as u64);
        let grew = |(rss, files): (u64, u64), (rss_before, files_before): (u64, u64)| {
            rss > rss_before + allowed || files > files_before + FILES_GROWTH_MAX as u64
        };
        grew(most(self), most(before)) || grew(server(self), server(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_soak_loses_and_doubles_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let outcome = soak(folder.path(), &Wanted { people: 5, rooms: 2, seconds: 20, seed: 3 });
        assert!(outcome.messages > 50 && outcome.kills + outcome.flaps > 3, "{outcome:?}");
        assert_eq!((outcome.lost, outcome.doubled, outcome.grown), (0, 0, false), "{outcome:?}");
    }

    #[test]
    fn what_grows_is_found() {
        let usage = |mib: u64, files| Usage { rss_kib: mib * 1024, rss_peak_kib: 0, files, threads: 1 };
        let held = |clients: &[Usage], server| Held { clients: clients.to_vec(), server };
        let before = held(&[usage(20, 40), usage(40, 80)], usage(60, 50));
        let outgrew = |clients: &[Usage], server| held(clients, server).outgrew(&before, 1024);
        assert!(!outgrew(&[usage(46, 100), usage(20, 40)], usage(66, 70)), "of all that are there, the most");
        assert!(outgrew(&[usage(48, 40), usage(20, 40)], usage(60, 50)), "a client's memory");
        assert!(outgrew(&[usage(20, 105), usage(20, 40)], usage(60, 50)), "a client's files");
        assert!(outgrew(&[usage(20, 40), usage(20, 40)], usage(68, 50)), "the server's memory");
        assert!(outgrew(&[usage(20, 40), usage(20, 40)], usage(60, 75)), "the server's files");
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let parse = |line: &str| Wanted::parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(parse(""), Some(Wanted { people: 30, rooms: 10, seconds: 600, seed: 1 }));
        assert_eq!(parse("--people 4 --seconds 9"), Some(Wanted { people: 4, rooms: 10, seconds: 9, seed: 1 }));
        for bad in ["--people 1", "--people", "--fast 1", "people 3"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
