//! The asking side from another machine: a context's certificate, a connection, a command. Used by `client`.
//! Invariants: the coordinator is the one whose authority was pinned at `coordinator enrol`; every wait ends.

use std::time::Duration;

use certs::{ReceiptPublicKey, Role, TlsIdentity, profile, tls};
use common::limits::HANDSHAKE_MS_MAX;
use common::net::admin::Conversation;
use common::net::client::{connect_any, resolve_all};
use common::net::{CertificateFault, NetError};
use tokio::runtime::Runtime;

use crate::error::{Error, Result};
use crate::limits::ANSWER_WAIT_MS_MAX;

/// A coordinator elsewhere, and who we are to it.
#[derive(Debug)]
pub struct Context {
    /// What it is called here.
    pub name: String,
    /// `HOST:PORT` of run traffic, or several with commas between.
    pub address: String,
    /// Our role.
    pub role: Role,
    /// The name we were invited under.
    pub holder: String,
    /// Our key and certificate.
    pub identity: TlsIdentity,
    /// The authority's certificate, DER.
    pub authority: Vec<u8>,
    /// What the heads of its log of acts are verified with.
    pub receipt_key: ReceiptPublicKey,
}

impl Context {
    /// Why it is not reached.
    #[must_use]
    pub fn not_reached(&self, reason: String) -> Error {
        Error::NotReached { context: self.name.clone(), reason }
    }

    fn error(&self, error: &NetError) -> Error {
        let shut_out = |reason: &str| Error::ShutOut { context: self.name.clone(), reason: reason.into() };
        let holder = &self.holder;
        match error {
            NetError::CertificateRefused { fault: CertificateFault::Revoked } => {
                shut_out(&format!("{holder} was revoked, or has a newer certificate"))
            }
            NetError::CertificateRefused { fault: CertificateFault::Expired } => {
                shut_out(&format!("the certificate of {holder} has ended, or a clock is wrong"))
            }
            NetError::CertificateRefused { .. } | NetError::NotAuthorised => {
                shut_out(&format!("it does not know the certificate of {holder} as an {}'s", self.role))
            }
            NetError::PeerCertificate { .. } | NetError::WrongProtocol => shut_out(&error.to_string()),
            other => self.not_reached(other.to_string()),
        }
    }
}

/// The lines of one answer.
pub struct RemoteLines<'a> {
    runtime: Runtime,
    conversation: Option<Conversation>,
    context: &'a Context,
}

impl<'a> RemoteLines<'a> {
    /// Connects and asks.
    pub(super) fn open(context: &'a Context, line: &[u8]) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Internal(format!("runtime: {error}")))?;
        let tls = tls::admin_client(&context.identity, &context.authority)?;
        let deadline = Duration::from_millis(HANDSHAKE_MS_MAX);
        let asked = async {
            let remotes = resolve_all(&context.address, deadline).await?;
            let opened = connect_any(&remotes, &tls, profile::COORDINATOR_NAME, deadline).await?;
            Conversation::begin(opened, line, deadline).await
        };
        let conversation = runtime.block_on(asked).map_err(|error| context.error(&error))?;
        Ok(Self { runtime, conversation: Some(conversation), context })
    }

    /// Says one line more.
    pub(super) fn say(&mut self, line: &[u8]) -> Result<()> {
        let gone = || self.context.not_reached("the connection ended".into());
        let Some(conversation) = &mut self.conversation else { return Err(gone()) };
        let deadline = Duration::from_millis(HANDSHAKE_MS_MAX);
        let said = self.runtime.block_on(conversation.say(line, deadline));
        said.map_err(|error| self.context.error(&error))
    }

    /// The next line; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(conversation) = &mut self.conversation else { return Ok(None) };
        let wait = Duration::from_millis(ANSWER_WAIT_MS_MAX);
        self.runtime.block_on(conversation.line(wait)).map_err(|error| self.context.error(&error))
    }
}

impl Drop for RemoteLines<'_> {
    fn drop(&mut self) {
        if let Some(conversation) = self.conversation.take() {
            self.runtime.block_on(conversation.end());
        }
    }
}
