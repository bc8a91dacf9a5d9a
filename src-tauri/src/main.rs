//! The desktop shell: one window over the engine, and nothing that the engine could do itself.
//!
//! Start-up runs top to bottom in [`start`]: arguments, data folder, engine, window. The engine is opened before
//! there is a window, because a data folder that cannot be used has to end the process with a sentence; after that
//! `bridge` passes JSON-RPC text between page and engine, and `window` and `instance` look after the one window.
//!
//! # Invariants
//! 1. A data folder has one process. The second one brings the first one's window forward where there is one, says
//!    so and ends with status 1. Test: `tests/desktop/two_windows.test.mjs`, "refuses a second process".
//!    A link that it was started with is opened there. Test: `tests/desktop/links.test.mjs`.
//! 2. Whatever ends the process in an orderly way (window closed, SIGTERM, SIGINT) shuts the engine down first.
//!
//! Not here: methods, events and their meaning (`momoland_engine`), anything that is shown (`ui/`).

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod attention;
mod bridge;
#[cfg(target_os = "linux")]
mod bus;
mod choice;
mod failure;
mod instance;
mod kept;
mod keychain;
mod links;
mod settings;
mod tray;
#[cfg(target_os = "linux")]
mod webkit;
mod window;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use momoland_engine::{Engine, EngineConfig, KeyStorage, LOG_FILTER, OpenError};
use serde_json::json;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tracing_subscriber::EnvFilter;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::instance::Door;
use crate::kept::Kept;
use crate::keychain::Keychain;
use crate::links::{Link, Links};
use crate::settings::Settings;
use crate::tray::Tray;
use crate::window::Geometry;

/// How long the engine may take to close links and write what is pending. After that the process ends all the same:
/// what was acknowledged is on disk already, and a window that is closed must not leave a process behind.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg_attr(
    target_os = "linux",
    allow(unsafe_code, reason = "the environment has to be set before there are threads, which is here")
)]
fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    // SAFETY: this is the first thing that the process does, on its only thread.
    unsafe {
        webkit::choose();
    }
    let arguments = Arguments::parse();
    let ended = match arguments.explain {
        Some(sentence) => require_screen().map(|()| failure::show_dialog(&sentence)),
        None => start(arguments.data_dir, arguments.geometry, arguments.link),
    };
    ended.unwrap_or_else(|failure| failure::report(&failure))
}

fn start(data_dir: Option<PathBuf>, geometry: Option<Geometry>, link: Option<Link>) -> Result<ExitCode, Failure> {
    let filter = EnvFilter::try_from_env("MOMOLAND_LOG").unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    require_screen()?;
    let context = context();
    let data_dir = match data_dir {
        Some(data_dir) => data_dir,
        None => platform_data_dir(&context.config().identifier).ok_or(Failure::NoDataDir)?,
    };
    let engine = tauri::async_runtime::block_on(open_engine(&data_dir, link.as_ref()))?;
    let links = Links::default();
    if let Some(link) = link {
        links.deliver(link);
    }
    let result = run_window(context, &data_dir, geometry, engine.clone(), links);
    tauri::async_runtime::block_on(async {
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, engine.shutdown()).await.is_err() {
            tracing::warn!(timeout_s = SHUTDOWN_TIMEOUT.as_secs(), "the engine did not shut down in time");
        }
    });
    result
}

/// Without a screen GTK cannot start, and Tauri would end in a panic.
#[cfg(target_os = "linux")]
fn require_screen() -> Result<(), Failure> {
    gtk::init().map_err(|_| Failure::NoScreen)
}

#[cfg(not(target_os = "linux"))]
fn require_screen() -> Result<(), Failure> {
    Ok(())
}

/// The configuration and the UI, embedded when this was built.
#[allow(clippy::exit, reason = "in Tauri's macro, where what was embedded cannot be read")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}

async fn open_engine(data_dir: &Path, link: Option<&Link>) -> Result<Engine, Failure> {
    let already_running = || Failure::AlreadyRunning { data_dir: data_dir.to_owned() };
    // Asked first, since opening waits a while for a lock: whoever starts it again wants the window now.
    if instance::ask_to_come_forward(data_dir, link).await {
        return Err(already_running());
    }
    let config = EngineConfig { data_dir: data_dir.to_owned(), keys: KeyStorage::Vault(Arc::new(Keychain)) };
    match Engine::open(config).await {
        // Two links that are opened at once start two processes, and one of them is a little ahead.
        Err(OpenError::InUse { .. }) if link.is_some() && instance::await_door(data_dir, link).await => {
            Err(already_running())
        }
        opened => opened.map_err(Failure::Open),
    }
}

/// Shows the window until it is closed or the process is told to end.
fn run_window(
    context: tauri::Context,
    data_dir: &Path,
    geometry: Option<Geometry>,
    engine: Engine,
    links: Links,
) -> Result<ExitCode, Failure> {
    let window_data_dir = data_dir.to_owned();
    let followed = engine.clone();
    let app = tauri::Builder::default()
        .manage(engine)
        .manage(bridge::Stream::default())
        .manage(bridge::Pictures::default())
        .manage(links)
        .manage(Settings::open(data_dir))
        .manage(Kept::open(data_dir))
        .invoke_handler(tauri::generate_handler![
            bridge::rpc,
            bridge::subscribe,
            bridge::pictures,
            bridge::picture_drawn,
            choice::choose_sound,
            kept::kept,
            kept::keep,
            links::watch_links,
            links::keep_links
        ])
        .setup(move |app| {
            window::open(app, &window_data_dir, geometry)?;
            open_tray(app.handle());
            tauri::async_runtime::spawn(attention::follow(app.handle().clone(), followed));
            tauri::async_runtime::spawn(end_on_signal(app.handle().clone()));
            Ok(())
        })
        .build(context)
        .map_err(Failure::Window)?;

    // Without the door everything works but coming forward, so its failure is worth a line in the log only.
    let door = match tauri::async_runtime::block_on(Door::open(data_dir, app.handle().clone())) {
        Ok(door) => Some(door),
        Err(error) => {
            tracing::warn!(%error, "a second start will not bring this window forward");
            None
        }
    };
    let data_dir = data_dir.to_owned();
    let code = app.run_return(move |app, event| {
        #[cfg(target_os = "macos")]
        open_urls(app, &event);
        look_after_window(app, &event, &data_dir);
    });
    drop(door);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// macOS hands links to the process that is there; other systems start a second one with the link as its argument.
#[cfg(target_os = "macos")]
fn open_urls(app: &AppHandle, event: &RunEvent) {
    let RunEvent::Opened { urls } = event else { return };
    for url in urls {
        match url.as_str().parse() {
            Ok(link) => app.state::<Links>().deliver(link),
            Err(error) => tracing::warn!(%error, "a link was refused"),
        }
    }
    window::come_forward(app);
}

/// Keeps the window's place for the next start, at the last moments at which it still has one; and leaves the program
/// running where the tray brings the window back.
#[allow(clippy::wildcard_enum_match_arm, reason = "Tauri's events are non-exhaustive; two of them matter here")]
fn look_after_window(app: &AppHandle, event: &RunEvent, data_dir: &Path) {
    match event {
        RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. } => {
            window::remember(app, data_dir);
            if stays_in_tray(app) && window::hide(app) {
                api.prevent_close();
                hide_person(app);
                let settings = app.state::<Settings>();
                if !settings.choices().told_of_tray {
                    attention::tell_of_tray(app);
                    settings.choose(|choices| choices.told_of_tray = true);
                }
            }
        }
        RunEvent::ExitRequested { .. } => {
            window::remember(app, data_dir);
            app.state::<Kept>().write();
        }
        _ => {}
    }
}

/// Nobody is seen who cannot see that they are. The call's sound goes on.
fn hide_person(app: &AppHandle) {
    let engine = app.state::<Engine>().inner().clone();
    tauri::async_runtime::spawn(async move {
        let off = engine.ask("calls.setMedia", json!({ "camera": false, "screen": false })).await;
        if let Err(error) = off {
            // Mostly since there is no call.
            tracing::debug!(error = error.message, "camera and screen were not switched off");
        }
    });
}

/// Asked when the window is closed: trays come and go with the panel that shows them.
fn stays_in_tray(app: &AppHandle) -> bool {
    #[cfg(target_os = "linux")]
    let shown = bus::shows_trays();
    #[cfg(not(target_os = "linux"))]
    let shown = true;
    shown && app.try_state::<Tray>().is_some() && app.state::<Settings>().choices().keep_running
}

/// Without a tray everything works; closing the window then ends the program.
fn open_tray(app: &AppHandle) {
    #[cfg(target_os = "linux")]
    {
        bus::open(app);
        if !bus::is_there() {
            return;
        }
    }
    // The library behind it is looked for only now, and where it is missing that is a panic.
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Tray::open(app)));
    match opened {
        Ok(Ok(tray)) => {
            app.manage(tray);
        }
        Ok(Err(error)) => tracing::warn!(%error, "there is no icon in the tray"),
        Err(_) => tracing::warn!("there is no icon in the tray: libayatana-appindicator3 is missing"),
    }
}

/// Ends the event loop when the process is told to end, so that the engine is shut down as on closing the window.
async fn end_on_signal(app: AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM will end this process without a shutdown");
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
    app.exit(0);
}

/// The folder that the platform gives an application of this identifier: `~/.local/share/…` on Linux,
/// `~/Library/Application Support/…` on macOS, `%APPDATA%\…` on Windows.
fn platform_data_dir(identifier: &str) -> Option<PathBuf> {
    dirs::data_dir().map(|data_dir| data_dir.join(identifier))
}
