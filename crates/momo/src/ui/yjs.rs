//! `/yjs/DOC`: a document for editors that know Yjs and nothing of Momoland, by the protocol of y-websocket.
//!
//! ```text
//!   WebsocketProvider("ws://127.0.0.1:7421/yjs", docId, doc)
//!     ── sync step 1 ─▶ docs.state    ◀─ sync step 2, updates, who is here
//!     ── updates ─────▶ docs.update   ◀─ permission denied, where they are refused
//! ```
//!
//! An editor is a replica beside the engine's: it is given what counts, and what it writes counts once the engine took it.
//! The engine decides; what it refuses stays in that editor alone.
//!
//! # Invariants
//! 1. What is refused changes nothing here, and its editor is told. Test (`tests/browser`): `yjs.spec.ts`.
//! 2. No bytes panic; what is no message closes the socket. Test: `any_bytes_are_read_or_refused`.
//!
//! Not here: who may come in (`ui`), what a document is (the engine).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use momoland_engine::Engine;
use momoland_engine::api::events::Event;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

/// An update in which nothing is.
const EMPTY_UPDATE: [u8; 2] = [0, 0];

/// States are said again so often: y-protocols drops who was silent for thirty seconds.
const AWARENESS_AGAIN_AFTER: Duration = Duration::from_secs(12);

/// People whose places one message tells, at most.
const STATES_MAX: u64 = 1_000;

const CLOSE_NORMAL: u16 = 1000;
const CLOSE_GOING_AWAY: u16 = 1001;
const CLOSE_MALFORMED: u16 = 1002;
const CLOSE_REFUSED: u16 = 1008;
/// What was given before counts no more: the editor has to begin with an empty document.
const CLOSE_READ_ANEW: u16 = 4_000;

/// Something that an editor says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// What it has, so that it is given the rest.
    StateVector(Vec<u8>),
    Update(Vec<u8>),
    /// Where its person is; `None` where they go.
    Awareness(Option<String>),
    WhoIsHere,
}

/// Why a socket is closed from here.
struct Close(u16, String);

struct Session<'a> {
    engine: &'a Engine,
    socket: WebSocket,
    doc_id: String,
    present: BTreeMap<String, Present>,
    names: BTreeMap<String, String>,
    /// Its client id, once the document is open.
    client_id: Option<Value>,
}

/// Somebody else in the document.
struct Present {
    client: u64,
    clock: u64,
    state: Value,
}

/// Serves one editor until it goes, the document does, or the process ends.
pub(super) async fn serve(engine: &Engine, socket: WebSocket, doc_id: String, stop: &CancellationToken) {
    let mut session =
        Session { engine, socket, doc_id, present: BTreeMap::new(), names: BTreeMap::new(), client_id: None };
    let close = tokio::select! {
        biased;
        () = stop.cancelled() => Some(Close(CLOSE_GOING_AWAY, "momo is closing".to_owned())),
        closed = session.talk() => closed,
    };
    session.leave().await;
    if let Some(Close(code, reason)) = close {
        // A close frame holds 123 bytes of reason.
        let reason: String = reason.chars().take(40).collect();
        let _ = session.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    }
}

impl Session<'_> {
    /// Why it is closed from here; `None` where the editor went.
    async fn talk(&mut self) -> Option<Close> {
        // Before the document is read, so that nothing falls between the two.
        let mut events = self.engine.events();
        let opened = match self.ask("docs.open", json!({})).await {
            Ok(opened) => opened,
            Err(refused) => return Some(Close(CLOSE_REFUSED, refused)),
        };
        self.client_id = Some(opened["clientId"].clone());
        self.learn_names(&opened).await;
        for present in opened["present"].as_array().into_iter().flatten() {
            self.place(present["userId"].as_str(), present["deviceId"].as_str(), present["state"].clone());
        }
        let mut sent = self.send_state_vector(&opened).await.and(self.send_everybody().await);
        let mut again = tokio::time::interval(AWARENESS_AGAIN_AFTER);
        again.tick().await;
        loop {
            if sent.is_err() {
                return None;
            }
            sent = tokio::select! {
                event = events.next() => match event {
                    None => return Some(Close(CLOSE_GOING_AWAY, "the engine has closed".to_owned())),
                    Some(Event::DocUpdate { doc_id, update }) if doc_id == self.doc_id => match STANDARD.decode(update) {
                        Ok(update) => self.send_sync(UPDATE, &update).await,
                        Err(_) => Ok(()),
                    },
                    Some(Event::DocAwareness { doc_id, user_id, device_id, state }) if doc_id == self.doc_id => {
                        let placed = self.place(Some(&user_id), Some(&device_id), state.unwrap_or(Value::Null));
                        match placed {
                            Some(message) => self.send(message).await,
                            None => Ok(()),
                        }
                    }
                    Some(Event::DocReset { doc_id }) if doc_id == self.doc_id => {
                        return Some(Close(CLOSE_READ_ANEW, "begin with an empty document".to_owned()));
                    }
                    Some(Event::DocRemoved { doc_id, .. }) if doc_id == self.doc_id => {
                        return Some(Close(CLOSE_NORMAL, "the document is gone".to_owned()));
                    }
                    // Updates may have been missed: both sides say anew what they have.
                    Some(Event::Resync {}) => match self.ask("docs.state", json!({})).await {
                        Ok(state) => {
                            let update = bytes(&state["update"]);
                            self.send_sync(STEP_2, &update).await.and(self.send_state_vector(&state).await)
                        }
                        Err(refused) => return Some(Close(CLOSE_REFUSED, refused)),
                    },
                    Some(_) => Ok(()),
                },
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Binary(said))) => match read(&said) {
                        Some(Said::StateVector(theirs)) => {
                            match self.ask("docs.state", json!({ "stateVector": STANDARD.encode(theirs) })).await {
                                Ok(state) => self.send_sync(STEP_2, &bytes(&state["update"])).await,
                                Err(refused) => return Some(Close(CLOSE_REFUSED, refused)),
                            }
                        }
                        Some(Said::Update(update)) if update == EMPTY_UPDATE => Ok(()),
                        Some(Said::Update(update)) => {
                            match self.ask("docs.update", json!({ "update": STANDARD.encode(update) })).await {
                                Ok(_) => Ok(()),
                                Err(refused) => self.send(denied(&refused)).await,
                            }
                        }
                        Some(Said::Awareness(state)) => {
                            let state = state.and_then(|state| serde_json::from_str::<Value>(&state).ok());
                            if let Err(refused) = self.ask("docs.awareness", json!({ "clientId": self.client_id, "state": state })).await {
                                tracing::warn!(%refused, "where an editor's person is could not be told");
                            }
                            Ok(())
                        }
                        Some(Said::WhoIsHere) => self.send_everybody().await,
                        None => return Some(Close(CLOSE_MALFORMED, "this is no message of y-websocket".to_owned())),
                    },
                    Some(Ok(Message::Text(_))) => {
                        return Some(Close(CLOSE_MALFORMED, "y-websocket speaks in bytes".to_owned()));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                },
                _ = again.tick() => self.send_everybody().await,
            };
        }
    }

    /// Asks the engine something of this document; its sentence where that is refused.
    async fn ask(&mut self, method: &str, mut params: Value) -> Result<Value, String> {
        params["docId"] = json!(self.doc_id);
        self.engine.ask(method, params).await.map_err(|refused| refused.message)
    }

    /// Names of the room's people, which editors show beside carets.
    async fn learn_names(&mut self, opened: &Value) {
        let members = self.engine.ask("rooms.members", json!({ "roomId": opened["doc"]["roomId"] })).await;
        for member in members.unwrap_or_default()["members"].as_array().into_iter().flatten() {
            if let (Some(user), Some(name)) = (member["userId"].as_str(), member["displayName"].as_str()) {
                self.names.insert(user.to_owned(), name.to_owned());
            }
        }
    }

    /// Notes where somebody is; the message that tells it.
    fn place(&mut self, user: Option<&str>, device: Option<&str>, mut state: Value) -> Option<Vec<u8>> {
        let (user, device) = (user?, device?);
        if let Value::Object(state) = &mut state {
            // The name that they have here: what their editor says of it is not believed.
            let name = self.names.get(user).map_or(user, String::as_str);
            let color = state.get("user").and_then(|it| it.get("color")).cloned();
            let mut of_it = json!({ "userId": user, "name": name });
            if let Some(color @ Value::String(_)) = color {
                of_it["color"] = color;
            }
            state.insert("user".to_owned(), of_it);
        }
        if state.is_null() {
            let gone = self.present.remove(device)?;
            return Some(awareness(&[(gone.client, next_clock(gone.clock), Value::Null)]));
        }
        // A stock client draws 32 bits; this one is above them, so that it is nobody's.
        let client = (1 << 32) | u64::from(u32::from_be_bytes(first_four(blake3::hash(device.as_bytes()).as_bytes())));
        let present = self.present.entry(device.to_owned()).or_insert(Present { client, clock: 0, state: Value::Null });
        (present.clock, present.state) = (next_clock(present.clock), state);
        Some(awareness(&[(present.client, present.clock, present.state.clone())]))
    }

    async fn send_everybody(&mut self) -> Result<(), axum::Error> {
        if self.present.is_empty() {
            return Ok(());
        }
        let states: Vec<(u64, u64, Value)> = self
            .present
            .values_mut()
            .map(|present| {
                present.clock = next_clock(present.clock);
                (present.client, present.clock, present.state.clone())
            })
            .collect();
        self.send(awareness(&states)).await
    }

    async fn send_state_vector(&mut self, of: &Value) -> Result<(), axum::Error> {
        let vector = bytes(&of["stateVector"]);
        self.send_sync(STEP_1, &vector).await
    }

    async fn send_sync(&mut self, step: u64, content: &[u8]) -> Result<(), axum::Error> {
        let mut message = Vec::with_capacity(content.len() + 8);
        push(&mut message, SYNC);
        push(&mut message, step);
        push_bytes(&mut message, content);
        self.send(message).await
    }

    async fn send(&mut self, message: Vec<u8>) -> Result<(), axum::Error> {
        self.socket.send(Message::Binary(message.into())).await
    }

    /// Its person is not in the document any more.
    async fn leave(&mut self) {
        let Some(client_id) = self.client_id.take() else { return };
        for (method, params) in
            [("docs.awareness", json!({ "clientId": client_id, "state": null })), ("docs.close", json!({}))]
        {
            if let Err(refused) = self.ask(method, params).await {
                tracing::debug!(%refused, "an editor left what was not there any more");
            }
        }
    }
}

/// Reads a message; `None` where it is none that an editor sends.
fn read(mut message: &[u8]) -> Option<Said> {
    let said = match take(&mut message)? {
        SYNC => match take(&mut message)? {
            STEP_1 => Said::StateVector(take_bytes(&mut message)?.to_vec()),
            STEP_2 | UPDATE => Said::Update(take_bytes(&mut message)?.to_vec()),
            _ => return None,
        },
        AWARENESS => {
            let mut states = take_bytes(&mut message)?;
            let count = take(&mut states)?;
            if count == 0 || count > STATES_MAX {
                return None;
            }
            // An editor tells of itself; the last that it tells counts.
            let mut last = None;
            for _ in 0..count {
                let (_client, _clock) = (take(&mut states)?, take(&mut states)?);
                let state = std::str::from_utf8(take_bytes(&mut states)?).ok()?;
                last = (state != "null").then(|| state.to_owned());
            }
            Said::Awareness(last)
        }
        QUERY_AWARENESS => Said::WhoIsHere,
        _ => return None,
    };
    Some(said)
}

fn denied(reason: &str) -> Vec<u8> {
    let mut message = Vec::new();
    push(&mut message, AUTH);
    push(&mut message, 0);
    push_bytes(&mut message, reason.as_bytes());
    message
}

fn awareness(states: &[(u64, u64, Value)]) -> Vec<u8> {
    let mut update = Vec::new();
    push(&mut update, states.len() as u64);
    for (client, clock, state) in states {
        push(&mut update, *client);
        push(&mut update, *clock);
        push_bytes(&mut update, state.to_string().as_bytes());
    }
    let mut message = Vec::new();
    push(&mut message, AWARENESS);
    push_bytes(&mut message, &update);
    message
}

/// An editor that comes back has heard earlier ones, so they go by the time of day.
fn next_clock(last: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(now).unwrap_or(0).max(last.saturating_add(1))
}

fn first_four(bytes: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = *bytes;
    [a, b, c, d]
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default()
}

/// A number of lib0: seven bits a byte, the lowest first.
fn take(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take_bytes<'a>(message: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(message)?).ok()?;
    let (bytes, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(bytes)
}

fn push(message: &mut Vec<u8>, value: u64) {
    let mut value = value;
    while value >= 0x80 {
        // The low seven bits, and the mark that more follow.
        message.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    message.push(value.to_le_bytes()[0]);
}

fn push_bytes(message: &mut Vec<u8>, bytes: &[u8]) {
    push(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rules: DO12
    #[test]
    fn what_an_editor_says_is_read() {
        assert_eq!(read(&[0, 0, 1, 0]), Some(Said::StateVector(vec![0])));
        assert_eq!(read(&[0, 2, 2, 0, 0]), Some(Said::Update(EMPTY_UPDATE.to_vec())));
        assert_eq!(read(&[3]), Some(Said::WhoIsHere));
        let here = awareness(&[(u64::from(u32::MAX), 7, json!({ "cursor": null }))]);
        assert_eq!(read(&here), Some(Said::Awareness(Some("{\"cursor\":null}".to_owned()))));
        assert_eq!(read(&awareness(&[(1, 8, Value::Null)])), Some(Said::Awareness(None)));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        let whole = awareness(&[(1 << 50, 1 << 40, json!({ "user": { "name": "ada" } }))]);
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None, "cut at {end}");
        }
        for message in [&[0xff; 32][..], &[0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f], &[0, 3, 0], &[2, 0], &[1, 1, 0], &[]] {
            assert_eq!(read(message), None, "{message:?}");
        }
        let mut numbers = Vec::new();
        push(&mut numbers, (1 << 53) - 1);
        assert_eq!(take(&mut &numbers[..]), Some((1 << 53) - 1));
    }
}
