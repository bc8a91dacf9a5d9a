//! Whether two devices may be introduced: passed each other's offers, answers and candidates.
//!
//! Both must count in the present roster of one common room. A stranger learns nothing from a refusal, since there is
//! none: the signal is dropped, as it is for a device that is not connected.

use std::collections::BTreeSet;

use momoland_protocol::id::{AccountId, DeviceId, RoomId};
use momoland_protocol::roster::Genesis;
use momoland_replica::roster::Roster;

use super::registry::Registry;
use crate::rooms::Peer;
use crate::rooms::membership::Membership;

/// What becomes of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introduction {
    /// It goes to this link.
    Pass(momoland_replica::input::LinkId),
    /// The other device is not connected; its owner's next offer will find it.
    Away,
    /// They share no room.
    Strangers,
}

/// Decides over a signal from one device to another.
pub fn introduce<'a>(
    registry: &Registry,
    membership: &Membership,
    roster_of: impl Fn(RoomId) -> Option<&'a Roster>,
    from: Peer,
    to: DeviceId,
) -> Introduction {
    let Some((link, account)) = registry.link_of(to) else { return Introduction::Away };
    if to == from.device {
        return Introduction::Strangers;
    }
    if have_common_room(membership, roster_of, from, Peer { device: to, account }) {
        Introduction::Pass(link)
    } else {
        Introduction::Strangers
    }
}

fn have_common_room<'a>(
    membership: &Membership,
    roster_of: impl Fn(RoomId) -> Option<&'a Roster>,
    one: Peer,
    other: Peer,
) -> bool {
    let none = BTreeSet::new();
    let rooms_of = |account: AccountId| membership.rooms_of(account).unwrap_or(&none);
    rooms_of(one.account).intersection(rooms_of(other.account)).any(|room| {
        let Some(roster) = roster_of(*room) else { return false };
        // The public feed has everybody in it, and introduces nobody.
        !matches!(roster.genesis(), Genesis::PublicFeed { .. })
            && [one, other]
                .iter()
                .all(|peer| roster.role_of_device(peer.device).is_some_and(|(account, _)| account == peer.account))
    })
}
