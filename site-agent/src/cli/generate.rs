//! `site-agent generate`: ask the model, with or without an adapter. Run by `cli`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use common::terminal::Out;
use model::generate::{Finish, Generated};
use sandbox::process::note_interrupts;
use serde_json::json;

use super::talking::{ChoiceArguments, ModelArguments};
use crate::alone::generate::{Conversation, Talker, lock};
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
    let talker = load(&arguments.model, &arguments.choice, arguments.system.clone())?;
    let mut conversation = talker.conversation()?;
    if let Some(prompt) = &arguments.prompt {
        return answer(&mut conversation, prompt, arguments.json).map(drop);
    }
    if io::stdin().is_terminal() {
        return talk(&mut conversation, arguments.json);
    }
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| SiteError::Pipe(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        conversation.begin_again();
        if answer(&mut conversation, &line, arguments.json)?.finish == Finish::Stopped {
            break;
        }
    }
    Ok(())
}

/// Takes the locks and loads the model.
pub(super) fn load(
    model: &ModelArguments,
    choice: &ChoiceArguments,
    system: Option<String>,
) -> Result<Talker, SiteError> {
    let (folder, adapter) = model.folders()?;
    lock(&folder, adapter.as_deref(), model.device, &model.allow_missing)?;
    let placement = model.device.into();
    Talker::load(&folder, adapter.as_deref(), &model.options(), placement, system, &choice.wishes())
}

/// One answer: its text as it comes, or one JSON object.
pub(super) fn answer(
    conversation: &mut Conversation<'_>,
    prompt: &str,
    json: bool,
) -> Result<Generated, SiteError> {
    // Only while it answers: at the prompt Ctrl-C ends the program as usual.
    note_interrupts().map_err(|source| SiteError::Internal(source.to_string()))?;
    let mut out = Out;
    let (mut text, mut broken) = (String::new(), None);
    let generated = conversation.answer(prompt, &mut |part| {
        text.push_str(part);
        if !json && broken.is_none() {
            broken = out.write_all(part.as_bytes()).and_then(|()| out.flush()).err();
        }
    })?;
    let last = if json {
        let line = json!({
            "prompt": prompt,
            "answer": text,
            "tokens": generated.tokens.len(),
            "finish": generated.finish,
            "tokens_per_s": generated.tokens_per_s(),
        });
        format!("{line}\n")
    } else {
        "\n".to_owned()
    };
    let written = broken.map_or_else(|| out.write_all(last.as_bytes()).and_then(|()| out.flush()), Err);
    written.map_err(|source| SiteError::io(Path::new("standard output"), source))?;
    eprintln!("{}", describe(&generated));
    Ok(generated)
}

fn describe(generated: &Generated) -> String {
    let end = match generated.finish {
        Finish::EndOfTurn => "ended by itself",
        Finish::MaxTokens => "cut at --max-tokens",
        Finish::ContextFull => "the model's context is full",
        Finish::Stopped => "stopped",
    };
    format!(
        "[{} tokens, {:.1} tokens/s; prompt: {} tokens in {:.2} s; {end}]",
        generated.tokens.len(),
        generated.tokens_per_s(),
        generated.prompt_tokens_computed,
        generated.prompt_ms as f64 / 1e3,
    )
}

/// A conversation at a terminal. A prompt that cannot be used is explained and can be asked in another way.
pub(super) fn talk(conversation: &mut Conversation<'_>, json: bool) -> Result<(), SiteError> {
    eprintln!("/new begins a new conversation, Ctrl-D ends.");
    let mut line = String::new();
    loop {
        eprint!("> ");
        line.clear();
        let count =
            io::stdin().lock().read_line(&mut line).map_err(|error| SiteError::Pipe(error.to_string()))?;
        match line.trim() {
            "" if count == 0 => {
                eprintln!();
                return Ok(());
            }
            "" => {}
            "/new" => conversation.begin_again(),
            prompt => match answer(conversation, prompt, json) {
                Ok(_) => {}
                Err(error @ SiteError::Data { .. }) => {
                    eprintln!("{error}");
                    if let Some(hint) = error.hint() {
                        eprintln!("hint: {hint}");
                    }
                }
                Err(error) => return Err(error),
            },
        }
    }
}
