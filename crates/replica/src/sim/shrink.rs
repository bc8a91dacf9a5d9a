//! Makes the plan of a failure small: takes operations out as long as the same thing does not hold.
//!
//! The greedy half of delta debugging (Zeller, Hildebrandt 2002): halves first, single operations last, until no single
//! operation can go. What fails is compared by the first words of the sentence, numbers aside.

use super::plan::Plan;
use super::run;

/// The smallest plan that was found that fails like `plan` does, and what it says. `None` where `plan` holds.
pub fn shrink(plan: &Plan) -> Option<(Plan, String)> {
    let mut why = run(plan).err()?;
    let kind_of = kind(&why);
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
                    Err(said) if kind(&said) == kind_of => {
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

/// The first words of what does not hold, without numbers: the checker, and what it says.
fn kind(why: &str) -> String {
    let words = why.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.take(8).collect::<Vec<_>>().join(" ")
}
