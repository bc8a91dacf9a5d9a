//! Makes the plan of a failure small: takes operations out as long as the same thing does not hold.
//!
//! The greedy half of delta debugging (Zeller, Hildebrandt 2002): halves first, single operations last, until no single
//! operation can go. What fails is compared by the word before its colon, which names the checker.

use super::plan::Plan;
use super::run;

/// The smallest plan that was found that fails like `plan` does, and what it says. `None` where `plan` holds.
pub fn shrink(plan: &Plan) -> Option<(Plan, String)> {
    let mut why = run(plan).err()?;
    let checker = kind(&why).to_owned();
    let mut smallest = plan.clone();
    loop {
        let before = smallest.ops.len();
        let mut part = before.div_ceil(2);
        while part > 0 {
            let mut from = 0;
            while from < smallest.ops.len() {
                let mut ops = smallest.ops.clone();
                ops.drain(from..ops.len().min(from + part));
                let fewer = Plan { ops };
                match run(&fewer) {
                    Err(said) if kind(&said) == checker => {
                        smallest = fewer;
                        why = said;
                    }
                    Err(_) | Ok(_) => from += part,
                }
            }
            part = if part == 1 { 0 } else { part.div_ceil(2) };
        }
        if smallest.ops.len() == before {
            return Some((smallest, why));
        }
    }
}

/// The word before the colon: which checker, or all of a sentence without one.
fn kind(why: &str) -> &str {
    why.split(':').next().unwrap_or(why)
}
