//! The public feed for browsers (`/v1/feed`) and readers (`/feed.rss`, RSS 2.0).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::response::{IntoResponse, Response};
use momoland_feed::{Cursor, Order, Post};
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::AccountId;
use serde::{Deserialize, Serialize};

use super::error::{ErrorKind, HttpError};
use crate::App;
use crate::feed::Asked;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;

/// Posts that a reader is given.
const READER_POSTS: usize = 50;

/// For how long a page may be shown again unasked: what is taken back is gone from it soon after.
const FRESH: &str = "public, max-age=5";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedQuery {
    order: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeedAnswer {
    posts: Vec<PostAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostAnswer {
    post_id: String,
    author: String,
    author_name: String,
    title: String,
    body: String,
    tags: Vec<String>,
    published_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<u64>,
    likes_count: u32,
    comments_count: u32,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<FeedQuery>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(query) = query.map_err(|_| {
        HttpError::invalid("A feed is asked for with order=new, top or hot, a limit, and before as next gave it.")
    })?;
    let order = match query.order.as_deref() {
        None | Some("new") => Order::New,
        Some("top") => Order::Top,
        Some("hot") => Order::Hot,
        Some(_) => return Err(HttpError::invalid("The orders are new, top and hot.")),
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(HttpError::invalid(format!("A limit is from 1 to {LIMIT_MAX}.")));
    }
    // Most ask for the same; the page is then read, named and written down once for all of them.
    let now = now(&app);
    let asked = (query.limit.is_none() && query.before.is_none()).then_some(Asked::Page(order));
    if let Some(answer) = asked.and_then(|asked| app.feed.answered(asked, now)) {
        return Ok(page(answer));
    }
    let (posts, next) = match query.before {
        None => app.feed.first(order, limit, now),
        Some(before) => {
            let cursor: Cursor = before
                .parse()
                .map_err(|_| HttpError::invalid("This is not where a feed goes on: give what next was."))?;
            app.feed.next(cursor, limit).ok_or_else(|| {
                HttpError::new(ErrorKind::Conflict, "This list is too old to go on with. Read it from its beginning.")
            })?
        }
    };
    let names = names(&app, &posts).await?;
    let posts = posts.into_iter().map(|post| PostAnswer {
        post_id: post.id.to_string(),
        author: post.author.to_string(),
        author_name: name(&names, post.author),
        title: post.title,
        body: post.body,
        tags: post.tags,
        published_at: post.published_at.0,
        edited_at: post.edited_at.map(|at| at.0),
        likes_count: post.likes,
        comments_count: post.comments,
    });
    let answer = FeedAnswer { posts: posts.collect(), next: next.map(|cursor| cursor.to_string()) };
    let answer = Bytes::from(serde_json::to_vec(&answer).map_err(HttpError::internal)?);
    if let Some(asked) = asked {
        app.feed.keep_answer(asked, now, answer.clone());
    }
    Ok(page(answer))
}

fn page(answer: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, FRESH)], answer).into_response()
}

pub(super) async fn rss(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, HttpError> {
    let (posts, _) = app.feed.first(Order::New, READER_POSTS, now(&app));
    let names = names(&app, &posts).await?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let channel = Channel { title: &app.config.name, link: &format!("http://{host}/feed.rss") };
    let posts = posts.iter().map(|post| (post, name(&names, post.author)));
    let document = write_rss(&channel, posts);
    Ok(([(CONTENT_TYPE, "application/rss+xml; charset=utf-8"), (CACHE_CONTROL, FRESH)], document).into_response())
}

fn now(app: &App) -> UnixMillis {
    UnixMillis(app.clock.unix_ms())
}

async fn names(app: &Arc<App>, posts: &[Post]) -> Result<BTreeMap<AccountId, String>, HttpError> {
    let authors: Vec<AccountId> = posts.iter().map(|post| post.author).collect();
    let names = app.blocking(move |app| {
        let mut names = BTreeMap::new();
        for author in authors {
            if !names.contains_key(&author)
                && let Some(account) = app.accounts.account(author)?
            {
                names.insert(author, account.record.display_name);
            }
        }
        Ok(names)
    });
    Ok(names.await?)
}

fn name(names: &BTreeMap<AccountId, String>, account: AccountId) -> String {
    names.get(&account).cloned().unwrap_or_default()
}

struct Channel<'a> {
    title: &'a str,
    link: &'a str,
}

/// An RSS 2.0 document (Board's specification 2.0.11), the author by Dublin Core since RSS's own wants an e-mail address.
fn write_rss<'a>(channel: &Channel<'_>, posts: impl Iterator<Item = (&'a Post, String)>) -> String {
    let mut items = String::new();
    for (post, author) in posts {
        let title = if post.title.trim().is_empty() { first_line(&post.body) } else { post.title.as_str() };
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(post.published_at.0.min(LATEST_MS));
        // Writing into a text does not fail.
        let _ = write!(
            items,
            "<item><title>{}</title><description>{}</description><dc:creator>{}</dc:creator>\
             <guid isPermaLink=\"false\">{}</guid><pubDate>{}</pubDate>",
            xml(title),
            xml(&post.body),
            xml(&author),
            post.id,
            httpdate::fmt_http_date(date),
        );
        for tag in &post.tags {
            let _ = write!(items, "<category>{}</category>", xml(tag));
        }
        items.push_str("</item>\n");
    }
    let (title, link) = (xml(channel.title), xml(channel.link));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <rss version=\"2.0\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\
         <channel><title>{title}</title><link>{link}</link><description>{title}</description>\
         <atom:link href=\"{link}\" rel=\"self\" type=\"application/rss+xml\"/>\n{items}</channel></rss>\n"
    )
}

/// The end of the year 9999, up to which dates can be written, Unix milliseconds.
const LATEST_MS: u64 = 253_402_300_799_000;

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// Text as XML 1.0 may hold it (§2.2): what it forbids is left out, what it would read as its own is escaped.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
            _ => {}
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use momoland_protocol::id::EventId;

    use super::*;

    #[test]
    fn c64_no_text_breaks_the_document() {
        let post = |title: &str, body: &str| Post {
            id: EventId([7; 32]),
            author: AccountId([1; 16]),
            title: title.to_owned(),
            body: body.to_owned(),
            tags: vec!["a&b".to_owned()],
            published_at: UnixMillis(1_800_000_000_000),
            edited_at: None,
            likes: 0,
            comments: 0,
            hidden: None,
        };
        let posts = [
            post("A & B <rant>", "x\u{1d}y ]]> 😉\u{fffe} <script>alert(1)</script>"),
            post("", "\n  first line\nsecond"),
        ];
        let channel = Channel { title: "Tide & Co", link: "http://localhost/feed.rss" };
        let document = write_rss(&channel, posts.iter().map(|post| (post, "Ada \u{202e}<O>".to_owned())));
        assert!(document.contains("<title>A &amp; B &lt;rant&gt;</title>"));
        assert!(document.contains("xy ]]&gt; 😉 &lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(document.contains("<title>first line</title>"));
        assert!(document.contains("<pubDate>Fri, 15 Jan 2027 08:00:00 GMT</pubDate>"));
        assert!(!document.contains('\u{1d}') && !document.contains('\u{fffe}'));
    }
}
