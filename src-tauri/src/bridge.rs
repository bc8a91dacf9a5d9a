//! The page's way to the engine: JSON-RPC text in both directions, read by neither side of the bridge.
//!
//! The page calls `invoke("rpc", { request })` and gets the answer's text, or `null` for a notification; it calls
//! `invoke("subscribe", { onEvent: channel })` once after loading and gets each event as the text of a
//! notification. What the text means is settled between `momoland_engine` and `ui/`.
//!
//! # Invariants
//! 1. There is at most one stream: the newest page's. A page that was reloaded cannot say goodbye, so it is its
//!    successor's subscription that ends its stream.

use std::sync::{Mutex, PoisonError};

use momoland_engine::{Engine, EventStream};
use serde::Serialize;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager};

/// The task that feeds the page's channel.
#[derive(Debug, Default)]
pub(crate) struct Stream(Mutex<Option<JoinHandle<()>>>);

impl Stream {
    fn replace(&self, task: JoinHandle<()>) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(predecessor) = current.replace(task) {
            predecessor.abort();
        }
    }
}

/// An event as JSON-RPC 2.0 has it.
#[derive(Serialize)]
struct Notification<T> {
    jsonrpc: &'static str,
    method: &'static str,
    params: T,
}

#[tauri::command]
pub(crate) async fn rpc(app: AppHandle, request: String) -> Option<String> {
    let engine = app.state::<Engine>().inner().clone();
    engine.handle(&request).await
}

#[tauri::command]
pub(crate) fn subscribe(app: AppHandle, on_event: Channel<String>) {
    // Taken before the command answers: whatever happens after the page knows that it is subscribed is in it.
    let events = app.state::<Engine>().events();
    let task = tauri::async_runtime::spawn(forward(events, on_event));
    app.state::<Stream>().replace(task);
}

async fn forward(mut events: EventStream, page: Channel<String>) {
    while let Some(event) = events.next().await {
        let notification = Notification { jsonrpc: "2.0", method: "event", params: event };
        match serde_json::to_string(&notification) {
            Ok(text) => {
                if page.send(text).is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(%error, "an event could not be written as JSON"),
        }
    }
}
