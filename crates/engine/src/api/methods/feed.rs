//! `feed.*`.

use momoland_feed::{Cursor, Order};
use momoland_protocol::id::{EventId, RoomId};
use momoland_protocol::roster::Genesis;

use super::{id, rooms, written};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{
    CommentParams, Commented, Comments, DeletePostParams, Done, EditPostParams, FeedOrder, LikeParams,
    ListCommentsParams, ListPostsParams, Posts, PublishParams, Published,
};
use crate::engine::Engine;

const POSTS_DEFAULT: u32 = 20;
const POSTS_MAX: u32 = 200;
const COMMENTS_DEFAULT: u32 = 50;
const COMMENTS_MAX: u32 = 1_000;

pub(super) async fn publish(engine: &Engine, params: PublishParams) -> Result<Published, ApiError> {
    let room = feed_of(engine, params.room_id.as_deref()).await?;
    let PublishParams { room_id: _, title, body, tags } = params;
    let stored = engine.with_home(move |home| home.publish(room, title, body, tags.unwrap_or_default())).await?;
    Ok(Published { post_id: written(stored).await?.to_string() })
}

pub(super) async fn edit(engine: &Engine, params: EditPostParams) -> Result<Done, ApiError> {
    let post: EventId = id(&params.post_id, "post")?;
    let EditPostParams { post_id: _, title, body, tags } = params;
    let stored = engine.with_home(move |home| home.edit_post(post, title, body, tags)).await?;
    written(stored).await?;
    Ok(Done {})
}

pub(super) async fn delete(engine: &Engine, params: DeletePostParams) -> Result<Done, ApiError> {
    let target: EventId = id(&params.post_id, "post")?;
    written(engine.with_home(move |home| home.take_back_post(target)).await?).await?;
    Ok(Done {})
}

pub(super) async fn like(engine: &Engine, params: LikeParams) -> Result<Done, ApiError> {
    let target: EventId = id(&params.post_id, "post")?;
    if let Some(stored) = engine.with_home(move |home| home.like(target, params.on)).await? {
        written(stored).await?;
    }
    Ok(Done {})
}

pub(super) async fn comment(engine: &Engine, params: CommentParams) -> Result<Commented, ApiError> {
    let post: EventId = id(&params.post_id, "post")?;
    let reply_to = params.reply_to.as_deref().map(|text| id::<EventId>(text, "comment")).transpose()?;
    let stored = engine.with_home(move |home| home.comment(post, params.text, reply_to)).await?;
    Ok(Commented { comment_id: written(stored).await?.to_string() })
}

pub(super) async fn list(engine: &Engine, params: ListPostsParams) -> Result<Posts, ApiError> {
    let room = feed_of(engine, params.room_id.as_deref()).await?;
    let limit = limit(params.limit, POSTS_DEFAULT, POSTS_MAX)?;
    let order = match params.order.unwrap_or(FeedOrder::New) {
        FeedOrder::New => Order::New,
        FeedOrder::Top => Order::Top,
        FeedOrder::Hot => Order::Hot,
    };
    let cursor = match &params.before {
        Some(before) => Some(before.parse::<Cursor>().map_err(|_| {
            ApiError::invalid("This is not where a feed goes on. Give what an earlier answer had as next.")
        })?),
        None => None,
    };
    engine.with_home(move |home| home.posts(room, order, cursor, limit)).await
}

pub(super) async fn comments(engine: &Engine, params: ListCommentsParams) -> Result<Comments, ApiError> {
    let post: EventId = id(&params.post_id, "post")?;
    let before = params.before.as_deref().map(|text| id::<EventId>(text, "comment")).transpose()?;
    let limit = limit(params.limit, COMMENTS_DEFAULT, COMMENTS_MAX)?;
    engine.with_home(move |home| home.comments(post, before, limit)).await
}

/// The room of a feed. The public one is joined by whoever first has to do with it.
async fn feed_of(engine: &Engine, room: Option<&str>) -> Result<RoomId, ApiError> {
    if let Some(room) = room {
        return id(room, "room");
    }
    let (room, held) = engine
        .with_home(|home| {
            let room = Genesis::PublicFeed { server: home.account.server_key }.room();
            Ok((room, home.has_room(room)))
        })
        .await?;
    if !held {
        rooms::enter(engine, room, None).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => ApiError::not_found(
                "This server has no public feed yet. It is there once its administrator has signed in with Momoland.",
            ),
            _ => error,
        })?;
    }
    Ok(room)
}

fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(default);
    if !(1..=most).contains(&limit) {
        return Err(ApiError::invalid(format!("A limit is from 1 to {most}.")));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}
