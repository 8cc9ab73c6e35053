//! Records as MedQA, MedMCQA, PubMedQA and CMB publish them. Called by `layout`. Sources: jind11/MedQA
//! (`questions/US/4_options`, `questions/Mainland`), medmcqa/medmcqa (`dev.json`), pubmedqa/pubmedqa
//! (`data/ori_pqal.json`), FreedomIntelligence/CMB (`CMB-Exam`).

use std::path::Path;

use serde::Deserialize;

use super::super::item::{Exam, Item};
use super::super::json::Pairs;
use super::super::settings::Settings;
use super::record::{Record, in_order, json_reason, letters};
use crate::error::SuiteError;
use crate::limits::ITEMS_MAX;

#[derive(Debug, Deserialize)]
pub(super) struct Medqa {
    question: String,
    options: Pairs<String>,
    answer: String,
    answer_idx: String,
}

impl Record for Medqa {
    fn item(self, _settings: &Settings) -> Result<Item, String> {
        let (names, options): (Vec<String>, Vec<String>) = self.options.0.into_iter().unzip();
        in_order(&names)?;
        let gold = letters(&self.answer_idx, &names)?;
        // Copies exist whose options were shuffled without their letter.
        if gold.len() != 1 || options[gold[0]] != self.answer {
            return Err("answer is not the option that answer_idx names".to_owned());
        }
        Ok(Item { question: self.question, options, gold, ..Item::default() })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Medmcqa {
    id: String,
    question: String,
    opa: String,
    opb: String,
    opc: String,
    opd: String,
    cop: Option<u64>,
    subject_name: Option<String>,
}

impl Record for Medmcqa {
    fn item(self, _settings: &Settings) -> Result<Item, String> {
        let place = match self.cop {
            Some(place @ 1..=4) => place as usize - 1,
            Some(0) => {
                return Err("cop is 0: its owners count from 1; this copy counts in another way".to_owned());
            }
            Some(_) => return Err("cop is not from 1 to 4".to_owned()),
            None => return Err("it has no answer (cop), as the items of the test part".to_owned()),
        };
        let options = vec![self.opa, self.opb, self.opc, self.opd];
        let group = self.subject_name.filter(|name| !name.is_empty());
        Ok(Item {
            id: Some(self.id),
            group,
            question: self.question,
            options,
            gold: vec![place],
            ..Item::default()
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Cmb {
    exam_type: String,
    exam_class: String,
    question_type: String,
    question: String,
    option: Pairs<String>,
    answer: Option<String>,
}

impl Record for Cmb {
    fn item(self, _settings: &Settings) -> Result<Item, String> {
        let pairs = self.option.0;
        let (names, mut options): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
        in_order(&names)?;
        let gold = letters(&self.answer.ok_or("it has no answer, as the items of the test part")?, &names)?;
        // A fifth option is left empty where there are four.
        while options.last().is_some_and(|option| option.is_empty()) {
            options.pop();
        }
        let exam = Exam { kind: self.exam_type, class: self.exam_class, question: self.question_type };
        let group = Some(exam.class.clone()).filter(|name| !name.is_empty());
        Ok(Item { group, question: self.question, options, gold, exam, ..Item::default() })
    }
}

#[derive(Debug, Deserialize)]
struct Pubmedqa {
    #[serde(rename = "QUESTION")]
    question: String,
    #[serde(rename = "CONTEXTS")]
    contexts: Vec<String>,
    final_decision: String,
}

/// One object of all articles, by their number.
pub(super) fn pubmedqa(path: &Path, text: &str, settings: &Settings) -> Result<Vec<Item>, SuiteError> {
    let Pairs(articles): Pairs<Pubmedqa> = serde_json::from_str(text)
        .map_err(|error| SuiteError::at(path, error.line() as u64, json_reason(&error)))?;
    let one = |(line, (id, article)): (u64, (String, Pubmedqa))| {
        let place = settings.answers.iter().position(|answer| *answer == article.final_decision);
        let gold = place
            .ok_or_else(|| settings.layout.fault(path, line, "final_decision is not yes, no or maybe"))?;
        Ok(Item {
            line,
            id: Some(id),
            context: article.contexts.join("\n"),
            question: article.question,
            options: settings.answers.clone(),
            gold: vec![gold],
            ..Item::default()
        })
    };
    (1..).zip(articles.into_iter().take(ITEMS_MAX + 1)).map(one).collect()
}
