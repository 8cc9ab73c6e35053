//! `site-agent roster`: who takes part in a run, each with its key, and the short code of them all. Offline.
//! Run by `cli`.

use serde_json::json;

use super::consent::known::Known;
use super::consent::page::Page;
use super::consent::words;
use super::support::{State, print_json};
use crate::error::SiteError;

const EXAMPLES: &str = "\
Examples:
  site-agent roster              # of the newest run
  site-agent roster 3f2a

Whoever holds the consortium's CA could invent members. Two hospitals that read the same code to each other by telephone have \
the same members, with the same keys, in front of them; an approval is bound to them.";

/// Show who takes part in a run, with their keys and the code to compare.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it [default: the newest].
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
    let proposed = known.choose(arguments.run.as_deref())?;
    let manifest = known.terms(proposed.manifest)?.signed.manifest;
    let own = &known.coordinator.site;
    if arguments.json {
        let members: Vec<_> = manifest
            .members()
            .map(|member| json!({ "name": member.name, "key": member.key, "is_this_site": &member.name == own }))
            .collect();
        return print_json(&json!({
            "run": proposed.run,
            "code": manifest.roster.code(),
            "members": members,
        }));
    }
    let mut page = Page::default();
    page.heading(&format!("Run {}: {} members", proposed.run, manifest.roster.members.len()));
    for member in manifest.members() {
        let mark = if &member.name == own { " (this site)" } else { "" };
        page.plain(&format!("{}{mark}", member.name));
        page.row("key", &member.key.to_string());
    }
    page.heading("All of them");
    words::code(&mut page, &manifest);
    print!("{}", page.finish());
    Ok(())
}
