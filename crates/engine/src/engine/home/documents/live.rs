//! What is typed and where people are, as it happens: ephemerals, which decide nothing (docs/protocol.md, DO8 and DO9).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use momoland_protocol::cbor;
use momoland_protocol::document::DocumentSignal;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal, kind};
use momoland_protocol::event::Action;
use momoland_protocol::id::{AccountId, DeviceId, LogId, RoomId};
use momoland_protocol::limits;

use super::{Shelved, no_such_document};
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::DocPresence;
use crate::documents::awareness::{Editor, STATE_BYTES_MAX};
use crate::documents::document::Document;
use crate::engine::Home;

/// After this, what is typed is sent live again: the server passes on a hundred signals a second.
const LIVE_EVERY_MS: u64 = 12;

impl Home {
    /// Says where this person is in a document, as one of their editors knows it; `None` where they go.
    pub(crate) fn set_awareness(&mut self, log: LogId, editor: Editor, state: Option<String>) -> Result<(), ApiError> {
        let shelved = self.documents.shelf.get(&log).ok_or_else(no_such_document)?;
        self.require_member(shelved.room).map_err(|_| no_such_document())?;
        let now_ms = self.mono_ms();
        self.documents.awareness.set(log, editor, state, now_ms);
        Ok(())
    }

    /// Who is in a document, and where.
    pub(crate) fn awareness(&self, log: LogId) -> Vec<DocPresence> {
        let present = self.documents.awareness.of(log);
        present.filter_map(|(account, device, state)| presence(account, device, Some(state))).collect()
    }

    /// A device of the room says something of a document.
    pub(in crate::engine) fn document_signal(
        &mut self,
        room: RoomId,
        account: AccountId,
        device: DeviceId,
        kind: u16,
        bytes: &[u8],
    ) {
        let Ok(signal) = cbor::decode::<DocumentSignal>(bytes, limits::EPHEMERAL_BYTES_MAX) else { return };
        let named = |(log, shelved): &(&LogId, &Shelved)| {
            shelved.room == room && DocumentSignal::name(**log) == signal.document
        };
        let Some((log, shelved)) = self.documents.shelf.iter().find(named) else { return };
        let log = *log;
        let now_ms = self.mono_ms();
        match kind {
            kind::DOCUMENT_KEYS => {
                // As its event would have to.
                let may = self.replica.roster(room).is_some_and(|roster| {
                    roster.allows(device, roster.version(), Action::DOCUMENT_UPDATE) == Ok(account)
                });
                if !may || !shelved.rights.allows(account) || shelved.deleted.1 {
                    return;
                }
                let document = self.documents.shelf.get_mut(&log).and_then(|shelved| shelved.document.as_mut());
                if document.is_some_and(|document| document.type_live(device, &signal.content, now_ms)) {
                    self.tell_update(log, &signal.content);
                }
            }
            kind::DOCUMENT_AWARENESS => {
                let state = match signal.content.as_slice() {
                    [] => None,
                    bytes if bytes.len() > STATE_BYTES_MAX => return,
                    bytes => match std::str::from_utf8(bytes) {
                        Ok(state) if presence(account, device, Some(state)).is_some() => Some(state.to_owned()),
                        Ok(_) | Err(_) => return,
                    },
                };
                if self.documents.awareness.hear(log, account, device, state, now_ms) {
                    self.tell_presence_in(log, account, device);
                }
            }
            _ => {}
        }
    }

    pub(super) fn tell_presence_in(&self, log: LogId, account: AccountId, device: DeviceId) {
        let state = self.documents.awareness.of(log).find(|(_, of, _)| *of == device).map(|(_, _, state)| state);
        if let Some(DocPresence { user_id, device_id, state }) = presence(account, device, state) {
            self.tell(Event::DocAwareness { doc_id: log.to_string(), user_id, device_id, state });
        }
    }

    /// Somebody may know nothing of where this person is.
    pub(in crate::engine) fn tell_awareness_again(&mut self) {
        self.documents.awareness.tell_again();
    }

    /// Who is here changed: whose devices went are in no document any more.
    pub(in crate::engine) fn awareness_follows_presence(&mut self) {
        let present: BTreeSet<DeviceId> = self.presence.all_devices().into_iter().map(|(device, _)| device).collect();
        let gone = self.documents.awareness.keep(|device| present.contains(&device));
        for (log, account, device) in gone {
            self.tell_presence_in(log, account, device);
        }
    }

    /// Sends what is typed, and where this person is.
    pub(in crate::engine) fn send_live(&mut self) {
        let now_ms = self.mono_ms();
        for log in std::mem::take(&mut self.documents.typed) {
            let Some(shelved) = self.documents.shelf.get_mut(&log) else { continue };
            if now_ms < shelved.live_after_ms {
                self.documents.typed.insert(log);
                continue;
            }
            shelved.live_after_ms = now_ms + LIVE_EVERY_MS;
            let room = shelved.room;
            if let Some(update) = shelved.document.as_mut().and_then(Document::take_unsent) {
                self.send_signal(room, log, kind::DOCUMENT_KEYS, update);
            }
        }
        for (log, state) in self.documents.awareness.due(now_ms) {
            let Some(room) = self.documents.shelf.get(&log).map(|shelved| shelved.room) else { continue };
            self.send_signal(room, log, kind::DOCUMENT_AWARENESS, state.map(String::into_bytes).unwrap_or_default());
        }
    }

    pub(super) fn send_signal(&mut self, room: RoomId, log: LogId, kind: u16, content: Vec<u8>) {
        let payload = cbor::encode(&DocumentSignal { document: DocumentSignal::name(log), content });
        self.send_ephemeral(Ephemeral { room, signal: EphemeralSignal::Other { kind, payload } });
    }

    /// What was live for too long is shown no more.
    pub(in crate::engine) fn expire_live(&mut self) {
        let now_ms = self.mono_ms();
        for (log, account, device) in self.documents.awareness.expire(now_ms) {
            self.tell_presence_in(log, account, device);
        }
        let mut reset = Vec::new();
        for (log, shelved) in &mut self.documents.shelf {
            if shelved.document.as_mut().is_some_and(|document| document.expire_live(now_ms)) {
                reset.push(*log);
            }
        }
        for log in reset {
            self.tell(Event::DocReset { doc_id: log.to_string() });
        }
    }

    pub(super) fn tell_update(&self, log: LogId, update: &[u8]) {
        self.tell(Event::DocUpdate { doc_id: log.to_string(), update: STANDARD.encode(update) });
    }
}

/// Somebody in a document, as fronts see it; `None` where the state is no JSON.
pub(super) fn presence(account: AccountId, device: DeviceId, state: Option<&str>) -> Option<DocPresence> {
    let state = state.map(serde_json::from_str).transpose().ok()?;
    Some(DocPresence { user_id: account.to_string(), device_id: device.to_string(), state })
}
