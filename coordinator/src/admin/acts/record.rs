//! One line of the log of acts: its fields, their order, and what is wrong with a line that is not one. Used
//! by `check` (reads) and `log` (writes). Invariants: verbs and ids only, no text of anybody; a record has
//! one line that writes it, and no other.

use certs::Role;
use common::id::{Digest, RunId, SiteId};
use serde::{Deserialize, Serialize};

/// What was asked for. A word each; the list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// `coordinator init`.
    Init,
    /// `coordinator launch`; `sha256` is that of the run file, the result names the run.
    Launch,
    /// `coordinator resume`; the result names the new run.
    Resume,
    /// `coordinator evaluate`.
    Evaluate,
    /// `coordinator stop`.
    Stop,
    /// `coordinator extend`.
    Extend,
    /// `coordinator revoke`.
    Revoke,
    /// `coordinator sites pause`.
    Pause,
    /// `coordinator sites resume`.
    EndPause,
    /// `coordinator sites exclude`.
    Exclude,
    /// `coordinator sites include`.
    Include,
    /// `coordinator sites accept-ledger`; `sha256` is the root.
    AcceptLedger,
    /// `coordinator invite`, with or without `--readmit`.
    Invite,
    /// `coordinator invitations withdraw`.
    Withdraw,
    /// `coordinator operators invite`.
    InviteOperator,
    /// `coordinator operators revoke`.
    RevokeOperator,
    /// `coordinator authority roll`.
    RollAuthority,
    /// `coordinator authority retire`.
    RetireAuthority,
    /// `coordinator crl replace-server`.
    ReplaceServer,
    /// An operator or auditor took the certificate of an invitation.
    Enrol,
    /// `coordinator prune`.
    Prune,
    /// `coordinator release make`; `sha256` is that of the release's list of files.
    Release,
    /// `coordinator serve --accept-restored`.
    AcceptRestored,
    /// `coordinator acts accept`; `sha256` is that of the log that was set aside.
    AcceptActs,
}

impl Verb {
    /// Whether it ends something that should not go on: room and lines are kept for it.
    #[must_use]
    pub fn ends_something(self) -> bool {
        matches!(
            self,
            Self::Revoke
                | Self::RevokeOperator
                | Self::Stop
                | Self::Pause
                | Self::Exclude
                | Self::Prune
                | Self::ReplaceServer
                | Self::RetireAuthority
        )
    }

    /// The word in the file.
    #[must_use]
    pub fn word(self) -> String {
        let word = serde_json::to_value(self).ok();
        word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// How far an act is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It is about to be done.
    Asked,
    /// It was done.
    Done,
    /// It was tried, and could not be done.
    Failed,
    /// Whoever asked may not; nothing was tried.
    Refused,
}

/// As what somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// On the coordinator's machine, by the socket or on the folder itself; `who` is the user's number.
    Local,
    /// From afar, with an operator's certificate; `who` is its name.
    Operator,
    /// From afar, with an auditor's.
    Auditor,
    /// From afar, with a witness'.
    Witness,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever may open the state folder.
    Local {
        /// The user's number.
        uid: u32,
    },
    /// The holder of an operator's certificate.
    Operator(Holder),
    /// The holder of an auditor's certificate.
    Auditor(Holder),
    /// The holder of a witness' certificate.
    Witness(Holder),
}

/// Whose certificate it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name it was invited under.
    pub name: SiteId,
    /// SHA-256 of the certificate.
    pub certificate: Digest,
}

impl Who {
    /// Whoever runs this process.
    #[must_use]
    pub fn here() -> Self {
        Self::Local { uid: common::private::process::user() }
    }

    /// The holder of a certificate with this role, if it is one that commands.
    #[must_use]
    pub fn of(role: Role, holder: Holder) -> Option<Self> {
        match role {
            Role::Operator => Some(Self::Operator(holder)),
            Role::Auditor => Some(Self::Auditor(holder)),
            Role::Witness => Some(Self::Witness(holder)),
            Role::Site => None,
        }
    }

    /// As what.
    #[must_use]
    pub fn by(&self) -> By {
        match self {
            Self::Local { .. } => By::Local,
            Self::Operator(_) => By::Operator,
            Self::Auditor(_) => By::Auditor,
            Self::Witness(_) => By::Witness,
        }
    }

    /// The name in the file.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Local { uid } => uid.to_string(),
            Self::Operator(holder) | Self::Auditor(holder) | Self::Witness(holder) => holder.name.to_string(),
        }
    }

    /// SHA-256 of the certificate, of those who have one.
    #[must_use]
    pub fn certificate(&self) -> Option<Digest> {
        match self {
            Self::Local { .. } => None,
            Self::Operator(holder) | Self::Auditor(holder) | Self::Witness(holder) => {
                Some(holder.certificate)
            }
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Which.
    pub verb: Verb,
    /// On which run.
    pub run: Option<RunId>,
    /// On which site, operator, auditor or witness.
    pub name: Option<SiteId>,
    /// With which file.
    pub sha256: Option<Digest>,
}

impl Act {
    /// Of nothing in particular.
    #[must_use]
    pub fn of(verb: Verb) -> Self {
        Self { verb, run: None, name: None, sha256: None }
    }

    /// On somebody.
    #[must_use]
    pub fn on(verb: Verb, name: &SiteId) -> Self {
        Self { name: Some(name.clone()), ..Self::of(verb) }
    }

    /// With a file.
    #[must_use]
    pub fn with(self, sha256: Digest) -> Self {
        Self { sha256: Some(sha256), ..self }
    }
}

/// A line that is about to be written.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Who asks.
    pub who: &'a Who,
    /// For what.
    pub act: &'a Act,
    /// How far it is.
    pub step: Step,
    /// The line that it is the result of.
    pub of: Option<u64>,
}

/// One line. Field order is the format; a line is valid only if writing it again gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// 0, 1, 2, ... without gaps.
    pub sequence: u64,
    /// When, in milliseconds since 1970 (UTC); never before the record above.
    pub time_ms: u64,
    /// How far the act is.
    pub step: Step,
    /// As what it was asked for.
    pub role: By,
    /// By whom: a name of the consortium, or the number of a user of the coordinator's machine.
    pub who: String,
    /// SHA-256 of the certificate that asked; null of a local user.
    pub certificate: Option<Digest>,
    /// What was asked for.
    pub verb: Verb,
    /// The run, or null.
    pub run: Option<RunId>,
    /// The site, operator or auditor, or null.
    pub name: Option<SiteId>,
    /// The file, or null.
    pub sha256: Option<Digest>,
    /// Of a result: the record that asked.
    pub of: Option<u64>,
    /// SHA-256 of the line before this one (without its newline); 64 zeros in the first.
    pub previous: Digest,
}

impl Record {
    /// The line, without its newline.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        // Numbers, words and digits: there is nothing in it that JSON cannot hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What its fields say against each other, if they do.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let is_user = self.who.parse::<u32>().is_ok_and(|uid| uid.to_string() == self.who);
        let is_name = self.who.parse::<SiteId>().is_ok();
        match (self.role, self.certificate.is_some()) {
            (By::Local, false) if is_user => {}
            (By::Operator | By::Auditor | By::Witness, true) if is_name => {}
            _ => return Some("who asked does not belong to the role"),
        }
        let is_result = matches!(self.step, Step::Done | Step::Failed);
        (self.of.is_some() != is_result).then_some("`of` stands in results, and in nothing else")
    }
}
