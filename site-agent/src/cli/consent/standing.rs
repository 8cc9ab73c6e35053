//! Where this site stands about a run, and whose word that is. Used by `runs`, `decide` and `policy`.
//! Invariant: the state is the one that the gateway acts on.

use std::fmt;

use common::id::Digest;
use serde_json::{Value, json};

use super::known::Known;
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::consent::{Consent, statement};
use crate::gateway::store::consent::{Choice, ProposedRun, RunDecision};

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum State {
    Waiting,
    Approved,
    Declined,
    OutsidePolicy,
    Withdrawn,
    Over,
}

impl State {
    /// For tables.
    pub(in crate::cli) fn words(self) -> &'static str {
        match self {
            Self::Waiting => "waits for a decision",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::OutsidePolicy => "outside policy",
            Self::Withdrawn => "withdrawn",
            Self::Over => "over",
        }
    }

    /// For `--json`.
    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::OutsidePolicy => "outside-policy",
            other => other.words(),
        }
    }
}

/// Whose word a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Author {
    /// The officer whom this site trusts.
    Officer,
    /// A policy that the officer signed.
    Policy(Digest),
    /// The site's own rules.
    Rules,
    /// Whoever may write the state folder.
    Unsigned,
    /// It is signed, and not by whom this site trusts; or it is an approval that lacks the officer's word.
    Nobody,
}

impl Author {
    /// For tables and `--json`.
    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Policy(_) | Self::Rules => "policy",
            Self::Unsigned => "unsigned",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Officer => formatter.write_str("signed by the privacy officer"),
            Self::Policy(policy) => {
                write!(formatter, "by the policy {} that the privacy officer signed", policy.short())
            }
            Self::Rules => formatter.write_str("by the rules of this site's policy"),
            Self::Unsigned => formatter.write_str("not signed"),
            Self::Nobody => formatter.write_str("counts for nothing: not the privacy officer's"),
        }
    }
}

/// A run, where this site stands about it, and what was decided.
#[derive(Debug)]
pub(in crate::cli) struct Standing {
    pub(in crate::cli) run: ProposedRun,
    pub(in crate::cli) consent: Consent,
    pub(in crate::cli) decisions: Vec<(RunDecision, Author)>,
}

impl Standing {
    /// # Errors
    /// `Store`.
    pub(in crate::cli) fn of(known: &Known, run: ProposedRun) -> Result<Self, SiteError> {
        let consent = known.judge.consent(&known.store, run.run)?;
        let mut decisions = Vec::new();
        for decision in known.store.decisions(run.run)? {
            let author = author(known, &decision)?;
            decisions.push((decision, author));
        }
        Ok(Self { run, consent, decisions })
    }

    pub(in crate::cli) fn state(&self) -> State {
        match self.consent {
            // What was withdrawn from is over here, too, and this says more.
            Consent::Withdrawn => State::Withdrawn,
            _ if self.run.is_over => State::Over,
            Consent::Open => State::Waiting,
            Consent::Approved(_) => State::Approved,
            Consent::Declined => State::Declined,
            Consent::OutsidePolicy => State::OutsidePolicy,
        }
    }

    /// Whose the decision is that counts now.
    pub(in crate::cli) fn author(&self) -> Option<Author> {
        let wanted = match self.consent {
            Consent::Open => return None,
            Consent::Approved(_) => Choice::Approved,
            Consent::Declined => Choice::Declined,
            Consent::OutsidePolicy => Choice::OutsidePolicy,
            Consent::Withdrawn => Choice::Withdrawn,
        };
        let counting = self.decisions.iter().rev().filter(|(_, author)| *author != Author::Nobody);
        counting.filter(|(decision, _)| decision.choice == wanted).map(|(_, author)| *author).next()
    }

    pub(in crate::cli) fn decisions_as_json(&self) -> Value {
        let decision = |(decision, author): &(RunDecision, Author)| {
            json!({
                "choice": decision.choice.word(),
                "at": table::utc(decision.at_ms),
                "decided_by": author.word(),
                "policy": decision.policy.map(|policy| policy.to_string()),
                "terms": decision.manifest.to_string(),
                "in_ledger": decision.noted,
                "told_to_coordinator": decision.told,
            })
        };
        self.decisions.iter().map(decision).collect()
    }
}

fn author(known: &Known, decision: &RunDecision) -> Result<Author, SiteError> {
    if !known.judge.holds(&known.store, decision)? {
        return Ok(Author::Nobody);
    }
    let message = statement(&known.coordinator.site, decision);
    Ok(match (decision.policy, &decision.signature, known.judge.officer()) {
        (Some(policy), _, _) => Author::Policy(policy),
        (None, Some(signature), Some(officer)) if officer.verifies(&message, signature) => Author::Officer,
        _ if decision.choice == Choice::OutsidePolicy => Author::Rules,
        _ => Author::Unsigned,
    })
}
