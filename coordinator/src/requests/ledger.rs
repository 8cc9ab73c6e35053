//! Whether we are older than what we signed: asked at every receipt that a site shows. Called by `handler`.
//! Invariant: from the first receipt on that we signed and do not know nobody gets an answer (`standing`).

use std::sync::Arc;

use common::id::{Digest, SiteId};
use common::net::server::Reply;
use common::wire::message::{Receipt, Refusal, Response};

use super::handler::RequestHandler;
use crate::blocking::{blocking, internal};

impl RequestHandler {
    /// A site shows the newest receipt that it has of us.
    pub(super) async fn shown(&self, site: &SiteId, receipt: &Receipt) -> Result<Reply, Refusal> {
        let body = receipt.body;
        let public_key = self.receipts.public_key().map_err(|_| Refusal::Internal)?;
        let is_ours = public_key.verify(&body.signed_bytes(), &receipt.signature).is_ok();
        if !is_ours || body.site != Digest::of(site.as_str().as_bytes()) {
            tracing::warn!(%site, "the site shows a receipt that is not ours, or not its own");
            return Err(Refusal::BadRequest);
        }
        let (store, who, now) = (Arc::clone(&self.store), site.clone(), self.clock.now());
        let is_accepted = self.accepts_restored;
        let remembers = move || Ok(store.remembers(&who, &body, is_accepted, now)?);
        if internal(blocking(remembers).await)? {
            return Ok(Response::Noted.into());
        }
        tracing::error!(
            %site, run = %body.key.run, round = %body.key.round,
            "the site shows a receipt that we signed and do not know: this coordinator was restored from an older \
             copy. No site gets an answer until it is started with `coordinator serve --accept-restored`"
        );
        Err(Refusal::Restored)
    }
}
