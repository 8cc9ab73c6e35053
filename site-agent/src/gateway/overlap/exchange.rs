//! Has the worker's blinded points evaluated by the coordinator: the only exchange between fetching the terms
//! of a run and taking part in it. Called by `agent_loop`; every step can be repeated and sends the same
//! bytes.

use common::clock::Clock;
use common::crash_point;
use common::wire::message::{Response, RoundKey};

use super::answers::Answers;
use super::points::ProtectedPoints;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::gateway::connection::{Connection, Connector, name_of};
use crate::gateway::output::Output;
use crate::gateway::state::Event;
use crate::gateway::store::{FACT_TOO_CLOSE, Store};
use crate::paths::StateFolder;
use crate::pipe::{BlindedFacts, LeftOut, Notice};

/// What the exchange needs of the gateway's loop.
pub struct Exchange<'a, N: Connector, C, O> {
    /// The state folder.
    pub folder: &'a StateFolder,
    /// The site's database.
    pub store: &'a mut Store,
    /// The line to the coordinator.
    pub connection: &'a mut Connection<N, C>,
    /// Where notices go.
    pub output: &'a mut O,
}

impl<N: Connector, C: Clock, O: Output> Exchange<'_, N, C, O> {
    /// Hears that the worker has its verdict. The first time, what failed until here stops counting: the
    /// limit on failures is meant for the training that begins now.
    ///
    /// # Errors
    /// `Store`.
    pub fn compared(&mut self, key: RoundKey, left_out: &LeftOut) -> Result<(), SiteError> {
        self.store.set_fact(FACT_TOO_CLOSE, left_out.too_close)?;
        if self.store.note_compared(key.run)? {
            self.store.clear_failures(key)?;
        }
        Ok(())
    }

    /// Checks the points, sends what the coordinator has not answered yet, and stores the answers.
    ///
    /// # Errors
    /// What no retry mends: the policy, the ledger, the database, the disk.
    pub async fn compare(
        &mut self,
        key: RoundKey,
        facts: BlindedFacts,
        now_ms: u64,
    ) -> Result<Event, SiteError> {
        let points = match ProtectedPoints::protect(self.folder, self.store, key.run, &facts, now_ms) {
            Ok(points) => points,
            Err(error @ SiteError::PointsRefused { .. }) => {
                tracing::error!(run = %key.run, "{error}");
                return Ok(Event::PointsRejected);
            }
            Err(error) => return Err(error),
        };
        let Some(mut answers) = Answers::open(self.folder, key.run, points.points())? else {
            return Ok(Event::Answered);
        };
        self.output.notice(Notice::Comparing { key, points: points.points() });
        let declared = self.connection.ask(Outbound::OverlapDeclare(&points), self.output).await?.response;
        if declared != Response::Noted {
            return Ok(not_done(&declared));
        }
        while let Some((offset, bytes)) = answers.next() {
            let item = Outbound::OverlapBlinded { points: &points, offset };
            let Answer { response, payload } = self.connection.ask(item, self.output).await?;
            crash_point!("site-overlap-sent");
            match response {
                Response::OverlapEvaluated { offset: at, .. } if at == offset && payload.len() == bytes => {
                    answers.append(&payload)?;
                }
                other => return Ok(not_done(&other)),
            }
        }
        answers.finish()?;
        crash_point!("site-overlap-answered");
        Ok(Event::Answered)
    }
}

fn not_done(response: &Response) -> Event {
    match response {
        Response::Refused(refusal) => Event::Refused { refusal: *refusal },
        other => {
            tracing::warn!(answer = name_of(other), "an unexpected answer to points");
            Event::Hindered
        }
    }
}
