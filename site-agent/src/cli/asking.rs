//! Questions to a model at a terminal, and their answers: text as it comes, or a JSON object each. Used by
//! `generate` and `ask`. Invariants: with rules nothing of an answer is shown before the whole of it is
//! checked, and the conversation goes on from what was shown; what is asked and answered is written nowhere
//! but to standard output.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;

use common::terminal::{Out, visible};
use model::generate::{Finish, Generated};
use sandbox::process::note_interrupts;
use serde_json::{Value, json};

use crate::alone::checking::{Broken, Checker, Verdict};
use crate::alone::generate::{Conversation, Talker};
use crate::error::SiteError;

/// A conversation, and how its answers are shown.
pub(super) struct Asking<'a> {
    conversation: Conversation<'a>,
    checker: Option<Checker>,
    as_json: bool,
}

impl<'a> Asking<'a> {
    /// A conversation that begins, whose answers nothing checks.
    pub(super) fn new(talker: &'a Talker, as_json: bool) -> Result<Self, SiteError> {
        Ok(Self { conversation: talker.conversation()?, checker: None, as_json })
    }

    /// Its answers are checked by these, if any.
    pub(super) fn checked(self, checker: Option<Checker>) -> Self {
        Self { checker, ..self }
    }

    /// Forgets all turns.
    pub(super) fn begin_again(&mut self) {
        self.conversation.begin_again();
    }

    /// One answer.
    pub(super) fn answer(&mut self, prompt: &str) -> Result<Generated, SiteError> {
        // Only while it answers: at the prompt Ctrl-C ends the program as usual.
        note_interrupts().map_err(|source| SiteError::Internal(source.to_string()))?;
        let is_held = self.as_json || self.checker.is_some();
        let (mut text, mut shown) = (String::new(), Shown::default());
        let generated = self.conversation.answer(prompt, &mut |part| {
            text.push_str(part);
            if !is_held {
                shown.write(part);
            }
        })?;
        let verdict = self.checker.as_ref().map(|checker| checker.verdict(&self.conversation.asked(), &text));
        if let Some(Verdict::Withheld(_, sentence)) = &verdict {
            self.conversation.amend(sentence);
            text.clone_from(sentence);
        }
        if self.as_json {
            let mut line = json!({
                "prompt": prompt,
                "answer": text,
                "tokens": generated.tokens.len(),
                "finish": generated.finish,
                "tokens_per_s": generated.tokens_per_s(),
            });
            if let Some(verdict) = &verdict {
                line["withheld"] = Value::Bool(verdict.is_withheld());
                line["rules"] = json!(verdict.broken());
            }
            shown.write(&line.to_string());
        } else if is_held {
            shown.write(&text);
        }
        shown.write("\n");
        shown.end()?;
        eprintln!("{}", describe(&generated));
        if let Some(broken) = verdict.as_ref().map(Verdict::broken).filter(|broken| !broken.is_empty()) {
            eprintln!("[the model's answer breaks: {}]", names(broken));
        }
        Ok(generated)
    }

    /// A conversation at a terminal. A prompt that cannot be used is explained and can be asked in another
    /// way.
    pub(super) fn talk(&mut self) -> Result<(), SiteError> {
        eprintln!("/new begins a new conversation, Ctrl-D ends.");
        let mut line = String::new();
        loop {
            eprint!("> ");
            line.clear();
            let read = io::stdin().lock().read_line(&mut line);
            let count = read.map_err(|error| SiteError::Pipe(error.to_string()))?;
            match line.trim() {
                "" if count == 0 => {
                    eprintln!();
                    return Ok(());
                }
                "" => {}
                "/new" => self.begin_again(),
                prompt => match self.answer(prompt) {
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
}

/// The rules by name, each with what it means.
pub(super) fn names(broken: &[Broken]) -> String {
    broken.iter().map(|one| visible(&one.rule)).collect::<Vec<_>>().join(", ")
}

/// Standard output; after a first fault nothing more is written.
#[derive(Default)]
struct Shown {
    broken: Option<io::Error>,
}

impl Shown {
    fn write(&mut self, part: &str) {
        if self.broken.is_none() {
            let mut out = Out;
            self.broken = out.write_all(part.as_bytes()).and_then(|()| out.flush()).err();
        }
    }

    fn end(self) -> Result<(), SiteError> {
        self.broken.map_or(Ok(()), |source| Err(SiteError::io(Path::new("standard output"), source)))
    }
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
