//! What falls by chance in a run, the same for a seed.

use support::split_mix::SplitMix;

/// Chance of one run.
#[derive(Debug, Clone)]
pub(crate) struct Chance(SplitMix);

impl Chance {
    /// That of one run: neighbouring runs have nothing in common.
    pub(crate) fn of_run(seed: u64, run: u64) -> Self {
        let mut mixed = SplitMix::new(seed.wrapping_add(run.wrapping_mul(0xD6E8_FEB8_6659_FD93)));
        Self(SplitMix::new(mixed.draw()))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.draw()
    }

    /// Below `end`, which is not zero. The slight bias towards small numbers does not matter here.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True `part` times in `whole`.
    pub(crate) fn one_of(&mut self, part: u64, whole: u64) -> bool {
        self.below(whole) < part
    }
}
