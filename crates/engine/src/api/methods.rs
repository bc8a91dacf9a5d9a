//! The dispatch table: JSON-RPC 2.0 in, JSON-RPC 2.0 out, for all three fronts alike.
//!
//! A method understands its parameters, does its steps on the actor, and answers a serialisable result or an
//! [`ApiError`]. Nothing here keeps state.

mod account;
mod activity;
mod announcements;
mod calls;
mod docs;
mod doctor;
mod drafts;
mod feed;
mod location;
mod messages;
mod net;
mod notifications;
mod preferences;
mod presence;
mod rooms;

use momoland_replica::output::CommandRefusal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::Done;
use crate::engine::{Engine, refused};

/// Bytes of one request. A longer one is refused unread.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

const PARSE_ERROR: i32 = -32_700;
const INVALID_REQUEST: i32 = -32_600;
const METHOD_NOT_FOUND: i32 = -32_601;

/// Answers one request, given and answered as text; `None` for a notification.
pub(crate) async fn handle(engine: &Engine, request: &str) -> Option<String> {
    if request.len() > REQUEST_BYTES_MAX {
        return Some(refuse(&Value::Null, INVALID_REQUEST, "A request has at most 4 MiB."));
    }
    let request: Value = match serde_json::from_str(request) {
        Ok(request) => request,
        Err(_) => return Some(refuse(&Value::Null, PARSE_ERROR, "This is not JSON.")),
    };
    let id = request.get("id").cloned();
    let known = id.clone().unwrap_or(Value::Null);
    let version = request.get("jsonrpc").and_then(Value::as_str);
    let method = request.get("method").and_then(Value::as_str);
    let well_formed_id = matches!(known, Value::Null | Value::String(_) | Value::Number(_));
    let (Some("2.0"), Some(method), true) = (version, method, well_formed_id) else {
        let sentence =
            "A request is one object with jsonrpc \"2.0\", a method, and an id that is a string or a number.";
        let known = if well_formed_id { known } else { Value::Null };
        return Some(refuse(&known, INVALID_REQUEST, sentence));
    };
    let params = request.get("params").cloned().unwrap_or(Value::Null);
    let outcome = dispatch(engine, method, params).await;
    // A notification is done, and not answered.
    id?;
    Some(match outcome {
        Outcome::Result(result) => json!({ "jsonrpc": "2.0", "id": known, "result": result }).to_string(),
        Outcome::Error(error) => json!({ "jsonrpc": "2.0", "id": known, "error": error.to_json() }).to_string(),
        Outcome::UnknownMethod => refuse(&known, METHOD_NOT_FOUND, &no_such_method(method)),
    })
}

/// Does one method for a caller that has its parameters at hand.
pub(crate) async fn ask(engine: &Engine, method: &str, params: Value) -> Result<Value, ApiError> {
    match dispatch(engine, method, params).await {
        Outcome::Result(result) => Ok(result),
        Outcome::Error(error) => Err(error),
        Outcome::UnknownMethod => Err(ApiError::invalid(no_such_method(method))),
    }
}

fn no_such_method(method: &str) -> String {
    format!("There is no method “{}”.", method.chars().take(64).collect::<String>())
}

enum Outcome {
    Result(Value),
    Error(ApiError),
    UnknownMethod,
}

async fn dispatch(engine: &Engine, method: &str, params: Value) -> Outcome {
    macro_rules! methods {
        ($($name:literal => $function:path,)+) => {
            match method {
                $($name => match understand(params) {
                    Ok(params) => finish($function(engine, params).await),
                    Err(error) => Outcome::Error(error),
                },)+
                _ => Outcome::UnknownMethod,
            }
        };
    }
    methods! {
        "account.register" => account::register,
        "account.login" => account::login,
        "account.logout" => account::logout,
        "account.whoami" => account::whoami,
        "account.devices" => account::devices,
        "account.revokeDevice" => account::revoke_device,
        "account.setProfile" => account::set_profile,
        "account.changePassword" => account::change_password,
        "net.status" => net::status,
        "net.doctor" => doctor::doctor,
        "net.setOnline" => net::set_online,
        "net.setPolicy" => net::set_policy,
        "rooms.create" => rooms::create,
        "rooms.list" => rooms::list,
        "rooms.directory" => rooms::directory,
        "rooms.join" => rooms::join,
        "rooms.leave" => rooms::leave,
        "rooms.invite" => rooms::invite,
        "rooms.members" => rooms::members,
        "rooms.setRole" => rooms::set_role,
        "rooms.remove" => rooms::remove,
        "rooms.update" => rooms::update,
        "rooms.direct" => rooms::direct,
        "rooms.setNotify" => preferences::set_notify,
        "rooms.setFavourite" => preferences::set_favourite,
        "notifications.list" => notifications::list,
        "notifications.markRead" => notifications::mark_read,
        "notifications.send" => notifications::send,
        "admin.announce" => announcements::announce,
        "announcements.list" => announcements::list,
        "announcements.dismiss" => announcements::dismiss,
        "activity.list" => activity::list,
        "messages.send" => messages::send,
        "messages.list" => messages::list,
        "messages.edit" => messages::edit,
        "messages.delete" => messages::delete,
        "messages.react" => messages::react,
        "messages.pin" => messages::pin,
        "messages.pins" => messages::pins,
        "messages.receipts" => messages::receipts,
        "messages.markRead" => messages::mark_read,
        "messages.markUnread" => messages::mark_unread,
        "drafts.set" => drafts::set,
        "drafts.list" => drafts::list,
        "docs.create" => docs::create,
        "docs.list" => docs::list,
        "docs.open" => docs::open,
        "docs.close" => docs::close,
        "docs.text" => docs::text,
        "docs.edit" => docs::edit,
        "docs.update" => docs::update,
        "docs.state" => docs::state,
        "docs.awareness" => docs::awareness,
        "docs.setEditors" => docs::set_editors,
        "docs.rename" => docs::rename,
        "docs.archive" => docs::archive,
        "docs.delete" => docs::delete,
        "docs.restore" => docs::restore,
        "docs.export" => docs::export,
        "docs.import" => docs::import,
        "docs.history" => docs::history,
        "docs.version" => docs::version,
        "docs.revert" => docs::revert,
        "typing.set" => presence::set_typing,
        "presence.list" => presence::list,
        "presence.set" => presence::set,
        "presence.setIdle" => presence::set_idle,
        "location.share" => location::share,
        "location.stop" => location::stop,
        "location.list" => location::list,
        "calls.start" => calls::start,
        "calls.join" => calls::join,
        "calls.decline" => calls::decline,
        "calls.leave" => calls::leave,
        "calls.setMedia" => calls::set_media,
        "calls.devices" => calls::devices,
        "calls.test" => calls::test,
        "calls.list" => calls::list,
        "calls.stats" => calls::stats,
        "calls.view" => calls::view,
        "calls.play" => calls::play,
        "calls.playback" => calls::playback,
        "feed.publish" => feed::publish,
        "feed.edit" => feed::edit,
        "feed.delete" => feed::delete,
        "feed.list" => feed::list,
        "feed.like" => feed::like,
        "feed.hide" => feed::hide,
        "feed.follow" => feed::follow,
        "feed.following" => feed::following,
        "feed.setPosting" => feed::set_posting,
        "feed.setAuthor" => feed::set_author,
        "feed.authors" => feed::authors,
        "feed.comment" => feed::comment,
        "feed.comments" => feed::comments,
    }
}

fn understand<T: DeserializeOwned>(params: Value) -> Result<T, ApiError> {
    let params = if params.is_null() { json!({}) } else { params };
    if !params.is_object() {
        return Err(ApiError::invalid("Parameters are given by name, in an object."));
    }
    serde_json::from_value(params).map_err(|error| {
        let sentence: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
        ApiError::invalid(format!("The parameters do not fit the method: {sentence}."))
    })
}

fn finish<T: Serialize>(result: Result<T, ApiError>) -> Outcome {
    match result.map(|result| serde_json::to_value(result)) {
        Ok(Ok(result)) => Outcome::Result(result),
        Ok(Err(error)) => {
            tracing::error!(%error, "a result could not be written as JSON");
            Outcome::Error(ApiError::new(ErrorKind::Internal, "The answer could not be written."))
        }
        Err(error) => Outcome::Error(error),
    }
}

fn refuse(id: &Value, code: i32, message: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message, "data": { "kind": "invalid" } } })
        .to_string()
}

/// Waits until what this device keeps for itself is on the disk.
pub(super) async fn kept(written: oneshot::Receiver<bool>) -> Result<Done, ApiError> {
    match written.await {
        Ok(true) => Ok(Done {}),
        Ok(false) | Err(_) => {
            let sentence = "The disk takes nothing any more. Make room on it, then start Momoland again.";
            Err(ApiError::new(ErrorKind::Internal, sentence))
        }
    }
}

/// Waits until what was to be written is on the disk.
async fn written<T>(stored: oneshot::Receiver<Result<T, CommandRefusal>>) -> Result<T, ApiError> {
    match stored.await {
        Ok(Ok(written)) => Ok(written),
        Ok(Err(refusal)) => Err(refused(refusal)),
        Err(_) => Err(closing()),
    }
}

/// Nobody answers any more whether something was written.
fn closing() -> ApiError {
    ApiError::new(ErrorKind::Offline, "Momoland is closing; it may not have been written.")
}

/// The id that a text stands for.
pub(super) fn id<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(format!("This is not the id of a {what}.")))
}
