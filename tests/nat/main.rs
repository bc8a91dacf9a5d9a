//! `momoland-nat [PAIR… | trials | pictures | speech]`: which way two people find to each other, from behind each kind of network.
//!
//! Called by `./dev nat`. It moves into namespaces of its own, builds an internet with a server and eight homes in it
//! ([`network`]), and lets two people at a time meet, chat and be looked at ([`meeting`]): open, port-restricted,
//! symmetric, UDP blocked, each with each. What counts is what crosses the wire; `net.status` must agree with it.
//!
//! Then come the [`trials`]: addresses that change, wires that are cut, packets that are lost, late or out of order, while
//! the two talk; and a server that goes, after which a third person introduces two to each other. And [`pictures`] and
//! [`speech`] in calls over ways that are bad.
//!
//! Standard output ends with the matrix and `C of P pairs connected by the expected path`; the status is 1 where C is
//! less than P, or where a trial failed. Standard error says what was expected and seen, and where data and logs are kept.
//!
//! # Rules
//! 1. Needs no rights that a user does not have where user namespaces are allowed, and changes nothing outside of its
//!    namespaces: with the last process in them they are gone.
//! 2. Works without loadable modules: bridges, veth, nft's NAT.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever calls it from a terminal gets the result on standard output, and is told on standard error how it goes"
)]

mod distance;
mod meeting;
mod network;
mod pictures;
mod speech;
mod trials;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};

use crate::meeting::Stage;
use crate::network::Kind;

/// Set for the process that is inside.
const INSIDE: &str = "MOMOLAND_NAT_INSIDE";

/// What can be tried alone; `trials` is all but the pairs.
const GROUPS: [&str; 3] = ["trials", "pictures", "speech"];

/// The way that a pair should take (issue 5).
fn expected(one: Kind, other: Kind) -> &'static str {
    match (one, other) {
        (Kind::Blocked, _) | (_, Kind::Blocked) => "relay",
        (Kind::Open, _) | (_, Kind::Open) | (Kind::Restricted, Kind::Restricted) => "direct",
        (Kind::Restricted | Kind::Symmetric, Kind::Symmetric) | (Kind::Symmetric, Kind::Restricted) => "turn",
    }
}

/// All unordered pairs.
fn pairs() -> Vec<(Kind, Kind)> {
    let kinds = Kind::ALL.into_iter().enumerate();
    kinds.flat_map(|(place, one)| Kind::ALL.into_iter().skip(place).map(move |other| (one, other))).collect()
}

fn name_of((one, other): (Kind, Kind)) -> String {
    format!("{one}/{other}")
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let known: Vec<String> = pairs().into_iter().map(name_of).collect();
    let group = match names.as_slice() {
        [name] if GROUPS.contains(&name.as_str()) => Some(name.as_str()),
        _ => None,
    };
    if group.is_none() && names.iter().any(|name| !known.contains(name)) {
        eprintln!("usage: momoland-nat [PAIR… | {}]; the pairs are {}", GROUPS.join(" | "), known.join(" "));
        return ExitCode::from(2);
    }
    if std::env::var_os("MOMOLAND_BIN_DIR").is_none() {
        eprintln!("MOMOLAND_BIN_DIR must name the folder of momo and momoland-server; `./dev nat` builds and sets it.");
        return ExitCode::from(2);
    }
    if std::env::var_os(INSIDE).is_none() {
        return move_inside();
    }
    let wanted: Vec<(Kind, Kind)> =
        pairs().into_iter().filter(|pair| names.is_empty() || names.contains(&name_of(*pair))).collect();
    let with = |name: &str| names.is_empty() || group == Some("trials") || group == Some(name);
    let trials = if with("trials") { &trials::ALL[..] } else { &[] };
    let Ok(mut stage) = catch_unwind(Stage::build) else {
        eprintln!("The networks could not be built: nft and ip (iproute2), veth and bridges are needed.");
        return ExitCode::FAILURE;
    };
    let mut found = BTreeMap::new();
    for pair in &wanted {
        let expected = expected(pair.0, pair.1);
        // A pair that fails says why by a panic, and the others go on.
        let met = catch_unwind(AssertUnwindSafe(|| stage.meet(pair.0, pair.1, expected)));
        let is_expected = met.is_ok();
        eprintln!(
            "{:<24} {expected:<7} {}",
            name_of(*pair),
            if is_expected { "as expected" } else { "NOT AS EXPECTED" }
        );
        found.insert(*pair, if is_expected { expected } else { "-" });
    }
    let mut failed = 0;
    for trial in trials {
        let expected = expected(trial.1, trial.2);
        let passed = catch_unwind(AssertUnwindSafe(|| trials::run(&mut stage, *trial, expected))).is_ok();
        eprintln!("{}: {}", trial.0, if passed { "nothing lost, nothing doubled" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    let mut others = if trials.is_empty() { Vec::new() } else { trials::OTHERS.to_vec() };
    if with("pictures") {
        others.extend(pictures::ALL);
    }
    if with("speech") {
        others.extend(speech::ALL);
    }
    for (name, trial) in &others {
        let passed = catch_unwind(AssertUnwindSafe(|| trial(&mut stage))).is_ok();
        eprintln!("{name}: {}", if passed { "as it should be" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    let good = found.values().filter(|path| **path != "-").count();
    if good < wanted.len() || failed > 0 {
        eprintln!("data and logs are kept in {}", stage.keep().display());
    }
    if group.is_some() {
        let tried = trials.len() + others.len();
        println!("{} of {tried} trials passed", tried - failed);
        return if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    print_matrix(&found);
    println!("{good} of {} pairs connected by the expected path", wanted.len());
    if good == wanted.len() && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts this program again in namespaces of its own; as a user without rights, as the root of those alone.
fn move_inside() -> ExitCode {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--propagation", "private"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    // Where Debian keeps `ip` and `nft`; a user's own PATH may leave it out.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path).arg("--").arg(program).args(std::env::args_os().skip(1)).env(INSIDE, "1");
    // Comes back only where it failed.
    let error = command.exec();
    eprintln!("unshare (util-linux) cannot be run: {error}");
    ExitCode::FAILURE
}

fn print_matrix(found: &BTreeMap<(Kind, Kind), &str>) {
    println!("{:<12}{}", "", Kind::ALL.map(|kind| format!("{:<12}", kind.to_string())).concat().trim_end());
    for (place, one) in Kind::ALL.into_iter().enumerate() {
        let cells = Kind::ALL.into_iter().enumerate().map(|(other_place, other)| {
            let pair = if place <= other_place { (one, other) } else { (other, one) };
            format!("{:<12}", found.get(&pair).copied().unwrap_or(""))
        });
        println!("{:<12}{}", one.to_string(), cells.collect::<String>().trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_expected_path() {
        let paths: Vec<&str> = pairs().into_iter().map(|(one, other)| expected(one, other)).collect();
        assert_eq!(paths.len(), 10);
        let count = |path: &str| paths.iter().filter(|other| **other == path).count();
        assert_eq!((count("direct"), count("turn"), count("relay")), (4, 2, 4));
    }
}
