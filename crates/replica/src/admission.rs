//! Whether an event may be taken: its place, its author's right, its signature.
//!
//! Pure: the same arguments give the same answer on every replica, which invariant 2 of the design rests on. The
//! order of checks is cheap before dear: places first, rights next, the signature last.

use momoland_protocol::event::Event;
use momoland_protocol::id::{AccountId, EventId, Seq};

use crate::log::Chain;
use crate::roster::{Roster, RosterRefusal};

/// Why an event that came from elsewhere was refused. It is neither stored nor shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The device signed another event with this place in its chain.
    #[error("the chain forks at {seq}")]
    Forked {
        /// The place.
        seq: Seq,
        /// The event held,
        held: EventId,
        /// and the one offered.
        offered: EventId,
    },
    /// It does not name the event before it.
    #[error("it does not continue its chain")]
    Unlinked,
    /// Its time is not after that of the event before it.
    #[error("its time is not after its predecessor's")]
    TimeWentBack,
    /// The roster that it names does not let its author do this.
    #[error("its author may not do this: {0}")]
    NotAllowed(RosterRefusal),
    /// It is beyond a cut and names no roster that grants the right again.
    #[error("the right ended before it")]
    Cut,
    /// Its author has as many chains in the log as an account may.
    #[error("its author has too many chains in the log")]
    TooManyChains,
    /// It was not signed by the device that it names.
    #[error("its signature does not fit")]
    BadSignature,
}

impl Rejection {
    /// Whether only a dishonest or broken sender could have passed it on: an honest one checks the same things first.
    pub fn proves_misbehaviour(&self) -> bool {
        match self {
            Self::Unlinked | Self::TimeWentBack | Self::BadSignature => true,
            // These depend on rosters and chains that honest replicas may hold in different states.
            Self::Forked { .. } | Self::NotAllowed(_) | Self::Cut | Self::TooManyChains => false,
        }
    }
}

/// What became of an event that was offered.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is the next of its chain, or the one before its first here, and may be taken.
    Admitted { author: AccountId, roster_version: u64 },
    /// It is held already.
    Duplicate,
    /// It is before what is held, with a gap in between: not asked for, or in vain by now.
    Older,
    /// Its chain forked; nothing is taken until a roster change says what counts.
    Frozen,
    /// Something before it is missing here.
    Gap,
    /// It names a roster change that is not held here.
    UnknownRoster,
    /// It may not be taken.
    Rejected(Rejection),
}

/// What is known of the events that are held, beside their chain's ends.
pub(crate) struct Held<'a> {
    /// The chain.
    pub(crate) chain: &'a Chain,
    /// The event at the offered one's place, where it is at hand.
    pub(crate) there: Option<EventId>,
    /// Whether a chain that is not held may begin in its middle: a device takes the relay's word for that, since the
    /// relay holds chains whole, and has the rest filled in.
    pub(crate) from_middle: bool,
}

#[cfg(test)]
impl<'a> Held<'a> {
    /// A chain of which nothing but its ends is at hand.
    pub(crate) fn alone(chain: &'a Chain) -> Self {
        Self { chain, there: None, from_middle: false }
    }
}

/// Checks one event against the roster and the chain held so far.
pub(crate) fn admit(event: &Event, roster: &Roster, held: &Held<'_>) -> Admission {
    let header = event.header.get();
    let (chain, staged) = (held.chain, held.chain.staged);
    if header.seq <= staged.seq && chain.staged_low.seq <= header.seq {
        // A fork further back than what is at hand shows when heads are compared.
        let there = if header.seq == staged.seq { Some(staged.event) } else { held.there };
        match there {
            Some(held) if held != event.id() => {
                // Only its author can fork a chain: else anybody could silence anybody.
                if event.header.verify(&header.device).is_err() {
                    return Admission::Rejected(Rejection::BadSignature);
                }
                return Admission::Rejected(Rejection::Forked { seq: header.seq, held, offered: event.id() });
            }
            Some(_) | None => return Admission::Duplicate,
        }
    }
    if !chain.is_empty() && header.seq < chain.staged_low.seq {
        return admit_before(event, roster, chain);
    }
    if chain.forked.is_some() {
        return Admission::Frozen;
    }
    let begins = chain.is_empty() && held.from_middle && header.seq > Seq(1);
    if begins {
        return admit_signed(event, roster);
    }
    if staged.seq.next() != Some(header.seq) {
        return Admission::Gap;
    }
    if header.prev != staged.event {
        // Before the first place nothing can differ. Later the sender may honestly hold the other branch of a fork: what
        // its device signed shows that.
        if staged.seq == Seq::ZERO || event.header.verify(&header.device).is_err() {
            return Admission::Rejected(Rejection::Unlinked);
        }
        let (seq, held, offered) = (staged.seq, staged.event, header.prev);
        return Admission::Rejected(Rejection::Forked { seq, held, offered });
    }
    if header.hlc <= staged.hlc {
        return Admission::Rejected(Rejection::TimeWentBack);
    }
    admit_signed(event, roster)
}

/// Checks an event of a chain's history: the one before the first that is held, which names it.
///
/// Its hash is signed by what is held, so it is what its author wrote; its right is its own.
fn admit_before(event: &Event, roster: &Roster, chain: &Chain) -> Admission {
    if event.header.get().seq.next() != Some(chain.staged_low.seq) {
        return Admission::Older;
    }
    if event.id() != chain.staged_low.prev {
        return Admission::Rejected(Rejection::Unlinked);
    }
    admit_signed(event, roster)
}

/// Checks the right and the signature of an event whose place is right.
fn admit_signed(event: &Event, roster: &Roster) -> Admission {
    let header = event.header.get();
    let Some(roster_version) = roster.version_of(header.roster) else { return Admission::UnknownRoster };
    let author = match roster.allows(header.device, roster_version, header.action) {
        Ok(author) => author,
        Err(refusal) => return Admission::Rejected(Rejection::NotAllowed(refusal)),
    };
    if roster.is_cut(header.log, header.chain(), header.seq, roster_version) {
        return Admission::Rejected(Rejection::Cut);
    }
    if event.header.verify(&header.device).is_err() {
        return Admission::Rejected(Rejection::BadSignature);
    }
    Admission::Admitted { author, roster_version }
}

#[cfg(test)]
mod tests;
