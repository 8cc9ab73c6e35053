//! Which of the two factors of every LoRA product (B A) a round trains, and so which tensors an update of it
//! holds. Used by the site that trains, by its gateway, by the coordinator that takes updates and combines
//! them, and by what tells people of a run. Invariants: a function of the signed terms and the round's
//! number alone, the same at both ends; what a round does not train stays as it was, for every site, so that
//! the mean of the trained factor is the mean of the products, exactly.

use super::aggregation::AggregationMethod;
use super::manifest::{RunManifest, TensorSpec};
use crate::id::Round;

/// The trained factors of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factors {
    /// A and B.
    Both,
    /// A alone: B stays.
    A,
    /// B alone: A stays.
    B,
}

impl Factors {
    /// Whether the tensor of this PEFT name is trained.
    #[must_use]
    pub fn include(self, name: &str) -> bool {
        match self {
            Self::Both => true,
            Self::A => name.ends_with(".lora_A.weight"),
            Self::B => name.ends_with(".lora_B.weight"),
        }
    }

    /// Those of `tensors` that are trained, in their order.
    #[must_use]
    pub fn of(self, tensors: &[TensorSpec]) -> Vec<TensorSpec> {
        tensors.iter().filter(|tensor| self.include(&tensor.name)).cloned().collect()
    }
}

impl AggregationMethod {
    /// What round number `round`, counted from 1, of `rounds` trains.
    #[must_use]
    pub fn factors(self, round: Round, rounds: u32) -> Factors {
        match self {
            Self::FedAvg => Factors::Both,
            Self::Ffa => Factors::B,
            // Counted from the end, which is a round of B, so that a run that goes on where another ended
            // keeps the turn.
            Self::RoLora if rounds.abs_diff(round.0).is_multiple_of(2) => Factors::B,
            Self::RoLora => Factors::A,
        }
    }
}

impl RunManifest {
    /// What a round trains.
    #[must_use]
    pub fn factors(&self, round: Round) -> Factors {
        self.aggregation.method.factors(round, self.rounds)
    }

    /// Bytes of the largest update that the run asks for: a whole adapter, or the larger of its halves that
    /// are trained.
    #[must_use]
    pub fn update_bytes_most(&self) -> u64 {
        let [one, other] = [Round(self.rounds), Round(self.rounds.saturating_sub(1).max(1))];
        self.bytes_of(self.factors(one)).max(self.bytes_of(self.factors(other)))
    }

    /// Bytes of updates that a site sends in the whole run at most, if no frame is lost.
    #[must_use]
    pub fn update_bytes(&self) -> u64 {
        [Factors::Both, Factors::A, Factors::B].into_iter().fold(0_u64, |sum, factors| {
            let rounds =
                (1..=self.rounds).filter(|round| self.factors(Round(*round)) == factors).count() as u64;
            let bytes = if rounds == 0 { 0 } else { self.bytes_of(factors) };
            sum.saturating_add(bytes.saturating_mul(rounds))
        })
    }

    /// The adapter's bytes without the values that stay.
    fn bytes_of(&self, factors: Factors) -> u64 {
        let stays = self.tensors.iter().filter(|tensor| !factors.include(&tensor.name));
        let values: u64 = stays.map(|tensor| 4 * (tensor.shape[0] * tensor.shape[1]) as u64).sum();
        self.adapter_bytes.saturating_sub(values)
    }

    /// The tensors that an update of this round holds, in the manifest's order.
    #[must_use]
    pub fn update_tensors(&self, round: Round) -> Vec<TensorSpec> {
        self.factors(round).of(&self.tensors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_trains_its_factors_in_turn_and_the_last_round_b() {
        let of = |method: AggregationMethod, rounds| -> Vec<Factors> {
            (1..=rounds).map(|round| method.factors(Round(round), rounds)).collect()
        };
        assert_eq!(of(AggregationMethod::FedAvg, 2), [Factors::Both; 2]);
        assert_eq!(of(AggregationMethod::Ffa, 3), [Factors::B; 3]);
        assert_eq!(
            of(AggregationMethod::RoLora, 5),
            [Factors::B, Factors::A, Factors::B, Factors::A, Factors::B]
        );
        // What is left of five after one keeps the turn.
        assert_eq!(of(AggregationMethod::RoLora, 4), [Factors::A, Factors::B, Factors::A, Factors::B]);
    }

    #[test]
    fn a_factor_is_told_by_the_end_of_its_name() {
        let spec = |name: &str| TensorSpec { name: name.to_owned(), shape: [1, 1] };
        let tensors = [spec("m.lora_A.weight"), spec("m.lora_B.weight")];
        assert_eq!(Factors::Both.of(&tensors), tensors);
        assert_eq!(Factors::A.of(&tensors), tensors[..1]);
        assert_eq!(Factors::B.of(&tensors), tensors[1..]);
    }
}
