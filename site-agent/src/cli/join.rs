//! `site-agent join`: from an invitation to a site that can run. Run by `cli`.
//!
//! Everything is built in `<state>.joining` and renamed at the end, so there is a whole site or none. That
//! folder survives only when the coordinator may have answered and we did not hear it: it keeps the key, and
//! the same invitation then gives the same certificate.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use certs::{CertError, IdentityKey, Invitation};
use common::clock::SystemClock;
use common::durable;
use common::id::{Digest, SiteId};
use common::net::NetError;
use common::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};
use common::wire::message::PROTOCOL_VERSION;
use data::dedup::DuplicatePolicy;
use data::screen::Mode;
use data::split::SchemeChoice;

use super::support::{State, absolute, existing, parse_lock, require_folder};
use crate::config::{AgentConfig, DataRoomConfig, SandboxConfig, TrainingConfig};
use crate::egress::{JoinEndpoint, release_join};
use crate::error::SiteError;
use crate::gateway::connection::quic::first_address;
use crate::gateway::identity::{Coordinator, Identity};
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::store::{FACT_RECORDS, Store};
use crate::paths::StateFolder;
use crate::policy::PolicyConfig;
use crate::preflight;
use crate::sandbox::Lock;

const EXAMPLES: &str = "\
Examples:
  site-agent join consilium1://coordinator.example.org:4434/cardiology/TOKEN/PIN \\
      --model /srv/models/qwen2.5-0.5b --data /srv/records/2024.jsonl /srv/records/2025.json
  site-agent join INVITATION --model DIR --data FILE --state /var/lib/consilium/cardiology

What it writes is agent.toml, the policy of this site:
  model                           folder of the base model
  data                            files with de-identified records
  [data_room] screen, duplicates, split, split_by_patient, split_by_time, split_by_stratum, split_seed,
              mapping
  [sandbox] allow_missing         locks the agent may run without (default: none)
  [training] checkpoint_interval_s, attempts_max, device, recompute, validation_share, base_in_memory
  [policy]                        what a run may ask of this site, and what may leave; each line explained

If the data or the model cannot be used, nothing is sent and the invitation stays good.";

/// Become a member of a consortium, with an invitation from its coordinator.
///
/// Reads the data and loads the model first. Then makes a key (which never leaves this machine), checks that
/// the coordinator is the one the invitation names, and gets a certificate for the key.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The line that `coordinator invite` printed.
    invitation: String,
    /// Folder of the base model: config.json, tokenizer.json, *.safetensors.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Files with de-identified records: JSON lines, a JSON array, CSV or Parquet.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// What is done about identifiers in the records: block, mask or report.
    #[arg(long, value_name = "MODE", default_value = "block")]
    screen: Mode,
    /// What is done about duplicate records: drop-copies, drop-near, keep or ignore.
    #[arg(long, value_name = "POLICY", default_value = "drop-copies")]
    duplicates: DuplicatePolicy,
    /// What is held out of training here: auto (by size; nothing below 500 records), none, 80/10/10, 5-fold,
    /// leave-one-out.
    #[arg(long, value_name = "SPLIT", default_value = "auto")]
    split: SchemeChoice,
    /// A column mapping (TOML), for files that follow no known format.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Write into agent.toml that the site may run without this lock (see `site-agent check`).
    #[arg(long, value_name = "LOCK", value_parser = parse_lock)]
    allow_missing: Vec<Lock>,
    #[command(flatten)]
    state: State,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let invitation = Invitation::parse(&arguments.invitation).map_err(bad_invitation)?;
    let folder = arguments.state.open()?;
    refuse_existing(&folder)?;
    let config = AgentConfig {
        model: existing(&arguments.model)?,
        data: arguments.data.iter().map(|path| existing(path)).collect::<Result<_, _>>()?,
        data_room: DataRoomConfig {
            screen: arguments.screen,
            duplicates: arguments.duplicates,
            split: arguments.split,
            mapping: arguments.mapping.as_deref().map(existing).transpose()?,
            ..DataRoomConfig::default()
        },
        sandbox: SandboxConfig { allow_missing: arguments.allow_missing.clone() },
        training: TrainingConfig::default(),
        policy: PolicyConfig::default(),
    };
    check_places(&folder, &config)?;
    let building = Building::create(&folder)?;
    match build(&building.folder, &config, &invitation) {
        Ok(site) => {
            building.finish(&folder)?;
            println!("joined as {site}; start with: site-agent run --state {}", folder.root().display());
            Ok(())
        }
        Err(Failed { error, keep_key }) => {
            if !keep_key {
                building.discard();
            }
            Err(error)
        }
    }
}

/// Why building stopped, and whether the coordinator may have signed our key all the same.
struct Failed {
    error: SiteError,
    keep_key: bool,
}

impl From<SiteError> for Failed {
    fn from(error: SiteError) -> Self {
        Self { error, keep_key: false }
    }
}

fn build(folder: &StateFolder, config: &AgentConfig, invitation: &Invitation) -> Result<SiteId, Failed> {
    let path = folder.config();
    durable::write(&path, config.to_commented_toml()?.as_bytes(), durable::ORDINARY)
        .map_err(|source| SiteError::io(&path, source))?;
    let records = preflight::validate(folder)?;
    Store::open(&folder.database())?.set_fact(FACT_RECORDS, records)?;
    let key = own_key(folder)?;
    let membership = enrol(folder, invitation, &key)?;
    certs::tls::verify_enrolment(
        &membership.certificate,
        &membership.authority,
        invitation.pin,
        &invitation.site,
        &key,
        SystemClock.system_time(),
    )
    .map_err(|error| SiteError::Enrolment {
        sentence: format!("the coordinator's answer is refused: {error}"),
        hint: "check this machine's clock; if it is right, tell the coordinator's operator".into(),
    })?;
    let site: SiteId = invitation.site.parse().map_err(|_| SiteError::Enrolment {
        sentence: "the invitation names no possible site".into(),
        hint: "copy the whole line that `coordinator invite` printed".into(),
    })?;
    let coordinator = Coordinator {
        site: site.clone(),
        address: membership.run_address.clone(),
        receipt_key: Digest(membership.receipt_key),
    };
    Identity::store(&folder.identity(), &key, &membership.certificate, &membership.authority, &coordinator)?;
    Ok(site)
}

/// The key of an earlier attempt that may have been signed, or a new one. Durable before it is used.
fn own_key(folder: &StateFolder) -> Result<IdentityKey, SiteError> {
    let path = folder.identity().join("key.pem");
    let internal = |error: CertError| SiteError::Internal(error.to_string());
    match fs::read_to_string(&path) {
        Ok(pem) => IdentityKey::from_pem(&pem).map_err(|error| SiteError::config(&path, error.to_string())),
        Err(_) => {
            let key = IdentityKey::generate().map_err(internal)?;
            durable::write(&path, key.to_pem().as_bytes(), durable::PRIVATE)
                .map_err(|source| SiteError::io(&path, source))?;
            Ok(key)
        }
    }
}

fn enrol(folder: &StateFolder, invitation: &Invitation, key: &IdentityKey) -> Result<Membership, Failed> {
    let internal = |error: CertError| SiteError::Internal(error.to_string());
    let peer = Digest(*invitation.pin.as_bytes());
    let request = JoinRequest {
        protocol: PROTOCOL_VERSION,
        token: *invitation.token.expose_bytes(),
        site: invitation.site.clone(),
        csr: certs::csr::create(key).map_err(internal)?,
    };
    let (mut ledger, _) = LedgerWriter::open(&folder.ledger())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    let answer = runtime.block_on(async {
        let remote = first_address(&invitation.address).await?;
        let tls = certs::tls::join_client(invitation.pin).map_err(internal)?;
        release_join(&mut ledger, &SystemClock, &peer, JoinEndpoint { remote, tls }, &request).await
    });
    match answer {
        Ok(JoinResponse::Accepted(membership)) => Ok(membership),
        Ok(JoinResponse::Refused(refusal)) => {
            Err(Failed { error: refused(refusal), keep_key: refusal.is_retryable() })
        }
        // The request may have arrived and been answered: only the same key gets the same certificate.
        Err(error) => {
            let keep_key = matches!(error, SiteError::Net(NetError::Deadline { .. } | NetError::Lost { .. }));
            Err(Failed { error, keep_key })
        }
    }
}

fn refused(refusal: JoinRefusal) -> SiteError {
    let hint = match refusal {
        JoinRefusal::TokenUnknown => {
            "check that the whole line was copied, and that it comes from this consortium"
        }
        JoinRefusal::TokenExpired | JoinRefusal::TokenUsed => {
            "ask the coordinator's operator for a new invitation: coordinator invite SITE"
        }
        JoinRefusal::ProtocolVersion { .. } | JoinRefusal::RequestInvalid => {
            "install the same version at the site and at the coordinator"
        }
        JoinRefusal::Internal => {
            "try again with the same invitation; the coordinator's log says what happened"
        }
    };
    SiteError::Enrolment { sentence: refusal.to_string(), hint: hint.into() }
}

fn bad_invitation(error: CertError) -> SiteError {
    SiteError::Enrolment {
        sentence: error.to_string(),
        hint: "copy the whole line that `coordinator invite` printed, as one argument".into(),
    }
}

fn refuse_existing(folder: &StateFolder) -> Result<(), SiteError> {
    match fs::read_dir(folder.root()) {
        Ok(entries) => match entries.count() {
            0 => Ok(()),
            _ => Err(SiteError::AlreadyJoined { folder: folder.root().to_path_buf() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(SiteError::io(folder.root(), source)),
    }
}

/// The gateway may open parts of the state folder, the worker the model folder: neither may contain the
/// other.
fn check_places(folder: &StateFolder, config: &AgentConfig) -> Result<(), SiteError> {
    let root = absolute(folder.root())?;
    for path in config.data_files().iter().chain([&config.model]) {
        if path.starts_with(&root) || root.starts_with(path) {
            return Err(SiteError::InsideState { path: path.clone(), folder: root });
        }
    }
    require_folder(&config.model, "--model names the folder with config.json and the safetensors files")
}

/// The folder in which a site is put together.
struct Building {
    folder: StateFolder,
}

impl Building {
    fn create(target: &StateFolder) -> Result<Self, SiteError> {
        let mut name = target.root().as_os_str().to_owned();
        name.push(".joining");
        let folder = StateFolder::new(PathBuf::from(name));
        for path in folder.folders() {
            // The update in the outbox is this site's; nobody else on this machine needs to read it, or the
            // key.
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|source| SiteError::io(&path, source))?;
        }
        Ok(Self { folder })
    }

    /// Makes the whole site appear at once.
    fn finish(&self, target: &StateFolder) -> Result<(), SiteError> {
        let at = |source| SiteError::io(target.root(), source);
        // An empty folder may be there; renaming a folder replaces it.
        fs::rename(self.folder.root(), target.root()).map_err(at)?;
        durable::sync_folder_of(target.root()).map_err(at)
    }

    /// Nothing of this attempt is worth keeping.
    fn discard(&self) {
        let _ = fs::remove_dir_all(self.folder.root());
    }
}
