//! The addresses of this machine that a peer connection binds.
//!
//! Each becomes a socket and a host candidate. The library would expand a wildcard by itself, but skips loopback; it
//! resolves what it is given anew when an ICE restart binds again, so [`LocalAddresses`] asks the system each time and
//! follows the machine into another network.
//!
//! Not here: addresses seen from outside (STUN), relays (TURN).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

/// Sockets of one peer connection. A machine with more addresses (containers, VPNs) uses the first of them.
const ADDRESSES_MAX: usize = 8;

/// Resolves to one address for each usable interface, port 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalAddresses {
    /// Loopback too: with a server on loopback everything works without a network (DESIGN §5).
    pub(crate) include_loopback: bool,
}

impl ToSocketAddrs for LocalAddresses {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        // Without a list of interfaces loopback may still do.
        let interfaces = match if_addrs::get_if_addrs() {
            Ok(interfaces) => interfaces.into_iter().map(|interface| interface.ip()).collect(),
            Err(error) if self.include_loopback => {
                tracing::warn!(%error, "no list of network interfaces");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let addresses = choose(interfaces, self.include_loopback);
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no network interface has an address"));
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
    }
}

fn choose(interfaces: Vec<IpAddr>, include_loopback: bool) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = interfaces.into_iter().filter(|address| is_routable(*address)).collect();
    // IPv4 first: should the limit strike, it takes IPv6's temporary addresses, of which there may be many.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    if include_loopback {
        addresses.insert(0, IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

/// Link-local addresses mean nothing to the other side: a candidate carries no scope.
fn is_routable(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(link_local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interfaces: &[&str], include_loopback: bool, expected: &[&str]) {
        let parse =
            |addresses: &[&str]| -> Vec<IpAddr> { addresses.iter().map(|address| address.parse().unwrap()).collect() };
        assert_eq!(choose(parse(interfaces), include_loopback), parse(expected));
    }

    #[test]
    fn routable_addresses_are_bound_and_loopback_on_request() {
        let interfaces = ["127.0.0.1", "::1", "192.0.2.5", "fe80::1", "169.254.3.4", "2001:db8::5"];
        check(&interfaces, false, &["192.0.2.5", "2001:db8::5"]);
        check(&interfaces, true, &["127.0.0.1", "192.0.2.5", "2001:db8::5"]);
        check(&["127.0.0.1"], false, &[]);
        check(&[], true, &["127.0.0.1"]);
    }

    #[test]
    fn the_number_of_sockets_is_bounded() {
        let many = (0..30u16).map(|index| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, index]));
        let addresses = choose(many.chain(["192.0.2.5".parse().unwrap()]).collect(), true);
        assert_eq!(addresses.len(), ADDRESSES_MAX);
        assert_eq!(addresses[1].to_string(), "192.0.2.5");
    }

    #[test]
    fn this_machine_has_loopback() {
        let addresses: Vec<_> = LocalAddresses { include_loopback: true }.to_socket_addrs().unwrap().collect();
        assert!(addresses.contains(&"127.0.0.1:0".parse().unwrap()));
    }
}
