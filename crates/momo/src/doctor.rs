//! `momo doctor`: asks the engine what works and what stands in the way, and prints the answer for people.
//!
//! Not here: what is looked at (`net.doctor`).

use std::io::Write as _;
use std::time::Duration;

use momoland_engine::Engine;
use momoland_engine::api::types::{CheckState, Diagnosis, NetStatus, ServerState};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// How long the engine may take to connect before it is looked at as it is. A server that answers takes less.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(8);

/// Prints what was found; whether nothing stands in the way. A signal ends it early, as if nothing did.
pub(crate) async fn examine(
    engine: &Engine,
    server: Option<String>,
    stop: &CancellationToken,
) -> std::io::Result<bool> {
    let diagnosed = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(true),
        diagnosed = diagnose(engine, server) => diagnosed,
    };
    let diagnosis = match diagnosed {
        Ok(diagnosis) => diagnosis,
        Err(sentence) => {
            std::io::stdout().write_all(format!("broken   {sentence}\n").as_bytes())?;
            return Ok(false);
        }
    };
    let mut text = String::new();
    for check in &diagnosis.checks {
        let mark = match check.state {
            CheckState::Good => "ok     ",
            CheckState::Limited => "limited",
            CheckState::Broken => "broken ",
        };
        text.push_str(&format!("{mark}  {}\n", check.sentence));
        if let Some(advice) = &check.advice {
            text.push_str(&format!("         → {advice}\n"));
        }
    }
    if diagnosis.well {
        text.push_str("Nothing stands in the way.\n");
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(diagnosis.well)
}

/// # Errors
/// The sentence of a refusal: what was typed is no server's address.
async fn diagnose(engine: &Engine, server: Option<String>) -> Result<Diagnosis, String> {
    if let Some(server) = server {
        return ask(engine, "net.doctor", json!({ "server": server })).await;
    }
    let mut events = engine.events();
    let connected = async {
        loop {
            let Ok(status) = ask::<NetStatus>(engine, "net.status", json!({})).await else { return };
            let settled = match status.server {
                ServerState::Online => true,
                ServerState::Offline | ServerState::Connecting => status.problem.is_some(),
            };
            if settled || events.next().await.is_none() {
                return;
            }
        }
    };
    // Where it is too long, that is what is to be found.
    let _ = tokio::time::timeout(CONNECT_WAIT_MAX, connected).await;
    ask(engine, "net.doctor", json!({})).await
}

/// # Errors
/// The sentence of a refusal.
///
/// # Panics
/// Where the engine does not answer as its own types say.
async fn ask<T: DeserializeOwned>(engine: &Engine, method: &str, params: Value) -> Result<T, String> {
    let answer = engine.ask(method, params).await.map_err(|refused| refused.message)?;
    Ok(serde_json::from_value(answer).expect("answers are of the API's types"))
}
