//! What the officer's report says, in numbers, digests and codes: made by `collect`, shown by `html`, printed
//! by `--json`. Used by those three. Invariants: page and JSON are made of one [`Facts`] and cannot disagree;
//! no text of a record has a field here; lists have a bound and say what they leave out.

use std::collections::BTreeMap;

use data::screen::Mode;
use serde::Serialize;
use serde_json::Value;

use crate::cli::ledger::wire::Counted;

/// Everything that the report says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Facts {
    /// This site, as the consortium calls it.
    pub(super) site: String,
    /// Of this program.
    pub(super) version: &'static str,
    /// When the facts were gathered.
    pub(super) written: String,
    /// The run that was asked for; none of all of them.
    pub(super) run: Option<String>,
    /// When this site left the consortium, where it did.
    pub(super) left: Option<String>,
    /// Whether its coordinator has noted that.
    pub(super) left_told: bool,
    pub(super) ledger: Ledger,
    /// What the transport and the kernel counted; none where the ledger is broken.
    pub(super) wire: Option<Counted>,
    /// The newest first.
    pub(super) runs: Newest<Run>,
    /// What left in the runs that are not shown.
    pub(super) earlier_runs: Sum,
    /// What left and belongs to no run, by kind.
    pub(super) beside_runs: Vec<OfKind>,
    pub(super) recipient: Recipient,
    pub(super) certificate: Certificate,
    /// The privacy officer's public key, if this site trusts one.
    pub(super) officer: Option<String>,
    pub(super) policy: Policy,
    pub(super) waiver: Waiver,
    pub(super) locks: Locks,
    /// Rounds that were computed again, newest last.
    pub(super) replays: Newest<Replay>,
}

/// A round that was computed again here.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Replay {
    pub(super) run: String,
    pub(super) round: u32,
    pub(super) at: String,
    /// `same-bytes`, `within-tolerance`, `different`, `other-records`.
    pub(super) verdict: &'static str,
    /// Of the update that it made.
    pub(super) sha256: Option<String>,
}

/// The newest of something, newest last unless it is said otherwise.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Newest<T> {
    pub(super) shown: Vec<T>,
    /// How many there are besides.
    pub(super) left_out: usize,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self { shown: Vec::new(), left_out: 0 }
    }
}

impl<T> Newest<T> {
    /// The last `most` of a list.
    pub(super) fn last_of(mut all: Vec<T>, most: usize) -> Self {
        let left_out = all.len().saturating_sub(most);
        Self { shown: all.split_off(left_out), left_out }
    }
}

/// Frames and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sum {
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

impl Sum {
    pub(super) fn plus(self, frames: u64, bytes: u64) -> Self {
        Self { frames: self.frames + frames, bytes: self.bytes.saturating_add(bytes) }
    }
}

/// The same of one kind of frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct OfKind {
    pub(super) kind: &'static str,
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

/// The ledger as a whole, whatever run was asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Ledger {
    /// It is intact, and fits all that is known of it.
    pub(super) verified: bool,
    /// Why it is not intact. All numbers are then of the records before that place.
    pub(super) broken: Option<String>,
    /// Why it is refused though it is intact.
    pub(super) reasons: Vec<String>,
    /// The coordinator's last word was that it knows another one.
    pub(super) coordinator_refuses: bool,
    pub(super) records: u64,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) update_bytes: u64,
    pub(super) root: String,
    /// Behind the last whole record, not counted.
    pub(super) torn_bytes: u64,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    /// What the coordinator took last.
    pub(super) taken: Option<Head>,
    /// What heads of this ledger are verified with; none where the site has no key for them, or none that can
    /// be read.
    pub(super) verifier_key: Option<String>,
    /// There is a file for that key, and it holds none.
    pub(super) verifier_key_unreadable: bool,
    /// Who cosigned a head of it, as far as that is kept here and holds.
    pub(super) witnesses: Vec<Witnessed>,
    /// Cosigned heads that are kept here and are none: of another key, or changed.
    pub(super) witnesses_unusable: usize,
    pub(super) receipts: Receipts,
    /// What the privacy officer accepted of it.
    pub(super) acceptances: Newest<Acceptance>,
}

/// What a witness cosigned.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Witnessed {
    /// As it calls itself.
    pub(super) witness: String,
    pub(super) verifier_key: String,
    pub(super) records: u64,
    pub(super) at: String,
    /// Whether the ledger has this head.
    pub(super) fits: bool,
}

/// Size and root of a ledger.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Head {
    pub(super) records: u64,
    pub(super) root: String,
}

/// The coordinator's receipts, by what became of the comparison.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Receipts {
    pub(super) fit: u64,
    pub(super) not_compared: u64,
    pub(super) do_not_fit: u64,
    pub(super) not_signed: u64,
    pub(super) set_aside: u64,
    /// Frames that never arrived or were not counted, up to the newest receipt that fits.
    pub(super) frames_lost: u64,
}

/// A decision to go on with a ledger.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Acceptance {
    pub(super) at: String,
    pub(super) records: u64,
    pub(super) root: String,
    pub(super) receipts_set_aside: usize,
    pub(super) signed: bool,
}

/// One run.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Run {
    pub(super) run: String,
    /// Of the terms, while they are here.
    pub(super) name: Option<String>,
    pub(super) state: Option<&'static str>,
    /// SHA-256 of the terms.
    pub(super) terms: Option<String>,
    /// Over every member's name and key.
    pub(super) roster_code: Option<String>,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) update_bytes: u64,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    /// Over all rounds.
    pub(super) kinds: Vec<OfKind>,
    /// Receipts that the ledger fits, over all rounds.
    pub(super) receipts_fit: u64,
    pub(super) rounds: Newest<RoundOfRun>,
    pub(super) data: Newest<DataNote>,
    pub(super) decisions: Newest<Decision>,
    /// Notes of decisions that the database does not know.
    pub(super) notes_without_decision: Newest<Note>,
}

impl Run {
    /// As it stands at a site that has left the consortium: what was open goes on no more.
    pub(super) fn left(mut self) -> Self {
        if matches!(self.state, Some("approved" | "waiting")) {
            self.state = Some("left");
        }
        self
    }
}

/// One round of a run, or what left before its first.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct RoundOfRun {
    pub(super) round: Option<u32>,
    pub(super) kinds: Vec<OfKind>,
    pub(super) update: Option<Update>,
}

/// The update of a round.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Update {
    /// SHA-256 of the bytes.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) receipt: Receipt,
}

/// What is known of an update's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Receipt {
    /// There is one, and the ledger fits it.
    Fits,
    /// There is one; too many frames may have been lost for a comparison.
    NotCompared,
    /// There is one, and the ledger does not fit it.
    DoesNotFit,
    /// There is one that the coordinator's key did not sign.
    NotSigned,
    /// The privacy officer set it aside.
    SetAside,
    /// There is one, and the ledger is broken.
    LedgerBroken,
    /// The coordinator did not take the update.
    Declined,
    /// There is none.
    None,
}

/// Which records were used from here on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DataNote {
    pub(super) sequence: u64,
    pub(super) at: String,
    pub(super) round: Option<u32>,
    pub(super) root: String,
    /// Of the manifest with this root, while it is here.
    pub(super) screening: Option<Screening>,
}

/// Counts of a data manifest; no text.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Screening {
    pub(super) read: u64,
    pub(super) used: u64,
    pub(super) refused: u64,
    pub(super) blocked: u64,
    pub(super) duplicates_dropped: u64,
    pub(super) left_out: u64,
    /// Identifiers found, by kind.
    pub(super) findings: BTreeMap<String, u64>,
    /// What was done about them.
    pub(super) mode: Value,
    pub(super) waiver_sha256: Option<String>,
    pub(super) self_test_passed: bool,
}

/// What was decided about a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Decision {
    pub(super) at: String,
    pub(super) choice: &'static str,
    pub(super) decided_by: &'static str,
    /// The policy that decided.
    pub(super) policy: Option<String>,
    pub(super) terms: String,
    /// The record that notes exactly this.
    pub(super) sequence: Option<u64>,
    pub(super) told_to_coordinator: bool,
}

/// A note in the ledger.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Note {
    pub(super) sequence: u64,
    pub(super) at: String,
    pub(super) kind: &'static str,
    pub(super) sha256: String,
}

/// To whom everything goes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Recipient {
    /// SHA-256 of the consortium's CA key: the ledger's `peer`.
    pub(super) authority: String,
    /// SHA-256 of the key of the authority that followed it, where one did.
    pub(super) later_authority: Option<String>,
    /// The one name that the certificate at the other end must bear.
    pub(super) name: &'static str,
    pub(super) address: String,
    /// The coordinator's Ed25519 key.
    pub(super) receipt_key: String,
    /// Every peer in the ledger.
    pub(super) peers: Vec<Peer>,
}

/// Whom the ledger names.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Peer {
    pub(super) authority: String,
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

/// By what this site is known there.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Certificate {
    pub(super) sha256: String,
    pub(super) serial: String,
    /// SHA-256 of its public key, as rosters name it.
    pub(super) key: String,
    pub(super) from: String,
    pub(super) until: String,
    /// The keys that this site has, or had, with the time of the request for each.
    pub(super) keys: Newest<Key>,
}

/// A key of this site.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) since: String,
}

/// What a run may ask at most.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Policy {
    pub(super) sha256: String,
    pub(super) signed: bool,
    /// Every rule with its value.
    pub(super) rules: Value,
    /// The ledger's newest note is of this policy.
    pub(super) noted: bool,
    pub(super) changes: Newest<Note>,
}

/// What was accepted of the screen's findings.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Waiver {
    /// What the screen of the next run does with what it finds.
    pub(super) screen: Mode,
    pub(super) in_force: Option<WaiverInForce>,
    pub(super) changes: Newest<Note>,
}

/// The waiver of the next run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WaiverInForce {
    /// Of its file.
    pub(super) sha256: String,
    pub(super) kinds: Vec<String>,
    pub(super) findings: usize,
    /// In the officer's words.
    pub(super) reason: String,
    pub(super) issued: String,
    pub(super) expires: String,
    /// Why it does not hold.
    pub(super) doubt: Option<String>,
}

/// What the kernel holds on this machine.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Locks {
    /// Why they could not be tried.
    pub(super) failure: Option<String>,
    pub(super) tried: Vec<Lock>,
    /// Required, and neither holding nor excused.
    pub(super) missing: Vec<String>,
    /// Places that a process reaches though the lock holds.
    pub(super) reached: Vec<String>,
}

/// One lock in both processes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lock {
    pub(super) lock: String,
    pub(super) gateway: Held,
    pub(super) worker: Held,
    pub(super) attempts: usize,
    pub(super) required: bool,
    /// agent.toml lets the agent run without it.
    pub(super) excused: bool,
}

/// Whether a lock holds in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Held {
    /// What was tried against it was refused.
    Holds,
    /// It was not.
    DoesNotHold,
    /// The process does not use it.
    NotUsed,
}
