use std::collections::BTreeSet;

use super::draw::{COMMANDS, KINDS_MIN};
use super::plan::{Op, Plan, Sort};
use super::run;

/// Seeds that this run replays without optimisation; `tests/seeds.rs` takes some hundreds, `./dev sim` as many as there
/// is time for.
const SEEDS: u64 = 12;

#[test]
fn fixed_seeds_hold() {
    for seed in 0..SEEDS {
        if let Err(why) = run(&Plan::from_seed(seed)) {
            panic!("seed {seed}: {why}");
        }
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [1, 7, 42] {
        let plan = Plan::from_seed(seed);
        let read: Plan = plan.to_string().parse().unwrap();
        assert_eq!(read, plan, "a plan reads back as it was written");
        assert_eq!(run(&plan).unwrap().trace, run(&read).unwrap().trace, "seed {seed}");
    }
}

/// A device was restored from a copy twice, and forked its chains in two rooms: the relay's vectors of both come at once, and
/// in each it has to look at what lies on its disk.
#[test]
fn forks_in_two_rooms_are_seen_on_one_link() {
    const PLAN: &str = "ban 2 0; post 1 0; run 1654; post 1 0; copy 1; steps 38; restore 1; link 1 2; post 1 1; \
        steps 188; wait 2123; post 1 0; post 1 0; steps 109; copy 1; slow-disk 0 4000; post 1 1; \
        run 1000; restore 1; run 1500; post 1 1";
    let plan: Plan = PLAN.replace("; ", "\n").parse().unwrap();
    run(&plan).unwrap();
}

#[test]
fn a_seed_is_as_rich_as_promised() {
    for seed in 0..2_000 {
        let plan = Plan::from_seed(seed);
        let commands = plan.ops.iter().filter(|op| op.sort() == Sort::Command).count();
        let faults: BTreeSet<&str> = plan.ops.iter().filter(|op| op.sort() == Sort::Fault).map(Op::name).collect();
        let crashes = plan.ops.iter().filter(|op| matches!(op, Op::Crash(_))).count();
        assert!(commands >= COMMANDS, "seed {seed}: {commands} commands");
        assert!(crashes >= 2, "seed {seed}: {crashes} crashes");
        assert!(faults.len() >= KINDS_MIN, "seed {seed}: {faults:?}");
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    let lines =
        ["explode 1", "post", "post 0 0", "post 1 2", "post 99 0", "lie 1 truth", "link 1", "leave 1 0", "leave 6 0"];
    for line in lines {
        assert!(line.parse::<Plan>().is_err(), "{line}");
    }
    assert_eq!("# a remark\n\n  post 1 0\n".parse::<Plan>().unwrap().ops, [Op::Post(1, 0)]);
}
