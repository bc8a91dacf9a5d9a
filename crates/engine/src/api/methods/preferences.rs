//! `rooms.setNotify` and `rooms.setFavourite`: answered once they are on the disk.

use momoland_protocol::id::RoomId;

use super::{id, kept};
use crate::api::error::ApiError;
use crate::api::types::{Done, SetFavouriteParams, SetNotifyParams};
use crate::engine::Engine;

pub(super) async fn set_notify(engine: &Engine, params: SetNotifyParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    kept(engine.with_home(move |home| home.set_notify(room, params.level)).await?).await
}

pub(super) async fn set_favourite(engine: &Engine, params: SetFavouriteParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    kept(engine.with_home(move |home| home.set_favourite(room, params.on)).await?).await
}
