//! What is said on the admin socket, and from afar: one JSON line per request, one or more JSON lines per
//! answer. Used by `client`, which asks, by `server` and `books`, which answer, and by the subcommands of
//! `cli`. Invariants: unknown fields and commands are refused; who may ask what stands in `rules`.

use std::path::PathBuf;

use common::id::Digest;
use serde::{Deserialize, Serialize};

use super::consortium::{Head, SiteFacts};
use super::holders::HolderFacts;
use super::listed::{Arrivals, InvitationFacts, RosterFacts, RunRow};
use super::report::{RoundReport, RunReport};
use crate::enrolment::keeper::{Done, Order};
use crate::error::Error;
use crate::report::Report;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Start a run.
    Launch {
        /// Absolute path of the run file.
        run_file: PathBuf,
        /// Whether it waits for its turn where another run is going.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        queue: bool,
    },
    /// Start a run as this text of a run file says; its paths are the coordinator's.
    LaunchText {
        /// The run file.
        text: String,
        /// As of `Launch`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        queue: bool,
    },
    /// All runs.
    Runs,
    /// Who takes part in a run, with the code to compare.
    Roster {
        /// Its id or a prefix.
        run: Option<String>,
    },
    /// The report of a run.
    Report {
        /// Its id or a prefix.
        run: Option<String>,
        /// Whether sample questions, which are text of the held-out set, are left out.
        without_samples: bool,
    },
    /// What arrived from a site.
    Ledger {
        /// Its name.
        site: String,
    },
    /// One run, or the newest.
    Status {
        /// Its id or a prefix.
        run: Option<String>,
    },
    /// As `Status`, again after every change until the run is over.
    Watch {
        /// Its id or a prefix.
        run: String,
    },
    /// Go on where a run ended, in a new one.
    Resume {
        /// Its id or a prefix.
        run: String,
        /// Where the base model is, if it is not where it was.
        model: Option<PathBuf>,
    },
    /// Measure the test set of a run that ended without.
    Evaluate {
        /// Its id or a prefix.
        run: String,
        /// Where the base model is, if it is not where it was.
        model: Option<PathBuf>,
        /// Where the test file is, if it is not where it was.
        test: Option<PathBuf>,
    },
    /// All sites.
    Sites,
    /// End a run.
    Stop {
        /// Its id or a prefix.
        run: String,
        /// Not at once, but when the round that is open is through.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        after_round: bool,
    },
    /// Give the open round of a run more time.
    Extend {
        /// Its id or a prefix.
        run: String,
        /// How much.
        by_ms: u64,
    },
    /// Let a hospital in.
    Invite {
        /// Its name.
        site: String,
        /// How long the invitation works.
        ttl_ms: u64,
        /// Whether one that has joined may come again.
        readmit: bool,
    },
    /// All invitations.
    Invitations,
    /// Take back those of a site that nobody used yet.
    Withdraw {
        /// Its name.
        site: String,
    },
    /// Take a site's ledger in place of the one before.
    AcceptLedger {
        /// Its name.
        site: String,
        /// The one that was shown.
        found: Head,
    },
    /// All operators, auditors and witnesses.
    Operators,
    /// Let an operator, an auditor or a witness in.
    InviteOperator {
        /// The person's name.
        name: String,
        /// `operator`, `auditor` or `witness`.
        role: String,
        /// How long the invitation works.
        ttl_ms: u64,
    },
    /// Shut one out.
    RevokeOperator {
        /// The person's name.
        name: String,
    },
    /// Some lines of the log of acts.
    Acts {
        /// The number of the first one.
        from: u64,
    },
    /// The signed head of that log.
    ActsHead,
    /// The same with the proof that it extends an older one.
    ActsProof {
        /// Lines of the older one.
        from: u64,
    },
    /// The heads of that log that witnesses cosigned.
    ActsCosigned,
    /// Shut a site out.
    Revoke {
        /// Its name.
        site: String,
    },
    /// Change the authority.
    Authority {
        /// How.
        order: Order,
    },
    /// The newest revocation list.
    Revocations,
    /// Change whether a site takes part.
    Change {
        /// Its name.
        site: String,
        /// How.
        change: SiteChange,
    },
}

/// What an operator may change about a site for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteChange {
    /// It takes part in no run.
    Pause,
    /// It takes part again.
    Resume,
    /// It takes no part in the run that is going.
    Exclude,
    /// It takes part in the run that is going.
    Include,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `Launch`, `Resume` and `Evaluate`.
    Launched {
        /// The run's id.
        run: String,
        /// What the operator should know, a sentence each.
        notes: Vec<String>,
    },
    /// To `Status` and `Watch`; `Rounds` follow, so that a run of many rounds fits in bounded lines.
    Run {
        /// The run, without its rounds.
        report: Box<RunReport>,
        /// How many rounds the asker keeps of what it was sent before.
        keep: usize,
        /// How many rounds follow.
        follow: usize,
    },
    /// Some of the rounds that follow a `Run`.
    Rounds {
        /// In order.
        rounds: Vec<RoundReport>,
    },
    /// To `LaunchText` and `Resume` from afar: a [`Signature`] is waited for, in one line, before the answer.
    Sign {
        /// The manifest, in its canonical bytes.
        manifest: String,
        /// The coordinator's signature over it, in hexadecimal digits.
        signature: String,
    },
    /// It takes longer; the answer comes later.
    Working,
    /// To `Sites`.
    Sites {
        /// By name.
        sites: Vec<SiteFacts>,
    },
    /// To `Runs`.
    Runs {
        /// Oldest first.
        runs: Vec<RunRow>,
    },
    /// To `Roster`.
    Roster {
        /// The roster.
        roster: RosterFacts,
    },
    /// To `Report`.
    Report {
        /// The report.
        report: Box<Report>,
        /// Why something that is kept beside the journal is not in it.
        note: Option<String>,
    },
    /// To `Ledger`.
    Ledger {
        /// Sums.
        arrivals: Arrivals,
    },
    /// To `Invite` and `InviteOperator`.
    Invited {
        /// The line, which is a secret.
        invitation: String,
        /// Until when it works (RFC 3339, UTC).
        expires: String,
        /// Whether somebody comes again.
        readmission: bool,
    },
    /// To `Invitations`.
    Invitations {
        /// By site and age.
        invitations: Vec<InvitationFacts>,
    },
    /// To `Withdraw`.
    Withdrawn {
        /// How many.
        count: usize,
    },
    /// To `AcceptLedger`.
    Accepted {
        /// The one that holds now.
        accepted: Head,
        /// The one before.
        before: Option<Head>,
    },
    /// To `Operators`.
    Operators {
        /// By name.
        operators: Vec<HolderFacts>,
    },
    /// To `Acts`.
    Acts {
        /// As they stand in the log.
        lines: Vec<String>,
    },
    /// To `ActsHead`.
    ActsHead {
        /// A signed note.
        note: String,
    },
    /// To `ActsProof`.
    ActsProof {
        /// A signed note.
        note: String,
        /// RFC 9162, section 2.1.4; none where it has no more lines than the older one.
        hashes: Vec<Digest>,
    },
    /// To `ActsCosigned`.
    ActsCosigned {
        /// Of each witness the newest, a signed note.
        notes: Vec<String>,
    },
    /// To `Extend`.
    Extended {
        /// The round.
        round: u32,
        /// When it ends now at the latest (RFC 3339, UTC).
        closes: String,
    },
    /// To `Stop` of a run that ends later.
    StopsAfter {
        /// The round.
        round: u32,
    },
    /// To `Stop`, `Revoke` and `RevokeOperator`.
    Done,
    /// To `Authority`.
    Authority {
        /// What became of it.
        done: Done,
    },
    /// To `Revocations`.
    Revocations {
        /// The list in PEM.
        list: String,
        /// The certificate of the authority that signed it, in PEM.
        authority: String,
    },
    /// To `Change`: whether it was not so before.
    Changed {
        /// False: it was so already.
        changed: bool,
    },
    /// It was not done.
    Failed {
        /// One sentence.
        message: String,
        /// The next step.
        hint: Option<String>,
        /// Whether the operator can mend it.
        user: bool,
    },
}

/// What an operator says to `Sign`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Their certificate, and theirs over the manifest: the two lines of the signed file.
    pub launched_by: String,
}

impl From<&Error> for Answer {
    fn from(error: &Error) -> Self {
        Self::Failed { message: error.to_string(), hint: error.hint(), user: error.is_user_error() }
    }
}
