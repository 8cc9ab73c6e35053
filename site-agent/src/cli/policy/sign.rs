//! `site-agent policy sign`: the officer's signature under `[policy]`, here or from another machine. Run by
//! `cli::policy`. Invariant: only the trusted officer's signature over the policy as agent.toml has it is
//! kept.

use std::path::Path;

use cli::confirm::Question;
use common::clock::{Clock as _, SystemClock};
use common::durable;
use serde_json::json;

use crate::cli::consent::answer::Answer;
use crate::cli::consent::known::Known;
use crate::cli::consent::page::Page;
use crate::cli::consent::policy_words;
use crate::cli::consent::request::{Asked, PolicyAsked, Request, Subject};
use crate::cli::consent::signing::{Signing, show};
use crate::cli::support::{State, tell};
use crate::error::SiteError;
use crate::policy::Approval;
use crate::waiver;

pub(super) const EXAMPLES: &str = "\
Examples:
  site-agent policy sign --key officer.key

  The officer's key is on a machine without network:
    site-agent policy sign --request request.json       # here
    site-agent officer-key sign request.json --key officer.key --out answer.json
    site-agent policy sign --answer answer.json         # here again

With another [policy] in agent.toml the signature is void from the agent's next start on, and runs wait for a decision again, \
those too that began under it. It holds for exactly this text as long as the officer's key is trusted.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    signing: Signing,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let mut known = Known::open_to_decide(arguments.state.open_joined()?)?;
    let policy = known.config.policy.clone();
    if policy.approval == Approval::Ask {
        return Err(SiteError::data(
            "this policy asks the officer about each run, so there is nothing to sign",
            "write approval = \"auto\" under [policy] in agent.toml first, if runs within its limits need no decision",
        ));
    }
    let trusted = waiver::trusted(&known.folder.officer())?;
    let mut page = Page::default();
    policy_words::describe(&mut page, &policy);
    let text = page.finish() + "\n";
    show(arguments.json, &text);
    let (site, subject) = (known.coordinator.site.clone(), Subject::Policy(policy.clone()));
    let Signing { key, request, answer, unlock, yes } = &arguments.signing;
    let signature = match (key, request, answer) {
        (_, Some(path), _) => return write_request(&known, path, arguments.json),
        (_, _, Some(path)) => Answer::accept(path, &site, &subject, &trusted)?,
        (Some(key), None, None) => {
            let text = "runs within this policy need no further decision";
            yes.or_ask(&Question { text, expected: "yes", needs_yes: true })?;
            waiver::sign_as_trusted(&known.folder, key, &unlock.passphrase(), &subject.statement(&site))?
        }
        (None, None, None) => {
            return Err(SiteError::data(
                "a policy is signed with the officer's key",
                "name it with --key, or write a request for the machine that has it with --request",
            ));
        }
    };
    known.store.record_policy(policy.digest(), &signature, SystemClock.now().0)?;
    let document =
        json!({ "site": site, "digest": policy.digest().to_string(), "signed": true, "request": null });
    tell(arguments.json, &document, || {
        println!("signed: runs within this policy are approved without asking");
        println!("with another [policy] in agent.toml it is void from the agent's next start on");
        println!("an agent that runs has the policy that agent.toml had when it was started");
    })
}

fn write_request(known: &Known, path: &Path, as_json: bool) -> Result<(), SiteError> {
    let policy = &known.config.policy;
    let asked = Asked::Policy(PolicyAsked { policy: policy.canonical() });
    let request = Request::new(known.coordinator.site.clone(), asked);
    durable::write(path, &request.to_bytes()?, durable::ORDINARY)
        .map_err(|source| SiteError::io(path, source))?;
    let document = json!({
        "site": known.coordinator.site,
        "digest": policy.digest().to_string(),
        "signed": false,
        "request": path.display().to_string(),
    });
    tell(as_json, &document, || {
        println!("request   {}", path.display());
        println!("nothing is signed yet; on the machine with the officer's key, which needs no site:");
        println!("    site-agent officer-key sign REQUEST --key officer.key --out ANSWER");
        println!("and here: site-agent policy sign --answer ANSWER");
    })
}
