//! `site-agent approve|decline|withdraw`: what this site decides about a run. Offline; the agent, if it runs,
//! acts on it and tells the coordinator. Run by `cli`.
//!
//! Invariants: nothing is decided that was not shown and confirmed; where the site trusts an officer's key,
//! an approval needs its signature, and to say no needs none; a decision holds for exactly the terms that are
//! here.

mod may;

use std::path::Path;

use cli::confirm::Question;
use common::clock::{Clock as _, SystemClock};
use common::durable;
use common::id::Digest;
use common::page::grouped;
use serde_json::json;

use self::may::{Sent, may};
use super::consent::answer::Answer;
use super::consent::known::Known;
use super::consent::request::{Asked, Request, RunAsked, Subject, Wish};
use super::consent::signing::{Signing, show};
use super::consent::standing::Standing;
use super::support::{State, tell};
use super::{leave, runs};
use crate::error::SiteError;
use crate::gateway::consent::{Terms, statement};
use crate::gateway::store::consent::RunDecision;
use crate::waiver;

const APPROVE_EXAMPLES: &str = "\
Examples:
  site-agent runs 3f2a                              # read it first
  site-agent approve 3f2a --key officer.key

  The officer's key is on a machine without network:
    site-agent approve 3f2a --request request.json      # here
    site-agent officer-key sign request.json --key officer.key --out answer.json
    site-agent approve 3f2a --answer answer.json        # here again

Where this site trusts an officer's key (`site-agent officer-key trust`), an approval needs it. It holds for exactly these terms.";

const DECLINE_EXAMPLES: &str = "\
Examples:
  site-agent decline 3f2a
  site-agent decline 3f2a --key officer.key

To say no needs no key. A run that was declined can be approved later, as long as it is not over.";

const WITHDRAW_EXAMPLES: &str = "\
Examples:
  site-agent withdraw 3f2a
  site-agent withdraw 3f2a --key officer.key --yes

Before the next frame of the run leaves, the agent looks for a withdrawal. It is final, and it needs no key. What was sent before \
cannot be called back: the command says what that was.";

/// Agree to a run: this site takes part on exactly its terms.
#[derive(Debug, clap::Args)]
#[command(after_long_help = APPROVE_EXAMPLES)]
pub(super) struct Approve {
    #[command(flatten)]
    how: How,
}

/// Say no to a run that waits for a decision.
#[derive(Debug, clap::Args)]
#[command(after_long_help = DECLINE_EXAMPLES)]
pub(super) struct Decline {
    #[command(flatten)]
    how: How,
}

/// Leave a run that was approved, also while it goes on; final.
#[derive(Debug, clap::Args)]
#[command(after_long_help = WITHDRAW_EXAMPLES)]
pub(super) struct Withdraw {
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// The run's id, or the beginning of it.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    signing: Signing,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn approve(arguments: &Approve) -> Result<(), SiteError> {
    decide(Wish::Approve, &arguments.how)
}

pub(super) fn decline(arguments: &Decline) -> Result<(), SiteError> {
    decide(Wish::Decline, &arguments.how)
}

pub(super) fn withdraw(arguments: &Withdraw) -> Result<(), SiteError> {
    decide(Wish::Withdraw, &arguments.how)
}

fn decide(wish: Wish, how: &How) -> Result<(), SiteError> {
    let folder = how.state.open_joined()?;
    leave::must_be_member(&folder)?;
    let mut known = Known::open_to_decide(folder)?;
    let proposed = known.choose(Some(&how.run))?;
    let standing = Standing::of(&known, proposed)?;
    let sent = Sent::of(&known.store.updates()?, proposed.run);
    may(wish, &standing, &sent)?;
    let signed = terms(&known, wish, &standing)?;
    let Signing { key, request, answer, unlock, yes } = &how.signing;
    if wish == Wish::Approve && !how.signing.is_named() && known.judge.officer().is_some() {
        return Err(SiteError::data(
            "this site trusts a privacy officer's key, and they approve its runs",
            "name their private key with --key, or write a request for the machine that has it with --request",
        ));
    }
    show(how.json, &shown(&known, wish, &standing, signed.as_ref(), &sent)?);
    if let Some(path) = request {
        return write_request(&known, wish, signed.as_ref(), path, how.json);
    }
    let choice = wish.choice();
    let unsigned = RunDecision::new(proposed.run, proposed.manifest, choice);
    let signature = match answer {
        Some(path) => Some(answered(&known, wish, signed.as_ref(), path)?),
        None => {
            let text = wish.question(proposed.run);
            yes.or_ask(&Question { text: &text, expected: "yes", needs_yes: true })?;
            let statement = statement(&known.coordinator.site, &unsigned);
            let passphrase = unlock.passphrase();
            let sign = |key| waiver::sign_as_trusted(&known.folder, key, &passphrase, &statement);
            key.as_deref().map(sign).transpose()?
        }
    };
    let made = RunDecision { at_ms: SystemClock.now().0, signature, ..unsigned };
    known.store.record_decision(&made)?;
    let document = json!({
        "site": known.coordinator.site,
        "run": proposed.run,
        "terms": proposed.manifest.to_string(),
        "decision": choice.word(),
        "signed": signature.is_some(),
        "recorded": true,
        "request": null,
        "sent": { "rounds": sent.rounds, "bytes": sent.bytes, "perhaps_in_part": sent.open },
    });
    tell(how.json, &document, || {
        let by = if signature.is_some() { "signed by the privacy officer" } else { "not signed" };
        println!("recorded: run {} {}, {by}", proposed.run, choice.word());
        println!("a running agent notes it in the ledger and tells the coordinator with its next");
        println!("question: in half a minute at most, unless it is sending");
    })
}

/// The terms, which a yes needs, and a no can do without.
fn terms(known: &Known, wish: Wish, standing: &Standing) -> Result<Option<Terms>, SiteError> {
    let signed = match known.terms(standing.run.manifest) {
        Err(_) if wish != Wish::Approve => return Ok(None),
        other => other?,
    };
    if wish == Wish::Approve {
        let refused = runs::refused_by(known, &signed);
        if !refused.is_empty() {
            let sentence = format!("the policy of this site does not allow the run: {}", refused.join("; "));
            let hint = "`site-agent policy explain` shows the run rule by rule; the values are in agent.toml under [policy]";
            return Err(SiteError::data(&sentence, hint));
        }
        let revocations = known.revocations()?;
        if let Some(member) = revocations.revoked_member(&signed.manifest().roster) {
            let sentence = format!(
                "the run's member {member} is on the consortium's revocation list with the key of the roster"
            );
            let hint = "decline it; the coordinator's operator can launch a run with the members of today";
            return Err(SiteError::data(&sentence, hint));
        }
        if revocations.lists_launcher(signed.launcher.as_ref()) {
            return Err(SiteError::data(
                "the operator who launched the run is on the consortium's revocation list",
                "decline it; another of the coordinator's operators can launch it",
            ));
        }
    }
    Ok(Some(signed))
}

/// What a person reads before they decide.
fn shown(
    known: &Known,
    wish: Wish,
    standing: &Standing,
    signed: Option<&Terms>,
    sent: &Sent,
) -> Result<String, SiteError> {
    let mut text = match (wish, signed) {
        (Wish::Withdraw, _) => String::new(),
        (_, Some(signed)) => runs::in_words(known, standing, signed)? + "\n",
        (_, None) => format!("the terms of run {} are not at this site any more\n", standing.run.run),
    };
    if wish == Wish::Withdraw {
        text += &sent.words();
    }
    Ok(text)
}

fn subject(wish: Wish, signed: Option<&Terms>) -> Result<(Subject, String), SiteError> {
    let gone = || {
        SiteError::data("the terms of this run are not at this site any more", "to say no needs no signature")
    };
    let signed = signed.ok_or_else(gone)?;
    let internal = |error: &dyn std::fmt::Display| SiteError::Internal(error.to_string());
    let bytes = signed.signed.to_bytes().map_err(|error| internal(&error))?;
    let digest = Digest::of(&bytes);
    let terms = String::from_utf8(bytes).map_err(|error| internal(&error))?;
    let (manifest, launcher) = (Box::new(signed.manifest().clone()), signed.launcher.clone());
    Ok((Subject::Run { manifest, launcher, digest, wish }, terms))
}

fn write_request(
    known: &Known,
    wish: Wish,
    signed: Option<&Terms>,
    path: &Path,
    as_json: bool,
) -> Result<(), SiteError> {
    let (subject, terms) = subject(wish, signed)?;
    let asked = RunAsked {
        decision: wish,
        terms,
        receipt_key: known.coordinator.receipt_key,
        update_mantissa_bits: known.config.policy.update_mantissa_bits,
        overlap: known.config.policy.overlap,
        own_scores: known.config.policy.own_scores && signed.is_some_and(|terms| terms.manifest().own_scores),
    };
    let request = Request::new(known.coordinator.site.clone(), Asked::Run(asked));
    durable::write(path, &request.to_bytes()?, durable::ORDINARY)
        .map_err(|source| SiteError::io(path, source))?;
    let Subject::Run { manifest, digest, .. } = subject else { return Ok(()) };
    let document = json!({
        "site": known.coordinator.site,
        "run": manifest.run,
        "terms": digest.to_string(),
        "decision": wish.choice().word(),
        "signed": false,
        "recorded": false,
        "request": path.display().to_string(),
        "sent": null,
    });
    tell(as_json, &document, || {
        println!("request   {}", path.display());
        println!("nothing is decided yet; on the machine with the officer's key, which needs no site:");
        println!("    site-agent officer-key sign REQUEST --key officer.key --out ANSWER");
        println!("and here the same command again, with --answer ANSWER");
    })
}

fn answered(known: &Known, wish: Wish, signed: Option<&Terms>, path: &Path) -> Result<[u8; 64], SiteError> {
    let trusted = waiver::trusted(&known.folder.officer())?;
    let (subject, _) = subject(wish, signed)?;
    Answer::accept(path, &known.coordinator.site, &subject, &trusted)
}

impl Sent {
    /// What a withdrawal cannot call back.
    fn words(&self) -> String {
        let mut text = match self.rounds.as_slice() {
            [] => "no update of this run was acknowledged by the coordinator\n".to_owned(),
            rounds => format!(
                "already sent and acknowledged: {} of {} (round {}), {} bytes\n",
                if rounds.len() == 1 { "the update".to_owned() } else { format!("{} updates", rounds.len()) },
                if rounds.len() == 1 { "one round".to_owned() } else { format!("{} rounds", rounds.len()) },
                rounds.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
                grouped(self.bytes)
            ),
        };
        for round in &self.open {
            text += &format!("the update of round {round} was made here and may have left in part\n");
        }
        text += "what has left cannot be called back: it stays in what was published, and in\n";
        text += "later rounds; an update whose round is still open is counted no more\n";
        text += "`site-agent ledger show` lists every frame that left\n";
        text
    }
}
