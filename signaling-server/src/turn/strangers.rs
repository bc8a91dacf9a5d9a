//! How often somebody is answered who has not proved anything.
//!
//! A datagram's sender is whoever it says, so an answer longer than its question can be aimed at others. Answers to
//! strangers are few enough a second for each address that nobody aims with them. Addresses share buckets by a keyed
//! hash: memory is fixed, and nobody can choose whom to share with.

use std::net::IpAddr;

/// Answers at once, and a second. An office behind one address asks some ten times for each link that it opens.
const BURST: u32 = 1_000;
const PER_SECOND: u64 = 200;
const BUCKETS: usize = 4_096;

#[derive(Debug)]
pub(super) struct Strangers {
    key: [u8; 32],
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    at_ms: u64,
}

impl Strangers {
    /// `key` must be fresh.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, buckets: vec![Bucket { left: BURST, at_ms: 0 }; BUCKETS] }
    }

    pub(super) fn may_be_answered(&mut self, now_ms: u64, ip: IpAddr) -> bool {
        // Of IPv6 whoever has one address has a /64.
        let prefix = match ip {
            IpAddr::V4(ip) => u64::from(u32::from(ip)),
            IpAddr::V6(ip) => u64::try_from(u128::from(ip) >> 64).unwrap_or_default(),
        };
        let hash = blake3::keyed_hash(&self.key, &prefix.to_be_bytes());
        let place = hash.as_bytes().first_chunk::<2>().map_or(0, |bytes| usize::from(u16::from_be_bytes(*bytes)));
        let Some(bucket) = self.buckets.get_mut(place % BUCKETS) else { return false };
        let earned = now_ms.saturating_sub(bucket.at_ms).saturating_mul(PER_SECOND) / 1_000;
        if earned > 0 {
            bucket.left = u32::try_from(u64::from(bucket.left) + earned).unwrap_or(BURST).min(BURST);
            bucket.at_ms = now_ms;
        }
        let may = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_answered_so_often_and_others_still() {
        let mut strangers = Strangers::new([7; 32]);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        let answered = (0..3 * BURST).filter(|_| strangers.may_be_answered(0, one)).count();
        assert_eq!(answered, usize::try_from(BURST).unwrap());
        assert!(strangers.may_be_answered(0, other));
        let later = (0..3 * BURST).filter(|_| strangers.may_be_answered(1_000, one)).count();
        assert_eq!(u64::try_from(later).unwrap(), PER_SECOND);
    }

    #[test]
    fn one_who_has_a_prefix_is_one() {
        let mut strangers = Strangers::new([7; 32]);
        let answered = (0..2 * BURST)
            .filter(|number| {
                let ip: std::net::Ipv6Addr = (0x2001_0db8_u128 << 96 | u128::from(*number)).into();
                strangers.may_be_answered(0, ip.into())
            })
            .count();
        assert_eq!(answered, usize::try_from(BURST).unwrap());
    }
}
