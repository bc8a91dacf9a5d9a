//! Worlds that every test run replays, optimised and with every check on. `./dev sim` takes as many as there is time for.

use momoland_replica::sim::plan::Plan;
use momoland_replica::sim::run;

/// Fixed seeds.
const SEEDS: u64 = 300;

#[test]
fn fixed_seeds_hold() {
    for seed in 0..SEEDS {
        if let Err(why) = run(&Plan::from_seed(seed)) {
            panic!("seed {seed}: {why}; `./dev sim --seed {seed}` writes its plan");
        }
    }
}
