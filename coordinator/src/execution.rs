//! Carries out what the scheduler in `round` decides. `launch` makes a run of a run file; `driver` takes
//! events one at a time, commits what `transition` (pure) makes of each to the journal and starts the
//! effects; `performer` does them; `runs` publishes the states; `averaging` makes one adapter of a round's
//! updates; `beside` has their aggregation error computed while the run goes on; `presence` knows who is
//! out of reach; `catch_up` tells a run of revoked and paused sites; `pruning` removes the files that no
//! run needs any more; `crash` names the places where the tests kill us. Called by `server`, `requests` and
//! `admin`. Invariant: nothing is performed and nobody is answered before the commit.

pub mod averaging;
mod beside;
pub mod catch_up;
pub mod crash;
pub mod driver;
pub mod launch;
pub mod performer;
pub mod presence;
pub mod pruning;
mod queue;
pub mod runs;
pub mod standing;
pub mod transition;
