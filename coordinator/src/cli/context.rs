//! `coordinator context`: which coordinators elsewhere this user commands or reads. Called by `cli`.
//! Invariant: no key is shown, and no connection made.

use clap::Subcommand;
use common::id::Digest;
use serde_json::json;

use super::output;
use crate::admin::contexts::Contexts;
use crate::error::{Error, Result};

const MANUAL: &str = "\
A context is a coordinator on another machine and who you are to it: address,
role, key and certificate, in $XDG_CONFIG_HOME/consilium or ~/.config/consilium,
readable by you alone. `coordinator enrol` adds one. `use` chooses the one for
commands that name neither --context nor a state folder (--state, or the
environment variable CONSILIUM_STATE).

Examples:
  coordinator context list
  coordinator context use main
  coordinator context use --none
  coordinator context set-address main coordinator.example.org:4600";

/// List, choose and remove coordinators on other machines
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List them
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Choose the one that is used where none is named
    Use {
        /// Which
        #[arg(required_unless_present = "none")]
        name: Option<String>,
        /// None
        #[arg(long, conflicts_with = "name")]
        none: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change where the coordinator is
    SetAddress {
        /// Of which
        name: String,
        /// Where it is reached (UDP); several with commas between
        #[arg(value_name = "HOST:PORT")]
        address: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete one, with its key
    Remove {
        /// Which
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut contexts = Contexts::open()?;
    match &arguments.verb {
        Verb::List { json } => list(&contexts, *json),
        Verb::Use { name, json, .. } => {
            contexts.choose(name.as_deref())?;
            output::tell(*json, &json!({ "current": name }), || match name {
                Some(name) => eprintln!("commands go to {name} where nothing else is named"),
                None => eprintln!("commands go to the state folder here where nothing else is named"),
            })
        }
        Verb::SetAddress { name, address, json } => {
            contexts.set_address(name, address)?;
            let document = json!({ "context": name, "address": address });
            output::tell(*json, &document, || eprintln!("{name} is at {address}"))
        }
        Verb::Remove { name, json } => {
            contexts.remove(name)?;
            output::tell(*json, &json!({ "removed": name }), || {
                eprintln!(
                    "removed {name}; its certificate counts until it ends or an operator runs `coordinator operators revoke`"
                );
            })
        }
    }
}

/// What the certificate of a context says.
struct Facts {
    ends: String,
    key: Digest,
    is_sealed: bool,
}

fn list(contexts: &Contexts, as_json: bool) -> Result<()> {
    let mut rows = Vec::new();
    for (name, entry) in contexts.all() {
        let found = contexts.certificate(name.as_str());
        if let Err(error) = &found {
            eprintln!("warning: {name} cannot be used: {error}{}", hint(error));
        }
        let facts = found.ok().map(|(peer, is_sealed)| Facts {
            ends: crate::admin::report::rfc3339(peer.not_after.into()),
            key: Digest(*peer.key.as_bytes()),
            is_sealed,
        });
        rows.push((name, entry, facts, contexts.current() == Some(name)));
    }
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, entry, facts, is_current)| {
                let facts = facts.as_ref();
                json!({
                    "context": name,
                    "address": entry.address,
                    "role": entry.role,
                    "name": entry.holder,
                    "certificate_ends": facts.map(|facts| &facts.ends),
                    "key": facts.map(|facts| facts.key),
                    "key_sealed": facts.map(|facts| facts.is_sealed),
                    "current": is_current,
                })
            })
            .collect();
        return output::print_json(&rows);
    }
    output::print_line(&row(["", "context", "role", "as", "certificate ends", "address"]))?;
    rows.iter().try_for_each(|(name, entry, facts, is_current)| {
        let ends = facts.as_ref().map_or("-", |facts| facts.ends.as_str());
        let mark = if *is_current { "*" } else { "" };
        output::print_line(&row([mark, name.as_str(), &entry.role, &entry.holder, ends, &entry.address]))
    })
}

fn hint(error: &Error) -> String {
    error.hint().map_or_else(String::new, |hint| format!(" ({hint})"))
}

fn row([mark, context, role, holder, ends, address]: [&str; 6]) -> String {
    format!("{mark:<1} {context:<14} {role:<9} {holder:<14} {ends:<21} {address}")
}
