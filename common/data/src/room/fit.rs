//! Whether a record fits the model it is for: its chat template, its special tokens, a cutoff. The data room
//! knows no model; whoever calls it hands the question in. Used by `room::gather`. Invariant: asked about
//! every record as it would be trained on, so that a check, a training and a run refuse the same records.

use std::fmt;
use std::sync::Arc;

use crate::record::Record;
use crate::refusal::Refusal;

type Look = dyn Fn(&Record) -> Result<(), Refusal> + Send + Sync;

/// The question whether a record fits; the default is content with every record.
#[derive(Clone, Default)]
pub struct Fit(Option<Arc<Look>>);

impl Fit {
    /// Asks `look` about every record.
    #[must_use]
    pub fn new(look: impl Fn(&Record) -> Result<(), Refusal> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(look)))
    }

    /// Whether the record fits.
    ///
    /// # Errors
    /// Why it does not.
    pub fn look(&self, record: &Record) -> Result<(), Refusal> {
        self.0.as_ref().map_or(Ok(()), |look| look(record))
    }
}

impl fmt::Debug for Fit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Fit(asked)" } else { "Fit(none)" })
    }
}
