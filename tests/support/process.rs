//! One process, by its id: signals, what it uses, how it ended.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait_for;

/// A child that is killed when this value goes. Its standard error is appended to a log file.
#[derive(Debug)]
pub struct Watched {
    name: String,
    child: Child,
    log: PathBuf,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory, KiB.
    pub rss_kib: u64,
    /// The most that it was resident so far, KiB.
    pub rss_peak_kib: u64,
    /// Open files, sockets included.
    pub files: usize,
    pub threads: u64,
}

impl Watched {
    /// Starts `command` with standard output as given and standard error in `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let child = command
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGINT.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// SIGSTOP: it stays connected and says nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for");
    }

    /// How it ended, where it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it is still there after `within`.
    #[track_caller]
    pub fn wait_end(&mut self, within: Duration) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let what = format!("{} ends", self.name);
        let status = wait_for(&what, within, || self.ended());
        (status, begun.elapsed())
    }

    /// # Panics
    /// Where the process is gone.
    pub fn usage(&self) -> Usage {
        let folder = PathBuf::from(format!("/proc/{}", self.pid()));
        let status = std::fs::read_to_string(folder.join("status")).expect("the process runs");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field of /proc/PID/status");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Usage {
            rss_kib: field("VmRSS:"),
            rss_peak_kib: field("VmHWM:"),
            files: std::fs::read_dir(folder.join("fd")).expect("the process runs").count(),
            threads: field("Threads:"),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // A process that has ended but was not waited for still takes signals, so this fails for no child of ours.
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{} cannot be signalled: {error}", self.name));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A frozen process dies of SIGKILL as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last part of a log, for a failure's message.
pub(crate) fn tail(log: &Path, bytes: u64) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end)
    };
    read().map_or_else(|error| format!("({error})"), |end| String::from_utf8_lossy(&end).into_owned())
}
