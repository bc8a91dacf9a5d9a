//! The orders of a feed.

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::id::EventId;

/// In what order posts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// The newest first.
    New,
    /// The most liked first, of equals the newest.
    Top,
    /// By [`hotness`], of equals the newest.
    Hot,
}

/// Seconds for which a tenfold of likes makes up.
const SECONDS_PER_TENFOLD: i64 = 45_000;

/// How hot a post is, in millionths: log₁₀ of its likes, and one for each 12.5 hours that it is newer.
///
/// It depends on the post alone and not on the time at which one looks, so only what changes is ranked anew. The formula
/// is Reddit's "hot" as published in its source of 2008 to 2017 (`r2/r2/lib/db/_sorts.pyx`), with likes for the
/// difference of votes.
pub(crate) fn hotness(likes: u32, published_at: UnixMillis) -> i64 {
    let seconds = i64::try_from(published_at.0 / 1000).unwrap_or(i64::MAX);
    // A year of some thousand centuries is as hot as can be.
    let age = seconds.saturating_mul(1_000_000) / SECONDS_PER_TENFOLD;
    #[expect(clippy::cast_possible_truncation, reason = "log10 of 32 bits is below ten, so millionths fit")]
    let liked = (f64::from(likes.max(1)).log10() * 1_000_000.0).round() as i64;
    age.saturating_add(liked)
}

/// Where a post stands in one order; the highest is read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    score: i64,
    hlc: Hlc,
    /// The post.
    pub(crate) id: EventId,
}

impl Rank {
    pub(crate) fn of(by: Order, likes: u32, hlc: Hlc, id: EventId) -> Self {
        let score = match by {
            Order::New => 0,
            Order::Top => i64::from(likes),
            Order::Hot => hotness(likes, hlc.wall()),
        };
        Self { score, hlc, id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    // Rules: FE3
    #[test]
    fn ten_times_the_likes_are_worth_half_a_day() {
        let later = UnixMillis(NOON.0 + 45_000_000);
        assert_eq!(hotness(1, later), hotness(10, NOON));
        assert!(hotness(9, NOON) < hotness(1, later));
        assert!(hotness(11, NOON) > hotness(1, later));
        assert_eq!(hotness(0, NOON), hotness(1, NOON), "one's own like is worth nothing alone");
    }

    #[test]
    fn no_time_and_no_number_breaks_it() {
        for at in [0, NOON.0, u64::MAX] {
            for likes in [0, 1, u32::MAX] {
                let _ = hotness(likes, UnixMillis(at));
            }
        }
    }
}
