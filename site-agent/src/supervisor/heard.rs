//! What the keepers of the two children tell the supervisor's hub. Used by `supervisor` and
//! `supervisor::child`.

use crate::error::SiteError;
use crate::pipe::{FromGateway, FromWorker};

/// One message to the hub.
pub(super) enum Heard {
    /// The gateway said something.
    Gateway(FromGateway),
    /// The worker said something.
    Worker(FromWorker),
    /// A worker process ended; another is coming.
    WorkerGone,
    /// A worker process gave way to one for another run; the order it was started for goes to that one.
    WorkerRenewed,
    /// A child cannot be kept alive.
    GivenUp(SiteError),
}
