//! The revocation list, for a site that asks. Called by `handler`. Invariant: what is sent has on it whatever
//! was revoked when it was asked, unless none can be signed (`enrolment::lists`).

use std::sync::Arc;

use common::net::server::Reply;
use common::wire::message::{Refusal, Response};

use super::handler::RequestHandler;
use crate::blocking::{blocking, internal};

impl RequestHandler {
    /// The newest list, unless it is the one that the site has.
    pub(super) async fn revocations(&self, known: u64) -> Result<Reply, Refusal> {
        let (lists, now) = (Arc::clone(&self.lists), self.clock.now());
        let list = internal(blocking(move || lists.to_give(now)).await)?;
        if list.number() == known {
            return Ok(Response::Noted.into());
        }
        let payload = list.der().to_vec();
        let length = u32::try_from(payload.len()).map_err(|_| Refusal::Internal)?;
        Ok(Reply { response: Response::Revocations { length }, payload })
    }
}
