//! A small internet in network namespaces: a server, and homes behind different walls.
//!
//! ```text
//!   this namespace: the server, 203.0.113.1, and a bridge that is the internet
//!      ├── open homes            a public address of their own
//!      └── wall ── home          port-restricted: masquerade; what nobody inside asked for is dropped
//!                                symmetric: each peer sees another port
//!                                blocked: no UDP gets out
//! ```
//! In each home nft counts what leaves it, by kind and destination.

use std::fmt;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The server's address, and the only thing of the homes' outside that has a name.
pub(crate) const SERVER: &str = "203.0.113.1";

/// The same over IPv6.
pub(crate) const SERVER_V6: &str = "2001:db8::1";

/// What is between a home and the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Open,
    Restricted,
    Symmetric,
    Blocked,
}

/// A namespace with a person in it.
#[derive(Debug)]
pub(crate) struct Home {
    name: String,
}

/// What left a home, bytes on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) udp_to_server: u64,
    pub(crate) udp_to_others: u64,
    pub(crate) tcp: u64,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Restricted, Self::Symmetric, Self::Blocked];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
            Self::Symmetric => "symmetric",
            Self::Blocked => "blocked",
        })
    }
}

/// Makes the internet in the namespace that this process is in.
pub(crate) fn build() {
    // Names of namespaces lie in /run/netns, which is not ours to write outside.
    run(&["mount", "-t", "tmpfs", "tmpfs", "/run"]);
    run(&["ip", "link", "set", "lo", "up"]);
    // Without an address of its own it has the lowest of its wires', so one wire more and the homes' neighbour is gone.
    run(&["ip", "link", "add", "internet", "address", "02:00:00:00:01:01", "type", "bridge"]);
    run(&["ip", "address", "add", &format!("{SERVER}/24"), "dev", "internet"]);
    // Without waiting for neighbours that might have it: there are none.
    run(&["ip", "address", "add", &format!("{SERVER_V6}/64"), "dev", "internet", "nodad"]);
    run(&["ip", "link", "set", "internet", "up"]);
}

impl Home {
    /// `number` is its own: its addresses come of it.
    pub(crate) fn build(kind: Kind, number: u8) -> Self {
        let home = Self { name: format!("home{number}") };
        let outer = format!("203.0.113.{}/24", 10 + number);
        let port = format!("port{number}");
        run(&["ip", "netns", "add", &home.name]);
        if kind == Kind::Open {
            run(&["ip", "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &home.name]);
            home.up("eth0", &outer);
        } else {
            let wall = Self { name: format!("wall{number}") };
            let (inner, inside) = (format!("10.0.{number}.1"), format!("10.0.{number}.2/24"));
            run(&["ip", "netns", "add", &wall.name]);
            run(&["ip", "link", "add", &port, "type", "veth", "peer", "name", "outer", "netns", &wall.name]);
            run(&[
                "ip", "-n", &wall.name, "link", "add", "inner", "type", "veth", "peer", "name", "eth0", "netns",
                &home.name,
            ]);
            wall.up("outer", &outer);
            wall.up("inner", &format!("{inner}/24"));
            home.up("eth0", &inside);
            run(&["ip", "-n", &home.name, "route", "add", "default", "via", &inner]);
            wall.inside(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
            wall.nft(&wall_rules(kind));
        }
        run(&["ip", "link", "set", &port, "master", "internet", "up"]);
        home.nft(&counters());
        home
    }

    /// An open home that knows IPv6 alone.
    pub(crate) fn build_v6(number: u8) -> Self {
        let home = Self { name: format!("home{number}") };
        let port = format!("port{number}");
        run(&["ip", "netns", "add", &home.name]);
        run(&["ip", "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &home.name]);
        let address = format!("2001:db8::{number}/64");
        run(&["ip", "-n", &home.name, "address", "add", &address, "dev", "eth0", "nodad"]);
        run(&["ip", "-n", &home.name, "link", "set", "eth0", "up"]);
        run(&["ip", "-n", &home.name, "link", "set", "lo", "up"]);
        run(&["ip", "link", "set", &port, "master", "internet", "up"]);
        home
    }

    /// The words before a command that is to run in here.
    pub(crate) fn entrance(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/run/netns/{}", self.name), "--".to_owned()]
    }

    /// Moves to another address, as to another network; the former is given.
    pub(crate) fn change_address(&self) -> String {
        let number: u8 = self.name.trim_start_matches("home").parse().expect("homes are numbered");
        let (former, now) = (format!("203.0.113.{}/24", 10 + number), format!("203.0.113.{}/24", 110 + number));
        self.replace_address(&former, &now);
        former
    }

    pub(crate) fn change_back(&self, former: &str) {
        let number: u8 = self.name.trim_start_matches("home").parse().expect("homes are numbered");
        self.replace_address(&format!("203.0.113.{}/24", 110 + number), former);
    }

    fn replace_address(&self, former: &str, now: &str) {
        run(&["ip", "-n", &self.name, "address", "del", former, "dev", "eth0"]);
        run(&["ip", "-n", &self.name, "address", "add", now, "dev", "eth0"]);
    }

    /// A rule for what enters and leaves the home, until [`Self::peace`].
    pub(crate) fn trouble(&self, rule: &str) {
        self.nft(&format!(
            "table ip trouble {{
                chain entering {{
                    type filter hook input priority -10
                    iifname \"eth0\" {rule}
                }}
                chain leaving {{
                    type filter hook output priority -10
                    oifname \"eth0\" {rule}
                }}
            }}\n"
        ));
    }

    pub(crate) fn peace(&self) {
        self.inside(&["nft", "delete", "table", "ip", "trouble"]);
    }

    /// Makes a third of the UDP that leaves the home late: it waits behind a slow wire of its own, and what leaves later
    /// overtakes it. Until [`Self::hurry`].
    ///
    /// Kernels without `netem` have no queue that does this by itself, so a packet's class is drawn as it leaves.
    pub(crate) fn dawdle(&self) {
        let tc = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            run(&[&["tc", "-n", &self.name], words.as_slice()].concat());
        };
        tc("qdisc add dev eth0 root handle 1: htb default 10");
        tc("class add dev eth0 parent 1: classid 1:10 htb rate 100mbit quantum 1500");
        tc("class add dev eth0 parent 1: classid 1:20 htb rate 32kbit burst 200 cburst 200 quantum 1500");
        self.nft(
            "table ip dawdle {
                chain leaving {
                    type filter hook output priority 10
                    oifname \"eth0\" meta l4proto udp numgen random mod 3 0 meta priority set 1:20
                }
            }\n",
        );
    }

    /// How many packets had to wait since [`Self::dawdle`].
    pub(crate) fn hurry(&self) -> u64 {
        let mut command = Command::new("tc");
        let output =
            command.args(["-n", &self.name, "-j", "-s", "qdisc", "show", "dev", "eth0"]).output().expect("tc runs");
        let listed: Value = serde_json::from_slice(&output.stdout).expect("tc answers in JSON");
        let waited = listed[0]["overlimits"].as_u64().expect("it counts them");
        self.inside(&["nft", "delete", "table", "ip", "dawdle"]);
        run(&["tc", "-n", &self.name, "qdisc", "del", "dev", "eth0", "root"]);
        waited
    }

    /// The bridge's end of its wire, where it is an open home.
    pub(crate) fn port(&self) -> String {
        self.name.replace("home", "port")
    }

    /// Lets no more out of the home than a rate, with a queue of some 0.3 s, until [`Self::widen`].
    pub(crate) fn narrow(&self, rate: &str) {
        let tc = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            run(&[&["tc", "-n", &self.name], words.as_slice()].concat());
        };
        tc("qdisc add dev eth0 root handle 1: htb default 10");
        tc(&format!("class add dev eth0 parent 1: classid 1:10 htb rate {rate} burst 3000 cburst 3000 quantum 1500"));
        tc("qdisc add dev eth0 parent 1:10 handle 10: bfifo limit 12000");
    }

    pub(crate) fn widen(&self) {
        run(&["tc", "-n", &self.name, "qdisc", "del", "dev", "eth0", "root"]);
    }

    /// Its address where it is an open home.
    pub(crate) fn address(&self) -> String {
        let number: u8 = self.name.trim_start_matches("home").parse().expect("homes are numbered");
        format!("203.0.113.{}", 10 + number)
    }

    pub(crate) fn sent(&self) -> Sent {
        let mut command = self.command(&["nft", "-j", "list", "counters"]);
        let output = command.output().expect("nft runs");
        let listed: Value = serde_json::from_slice(&output.stdout).expect("nft answers in JSON");
        let bytes = |name: &str| {
            let counters = listed["nftables"].as_array().into_iter().flatten().map(|entry| &entry["counter"]);
            let counter = counters.into_iter().find(|counter| counter["name"] == name);
            counter.and_then(|counter| counter["bytes"].as_u64()).expect("the counter is there")
        };
        Sent { udp_to_server: bytes("udp_to_server"), udp_to_others: bytes("udp_to_others"), tcp: bytes("over_tcp") }
    }

    fn up(&self, device: &str, address: &str) {
        run(&["ip", "-n", &self.name, "address", "add", address, "dev", device]);
        run(&["ip", "-n", &self.name, "link", "set", device, "up"]);
        run(&["ip", "-n", &self.name, "link", "set", "lo", "up"]);
    }

    fn nft(&self, rules: &str) {
        let mut nft = self.command(&["nft", "-f", "-"]).stdin(Stdio::piped()).spawn().expect("nft runs");
        let mut input = nft.stdin.take().expect("it is piped");
        input.write_all(rules.as_bytes()).expect("nft reads");
        drop(input);
        assert!(nft.wait().expect("nft ends").success(), "nft refused:\n{rules}");
    }

    fn inside(&self, words: &[&str]) {
        let status = self.command(words).status().expect("nsenter runs");
        assert!(status.success(), "{words:?} failed in {}", self.name);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(self.entrance().get(1..).unwrap_or_default()).args(words);
        command
    }
}

/// A home router. New flows from outside end at the router itself too: let in there, a peer's early packet would take
/// the port that the flow from inside is to have.
fn wall_rules(kind: Kind) -> String {
    let masquerade = if kind == Kind::Symmetric { "masquerade fully-random" } else { "masquerade" };
    let blocked = if kind == Kind::Blocked { "meta l4proto udp drop" } else { "" };
    format!(
        "table ip nat {{
            chain outwards {{
                type nat hook postrouting priority 100
                oifname \"outer\" {masquerade}
            }}
        }}
        table ip wall {{
            chain itself {{
                type filter hook input priority 0
                iifname \"outer\" ct state new drop
            }}
            chain through {{
                type filter hook forward priority 0
                iifname \"outer\" ct state new drop
                {blocked}
            }}
        }}\n"
    )
}

fn counters() -> String {
    format!(
        "table ip tally {{
            counter udp_to_server {{ }}
            counter udp_to_others {{ }}
            counter over_tcp {{ }}
            chain leaving {{
                type filter hook output priority 0
                oifname \"lo\" accept
                meta l4proto udp ip daddr {SERVER} counter name udp_to_server
                meta l4proto udp ip daddr != {SERVER} counter name udp_to_others
                meta l4proto tcp counter name over_tcp
            }}
        }}\n"
    )
}

pub(crate) fn run(words: &[&str]) {
    let [program, arguments @ ..] = words else { return };
    let status = Command::new(program).args(arguments).status();
    let status = status.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(status.success(), "{} failed", words.join(" "));
}
