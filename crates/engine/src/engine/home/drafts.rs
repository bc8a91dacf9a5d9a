//! What a person began to write, kept on this device alone: others are not to see it, and no room of one's own exists yet
//! that one's other devices would share.

use momoland_protocol::id::{EventId, RoomId};
use momoland_store::kv::Batch;
use tokio::sync::oneshot;

use super::Home;
use crate::account::record::{DraftRecord, Records};
use crate::api::error::ApiError;
use crate::api::types::Draft;

impl Home {
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
        let draft = Some(draft).filter(|draft| !draft.text.is_empty());
        let mut batch = Batch::new();
        Records::put_draft(&mut batch, room.conversation(), draft.as_ref());
        match draft {
            Some(draft) => self.drafts.insert(room, draft),
            None => self.drafts.remove(&room),
        };
        self.dirty.insert(room);
        Ok(self.persistence.keep(batch))
    }

    /// All drafts, the one that changed last first.
    pub(crate) fn drafts(&self) -> Vec<Draft> {
        let draft = |(room, draft): (&RoomId, &DraftRecord)| Draft {
            room_id: room.to_string(),
            text: draft.text.clone(),
            reply_to: draft.reply_to.clone(),
            changed_at: draft.changed_at,
        };
        let mut drafts: Vec<Draft> = self.drafts.iter().map(draft).collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.changed_at));
        drafts
    }
}
