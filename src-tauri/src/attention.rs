//! What a person should know of while the window is not before them: the number on the tray, and notifications.
//!
//! Follows the engine's events like a page does. What concerns a person, and whether it may be heard, the engine decides.
//!
//! # Invariants
//! 1. Nobody is told of what they see (a window with the focus), or of anything while they do not want to be disturbed.
//! 2. What arrives late (after a night without a network) is counted, not told message by message.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use momoland_engine::Engine;
use momoland_engine::api::events::Event;
use momoland_engine::api::types::{
    Notification, NotifyLevel, PresenceList, PresenceStatus, Room, RoomKind, Rooms, Whoami,
};
use serde::de::DeserializeOwned;
use serde_json::json;
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
        let Some(account) = call::<Whoami>(engine, "account.whoami").await.and_then(|who| who.account) else {
            return Self::default();
        };
        let rooms = call::<Rooms>(engine, "rooms.list").await.map(|list| list.rooms).unwrap_or_default();
        let people = call::<PresenceList>(engine, "presence.list").await;
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

    /// What to say of a notification, if anything.
    fn notice_of(&self, notification: &Notification, now_ms: u64) -> Option<Notice> {
        let fresh = now_ms.saturating_sub(notification.at) <= u64::try_from(FRESH.as_millis()).unwrap_or(u64::MAX);
        if !fresh || notification.read {
            return None;
        }
        let title = &notification.title;
        let room = notification.room_id.as_ref();
        let named = room.and_then(|room| self.rooms.get(room)).filter(|room| room.kind != RoomKind::Direct);
        let said_of_message = notification.message_id.is_some();
        let link = match (room, &notification.message_id) {
            (Some(room), Some(message)) => Some(format!("momoland://room/{room}/{message}")),
            (Some(room), None) => Some(format!("momoland://room/{room}")),
            (None, _) => None,
        };
        Some(Notice {
            title: match named.filter(|_| said_of_message) {
                Some(room) => format!("{title} in {}", room.name),
                None => title.clone(),
            },
            body: one_line(&notification.body),
            subject: room.unwrap_or(&notification.notification_id).clone(),
            link: link.and_then(|link| link.parse().ok()),
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
        if let Event::NotificationNew { notification, silent, .. } = &event {
            if !silent {
                consider(&app, &standing, notification);
            }
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

fn consider(app: &AppHandle, standing: &Standing, notification: &Notification) {
    let seen = app.get_webview_window(window::LABEL).is_some_and(|window| window.is_focused().unwrap_or(false));
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    if let Some(notice) = standing.notice_of(notification, now_ms).filter(|_| !seen) {
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

async fn call<T: DeserializeOwned>(engine: &Engine, method: &str) -> Option<T> {
    let answer = engine.ask(method, json!({})).await.ok()?;
    serde_json::from_value(answer).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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

    fn notification(changes: Value) -> Notification {
        let mut notification = json!({
            "notificationId": "m", "kind": "message", "title": "Ada", "body": "Low\nwater", "level": "info",
            "roomId": "r", "messageId": "m", "userId": "ada", "at": NOW, "read": false,
        });
        for (name, value) in changes.as_object().unwrap() {
            notification[name] = value.clone();
        }
        serde_json::from_value(notification).unwrap()
    }

    #[test]
    fn a_notice_says_who_and_where_and_leads_there() {
        let of_message = notification(json!({}));
        let notice = standing("chat", "all", PresenceStatus::Away).notice_of(&of_message, NOW).unwrap();
        assert_eq!((notice.title.as_str(), notice.body.as_str()), ("Ada in boat-shed", "Low water"));
        assert_eq!(notice.link.unwrap().as_str(), "momoland://room/r/m");
        let notice = standing("direct", "all", PresenceStatus::Away).notice_of(&of_message, NOW);
        assert_eq!(notice.unwrap().title, "Ada");
        let of_room = notification(json!({ "kind": "room", "title": "boat-shed", "messageId": null }));
        let notice = standing("chat", "all", PresenceStatus::Online).notice_of(&of_room, NOW).unwrap();
        assert_eq!((notice.title.as_str(), notice.link.unwrap().as_str()), ("boat-shed", "momoland://room/r"));
    }

    #[test]
    fn nobody_is_told_what_is_old_or_known_already() {
        let online = standing("direct", "all", PresenceStatus::Online);
        assert!(online.notice_of(&notification(json!({ "at": NOW - 3_600_000 })), NOW).is_none());
        assert!(online.notice_of(&notification(json!({ "read": true })), NOW).is_none());
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
