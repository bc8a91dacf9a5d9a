//! `feed.*`.

use momoland_feed::{Cursor, Order};
use momoland_protocol::event::BodyBytes;
use momoland_protocol::id::{AccountId, EventId, RoomId};
use momoland_protocol::roster::{Genesis, Posting as WirePosting, RosterOp, Settings};
use momoland_replica::roster::Roster;

use super::{id, kept, rooms, written};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{
    CommentParams, Commented, Comments, DeletePostParams, Done, EditPostParams, FeedAuthors, FeedAuthorsParams,
    FeedOrder, FollowParams, Following, HideParams, LikeParams, ListCommentsParams, ListPostsParams, NoParams, Posting,
    Posts, PublishParams, Published, SetAuthorParams, SetPostingParams,
};
use crate::engine::{Engine, FeedToRead, Home};
use crate::projection::texts::TextsRead;

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

pub(super) async fn hide(engine: &Engine, params: HideParams) -> Result<Done, ApiError> {
    let target: EventId = id(&params.post_id, "post")?;
    let HideParams { post_id: _, on, reason } = params;
    if let Some(stored) = engine.with_home(move |home| home.hide(target, on, reason.unwrap_or_default())).await? {
        written(stored).await?;
    }
    Ok(Done {})
}

pub(super) async fn follow(engine: &Engine, params: FollowParams) -> Result<Done, ApiError> {
    let account: AccountId = id(&params.user_id, "person")?;
    kept(engine.with_home(move |home| home.follow(account, params.on)).await?).await
}

pub(super) async fn following(engine: &Engine, NoParams {}: NoParams) -> Result<Following, ApiError> {
    engine.with_home(|home| Ok(home.following())).await
}

pub(super) async fn set_posting(engine: &Engine, params: SetPostingParams) -> Result<Done, ApiError> {
    let room = feed_of(engine, params.room_id.as_deref()).await?;
    let posting = match params.posting {
        Posting::Members => WirePosting::Members,
        Posting::Curated => WirePosting::Curated,
    };
    let is_so =
        engine.with_home(move |home| home.moderates_feed(room).map(|roster| roster.settings().posting == posting));
    if is_so.await? {
        return Ok(Done {});
    }
    let configure =
        move |roster: &Roster| RosterOp::Configure { settings: Settings { posting, ..roster.settings().clone() } };
    rooms::change_by(engine, room, configure).await?;
    Ok(Done {})
}

pub(super) async fn set_author(engine: &Engine, params: SetAuthorParams) -> Result<Done, ApiError> {
    let room = feed_of(engine, params.room_id.as_deref()).await?;
    let account: AccountId = id(&params.user_id, "person")?;
    let listed = params.on;
    let is_so = engine.with_home(move |home| {
        let roster = home.moderates_feed(room)?;
        if listed && roster.role(account).is_none() {
            return Err(ApiError::not_found("This person has not opened the feed yet, so nobody can list them there."));
        }
        Ok(roster.is_author(account) == listed)
    });
    if is_so.await? {
        return Ok(Done {});
    }
    rooms::change(engine, room, RosterOp::ListAuthor { account, listed }).await?;
    Ok(Done {})
}

pub(super) async fn authors(engine: &Engine, params: FeedAuthorsParams) -> Result<FeedAuthors, ApiError> {
    let room = feed_of(engine, params.room_id.as_deref()).await?;
    engine.with_home(move |home| home.feed_authors(room)).await
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
    let followed = params.followed.unwrap_or(false);
    let list = move |home: &mut Home| home.list_posts(room, order, followed, cursor, limit);
    let (listed, to_read) = engine.with_home(list).await?;
    let read = read(to_read).await?;
    engine.with_home(move |home| home.posts(room, listed, &read)).await
}

pub(super) async fn comments(engine: &Engine, params: ListCommentsParams) -> Result<Comments, ApiError> {
    let post: EventId = id(&params.post_id, "post")?;
    let before = params.before.as_deref().map(|text| id::<EventId>(text, "comment")).transpose()?;
    let limit = limit(params.limit, COMMENTS_DEFAULT, COMMENTS_MAX)?;
    let (room, listed, to_read) = engine.with_home(move |home| home.list_comments(post, before, limit)).await?;
    let read = read(to_read).await?;
    engine.with_home(move |home| Ok(home.comments(room, listed, &read))).await
}

/// Reads what a list says that is on the disk alone, beside the engine, which goes on meanwhile.
async fn read(to_read: FeedToRead) -> Result<TextsRead<BodyBytes>, ApiError> {
    if to_read.is_empty() {
        return Ok(TextsRead::new());
    }
    let read = tokio::task::spawn_blocking(move || to_read.read()).await;
    read.map_err(|_| ApiError::new(ErrorKind::Internal, "Reading the feed failed. Try again."))?
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
