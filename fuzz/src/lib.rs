//! Fuzz targets for every decoder that bytes from outside meet, with a corpus of valid bytes.
//!
//! The targets and the corpus are the tests' own: `crates/protocol/tests/hostile.rs`, `signaling-server/src/turn/fuzzing.rs`
//! and `crates/engine/src/fuzzing.rs` run them over seeded mutations with every test run. Here libFuzzer runs them for as long as one
//! likes, guided by what they reach: `./dev fuzz [TARGET] [--seconds N]`, on a stable compiler.
//!
//! A workspace of its own, so that the fuzzer is nothing that the product's builds know of.

#![allow(clippy::print_stderr, reason = "a program's own words")]

pub mod mutation;
pub mod protocol;

/// Every target by name, and the inputs that it begins with.
pub fn targets() -> Vec<(&'static str, fn(&[u8]), Vec<Vec<u8>>)> {
    let golden: Vec<Vec<u8>> = protocol::corpus().into_iter().map(|(_, bytes)| bytes).collect();
    let mut targets: Vec<(&'static str, fn(&[u8]), Vec<Vec<u8>>)> =
        protocol::TARGETS.into_iter().map(|(name, target)| (name, target, golden.clone())).collect();
    targets.push(("turn", signaling_server::turn::fuzzing::datagrams, signaling_server::turn::fuzzing::corpus()));
    targets.extend(momoland_engine::fuzzing::TARGETS.map(|(name, target)| (name, target, momoland_engine::fuzzing::corpus())));
    targets
}
