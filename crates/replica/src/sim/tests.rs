use super::*;

/// Seeds that every test run replays; `./dev sim` takes as many more as there is time for.
const SEEDS: u64 = 150;

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

#[test]
fn what_is_no_plan_is_refused() {
    for line in ["explode 1", "post", "post 0", "post 99", "lie 1 truth", "link 1"] {
        assert!(line.parse::<Plan>().is_err(), "{line}");
    }
    assert_eq!("# a remark\n\n  post 1\n".parse::<Plan>().unwrap().ops, [Op::Post(1)]);
}
