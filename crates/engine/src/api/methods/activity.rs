//! `activity.list`.

use momoland_protocol::id::RoomId;

use super::id;
use crate::api::error::ApiError;
use crate::api::types::{Activities, ListActivityParams};
use crate::engine::Engine;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn list(engine: &Engine, params: ListActivityParams) -> Result<Activities, ApiError> {
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::invalid("A limit is from 1 to 1,000."));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let room = params.room_id.as_deref().map(|text| id::<RoomId>(text, "room")).transpose()?;
    let before = params.before.as_deref().map(str::parse).transpose()?;
    engine.with_home(move |home| home.activities(room, before, limit)).await
}
