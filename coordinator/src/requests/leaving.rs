//! A site that ends its membership. Called by `handler`. Invariant: it is shut out as by `coordinator
//! revoke`, in the database first: whatever it sent that is not yet in a published adapter counts no more.

use std::sync::Arc;
use std::time::Duration;

use common::id::SiteId;
use common::net::server::Reply;
use common::wire::message::{Refusal, Response};

use super::handler::RequestHandler;
use crate::blocking::{blocking, internal};
use crate::enrolment::{close_all, shut_out};
use crate::limits::LEFT_CLOSE_MS_MIN;
use crate::round::event::Event;
use crate::store::Leaving;

impl RequestHandler {
    /// Ends a site's membership by its own wish.
    pub(super) async fn leave(&self, site: &SiteId) -> Result<Reply, Refusal> {
        let (folder, store) = (Arc::clone(&self.folder), Arc::clone(&self.store));
        let (who, now) = (site.clone(), self.clock.now());
        let lists = Arc::clone(&self.lists);
        let work = move || {
            shut_out(&folder, &store, &who, Leaving::Itself, now)?;
            lists.look(now);
            Ok(())
        };
        internal(blocking(work).await)?;
        if let Some(state) = self.runs.active() {
            let event = Event::SiteRevoked { site: site.clone() };
            internal(self.driver.submit(state.launched.run, event).await)?;
        }
        tracing::warn!(%site, "the site has left the consortium");
        // Once the answer is there; nothing on them is answered any more.
        let (connections, who) = (self.connections.clone(), site.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(LEFT_CLOSE_MS_MIN)).await;
            close_all(&connections, &who);
        });
        Ok(Response::Noted.into())
    }
}
