//! `typing.*` and `presence.*`.

use momoland_protocol::cbor::bound_line;
use momoland_protocol::id::{AccountId, RoomId};
use momoland_protocol::limits::STATUS_TEXT_CHARS_MAX;
use momoland_protocol::server::Availability;

use super::id;
use crate::api::error::ApiError;
use crate::api::types::{
    Done, ListPresenceParams, PresenceList, PresenceStatus, SetIdleParams, SetPresenceParams, SetTypingParams,
    UserPresence,
};
use crate::engine::Engine;

pub(super) async fn set_typing(engine: &Engine, params: SetTypingParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    engine.with_home(move |home| home.set_typing(room, params.typing).map(|()| Done {})).await
}

pub(super) async fn list(engine: &Engine, params: ListPresenceParams) -> Result<PresenceList, ApiError> {
    let room = params.room_id.as_deref().map(|text| id::<RoomId>(text, "room")).transpose()?;
    engine
        .with_home(move |home| {
            let accounts: Vec<AccountId> = match room {
                Some(room) => home.require_member(room)?.members().map(|member| member.account).collect(),
                None => home.acquaintances().into_iter().collect(),
            };
            let users: Vec<UserPresence> = accounts.into_iter().map(|account| home.user_presence(account)).collect();
            let count = users.iter().filter(|user| user.status != PresenceStatus::Offline).count();
            Ok(PresenceList { users, count: u32::try_from(count).unwrap_or(u32::MAX) })
        })
        .await
}

pub(super) async fn set(engine: &Engine, params: SetPresenceParams) -> Result<Done, ApiError> {
    let availability = match params.status {
        PresenceStatus::Online => Availability::Online,
        PresenceStatus::Away => Availability::Away,
        PresenceStatus::Dnd => Availability::Busy,
        PresenceStatus::Offline => {
            return Err(ApiError::invalid("To be offline, use net.setOnline: then nothing reaches you either."));
        }
    };
    bound_line(params.text.as_deref().unwrap_or_default(), STATUS_TEXT_CHARS_MAX, "text")
        .map_err(|_| ApiError::invalid("A status text has at most 128 characters, in one line."))?;
    engine
        .with_home(move |home| {
            home.choose_status(availability, params.text);
            Ok(Done {})
        })
        .await
}

pub(super) async fn set_idle(engine: &Engine, params: SetIdleParams) -> Result<Done, ApiError> {
    engine
        .with_home(move |home| {
            home.set_idle(params.idle);
            Ok(Done {})
        })
        .await
}
