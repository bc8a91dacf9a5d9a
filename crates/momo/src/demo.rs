//! `momo ui --demo`: a server and several people, each with an engine of their own, in a temporary folder.
//!
//! Nothing is played: the server is the real `momoland-server` as a process of its own, and is killed when it is cut; the
//! engines are those that everybody runs, and what they show of paths and bytes is what they measured. The folder and
//! everything in it is gone at the end.
//!
//! Not here: the page and its way to the engines (`ui`).

mod server;

use std::path::Path;

use momoland_engine::{Engine, EngineConfig, KeyStorage};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub(crate) use self::server::ServerError;
use self::server::ServerProcess;
use crate::ui;

/// Handle and name of everybody who can be in it, in the order in which they come.
const PEOPLE: [(&str, &str); 4] =
    [("ada", "Ada Okafor"), ("grace", "Grace Lindqvist"), ("mateo", "Mateo Reyes"), ("noor", "Noor Haddad")];
pub(crate) const PEOPLE_MIN: u8 = 2;
pub(crate) const PEOPLE_MAX: u8 = 4;

/// Why there is no stage. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Open(#[from] momoland_engine::OpenError),
    /// A folder, or random numbers.
    #[error("This system refuses what a demonstration needs: {0}.")]
    System(std::io::Error),
    /// An engine refused a step: its own sentence.
    #[error("The demonstration could not be set up at {method}: {sentence}")]
    Refused { method: &'static str, sentence: String },
}

/// One of the people.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) handle: &'static str,
    pub(crate) engine: Engine,
    user_id: String,
    name: &'static str,
}

/// Everything that a demonstration runs on.
#[derive(Debug)]
pub(crate) struct Stage {
    people: Vec<Player>,
    server: Mutex<ServerProcess>,
    room_id: String,
    doc_id: String,
    // Deleted when the stage goes.
    _folder: tempfile::TempDir,
}

/// What the page is told of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    server: ToldServer,
    people: Vec<ToldPerson>,
    room_id: String,
    doc_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldServer {
    running: bool,
    address: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldPerson {
    handle: String,
    user_id: String,
    name: String,
}

impl Stage {
    /// Starts the server, registers people, and gives them a room with something in it.
    ///
    /// # Errors
    /// A [`StageError`]; what was started is stopped, and the folder is gone.
    pub(crate) async fn set(count: u8) -> Result<Self, StageError> {
        let folder = tempfile::Builder::new().prefix("momoland-demo.").tempdir().map_err(StageError::System)?;
        let server = ServerProcess::start(&folder.path().join("server")).await?;
        let mut people: Vec<Player> = Vec::new();
        let set = async {
            for (handle, name) in PEOPLE.into_iter().take(usize::from(count.clamp(PEOPLE_MIN, PEOPLE_MAX))) {
                people.push(enter(folder.path(), server.address(), handle, name).await?);
            }
            furnish(&people).await
        };
        match set.await {
            Ok((room_id, doc_id)) => Ok(Self { people, server: Mutex::new(server), room_id, doc_id, _folder: folder }),
            Err(error) => {
                for player in &people {
                    player.engine.shutdown().await;
                }
                Err(error)
            }
        }
    }

    pub(crate) fn people(&self) -> &[Player] {
        &self.people
    }

    pub(crate) async fn told(&self) -> Told {
        let mut server = self.server.lock().await;
        Told {
            server: ToldServer { running: server.is_running(), address: server.address().to_owned() },
            people: self
                .people
                .iter()
                .map(|player| ToldPerson {
                    handle: player.handle.to_owned(),
                    user_id: player.user_id.clone(),
                    name: player.name.to_owned(),
                })
                .collect(),
            room_id: self.room_id.clone(),
            doc_id: self.doc_id.clone(),
        }
    }

    /// Kills the server, without a word to anybody, or starts it again over the same data.
    ///
    /// # Errors
    /// Where it does not start.
    pub(crate) async fn set_server(&self, running: bool) -> Result<(), ServerError> {
        let mut server = self.server.lock().await;
        if running { server.restart().await } else { server.kill().await }
    }

    /// Ends everything. The folder goes with the stage.
    pub(crate) async fn end(&self) {
        for player in &self.people {
            player.engine.shutdown().await;
        }
        if let Err(error) = self.server.lock().await.kill().await {
            tracing::warn!(%error, "the server of the demonstration did not end");
        }
    }
}

async fn enter(folder: &Path, server: &str, handle: &'static str, name: &'static str) -> Result<Player, StageError> {
    let engine = Engine::open(EngineConfig { data_dir: folder.join(handle), keys: KeyStorage::DataFolder }).await?;
    // Nobody signs in with it but this process, and the account lives as long as the process.
    let password = ui::secret().map_err(StageError::System)?;
    let signed_in = ask(
        &engine,
        "account.register",
        json!({ "server": server, "handle": handle, "password": password, "displayName": name }),
    )
    .await;
    match signed_in {
        Ok(answer) => Ok(Player { handle, engine, user_id: text(&answer, "userId"), name }),
        Err(error) => {
            engine.shutdown().await;
            Err(error)
        }
    }
}

/// A room with a conversation, a document and posts: enough to look at, and everything in it can be changed.
async fn furnish(people: &[Player]) -> Result<(String, String), StageError> {
    let [ada, rest @ ..] = people else { return Ok((String::new(), String::new())) };
    let room = ask(
        &ada.engine,
        "rooms.create",
        json!({ "name": "boat-shed", "kind": "chat", "visibility": "private", "topic": "Rebuild of the shed" }),
    )
    .await?;
    let room_id = text(&room, "roomId");
    let invite = ask(&ada.engine, "rooms.invite", json!({ "roomId": room_id })).await?;
    for player in rest {
        ask(&player.engine, "rooms.join", json!({ "invite": text(&invite, "invite") })).await?;
    }
    let doc =
        ask(&ada.engine, "docs.create", json!({ "roomId": room_id, "title": "Launch list", "editing": "members" }))
            .await?;
    let doc_id = text(&doc, "docId");
    let list = "Winch and straps\nTide table for Saturday\nCoffee";
    ask(&ada.engine, "docs.edit", json!({ "docId": doc_id, "ops": [{ "at": 0, "insert": list }] })).await?;
    ask(
        &ada.engine,
        "messages.send",
        json!({ "roomId": room_id, "text": "Morning. Low water is at 10:40, so we have two hours on the slip." }),
    )
    .await?;
    let posts = [
        ("The slip is free again", "The old cradle is out, and the rails are **clean**. Who brings the winch?", "shed"),
        ("Tides for the weekend", "Low water on Saturday at 10:40, on Sunday at 11:25.", "tides"),
    ];
    for ((title, body, tag), player) in posts.into_iter().zip(people) {
        ask(&player.engine, "feed.publish", json!({ "title": title, "body": body, "tags": [tag] })).await?;
    }
    Ok((room_id, doc_id))
}

/// One request to an engine, as a front would make it.
async fn ask(engine: &Engine, method: &'static str, params: Value) -> Result<Value, StageError> {
    let answer = engine.ask(method, params).await;
    answer.map_err(|refused| StageError::Refused { method, sentence: refused.message })
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_default().to_owned()
}
