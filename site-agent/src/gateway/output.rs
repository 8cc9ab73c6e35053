//! What the gateway says to the supervisor: notices for the person, orders for the worker. Implemented by
//! `gateway`'s pipe and by the tests; used by `agent_loop`, `connection` and `overlap::exchange`. Invariant:
//! only the closed enums of `pipe` cross.

use crate::pipe::{Notice, ToWorker};

/// Tells the supervisor what happens.
pub trait Report: Send {
    /// Never blocks for long.
    fn notice(&mut self, notice: Notice);
}

/// Where orders to the worker and notices to the person go.
pub trait Output: Report {
    /// Hands an order to the supervisor.
    fn order(&mut self, order: ToWorker);
}
