//! The layout `items`: JSON lines of ours, for test sets that a hospital writes itself. Called by `layout`.
//! Invariant: a key that is not known is refused, for here nobody but the author decides which there are.

use serde::Deserialize;

use super::super::item::{Item, letter};
use super::super::json::Pairs;
use super::super::settings::{Score, Settings};
use super::record::{Record, in_order, letters};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ours {
    id: Option<String>,
    case: Option<String>,
    group: Option<String>,
    #[serde(default)]
    context: String,
    question: String,
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
        if settings.score == Score::Phrases {
            return self.in_words(settings);
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
        if self.options.is_some() || self.answer.is_some() {
            return Err("options and answer do not act with score = \"phrases\"".to_owned());
        }
        let Self { id, case, group, context, question, .. } = self;
        let wanted = self.wanted.unwrap_or_else(|| settings.wanted.clone());
        let unwanted = self.unwanted.unwrap_or_else(|| settings.unwanted.clone());
        Ok(Item { id, case, group, context, question, wanted, unwanted, ..Item::default() })
    }
}
