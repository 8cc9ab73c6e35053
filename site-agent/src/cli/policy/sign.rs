//! `site-agent policy sign`: the officer's signature under `[policy]`, here or from another machine. Run by
//! `cli::policy`. Invariant: only the trusted officer's signature over the policy as agent.toml has it is
//! kept.

use std::path::{Path, PathBuf};

use cli::confirm::{Question, Yes};
use common::clock::{Clock as _, SystemClock};
use common::durable;
use serde_json::json;

use crate::cli::consent::answer::Answer;
use crate::cli::consent::known::Known;
use crate::cli::consent::page::Page;
use crate::cli::consent::policy_words;
use crate::cli::consent::request::{Asked, PolicyAsked, Request, Subject};
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
    /// The officer's private key, where it is on this machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "answer"])]
    key: Option<PathBuf>,
    /// Write what is to be signed on another machine; nothing is signed yet.
    #[arg(long, value_name = "FILE", conflicts_with = "answer")]
    request: Option<PathBuf>,
    /// What came back from the other machine.
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let mut known = Known::open_to_decide(arguments.state.open_joined()?)?;
    let policy = known.config.policy.clone();
    if policy.approval == Approval::Ask {
        return Err(data(
            "this policy asks the officer about each run, so there is nothing to sign",
            "write approval = \"auto\" under [policy] in agent.toml first, if runs within its limits need no decision",
        ));
    }
    let trusted = waiver::trusted(&known.folder.officer())?;
    let mut page = Page::default();
    policy_words::describe(&mut page, &policy);
    let text = page.finish() + "\n";
    if arguments.json {
        eprint!("{text}");
    } else {
        print!("{text}");
    }
    let (site, subject) = (known.coordinator.site.clone(), Subject::Policy(policy.clone()));
    let signature = match (&arguments.key, &arguments.request, &arguments.answer) {
        (_, Some(path), _) => return write_request(&known, path, arguments.json),
        (_, _, Some(path)) => Answer::accept(path, &site, &subject, &trusted)?,
        (Some(key), None, None) => {
            let text = "runs within this policy need no further decision";
            arguments.yes.or_ask(&Question { text, expected: "yes", needs_yes: true })?;
            let key = waiver::read_private(key)?;
            let statement = subject.statement(&site);
            let signature = key.sign(&statement).map_err(waiver::key_error)?;
            if !trusted.verifies(&statement, &signature) {
                return Err(data("this is not the key of the officer whom this site trusts", "use theirs"));
            }
            signature
        }
        (None, None, None) => {
            return Err(data(
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

fn data(sentence: &str, hint: &str) -> SiteError {
    SiteError::Data { sentence: sentence.into(), hint: Some(hint.into()) }
}
