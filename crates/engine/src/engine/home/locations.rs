//! Sharing where one is, and seeing where others are.

use std::collections::BTreeMap;
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal, kind};
use momoland_protocol::event::Action;
use momoland_protocol::id::{AccountId, DeviceId, RoomId};
use momoland_protocol::limits;
use momoland_protocol::location::{LivePosition, LocationContent, Point};
use momoland_replica::input::Command;
use tokio::time::Instant;

use super::{Home, Stored, body_of};
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::{Location, degrees};
use crate::projection::locations::{Located, Locations, REPEAT_MS};

/// One's own live position goes out at most this often for each room, milliseconds; of what moves faster the newest.
const SEND_EVERY_MS: u64 = 500;

/// One's own live position in a room.
#[derive(Debug, Clone, Copy)]
struct Own {
    point: Point,
    /// When it is sent next.
    due_ms: u64,
    sent_ms: Option<u64>,
}

/// Positions in all rooms.
#[derive(Debug, Default)]
pub(in crate::engine) struct Positions {
    rooms: BTreeMap<RoomId, Locations>,
    own: BTreeMap<RoomId, Own>,
}

impl Positions {
    pub(in crate::engine) fn room(&mut self, room: RoomId) -> &mut Locations {
        self.rooms.entry(room).or_default()
    }

    /// What is folded anew takes the place of what was.
    pub(super) fn put(&mut self, room: RoomId, locations: Locations) {
        self.rooms.insert(room, locations);
    }

    pub(in crate::engine) fn forget(&mut self, room: RoomId) {
        self.rooms.remove(&room);
        self.own.remove(&room);
    }

    /// Where one is, in the rooms in which it is shared live.
    pub(super) fn shared(&self) -> Vec<(RoomId, Point)> {
        self.own.iter().map(|(room, own)| (*room, own.point)).collect()
    }

    /// Goes on with what was shared live; it is sent anew at once.
    pub(super) fn share_on(&mut self, shared: Vec<(RoomId, Point)>) {
        self.own.extend(shared.into_iter().map(|(room, point)| (room, Own { point, due_ms: 0, sent_ms: None })));
    }
}

impl Home {
    /// Says a position once, or begins to share it live, or changes when that ends: when it ends, and what to wait
    /// for.
    pub(crate) fn share_location(
        &mut self,
        room: RoomId,
        point: Point,
        lasts_ms: Option<u64>,
    ) -> Result<(Option<UnixMillis>, Option<Stored>), ApiError> {
        self.require_member(room)?;
        let Some(lasts_ms) = lasts_ms else {
            return Ok((None, Some(self.append_location(room, LocationContent::Once { point })?)));
        };
        let until = UnixMillis(point.at.0.saturating_add(lasts_ms));
        let (own, device) = (self.account.id, self.key.device());
        let under_way = self.positions.room(room).under_way(own, device, point.at);
        if let Some((_, held)) = under_way
            && held.0.abs_diff(until.0) <= lasts_ms / 10
        {
            return Ok((Some(held), None));
        }
        Ok((Some(until), Some(self.append_location(room, LocationContent::Begun { until })?)))
    }

    /// One's own live position is here now; without a share under way nobody learns of it.
    pub(crate) fn move_to(&mut self, room: RoomId, point: Point) {
        let now_ms = self.mono_ms();
        let sent_ms = self.positions.own.get(&room).and_then(|own| own.sent_ms);
        let due_ms = sent_ms.map_or(now_ms, |sent| now_ms.max(sent + SEND_EVERY_MS));
        self.positions.own.insert(room, Own { point, due_ms, sent_ms });
        self.send_due_positions();
    }

    /// Stops sharing in one room or everywhere: what to wait for.
    pub(crate) fn stop_sharing(&mut self, room: Option<RoomId>, keep_last: bool) -> Result<Vec<Stored>, ApiError> {
        let rooms: Vec<RoomId> = match room {
            Some(room) => {
                self.require_member(room)?;
                vec![room]
            }
            None => self.positions.rooms.keys().copied().collect(),
        };
        let (own, device, now) = (self.account.id, self.key.device(), self.now().wall);
        let mut stored = Vec::new();
        for room in rooms {
            self.positions.own.remove(&room);
            let locations = self.positions.room(room);
            let Some((share, _)) = locations.under_way(own, device, now) else { continue };
            let last = locations.last_heard(own, device, share).filter(|_| keep_last);
            stored.push(self.append_location(room, LocationContent::Ended { last })?);
        }
        Ok(stored)
    }

    pub(crate) fn list_locations(&mut self, room: RoomId) -> Result<Vec<Location>, ApiError> {
        let now = self.now();
        let list = self.positions.room(room).list(now.wall, now.mono.0);
        let roster = self.require_member(room)?;
        let members = list.into_iter().filter(|located| roster.role(located.account).is_some());
        Ok(members.map(|located| location(room, located)).collect())
    }

    fn append_location(&mut self, room: RoomId, content: LocationContent) -> Result<Stored, ApiError> {
        let (log, body) = (room.conversation(), body_of(&content)?);
        let (action, targets) = (Action::LOCATION, Vec::new());
        Ok(self.append(Command::Append { log, action, targets, place: None, body }))
    }

    /// A live position came, from a member's proven device.
    pub(super) fn hear_position(&mut self, room: RoomId, account: AccountId, device: DeviceId, payload: &[u8]) {
        let Ok(live) = cbor::decode::<LivePosition>(payload, limits::EPHEMERAL_BYTES_MAX) else {
            tracing::debug!(%device, "a live position could not be read");
            return;
        };
        let now_ms = self.mono_ms();
        self.positions.room(room).hear(account, device, live, now_ms);
        self.tell_locations(room);
    }

    /// Sends one's own live positions whose time has come.
    fn send_due_positions(&mut self) {
        let (own_account, device, now) = (self.account.id, self.key.device(), self.now());
        let now_ms = now.mono.0;
        let due: Vec<RoomId> =
            self.positions.own.iter().filter(|(_, own)| own.due_ms <= now_ms).map(|(room, _)| *room).collect();
        for room in due {
            let under_way = self.positions.room(room).under_way(own_account, device, now.wall);
            let Some((share, _)) = under_way else {
                self.positions.own.remove(&room);
                continue;
            };
            let Some(own) = self.positions.own.get_mut(&room) else { continue };
            (own.sent_ms, own.due_ms) = (Some(now_ms), now_ms + REPEAT_MS);
            let live = LivePosition { share, point: own.point };
            self.positions.room(room).hear(own_account, device, live, now_ms);
            let signal = EphemeralSignal::Other { kind: kind::LOCATION, payload: cbor::encode(&live) };
            self.send_ephemeral(Ephemeral { room, signal });
            self.tell_locations(room);
        }
    }

    /// Tells what changed in a room.
    pub(in crate::engine) fn tell_locations(&mut self, room: RoomId) {
        let now = self.now();
        let (moved, ended) = self.positions.room(room).changes(now.wall, now.mono.0);
        for (located, ended) in
            moved.into_iter().map(|it| (it, None)).chain(ended.into_iter().map(|it| (it, Some(true))))
        {
            let Location { room_id, user_id, lat, lng, accuracy_m, at, until } = location(room, located);
            let until = until.filter(|_| ended.is_none());
            self.tell(Event::LocationChanged { room_id, user_id, lat, lng, accuracy_m, at, until, ended });
        }
    }

    /// Does what is due.
    pub(super) fn positions_due(&mut self) {
        self.send_due_positions();
        let rooms: Vec<RoomId> = self.positions.rooms.keys().copied().collect();
        for room in rooms {
            self.tell_locations(room);
        }
    }

    /// When [`Self::positions_due`] has something to do.
    pub(super) fn next_position(&self) -> Option<Instant> {
        let wall = self.now().wall.0;
        let timeouts = self.positions.rooms.values().map(Locations::next_timeouts);
        let (until, silent): (Vec<_>, Vec<_>) = timeouts.unzip();
        let until = until.into_iter().flatten().min();
        let until = until.map(|at| Instant::now() + Duration::from_millis(at.0.saturating_sub(wall).max(1)));
        let due = self.positions.own.values().map(|own| own.due_ms);
        let mono = silent.into_iter().flatten().chain(due).min().map(|at| self.instant_of(at));
        [until, mono].into_iter().flatten().min()
    }
}

fn location(room: RoomId, located: Located) -> Location {
    let Located { account, point, until } = located;
    Location {
        room_id: room.to_string(),
        user_id: account.to_string(),
        lat: degrees(point.lat),
        lng: degrees(point.lng),
        accuracy_m: point.accuracy_m,
        at: point.at.0,
        until: until.map(|until| until.0),
    }
}
