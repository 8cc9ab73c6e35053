//! `site-agent runs`: the runs that this site has heard of, and one of them in words. Offline. Run by `cli`.

use common::run::RunManifest;
use common::terminal::visible;
use serde_json::{Value, json};

use super::consent::differences::{Difference, between};
use super::consent::known::Known;
use super::consent::page::Page;
use super::consent::standing::{Standing, State as Stands};
use super::consent::words::{self, Described};
use super::support::{State, print_json};
use super::table;
use crate::error::SiteError;
use crate::gateway::consent::Terms;
use crate::policy::{Check, PolicyConfig, PolicyRule};

const EXAMPLES: &str = "\
Examples:
  site-agent runs             # what waits, and what was decided
  site-agent runs 3f2a        # one in words; the beginning of its id will do
  site-agent runs 3f2a --json

Then `site-agent approve 3f2a` or `site-agent decline 3f2a`. Before that nothing of a run leaves this site but the question for its terms.";

/// Characters of a run's name in the table.
const NAME_COLUMNS: usize = 17;

/// List the runs that this site has heard of, or show one in words.
///
/// With RUN: what will be trained, for how long, how many bytes may leave, what privacy applies, who else
/// takes part, and how it differs from the run that this site approved last.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    state: State,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let known = Known::open(arguments.state.open_joined()?)?;
    match &arguments.run {
        None => list(&known, arguments.json),
        Some(run) => show(&known, run, arguments.json),
    }
}

fn list(known: &Known, as_json: bool) -> Result<(), SiteError> {
    let mut rows = vec![["run", "name", "proposed", "state", "by"].map(str::to_owned).to_vec()];
    let mut documents = Vec::new();
    let mut waiting = 0;
    for run in known.store.proposed_runs()? {
        let standing = Standing::of(known, run)?;
        // The terms of an old run may be gone.
        let name = known.terms(run.manifest).map(|terms| terms.signed.manifest.name).ok();
        waiting += u32::from(standing.state() == Stands::Waiting);
        documents.push(summary(&standing, name.as_deref()));
        rows.push(vec![
            run.run.to_string(),
            short(&name.map_or_else(|| "-".to_owned(), |name| visible(&name))),
            table::utc(run.first_ms).chars().take(10).collect(),
            standing.state().words().to_owned(),
            standing.author().map_or("-", |author| author.word()).to_owned(),
        ]);
    }
    if as_json {
        return print_json(&json!({ "site": known.coordinator.site, "runs": documents }));
    }
    if documents.is_empty() {
        println!("this site has not heard of any run yet");
        return Ok(());
    }
    print!("{}", table::render(&rows));
    if waiting > 0 {
        println!("\nwaiting for a decision: {waiting}; `site-agent runs RUN` says what a run is in words");
    }
    Ok(())
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME_COLUMNS {
        return name.to_owned();
    }
    name.chars().take(NAME_COLUMNS - 2).chain("..".chars()).collect()
}

fn summary(standing: &Standing, name: Option<&str>) -> Value {
    json!({
        "run": standing.run.run,
        "name": name,
        "proposed": table::utc(standing.run.first_ms),
        "terms": standing.run.manifest.to_string(),
        "state": standing.state().word(),
        "decided_by": standing.author().map(|author| author.word()),
    })
}

fn show(known: &Known, run: &str, as_json: bool) -> Result<(), SiteError> {
    let run = known.choose(Some(run))?;
    let standing = Standing::of(known, run)?;
    let terms = known.terms(run.manifest)?;
    let manifest = terms.manifest();
    if as_json {
        let mut document = summary(&standing, Some(&manifest.name));
        document["manifest"] =
            serde_json::to_value(manifest).map_err(|error| SiteError::Internal(error.to_string()))?;
        document["update_bytes"] = json!(manifest.update_bytes());
        document["code"] = json!(manifest.roster.code());
        document["decisions"] = standing.decisions_as_json();
        document["launched_by"] =
            terms.launcher.as_ref().map_or(Value::Null, |one| json!({ "name": one.name, "key": one.key }));
        document["refused_by"] = refusals(known, &standing, &terms)?.into();
        document["differences"] = differences(known, manifest)?
            .map(|all| {
                all.iter().map(|one| json!({ "key": one.key, "was": one.was, "is": one.is })).collect()
            })
            .unwrap_or(Value::Null);
        return print_json(&document);
    }
    print!("{}", in_words(known, &standing, &terms)?);
    Ok(())
}

/// Rules of this site's policy that refuse these terms, or who launched them.
pub(super) fn refused_by(known: &Known, terms: &Terms) -> Vec<String> {
    let checks = checks(&known.config.policy, terms).into_iter();
    checks.filter(|check| !check.holds).map(|check| check.rule.to_string()).collect()
}

/// All that stands against a run that nobody agreed to yet.
fn refusals(known: &Known, standing: &Standing, terms: &Terms) -> Result<Vec<String>, SiteError> {
    let mut refused = refused_by(known, terms);
    refused.extend(listed(known, standing, terms)?.iter().map(ToString::to_string));
    Ok(refused)
}

/// Who of a run is on the revocation list that is here, as the agent asks before this site has agreed.
fn listed(known: &Known, standing: &Standing, terms: &Terms) -> Result<Vec<PolicyRule>, SiteError> {
    // Of a run that was decided or is over the list of today says nothing.
    if matches!(standing.state(), Stands::Approved | Stands::Withdrawn | Stands::Over) {
        return Ok(Vec::new());
    }
    let revocations = known.revocations()?;
    let has_member = revocations.revoked_member(&terms.manifest().roster).is_some();
    let rules = [
        (has_member, PolicyRule::MemberRevoked),
        (revocations.lists_launcher(terms.launcher.as_ref()), PolicyRule::OperatorRevoked),
    ];
    Ok(rules.into_iter().filter_map(|(is_listed, rule)| is_listed.then_some(rule)).collect())
}

/// Every rule that can be looked at before the run begins.
pub(super) fn checks(policy: &PolicyConfig, terms: &Terms) -> Vec<Check> {
    let mut checks = policy.checks(terms.manifest());
    checks.push(policy.check_of_launcher(terms.launcher.as_ref()));
    checks
}

/// From the terms approved last to these; `None` where there are none.
fn differences(known: &Known, manifest: &RunManifest) -> Result<Option<Vec<Difference>>, SiteError> {
    Ok(known.last_approved(manifest.run)?.map(|earlier| between(&earlier, manifest)))
}

/// Everything about a run that an officer decides on.
///
/// # Errors
/// `Store`, `Io`, `Config`.
pub(super) fn in_words(known: &Known, standing: &Standing, terms: &Terms) -> Result<String, SiteError> {
    let manifest = terms.manifest();
    let mut page = Page::default();
    let policy = &known.config.policy;
    words::describe(
        &mut page,
        &Described {
            manifest,
            digest: standing.run.manifest,
            launcher: terms.launcher.as_ref(),
            is_vouched_for: true,
            site: &known.coordinator.site,
            mantissa_bits: policy.update_mantissa_bits,
            may_compare: policy.overlap,
            may_score: policy.own_scores,
        },
    );
    page.heading("How it differs from the run that this site approved last");
    match differences(known, manifest)? {
        None => page.plain("This site has approved no other run whose terms are still here."),
        Some(all) if all.is_empty() => {
            page.plain("In nothing but what every run has anew, such as its number.")
        }
        Some(all) => all.iter().for_each(|one| page.plain(&in_a_line(one))),
    }
    page.heading("What this site's policy says");
    match refusals(known, standing, terms)? {
        refused if refused.is_empty() => {
            page.plain("It allows the run; what only the records can tell is looked at in each round.")
        }
        refused => refused.iter().for_each(|rule| page.plain(&format!("Refused: {rule}"))),
    }
    page.heading(&format!("Decisions (now: {})", standing.state().words()));
    if standing.decisions.is_empty() {
        page.plain("None yet.");
    }
    for (decision, author) in &standing.decisions {
        let told = match (decision.noted, decision.told) {
            (false, _) => "the agent has not seen it yet",
            (true, false) => "in the ledger",
            (true, true) => "in the ledger, and the coordinator was told",
        };
        let (at, choice) = (table::utc(decision.at_ms), decision.choice.word());
        page.plain(&format!("{at} {choice}, {author}; {told}"));
    }
    Ok(page.finish())
}

fn in_a_line(one: &Difference) -> String {
    let (was, is) = (one.was.as_deref().map(visible), one.is.as_deref().map(visible));
    match (was, is) {
        (Some(was), Some(is)) => format!("{}: {was} then, {is} now", one.key),
        (Some(was), None) => format!("{}: {was} then, not now", one.key),
        (None, is) => format!("{}: not then, {} now", one.key, is.unwrap_or_default()),
    }
}
