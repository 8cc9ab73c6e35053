//! What a witness refuses, and why. Used by the rest of `witness`; each program makes its own error of it.
//! Invariant: a refusal of a head says what was remembered, and never that the log is honest.

use std::io;
use std::path::{Path, PathBuf};

use certs::CertError;
use common::private::PrivateError;

use crate::keys::KeyError;

/// Why nothing was cosigned, or why a cosignature does not count. A retry helps for `Io` and `Busy` only.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// There is nowhere to keep it.
    #[error("this user has no home folder, where a witness' key and memory are kept")]
    NoHome,
    /// There is no key yet.
    #[error("there is no witness in {}", .0.display())]
    NotMade(PathBuf),
    /// There is one already.
    #[error("there is a witness in {} already", .0.display())]
    Made(PathBuf),
    /// Somebody else could have written it, or reads it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The system call failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another command of this witness works.
    #[error("another command works with the witness in {}", .0.display())]
    Busy(PathBuf),
    /// A file of ours is not what we wrote.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// The file of cosigned heads beside a log is not what we wrote, or is not ours alone.
    #[error("the cosigned heads in {} cannot be used: {reason}", path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that was given is not what it must be.
    #[error("{what} is not usable: {reason}")]
    Unusable {
        /// Which.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The key is sealed, and does not open.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Keys and notes.
    #[error(transparent)]
    Certificate(#[from] CertError),
    /// It is told no key for this log.
    #[error("this witness knows no log called {0}")]
    UnknownLog(String),
    /// It knows another key of this log.
    #[error("this witness knows another key of the log {0}")]
    OtherKey(String),
    /// It has as many as it may.
    #[error("there are {most} {what} already")]
    TooMany {
        /// How many may be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// A smaller head than the one before.
    #[error("the head is of {shown} lines, and this witness has cosigned one of {kept}")]
    Older {
        /// Lines of the head that was shown.
        shown: u64,
        /// Lines of the one that was cosigned.
        kept: u64,
    },
    /// The proof begins elsewhere.
    #[error("the proof begins at {old} lines, and this witness has cosigned {kept}")]
    OtherStart {
        /// Where it begins.
        old: u64,
        /// Where it must begin.
        kept: u64,
    },
    /// Two heads of one size.
    #[error(
        "the log {log} has two histories: two heads of {size} lines with different roots, both signed with its key"
    )]
    TwoHistories {
        /// Its name.
        log: String,
        /// Of both.
        size: u64,
        /// Where both are kept, if they could be.
        evidence: Option<PathBuf>,
    },
    /// A larger head that is not shown to follow from the smaller one.
    #[error(
        "nothing shows that the head of {shown} lines of the log {log} follows from the one of {kept} lines that this witness cosigned"
    )]
    NotExtended {
        /// Its name.
        log: String,
        /// Lines of the head that was shown.
        shown: u64,
        /// Lines of the one that was cosigned.
        kept: u64,
        /// Where both are kept, if they could be.
        evidence: Option<PathBuf>,
    },
    /// A witness that was asked for has not cosigned.
    #[error("no head that fits was cosigned by {witness}: {reason}")]
    NotCosigned {
        /// Its name.
        witness: String,
        /// What is wrong.
        reason: String,
    },
}

impl WitnessError {
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_path_buf(), source }
    }

    /// Whether the person can put it right (exit code 1) or we must (exit code 2).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Certificate(error) => error.is_user_error(),
            Self::Key(error) => error.is_user_error(),
            _ => true,
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoHome => "name a folder with --folder, or set HOME or XDG_CONFIG_HOME".into(),
            Self::NotMade(_) => "`witness init NAME` makes one; with --folder name another folder".into(),
            Self::Made(_) => "`witness show` shows its key; with --folder name another folder".into(),
            Self::Private(_) => {
                "a witness' folder must be its owner's alone: look who put it there, then chmod 700 the folder and 600 the files"
                    .into()
            }
            Self::Io { .. } => "nothing was cosigned; make room, or look at the folder, and try again".into(),
            Self::Busy(_) => "try again when it is done".into(),
            Self::Damaged { .. } => {
                "nothing is cosigned without it: restore the folder from a backup that is not older than the last cosignature, or go on as another witness in a new folder"
                    .into()
            }
            Self::Unusable { .. } => "give the file as the other side wrote it".into(),
            Self::Certificate(error) => error.hint().unwrap_or("try again").into(),
            Self::Key(error) => error.hint().into(),
            Self::UnknownLog(_) => {
                "get its verifier key on another way than the head, and run `witness trust KEY`".into()
            }
            Self::OtherKey(_) => {
                "ask why there is another; if there is a reason, add it with `witness trust KEY --also`".into()
            }
            Self::TooMany { .. } => "go on as another witness in a new folder (--folder)".into(),
            Self::Older { .. } => {
                "ask for the newest head. If this is the newest, the log was cut, or restored from an older copy: ask its keeper"
                    .into()
            }
            Self::OtherStart { kept, .. } => format!("ask for a proof with --from {kept}"),
            Self::TwoHistories { evidence: Some(path), .. } => {
                format!("both signed heads are kept in {}: show them to the other members", path.display())
            }
            Self::NotExtended { evidence: Some(path), kept, .. } => format!(
                "the proof may be at fault: ask the log's keeper for one with --from {kept}; if none holds, show the others \
                 what is kept in {}",
                path.display()
            ),
            Self::TwoHistories { .. } | Self::NotExtended { .. } => {
                "keep this file: the folder of evidence takes no more of this log".into()
            }
            Self::Kept { .. } => {
                "set the file aside, and keep the newest cosigned heads again: the witnesses have them".into()
            }
            Self::NotCosigned { .. } => {
                "ask the witness itself whether it cosigned this log, and what it remembers (`witness show`); until then go by no head of it"
                    .into()
            }
        }
    }
}
