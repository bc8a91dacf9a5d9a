//! `notifications.*`. Answered once it is on the disk.

use super::{account, kept};
use crate::api::error::ApiError;
use crate::api::types::{
    Done, ListNotificationsParams, MarkNotificationsReadParams, NotificationSent, Notifications, SendNotificationParams,
};
use crate::engine::Engine;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn list(engine: &Engine, params: ListNotificationsParams) -> Result<Notifications, ApiError> {
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::invalid("A limit is from 1 to 1,000."));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let before = params.before.as_deref().map(str::parse).transpose()?;
    engine.with_home(move |home| Ok(home.notifications(before, limit))).await
}

pub(super) async fn mark_read(engine: &Engine, params: MarkNotificationsReadParams) -> Result<Done, ApiError> {
    let MarkNotificationsReadParams { notification_id } = params;
    let written = engine.with_home(move |home| home.mark_notified(notification_id.as_deref())).await?;
    kept(written).await
}

/// For administrators; the server decides who is one.
pub(super) async fn send(engine: &Engine, params: SendNotificationParams) -> Result<NotificationSent, ApiError> {
    let (http, token, _) = account::authenticated(engine).await?;
    let SendNotificationParams { user_id, title, body, level } = params;
    let notification_id = http.notify(&token, &user_id, &title, &body, level).await?;
    Ok(NotificationSent { notification_id })
}
