//! Real links between devices of one process, over loopback.

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
    signals: usize,
}

impl World {
    fn new(devices: impl IntoIterator<Item = Device>) -> Self {
        Self { devices: devices.into_iter().collect(), seen: Vec::new(), signals: 0 }
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
                self.signals += 1;
                // As the introducer does: bytes.
                let signal = Signal::decode(&signal.encode()).expect("own signals are within bounds");
                let from = self.devices[index].id;
                if let Some(device) = self.devices.iter().find(|device| device.id == to) {
                    device.links.signal(from, signal);
                }
            }
        };
        let told = timeout(PATIENCE, wait).await.expect("something happens in time");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_talk() {
    let mut world = World::pair();
    let start = Instant::now();
    world.dial(0, 1);
    let (one, other) = world.linked(0, 1).await;
    println!("open after {:?}, {} signals", start.elapsed(), world.signals);
    for event in &world.seen {
        println!("{event:?}");
    }
    world.devices[0].links.try_send(one, Class::Durable, Bytes::from_static(b"hello")).unwrap();
    world.devices[1].links.try_send(other, Class::Ephemeral, Bytes::from_static(b"typing")).unwrap();
    world.until(|seen| seen.iter().filter(|(_, event)| matches!(event, PeerEvent::Frame { .. })).count() == 2).await;
    world.shutdown().await;
}
