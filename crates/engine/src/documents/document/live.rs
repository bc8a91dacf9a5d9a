//! What is typed and no event says yet: shown ahead of its event, dropped where none comes, and one's own made again
//! beside what did come (docs/protocol.md, DO8).

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::event::EventHeader;
use momoland_protocol::id::{ChainId, DeviceId, Seq};
use momoland_protocol::limits;
use yrs::updates::decoder::Decode as _;
use yrs::{ClientID, ReadTxn as _, Transact as _};

use super::clients::{BOUND_FROM, is_bound};
use super::{Document, Edit, EditRefusal, Page, clock_in};
use crate::documents::depths::Depths;
use crate::documents::update::{Id, Ids, Update, UpdateError};

/// How long what somebody types is shown before an event says it, milliseconds: three times as long as an event waits.
pub(super) const LIVE_HOLDS_MS: u64 = 10_000;

/// Bytes of changes that are sent live; more come with the event.
const LIVE_BYTES_MAX: usize = limits::EPHEMERAL_BYTES_MAX - 64;

/// What others are typing: the events that will say so are not here yet.
#[derive(Debug)]
pub(super) struct Live {
    /// Everything that counts, and what is being typed.
    pub(super) page: Page,
    pub(super) depths: Depths,
    typed: BTreeMap<DeviceId, Typed>,
    /// Until when it is kept though nobody types.
    until_ms: u64,
}

/// What a device types that no event says yet.
#[derive(Debug)]
struct Typed {
    update: Update,
    /// Until when it is shown without an event.
    until_ms: u64,
}

/// Own events that were made again.
pub(crate) struct MadeAnew {
    /// All own changes that no event says yet, these among them.
    pub(crate) update: Vec<u8>,
    pub(crate) places: BTreeSet<(ChainId, Seq)>,
}

impl Document {
    /// Shows what a device types, ahead of its event. Whether it is shown.
    pub(crate) fn type_live(&mut self, device: DeviceId, bytes: &[u8], now_ms: u64) -> bool {
        let Ok(mut update) = Update::decode(bytes) else { return false };
        let own = |client: u64| match client >= BOUND_FROM {
            true => is_bound(client, self.log, device),
            // Whose it is, an event says.
            false => self.claims.get(&client).is_some_and(|(_, of)| *of == device),
        };
        if !update.clients().all(own) {
            return false;
        }
        update.trim(clock_in(&self.shown().clocks()));
        if update.is_empty() || !update.fits(clock_in(&self.shown().clocks())) {
            // One before it was lost: the event brings both.
            return false;
        }
        let live = match &mut self.live {
            Some(live) => live,
            None => {
                let page = Page::new(self.page.doc.client_id().get());
                let state = self.page.state();
                let copied = yrs::Update::decode_v1(&state).map(|it| page.doc.transact_mut().apply_update(it).is_ok());
                if !copied.is_ok_and(|copied| copied) {
                    return false;
                }
                self.live.insert(Live { page, depths: self.depths.clone(), typed: BTreeMap::new(), until_ms: 0 })
            }
        };
        if !live.depths.take(&update) {
            return false;
        }
        live.page.apply(&update);
        let typed = live.typed.entry(device).or_insert(Typed { update: Update::default(), until_ms: 0 });
        typed.update.absorb(update);
        typed.until_ms = now_ms.saturating_add(LIVE_HOLDS_MS);
        live.until_ms = typed.until_ms;
        self.lines = None;
        true
    }

    /// An event says what its device typed. Where it says something else, what was shown is shown no more.
    pub(super) fn settle_typed(&mut self, device: DeviceId, update: &Update) {
        let Some(live) = &mut self.live else { return };
        let Some(typed) = live.typed.get_mut(&device) else { return };
        if typed.update.contradicts(update) {
            // At the next look.
            typed.until_ms = 0;
            return;
        }
        typed.update.trim(clock_in(&self.page.clocks()));
        if typed.update.clients().next().is_none() {
            live.typed.remove(&device);
        }
    }

    /// What was typed long ago and no event says is shown no more. Whether anything that was shown is not.
    pub(crate) fn expire_live(&mut self, now_ms: u64) -> bool {
        // What one wrote oneself beside it goes first: see `rebase`.
        if self.leans {
            return false;
        }
        if self.live_until().is_none_or(|until| now_ms < until) {
            return false;
        }
        let stale = |typed: &Typed| typed.until_ms <= now_ms;
        let Some(live) = self.live.take() else { return false };
        self.lines = None;
        let settled = |page: &Page| page.doc.transact().snapshot();
        for (device, typed) in &live.typed {
            if !stale(typed) {
                self.type_live(*device, &typed.update.encode(), typed.until_ms.saturating_sub(LIVE_HOLDS_MS));
            }
        }
        settled(self.shown()) != settled(&live.page)
    }

    /// When [`Self::expire_live`] may have something to do.
    pub(crate) fn live_until(&self) -> Option<u64> {
        let live = self.live.as_ref()?;
        let first = live.typed.values().map(|typed| typed.until_ms).min();
        Some(first.unwrap_or(live.until_ms))
    }

    /// Own changes that no device was sent live yet; none where they are more than one signal holds.
    pub(crate) fn take_unsent(&mut self) -> Option<Vec<u8>> {
        let unsent = std::mem::take(&mut self.unsent);
        Some(unsent.encode()).filter(|bytes| !unsent.is_empty() && bytes.len() <= LIVE_BYTES_MAX)
    }

    /// Whether own changes build on what others are typing, and cannot become events yet.
    pub(crate) fn leans(&self) -> bool {
        self.leans
    }

    /// What they build on has come.
    pub(super) fn settle_own(&mut self) {
        if self.leans && self.unissued.fits(clock_in(&self.page.clocks())) {
            let unissued = self.unissued.clone();
            self.depths.take(&unissued);
            self.page.apply(&unissued);
            self.leans = false;
        }
    }

    /// Makes the own changes of `before` again, which build on what will never come, beside what is here. The update that
    /// says so.
    pub(crate) fn rebase(&mut self, before: &Self) -> Result<Vec<u8>, EditRefusal> {
        let mut lost = Update::default();
        for typed in before.live.iter().flat_map(|live| live.typed.values()) {
            lost.absorb(typed.update.clone());
        }
        self.make_again(&before.unissued, &lost)?;
        Ok(self.unissued())
    }

    /// Makes own changes again that build on what a cut of the roster took from everybody, at once or by way of others that
    /// do, whether an event says them already or not: else what their author saw stored would be in no copy any more.
    /// `cut` is what it took, `done` the places of those events that were made again before. `None` where there is nothing.
    pub(crate) fn write_anew(
        &mut self,
        mut cut: Vec<(EventHeader, Update)>,
        done: &BTreeSet<(ChainId, Seq)>,
    ) -> Option<MadeAnew> {
        // What nobody took in while it counted is nothing that others build on.
        cut.retain(|(header, update)| self.writes_under_own_ids(header, update).is_some());
        let is_own = |header: &EventHeader| header.device == self.own && !done.contains(&(header.chain(), header.seq));
        if cut.is_empty() || !(self.leans || self.waiting.iter().any(|(header, ..)| is_own(header))) {
            return None;
        }
        let mut gone = Ids::default();
        cut.iter().for_each(|(_, update)| gone.take(update));
        let (mut own, mut lost) = (Vec::new(), cut);
        let mut waiting: Vec<&(EventHeader, u64, Update)> = self.waiting.iter().collect();
        loop {
            let before = waiting.len();
            waiting.retain(|(header, _, update)| {
                if !update.builds_on_ids(&gone) {
                    return true;
                }
                gone.take(update);
                if is_own(header) { &mut own } else { &mut lost }.push((header.clone(), update.clone()));
                false
            });
            if waiting.len() == before {
                break;
            }
        }
        let with_unissued = self.leans && self.unissued.builds_on_ids(&gone);
        if own.is_empty() && !with_unissued {
            return None;
        }
        let places = own.iter().map(|(header, _)| (header.chain(), header.seq)).collect();
        let [mut own, lost] = [own, lost].map(|mut updates| {
            updates.sort_by_key(|(header, _)| header.order());
            updates.into_iter().fold(Update::default(), |mut all, (_, update)| {
                all.absorb(update);
                all
            })
        });
        let unissued = with_unissued.then(|| std::mem::take(&mut self.unissued));
        if let Some(unissued) = &unissued {
            own.absorb(unissued.clone());
            self.leans = false;
        }
        match self.make_again(&own, &lost) {
            Ok(()) => Some(MadeAnew { update: self.unissued(), places }),
            Err(error) => {
                tracing::error!(log = %self.log, %error, "own changes beside what was cut could not be made again");
                if let Some(unissued) = unissued {
                    (self.unissued, self.leans) = (unissued, true);
                }
                None
            }
        }
    }

    /// Makes own changes again, which build on what is lost, beside what is here.
    fn make_again(&mut self, own: &Update, lost: &Update) -> Result<(), EditRefusal> {
        let clocks = self.page.clocks();
        let rebased = own.rebased(lost, self.new_client(), clock_in(&clocks));
        if !rebased.fits(clock_in(&clocks)) || !self.depths.take(&rebased) {
            return Err(EditRefusal::LeansOnUnknown);
        }
        let decoded = yrs::Update::decode_v1(&rebased.encode()).map_err(|_| UpdateError::Malformed)?;
        let before_gone = self.page.doc.transact().snapshot().delete_set;
        let before_state = Update::decode(&self.page.state())?;
        self.lines = None;
        self.change(|txn| {
            if txn.apply_update(decoded).is_err() {
                tracing::error!("changes that were made again could not be applied");
            }
        })?;
        // Who splits a line moves what is behind. What the dead one moved out of a block before this person let go of the
        // block is in neither now, and was deleted by nobody.
        let gone = self.page.doc.transact().snapshot().delete_set;
        let at = |id: Id| yrs::ID::new(ClientID::new(id.client), id.clock);
        let lost = |id: Id| gone.contains(&at(id)) && !before_gone.contains(&at(id)) && !rebased.deletes(id);
        let mut moved = before_state.text_of(lost);
        moved.push_str(&rebased.text_of(lost));
        if !moved.is_empty() {
            moved.push('\n');
            self.edit(&[Edit::Insert { at: 0, text: moved }])?;
        }
        Ok(())
    }
}
