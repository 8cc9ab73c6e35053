//! `coordinator authority`: the key that says who is a member, and the one that follows it. Called by `cli`.
//! Invariants: it works with and without a running `serve`; what cannot be undone asks first.

use std::collections::BTreeMap;

use certs::PeerCertificate;
use clap::Subcommand;
use cli::confirm::{Question, Yes};
use cli::duration::milliseconds;
use common::clock::{Clock, SystemClock, Timestamp};
use serde_json::json;

use super::{offline, output};
use crate::admin::acts::{Acts, Who, recorded};
use crate::admin::client::{self, Door};
use crate::admin::message::{Answer, Command};
use crate::admin::report::rfc3339;
use crate::admin::rules;
use crate::enrolment::keeper::{self, Done, Order};
use crate::error::{Error, Result};
use crate::limits::AUTHORITY_OVERLAP_MS_MAX;
use crate::state_folder::config::Config;
use crate::state_folder::{StateFolder, authority};
use crate::store::Store;

const MANUAL: &str = "\
The consortium's authority is the key that says who is a member. It lives for
ten years. `show` says its pin, until when it holds, and whose certificate an
earlier authority signed: sites, operators and auditors.

Examples:
  coordinator authority show
  coordinator authority roll
  coordinator authority retire";

const ROLL_MANUAL: &str = "\
Make a new authority, which signs from now on. The present one vouches for it
once more, and its private key is deleted here; in backups it stays. Sites come
again at once, see that the new one descends from the one they know, and renew
their certificates: no site joins anew, and a run goes on. A site that is off
does so when it is back, as long as its certificate is taken: for the overlap,
after which it needs `coordinator invite SITE --readmit`.

Open invitations are void: make others. Operators and auditors are invited again
under their names before the overlap ends. Tell the officers the new pin by
another way than this program; their agents log it, too. Works while `serve`
runs and while it does not. Cannot be undone; at a terminal it asks first.

Example:
  coordinator authority roll --overlap 30d";

const RETIRE_MANUAL: &str = "\
Take nothing any more that an earlier authority signed, before the overlap is
over: when a member's old key may be in other hands. It does not help against
somebody who has the key of an authority, who can make bridges of their own:
compare the pin in each site's log then, or make a new consortium. Sites whose certificate an earlier one
signed are out until they have another: `coordinator authority show` names
them, `coordinator invite SITE --readmit` lets them in again; operators and
auditors are invited again under their names. Works while
`serve` runs and while it does not. Cannot be undone; at a terminal it asks
first.

Example:
  coordinator authority retire";

/// Show the consortium's authority, or have another follow it
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show its pin, its end, and the authorities before it
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a new authority sign from now on
    #[command(long_about = ROLL_MANUAL)]
    Roll {
        /// How long certificates of the present one are taken, at most 397d
        /// [default: the life of a certificate, `certificate_days`]
        #[arg(long, value_name = "TIME", value_parser = overlap)]
        overlap: Option<u64>,
        #[command(flatten)]
        yes: Yes,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take nothing any more that an earlier authority signed
    #[command(long_about = RETIRE_MANUAL)]
    Retire {
        #[command(flatten)]
        yes: Yes,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::Show { json } => show(folder, *json),
        Verb::Roll { overlap, yes, json } => roll(folder, *overlap, *yes, *json),
        Verb::Retire { yes, json } => retire(folder, *yes, *json),
    }
}

fn show(folder: &StateFolder, json: bool) -> Result<()> {
    let (now, store) = (SystemClock.now(), Store::open(&folder.database())?);
    // Where no `serve` runs, what one left half done is ended first.
    match folder.lock() {
        Ok(_lock) => authority::finish(folder)?,
        Err(Error::AlreadyRunning(_)) => {}
        Err(error) => return Err(error),
    }
    let present = authority::load(folder)?;
    let expires = Timestamp::from(present.not_after());
    // By the identifier of the key that signed them.
    let mut by_signer: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    let people = store.holders()?.into_iter().filter_map(|row| Some((row.name, row.certificate_der?)));
    for (name, der) in store.living_certificates()?.into_iter().chain(people) {
        let names = by_signer.entry(PeerCertificate::from_der(&der)?.authority).or_default();
        if names.last() != Some(&name.to_string()) {
            names.push(name.to_string());
        }
    }
    let mut earlier = Vec::new();
    for before in authority::predecessors(folder)? {
        earlier.push(json!({
            "pin": before.pin()?.to_string(),
            "followed": rfc3339(Timestamp(before.followed_ms)),
            "taken_until": rfc3339(Timestamp(before.taken_until_ms)),
            "is_taken": before.is_taken(now),
            "members": by_signer.remove(&before.key_identifier()?).unwrap_or_default(),
        }));
    }
    let document = json!({
        "pin": present.pin().to_string(),
        "number": present.generation(),
        "expires": rfc3339(expires),
        "earlier": earlier,
    });
    output::tell(json, &document, || {
        println!("authority {}   {}", present.generation(), present.pin());
        println!("holds until   {}", rfc3339(expires));
        for before in &earlier {
            let text = |key: &str| before[key].as_str().unwrap_or_default().to_owned();
            println!("\nbefore it     {}", text("pin"));
            println!("followed      {}", text("followed"));
            println!("taken until   {}", text("taken_until"));
            let names: Vec<&str> =
                before["members"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            println!("still signed by it: {names}");
        }
    })
}

fn roll(folder: &StateFolder, overlap_ms: Option<u64>, yes: Yes, json: bool) -> Result<()> {
    let days = Config::read(&folder.config())?.certificate_days;
    let overlap_ms = overlap_ms.unwrap_or_else(|| u64::from(days) * 86_400_000);
    yes.or_ask(&Question {
        text: "a new authority signs from now on, and open invitations are void",
        expected: "roll",
        needs_yes: true,
    })?;
    let Done { pin, taken_until, ended } = give(folder, Order::Roll { overlap_ms })?;
    let until = taken_until.map(rfc3339).unwrap_or_default();
    let document = json!({
        "pin": pin, "earlier_taken_until": until, "invitations_void": ended,
    });
    output::tell(json, &document, || {
        println!("the authority is now {pin}");
        println!("certificates of the one before are taken until {until}");
        match ended {
            0 => {}
            1 => println!("an open invitation is void; make another with: coordinator invite SITE"),
            _ => println!("{ended} open invitations are void; make others with: coordinator invite SITE"),
        }
        eprintln!("next: tell the officers the new pin by another way, and back the state folder up");
    })
}

fn retire(folder: &StateFolder, yes: Yes, json: bool) -> Result<()> {
    yes.or_ask(&Question {
        text: "sites whose certificate an earlier authority signed are out",
        expected: "retire",
        needs_yes: true,
    })?;
    let Done { pin, ended, .. } = give(folder, Order::Retire)?;
    let document = json!({ "pin": pin, "authorities_retired": ended });
    output::tell(json, &document, || match ended {
        0 => println!("no earlier authority was taken any more"),
        _ => println!("nothing counts any more that an authority before {pin} signed"),
    })
}

/// Gives it to the running `serve`, or carries it out here. Not a second time where `serve` dies over it.
pub(super) fn give(folder: &StateFolder, order: Order) -> Result<Done> {
    let command = Command::Authority { order };
    match folder.lock() {
        // No `serve` starts meanwhile.
        Ok(_lock) => {
            let (store, acts, now) =
                (Store::open(&folder.database())?, Acts::open(folder)?, SystemClock.now());
            let act = rules::act(&command, None).ok_or_else(offline::unexpected)?;
            let done =
                recorded(&acts, &Who::here(), &act, now, || keeper::change(folder, &store, order, now))?;
            offline::sign_list(folder, &store, now);
            Ok(done)
        }
        Err(Error::AlreadyRunning(_)) => match client::ask(&Door::Here(folder.clone()), &command)? {
            Answer::Authority { done } => Ok(done),
            _ => Err(offline::unexpected()),
        },
        Err(error) => Err(error),
    }
}

fn overlap(text: &str) -> std::result::Result<u64, String> {
    let ms = milliseconds(text)?;
    if ms <= AUTHORITY_OVERLAP_MS_MAX { Ok(ms) } else { Err("at most 397d".into()) }
}
