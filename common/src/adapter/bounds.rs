//! The bounds of an adapter that follows another one: the same code for an update that arrives, for the
//! average that is published, and for the global adapter that a site is asked to train. Used by the
//! coordinator (`intake`, `aggregate`) and the site agent. Invariant: norms are convex, so an average of
//! adapters that pass passes too.

use super::{AdapterError, ValueSummary};
use crate::limits::ADAPTER_TENSOR_RMS_MIN;

impl ValueSummary {
    /// The norm of each tensor, in the manifest's order: what [`Self::check_growth`] asks of the last one.
    #[must_use]
    pub fn norms(&self) -> Vec<f64> {
        self.tensors.iter().map(|tensor| tensor.norm).collect()
    }

    /// Checks that this adapter's norm is at most `norm_max`.
    ///
    /// # Errors
    /// [`AdapterError::Norm`] if it is not.
    pub fn check_norm(&self, norm_max: f64) -> Result<(), AdapterError> {
        // `<=` is false for not-a-number.
        let within = self.norm <= norm_max;
        if within { Ok(()) } else { Err(AdapterError::Norm { norm: self.norm, limit: norm_max }) }
    }

    /// Checks that this adapter may follow the one it was trained from: no tensor has more than `growth_max`
    /// times the norm it had, which `last` says in the manifest's order. A tensor that was smaller than
    /// [`ADAPTER_TENSOR_RMS_MIN`] for each element, such as a B that starts at zero, counts as that large.
    ///
    /// # Errors
    /// [`AdapterError::Growth`] for the first tensor that grew too much; [`AdapterError::TensorSet`] if
    /// the two do not have the same number of tensors.
    pub fn check_growth(&self, last: &[f64], growth_max: f64) -> Result<(), AdapterError> {
        if self.tensors.len() != last.len() {
            return Err(AdapterError::TensorSet("the last adapter has others".to_owned()));
        }
        for (now, before) in self.tensors.iter().zip(last) {
            let floor = ADAPTER_TENSOR_RMS_MIN * (now.elements as f64).sqrt();
            let limit = growth_max * before.max(floor);
            let within = now.norm <= limit;
            if !within {
                return Err(AdapterError::Growth { name: now.name.clone(), norm: now.norm, limit });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::TensorNorm;
    use super::*;
    use crate::limits::{ADAPTER_GROWTH_MAX, ADAPTER_NORM_MAX};

    fn summary(norms: [f64; 2]) -> ValueSummary {
        let tensor = |(name, norm): (&str, f64)| TensorNorm { name: name.to_owned(), norm, elements: 100 };
        let norm = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
        ValueSummary { norm, largest: 1.0, tensors: ["a", "b"].into_iter().zip(norms).map(tensor).collect() }
    }

    fn follows(now: [f64; 2], last: [f64; 2]) -> Result<(), AdapterError> {
        summary(now).check_norm(ADAPTER_NORM_MAX)?;
        summary(now).check_growth(&summary(last).norms(), ADAPTER_GROWTH_MAX)
    }

    #[test]
    fn an_adapter_is_held_to_one_norm_and_to_the_one_before_it() {
        // A fresh adapter: B is zero. 100 elements of 0.1 count as norm 1.
        assert!(follows([2.0, 1.5], [2.0, 0.0]).is_ok());
        assert!(follows([20.0, 10.0], [2.0, 0.0]).is_ok());
        assert!(
            matches!(follows([2.0, 10.1], [2.0, 0.0]), Err(AdapterError::Growth { name, .. }) if name == "b")
        );
        assert!(
            matches!(follows([20.1, 1.0], [2.0, 0.0]), Err(AdapterError::Growth { name, .. }) if name == "a")
        );
        let large = ADAPTER_NORM_MAX * 1.01;
        assert!(
            matches!(follows([large, 1.0], [large, 1.0]), Err(AdapterError::Norm { .. })),
            "however slowly"
        );
        assert!(matches!(follows([f64::NAN, 1.0], [2.0, 1.0]), Err(AdapterError::Norm { .. })));
        assert!(matches!(follows([1.0, f64::NAN], [2.0, 1.0]), Err(AdapterError::Norm { .. })));
        assert!(summary([1.0, f64::NAN]).check_growth(&[1.0, 1.0], 10.0).is_err());
        assert!(summary([1.0, 1.0]).check_growth(&[1.0], 10.0).is_err());
    }
}
