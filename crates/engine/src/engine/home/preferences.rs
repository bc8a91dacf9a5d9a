//! What a person wants of each room, kept on this device alone, as drafts are.

use momoland_protocol::id::RoomId;
use momoland_store::kv::Batch;
use tokio::sync::oneshot;

use super::Home;
use crate::account::record::{Preferences, Records};
use crate::api::error::ApiError;

impl Home {
    /// Changes what is wanted of a room. Answered with whether that is on the disk.
    pub(crate) fn prefer(
        &mut self,
        room: RoomId,
        change: impl FnOnce(&mut Preferences),
    ) -> Result<oneshot::Receiver<bool>, ApiError> {
        self.timeline(room)?;
        let held = self.preferences.entry(room).or_default();
        change(held);
        let mut batch = Batch::new();
        Records::put_preferences(&mut batch, room.conversation(), held);
        self.dirty.insert(room);
        Ok(self.persistence.keep(batch))
    }
}
