//! Where a relay may send to: the outside, and never into its own network.
//!
//! A TURN server that relays to any address is a tunnel into the network that it stands in (CASES C25). So everything
//! that is not globally reachable is closed unless the operator opened it, and so are this machine's own addresses: on
//! those only relayed addresses with a live allocation can be reached, which `allocations` knows.
//!
//! # Invariants
//! 1. An IPv6 address that stands for an IPv4 one (NAT64, 6to4) is as closed as that; an IPv4-mapped one is closed
//!    always. Test: `what_is_not_the_outside_is_closed`.
//!
//! Not here: ports, permissions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What the operator opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    allowed: Vec<IpNet>,
}

impl Reach {
    pub(super) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether the operator opened a range with this address in it.
    pub(super) fn is_allowed(&self, ip: IpAddr) -> bool {
        self.allowed.iter().any(|range| range.contains(&ip))
    }

    /// Whether the address may be sent to, if it is not this machine's.
    pub(super) fn is_open(&self, ip: IpAddr) -> bool {
        self.is_allowed(ip) || is_outside(ip)
    }
}

/// Whether an address belongs to the outside world (after IANA's registries of special-purpose addresses).
fn is_outside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_outside_v4(ip),
        IpAddr::V6(ip) => is_outside_v6(ip),
    }
}

fn is_outside_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let closed = a == 0
        || a == 10
        || a == 127
        || (a == 100 && b & 0xC0 == 64)
        || (a == 169 && b == 254)
        || (a == 172 && b & 0xF0 == 16)
        || (a == 192 && b == 168)
        || (a, b, c) == (192, 0, 0)
        // Benchmarks (RFC 2544), which some private networks are numbered with.
        || (a == 198 && b & 0xFE == 18)
        // Multicast, reserved, broadcast.
        || a >= 224;
    !closed
}

fn is_outside_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let [a, b, c, _, e, f, g, h] = segments;
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_outside_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Unspecified, loopback, IPv4-compatible, IPv4-mapped, IPv4-translated.
        [0, 0, 0, 0, ..] => false,
        // NAT64 (RFC 6052): the address behind it. Its local form (RFC 8215) is somebody's own network.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => v4(g, h),
        [0x64, 0xff9b, ..] => false,
        // Discarded (RFC 6666).
        [0x100, 0, 0, 0, ..] => false,
        // 6to4 (RFC 3056): the router's address. Teredo hides a client's.
        [0x2002, ..] => v4(b, c),
        [0x2001, 0, ..] => false,
        // ISATAP (RFC 5214): an IPv4 address behind `0:5efe` or `200:5efe`.
        _ if e & !0x0200 == 0 && f == 0x5efe => a & 0xE000 == 0x2000 && v4(g, h),
        // Global unicast is 2000::/3; outside of it are private (fc00::/7), link-local, site-local, multicast.
        _ => a & 0xE000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Every address of CASES C25, and the ends of every range.
    const CLOSED: &[&str] = &[
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "169.254.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "192.0.0.8",
        "198.18.0.1",
        "198.19.255.255",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2001:db8::5efe:10.0.0.1",
        "2001:db8::200:5efe:127.0.0.1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ];

    const OPEN: &[&str] = &[
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "169.253.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2002:808:808::1",
        "64:ff9b::8.8.8.8",
    ];

    #[test]
    fn what_is_not_the_outside_is_closed() {
        let reach = Reach::default();
        for address in CLOSED {
            assert!(!reach.is_open(ip(address)), "{address}");
        }
        for address in OPEN {
            assert!(reach.is_open(ip(address)), "{address}");
        }
    }

    #[test]
    fn what_the_operator_opened_is_open_and_nothing_beside_it() {
        let ranges = ["10.1.0.0/16", "127.0.0.1/32", "fd00::/8"].map(|range| range.parse().unwrap());
        let reach = Reach::new(ranges.to_vec());
        for address in ["10.1.2.3", "127.0.0.1", "fd12::1"] {
            assert!(reach.is_open(ip(address)), "{address}");
        }
        for address in ["10.2.0.1", "127.0.0.2", "fc00::1", "::ffff:10.1.2.3", "::ffff:127.0.0.1"] {
            assert!(!reach.is_open(ip(address)), "{address}");
        }
    }
}
