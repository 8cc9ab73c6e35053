//! What a site says of a run's result on the records that it held back itself, after the run was over. Used
//! by `message`; made by the site's worker, checked again by its gateway and by the coordinator. Invariants:
//! numbers and codes only, each bounded and rounded; the same check at every place.

use serde::{Deserialize, Serialize};

use super::numbers::{LossMilli, RoundedCount};
use crate::limits::{LOSS_NATS_MAX, OWN_SCORES_RECORDS_MAX, OWN_SCORES_RECORDS_MIN};

/// A difference of two losses in thousandths of a nat, between minus and plus [`LOSS_NATS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct GainMilli(i32);

impl GainMilli {
    /// Rounds and clamps; not-a-number becomes 0, which claims nothing.
    pub fn of(nats: f64) -> Self {
        let bounded = if nats.is_nan() { 0.0 } else { nats.clamp(-LOSS_NATS_MAX, LOSS_NATS_MAX) };
        // Between -64,000 and 64,000 after the clamp.
        Self((bounded * 1000.0).round() as i32)
    }

    /// Nats per token.
    pub fn nats(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// What became of the measurement at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnScores {
    /// It was made.
    Measured(Measured),
    /// It was not, for this reason; the words stay at the site.
    NotMeasured(NoScores),
}

/// Base model and result on a site's own held-out records. A loss is the mean over records of each one's loss
/// per supervised token; the gain is how much lower the result's is, its 95 % interval a paired bootstrap of
/// the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Records that were measured, rounded.
    pub records: RoundedCount,
    /// The base model's loss.
    pub base: LossMilli,
    /// The loss of the run's result.
    pub federated: LossMilli,
    /// Lower end of the gain's interval; below 0 where the result may be the worse one.
    pub gain_low: GainMilli,
    /// Its upper end.
    pub gain_high: GainMilli,
}

/// Why a site does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoScores {
    /// Its policy does not allow it.
    NotAllowed,
    /// It held no record back.
    NoHeldOut,
    /// It held back fewer than a score may be of.
    TooFew,
    /// The measurement failed repeatedly.
    Failed,
}

impl Measured {
    /// Rounds exact figures of so many records; more records than are measured count as the most.
    pub fn of(records: u64, base: f64, federated: f64, [low, high]: [f64; 2]) -> Self {
        let (base, federated) = (LossMilli::of(base), LossMilli::of(federated));
        let gain = base.nats() - federated.nats();
        Self {
            records: RoundedCount::of(records.min(OWN_SCORES_RECORDS_MAX)),
            base,
            federated,
            gain_low: GainMilli::of(low.min(gain)),
            gain_high: GainMilli::of(high.max(gain)),
        }
    }

    /// How much lower the result's loss is than the base model's, in nats per token.
    pub fn gain(&self) -> f64 {
        self.base.nats() - self.federated.nats()
    }
}

impl OwnScores {
    /// Whether the numbers are such as [`Measured::of`] makes: enough records, within bounds, and an interval
    /// around its gain. The coordinator refuses others, and the gateway lets none out.
    pub fn is_canonical(&self) -> bool {
        let Self::Measured(it) = self else { return true };
        let records = it.records.value();
        let is_enough = (OWN_SCORES_RECORDS_MIN..=OWN_SCORES_RECORDS_MAX).contains(&records);
        let bound = (LOSS_NATS_MAX * 1000.0) as i32;
        let is_gain = |gain: GainMilli| (-bound..=bound).contains(&gain.0);
        let is_loss = it.base.is_canonical() && it.federated.is_canonical();
        is_enough
            && it.records.is_canonical()
            && is_loss
            && is_gain(it.gain_low)
            && is_gain(it.gain_high)
            && it.gain_low <= GainMilli::of(it.gain())
            && GainMilli::of(it.gain()) <= it.gain_high
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codec;
    use super::*;

    fn fair() -> Measured {
        Measured::of(25, 5.87, 5.17, [0.41, 0.93])
    }

    #[test]
    fn what_is_said_is_these_bytes() {
        let said = OwnScores::Measured(fair());
        // 25 records, 5,870, 5,170, then 410 and 930 doubled, because these may be below 0.
        let expected = [0, 25, 251, 238, 22, 251, 50, 20, 251, 52, 3, 251, 68, 7];
        assert_eq!(codec::encode(&said).unwrap(), expected);
        assert_eq!(codec::decode::<OwnScores>(&expected).unwrap(), said);
        for (tag, reason) in [NoScores::NotAllowed, NoScores::NoHeldOut, NoScores::TooFew, NoScores::Failed]
            .into_iter()
            .enumerate()
        {
            assert_eq!(codec::encode(&OwnScores::NotMeasured(reason)).unwrap(), [1, tag as u8]);
            assert!(OwnScores::NotMeasured(reason).is_canonical());
        }
    }

    #[test]
    fn what_no_site_makes_is_not_canonical() {
        let is_fine = |change: fn(&mut Measured)| {
            let mut measured = fair();
            change(&mut measured);
            OwnScores::Measured(measured).is_canonical()
        };
        assert!(is_fine(|_| {}));
        assert!(is_fine(|it| it.records = RoundedCount::of(OWN_SCORES_RECORDS_MIN)));
        assert!(!is_fine(|it| it.records = RoundedCount::of(OWN_SCORES_RECORDS_MIN - 1)));
        assert!(!is_fine(|it| it.records = RoundedCount::of(OWN_SCORES_RECORDS_MAX * 2)));
        assert!(!is_fine(|it| it.gain_low = GainMilli(701)), "the gain is 700");
        assert!(!is_fine(|it| it.gain_high = GainMilli(699)));
        assert!(!is_fine(|it| it.gain_high = GainMilli(i32::MAX)));
        assert!(!is_fine(|it| it.gain_low = GainMilli(i32::MIN)));
        let loss = codec::decode::<LossMilli>(&codec::encode(&64_001_u32).unwrap()).unwrap();
        let beyond = OwnScores::Measured(Measured { base: loss, ..fair() });
        assert!(!beyond.is_canonical());
    }

    proptest! {
        #[test]
        fn what_is_made_is_canonical(
            records in OWN_SCORES_RECORDS_MIN..1_000_000,
            base in proptest::num::f64::ANY,
            federated in proptest::num::f64::ANY,
            low in proptest::num::f64::ANY,
            high in proptest::num::f64::ANY,
        ) {
            let made = OwnScores::Measured(Measured::of(records, base, federated, [low, high]));
            prop_assert!(made.is_canonical(), "{made:?}");
        }
    }
}
