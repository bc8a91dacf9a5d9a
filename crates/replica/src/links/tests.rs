use proptest::prelude::*;

use super::*;

const ROOMS: u8 = 3;

fn room(number: u8) -> RoomId {
    RoomId([number; 32])
}

// Rules: SY9
#[test]
fn logs_take_turns_on_a_link() {
    let mut link = Link::new(Remote::Relay);
    let logs = [1, 2, 3].map(|number| LogId([number; 32]));
    link.ready.extend(logs);
    let mut served = Vec::new();
    for _ in 0..7 {
        let next = link.next_ready().unwrap();
        link.served = Some(next);
        served.push(next);
    }
    assert_eq!(served, [logs[0], logs[1], logs[2], logs[0], logs[1], logs[2], logs[0]]);
    link.ready.remove(&logs[1]);
    assert_eq!(link.next_ready(), Some(logs[2]), "whoever has nothing is passed over");
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u64),
    Remove(u64),
    Enter(u64, u8),
    Leave(u64, u8),
    WakeBy(u64, u64),
    TakeDue(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let link = || 0..5_u64;
    prop_oneof![
        link().prop_map(Step::Insert),
        link().prop_map(Step::Remove),
        (link(), 0..ROOMS).prop_map(|(link, room)| Step::Enter(link, room)),
        (link(), 0..ROOMS).prop_map(|(link, room)| Step::Leave(link, room)),
        (link(), 0..20_u64).prop_map(|(link, at)| Step::WakeBy(link, at)),
        (0..20_u64).prop_map(Step::TakeDue),
    ]
}

proptest! {
    #[test]
    fn prop_links_are_found_by_room_and_by_time(steps in proptest::collection::vec(step(), 0..60)) {
        let mut links = Links::default();
        let mut entered: BTreeSet<(u8, u64)> = BTreeSet::new();
        let mut woken: BTreeMap<u64, u64> = BTreeMap::new();
        let mut up: BTreeSet<u64> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Insert(link) | Step::Remove(link) => {
                    entered.retain(|(_, of)| *of != link);
                    woken.remove(&link);
                    if matches!(step, Step::Insert(_)) {
                        up.insert(link);
                        links.insert(LinkId(link), Remote::Relay);
                    } else {
                        prop_assert_eq!(links.remove(LinkId(link)).is_some(), up.remove(&link));
                    }
                }
                Step::Enter(link, of) => {
                    prop_assert_eq!(links.enter(LinkId(link), room(of)).is_some(), up.contains(&link));
                    if up.contains(&link) {
                        entered.insert((of, link));
                    }
                }
                Step::Leave(link, of) => {
                    prop_assert_eq!(links.leave(LinkId(link), room(of)).is_some(), entered.remove(&(of, link)));
                }
                Step::WakeBy(link, at) => {
                    links.wake_by(LinkId(link), Mono(at));
                    if up.contains(&link) {
                        let earliest = woken.entry(link).or_insert(at);
                        *earliest = at.min(*earliest);
                    }
                }
                Step::TakeDue(now) => {
                    let mut due = links.take_due(Mono(now));
                    due.sort_unstable();
                    let expected: Vec<LinkId> =
                        woken.extract_if(.., |_, at| *at <= now).map(|(link, _)| LinkId(link)).collect();
                    prop_assert_eq!(due, expected);
                }
            }
            links.check_invariants();
            prop_assert_eq!(links.next_wake().map(|(at, _)| at.0), woken.values().min().copied());
            for of in 0..ROOMS {
                let expected = entered.iter().filter(|(room, _)| *room == of).map(|(_, link)| LinkId(*link));
                prop_assert!(links.in_room(room(of)).eq(expected));
            }
        }
    }
}
