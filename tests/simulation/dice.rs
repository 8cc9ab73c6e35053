//! Random numbers of a seed. Each actor has a stream of its own, so that leaving out one fault changes as
//! little as possible of what the others do.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice(::coordinator::simulate::dice::Dice);

impl Dice {
    /// The stream of this actor in the simulation of this seed.
    pub(crate) fn of(seed: u64, actor: u64) -> Self {
        Self(::coordinator::simulate::dice::Dice::of(seed, actor))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.bits()
    }

    /// Below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True so many times in a thousand.
    pub(crate) fn in_thousand(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }

    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }
}
