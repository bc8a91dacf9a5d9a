//! What administrators tell everybody, as this device was told it: shown until it is put away, on any of the person's
//! devices, or has ended.
//!
//! The server tells each again with every connection, so what was told here is kept past its end. What they tell this
//! person alone is a notification (`notifications`).

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::id::{EventId, NoticeId};
use momoland_protocol::notice::{Notice, NoticeLevel};
use momoland_protocol::register::{PutAway, RegisterName, padded};
use momoland_store::kv::{Batch, StoreError};
use tokio::sync::oneshot;

use super::Home;
use crate::account::record::{AnnouncementRecord, Choice, Noted, Records};
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::{Announcement, NotificationLevel};

/// Announcements that are kept; a server has far fewer in force. Those beyond that end first are dropped.
const KEPT_MAX: usize = 256;

/// Which announcements were put away, on all devices.
const AWAY: Choice = Choice::of_nothing(RegisterName::ANNOUNCEMENTS);

/// An announcement is remembered for so long after its end, milliseconds: no clock is further behind the server's.
const REMEMBERED_MS: u64 = 86_400_000;

impl Home {
    /// Takes up what is on the disk, when the account is opened, and drops what nobody will tell again.
    pub(super) fn open_announcements(&mut self) -> Result<(), StoreError> {
        let now = self.wall().0;
        let mut batch = Batch::new();
        for (id, record) in self.records.announcements()? {
            if record.expires_at.saturating_add(REMEMBERED_MS) < now {
                Records::delete_announcement(&mut batch, id);
            } else {
                self.announcements.insert(id, record);
            }
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
        Ok(())
    }

    /// The server says what its administrators tell. Each is told to fronts once, whoever says it how often.
    pub(in crate::engine) fn take_notices(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match notice.title.clone() {
                Some(title) => self.note(Noted {
                    id: notice.id.to_string(),
                    hlc: Hlc::at(notice.at).0,
                    personal: true,
                    title,
                    body: notice.text,
                    level: api_level(notice.level),
                    room: None,
                    post: None,
                    account: Some(notice.by.to_string()),
                    read: false,
                }),
                None => self.take_announcement(notice),
            }
        }
    }

    fn take_announcement(&mut self, notice: Notice) {
        if self.announcements.contains_key(&notice.id) {
            return;
        }
        let Notice { id, by, at, until, level, text, title: _ } = notice;
        let record = AnnouncementRecord {
            message: text,
            level: api_level(level),
            at: at.0,
            expires_at: until.0,
            by: by.to_string(),
            away: self.own_room.put_away(AWAY).has(Hlc::at(at), name_of(id)),
        };
        let mut batch = Batch::new();
        Records::put_announcement(&mut batch, id, &record);
        self.announcements.insert(id, record.clone());
        while self.announcements.len() > KEPT_MAX {
            let first = self.announcements.iter().min_by_key(|(id, kept)| (kept.expires_at, **id));
            let Some(first) = first.map(|(id, _)| *id) else { break };
            self.announcements.remove(&first);
            Records::delete_announcement(&mut batch, first);
        }
        self.persistence.write(batch);
        if record.expires_at > self.wall().0 && !record.away {
            self.tell(Event::AnnouncementNew { announcement: api(id, &record) });
        }
    }

    /// What is in force and was not put away, the oldest first.
    pub(crate) fn announcements(&self) -> Vec<Announcement> {
        let now = self.wall().0;
        let shown = self.announcements.iter().filter(|(_, record)| !record.away && record.expires_at > now);
        let mut shown: Vec<Announcement> = shown.map(|(id, record)| api(*id, record)).collect();
        shown.sort_by(|one, other| (one.at, &one.announcement_id).cmp(&(other.at, &other.announcement_id)));
        shown
    }

    /// Puts one away for good. Answered with whether that is on the disk.
    pub(crate) fn put_announcement_away(&mut self, id: NoticeId) -> Result<oneshot::Receiver<bool>, ApiError> {
        let gone = || ApiError::not_found("There is no such announcement any more.");
        let record = self.announcements.get(&id).ok_or_else(gone)?;
        let mut batch = Batch::new();
        if !record.away {
            let mut away = self.own_room.put_away(AWAY);
            if away.these.len() == PutAway::THESE_MAX {
                // Nobody tells again what is not kept here any more.
                let kept: Vec<EventId> = self.announcements.keys().map(|id| name_of(*id)).collect();
                away.these.retain(|id| kept.contains(id));
            }
            away.insert(name_of(id));
            self.choose(&mut batch, AWAY, cbor::encode(&away));
        }
        Ok(self.persistence.keep(batch))
    }

    pub(super) fn show_announcements_away(&mut self, tells: bool) {
        let away = self.own_room.put_away(AWAY);
        let (mut batch, mut gone) = (Batch::new(), Vec::new());
        for (id, record) in self.announcements.iter_mut().filter(|(_, record)| !record.away) {
            if away.has(Hlc::at(UnixMillis(record.at)), name_of(*id)) {
                record.away = true;
                Records::put_announcement(&mut batch, *id, record);
                gone.push(*id);
            }
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
        for id in gone.into_iter().filter(|_| tells) {
            self.tell(Event::AnnouncementGone { announcement_id: id.to_string() });
        }
    }

    /// Those that were put away before there was an own room.
    pub(super) fn share_announcements_put_away(&mut self, batch: &mut Batch) {
        let here = self.announcements.iter().filter(|(_, record)| record.away).map(|(id, _)| name_of(*id));
        let here: Vec<EventId> = here.take(PutAway::THESE_MAX).collect();
        if self.own_room.is_unknown(AWAY) && !here.is_empty() {
            let mut away = PutAway::default();
            here.into_iter().for_each(|id| away.insert(id));
            self.choose(batch, AWAY, cbor::encode(&away));
        }
    }
}

/// As a register names it.
fn name_of(id: NoticeId) -> EventId {
    EventId(padded(id.0))
}

fn api(id: NoticeId, record: &AnnouncementRecord) -> Announcement {
    Announcement {
        announcement_id: id.to_string(),
        message: record.message.clone(),
        level: record.level,
        user_id: record.by.clone(),
        at: record.at,
        expires_at: record.expires_at,
    }
}

fn api_level(level: NoticeLevel) -> NotificationLevel {
    match level {
        NoticeLevel::Info => NotificationLevel::Info,
        NoticeLevel::Success => NotificationLevel::Success,
        NoticeLevel::Warning => NotificationLevel::Warning,
        NoticeLevel::Error => NotificationLevel::Error,
    }
}
