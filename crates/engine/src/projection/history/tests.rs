use momoland_protocol::event::Action;
use momoland_protocol::id::{BodyHash, DeviceId, EventId, Incarnation, LogId, RosterHash};

use super::*;

fn chain(number: u8) -> ChainId {
    ChainId { device: DeviceId([number; 32]), incarnation: Incarnation::ZERO }
}

fn header(of: u8, seq: u64, hlc: u64) -> EventHeader {
    EventHeader {
        log: LogId([0; 32]),
        device: chain(of).device,
        incarnation: Incarnation::ZERO,
        seq: Seq(seq),
        prev: EventId::ZERO,
        hlc: Hlc(hlc),
        roster: RosterHash::ZERO,
        action: Action::POST,
        targets: Vec::new(),
        body_hash: BodyHash([0; 32]),
        body_length: 0,
        place: None,
    }
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let headers = [header(1, 5, 50), header(1, 4, 40), header(2, 9, 70), header(2, 8, 65), header(3, 1, 10)];
    let (mut one, mut other) = (History::default(), History::default());
    headers.iter().for_each(|header| _ = one.note(header, 1));
    headers.iter().rev().for_each(|header| _ = other.note(header, 1));
    assert_eq!(one, other);
}

#[test]
fn what_is_missing_is_named_newest_first() {
    let mut history = History::default();
    for header in [header(1, 5, 50), header(2, 9, 70), header(3, 1, 60), header(4, 7, 20)] {
        assert!(!history.note(&header, 1), "the first that is held of a chain is further back than nothing");
    }
    assert_eq!(history.missing(), [chain(2), chain(1), chain(4)]);
    assert_eq!(history.edge(), Some(Hlc(70)));
    assert!(history.note(&header(2, 8, 25), 1));
    assert_eq!(history.missing(), [chain(1), chain(2), chain(4)]);
    assert_eq!(history.edge(), Some(Hlc(50)));
}

#[test]
fn a_chain_that_does_not_count_is_not_missed() {
    let mut history = History::default();
    history.note(&header(1, 5, 50), 3);
    history.note(&header(2, 1, 10), 3);
    history.take_back(|of, seq, version| of == chain(1) && seq == Seq(5) && version == 3);
    assert_eq!((history.edge(), history.missing()), (None, Vec::new()));
}
