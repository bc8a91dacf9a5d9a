//! `messages.*`.

use std::time::Duration;

use momoland_protocol::id::{EventId, RoomId};
use tokio::time::{Instant, timeout_at};

use super::id;
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{DeliveryState, Done, ListMessagesParams, MarkReadParams, Messages, SendParams, Sent};
use crate::engine::{Engine, refused};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 10_000;

/// How long a list waits for history that others have: who scrolls sees what there is by then.
const HISTORY_WITHIN: Duration = Duration::from_secs(3);

pub(super) async fn send(engine: &Engine, params: SendParams) -> Result<Sent, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let reply_to = params.reply_to.as_deref().map(|text| id::<EventId>(text, "message")).transpose()?;
    if params.text.trim().is_empty() {
        return Err(ApiError::invalid("A message needs some text."));
    }
    let stored = engine.with_home(move |home| home.send_message(room, params.text, reply_to)).await?;
    match stored.await {
        Ok(Ok(message)) => Ok(Sent { message_id: message.to_string(), state: DeliveryState::Stored }),
        Ok(Err(refusal)) => Err(refused(refusal)),
        Err(_) => Err(ApiError::new(ErrorKind::Offline, "Momoland is closing; the message was not sent.")),
    }
}

pub(super) async fn list(engine: &Engine, params: ListMessagesParams) -> Result<Messages, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let before = params.before.as_deref().map(|text| id::<EventId>(text, "message")).transpose()?;
    let after = params.after.as_deref().map(|text| id::<EventId>(text, "message")).transpose()?;
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::invalid("A limit is from 1 to 10,000."));
    }
    if before.is_some() && after.is_some() {
        return Err(ApiError::invalid("A list goes on before a message or after one, not both."));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let until = Instant::now() + HISTORY_WITHIN;
    loop {
        let patient = Instant::now() < until;
        let (page, grown) = engine.with_home(move |home| home.page(room, before, after, limit, patient)).await?;
        let Some(grown) = grown.filter(|_| patient) else { return Ok(page) };
        // Too late, or something came: either way it is looked at again.
        let _ = timeout_at(until, grown).await;
    }
}

pub(super) async fn mark_read(engine: &Engine, params: MarkReadParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let message: EventId = id(&params.message_id, "message")?;
    engine.with_home(move |home| home.mark_read(room, message).map(|()| Done {})).await
}
