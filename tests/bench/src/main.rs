//! `momoland-bench [replication|chat|rooms|docs|feed|calls|server] [--only PART] [--trace FILE] [--long]`: what Momoland costs and
//! how fast it is, one JSON line a figure.
//!
//! Called by `./dev bench`. It measures built programs (`MOMOLAND_BIN_DIR` names their folder) and engines in this
//! process, each beside a bare reference that is measured by turns in the same run: a data channel of the WebRTC
//! library, a WebSocket on axum, a file that is synced. `docs/figures.md` holds what came out, and on what machine.
//!
//! # Rules
//! 1. Nothing is compared with a figure of another run: machines, and what else they do, differ.
//! 2. A reference may be generous (it does less than ours), never hobbled.
//! 3. Like a test, it ends with a panic that says what did not come about.
//!
//! Not here: windows (`tests/desktop/bench.mjs`), the store alone (`crates/store/examples/commit_rate.rs`).

mod bare_channel;
mod bare_relay;
mod calls;
mod chat;
mod docs;
mod feed;
mod figure;
mod floor;
mod http_load;
mod member;
mod memory;
mod person;
mod pictures;
mod processor;
mod replication;
mod rooms;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "momoland-bench [replication|chat|rooms|docs|feed|calls|server] [--only PART] [--trace FILE] [--long]";

/// What was asked for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Wanted {
    replication: bool,
    chat: bool,
    rooms: bool,
    docs: bool,
    feed: bool,
    calls: bool,
    server: bool,
    /// Of the server's figures these alone.
    only: Option<server::Part>,
    long: bool,
    /// What is typed into documents.
    trace: Option<PathBuf>,
}

impl Wanted {
    fn everything() -> Self {
        Self {
            replication: true,
            chat: true,
            rooms: true,
            docs: true,
            feed: true,
            calls: true,
            server: true,
            only: None,
            long: false,
            trace: None,
        }
    }

    /// `None` where it is not understood.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut wanted = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "replication" => wanted.replication = true,
                "chat" => wanted.chat = true,
                "rooms" => wanted.rooms = true,
                "docs" => wanted.docs = true,
                "feed" => wanted.feed = true,
                "calls" => wanted.calls = true,
                "server" => wanted.server = true,
                "--only" => {
                    let name = arguments.next()?;
                    wanted.only = Some(server::Part::ALL.into_iter().find(|part| part.name() == name)?);
                    wanted.server = true;
                }
                "--long" => wanted.long = true,
                "--trace" => wanted.trace = Some(arguments.next()?.into()),
                _ => return None,
            }
        }
        let Self { replication, chat, rooms, docs, feed, calls, server, only: _, long: _, trace: _ } = wanted;
        if !(replication || chat || rooms || docs || feed || calls || server) {
            wanted = Self { long: wanted.long, trace: wanted.trace, ..Self::everything() };
        }
        Some(wanted)
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "whoever calls it from a terminal is told what is wrong")]
async fn main() -> ExitCode {
    // Thousands of sockets, here and in the processes that are started from here.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    if std::env::args().nth(1).as_deref() == Some(bare_relay::ROLE) {
        return match bare_relay::serve().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the bare relay ended: {error}");
                ExitCode::FAILURE
            }
        };
    }
    if std::env::args().nth(1).as_deref() == Some(replication::million::ROLE) {
        replication::million::read(std::env::args().skip(2));
        return ExitCode::SUCCESS;
    }
    let Some(wanted) = Wanted::parse(std::env::args().skip(1)) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    if std::env::var_os("MOMOLAND_BIN_DIR").is_none() {
        eprintln!(
            "MOMOLAND_BIN_DIR must name the folder of momo and momoland-server; `./dev bench` builds them and sets it."
        );
        return ExitCode::from(2);
    }
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("There is no temporary folder ({error}). Make room, or name another with TMPDIR.");
            return ExitCode::FAILURE;
        }
    };
    // A promise that was not kept ends it with status 1, after everything was measured.
    let mut kept = true;
    if wanted.replication {
        kept &= replication::measure(folder.path(), wanted.long);
    }
    if wanted.chat {
        chat::measure(folder.path()).await;
    }
    if wanted.rooms {
        kept &= rooms::measure(&folder.path().join("rooms")).await;
    }
    if wanted.docs {
        match docs::measure(&folder.path().join("docs"), wanted.trace.as_deref()).await {
            Ok(all) => kept &= all,
            Err(why) => {
                eprintln!("{why}");
                kept = false;
            }
        }
    }
    if wanted.feed {
        kept &= feed::measure(&folder.path().join("feed")).await;
    }
    if wanted.calls {
        kept &= tokio::task::block_in_place(calls::measure);
        kept &= tokio::task::block_in_place(pictures::measure);
        if wanted.long {
            kept &= tokio::task::block_in_place(pictures::measure_long);
        }
    }
    if wanted.server {
        kept &= server::measure(folder.path(), wanted.only, wanted.long).await;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Wanted> {
        Wanted::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn no_group_means_every_group() {
        let none = Wanted::default();
        let all = parsed("replication chat rooms docs feed calls server").unwrap();
        assert_eq!(parsed(""), Some(all.clone()));
        assert_eq!(parsed("--long"), Some(Wanted { long: true, ..all }));
        assert_eq!(parsed("server --long"), Some(Wanted { server: true, long: true, ..none.clone() }));
        assert_eq!(parsed("chat"), Some(Wanted { chat: true, ..none.clone() }));
        assert_eq!(parsed("chat feed"), Some(Wanted { chat: true, feed: true, ..none.clone() }));
        let only = Some(server::Part::Idle);
        assert_eq!(parsed("server --only idle"), Some(Wanted { server: true, only, ..none.clone() }));
        let trace = Some("paper.json.gz".into());
        assert_eq!(parsed("docs --trace paper.json.gz"), Some(Wanted { docs: true, trace, ..none }));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(parsed("poetry"), None);
        assert_eq!(parsed("--quick"), None);
        assert_eq!(parsed("server --only poetry"), None);
        assert_eq!(parsed("docs --trace"), None);
    }
}
