//! One line to the coordinator for a command, as the agent has it. Used by `check` and `leave`. Invariant:
//! while the agent runs, it alone writes to the ledger, and no command has a line.

use common::clock::{Clock as _, SystemClock};
use common::net::NetError;
use tokio::runtime::Runtime;

use crate::config::AgentConfig;
use crate::egress::Egress;
use crate::error::SiteError;
use crate::gateway::connection::Connection;
use crate::gateway::connection::quic::QuicConnector;
use crate::gateway::consent::{ConsentBook, Judge};
use crate::gateway::decisions::Decider;
use crate::gateway::escrow::Escrow;
use crate::gateway::identity::Identity;
use crate::gateway::memory;
use crate::gateway::meter::{Kernel, Meter};
use crate::gateway::output::Report;
use crate::gateway::revocations::Revocations;
use crate::gateway::store::Store;
use crate::paths::StateFolder;
use crate::pipe::Notice;

/// A line that is not opened yet, and what it runs on.
pub(super) struct Line {
    pub(super) connection: Connection<QuicConnector, SystemClock>,
    pub(super) runtime: Runtime,
}

impl Line {
    /// # Errors
    /// `AlreadyRunning` while the agent holds the ledger; the ledger's, the database's and the identity's.
    pub(super) fn of(
        folder: &StateFolder,
        config: &AgentConfig,
        identity: &Identity,
    ) -> Result<Self, SiteError> {
        let book = Store::open(&folder.database())?;
        let decider = Decider::of(folder)?;
        let (ledger, _) = memory::open(&folder.ledger(), &book, &decider)?;
        let counts = Store::open(&folder.database())?;
        let meter = Meter::start(counts, Kernel::open(), ledger.next_sequence(), SystemClock.now().0);
        let judge =
            Judge::new(identity.coordinator.site.clone(), decider.officer().copied()).under(&config.policy);
        let consent = ConsentBook::new(Store::open(&folder.database())?, judge);
        let revocations = Revocations::load(&book, &identity.authority_der)?;
        let egress = Egress::new(ledger, consent, config.policy.clone(), identity.peer()?, SystemClock)
            .with_escrow(Escrow::of(&folder.escrow(), config.escrow.as_ref())?)
            .with_revocations(revocations);
        let connection = Connection::new(QuicConnector::new(identity)?, egress)
            .with_book(book)
            .with_meter(meter)
            .with_disk(folder.root(), config.retention.disk_free_bytes_min());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| SiteError::Internal(source.to_string()))?;
        Ok(Self { connection, runtime })
    }

    /// Greets the coordinator. A line that breaks is opened once more: on a busy machine the word with which
    /// the coordinator ended it may have been lost.
    ///
    /// # Errors
    /// What it said, or that it said nothing.
    pub(super) fn greet(&mut self) -> Result<(), SiteError> {
        self.runtime.block_on(async {
            match self.connection.greet(&mut Silent).await {
                Err(SiteError::Net(NetError::Lost { .. })) => self.connection.greet(&mut Silent).await,
                said => said,
            }
        })
    }
}

/// The outcome is the answer; nobody is told on the way.
struct Silent;

impl Report for Silent {
    fn notice(&mut self, _: Notice) {}
}
