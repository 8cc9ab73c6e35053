//! `coordinator verify-release`: whether a folder is a release of a consortium, with its public key alone.
//! Called by `cli`. Invariants: it needs no state folder and no network; it ends with 1 unless all holds.

use std::path::PathBuf;

use certs::ReceiptPublicKey;
use common::clock::Timestamp;
use common::id::Digest;
use common::language::Language;
use serde_json::json;

use super::output;
use super::release::shown;
use crate::error::{Error, Result};
use crate::export::release::verify::{Verified, verify};

const MANUAL: &str = "\
Check a release on any machine: every file and no file more, no link, the
consortium's signature, the operators' signatures, and every gate, computed
again from the facts and the measurements that are in it. It needs no state
folder, no network and no site. Ends with 1 unless all of it holds.

--key is the consortium's receipt key, 64 hexadecimal digits: from your own
papers, not from the release. `coordinator ledger SITE --json`, a site's
`site-agent ledger report` and `coordinator release make` name it.

What it does not check: whether what people wrote is true, and whether the
weights are the average of the rounds; the journal and the sites' ledgers, whose
hashes are in facts.json, stay with the consortium.

Example:
  coordinator verify-release release --key 3f6a...";

/// Check a release with the consortium's public key
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The folder of the release
    release: PathBuf,
    /// The consortium's receipt key: 64 hexadecimal digits
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let key: Digest = arguments.key.trim().parse().map_err(|_| Error::Argument {
        message: "--key is no receipt key".into(),
        hint: "give its 64 hexadecimal digits, as `coordinator ledger SITE --json` shows them".into(),
    })?;
    let found = verify(&arguments.release, &ReceiptPublicKey::from_bytes(key.0), Language::En)?;
    if arguments.json {
        output::print_json(&json!({
            "holds": found.holds(),
            "run": found.sealed.run.to_string(),
            "adapter": found.sealed.adapter.to_string(),
            "made": Timestamp(found.sealed.made_ms).rfc3339(),
            "files": found.files,
            "faults": found.faults,
            "gates": shown::gates_json(&found.gates),
            "signatures": shown::signatures_json(&found.signatures),
        }))?;
    } else {
        tell(&found)?;
    }
    if found.holds() {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!("{} is not a release that holds", arguments.release.display()),
        hint: "do not use it; ask the consortium for the release once more, on another way".into(),
    })
}

fn tell(found: &Verified) -> Result<()> {
    let sealed = &found.sealed;
    output::print_line(&format!("run {}, made {}", sealed.run, Timestamp(sealed.made_ms).rfc3339()))?;
    output::print_line(&format!("adapter {}", sealed.adapter))?;
    for fault in &found.faults {
        output::print_line(&format!("FAULT   {fault}"))?;
    }
    shown::gates(&found.gates)?;
    if found.holds() {
        output::print_line(&format!(
            "\nholds: {} files, the consortium's signature, no gate failed",
            found.files
        ))?;
    }
    Ok(())
}
