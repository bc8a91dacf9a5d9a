//! How refusals are worded on the wire: a kind that programs act on, a sentence for the person.
//!
//! One exhaustive match: a new reason cannot be forgotten. To a stranger a private room is not there, so what only its
//! members can run into has other words than what anybody can.

use momoland_protocol::server::{Refusal, RefusalKind};
use momoland_replica::roster::RosterRefusal;

use super::invites::Worth;
use super::rosters::RoomRefusal;
use super::{CHANGES_PER_ROOM_MAX, MEMBERS_PER_ROOM_MAX, ROOMS_PER_ACCOUNT_MAX};

/// When to try again while the server cannot store, milliseconds.
const UNAVAILABLE_RETRY_MS: u64 = 5_000;

/// When to try again while others' changes wait, milliseconds.
const BUSY_RETRY_MS: u64 = 500;

/// A refusal of a kind, in words.
pub fn refusal(kind: RefusalKind, sentence: impl Into<String>) -> Refusal {
    Refusal { kind, sentence: sentence.into(), retry_after_ms: None }
}

impl From<RoomRefusal> for Refusal {
    fn from(why: RoomRefusal) -> Self {
        use RefusalKind::{Conflict, Forbidden, NotFound, RateLimited, Stale, Unavailable};
        match why {
            RoomRefusal::NotYourDevice => refusal(Forbidden, "Only the device that signed a change may submit it."),
            RoomRefusal::NotYourCertificate => {
                refusal(Forbidden, "A change names a device that is not signed in to the account it names.")
            }
            RoomRefusal::NoSuchRoom => {
                refusal(NotFound, "There is no such room, or it is not open to you. Ask somebody in it for an invite.")
            }
            RoomRefusal::ExistsAlready => refusal(Stale, "This room exists already: fetch its roster."),
            RoomRefusal::IdTaken => {
                refusal(Conflict, "This room exists already, and you do not belong to it any more.")
            }
            RoomRefusal::Administrators => refusal(Forbidden, "Only who administers this server can do that."),
            RoomRefusal::NoSuchAccount => refusal(NotFound, "There is no such account on this server."),
            RoomRefusal::Invite(worth) => match worth {
                Worth::Open => refusal(Conflict, "The invite could not be used. Try again."),
                Worth::UsedUp => refusal(Conflict, "This invite is used up. Ask for a new one."),
                Worth::Expired => refusal(Conflict, "This invite has expired. Ask for a new one."),
                Worth::Withdrawn => refusal(Conflict, "This invite was withdrawn. Ask for a new one."),
            },
            RoomRefusal::TooManyRooms => refusal(
                Conflict,
                format!("An account belongs to at most {ROOMS_PER_ACCOUNT_MAX} rooms. Leave one first."),
            ),
            RoomRefusal::TooManyMembers => {
                refusal(Conflict, format!("A room has at most {MEMBERS_PER_ROOM_MAX} members."))
            }
            RoomRefusal::TooManyChanges => refusal(
                Conflict,
                format!(
                    "This room was changed {CHANGES_PER_ROOM_MAX} times, which is all it can hold. Make a new one."
                ),
            ),
            RoomRefusal::Busy => Self {
                retry_after_ms: Some(BUSY_RETRY_MS),
                ..refusal(RateLimited, "Too many changes of this room wait for their turn. Try again in a moment.")
            },
            RoomRefusal::Unavailable => Self {
                retry_after_ms: Some(UNAVAILABLE_RETRY_MS),
                ..refusal(Unavailable, "The server cannot store anything at the moment. Try again later.")
            },
            RoomRefusal::Rules(rules) => rules_refusal(&rules),
        }
    }
}

fn rules_refusal(rules: &RosterRefusal) -> Refusal {
    use RefusalKind::{Conflict, Forbidden, Invalid, NotFound, Stale};
    match rules {
        RosterRefusal::Stale { head: _ } => refusal(Stale, "The room has changed in the meantime."),
        RosterRefusal::Frozen => refusal(
            Conflict,
            "This server was restored from a backup and put two changes of this room in one place. Nothing can be \
             changed here until one of the room's owners has been online.",
        ),
        RosterRefusal::BadSignature(whose) => refusal(Invalid, format!("The signature of the {whose} does not fit.")),
        RosterRefusal::WrongRoom => refusal(Invalid, "The change belongs to another room."),
        RosterRefusal::NotAMember => refusal(Forbidden, "This device does not belong to the room."),
        RosterRefusal::Forbidden { role: _ } => refusal(Forbidden, "Your role in this room does not allow this."),
        // Who gets here may know of the room: it is public, or was theirs.
        RosterRefusal::NoInvite => {
            refusal(Forbidden, "This room is joined by invite only. Ask somebody in it for one.")
        }
        RosterRefusal::InviteUsedUp => refusal(Conflict, "This invite is used up. Ask for a new one."),
        RosterRefusal::InviteExpired => refusal(Conflict, "This invite has expired. Ask for a new one."),
        RosterRefusal::Banned => refusal(Conflict, "You are banned from this room."),
        RosterRefusal::AlreadySo => refusal(Conflict, "It is so already."),
        RosterRefusal::Unknown(what) => refusal(NotFound, format!("There is no such {what} in this room.")),
        RosterRefusal::Invalid(why) => refusal(Invalid, sentence_of(why)),
    }
}

/// A clause as a sentence.
fn sentence_of(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use momoland_protocol::id::RosterHash;
    use momoland_protocol::roster::Role;

    use super::*;

    #[test]
    fn every_reason_has_a_kind_and_a_sentence() {
        let rules = |refusal| RoomRefusal::Rules(refusal);
        for (why, kind) in [
            (rules(RosterRefusal::Stale { head: RosterHash::ZERO }), RefusalKind::Stale),
            (rules(RosterRefusal::Frozen), RefusalKind::Conflict),
            (rules(RosterRefusal::BadSignature("device")), RefusalKind::Invalid),
            (rules(RosterRefusal::WrongRoom), RefusalKind::Invalid),
            (rules(RosterRefusal::NotAMember), RefusalKind::Forbidden),
            (rules(RosterRefusal::Forbidden { role: Role::Reader }), RefusalKind::Forbidden),
            (rules(RosterRefusal::NoInvite), RefusalKind::Forbidden),
            (rules(RosterRefusal::InviteUsedUp), RefusalKind::Conflict),
            (rules(RosterRefusal::InviteExpired), RefusalKind::Conflict),
            (rules(RosterRefusal::Banned), RefusalKind::Conflict),
            (rules(RosterRefusal::AlreadySo), RefusalKind::Conflict),
            (rules(RosterRefusal::Unknown("ban")), RefusalKind::NotFound),
            (rules(RosterRefusal::Invalid("a room has a name")), RefusalKind::Invalid),
            (RoomRefusal::NotYourDevice, RefusalKind::Forbidden),
            (RoomRefusal::NotYourCertificate, RefusalKind::Forbidden),
            (RoomRefusal::NoSuchRoom, RefusalKind::NotFound),
            (RoomRefusal::ExistsAlready, RefusalKind::Stale),
            (RoomRefusal::IdTaken, RefusalKind::Conflict),
            (RoomRefusal::Administrators, RefusalKind::Forbidden),
            (RoomRefusal::NoSuchAccount, RefusalKind::NotFound),
            (RoomRefusal::Invite(Worth::UsedUp), RefusalKind::Conflict),
            (RoomRefusal::Invite(Worth::Expired), RefusalKind::Conflict),
            (RoomRefusal::Invite(Worth::Withdrawn), RefusalKind::Conflict),
            (RoomRefusal::TooManyRooms, RefusalKind::Conflict),
            (RoomRefusal::TooManyMembers, RefusalKind::Conflict),
            (RoomRefusal::TooManyChanges, RefusalKind::Conflict),
            (RoomRefusal::Busy, RefusalKind::RateLimited),
            (RoomRefusal::Unavailable, RefusalKind::Unavailable),
        ] {
            let refusal = Refusal::from(why.clone());
            assert_eq!(refusal.kind, kind, "{why:?}");
            let sentence = &refusal.sentence;
            assert!(sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'), "{why:?}: {sentence}");
        }
    }
}
