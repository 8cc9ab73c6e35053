//! Files from the coordinator: fetched by digest within bounds of our own, several questions on their way at
//! once, and the terms of a run, of which the first stay. Called by `agent_loop`. Invariants: no file is
//! larger than its bound, whatever is announced; a file costs twice as many questions as it has chunks, at
//! most, but for those that a line lost on which nothing else was asked; one run has one manifest.

use std::collections::VecDeque;
use std::fs;

use common::clock::Clock;
use common::id::{Digest, RunId};
use common::limits::CHUNK_BYTES_MAX;
use common::net::transfer::{self, Opened, PartialFile, TransferError};
use common::run::RunManifest;
use common::wire::message::{PROTOCOL_VERSION, Response, RoundKey};

use super::AgentLoop;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::consent::{Terms, verified_terms};
use crate::gateway::output::Output;
use crate::gateway::state::Event;
use crate::limits::RUN_AGE_MS_MAX;
use crate::pipe::NotDone;

const CHUNK: u64 = CHUNK_BYTES_MAX as u64;

/// What came of an answer.
enum Piece {
    /// It is in the file, or behind a gap.
    Kept,
    /// The coordinator is busy; nothing is unanswered.
    Later,
    /// Nothing more is taken, and nothing is unanswered.
    Refused(Event),
}

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Brings one file into the inbox, from where an earlier attempt ended; an event says why it could not
    /// be. `bytes` is what the coordinator announces, `bytes_max` what is taken at most.
    ///
    /// # Errors
    /// The ledger's, the database's and the disk's.
    pub(super) async fn fetch_one(
        &mut self,
        digest: Digest,
        bytes: u64,
        bytes_max: u64,
    ) -> Result<Option<Event>, SiteError> {
        if !(1..=bytes_max).contains(&bytes) {
            tracing::warn!(%digest, bytes, bytes_max, "a file of this size is not fetched");
            self.not_done(NotDone::FileTooLarge);
            return Ok(Some(Event::TermsRefused));
        }
        let mut part = match transfer::open(&self.folder.inbox(), digest, bytes).map_err(transfer_error)? {
            Opened::Complete(_) => return Ok(None),
            Opened::Partial(part) => part,
        };
        if let Some(event) = self.fetch_pieces(digest, &mut part).await? {
            return Ok(Some(event));
        }
        match part.finish() {
            Ok(_) => Ok(None),
            Err(error @ TransferError::DigestMismatch { .. }) => {
                tracing::warn!("{error}");
                Ok(Some(self.not_as_announced()))
            }
            Err(error) => Err(transfer_error(error)),
        }
    }

    /// Asks for the pieces that are missing, several questions on their way at once, until none is. Every
    /// question that leaves counts; only one that goes alone is asked again, where it is lost, at no cost.
    async fn fetch_pieces(
        &mut self,
        digest: Digest,
        part: &mut PartialFile,
    ) -> Result<Option<Event>, SiteError> {
        let bytes = part.total();
        let mut questions = 2 * (bytes - part.next_offset()).div_ceil(CHUNK);
        // Where the unanswered questions begin, and the next one does.
        let (mut asked, mut next) = (VecDeque::new(), part.next_offset());
        // So many pieces are asked for one by one: as many as questions came to nothing, so that those who
        // lose lines and no more do not run out of questions.
        let mut alone = 0_usize;
        while part.next_offset() < bytes {
            while alone == 0 && next < bytes && questions > 0 && self.connection.has_place_ahead() {
                let item = Outbound::Fetch { digest, offset: next };
                questions -= 1;
                asked.push_back(next);
                next = next.saturating_add(CHUNK).min(bytes);
                if !self.connection.send_ahead(item, &mut self.output).await? {
                    alone = asked.len();
                }
            }
            let in_flight = asked.len();
            let answer = match asked.pop_front() {
                Some(offset) if alone == 0 => {
                    self.connection.next_answer(&mut self.output).await?.map(|answer| (offset, answer))
                }
                _ if questions == 0 => return Ok(Some(self.not_as_announced())),
                _ => {
                    questions -= 1;
                    let offset = part.next_offset();
                    let item = Outbound::Fetch { digest, offset };
                    Some((offset, self.connection.ask(item, &mut self.output).await?))
                }
            };
            alone = match answer {
                None => in_flight,
                Some((offset, answer)) => match self.take_piece(part, offset, answer).await? {
                    Piece::Kept => alone.saturating_sub(1),
                    Piece::Later => in_flight,
                    Piece::Refused(event) => return Ok(Some(event)),
                },
            };
            if !self.connection.is_ahead() {
                // A piece that was shorter than a question is asked for from its end.
                asked.clear();
                next = part.next_offset();
            }
        }
        Ok(None)
    }

    /// Keeps a piece that was asked for from `offset` on. One behind a gap, which a shorter piece before it
    /// left, is not kept. Nothing is unanswered where nothing more is taken.
    async fn take_piece(
        &mut self,
        part: &mut PartialFile,
        offset: u64,
        answer: Answer,
    ) -> Result<Piece, SiteError> {
        let Answer { response, payload: piece } = answer;
        match response {
            Response::Blob { offset: at, total, .. }
                if (at, total) == (offset, part.total())
                    && (1..=part.total() - offset).contains(&(piece.len() as u64)) =>
            {
                if offset <= part.next_offset() {
                    part.write(offset, &piece).map_err(transfer_error)?;
                }
                return Ok(Piece::Kept);
            }
            _ => {}
        }
        self.connection.settle(Some(response.clone()), &mut self.output).await?;
        Ok(match response {
            Response::Busy { .. } => Piece::Later,
            Response::Blob { .. } => Piece::Refused(self.not_as_announced()),
            Response::Refused(refusal) => Piece::Refused(Event::Refused { refusal }),
            other => Piece::Refused(self.unexpected(&other)),
        })
    }

    fn not_as_announced(&mut self) -> Event {
        self.not_done(NotDone::FileNotAsAnnounced);
        Event::FetchFailed
    }

    /// The terms of a run, if the coordinator signed them, and the operator who is named in them.
    ///
    /// # Errors
    /// `Io`; `Config` for a file that is not such terms.
    pub(super) fn terms(&self, digest: Digest) -> Result<Terms, SiteError> {
        let path = self.folder.inbox().join(digest.to_string());
        let bytes = fs::read(&path).map_err(|source| SiteError::io(&path, source))?;
        let terms = verified_terms(&bytes, &self.coordinator.receipt_public_key());
        terms.map_err(|reason| SiteError::config(&path, reason))
    }

    /// As [`Self::terms`], without the signatures.
    ///
    /// # Errors
    /// As [`Self::terms`].
    pub(super) fn manifest(&self, digest: Digest) -> Result<RunManifest, SiteError> {
        Ok(self.terms(digest)?.signed.manifest)
    }

    /// As [`Self::agree`], and the terms have this round.
    ///
    /// # Errors
    /// The database's and the disk's.
    pub(super) fn agree_round(&mut self, key: RoundKey, digest: Digest) -> Result<Option<Terms>, SiteError> {
        let Some(terms) = self.agree(key.run, digest)? else { return Ok(None) };
        if (1..=terms.manifest().rounds).contains(&key.round.0) {
            return Ok(Some(terms));
        }
        tracing::warn!(run = %key.run, round = key.round.0, "the terms have no such round");
        self.not_done(NotDone::TermsUnusable);
        Ok(None)
    }

    /// The terms of a run, if the coordinator signed them, this site is in their roster with its own key, the
    /// consortium vouched for their operator when this site first heard of them, and they are those that it
    /// heard of then; `None` when they are not, which has been said.
    ///
    /// # Errors
    /// The database's and the disk's.
    pub(super) fn agree(&mut self, run: RunId, digest: Digest) -> Result<Option<Terms>, SiteError> {
        let terms = match self.terms(digest) {
            Ok(terms) => terms,
            Err(error @ SiteError::Config { .. }) => {
                tracing::warn!("{error}");
                self.not_done(NotDone::TermsUnusable);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let manifest = terms.manifest();
        // The key of the launch: a certificate may be renewed while the run goes on.
        let is_in_it = match manifest.roster.member(&self.coordinator.site) {
            Some(member) => self.store.is_own_key(member.key)?,
            None => false,
        };
        if manifest.run != run || manifest.protocol != PROTOCOL_VERSION || !is_in_it {
            tracing::warn!(%run, "the terms are those of another run or protocol, or this site is not in their roster with its own key");
            self.not_done(NotDone::TermsUnusable);
            return Ok(None);
        }
        // Later the certificate may have ended, or another authority have followed.
        if !self.store.knows_run(run)? && !self.connection.vouches_for(&terms.signed, self.clock.now().into())
        {
            tracing::warn!(%run, "the terms bear the signature of an operator whom the consortium's authority does not vouch for");
            self.not_done(NotDone::TermsUnusable);
            return Ok(None);
        }
        let now_ms = self.clock.now().0;
        let agreed = self.store.agree(run, digest, now_ms)?;
        if agreed.manifest != digest {
            tracing::warn!(%run, first = %agreed.manifest, now = %digest, "the run began with other terms");
            self.not_done(NotDone::OtherTerms);
            return Ok(None);
        }
        if now_ms.saturating_sub(agreed.first_ms) > RUN_AGE_MS_MAX {
            self.not_done(NotDone::RunIsOver);
            return Ok(None);
        }
        Ok(Some(terms))
    }
}

fn transfer_error(error: TransferError) -> SiteError {
    match error {
        TransferError::Io { path, source } => SiteError::Io { path, source },
        TransferError::StorageFull { folder, .. } => {
            SiteError::io(&folder, std::io::ErrorKind::StorageFull.into())
        }
        other => SiteError::Internal(other.to_string()),
    }
}
