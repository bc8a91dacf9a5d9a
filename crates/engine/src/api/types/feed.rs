//! `feed.*`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishParams {
    /// The feed of a room; without it the server's public feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    /// One line of at most 200 characters; may be empty where the body is not.
    pub title: String,
    /// Markdown, at most 32 KiB.
    pub body: String,
    /// At most ten of at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub tags: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    pub post_id: String,
}

/// What is not given stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditPostParams {
    pub post_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub tags: Option<Vec<String>>,
}

/// A post, or a comment of one.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeletePostParams {
    /// The post's id, or the comment's.
    pub post_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LikeParams {
    /// The post's id, or the comment's.
    pub post_id: String,
    pub on: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HideParams {
    /// The post's id, or the comment's.
    pub post_id: String,
    pub on: bool,
    /// Why, for those who do not see it any more: one line of at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<String>,
}

/// That moderators hid a post or comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    pub user_id: String,
    pub name: String,
    /// May be empty.
    pub reason: String,
    #[ts(type = "number")]
    pub at: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FollowParams {
    pub user_id: String,
    pub on: bool,
}

/// Whom this person follows: known to their devices and the server, and to no other account.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Following {
    pub people: Vec<FeedPerson>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FeedPerson {
    pub user_id: String,
    pub name: String,
}

/// Who may post in a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Posting {
    /// Every member; in the public feed every account.
    Members,
    /// Moderators, owners, and those who are listed as authors.
    Curated,
}

/// Who may post in a feed, and what this person may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FeedPolicy {
    pub posting: Posting,
    pub may_post: bool,
    /// Hides, removes, and says who may post.
    pub may_moderate: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPostingParams {
    /// The feed of a room; without it the server's public feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    pub posting: Posting,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetAuthorParams {
    /// The feed of a room; without it the server's public feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    pub user_id: String,
    pub on: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FeedAuthorsParams {
    /// The feed of a room; without it the server's public feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FeedAuthors {
    pub policy: FeedPolicy,
    /// Listed, beside the moderators and owners.
    pub authors: Vec<FeedPerson>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommentParams {
    pub post_id: String,
    /// Markdown, at most 32 KiB.
    pub text: String,
    /// The comment that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Commented {
    pub comment_id: String,
}

/// In what order posts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum FeedOrder {
    /// The newest first.
    New,
    /// The most liked first, of equals the newest.
    Top,
    /// Likes weighed against age: ten times the likes make up for 12.5 hours.
    Hot,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPostsParams {
    /// The feed of a room; without it the server's public feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    /// `new` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub order: Option<FeedOrder>,
    /// Only what was written by people whom this person follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub followed: Option<bool>,
    /// As `next` of an earlier answer gives it: goes on in the order that the first page had, so that what is liked or
    /// published meanwhile moves nothing past the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    /// 1 to 200; 20 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Posts {
    /// The room whose feed it is.
    pub room_id: String,
    pub policy: FeedPolicy,
    /// First those that are read first.
    pub posts: Vec<Post>,
    /// Where it goes on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    pub post_id: String,
    pub room_id: String,
    /// The author's user id.
    pub author: String,
    /// The author may share no room with this person, so the name comes along.
    pub author_name: String,
    /// Whether this person follows the author.
    pub followed: bool,
    /// Moderators hid it. Its words are empty then for all but its author and those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hidden: Option<Hidden>,
    pub title: String,
    pub body: String,
    pub tags: Vec<String>,
    #[ts(type = "number")]
    pub published_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub edited_at: Option<u64>,
    pub likes_count: u32,
    /// Whether this person likes it.
    pub liked: bool,
    pub comments_count: u32,
    /// It was taken back: only in the event that says so.
    pub deleted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListCommentsParams {
    pub post_id: String,
    /// Comments before this comment, as `next` of an earlier answer gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    /// 1 to 1,000; 50 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Comments {
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Where older comments go on; absent at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub comment_id: String,
    pub post_id: String,
    pub room_id: String,
    /// The author's user id.
    pub author: String,
    pub author_name: String,
    /// Moderators hid it. Its text is empty then for all but its author and those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hidden: Option<Hidden>,
    /// Empty where it was taken back: the answers to it keep their place.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
    #[ts(type = "number")]
    pub sent_at: u64,
    pub likes_count: u32,
    pub liked: bool,
    pub deleted: bool,
}
