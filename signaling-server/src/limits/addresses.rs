//! Whose request it is: the address that limits count by.
//!
//! `X-Forwarded-For` is whatever its sender wrote, up to the hops that trusted proxies appended. So it is looked at only
//! when the peer is such a proxy, from the right, and the first hop that is none is the client (CASES C26). IPv6 counts
//! by /64, which is what one household or one attacker has.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Hops of one `X-Forwarded-For` that are looked at: chains of proxies are short.
const HOPS_MAX: usize = 16;

/// An address, or for IPv6 its /64. Shown in logs only by its network, never whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The one that `ip` counts under.
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        })
    }

    /// The client behind a request that came from `peer` with `headers`.
    pub fn of_request(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.ip().to_canonical();
        if !is_trusted(peer, trusted) {
            return Self::of(peer);
        }
        let mut client = peer;
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
        for hop in hops.take(HOPS_MAX) {
            // What cannot be read was not written by a proxy of ours: the last one that can be named answers for it.
            let Some(ip) = parse_hop(hop.trim()) else { break };
            client = ip;
            if !is_trusted(ip, trusted) {
                break;
            }
        }
        Self::of(client)
    }
}

impl fmt::Debug for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, _, _] = v4.octets();
                write!(f, "{a}.{b}.x.x")
            }
            IpAddr::V6(v6) => {
                let [a, b, ..] = v6.segments();
                write!(f, "{a:x}:{b:x}::x")
            }
        }
    }
}

/// Whether `ip` is a proxy whose header counts.
pub fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip.to_canonical()))
}

/// One hop: an address, with or without a port, IPv6 with or without brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let ip = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        ClientAddress::of_request(SocketAddr::new(peer.parse().unwrap(), 1), &headers, &trusted).0
    }

    fn check(peer: &str, forwarded: &[&str], trusted: &[&str], expected: &str) {
        assert_eq!(client(peer, forwarded, trusted), expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
    }

    #[test]
    fn nobodys_header_counts_by_default() {
        check("203.0.113.9", &["198.51.100.1"], &[], "203.0.113.9");
        check("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"], "203.0.113.9");
    }

    #[test]
    fn behind_a_trusted_proxy_the_rightmost_untrusted_hop_counts() {
        let trusted = &["10.0.0.0/8"];
        check("10.0.0.1", &[], trusted, "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1"], trusted, "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1"], trusted, "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], trusted, "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.2"], trusted, "198.51.100.1");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], trusted, "10.0.0.3");
        check("::ffff:10.0.0.1", &["198.51.100.1:4711"], trusted, "198.51.100.1");
        check("10.0.0.1", &["[2001:db8::1]:80"], trusted, "2001:db8::");
    }

    #[test]
    fn an_unreadable_hop_ends_the_search() {
        let trusted = &["10.0.0.0/8"];
        check("10.0.0.1", &["198.51.100.1, unknown"], trusted, "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], trusted, "10.0.0.2");
        check("10.0.0.1", &[""], trusted, "10.0.0.1");
        check("10.0.0.1", &[&"10.0.0.9, ".repeat(1_000)], trusted, "10.0.0.1");
    }

    #[test]
    fn ipv6_counts_by_its_64() {
        let of = |text: &str| ClientAddress::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(format!("{:?} {:?}", of("192.0.2.1"), of("2001:db8:1:2::1")), "192.0.x.x 2001:db8::x");
    }
}
