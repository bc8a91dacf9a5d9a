//! A document folded so far: what its first events add up to, kept on this device's disk, so that it opens in time
//! proportional to its size and not to its history.
//!
//! It is this device's own and travels nowhere. It stands for a set of events that is said in it, and for nothing that
//! was decided about them later: [`Snapshot::stands`] says whether the lists of editors and the roster still judge them
//! as they did. Where not, it is thrown away, and the document is read from its events, of which none is dropped for it.
//!
//! # Invariants
//! 1. A document that begins with a snapshot and the events that it does not cover is the one that all events make.
//!    Test: `any_world_ends_in_one_document_without_what_was_refused`.
//! 2. What was undecided when it was made (it waited, or was an outline that nothing leant on yet) is in none, and is
//!    read again. Test: the same.
//! 3. One that does not stand any more is not used. Test: `a_document_opens_from_what_it_was_folded_to_while_that_stands`.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Action, EventOrder};
use momoland_protocol::id::{ChainId, DeviceId, EventId, Incarnation, LogId, RosterHash, Seq};
use momoland_replica::roster::Roster;

use super::depths::Depths;
use super::packing::{deflate, inflate};

/// Of how the snapshot is written. Others are not read.
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Snapshot {
    #[n(0)]
    version: u8,
    /// The lists of editors that judged, sorted.
    #[n(1)]
    lists: Vec<EventId>,
    /// The changes of the roster that its events name.
    #[n(2)]
    rosters: Vec<RosterHash>,
    /// Which events it is made of.
    #[n(3)]
    covered: Ranges,
    /// Those of them that are to be read again.
    #[n(4)]
    again: Vec<Place>,
    /// Those of them that count, or are places for what counts.
    #[n(5)]
    counting: Vec<Counting>,
    #[n(6)]
    claims: Vec<Claim>,
    #[n(7)]
    depths: Depths,
    /// All of it, as one Yjs update of version 1, deflated,
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    state: Vec<u8>,
    /// and its length before.
    #[n(9)]
    state_bytes: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Place {
    #[n(0)]
    chain: ChainId,
    #[n(1)]
    seq: Seq,
}

/// Events in a row that name one change of the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Counting {
    #[n(0)]
    chain: ChainId,
    #[n(1)]
    from: Seq,
    #[n(2)]
    to: Seq,
    /// Its place in the list of them.
    #[n(3)]
    roster: u32,
}

/// Who used a client id first, and with which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Claim {
    #[n(0)]
    client: u64,
    #[n(1)]
    hlc: Hlc,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    incarnation: Incarnation,
    #[n(4)]
    seq: Seq,
}

/// Which events of a log were read: of each chain one range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Ranges(#[n(0)] BTreeMap<ChainId, (Seq, Seq)>);

/// What a snapshot is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) places: &'a BTreeMap<(ChainId, Seq), u64>,
    pub(super) claims: &'a BTreeMap<u64, (EventOrder, DeviceId)>,
    pub(super) depths: &'a Depths,
    pub(super) state: Vec<u8>,
    /// What waits, and outlines that nothing leans on.
    pub(super) undecided: Vec<(ChainId, Seq)>,
}

/// What a document begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) places: BTreeMap<(ChainId, Seq), u64>,
    pub(super) claims: BTreeMap<u64, (EventOrder, DeviceId)>,
    pub(super) depths: Depths,
    pub(super) state: Vec<u8>,
}

impl Ranges {
    /// Takes in a place. Those of a chain come one after the other, upwards or downwards.
    pub(crate) fn take(&mut self, chain: ChainId, seq: Seq) {
        let range = self.0.entry(chain).or_insert((seq, seq));
        *range = (range.0.min(seq), range.1.max(seq));
    }

    pub(crate) fn of(&self, chain: ChainId) -> Option<(Seq, Seq)> {
        self.0.get(&chain).copied()
    }
}

impl Snapshot {
    /// `None` where a version of the roster is not held.
    pub(super) fn of(
        parts: Parts<'_>,
        lists: BTreeSet<EventId>,
        ranges: &Ranges,
        unjudged: &[(ChainId, Seq)],
        roster: &Roster,
    ) -> Option<Self> {
        let Parts { places, claims, depths, state, undecided } = parts;
        let (mut rosters, mut counting) = (Vec::new(), Vec::<Counting>::new());
        for ((chain, seq), version) in places {
            let hash = roster.hash_at(*version)?;
            let place = match rosters.iter().rposition(|held| *held == hash) {
                Some(place) => place,
                None => {
                    rosters.push(hash);
                    rosters.len() - 1
                }
            };
            let place = u32::try_from(place).ok()?;
            match counting.last_mut() {
                Some(last) if last.chain == *chain && last.to.next() == Some(*seq) && last.roster == place => {
                    last.to = *seq;
                }
                Some(_) | None => {
                    counting.push(Counting { chain: *chain, from: *seq, to: *seq, roster: place });
                }
            }
        }
        let again: BTreeSet<(ChainId, Seq)> = undecided.into_iter().chain(unjudged.iter().copied()).collect();
        Some(Self {
            version: VERSION,
            lists: lists.into_iter().collect(),
            rosters,
            covered: ranges.clone(),
            again: again.into_iter().map(|(chain, seq)| Place { chain, seq }).collect(),
            counting,
            claims: claims
                .iter()
                .map(|(client, (order, device))| {
                    let EventOrder { hlc, device: _, incarnation, seq } = *order;
                    Claim { client: *client, hlc, device: *device, incarnation, seq }
                })
                .collect(),
            depths: depths.clone(),
            state_bytes: u32::try_from(state.len()).ok()?,
            state: deflate(&state)?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // A `Vec` cannot refuse bytes.
        minicbor::to_vec(self).unwrap_or_default()
    }

    /// `None` where it is none of this version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok().filter(|snapshot: &Self| snapshot.version == VERSION)
    }

    /// Which events it is made of.
    pub(crate) fn ranges(&self) -> &Ranges {
        &self.covered
    }

    /// Those of them that are to be read again.
    pub(crate) fn again(&self) -> impl Iterator<Item = (ChainId, Seq)> + '_ {
        self.again.iter().map(|Place { chain, seq }| (*chain, *seq))
    }

    /// Whether its events are judged now as they were when it was made.
    pub(crate) fn stands(&self, log: LogId, lists: &BTreeSet<EventId>, roster: &Roster) -> bool {
        self.lists.iter().eq(lists)
            && self.counting.iter().all(|Counting { chain, from, to, roster: place }| {
                let hash = usize::try_from(*place).ok().and_then(|place| self.rosters.get(place));
                let Some(version) = hash.and_then(|hash| roster.version_of(*hash)) else { return false };
                // A cut takes the end of a chain: where the last one counts, those before do.
                from <= to
                    && roster.allows(chain.device, version, Action::DOCUMENT_UPDATE).is_ok()
                    && !roster.is_cut(log, *chain, *to, version)
            })
    }

    /// What a document begins with; `None` where a version of the roster is not held.
    pub(super) fn into_beginning(self, roster: &Roster) -> Option<Beginning> {
        let state = inflate(&self.state, self.state_bytes)?;
        let mut places = BTreeMap::new();
        for Counting { chain, from, to, roster: place } in self.counting {
            let hash = self.rosters.get(usize::try_from(place).ok()?)?;
            let version = roster.version_of(*hash)?;
            places.extend((from.0..=to.0).map(|seq| ((chain, Seq(seq)), version)));
        }
        let claims = self.claims.into_iter().map(|Claim { client, hlc, device, incarnation, seq }| {
            (client, (EventOrder { hlc, device, incarnation, seq }, device))
        });
        Some(Beginning { places, claims: claims.collect(), depths: self.depths, state })
    }
}
