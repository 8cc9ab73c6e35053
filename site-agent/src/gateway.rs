//! The process with the socket, the key and the ledger, and without the records.
//!
//! ```text
//! state (decides, pure) -> agent_loop (does) -> protect, overlap::points (check) -> connection -> egress
//! ```
//!
//! Run by the supervisor (hidden subcommand `gateway`). It opens its database, reads its identity, locks
//! itself in and starts the runtime: from its first byte of network input on, the data and model folders
//! cannot be opened, nor the files of its keys but for those of a renewal.

use std::io;
use std::time::Duration;

use common::clock::{Clock as _, SystemClock};
use common::ledger::Kind;
use sandbox::LockReport;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::config::AgentConfig;
use crate::egress::Egress;
use crate::error::SiteError;
use crate::limits::{DISK_WAIT_MS_MAX, PIPE_MESSAGES_MAX};
use crate::paths::StateFolder;
use crate::pipe::{FromGateway, Notice, ToGateway, ToWorker, read_message, write_message};
use crate::waiver;
use agent_loop::{AgentLoop, Course};
use connection::Connection;
use connection::quic::QuicConnector;
use consent::{ConsentBook, Judge};
use decisions::Decider;
use escrow::Escrow;
use identity::Identity;
use ledger::Note;
use meter::{Kernel, Meter};
use output::{Output, Report};
use revocations::Revocations;
use store::Store;

pub mod agent_loop;
pub mod connection;
pub mod consent;
pub mod decisions;
pub mod escrow;
pub mod global_adapter;
pub mod heads;
pub mod identity;
pub mod keys;
pub mod known;
pub mod ledger;
pub mod memory;
pub mod meter;
pub mod output;
pub mod overlap;
pub mod pace;
pub mod progress;
pub mod protect;
pub mod renewal;
pub mod revocations;
pub mod state;
pub mod store;

/// Runs until the supervisor closes the pipe.
///
/// # Errors
/// `LocksMissing` before the network is touched; what no retry mends afterwards.
pub fn run(folder: &StateFolder) -> Result<(), SiteError> {
    sandbox::enter::quiet_panics();
    sandbox::process::die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))?;
    let closed = sandbox::descriptors::close_inherited();
    let config = AgentConfig::load(&folder.config())?;
    // SQLite creates files beside the database; afterwards the gateway may not create any there.
    let mut store = wait_for_room(|| Store::open(&folder.database()))?;
    let book = wait_for_room(|| Store::open(&folder.database()))?;
    let consents = wait_for_room(|| Store::open(&folder.database()))?;
    let counts = wait_for_room(|| Store::open(&folder.database()))?;
    // Through the folder's locks no file of /proc is opened.
    let kernel = Kernel::open();
    let escrow = wait_for_room(|| Escrow::of(&folder.escrow(), config.escrow.as_ref()))?;
    // A site that joined with an older version has no place for a renewed certificate.
    wait_for_room(|| renewal::create_folder(&folder.identity()))?;
    // Not to be opened afterwards either: the keys, for one.
    let identity = Identity::load(&folder.identity(), folder.passphrase())?;
    let sealing = keys::sealing(folder);
    create_ledger_key(folder, sealing.is_any())?;
    wait_for_room(|| identity.coordinator.publish(&folder.followed()))?;
    let decider = Decider::of(folder)?.reading(folder.followed());
    let waiver = waiver::digest_in_force(folder)?;
    lock(folder, closed, &config)?;
    let own_key = identity.own_key()?;
    let (ledger, torn_bytes) = wait_for_room(|| memory::open(&folder.ledger(), &store, &decider))?;
    if torn_bytes > 0 {
        tracing::warn!(
            torn_bytes,
            "the ledger's last line was torn by a crash before its frame was sent; it was cut off"
        );
    }
    let mut output = Pipe::start()?;
    let ledger_records = ledger.next_sequence();
    output.notice(Notice::Started { ledger_records });
    let judge =
        Judge::new(identity.coordinator.site.clone(), decider.officer().copied()).under(&config.policy);
    let consent = ConsentBook::new(consents, judge);
    let mut egress = Egress::new(ledger, consent, config.policy.clone(), identity.peer()?, SystemClock)
        .with_escrow(escrow)
        .with_revocations(Revocations::load(&store, &identity.authority_der)?);
    let later = identity.later_authority()?.map(|digest| (Kind::Authority, digest));
    let notes = [(Kind::Policy, config.policy.digest()), (Kind::Waiver, waiver)].into_iter().chain(later);
    for (kind, digest) in notes {
        wait_for_room(|| egress.note(&Note { kind, run: None, round: None, digest }, true))?;
    }
    // A roster may have any key that this site had: a run goes on through a renewal.
    wait_for_room(|| store.record_own_key(own_key, SystemClock.now().0))?;
    let renewal = identity.renewal(folder, sealing)?;
    let line = QuicConnector::new(&identity)?.following(folder.followed());
    let meter = Meter::start(counts, kernel, ledger_records, SystemClock.now().0);
    let connection = Connection::new(line, egress)
        .with_book(book)
        .with_meter(meter.clone())
        .with_renewal(renewal)
        .with_disk(folder.root(), config.retention.disk_free_bytes_min());
    let agent_loop = AgentLoop {
        folder: folder.clone(),
        config,
        coordinator: identity.coordinator,
        store,
        connection,
        clock: SystemClock,
        output,
        worker: read_worker()?,
        course: Course::default(),
    };
    // The transport has a thread of its own: it sends on while the loop waits for the disk.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    runtime.block_on(async {
        meter.count_every_minute(SystemClock);
        agent_loop.run().await
    })
}

/// A site that joined before ledger heads were signed has no key for them.
fn create_ledger_key(folder: &StateFolder, is_sealed: bool) -> Result<(), SiteError> {
    let passphrase = folder.passphrase();
    let sealing = is_sealed.then_some(&**passphrase);
    if wait_for_room(|| heads::create_key(&folder.identity(), sealing))? {
        tracing::warn!(
            "a key for the heads of the ledger was made: the privacy officer writes it down, `site-agent ledger checkpoint --key`"
        );
    }
    // A damaged one would else be found on the day that it is needed.
    if let Err(error) = heads::Signer::load(&folder.identity(), passphrase) {
        tracing::warn!(%error, "the key for the heads of the ledger cannot be used: no head is signed with it");
    }
    Ok(())
}

/// Takes the gateway's locks.
fn lock(folder: &StateFolder, closed: LockReport, config: &AgentConfig) -> Result<(), SiteError> {
    let locks = sandbox::enter::enter_gateway(closed, &folder.gateway_rules());
    let unmet = sandbox::enter::unmet(&locks, &config.sandbox.allow_missing);
    if !unmet.is_empty() {
        return Err(SiteError::LocksMissing { locks: unmet.iter().map(|report| report.lock).collect() });
    }
    Ok(())
}

/// What `open` makes, once the disk has room for it.
fn wait_for_room<T>(mut open: impl FnMut() -> Result<T, SiteError>) -> Result<T, SiteError> {
    loop {
        match open() {
            Err(error) if error.is_disk_full() => {
                tracing::error!("{error}; trying again every {} s", DISK_WAIT_MS_MAX / 1000);
                std::thread::sleep(Duration::from_millis(DISK_WAIT_MS_MAX));
            }
            result => return result,
        }
    }
}

/// Standard output, written by a thread of its own so that a full pipe never stops the network.
struct Pipe {
    sender: Sender<FromGateway>,
}

impl Pipe {
    fn start() -> Result<Self, SiteError> {
        let (sender, mut receiver) = channel::<FromGateway>(PIPE_MESSAGES_MAX);
        std::thread::Builder::new()
            .name("supervisor-out".into())
            .spawn(move || {
                let mut pipe = io::stdout().lock();
                while let Some(message) = receiver.blocking_recv() {
                    if write_message(&mut pipe, &message).is_err() {
                        break;
                    }
                }
            })
            .map_err(|source| SiteError::Internal(source.to_string()))?;
        Ok(Self { sender })
    }

    fn say(&self, message: FromGateway) {
        // Full or closed: the supervisor hangs or is gone, and will start this process again.
        if self.sender.try_send(message).is_err() {
            tracing::warn!("the supervisor does not read");
        }
    }
}

impl Report for Pipe {
    fn notice(&mut self, notice: Notice) {
        self.say(FromGateway::Notice(notice));
    }
}

impl Output for Pipe {
    fn order(&mut self, order: ToWorker) {
        self.say(FromGateway::Worker(order));
    }
}

/// Standard input, read by a thread of its own.
fn read_worker() -> Result<Receiver<ToGateway>, SiteError> {
    let (sender, receiver) = channel(PIPE_MESSAGES_MAX);
    std::thread::Builder::new()
        .name("supervisor-in".into())
        .spawn(move || {
            let mut pipe = io::stdin().lock();
            while let Ok(Some(message)) = read_message::<ToGateway>(&mut pipe) {
                if sender.blocking_send(message).is_err() {
                    break;
                }
            }
            // Without a supervisor nobody starts us again or stops us: the parent-death signal ends this
            // process, and where it cannot, the closed channel ends the loop.
        })
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(receiver)
}
