//! `momoland-sim --seeds A..B | --seed N | --plan FILE | --story FILE | --shrink FILE`: runs worlds of replicas; the last line counts what failed.
//!
//! A failure prints its seed and writes its plan, which replays exactly.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::print_stderr, reason = "whoever calls it from a terminal is told what is wrong")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use momoland_replica::sim::plan::Plan;
use momoland_replica::sim::shrink::shrink;
use momoland_replica::sim::{Totals, narrate, run};

const USAGE: &str = "momoland-sim --seeds A..B | --seed N | --plan FILE | --story FILE | --shrink FILE";

fn main() -> ExitCode {
    // What does not hold is told once, by this program.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--seed", seed] => match seed.parse() {
            Ok(seed) => run_seeds(seed..seed.saturating_add(1)),
            Err(_) => usage(),
        },
        ["--seeds", range] => match parse_range(range) {
            Some(range) => run_seeds(range),
            None => usage(),
        },
        ["--plan", file] => run_file(file, false),
        ["--story", file] => run_file(file, true),
        ["--shrink", file] => shrink_file(file),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: {USAGE}");
    ExitCode::from(2)
}

fn parse_range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    let range = from.parse().ok()?..to.parse().ok()?;
    (range.start < range.end).then_some(range)
}

fn read_plan(file: &str) -> Result<Plan, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    text.parse::<Plan>().map_err(|error| error.to_string())
}

/// Writes the smallest plan that fails like the one given beside it.
fn shrink_file(file: &str) -> ExitCode {
    let plan = match read_plan(file) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{file} is no plan: {error}");
            return ExitCode::from(2);
        }
    };
    let Some((small, why)) = shrink(&plan) else {
        println!("{file} holds: there is nothing to make smaller");
        return ExitCode::SUCCESS;
    };
    let name = format!("{file}.small");
    let text = format!("# {}\n{small}", why.lines().next().unwrap_or_default());
    match std::fs::write(&name, text) {
        Ok(()) => println!("{} of {} operations fail: {why}\n  they are in {name}", small.ops.len(), plan.ops.len()),
        Err(error) => println!("{small}\n{why}\n  this could not be written to {name}: {error}"),
    }
    ExitCode::FAILURE
}

fn run_file(file: &str, told: bool) -> ExitCode {
    let ran = read_plan(file).map(|plan| if told { narrate(&plan) } else { (run(&plan), Vec::new()) });
    let ran = ran.map(|(ran, story)| {
        story.iter().for_each(|line| println!("{line}"));
        ran
    });
    match ran {
        Ok(Ok(ran)) => {
            print_totals(&ran.totals);
            println!("1 seeds, 0 failures");
            ExitCode::SUCCESS
        }
        Ok(Err(why)) => {
            println!("{file}: {why}");
            println!("1 seeds, 1 failures");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{file} is no plan: {error}");
            ExitCode::from(2)
        }
    }
}

fn run_seeds(seeds: Range<u64>) -> ExitCode {
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new((Totals::default(), Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let ran = run(&Plan::from_seed(seed));
                    let mut outcome = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match ran {
                        Ok(ran) => outcome.0.add(&ran.totals),
                        Err(why) => outcome.1.push((seed, why)),
                    }
                }
            });
        }
    });
    let (totals, mut failures) = outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failures.sort();
    print_totals(&totals);
    for (seed, why) in &failures {
        let file = format!("seed-{seed}.plan");
        let plan = format!("# seed {seed}: {}\n{}", why.lines().next().unwrap_or_default(), Plan::from_seed(*seed));
        match std::fs::write(&file, plan) {
            Ok(()) => println!("seed {seed} failed: {why}\n  replay it with `./dev sim --plan {file}`"),
            Err(error) => println!("seed {seed} failed: {why}\n  its plan could not be written: {error}"),
        }
    }
    println!("{} seeds, {} failures", seeds.end - seeds.start, failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_totals(totals: &Totals) {
    for (what, count) in totals.iter() {
        println!("{count:>12}  {what}");
    }
}
