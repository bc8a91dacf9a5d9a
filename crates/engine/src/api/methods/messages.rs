//! `messages.*`.

use std::time::Duration;

use momoland_protocol::id::{EventId, RoomId};
use tokio::time::{Instant, timeout_at};

use super::{id, kept, written};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{
    DeliveryState, Done, EditParams, ListMessagesParams, MarkReadParams, MessageParams, Messages, OneMessage,
    PinParams, Pins, ReactParams, Receipts, RoomParams, SendParams, Sent,
};
use crate::engine::{Engine, Home, Listed, Stored, no_such_message, unreadable};
use crate::projection::emoji;
use crate::projection::texts::TextsRead;

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
    let message = written(stored).await?;
    Ok(Sent { message_id: message.to_string(), state: DeliveryState::Stored })
}

pub(super) async fn edit(engine: &Engine, params: EditParams) -> Result<OneMessage, ApiError> {
    let EditParams { room_id, message_id, text } = params;
    if text.trim().is_empty() {
        return Err(ApiError::invalid("A message needs some text. To take it away, delete it."));
    }
    amend(engine, &room_id, &message_id, |home, room, message| home.edit_message(room, message, text)).await
}

pub(super) async fn delete(engine: &Engine, params: MessageParams) -> Result<OneMessage, ApiError> {
    amend(engine, &params.room_id, &params.message_id, Home::delete_message).await
}

pub(super) async fn react(engine: &Engine, params: ReactParams) -> Result<OneMessage, ApiError> {
    let ReactParams { room_id, message_id, emoji, on } = params;
    let Some(emoji) = emoji::canonical(&emoji) else {
        return Err(ApiError::invalid("A reaction is exactly one emoji."));
    };
    amend(engine, &room_id, &message_id, move |home, room, message| home.react(room, message, emoji, on)).await
}

pub(super) async fn pin(engine: &Engine, params: PinParams) -> Result<OneMessage, ApiError> {
    let PinParams { room_id, message_id, on } = params;
    amend(engine, &room_id, &message_id, move |home, room, message| home.pin(room, message, on)).await
}

/// Writes an amendment, unless it is so already, and answers with the message as it then is.
async fn amend(
    engine: &Engine,
    room_id: &str,
    message_id: &str,
    write: impl FnOnce(&mut Home, RoomId, EventId) -> Result<Option<Stored>, ApiError> + Send + 'static,
) -> Result<OneMessage, ApiError> {
    let room: RoomId = id(room_id, "room")?;
    let message: EventId = id(message_id, "message")?;
    if let Some(stored) = engine.with_home(move |home| write(home, room, message)).await? {
        written(stored).await?;
    }
    engine
        .with_home(move |home| {
            let timeline = home.timeline(room)?;
            let entry = timeline.get(message).ok_or_else(no_such_message)?;
            Ok(OneMessage { message: timeline.message(&entry).map_err(|error| unreadable(room, &error))? })
        })
        .await
}

pub(super) async fn pins(engine: &Engine, params: RoomParams) -> Result<Pins, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let messages = looked_at(engine, move |home, read| home.pins(room, read)).await?;
    Ok(Pins { messages })
}

/// Asks for a list; what it says is read from the disk beside the actor, which then makes the list anew, with what became of
/// the messages meanwhile.
async fn looked_at<T: Send + 'static>(
    engine: &Engine,
    ask: impl Fn(&mut Home, &TextsRead) -> Result<Listed<T>, ApiError> + Clone + Send + 'static,
) -> Result<T, ApiError> {
    let mut read = TextsRead::new();
    loop {
        let ask = ask.clone();
        let (listed, of_before) = engine.with_home(move |home| Ok((ask(home, &read)?, read))).await?;
        read = of_before;
        let texts = match listed {
            Listed::Here(list) => return Ok(list),
            Listed::OnDisk(texts) => texts,
        };
        let texts = tokio::task::spawn_blocking(move || texts.read()).await;
        read.extend(texts.map_err(|_| ApiError::new(ErrorKind::Internal, "Reading the messages failed. Try again."))??);
    }
}

pub(super) async fn receipts(engine: &Engine, params: MessageParams) -> Result<Receipts, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let message: EventId = id(&params.message_id, "message")?;
    engine.with_home(move |home| Ok(Receipts { receipts: home.receipts(room, message)? })).await
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
        let list = move |home: &mut Home, read: &TextsRead| home.page(room, before, after, limit, patient, read);
        let (page, grown) = looked_at(engine, list).await?;
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

pub(super) async fn mark_unread(engine: &Engine, params: MessageParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let message: EventId = id(&params.message_id, "message")?;
    let written = engine.with_home(move |home| home.mark_unread(room, message)).await?;
    kept(written).await
}
