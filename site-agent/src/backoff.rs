//! How long to wait before trying again: doubling, capped, with jitter, so that a hundred sites do not come
//! back at once.
//!
//! Pure: the caller supplies the random bits. Used by `gateway::connection` and by the supervisor. Invariant:
//! no wait is longer than its cap, `BACKOFF_MS_MAX` unless another is given.

use crate::limits::{BACKOFF_MS_MAX, BACKOFF_MS_MIN};

/// Consecutive failures, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure, in milliseconds: between half and all of `BACKOFF_MS_MIN *
    /// 2^failures`, at most `BACKOFF_MS_MAX`. `random` is any 64 random bits.
    pub fn next_ms(&mut self, random: u64) -> u64 {
        self.next_within_ms(BACKOFF_MS_MAX, random)
    }

    /// As [`Self::next_ms`], with another cap.
    pub fn next_within_ms(&mut self, longest_ms: u64, random: u64) -> u64 {
        let full = BACKOFF_MS_MIN.saturating_mul(1 << self.failures.min(20)).min(longest_ms);
        self.failures = self.failures.saturating_add(1);
        let half = full / 2;
        half + random % (full - half + 1)
    }

    /// It worked: the next failure starts at the first wait again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Consecutive failures so far.
    #[must_use]
    pub fn failures(self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_grow_to_the_cap_and_vary_by_half(random in proptest::collection::vec(any::<u64>(), 1..80)) {
            let mut backoff = Backoff::default();
            for (failures, random) in random.iter().enumerate() {
                let full = (BACKOFF_MS_MIN << failures.min(20)).min(BACKOFF_MS_MAX);
                let wait = backoff.next_ms(*random);
                prop_assert!(wait >= full / 2 && wait <= full, "{wait} of {full}");
            }
            backoff.reset();
            prop_assert!(backoff.next_ms(random[0]) <= BACKOFF_MS_MIN);
        }
    }
}
