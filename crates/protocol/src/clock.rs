//! Time on the wire: wall-clock milliseconds, and a hybrid logical clock for order.
//!
//! The hybrid clock follows Kulkarni et al., "Logical Physical Clocks" (2014): it never runs behind what its owner
//! has seen, and stays near the wall clock as long as wall clocks are near one another.

use minicbor::{Decode, Encode};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct UnixMillis(#[n(0)] pub u64);

impl UnixMillis {
    /// This machine's wall clock.
    pub fn now() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A hybrid logical time: 48 bits of Unix milliseconds, then 16 bits of counter.
///
/// ```text
///  63                                   16 15            0
/// +---------------------------------------+---------------+
/// |           Unix milliseconds           |    counter    |
/// +---------------------------------------+---------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Hlc(#[n(0)] pub u64);

impl Hlc {
    const COUNTER_BITS: u32 = 16;
    const MILLIS_MAX: u64 = (1 << 48) - 1;

    /// The first moment of a millisecond; later than 48 bits can say is the last moment.
    pub fn at(wall: UnixMillis) -> Self {
        Self(wall.0.min(Self::MILLIS_MAX) << Self::COUNTER_BITS)
    }

    /// The wall-clock part.
    pub fn wall(self) -> UnixMillis {
        UnixMillis(self.0 >> Self::COUNTER_BITS)
    }

    /// The next moment for an author whose clock shows `wall` and who has seen `self`:
    /// the wall clock where it is ahead, else just after what was seen. `None` at the end of time.
    pub fn tick(self, wall: UnixMillis) -> Option<Self> {
        let next = self.0.checked_add(1)?;
        Some(Self(next.max(Self::at(wall).0)))
    }
}
