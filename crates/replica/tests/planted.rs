//! The simulation bites: each fault that is built in is found, and without it the same seeds hold.
#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use momoland_replica::sim::plan::Plan;
use momoland_replica::sim::{Planted, run_with};

/// Seeds within which a fault must be found.
const SEEDS: u64 = 200;

/// Finds a fault, and says by what.
fn is_found(planted: Planted, by: &[&str]) {
    for seed in 0..SEEDS {
        if let Err(why) = run_with(&Plan::from_seed(seed), Some(planted)) {
            assert!(by.iter().any(|part| why.contains(part)), "{planted:?} was found at seed {seed} by another: {why}");
            assert!(run_with(&Plan::from_seed(seed), None).is_ok(), "seed {seed} holds without the fault");
            return;
        }
    }
    panic!("{planted:?} was not found within {SEEDS} seeds");
}

#[test]
fn sending_before_persisted_is_found() {
    is_found(Planted::SendsBeforePersisted, &["left before it was on the sender's disk"]);
}

#[test]
fn skipping_a_cut_is_found() {
    is_found(Planted::SkipsCut, &["beyond a cut was sent"]);
}

#[test]
fn accepting_what_is_backdated_is_found() {
    is_found(Planted::AcceptsBackdated, &["beyond a cut was taken"]);
}

#[test]
fn dropping_an_acknowledgement_is_found() {
    is_found(Planted::DropsAcknowledgement, &["nobody acknowledged it"]);
}

#[test]
fn reusing_a_place_after_a_crash_is_found() {
    is_found(Planted::ReusesSeqAfterCrash, &["no event is written twice", "durability:"]);
}

#[test]
fn a_digest_without_its_gap_is_found() {
    is_found(Planted::DigestWithoutTheGap, &["shows other events"]);
}

#[test]
fn merging_ranges_wrongly_is_found() {
    is_found(Planted::MergesRangesWrongly, &["claims what is not on the disk", "lower end on disk is ahead"]);
}

#[test]
fn forwarding_to_a_removed_member_is_found() {
    is_found(Planted::ForwardsToRemovedMember, &["outside of the roster"]);
}
