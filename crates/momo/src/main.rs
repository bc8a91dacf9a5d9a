//! `momo`: Momoland on the command line.
//!
//! Two fronts over one engine: `rpc` speaks JSON-RPC over stdio to bots and tests, `ui` serves the window to a
//! browser on this machine; `doctor` asks one question and prints the answer. All open a data folder, hand texts to [`momoland_engine::Engine`] and carry answers and
//! events back (`conversation`); neither knows what a method means.
//!
//! # Invariants
//! 1. Standard output carries JSON lines (`rpc`) or one address (`ui`) and nothing else; logs and refusals go to
//!    standard error. Test: `lines_that_are_not_requests_get_an_error_and_harm_nothing`.
//! 2. The process ends with status 0 only after the engine has released the data folder. A refusal is one sentence
//!    on standard error and status 1; a usage error is status 2.
//!
//! Not here: what requests do (`momoland_engine::api`), the desktop window (`src-tauri`).

mod conversation;
mod demo;
mod doctor;
mod rpc;
mod ui;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use momoland_engine::{Engine, EngineConfig, KeyStorage, LOG_FILTER, OpenError};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How long a graceful end may take before the process ends anyway. What was acknowledged is on disk already.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);

const ABOUT: &str = "Momoland on the command line: for bots, scripts and a browser on this machine.";

const LONG_ABOUT: &str = "\
Momoland on the command line: for bots, scripts and a browser on this machine.

WRITING A BOT
  `momo rpc --data DIR` is a whole Momoland client without a window. It reads one JSON-RPC 2.0 request a line on
  standard input, and writes one JSON object a line on standard output: answers, which carry the id of their request
  and may come in another order, and events, which are notifications:

    > {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.register\",\"params\":{\"server\":\"127.0.0.1:7420\",\
\"handle\":\"echo-bot\",\"password\":\"correct horse battery\"}}
    < {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"userId\":\"…\",\"deviceId\":\"…\"}}
    > {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"rooms.join\",\"params\":{\"invite\":\"momoland://join/…\"}}
    < {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"roomId\":\"…\"}}
    < {\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"type\":\"message.new\",\"roomId\":\"…\",\"message\":{…}}}
    > {\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"messages.send\",\"params\":{\"roomId\":\"…\",\"text\":\"you said hello\"}}
    < {\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"messageId\":\"…\",\"state\":\"stored\"}}

  Started again on the same DIR it is signed in already. Lists and sends work without the server, too: what was
  answered is on this disk and goes out when there is a way. `message.new` comes once for each message, the bot's
  own included: compare `author` with the `userId` of `account.whoami`, or it will talk to itself.

METHODS
  account.register login logout whoami devices revokeDevice setProfile changePassword
  net.status doctor setOnline setPolicy rooms.create list directory join leave invite members setRole remove update direct
  messages.send list markRead           typing.set        presence.list set

  Fields are camelCase, times are Unix milliseconds, ids are opaque strings. Unknown parameters are refused; ignore
  fields of results that you do not know. An error has a numeric `code`, a word in `data.kind` (unauthorized,
  forbidden, not_found, invalid, conflict, rate_limited, offline, internal) and a sentence. After `rate_limited`
  wait for `data.retryAfterMs`. After an event `resync` read the lists again: output was not read in time.

TROUBLE
  `momo doctor --data DIR` (or `--server ADDRESS`) looks at the server, this machine's clock and network, and says what works, what stands in the
  way and what to do. Its status is 0 where nothing stands in the way, else 1. A running bot asks `net.doctor` instead.

ENDING
  End of input, SIGTERM and SIGINT end it: requests under way are answered, links are closed, the folder is
  released. A line of input may hold 4 MiB. One process at a time may use a DIR.

ENVIRONMENT
  MOMOLAND_LOG   what is logged to standard error, e.g. `info` or `momoland_engine=debug`; `warn` unless set";

#[derive(Debug, Parser)]
#[command(name = "momo", version, about = ABOUT, long_about = LONG_ABOUT, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// JSON-RPC over standard input and output, one object a line: for bots and scripts.
    Rpc {
        /// The data folder: keys, messages, everything. Made if it is not there.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Says in plain words what works and what stands in the way between here, the server and other people.
    #[command(group = clap::ArgGroup::new("patient").required(true).args(["data", "server"]))]
    Doctor {
        /// The data folder of somebody who has signed in. Nothing else may be using it.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// A server, where nobody has signed in yet.
        #[arg(long, value_name = "ADDRESS")]
        server: Option<String>,
    },
    /// The window in a browser on this machine: prints an address that opens it once.
    Ui {
        /// The data folder: keys, messages, everything. Made if it is not there.
        #[arg(long, value_name = "DIR", required_unless_present = "demo")]
        data: Option<PathBuf>,
        /// A server and several people in one page, in a temporary folder that is gone at the end.
        #[arg(long, conflicts_with = "data")]
        demo: bool,
        /// How many people a demonstration has, 2 to 4.
        #[arg(long, value_name = "N", default_value_t = 2, requires = "demo", value_parser = clap::value_parser!(u8).range(i64::from(demo::PEOPLE_MIN)..=i64::from(demo::PEOPLE_MAX)))]
        people: u8,
        /// A loopback address; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: String,
    },
}

/// Why the process ends with status 1. Nothing was changed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Listen(#[from] ui::ListenError),
    #[error(transparent)]
    Stage(#[from] demo::StageError),
    /// The process could not be set up: threads, signals, random numbers.
    #[error("This system refuses what momo needs to run: {0}.")]
    System(#[from] std::io::Error),
    #[error("Something stands in the way; it is said above.")]
    Unwell,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("MOMOLAND_LOG").unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();

    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(arguments.command));
            // Work that outlived its owners (a name look-up in a blocking call) must not hold the process.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Refusal::System(error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            // Nobody may be reading; there is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "momo: {refusal}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Refusal> {
    let stop = stop_on_signals()?;
    match command {
        Command::Rpc { data } => {
            let Some(engine) = open(data, &stop).await? else { return Ok(()) };
            rpc::serve(&engine, &stop).await;
            close(&engine).await;
        }
        Command::Doctor { data, server } => {
            // A stranger's look needs no folder that lasts.
            let passing = tempfile::tempdir()?;
            let data = data.unwrap_or_else(|| passing.path().to_owned());
            let Some(engine) = open(data, &stop).await? else { return Ok(()) };
            let examined = doctor::examine(&engine, server, &stop).await;
            close(&engine).await;
            if !examined? {
                return Err(Refusal::Unwell);
            }
        }
        Command::Ui { data: None, demo: _, people, listen } => {
            let listener = ui::listen(&listen).await?;
            let stage = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                stage = demo::Stage::set(people) => Arc::new(stage?),
            };
            let served = ui::serve(ui::Shown::Stage(Arc::clone(&stage)), listener, &stop).await;
            if tokio::time::timeout(SHUTDOWN_TIME_MAX, stage.end()).await.is_err() {
                tracing::warn!("the demonstration did not end within {SHUTDOWN_TIME_MAX:?}; ending without it");
            }
            served?;
        }
        Command::Ui { data: Some(data), demo: _, people: _, listen } => {
            let listener = ui::listen(&listen).await?;
            let Some(engine) = open(data, &stop).await? else { return Ok(()) };
            let served = ui::serve(ui::Shown::One(engine.clone()), listener, &stop).await;
            close(&engine).await;
            served?;
        }
    }
    Ok(())
}

/// `None` where a signal came first.
async fn open(data_dir: PathBuf, stop: &CancellationToken) -> Result<Option<Engine>, OpenError> {
    let config = EngineConfig { data_dir, keys: KeyStorage::DataFolder };
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        opened = Engine::open(config) => opened.map(Some),
    }
}

async fn close(engine: &Engine) {
    if tokio::time::timeout(SHUTDOWN_TIME_MAX, engine.shutdown()).await.is_err() {
        tracing::warn!("the engine did not close within {SHUTDOWN_TIME_MAX:?}; ending without it");
    }
}

#[cfg(unix)]
#[expect(clippy::exit, reason = "whoever asks twice does not want to wait; what was acknowledged is on disk")]
fn end_at_once() -> ! {
    std::process::exit(130)
}

/// A token that is cancelled by the first SIGTERM or SIGINT (Ctrl-C elsewhere). A second one ends the process at once.
fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Owned by the process: it ends with the runtime.
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if cancel.is_cancelled() {
                    end_at_once();
                }
                tracing::info!("asked to end by a signal");
                cancel.cancel();
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    Ok(stop)
}
