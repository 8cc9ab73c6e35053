//! A member without our gates: the site's own key and certificate, and whatever request a test wants to send.
//! Used by the tests that attack the coordinator. Invariant: the site's agent does not run meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::net::NetError;
use common::net::client::{Answer, Client, ClientConnection, Sent, resolve};
use common::wire::frame;
use common::wire::message::{Decision, Envelope, Refusal, Request, Response, Work};
use coordinator::limits::SEQUENCE_FIRST_MAX;

const WITHIN: Duration = Duration::from_secs(20);
/// The last number that was used under each state folder: no two frames of a site have one number.
static USED: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());

/// A connection under a site's name.
pub(crate) struct Asker {
    /// Keeps the socket open.
    _client: Client,
    session: ClientConnection,
    state: PathBuf,
    /// Of the last request.
    pub(crate) sequence: u64,
}

impl Asker {
    pub(crate) async fn connect(state: &Path) -> Result<Self> {
        let identity =
            site_agent::gateway::identity::Identity::load(&state.join("identity"), &Default::default())?;
        let tls = certs::tls::run_client(&identity.tls, &identity.authority_der)?;
        let remote = *resolve(&identity.coordinator.address, WITHIN).await?.first().context("no address")?;
        let client = Client::bind_for(remote)?;
        let session = client.connect(remote, tls, certs::profile::COORDINATOR_NAME, WITHIN).await?;
        Ok(Self { _client: client, session, state: state.to_owned(), sequence: last_used(state) })
    }

    /// Agrees to the run that is proposed to this site; what its agent would do by its policy.
    pub(crate) async fn agree(state: &Path) -> Result<()> {
        let mut asker = Self::connect(state).await?;
        let answer = asker.ask(Request::Poll { wait_ms: 10_000 }, &[]).await?.response;
        let Response::Work(Work::Proposed { run, manifest, .. }) = answer else {
            anyhow::bail!("no proposal: {answer:?}")
        };
        let decide = Request::Decide { run, manifest, decision: Decision::Approved };
        anyhow::ensure!(
            asker.ask(decide, &[]).await?.response == Response::Noted,
            "the decision is not noted"
        );
        Ok(())
    }

    /// Waits until the coordinator ends the connection; why.
    pub(crate) async fn closed(&self) -> NetError {
        self.session.closed().await
    }

    pub(crate) async fn ask(&mut self, request: Request, payload: &[u8]) -> Result<Answer> {
        self.sequence += 1;
        // Not where a test asks under a number that no ledger comes to.
        if self.sequence < SEQUENCE_FIRST_MAX {
            self.sequence = self.sequence.max(last_used(&self.state) + 1);
            USED.lock().unwrap_or_else(PoisonError::into_inner).insert(self.state.clone(), self.sequence);
        }
        let mut bytes = frame::to_bytes(&Envelope { sequence: self.sequence, request })?;
        bytes.extend_from_slice(payload);
        self.send(&bytes).await
    }

    /// Sends bytes as they are.
    #[expect(clippy::disallowed_methods, reason = "a member without our gates is what is played here")]
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<Answer> {
        Ok(self.session.exchange(bytes, WITHIN).await?)
    }

    /// Sends bytes as they are, and leaves the answer for later.
    #[expect(clippy::disallowed_methods, reason = "a member without our gates is what is played here")]
    pub(crate) async fn send_ahead(&self, bytes: &[u8]) -> Result<Sent> {
        Ok(self.session.send(bytes, WITHIN).await?)
    }

    pub(crate) async fn refused(
        &mut self,
        request: Request,
        payload: &[u8],
        refusal: Refusal,
        why: &str,
    ) -> Result<()> {
        let asked = format!("{request:?}");
        let answer = self.ask(request, payload).await?;
        assert_eq!(answer.response, Response::Refused(refusal), "{why}: {asked}");
        Ok(())
    }
}

/// The highest number that a site's ledger or an asker of its name has used.
fn last_used(state: &Path) -> u64 {
    let ledger = std::fs::read_to_string(state.join("ledger/ledger.log")).unwrap_or_default();
    let asked = USED.lock().unwrap_or_else(PoisonError::into_inner).get(state).copied().unwrap_or_default();
    asked.max(ledger.lines().count() as u64)
}
