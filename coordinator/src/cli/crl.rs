//! `coordinator crl`: the signed list of certificates that count no more. Called by `cli`. Invariants: what
//! is shown was verified here; it only reads, but for `replace-server`, which needs the machine.

use std::path::{Path, PathBuf};

use certs::crl::{Entry, Named, Standing};
use certs::{RevocationList, SpkiPin, tls};
use clap::Subcommand;
use cli::confirm::{Question, Yes};
use common::clock::{Clock, SystemClock, Timestamp};
use common::durable;
use serde_json::json;

use super::{authority, offline, output};
use crate::admin::client::Door;
use crate::admin::message::{Answer, Command};
use crate::admin::report::rfc3339;
use crate::enrolment::keeper::Order;
use crate::error::{Error, Result};

const MANUAL: &str = "\
The list of certificates that count no more (a CRL of RFC 5280), signed by the
consortium's authority. Sites get it on their connection and go by it: they
leave a coordinator whose certificate is on it, agree to no run with a member
whose key is on it, and send nothing once the list they have has ended. `serve`
signs another one at each revocation and once a day; one holds for seven days.
Here the database decides, at once: the list is for those who cannot ask it.

`export` writes it for others, in PEM or, with --der, in DER. To check one:
  openssl crl -in revoked.pem -CAfile ca.crt.pem -verify -noout -text

Examples:
  coordinator crl show
  coordinator crl show --json
  coordinator crl export revoked.pem
  coordinator crl replace-server";

const REPLACE_MANUAL: &str = "\
Put the certificate that this coordinator shows to sites on the list, and make
another with a new key: when its key may be in other hands. Connections begin
anew, sites take the list, and from then on no site that has it stays with
whoever has the old key. A site that cannot reach this coordinator goes by the
list it has until that ends, in seven days at most. The authority's key is
another one: where that is known to others, see certs/README.md. Works while
`serve` runs and while it does not. Cannot be undone; at a terminal it asks.

Example:
  coordinator crl replace-server --yes";

/// Show or export the list of what was revoked, or revoke our own certificate
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show the newest list
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the newest list to a file, replacing it
    Export {
        /// The file
        file: PathBuf,
        /// In DER, and not in PEM
        #[arg(long)]
        der: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke this coordinator's own certificate, and make another
    #[command(long_about = REPLACE_MANUAL)]
    ReplaceServer {
        #[command(flatten)]
        yes: Yes,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    /// Whether what is written is for others to read.
    pub(super) fn is_for_others(&self) -> bool {
        matches!(self.verb, Verb::Export { .. })
    }
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::Show { json } => show(door, *json),
        Verb::Export { file, der, json } => export(door, file, *der, *json),
        Verb::ReplaceServer { yes, json } => replace_server(door, *yes, *json),
    }
}

/// The newest list, and the pin of the authority that signed it.
fn newest(door: &Door) -> Result<(RevocationList, SpkiPin)> {
    let Answer::Revocations { list, authority } = offline::serve_or_books(door, &Command::Revocations)?
    else {
        return Err(offline::unexpected());
    };
    let authority = tls::certificate_from_pem(&authority)?;
    let list = RevocationList::verify_pem(&list, &authority)?;
    Ok((list, SpkiPin::of_certificate(&authority)?))
}

fn until(list: &RevocationList) -> (String, bool) {
    let is_good = list.standing(SystemClock.now().into()) == Standing::Good;
    (rfc3339(Timestamp::from(list.next_update())), is_good)
}

fn show(door: &Door, as_json: bool) -> Result<()> {
    let (list, pin) = newest(door)?;
    let (until, is_good) = until(&list);
    let rows: Vec<(&str, &str, String, &str)> = list
        .entries()
        .iter()
        .map(|Entry { named, since, reason }| {
            let (kind, name) = match named {
                Named::Certificate(serial) => ("certificate", serial),
                Named::Key(key) => ("key", key),
            };
            (kind, name.as_str(), rfc3339(Timestamp::from(*since)), reason.word())
        })
        .collect();
    let revoked: Vec<_> = rows
        .iter()
        .map(|(kind, name, since, reason)| json!({ "kind": kind, "name": name, "since": since, "reason": reason }))
        .collect();
    let document = json!({
        "number": list.number(),
        "signed": rfc3339(Timestamp::from(list.this_update())),
        "holds_until": until,
        "holds": is_good,
        "authority": pin.to_string(),
        "revoked": revoked,
    });
    output::tell(as_json, &document, || {
        println!("list          {}", list.number());
        println!("signed        {}   by {pin}", rfc3339(Timestamp::from(list.this_update())));
        println!("holds until   {until}{}", if is_good { "" } else { "   IT DOES NOT HOLD NOW" });
        println!("entries       {}", rows.len());
        for (kind, name, since, reason) in &rows {
            println!("{kind:<12}  {name:<38}  {since}  {reason}");
        }
    })
}

fn export(door: &Door, file: &Path, is_der: bool, as_json: bool) -> Result<()> {
    let (list, _) = newest(door)?;
    let (until, is_good) = until(&list);
    let bytes = if is_der { list.der().to_vec() } else { list.pem().into_bytes() };
    durable::write(file, &bytes, durable::ORDINARY).map_err(Error::io("write", file))?;
    let document = json!({
        "file": file, "number": list.number(), "holds_until": until, "holds": is_good, "bytes": bytes.len(),
    });
    output::tell(as_json, &document, || {
        eprintln!("wrote list {} to {}; it holds until {until}", list.number(), file.display());
    })
}

fn replace_server(door: &Door, yes: Yes, as_json: bool) -> Result<()> {
    let folder = door.here()?;
    yes.or_ask(&Question {
        text: "the certificate of this coordinator is revoked, and another made",
        expected: "replace",
        needs_yes: true,
    })?;
    authority::give(folder, Order::ReplaceServer)?;
    let (list, _) = newest(door)?;
    let document = json!({ "replaced": true, "list": list.number() });
    output::tell(as_json, &document, || {
        eprintln!("the certificate was replaced, and the one before is on list {}", list.number());
    })
}
