//! How often each rule was kept and broken: by each model that answered a suite, or in a file of answers.
//! Called by the commands. Invariants: shares count cases, which are independent of each other, with Clopper
//! and Pearson's interval; a rule that was about no answer shows nothing, and says so; no question is quoted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answers::Answer;
use super::compiled::{Rules, Table};
use super::file::{Severity, Title};
use super::look::{Exchange, Finding, Outcome, Screen, look, masked};
use crate::compare::{Measured, Share};
use crate::limits::EXAMPLES_MAX;
use crate::statistics::no_event_bound;
use crate::suite::{Item, Speaker};

/// What the rules say of all answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SafetyReport {
    /// What the rules are called.
    pub name: String,
    /// SHA-256 of the rule file, in hex.
    pub sha256: String,
    /// Who stands for the rules, where somebody does.
    pub approved_by: Option<String>,
    /// The tables of what must not go together.
    pub tables: Vec<Table>,
    /// By suite; of a file of answers one.
    pub suites: Vec<SuiteSafety>,
}

/// One suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuiteSafety {
    /// Its name.
    pub name: String,
    /// By model, the base first.
    pub arms: Vec<ArmSafety>,
}

/// One model's answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmSafety {
    /// What the model is called.
    pub name: String,
    /// How many answers.
    pub answers: u64,
    /// How many cases they are of.
    pub cases: u64,
    /// By rule, in the order of the file.
    pub rules: Vec<RuleCount>,
}

/// How often one rule was kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleCount {
    /// The rule's name.
    pub name: String,
    /// What it says.
    pub title: Title,
    /// What it means when it is broken.
    pub severity: Severity,
    /// Answers that it is about.
    pub applied: u64,
    /// Answers of these that keep it.
    pub held: u64,
    /// Cases with an answer that breaks it, of the cases with one that it is about.
    pub broken: Share,
    /// Where there is none: the share is below this, one-sided with 95 %. Nothing where it is about none.
    pub below: Option<f64>,
    /// The first answers that break it.
    pub examples: Vec<Example>,
    /// Whether it asks for words: keeping a rule that only forbids some, or identifiers, shows nothing.
    #[serde(skip)]
    pub is_evidence: bool,
    /// Answers that it is about and that are not empty.
    #[serde(skip)]
    pub answered: u64,
}

/// An answer that breaks a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// The item: its id, else its line.
    pub item: String,
    /// In which ways.
    pub findings: Vec<Finding>,
}

/// A `stop` rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopped<'a> {
    /// In which suite.
    pub suite: &'a str,
    /// By which model.
    pub arm: &'a str,
    /// The rule.
    pub rule: &'a RuleCount,
}

impl SafetyReport {
    /// The `stop` rules that the models break that are compared with the base; where there are none, that the
    /// base breaks.
    #[must_use]
    pub fn stopped(&self) -> Vec<Stopped<'_>> {
        let broken = |at: &Stopped<'_>| at.rule.broken.count > 0;
        self.stops().into_iter().filter(broken).collect()
    }

    /// Whether every model that is compared was asked about something by a `stop` rule that asks for words,
    /// and none of these is [`Self::unshown`]: where not, nothing is shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        let evidence = |at: &Stopped<'_>| at.rule.is_evidence;
        self.stops().iter().any(evidence) && self.unshown().is_empty()
    }

    /// By model, the `stop` rules that ask for words and are about no answer of it that is not empty.
    #[must_use]
    pub fn unshown(&self) -> Vec<(&str, &str)> {
        let mut answered: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for at in self.stops().into_iter().filter(|at| at.rule.is_evidence) {
            *answered.entry((at.arm, at.rule.name.as_str())).or_default() += at.rule.answered;
        }
        answered.into_iter().filter_map(|(of, answers)| (answers == 0).then_some(of)).collect()
    }

    fn stops(&self) -> Vec<Stopped<'_>> {
        let judged = |suite: &SuiteSafety| if suite.arms.len() > 1 { 1 } else { 0 };
        let arms = self.suites.iter().flat_map(|suite| {
            suite.arms.iter().skip(judged(suite)).map(move |arm| (suite.name.as_str(), arm))
        });
        let rules = arms.flat_map(|(suite, arm)| {
            arm.rules.iter().map(move |rule| Stopped { suite, arm: &arm.name, rule })
        });
        rules.filter(|at| at.rule.severity == Severity::Stop).collect()
    }
}

/// Of what models answered: the suites with answers in words, whose answers were kept. Of a dialogue that a
/// model answered turn by turn the last answer.
#[must_use]
pub fn of_measured(rules: &Rules, measured: &[Measured], screen: Screen<'_>) -> SafetyReport {
    let words = measured.iter().filter(|one| one.suite.settings.score.is_words());
    let suites = words.map(|Measured { suite, arms }| {
        let questions: Vec<String> = suite.items.iter().map(asked).collect();
        let arms = arms.iter().map(|arm| {
            let answered = suite.items.iter().zip(&questions).zip(&arm.outcomes);
            let answers = answered.map(|((item, question), outcome)| {
                let answer = outcome.answer.as_deref().unwrap_or_default();
                let exchange = Exchange { question, answer, tongue: item.tongue() };
                (item.name(), item.case.as_deref(), exchange)
            });
            count(rules, &arm.name, answers, screen)
        });
        SuiteSafety { name: suite.settings.name.clone(), arms: arms.collect() }
    });
    report(rules, suites.collect())
}

/// Of a file of answers, which is called so.
#[must_use]
pub fn of_answers(rules: &Rules, name: &str, answers: &[Answer], screen: Screen<'_>) -> SafetyReport {
    // Two models' answers to one item are one case.
    let item = |answer: &Answer| masked(&answer.name, &screen(&answer.name));
    let all = answers.iter().map(|answer| (item(answer), Some(answer.name.as_str()), answer.exchange()));
    let arm = count(rules, "answers", all, screen);
    report(rules, vec![SuiteSafety { name: name.to_owned(), arms: vec![arm] }])
}

fn report(rules: &Rules, suites: Vec<SuiteSafety>) -> SafetyReport {
    SafetyReport {
        name: rules.name.clone(),
        sha256: rules.sha256.clone(),
        approved_by: rules.approved_by.clone(),
        tables: rules.tables.clone(),
        suites,
    }
}

/// All that the user said.
fn asked(item: &Item) -> String {
    if item.turns.is_empty() {
        return [item.context.as_str(), item.question.as_str()].join("\n").trim().to_owned();
    }
    let users = item.turns.iter().filter(|turn| turn.role == Speaker::User);
    users.map(|turn| turn.content.as_str()).collect::<Vec<_>>().join("\n")
}

/// What is counted of one rule: answers, and of each case whether one broke it.
#[derive(Default)]
struct Count {
    applied: u64,
    held: u64,
    answered: u64,
    cases: BTreeMap<String, bool>,
    examples: Vec<Example>,
}

fn count<'a>(
    rules: &Rules,
    name: &str,
    answers: impl Iterator<Item = (String, Option<&'a str>, Exchange<'a>)>,
    screen: Screen<'_>,
) -> ArmSafety {
    let mut counts: Vec<Count> = rules.rules.iter().map(|_| Count::default()).collect();
    let (mut all, mut cases) = (0, std::collections::BTreeSet::new());
    for (item, case, exchange) in answers {
        // An item without a case is one; its number is no case's name.
        let case = case.map_or_else(|| format!("\n{all}"), str::to_owned);
        all += 1;
        cases.insert(case.clone());
        for (count, outcome) in counts.iter_mut().zip(look(rules, exchange, screen)) {
            let findings = match outcome {
                Outcome::NotApplied => continue,
                Outcome::Held => None,
                Outcome::Broken(findings) => Some(findings),
            };
            count.applied += 1;
            count.answered += u64::from(!exchange.answer.trim().is_empty());
            *count.cases.entry(case.clone()).or_default() |= findings.is_some();
            match findings {
                None => count.held += 1,
                Some(findings) if count.examples.len() < EXAMPLES_MAX => {
                    count.examples.push(Example { item: item.clone(), findings });
                }
                Some(_) => {}
            }
        }
    }
    let rules = rules.rules.iter().zip(counts).map(|(rule, count)| {
        let of = count.cases.len() as u64;
        let broken = count.cases.values().filter(|is_broken| **is_broken).count() as u64;
        RuleCount {
            name: rule.name.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            applied: count.applied,
            held: count.held,
            broken: Share::exact(broken, of),
            below: (broken == 0 && of > 0).then(|| no_event_bound(of)),
            examples: count.examples,
            is_evidence: rule.is_evidence(),
            answered: count.answered,
        }
    });
    ArmSafety { name: name.to_owned(), answers: all, cases: cases.len() as u64, rules: rules.collect() }
}
