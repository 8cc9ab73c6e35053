//! `site-agent policy show|explain|sign`: what this site lets a run do, a run rule by rule, and the officer's
//! signature under the policy. Offline. Run by `cli`, and by what warns of a policy without one.
//!
//! Invariant: what is explained is what refuses.

mod sign;

use clap::Subcommand;
use common::page::grouped;
use serde_json::{Value, json};

use super::consent::known::Known;
use super::consent::page::Page;
use super::consent::policy_words;
use super::support::{State, print_json};
use super::{runs, table};
use crate::error::SiteError;
use crate::gateway::consent::Judge;
use crate::gateway::decisions::Decider;
use crate::gateway::identity::Coordinator;
use crate::gateway::store::Store;
use crate::paths::StateFolder;
use crate::policy::{Approval, PolicyConfig};

const EXAMPLES: &str = "\
Examples:
  site-agent policy show
  site-agent policy explain 3f2a     # a run, rule by rule
  site-agent policy sign --key officer.key";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  site-agent policy explain          # the newest run
  site-agent policy explain 3f2a --json

Exit code 0: every rule that can be looked at now lets the run pass. 1: one does not.";

/// Show what this site lets a run do, explain a run by it, or sign it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the policy, its digest, and whether the officer signed it.
    #[command(after_long_help = EXAMPLES)]
    Show {
        #[command(flatten)]
        state: State,
        /// Print JSON: the canonical text that is signed, and its SHA-256.
        #[arg(long)]
        json: bool,
    },
    /// Show a run rule by rule: this site's value, the run's, and whether the rule holds.
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The run's id, or the beginning of it [default: the newest].
        #[arg(value_name = "RUN")]
        run: Option<String>,
        #[command(flatten)]
        state: State,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sign the policy with the officer's key: then runs within it need no decision of their own.
    ///
    /// agent.toml must say `approval = "auto"` first. With another [policy] the signature is void.
    #[command(after_long_help = sign::EXAMPLES)]
    Sign(sign::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::Show { state, json } => show(&Known::open(state.open_joined()?)?, *json),
        Command::Explain { run, state, json } => {
            explain(&Known::open(state.open_joined()?)?, run.as_deref(), *json)
        }
        Command::Sign(arguments) => sign::run(arguments),
    }
}

fn show(known: &Known, as_json: bool) -> Result<(), SiteError> {
    let policy = &known.config.policy;
    let digest = policy.digest();
    let is_signed = known.judge.trusts_policy(&known.store, digest)?;
    if as_json {
        return print_json(&json!({
            "site": known.coordinator.site,
            "canonical": policy.canonical(),
            "digest": digest.to_string(),
            "approval": word(policy.approval),
            "signed": is_signed,
        }));
    }
    let mut page = Page::default();
    policy_words::describe(&mut page, policy);
    page.row("signed", if is_signed { "by the privacy officer" } else { "no" });
    print!("{}", page.finish());
    if let Some(warning) = warning(policy, is_signed) {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

fn word(approval: Approval) -> &'static str {
    match approval {
        Approval::Ask => "ask",
        Approval::Auto => "auto",
    }
}

/// Every rule beside what the run asks.
fn explain(known: &Known, run: Option<&str>, as_json: bool) -> Result<(), SiteError> {
    let proposed = known.choose(run)?;
    let terms = known.terms(proposed.manifest)?;
    let policy = &known.config.policy;
    let checks = runs::checks(policy, &terms);
    let holds = checks.iter().all(|check| check.holds);
    if as_json {
        let rules: Vec<Value> = checks
            .iter()
            .map(|check| {
                json!({
                    "rule": name(check.key),
                    "what": check.what,
                    "allowed": check.allowed,
                    "asked": check.asked,
                    "holds": check.holds,
                })
            })
            .collect();
        let later: Vec<Value> = in_each_round(policy)
            .into_iter()
            .map(|(key, allowed)| json!({ "rule": key, "allowed": allowed }))
            .collect();
        print_json(&json!({
            "run": proposed.run, "holds": holds, "rules": rules, "in_each_round": later,
        }))?;
    } else {
        println!(
            "run {}: {}\n",
            proposed.run,
            if holds { "within the policy" } else { "outside the policy" }
        );
        let mut rows = vec![["rule", "this site", "the run", "holds"].map(str::to_owned).to_vec()];
        for check in &checks {
            let asked =
                if check.key.is_empty() && !check.holds { "outside, see below" } else { &check.asked };
            let holds = if check.holds { "yes" } else { "NO" };
            rows.push([name(check.key), &check.allowed, asked, holds].map(str::to_owned).to_vec());
        }
        print!("{}", table::render(&rows));
        for check in checks.iter().filter(|check| check.key.is_empty() && !check.holds) {
            println!("\nbounds: {}", check.asked);
        }
        println!("\nLooked at in each round, where the records are counted:");
        let later = in_each_round(policy).into_iter().map(|(key, allowed)| vec![key.to_owned(), allowed]);
        print!("{}", table::render(&later.collect::<Vec<_>>()));
    }
    // What stands against it has been said.
    if holds { Ok(()) } else { Err(SiteError::Validation { is_user_error: true }) }
}

fn name(key: &str) -> &str {
    if key.is_empty() { "bounds" } else { key }
}

/// Rules that nobody can look at before the records, the update or the global adapter are there.
fn in_each_round(policy: &PolicyConfig) -> [(&'static str, String); 10] {
    [
        ("records_min", format!("at least {}", grouped(policy.records_min))),
        ("step_records_min", format!("at least {}", grouped(policy.step_records_min))),
        ("step_tokens_min", format!("at least {}", grouped(policy.step_tokens_min))),
        ("steps_min", format!("at least {}", grouped(policy.steps_min))),
        ("records_drop_max", format!("at most {}", policy.records_drop_max)),
        ("updates_per_day_max", format!("at most {}", grouped(u64::from(policy.updates_per_day_max)))),
        (
            "bytes_per_day_max",
            format!("at most {} in 24 hours, over all runs", grouped(policy.bytes_per_day_max)),
        ),
        ("hours", hours(policy)),
        ("update_norm_max", format!("at most {}", policy.update_norm_max)),
        ("adapter_growth_max", format!("at most {}", policy.adapter_growth_max)),
    ]
}

fn hours(policy: &PolicyConfig) -> String {
    if policy.hours.are_set() {
        format!("{}; outside them this site waits", policy.hours)
    } else {
        "any".to_owned()
    }
}

/// What is wrong with a policy that decides and bears no signature of the officer's.
fn warning(policy: &PolicyConfig, is_signed: bool) -> Option<String> {
    (policy.approval == Approval::Auto && !is_signed).then(|| {
        "the policy says `approval = \"auto\"` and bears no signature of the privacy officer, so that runs wait for a \
         decision; see `site-agent policy sign`"
            .to_owned()
    })
}

/// The same for who looks at a site as a whole; nothing where its folder cannot be read.
pub(super) fn warning_of(folder: &StateFolder, policy: &PolicyConfig) -> Option<String> {
    if policy.approval == Approval::Ask {
        return None;
    }
    let is_signed = || -> Result<bool, SiteError> {
        let site = Coordinator::load(&folder.identity())?.site;
        let judge = Judge::new(site, Decider::of(folder)?.officer().copied());
        judge.trusts_policy(&Store::open_to_read(&folder.database())?, policy.digest())
    };
    warning(policy, is_signed().unwrap_or(false))
}
