//! Somebody whose engine runs in this process, driven through its public API alone.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use momoland_engine::api::events::Event;
use momoland_engine::{Engine, EngineConfig, EventStream, KeyStorage};
use serde_json::{Value, json};
use support::{PASSWORD, Server};

/// For anything that must happen, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what no event tells.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Person {
    engine: Engine,
    events: EventStream,
    user_id: String,
    next_id: AtomicU64,
}

impl Person {
    /// Registers at `server`.
    pub(crate) async fn register(server: &Server, folder: &Path, handle: &str) -> Self {
        let config = EngineConfig { data_dir: folder.join(handle), keys: KeyStorage::DataFolder };
        let engine = Engine::open(config).await.expect("a new data folder opens");
        let events = engine.events();
        let mut person = Self { engine, events, user_id: String::new(), next_id: AtomicU64::new(1) };
        let account = json!({ "server": server.address(), "handle": handle, "password": PASSWORD });
        person.user_id = text(&person.ask("account.register", account).await, "userId");
        person.wait_online().await;
        person
    }

    /// Opens the folder of somebody who registered and closed.
    pub(crate) async fn return_to(folder: &Path, handle: &str) -> Self {
        let config = EngineConfig { data_dir: folder.join(handle), keys: KeyStorage::DataFolder };
        let engine = Engine::open(config).await.expect("the data folder opens");
        let events = engine.events();
        Self { engine, events, user_id: String::new(), next_id: AtomicU64::new(1) }
    }

    pub(crate) async fn wait_online(&self) {
        self.wait("online", |status| status["server"] == "online").await;
    }

    pub(crate) async fn wait_direct(&self, other: &Self) {
        self.wait("a direct path", |status| self.path(status, other) == Some("direct")).await;
    }

    /// A private room of this person's, with `other` in it, both reaching each other directly.
    pub(crate) async fn share_room(&self, other: &Self) -> String {
        let room = json!({ "name": "the bench", "kind": "chat", "visibility": "private" });
        let room_id = text(&self.ask("rooms.create", room).await, "roomId");
        let invite = text(&self.ask("rooms.invite", json!({ "roomId": room_id })).await, "invite");
        other.ask("rooms.join", json!({ "invite": invite })).await;
        for (from, to) in [(self, other), (other, self)] {
            from.wait_direct(to).await;
        }
        room_id
    }

    /// A private room in which all are, each reaching each other directly.
    pub(crate) async fn share_room_of_all(people: &[Self]) -> String {
        let (owner, others) = people.split_first().expect("there are people");
        let room = json!({ "name": "the bench", "kind": "chat", "visibility": "private" });
        let room_id = text(&owner.ask("rooms.create", room).await, "roomId");
        for other in others {
            let invite = text(&owner.ask("rooms.invite", json!({ "roomId": room_id })).await, "invite");
            other.ask("rooms.join", json!({ "invite": invite })).await;
        }
        for person in people {
            let others = people.iter().filter(|other| other.user_id != person.user_id);
            let others: Vec<&Self> = others.collect();
            let all_direct = |status: &Value| others.iter().all(|other| person.path(status, other) == Some("direct"));
            person.wait("direct paths", all_direct).await;
        }
        room_id
    }

    /// No peer links from now on: everything goes by the relay.
    pub(crate) async fn use_relay(&self) {
        self.ask("net.setPolicy", json!({ "peers": "none" })).await;
        let linked = |peer: &Value| peer["path"] != "relay";
        self.wait("no peer link", |status| !list(status, "peers").iter().any(linked)).await;
    }

    /// Gives the result of a request that must succeed.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method} was refused: {error}"))
    }

    async fn try_ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let answer = self.engine.handle(&request.to_string()).await.expect("a request has an answer");
        let mut answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Has so many requests of one method under way at once, begun in order; all must succeed.
    pub(crate) async fn ask_many(&self, method: &str, params: Vec<Value>, at_once: usize) {
        let requests = params.into_iter().map(|params| {
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
        });
        let answers = stream::iter(requests).map(async |request| self.engine.handle(&request).await).buffered(at_once);
        // A task that has had its share would begin the next request before those that it put off.
        let asking = tokio::task::unconstrained(answers.for_each(async |answer| {
            let answer = answer.expect("a request has an answer");
            assert!(!answer.contains("\"error\""), "{method} was refused: {answer}");
        }));
        asking.await;
    }

    pub(crate) async fn say(&self, room_id: &str, text: &str) {
        self.ask("messages.send", json!({ "roomId": room_id, "text": text })).await;
    }

    /// Comes back with the event `message.new` that has this text.
    pub(crate) async fn hear(&mut self, wanted: &str) {
        self.hear_event(|event| matches!(event, Event::MessageNew { message, .. } if message.text == wanted)).await;
    }

    /// Comes back with the first event that is wanted.
    pub(crate) async fn hear_event(&mut self, wanted: impl Fn(&Event) -> bool) {
        let heard = async {
            loop {
                match self.events.next().await.expect("the engine runs") {
                    event if wanted(&event) => return,
                    Event::Resync {} => panic!("events were not read in time"),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("what was waited for does not come");
    }

    /// The next update of a document, in base64.
    pub(crate) async fn hear_update(&mut self, document: &str) -> String {
        let heard = async {
            loop {
                match self.events.next().await.expect("the engine runs") {
                    Event::DocUpdate { doc_id, update } if doc_id == document => return update,
                    Event::Resync {} => panic!("events were not read in time"),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("an update comes")
    }

    /// A document is here.
    pub(crate) async fn wait_for_document(&self, document: &str) {
        let looks = async {
            while self.try_ask("docs.text", json!({ "docId": document })).await.is_err() {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, looks).await.expect("the document arrives");
    }

    pub(crate) async fn close(self) {
        self.engine.shutdown().await;
    }

    fn path<'a>(&self, status: &'a Value, other: &Self) -> Option<&'a str> {
        debug_assert_ne!(self.user_id, other.user_id, "nobody has a path to themselves");
        list(status, "peers").iter().find(|peer| peer["userId"] == other.user_id)?["path"].as_str()
    }

    async fn wait(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let looks = async {
            while !holds(&self.ask("net.status", json!({})).await) {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, looks).await.unwrap_or_else(|_| panic!("in vain: {what}"));
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {value}")).to_owned()
}
