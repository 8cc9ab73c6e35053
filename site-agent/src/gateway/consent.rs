//! Whether this site agreed to a run, and whether it was the privacy officer who did. Called by `egress`
//! before every frame of a run, by the gateway's loop, and by the subcommands that show or make decisions.
//!
//! Invariants: no frame of a run leaves without an approval that holds now; where this site trusts an
//! officer's key, an approval holds only with that key's signature, over it or over the policy that gave it
//! and is still in force; to say no, nobody needs a key; a withdrawal is final.

use certs::officer::{POLICY_CONTEXT, RUN_CONTEXT};
use certs::{OfficerPublicKey, ReceiptPublicKey};
use common::id::{Digest, RunId, SiteId};
use common::run::{RunManifest, SignedManifest};

use super::store::Store;
use super::store::consent::{Choice, RunDecision};
use crate::error::SiteError;
use crate::policy::launcher::{Launcher, launcher};
use crate::policy::{Approval, PolicyConfig};

/// Where this site stands about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nobody has decided, or nobody whose word counts.
    Open,
    /// It takes part, on the terms with this digest.
    Approved(Digest),
    /// It does not.
    Declined,
    /// Its policy does not allow it.
    OutsidePolicy,
    /// It no longer does.
    Withdrawn,
}

/// A frame that belongs to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFrame {
    /// Says something of the site's part in it.
    Part,
    /// Says that the site takes part, on the terms with this digest.
    Approval(Digest),
    /// Says that it does not.
    Refusal,
}

impl Consent {
    /// Whether such a frame may leave now.
    #[must_use]
    pub fn lets_out(self, frame: RunFrame) -> bool {
        match frame {
            RunFrame::Part => matches!(self, Self::Approved(_)),
            RunFrame::Approval(manifest) => self == Self::Approved(manifest),
            // To say no is always allowed.
            RunFrame::Refusal => true,
        }
    }

    /// Whether this is still what the site says, once it has chosen so: a later decision may have made it
    /// void.
    #[must_use]
    pub fn still_says(self, choice: Choice, manifest: Digest) -> bool {
        match self {
            Self::Open => false,
            Self::Approved(terms) => choice == Choice::Approved && terms == manifest,
            Self::Declined => choice == Choice::Declined,
            Self::OutsidePolicy => choice == Choice::OutsidePolicy,
            Self::Withdrawn => choice == Choice::Withdrawn,
        }
    }
}

/// What was decided, and whose word counts.
#[derive(Debug)]
pub struct ConsentBook {
    store: Store,
    judge: Judge,
}

/// Whose word counts at this site.
#[derive(Clone, Debug)]
pub struct Judge {
    site: SiteId,
    officer: Option<OfficerPublicKey>,
    /// The policy in force, where it agrees to runs by itself.
    policy: Option<Digest>,
}

impl Judge {
    /// `officer` is the key that the site trusts, if it trusts one.
    #[must_use]
    pub fn new(site: SiteId, officer: Option<OfficerPublicKey>) -> Self {
        Self { site, officer, policy: None }
    }

    /// The policy in force: what it agreed to holds as long as it stands in agent.toml, says so, and bears
    /// the officer's signature.
    #[must_use]
    pub fn under(self, policy: &PolicyConfig) -> Self {
        let policy = (policy.approval == Approval::Auto).then(|| policy.digest());
        Self { policy, ..self }
    }

    /// Whose the decisions are about.
    #[must_use]
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// The officer's key, if the site trusts one.
    #[must_use]
    pub fn officer(&self) -> Option<&OfficerPublicKey> {
        self.officer.as_ref()
    }

    /// Where the site stands about a run.
    ///
    /// # Errors
    /// `Store`.
    pub fn consent(&self, store: &Store, run: RunId) -> Result<Consent, SiteError> {
        let mut consent = Consent::Open;
        for decision in store.decisions(run)? {
            consent = match decision.choice {
                Choice::Withdrawn => return Ok(Consent::Withdrawn),
                Choice::Declined => Consent::Declined,
                Choice::OutsidePolicy => Consent::OutsidePolicy,
                Choice::Approved if self.holds(store, &decision)? => Consent::Approved(decision.manifest),
                Choice::Approved => consent,
            };
        }
        Ok(consent)
    }

    /// Whether a decision counts.
    ///
    /// # Errors
    /// `Store`.
    pub fn holds(&self, store: &Store, decision: &RunDecision) -> Result<bool, SiteError> {
        if decision.choice != Choice::Approved {
            return Ok(true);
        }
        match decision.policy {
            Some(policy) => Ok(self.policy == Some(policy) && self.trusts_policy(store, policy)?),
            None => Ok(self.is_theirs(&statement(&self.site, decision), decision.signature.as_ref())),
        }
    }

    /// Whether runs within this policy need no decision of their own: only an officer's signature says so.
    ///
    /// # Errors
    /// `Store`.
    pub fn trusts_policy(&self, store: &Store, policy: Digest) -> Result<bool, SiteError> {
        let Some(officer) = &self.officer else { return Ok(false) };
        let signature = store.policy_signature(policy)?;
        let statement = policy_statement(&self.site, policy);
        Ok(signature.is_some_and(|signature| officer.verifies(&statement, &signature)))
    }

    fn is_theirs(&self, statement: &[u8], signature: Option<&[u8; 64]>) -> bool {
        match (&self.officer, signature) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(officer), Some(signature)) => officer.verifies(statement, signature),
        }
    }
}

impl ConsentBook {
    pub fn new(store: Store, judge: Judge) -> Self {
        Self { store, judge }
    }

    /// Where the site stands about a run, now: a decision that was made a moment ago counts.
    ///
    /// # Errors
    /// `Store`.
    pub fn consent(&self, run: RunId) -> Result<Consent, SiteError> {
        self.judge.consent(&self.store, run)
    }

    /// The part that needs no database of its own.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }
}

/// The terms of a run whose signatures hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The file.
    pub signed: SignedManifest,
    /// The operator whose signature is in it; nobody where only the coordinator signed.
    pub launcher: Option<Launcher>,
}

impl Terms {
    /// The terms themselves.
    #[must_use]
    pub fn manifest(&self) -> &RunManifest {
        &self.signed.manifest
    }
}

/// The terms in a manifest file, if the holder of this key signed them, and the operator too whose
/// certificate is in it.
///
/// # Errors
/// Why they are not.
pub fn verified_terms(bytes: &[u8], key: &ReceiptPublicKey) -> Result<Terms, String> {
    let signed = SignedManifest::from_bytes(bytes).map_err(|error| error.to_string())?;
    let statement = signed.manifest.statement().map_err(|error| error.to_string())?;
    key.verify(&statement, &signed.signature)
        .map_err(|_| "it does not bear the coordinator's signature".to_owned())?;
    Ok(Terms { launcher: launcher(&signed)?, signed })
}

/// What the officer signs of a decision about a run, and what the ledger's note names: whose, which run, on
/// which terms, and what.
#[must_use]
pub fn statement(site: &SiteId, decision: &RunDecision) -> Vec<u8> {
    let choice = match decision.choice {
        Choice::Approved => 1,
        Choice::Declined | Choice::OutsidePolicy => 2,
        Choice::Withdrawn => 3,
    };
    let mut bytes = RUN_CONTEXT.to_vec();
    bytes.extend_from_slice(&Digest::of(site.as_str().as_bytes()).0);
    bytes.extend_from_slice(&decision.run.0);
    bytes.extend_from_slice(&decision.manifest.0);
    bytes.push(choice);
    bytes
}

/// What the officer signs of a policy: whose, and the SHA-256 of its canonical text.
#[must_use]
pub fn policy_statement(site: &SiteId, policy: Digest) -> Vec<u8> {
    let mut bytes = POLICY_CONTEXT.to_vec();
    bytes.extend_from_slice(&Digest::of(site.as_str().as_bytes()).0);
    bytes.extend_from_slice(&policy.0);
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use certs::OfficerKey;

    use super::*;

    const RUN: RunId = RunId([1; 8]);

    fn decision(choice: Choice, key: Option<&OfficerKey>) -> RunDecision {
        let mut decision = RunDecision { at_ms: 7, ..RunDecision::new(RUN, Digest([2; 32]), choice) };
        let site = "cardiology".parse().unwrap();
        decision.signature = key.map(|key| key.sign(&statement(&site, &decision)).unwrap());
        decision
    }

    /// Where a site that trusts this officer stands after these decisions.
    fn after(decisions: &[RunDecision], officer: Option<&OfficerKey>) -> Consent {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        decisions.iter().for_each(|decision| store.record_decision(decision).unwrap());
        let officer = officer.map(|key| key.public_key().unwrap());
        Judge::new("cardiology".parse().unwrap(), officer).consent(&store, RUN).unwrap()
    }

    /// The book over this database, of a site that trusts no officer.
    pub(crate) fn book(database: &Path) -> ConsentBook {
        book_of(database, None, &PolicyConfig::default())
    }

    /// The book over this database, of a site that trusts this officer.
    pub(crate) fn book_of(
        database: &Path,
        officer: Option<OfficerPublicKey>,
        policy: &PolicyConfig,
    ) -> ConsentBook {
        let judge = Judge::new("cardiology".parse().unwrap(), officer).under(policy);
        ConsentBook::new(Store::open(database).unwrap(), judge)
    }

    /// Records what this site decided about a run.
    pub(crate) fn decide(database: &Path, run: RunId, manifest: Digest, choice: Choice) {
        let decision = RunDecision { run, manifest, ..decision(choice, None) };
        Store::open(database).unwrap().record_decision(&decision).unwrap();
    }

    /// As [`decide`], to take part, and the coordinator and the ledger know it.
    pub(crate) fn decide_and_tell(database: &Path, run: RunId, manifest: Digest) {
        decide(database, run, manifest, Choice::Approved);
        let mut store = Store::open(database).unwrap();
        for decision in store.untold_decisions().unwrap() {
            store.decision_noted(decision.id).unwrap();
            store.decision_told(decision.id).unwrap();
        }
    }

    #[test]
    fn only_the_trusted_officers_approval_counts_and_only_for_what_was_signed() {
        let (officer, other) = (OfficerKey::generate().unwrap(), OfficerKey::generate().unwrap());
        let approved = Consent::Approved(Digest([2; 32]));
        let signed = decision(Choice::Approved, Some(&officer));
        assert_eq!(after(std::slice::from_ref(&signed), Some(&officer)), approved);
        for forged in [
            decision(Choice::Approved, None),
            decision(Choice::Approved, Some(&other)),
            RunDecision { manifest: Digest([3; 32]), ..signed.clone() },
            RunDecision {
                signature: decision(Choice::Declined, Some(&officer)).signature,
                ..decision(Choice::Approved, None)
            },
            RunDecision { policy: Some(Digest([4; 32])), ..signed.clone() },
        ] {
            assert_eq!(after(std::slice::from_ref(&forged), Some(&officer)), Consent::Open, "{forged:?}");
        }
        // Where nobody is trusted, whoever may write the state folder decides.
        assert_eq!(after(&[decision(Choice::Approved, None)], None), approved);
        assert_eq!(after(&[], None), Consent::Open);
    }

    #[test]
    fn a_frame_leaves_with_an_approval_of_its_own_terms_and_a_refusal_always() {
        let (mine, other) = (Digest([2; 32]), Digest([3; 32]));
        let approved = Consent::Approved(mine);
        assert!(approved.lets_out(RunFrame::Part) && approved.lets_out(RunFrame::Approval(mine)));
        assert!(!approved.lets_out(RunFrame::Approval(other)));
        assert!(approved.still_says(Choice::Approved, mine) && !approved.still_says(Choice::Approved, other));
        for no in [Consent::Open, Consent::Declined, Consent::OutsidePolicy, Consent::Withdrawn] {
            assert!(!no.lets_out(RunFrame::Part) && !no.lets_out(RunFrame::Approval(mine)), "{no:?}");
            assert!(no.lets_out(RunFrame::Refusal), "{no:?}");
        }
        assert!(Consent::Withdrawn.still_says(Choice::Withdrawn, other));
        assert!(!Consent::Withdrawn.still_says(Choice::Declined, mine), "made void by a later decision");
    }

    #[test]
    fn to_say_no_needs_no_key_and_a_withdrawal_is_final() {
        let officer = OfficerKey::generate().unwrap();
        let yes = decision(Choice::Approved, Some(&officer));
        let unsigned = |choice| decision(choice, None);
        assert_eq!(after(&[yes.clone(), unsigned(Choice::Declined)], Some(&officer)), Consent::Declined);
        let again = [unsigned(Choice::OutsidePolicy), yes.clone()];
        assert_eq!(after(&again, Some(&officer)), Consent::Approved(Digest([2; 32])));
        let withdrawn = [yes.clone(), unsigned(Choice::Withdrawn), yes];
        assert_eq!(after(&withdrawn, Some(&officer)), Consent::Withdrawn);
    }

    #[test]
    fn a_policy_approves_only_with_the_officers_signature_under_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        let (officer, site) = (OfficerKey::generate().unwrap(), "cardiology".parse::<SiteId>().unwrap());
        let text = PolicyConfig { approval: Approval::Auto, ..PolicyConfig::default() };
        let policy = text.digest();
        store
            .record_decision(&RunDecision { policy: Some(policy), ..decision(Choice::Approved, None) })
            .unwrap();
        let judge = Judge::new(site.clone(), Some(officer.public_key().unwrap())).under(&text);
        let nobody = Judge::new(site.clone(), None).under(&text);
        assert_eq!(judge.consent(&store, RUN).unwrap(), Consent::Open);
        let signature = officer.sign(&policy_statement(&site, policy)).unwrap();
        store.record_policy(policy, &signature, 7).unwrap();
        assert_eq!(judge.consent(&store, RUN).unwrap(), Consent::Approved(Digest([2; 32])));
        assert_eq!(nobody.consent(&store, RUN).unwrap(), Consent::Open, "auto needs an officer");
        for other in [
            PolicyConfig { approval: Approval::Ask, ..text.clone() },
            PolicyConfig { records_min: 7, ..text.clone() },
        ] {
            let changed = judge.clone().under(&other);
            assert_eq!(changed.consent(&store, RUN).unwrap(), Consent::Open, "another policy is in force");
        }
        let elsewhere =
            Judge::new("neurology".parse().unwrap(), Some(officer.public_key().unwrap())).under(&text);
        assert_eq!(elsewhere.consent(&store, RUN).unwrap(), Consent::Open);
    }
}
