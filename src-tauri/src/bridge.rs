//! The page's way to the engine: JSON-RPC text in both directions, read by neither side of the bridge.
//!
//! The page calls `invoke("rpc", { request })` and gets the answer's text, or `null` for a notification; it calls
//! `invoke("subscribe", { onEvent: channel })` once after loading and gets each event as the text of a
//! notification. What the text means is settled between `momoland_engine` and `ui/`.
//!
//! The pictures of calls come by a second channel, as bytes: `invoke("pictures", { onPicture: channel })` once after
//! loading, and `invoke("picture_drawn")` for each that was drawn, so that a page that is slow is not buried in them.
//!
//! # Invariants
//! 1. There is at most one stream of each: the newest page's. A page that was reloaded cannot say goodbye, so it is its
//!    successor's subscription that ends its stream.
//! 2. At most [`PICTURES_UNDER_WAY_MAX`] pictures are sent and not drawn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use momoland_engine::{Engine, EventStream, PictureStream};
use serde::Serialize;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::{Channel, InvokeResponseBody};
use tauri::{AppHandle, Manager};
use tokio::sync::Semaphore;

/// Pictures on their way to the page: one drawn, one decoded, one between.
const PICTURES_UNDER_WAY_MAX: usize = 3;

/// The engine as the newest page sees it, with the page's pictures, once it asked for some.
#[derive(Debug, Default)]
pub(crate) struct Pictures(Mutex<Option<PagePictures>>);

#[derive(Debug)]
struct PagePictures {
    engine: Engine,
    under_way: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Pictures {
    fn current(&self) -> MutexGuard<'_, Option<PagePictures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    let of_page = app.state::<Pictures>().current().as_ref().map(|pictures| pictures.engine.clone());
    let engine = of_page.unwrap_or_else(|| app.state::<Engine>().inner().clone());
    engine.handle(&request).await
}

#[tauri::command]
pub(crate) fn pictures(app: AppHandle, on_picture: Channel<InvokeResponseBody>) {
    let (engine, stream) = app.state::<Engine>().with_pictures();
    let under_way = Arc::new(Semaphore::new(PICTURES_UNDER_WAY_MAX));
    let task = tauri::async_runtime::spawn(show(stream, on_picture, Arc::clone(&under_way)));
    let page = PagePictures { engine, under_way, task };
    if let Some(predecessor) = app.state::<Pictures>().current().replace(page) {
        predecessor.task.abort();
    }
}

#[tauri::command]
pub(crate) fn picture_drawn(app: AppHandle) {
    if let Some(page) = app.state::<Pictures>().current().as_ref()
        && page.under_way.available_permits() < PICTURES_UNDER_WAY_MAX
    {
        page.under_way.add_permits(1);
    }
}

async fn show(mut pictures: PictureStream, page: Channel<InvokeResponseBody>, under_way: Arc<Semaphore>) {
    // Given back by the page, when it has drawn.
    while let Ok(permit) = under_way.acquire().await {
        permit.forget();
        if page.send(InvokeResponseBody::Raw(pictures.next().await)).is_err() {
            return;
        }
    }
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
