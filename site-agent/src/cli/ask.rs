//! `site-agent ask`: one question to the model, or a conversation. Run by `cli`. Invariant: what is asked and
//! answered is written nowhere but to this terminal.

use std::io::{self, IsTerminal as _, Read as _};

use super::asking::Asking;
use super::talking::{CheckArguments, ChoiceArguments, DocumentArguments, ModelArguments};
use crate::alone::checking::Checker;
use crate::alone::documents::Documents;
use crate::error::SiteError;
use crate::limits::QUESTION_BYTES_MAX;

const EXAMPLES: &str = "\
Examples:
  One question; the answer appears as it is made:
    site-agent ask /srv/qwen2.5-0.5b --adapter ./adapter '什么是高血压？'

  A question of several lines:
    site-agent ask /srv/qwen2.5-0.5b --adapter ./adapter < letter.txt

  A conversation (/new: new conversation, Ctrl-D: end):
    site-agent ask /srv/qwen2.5-0.5b --adapter ./adapter

  No answer that breaks a rule which the hospital's medical team wrote:
    site-agent ask /srv/qwen2.5-0.5b --rules safety/safety.toml '胸痛怎么办？'

  From the hospital's leaflets, with the sources behind the answer:
    site-agent ask /srv/qwen2.5-0.5b --documents ./leaflets '痛风怎么饮食？'

The answer goes to standard output, the speed to standard error. Ctrl-C ends an answer. `site-agent generate` takes a prompt a line \
instead, for scripts; `site-agent serve` lets an application ask. With \
--rules an answer is checked when it is whole, and not shown before.";

/// Ask the model one question, or talk with it.
///
/// Runs behind the worker's locks: no network, and no file but the model, the adapter, what the rules
/// name and the documents can be opened.
/// Nothing of what is asked or answered is stored.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// What to ask [default: all of standard input, or a conversation at a terminal].
    #[arg(value_name = "QUESTION")]
    question: Option<String>,
    /// Instructions for the whole conversation.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    #[command(flatten)]
    check: CheckArguments,
    #[command(flatten)]
    documents: DocumentArguments,
    #[command(flatten)]
    choice: ChoiceArguments,
    /// Print one JSON object for each question instead of streaming.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let talks = arguments.question.is_none() && io::stdin().is_terminal();
    let question = match &arguments.question {
        Some(question) => question.clone(),
        None if talks => String::new(),
        None => read()?,
    };
    if !talks && question.trim().is_empty() {
        return Err(SiteError::data("there is no question", "write it behind MODEL, or to standard input"));
    }
    let (rules, tables) = arguments.check.file()?;
    let wanted = arguments.documents.wanted()?;
    let folder = wanted.iter().map(|wanted| wanted.folder.clone());
    let locked = arguments.model.lock(tables.into_iter().chain(folder).collect())?;
    let open = |wanted| {
        eprintln!("reading the documents");
        Documents::open(wanted)
    };
    let documents = wanted.as_ref().map(open).transpose()?;
    documents.iter().flat_map(Documents::describe).for_each(|line| eprintln!("{line}"));
    let checker = rules.as_ref().map(Checker::open).transpose()?;
    if let Some(checker) = &checker {
        eprintln!("{}", checker.describe());
    }
    let talker = locked.load(&arguments.choice, arguments.system.clone())?;
    let mut asking = Asking::new(&talker, arguments.json)?.checked(checker).from(documents);
    if talks {
        return asking.talk();
    }
    asking.answer(question.trim_end()).map(drop)
}

/// All of standard input.
fn read() -> Result<String, SiteError> {
    let mut bytes = Vec::new();
    let mut input = io::stdin().lock().take(QUESTION_BYTES_MAX + 1);
    input.read_to_end(&mut bytes).map_err(|error| SiteError::Pipe(error.to_string()))?;
    if bytes.len() as u64 > QUESTION_BYTES_MAX {
        let sentence = format!("a question has at most {QUESTION_BYTES_MAX} bytes");
        return Err(SiteError::data(&sentence, "ask for a part of it"));
    }
    String::from_utf8(bytes)
        .map_err(|_| SiteError::data("the question is not UTF-8", "convert it, for instance with iconv"))
}
