//! Numbers that look random and are the same for a seed on every machine, so that a failed run can be planned again.

/// SplitMix64: one addition and a mix a number, and every seed is as good as any other.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// That of one run: neighbouring runs have nothing in common.
    pub(crate) fn of_run(seed: u64, run: u64) -> Self {
        let mut mixed = Self(seed.wrapping_add(run.wrapping_mul(0xD6E8_FEB8_6659_FD93)));
        Self(mixed.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
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
