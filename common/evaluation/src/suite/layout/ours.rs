//! The layout `items`: JSON lines of ours, for test sets that a hospital writes itself. Called by `layout`.
//! Invariant: a key that is not known is refused, for here nobody but the author decides which there are.

use serde::Deserialize;

use super::super::item::{Item, Turn, letter};
use super::super::json::Pairs;
use super::super::rule::Tongue;
use super::super::score::Score;
use super::super::settings::Settings;
use super::record::{Record, in_order, letters};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ours {
    id: Option<String>,
    case: Option<String>,
    group: Option<String>,
    #[serde(default)]
    context: String,
    question: Option<String>,
    dialogue: Option<Vec<Turn>>,
    language: Option<Tongue>,
    options: Option<Options>,
    answer: Option<Answer>,
    wanted: Option<Vec<String>>,
    unwanted: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Options {
    List(Vec<String>),
    Named(Pairs<String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    One(String),
    Several(Vec<String>),
}

impl Record for Ours {
    fn item(self, settings: &Settings) -> Result<Item, String> {
        if settings.score.is_words() {
            return self.in_words(settings);
        }
        if self.dialogue.is_some() || self.language.is_some() {
            return Err("dialogue and language act on answers in words only".to_owned());
        }
        if self.wanted.is_some() || self.unwanted.is_some() {
            return Err("wanted and unwanted act with score = \"phrases\" only".to_owned());
        }
        let answer = match self.answer {
            Some(Answer::One(answer)) => vec![answer],
            Some(Answer::Several(answers)) => answers,
            None => return Err("it has no answer".to_owned()),
        };
        let Self { id, case, group, context, question, options, .. } = self;
        let question = question.unwrap_or_default();
        let (options, mut gold) = match (options, settings.answers.is_empty()) {
            (Some(_), false) => return Err("it has options, and so has the suite (answers)".to_owned()),
            (None, true) => return Err("it has no options, and the suite has no answers".to_owned()),
            (None, false) => {
                let place = |answer: &String| settings.answers.iter().position(|known| known == answer);
                let gold = answer.iter().map(place).collect::<Option<Vec<usize>>>();
                (settings.answers.clone(), gold.ok_or("its answer is none of the suite's answers")?)
            }
            (Some(Options::List(options)), true) => {
                let names: Vec<String> = (0..options.len()).map(|index| letter(index).into()).collect();
                let gold = letters(&answer.concat(), &names)?;
                (options, gold)
            }
            (Some(Options::Named(Pairs(pairs))), true) => {
                let (names, options): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
                in_order(&names)?;
                let gold = letters(&answer.concat(), &names)?;
                (options, gold)
            }
        };
        gold.sort_unstable();
        Ok(Item { id, case, group, context, question, options, gold, ..Item::default() })
    }
}

impl Ours {
    /// An item that is answered in words; what it does not say of its answer, the suite says.
    fn in_words(self, settings: &Settings) -> Result<Item, String> {
        let score = settings.score;
        if self.options.is_some() || (self.answer.is_some() && score != Score::Open) {
            return Err(
                "options do not act on answers in words, and answer only with score = \"open\"".to_owned()
            );
        }
        if (self.wanted.is_some() || self.unwanted.is_some()) && score != Score::Phrases {
            return Err("wanted and unwanted act with score = \"phrases\" only".to_owned());
        }
        let reference = match self.answer {
            Some(Answer::One(answer)) => answer,
            Some(Answer::Several(_)) => {
                return Err("its answer is a list; one reference is compared".to_owned());
            }
            None => String::new(),
        };
        let Self { id, case, group, context, question, dialogue, language, .. } = self;
        let wanted = self.wanted.unwrap_or_else(|| settings.wanted.clone());
        let unwanted = self.unwanted.unwrap_or_else(|| settings.unwanted.clone());
        Ok(Item {
            id,
            case,
            group,
            context,
            question: question.unwrap_or_default(),
            turns: dialogue.unwrap_or_default(),
            tongue: language,
            reference,
            wanted,
            unwanted,
            ..Item::default()
        })
    }
}
