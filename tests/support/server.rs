//! One server over one data folder and one port, which both outlive its process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::binaries::binary;
use crate::http;
use crate::process::{Usage, Watched};
use crate::wait::wait_for;

/// From start to ready: opening a small store and binding a port, on a machine busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A graceful end may take this long with a thousand clients (C44); here there are a handful.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Below the range from which systems take ports for outgoing connections, so that nobody takes one of ours while its server is stopped.
const PORTS: std::ops::Range<u32> = 12_000..32_000;

/// A running or stopped server.
#[derive(Debug)]
pub struct Server {
    port: u16,
    data: PathBuf,
    log: PathBuf,
    settings: Vec<(String, String)>,
    process: Option<Watched>,
}

impl Server {
    /// Starts one with its data and its log under `folder`, and waits until it is ready. `settings` are environment
    /// variables without their prefix: `("REGISTRATION", "closed")`.
    pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut server = Self {
            port: free_port(),
            data: folder.join("server"),
            log: folder.join("server.log"),
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            process: None,
        };
        server.start_again();
        server
    }

    /// A server that is not running yet.
    pub fn prepare(folder: &Path, port: u16, settings: &[(&str, &str)]) -> Self {
        Self {
            port,
            data: folder.join("server"),
            log: folder.join("server.log"),
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            process: None,
        }
    }

    /// Starts it on the same port and data, and waits until it is ready.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.launch();
        let what = format!("the server answers /readyz on port {} (log: {})", self.port, self.log.display());
        wait_for(&what, READY_WITHIN, || {
            let ended = self.process.as_mut().and_then(Watched::ended);
            assert!(ended.is_none(), "the server ended with {ended:?}: {}", self.log_tail());
            http::get(self.port, "/readyz").ok().filter(|answer| answer.status == 200)
        });
    }

    /// Starts the process without waiting for anything.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let mut command = Command::new(binary("momoland-server"));
        command
            .env("MOMOLAND_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("MOMOLAND_DATA", &self.data)
            // Ours; the server would warn of a setting that it does not know.
            .env_remove("MOMOLAND_BIN_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for (name, value) in &self.settings {
            command.env(format!("MOMOLAND_{name}"), value);
        }
        self.process = Some(Watched::start("the server", command, &self.log));
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        let mut process = self.process.take().expect("the server runs");
        process.terminate();
        process.wait_end(STOP_WITHIN)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("the server runs").kill();
    }

    /// Another server moves in: same port, empty data, new keys.
    #[track_caller]
    pub fn replace_by_stranger(&mut self) {
        self.data.set_extension("stranger");
        self.start_again();
    }

    /// The right one moves in again, after [`Server::replace_by_stranger`].
    #[track_caller]
    pub fn bring_back(&mut self) {
        self.data.set_extension("");
        self.start_again();
    }

    pub fn process(&mut self) -> &mut Watched {
        self.process.as_mut().expect("the server runs")
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").pid()
    }

    pub fn usage(&self) -> Usage {
        self.process.as_ref().expect("the server runs").usage()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// As a person types it.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The sum over all labels of one metric; `None` where the server does not tell it.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let answer = http::get(self.port, "/metrics").expect("the server answers");
        assert_eq!(answer.status, 200, "/metrics: {}", answer.text());
        let values: Vec<f64> = answer
            .text()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(key, _)| key.split('{').next() == Some(name))
            .map(|(_, value)| value.parse().expect("a metric is a number"))
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    fn log_tail(&self) -> String {
        crate::process::tail(&self.log, 2_000)
    }
}

/// A port of loopback that nobody listens on, each one given out once in this process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let length = PORTS.end - PORTS.start;
    // Test processes that run side by side begin at different places.
    let offset = std::process::id().wrapping_mul(611) % length;
    for _ in 0..length {
        let port = PORTS.start + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % length;
        let port = u16::try_from(port).expect("the range lies within ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
