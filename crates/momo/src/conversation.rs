//! One client's conversation with the engine: texts in, answers and events out.
//!
//! `rpc` feeds it from standard input, `ui` from a WebSocket; both carry away what it puts into `outgoing`.
//!
//! # Invariants
//! 1. Each request is answered once, with its own id; a slow one does not hold back others.
//! 2. Requests are *begun* in the order they came: a client that sends two messages without waiting for the first
//!    answer gets them into the room in that order.
//! 3. Nothing grows without bound: at most [`REQUESTS_UNDER_WAY_MAX`] requests are begun and unanswered, beyond which
//!    no more is read; a client that does not read its answers stops being read, and loses events to a `resync`.
//!
//! Not here: where lines end and sockets close (`rpc`, `ui`), what requests mean (the engine).

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use momoland_engine::api::error::ApiError;
use momoland_engine::api::events::Event;
use momoland_engine::{Engine, EventStream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The longest request, bytes. Longer than any method needs (documents' updates are the largest), so that one client
/// cannot make the process hold more than this for it.
pub(crate) const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Requests of one client that were begun and not yet answered. At the limit no more is read until one is answered:
/// the client's own pipe or socket fills, and it waits.
const REQUESTS_UNDER_WAY_MAX: usize = 256;

/// Texts waiting for one client's pipe or socket. At the limit the conversation waits, and the engine's event stream
/// replaces what is missed by `resync`.
pub(crate) const OUTGOING_MAX: usize = 1024;

/// How long answers are waited for after the client has said its last word. Every method settles sooner (15 s is the
/// longest that one waits for the server), unless the machine is badly overloaded.
const LAST_ANSWERS_WAIT_MAX: Duration = Duration::from_secs(20);

/// What a client sent.
#[derive(Debug)]
pub(crate) enum Incoming {
    Text(String),
    /// Longer than [`REQUEST_BYTES_MAX`]. It was not kept.
    TooLong,
    /// Not UTF-8, so not JSON either.
    NotText,
}

/// Why a conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client closed its end; its requests were answered.
    ByClient,
    /// What is written to the client no longer arrives.
    OutputClosed,
    /// The engine was shut down.
    EngineGone,
}

type Answer = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

enum Wake {
    Answered(Option<String>),
    /// As text; `None` once the engine has shut down.
    Event(Option<String>),
    Received(Option<Incoming>),
    WaitedEnough,
}

/// Carries on until either side ends. Dropping the future abandons requests under way, not what they already did.
pub(crate) async fn converse(
    engine: &Engine,
    mut incoming: mpsc::Receiver<Incoming>,
    outgoing: mpsc::Sender<String>,
) -> Ended {
    let mut events: EventStream = engine.events();
    let mut under_way: FuturesUnordered<Answer> = FuturesUnordered::new();
    // Set once the client has said its last word.
    let mut last_answers_until: Option<Instant> = None;
    loop {
        if last_answers_until.is_some() && under_way.is_empty() {
            return Ended::ByClient;
        }
        let may_read = last_answers_until.is_none() && under_way.len() < REQUESTS_UNDER_WAY_MAX;
        // In this order: answers free places for requests, and events must not starve them.
        let wake = tokio::select! {
            biased;
            Some(answer) = under_way.next(), if !under_way.is_empty() => Wake::Answered(answer),
            event = events.next() => Wake::Event(event.as_ref().map(notification)),
            received = incoming.recv(), if may_read => Wake::Received(received),
            () = tokio::time::sleep_until(last_answers_until.unwrap_or_else(Instant::now)), if last_answers_until.is_some() => Wake::WaitedEnough,
        };
        let text = match wake {
            Wake::Answered(answer) => answer,
            Wake::Event(Some(event)) => Some(event),
            Wake::Event(None) => return Ended::EngineGone,
            Wake::Received(Some(Incoming::Text(request))) => match begin(engine, request) {
                Begun::Done(answer) => answer,
                Begun::UnderWay(answer) => {
                    under_way.push(answer);
                    None
                }
            },
            Wake::Received(Some(Incoming::TooLong)) => Some(refusal(&format!(
                "The request is longer than {REQUEST_BYTES_MAX} bytes and was not read. Send less at once."
            ))),
            Wake::Received(Some(Incoming::NotText)) => {
                Some(refusal("The request is not UTF-8 text, so it cannot be JSON."))
            }
            Wake::Received(None) => {
                last_answers_until = Some(Instant::now() + LAST_ANSWERS_WAIT_MAX);
                None
            }
            Wake::WaitedEnough => {
                tracing::warn!(unanswered = under_way.len(), "the client is gone and its requests take too long");
                return Ended::ByClient;
            }
        };
        if let Some(text) = text
            && outgoing.send(text).await.is_err()
        {
            return Ended::OutputClosed;
        }
    }
}

enum Begun {
    Done(Option<String>),
    UnderWay(Answer),
}

/// Polls a request once where it stands, so that requests reach the engine in the order they came (invariant 2).
fn begin(engine: &Engine, request: String) -> Begun {
    let engine = engine.clone();
    let mut answer: Answer = Box::pin(async move { engine.handle(&request).await });
    // `FuturesUnordered` polls what is pushed into it with a waker of its own, so this one need not wake anything.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Whatever this task has done in its turn already: a request that had to wait for the next turn would be overtaken.
    match std::pin::pin!(tokio::task::unconstrained(answer.as_mut())).poll(&mut context) {
        Poll::Ready(answer) => Begun::Done(answer),
        Poll::Pending => Begun::UnderWay(answer),
    }
}

fn notification(event: &Event) -> String {
    json!({ "jsonrpc": "2.0", "method": "event", "params": event }).to_string()
}

/// The answer to what could not be read, so has no id (JSON-RPC 2.0 §5).
fn refusal(sentence: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": Value::Null, "error": ApiError::invalid(sentence).to_json() }).to_string()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use momoland_engine::{EngineConfig, KeyStorage};

    use super::*;

    /// A task that has done a lot in its turn is made to wait for the next one at whatever it does then.
    fn use_up_this_turn() {
        let (sender, mut receiver) = mpsc::channel(1_000);
        while sender.try_send(()).is_ok() {}
        while receiver.poll_recv(&mut Context::from_waker(Waker::noop())).is_ready() {}
        assert!(!receiver.is_empty(), "there is no turn to be used up");
    }

    #[tokio::test]
    async fn a_request_is_begun_however_much_its_task_has_done() {
        let data_dir = tempfile::tempdir().unwrap();
        let config = EngineConfig { data_dir: data_dir.path().to_owned(), keys: KeyStorage::DataFolder };
        let engine = Engine::open(config).await.unwrap();
        use_up_this_turn();
        let request = r#"{"jsonrpc": "2.0", "id": 1, "method": "account.whoami"}"#.to_owned();
        let Begun::UnderWay(mut answer) = begin(&engine, request) else { panic!("the engine has not had a turn") };
        // The engine has turns, and the request none: it can be answered only if the engine has it already.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        engine.shutdown().await;
    }
}
