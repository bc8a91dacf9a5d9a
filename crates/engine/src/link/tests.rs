//! Real links between devices of one process, over loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;

/// Nothing here takes a tenth of this; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A device with its links, and what it was told.
struct Device {
    id: DeviceId,
    links: PeerLinks,
    events: mpsc::Receiver<PeerEvent>,
}

impl Device {
    fn new(name: u8) -> Self {
        Self::with(name, |_| {})
    }

    fn with(name: u8, change: impl FnOnce(&mut PeerConfig)) -> Self {
        let id = DeviceId([name; 32]);
        let mut config = PeerConfig {
            own: id,
            ice_servers: Vec::new(),
            policy: PeerPolicy::All,
            include_loopback: true,
            timeouts: PeerTimeouts::PRODUCT,
        };
        change(&mut config);
        let (sender, events) = mpsc::channel(64);
        Self { id, links: PeerLinks::new(config, sender), events }
    }
}

/// Several devices and the introducer between them.
struct World {
    devices: Vec<Device>,
    /// What is not a signal, in order, with who was told.
    seen: Vec<(usize, PeerEvent)>,
    /// What passed the introducer.
    signals: Vec<Signal>,
    /// What the introducer makes of a signal; an honest one passes it on.
    introducer: fn(Signal) -> Vec<Signal>,
}

impl World {
    fn new(devices: impl IntoIterator<Item = Device>) -> Self {
        let introducer = |signal| vec![signal];
        Self { devices: devices.into_iter().collect(), seen: Vec::new(), signals: Vec::new(), introducer }
    }

    fn pair() -> Self {
        Self::new([Device::new(1), Device::new(2)])
    }

    fn dial(&self, from: usize, to: usize) {
        self.devices[from].links.dial(self.devices[to].id);
    }

    /// Passes signals on until somebody is told something else.
    async fn next(&mut self) -> (usize, &PeerEvent) {
        let wait = async {
            loop {
                let (index, event) = {
                    let receive = self.devices.iter_mut().enumerate().map(|(index, device)| {
                        Box::pin(
                            async move { (index, device.events.recv().await.expect("links end with their owner")) },
                        )
                    });
                    futures_util::future::select_all(receive).await.0
                };
                let PeerEvent::Signal { to, signal } = event else { break (index, event) };
                // As an introducer has it: bytes.
                let signal = Signal::decode(&signal.encode()).expect("own signals are within bounds");
                self.signals.push(signal.clone());
                let from = self.devices[index].id;
                if let Some(device) = self.devices.iter().find(|device| device.id == to) {
                    for signal in (self.introducer)(signal) {
                        device.links.signal(from, signal);
                    }
                }
            }
        };
        let Ok(told) = timeout(PATIENCE, wait).await else {
            panic!("nothing happens in time after {:?} and {:?}", self.seen, self.signals)
        };
        self.seen.push(told);
        let (index, event) = self.seen.last().expect("just pushed");
        (*index, event)
    }

    async fn until(&mut self, mut done: impl FnMut(&[(usize, PeerEvent)]) -> bool) {
        while !done(&self.seen) {
            self.next().await;
        }
    }

    /// Waits for one open link at both ends; answers their connections.
    async fn linked(&mut self, one: usize, other: usize) -> (u64, u64) {
        let ids = [self.devices[one].id, self.devices[other].id];
        let find = |seen: &[(usize, PeerEvent)], at: usize, with: DeviceId| {
            seen.iter().rev().find_map(|(index, event)| match event {
                PeerEvent::Open { device, connection, .. } if *index == at && *device == with => Some(*connection),
                _ => None,
            })
        };
        self.until(|seen| find(seen, one, ids[1]).is_some() && find(seen, other, ids[0]).is_some()).await;
        let connection = |at, with| find(&self.seen, at, with).expect("just waited for");
        (connection(one, ids[1]), connection(other, ids[0]))
    }

    async fn shutdown(self) {
        for device in self.devices {
            device.links.shutdown().await;
        }
    }
}

impl World {
    /// Waits for the end of the link or attempt that `at` has; answers why.
    async fn ended(&mut self, at: usize) -> CloseReason {
        loop {
            let (index, event) = self.next().await;
            if let (true, PeerEvent::Closed { reason, .. } | PeerEvent::AttemptFailed { reason, .. }) =
                (index == at, event)
            {
                return *reason;
            }
        }
    }

    fn frames(&self, at: usize, wanted: Class) -> Vec<Bytes> {
        let frames = self.seen.iter().filter_map(|(index, event)| match event {
            PeerEvent::Frame { class, bytes, .. } if *index == at && *class == wanted => Some(bytes.clone()),
            _ => None,
        });
        frames.collect()
    }

    fn opens(&self, at: usize) -> usize {
        self.seen.iter().filter(|(index, event)| *index == at && matches!(event, PeerEvent::Open { .. })).count()
    }

    /// Distinct sessions that somebody offered.
    fn attempts(&self) -> usize {
        let offers = self.signals.iter().filter(|signal| matches!(signal.payload, SignalPayload::Offer { .. }));
        offers.map(|signal| signal.session).collect::<BTreeSet<_>>().len()
    }

    /// Panics where a link spoke before it opened, after it closed, or opened twice.
    fn check_order(&self) {
        let mut open = BTreeMap::new();
        let mut ever = BTreeSet::new();
        for (index, event) in &self.seen {
            match event {
                PeerEvent::Open { device, connection, .. } => {
                    assert!(ever.insert((*index, *connection)), "a connection opened twice");
                    assert_eq!(open.insert((*index, *device), *connection), None, "two links with one device");
                }
                PeerEvent::Frame { device, connection, .. }
                | PeerEvent::Path { device, connection, .. }
                | PeerEvent::Writable { device, connection } => {
                    assert_eq!(open.get(&(*index, *device)), Some(connection), "{event:?} outside of a link");
                }
                PeerEvent::Closed { device, connection, .. } => {
                    assert_eq!(open.remove(&(*index, *device)), Some(*connection), "closed without being open");
                }
                PeerEvent::AttemptFailed { .. } | PeerEvent::Signal { .. } => {}
            }
        }
    }
}

fn numbered(count: u32) -> Vec<Bytes> {
    (0..count).map(|index| Bytes::copy_from_slice(&index.to_be_bytes())).collect()
}

/// Short enough for a test, long enough for a loaded machine.
const IMPATIENT: PeerTimeouts = PeerTimeouts {
    attempt: Duration::from_secs(3),
    ice_disconnected: Duration::from_millis(600),
    ice_failed: Duration::from_millis(900),
    ice_keepalive: Duration::from_millis(100),
    ping: Duration::from_millis(100),
    unresponsive: Duration::from_secs(5),
};

// Rules: PL1, PL6
#[tokio::test]
async fn frames_travel_both_ways_on_both_channels() {
    let mut world = World::pair();
    world.dial(0, 1);
    let (one, other) = world.linked(0, 1).await;
    let long = Bytes::from_iter((0..DURABLE_FRAME_BYTES_MAX).map(|index| (index % 251) as u8));
    for (device, connection) in [(0, one), (1, other)] {
        let links = &world.devices[device].links;
        links.try_send(connection, Class::Durable, Bytes::from_static(b"durable")).unwrap();
        links.try_send(connection, Class::Durable, long.clone()).unwrap();
        links.try_send(connection, Class::Ephemeral, Bytes::from_static(b"ephemeral")).unwrap();
    }
    let frames =
        |seen: &[(usize, PeerEvent)]| seen.iter().filter(|(_, event)| matches!(event, PeerEvent::Frame { .. })).count();
    world.until(|seen| frames(seen) == 6).await;
    for device in [0, 1] {
        assert_eq!(world.frames(device, Class::Durable), [Bytes::from_static(b"durable"), long.clone()]);
        assert_eq!(world.frames(device, Class::Ephemeral), [Bytes::from_static(b"ephemeral")]);
        let stats = world.devices[device].links.stats();
        assert_eq!(stats.len(), 1);
        assert_eq!(stats[0].path, PeerPath::Direct);
        assert!(stats[0].bytes_in > long.len() as u64 && stats[0].bytes_out > long.len() as u64, "{stats:?}");
        assert!(stats[0].rtt > Duration::ZERO && stats[0].rtt < Duration::from_secs(1), "{stats:?}");
    }
    world.check_order();
    world.shutdown().await;
}

/// C40: both offer at once, fifty times.
// Rules: PL5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn glare_ends_in_one_link() {
    for round in 0..50 {
        let mut world = World::pair();
        if round % 2 == 0 {
            world.dial(0, 1);
            world.dial(1, 0);
        } else {
            world.dial(1, 0);
            world.dial(0, 1);
        }
        let (one, other) = world.linked(0, 1).await;
        assert!(world.attempts() <= 2, "round {round}: {} attempts", world.attempts());
        world.devices[0].links.try_send(one, Class::Durable, Bytes::from_static(b"1")).unwrap();
        world.devices[1].links.try_send(other, Class::Durable, Bytes::from_static(b"2")).unwrap();
        let frames = |seen: &[(usize, PeerEvent)], at| {
            seen.iter().any(|(index, event)| *index == at && matches!(event, PeerEvent::Frame { .. }))
        };
        world.until(|seen| frames(seen, 0) && frames(seen, 1)).await;
        let told: Vec<_> = world
            .seen
            .iter()
            .filter(|(_, event)| matches!(event, PeerEvent::Closed { .. } | PeerEvent::AttemptFailed { .. }))
            .collect();
        assert!(told.is_empty(), "round {round}: {told:?}");
        for device in [0, 1] {
            assert_eq!(world.opens(device), 1, "round {round}");
            assert_eq!(world.devices[device].links.stats().len(), 1);
        }
        world.check_order();
        world.shutdown().await;
    }
}

// Rules: HS6
#[tokio::test]
async fn both_ends_see_the_same_fingerprints() {
    let mut world = World::pair();
    world.dial(1, 0);
    world.linked(0, 1).await;
    let opens: Vec<_> = world
        .seen
        .iter()
        .filter_map(|(index, event)| match event {
            PeerEvent::Open { fingerprints, side, .. } => Some((*index, *fingerprints, *side)),
            _ => None,
        })
        .collect();
    assert_eq!(opens.len(), 2);
    assert_eq!(opens[0].1, opens[1].1);
    assert_ne!(opens[0].1.offerer, opens[0].1.answerer);
    for (index, _, side) in opens {
        assert_eq!(side, if index == 1 { Side::Offerer } else { Side::Answerer });
    }
    world.shutdown().await;
}

/// An introducer that puts another certificate's fingerprint into the offer, as it would to stand between the two.
// Rules: HS6
#[tokio::test]
async fn a_swapped_fingerprint_opens_nothing() {
    let impatient = |config: &mut PeerConfig| config.timeouts = IMPATIENT;
    let mut world = World::new([Device::with(1, impatient), Device::with(2, impatient)]);
    world.introducer = |mut signal| {
        if let SignalPayload::Offer { sdp, .. } = &mut signal.payload {
            let lines = sdp.lines().map(|line| {
                if line.starts_with("a=fingerprint:") {
                    format!("a=fingerprint:sha-256 {}\r\n", ["AB"; 32].join(":"))
                } else {
                    format!("{line}\r\n")
                }
            });
            *sdp = lines.collect();
        }
        vec![signal]
    };
    world.dial(0, 1);
    world.ended(0).await;
    assert_eq!((world.opens(0), world.opens(1)), (0, 0));
    world.shutdown().await;
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives() {
    let mut world = World::pair();
    world.dial(0, 1);
    let (one, _) = world.linked(0, 1).await;
    for frame in numbered(500) {
        world.devices[0].links.try_send(one, Class::Durable, frame).unwrap();
    }
    world.devices[0].links.close(world.devices[1].id, CloseReason::Requested);
    assert_eq!(world.ended(1).await, CloseReason::RemoteClosed);
    assert!(world.frames(1, Class::Durable) == numbered(500), "{} arrived", world.frames(1, Class::Durable).len());
    world
        .until(|seen| seen.iter().any(|(index, event)| *index == 0 && matches!(event, PeerEvent::Closed { .. })))
        .await;
    world.check_order();
    world.shutdown().await;
}

#[tokio::test]
async fn a_closed_link_refuses_frames_at_once() {
    let mut world = World::pair();
    world.dial(0, 1);
    let (one, _) = world.linked(0, 1).await;
    let send = |world: &World, connection| {
        world.devices[0].links.try_send(connection, Class::Durable, Bytes::from_static(b"x"))
    };
    assert_eq!(send(&world, one + 1), Err(SendRefused::Closed), "no such link");
    world.devices[0].links.close(world.devices[1].id, CloseReason::Requested);
    assert_eq!(send(&world, one), Err(SendRefused::Closed));
    assert_eq!(world.ended(0).await, CloseReason::Requested);
    world.shutdown().await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_writer_and_loses_nothing() {
    let mut world = World::pair();
    world.dial(0, 1);
    let (one, _) = world.linked(0, 1).await;
    // The reader is asleep: only what the queues hold goes out.
    let frame = |index: u32| {
        let mut frame = vec![0; 200_000];
        frame[..4].copy_from_slice(&index.to_be_bytes());
        Bytes::from(frame)
    };
    let mut sent = 0u32;
    let full = async {
        let mut refused_since = None;
        loop {
            match world.devices[0].links.try_send(one, Class::Durable, frame(sent)) {
                Ok(()) => {
                    sent += 1;
                    refused_since = None;
                }
                Err(SendRefused::Full) => {
                    // Full for good once nothing has moved for a while.
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > Duration::from_millis(300) {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                Err(refused) => panic!("{refused:?}"),
            }
        }
    };
    timeout(PATIENCE, full).await.expect("queues are bounded");
    assert!(sent < 250, "{sent} frames were taken while nobody read");
    let writable = |seen: &[(usize, PeerEvent)]| {
        seen.iter().any(|(index, event)| *index == 0 && matches!(event, PeerEvent::Writable { .. }))
    };
    world.until(writable).await;
    world.devices[0].links.try_send(one, Class::Durable, frame(sent)).unwrap();
    sent += 1;
    let arrived = |seen: &[(usize, PeerEvent)]| {
        seen.iter().filter(|(index, event)| *index == 1 && matches!(event, PeerEvent::Frame { .. })).count()
    };
    world.until(|seen| arrived(seen) == sent as usize).await;
    let indexes: Vec<u32> = world
        .frames(1, Class::Durable)
        .iter()
        .map(|frame| u32::from_be_bytes(frame[..4].try_into().unwrap()))
        .collect();
    assert_eq!(indexes, (0..sent).collect::<Vec<_>>());
    world.check_order();
    world.shutdown().await;
}

/// C43: the other end is gone without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_peer_is_found_out() {
    let impatient = |config: &mut PeerConfig| config.timeouts = IMPATIENT;
    let mut world = World::new([Device::with(1, impatient)]);
    // The other device lives in a runtime of its own, which is then killed as a process would be: its sockets close,
    // nothing is said.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let second = {
        let _inside = doomed.enter();
        Device::with(2, impatient)
    };
    world.devices.push(second);
    world.dial(0, 1);
    world.linked(0, 1).await;
    doomed.shutdown_background();
    let dead = world.devices.pop().unwrap();
    let start = Instant::now();
    assert_eq!(world.ended(0).await, CloseReason::IceFailed);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(world.devices[0].links.stats().is_empty());
    drop(dead);
    world.shutdown().await;
}

/// The other process was killed and started again before its death was noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_starts_again_replaces_its_link() {
    let mut world = World::pair();
    world.dial(0, 1);
    world.linked(0, 1).await;
    let old = std::mem::replace(&mut world.devices[1], Device::new(2));
    // The old one says nothing any more.
    std::mem::forget(old);
    world.dial(1, 0);
    world
        .until(|seen| {
            seen.iter().filter(|(index, event)| *index == 0 && matches!(event, PeerEvent::Open { .. })).count() == 2
        })
        .await;
    let ends: Vec<_> = world
        .seen
        .iter()
        .filter_map(|(index, event)| match event {
            PeerEvent::Closed { reason, .. } if *index == 0 => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [CloseReason::Superseded]);
    assert_eq!(world.devices[0].links.stats().len(), 1);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_keeps_the_link() {
    let mut world = World::pair();
    world.dial(0, 1);
    let (one, other) = world.linked(0, 1).await;
    // One side, the other side, both at once: the last is glare within a session, and rolls back.
    for (round, restarting) in [vec![0], vec![1], vec![0, 1]].into_iter().enumerate() {
        let answers = |world: &World| {
            let answers = world.signals.iter().filter(|signal| matches!(signal.payload, SignalPayload::Answer { .. }));
            answers.count()
        };
        let before = answers(&world);
        for device in restarting {
            world.devices[device].links.restart_ice(world.devices[1 - device].id);
        }
        // Frames keep the introducer at work, and show that both directions live on.
        let mark = Bytes::from(vec![round as u8]);
        let both = async {
            loop {
                world.devices[0].links.try_send(one, Class::Durable, mark.clone()).unwrap();
                world.devices[1].links.try_send(other, Class::Durable, mark.clone()).unwrap();
                world.next().await;
                world.next().await;
                let here = |at| world.frames(at, Class::Durable).last() == Some(&mark);
                if answers(&world) > before && here(0) && here(1) {
                    break;
                }
            }
        };
        timeout(PATIENCE, both).await.expect("the restart is answered and frames go on");
    }
    let ends = world.seen.iter().filter(|(_, event)| matches!(event, PeerEvent::Closed { .. })).count();
    assert_eq!(ends, 0);
    world.check_order();
    world.shutdown().await;
}

/// C42: candidates that lead nowhere come first and do not hold up those that work.
#[tokio::test]
async fn unresolvable_candidates_hold_nothing_up() {
    let mut world = World::pair();
    world.introducer = |signal| {
        let bogus = |line: &str| Signal {
            session: signal.session,
            payload: SignalPayload::Candidate(Candidate {
                line: line.to_owned(),
                mid: Some("0".to_owned()),
                mline_index: Some(0),
            }),
        };
        let mut signals = vec![
            bogus("candidate:1 1 udp 2130706431 6b0f8f4c-9d7c-4a09-8a3a-1e4f1f0b9d11.local 50000 typ host"),
            bogus("candidate:2 1 udp 2130706431 203.0.113.7 9 typ host"),
            bogus("candidate:3 1 tcp 2105458943 127.0.0.1 9 typ host tcptype passive"),
            bogus("candidate:what"),
        ];
        signals.push(signal);
        signals
    };
    let start = Instant::now();
    world.dial(0, 1);
    world.linked(0, 1).await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    world.shutdown().await;
}

#[tokio::test]
async fn a_policy_of_none_neither_dials_nor_answers() {
    let none = |config: &mut PeerConfig| config.policy = PeerPolicy::None;
    let mut world = World::new([Device::with(1, none), Device::new(2)]);
    world.dial(0, 1);
    assert_eq!(world.ended(0).await, CloseReason::Policy);
    world.dial(1, 0);
    assert_eq!(world.ended(1).await, CloseReason::RemoteClosed);
    assert_eq!(world.opens(0) + world.opens(1), 0);

    world.devices[0].links.set_policy(PeerPolicy::All);
    world.dial(1, 0);
    world.linked(0, 1).await;
    world.devices[0].links.set_policy(PeerPolicy::None);
    assert_eq!(world.ended(0).await, CloseReason::Policy);
    world.check_order();
    world.shutdown().await;
}

#[tokio::test]
async fn turn_only_without_a_relay_opens_nothing() {
    let only = |config: &mut PeerConfig| {
        config.policy = PeerPolicy::TurnOnly;
        config.timeouts = IMPATIENT;
    };
    let mut world = World::new([Device::with(1, only), Device::with(2, |config| config.timeouts = IMPATIENT)]);
    world.dial(0, 1);
    world.ended(0).await;
    assert_eq!(world.opens(0) + world.opens(1), 0);
    let gathered = world.signals.iter().filter_map(|signal| match &signal.payload {
        SignalPayload::Candidate(candidate) => candidate.kind(),
        _ => None,
    });
    // Only the other side shows its addresses.
    assert!(gathered.count() <= 8);
    let shown = world
        .signals
        .iter()
        .any(|signal| matches!(&signal.payload, SignalPayload::Offer { sdp, .. } if sdp.contains("typ host")));
    assert!(!shown, "the offer shows an address");
    world.shutdown().await;
}

#[tokio::test]
async fn a_dial_always_comes_to_something() {
    let mut world = World::new([Device::with(1, |config| config.timeouts = IMPATIENT)]);
    // Nobody there.
    world.devices[0].links.dial(DeviceId([9; 32]));
    assert_eq!(world.ended(0).await, CloseReason::TimedOut);
    // Itself.
    world.devices[0].links.dial(DeviceId([1; 32]));
    assert_eq!(world.ended(0).await, CloseReason::Setup);
    // Closed before it came to anything.
    world.devices[0].links.dial(DeviceId([9; 32]));
    while world.devices[0].links.connections() == 0 {
        tokio::task::yield_now().await;
    }
    world.devices[0].links.close(DeviceId([9; 32]), CloseReason::Requested);
    assert_eq!(world.ended(0).await, CloseReason::Requested);
    world.shutdown().await;
}

/// What a hostile member of a room may send by the introducer.
#[tokio::test]
async fn hostile_signals_change_nothing() {
    let mut world = World::pair();
    let hostile = DeviceId([66; 32]);
    for index in 0..3_000u32 {
        let mut session = [0; 16];
        session[..4].copy_from_slice(&index.to_be_bytes());
        let payload = match index % 5 {
            0 => SignalPayload::Offer { round: 0, sdp: "v=0".to_owned() },
            1 => SignalPayload::Offer { round: 7, sdp: String::new() },
            2 => SignalPayload::Answer { round: 0, sdp: "nonsense".to_owned() },
            3 => SignalPayload::Candidate(Candidate { line: "x".repeat(500), mid: None, mline_index: None }),
            _ => SignalPayload::Bye,
        };
        world.devices[0].links.signal(hostile, Signal { session: SessionId(session), payload });
    }
    world.dial(0, 1);
    world.linked(0, 1).await;
    assert_eq!(world.devices[0].links.stats().len(), 1);
    world.check_order();
    world.shutdown().await;
}

/// Who is told that a link is over dials at once: its task may not have ended yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hears_that_a_link_ended_may_dial_at_once() {
    let mut world = World::pair();
    for _ in 0..100 {
        world.dial(1, 0);
        world.linked(0, 1).await;
        world.seen.clear();
        world.devices[0].links.close(world.devices[1].id, CloseReason::Requested);
        assert_eq!(world.ended(1).await, CloseReason::RemoteClosed);
    }
    world.shutdown().await;
}

/// C59. Runs in a process of its own, so that what is counted is not another test's.
#[test]
fn links_come_and_go_without_a_trace() {
    let cycles = std::env::var("LINK_CYCLES").ok().and_then(|cycles| cycles.parse().ok());
    let Some(cycles) = cycles else {
        let test = "link::tests::links_come_and_go_without_a_trace";
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("LINK_CYCLES", "25")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(come_and_go(cycles));
}

async fn come_and_go(cycles: u32) {
    let count = || (std::fs::read_dir("/proc/self/fd").unwrap().count(), alive_tasks());
    let mut world = World::pair();
    // The first cycles fill what is kept for good: the runtime's threads, lazily made tables.
    let mut level = (0, 0);
    let warm_up = 5;
    let mut connect_times = Vec::new();
    for cycle in 0..cycles + warm_up {
        let start = Instant::now();
        world.dial((cycle % 2) as usize, ((cycle + 1) % 2) as usize);
        world.linked(0, 1).await;
        connect_times.push(start.elapsed());
        world.devices[(cycle / 2 % 2) as usize]
            .links
            .close(world.devices[1 - (cycle / 2 % 2) as usize].id, CloseReason::Requested);
        let closed = |seen: &[(usize, PeerEvent)]| {
            seen.iter().filter(|(_, event)| matches!(event, PeerEvent::Closed { .. })).count() == 2
        };
        world.until(closed).await;
        world.check_order();
        world.seen.clear();
        world.signals.clear();
        if cycle + 1 == warm_up {
            level = settled(&count, (usize::MAX, usize::MAX)).await;
        }
    }
    let after = settled(&count, level).await;
    connect_times.sort();
    println!(
        "{cycles} cycles: (files, tasks) {level:?} then {after:?}; connect p50 {:?}, p99 {:?}; resident {} kB",
        connect_times[connect_times.len() / 2],
        connect_times[connect_times.len() * 99 / 100],
        resident_kb(),
    );
    assert!(after.0 <= level.0 && after.1 <= level.1, "{level:?} became {after:?}");
    world.shutdown().await;
}

/// Counts until nothing is above `level`, or until it stays above; closing takes a moment after it is announced.
async fn settled(count: &impl Fn() -> (usize, usize), level: (usize, usize)) -> (usize, usize) {
    let mut lowest = count();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2)
        && (lowest.0 > level.0 || lowest.1 > level.1 || level.0 == usize::MAX)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = count();
        lowest = (lowest.0.min(now.0), lowest.1.min(now.1));
    }
    lowest
}

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

// Rules: CA5
#[tokio::test]
async fn sound_crosses_a_link_and_only_to_who_asked() {
    use momoland_media::Sound;

    let mut world = World::pair();
    world.dial(0, 1);
    let (one, other) = world.linked(0, 1).await;
    let (heard_sender, mut heard) = mpsc::unbounded_channel();
    let out = world.devices[0].links.audio(one).unwrap();
    let ear = world.devices[1].links.audio(other).unwrap();
    let packet = |n: u16| momoland_media::Packet { sequence: n, timestamp: u32::from(n) * 960, payload: vec![7, 8, 9] };
    // Nobody asked for these.
    for n in 0..10 {
        out.send(Sound::Voice, packet(n));
    }
    let sink: AudioSink =
        std::sync::Arc::new(move |of, packet| heard_sender.send((of, packet)).expect("the test reads"));
    ear.set_sink(Some(sink));
    let mut came = Vec::new();
    let started = Instant::now();
    let mut n = 100;
    while came.len() < 20 {
        assert!(started.elapsed() < PATIENCE, "only {} packets came", came.len());
        out.send(Sound::Voice, packet(n));
        out.send(Sound::File, packet(n / 2));
        n += 1;
        while let Ok(Some((of, packet))) = timeout(Duration::from_millis(20), heard.recv()).await {
            match of {
                Sound::Voice => came.push(packet),
                Sound::File => assert!(packet.sequence < 100 && packet.payload == [7, 8, 9]),
            }
        }
    }
    assert!(came.iter().all(|packet| packet.payload == [7, 8, 9]));
    assert!(came.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    assert!(came.iter().all(|packet| packet.timestamp == u32::from(packet.sequence) * 960));

    // It is heard no more once nobody asks.
    ear.set_sink(None);
    while heard.try_recv().is_ok() {}
    for n in 1_000..1_010 {
        out.send(Sound::Voice, packet(n));
    }
    assert_eq!(timeout(Duration::from_millis(300), heard.recv()).await, Ok(None), "the sink is gone, and its sender");
    world.shutdown().await;
}

// Rules: CA6
#[tokio::test]
async fn pictures_cross_a_link_and_only_to_who_asked() {
    use momoland_media::video::payload::{Payload, read};
    use momoland_media::video::{EncodedPicture, Source};

    let mut world = World::pair();
    world.dial(0, 1);
    let (one, other) = world.linked(0, 1).await;
    let (seen_sender, mut seen) = mpsc::unbounded_channel();
    let out = world.devices[0].links.video(one).unwrap();
    let eye = world.devices[1].links.video(other).unwrap();
    let picture = |n: u8| EncodedPicture {
        source: Source::Screen,
        key: true,
        timestamp: u32::from(n) * 3_000,
        data: vec![n; 2_000].into(),
    };
    // Nobody asked for these.
    for n in 0..3 {
        out.send(&picture(n));
    }
    let sink: VideoSink = std::sync::Arc::new(move |packet| seen_sender.send(packet).expect("the test reads"));
    eye.set_sink(Some(sink));
    let mut came = Vec::new();
    let started = Instant::now();
    let mut n = 100;
    while came.len() < 20 {
        assert!(started.elapsed() < PATIENCE, "only {} packets came", came.len());
        out.begin();
        out.send(&picture(n));
        n += 1;
        while let Ok(Some(packet)) = timeout(Duration::from_millis(50), seen.recv()).await {
            came.push(packet);
        }
    }
    for packet in &came {
        let Ok(Payload::Part(part)) = read(&packet.payload) else { panic!("a part of a picture") };
        assert_eq!((part.source, part.parts, part.data.len()), (Source::Screen, 2, 1_000));
        assert_eq!(packet.timestamp, u32::from(part.data[0]) * 3_000);
        assert_eq!(packet.marker, part.part == 1);
    }
    // It is seen no more once nobody asks.
    eye.set_sink(None);
    out.begin();
    out.send(&picture(99));
    // One may be under way to it.
    while let Some(packet) = timeout(PATIENCE, seen.recv()).await.expect("the sink is gone, and its sender") {
        assert_ne!(packet.timestamp, 99 * 3_000);
    }
    world.shutdown().await;
}
