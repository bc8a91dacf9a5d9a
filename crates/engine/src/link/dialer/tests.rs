use proptest::prelude::*;

use super::*;

const ZERO: Duration = Duration::ZERO;

fn device(name: u8) -> DeviceId {
    DeviceId([name; 32])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_lower_id_dials_at_once_and_the_higher_after_the_grace() {
    let mut lower = Dialer::new(device(1), 0);
    lower.set_wanted(ZERO, [device(2)]);
    assert_eq!(lower.poll_dial(ZERO), Some(device(2)));
    assert_eq!(lower.poll_dial(ZERO), None, "once");

    let mut higher = Dialer::new(device(2), 0);
    higher.set_wanted(ZERO, [device(1), device(2)]);
    assert_eq!(higher.poll_dial(ZERO), None);
    assert_eq!(higher.poll_timeout(), Some(GRACE));
    assert_eq!(higher.poll_dial(GRACE), Some(device(1)));
    assert_eq!(higher.poll_dial(seconds(60)), None, "never itself");
}

#[test]
fn who_was_linked_by_the_other_side_is_not_dialled() {
    let mut dialer = Dialer::new(device(2), 0);
    dialer.set_wanted(ZERO, [device(1)]);
    dialer.handle_open(device(1));
    assert_eq!(dialer.poll_dial(seconds(60)), None);
    assert_eq!(dialer.poll_timeout(), None);
    dialer.handle_closed(seconds(60), device(1));
    assert_eq!(dialer.poll_dial(seconds(62)), Some(device(1)));
}

#[test]
fn a_direct_way_is_looked_for_ever_more_seldom() {
    let mut dialer = Dialer::new(device(1), 3);
    dialer.set_wanted(ZERO, [device(2)]);
    assert_eq!(dialer.poll_dial(ZERO), Some(device(2)));
    dialer.handle_open(device(2));
    let (mut now, mut before) = (ZERO, ZERO);
    for look in 0..12 {
        // Told again and again, as round trips are measured.
        dialer.handle_path(now, device(2), PeerPath::Turn);
        assert_eq!(dialer.poll_better(now), None, "look {look}");
        let at = dialer.poll_timeout().expect("it looks again");
        let delay = at - now;
        assert!(delay >= BETTER_DELAY_MIN.mul_f64(0.75) && delay <= BETTER_DELAY_MAX, "look {look} after {delay:?}");
        assert!(delay >= before.min(BETTER_DELAY_MAX.mul_f64(0.75)), "look {look}: {before:?}, then {delay:?}");
        (now, before) = (at, delay);
        assert_eq!(dialer.poll_better(now), Some(device(2)), "look {look}");
    }
    dialer.handle_path(now, device(2), PeerPath::Direct);
    assert_eq!(dialer.poll_timeout(), None, "it was found");
    dialer.handle_path(now, device(2), PeerPath::Turn);
    assert!(dialer.poll_timeout().is_some_and(|at| at - now <= BETTER_DELAY_MIN), "lost again");
    dialer.handle_closed(now, device(2));
    assert_eq!(dialer.poll_better(seconds(100_000)), None, "a link that is gone is dialled, and not looked at");

    let mut higher = Dialer::new(device(3), 3);
    higher.set_wanted(ZERO, [device(2)]);
    higher.handle_open(device(2));
    higher.handle_path(ZERO, device(2), PeerPath::Turn);
    assert_eq!(higher.poll_timeout(), None, "the other one looks");
}

#[test]
fn who_went_offline_is_no_longer_tried() {
    let mut dialer = Dialer::new(device(1), 0);
    dialer.set_wanted(ZERO, [device(2), device(3)]);
    dialer.set_wanted(ZERO, [device(3)]);
    assert_eq!(dialer.poll_dial(ZERO), Some(device(3)));
    dialer.set_wanted(ZERO, []);
    dialer.handle_failed(ZERO, device(3));
    assert_eq!(dialer.poll_dial(seconds(60)), None);
    assert!(dialer.targets.is_empty());
}

#[test]
fn delays_grow_to_ten_seconds_and_no_further() {
    let mut dialer = Dialer::new(device(1), 7);
    dialer.set_wanted(ZERO, [device(2)]);
    let mut now = ZERO;
    let mut longest = ZERO;
    for attempt in 0..40 {
        assert_eq!(dialer.poll_dial(now), Some(device(2)), "attempt {attempt}");
        dialer.handle_failed(now, device(2));
        let at = dialer.poll_timeout().unwrap();
        let delay = at - now;
        assert!(delay >= RETRY_DELAY_MIN / 2 && delay <= RETRY_DELAY_MAX, "{delay:?}");
        assert_eq!(dialer.poll_dial(at - Duration::from_nanos(1)), None);
        longest = longest.max(delay);
        now = at;
    }
    assert!(longest > RETRY_DELAY_MAX / 2);
}

#[test]
fn a_network_change_ends_the_waiting() {
    let mut dialer = Dialer::new(device(1), 7);
    dialer.set_wanted(ZERO, [device(2)]);
    for _ in 0..10 {
        let at = dialer.poll_timeout().unwrap();
        assert_eq!(dialer.poll_dial(at), Some(device(2)));
        dialer.handle_failed(at, device(2));
    }
    dialer.handle_network_change(seconds(1));
    assert_eq!(dialer.poll_dial(seconds(1)), Some(device(2)));
}

#[test]
fn in_a_crowd_both_ends_choose_the_same_pairs() {
    let crowd: Vec<DeviceId> = (1..=40).map(device).collect();
    for one in &crowd {
        for other in &crowd {
            assert_eq!(rank(*one, *other), rank(*other, *one));
        }
    }
    let mut dialer = Dialer::new(device(1), 0);
    dialer.set_wanted(ZERO, crowd.clone());
    let mut reached = Vec::new();
    while let Some(device) = dialer.poll_dial(ZERO) {
        dialer.handle_open(device);
        reached.push(device);
    }
    assert_eq!(reached.len(), LINKS_MAX);
    let mut by_rank: Vec<DeviceId> = crowd.into_iter().filter(|other| *other != device(1)).collect();
    by_rank.sort_by_key(|other| rank(device(1), *other));
    assert_eq!(reached, by_rank[..LINKS_MAX]);
}

#[test]
fn the_same_seed_gives_the_same_times() {
    let run = |seed| {
        let mut dialer = Dialer::new(device(1), seed);
        dialer.set_wanted(ZERO, [device(2), device(3)]);
        let mut times = Vec::new();
        let mut now = ZERO;
        for _ in 0..20 {
            while let Some(device) = dialer.poll_dial(now) {
                dialer.handle_failed(now, device);
            }
            now = dialer.poll_timeout().unwrap();
            times.push(now);
        }
        times
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

proptest! {
    #[test]
    fn prop_budgets_hold_whatever_happens(
        steps in prop::collection::vec((0u8..6, 1u8..20, 0u64..5_000), 0..200),
        seed: u64,
    ) {
        let mut dialer = Dialer::new(device(10), seed);
        let mut now = ZERO;
        let mut dialled = std::collections::BTreeSet::new();
        let mut linked_by_dialling = std::collections::BTreeSet::new();
        dialer.set_wanted(now, (1..20).map(device));
        for (kind, name, millis) in steps {
            match kind {
                0 => dialer.set_wanted(now, (1..20).filter(|other| other % 2 == name % 2).map(device)),
                1 => dialer.set_wanted(now, (1..20).map(device)),
                2 => {
                    if dialled.remove(&device(name)) {
                        dialer.handle_open(device(name));
                        linked_by_dialling.insert(device(name));
                    }
                }
                3 => {
                    if linked_by_dialling.remove(&device(name)) {
                        dialer.handle_closed(now, device(name));
                    }
                }
                4 => {
                    if dialled.remove(&device(name)) {
                        dialer.handle_failed(now, device(name));
                    }
                }
                _ => now += Duration::from_millis(millis),
            }
            while let Some(next) = dialer.poll_dial(now) {
                prop_assert!(dialled.insert(next), "dialled twice");
                prop_assert!(!linked_by_dialling.contains(&next), "dialled though linked");
            }
            prop_assert!(dialled.len() <= ATTEMPTS_MAX);
            prop_assert!(dialled.len() + linked_by_dialling.len() <= LINKS_MAX);
            if let Some(at) = dialer.poll_timeout() {
                prop_assert!(at > now, "what is due was polled");
            }
        }
    }
}
