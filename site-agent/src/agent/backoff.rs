//! How long to wait before trying again: doubling, capped, with jitter, so that a hundred sites do not come back at once.
//!
//! Pure: the caller supplies the random bits. Used by `agent::connection` and by the supervisor.

/// First wait after a failure.
pub const FIRST_MS: u64 = 250;
/// Longest wait: a restarted coordinator has every site back within this.
pub const LONGEST_MS: u64 = 15_000;

/// Consecutive failures, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure, in milliseconds: between half and all of `FIRST_MS * 2^failures`, at most
    /// `LONGEST_MS`. `random` is any 64 random bits.
    pub fn next_ms(&mut self, random: u64) -> u64 {
        let full = FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(LONGEST_MS);
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
                let full = (FIRST_MS << failures.min(20)).min(LONGEST_MS);
                let wait = backoff.next_ms(*random);
                prop_assert!(wait >= full / 2 && wait <= full, "{wait} of {full}");
            }
            backoff.reset();
            prop_assert!(backoff.next_ms(random[0]) <= FIRST_MS);
        }
    }
}
