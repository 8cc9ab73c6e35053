//! What carries bytes to the coordinator, as far as the gate needs it. Called by `egress`, which alone sends
//! and implements it for the session; by tests, which count what would leave. Invariant: nothing is sent
//! here.

use common::net::client::{Answer, LineCounter};

use crate::error::SiteError;

/// What carries bytes to the coordinator: a QUIC session, at the end of `egress.rs`.
pub trait Wire: Send {
    /// A frame that was sent and is not answered yet.
    type Sent: Send;

    /// Sends exactly `bytes`; returns the answer and the raw bytes that follow it.
    fn exchange(&mut self, bytes: &[u8]) -> impl Future<Output = Result<Answer, SiteError>> + Send {
        async {
            let sent = self.send(bytes).await?;
            self.answer(sent).await
        }
    }

    /// Sends exactly `bytes` behind all that was sent before, and waits for no answer.
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = Result<Self::Sent, SiteError>> + Send;

    /// The answer, and the raw bytes that follow it.
    fn answer(&mut self, sent: Self::Sent) -> impl Future<Output = Result<Answer, SiteError>> + Send;

    /// Whether the coordinator said that it handles what is sent together on this line in its order.
    fn is_in_turn(&self) -> bool {
        false
    }

    /// What reads the transport's own count of what was sent, where there is a transport.
    fn counter(&self) -> Option<LineCounter> {
        None
    }
}
