//! Random numbers of a seed: SplitMix64 (Steele, Lea, Flood 2014). Used by `world`, and by the simulator of
//! the protocol in `tests`. Invariant: the same seed and stream give the same numbers on any machine of this
//! architecture; each number is finite.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The stream with this number of the simulation of this seed.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut dice = Self { state: seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95) };
        dice.bits();
        dice
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A factor that is 1 in the median, log-normal: its logarithm has this standard deviation.
    pub fn factor(&mut self, spread: f64) -> f64 {
        // Box and Muller 1958; 1 - share is above 0.
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        (spread * radius * (std::f64::consts::TAU * self.share()).cos()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_factors_log_normal() {
        let mut dice = Dice::of(7, 1);
        let mean = (0..20_000).map(|_| dice.share()).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let logs: Vec<f64> = (0..20_000).map(|_| dice.factor(0.5).ln()).collect();
        let mean = logs.iter().sum::<f64>() / 20_000.0;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.02 && (variance - 0.25).abs() < 0.02, "{mean} {variance}");
        assert_eq!(dice.factor(0.0), 1.0);
    }

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_stream_others() {
        let first = |seed, stream| Dice::of(seed, stream).bits();
        assert_eq!(first(1, 1), first(1, 1));
        assert!(first(1, 1) != first(1, 2) && first(1, 1) != first(2, 1));
    }
}
