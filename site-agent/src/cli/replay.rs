//! `site-agent replay`: compute a past round again, and compare the bytes with those that left. Offline. Run
//! by `cli`. Invariant: what it says of the ledger is said of a ledger that was verified first.

mod computing;
mod distance;
mod evidence;
mod process;
mod scratch;

use std::io::IsTerminal as _;

use common::clock::{Clock as _, SystemClock};
use common::id::Round;
use common::page::grouped;
use common::wire::message::RoundKey;
use serde_json::json;

use self::computing::{Computed, Outcome};
use self::distance::TOLERANCE;
use super::consent::known::Known;
use super::ledger;
use super::support::{State, print_json};
use crate::error::SiteError;
use crate::gateway::store::replays::{Made, Replayed, Verdict};
use crate::pipe::Progress;

const EXAMPLES: &str = "\
Examples:
  site-agent replay 3f2a --round 2
  site-agent replay 3f2a --round 2 --json

It trains the round once more, with the same worker behind the same locks, and takes as long and as much memory as the round did. \
Needed are the records as they were, which the root in the ledger tells, and the adapter that the round began with, \
which stays as [retention] in agent.toml says. The agent may run meanwhile.

Equal bytes prove that what left is what these records, terms and seed give, and nothing else; as far as this program, which \
computes both, can be trusted: on another machine, with a program from another source and a copy of the state folder, the proof is \
stronger. Exit code 1: \
it does not prove so much, or the values are not within the tolerance for another kind of processor or version; the sentence says what is wrong.";

/// Compute a past round again and compare its update with the one that left.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it.
    #[arg(value_name = "RUN")]
    run: String,
    /// Which round, from 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    round: u32,
    #[command(flatten)]
    state: State,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let mut known = Known::open_to_decide(arguments.state.open_joined()?)?;
    let proposed = known.choose(Some(&arguments.run))?;
    let key = RoundKey { run: proposed.run, round: Round(arguments.round) };
    let Some(update) = known.store.update(key)? else {
        let hint = "`site-agent ledger show` lists what left of which run and round";
        return Err(SiteError::data(&format!("this site made no update in round {}", key.round.0), hint));
    };
    let Some(made) = known.store.made(key)? else {
        return Err(SiteError::data(
            "what made the update of this round was not noted: it is older than this program",
            "later rounds can be computed again",
        ));
    };
    let manifest = known.terms(proposed.manifest)?.signed;
    let (records, _) = ledger::read(&known.folder.ledger())?;
    let odd_offsets = known.store.odd_offsets(key)?;
    let round = computing::Round {
        odd_offsets: &odd_offsets,
        folder: &known.folder,
        config: &known.config,
        manifest: &manifest,
        terms: proposed.manifest,
        update: &update,
        made: &made,
        ledger: &records,
    };
    let outcome = computing::replay(&round, &mut show_step)?;
    let replayed = Replayed {
        key,
        at_ms: SystemClock.now().0,
        verdict: outcome.verdict,
        digest: outcome.computed.as_ref().map(|computed| computed.digest),
    };
    known.store.record_replay(&replayed)?;
    if arguments.json {
        print_json(&as_document(key, &update.digest.to_string(), &made, &outcome))?;
    } else {
        print_outcome(key, &update.digest.to_string(), &made, &outcome);
    }
    judged(&outcome)
}

/// A counter at a terminal; nothing where nobody watches.
fn show_step(progress: &Progress) {
    if std::io::stderr().is_terminal() {
        eprint!("\rstep {} of {}", progress.step, progress.total_steps);
        if progress.step == progress.total_steps {
            eprintln!();
        }
    }
}

fn as_document(key: RoundKey, sent: &str, made: &Made, outcome: &Outcome) -> serde_json::Value {
    let computed = outcome.computed.as_ref().map(|computed| {
        json!({
            "sha256": computed.digest.to_string(),
            "records": computed.facts.records,
            "tokens": computed.facts.tokens,
            "loss": computed.facts.loss,
            "computed_on": computed.computed_on,
            "offers": { "in_ledger": computed.frames.offers, "same": computed.frames.offers_matched },
            "chunks": { "in_ledger": computed.frames.chunks, "same": computed.frames.chunks_matched },
            "distance": computed.distance,
            "differences": computed.differences,
            "takes_verdict": computed.takes_verdict,
        })
    });
    json!({
        "run": key.run,
        "round": key.round.0,
        "verdict": outcome.verdict.word(),
        "sent_sha256": sent,
        "adapter": made.adapter.to_string(),
        "data_root": outcome.root.to_string(),
        "data_root_in_ledger": outcome.noted_root.map(|root| root.to_string()),
        "computed": computed,
    })
}

fn print_outcome(key: RoundKey, sent: &str, made: &Made, outcome: &Outcome) {
    println!("run        {}, round {}", key.run, key.round.0);
    println!("records    root {}", outcome.root);
    match outcome.noted_root {
        Some(root) if root == outcome.root => println!("           as the ledger notes it of this round"),
        Some(root) => println!("           but the ledger notes {root}"),
        None => println!("           but the ledger notes none of this round"),
    }
    println!("began with {}", made.adapter);
    println!("left       {sent}");
    let Some(computed) = &outcome.computed else { return };
    let Computed { digest, facts, computed_on, frames, distance, differences, takes_verdict, .. } = computed;
    println!("computed   {digest}");
    println!(
        "           from {} records and {} tokens, on {}",
        grouped(facts.records),
        grouped(facts.tokens),
        computed_on.word()
    );
    println!(
        "ledger     {} of {} offers and {} of {} chunks are frames of these bytes",
        frames.offers_matched, frames.offers, frames.chunks_matched, frames.chunks
    );
    for difference in differences {
        println!("note       {difference}");
    }
    if *takes_verdict {
        println!("note       which records the comparison with the held-out set left out was not");
        println!("           computed again: that is what the worker of the round wrote down");
    }
    if let Some(share) = distance {
        println!("distance   {:.2} % of what the round changed", 100.0 * share);
    }
    match outcome.verdict {
        Verdict::Same if *takes_verdict => {
            println!(
                "the same bytes: the update is what these terms and the records that were not left out give"
            );
        }
        Verdict::Same => println!("the same bytes: the update is what these records and terms give"),
        Verdict::Near => println!(
            "other bytes, as computers differ; the values are within {:.0} % of what the round changed",
            100.0 * TOLERANCE
        ),
        Verdict::Different | Verdict::OtherRecords => {}
    }
}

fn judged(outcome: &Outcome) -> Result<(), SiteError> {
    let (sentence, hint) = match (outcome.verdict, &outcome.computed) {
        (Verdict::Same | Verdict::Near, _) => return Ok(()),
        (Verdict::OtherRecords, _) => (
            "the records are not those of the round: nothing was compared",
            "put the files back as they were then, and say the same waiver, [data_room] and [training] in agent.toml; where screen = \"mask\", another version of the program may mask other names: take the version of then",
        ),
        (Verdict::Different, Some(computed)) if computed.is_sent => (
            "the update is what these records and terms give, but not every frame in the ledger is one of it",
            "`site-agent ledger show --json` has the frames; whatever else left in that round is not known: keep this folder as it is",
        ),
        (Verdict::Different, Some(computed)) if !computed.differences.is_empty() => (
            "the bytes are others than those that left, and not shown to be close: too far apart, or the file that was sent is not here or not the ledger's",
            "compute it again with the same program on the machine that made it",
        ),
        (Verdict::Different, _) => (
            "the update that left is not what these records and terms give",
            "nobody but the worker of that round, or somebody who changed files here, can explain it: keep this folder as it is",
        ),
    };
    Err(SiteError::data(sentence, hint))
}

#[cfg(test)]
mod tests;
