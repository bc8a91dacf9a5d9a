use std::sync::Arc;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{BodyBytes, EventHeader};
use momoland_protocol::id::{Incarnation, LogId, RosterHash};
use momoland_protocol::signed::{SecretKey, Signed};
use proptest::prelude::*;

use super::*;

const ADA: AccountId = AccountId([1; 16]);
const GRACE: AccountId = AccountId([2; 16]);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const HOUR_MS: u64 = 3_600_000;

struct Author {
    account: AccountId,
    key: Arc<SecretKey>,
    last: Option<Event>,
}

impl Author {
    fn new(account: AccountId, seed: u8) -> Self {
        Self { account, key: Arc::new(SecretKey::from_seed(&[seed; 32])), last: None }
    }

    fn says(&mut self, content: LocationContent, at: UnixMillis) -> Event {
        let body = BodyBytes::plain(&content).unwrap();
        let (seq, prev, after) = match &self.last {
            Some(last) => (last.header.get().seq.next().unwrap(), last.id(), last.header.get().hlc),
            None => (Seq(1), EventId::ZERO, Hlc(0)),
        };
        let header = EventHeader {
            log: LogId([7; 32]),
            device: self.key.device(),
            incarnation: Incarnation([9; 16]),
            seq,
            prev,
            hlc: after.tick(at).unwrap(),
            roster: RosterHash::ZERO,
            action: Action::LOCATION,
            targets: Vec::new(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            place: None,
        };
        let event = Event { header: Signed::sign(header, &self.key).unwrap(), body: Some(body) };
        self.last = Some(event.clone());
        event
    }

    fn begins(&mut self, locations: &mut Locations) -> EventId {
        let event = self.says(LocationContent::Begun { until: UnixMillis(NOW.0 + HOUR_MS) }, NOW);
        assert!(locations.apply(&event, self.account, 1));
        event.id()
    }

    fn is_at(&self, locations: &mut Locations, share: EventId, point: Point, mono_ms: u64) {
        locations.hear(self.account, self.key.device(), LivePosition { share, point }, mono_ms);
    }
}

fn point(lat: i32, at_ms: u64) -> Point {
    Point { lat, lng: 0, accuracy_m: None, at: UnixMillis(NOW.0 + at_ms) }
}

#[test]
fn a_share_is_shown_from_its_first_position_to_its_end() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let share = ada.begins(&mut locations);
    assert!(locations.list(NOW, 0).is_empty(), "nobody knows where yet");
    ada.is_at(&mut locations, share, point(1, 0), 0);
    let (moved, ended) = locations.changes(NOW, 0);
    assert_eq!((moved.len(), ended.len()), (1, 0));
    assert_eq!(locations.changes(NOW, 0), (vec![], vec![]), "told once");
    let end = ada.says(LocationContent::Ended { last: None }, UnixMillis(NOW.0 + 10));
    locations.apply(&end, ADA, 1);
    let (moved, ended) = locations.changes(NOW, 10);
    assert_eq!((moved.len(), ended.len()), (0, 1));
    assert!(locations.list(NOW, 10).is_empty());
}

// Rules: LO2, LO3
#[test]
fn what_comes_after_the_end_changes_nothing() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let share = ada.begins(&mut locations);
    let end = ada.says(LocationContent::Ended { last: Some(point(5, 20)) }, UnixMillis(NOW.0 + 10));
    locations.apply(&end, ADA, 1);
    ada.is_at(&mut locations, share, point(9, 30), 30);
    let (moved, ended) = locations.changes(UnixMillis(NOW.0 + 30), 30);
    assert_eq!((moved.len(), ended.len()), (1, 0), "the last point, and nobody who is live");
    let list = locations.list(UnixMillis(NOW.0 + 30), 30);
    assert_eq!(list, vec![Located { account: ADA, point: point(5, 20), until: None }]);
}

#[test]
fn a_position_may_come_before_its_share() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let event = ada.says(LocationContent::Begun { until: UnixMillis(NOW.0 + HOUR_MS) }, NOW);
    ada.is_at(&mut locations, event.id(), point(3, 0), 0);
    assert!(locations.changes(NOW, 0).0.is_empty());
    locations.apply(&event, ADA, 1);
    assert_eq!(locations.changes(NOW, 0).0.len(), 1);
}

#[test]
fn a_share_that_is_prolonged_is_not_interrupted() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let share = ada.begins(&mut locations);
    ada.is_at(&mut locations, share, point(1, 0), 0);
    locations.changes(NOW, 0);
    let until = UnixMillis(NOW.0 + 2 * HOUR_MS);
    let again = ada.says(LocationContent::Begun { until }, UnixMillis(NOW.0 + 10));
    locations.apply(&again, ADA, 1);
    let (moved, ended) = locations.changes(UnixMillis(NOW.0 + 10), 10);
    assert_eq!(moved, vec![Located { account: ADA, point: point(1, 0), until: Some(until) }]);
    assert!(ended.is_empty());
}

// Rules: LO4
#[test]
fn a_share_ends_by_itself() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let share = ada.begins(&mut locations);
    ada.is_at(&mut locations, share, point(1, 0), 0);
    locations.changes(NOW, 0);
    assert_eq!(locations.next_timeouts(), (Some(UnixMillis(NOW.0 + HOUR_MS)), Some(SILENCE_MS_MAX)));
    ada.is_at(&mut locations, share, point(1, HOUR_MS), HOUR_MS);
    let (_, ended) = locations.changes(UnixMillis(NOW.0 + HOUR_MS), HOUR_MS);
    assert_eq!(ended.len(), 1);
}

#[test]
fn a_share_for_ever_ends_after_a_day() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let event = ada.says(LocationContent::Begun { until: UnixMillis(u64::MAX) }, NOW);
    locations.apply(&event, ADA, 1);
    ada.is_at(&mut locations, event.id(), point(1, 0), 0);
    assert_eq!(locations.list(UnixMillis(NOW.0 + SHARE_LASTS_MS_MAX), 1), vec![]);
    assert_eq!(locations.list(UnixMillis(NOW.0 + SHARE_LASTS_MS_MAX - 1), 1).len(), 1);
}

#[test]
fn silence_ends_what_is_shown() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let share = ada.begins(&mut locations);
    ada.is_at(&mut locations, share, point(1, 0), 0);
    locations.changes(NOW, 0);
    assert!(locations.changes(NOW, SILENCE_MS_MAX - 1).1.is_empty());
    assert_eq!(locations.changes(NOW, SILENCE_MS_MAX).1.len(), 1);
    // It holds again with the next word.
    ada.is_at(&mut locations, share, point(1, 1), SILENCE_MS_MAX + 1);
    assert_eq!(locations.changes(NOW, SILENCE_MS_MAX + 1).0.len(), 1);
}

#[test]
fn nobody_moves_another_person() {
    let (mut ada, grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut locations = Locations::default();
    let share = ada.begins(&mut locations);
    ada.is_at(&mut locations, share, point(1, 0), 0);
    grace.is_at(&mut locations, share, point(9, 1), 1);
    let list = locations.list(NOW, 1);
    assert_eq!(list.iter().map(|located| (located.account, located.point.lat)).collect::<Vec<_>>(), [(ADA, 1)]);
}

#[test]
fn an_older_position_changes_nothing_and_the_last_device_counts() {
    let (mut laptop, mut phone) = (Author::new(ADA, 1), Author::new(ADA, 2));
    let mut locations = Locations::default();
    let (first, second) = (laptop.begins(&mut locations), phone.begins(&mut locations));
    laptop.is_at(&mut locations, first, point(4, 10), 0);
    laptop.is_at(&mut locations, first, point(3, 5), 1);
    assert_eq!(locations.list(NOW, 1)[0].point.lat, 4);
    phone.is_at(&mut locations, second, point(8, 11), 2);
    assert_eq!(locations.list(NOW, 2)[0].point.lat, 8);
    assert_eq!(locations.list(NOW, 2).len(), 1, "one person, one place");
}

#[test]
fn a_cut_gives_back_what_was_before() {
    let mut ada = Author::new(ADA, 1);
    let mut locations = Locations::default();
    let once = ada.says(LocationContent::Once { point: point(1, 0) }, NOW);
    let later = ada.says(LocationContent::Once { point: point(2, 1) }, UnixMillis(NOW.0 + 1));
    locations.apply(&once, ADA, 1);
    locations.apply(&later, ADA, 1);
    assert!(locations.take_back(|_, seq, _| seq > Seq(1)));
    assert_eq!(locations.list(NOW, 0)[0].point.lat, 1);
    assert!(!locations.take_back(|_, _, _| false));
}

proptest! {
    #[test]
    fn prop_order_of_arrival_does_not_matter(
        said in prop::collection::vec((any::<bool>(), 0..3_u8, -90..90_i32), 1..12),
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut authors = [Author::new(ADA, 1), Author::new(GRACE, 2)];
        let mut events = Vec::new();
        for (at, (whose, kind, lat)) in said.into_iter().enumerate() {
            let author = &mut authors[usize::from(whose)];
            let at = at as u64;
            let content = match kind {
                0 => LocationContent::Once { point: point(lat, at) },
                1 => LocationContent::Begun { until: UnixMillis(NOW.0 + HOUR_MS) },
                _ => LocationContent::Ended { last: (lat > 0).then(|| point(lat, at)) },
            };
            events.push((author.account, author.says(content, UnixMillis(NOW.0 + at))));
        }
        let mut one = Locations::default();
        for (account, event) in &events {
            one.apply(event, *account, 1);
        }
        let mut other = Locations::default();
        for at in order.into_iter().filter(|at| *at < events.len()) {
            let (account, event) = &events[at];
            other.apply(event, *account, 1);
        }
        for author in &authors {
            let device = author.key.device();
            prop_assert_eq!(one.under_way(author.account, device, NOW), other.under_way(author.account, device, NOW));
        }
        prop_assert_eq!(one.list(NOW, 0), other.list(NOW, 0));
    }
}
