//! Typing, presence and the way to people: what is told to fronts and never stored.

use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal, kind};
use momoland_protocol::id::{AccountId, DeviceId, RoomId};
use momoland_replica::roster::Roster;

use super::Home;
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::PeerPath as ApiPath;

impl Home {
    pub(crate) fn set_typing(&mut self, room: RoomId, typing: bool) -> Result<(), ApiError> {
        self.require_member(room)?;
        let now = self.mono_ms();
        if self.typing.own(room, typing, now) {
            self.send_ephemeral(Ephemeral { room, signal: EphemeralSignal::Typing { typing } });
        }
        Ok(())
    }

    /// An ephemeral came, from a proven device.
    pub(in crate::engine) fn ephemeral(&mut self, device: DeviceId, account: AccountId, ephemeral: Ephemeral) {
        let Ephemeral { room, signal } = ephemeral;
        let may_say = |(owner, role)| owner == account && signal.role() <= role;
        let in_room = |roster: &Roster| roster.role_of_device(device).is_some_and(may_say);
        if !self.replica.roster(room).is_some_and(in_room) || device == self.key.device() {
            return;
        }
        match signal {
            // One's other device is no other person.
            EphemeralSignal::Typing { .. } if account == self.account.id => {}
            EphemeralSignal::Typing { typing } => {
                let now = self.mono_ms();
                if self.typing.other(room, account, device, typing, now) {
                    self.tell_typing(room, account, typing);
                }
            }
            EphemeralSignal::Other { kind: kind::LOCATION, payload } => {
                self.hear_position(room, account, device, &payload);
            }
            EphemeralSignal::Other { kind: kind::CALL, payload } => self.hear_call(room, account, device, &payload),
            EphemeralSignal::Other { kind: kind::LISTENING, payload } => self.hear_listening(room, device, &payload),
            EphemeralSignal::Other { kind, payload } => self.document_signal(room, account, device, kind, &payload),
        }
    }

    pub(in crate::engine) fn tell_typing(&self, room: RoomId, account: AccountId, typing: bool) {
        self.tell(Event::TypingChanged { room_id: room.to_string(), user_id: account.to_string(), typing });
    }

    pub(in crate::engine) fn tell_presence(&mut self, accounts: Vec<AccountId>) {
        for account in accounts {
            let shown = self.shown_presence(account);
            self.tell(Event::PresenceChanged {
                user_id: account.to_string(),
                display_name: self.display_name(account),
                status: shown.status,
                text: shown.text,
                last_seen: shown.last_seen.map(|at| at.0),
            });
        }
    }

    /// The way to a device now.
    pub(in crate::engine) fn path_to(&self, device: DeviceId) -> Option<ApiPath> {
        let linked = self.peers.values().find(|peer| peer.device == device && peer.link.is_some());
        match linked {
            Some(peer) => Some(peer.api_path()),
            None if self.server_link.is_some() => Some(ApiPath::Relay),
            None => None,
        }
    }
}
