//! Evaluation suites asked of a base model and of adapters beside it: prompts as tokens, likelihoods or
//! generated answers, and what these are by the suite's rule. Called by the commands that evaluate, at a site
//! and at the coordinator. Answers in words are in `suite/words.rs`.
//!
//! Invariants: every item has one outcome, in the order of the file; an item's outcome does not depend on the
//! one before; no error carries a word of an item.

mod resume;
mod shared;
mod teller;
#[cfg(test)]
mod tests;
mod words;

use std::path::{Path, PathBuf};

use evaluation::compare::{Arm, Measured};
use evaluation::judge::{self, Outcome};
use evaluation::limits::SHEET_ANSWERS_MAX;
use evaluation::prompt::{continuations, text};
use evaluation::suite::{Score, Settings};
use evaluation::{Item, Suite, SuiteError};
use model::generate::{GenerateSettings, Generator};
use model::{Adapter, BaseModel, Likelihoods, ModelError};

use self::resume::{Kept, Key, Resume};
use self::shared::SharedBeginning;
use self::teller::Teller;
use self::words::{Words, must_be_speakable};
use crate::error::PrepareError;

pub use self::resume::resume_file;

/// What the base is called.
pub const BASE: &str = "base";

/// How far an evaluation is.
pub struct Progress<'a> {
    /// The model that is asked.
    pub model: &'a str,
    /// The suite.
    pub suite: &'a str,
    /// Questions asked, over all models and suites, with those of an earlier, interrupted evaluation.
    pub done: u64,
    /// Those.
    pub known: u64,
    /// Of how many.
    pub total: u64,
}

/// A base model, ready to be asked.
pub struct Asked<'a> {
    teller: Teller<'a>,
    keeps_answers: bool,
    resume: Option<Kept>,
}

impl<'a> Asked<'a> {
    /// The model, with the tokenizer and the generation settings of its folder.
    ///
    /// # Errors
    /// `Model` when these cannot be read.
    pub fn new(base: &'a BaseModel, folder: &Path) -> Result<Self, PrepareError> {
        Ok(Self { teller: Teller::new(base, folder)?, keeps_answers: false, resume: None })
    }

    /// Leaves answers in words with their outcomes, for people to read and for rules of safety.
    #[must_use]
    pub fn keeping_answers(self) -> Self {
        Self { keeps_answers: true, ..self }
    }

    /// Notes each outcome in this file, which [`resume_file`] made or found, and takes from it those of an
    /// earlier evaluation of the same. One of another evaluation is refused, or, where `is_ours`, begun anew.
    #[must_use]
    pub fn resuming(self, file: Option<&Path>, is_ours: bool) -> Self {
        Self { resume: file.map(|path| Kept { path: path.to_path_buf(), is_ours }), ..self }
    }

    /// Asks the base every suite, then each adapter, which is loaded when it is its turn. `show` is called
    /// after each question, and before the first where some are known. That every adapter fits and every item
    /// can be asked is found before the first one.
    ///
    /// # Errors
    /// `Suite` with the line of an item that holds the text of a special token or cannot be encoded; `Model`
    /// when an adapter cannot be loaded, does not fit or has diverged; `Resume` when the file of outcomes is
    /// another evaluation's.
    pub fn all<T>(
        &self,
        suites: Vec<Suite>,
        adapters: &[(String, T)],
        load: &dyn Fn(&T) -> Result<Adapter, PrepareError>,
        show: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Measured>, PrepareError> {
        self.must_have_room(&suites, 1 + adapters.len() as u64)?;
        let mut key = self.key();
        for (_, adapter) in adapters {
            let adapter = load(adapter)?;
            Likelihoods::new(self.teller.base, Some(&adapter))?;
            if self.resume.is_some() {
                key.add(format!("{:?}", adapter.settings()).as_bytes());
                key.add(&adapter.to_safetensors()?);
            }
        }
        let shared =
            suites.iter().map(|suite| self.look_through(suite, &mut key)).collect::<Result<Vec<_>, _>>()?;
        let items = suites.iter().map(|suite| suite.items.len() as u64).sum::<u64>();
        let total = items * (1 + adapters.len() as u64);
        let mut resume = self.opened(&key, total)?;
        let known = resume.as_ref().map_or(0, Resume::known);
        let mut measured: Vec<Measured> =
            suites.into_iter().map(|suite| Measured { suite, arms: Vec::new() }).collect();
        let named = adapters.iter().map(|(name, adapter)| (name.as_str(), Some(adapter)));
        let mut done = known;
        if let Some(Measured { suite, .. }) = measured.first().filter(|_| known > 0) {
            show(&Progress { model: BASE, suite: &suite.settings.name, done, known, total });
        }
        for (name, adapter) in [(BASE, None)].into_iter().chain(named) {
            let adapter = adapter.map(load).transpose()?;
            for (Measured { suite, arms }, shared) in measured.iter_mut().zip(&shared) {
                let asking = self.asking(adapter.as_ref(), suite, shared)?;
                let outcomes = self.outcomes(asking, suite, &mut resume, &mut || {
                    done += 1;
                    show(&Progress { model: name, suite: &suite.settings.name, done, known, total });
                })?;
                arms.push(Arm { name: name.to_owned(), outcomes });
            }
        }
        Ok(measured)
    }

    /// The file of outcomes. One that this program named is a convenience: without it all is asked.
    fn opened(&self, key: &Key, total: u64) -> Result<Option<Resume>, PrepareError> {
        let Some(kept) = &self.resume else { return Ok(None) };
        match Resume::open(kept, key, total) {
            Err(error) if kept.is_ours => {
                tracing::warn!(%error, "an evaluation that is interrupted will begin anew");
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    /// Notes an outcome; what was known is used up by then.
    fn note(&self, resume: &mut Option<Resume>, outcome: &Outcome) -> Result<(), PrepareError> {
        match resume.as_mut().map(|resume| resume.note(outcome)) {
            Some(Err(error)) if self.resume.as_ref().is_some_and(|kept| kept.is_ours) => {
                tracing::warn!(%error, "an evaluation that is interrupted will begin anew");
                *resume = None;
                Ok(())
            }
            noted => noted.unwrap_or(Ok(())),
        }
    }

    /// Refuses more answers than are kept.
    fn must_have_room(&self, suites: &[Suite], models: u64) -> Result<(), PrepareError> {
        let words = suites.iter().filter(|suite| suite.settings.score.is_words());
        let answers = words.map(|suite| suite.items.len() as u64).sum::<u64>() * models;
        if !self.keeps_answers || answers <= SHEET_ANSWERS_MAX {
            return Ok(());
        }
        let reason = format!(
            "{answers} answers in words are more than are kept for a sheet or for rules; at most {SHEET_ANSWERS_MAX}"
        );
        Err(ModelError::Setting { name: "suite", reason }.into())
    }

    /// Whether every item of a suite can be asked: hours may lie before one that cannot.
    ///
    /// # Errors
    /// `Suite` with the line of an item that holds the text of a special token or cannot be encoded.
    pub fn check(&self, suite: &Suite) -> Result<(), PrepareError> {
        self.look_through(suite, &mut Key::new()).map(|_| ())
    }

    /// What outcomes depend on, but for adapters and suites.
    fn key(&self) -> Key {
        let mut key = Key::new();
        key.add(&self.teller.base.fingerprint());
        key.add(format!("{:?} {}", self.teller.base.placement(), self.keeps_answers).as_bytes());
        key
    }

    /// As [`Self::check`]; the key gets what its outcomes depend on. What all its contexts begin with.
    fn look_through(&self, suite: &Suite, key: &mut Key) -> Result<Vec<u32>, PrepareError> {
        let grades = suite.grades.as_ref().map(|grades| &grades.sha256);
        let examples = &suite.examples_sha256;
        let facts = (&suite.settings, &suite.records_sha256, grades, examples, self.teller.generation(suite));
        key.add(format!("{facts:?}").as_bytes());
        self.beginning_must_be_plain(suite)?;
        let mut shared = SharedBeginning::default();
        for item in &suite.items {
            let asked = self.must_be_askable(suite, item).map_err(|error| of_item(&error, suite, item))?;
            let tokens = asked.iter().flatten().flat_map(|token| token.to_le_bytes());
            key.add(&tokens.collect::<Vec<u8>>());
            shared.add(asked.first().map_or(&[], Vec::as_slice));
        }
        Ok(shared.tokens())
    }

    /// Whether description and examples can stand before a question; what is wrong with one of them is not
    /// the first question's fault.
    fn beginning_must_be_plain(&self, suite: &Suite) -> Result<(), PrepareError> {
        let settings = &suite.settings;
        let tokenizer = &self.teller.tokenizer;
        if let Some(description) = &settings.description {
            tokenizer.refuse_special(std::slice::from_ref(description), "a description").map_err(
                |error| {
                    let (path, line) = (suite.file.clone(), suite.description_line);
                    SuiteError::At { path, line, reason: error.to_string() }
                },
            )?;
        }
        for example in &suite.examples {
            let texts = [vec![text(settings.prompt, example, 0)], example.options.clone()].concat();
            tokenizer.refuse_special(&texts, "an example").map_err(|error| {
                let path = PathBuf::from(suite.examples_file());
                settings.layout.fault(&path, example.line, error.to_string())
            })?;
        }
        Ok(())
    }

    /// The tokens that it is asked with.
    fn must_be_askable(&self, suite: &Suite, item: &Item) -> Result<Vec<Vec<u32>>, ModelError> {
        if suite.settings.score.is_words() {
            return must_be_speakable(&self.teller, suite, item);
        }
        let prompt = self.teller.prompt(suite, item, 0)?;
        let settings = &suite.settings;
        match settings.score {
            Score::Letters | Score::Options => {
                let ways = continuations(item, settings.score, settings.chat);
                let (context, ways) = self.teller.tokenizer.encode_continuations(&prompt, &ways)?;
                if settings.has_beginning() {
                    self.must_fit(suite, item)?;
                }
                Ok(std::iter::once(context).chain(ways).collect())
            }
            _ => Ok(vec![self.teller.tokenizer.encode_as_it_is(&prompt)?]),
        }
    }

    /// A prompt that is too long loses its beginning: with a description or examples it would be another one.
    fn must_fit(&self, suite: &Suite, item: &Item) -> Result<(), ModelError> {
        let most = self.teller.base.config().max_position_embeddings;
        let texts = continuations(item, suite.settings.score, suite.settings.chat);
        for first in 0..self.orders(suite, item) {
            let prompt = self.teller.prompt(suite, item, first)?;
            let (context, ways) = self.teller.tokenizer.encode_continuations(&prompt, &texts)?;
            let tokens = context.len() + ways.iter().map(Vec::len).max().unwrap_or(0);
            // Of the last token nothing is computed.
            if tokens > most + 1 {
                let (behind, mend) = before(&suite.settings);
                let reason = format!(
                    "it has {tokens} tokens with its answer and {behind}; the model takes {most}: {mend}"
                );
                return Err(ModelError::Setting { name: "question", reason });
            }
        }
        Ok(())
    }

    /// In how many orders its options are asked.
    fn orders(&self, suite: &Suite, item: &Item) -> usize {
        if suite.settings.permuted { item.options.len() } else { 1 }
    }

    fn outcomes(
        &self,
        mut asking: Asking<'_>,
        suite: &Suite,
        resume: &mut Option<Resume>,
        on_item: &mut dyn FnMut(),
    ) -> Result<Vec<Outcome>, PrepareError> {
        suite
            .items
            .iter()
            .map(|item| {
                if let Some(outcome) = resume.as_mut().and_then(Resume::take) {
                    return Ok(outcome);
                }
                let mut outcome = self.outcome(&mut asking, suite, item)?;
                if !self.keeps_answers {
                    outcome.answer = None;
                }
                self.note(resume, &outcome)?;
                on_item();
                Ok(outcome)
            })
            .collect()
    }

    fn asking<'b>(
        &'b self,
        adapter: Option<&Adapter>,
        suite: &Suite,
        shared: &[u32],
    ) -> Result<Asking<'b>, PrepareError> {
        Ok(match suite.settings.score {
            Score::Letters | Score::Options => {
                let mut likelihoods = Likelihoods::new(self.teller.base, adapter)?;
                likelihoods.share(shared.to_vec())?;
                Asking::Likelihoods(likelihoods)
            }
            Score::Generated => {
                Asking::Generated(Generator::new(self.teller.base, adapter)?, self.teller.generation(suite))
            }
            Score::Open | Score::Phrases | Score::Structured | Score::Rubric => {
                let likelihoods = (suite.settings.score == Score::Open)
                    .then(|| Likelihoods::new(self.teller.base, adapter))
                    .transpose()?;
                let (generator, settings) =
                    (Generator::new(self.teller.base, adapter)?, self.teller.generation(suite));
                Asking::Words(Words { generator, settings, likelihoods })
            }
        })
    }

    fn outcome(&self, asking: &mut Asking<'_>, suite: &Suite, item: &Item) -> Result<Outcome, PrepareError> {
        let settings = &suite.settings;
        match asking {
            Asking::Likelihoods(likelihoods) => {
                let orders = self.orders(suite, item);
                let (mut each, mut cut) = (Vec::with_capacity(orders), false);
                let ways = continuations(item, settings.score, settings.chat);
                for first in 0..orders {
                    let prompt = self.teller.prompt(suite, item, first)?;
                    let (context, ways) = self.teller.tokenizer.encode_continuations(&prompt, &ways)?;
                    let likely = likelihoods.score(&context, &ways)?;
                    cut |= likely.cut;
                    each.push(likely.log_likelihoods);
                }
                Ok(Outcome { cut, ..judge::by_likelihood(item, settings.score, &each) })
            }
            Asking::Generated(generator, generation) => {
                let prompt = self.teller.prompt(suite, item, 0)?;
                let (answer, cut) = self.teller.generated(generator, generation, &prompt)?;
                Ok(Outcome { cut, ..judge::by_text(item, &answer) })
            }
            Asking::Words(words) => {
                let (spoken, cut) = words.speak(&self.teller, suite, item)?;
                Ok(Outcome { cut, ..judge::by_words(suite, item, &spoken) })
            }
        }
    }
}

/// What stands before every question of a suite, and what makes it shorter.
fn before(settings: &Settings) -> (String, &'static str) {
    let examples = match settings.shots.count {
        1 => "1 example".to_owned(),
        shots => format!("{shots} examples"),
    };
    match (settings.shots.count, &settings.description) {
        (0, _) => ("the description".to_owned(), "shorten the description"),
        (_, None) => (examples, "lower shots"),
        (_, Some(_)) => (format!("the description and {examples}"), "lower shots or shorten the description"),
    }
}

/// What an item is asked with.
enum Asking<'a> {
    Likelihoods(Likelihoods<'a>),
    Generated(Generator<'a>, GenerateSettings),
    Words(Words<'a>),
}

/// An item that cannot be asked is named by its line.
fn of_item(error: &ModelError, suite: &Suite, item: &Item) -> PrepareError {
    let path = PathBuf::from(&suite.settings.records);
    PrepareError::Suite(suite.settings.layout.fault(&path, item.line, error.to_string()))
}
