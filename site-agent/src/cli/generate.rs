//! `site-agent generate`: ask the model, with or without an adapter. Run by `cli`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use common::terminal::Out;
use model::generate::{Finish, Generated};
use model::{Compute, Device, LoadOptions, WeightFormat};
use sandbox::Lock;
use sandbox::process::note_interrupts;
use serde_json::json;

use super::support::model_folder;
use crate::alone::generate::{Conversation, Talker, Wishes, lock};
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
    /// Folder of the base model (Hugging Face layout, with tokenizer and chat template).
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Folder of an adapter in PEFT's layout, as `coordinator export --format peft` writes it.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Answer this one prompt and end.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Instructions for the whole conversation.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// 0 takes the most likely token; higher is more varied.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Choose among the most likely tokens that together have this probability.
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Choose among this many most likely tokens; 0 for all.
    #[arg(long, value_name = "COUNT")]
    top_k: Option<usize>,
    /// Above 1 makes tokens less likely that have occurred already.
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    repetition_penalty: Option<f64>,
    /// Longest answer in tokens.
    #[arg(long, value_name = "COUNT", default_value_t = 512)]
    max_tokens: usize,
    /// The same seed gives the same choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How the base model's linears are held: nf4 (a seventh of the memory) or f32.
    #[arg(long, value_parser = ["nf4", "f32"], default_value = "nf4")]
    weights: String,
    /// Precision of the matrix products.
    #[arg(long, value_parser = ["bf16", "f32"], default_value = "bf16")]
    compute: String,
    /// Where to compute: cpu, cuda or cuda:N.
    #[arg(long, default_value_t = Device::Cpu)]
    device: Device,
    /// Print one JSON object for each prompt instead of streaming.
    #[arg(long)]
    json: bool,
    /// Go on without this lock: landlock, seccomp, core-dumps or descriptors; may be repeated.
    #[arg(long = "allow-missing", value_name = "LOCK")]
    allow_missing: Vec<Lock>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let model = model_folder(&arguments.model)?;
    let adapter = arguments.adapter.as_deref().map(model_folder).transpose()?;
    lock(&model, adapter.as_deref(), arguments.device, &arguments.allow_missing)?;
    let options = LoadOptions {
        weights: if arguments.weights == "f32" { WeightFormat::F32 } else { WeightFormat::Nf4 },
        compute: if arguments.compute == "f32" { Compute::F32 } else { Compute::Bf16 },
    };
    let wishes = Wishes {
        temperature: arguments.temperature,
        top_p: arguments.top_p,
        top_k: arguments.top_k,
        repetition_penalty: arguments.repetition_penalty,
        max_tokens: Some(arguments.max_tokens),
        seed: arguments.seed,
    };
    let system = arguments.system.clone();
    let talker =
        Talker::load(&model, adapter.as_deref(), &options, arguments.device.into(), system, &wishes)?;
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

/// One answer: its text as it comes, or one JSON object.
fn answer(conversation: &mut Conversation<'_>, prompt: &str, json: bool) -> Result<Generated, SiteError> {
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
fn talk(conversation: &mut Conversation<'_>, json: bool) -> Result<(), SiteError> {
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
