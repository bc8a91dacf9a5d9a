//! `calls.*`.

use momoland_media::devices::Purpose;
use momoland_protocol::id::RoomId;

use super::id;
use crate::api::error::ApiError;
use crate::api::types::{
    CallDevices, CallList, CallMedia, CallParams, CallStarted, CallStats, CallView, Done, JoinCallParams, NoParams,
    SetCallMediaParams, StartCallParams, ViewCallParams,
};
use crate::engine::Engine;

pub(super) async fn start(engine: &Engine, params: StartCallParams) -> Result<CallStarted, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    if params.media == CallMedia::Video {
        return Err(no_pictures());
    }
    engine.with_home(move |home| Ok(CallStarted { call_id: home.start_call(room)?.to_string() })).await
}

pub(super) async fn join(engine: &Engine, params: JoinCallParams) -> Result<CallStarted, ApiError> {
    if params.camera == Some(true) {
        return Err(no_pictures());
    }
    engine.with_home(move |home| Ok(CallStarted { call_id: home.join_call(&params.call_id)?.to_string() })).await
}

pub(super) async fn decline(engine: &Engine, params: CallParams) -> Result<Done, ApiError> {
    engine.with_home(move |home| home.decline_call(&params.call_id).map(|()| Done {})).await
}

pub(super) async fn leave(engine: &Engine, params: CallParams) -> Result<Done, ApiError> {
    engine.with_home(move |home| home.leave_call(&params.call_id).map(|()| Done {})).await
}

pub(super) async fn set_media(engine: &Engine, params: SetCallMediaParams) -> Result<Done, ApiError> {
    if params.camera == Some(true) || params.screen == Some(true) {
        return Err(no_pictures());
    }
    engine.with_home(move |home| home.set_call_media(params).map(|()| Done {})).await
}

pub(super) async fn devices(engine: &Engine, _: NoParams) -> Result<CallDevices, ApiError> {
    // A system may take its time to name them; nothing else waits for it.
    let found = tokio::task::spawn_blocking(|| {
        let devices = momoland_media::devices::from_environment();
        [Purpose::Microphone, Purpose::Speakers].map(|purpose| devices.list(purpose))
    });
    let [microphones, speakers] = found.await.unwrap_or_default();
    engine.with_home(move |home| Ok(home.call_devices(microphones, speakers))).await
}

pub(super) async fn list(engine: &Engine, _: NoParams) -> Result<CallList, ApiError> {
    engine.with_home(|home| Ok(CallList { calls: home.list_calls() })).await
}

pub(super) async fn stats(engine: &Engine, params: CallParams) -> Result<CallStats, ApiError> {
    engine.with_home(move |home| home.call_stats(&params.call_id)).await
}

pub(super) async fn view(_: &Engine, _: ViewCallParams) -> Result<CallView, ApiError> {
    Err(no_pictures())
}

fn no_pictures() -> ApiError {
    ApiError::invalid("This version of Momoland has no pictures in calls. Call without a camera.")
}
