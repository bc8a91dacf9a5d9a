//! What is done to whom in a run: a function of the seed and the run's number alone.
//!
//! Only the system's scheduling is not planned, so the same plan may kill a microsecond earlier or later.

use std::time::Duration;

use crate::chance::Chance;

/// Who may be killed: the people by their number, then the server.
pub(crate) const PEOPLE: usize = 3;

/// The longest delay between the moment that a blow waits for and the kill: a few group commits.
const AIM_US: u64 = 12_000;

/// The longest life of a process that is killed while it opens its store: as long as opening takes.
const OPENING_US: u64 = 120_000;

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Which of the people write; the others read along.
    pub(crate) writers: [bool; PEOPLE],
    pub(crate) bouts: Vec<Bout>,
    /// After the last blow this writer stays away, and the others must have everything of theirs that was told as
    /// relayed or delivered before they return.
    pub(crate) absent: Option<usize>,
}

/// Some writing, a blow amid it, and what happens at the reopening.
#[derive(Debug, Clone)]
pub(crate) struct Bout {
    /// Requests of one writer that wait for their answer at the same time.
    pub(crate) window: usize,
    /// Messages of one writer.
    pub(crate) messages: usize,
    pub(crate) people: [bool; PEOPLE],
    pub(crate) server: bool,
    /// The blow waits for so many answers to all writers,
    pub(crate) after_answers: usize,
    /// and so long after that.
    pub(crate) aim: Duration,
    /// How long each further life lasts before the next kill, of the same processes.
    pub(crate) short_lives: Vec<Duration>,
    /// The server is back before the people, not after them.
    pub(crate) server_first: bool,
}

impl Plan {
    pub(crate) fn new(seed: u64, run: u64) -> Self {
        let mut chance = Chance::of_run(seed, run);
        let mut writers = [true; PEOPLE];
        if chance.one_of(1, 3) {
            writers[chance.below(PEOPLE as u64) as usize] = false;
        }
        let bouts = (0..2 + chance.below(2)).map(|_| Bout::new(&mut chance)).collect();
        let absent = chance.one_of(1, 4).then(|| chance.below(PEOPLE as u64) as usize);
        Self { writers, bouts, absent: absent.filter(|person| writers[*person]) }
    }
}

impl Bout {
    fn new(chance: &mut Chance) -> Self {
        // Whole bursts at once, so that the kill falls into a commit of many; or one after the other, into small ones.
        let (window, messages) = match chance.below(4) {
            0 => (1, 25),
            1 => (4, 30),
            2 => (40, 40),
            _ => (60, 60),
        };
        let (people, server) = match chance.below(8) {
            0 => ([false; PEOPLE], true),
            1 => ([true; PEOPLE], true),
            2 => ([true; PEOPLE], false),
            3 | 4 => (Self::some(chance), true),
            _ => (Self::some(chance), false),
        };
        // Seldom 0: then the kill may come before the first answer.
        let after_answers =
            if window == 1 { chance.below(60) as usize } else { chance.below(messages as u64) as usize };
        let short_lives = if chance.one_of(1, 3) {
            (0..1 + chance.below(3)).map(|_| Duration::from_micros(chance.below(OPENING_US))).collect()
        } else {
            Vec::new()
        };
        Self {
            window,
            messages,
            people,
            server,
            after_answers,
            aim: Duration::from_micros(chance.below(AIM_US)),
            short_lives,
            server_first: chance.one_of(1, 2),
        }
    }

    fn some(chance: &mut Chance) -> [bool; PEOPLE] {
        let mut people = [false; PEOPLE];
        people[chance.below(PEOPLE as u64) as usize] = true;
        if chance.one_of(1, 3) {
            people[chance.below(PEOPLE as u64) as usize] = true;
        }
        people
    }
}
