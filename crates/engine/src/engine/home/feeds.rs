//! Feeds as people write, like and read them. Each room has one, in its conversation's log; the public one is a room of
//! its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use momoland_feed::{Change, Comment, Content, Cursor, Feed, Hidden, Listed, Order, Page, Post, Snapshots, Standing};
use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::DeletionContent;
use momoland_protocol::event::{Action, Body, BodyBytes, Event as StoredEvent, EventPlace};
use momoland_protocol::feed::{CommentContent, HideContent, LikeContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, EventId, LogId, RoomId, Seq, random};
use momoland_protocol::limits::BODY_BYTES_MAX;
use momoland_protocol::register::{Follow, RegisterName};
use momoland_protocol::roster::{Posting as WirePosting, Role};
use momoland_replica::input::Command;
use momoland_replica::roster::Roster;
use tokio::sync::oneshot;

use super::notifications::BODY_CHARS_MAX;
use super::{Home, Stored, body_of, unreadable};
use crate::account::record::{Choice, Noted};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{
    Comment as ApiComment, Comments, FeedAuthors, FeedOrder, FeedPerson, FeedPolicy, Following, Hidden as ApiHidden,
    NotificationLevel, Post as ApiPost, Posting, Posts,
};
use crate::projection::texts::{Texts, TextsRead};

/// The first posts of an order: fronts are told when these change places.
const LEADING: usize = 20;

/// People whom one person follows.
const FOLLOWS_MAX: usize = 1_000;

/// One room's feed.
#[derive(Debug)]
pub(in crate::engine) struct RoomFeed {
    feed: Feed<OnDisk>,
    texts: OnDisk,
    snapshots: Snapshots,
    /// What led when fronts were told last.
    leading: BTreeMap<Order, Vec<EventId>>,
    /// What they were told last of who may do what.
    policy: Option<FeedPolicy>,
}

impl RoomFeed {
    pub(super) fn new(feed: Feed<OnDisk>, texts: OnDisk) -> Self {
        let snapshots = Snapshots::new(u64::from_be_bytes(random()));
        Self { feed, texts, snapshots, leading: BTreeMap::new(), policy: None }
    }

    pub(super) fn post(&self, id: EventId) -> Option<Post> {
        self.feed.post(id)
    }

    #[cfg(test)]
    pub(in crate::engine) fn place(&self, id: EventId) -> Option<EventPlace> {
        self.feed.place(id)
    }

    /// Who published a post, and when.
    pub(super) fn written(&self, id: EventId) -> Option<(AccountId, Hlc)> {
        self.feed.written(id)
    }

    /// All posts that are shown by now, the newest first.
    pub(super) fn ids(&self, now: UnixMillis) -> impl Iterator<Item = EventId> {
        self.feed.ids(Order::New, now)
    }

    /// Takes an event that was stored just now: what it says will be looked at next.
    pub(in crate::engine) fn apply(&mut self, event: &StoredEvent, author: AccountId, version: u64) -> Option<Change> {
        let change = self.feed.apply(event, author, version)?;
        let (Change::Published(id) | Change::Commented(id) | Change::Post(id) | Change::Comment(id)) = change;
        let own_place = event.header.get().own_place();
        match self.feed.standing(id) {
            Some(standing) if standing.text == Some(own_place) => {
                if let Some(body) = &event.body {
                    self.texts.keep(own_place, body.clone());
                }
            }
            Some(_) => {}
            // What was deleted is not kept in memory either.
            None => self.feed.place(id).into_iter().for_each(|place| self.texts.forget(place)),
        }
        Some(change)
    }

    /// As [`Feed::take_back`].
    pub(in crate::engine) fn take_back(
        &mut self,
        is_cut: impl Fn(ChainId, Seq, u64) -> bool,
        is_post_cut: impl Fn(ChainId, Seq, Hlc, u64) -> bool,
    ) -> bool {
        let any = self.feed.take_back(is_cut, is_post_cut);
        if any {
            self.texts.forget_all();
        }
        any
    }

    /// What some posts or comments say that is on the disk alone.
    fn to_read(&self, ids: &[EventId]) -> ToRead {
        let places = ids.iter().filter_map(|id| self.feed.standing(*id)?.text);
        ToRead { places: places.filter(|place| !self.texts.is_kept(*place)).collect(), texts: self.texts.clone() }
    }

    /// Keeps what was read beside, of what is shown still.
    fn keep(&self, ids: &[EventId], read: &TextsRead<BodyBytes>) {
        for place in ids.iter().filter_map(|id| self.feed.standing(*id)?.text) {
            if let Some(Some(text)) = read.get(&place) {
                self.texts.keep(place, BodyBytes::clone(text));
            }
        }
    }
}

/// Where the fold of a feed finds what posts and comments say: on the disk.
#[derive(Debug, Clone)]
pub(in crate::engine) struct OnDisk {
    log: LogId,
    texts: Arc<Texts<BodyBytes>>,
}

impl OnDisk {
    pub(super) fn new(room: RoomId, texts: &Arc<Texts<BodyBytes>>) -> Self {
        Self { log: room.conversation(), texts: Arc::clone(texts) }
    }

    fn keep(&self, place: EventPlace, text: BodyBytes) {
        self.texts.keep(self.log, place, Arc::new(text));
    }

    fn is_kept(&self, place: EventPlace) -> bool {
        self.texts.is_kept(self.log, place)
    }

    fn forget(&self, place: EventPlace) {
        self.texts.forget(self.log, place);
    }

    fn forget_all(&self) {
        self.texts.forget_log(self.log);
    }
}

impl momoland_feed::Texts for OnDisk {
    type Text = ();

    fn take<C: Content>(&self, _: &C) {}

    /// `None`, and a word in the log, where the disk cannot be read.
    fn read<C: Content>(&self, (): &(), place: EventPlace) -> Option<C> {
        let read = self.texts.get(self.log, place);
        let text = read.inspect_err(|error| tracing::error!(%error, "a post or comment could not be read")).ok()??;
        let Body::Plain(bytes) = text.decode().ok()? else { return None };
        cbor::decode(&bytes, BODY_BYTES_MAX).ok()
    }
}

/// What posts or comments say that is on the disk alone.
pub(crate) struct ToRead {
    places: Vec<EventPlace>,
    texts: OnDisk,
}

impl ToRead {
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Reads them. Blocks on the disk.
    pub(crate) fn read(self) -> Result<TextsRead<BodyBytes>, ApiError> {
        let Self { places, texts: OnDisk { log, texts } } = self;
        texts.read_all(log, &places).map_err(|error| unreadable(RoomId(log.0), &error))
    }
}

impl Home {
    pub(in crate::engine) fn feed(&mut self, room: RoomId) -> &mut RoomFeed {
        let texts = &self.feed_texts;
        self.feeds.entry(room).or_insert_with(|| {
            let texts = OnDisk::new(room, texts);
            RoomFeed::new(Feed::new(texts.clone()), texts)
        })
    }

    pub(crate) fn publish(
        &mut self,
        room: RoomId,
        title: String,
        body: String,
        tags: Vec<String>,
    ) -> Result<Stored, ApiError> {
        if !self.require_member(room)?.may_post(self.account.id) {
            return Err(ApiError::new(
                ErrorKind::Forbidden,
                "Posting is curated here: only moderators and the authors whom they listed can post. You can like and \
                 comment.",
            ));
        }
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
        let (room, found) = self.find_post(post)?;
        if found.author != self.account.id {
            return Err(ApiError::new(ErrorKind::Forbidden, "Only its author can change a post."));
        }
        let present = self.feed(room).feed.post(post).ok_or_else(no_such_post)?;
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
        let own = found.author == self.account.id;
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

    /// Hides something from all but its author and those who moderate, or shows it again. `None`: it is so already.
    pub(crate) fn hide(&mut self, target: EventId, on: bool, reason: String) -> Result<Option<Stored>, ApiError> {
        let (room, Standing { hidden: held, .. }) = self.find(target)?;
        self.moderates_feed(room)?;
        let reason = if on { reason.trim().to_owned() } else { String::new() };
        if on == held.is_some() && held.is_none_or(|held| held.reason == reason) {
            return Ok(None);
        }
        let content = HideContent { on, reason };
        cbor::Bounded::check_bounds(&content)
            .map_err(|_| ApiError::invalid("A reason is one line of at most 200 characters."))?;
        self.append_to_feed(room, Action::HIDE, vec![target], &content).map(Some)
    }

    /// The roster of a feed in which this person moderates.
    pub(crate) fn moderates_feed(&self, room: RoomId) -> Result<&Roster, ApiError> {
        let roster = self.require_member(room)?;
        if roster.role(self.account.id) < Some(Role::Moderator) {
            return Err(ApiError::new(ErrorKind::Forbidden, "Only those who moderate here can do this."));
        }
        Ok(roster)
    }

    pub(crate) fn feed_authors(&self, room: RoomId) -> Result<FeedAuthors, ApiError> {
        let policy = self.feed_policy(room)?;
        let authors = self.require_member(room)?.authors().map(|account| self.feed_person(account)).collect();
        Ok(FeedAuthors { policy, authors })
    }

    fn feed_policy(&self, room: RoomId) -> Result<FeedPolicy, ApiError> {
        let roster = self.require_member(room)?;
        let posting = match roster.settings().posting {
            WirePosting::Members => Posting::Members,
            WirePosting::Curated => Posting::Curated,
        };
        let may_moderate = roster.role(self.account.id) >= Some(Role::Moderator);
        Ok(FeedPolicy { posting, may_post: roster.may_post(self.account.id), may_moderate })
    }

    /// Tells what a new roster changed about who may do what in a feed.
    pub(in crate::engine) fn tell_feed_policy(&mut self, room: RoomId) {
        let Ok(policy) = self.feed_policy(room) else { return };
        let told = self.feed(room).policy.replace(policy);
        if told.is_some_and(|told| told != policy) {
            self.tell(Event::FeedChanged { room_id: room.to_string(), policy });
        }
    }

    /// Whether this person is shown what moderators hid.
    fn sees_hidden(&self, room: RoomId, author: AccountId) -> bool {
        author == self.account.id || self.moderates_feed(room).is_ok()
    }

    /// Follows an author, or no longer. Answered with whether that is on the disk.
    pub(crate) fn follow(&mut self, account: AccountId, on: bool) -> Result<oneshot::Receiver<bool>, ApiError> {
        if account == self.account.id {
            return Err(ApiError::invalid("Nobody follows themselves."));
        }
        let rosters = || self.replica.rooms().any(|(_, roster)| roster.handle(account).is_some());
        if on && !self.profiles.contains_key(&account) && !rosters() {
            return Err(ApiError::not_found("Nobody here knows this person."));
        }
        if on && self.follows.len() >= FOLLOWS_MAX && !self.follows.contains_key(&account) {
            return Err(ApiError::new(ErrorKind::Conflict, "One follows at most 1,000 people. Let somebody go first."));
        }
        let choice = Choice::of_account(RegisterName::FOLLOW, account);
        let value = match (on, self.follows.get(&account)) {
            (true, since) => {
                let since = since.copied().unwrap_or_else(|| Hlc::at(self.now().wall));
                cbor::encode(&Follow { since })
            }
            (false, _) => Vec::new(),
        };
        Ok(self.choose_one(choice, value))
    }

    pub(super) fn show_follow(&mut self, choice: Choice, tells: bool) {
        let Some(account) = choice.target.first_chunk().copied().map(AccountId) else { return };
        let follow: Option<Follow> = self.own_room.read(choice);
        let before = match follow {
            Some(Follow { since }) => self.follows.insert(account, since),
            None => self.follows.remove(&account),
        };
        if !tells || before.is_some() == follow.is_some() {
            return;
        }
        self.tell(Event::FollowChanged { user_id: account.to_string(), on: follow.is_some() });
        if let Some(Follow { since }) = follow {
            self.note_posts_since(account, since);
        }
    }

    /// Another device said that somebody is followed: what they published since may be here already.
    fn note_posts_since(&mut self, account: AccountId, since: Hlc) {
        let now = self.now().wall;
        let mut posts = Vec::new();
        for (room, held) in &self.feeds {
            let newer = held.ids(now).map_while(|id| {
                let (author, hlc) = held.feed.written(id)?;
                (hlc > since).then_some((author, id))
            });
            posts.extend(newer.filter(|(author, _)| *author == account).map(|(_, id)| (*room, id)));
        }
        for (room, id) in posts {
            self.note_post(room, id);
        }
    }

    pub(crate) fn following(&self) -> Following {
        Following { people: self.follows.keys().map(|account| self.feed_person(*account)).collect() }
    }

    fn feed_person(&self, account: AccountId) -> FeedPerson {
        FeedPerson { user_id: account.to_string(), name: self.display_name(account) }
    }

    fn note_post_gone(&mut self, room: RoomId, id: EventId) {
        let shown = self.feed(room).feed.standing(id);
        if shown.is_none_or(|post| post.hidden.is_some() && !self.sees_hidden(room, post.author)) {
            self.note_gone(&id.to_string());
        }
    }

    /// Notes a post by somebody whom this person follows, unless it was there before they did.
    fn note_post(&mut self, room: RoomId, id: EventId) {
        let Some(Standing { author, hlc, hidden: None, .. }) = self.feed(room).feed.standing(id) else { return };
        // What was before this device was, other devices told.
        let since = self.account.certificate.get().issued_at;
        if hlc.wall() < since || self.follows.get(&author).is_none_or(|since| hlc <= *since) {
            return;
        }
        let Some(post) = self.feed(room).feed.post(id) else { return };
        let body = if post.title.is_empty() { post.body } else { post.title };
        self.note(Noted {
            id: id.to_string(),
            hlc: hlc.0,
            personal: false,
            title: format!("{} published a post", self.display_name(post.author)),
            body: body.chars().take(BODY_CHARS_MAX).collect(),
            level: NotificationLevel::Info,
            room: Some(room.to_string()),
            account: Some(post.author.to_string()),
            post: Some(id.to_string()),
            read: false,
        });
    }

    /// Likes something or no longer. `None`: it is so already.
    pub(crate) fn like(&mut self, target: EventId, on: bool) -> Result<Option<Stored>, ApiError> {
        let (room, found) = self.find(target)?;
        self.require_shown(room, &found)?;
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
        let (room, found) = self.find_post(post)?;
        self.require_shown(room, &found)?;
        let mut targets = vec![post];
        if let Some(reply_to) = reply_to {
            if self.feed(room).feed.post_of(reply_to) != Some(post) {
                return Err(ApiError::not_found("The comment that you answer is not under this post."));
            }
            targets.push(reply_to);
        }
        let content = CommentContent { text, sent_at: self.now().wall };
        cbor::Bounded::check_bounds(&content)
            .map_err(|_| ApiError::invalid("A comment holds some text, at most 32 KiB, and no NUL character."))?;
        self.append_to_feed(room, Action::COMMENT, targets, &content)
    }

    /// A page of a feed, and what has to be read for it.
    pub(crate) fn list_posts(
        &mut self,
        room: RoomId,
        order: Order,
        followed: bool,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<(Listed, ToRead), ApiError> {
        let policy = self.feed_policy(room)?;
        let now = self.now().wall;
        let follows = self.follows.clone();
        let held = self.feed(room);
        held.policy = Some(policy);
        let listed = match cursor {
            None if followed => held.snapshots.first_of(&held.feed, order, limit, now, |id| {
                held.feed.written(id).is_some_and(|(author, _)| follows.contains_key(&author))
            }),
            None => held.snapshots.first(&held.feed, order, limit, now),
            Some(cursor) => held.snapshots.next(&held.feed, cursor, limit).ok_or_else(|| {
                ApiError::new(ErrorKind::Conflict, "This list is too old to go on with. Read it from its beginning.")
            })?,
        };
        let to_read = held.to_read(&listed.0);
        Ok((listed, to_read))
    }

    /// What was listed, as it is once what it says was read.
    pub(crate) fn posts(
        &mut self,
        room: RoomId,
        (ids, next): Listed,
        read: &TextsRead<BodyBytes>,
    ) -> Result<Posts, ApiError> {
        let policy = self.feed_policy(room)?;
        let held = self.feed(room);
        held.keep(&ids, read);
        let posts: Vec<Post> = ids.iter().filter_map(|id| held.post(*id)).collect();
        let posts = posts.into_iter().map(|post| self.api_post(room, post)).collect();
        Ok(Posts { room_id: room.to_string(), policy, posts, next: next.map(|cursor| cursor.to_string()) })
    }

    /// A page of a thread, and what has to be read for it.
    pub(crate) fn list_comments(
        &mut self,
        post: EventId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<(RoomId, Page<EventId>, ToRead), ApiError> {
        let (room, found) = self.find(post)?;
        self.require_shown(room, &found)?;
        let now = self.now().wall;
        let held = self.feed(room);
        let page = held.feed.thread(post, before, limit, now).ok_or_else(no_such_post)?;
        let to_read = held.to_read(&page.items);
        Ok((room, page, to_read))
    }

    /// As [`Self::posts`].
    pub(crate) fn comments(&mut self, room: RoomId, page: Page<EventId>, read: &TextsRead<BodyBytes>) -> Comments {
        let held = self.feed(room);
        held.keep(&page.items, read);
        let comments: Vec<Comment> = page.items.iter().filter_map(|id| held.feed.comment(*id)).collect();
        let next = page.items.first().filter(|_| page.more).map(EventId::to_string);
        Comments { comments: comments.into_iter().map(|comment| self.api_comment(room, comment)).collect(), next }
    }

    /// Tells what a stored event changed in a feed.
    pub(in crate::engine) fn tell_feed(&mut self, room: RoomId, change: Change) {
        match change {
            Change::Published(id) => self.note_post(room, id),
            Change::Post(id) => self.note_post_gone(room, id),
            Change::Commented(_) | Change::Comment(_) => {}
        }
        let feed = &self.feed(room).feed;
        let event = match change {
            Change::Published(id) => feed.post(id).map(|post| Event::PostNew { post: self.api_post(room, post) }),
            Change::Post(id) => match feed.post(id) {
                Some(post) => Some(Event::PostChanged { post: self.api_post(room, post) }),
                // Where only its text cannot be read it is not gone.
                None => feed.standing(id).is_none().then(|| Event::PostChanged { post: gone(room, id) }),
            },
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

    /// Refuses what this person does not see because moderators hid it.
    fn require_shown(&self, room: RoomId, found: &Standing) -> Result<(), ApiError> {
        if found.hidden.is_some() && !self.sees_hidden(room, found.author) {
            return Err(ApiError::new(ErrorKind::Forbidden, "Those who moderate here hid it."));
        }
        Ok(())
    }

    fn api_hidden(&self, hidden: Hidden) -> ApiHidden {
        ApiHidden {
            user_id: hidden.by.to_string(),
            name: self.display_name(hidden.by),
            reason: hidden.reason,
            at: hidden.at.0,
        }
    }

    /// The room in which something of a feed is, and how it stands there.
    fn find(&self, id: EventId) -> Result<(RoomId, Standing), ApiError> {
        let rooms = self.feeds.iter().filter(|(room, _)| self.require_member(**room).is_ok());
        let mut found = rooms.filter_map(|(room, held)| Some((*room, held.feed.standing(id)?)));
        found.next().ok_or_else(no_such_post)
    }

    fn find_post(&self, id: EventId) -> Result<(RoomId, Standing), ApiError> {
        let (room, found) = self.find(id)?;
        if found.comment_on.is_some() { Err(no_such_post()) } else { Ok((room, found)) }
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
        let mut post = post;
        if post.hidden.is_some() && !self.sees_hidden(room, post.author) {
            post = Post { title: String::new(), body: String::new(), tags: Vec::new(), ..post };
        }
        ApiPost {
            post_id: post.id.to_string(),
            room_id: room.to_string(),
            author: post.author.to_string(),
            author_name: self.display_name(post.author),
            followed: self.follows.contains_key(&post.author),
            hidden: post.hidden.map(|hidden| self.api_hidden(hidden)),
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
        let blank = comment.hidden.is_some() && !self.sees_hidden(room, comment.author);
        ApiComment {
            comment_id: comment.id.to_string(),
            post_id: comment.post.to_string(),
            room_id: room.to_string(),
            author: comment.author.to_string(),
            author_name: self.display_name(comment.author),
            deleted: comment.text.is_none(),
            text: comment.text.filter(|_| !blank).unwrap_or_default(),
            hidden: comment.hidden.map(|hidden| self.api_hidden(hidden)),
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
        followed: false,
        hidden: None,
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
