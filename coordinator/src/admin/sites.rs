//! What an operator asks of sites: revoke, pause, exclude. Called by `admin::server`. Invariants: first the
//! database (no new request is let in), then the scheduler, then live connections; a pause holds for all
//! runs, an exclusion for the one that is going.

use std::sync::Arc;

use common::id::SiteId;

use super::consortium;
use super::membership::{pause_in, revoke_in, site_id};
use super::message::{Answer, SiteChange};
use super::server::Admin;
use crate::blocking::blocking;
use crate::enrolment::close_all;
use crate::error::{Error, Result};
use crate::execution::catch_up::catch_up;
use crate::round::event::Event;

impl Admin {
    pub(super) async fn revoke(&self, name: &str) -> Result<Answer> {
        let site = site_id(name)?;
        let (folder, store) = (Arc::clone(&self.folder), Arc::clone(&self.store));
        let (who, now) = (site.clone(), self.clock.now());
        let lists = Arc::clone(&self.lists);
        let work = move || {
            revoke_in(&folder, &store, &who, now)?;
            lists.look(now);
            Ok(())
        };
        blocking(work).await?;
        if let Some(state) = self.runs.active() {
            self.driver.submit(state.launched.run, Event::SiteRevoked { site: site.clone() }).await?;
        }
        let closed = close_all(&self.connections, &site);
        tracing::warn!(%site, closed, "site revoked");
        Ok(Answer::Done)
    }

    pub(super) async fn sites(&self) -> Result<Answer> {
        let (store, runs, connected) =
            (Arc::clone(&self.store), self.runs.clone(), self.presence.connected());
        let now = self.clock.now();
        let facts = move || consortium::facts(&store, &runs, Some(&connected), now);
        Ok(Answer::Sites { sites: blocking(facts).await? })
    }

    pub(super) async fn change(&self, name: &str, change: SiteChange) -> Result<Answer> {
        let site = site_id(name)?;
        let changed = match change {
            SiteChange::Pause | SiteChange::Resume => {
                let (store, who, now) = (Arc::clone(&self.store), site.clone(), self.clock.now());
                let changed =
                    blocking(move || pause_in(&store, &who, change == SiteChange::Pause, now)).await?;
                catch_up(&self.store, &self.runs, &self.driver).await?;
                changed
            }
            SiteChange::Exclude | SiteChange::Include => {
                self.leave_out(&site, change == SiteChange::Exclude).await?
            }
        };
        tracing::info!(%site, ?change, changed, "site changed");
        Ok(Answer::Changed { changed })
    }

    /// Takes a site out of the run that is going, or in again. Returns whether that changed anything.
    async fn leave_out(&self, site: &SiteId, out: bool) -> Result<bool> {
        let none = |message| Error::Argument {
            message,
            hint: "`coordinator status` shows the run and its sites; `coordinator sites pause SITE` \
                   holds for every run"
                .into(),
        };
        let state = self.runs.active().ok_or_else(|| none("no run is going".to_owned()))?;
        if !state.launched.sites.contains(site) {
            return Err(none(format!("{site} takes no part in run {}", state.launched.run)));
        }
        let changed = state.excluded.contains(site) != out;
        let site = site.clone();
        let event = if out { Event::SiteExcluded { site } } else { Event::SiteIncluded { site } };
        self.driver.submit(state.launched.run, event).await?;
        Ok(changed)
    }
}
