//! One person's `momo rpc` over one data folder, which outlives its process.
//!
//! What the process writes is read by a thread of its own into a record of answers and events. The record goes on
//! over restarts, so that a scenario can ask what a person was told in all.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::binaries::binary;
use crate::process::{Usage, Watched, tail};
use crate::wait::{wait_for, wait_until};

/// The longest that any method may take: 15 s for what needs the server (C30), and some for a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// Closing links and writing what is pending.
const END_WITHIN: Duration = Duration::from_secs(8);

/// What people accept for something to reach the other side, on a machine busy with other tests.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// A refusal, as the API gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    pub code: i64,
    /// `data.kind`; empty where there is none.
    pub kind: String,
    pub message: String,
    pub data: Value,
}

/// A person at a `momo rpc`.
#[derive(Debug)]
pub struct Momo {
    name: String,
    data: PathBuf,
    log: PathBuf,
    user_id: OnceLock<String>,
    environment: Mutex<Vec<(String, String)>>,
    /// A program and its arguments that start it; none: nothing in between.
    through: Vec<String>,
    running: Mutex<Option<Running>>,
    record: Arc<Record>,
    next_id: AtomicU64,
}

#[derive(Debug)]
struct Running {
    process: Watched,
    input: ChildStdin,
    reader: JoinHandle<()>,
    life: u64,
}

#[derive(Debug, Default)]
struct Record {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    /// The parameters of `event` notifications.
    events: Vec<Value>,
    /// By id, until they are taken.
    answers: BTreeMap<u64, Value>,
    /// Answers without an id that we gave: refusals of what could not be read.
    nameless: Vec<Value>,
    /// Whatever else was written, which must be nothing.
    strange: Vec<String>,
    /// Whether standard output is open.
    open: bool,
    /// How many processes there have been.
    life: u64,
}

/// A request under way.
#[derive(Debug)]
pub struct Pending<'a> {
    momo: &'a Momo,
    id: u64,
    method: String,
    begun: Instant,
    /// The process that was asked; a later one does not answer.
    life: u64,
}

impl Momo {
    /// Starts a process over `folder`/NAME.
    pub fn start(folder: &Path, name: &str) -> Self {
        Self::start_with(folder, name, Vec::new())
    }

    /// Starts a process over `folder`/NAME, with these variables in its environment.
    pub fn start_with(folder: &Path, name: &str, environment: Vec<(String, String)>) -> Self {
        Self::start_both(folder, name, environment, Vec::new())
    }

    /// Starts a process over `folder`/NAME by way of another program, which must become it.
    pub fn start_through(folder: &Path, name: &str, through: Vec<String>) -> Self {
        Self::start_both(folder, name, Vec::new(), through)
    }

    fn start_both(folder: &Path, name: &str, environment: Vec<(String, String)>, through: Vec<String>) -> Self {
        let momo = Self {
            name: name.to_owned(),
            data: folder.join(name),
            log: folder.join(format!("{name}.log")),
            user_id: OnceLock::new(),
            environment: Mutex::new(environment),
            through,
            running: Mutex::new(None),
            record: Arc::new(Record::default()),
            next_id: AtomicU64::new(1),
        };
        momo.start_again();
        momo
    }

    /// The variables of its next process.
    pub fn set_environment(&self, environment: Vec<(String, String)>) {
        *self.environment.lock().unwrap_or_else(PoisonError::into_inner) = environment;
    }

    /// Starts a process over the same data.
    pub fn start_again(&self) {
        let mut running = self.running();
        assert!(running.is_none(), "{} runs already", self.name);
        let mut command = match self.through.as_slice() {
            [] => Command::new(binary("momo")),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(binary("momo"));
                command
            }
        };
        command.arg("rpc").arg("--data").arg(&self.data).stdin(Stdio::piped()).stdout(Stdio::piped());
        if std::env::var_os("MOMOLAND_LOG").is_none() {
            command.env("MOMOLAND_LOG", "info");
        }
        // No scenario shows the screen of who runs it.
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command.envs(self.environment.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        let mut process = Watched::start(&self.name, command, &self.log);
        let input = process.child().stdin.take().expect("it is piped");
        let output = process.child().stdout.take().expect("it is piped");
        let life = {
            let mut lines = self.record.lines();
            lines.open = true;
            lines.life += 1;
            lines.life
        };
        let record = Arc::clone(&self.record);
        let reader = std::thread::spawn(move || record.read(BufReader::new(output)));
        *running = Some(Running { process, input, reader, life });
    }

    /// SIGKILL.
    pub fn kill(&self) {
        let mut running = self.running().take().expect("it runs");
        running.process.kill();
        running.reader.join().expect("the reader ends with the output");
    }

    /// Closes its input and waits for its end.
    #[track_caller]
    pub fn close(&self) -> (ExitStatus, Duration) {
        let Running { mut process, input, reader, life: _ } = self.running().take().expect("it runs");
        drop(input);
        let ended = process.wait_end(END_WITHIN);
        reader.join().expect("the reader ends with the output");
        ended
    }

    /// SIGTERM, and waits for its end.
    #[track_caller]
    pub fn terminate(&self) -> (ExitStatus, Duration) {
        let Running { mut process, input, reader, life: _ } = self.running().take().expect("it runs");
        process.terminate();
        let ended = process.wait_end(END_WITHIN);
        drop(input);
        reader.join().expect("the reader ends with the output");
        ended
    }

    /// SIGKILL, and a new process over the same data.
    pub fn kill_and_start_again(&self) {
        self.kill();
        self.start_again();
    }

    /// SIGSTOP.
    pub fn freeze(&self) {
        self.running().as_ref().expect("it runs").process.freeze();
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.running().as_ref().expect("it runs").process.thaw();
    }

    pub fn usage(&self) -> Usage {
        self.running().as_ref().expect("it runs").process.usage()
    }

    pub fn pid(&self) -> u32 {
        self.running().as_ref().expect("it runs").process.pid()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// # Panics
    /// Where nobody has signed in here.
    pub fn user_id(&self) -> &str {
        self.user_id.get().unwrap_or_else(|| panic!("{} has not signed in", self.name))
    }
}

/// Requests.
impl Momo {
    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// The refusal.
    #[track_caller]
    pub fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.begin(method, params).wait(ANSWER_WITHIN)
    }

    /// Sends a request that must succeed.
    #[track_caller]
    pub fn ask(&self, method: &str, params: Value) -> Value {
        match self.call(method, params.clone()) {
            Ok(result) => result,
            Err(error) => panic!("{}: {method} {params} was refused: {error:?}\n{}", self.name, self.log_tail()),
        }
    }

    /// Sends a request that must be refused, and gives the refusal.
    #[track_caller]
    pub fn refused(&self, method: &str, params: Value) -> RpcError {
        match self.call(method, params.clone()) {
            Ok(result) => panic!("{}: {method} {params} was not refused but gave {result}", self.name),
            Err(error) => error,
        }
    }

    /// Sends a request that must be refused with this kind and a sentence.
    #[track_caller]
    pub fn refused_as(&self, kind: &str, method: &str, params: Value) -> RpcError {
        let error = self.refused(method, params.clone());
        assert_eq!(error.kind, kind, "{}: {method} {params} was refused with {error:?}", self.name);
        assert!(error.message.contains(' ') && error.message.ends_with(['.', '?', '!']), "not a sentence: {error:?}");
        error
    }

    /// Sends a request and does not wait.
    #[track_caller]
    pub fn begin(&self, method: &str, params: Value) -> Pending<'_> {
        let begun = self.try_begin(method, params);
        begun.unwrap_or_else(|| panic!("{} does not read\n{}", self.name, self.log_tail()))
    }

    /// Sends a request and does not wait; `None` where the process is gone, as where somebody else may kill it.
    pub fn try_begin(&self, method: &str, params: Value) -> Option<Pending<'_>> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let line = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        let mut running = self.running();
        let running = running.as_mut()?;
        running.write(line.as_bytes()).ok()?;
        Some(Pending { momo: self, id, method: method.to_owned(), begun: Instant::now(), life: running.life })
    }

    /// Writes one line as it is.
    #[track_caller]
    pub fn write_line(&self, line: &[u8]) {
        let written = self.running().as_mut().expect("it runs").write(line);
        written.unwrap_or_else(|error| panic!("{} does not read: {error}\n{}", self.name, self.log_tail()));
    }

    /// Waits for the next answer without an id: what the process says to a line that it could not read.
    #[track_caller]
    pub fn next_nameless_answer(&self) -> Value {
        self.wait_lines("an answer without an id", ANSWER_WITHIN, |lines| {
            (!lines.nameless.is_empty()).then(|| lines.nameless.remove(0))
        })
    }

    /// # Panics
    /// Where standard output carried anything but JSON-RPC objects, one a line.
    #[track_caller]
    pub fn check_output(&self) {
        let lines = self.record.lines();
        assert!(lines.strange.is_empty(), "{} wrote what is not JSON-RPC: {:?}", self.name, lines.strange);
    }
}

/// Events.
impl Momo {
    /// The place in the record where events from now on come.
    pub fn mark(&self) -> usize {
        self.record.lines().events.len()
    }

    /// Waits for an event that came after `mark` or comes yet.
    #[track_caller]
    pub fn wait_event(&self, mark: usize, what: &str, within: Duration, matches: impl Fn(&Value) -> bool) -> Value {
        self.wait_lines(what, within, |lines| lines.events.iter().skip(mark).find(|event| matches(event)).cloned())
    }

    /// The events so far that match.
    pub fn events(&self, matches: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.record.lines().events.iter().filter(|event| matches(event)).cloned().collect()
    }

    /// How many events so far match.
    pub fn count_events(&self, matches: impl Fn(&Value) -> bool) -> usize {
        self.record.lines().events.iter().filter(|event| matches(event)).count()
    }

    /// The events since `mark`.
    pub fn events_since(&self, mark: usize) -> Vec<Value> {
        self.record.lines().events.get(mark..).unwrap_or_default().to_vec()
    }

    /// How often `message.new` told of this message.
    pub fn times_told(&self, message_id: &str) -> usize {
        self.events(|event| event["type"] == "message.new" && event["message"]["messageId"] == message_id).len()
    }

    /// Waits until `message.new` tells of a message with this text, and gives it.
    #[track_caller]
    pub fn wait_text(&self, text: &str) -> Value {
        self.wait_text_within(text, ARRIVES_WITHIN)
    }

    #[track_caller]
    pub fn wait_text_within(&self, text: &str, within: Duration) -> Value {
        let what = format!("message.new with {text:?}");
        let event = self
            .wait_event(0, &what, within, |event| event["type"] == "message.new" && event["message"]["text"] == text);
        event["message"].clone()
    }
}

/// What people do, in one line each.
impl Momo {
    #[track_caller]
    pub fn register(&self, server: &str, password: &str) {
        let signed_in =
            self.ask("account.register", json!({ "server": server, "handle": self.name, "password": password }));
        self.remember(&signed_in);
    }

    #[track_caller]
    pub fn log_in(&self, server: &str, handle: &str, password: &str) {
        let signed_in = self.ask("account.login", json!({ "server": server, "handle": handle, "password": password }));
        self.remember(&signed_in);
    }

    /// A room of kind `chat`; gives its id.
    #[track_caller]
    pub fn create_room(&self, name: &str, visibility: &str) -> String {
        let created = self.ask("rooms.create", json!({ "name": name, "kind": "chat", "visibility": visibility }));
        string(&created, "roomId")
    }

    #[track_caller]
    pub fn invite(&self, room_id: &str) -> String {
        string(&self.ask("rooms.invite", json!({ "roomId": room_id })), "invite")
    }

    #[track_caller]
    pub fn join(&self, invite: &str) -> String {
        string(&self.ask("rooms.join", json!({ "invite": invite })), "roomId")
    }

    /// Gives the message's id.
    #[track_caller]
    pub fn send(&self, room_id: &str, text: &str) -> String {
        string(&self.ask("messages.send", json!({ "roomId": room_id, "text": text })), "messageId")
    }

    #[track_caller]
    pub fn messages(&self, room_id: &str) -> Vec<Value> {
        list(&self.ask("messages.list", json!({ "roomId": room_id, "limit": 10_000 })), "messages")
    }

    /// One message, as the list has it.
    #[track_caller]
    pub fn message(&self, room_id: &str, message_id: &str) -> Value {
        let messages = self.messages(room_id);
        let message = messages.into_iter().find(|message| message["messageId"] == message_id);
        message.unwrap_or_else(|| panic!("{} lists no {message_id}", self.name))
    }

    /// Waits until a message is listed that is as it should be, and gives it.
    #[track_caller]
    pub fn wait_message(&self, room_id: &str, message_id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{} sees {what}", self.name);
        wait_for(&what, ARRIVES_WITHIN, || {
            let messages = self.messages(room_id);
            messages.into_iter().find(|message| message["messageId"] == message_id && holds(message))
        })
    }

    #[track_caller]
    pub fn texts(&self, room_id: &str) -> Vec<String> {
        self.messages(room_id).iter().map(|message| string(message, "text")).collect()
    }

    /// The state of one message, as the list has it.
    #[track_caller]
    pub fn state(&self, room_id: &str, message_id: &str) -> String {
        string(&self.message(room_id, message_id), "state")
    }

    #[track_caller]
    pub fn room(&self, room_id: &str) -> Option<Value> {
        let rooms = list(&self.ask("rooms.list", json!({})), "rooms");
        rooms.into_iter().find(|room| room["roomId"] == room_id)
    }

    #[track_caller]
    pub fn members(&self, room_id: &str) -> Vec<Value> {
        list(&self.ask("rooms.members", json!({ "roomId": room_id })), "members")
    }

    #[track_caller]
    pub fn status(&self) -> Value {
        self.ask("net.status", json!({}))
    }

    #[track_caller]
    pub fn wait_server(&self, state: &str, within: Duration) {
        let what = format!("net.status of {} says {state}", self.name);
        wait_until(&what, within, || self.status()["server"] == state);
    }

    #[track_caller]
    pub fn wait_server_not_online(&self, within: Duration) {
        let what = format!("net.status of {} does not say online", self.name);
        wait_until(&what, within, || self.status()["server"] != "online");
    }

    /// How `other` is reached; `None` where it is not.
    #[track_caller]
    pub fn path_to(&self, other: &Self) -> Option<String> {
        let peers = list(&self.status(), "peers");
        let peer = peers.iter().find(|peer| peer["userId"] == other.user_id())?;
        Some(string(peer, "path"))
    }

    /// Waits until the list has exactly these texts, in this order.
    #[track_caller]
    pub fn wait_texts(&self, room_id: &str, expected: &[String], within: Duration) {
        let begun = Instant::now();
        let mut found = self.texts(room_id);
        while found != expected {
            assert!(
                begun.elapsed() < within,
                "{} should list {expected:?} within {within:?}, and has {found:?}\n{}",
                self.name,
                self.log_tail()
            );
            // Wakes with the next event, which a new message is; at the latest soon, since edits may come another way.
            self.record.wait_change(Duration::from_millis(100));
            found = self.texts(room_id);
        }
    }

    /// Waits until the message's state is `state` or a later one.
    #[track_caller]
    pub fn wait_state(&self, room_id: &str, message_id: &str, state: &str) {
        let reached = |found: &str| {
            let rank =
                |state: &str| ["stored", "relayed", "delivered", "read"].iter().position(|known| *known == state);
            rank(found).expect("a state of the API") >= rank(state).expect("a state of the API")
        };
        let what = format!("{}'s message {message_id} is {state}", self.name);
        wait_for(&what, ARRIVES_WITHIN, || reached(&self.state(room_id, message_id)).then_some(()));
    }

    pub fn log_tail(&self) -> String {
        format!("--- the end of {}:\n{}", self.log.display(), tail(&self.log, 3_000))
    }

    fn remember(&self, signed_in: &Value) {
        let user_id = string(signed_in, "userId");
        assert_eq!(self.user_id.get_or_init(|| user_id.clone()), &user_id, "{} became somebody else", self.name);
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what the running process tells.
    #[track_caller]
    fn wait_lines<T>(&self, what: &str, within: Duration, mut take: impl FnMut(&mut Lines) -> Option<T>) -> T {
        let found = self.wait_record(what, within, |lines| match take(lines) {
            Some(found) => Some(Some(found)),
            None => (!lines.open).then_some(None),
        });
        found.unwrap_or_else(|| panic!("{} ended before this: {what}\n{}", self.name, self.log_tail()))
    }

    #[track_caller]
    fn wait_record<T>(&self, what: &str, within: Duration, mut take: impl FnMut(&mut Lines) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut lines = self.record.lines();
        loop {
            if let Some(found) = take(&mut lines) {
                return found;
            }
            let left = within.saturating_sub(begun.elapsed());
            if left.is_zero() {
                let last: Vec<String> = lines.events.iter().rev().take(12).rev().map(Value::to_string).collect();
                drop(lines);
                panic!(
                    "{} did not get this within {within:?}: {what}\nthe last events were:\n{}\n{}",
                    self.name,
                    last.join("\n"),
                    self.log_tail()
                );
            }
            lines = self.record.changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Pending<'_> {
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// Where there is no answer within `within`, counted from the request.
    #[track_caller]
    pub fn wait(self, within: Duration) -> Result<Value, RpcError> {
        let what = format!("an answer to {}", self.method);
        let left = within.saturating_sub(self.begun.elapsed());
        let answer = self.momo.wait_lines(&what, left, |lines| lines.answers.remove(&self.id));
        outcome(answer)
    }

    /// Waits for the answer, or for the end of the process that was asked: then `None`, unless it had answered.
    ///
    /// # Panics
    /// Where neither comes within `within`, counted from the request.
    #[track_caller]
    pub fn settle(self, within: Duration) -> Option<Result<Value, RpcError>> {
        let what = format!("an answer to {}, or the end of the process", self.method);
        let left = within.saturating_sub(self.begun.elapsed());
        let answer = self.momo.wait_record(&what, left, |lines| match lines.answers.remove(&self.id) {
            Some(answer) => Some(Some(answer)),
            None => (!lines.open || lines.life != self.life).then_some(None),
        });
        answer.map(outcome)
    }
}

/// # Errors
/// The refusal.
#[track_caller]
pub(crate) fn outcome(mut answer: Value) -> Result<Value, RpcError> {
    assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
    match (answer.get("result").is_some(), answer.get("error").is_some()) {
        (true, false) => Ok(answer["result"].take()),
        (false, true) => Err(RpcError {
            code: answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no code in {answer}")),
            kind: answer["error"]["data"]["kind"].as_str().unwrap_or_default().to_owned(),
            message: string(&answer["error"], "message"),
            data: answer["error"]["data"].take(),
        }),
        _ => panic!("neither or both of result and error: {answer}"),
    }
}

impl Running {
    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.input.write_all(line)?;
        self.input.write_all(b"\n")?;
        self.input.flush()
    }
}

impl Record {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, output: impl std::io::BufRead) {
        for line in output.lines() {
            let Ok(line) = line else { break };
            let parsed = serde_json::from_str::<Value>(&line).ok().filter(|value| value["jsonrpc"] == "2.0");
            let mut lines = self.lines();
            match parsed {
                Some(mut value) if value["method"] == "event" => lines.events.push(value["params"].take()),
                Some(value) if value.get("id").is_some_and(Value::is_null) => lines.nameless.push(value),
                Some(value) => match value["id"].as_u64() {
                    Some(id) => {
                        if lines.answers.insert(id, value).is_some() {
                            lines.strange.push(format!("a second answer to {id}: {line}"));
                        }
                    }
                    None => lines.strange.push(line),
                },
                None => lines.strange.push(line),
            }
            self.changed.notify_all();
        }
        self.lines().open = false;
        self.changed.notify_all();
    }

    fn wait_change(&self, within: Duration) {
        drop(self.changed.wait_timeout(self.lines(), within).unwrap_or_else(PoisonError::into_inner));
    }
}

/// How a `momo` that was not meant to stay has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub took: Duration,
    pub output: String,
    pub errors: String,
}

/// Runs `momo` with nothing on its input until it ends by itself.
#[track_caller]
pub fn run_momo(arguments: &[&str], within: Duration) -> Finished {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("momo.log");
    let mut command = Command::new(binary("momo"));
    command.args(arguments).env_remove("MOMOLAND_LOG").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Watched::start("momo", command, &log);
    let mut output = process.child().stdout.take().expect("it is piped");
    let (status, took) = process.wait_end(within);
    let mut text = String::new();
    output.read_to_string(&mut text).expect("the output is text");
    Finished { status, took, output: text, errors: tail(&log, 100_000) }
}

#[track_caller]
fn string(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {value}")).to_owned()
}

#[track_caller]
fn list(value: &Value, field: &str) -> Vec<Value> {
    value[field].as_array().unwrap_or_else(|| panic!("no list `{field}` in {value}")).clone()
}
