//! An update on its way: offered, sent chunk by chunk, committed, acknowledged. Called by `agent_loop`.
//! Invariants: of one update `SENT_TIMES_MAX` times its size leaves in a day, wherever the coordinator wants
//! it sent from; a receipt is kept if it is ours and signed, and only then.

use common::clock::Clock;
use common::crash_point;
use common::limits::CHUNK_BYTES_MAX;
use common::wire::message::{Receipt, Response, RoundKey};

use super::AgentLoop;
use crate::egress::Outbound;
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::output::Output;
use crate::gateway::protect::ProtectedUpdate;
use crate::gateway::state::Event;
use crate::limits::{SENT_BYTES_MIN, SENT_TIMES_MAX};
use crate::pipe::{NotDone, Notice, ToWorker};

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Whether the update of a round waits for its receipt.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn is_unacknowledged(&self, key: RoundKey) -> Result<bool, SiteError> {
        Ok(self.store.update(key)?.is_some_and(|update| update.receipt.is_none()))
    }

    /// Offer, the missing chunks, commit. Each step may be answered by the receipt at once.
    ///
    /// # Errors
    /// The ledger's, the database's, the disk's; what the policy does not let leave; a line that keeps
    /// breaking.
    pub(super) async fn send(&mut self, key: RoundKey) -> Result<Event, SiteError> {
        let Some(update) = ProtectedUpdate::find(&self.folder, &self.store, key)? else {
            return Ok(Event::Hindered);
        };
        let bytes = update.update().bytes;
        // While the day is full nothing is said again, and nothing asked.
        if self.course.waits_for_day.is_some_and(|wanted| self.waits_for_day(wanted)) {
            return Ok(Event::Hindered);
        }
        self.output.notice(Notice::Sending { key, bytes });
        let mut answer = self.connection.ask(Outbound::Offer(&update), &mut self.output).await?.response;
        // Every chunk twice and a commit after each time; more is a coordinator that does not listen.
        let messages = 2 * (bytes.div_ceil(CHUNK_BYTES_MAX as u64) + 1);
        let mut expected = 0;
        for _ in 0..messages {
            answer = match answer {
                Response::Continue { next_offset } if next_offset < bytes => {
                    // Before it counts as sent: what does not leave uses up nothing.
                    if self.waits_for_day((bytes - next_offset).min(CHUNK_BYTES_MAX as u64)) {
                        return Ok(Event::Hindered);
                    }
                    self.connection.has_room_for((bytes - next_offset).min(CHUNK_BYTES_MAX as u64))?;
                    if self.is_sent_too_often(&update, next_offset)? {
                        break;
                    }
                    // Whole chunks follow from wherever it begins; a replay has to find each in the ledger.
                    if next_offset != expected
                        && !next_offset.is_multiple_of(CHUNK_BYTES_MAX as u64)
                        && !self.store.note_odd_offset(key, next_offset)?
                    {
                        break;
                    }
                    expected = next_offset.saturating_add(CHUNK_BYTES_MAX as u64).min(bytes);
                    let item = Outbound::Chunk { update: &update, offset: next_offset };
                    let answer = self.connection.ask(item, &mut self.output).await?.response;
                    crash_point!("site-chunk-sent");
                    answer
                }
                Response::Continue { next_offset } if next_offset == bytes => {
                    let answer =
                        self.connection.ask(Outbound::Commit(&update), &mut self.output).await?.response;
                    crash_point!("site-committed");
                    answer
                }
                Response::Receipt(receipt) => return self.acknowledge(&update, &receipt),
                Response::Refused(refusal) => return Ok(Event::Refused { refusal }),
                other => return Ok(self.unexpected(&other)),
            };
        }
        match answer {
            Response::Receipt(receipt) => self.acknowledge(&update, &receipt),
            Response::Refused(refusal) => Ok(Event::Refused { refusal }),
            _ => {
                self.not_done(NotDone::SentTooOften);
                Ok(Event::Hindered)
            }
        }
    }

    /// Counts the chunk at `offset`, and says whether the day's share of this update is used up.
    fn is_sent_too_often(&mut self, update: &ProtectedUpdate, offset: u64) -> Result<bool, SiteError> {
        let update = update.update();
        let chunk = (update.bytes - offset).min(CHUNK_BYTES_MAX as u64);
        let sent = self.store.count_sent(update.key, chunk, self.clock.now().0)?;
        Ok(sent > (SENT_TIMES_MAX * update.bytes).max(SENT_BYTES_MIN))
    }

    /// Checks the coordinator's signature and keeps the receipt.
    fn acknowledge(&mut self, update: &ProtectedUpdate, receipt: &Receipt) -> Result<Event, SiteError> {
        let ours = update.update();
        let body = &receipt.body;
        let is_ours = ours.is_named_by(body, &self.coordinator.site);
        let public_key = self.coordinator.receipt_public_key();
        let is_signed = public_key.verify(&body.signed_bytes(), &receipt.signature).is_ok();
        if !(is_ours && is_signed) {
            tracing::error!("a receipt is not ours or not signed by the coordinator; asking again");
            self.not_done(NotDone::UnexpectedAnswer);
            return Ok(Event::Hindered);
        }
        let is_first = ours.receipt.is_none();
        self.store.record_receipt(ours.key, receipt, self.clock.now().0)?;
        crash_point!("site-receipt-stored");
        if is_first {
            self.course.pace.done();
        }
        self.output.notice(Notice::Receipt { key: ours.key, bytes: ours.bytes });
        // The update is in the outbox; the worker's copy of it takes room for nothing.
        self.output.order(ToWorker::Abandon { key: ours.key });
        self.tidy_outbox()?;
        Ok(Event::Acknowledged)
    }
}
