//! `site-agent officer-key sign`: signs a request on the machine that has the officer's key. Needs no site,
//! no network. Run by `cli::officer_key`. Invariant: what is signed is computed from what was shown.

use std::path::PathBuf;

use cli::confirm::{Question, Yes};
use common::durable;
use serde_json::json;

use crate::cli::consent::answer::Answer;
use crate::cli::consent::page::Page;
use crate::cli::consent::policy_words;
use crate::cli::consent::request::{Asked, Request, Subject};
use crate::cli::consent::words::{Described, describe};
use crate::cli::support::{Unlock, tell};
use crate::error::SiteError;
use crate::waiver;

pub(super) const EXAMPLES: &str = "\
Example:
  site-agent officer-key sign request.json \\
      --key officer.key --out answer.json

It shows what is decided, and asks. What it shows of the coordinator's key and of this site's settings is as good as the file: \
compare the code and the terms' SHA-256 with `site-agent runs RUN` at the site, and the code with other members by telephone.";

/// Made by clap it would be a line of 86 columns.
const USAGE: &str = "\
site-agent officer-key sign [OPTIONS]
           --key <FILE> --out <ANSWER> <REQUEST>";

#[derive(Debug, clap::Args)]
#[command(override_usage = USAGE)]
pub(super) struct Arguments {
    /// What `approve`, `decline`, `withdraw` or `policy sign` wrote with --request.
    #[arg(value_name = "REQUEST")]
    request: PathBuf,
    /// The officer's private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the answer is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    yes: Yes,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let (request, subject) = Request::read(&arguments.request)?;
    let key = waiver::read_private(&arguments.key, &arguments.unlock.passphrase())?;
    let text = in_words(&request, &subject);
    if arguments.json {
        eprint!("{text}");
    } else {
        print!("{text}");
    }
    let question = match &subject {
        Subject::Run { manifest, wish, .. } => wish.question(manifest.run),
        Subject::Policy(_) => "runs within this policy need no further decision".to_owned(),
    };
    let question = format!("for the site {}: {question}", request.site);
    arguments.yes.or_ask(&Question { text: &question, expected: "yes", needs_yes: true })?;
    let answer = Answer::sign(&key, request.site.clone(), &subject)?;
    durable::write(&arguments.out, &answer.to_bytes()?, durable::ORDINARY)
        .map_err(|source| SiteError::io(&arguments.out, source))?;
    let out = arguments.out.display().to_string();
    let (about, digest) = match &subject {
        Subject::Run { digest, wish, .. } => (wish.choice().word(), *digest),
        Subject::Policy(policy) => ("policy", policy.digest()),
    };
    let document =
        json!({ "site": request.site, "about": about, "digest": digest.to_string(), "answer": out });
    tell(arguments.json, &document, || {
        println!("answer    {out}");
        println!("take it to the site, and give it to the same command with --answer");
    })
}

fn in_words(request: &Request, subject: &Subject) -> String {
    let mut page = Page::default();
    page.heading(&format!("The site {} asks for a signature", request.site));
    match (subject, &request.about) {
        (Subject::Run { manifest, launcher, digest, wish }, Asked::Run(asked)) => {
            page.row("decision", wish.choice().word());
            page.row("coordinator", &format!("key {}", asked.receipt_key));
            page.row(
                "",
                "That key is as the file says: compare it with the one that the site has (identity/coordinator.toml). \
                 Compare the code and the SHA-256 of the terms below by telephone.",
            );
            let (mantissa_bits, may_compare) = (asked.update_mantissa_bits, asked.overlap);
            let (digest, launcher, site) = (*digest, launcher.as_ref(), &request.site);
            let is_vouched_for = false;
            describe(
                &mut page,
                &Described {
                    manifest,
                    digest,
                    launcher,
                    is_vouched_for,
                    site,
                    mantissa_bits,
                    may_compare,
                    may_score: asked.own_scores,
                },
            );
            if launcher.is_some() {
                page.row(
                    "",
                    "Whether the consortium vouches for that operator, the site's agent has asked its authority; this \
                     machine cannot.",
                );
            }
        }
        (Subject::Policy(config), _) => policy_words::describe(&mut page, config),
        // A request is about what its subject is.
        (Subject::Run { .. }, Asked::Policy(_)) => {}
    }
    page.finish() + "\n"
}
