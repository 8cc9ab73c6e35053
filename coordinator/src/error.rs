//! Everything that can go wrong at the coordinator, as the operator is told it: one sentence, a next
//! step, whose mistake it is (exit code 1 or 2), and whether trying again helps. Invariant: no text
//! here ever comes from a site or from a record. Used by everything here but `round`; `cli` turns it into
//! exit codes and hints.

use std::io;
use std::path::{Path, PathBuf};

use certs::CertError;
use cli::confirm::Unconfirmed;
use cli::keys::KeyError;
use cli::witness::WitnessError;
use prepare::PrepareError;
use sandbox::Lock;

use crate::aggregate::AggregateError;
use crate::store::StoreError;

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state folder has no consortium. No retry.
    #[error("there is no consortium in {}", .0.display())]
    NotInitialised(PathBuf),
    /// The state folder is somebody else's. No retry.
    #[error("this user may not read {}, which belongs to user {owner}", path.display())]
    NotYours {
        /// What cannot be read.
        path: PathBuf,
        /// Who can.
        owner: String,
    },
    /// The database is not the one that was here. No retry.
    #[error("this coordinator was restored from an older copy, or lost its database: {0}")]
    Restored(String),
    /// The state folder already has one. No retry.
    #[error("{} already holds a consortium", .0.display())]
    AlreadyInitialised(PathBuf),
    /// A configuration file is wrong. No retry.
    #[error("{} cannot be used: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Who launches from another machine did not sign the run's terms. A new launch may help.
    #[error("the run's terms do not bear the operator's signature: {0}")]
    NotSigned(String),
    /// The coordinator launched a run without its operator's signature. No retry: it runs.
    #[error("the coordinator launched run {0} without asking for the operator's signature")]
    LaunchedUnsigned(String),
    /// The coordinator says that it launched another run than the one that was signed. No retry.
    #[error(
        "the terms of run {signed} were signed, and the coordinator says that it launched run {launched}"
    )]
    OtherRun {
        /// The run of the terms.
        signed: String,
        /// What the coordinator says.
        launched: String,
    },
    /// Whoever launches has a certificate that sites no longer take. No retry.
    #[error(
        "this certificate is of the authority before the present one, and sites go by the present one alone"
    )]
    OfEarlierAuthority,
    /// The coordinator asks its operator to sign something else than the run file. No retry.
    #[error("the coordinator would launch a run whose `{key}` is not the run file's; nothing was signed")]
    OtherTerms {
        /// The run file's key.
        key: &'static str,
    },
    /// An argument is wrong. No retry.
    #[error("{message}")]
    Argument {
        /// The sentence.
        message: String,
        /// The next step.
        hint: String,
    },
    /// A file or folder that was named does not exist. No retry.
    #[error("the {what} {} does not exist", path.display())]
    Missing {
        /// What it should have been.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// The run's model folder is gone. No retry.
    #[error("the run's model folder {} does not exist any more", .0.display())]
    BaseMoved(PathBuf),
    /// Another program has the UDP port. A retry helps once it is gone.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// What the operating system said.
        reason: String,
    },
    /// No `serve` answers. A retry helps once it runs.
    #[error("no coordinator is running on {}", .0.display())]
    NotRunning(PathBuf),
    /// A `serve` has the socket, and says nothing. A retry may help.
    #[error("the coordinator on {} does not answer", .0.display())]
    NotAnswering(PathBuf),
    /// The coordinator of a context does not answer. A retry may help.
    #[error("the coordinator of the context {context} is not reached: {reason}")]
    NotReached {
        /// The context.
        context: String,
        /// Why.
        reason: String,
    },
    /// It answers, and does not let us in. No retry.
    #[error("the coordinator of the context {context} does not let this machine in: {reason}")]
    ShutOut {
        /// The context.
        context: String,
        /// Why.
        reason: String,
    },
    /// Another `serve` has the state folder. No retry.
    #[error("another coordinator is already running on {}", .0.display())]
    AlreadyRunning(PathBuf),
    /// No such run. No retry.
    #[error("there is no run {0}")]
    UnknownRun(String),
    /// No such site. No retry.
    #[error("there is no site {0}")]
    UnknownSite(String),
    /// One run at a time. A retry helps when it is over.
    #[error("run {0} is still going")]
    RunInProgress(String),
    /// Not enough sites have joined. A retry helps when they have.
    #[error("the run needs {needed} sites, but {joined} can take part{}", paused_words(*.paused))]
    TooFewSites {
        /// `quorum.sites`.
        needed: usize,
        /// Sites that have joined, of those that the run file chose.
        joined: usize,
        /// How many of them are paused.
        paused: usize,
    },
    /// The run has no published round. A retry helps later if it is still going.
    #[error("run {0} has not published a round yet")]
    NothingPublished(String),
    /// A run in which each site trained alone is asked for a model of all. No retry.
    #[error("in run {0} each site trained alone: nothing was averaged, and there is no model of all")]
    TrainedAlone(String),
    /// A process that reads what others made cannot be locked up. No retry.
    #[error("these locks do not hold on this machine: {}", names(.0))]
    LocksMissing(Vec<Lock>),
    /// The locks hold, but something stands where the process has to look. No retry.
    #[error("the process that evaluates could reach {}, which must be closed to it", .0.display())]
    Reached(PathBuf),
    /// The log of administrative acts is not what was written. No retry.
    #[error("the log of administrative acts cannot be trusted: {0}")]
    ActsDamaged(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys and certificates.
    #[error(transparent)]
    Certificate(#[from] CertError),
    /// The average.
    #[error(transparent)]
    Aggregate(#[from] AggregateError),
    /// The model, the data or the evaluation, as the child process reported it.
    #[error("{message}")]
    Model {
        /// The sentence.
        message: String,
        /// The next step.
        hint: Option<String>,
        /// Whether the operator can mend it.
        user: bool,
    },
    /// The operating system. A retry may help.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A message that the running coordinator sent us.
    #[error("{message}")]
    Remote {
        /// The sentence.
        message: String,
        /// The next step.
        hint: Option<String>,
        /// Whether the operator can mend it.
        user: bool,
    },
    /// A task of ours panicked or was cancelled before it had a result. A retry may help.
    #[error("internal fault: a task ended without a result: {0}")]
    Interrupted(String),
    /// A fault of ours. Please report it.
    #[error("internal fault: {0}")]
    Internal(String),
}

fn paused_words(paused: usize) -> String {
    if paused == 0 { String::new() } else { format!(", {paused} of them paused") }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        if error.is_user_error() {
            Self::Argument { message: error.to_string(), hint: error.hint().into() }
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<Unconfirmed> for Error {
    fn from(error: Unconfirmed) -> Self {
        Self::Argument { message: error.to_string(), hint: error.hint() }
    }
}

/// What the bridge to data room and engine says, as the operator is told it.
impl From<PrepareError> for Error {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::NothingUsable { path, reason } => Self::Config { path, reason },
            error => {
                Self::Model { message: error.to_string(), hint: error.hint(), user: error.is_user_error() }
            }
        }
    }
}

/// What a witness refuses keeps its sentence and hint.
impl From<WitnessError> for Error {
    fn from(error: WitnessError) -> Self {
        match error {
            WitnessError::Io { path, source } => Self::Io { action: "use", path, source },
            error if error.is_user_error() => {
                Self::Argument { message: error.to_string(), hint: error.hint() }
            }
            error => Self::Internal(error.to_string()),
        }
    }
}

impl Error {
    /// Wraps an operating-system error with what was tried on what.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the operator can mend it (exit code 1), as opposed to a fault of ours (exit code 2).
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Aggregate(AggregateError::Refused { .. }) => true,
            Self::Internal(_) | Self::Interrupted(_) | Self::Aggregate(_) => false,
            Self::Model { user, .. } | Self::Remote { user, .. } => *user,
            Self::Certificate(error) => error.is_user_error(),
            Self::Store(error) => error.is_user_error(),
            _ => true,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Listen { .. } | Self::NotRunning(_) | Self::RunInProgress(_) | Self::TooFewSites { .. } => {
                true
            }
            Self::NotReached { .. }
            | Self::NotAnswering(_)
            | Self::Io { .. }
            | Self::NothingPublished(_)
            | Self::Interrupted(_) => true,
            Self::Store(error) => error.is_retryable(),
            Self::Certificate(error) => error.retry_helps(),
            Self::Aggregate(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// Whether the text that a run ended with says that it was a fault of ours. The journal keeps the text
    /// only, so it is known by how [`Error::Internal`], [`Error::Interrupted`] and a panic in an effect
    /// begin.
    pub fn text_is_ours(reason: &str) -> bool {
        ["internal fault: ", "an effect failed: "].iter().any(|words| reason.starts_with(words))
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotYours { owner, .. } => {
                return Some(format!("run it as that user: sudo -u {owner} coordinator ..."));
            }
            Self::NotInitialised(_) => {
                "run `coordinator init --address HOST:PORT` first, or name its folder with --state"
            }
            Self::AlreadyInitialised(_) => {
                "choose another folder with --state, or go on with `coordinator serve`"
            }
            Self::Restored(_) => {
                "restore the newest backup of the whole folder; if this is the newest, `coordinator serve --accept-restored`"
            }
            Self::Config { .. } => "correct the file and try again",
            Self::BaseMoved(_) => {
                "name the folder where the model is now with --model, as in `coordinator export RUN --model DIR ...`"
            }
            Self::Missing { .. } => "check the path; paths in a run file are relative to the run file",
            Self::Listen { .. } => {
                "stop the other program (`ss -ulpn` shows it), or choose another address with --listen and --listen-join"
            }
            Self::NotRunning(_) => "start it with `coordinator serve`, or name its folder with --state",
            Self::NotAnswering(_) => {
                "try again in a minute; `ps -C coordinator -o pid,stat,etime` shows whether it is stopped (T) or busy"
            }
            Self::NotReached { .. } => {
                "try again in a minute; `coordinator context list` shows the address, `coordinator context set-address` \
                 changes it"
            }
            Self::ShutOut { .. } | Self::OfEarlierAuthority => {
                "ask an operator for a new line of `coordinator operators invite NAME`, and give it to `coordinator enrol`"
            }
            Self::NotSigned(_)
            | Self::LaunchedUnsigned(_)
            | Self::OtherRun { .. }
            | Self::OtherTerms { .. } => {
                return Some(self.signing_hint());
            }
            Self::AlreadyRunning(_) => "use that one, or stop it first",
            Self::UnknownRun(_) | Self::TrainedAlone(_) => "`coordinator runs` lists the runs",
            Self::UnknownSite(_) => "`coordinator sites` lists the sites",
            Self::RunInProgress(_) => {
                "`coordinator stop RUN` ends it; `coordinator launch --queue` has a run file wait for its turn"
            }
            Self::TooFewSites { .. } => {
                "invite more sites with `coordinator invite SITE`, end pauses with `coordinator sites resume SITE`, \
                 or lower quorum.sites in the run file"
            }
            Self::LocksMissing(_) => {
                "`coordinator check` says what was tried; Linux 6.2 or newer with Landlock and seccomp is needed"
            }
            Self::Reached(_) => "move the state folder out of the system's folders, such as to /var/lib",
            Self::ActsDamaged(_) => {
                "nothing is changed until somebody on the coordinator's machine has looked: keep a copy of the folder \
                 acts/, find out who changed it, then `coordinator acts accept` sets it aside and begins another log"
            }
            Self::NothingPublished(_) => "`coordinator status` shows how far it is",
            Self::Store(error) => return store_hint(error).map(str::to_owned),
            Self::Certificate(error) => return error.hint().map(str::to_owned),
            Self::Argument { hint, .. } => hint,
            Self::Model { hint, .. } | Self::Remote { hint, .. } => return hint.clone(),
            Self::Io { source, .. } => io_hint(source),
            Self::Interrupted(_) => "try again; if it comes back, please report it, with the log around it",
            Self::Aggregate(AggregateError::Refused { .. }) => {
                "ask the hospitals that are named; revoke one that cannot explain itself, and launch the run again"
            }
            Self::Aggregate(_) | Self::Internal(_) => "please report this, with the log around it",
        };
        Some(text.to_owned())
    }

    /// The next step where what an operator signs is not what becomes of it.
    fn signing_hint(&self) -> String {
        let speak = "speak with the other operators on another channel";
        match self {
            Self::LaunchedUnsigned(run) => format!(
                "`coordinator --context NAME stop {run}` ends it; a coordinator of an earlier version does so, any other does not do \
                 as it is asked: {speak}"
            ),
            Self::OtherRun { signed, .. } => format!(
                "look at both with `coordinator runs`, and end with `coordinator --context NAME stop {signed}` what you did not want; \
                 {speak}"
            ),
            Self::OtherTerms { .. } => {
                "ask the other operators, on another channel, what became of the coordinator: it does not do as it is asked"
                    .to_owned()
            }
            _ => "an honest coordinator launched nothing: look at `coordinator runs`, then launch it again".to_owned(),
        }
    }
}

fn names(locks: &[Lock]) -> String {
    locks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "make room on the disk; nothing was lost and nothing is half-written",
        io::ErrorKind::PermissionDenied => "run it as the user who owns this place",
        io::ErrorKind::NotFound => "check the path",
        _ => "check the path, its permissions and the disk",
    }
}

fn store_hint(error: &StoreError) -> Option<&'static str> {
    Some(match error {
        StoreError::TokenUnknown | StoreError::TokenUsed | StoreError::TokenExpired => {
            "make a new invitation with `coordinator invite SITE`"
        }
        StoreError::Corrupt(_) => {
            "stop, copy the state folder as it is, and restore coordinator.db from a backup"
        }
        StoreError::Full => "make room on the disk; nothing was lost and nothing is half-written",
        StoreError::InUse => "wait a moment and try again",
        StoreError::Newer { .. } => "use the version of coordinator that wrote it",
        StoreError::HolderRevoked(_) | StoreError::OtherRole(..) => {
            "choose another name, such as anna-2; `coordinator operators list` lists them"
        }
        StoreError::TooManySites => {
            "`coordinator invitations withdraw NAME` makes room, of one that has joined `coordinator revoke NAME`"
        }
        StoreError::TooManyHolders => "`coordinator operators revoke NAME` makes room",
        StoreError::SiteRevoked(_) => "invite the hospital under a new site name",
        StoreError::NoWriteAheadLog => "put the state folder on a disk of this machine",
        StoreError::SqliteTooOld(_) => "please report this: the program was built with the wrong library",
        StoreError::Sqlite(_)
        | StoreError::Certificate(_)
        | StoreError::KeyUsed
        | StoreError::TooManyCertificates
        | StoreError::TooManyMembers => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_we_broke_is_known_by_its_words() {
        for error in [Error::Internal("x".into()), Error::Interrupted("x".into())] {
            assert!(Error::text_is_ours(&error.to_string()) && !error.is_user_error(), "{error}");
        }
        for reason in
            ["the operator stopped it", "the round had 1 updates of the 2 it needs", "cannot write x: full"]
        {
            assert!(!Error::text_is_ours(reason), "{reason}");
        }
    }
}
