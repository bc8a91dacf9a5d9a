//! What a person began to write, the same on all their devices. One that is too long for a register stays on this device,
//! and is replaced by nothing that is written elsewhere.

use momoland_protocol::id::{EventId, RoomId};
use momoland_protocol::register::RegisterName;
use momoland_store::kv::{Batch, StoreError};
use tokio::sync::oneshot;

use super::Home;
use crate::account::record::{Choice, Chosen, DraftRecord, Records};
use crate::api::error::ApiError;
use crate::api::types::Draft;

impl Home {
    pub(super) fn open_long_drafts(&mut self) -> Result<(), StoreError> {
        let long = self.records.long_drafts()?.into_iter().filter(|(_, draft)| draft.value().is_none());
        self.long_drafts = long.map(|(log, draft)| (RoomId(log.0), draft)).collect();
        Ok(())
    }

    /// Keeps a draft, or none where it is empty. Answered with whether that is on the disk.
    pub(crate) fn set_draft(
        &mut self,
        room: RoomId,
        text: String,
        reply_to: Option<EventId>,
    ) -> Result<oneshot::Receiver<bool>, ApiError> {
        let timeline = self.timeline(room)?;
        if reply_to.is_some_and(|reply_to| timeline.get(reply_to).is_none()) {
            return Err(ApiError::not_found("The message that you reply to is not in this room."));
        }
        let reply_to = reply_to.map(|id| id.to_string());
        let draft = DraftRecord { text, reply_to, changed_at: self.now().wall.0 };
        let value = if draft.text.is_empty() { Some(Vec::new()) } else { draft.value() };
        let mut batch = Batch::new();
        if value.is_none() {
            Records::put_draft(&mut batch, room.conversation(), Some(&draft));
            self.long_drafts.insert(room, draft);
        } else if self.long_drafts.remove(&room).is_some() {
            Records::put_draft(&mut batch, room.conversation(), None);
        }
        // While it is too long others are shown none, rather than the beginning of one.
        self.choose(&mut batch, Choice::of_room(RegisterName::DRAFT, room), value.unwrap_or_default());
        self.dirty.insert(room);
        Ok(self.persistence.keep(batch))
    }

    pub(super) fn show_draft(&mut self, room: RoomId, chosen: Option<Chosen>) {
        match chosen.and_then(|chosen| DraftRecord::of(&chosen)) {
            Some(draft) => self.drafts.insert(room, draft),
            None => self.drafts.remove(&room),
        };
        self.dirty.insert(room);
    }

    /// What this person began to write in a room.
    pub(super) fn draft(&self, room: RoomId) -> Option<&DraftRecord> {
        self.long_drafts.get(&room).or_else(|| self.drafts.get(&room))
    }

    /// All drafts, the one that changed last first.
    pub(crate) fn drafts(&self) -> Vec<Draft> {
        let rooms = self.timelines.keys().filter(|room| self.has_room(**room));
        let draft = |room: &RoomId| {
            let draft = self.draft(*room)?;
            Some(Draft {
                room_id: room.to_string(),
                text: draft.text.clone(),
                reply_to: draft.reply_to.clone(),
                changed_at: draft.changed_at,
            })
        };
        let mut drafts: Vec<Draft> = rooms.filter_map(draft).collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.changed_at));
        drafts
    }
}
