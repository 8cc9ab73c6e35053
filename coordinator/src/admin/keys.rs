//! What an operator asks of the consortium's authority. Called by `admin::server`. Invariant: the keeper of
//! the keys does it, one order after the other, within the bounds that the command line states.

use super::message::{Answer, AuthorityChange};
use super::server::Admin;
use crate::enrolment::keeper::{Done, Order};
use crate::error::{Error, Result};
use crate::limits::AUTHORITY_OVERLAP_MS_MAX;

impl Admin {
    pub(super) async fn authority(&self, change: AuthorityChange) -> Result<Answer> {
        let order = match change {
            AuthorityChange::Roll { overlap_ms } if overlap_ms > AUTHORITY_OVERLAP_MS_MAX => {
                return Err(Error::Argument {
                    message: "certificates of an earlier authority are taken for at most 397d".into(),
                    hint: "give a shorter --overlap: no certificate of a site lives longer".into(),
                });
            }
            AuthorityChange::Roll { overlap_ms } => Order::Roll { overlap_ms },
            AuthorityChange::Retire => Order::Retire,
        };
        let Done { pin, taken_until, ended } = self.keys.order(order).await?;
        Ok(Answer::Authority { pin: pin.to_string(), taken_until_ms: taken_until.map(|at| at.0), ended })
    }
}
