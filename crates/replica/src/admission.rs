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
            Self::Forked { .. } | Self::NotAllowed(_) | Self::Cut => false,
        }
    }
}

/// What became of an event that was offered.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is the next of its chain and may be taken.
    Admitted { author: AccountId, roster_version: u64 },
    /// It is held already.
    Duplicate,
    /// Its chain forked; nothing is taken until a roster change says what counts.
    Frozen,
    /// Something before it is missing here.
    Gap,
    /// It names a roster change that is not held here.
    UnknownRoster,
    /// It may not be taken.
    Rejected(Rejection),
}

/// Checks one event against the roster and the chain held so far.
pub(crate) fn admit(event: &Event, roster: &Roster, chain: &Chain) -> Admission {
    let header = event.header.get();
    let staged = chain.staged;
    if header.seq <= staged.seq {
        // Only the head is at hand to compare; a fork further back shows when heads are compared.
        if header.seq == staged.seq && event.id() != staged.event {
            // Only its author can fork a chain: else anybody could silence anybody.
            if event.header.verify(&header.device).is_err() {
                return Admission::Rejected(Rejection::BadSignature);
            }
            let (held, offered) = (staged.event, event.id());
            return Admission::Rejected(Rejection::Forked { seq: header.seq, held, offered });
        }
        return Admission::Duplicate;
    }
    if chain.frozen {
        return Admission::Frozen;
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
