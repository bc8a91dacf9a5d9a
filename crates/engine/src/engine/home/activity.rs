//! Who did what in the rooms: folded from rosters and logs whenever somebody asks, so that it is alike on every device and
//! after every start, and nothing of it is kept.

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, Event as StoredEvent};
use momoland_protocol::id::{AccountId, EventId, LogId, RoomId};
use momoland_protocol::roster::{CountersignedChange, RoomKind, RosterOp};

use super::Home;
use super::notifications::Cursor;
use super::rooms::api_role;
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::{Activities, Activity, ActivityKind};

/// Where an activity stands among the others, and what it is.
type Placed = (Cursor, Activity);

/// An activity of a list, or the post that it is: of all posts only those on the page are read.
enum Listed {
    Told(Activity),
    Post(RoomId, EventId),
}

impl Home {
    /// A page of what was done in a room, or in all of them, the newest first.
    pub(crate) fn activities(
        &self,
        room: Option<RoomId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Activities, ApiError> {
        let mut placed: Vec<(Cursor, Listed)> = Vec::new();
        match room {
            Some(room) => {
                self.require_member(room)?;
                self.activities_of(room, &mut placed);
            }
            None => self.timelines.keys().for_each(|room| self.activities_of(*room, &mut placed)),
        }
        placed.retain(|(cursor, _)| before.as_ref().is_none_or(|before| cursor < before));
        placed.sort_by(|(one, _), (other, _)| other.cmp(one));
        let more = placed.len() > limit;
        placed.truncate(limit);
        let next = placed.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
        let activities = placed.into_iter().filter_map(|(_, listed)| match listed {
            Listed::Told(activity) => Some(activity),
            Listed::Post(room, post) => self.post_activity(room, post).map(|(_, activity)| activity),
        });
        Ok(Activities { activities: activities.collect(), next })
    }

    fn activities_of(&self, room: RoomId, listed: &mut Vec<(Cursor, Listed)>) {
        let Some(roster) = self.replica.roster(room) else { return };
        if roster.role_of_device(self.key.device()).is_none() {
            return;
        }
        // Whoever reads the public feed is in its roster; people do not meet there.
        let mut placed: Vec<Placed> = Vec::new();
        if matches!(roster.kind(), RoomKind::Chat | RoomKind::Direct) {
            placed.extend(self.replica.changes(room).iter().filter_map(|change| self.change_activity(room, change)));
            let pins = self.timelines.get(&room).map(|timeline| timeline.pins()).unwrap_or_default();
            placed.extend(pins.into_iter().filter_map(|entry| self.pin_activity(room, entry.id)));
        }
        let documents = self.documents.of_room(room);
        placed.extend(documents.into_iter().filter_map(|log| self.document_activity(log)));
        listed.extend(placed.into_iter().map(|(cursor, activity)| (cursor, Listed::Told(activity))));
        if let Some(held) = self.feeds.get(&room) {
            let posts = held.ids(self.now().wall).filter_map(|post| Some((post, held.written(post)?.1)));
            listed.extend(posts.map(|(post, hlc)| (post_cursor(post, hlc.wall()), Listed::Post(room, post))));
        }
    }

    /// Tells what new changes of a roster did.
    pub(in crate::engine) fn tell_changes(&self, room: RoomId, changes: &[CountersignedChange]) {
        for change in changes {
            if let Some((_, activity)) = self.change_activity(room, change) {
                self.tell(Event::ActivityNew { activity });
            }
        }
    }

    /// Tells what an event did that was stored just now.
    pub(in crate::engine) fn tell_activity(&self, room: RoomId, event: &StoredEvent) {
        let header = event.header.get();
        let found = match header.action {
            Action::PIN => {
                let about = header.targets.first().and_then(|target| self.pin_activity(room, *target));
                about.filter(|(cursor, _)| cursor.is_at(header.hlc))
            }
            Action::ANNOUNCE => self.document_activity(LogId(event.id().0)),
            Action::PUBLISH => self.post_activity(room, event.id()),
            _ => None,
        };
        if let Some((_, activity)) = found {
            self.tell(Event::ActivityNew { activity });
        }
    }

    fn change_activity(&self, room: RoomId, change: &CountersignedChange) -> Option<Placed> {
        let it = change.change.get();
        let by = self.replica.roster(room)?.account_of(it.device)?;
        let (kind, target, role, name) = match &it.op {
            RosterOp::Create { settings, .. } => {
                (ActivityKind::Created, None, None, Some(settings.name.clone()).filter(|name| !name.is_empty()))
            }
            RosterOp::Join { .. } => (ActivityKind::Joined, None, None, None),
            RosterOp::Leave => (ActivityKind::Left, None, None, None),
            RosterOp::Remove { account, ban } => {
                let kind = if *ban { ActivityKind::Banned } else { ActivityKind::Removed };
                (kind, Some(*account), None, None)
            }
            RosterOp::SetRole { account, role } => (ActivityKind::Role, Some(*account), Some(api_role(*role)), None),
            RosterOp::OpenInvite { role, .. } => (ActivityKind::Invited, None, Some(api_role(*role)), None),
            RosterOp::Configure { settings } => (ActivityKind::Renamed, None, None, Some(settings.name.clone())),
            RosterOp::AddDevice { .. }
            | RosterOp::RevokeDevice { .. }
            | RosterOp::Unban { .. }
            | RosterOp::CloseInvite { .. }
            | RosterOp::Repair { .. }
            | RosterOp::ListAuthor { .. } => return None,
        };
        let at = change.countersignature.get().at;
        let mut activity = activity(change.roster_hash().to_string(), kind, room, by, at);
        activity.target_user_id = target.map(|target| target.to_string());
        activity.role = role;
        activity.name = name;
        Some(placed(Hlc::at(at), activity))
    }

    fn pin_activity(&self, room: RoomId, message: EventId) -> Option<Placed> {
        let timeline = self.timelines.get(&room)?;
        let (order, by) = timeline.pinned_by(&timeline.get(message)?)?;
        let mut activity = activity(format!("pin-{message}"), ActivityKind::Pinned, room, by, order.hlc.wall());
        activity.message_id = Some(message.to_string());
        Some(placed(order.hlc, activity))
    }

    fn document_activity(&self, log: LogId) -> Option<Placed> {
        let (hlc, author) = self.documents.announced(log)?;
        let doc = self.doc(log).filter(|doc| !doc.deleted)?;
        let room = doc.room_id.parse().ok()?;
        let mut activity = activity(log.to_string(), ActivityKind::Document, room, author, UnixMillis(doc.created_at));
        activity.name = Some(doc.title);
        activity.doc_id = Some(doc.doc_id);
        Some(placed(hlc, activity))
    }

    fn post_activity(&self, room: RoomId, post: EventId) -> Option<Placed> {
        let post = self.feeds.get(&room)?.post(post)?;
        let mut activity = activity(post.id.to_string(), ActivityKind::Post, room, post.author, post.published_at);
        activity.name = Some(post.title).filter(|title| !title.is_empty());
        activity.post_id = Some(post.id.to_string());
        Some((post_cursor(post.id, post.published_at), activity))
    }
}

fn post_cursor(post: EventId, published_at: UnixMillis) -> Cursor {
    Cursor::new(Hlc::at(published_at), post.to_string())
}

fn activity(id: String, kind: ActivityKind, room: RoomId, by: AccountId, at: UnixMillis) -> Activity {
    Activity {
        activity_id: id,
        kind,
        room_id: room.to_string(),
        user_id: by.to_string(),
        target_user_id: None,
        role: None,
        name: None,
        message_id: None,
        doc_id: None,
        post_id: None,
        at: at.0,
    }
}

fn placed(hlc: Hlc, activity: Activity) -> Placed {
    (Cursor::new(hlc, activity.activity_id.clone()), activity)
}
