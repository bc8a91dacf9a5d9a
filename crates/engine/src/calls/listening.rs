//! What is listened to together in the call that this device is in, from what devices say of it.
//!
//! # Invariants
//! 1. All end with the same change, whatever order signals come in: the greatest counter, then the greater device. Test:
//!    `of_two_changes_at_once_all_keep_the_same`.
//! 2. Only the device that has a file says how far it is. Test: `nobody_else_speaks_for_who_plays`.
//!
//! Not here: whether a device is in the call (who calls has looked), sound.

use std::collections::BTreeMap;

use momoland_protocol::id::DeviceId;
use momoland_protocol::listening::{ListeningSignal, PlaybackState, Wish};

/// How often it is said what is played and what is needed, and wished again, milliseconds.
const SAY_EVERY_MS: u64 = 1_000;
/// A need that was not said again for so long counts no more, milliseconds.
const NEED_HOLDS_MS: u64 = 10_000;
/// The delay of everybody, milliseconds: what a local network needs, and what nobody waits longer than.
const DELAY_MS: (u64, u64) = (100, 1_000);
/// Between needs and the delay, so that it does not grow with every packet that is late, milliseconds.
const SPARE_MS: u64 = 20;
/// How far what is said may be from what is counted on before it counts as another moment, milliseconds.
const OFF_MS: u64 = 250;
/// Counters are of the wall clock: one so far ahead of it is no honest one, milliseconds.
const AHEAD_MAX_MS: u64 = 3_600_000;

/// Both clocks, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) mono_ms: u64,
    pub(crate) wall_ms: u64,
}

/// What is played, or was last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) owner: DeviceId,
    /// The change that counts: its counter and who it is by.
    pub(crate) version: (u64, DeviceId),
    pub(crate) title: String,
    pub(crate) length_ms: Option<u64>,
    pub(crate) state: PlaybackState,
    /// At `at`.
    pub(crate) position_ms: u64,
    pub(crate) at: u64,
    pub(crate) at_wall: u64,
    pub(crate) delay_ms: u64,
    /// Whether the device that had it left.
    pub(crate) is_gone: bool,
}

impl Played {
    pub(crate) fn is_over(&self) -> bool {
        self.is_gone || matches!(self.state, PlaybackState::Stopped | PlaybackState::Failed)
    }

    /// How far it is, as far as is known.
    fn position_at(&self, mono_ms: u64) -> u64 {
        match self.state {
            PlaybackState::Playing => self.position_ms.saturating_add(mono_ms.saturating_sub(self.at)),
            PlaybackState::Paused | PlaybackState::Stopped | PlaybackState::Failed => self.position_ms,
        }
    }
}

/// What is to be done after something was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// Fronts want to know.
    Changed,
    /// The file that is played here does this.
    Obey(Wish),
    /// Another's file took the place of the one that is played here.
    Yield,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Listening {
    own: DeviceId,
    played: Option<Played>,
    /// What this device wishes, until it is seen.
    wished: Option<(u64, Wish)>,
    needs: BTreeMap<DeviceId, (u64, u64)>,
    said_ms: Option<u64>,
}

impl Listening {
    pub(crate) fn new(own: DeviceId) -> Self {
        Self { own, played: None, wished: None, needs: BTreeMap::new(), said_ms: None }
    }

    pub(crate) fn played(&self) -> Option<&Played> {
        self.played.as_ref()
    }

    /// What is played still.
    pub(crate) fn current(&self) -> Option<&Played> {
        self.played.as_ref().filter(|played| !played.is_over())
    }

    fn plays_here(&self) -> bool {
        self.current().is_some_and(|played| played.owner == self.own)
    }

    fn next_counter(&self, clocks: Clocks) -> u64 {
        let known = self.played.as_ref().map_or(0, |played| played.version.0);
        // Two wishes within a millisecond are two.
        let wished = self.wished.map_or(0, |(counter, _)| counter);
        known.max(wished).saturating_add(1).max(clocks.wall_ms)
    }

    /// This device plays a file from now on.
    pub(crate) fn begin(&mut self, title: String, length_ms: Option<u64>, clocks: Clocks) {
        let version = (self.next_counter(clocks), self.own);
        self.needs.clear();
        (self.wished, self.said_ms) = (None, None);
        self.played = Some(Played {
            owner: self.own,
            version,
            title,
            length_ms,
            state: PlaybackState::Playing,
            position_ms: 0,
            at: clocks.mono_ms,
            at_wall: clocks.wall_ms,
            delay_ms: DELAY_MS.0,
            is_gone: false,
        });
    }

    /// This person wants something of what is played; `None` where nothing is.
    pub(crate) fn wish(&mut self, wish: Wish, clocks: Clocks) -> Option<Step> {
        self.current()?;
        let counter = self.next_counter(clocks);
        self.said_ms = None;
        if self.plays_here() {
            return Some(self.obey(wish, (counter, self.own)));
        }
        self.wished = Some((counter, wish));
        Some(Step::Nothing)
    }

    fn obey(&mut self, wish: Wish, version: (u64, DeviceId)) -> Step {
        if let Some(played) = &mut self.played {
            played.version = version;
            if wish == Wish::Stop {
                played.state = PlaybackState::Stopped;
            }
        }
        self.said_ms = None;
        Step::Obey(wish)
    }

    /// How far the file that is played here is. Whether that is news.
    pub(crate) fn progress(&mut self, state: PlaybackState, position_ms: u64, clocks: Clocks) -> bool {
        if !self.plays_here() {
            return false;
        }
        let Some(played) = &mut self.played else { return false };
        let is_off = played.position_at(clocks.mono_ms).abs_diff(position_ms) > OFF_MS;
        let is_news = played.state != state || is_off;
        if is_news {
            (played.state, played.position_ms) = (state, position_ms);
            (played.at, played.at_wall) = (clocks.mono_ms, clocks.wall_ms);
            self.said_ms = None;
        }
        let since = clocks.mono_ms.saturating_sub(NEED_HOLDS_MS);
        self.needs.retain(|_, (_, heard_ms)| *heard_ms >= since);
        let needed = self.needs.values().map(|(needs_ms, _)| needs_ms + SPARE_MS).max().unwrap_or(0);
        // It grows only: each change of it is heard.
        played.delay_ms = played.delay_ms.max(needed).clamp(DELAY_MS.0, DELAY_MS.1);
        is_news
    }

    /// A device in the call said something.
    pub(crate) fn hear(&mut self, device: DeviceId, signal: ListeningSignal, clocks: Clocks) -> Step {
        match signal {
            ListeningSignal::Plays { counter, .. } | ListeningSignal::Wishes { counter, .. }
                if counter > clocks.wall_ms.saturating_add(AHEAD_MAX_MS) =>
            {
                Step::Nothing
            }
            ListeningSignal::Listens { needs_ms } => {
                if self.plays_here() {
                    self.needs.insert(device, (u64::from(needs_ms), clocks.mono_ms));
                }
                Step::Nothing
            }
            ListeningSignal::Wishes { counter, wish } => {
                let is_newer = self.current().is_some_and(|played| (counter, device) > played.version);
                if self.plays_here() && is_newer { self.obey(wish, (counter, device)) } else { Step::Nothing }
            }
            ListeningSignal::Plays { counter, by, title, length_ms, position_ms, state, delay_ms } => {
                let heard = Played {
                    owner: device,
                    version: (counter, by),
                    title,
                    length_ms,
                    state,
                    position_ms,
                    at: clocks.mono_ms,
                    at_wall: clocks.wall_ms,
                    delay_ms: u64::from(delay_ms).clamp(DELAY_MS.0, DELAY_MS.1),
                    is_gone: false,
                };
                self.take(heard, clocks)
            }
        }
    }

    fn take(&mut self, mut heard: Played, clocks: Clocks) -> Step {
        // Who comes later is not told of what ended before.
        if self.played.is_none() && heard.is_over() {
            return Step::Nothing;
        }
        let yields = self.plays_here();
        let mut is_news = true;
        if let Some(known) = &self.played {
            let repeats = heard.owner == known.owner && heard.version == known.version;
            if heard.version < known.version || (heard.version == known.version && !repeats) {
                return Step::Nothing;
            }
            let expected_ms = known.position_at(clocks.mono_ms);
            is_news = !repeats || known.is_gone || heard.state != known.state;
            if !is_news && expected_ms.abs_diff(heard.position_ms) <= OFF_MS {
                (heard.position_ms, heard.at, heard.at_wall) = (known.position_ms, known.at, known.at_wall);
            } else {
                is_news = true;
            }
            if heard.owner != known.owner {
                self.said_ms = None;
            }
        }
        if self.wished.is_some_and(|(counter, _)| (counter, self.own) <= heard.version) {
            self.wished = None;
        }
        self.played = Some(heard);
        match (yields, is_news) {
            (true, _) => Step::Yield,
            (false, true) => Step::Changed,
            (false, false) => Step::Nothing,
        }
    }

    /// Who is in the call, beside this device. Whether the file went with somebody.
    pub(crate) fn retain(&mut self, is_in: impl Fn(DeviceId) -> bool) -> bool {
        self.needs.retain(|device, _| is_in(*device));
        let own = self.own;
        let gone = self.played.as_mut().filter(|it| !it.is_over() && it.owner != own && !is_in(it.owner));
        let Some(played) = gone else { return false };
        played.is_gone = true;
        self.wished = None;
        true
    }

    /// What is to be said now, if it is time. `needs_ms` is what this device's way needs.
    pub(crate) fn say(&mut self, needs_ms: u64, now_ms: u64) -> Vec<ListeningSignal> {
        let Some(played) = self.played.as_ref().filter(|_| self.said_ms.is_none_or(|at| at + SAY_EVERY_MS <= now_ms))
        else {
            return Vec::new();
        };
        let mut said = Vec::new();
        if played.owner == self.own {
            said.push(ListeningSignal::Plays {
                counter: played.version.0,
                by: played.version.1,
                title: played.title.clone(),
                length_ms: played.length_ms,
                position_ms: played.position_at(now_ms),
                state: played.state,
                delay_ms: u32::try_from(played.delay_ms).unwrap_or(u32::MAX),
            });
        } else if !played.is_over() {
            said.push(ListeningSignal::Listens { needs_ms: u32::try_from(needs_ms).unwrap_or(u32::MAX) });
            said.extend(self.wished.map(|(counter, wish)| ListeningSignal::Wishes { counter, wish }));
        }
        self.said_ms = Some(now_ms);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Clocks = Clocks { mono_ms: 1_000, wall_ms: 1_700_000_000_000 };

    fn device(n: u8) -> DeviceId {
        DeviceId([n; 32])
    }

    fn all() -> Vec<Listening> {
        (0..3).map(|n| Listening::new(device(n))).collect()
    }

    /// Everybody says what there is to say, and hears it, until nobody does anything.
    fn carry(all: &mut [Listening], mono_ms: u64) -> Vec<(usize, Step)> {
        let clocks = Clocks { mono_ms, ..NOW };
        let mut steps = Vec::new();
        for _ in 0..4 {
            for from in 0..all.len() {
                for signal in all[from].say(120, mono_ms) {
                    for to in (0..all.len()).filter(|to| *to != from) {
                        let step = all[to].hear(device(from as u8), signal.clone(), clocks);
                        steps.extend((step != Step::Nothing).then_some((to, step)));
                    }
                }
            }
        }
        steps
    }

    // Rules: CA8
    #[test]
    fn anybody_may_pause_and_who_plays_obeys_once() {
        let mut all = all();
        all[0].begin("Low water".to_owned(), Some(60_000), NOW);
        assert_eq!(carry(&mut all, 1_000), [(1, Step::Changed), (2, Step::Changed)]);
        assert_eq!(all[1].wish(Wish::Pause, NOW), Some(Step::Nothing));
        assert_eq!(carry(&mut all, 1_500)[0], (0, Step::Obey(Wish::Pause)));
        assert!(all[0].progress(PlaybackState::Paused, 500, Clocks { mono_ms: 1_500, ..NOW }));
        assert_eq!(carry(&mut all, 1_600), [(1, Step::Changed), (2, Step::Changed)]);
        assert!(all.iter().all(|it| it.played().unwrap().version.1 == device(1)));
        assert_eq!(carry(&mut all, 3_000), [], "what was done is not wished again");
        assert_eq!(all[2].wish(Wish::Stop, NOW), Some(Step::Nothing));
        carry(&mut all, 4_000);
        carry(&mut all, 5_000);
        assert!(all.iter().all(|it| it.current().is_none() && it.played().is_some()));
        assert_eq!(all[1].wish(Wish::Play, NOW), None, "nothing is there");
    }

    // Rules: CA8
    #[test]
    fn who_wishes_twice_at_once_gets_both() {
        let mut all = all();
        all[0].begin("one".to_owned(), None, NOW);
        carry(&mut all, 1_000);
        let mut obeyed = Vec::new();
        for wish in [Wish::Seek { position_ms: u64::MAX }, Wish::Play] {
            assert_eq!(all[1].wish(wish, NOW), Some(Step::Nothing));
            for signal in all[1].say(0, 1_500) {
                obeyed.push(all[0].hear(device(1), signal, NOW));
            }
        }
        obeyed.retain(|step| *step != Step::Nothing);
        assert_eq!(obeyed, [Step::Obey(Wish::Seek { position_ms: u64::MAX }), Step::Obey(Wish::Play)]);
        assert!(all[0].progress(PlaybackState::Playing, u64::MAX, NOW));
        carry(&mut all, 9_000);
    }

    // Rules: CA8
    #[test]
    fn of_two_changes_at_once_all_keep_the_same() {
        let mut all = all();
        all[0].begin("one".to_owned(), None, NOW);
        all[1].begin("other".to_owned(), None, NOW);
        let steps = carry(&mut all, 1_000);
        assert!(steps.contains(&(0, Step::Yield)) && !steps.contains(&(1, Step::Yield)), "{steps:?}");
        assert!(all.iter().all(|it| it.current().unwrap().title == "other"));
        // Two who wish at once: who plays ends with that of the greater device.
        all[0].wish(Wish::Seek { position_ms: 10_000 }, NOW);
        all[2].wish(Wish::Seek { position_ms: 20_000 }, NOW);
        carry(&mut all, 2_000);
        carry(&mut all, 3_000);
        assert!(all.iter().all(|it| it.current().unwrap().version.1 == device(2)));
    }

    // Rules: CA8
    #[test]
    fn nobody_else_speaks_for_who_plays() {
        let mut all = all();
        all[0].begin("one".to_owned(), None, NOW);
        let said = all[0].say(0, 1_000);
        all[1].hear(device(0), said[0].clone(), NOW);
        assert_eq!(all[1].hear(device(2), said[0].clone(), NOW), Step::Nothing, "a copy of what another said");
        let ListeningSignal::Plays { by, title, length_ms, position_ms, state, delay_ms, .. } = said[0].clone() else {
            panic!("{said:?}")
        };
        let counter = u64::MAX;
        let forged = ListeningSignal::Plays { counter, by, title, length_ms, position_ms, state, delay_ms };
        assert_eq!(all[1].hear(device(2), forged, NOW), Step::Nothing, "nobody could ever change it");
        assert!(all[1].retain(|device| device == self::device(2)), "who plays is gone, and with them the file");
        assert!(all[1].current().is_none() && all[1].played().unwrap().is_gone);
    }

    // Rules: CA8
    #[test]
    fn who_comes_when_a_file_ended_is_told_of_the_next_only() {
        let mut all = all();
        all[0].begin("one".to_owned(), None, NOW);
        let mut late = all.split_off(2).remove(0);
        carry(&mut all, 1_000);
        assert_eq!(all[0].wish(Wish::Stop, NOW), Some(Step::Obey(Wish::Stop)));
        assert_eq!(carry(&mut all, 2_000), [(1, Step::Changed)], "who heard it is told of its end");
        let said = all[0].say(0, 3_000);
        assert_eq!(said.len(), 1);
        assert_eq!(late.hear(device(0), said[0].clone(), NOW), Step::Nothing);
        assert!(late.played().is_none());
        all[0].begin("other".to_owned(), None, NOW);
        let said = all[0].say(0, 3_000);
        assert_eq!(late.hear(device(0), said[0].clone(), NOW), Step::Changed);
    }

    // Rules: CA9
    #[test]
    fn the_slowest_way_sets_the_delay_of_all() {
        let mut all = all();
        all[0].begin("one".to_owned(), None, NOW);
        carry(&mut all, 1_000);
        for (needs_ms, delay_ms) in [(300, 320), (150, 320), (9_000, 1_000)] {
            all[0].hear(device(2), ListeningSignal::Listens { needs_ms }, NOW);
            all[0].progress(PlaybackState::Playing, 0, NOW);
            assert_eq!(all[0].played().unwrap().delay_ms, delay_ms);
        }
        carry(&mut all, 2_000);
        assert!(all.iter().all(|it| it.played().unwrap().delay_ms == 1_000));
    }
}
