//! Other editors' servers and clients (`tests/bench/editors`), each a process of its own, told what to do by lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::Watched;

use crate::figure::Samples;
use crate::processor;

/// What this is measured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    YWebsocket,
    Hocuspocus,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::YWebsocket, Self::Hocuspocus];

    /// As its processes are told, and in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::YWebsocket => "y-websocket",
            Self::Hocuspocus => "hocuspocus",
        }
    }
}

/// A process that answers each line with a line.
struct Talker {
    process: Watched,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// A server and the folder for what its clients read.
pub(super) struct Editors {
    kind: Kind,
    folder: PathBuf,
    server: Talker,
    port: u64,
}

impl Editors {
    pub(super) fn start(kind: Kind, folder: &Path) -> Self {
        let mut server = Talker::start("server.mjs", &[kind.name().to_owned()], folder);
        let port = server.hear()["port"].as_u64().expect("a server says its port");
        Self { kind, folder: folder.to_owned(), server, port }
    }

    /// A trace typed on one client until the other has it: how long that took, and the server's processor time.
    pub(super) fn type_trace(&mut self, document: &str, trace: &Path, keys: usize) -> (Duration, Duration) {
        let (mut near, mut far) = (self.client(document), self.client(document));
        let before = processor::time_of(self.server.process.pid());
        let begun = std::time::Instant::now();
        far.say(&json!({ "await": trace }));
        near.say(&json!({ "type": trace, "keys": keys }));
        near.hear();
        far.hear();
        (begun.elapsed(), processor::time_of(self.server.process.pid()) - before)
    }

    /// So many letters at this pace: milliseconds until the other has each, and bytes on both sockets, both ways.
    pub(super) fn type_at_pace(&self, document: &str, times: usize, every: Duration) -> (Samples, f64) {
        let mut client = self.client(document);
        client.say(&json!({ "pace": times, "everyMs": every.as_millis() as u64 }));
        let answer = client.hear();
        let mut latencies = Samples::default();
        for latency in answer["latenciesMs"].as_array().expect("a list") {
            latencies.push(latency.as_f64().expect("a number"));
        }
        (latencies, answer["bytes"].as_f64().expect("a number"))
    }

    fn client(&self, document: &str) -> Talker {
        let arguments = [self.kind.name().to_owned(), self.port.to_string(), document.to_owned()];
        let mut client = Talker::start("client.mjs", &arguments, &self.folder);
        assert_eq!(client.hear()["ready"], true);
        client
    }
}

impl Talker {
    fn start(program: &str, arguments: &[String], folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors").join(program);
        let mut command = Command::new("node");
        command.arg(&program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Watched::start("an editor", command, &folder.join("editors.log"));
        let input = process.child().stdin.take().expect("a pipe");
        let output = BufReader::new(process.child().stdout.take().expect("a pipe"));
        Self { process, input, output }
    }

    fn say(&mut self, command: &Value) {
        writeln!(self.input, "{command}").expect("it reads");
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it can be read");
        serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
            panic!("an editor says {line:?}; {log}")
        })
    }
}
