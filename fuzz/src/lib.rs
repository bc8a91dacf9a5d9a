//! Fuzz targets for every decoder that bytes from outside meet, with a corpus of valid bytes.
//!
//! The targets and the corpus are the tests' own, which run them over seeded mutations every time:
//! `crates/protocol/tests/hostile.rs`, `signaling-server/src/turn/fuzzing.rs`, `crates/engine/src/fuzzing.rs`. Here libFuzzer
//! runs them for as long as one likes, guided by what they reach: `./dev fuzz [TARGET] [--seconds N]`.

pub mod protocol;

/// What each target begins with, by its name.
pub fn corpora() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let golden: Vec<Vec<u8>> = protocol::corpus().into_iter().map(|(_, bytes)| bytes).collect();
    let protocol = protocol::TARGETS.into_iter().map(|(name, _)| (name, golden.clone()));
    #[cfg(feature = "server")]
    let protocol = protocol.chain([("turn", signaling_server::turn::fuzzing::corpus())]);
    #[cfg(feature = "client")]
    let protocol = protocol
        .chain(momoland_engine::fuzzing::TARGETS.map(|(name, _)| (name, momoland_engine::fuzzing::corpus())));
    protocol.collect()
}
