//! `admin.*` and `announcements.*`: what an administrator tells everybody. The server decides who is one.

use super::{account, id, kept};
use crate::api::error::ApiError;
use crate::api::types::{AnnounceParams, Announced, AnnouncementParams, Announcements, Done, NoParams};
use crate::engine::Engine;

pub(super) async fn announce(engine: &Engine, params: AnnounceParams) -> Result<Announced, ApiError> {
    let (http, token, _) = account::authenticated(engine).await?;
    let announcement_id = http.announce(&token, &params.message, params.level, params.ttl_s).await?;
    Ok(Announced { announcement_id })
}

pub(super) async fn list(engine: &Engine, NoParams {}: NoParams) -> Result<Announcements, ApiError> {
    engine.with_home(|home| Ok(Announcements { announcements: home.announcements() })).await
}

pub(super) async fn dismiss(engine: &Engine, params: AnnouncementParams) -> Result<Done, ApiError> {
    let announcement = id(&params.announcement_id, "announcement")?;
    kept(engine.with_home(move |home| home.put_announcement_away(announcement)).await?).await
}
