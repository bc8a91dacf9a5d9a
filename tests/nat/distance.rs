//! A long way between an open home and the internet: all that crosses it arrives later, by always the same time.
//!
//! Kernels without `netem` have no queue that does this by itself, so a TAP device is at each end, and threads of this
//! process carry frames between the two.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tappers::{Interface, Tap};

use crate::network::{Home, run};

/// The longest frame that a device hands out.
const FRAME_BYTES_MAX: usize = 65_536;

/// As long as this is there, the home is far away.
pub(crate) struct Distance {
    port: String,
    /// The home's side, a bridge of its wire and the first device.
    bridge: String,
    names: [String; 2],
    /// Held, since a device goes with the last who has it open.
    _ends: [Arc<Tap>; 2],
}

impl Distance {
    /// What leaves and enters a home takes so long. `None` where the system has no TAP devices.
    pub(crate) fn of(home: &Home, delay: Duration) -> Option<Self> {
        if !Path::new("/dev/net/tun").exists() {
            eprintln!("left out: there is no /dev/net/tun, so no way is made longer");
            return None;
        }
        let port = home.port();
        let [bridge, here, there] = ["way", "here", "there"].map(|name| port.replace("port", name));
        run(&["ip", "link", "add", &bridge, "type", "bridge"]);
        // It is in the server's namespace, and would answer for the server: before the way's time, and until it is gone.
        run(&["sh", "-c", &format!("echo 8 > /proc/sys/net/ipv4/conf/{bridge}/arp_ignore")]);
        run(&["ip", "link", "set", &bridge, "up"]);
        let ends = [&here, &there].map(|name| Arc::new(open(name).expect("TAP devices can be made")));
        // Lower than any: nobody may take it for the server for that.
        run(&["ip", "link", "set", &there, "address", "02:00:00:00:00:01"]);
        for (end, bridge) in [(&here, bridge.as_str()), (&there, "internet"), (&port, &bridge)] {
            run(&["ip", "link", "set", end, "master", bridge, "up"]);
        }
        carry(&ends[0], &ends[1], delay);
        carry(&ends[1], &ends[0], delay);
        Some(Self { port, bridge, names: [here, there], _ends: ends })
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        run(&["ip", "link", "set", &self.port, "master", "internet"]);
        // The threads end with their devices.
        for name in self.names.iter().chain([&self.bridge]) {
            run(&["ip", "link", "del", name]);
        }
    }
}

fn open(name: &str) -> io::Result<Tap> {
    Tap::new_named(Interface::new(name)?)
}

/// Carries frames one way until a device is gone.
fn carry(from: &Arc<Tap>, to: &Arc<Tap>, delay: Duration) {
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    let (put, underway) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut frame = vec![0; FRAME_BYTES_MAX];
        while let Ok(length) = from.recv(&mut frame) {
            if put.send((Instant::now() + delay, frame[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, frame) in underway {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.send(&frame).is_err() {
                return;
            }
        }
    });
}
