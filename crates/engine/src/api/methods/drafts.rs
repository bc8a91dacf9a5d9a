//! `drafts.*`: what somebody began to write. A draft is answered once it is on the disk; other devices have it some two
//! seconds later, where they can be reached.

use momoland_protocol::id::{EventId, RoomId};
use momoland_protocol::limits::TEXT_BYTES_MAX;

use super::{id, kept};
use crate::api::error::ApiError;
use crate::api::types::{Done, Drafts, NoParams, SetDraftParams};
use crate::engine::Engine;

pub(super) async fn set(engine: &Engine, params: SetDraftParams) -> Result<Done, ApiError> {
    let SetDraftParams { room_id, text, reply_to } = params;
    let room: RoomId = id(&room_id, "room")?;
    let reply_to = reply_to.as_deref().map(|text| id::<EventId>(text, "message")).transpose()?;
    if text.len() > TEXT_BYTES_MAX || text.contains('\0') {
        return Err(ApiError::invalid(
            "A draft holds what a message may: at most 32 KiB of text, and no NUL character.",
        ));
    }
    let written = engine.with_home(move |home| home.set_draft(room, text, reply_to)).await?;
    kept(written).await
}

pub(super) async fn list(engine: &Engine, NoParams {}: NoParams) -> Result<Drafts, ApiError> {
    engine.with_home(|home| Ok(Drafts { drafts: home.drafts() })).await
}
