//! Everything that can go wrong at a site, said in one sentence, with the next step.
//!
//! Used by every module: each returns `SiteError`; the command line prints it and its hint and turns it into
//! an exit code. No variant holds text of a record: data errors carry a file name and a line number, and are
//! shown at the site only.

use std::path::{Path, PathBuf};

use cli::confirm::Unconfirmed;
use cli::keys::KeyError;
use cli::witness::WitnessError;
use common::id::RunId;
use common::net::NetError;
use common::{private, toml_text};
use prepare::PrepareError;
use sandbox::Lock;

/// One enum for the crate.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is not usable: {reason}", path.display())]
    Config { path: PathBuf, reason: String },
    /// The site's folder is somebody else's.
    #[error("this user may not read {}, which belongs to user {owner}", path.display())]
    NotYours { path: PathBuf, owner: String },
    #[error("there is no site in {}", folder.display())]
    NotJoined { folder: PathBuf },
    #[error("{} already holds a site", folder.display())]
    AlreadyJoined { folder: PathBuf },
    #[error("another site-agent is running on {}", folder.display())]
    AlreadyRunning { folder: PathBuf },
    #[error("{} and the state folder {} must not contain each other", path.display(), folder.display())]
    InsideState { path: PathBuf, folder: PathBuf },
    /// The worker has already printed the sentence and the hint.
    #[error("the data or the model cannot be used")]
    Validation { is_user_error: bool },
    #[error("{sentence}")]
    Data { sentence: String, hint: Option<String> },
    #[error("{sentence}")]
    Enrolment { sentence: String, hint: String },
    #[error("these locks do not hold on this machine: {}", list(locks))]
    LocksMissing { locks: Vec<Lock> },
    /// A filter around this program kills it for the calls that its own locks are made of.
    #[error("a system-call filter around this program kills it when it takes its locks{}", named(locks))]
    Filtered { locks: Vec<Lock> },
    /// The lock on files holds, but something stands where the process has to look.
    #[error("the {process} could reach {}, which must be closed to it", places(paths))]
    Reached { process: &'static str, paths: Vec<PathBuf> },
    #[error("the ledger {} is not intact: {reason}", path.display())]
    Ledger { path: PathBuf, reason: String },
    #[error("the site's database: {0}")]
    Store(#[from] rusqlite::Error),
    #[error("the raw update was refused: {reason}")]
    UpdateRefused { reason: String },
    #[error("the points for the comparison with the held-out set were refused: {reason}")]
    PointsRefused { reason: String },
    #[error("the policy of this site does not let this leave: {reason}")]
    PolicyRefused { reason: &'static str },
    #[error("this site has not agreed to the run {run}, or has withdrawn from it")]
    NotAgreed { run: RunId },
    #[error("the connection to the coordinator: {reason}")]
    Connection { reason: String },
    #[error("the coordinator was told of another ledger of this site before, and answers nothing")]
    LedgerRefused,
    #[error(
        "the coordinator was restored from a copy that is older than what it signed, and answers nothing"
    )]
    CoordinatorRestored,
    /// Without a list that holds nobody knows whose keys are stolen: nothing leaves.
    #[error("nothing leaves without a revocation list of the consortium that holds: {reason}")]
    Revocations { reason: String },
    #[error("the certificate of what answers as the coordinator was revoked: nothing is sent to it")]
    CoordinatorRevoked,
    #[error("the ledger {} is behind what is known of it: {reason}", path.display())]
    LedgerBehind { path: PathBuf, reason: String },
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the coordinator answered with {code}")]
    Rejected { code: String },
    #[error("the pipe between the processes of this site: {0}")]
    Pipe(String),
    #[error("the {child} stopped {times} times in a row; its last words: {last_words}")]
    ChildKeepsDying { child: &'static str, times: u32, last_words: String },
    /// A child ended with what only a person can mend: starting it again would not help.
    #[error("{sentence}")]
    ChildStopped { child: &'static str, sentence: String, hint: Option<String> },
    #[error("{0}")]
    Internal(String),
}

impl From<KeyError> for SiteError {
    fn from(error: KeyError) -> Self {
        if error.is_user_error() {
            Self::Data { sentence: error.to_string(), hint: Some(error.hint().into()) }
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<Unconfirmed> for SiteError {
    fn from(error: Unconfirmed) -> Self {
        Self::Data { sentence: error.to_string(), hint: Some(error.hint()) }
    }
}

/// What a witness refuses keeps its sentence and hint.
impl From<WitnessError> for SiteError {
    fn from(error: WitnessError) -> Self {
        match error {
            WitnessError::Io { path, source } => Self::unreadable(&path, source),
            error if error.is_user_error() => Self::data(&error.to_string(), &error.hint()),
            error => Self::Internal(error.to_string()),
        }
    }
}

/// The person's mistakes keep their sentence and hint; what is our fault says so.
impl From<PrepareError> for SiteError {
    fn from(error: PrepareError) -> Self {
        if error.is_user_error() {
            Self::Data { sentence: error.to_string(), hint: error.hint() }
        } else {
            Self::Internal(error.to_string())
        }
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

fn list(locks: &[Lock]) -> String {
    locks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn see_log(child: &str) -> String {
    format!("see logs/{child}.log in the state folder, which `site-agent logs {child}` shows")
}

/// What to do about a file of the state folder; only one of them is for people to write.
fn config_hint(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("agent.toml") => "correct the file; each key is explained by `site-agent join --help`",
        Some("site.db") => {
            "install the version of site-agent that wrote it, or restore the file from a backup"
        }
        _ => "restore the file from a backup; `site-agent check` says whether this site is whole",
    }
}

fn io_hint(kind: std::io::ErrorKind) -> Option<&'static str> {
    match kind {
        std::io::ErrorKind::StorageFull => Some("free some space and start again; nothing was lost"),
        std::io::ErrorKind::PermissionDenied => Some("check the owner and the permissions of this path"),
        std::io::ErrorKind::NotFound => Some("check the path"),
        std::io::ErrorKind::ReadOnlyFilesystem => {
            Some("this place is read-only; records and model may be, the state folder must be writable")
        }
        _ => None,
    }
}

const NO_LIST_HINT: &str = "look at this machine's clock; if it is right, ask the coordinator's operator what `coordinator crl \
     show` says there. The agent goes on by itself when a newer list comes";

const REVOKED_HINT: &str = "call the coordinator's operator: somebody may use a key of theirs that was stolen, or the name \
     or address still leads to an old machine";

fn named(locks: &[Lock]) -> String {
    if locks.is_empty() { String::new() } else { format!(": {}", list(locks)) }
}

fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl SiteError {
    /// Makes an I/O error of what happened on this path: for `map_err`.
    pub fn at(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        |source| Self::io(path, source)
    }

    /// An I/O error with the path it happened on.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// The same, where permission may be what is missing: then with the user who has it.
    pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> Self {
        match private::owner_of(path) {
            Some(owner) if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Self::NotYours { path: path.to_path_buf(), owner }
            }
            _ => Self::io(path, source),
        }
    }

    /// What is wrong with a TOML file, for people.
    pub(crate) fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        Self::config(path, toml_text::reason(text, error.message(), error.span()))
    }

    /// What is wrong with what a person gave, and the next step.
    pub(crate) fn data(sentence: &str, hint: &str) -> Self {
        Self::Data { sentence: sentence.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn config(path: &Path, reason: impl Into<String>) -> Self {
        Self::Config { path: path.to_path_buf(), reason: reason.into() }
    }

    /// Whether the disk is full: it goes on when somebody makes room.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            }
            Self::Store(error) => is_full(error),
            _ => false,
        }
    }

    /// Whether nothing but a person's decision mends it: who ends with it is not started again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Ledger { .. } | Self::LedgerBehind { .. } | Self::ChildStopped { .. })
    }

    /// Whether trying again later may help without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        // Even a refused certificate may be accepted again (a clock put right, a coordinator restored): the
        // gateway goes on asking, slowly, and says so.
        matches!(
            self,
            Self::Connection { .. }
                | Self::LedgerRefused
                | Self::CoordinatorRestored
                | Self::Revocations { .. }
                | Self::CoordinatorRevoked
                | Self::Net(_)
        )
    }

    /// Whether the person at the keyboard can put it right (exit code 1) or we must (exit code 2).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Store(error) => is_full(error),
            Self::Validation { is_user_error } => *is_user_error,
            // What a child says when it panics.
            Self::ChildKeepsDying { last_words, .. } => !last_words.starts_with("internal error"),
            Self::Internal(_) | Self::Pipe(_) => false,
            Self::Net(error) => error.is_user_error(),
            _ => true,
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { source, .. } => io_hint(source.kind())?.into(),
            Self::Store(error) if is_full(error) => "free some space and start again; nothing was lost".into(),
            Self::Config { path, .. } => config_hint(path).into(),
            Self::NotYours { owner, .. } => format!("run it as that user: sudo -u {owner} site-agent ..."),
            Self::NotJoined { .. } => {
                "ask the coordinator for an invitation and run `site-agent join`, or name the folder with --state".into()
            }
            Self::AlreadyJoined { .. } => {
                "use another folder with --state; keep this one, it has the ledger of what left the hospital".into()
            },
            Self::AlreadyRunning { .. } => "stop it first, or name another folder with --state".into(),
            Self::InsideState { .. } => {
                "move it elsewhere: the process with the network may read parts of the state folder".into()
            }
            Self::Data { hint, .. } => return hint.clone(),
            Self::Enrolment { hint, .. } => hint.clone(),
            Self::Filtered { .. } => {
                "let landlock_*, seccomp and unshare through and have other calls refused with EPERM instead of a \
                 signal, as deploy/systemd/consilium-site.service does; in a container the same in its seccomp profile"
                    .into()
            }
            Self::Reached { .. } => {
                "the lock holds; move the records and the model out of the state folder, and the state folder out of \
                 theirs (agent.toml names them), and try again"
                    .into()
            }
            Self::LocksMissing { locks } => format!(
                "`site-agent check --offline` says why; a container or a service filter can be mended. Where the kernel \
                 itself lacks it and the site accepts the risk, agent.toml: [sandbox] allow_missing = [{}]",
                locks.iter().map(|lock| format!("\"{lock}\"")).collect::<Vec<_>>().join(", ")
            ),
            Self::LedgerRefused => {
                "was the state folder restored, or the ledger edited? tell the privacy officer and the coordinator's operator, who can accept it"
                    .into()
            }
            Self::Revocations { .. } => NO_LIST_HINT.into(),
            Self::CoordinatorRevoked => REVOKED_HINT.into(),
            Self::CoordinatorRestored => {
                "tell the coordinator's operator, who can go on with `coordinator serve --accept-restored`".into()
            }
            Self::LedgerBehind { .. } => {
                "put the newest copy of the ledger back; if it is lost, the privacy officer decides: `site-agent ledger accept`"
                    .into()
            }
            Self::Ledger { .. } => {
                "put the newest copy of the ledger back; if there is none, move this one away, keep it for the privacy officer, and let them decide: `site-agent ledger accept`"
                    .into()
            }
            Self::PointsRefused { .. } => "see logs/gateway.log and logs/worker.log; nothing was sent".into(),
            Self::UpdateRefused { .. } => "see logs/gateway.log; the limits are in agent.toml under [policy]".into(),
            Self::NotAgreed { .. } => "`site-agent runs` shows what waits for a decision".into(),
            Self::PolicyRefused { .. } => "the limits are in agent.toml under [policy]".into(),
            Self::Connection { .. } => {
                "check that the coordinator runs and that UDP to its port is not blocked; the agent tries again".into()
            }
            Self::ChildStopped { child, hint, .. } => hint.clone().unwrap_or_else(|| see_log(child)),
            Self::ChildKeepsDying { child, .. } => see_log(child),
            Self::Net(error) => return error.hint().map(str::to_owned),
            Self::Validation { .. } | Self::Store(_) | Self::Rejected { .. } | Self::Pipe(_) | Self::Internal(_) => {
                return None;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_about_the_file_that_is_wrong() {
        let hint = |name: &str| SiteError::config(Path::new(name), "x").hint().unwrap_or_default();
        assert!(hint("/s/agent.toml").contains("join --help"));
        for other in ["/s/site.db", "/s/identity/key.pem", "/s/identity/coordinator.toml"] {
            assert!(!hint(other).contains("join --help") && hint(other).contains("backup"), "{other}");
        }
        let joined = SiteError::AlreadyJoined { folder: "/s".into() }.hint().unwrap_or_default();
        assert!(!joined.contains("remove"), "the ledger is in it: {joined}");
    }

    #[test]
    fn what_a_person_must_decide_is_final_and_nothing_else() {
        let path = PathBuf::from("/s/ledger.log");
        let damaged = SiteError::Ledger { path: path.clone(), reason: "x".into() };
        let behind = SiteError::LedgerBehind { path, reason: "x".into() };
        assert!(damaged.is_final() && behind.is_final());
        assert!(!SiteError::LedgerRefused.is_final() && !SiteError::Internal("x".into()).is_final());
    }
}
