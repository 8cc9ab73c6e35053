//! Questions to a model at a terminal, and their answers: text as it comes, or a JSON object each. Used by
//! `generate` and `ask`. Invariants: with rules nothing of an answer is shown before the whole of it is
//! checked, and the conversation goes on from what was shown; what is asked and answered is written nowhere
//! but to standard output.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;

use common::terminal::{Out, visible};
use model::generate::{Finish, Generated};
use retrieval::{Cited, Model, Sources};
use sandbox::process::note_interrupts;
use serde_json::{Value, json};

use crate::alone::checking::{Broken, Checker, Verdict};
use crate::alone::documents::{Documents, cited, fields};
use crate::alone::generate::{Conversation, Talker};
use crate::error::SiteError;

/// A conversation, and how its answers are shown.
pub(super) struct Asking<'a> {
    conversation: Conversation<'a>,
    checker: Option<Checker>,
    documents: Option<Documents>,
    as_json: bool,
}

impl<'a> Asking<'a> {
    /// A conversation that begins, whose answers nothing checks.
    pub(super) fn new(talker: &'a Talker, as_json: bool) -> Result<Self, SiteError> {
        Ok(Self { conversation: talker.conversation()?, checker: None, documents: None, as_json })
    }

    /// Its answers are checked by these, if any.
    pub(super) fn checked(self, checker: Option<Checker>) -> Self {
        Self { checker, ..self }
    }

    /// They are made from these, if any.
    pub(super) fn from(self, documents: Option<Documents>) -> Self {
        Self { documents, ..self }
    }

    /// Forgets all turns.
    pub(super) fn begin_again(&mut self) {
        self.conversation.begin_again();
    }

    /// One answer.
    pub(super) fn answer(&mut self, prompt: &str) -> Result<Generated, SiteError> {
        // Only while it answers: at the prompt Ctrl-C ends the program as usual.
        note_interrupts().map_err(|source| SiteError::Internal(source.to_string()))?;
        let Self { conversation, checker, documents, as_json } = self;
        let sources = documents.as_ref().map(|documents| found(documents, prompt, conversation));
        let asked = sources.as_ref().map_or_else(|| prompt.to_owned(), |sources| sources.prompt.clone());
        let is_held = *as_json || checker.is_some();
        let (mut text, mut shown) = (String::new(), Shown::default());
        let generated = conversation.answer(&asked, &mut |part| {
            text.push_str(part);
            if !is_held {
                shown.write(part);
            }
        })?;
        conversation.amend(prompt, &text);
        let verdict = checker.as_ref().map(|checker| checker.verdict(&conversation.asked(), &text));
        if let Some(Verdict::Withheld(_, sentence)) = &verdict {
            text.clone_from(sentence);
            conversation.amend(prompt, sentence);
        }
        // What was withheld has no source.
        let is_shown = verdict.as_ref().is_none_or(|verdict| !verdict.is_withheld());
        let cite = |sources| cited(sources, &text, &conversation.asked(), checker.as_ref());
        let cited = sources.as_ref().filter(|_| is_shown).map(cite);
        let note = cited.as_ref().map_or("", |cited| cited.note.as_str());
        if *as_json {
            let document = document(prompt, &format!("{text}{note}"), &generated);
            shown.write(&with(document, verdict.as_ref(), cited.as_ref()).to_string());
        } else {
            shown.write(if is_held { &text } else { "" });
            shown.write(note);
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

/// What a question is asked with in a conversation.
fn found<'a>(documents: &'a Documents, question: &str, conversation: &Conversation<'_>) -> Sources<'a> {
    let is_plain = |text: &str| conversation.talker().is_plain(text);
    let has_room = |prompt: &str| conversation.has_room(prompt);
    documents.sources(question, &Model { is_plain: &is_plain, has_room: &has_room })
}

fn document(prompt: &str, answer: &str, generated: &Generated) -> Value {
    json!({
        "prompt": prompt,
        "answer": answer,
        "tokens": generated.tokens.len(),
        "finish": generated.finish,
        "tokens_per_s": generated.tokens_per_s(),
    })
}

/// The document with what rules and sources say of the answer, where there are some.
fn with(mut document: Value, verdict: Option<&Verdict>, cited: Option<&Cited>) -> Value {
    if let Some(verdict) = verdict {
        document["withheld"] = Value::Bool(verdict.is_withheld());
        document["rules"] = json!(verdict.broken());
    }
    for (name, value) in cited.into_iter().flat_map(fields) {
        document[name] = value;
    }
    document
}

/// The rules by name.
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
