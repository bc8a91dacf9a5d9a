//! A server, three people and a room, over which some runs go one after the other; and what is kept of them.
//!
//! # Invariants
//! 1. A message counts as acknowledged if and only if its `messages.send` was answered, whenever its author was killed.
//! 2. Each text is sent once, so a text that is listed twice was doubled.
//! 3. What is missing on its author's own disk is a loss, also where others have it. Test:
//!    `what_a_disk_lost_is_counted`.
//!
//! Not here: what is killed when (`plan`), counting over stages (`main`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Momo, World, wait_until};

use crate::plan::{Bout, PEOPLE, Plan};

const NAMES: [&str; PEOPLE] = ["ada", "grace", "carol"];

/// Acknowledged messages of a run, at least.
pub(crate) const ACKNOWLEDGED_MIN: usize = 50;

/// A send is answered from the author's own disk. Much longer than any commit: a machine may be busy.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Coming into step: a reconnection waits up to ten seconds, and several in a row may fail.
const IN_STEP_WITHIN: Duration = Duration::from_secs(60);

/// What came out of one run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    /// States that a kill took back, until they were told again.
    pub(crate) taken_back: usize,
}

/// Where runs take place.
#[derive(Debug)]
pub(crate) struct Stage {
    world: World,
    people: [Momo; PEOPLE],
    room: String,
    /// Acknowledged messages of all runs so far: text by id.
    acknowledged: BTreeMap<String, Acknowledged>,
    /// What each person was told.
    told: [Told; PEOPLE],
}

/// What one person was told of messages, by their ids.
#[derive(Debug, Default)]
struct Told {
    /// How many events were looked at.
    events: usize,
    /// Of which messages `message.new` told.
    new: BTreeSet<String>,
    /// The furthest states, over all lives of the process.
    ever: BTreeMap<String, usize>,
    /// The last states that events told in this life of the process,
    events_now: BTreeMap<String, usize>,
    /// and the last ones that lists told. The two may overtake each other.
    lists_now: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Acknowledged {
    author: usize,
    text: String,
}

impl Stage {
    pub(crate) fn open() -> Self {
        let world = World::new();
        let people = NAMES.map(|name| world.person(name));
        let [ada, grace, carol] = &people;
        let room = world.room_of(&[ada, grace, carol]);
        wait_until("everybody sees three members", IN_STEP_WITHIN, || {
            people.iter().all(|person| person.members(&room).len() == PEOPLE)
        });
        Self { world, people, room, acknowledged: BTreeMap::new(), told: Default::default() }
    }

    /// One run.
    ///
    /// # Panics
    /// Where something is lost, doubled, in another order, or does not come about; `tally` says how much by then.
    pub(crate) fn run(&mut self, number: u64, plan: &Plan, tally: &mut Tally) {
        let before = self.acknowledged.len();
        for (bout_number, bout) in plan.bouts.iter().enumerate() {
            self.bout(&format!("run {number} bout {bout_number}"), plan, bout);
            tally.acknowledged = self.acknowledged.len() - before;
            let away = plan.absent.filter(|_| bout_number + 1 == plan.bouts.len());
            self.return_from(bout, away, tally);
        }
        if let Some(absent) = plan.absent {
            self.wait_for_what_was_told(absent, tally);
            self.start(absent, tally);
            self.check_own_disk(absent, tally);
        }
        for calm in 0.. {
            if self.acknowledged.len() - before >= ACKNOWLEDGED_MIN {
                break;
            }
            let messages = self.write(&format!("run {number} calm {calm}"), plan.writers, 1, 10, &AtomicUsize::new(0));
            self.acknowledged.extend(messages);
            tally.acknowledged = self.acknowledged.len() - before;
        }
        self.wait_in_step(tally);
    }

    /// A newcomer who reaches nobody but the relay reads the same.
    pub(crate) fn close(self, tally: &mut Tally) {
        let newcomer = self.world.person("newcomer");
        newcomer.ask("net.setPolicy", json!({ "peers": "none" }));
        // Only just killed, the server may still be out of reach.
        self.people[0].wait_server("online", IN_STEP_WITHIN);
        newcomer.join(&self.people[0].invite(&self.room));
        let expected = identities(&self.people[0].messages(&self.room));
        let begun = Instant::now();
        loop {
            let found = identities(&newcomer.messages(&self.room));
            if found == expected {
                break;
            }
            if begun.elapsed() > IN_STEP_WITHIN {
                let ids: BTreeSet<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
                tally.lost += expected.iter().filter(|(id, _)| !ids.contains(id.as_str())).count();
                panic!(
                    "by the relay a newcomer gets {} of {} messages, or in another order",
                    found.len(),
                    expected.len()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Everybody writes, and the blow falls.
    fn bout(&mut self, what: &str, plan: &Plan, bout: &Bout) {
        let answers = AtomicUsize::new(0);
        let (people, server) = (&self.people, &mut self.world.server);
        let room = &self.room;
        let done = AtomicBool::new(false);
        let acknowledged = std::thread::scope(|scope| {
            let blow = scope.spawn(|| {
                // Where all writers end before: after the last of them.
                let begun = Instant::now();
                while answers.load(Ordering::Acquire) < bout.after_answers && !done.load(Ordering::Acquire) {
                    assert!(begun.elapsed() < ANSWERED_WITHIN, "{what}: nobody writes");
                    std::thread::sleep(Duration::from_micros(200));
                }
                std::thread::sleep(bout.aim);
                if bout.server {
                    server.kill();
                }
                for (person, _) in people.iter().zip(bout.people).filter(|(_, struck)| *struck) {
                    person.kill();
                }
            });
            let acknowledged = write(people, room, what, plan.writers, bout.window, bout.messages, &answers);
            done.store(true, Ordering::Release);
            blow.join().expect("the blow falls");
            acknowledged
        });
        self.acknowledged.extend(acknowledged);
    }

    fn write(
        &self,
        what: &str,
        writers: [bool; PEOPLE],
        window: usize,
        messages: usize,
        answers: &AtomicUsize,
    ) -> BTreeMap<String, Acknowledged> {
        write(&self.people, &self.room, what, writers, window, messages, answers)
    }

    /// Starts what was killed, after killing it some more times at its start; `away` is killed too and stays so.
    fn return_from(&mut self, bout: &Bout, away: Option<usize>, tally: &mut Tally) {
        let struck: Vec<usize> = (0..PEOPLE).filter(|person| bout.people[*person]).collect();
        if let Some(away) = away
            && !bout.people[away]
        {
            self.people[away].kill();
        }
        for life in &bout.short_lives {
            if bout.server {
                self.world.server.launch();
            }
            for person in &struck {
                self.start(*person, tally);
            }
            std::thread::sleep(*life);
            if bout.server {
                self.world.server.kill();
            }
            for person in &struck {
                self.people[*person].kill();
            }
        }
        if bout.server && bout.server_first {
            self.world.server.start_again();
        }
        for person in struck.into_iter().filter(|person| Some(*person) != away) {
            self.start(person, tally);
            self.check_own_disk(person, tally);
        }
        if bout.server && !bout.server_first {
            self.world.server.start_again();
        }
    }

    /// A new life of a process that was killed.
    fn start(&mut self, person: usize, tally: &mut Tally) {
        self.look_at_events(person, tally);
        self.told[person].events_now.clear();
        self.told[person].lists_now.clear();
        self.people[person].start_again();
    }

    /// Straight after a start: what was answered is on its author's disk, once.
    fn check_own_disk(&mut self, person: usize, tally: &mut Tally) {
        let messages = pages_of(&self.people[person], &self.room);
        self.check_doubles(person, &messages, tally);
        let found: BTreeSet<&str> = messages.iter().filter_map(|message| message["messageId"].as_str()).collect();
        let lost: Vec<&str> = self
            .acknowledged
            .iter()
            .filter(|(id, message)| message.author == person && !found.contains(id.as_str()))
            .map(|(_, message)| message.text.as_str())
            .collect();
        tally.lost += lost.len();
        assert!(lost.is_empty(), "{} has lost on their own disk: {lost:?}", NAMES[person]);
        tally.taken_back += self.told[person].behind(&messages);
        self.told[person].note_list(NAMES[person], &messages);
    }

    /// The others have, without its author, each message that its author was told is elsewhere.
    fn wait_for_what_was_told(&mut self, absent: usize, tally: &mut Tally) {
        self.look_at_events(absent, tally);
        let promised: BTreeSet<String> = self
            .acknowledged
            .iter()
            .filter(|(id, message)| {
                let told = self.told[absent].ever.get(*id).copied().unwrap_or(0);
                message.author == absent && told >= rank("relayed")
            })
            .map(|(id, _)| id.clone())
            .collect();
        for (person, momo) in self.people.iter().enumerate().filter(|(person, _)| *person != absent) {
            let what = format!(
                "{} has what {} was told is relayed or delivered ({} messages)",
                NAMES[person],
                NAMES[absent],
                promised.len()
            );
            wait_until(&what, IN_STEP_WITHIN, || {
                let messages = momo.messages(&self.room);
                let found: BTreeSet<&str> =
                    messages.iter().filter_map(|message| message["messageId"].as_str()).collect();
                promised.iter().all(|id| found.contains(id.as_str()))
            });
        }
    }

    /// Everybody lists the same in the same order, with everything that was acknowledged in it, once.
    fn wait_in_step(&mut self, tally: &mut Tally) {
        let begun = Instant::now();
        let lists = loop {
            let lists: Vec<Vec<Value>> = self.people.iter().map(|person| person.messages(&self.room)).collect();
            let orders: Vec<Vec<(String, String)>> = lists.iter().map(|messages| identities(messages)).collect();
            let missing: Vec<usize> = orders.iter().map(|order| self.missing(order)).collect();
            let in_step = orders.iter().all(|order| *order == orders[0]);
            // What a kill took back of the states is told again.
            let behind: Vec<usize> = self.told.iter().zip(&lists).map(|(told, list)| told.behind(list)).collect();
            if in_step && missing.iter().chain(&behind).all(|count| *count == 0) {
                break lists;
            }
            if begun.elapsed() > IN_STEP_WITHIN {
                tally.lost += missing.iter().max().copied().unwrap_or(0);
                let lengths: Vec<usize> = orders.iter().map(Vec::len).collect();
                let status: Vec<Value> = self.people.iter().map(Momo::status).collect();
                panic!(
                    "not in step after {IN_STEP_WITHIN:?}: {NAMES:?} list {lengths:?} messages, lack {missing:?} that \
                     were acknowledged, and show {behind:?} in an earlier state than before; their status: {status:?}"
                );
            }
            std::thread::sleep(Duration::from_millis(30));
        };
        for (person, messages) in lists.iter().enumerate() {
            self.check_doubles(person, messages, tally);
            self.told[person].note_list(NAMES[person], messages);
            self.look_at_events(person, tally);
            self.people[person].check_output();
        }
    }

    fn missing(&self, order: &[(String, String)]) -> usize {
        let found: BTreeMap<&str, &str> = order.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        let there =
            |(id, message): &(&String, &Acknowledged)| found.get(id.as_str()).copied() != Some(message.text.as_str());
        self.acknowledged.iter().filter(there).count()
    }

    fn check_doubles(&self, person: usize, messages: &[Value], tally: &mut Tally) {
        let (mut ids, mut texts) = (BTreeSet::new(), BTreeSet::new());
        let doubled: Vec<&Value> = messages
            .iter()
            .filter(|message| !ids.insert(message["messageId"].as_str()) | !texts.insert(message["text"].as_str()))
            .collect();
        tally.doubled += doubled.len();
        assert!(doubled.is_empty(), "{} lists twice: {doubled:?}", NAMES[person]);
    }

    fn look_at_events(&mut self, person: usize, tally: &mut Tally) {
        let told = &mut self.told[person];
        let events = self.people[person].events_since(told.events);
        told.events += events.len();
        for event in events {
            match event["type"].as_str() {
                Some("message.new") => {
                    let first = told.new.insert(identity(&event["message"]));
                    tally.doubled += usize::from(!first);
                    assert!(first, "{} is told twice of a new message: {event}", NAMES[person]);
                }
                Some("message.changed") => {}
                _ => continue,
            }
            note(&mut told.events_now, &mut told.ever, NAMES[person], &event["message"]);
        }
    }
}

impl Told {
    /// How many of these are in an earlier state than was told of them once.
    fn behind(&self, messages: &[Value]) -> usize {
        messages
            .iter()
            .filter(|message| self.ever.get(&identity(message)).is_some_and(|ever| state(message) < *ever))
            .count()
    }

    fn note_list(&mut self, name: &str, messages: &[Value]) {
        for message in messages {
            note(&mut self.lists_now, &mut self.ever, name, message);
        }
    }
}

/// # Panics
/// Where the state went back while the process ran.
fn note(now: &mut BTreeMap<String, usize>, ever: &mut BTreeMap<String, usize>, name: &str, message: &Value) {
    let state = state(message);
    let before = now.insert(identity(message), state).unwrap_or(0);
    assert!(state >= before, "{name} was told that a message is {}, and then {message}", STATES[before]);
    let furthest = ever.entry(identity(message)).or_insert(state);
    *furthest = state.max(*furthest);
}

fn identity(message: &Value) -> String {
    message["messageId"].as_str().expect("a message has an id").to_owned()
}

fn state(message: &Value) -> usize {
    rank(message["state"].as_str().expect("a message has a state"))
}

/// What only tests of this program do.
#[cfg(test)]
impl Stage {
    /// The first person gets back an older copy of their data: what a lost tail looks like. What was acknowledged since.
    pub(crate) fn roll_back_a_disk(&mut self, tally: &mut Tally) -> usize {
        let first = &self.people[0];
        let copy = first.data().with_extension("older");
        first.kill();
        copy_folder(first.data(), &copy);
        self.start(0, tally);
        let since = self.write("rolled back", [true, false, false], 1, 5, &AtomicUsize::new(0));
        let count = since.len();
        self.acknowledged.extend(since);
        let first = &self.people[0];
        first.kill();
        std::fs::remove_dir_all(first.data()).expect("the data can be removed");
        std::fs::rename(&copy, first.data()).expect("the copy can be put in its place");
        // Without it nobody is found who could give back what is missing.
        self.world.server.kill();
        self.start(0, tally);
        count
    }

    pub(crate) fn check_the_first_disk(&mut self, tally: &mut Tally) {
        self.check_own_disk(0, tally);
    }
}

#[cfg(test)]
fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// Some people write `messages` each, `window` at a time, until they have or are killed. What was acknowledged.
fn write(
    people: &[Momo; PEOPLE],
    room: &str,
    what: &str,
    writers: [bool; PEOPLE],
    window: usize,
    messages: usize,
    answers: &AtomicUsize,
) -> BTreeMap<String, Acknowledged> {
    let writing = |author: usize| {
        let momo = &people[author];
        let mut acknowledged = Vec::new();
        let mut waiting = std::collections::VecDeque::new();
        let settle = |(text, pending): (String, support::Pending<'_>)| match pending.settle(ANSWERED_WITHIN)? {
            Ok(answer) => {
                answers.fetch_add(1, Ordering::AcqRel);
                let id = answer["messageId"].as_str().expect("an id").to_owned();
                Some((id, Acknowledged { author, text }))
            }
            Err(refusal) => panic!("{what}: {} may not send: {refusal:?}", momo.name()),
        };
        for number in 0..messages {
            let text = format!("{what} {} {number}", momo.name());
            let Some(pending) = momo.try_begin("messages.send", json!({ "roomId": room, "text": text })) else { break };
            waiting.push_back((text, pending));
            if waiting.len() >= window {
                acknowledged.extend(waiting.pop_front().and_then(settle));
            }
        }
        acknowledged.extend(waiting.into_iter().filter_map(settle));
        acknowledged
    };
    std::thread::scope(|scope| {
        let hands: Vec<_> =
            (0..PEOPLE).filter(|author| writers[*author]).map(|author| scope.spawn(move || writing(author))).collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("a writer does not fail")).collect()
    })
}

const STATES: [&str; 4] = ["stored", "relayed", "delivered", "read"];

fn rank(state: &str) -> usize {
    STATES.iter().position(|known| *known == state).unwrap_or_else(|| panic!("{state} is no state"))
}

fn identities(messages: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    messages.iter().map(|message| (text(&message["messageId"]), text(&message["text"]))).collect()
}

/// Everything that a person has of a room, page by page: the first ends where what others wrote meanwhile is still coming.
fn pages_of(person: &Momo, room: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut params = json!({ "roomId": room, "limit": 10_000 });
    loop {
        let answer = person.ask("messages.list", params.clone());
        let mut page = answer["messages"].as_array().expect("a list").clone();
        let next = answer["next"].clone();
        if page.is_empty() || next.is_null() {
            page.append(&mut all);
            return page;
        }
        page.append(&mut all);
        all = page;
        params["before"] = next;
    }
}
