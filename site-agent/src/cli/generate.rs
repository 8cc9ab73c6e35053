//! `site-agent generate`: ask the model, with or without an adapter. Run by `cli`.

use std::io::{self, BufRead as _, IsTerminal as _};

use model::generate::Finish;

use super::asking::Asking;
use super::talking::{ChoiceArguments, ModelArguments};
use crate::error::SiteError;

const EXAMPLES: &str = "\
Examples:
  Talk with the base model (/new: new conversation, Ctrl-D: end):
    site-agent generate /srv/qwen2.5-0.5b

  The same question with and without what the consortium learnt:
    coordinator export RUN --format peft --out ./adapter
    site-agent generate /srv/qwen2.5-0.5b --prompt '什么是高血压？'
    site-agent generate /srv/qwen2.5-0.5b --adapter ./adapter \\
        --prompt '什么是高血压？'

  One prompt a line, answers as JSON lines:
    site-agent generate /srv/qwen2.5-0.5b --json < prompts.txt > answers.jsonl

The answer goes to standard output as it is made, the speed to standard error. Ctrl-C ends an answer; a second one ends
the program. Without the sampling options the model's generation_config.json decides; where it does not ask for sampling
the most likely token is taken, and the same prompt gives the same answer.";

/// Ask a local model, with or without an adapter.
///
/// Runs behind the worker's locks: no network, and no file but the model and the adapter can be opened.
/// Nothing of what is typed or answered is stored.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Answer this one prompt and end.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Instructions for the whole conversation.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    #[command(flatten)]
    choice: ChoiceArguments,
    /// Print one JSON object for each prompt instead of streaming.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let locked = arguments.model.lock(Vec::new())?;
    let talker = locked.load(&arguments.choice, arguments.system.clone())?;
    let mut asking = Asking::new(&talker, arguments.json)?;
    if let Some(prompt) = &arguments.prompt {
        return asking.answer(prompt).map(drop);
    }
    if io::stdin().is_terminal() {
        return asking.talk();
    }
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| SiteError::Pipe(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        asking.begin_again();
        if asking.answer(&line)?.finish == Finish::Stopped {
            break;
        }
    }
    Ok(())
}
