//! The same elements of every update, read in lock-step. Used by `aggregate` and `outliers`. Invariant:
//! memory is [`BLOCK_ELEMENTS`] for each site, whatever the adapter's size.

use common::adapter::AdapterReader;
use common::id::SiteId;

use super::error::AggregateError;

/// Elements read at once from each update.
pub(super) const BLOCK_ELEMENTS: usize = 64 * 1024;

/// An update, and whose it is.
pub(super) type Reader = (SiteId, AdapterReader);

/// The same elements of every update, in site order.
pub(super) fn panels(
    readers: &[Reader],
    index: usize,
    first: usize,
    count: usize,
) -> Result<Vec<Vec<f32>>, AggregateError> {
    let read = |(site, reader): &Reader| {
        let mut values = vec![0.0; count];
        match reader.read(index, first, &mut values) {
            Ok(()) => Ok(values),
            Err(source) => Err(AggregateError::Update { site: site.clone(), source }),
        }
    };
    readers.iter().map(read).collect()
}
