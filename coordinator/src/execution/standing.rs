//! What the database knows of a run's sites, as events. Used by `catch_up`, by `queue` and by the simulator.
//! Pure. Invariant: an event that tells nothing new changes nothing.

use common::id::SiteId;

use crate::round::event::Event;
use crate::round::state::RunState;
use crate::store::SiteRow;

/// What the database knows of a site.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which.
    pub site: SiteId,
    /// Whether it was shut out.
    pub is_revoked: bool,
    /// Whether the operator paused it.
    pub is_paused: bool,
}

/// What the database says.
pub(super) fn standing(rows: Vec<SiteRow>) -> Vec<Standing> {
    let standing = |row: SiteRow| Standing {
        is_revoked: row.status.is_out(),
        is_paused: row.paused_at.is_some(),
        site: row.name,
    };
    rows.into_iter().map(standing).collect()
}

/// The events that bring a run up to date, in order. Pure.
pub fn news(state: &RunState, mut rows: Vec<Standing>) -> Vec<Event> {
    // Any of these events may close the round, and what is in it counts then: so first of all goes what was
    // sent by who was revoked.
    rows.sort_by_key(|row| {
        let has_sent = state.current().is_some_and(|record| record.updates.contains_key(&row.site));
        (!row.is_revoked, !has_sent)
    });
    rows.retain(|row| state.launched.sites.contains(&row.site));
    let event = |Standing { site, is_revoked, is_paused }| match (is_revoked, is_paused) {
        (true, _) => Some(Event::SiteRevoked { site }),
        (false, true) => Some(Event::SitePaused { site }),
        (false, false) => state.paused.contains(&site).then_some(Event::SiteResumed { site }),
    };
    rows.into_iter().filter_map(event).collect()
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::*;
    use crate::round::scheduler::{launch, tests::launched_run};

    #[test]
    fn the_revoked_come_first_and_strangers_not_at_all() {
        let mut state = launch(launched_run(3, 2, 1), Timestamp(0)).0;
        let row = |site: &str, is_revoked, is_paused| Standing {
            site: site.parse().unwrap(),
            is_revoked,
            is_paused,
        };
        let site = |text: &str| -> SiteId { text.parse().unwrap() };
        state.paused.insert(site("site-2"));
        let rows = vec![
            row("site-0", false, true),
            row("site-2", false, false),
            row("stranger", true, false),
            row("site-1", true, true),
        ];
        let expected = [
            Event::SiteRevoked { site: site("site-1") },
            Event::SitePaused { site: site("site-0") },
            Event::SiteResumed { site: site("site-2") },
        ];
        assert_eq!(news(&state, rows), expected);
        assert_eq!(news(&state, vec![row("site-0", false, false)]), [], "nothing new");
    }
}
