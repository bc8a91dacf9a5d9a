//! One `momo ui`, as another program on the machine sees it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::binaries::binary;
use crate::http;
use crate::momo::{RpcError, outcome};
use crate::process::Watched;
use crate::socket::{self, Message, Socket};

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
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
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

    /// Its page, as the browser that opens the address has it.
    #[track_caller]
    pub fn enter(&self) -> Page {
        Page { socket: self.page_socket(&self.cookie()), calls: 0 }
    }

    /// What the browser is known by that opens the address, once.
    #[track_caller]
    pub fn cookie(&self) -> String {
        let page = http::get(self.port(), self.entrance()).expect("it answers");
        let cookie = page.header("set-cookie").expect("the token becomes a cookie");
        cookie.split(';').next().expect("a pair").to_owned()
    }

    /// The WebSocket of one more page of a browser.
    #[track_caller]
    pub fn page_socket(&self, cookie: &str) -> Socket {
        let headers = [("cookie", cookie), ("origin", self.origin())];
        socket::open(self.port(), "/ws", &headers).expect("it is let in")
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

/// The WebSocket of a page.
#[derive(Debug)]
pub struct Page {
    socket: Socket,
    calls: u64,
}

impl Page {
    /// # Errors
    /// The refusal.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.calls += 1;
        let request = json!({ "jsonrpc": "2.0", "id": self.calls, "method": method, "params": params });
        self.socket.send(Message::text(request.to_string())).expect("the socket is open");
        loop {
            let text = self.socket.read().expect("an answer").into_text().expect("text");
            let value: Value = serde_json::from_str(&text).expect("JSON");
            if value["id"] == self.calls {
                return outcome(value);
            }
        }
    }
}
