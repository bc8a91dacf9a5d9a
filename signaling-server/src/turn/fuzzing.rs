//! Datagrams of strangers on the TURN port as a fuzz target (`fuzz/`): whatever comes is answered or dropped.
//!
//! Only in tests and in a fuzzer's build.

use std::net::SocketAddr;

use super::allocations::{Now, Outcome, Quotas, Relays};
use super::credentials::Secret;
use super::reach::Reach;
use super::stun::{Builder, Class, Method, attribute, encode_channel_data};

/// When it begins, milliseconds of either clock.
const START_MS: u64 = 1_700_000_000_000;

/// Two clients, neither of which knows the secret.
const CLIENTS: [SocketAddr; 2] = [address(1, 4_000), address(2, 4_000)];

const fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, last)), port)
}

/// Valid inputs, to be spoilt: every method, and ChannelData. None is signed: a nonce is another in each run.
pub fn corpus() -> Vec<Vec<u8>> {
    let transaction = [7; 12];
    let methods = [
        Method::Binding,
        Method::Allocate,
        Method::Refresh,
        Method::Send,
        Method::CreatePermission,
        Method::ChannelBind,
    ];
    let mut corpus = vec![joined(&[encode_channel_data(0x4000, b"data")])];
    for method in methods {
        for class in [Class::Request, Class::Indication] {
            let bare = Builder::new(class, method, transaction).finish(None);
            let full = Builder::new(class, method, transaction)
                .with(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                .with(attribute::LIFETIME, &600_u32.to_be_bytes())
                .with(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
                .with_address(attribute::XOR_PEER_ADDRESS, address(9, 9))
                .with(attribute::DATA, b"data")
                .with(attribute::USERNAME, b"1700003600:ada")
                .with(attribute::NONCE, b"a nonce")
                .finish(Some(&[1; 16]));
            corpus.push(joined(&[bare, full]));
        }
    }
    corpus
}

/// Datagrams, each behind who sends it and two bytes of its length.
fn joined(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let length = |datagram: &[u8]| u16::try_from(datagram.len()).unwrap_or(u16::MAX).to_be_bytes();
    datagrams.iter().flat_map(|datagram| [&[0], length(datagram).as_slice(), datagram].concat()).collect()
}

/// Datagrams as [`corpus`] has them.
pub fn datagrams(bytes: &[u8]) {
    let quotas = Quotas { allocations_max: 2, allocations_per_account_max: 1, bytes_per_second_per_account: 1_000 };
    let mut relays = Relays::new(Secret::shared("a secret"), 3_600, Reach::new(Vec::new()), quotas, [9; 32]);
    let (mut rest, mut now) = (bytes, Now { mono_ms: 0, unix_ms: START_MS });
    while let Some(([from, high, low], behind)) = rest.split_first_chunk::<3>() {
        let (datagram, behind) = behind.split_at(usize::from(u16::from_be_bytes([*high, *low])).min(behind.len()));
        rest = behind;
        now = Now { mono_ms: now.mono_ms + u64::from(*from), unix_ms: now.unix_ms + u64::from(*from) };
        let client = CLIENTS[usize::from(from % 2)];
        let outcome = relays.handle(now, client, datagram);
        let without_credentials = matches!(outcome, Outcome::Reply { .. } | Outcome::Dropped(_));
        assert!(without_credentials, "a stranger got an address, or through: {outcome:?}");
        relays.check_invariants();
    }
}

#[cfg(test)]
#[path = "../../../fuzz/src/mutation.rs"]
mod mutation;

#[cfg(test)]
mod tests {
    use super::*;

    // Rules: TN1
    #[test]
    fn the_target_survives_spoilt_inputs() {
        mutation::run(datagrams, &corpus(), 1, 10_000);
    }
}
