//! Evaluation suites asked of a base model and of adapters beside it: prompts as tokens, likelihoods or
//! generated answers, and what these are by the suite's rule. Called by the commands that evaluate, at a site
//! and at the coordinator. Answers in words are in `suite/words.rs`.
//!
//! Invariants: every item has one outcome, in the order of the file; an item's outcome does not depend on the
//! one before; no error carries a word of an item.

mod teller;
mod words;

use std::path::{Path, PathBuf};

use evaluation::compare::{Arm, Measured};
use evaluation::judge::{self, Outcome};
use evaluation::limits::SHEET_ANSWERS_MAX;
use evaluation::prompt::continuations;
use evaluation::suite::Score;
use evaluation::{Item, Suite};
use model::generate::{GenerateSettings, Generator};
use model::{Adapter, BaseModel, Likelihoods, ModelError};

use self::teller::Teller;
use self::words::{Words, must_be_speakable};
use crate::error::PrepareError;

/// What the base is called.
pub const BASE: &str = "base";

/// How far an evaluation is.
pub struct Progress<'a> {
    /// The model that is asked.
    pub model: &'a str,
    /// The suite.
    pub suite: &'a str,
    /// Questions asked, over all models and suites.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// A base model, ready to be asked.
pub struct Asked<'a> {
    teller: Teller<'a>,
    keeps_answers: bool,
}

impl<'a> Asked<'a> {
    /// The model, with the tokenizer and the generation settings of its folder.
    ///
    /// # Errors
    /// `Model` when these cannot be read.
    pub fn new(base: &'a BaseModel, folder: &Path) -> Result<Self, PrepareError> {
        Ok(Self { teller: Teller::new(base, folder)?, keeps_answers: false })
    }

    /// Leaves answers in words with their outcomes, for people to read.
    #[must_use]
    pub fn keeping_answers(self) -> Self {
        Self { keeps_answers: true, ..self }
    }

    /// Asks the base every suite, then each adapter, which is loaded when it is its turn. `show` is called
    /// after each question. That every adapter fits and every item can be asked is found before the first
    /// one.
    ///
    /// # Errors
    /// `Suite` with the line of an item that holds the text of a special token or cannot be encoded; `Model`
    /// when an adapter cannot be loaded, does not fit or has diverged.
    pub fn all<T>(
        &self,
        suites: Vec<Suite>,
        adapters: &[(String, T)],
        load: &dyn Fn(&T) -> Result<Adapter, PrepareError>,
        show: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Measured>, PrepareError> {
        self.must_have_room(&suites, 1 + adapters.len() as u64)?;
        for (_, adapter) in adapters {
            Likelihoods::new(self.teller.base, Some(&load(adapter)?))?;
        }
        suites.iter().try_for_each(|suite| self.check(suite))?;
        let items = suites.iter().map(|suite| suite.items.len() as u64).sum::<u64>();
        let total = items * (1 + adapters.len() as u64);
        let mut measured: Vec<Measured> =
            suites.into_iter().map(|suite| Measured { suite, arms: Vec::new() }).collect();
        let named = adapters.iter().map(|(name, adapter)| (name.as_str(), Some(adapter)));
        let mut done = 0;
        for (name, adapter) in [(BASE, None)].into_iter().chain(named) {
            let adapter = adapter.map(load).transpose()?;
            for Measured { suite, arms } in &mut measured {
                let outcomes = self.outcomes(adapter.as_ref(), suite, &mut || {
                    done += 1;
                    show(&Progress { model: name, suite: &suite.settings.name, done, total });
                })?;
                arms.push(Arm { name: name.to_owned(), outcomes });
            }
        }
        Ok(measured)
    }

    /// Refuses more answers than a sheet has.
    fn must_have_room(&self, suites: &[Suite], models: u64) -> Result<(), PrepareError> {
        let words = suites.iter().filter(|suite| suite.settings.score.is_words());
        let answers = words.map(|suite| suite.items.len() as u64).sum::<u64>() * models;
        if !self.keeps_answers || answers <= SHEET_ANSWERS_MAX {
            return Ok(());
        }
        let reason =
            format!("a sheet of {answers} answers is more than people read; at most {SHEET_ANSWERS_MAX}");
        Err(ModelError::Setting { name: "sheet", reason }.into())
    }

    /// Whether every item of a suite can be asked: hours may lie before one that cannot.
    ///
    /// # Errors
    /// `Suite` with the line of an item that holds the text of a special token or cannot be encoded.
    pub fn check(&self, suite: &Suite) -> Result<(), PrepareError> {
        let ask =
            |item: &Item| self.must_be_askable(suite, item).map_err(|error| of_item(&error, suite, item));
        suite.items.iter().try_for_each(ask)
    }

    fn must_be_askable(&self, suite: &Suite, item: &Item) -> Result<(), ModelError> {
        if suite.settings.score.is_words() {
            return must_be_speakable(&self.teller, suite, item);
        }
        let prompt = self.teller.prompt(suite, item, 0)?;
        let settings = &suite.settings;
        match settings.score {
            Score::Letters | Score::Options => {
                let ways = continuations(item, settings.score, settings.chat);
                self.teller.tokenizer.encode_continuations(&prompt, &ways).map(drop)
            }
            _ => self.teller.tokenizer.encode_as_it_is(&prompt).map(drop),
        }
    }

    fn outcomes(
        &self,
        adapter: Option<&Adapter>,
        suite: &Suite,
        on_item: &mut dyn FnMut(),
    ) -> Result<Vec<Outcome>, PrepareError> {
        let mut asking = self.asking(adapter, suite)?;
        suite
            .items
            .iter()
            .map(|item| {
                let mut outcome = self.outcome(&mut asking, suite, item)?;
                if !self.keeps_answers {
                    outcome.answer = None;
                }
                on_item();
                Ok(outcome)
            })
            .collect()
    }

    fn asking<'b>(&'b self, adapter: Option<&Adapter>, suite: &Suite) -> Result<Asking<'b>, PrepareError> {
        Ok(match suite.settings.score {
            Score::Letters | Score::Options => {
                Asking::Likelihoods(Likelihoods::new(self.teller.base, adapter)?)
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
                let orders = if settings.permuted { item.options.len() } else { 1 };
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
