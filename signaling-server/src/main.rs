//! `momoland-server`: settings, logging, signals; then [`signaling_server::serve`].
//!
//! What cannot start says so in a sentence on standard error and exits with 1, a wrong call with 2.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use signaling_server::config::{Config, ConfigError, describe_settings};
use signaling_server::shutdown::{Phase, Shutdown};
use signaling_server::{OpenError, Served, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Open files the server asks for: one a connection, and some for the store.
const OPEN_FILES_WANTED: u64 = 65_536;

/// Free bytes that a store needs before it is opened again: less, and it would be full again at once.
const ROOM_BYTES: usize = 1024 * 1024;

/// Between two looks at whether there is room.
const ROOM_PROBED_EVERY: Duration = Duration::from_secs(1);

/// What the command line asks for.
enum Call {
    Serve { config: Option<PathBuf>, held: bool },
    Print(String),
}

/// Why the process ends without having served.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} Try `momoland-server --help`.")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("The address {address} cannot be listened on: {cause}. {advice}")]
    Listen { address: std::net::SocketAddr, cause: std::io::Error, advice: &'static str },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("The process cannot be set up: {0}.")]
    Process(#[from] std::io::Error),
}

/// Threads that wait for the disk, at most, beside those that hash passwords. Each has a stack and an arena of the
/// allocator, some 200 KB; more would not make a disk faster.
const READING_THREADS_MAX: usize = 8;

/// How long such a thread waits for more to do.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let outcome = parse(std::env::args().skip(1)).and_then(|call| match call {
        Call::Print(text) => Ok(std::io::stdout().write_all(text.as_bytes())?),
        Call::Serve { config, held } => run(config, held),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell where this cannot be written.
            let _ = writeln!(std::io::stderr(), "momoland-server: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Call, Failure> {
    let (mut config, mut held) = (None, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Call::Print(help())),
            "--version" | "-V" => return Ok(Call::Print(format!("momoland-server {}\n", env!("CARGO_PKG_VERSION")))),
            "--until-stdin-closes" => held = true,
            "--config" => {
                let file = arguments.next().ok_or_else(|| Failure::Usage("--config needs a file.".to_owned()))?;
                config = Some(PathBuf::from(file));
            }
            other => match other.strip_prefix("--config=") {
                Some(file) => config = Some(PathBuf::from(file)),
                None => return Err(Failure::Usage(format!("{other:?} is no option of this program."))),
            },
        }
    }
    Ok(Call::Serve { config, held })
}

fn help() -> String {
    format!(
        "momoland-server: accounts, introductions and relay for Momoland\n\n\
         usage: momoland-server [--config FILE] [--until-stdin-closes]\n\n\
         Without a word it listens on 127.0.0.1:7420 and keeps its data in ./momoland-data.\n\
         With --until-stdin-closes it stops when its standard input is closed, so also when whoever started it with a\n\
         pipe there is gone, however that went.\n\
         FILE is TOML. Every setting, as environment variable / key in FILE; the environment wins:\n\n{}",
        describe_settings()
    )
}

fn run(file: Option<PathBuf>, held: bool) -> Result<(), Failure> {
    momoland_allocator::give_large_pieces_back();
    // Variables whose name or value is no text cannot be settings of ours.
    let environment =
        || std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::load(file.as_deref(), environment())?;
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.log))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    for name in Config::unknown_variables(environment()) {
        tracing::warn!(name, "this variable is no setting of the server");
    }
    match rlimit::increase_nofile_limit(OPEN_FILES_WANTED) {
        Ok(files) => tracing::debug!(files, "open files allowed"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays low"),
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(READING_THREADS_MAX + config.limits.password_threads)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()?
        .block_on(listen(config, held))
}

async fn listen(config: Config, held: bool) -> Result<(), Failure> {
    let address = config.listen;
    let listener = TcpListener::bind(address).await.map_err(|cause| Failure::Listen {
        address,
        advice: match cause.kind() {
            std::io::ErrorKind::AddrInUse => {
                "Another program has it: end that one, or choose another with MOMOLAND_LISTEN."
            }
            _ => "Choose another with MOMOLAND_LISTEN.",
        },
        cause,
    })?;
    let bound = listener.local_addr()?;
    // What signals ask of the process; each time that it serves has a switch of its own, which follows.
    let shutdown = Shutdown::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let watched = shutdown.clone();
    let signals = tokio::spawn(async move {
        // The first asks, the second insists.
        for stop in [Shutdown::begin, Shutdown::end] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "asked to stop");
            stop(&watched);
        }
    });
    if held {
        stop_with_stdin(shutdown.clone())?;
    }
    let data = config.data.display().to_string();
    let ready = move || {
        tracing::info!(address = %bound, data, "listening");
        // For scripts that let it choose a port; where nobody reads standard output, there is nobody to tell.
        let _ = writeln!(std::io::stdout(), "momoland-server is listening on http://{bound}");
    };
    let served = serve_over_failures(listener, &config, &shutdown, ready).await;
    signals.abort();
    served?;
    tracing::info!("stopped");
    Ok(())
}

/// Stops once standard input is closed. A thread of its own, since a read there cannot be given up; it ends with the
/// process.
fn stop_with_stdin(shutdown: Shutdown) -> std::io::Result<()> {
    let wait = move || {
        // What is written there has no meaning; an end is an end, and so is what cannot be read.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        tracing::info!("standard input was closed: stopping");
        shutdown.begin();
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(wait).map(drop)
}

/// Serves until it is asked to stop. Where the store fails, serves anew once the disk has room: clients come back by
/// themselves and give back what was not acknowledged.
async fn serve_over_failures(
    listener: TcpListener,
    config: &Config,
    asked: &Shutdown,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let bound = listener.local_addr()?;
    let (mut listener, mut ready) = (Some(listener), Some(ready));
    loop {
        let listening = match listener.take() {
            Some(listening) => listening,
            None => TcpListener::bind(bound).await?,
        };
        let serving = Shutdown::new();
        let (follow, followed) = (asked.clone(), serving.clone());
        let follows = tokio::spawn(async move {
            follow.draining().await;
            followed.begin();
            follow.ended().await;
            followed.end();
        });
        let again = ready.is_none();
        let said = ready.take();
        let served = serve(listening, config.clone(), serving, || match said {
            Some(said) => said(),
            None => tracing::info!(address = %bound, "the disk takes writes again"),
        });
        let served = served.await;
        follows.abort();
        match served {
            Ok(Served::Asked) => return Ok(()),
            Ok(Served::StoreFailed) => {}
            Err(error) if again && error.is_full_disk() => {}
            Err(error) => return Err(error.into()),
        }
        if asked.phase() != Phase::Running {
            return Ok(());
        }
        tracing::error!(data = %config.data.display(), "the store failed; waiting for room on the disk");
        tokio::select! {
            () = asked.draining() => return Ok(()),
            () = room_on_disk(&config.data) => {}
        }
    }
}

/// Comes back once the data folder takes [`ROOM_BYTES`].
async fn room_on_disk(data: &Path) {
    let probe = data.join("room-probe");
    loop {
        let path = probe.clone();
        let probed = tokio::task::spawn_blocking(move || {
            let written = std::fs::File::create(&path).and_then(|mut file| {
                file.write_all(&vec![0; ROOM_BYTES])?;
                file.sync_all()
            });
            // It may never have been made.
            let _ = std::fs::remove_file(&path);
            written
        });
        if matches!(probed.await, Ok(Ok(()))) {
            return;
        }
        tokio::time::sleep(ROOM_PROBED_EVERY).await;
    }
}
