//! One line to the coordinator, opened when needed and again after every loss.
//!
//! Called by `agent_loop` and `overlap::exchange`, and by `cli::check` for one greeting. Every connection
//! begins with `Hello`, the proof that our ledger was only extended, where it is asked for, and the newest
//! receipt (`greeting`). An item that failed on the way is released again as a new frame with a new ledger
//! record: the ledger lists every frame that may have left, whether it arrived or not. A line whose last
//! frame may not have been counted is not used again.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use certs::{PeerCertificate, TlsIdentity};
use common::clock::Clock;
use common::durable;
use common::id::RunId;
use common::limits::MESSAGE_BYTES_MAX;
use common::net::NetError;
use common::run::SignedManifest;
use common::wire::message::{Refusal, Response};

use super::consent::{Consent, Judge};
use super::ledger::Note;
use super::meter::Meter;
use super::output::Report;
use super::renewal::Renewal;
use super::store::memory::Said;
use super::store::{FACT_DISK_SEEN, Store};
use crate::backoff::Backoff;
use crate::egress::{Answer, Egress, Outbound, Wire};
use crate::error::SiteError;
use crate::limits::{BACKOFF_MS_MAX, BUSY_MS_MAX, BUSY_MS_MIN, CHUNK_ATTEMPTS_MAX, PERSON_WAIT_MS_MAX};
use crate::pipe::Notice;
use crate::policy::launcher;

mod ahead;
mod greeting;
pub mod quic;
mod renewing;
mod revoking;

/// Opens connections; the real one uses QUIC, the tests' one does not.
pub trait Connector: Send {
    type Wire: Wire;
    /// One attempt, with its own deadline.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Wire, SiteError>> + Send;

    /// The authority that the coordinator of the newest connection descends from, if that is another one than
    /// ours and follows it.
    fn successor(&self) -> Option<Vec<u8>>;

    /// The certificate of the coordinator of the newest connection; `None` where nothing was verified.
    fn coordinator(&self) -> Option<&PeerCertificate> {
        None
    }

    /// Uses another certificate, and goes by the authority that signed it, from the next attempt on.
    ///
    /// # Errors
    /// `Internal` when it cannot be used.
    fn adopt(&mut self, identity: &TlsIdentity, authority_der: &[u8]) -> Result<(), SiteError>;
}

/// The line and what is needed to open it again.
pub struct Connection<N: Connector, C> {
    connector: N,
    egress: Egress<C>,
    wire: Option<N::Wire>,
    /// What was sent on it and is not answered yet, the oldest first.
    ahead: VecDeque<<N::Wire as Wire>::Sent>,
    /// The person was told that there is a line, and not since that there is none.
    is_told: bool,
    /// The line was given up because a frame may not have been counted, and nothing waits for another.
    is_given_up: bool,
    backoff: Backoff,
    /// Where it is remembered what the coordinator says of this site, and where the newest receipt is.
    book: Option<Store>,
    /// This site's certificate, and when it is renewed.
    renewal: Option<Renewal>,
    /// The disk whose room the coordinator is told of, and what is wanted of it.
    disk: Option<Disk>,
    /// Counts what is sent.
    meter: Option<Meter>,
}

const DAY_MS: u64 = 86_400_000;

/// A disk, and what was said of it. The worker can fill it and make room again, so that what is said of it
/// must not say more than a bit a day.
struct Disk {
    folder: PathBuf,
    least_bytes: u64,
}

impl Disk {
    /// Whether it had less room left than is wanted when it was looked at today. Kept in the database:
    /// another life of this process has no second look.
    fn is_low(&self, now_ms: u64, book: Option<&mut Store>) -> Result<bool, SiteError> {
        let Some(book) = book else { return Ok(false) };
        let day = now_ms / DAY_MS;
        if let Some(seen) = book.fact(FACT_DISK_SEEN)?
            && seen / 2 == day
        {
            return Ok(seen % 2 == 1);
        }
        // A disk that does not say is not known to be full.
        let is_low = durable::free_bytes(&self.folder).is_ok_and(|free| free < self.least_bytes);
        book.set_fact(FACT_DISK_SEEN, day * 2 + u64::from(is_low))?;
        Ok(is_low)
    }
}

impl<N: Connector, C: Clock> Connection<N, C> {
    pub fn new(connector: N, egress: Egress<C>) -> Self {
        Self {
            connector,
            egress,
            wire: None,
            ahead: VecDeque::new(),
            is_told: false,
            is_given_up: false,
            backoff: Backoff::default(),
            book: None,
            renewal: None,
            disk: None,
            meter: None,
        }
    }

    /// Has what is sent counted.
    #[must_use]
    pub fn with_meter(self, meter: Meter) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// Remembers in this database what the coordinator says, and shows it the newest receipt in it.
    #[must_use]
    pub fn with_book(self, book: Store) -> Self {
        Self { book: Some(book), ..self }
    }

    /// Says at the beginning of each connection whether the disk of this folder has less room left than so
    /// many bytes, with the clock and the version.
    #[must_use]
    pub fn with_disk(self, folder: &Path, least_bytes: u64) -> Self {
        Self { disk: Some(Disk { folder: folder.to_path_buf(), least_bytes }), ..self }
    }

    /// Whether the authority that this site goes by now vouches for the operator who launched a run.
    #[must_use]
    pub fn vouches_for(&self, signed: &SignedManifest, now: SystemTime) -> bool {
        let authority_der = self.renewal.as_ref().map_or(&[][..], Renewal::authority_der);
        launcher::is_vouched_for(signed, authority_der, now)
    }

    /// Releases an item until the coordinator answers it, reconnecting as often as needed. `Busy` is waited
    /// out here, the longer the more often it is said.
    ///
    /// # Errors
    /// What a new connection cannot mend: the policy, the ledger, the disk. Of a chunk also the line, after
    /// `CHUNK_ATTEMPTS_MAX` failures in a row: each attempt may cost its bytes again.
    pub async fn ask(&mut self, item: Outbound<'_>, report: &mut impl Report) -> Result<Answer, SiteError> {
        let mut busy = 0_u32;
        loop {
            match self.try_once(item, report).await {
                Ok(Answer { response: Response::Busy { retry_after_ms }, .. }) => {
                    wait_out(retry_after_ms, busy).await;
                    busy = busy.saturating_add(1);
                }
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_retryable() => {
                    self.lose(&error, report);
                    let is_chunk = matches!(item, Outbound::Chunk { .. });
                    if is_chunk && self.backoff.failures() >= CHUNK_ATTEMPTS_MAX {
                        return Err(error);
                    }
                    let retry_ms = self.pause_ms(&error, report);
                    tokio::time::sleep(Duration::from_millis(retry_ms)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens a line once, with everything that belongs to a greeting, and says how the coordinator took it.
    ///
    /// # Errors
    /// `LedgerRefused`, `CoordinatorRestored`, `Net` or `Connection`: what it said, or that it said nothing.
    pub async fn greet(&mut self, report: &mut impl Report) -> Result<(), SiteError> {
        self.wire = Some(self.open(report).await?);
        Ok(())
    }

    /// How long to wait after this failure; tells the person. Some failures a person has to mend.
    fn pause_ms(&mut self, error: &SiteError, report: &mut impl Report) -> u64 {
        self.is_told = false;
        match error {
            SiteError::LedgerRefused => {
                let retry_ms = self.backoff.next_within_ms(PERSON_WAIT_MS_MAX, random());
                report.notice(Notice::LedgerRefused { retry_ms });
                retry_ms
            }
            SiteError::CoordinatorRestored => {
                let retry_ms = self.backoff.next_within_ms(PERSON_WAIT_MS_MAX, random());
                report.notice(Notice::CoordinatorRestored { retry_ms });
                retry_ms
            }
            SiteError::Revocations { .. } => {
                let retry_ms = self.backoff.next_within_ms(PERSON_WAIT_MS_MAX, random());
                report.notice(Notice::RevocationsMissing { retry_ms });
                retry_ms
            }
            SiteError::CoordinatorRevoked => {
                let retry_ms = self.backoff.next_within_ms(PERSON_WAIT_MS_MAX, random());
                report.notice(Notice::CoordinatorRevoked { retry_ms });
                retry_ms
            }
            _ => {
                let retry_ms = self.backoff.next_ms(random());
                report.notice(Notice::Disconnected { retry_ms });
                retry_ms
            }
        }
    }

    /// Keeps what the coordinator said for `status` and `check`.
    fn remember(&mut self, said: Said) -> Result<(), SiteError> {
        let now_ms = self.egress.now_ms();
        match &mut self.book {
            Some(book) => book.record_said(said, now_ms),
            None => Ok(()),
        }
    }

    /// Releases an item once if the line stands, and gives up otherwise: for words that are stale a second
    /// later.
    ///
    /// # Errors
    /// As [`Self::ask`]; a lost connection is `Ok(None)`, and so is progress that finds no room on the disk
    /// or in the escrow: training goes on.
    pub async fn mention(&mut self, item: Outbound<'_>) -> Result<Option<Response>, SiteError> {
        self.leave_unanswered();
        if self.wire.is_none() && std::mem::take(&mut self.is_given_up) {
            match self.open(&mut Unheard).await {
                Ok(wire) => self.wire = Some(wire),
                // The next item that has to be answered comes back to it.
                Err(error) if error.is_retryable() || may_wait(&error, &item) => tracing::warn!("{error}"),
                Err(error) => return Err(error),
            }
        }
        match self.list_if_due().await {
            Err(error) if error.is_retryable() || may_wait(&error, &item) => {
                tracing::warn!("{error}");
                self.is_given_up = true;
                return Ok(None);
            }
            asked => asked?,
        }
        let Some(released) = self.release(item).await else { return Ok(None) };
        match released {
            Ok(Answer {
                response: Response::Refused(Refusal::LedgerChanged | Refusal::Restored), ..
            }) => {
                // The next item asks what is wrong.
                self.hang_up();
                Ok(None)
            }
            Ok(answer) => {
                if may_be_uncounted(&answer.response) {
                    // Training goes on for hours, and nothing else asks meanwhile.
                    self.hang_up();
                    self.is_given_up = true;
                }
                Ok(Some(answer.response))
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!("{error}");
                self.hang_up();
                Ok(None)
            }
            Err(error) if may_wait(&error, &item) => {
                tracing::warn!("{error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the escrow, where there is one, could keep a frame with so many bytes of an update now.
    ///
    /// # Errors
    /// `Io`: it could not, and so the frame would not leave.
    pub fn has_room_for(&mut self, bytes: u64) -> Result<(), SiteError> {
        self.egress.has_room(bytes.saturating_add(MESSAGE_BYTES_MAX as u64))
    }

    /// Notes something in the ledger, and where `is_change` only if the last such note says something else;
    /// nothing is sent, and no line is needed. Returns whether it was noted.
    ///
    /// # Errors
    /// The ledger's and the disk's.
    pub fn note(&mut self, note: &Note, is_change: bool) -> Result<bool, SiteError> {
        self.egress.note(note, is_change)
    }

    /// Where this site stands about a run, now.
    ///
    /// # Errors
    /// `Store`.
    pub fn consent(&self, run: RunId) -> Result<Consent, SiteError> {
        self.egress.consent().consent(run)
    }

    /// Bytes of chunks of updates that left in 24 hours.
    pub fn update_bytes_of_a_day(&mut self) -> u64 {
        self.egress.update_bytes_of_a_day()
    }

    /// Whose word counts here.
    pub fn judge(&self) -> &Judge {
        self.egress.consent().judge()
    }

    /// Has the line counted.
    fn count(&self) {
        if let Some(meter) = &self.meter {
            meter.used(self.egress.records(), self.egress.now_ms());
        }
    }

    /// Does not use the line any more.
    fn hang_up(&mut self) {
        self.wire = None;
        self.ahead.clear();
        if let Some(meter) = &self.meter {
            meter.over(self.egress.records(), self.egress.now_ms());
        }
    }

    /// Releases an item on the line that stands, and has it counted; `None` where none does.
    async fn release(&mut self, item: Outbound<'_>) -> Option<Result<Answer, SiteError>> {
        let wire = self.wire.as_mut()?;
        let before = self.egress.records();
        let released = self.egress.release(wire, item).await;
        self.count();
        if released.is_err() && self.egress.records() != before {
            // It is noted and may not have left: the hello that follows says so, and of a line that was
            // counted only its last frame may be missing.
            self.hang_up();
        }
        Some(released)
    }

    async fn try_once(&mut self, item: Outbound<'_>, report: &mut impl Report) -> Result<Answer, SiteError> {
        self.leave_unanswered();
        if self.wire.is_none() {
            self.wire = Some(self.open(report).await?);
        }
        self.list_if_due().await?;
        let Some(released) = self.release(item).await else {
            return Err(SiteError::Connection { reason: "no connection".into() });
        };
        let answer = about_ledger(released?)?;
        if may_be_uncounted(&answer.response) {
            // The hello that follows in the ledger says which frame a receipt may lack.
            self.hang_up();
        }
        self.backoff.reset();
        Ok(answer)
    }
}

/// An answer that is not about the ledger.
fn about_ledger(answer: Answer) -> Result<Answer, SiteError> {
    match answer.response {
        Response::Refused(Refusal::LedgerChanged) => Err(SiteError::LedgerRefused),
        Response::Refused(Refusal::Restored) => Err(SiteError::CoordinatorRestored),
        _ => Ok(answer),
    }
}

/// Whether an item that finds no room is not worth more than a warning.
fn may_wait(error: &SiteError, item: &Outbound<'_>) -> bool {
    error.is_disk_full() && matches!(item, Outbound::Progress { .. })
}

/// A line that is opened in the middle of a training is no news.
struct Unheard;

impl Report for Unheard {
    fn notice(&mut self, _: Notice) {}
}

/// Waits as long as a busy coordinator asks, within our own bounds. One that says it again and again is
/// waited for at least as long as one that is gone.
async fn wait_out(retry_after_ms: u32, times: u32) {
    tokio::time::sleep(Duration::from_millis(busy_ms(retry_after_ms, times))).await;
}

fn busy_ms(retry_after_ms: u32, times: u32) -> u64 {
    let own = u64::from(BUSY_MS_MIN).saturating_mul(1 << times.min(20)).min(BACKOFF_MS_MAX);
    u64::from(retry_after_ms.min(BUSY_MS_MAX)).max(own)
}

/// Whether the coordinator may not have counted the frame that it answers so (`PROTOCOL.md`, section 4).
pub(super) fn may_be_uncounted(response: &Response) -> bool {
    match response {
        Response::Busy { .. } => true,
        Response::Refused(refusal) => matches!(
            refusal,
            Refusal::NotAuthorised
                | Refusal::ProtocolVersion { .. }
                | Refusal::BadRequest
                | Refusal::StorageFull
                | Refusal::Internal
        ),
        _ => false,
    }
}

/// Whether the transport says that this site's certificate is not, or no longer, accepted.
fn is_unwelcome(error: &SiteError) -> bool {
    matches!(error, SiteError::Net(NetError::NotAuthorised | NetError::CertificateRefused { .. }))
}

/// The answer's name, for the log; its content does not matter.
pub fn name_of(response: &Response) -> &'static str {
    match response {
        Response::Welcome { .. } => "Welcome",
        Response::Work(_) => "Work",
        Response::Blob { .. } => "Blob",
        Response::Noted => "Noted",
        Response::Continue { .. } => "Continue",
        Response::Receipt(_) => "Receipt",
        Response::Busy { .. } => "Busy",
        Response::Refused(_) => "Refused",
        Response::OverlapEvaluated { .. } => "OverlapEvaluated",
        Response::ProveLedger { .. } => "ProveLedger",
        Response::Renewed { .. } => "Renewed",
        Response::Revocations { .. } => "Revocations",
    }
}

/// Bits for jitter; without them every site waits the same, which is allowed.
fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests;
