//! `momoland-crash [--runs N] [--seed S] [--first R] [--workers W]`: SIGKILL of clients and server while people write, and what is left.
//!
//! Called by `./dev crash`. Each run: three people of whom two or three write, blows in the middle of it, also while a
//! killed process opens its store again, and then everybody must come into step: each message whose `messages.send` was
//! answered is on its author's disk straight after the next start, and once and in the same order at every member. Some runs
//! go one after the other over the same server, people and room, a [`stage::Stage`]; after those a newcomer must get
//! everything from the relay alone.
//!
//! Standard output ends with `N runs, M acknowledged, L lost, D doubled`. The status is 1 where something was lost, was
//! doubled, or failed in any other way (another order, a state that went back, somebody who does not come into step);
//! standard error says what, with the seed, and where the data and logs of that stage are kept.
//!
//! # Rules
//! 1. What is done to whom is a function of the seed and the run's number ([`plan::Plan`]): `--seed S --first R --runs 1`
//!    does run R again. When exactly a process runs is the system's to say, so a failure may need several tries.
//! 2. A run that failed ends its stage; the others go on.
//!
//! Not here: power cuts (a killed process leaves its written pages to the system), damage (`crates/store/tests/damage.rs`,
//! the scenario `c01_…`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever calls it from a terminal gets the result on standard output, and is told on standard error how it goes"
)]

mod chance;
mod plan;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::plan::Plan;
use crate::stage::{Stage, Tally};

const USAGE: &str = "momoland-crash [--runs N] [--seed S] [--first R] [--workers W]";

/// Runs over one stage. More would make lists longer than they need be, and a failure's data harder to read.
const RUNS_OF_A_STAGE: u64 = 10;

const RUNS: u64 = 100;

/// Stages at a time. Each has four processes that mostly wait for the disk and for each other.
const WORKERS: u64 = 2;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    runs: u64,
    seed: Option<u64>,
    first: u64,
    workers: u64,
}

impl Wanted {
    /// `None` where it is not understood.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut wanted = Self { runs: RUNS, seed: None, first: 0, workers: WORKERS };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value: u64 = arguments.next()?.parse().ok()?;
            match name.as_str() {
                "--runs" if value > 0 => wanted.runs = value,
                "--seed" => wanted.seed = Some(value),
                "--first" => wanted.first = value,
                "--workers" if value > 0 => wanted.workers = value,
                _ => return None,
            }
        }
        Some(wanted)
    }
}

/// What came out of many runs.
#[derive(Debug, Default)]
struct Outcome {
    runs: u64,
    sum: Tally,
    failures: u64,
}

fn main() -> ExitCode {
    let Some(wanted) = Wanted::parse(std::env::args().skip(1)) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    if std::env::var_os("MOMOLAND_BIN_DIR").is_none() {
        eprintln!(
            "MOMOLAND_BIN_DIR must name the folder of momo and momoland-server; `./dev crash` builds them and sets it."
        );
        return ExitCode::from(2);
    }
    let seed = wanted.seed.unwrap_or_else(seed_of_the_clock);
    eprintln!("seed {seed}");
    let outcome = run_all(&wanted, seed);
    let Tally { acknowledged, lost, doubled, taken_back } = outcome.sum;
    if taken_back > 0 {
        eprintln!("{taken_back} times a kill took back a state that had been told, until it was told again");
    }
    println!("{} runs, {acknowledged} acknowledged, {lost} lost, {doubled} doubled", outcome.runs);
    if outcome.failures == 0 && lost == 0 && doubled == 0 && taken_back == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Any number that is another one each time.
fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Six digits are easy to type, and enough: a seed of a thousand runs is mixed with each run's number.
    since.as_micros() as u64 % 1_000_000
}

fn run_all(wanted: &Wanted, seed: u64) -> Outcome {
    let begun = Instant::now();
    let end = wanted.first + wanted.runs;
    let next = AtomicU64::new(wanted.first);
    let outcome = Mutex::new(Outcome::default());
    let lock = || outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let work = || loop {
        let first = next.fetch_add(RUNS_OF_A_STAGE, Ordering::Relaxed);
        if first >= end {
            return;
        }
        let mut run = first;
        let last = end.min(first + RUNS_OF_A_STAGE);
        while run < last {
            run = run_stage(seed, run, last, |tally, runs, failed| {
                let mut outcome = lock();
                outcome.runs += runs;
                outcome.sum.acknowledged += tally.acknowledged;
                outcome.sum.lost += tally.lost;
                outcome.sum.doubled += tally.doubled;
                outcome.sum.taken_back += tally.taken_back;
                outcome.failures += u64::from(failed);
            });
        }
        let outcome = lock();
        eprintln!(
            "{} of {} runs, {} acknowledged, {} failures, {} states taken back, {} s",
            outcome.runs,
            wanted.runs,
            outcome.sum.acknowledged,
            outcome.failures,
            outcome.sum.taken_back,
            begun.elapsed().as_secs()
        );
    };
    std::thread::scope(|scope| {
        for _ in 0..wanted.workers {
            scope.spawn(work);
        }
    });
    outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The runs from `first` to before `end` over one stage, as far as they go well. Where to go on.
fn run_stage(seed: u64, first: u64, end: u64, report: impl Fn(Tally, u64, bool)) -> u64 {
    let mut run = first;
    let mut tally = Tally::default();
    // A panic takes the stage with it; the tally says what had come out.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut stage = Stage::open();
        while run < end {
            stage.run(run, &Plan::new(seed, run), &mut tally);
            report(std::mem::take(&mut tally), 1, false);
            run += 1;
        }
        stage.close(&mut tally);
    }));
    if ended.is_ok() {
        return end;
    }
    if run < end {
        eprintln!("run {run} of seed {seed} failed, the {}. of its stage; {:?}", run - first + 1, Plan::new(seed, run));
        report(tally, 1, true);
    } else {
        eprintln!("after the runs {first} to {} of seed {seed} a newcomer failed", end - 1);
        report(tally, 0, true);
    }
    run + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_runs_lose_and_double_nothing() {
        let wanted = Wanted { runs: 6, seed: None, first: 0, workers: 1 };
        // Of all kinds, kills amid a reopening among them.
        let outcome = run_all(&wanted, 1);
        assert_eq!((outcome.runs, outcome.failures), (6, 0), "{outcome:?}");
        let Tally { acknowledged, lost, doubled, taken_back } = outcome.sum;
        assert_eq!((lost, doubled, taken_back), (0, 0, 0), "{outcome:?}");
        assert!(acknowledged >= 6 * stage::ACKNOWLEDGED_MIN, "{outcome:?}");
    }

    /// The program can fail: an older copy of a disk, put in its place, is what a store that loses commits leaves.
    #[test]
    fn what_a_disk_lost_is_counted() {
        let mut stage = Stage::open();
        let mut tally = Tally::default();
        let since = stage.roll_back_a_disk(&mut tally);
        assert_eq!((since, tally.lost), (5, 0), "nothing is looked at yet");
        let looked = catch_unwind(AssertUnwindSafe(|| stage.check_the_first_disk(&mut tally)));
        assert!(looked.is_err());
        assert_eq!(tally.lost, since);
    }

    #[test]
    fn a_seed_and_a_number_give_the_same_plan_and_all_kinds_come() {
        let plans: Vec<Plan> = (0..200).map(|run| Plan::new(7, run)).collect();
        for (run, plan) in plans.iter().enumerate() {
            assert_eq!(format!("{plan:?}"), format!("{:?}", Plan::new(7, run as u64)));
            assert!(plan.writers.iter().filter(|writes| **writes).count() >= 2);
            assert!(
                plan.bouts.iter().all(|bout| bout.server || bout.people.contains(&true)),
                "a blow that hits nobody"
            );
        }
        let bouts: Vec<_> = plans.iter().flat_map(|plan| &plan.bouts).collect();
        assert!(plans.iter().any(|plan| plan.absent.is_some()));
        assert!(bouts.iter().any(|bout| bout.server && !bout.people.contains(&true)), "the server alone");
        assert!(bouts.iter().any(|bout| bout.server && !bout.people.contains(&false)), "everybody");
        assert!(bouts.iter().any(|bout| !bout.server && bout.people.contains(&false)), "people alone");
        assert!(bouts.iter().any(|bout| bout.short_lives.len() == 3), "kills at the reopening");
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let parsed = |line: &str| Wanted::parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(parsed(""), Some(Wanted { runs: RUNS, seed: None, first: 0, workers: WORKERS }));
        let all = parsed("--runs 1 --seed 5 --first 17 --workers 3");
        assert_eq!(all, Some(Wanted { runs: 1, seed: Some(5), first: 17, workers: 3 }));
        for wrong in ["--runs", "--runs 0", "--runs many", "--workers 0", "--quick 1", "5"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
