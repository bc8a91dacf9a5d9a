//! What a person should know of while the window is not before them: the number on the tray, and notifications.
//!
//! Follows the engine's events like a page does. What is worth a notification is decided in [`Standing::notice_of`] alone.
//!
//! # Invariants
//! 1. Nobody is told of their own messages, of what they see (a window with the focus), of a muted room, or of
//!    anything while they do not want to be disturbed.
//! 2. What arrives late (after a night without a network) is counted, not told message by message.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use momoland_engine::Engine;
use momoland_engine::api::events::Event;
use momoland_engine::api::types::{
    Members, Message, NotifyLevel, PresenceList, PresenceStatus, Room, RoomKind, Rooms, Whoami,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tauri::{AppHandle, Manager};

use crate::links::Link;
use crate::tray::Tray;
use crate::window;

/// What is older when it arrives is news no more.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Characters of a message; the rest is in the window.
const BODY_CHARS_MAX: usize = 240;

/// Something to tell, and where a click on it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) title: String,
    pub(crate) body: String,
    /// A later notice of the same subject takes the place of the one that is shown.
    pub(crate) subject: String,
    pub(crate) link: Option<Link>,
}

/// Where this person stands: as far as it decides about their attention.
#[derive(Debug, Default)]
struct Standing {
    user_id: Option<String>,
    status: Option<PresenceStatus>,
    rooms: BTreeMap<String, Room>,
}

impl Standing {
    async fn ask(engine: &Engine) -> Self {
        let Some(account) = call::<Whoami>(engine, "account.whoami", json!({})).await.and_then(|who| who.account)
        else {
            return Self::default();
        };
        let rooms = call::<Rooms>(engine, "rooms.list", json!({})).await.map(|list| list.rooms).unwrap_or_default();
        let people = call::<PresenceList>(engine, "presence.list", json!({})).await;
        let own = people.and_then(|list| list.users.into_iter().find(|user| user.user_id == account.user_id));
        Self {
            user_id: Some(account.user_id),
            status: own.map(|own| own.status),
            rooms: rooms.into_iter().map(|room| (room.room_id.clone(), room)).collect(),
        }
    }

    /// As the window's title counts: of a muted room only what mentions this person.
    fn unread(&self) -> u32 {
        let counts = self.rooms.values().map(|room| match room.notify {
            NotifyLevel::None => room.mentions_count,
            NotifyLevel::All | NotifyLevel::Mentions => room.unread_count,
        });
        counts.fold(0, u32::saturating_add)
    }

    fn do_not_disturb(&self) -> Option<bool> {
        self.user_id.as_ref().map(|_| self.status == Some(PresenceStatus::Dnd))
    }

    /// What to say of a new message, if anything. `author` is a name.
    fn notice_of(&self, message: &Message, author: &str, now_ms: u64) -> Option<Notice> {
        let (me, room) = (self.user_id.as_ref()?, self.rooms.get(&message.room_id)?);
        let direct = room.kind == RoomKind::Direct;
        let named = message.mentions_room || message.mentions.contains(me);
        let wanted = match room.notify {
            NotifyLevel::All => true,
            NotifyLevel::Mentions => direct || named,
            NotifyLevel::None => false,
        };
        let fresh = now_ms.saturating_sub(message.sent_at) <= u64::try_from(FRESH.as_millis()).unwrap_or(u64::MAX);
        let stands = message.deleted_at.is_none() && message.author != *me;
        if !wanted || !fresh || !stands || self.status == Some(PresenceStatus::Dnd) {
            return None;
        }
        Some(Notice {
            title: if direct { author.to_owned() } else { format!("{author} in {}", room.name) },
            body: one_line(&message.text),
            subject: message.room_id.clone(),
            link: format!("momoland://room/{}/{}", message.room_id, message.message_id).parse().ok(),
        })
    }
}

/// Without line breaks and other control characters, which have no place in a notification, and not too long.
fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    match line.char_indices().nth(BODY_CHARS_MAX) {
        Some((end, _)) => {
            line.truncate(end);
            line.push('…');
            line
        }
        None => line,
    }
}

/// Until the engine is shut down.
pub(crate) async fn follow(app: AppHandle, engine: Engine) {
    let mut events = engine.events();
    let mut standing = Standing::ask(&engine).await;
    tell_tray(&app, &standing);
    while let Some(event) = events.next().await {
        if let Event::MessageNew { message, .. } = &event {
            consider(&app, &engine, &standing, message).await;
            continue;
        }
        if keep_up(&mut standing, &engine, event).await {
            tell_tray(&app, &standing);
        }
    }
}

/// Whether anything changed that the tray shows.
#[allow(clippy::wildcard_enum_match_arm, reason = "of all that happens five kinds matter here")]
async fn keep_up(standing: &mut Standing, engine: &Engine, event: Event) -> bool {
    match event {
        Event::AccountChanged {} | Event::Resync {} => *standing = Standing::ask(engine).await,
        Event::RoomChanged { room } => {
            standing.rooms.insert(room.room_id.clone(), room);
        }
        Event::RoomRemoved { room_id } => {
            standing.rooms.remove(&room_id);
        }
        Event::PresenceChanged { user_id, status, .. } if Some(&user_id) == standing.user_id.as_ref() => {
            standing.status = Some(status);
        }
        _ => return false,
    }
    true
}

fn tell_tray(app: &AppHandle, standing: &Standing) {
    let Some(tray) = app.try_state::<Tray>() else { return };
    if let Err(error) = tray.tell(app, standing.unread(), standing.do_not_disturb()) {
        tracing::debug!(%error, "the tray could not be told what is unread");
    }
}

async fn consider(app: &AppHandle, engine: &Engine, standing: &Standing, message: &Message) {
    let seen = app.get_webview_window(window::LABEL).is_some_and(|window| window.is_focused().unwrap_or(false));
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    if seen || standing.notice_of(message, "", now_ms).is_none() {
        return;
    }
    let members = call::<Members>(engine, "rooms.members", json!({ "roomId": message.room_id })).await;
    let author = members.and_then(|list| list.members.into_iter().find(|member| member.user_id == message.author));
    let author = author.map_or_else(|| "Somebody".to_owned(), |member| member.display_name);
    if let Some(notice) = standing.notice_of(message, &author, now_ms) {
        show(app, notice);
    }
}

/// What a person who closes the window for the first time has to know.
pub(crate) fn tell_of_tray(app: &AppHandle) {
    show(
        app,
        Notice {
            title: "Momoland keeps running".to_owned(),
            body: "You still get messages. Its icon in the tray opens it again, ends it, and changes this.".to_owned(),
            subject: "tray".to_owned(),
            link: None,
        },
    );
}

#[cfg(target_os = "linux")]
fn show(app: &AppHandle, notice: Notice) {
    if let Err(error) = app.run_on_main_thread(move || crate::bus::show(notice)) {
        tracing::debug!(%error, "a notification could not be shown");
    }
}

/// The way to the other systems' notifications is not built.
#[cfg(not(target_os = "linux"))]
fn show(_app: &AppHandle, notice: Notice) {
    tracing::info!(subject = notice.subject, "notifications are shown on Linux only so far");
}

async fn call<T: DeserializeOwned>(engine: &Engine, method: &str, params: Value) -> Option<T> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer: Value = serde_json::from_str(&engine.handle(&request.to_string()).await?).ok()?;
    serde_json::from_value(answer.get("result")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000;

    fn room(kind: &str, notify: &str) -> Room {
        serde_json::from_value(json!({
            "roomId": "r", "name": "boat-shed", "topic": "", "kind": kind, "visibility": "private", "role": "member",
            "memberCount": 2, "unreadCount": 3, "mentionsCount": 1, "notify": notify, "favourite": false,
        }))
        .unwrap()
    }

    fn standing(kind: &str, notify: &str, status: PresenceStatus) -> Standing {
        let rooms = [("r".to_owned(), room(kind, notify))].into();
        Standing { user_id: Some("me".to_owned()), status: Some(status), rooms }
    }

    fn message(changes: Value) -> Message {
        let mut message = json!({
            "messageId": "m", "roomId": "r", "author": "ada", "deviceId": "d", "text": "Low\nwater", "sentAt": NOW,
            "reactions": [], "pinned": false, "mentions": [], "mentionsRoom": false, "files": [], "state": "relayed",
        });
        for (name, value) in changes.as_object().unwrap() {
            message[name] = value.clone();
        }
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn levels_decide_what_is_told() {
        let named = json!({ "mentions": ["me"] });
        let everybody = json!({ "mentionsRoom": true });
        let other = json!({ "mentions": ["grace"] });
        for (kind, level, changes, told) in [
            ("chat", "all", &other, true),
            ("chat", "mentions", &other, false),
            ("chat", "mentions", &named, true),
            ("chat", "mentions", &everybody, true),
            ("direct", "mentions", &other, true),
            ("chat", "none", &named, false),
            ("direct", "none", &named, false),
        ] {
            let standing = standing(kind, level, PresenceStatus::Online);
            let notice = standing.notice_of(&message(changes.clone()), "Ada", NOW);
            assert_eq!(notice.is_some(), told, "{kind} {level} {changes}");
        }
    }

    #[test]
    fn a_notice_says_who_and_where_and_leads_there() {
        let notice = standing("chat", "all", PresenceStatus::Away).notice_of(&message(json!({})), "Ada", NOW).unwrap();
        assert_eq!((notice.title.as_str(), notice.body.as_str()), ("Ada in boat-shed", "Low water"));
        assert_eq!(notice.link.unwrap().as_str(), "momoland://room/r/m");
        let notice = standing("direct", "all", PresenceStatus::Away).notice_of(&message(json!({})), "Ada", NOW);
        assert_eq!(notice.unwrap().title, "Ada");
    }

    #[test]
    fn nobody_is_told_what_they_do_not_want_or_know_already() {
        let online = standing("direct", "all", PresenceStatus::Online);
        assert!(online.notice_of(&message(json!({ "author": "me" })), "Me", NOW).is_none());
        assert!(online.notice_of(&message(json!({ "deletedAt": NOW })), "Ada", NOW).is_none());
        assert!(online.notice_of(&message(json!({ "roomId": "elsewhere" })), "Ada", NOW).is_none());
        assert!(online.notice_of(&message(json!({ "sentAt": NOW - 3_600_000 })), "Ada", NOW).is_none());
        let busy = standing("direct", "all", PresenceStatus::Dnd);
        assert!(busy.notice_of(&message(json!({ "mentions": ["me"] })), "Ada", NOW).is_none());
    }

    #[test]
    fn the_count_is_the_windows() {
        assert_eq!(standing("chat", "all", PresenceStatus::Online).unread(), 3);
        assert_eq!(standing("chat", "none", PresenceStatus::Online).unread(), 1);
        assert_eq!(Standing::default().unread(), 0);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let line = one_line(&"茶\u{7}".repeat(1_000));
        assert_eq!(line.chars().count(), BODY_CHARS_MAX + 1);
        assert!(line.ends_with('…'));
    }
}
