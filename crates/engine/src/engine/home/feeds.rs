//! Feeds as people write, like and read them. Each room has one, in its conversation's log; the public one is a room of
//! its own.

use std::collections::BTreeMap;

use momoland_feed::{Change, Comment, Cursor, Feed, Order, Post, Snapshots};
use momoland_protocol::cbor;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::content::DeletionContent;
use momoland_protocol::event::Action;
use momoland_protocol::feed::{CommentContent, LikeContent, PostContent};
use momoland_protocol::id::{EventId, RoomId, random};
use momoland_protocol::roster::Role;
use momoland_replica::input::Command;

use super::{Home, Stored, body_of};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{Comment as ApiComment, Comments, FeedOrder, Post as ApiPost, Posts};

/// The first posts of an order: fronts are told when these change places.
const LEADING: usize = 20;

/// One room's feed.
#[derive(Debug)]
pub(in crate::engine) struct RoomFeed {
    feed: Feed,
    snapshots: Snapshots,
    /// What led when fronts were told last.
    leading: BTreeMap<Order, Vec<EventId>>,
}

impl RoomFeed {
    pub(super) fn new(feed: Feed) -> Self {
        Self { feed, snapshots: Snapshots::new(u64::from_be_bytes(random())), leading: BTreeMap::new() }
    }

    pub(super) fn post(&self, id: EventId) -> Option<Post> {
        self.feed.post(id)
    }

    /// All posts that are shown by now, the newest first.
    pub(super) fn ids(&self, now: UnixMillis) -> impl Iterator<Item = EventId> {
        self.feed.ids(Order::New, now)
    }

    pub(in crate::engine) fn feed(&mut self) -> &mut Feed {
        &mut self.feed
    }
}

/// A room and what is there under an id.
enum Found {
    Post(Post),
    Comment(Comment),
}

impl Home {
    pub(in crate::engine) fn feed(&mut self, room: RoomId) -> &mut RoomFeed {
        self.feeds.entry(room).or_insert_with(|| RoomFeed::new(Feed::default()))
    }

    pub(crate) fn publish(
        &mut self,
        room: RoomId,
        title: String,
        body: String,
        tags: Vec<String>,
    ) -> Result<Stored, ApiError> {
        self.require_member(room)?;
        let content = self.post_content(title, body, tags)?;
        self.append_to_feed(room, Action::PUBLISH, Vec::new(), &content)
    }

    pub(crate) fn edit_post(
        &mut self,
        post: EventId,
        title: Option<String>,
        body: Option<String>,
        tags: Option<Vec<String>>,
    ) -> Result<Stored, ApiError> {
        let (room, found) = self.find(post)?;
        let Found::Post(present) = found else { return Err(no_such_post()) };
        if present.author != self.account.id {
            return Err(ApiError::new(ErrorKind::Forbidden, "Only its author can change a post."));
        }
        let content = self.post_content(
            title.unwrap_or(present.title),
            body.unwrap_or(present.body),
            tags.unwrap_or(present.tags),
        )?;
        self.append_to_feed(room, Action::EDIT, vec![post], &content)
    }

    /// Takes back a post or comment: one's own, or as a moderator anybody's.
    pub(crate) fn take_back_post(&mut self, target: EventId) -> Result<Stored, ApiError> {
        let (room, found) = self.find(target)?;
        let author = match found {
            Found::Post(post) => post.author,
            Found::Comment(comment) => comment.author,
        };
        let own = author == self.account.id;
        let moderates = self.require_member(room)?.role(self.account.id) >= Some(Role::Moderator);
        if !own && !moderates {
            return Err(ApiError::new(
                ErrorKind::Forbidden,
                "Only its author, or somebody who moderates here, can take it back.",
            ));
        }
        let action = if own { Action::RETRACT } else { Action::REDACT };
        self.append_to_feed(room, action, vec![target], &DeletionContent {})
    }

    /// Likes something or no longer. `None`: it is so already.
    pub(crate) fn like(&mut self, target: EventId, on: bool) -> Result<Option<Stored>, ApiError> {
        let (room, _) = self.find(target)?;
        let own = self.account.id;
        if self.feed(room).feed.likes(own, target) == on {
            return Ok(None);
        }
        self.append_to_feed(room, Action::LIKE, vec![target], &LikeContent { on }).map(Some)
    }

    pub(crate) fn comment(
        &mut self,
        post: EventId,
        text: String,
        reply_to: Option<EventId>,
    ) -> Result<Stored, ApiError> {
        let (room, found) = self.find(post)?;
        let Found::Post(_) = found else { return Err(no_such_post()) };
        let mut targets = vec![post];
        if let Some(reply_to) = reply_to {
            let answered = self.feed(room).feed.comment(reply_to).filter(|comment| comment.post == post);
            if answered.is_none() {
                return Err(ApiError::not_found("The comment that you answer is not under this post."));
            }
            targets.push(reply_to);
        }
        let content = CommentContent { text, sent_at: self.now().wall };
        cbor::Bounded::check_bounds(&content)
            .map_err(|_| ApiError::invalid("A comment holds some text, at most 32 KiB, and no NUL character."))?;
        self.append_to_feed(room, Action::COMMENT, targets, &content)
    }

    pub(crate) fn posts(
        &mut self,
        room: RoomId,
        order: Order,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Posts, ApiError> {
        self.require_member(room)?;
        let now = self.now().wall;
        let held = self.feed(room);
        let (posts, next) = match cursor {
            None => held.snapshots.first(&held.feed, order, limit, now),
            Some(cursor) => held.snapshots.next(&held.feed, cursor, limit).ok_or_else(|| {
                ApiError::new(ErrorKind::Conflict, "This list is too old to go on with. Read it from its beginning.")
            })?,
        };
        let posts = posts.into_iter().map(|post| self.api_post(room, post)).collect();
        Ok(Posts { room_id: room.to_string(), posts, next: next.map(|cursor| cursor.to_string()) })
    }

    pub(crate) fn comments(
        &mut self,
        post: EventId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Comments, ApiError> {
        let (room, _) = self.find(post)?;
        let now = self.now().wall;
        let page = self.feed(room).feed.thread(post, before, limit, now).ok_or_else(no_such_post)?;
        let next = page.items.first().filter(|_| page.more).map(|comment| comment.id.to_string());
        let comments = page.items.into_iter().map(|comment| self.api_comment(room, comment)).collect();
        Ok(Comments { comments, next })
    }

    /// Tells what a stored event changed in a feed.
    pub(in crate::engine) fn tell_feed(&mut self, room: RoomId, change: Change) {
        let feed = &self.feed(room).feed;
        let event = match change {
            Change::Published(id) => feed.post(id).map(|post| Event::PostNew { post: self.api_post(room, post) }),
            Change::Post(id) => Some(match feed.post(id) {
                Some(post) => Event::PostChanged { post: self.api_post(room, post) },
                None => Event::PostChanged { post: gone(room, id) },
            }),
            Change::Commented(id) => {
                let comment = feed.comment(id);
                comment.map(|comment| Event::CommentNew { comment: self.api_comment(room, comment) })
            }
            Change::Comment(id) => {
                let comment = feed.comment(id);
                comment.map(|comment| Event::CommentChanged { comment: self.api_comment(room, comment) })
            }
        };
        let Some(event) = event else { return };
        // A post's count of comments is part of it.
        let counted = match &event {
            Event::CommentNew { comment } | Event::CommentChanged { comment } => comment.post_id.parse().ok(),
            _ => None,
        };
        self.tell(event);
        if let Some(post) = counted.and_then(|post| self.feeds.get(&room)?.feed.post(post)) {
            self.tell(Event::PostChanged { post: self.api_post(room, post) });
        }
        self.tell_ranking(room);
    }

    /// Tells of the orders whose first posts changed places.
    fn tell_ranking(&mut self, room: RoomId) {
        let now = self.now().wall;
        let held = self.feed(room);
        let mut changed = Vec::new();
        for (order, name) in [(Order::Top, FeedOrder::Top), (Order::Hot, FeedOrder::Hot)] {
            let leading: Vec<EventId> = held.feed.ids(order, now).take(LEADING).collect();
            if held.leading.get(&order) != Some(&leading) {
                changed.push((name, leading.iter().map(EventId::to_string).collect()));
                held.leading.insert(order, leading);
            }
        }
        for (order, post_ids) in changed {
            self.tell(Event::RankingChanged { room_id: room.to_string(), order, post_ids });
        }
    }

    /// The room in which something of a feed is.
    fn find(&self, id: EventId) -> Result<(RoomId, Found), ApiError> {
        for (room, held) in &self.feeds {
            if self.require_member(*room).is_err() {
                continue;
            }
            if let Some(post) = held.feed.post(id) {
                return Ok((*room, Found::Post(post)));
            }
            if let Some(comment) = held.feed.comment(id).filter(|comment| comment.text.is_some()) {
                return Ok((*room, Found::Comment(comment)));
            }
        }
        Err(no_such_post())
    }

    fn post_content(&self, title: String, body: String, tags: Vec<String>) -> Result<PostContent, ApiError> {
        let title = title.trim().to_owned();
        let tags = tags.into_iter().map(|tag| tag.trim().to_owned()).collect();
        let content = PostContent { title, body, tags, sent_at: self.now().wall };
        cbor::Bounded::check_bounds(&content).map_err(|_| {
            ApiError::invalid(
                "A post has a title (one line of at most 200 characters) or a body (at most 32 KiB), and at most ten \
                 different tags of at most 32 characters.",
            )
        })?;
        Ok(content)
    }

    fn append_to_feed<T: minicbor::Encode<()>>(
        &mut self,
        room: RoomId,
        action: Action,
        targets: Vec<EventId>,
        content: &T,
    ) -> Result<Stored, ApiError> {
        // What changes or takes back something says where that stands, so that every disk can drop it.
        let amends = matches!(action, Action::EDIT | Action::RETRACT | Action::REDACT);
        let place = targets.first().filter(|_| amends).and_then(|target| self.feed(room).feed.place(*target));
        let (log, body) = (room.conversation(), body_of(content)?);
        Ok(self.append(Command::Append { log, action, targets, place, body }))
    }

    fn api_post(&self, room: RoomId, post: Post) -> ApiPost {
        let likes = |id| self.feeds.get(&room).is_some_and(|held| held.feed.likes(self.account.id, id));
        ApiPost {
            post_id: post.id.to_string(),
            room_id: room.to_string(),
            author: post.author.to_string(),
            author_name: self.display_name(post.author),
            title: post.title,
            body: post.body,
            tags: post.tags,
            published_at: post.published_at.0,
            edited_at: post.edited_at.map(|at| at.0),
            likes_count: post.likes,
            liked: likes(post.id),
            comments_count: post.comments,
            deleted: false,
        }
    }

    fn api_comment(&self, room: RoomId, comment: Comment) -> ApiComment {
        let likes = |id| self.feeds.get(&room).is_some_and(|held| held.feed.likes(self.account.id, id));
        ApiComment {
            comment_id: comment.id.to_string(),
            post_id: comment.post.to_string(),
            room_id: room.to_string(),
            author: comment.author.to_string(),
            author_name: self.display_name(comment.author),
            deleted: comment.text.is_none(),
            text: comment.text.unwrap_or_default(),
            reply_to: comment.reply_to.map(|id| id.to_string()),
            sent_at: comment.sent_at.0,
            likes_count: comment.likes,
            liked: likes(comment.id),
        }
    }
}

/// A post that was taken back, for those who show it.
fn gone(room: RoomId, id: EventId) -> ApiPost {
    ApiPost {
        post_id: id.to_string(),
        room_id: room.to_string(),
        author: String::new(),
        author_name: String::new(),
        title: String::new(),
        body: String::new(),
        tags: Vec::new(),
        published_at: 0,
        edited_at: None,
        likes_count: 0,
        liked: false,
        comments_count: 0,
        deleted: true,
    }
}

fn no_such_post() -> ApiError {
    ApiError::not_found("There is no such post or comment here, or it was taken back.")
}
