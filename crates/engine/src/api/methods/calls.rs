//! `calls.*`.

use momoland_media::cameras::{self, CameraError};
use momoland_media::devices::Purpose;
use momoland_media::listening::file::{FileError, SoundFile};
use momoland_media::video::{Source, vp8};
use momoland_protocol::id::{DeviceId, RoomId};
use momoland_protocol::listening::Wish;

use super::id;
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{
    CallDevices, CallList, CallMedia, CallParams, CallStarted, CallStats, CallView, Done, JoinCallParams, NoParams,
    PictureSource, PlayParams, PlaybackAction, PlaybackParams, SetCallMediaParams, StartCallParams, TestCallParams,
    ViewCallParams,
};
use crate::calls::{TILES_MAX, Tile};
use crate::engine::Engine;

pub(super) async fn start(engine: &Engine, params: StartCallParams) -> Result<CallStarted, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let camera = params.media == CallMedia::Video;
    can_show(camera, false).await?;
    engine.with_home(move |home| Ok(CallStarted { call_id: home.start_call(room, camera)?.to_string() })).await
}

pub(super) async fn join(engine: &Engine, params: JoinCallParams) -> Result<CallStarted, ApiError> {
    let camera = params.camera.unwrap_or(false);
    can_show(camera, false).await?;
    engine
        .with_home(move |home| Ok(CallStarted { call_id: home.join_call(&params.call_id, camera)?.to_string() }))
        .await
}

pub(super) async fn decline(engine: &Engine, params: CallParams) -> Result<Done, ApiError> {
    engine.with_home(move |home| home.decline_call(&params.call_id).map(|()| Done {})).await
}

pub(super) async fn leave(engine: &Engine, params: CallParams) -> Result<Done, ApiError> {
    engine.with_home(move |home| home.leave_call(&params.call_id).map(|()| Done {})).await
}

pub(super) async fn set_media(engine: &Engine, params: SetCallMediaParams) -> Result<Done, ApiError> {
    can_show(params.camera == Some(true), params.screen == Some(true)).await?;
    engine.with_home(move |home| home.set_call_media(params).map(|()| Done {})).await
}

pub(super) async fn devices(engine: &Engine, _: NoParams) -> Result<CallDevices, ApiError> {
    // A system may take its time to name them; nothing else waits for it.
    let found = tokio::task::spawn_blocking(|| {
        let devices = momoland_media::devices::from_environment();
        let [microphones, speakers] = [Purpose::Microphone, Purpose::Speakers].map(|purpose| devices.list(purpose));
        let cameras = cameras::from_environment();
        ([microphones, speakers, cameras.cameras()], cameras.screens())
    });
    let (devices, screens) = found.await.unwrap_or_default();
    engine.with_home(move |home| Ok(home.call_devices(devices, screens))).await
}

pub(super) async fn test(engine: &Engine, params: TestCallParams) -> Result<Done, ApiError> {
    can_show(params.on && params.camera == Some(true), false).await?;
    engine.with_home(move |home| home.try_devices(&params).map(|()| Done {})).await
}

pub(super) async fn list(engine: &Engine, _: NoParams) -> Result<CallList, ApiError> {
    engine.with_home(|home| Ok(CallList { calls: home.list_calls() })).await
}

pub(super) async fn stats(engine: &Engine, params: CallParams) -> Result<CallStats, ApiError> {
    engine.with_home(move |home| home.call_stats(&params.call_id)).await
}

pub(super) async fn play(engine: &Engine, params: PlayParams) -> Result<Done, ApiError> {
    let opened = tokio::task::spawn_blocking(move || SoundFile::open(params.path.as_ref())).await;
    let opened = opened.map_err(|error| ApiError::new(ErrorKind::Internal, error.to_string()))?;
    let file = opened.map_err(|error| match error {
        FileError::Missing(_) => ApiError::not_found(error.to_string()),
        error => ApiError::invalid(error.to_string()),
    })?;
    engine.with_home(move |home| home.play_in_call(&params.call_id, file).map(|()| Done {})).await
}

pub(super) async fn playback(engine: &Engine, params: PlaybackParams) -> Result<Done, ApiError> {
    let wish = match (params.action, params.position_ms) {
        (PlaybackAction::Play, _) => Wish::Play,
        (PlaybackAction::Pause, _) => Wish::Pause,
        (PlaybackAction::Stop, _) => Wish::Stop,
        (PlaybackAction::Seek, Some(position_ms)) => Wish::Seek { position_ms },
        (PlaybackAction::Seek, None) => return Err(ApiError::invalid("Say where to go on: `positionMs`.")),
    };
    engine.with_home(move |home| home.wish_in_call(&params.call_id, wish).map(|()| Done {})).await
}

/// Of the front that asks.
pub(super) async fn view(engine: &Engine, params: ViewCallParams) -> Result<CallView, ApiError> {
    let front = engine.front().ok_or_else(|| ApiError::invalid("This way in shows no pictures. A window does."))?;
    if params.tiles.len() > TILES_MAX {
        return Err(ApiError::invalid(format!("At most {TILES_MAX} pictures are shown at once.")));
    }
    let tiles = params.tiles.iter().map(|tile| {
        let device: DeviceId = id(&tile.device_id, "device")?;
        let source = match tile.source {
            PictureSource::Camera => Source::Camera,
            PictureSource::Screen => Source::Screen,
        };
        Ok(Tile { device, source, width: tile.width, height: tile.height })
    });
    let tiles: Vec<Tile> = tiles.collect::<Result<_, ApiError>>()?;
    engine.with_home(move |home| Ok(CallView { view: home.view_call(params.call_id.as_deref(), front, tiles)? })).await
}

/// Refuses to show what cannot be shown here, and says why.
async fn can_show(camera: bool, screen: bool) -> Result<(), ApiError> {
    if !camera && !screen {
        return Ok(());
    }
    // The codec is looked for on the disk, and a system may take its time to name its devices.
    let found = tokio::task::spawn_blocking(move || {
        vp8::available().map_err(|error| ApiError::invalid(error.to_string()))?;
        let cameras = cameras::from_environment();
        let refused = |error: CameraError| ApiError::invalid(error.to_string());
        if camera {
            cameras.look_for_camera().map_err(refused)?;
        }
        if screen {
            cameras.look_for_screen().map_err(refused)?;
        }
        Ok(())
    });
    found.await.unwrap_or(Ok(()))
}
