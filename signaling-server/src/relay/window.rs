//! How many bytes of events may be under way to one connection: credit for the replica, given back as its socket drains.
//!
//! The replica counts its credit down to zero and may overdraw it by one load from the disk. So what drains is given
//! back only as far as the window goes; else each overdraft would widen the window for good.

/// Bytes of events that may wait for one socket, but for one load that may come on top. Enough for a long path
/// (256 KiB over 100 ms: 2.6 MB/s), little enough for a thousand stalled readers.
pub(super) const WINDOW_BYTES: usize = 256 * 1024;

/// One connection's window.
#[derive(Debug)]
pub(super) struct Window {
    /// What the replica has left, by its own count.
    credit: usize,
    /// What the socket has not taken yet.
    waiting: usize,
}

impl Window {
    pub(super) fn full() -> Self {
        Self { credit: WINDOW_BYTES, waiting: 0 }
    }

    /// The replica sent events.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_sub(bytes);
        self.waiting += bytes;
    }

    /// The socket took events: the credit to give.
    pub(super) fn drained(&mut self, bytes: usize) -> usize {
        self.waiting = self.waiting.saturating_sub(bytes);
        let grant = WINDOW_BYTES.saturating_sub(self.waiting + self.credit);
        self.credit += grant;
        grant
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However a sender overdraws, no more than one overdraft is ever under way beyond the window, and what was
        /// given back adds up: an idle window is a full one.
        #[test]
        fn prop_the_window_neither_grows_nor_shrinks(
            rounds in proptest::collection::vec((1_usize..60_000, 0_usize..5), 1..300),
        ) {
            let mut window = Window::full();
            let mut credit = WINDOW_BYTES;
            let mut waiting: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
            for (size, drain) in rounds {
                if credit > 0 {
                    // As the replica counts.
                    credit = credit.saturating_sub(size);
                    window.sent(size);
                    waiting.push_back(size);
                }
                for _ in 0..drain {
                    if let Some(bytes) = waiting.pop_front() {
                        credit += window.drained(bytes);
                    }
                }
                prop_assert!(credit <= WINDOW_BYTES);
                prop_assert!(waiting.iter().sum::<usize>() <= WINDOW_BYTES + 60_000);
            }
            while let Some(bytes) = waiting.pop_front() {
                credit += window.drained(bytes);
            }
            prop_assert_eq!(credit, WINDOW_BYTES);
        }
    }
}
