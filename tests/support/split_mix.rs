//! Numbers that look random and are the same for a seed on every machine, so that what failed can be done again.
//!
//! Shared by path with what is built without this library: the simulation of the core, and the fuzzer's mutations.

#![allow(unreachable_pub, reason = "a library has it, and so do others, by path")]

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators): one addition and a mix a number, and
/// every seed is as good as any other.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
