//! How the process says why it cannot go on: a sentence on stderr, a dialog where nobody reads stderr, status 1.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use momoland_engine::OpenError;

/// How long a dialog stays when nobody answers it: long enough for whoever clicked the icon to read it, and then gone
/// from machines where nobody looks.
const DIALOG_TIME_MAX: Duration = Duration::from_secs(120);

/// Why there is no window. Each is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no screen to put a window on. Nothing was opened.
    #[error(
        "There is no display for a window. Start Momoland in a desktop session, or use `momo` on the command line."
    )]
    NoScreen,
    /// The system names no home to keep data in.
    #[error("This system names no folder for application data. Choose one: momoland --data DIR.")]
    NoDataDir,
    /// The engine refused the data folder. Nothing was changed.
    #[error(transparent)]
    Open(OpenError),
    /// Another process has the data folder; its window was brought forward.
    #[error("Momoland is already running on {}. Its window was brought to the front.", .data_dir.display())]
    AlreadyRunning { data_dir: PathBuf },
    #[error("The window could not be opened: {0}. Start Momoland in a desktop session with WebKitGTK 4.1 or WebView2.")]
    Window(tauri::Error),
}

impl Failure {
    /// Whether the person who clicked the icon would otherwise see nothing happen.
    fn needs_dialog(&self) -> bool {
        match self {
            Self::NoDataDir | Self::Open(_) | Self::Window(_) => true,
            Self::NoScreen | Self::AlreadyRunning { .. } => false,
        }
    }
}

/// Says it and gives the status to end with. The dialog lives in a process of its own, since this one has to end
/// without waiting for anybody to press a button.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    let sentence = failure.to_string();
    // Nothing is left to do where stderr is closed.
    let _ = writeln!(io::stderr(), "momoland: {sentence}");
    if failure.needs_dialog() && !io::stderr().is_terminal() {
        let shown = std::env::current_exe().and_then(|program| {
            let mut dialog = Command::new(program);
            dialog.args(["--explain", &sentence]);
            dialog.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        });
        if let Err(error) = shown {
            let _ = writeln!(io::stderr(), "momoland: no dialog could be shown: {error}");
        }
    }
    ExitCode::FAILURE
}

/// Shows the sentence in the system's own dialog until it is dismissed, or [`DIALOG_TIME_MAX`] has passed.
#[allow(clippy::exit, reason = "the dialog blocks the main thread and has no way to be closed from another")]
pub(crate) fn show_dialog(sentence: &str) -> ExitCode {
    std::thread::spawn(|| {
        std::thread::sleep(DIALOG_TIME_MAX);
        std::process::exit(0);
    });
    rfd::MessageDialog::new()
        .set_level(rfd::MessageLevel::Error)
        .set_title("Momoland")
        .set_description(sentence)
        .set_buttons(rfd::MessageButtons::Ok)
        .show();
    ExitCode::SUCCESS
}
