//! The layout `items`: JSON lines of ours, for test sets that a hospital writes itself. Read by `layout`.
//! Invariant: a key that is not known is refused, for here nobody but the author decides which there are.

use serde::Deserialize;

use super::super::item::Item;
use super::super::json::Pairs;
use super::super::settings::Settings;
use super::{Record, letters};

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
    answer: Answer,
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
        let answer = match self.answer {
            Answer::One(answer) => vec![answer],
            Answer::Several(answers) => answers,
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
                let names: Vec<String> =
                    (0..options.len()).map(|index| crate::prompt::letter(index).into()).collect();
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

/// The prompt writes A, B, C; other names would not be those that the answer means.
pub(super) fn in_order(names: &[String]) -> Result<(), String> {
    let is_order =
        names.iter().enumerate().all(|(index, name)| name.chars().eq([crate::prompt::letter(index)]));
    if is_order { Ok(()) } else { Err("its options are not named A, B, C and so on".to_owned()) }
}
