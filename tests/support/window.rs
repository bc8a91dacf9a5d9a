//! One `momo ui`, as another program on the machine sees it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::binaries::binary;
use crate::process::Watched;

const END_WITHIN: Duration = Duration::from_secs(10);

/// A running `momo ui`.
#[derive(Debug)]
pub struct Window {
    process: Watched,
    address: String,
}

impl Window {
    /// Starts one over `folder`/NAME and waits for the address that it prints.
    pub fn start(folder: &Path, name: &str) -> Self {
        Self::start_with(folder, name, &[])
    }

    /// The same with something in its environment.
    pub fn start_with(folder: &Path, name: &str, environment: &[(String, String)]) -> Self {
        let mut command = Command::new(binary("momo"));
        command.arg("ui").arg("--data").arg(folder.join(name));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::watch(folder, name, command)
    }

    /// Starts a demonstration, whose server and people have their data below `folder`.
    pub fn demonstration(folder: &Path) -> Self {
        let mut command = Command::new(binary("momo"));
        command.args(["ui", "--demo"]).env("TMPDIR", folder);
        Self::watch(folder, "demonstration", command)
    }

    fn watch(folder: &Path, name: &str, mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Watched::start(name, command, &folder.join(format!("{name}.log")));
        let output = process.child().stdout.take().expect("it is piped");
        let mut address = String::new();
        // Ends where the process does.
        BufReader::new(output).read_line(&mut address).expect("the address is text");
        let address = address.trim_end().to_owned();
        assert!(address.starts_with("http://127.0.0.1:"), "momo ui printed {address:?}");
        Self { process, address }
    }

    /// What it printed.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        self.address.split("/?").next().unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        self.origin().rsplit(':').next().and_then(|port| port.parse().ok()).expect("the address has a port")
    }

    /// `/?token=…`.
    pub fn entrance(&self) -> &str {
        self.address.get(self.origin().len()..).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// SIGTERM, and waits for its end.
    #[track_caller]
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        self.process.terminate();
        self.process.wait_end(END_WITHIN)
    }
}
