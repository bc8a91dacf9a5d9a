//! Valid bytes, spoilt: the same for the same seed, so that the tests of each decoder run its fuzz target without a fuzzer.

#![allow(unreachable_pub, reason = "a library has it, and so do tests, by path")]

#[path = "../../tests/support/split_mix.rs"]
mod split_mix;

use split_mix::SplitMix;

/// Bytes that mean something to a decoder: ends of ranges, and how CBOR begins long things.
const TELLING: [u8; 12] = [0x00, 0x01, 0x17, 0x18, 0x1b, 0x5b, 0x7f, 0x80, 0x9b, 0x9f, 0xf6, 0xff];

/// Changes to one input at most.
const CHANGES_MAX: usize = 5;

/// Bytes of an input at most: a frame and some.
const INPUT_BYTES_MAX: usize = 80 * 1024;

/// Where chance comes from.
#[derive(Debug)]
pub struct Spoiler {
    chance: SplitMix,
}

/// Runs a target over its corpus as it is, and `times` times spoilt.
pub fn run(target: fn(&[u8]), corpus: &[Vec<u8>], seed: u64, times: usize) {
    corpus.iter().for_each(|valid| target(valid));
    let mut spoiler = Spoiler::new(seed);
    for _ in 0..times {
        target(&spoiler.spoil(corpus));
    }
}

impl Spoiler {
    /// Chance that begins with `seed`.
    pub fn new(seed: u64) -> Self {
        Self { chance: SplitMix::new(seed) }
    }

    /// One of the inputs, with some changes.
    pub fn spoil(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.pick(corpus).to_vec();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(INPUT_BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (from, to) = self.range(bytes.len());
        match self.below(7) {
            0 => {
                let bit = self.below(8);
                bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            1 => {
                let telling = self.pick_byte();
                bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte = telling);
            }
            2 => bytes.truncate(from),
            3 => drop(bytes.drain(from..to)),
            4 => {
                let more: Vec<u8> = (0..=self.below(9)).map(|_| self.pick_byte()).collect();
                bytes.splice(from..from, more);
            }
            5 => {
                let again = bytes.get(from..to).unwrap_or_default().to_vec();
                bytes.splice(to..to, again);
            }
            _ => {
                let other = self.pick(corpus).to_vec();
                let (first, last) = self.range(other.len());
                bytes.splice(from..to, other.get(first..last).unwrap_or_default().iter().copied());
            }
        }
    }

    fn pick<'a>(&mut self, corpus: &'a [Vec<u8>]) -> &'a [u8] {
        let place = self.below(corpus.len());
        corpus.get(place).map_or(&[], Vec::as_slice)
    }

    fn pick_byte(&mut self) -> u8 {
        let place = self.below(TELLING.len() * 2);
        TELLING.get(place).copied().unwrap_or_else(|| self.chance.draw().to_be_bytes()[0])
    }

    /// Two places, the first before the second or at it.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let (one, other) = (self.below(length + 1), self.below(length + 1));
        (one.min(other), one.max(other))
    }

    /// 0 where nothing is below.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.draw() % (bound.max(1) as u64)).unwrap_or_default()
    }
}
