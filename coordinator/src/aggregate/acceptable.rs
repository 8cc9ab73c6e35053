//! Whether sites would take an adapter: the bounds that each of them holds a new one to. Used by `aggregate`
//! for the mean and by `optimizer` for what follows from it. Invariant: nothing is published that every site
//! would refuse.

use std::path::Path;

use common::adapter::{AdapterError, AdapterReader};
use common::limits::{ADAPTER_GROWTH_MAX, AGGREGATE_NORM_MAX};
use common::run::TensorSpec;

use super::error::AggregateError;

/// Checks the values of the adapter at `path`, which is to follow `last`: `Ok(Err(_))` for one that sites
/// would refuse.
pub(super) fn check(
    path: &Path,
    last: &AdapterReader,
    tensors: &[TensorSpec],
) -> Result<Result<(), AdapterError>, AggregateError> {
    let before = last.check_values().map_err(AggregateError::Last)?;
    let summary = AdapterReader::open(path, tensors).and_then(|adapter| adapter.check_values());
    let checked = summary.and_then(|summary| {
        summary.check_norm(AGGREGATE_NORM_MAX)?;
        summary.check_growth(&before.norms(), ADAPTER_GROWTH_MAX)
    });
    match checked {
        Err(error) if error.is_retryable() => Err(error.into()),
        checked => Ok(checked),
    }
}
