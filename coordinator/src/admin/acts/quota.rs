//! How many lines of the log of acts operators and auditors may have written in a day, each and all of them.
//! Used by `admin::server` and `enrolment::person` before a line is written. Invariant: local users, who own
//! the folder, have no bound.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use common::clock::Timestamp;

use super::record::{By, Step, Verb, Who};
use crate::error::{Error, Result};
use crate::limits::{ACT_LINES_FROM_AFAR_PER_DAY_MAX, ACT_LINES_PER_DAY_MAX};

const DAY_MS: u64 = 86_400_000;

/// What each has had today; begins anew with the process.
#[derive(Debug, Default)]
pub struct Quota(Mutex<Today>);

#[derive(Debug, Default)]
struct Today {
    day: u64,
    all: u32,
    each: BTreeMap<String, u32>,
}

impl Quota {
    /// Takes `lines` of those of `who`, the first of which says this step. What ends something is held to
    /// their own bound only: others must not be able to use it up. A refused attempt ends nothing.
    ///
    /// # Errors
    /// There are not so many left today.
    pub fn take(&self, who: &Who, verb: Verb, step: Step, lines: u32, now: Timestamp) -> Result<()> {
        if who.by() == By::Local {
            return Ok(());
        }
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.0 / DAY_MS;
        if today.day != day {
            *today = Today { day, ..Today::default() };
        }
        let refused = |message: String| {
            tracing::warn!(who = who.name(), message, "an act from afar was refused");
            Err(Error::Argument {
                message,
                hint: "go on tomorrow (UTC), or on the coordinator's machine".into(),
            })
        };
        let all = today.all.saturating_add(lines);
        let exempt = verb.ends_something() && step != Step::Refused;
        if all > ACT_LINES_FROM_AFAR_PER_DAY_MAX && !exempt {
            return refused("operators and auditors have asked for as much as all may in a day".into());
        }
        let had = today.each.entry(who.name()).or_default();
        if had.saturating_add(lines) > ACT_LINES_PER_DAY_MAX {
            return refused(format!("{} has asked for as much as one may ask for in a day", who.name()));
        }
        *had += lines;
        today.all = all;
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
        quota.take(&anna, Verb::Launch, Step::Asked, ACT_LINES_PER_DAY_MAX, Timestamp(5)).unwrap();
        assert!(
            quota
                .take(&anna, Verb::Launch, Step::Asked, 1, Timestamp(DAY_MS - 1))
                .unwrap_err()
                .is_user_error()
        );
        quota.take(&otto, Verb::Launch, Step::Asked, 2, Timestamp(5)).unwrap();
        quota.take(&Who::Local { uid: 0 }, Verb::Launch, Step::Asked, u32::MAX, Timestamp(5)).unwrap();
        quota.take(&anna, Verb::Launch, Step::Asked, 1, Timestamp(DAY_MS)).unwrap();
    }

    #[test]
    fn names_that_are_made_for_it_get_no_more_together() {
        let quota = Quota::default();
        let take = |number: u32, at| {
            let name = format!("n{number}").parse().unwrap();
            let who = Who::Operator(Holder { name, certificate: Digest([1; 32]) });
            quota.take(&who, Verb::Launch, Step::Asked, ACT_LINES_PER_DAY_MAX, Timestamp(at))
        };
        let enough = ACT_LINES_FROM_AFAR_PER_DAY_MAX / ACT_LINES_PER_DAY_MAX;
        (0..enough).for_each(|number| take(number, 5).unwrap());
        assert!(take(enough, 5).unwrap_err().to_string().contains("all may in a day"));
        let otto = Holder { name: "otto".parse().unwrap(), certificate: Digest([2; 32]) };
        let otto = Who::Operator(otto);
        quota.take(&otto, Verb::RevokeOperator, Step::Asked, 2, Timestamp(5)).unwrap();
        let refused = quota.take(&otto, Verb::RevokeOperator, Step::Refused, 1, Timestamp(5));
        assert!(refused.unwrap_err().is_user_error(), "what is refused ends nothing");
        quota.take(&Who::Local { uid: 0 }, Verb::Launch, Step::Asked, 2, Timestamp(5)).unwrap();
        take(enough, DAY_MS).unwrap();
    }
}
