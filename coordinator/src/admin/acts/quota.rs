//! How many lines of the log of acts each operator and auditor may have written in a day. Used by
//! `admin::server` before a line is written. Invariant: local users, who own the folder, have no bound.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use common::clock::Timestamp;

use super::record::{By, Who};
use crate::error::{Error, Result};
use crate::limits::ACT_LINES_PER_DAY_MAX;

const DAY_MS: u64 = 86_400_000;

/// What each has had today; begins anew with the process.
#[derive(Debug, Default)]
pub struct Quota(Mutex<(u64, BTreeMap<String, u32>)>);

impl Quota {
    /// Takes `lines` of those of `who`.
    ///
    /// # Errors
    /// There are not so many left today.
    pub fn take(&self, who: &Who, lines: u32, now: Timestamp) -> Result<()> {
        if who.by() == By::Local {
            return Ok(());
        }
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.0 / DAY_MS;
        if today.0 != day {
            *today = (day, BTreeMap::new());
        }
        let had = today.1.entry(who.name()).or_default();
        if had.saturating_add(lines) > ACT_LINES_PER_DAY_MAX {
            tracing::warn!(who = who.name(), "has asked for all that one may ask for in a day");
            return Err(Error::Argument {
                message: format!("{} has asked for as much as one may ask for in a day", who.name()),
                hint: "go on tomorrow (UTC), or on the coordinator's machine".into(),
            });
        }
        *had += lines;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use common::id::Digest;

    use super::*;
    use crate::admin::acts::Holder;

    #[test]
    fn a_day_has_a_bound_for_each_and_none_for_who_is_there() {
        let holder = |name: &str| Holder { name: name.parse().unwrap(), certificate: Digest([1; 32]) };
        let (anna, otto) = (Who::Auditor(holder("anna")), Who::Operator(holder("otto")));
        let quota = Quota::default();
        quota.take(&anna, ACT_LINES_PER_DAY_MAX, Timestamp(5)).unwrap();
        assert!(quota.take(&anna, 1, Timestamp(DAY_MS - 1)).unwrap_err().is_user_error());
        quota.take(&otto, 2, Timestamp(5)).unwrap();
        quota.take(&Who::Local { uid: 0 }, u32::MAX, Timestamp(5)).unwrap();
        quota.take(&anna, 1, Timestamp(DAY_MS)).unwrap();
    }
}
