//! Who shares where they are in one room: live positions, and those that are kept.
//!
//! Fed by `engine` with stored events and ephemerals; read by `location.list`. What is durable is a pure function of
//! the set of events: of each device the latest in the order of display counts. A live position counts while the share
//! that it names does, so an ephemeral that comes late, twice or before its event changes nothing for long.
//!
//! # Invariants
//! 1. The same events in any order give the same shares. Test: `prop_order_of_arrival_does_not_matter`.
//! 2. Nobody is shown live after the end of their share, whatever still arrives.
//!    Tests: `what_comes_after_the_end_changes_nothing`, `a_share_ends_by_itself`.
//! 3. Who falls silent is not shown live for longer than [`SILENCE_MS_MAX`]. Test: `silence_ends_what_is_shown`.

use std::collections::BTreeMap;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::{Action, Event, EventOrder};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, Seq};
use momoland_protocol::location::{LivePosition, LocationContent, Point, SHARE_LASTS_MS_MAX};

use super::timeline::AHEAD_MAX_MS;

/// A live position is sent again after this although nothing moved: for those who came since, and to say that it still
/// holds, milliseconds.
pub(crate) const REPEAT_MS: u64 = 10_000;

/// Without a word for this long nobody is shown live, milliseconds.
pub(crate) const SILENCE_MS_MAX: u64 = 40_000;

/// The latest that a device said durably.
#[derive(Debug, Clone)]
struct Share {
    order: EventOrder,
    event: EventId,
    roster_version: u64,
    content: LocationContent,
}

/// The latest live position of a device, and when it came by this machine's monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Heard {
    live: LivePosition,
    at_ms: u64,
}

/// Where somebody is, or was last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) account: AccountId,
    pub(crate) point: Point,
    /// Of a live one: when it ends by itself.
    pub(crate) until: Option<UnixMillis>,
}

#[derive(Debug, Default)]
pub(crate) struct Locations {
    /// All that is known, so that a cut can take back the latest and leave what was before.
    shares: BTreeMap<(AccountId, DeviceId), BTreeMap<EventOrder, Share>>,
    /// Also of shares whose event is still to come.
    heard: BTreeMap<(AccountId, DeviceId), Heard>,
    /// What those who look were told last.
    shown: BTreeMap<AccountId, Located>,
}

impl Locations {
    /// Takes a stored event. Whether it says something about positions.
    pub(crate) fn apply(&mut self, event: &Event, author: AccountId, roster_version: u64) -> bool {
        let header = event.header.get();
        if header.action != Action::LOCATION {
            return false;
        }
        let Some(content) = event.content() else { return false };
        let share = Share { order: header.order(), event: event.id(), roster_version, content };
        self.shares.entry((author, header.device)).or_default().insert(share.order, share);
        true
    }

    /// Takes a live position of a device; one that is older than the last changes nothing.
    pub(crate) fn hear(&mut self, account: AccountId, device: DeviceId, live: LivePosition, mono_ms: u64) {
        let older = |known: &Heard| live.point.at < known.live.point.at;
        if !self.heard.get(&(account, device)).is_some_and(older) {
            self.heard.insert((account, device), Heard { live, at_ms: mono_ms });
        }
    }

    /// Takes back what is beyond a cut. Whether anything was.
    pub(crate) fn take_back(&mut self, is_cut: impl Fn(ChainId, Seq, u64) -> bool) -> bool {
        let count =
            |shares: &BTreeMap<_, BTreeMap<EventOrder, Share>>| shares.values().map(BTreeMap::len).sum::<usize>();
        let before = count(&self.shares);
        for all in self.shares.values_mut() {
            all.retain(|order, share| {
                let chain = ChainId { device: order.device, incarnation: order.incarnation };
                !is_cut(chain, order.seq, share.roster_version)
            });
        }
        self.shares.retain(|_, all| !all.is_empty());
        before != count(&self.shares)
    }

    /// The share that a device has under way, and when it ends.
    pub(crate) fn under_way(
        &self,
        account: AccountId,
        device: DeviceId,
        now: UnixMillis,
    ) -> Option<(EventId, UnixMillis)> {
        let share = self.latest(account, device, now)?;
        match share.content {
            LocationContent::Begun { until } if now < until => Some((share.event, until)),
            LocationContent::Begun { .. } | LocationContent::Once { .. } | LocationContent::Ended { .. } => None,
        }
    }

    /// The last live position of a device in a share.
    pub(crate) fn last_heard(&self, account: AccountId, device: DeviceId, share: EventId) -> Option<Point> {
        let heard = self.heard.get(&(account, device))?;
        (heard.live.share == share).then_some(heard.live.point)
    }

    /// Where everybody is, or was last, in the order of their ids.
    pub(crate) fn list(&self, now: UnixMillis, mono_ms: u64) -> Vec<Located> {
        let mut list = Vec::new();
        for account in self.accounts() {
            list.extend(self.live(account, now, mono_ms).or_else(|| self.kept(account, now)));
        }
        list
    }

    /// What changed since those who look were told last: where somebody is now, and who is no longer shown live, with
    /// the last point of theirs.
    pub(crate) fn changes(&mut self, now: UnixMillis, mono_ms: u64) -> (Vec<Located>, Vec<Located>) {
        let (mut moved, mut ended) = (Vec::new(), Vec::new());
        let mut accounts = self.accounts();
        accounts.extend(self.shown.keys().copied());
        accounts.sort_unstable();
        accounts.dedup();
        for account in accounts {
            let located = self.live(account, now, mono_ms).or_else(|| self.kept(account, now));
            let shown = match located {
                Some(located) => self.shown.insert(account, located),
                None => self.shown.remove(&account),
            };
            if located == shown {
                continue;
            }
            match (located, shown.filter(|shown| shown.until.is_some())) {
                // Where they leave a last point, that is what they were seen at.
                (Some(kept), Some(shown)) if kept.until.is_none() => {
                    ended.push(if shown.point.at <= kept.point.at { kept } else { shown });
                }
                (Some(located), _) => moved.push(located),
                (None, Some(shown)) => ended.push(shown),
                (None, None) => {}
            }
        }
        self.heard.retain(|_, heard| mono_ms < heard.at_ms + SILENCE_MS_MAX);
        (moved, ended)
    }

    /// Somebody is out of the room: live no more.
    pub(crate) fn gone(&mut self, account: AccountId) {
        self.heard.retain(|(who, _), _| *who != account);
    }

    /// When [`Self::changes`] has something next by itself: by the wall clock, and by the monotonic one.
    pub(crate) fn next_timeouts(&self) -> (Option<UnixMillis>, Option<u64>) {
        let until = self.shown.values().filter_map(|located| located.until).min();
        let silent = self.heard.values().map(|heard| heard.at_ms + SILENCE_MS_MAX).min();
        (until, silent)
    }

    fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> = self.shares.keys().map(|(account, _)| *account).collect();
        accounts.dedup();
        accounts
    }

    /// The latest that counts by now: what claims to be from the future waits.
    fn latest(&self, account: AccountId, device: DeviceId, now: UnixMillis) -> Option<&Share> {
        let all = self.shares.get(&(account, device))?;
        all.values().rev().find(|share| share.order.hlc.wall().0 <= now.0.saturating_add(AHEAD_MAX_MS))
    }

    fn latest_of(&self, account: AccountId, now: UnixMillis) -> impl Iterator<Item = (DeviceId, &Share)> {
        let devices = self.shares.range((account, DeviceId([0; 32]))..=(account, DeviceId([0xff; 32])));
        devices.filter_map(move |((_, device), _)| Some((*device, self.latest(account, *device, now)?)))
    }

    /// Where an account is live: of several devices the one that moved last.
    fn live(&self, account: AccountId, now: UnixMillis, mono_ms: u64) -> Option<Located> {
        let live = self.latest_of(account, now).filter_map(|(device, share)| {
            let LocationContent::Begun { until } = share.content else { return None };
            // Nobody can be shown for ever, whatever their clock or their program says.
            let begun = share.order.hlc.wall().0;
            let until = UnixMillis(until.0.min(begun.saturating_add(SHARE_LASTS_MS_MAX)));
            let heard = self.heard.get(&(account, device))?;
            let holds = now < until && mono_ms < heard.at_ms + SILENCE_MS_MAX;
            let holds = holds && self.goes_on(account, device, share.order, heard.live.share);
            holds.then_some(Located { account, point: heard.live.point, until: Some(until) })
        });
        live.max_by_key(|located| located.point.at)
    }

    /// Whether a position of an earlier share holds in a later one: a share that is begun anew, to end at another time,
    /// is not interrupted.
    fn goes_on(&self, account: AccountId, device: DeviceId, later: EventOrder, earlier: EventId) -> bool {
        let Some(all) = self.shares.get(&(account, device)) else { return false };
        let begun = |share: &&Share| matches!(share.content, LocationContent::Begun { .. });
        all.range(..=later).rev().map(|(_, share)| share).take_while(begun).any(|share| share.event == earlier)
    }

    /// The last point that an account leaves.
    fn kept(&self, account: AccountId, now: UnixMillis) -> Option<Located> {
        let kept = self.latest_of(account, now).filter_map(|(_, share)| match share.content {
            LocationContent::Once { point } | LocationContent::Ended { last: Some(point) } => {
                Some((share.order, point))
            }
            LocationContent::Begun { .. } | LocationContent::Ended { last: None } => None,
        });
        kept.max_by_key(|(order, _)| *order).map(|(_, point)| Located { account, point, until: None })
    }
}

#[cfg(test)]
mod tests;
