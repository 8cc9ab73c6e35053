//! What answers keep and break of the rules of safety, for people. Used by `text` and `html`, and by
//! `site-agent rules`, so that all say the same. Invariants: rules that stop come first; that nobody stands
//! for the rules is said; a rule that is about no answer has no share.

use common::language::Language;
use common::progress::cut;
use common::terminal::visible;
use evaluation::compare::Share;
use evaluation::safety::{ArmSafety, Finding, RuleCount, SafetyReport, Severity, Stopped, SuiteSafety, Why};

use super::format::{interval, percent};
use super::words as w;
use crate::layout::{paragraph, table};

/// Columns of a rule's name.
const RULE_COLUMNS: usize = 21;
/// Columns of a model's name.
const MODEL_COLUMNS: usize = 10;
/// Characters of a hash.
const HASH_CHARACTERS: usize = 12;

/// The whole as a text.
#[must_use]
pub fn safety(report: &SafetyReport, language: Language) -> String {
    let mut text = head(report, language).iter().map(|line| paragraph(line, "")).collect::<String>();
    for suite in &report.suites {
        text += &format!("\n{}", paragraph(&visible(&suite.name), ""));
        for (title, rows) in tables(suite, language) {
            text += &paragraph(title, "  ");
            text += &table(&rows, 2);
        }
        text += &examples(suite, language).iter().map(|line| paragraph(line, "  ")).collect::<String>();
    }
    text + "\n"
}

/// What rules these are, and whether one that stops is broken.
pub(super) fn head(report: &SafetyReport, language: Language) -> Vec<String> {
    let short = |hash: &str| hash.get(..HASH_CHARACTERS).unwrap_or_default().to_owned();
    let nobody = || w::NOBODY.get(language).to_owned();
    let approved = report.approved_by.as_deref().map_or_else(nobody, visible);
    let mut lines =
        vec![w::SAFETY.with(language, &[&visible(&report.name), &short(&report.sha256), &approved])];
    lines.extend(
        report.tables.iter().map(|table| {
            w::PAIRS.with(language, &[&visible(&table.file), &table.pairs, &short(&table.sha256)])
        }),
    );
    let stopped = report.stopped();
    if !report.is_shown() {
        lines.push(w::STOP_NOT_SHOWN.get(language).to_owned());
    } else if stopped.is_empty() {
        lines.push(w::STOP_NONE.get(language).to_owned());
    }
    lines.extend(stopped.iter().map(|at| stop(at, language)));
    lines.push(w::SAFETY_LIMITS.get(language).to_owned());
    lines
}

fn stop(at: &Stopped<'_>, language: Language) -> String {
    let Share { count, of, .. } = at.rule.broken;
    w::STOP.with(language, &[&visible(at.suite), &visible(at.arm), &title(at.rule, language), &count, &of])
}

fn title(rule: &RuleCount, language: Language) -> String {
    let title = match language {
        Language::Zh => &rule.title.zh,
        Language::En => &rule.title.en,
    };
    format!("{} ({})", visible(title), visible(&rule.name))
}

/// The tables of a suite: rules that stop and rules that warn, each model under each rule.
pub(super) fn tables(suite: &SuiteSafety, language: Language) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let kinds = [(Severity::Stop, w::RULES_STOP), (Severity::Warn, w::RULES_WARN)];
    let table = |(severity, title): (Severity, common::language::Text)| {
        let rows = rows(suite, severity, language);
        (rows.len() > 1).then(|| (title.get(language), rows))
    };
    kinds.into_iter().filter_map(table).collect()
}

fn rows(suite: &SuiteSafety, severity: Severity, language: Language) -> Vec<Vec<String>> {
    let head = [w::RULE, w::MODEL, w::KEPT, w::BROKEN, w::SHARE, w::INTERVAL];
    let mut rows = vec![head.map(|word| word.get(language).to_owned()).to_vec()];
    for place in 0..suite.arms.first().map_or(0, |arm| arm.rules.len()) {
        let of_arm = |arm: &ArmSafety| {
            let rule = arm.rules.get(place).filter(|rule| rule.severity == severity)?;
            Some(row(&arm.name, rule, language))
        };
        rows.extend(suite.arms.iter().filter_map(of_arm));
    }
    rows
}

fn row(model: &str, rule: &RuleCount, language: Language) -> Vec<String> {
    let known = |cell: String| if rule.applied == 0 { String::new() } else { cell };
    let share =
        rule.below.map_or_else(|| percent(rule.broken.share), |below| format!("< {}", percent(below)));
    vec![
        cut(&visible(&rule.name), RULE_COLUMNS),
        cut(&visible(model), MODEL_COLUMNS),
        format!("{}/{}", rule.held, rule.applied),
        format!("{}/{}", rule.broken.count, rule.broken.of),
        known(share),
        known(interval(&rule.broken, language)),
    ]
}

/// Answers that break a rule, each with the sentence.
pub(super) fn examples(suite: &SuiteSafety, language: Language) -> Vec<String> {
    let arms = suite.arms.iter().flat_map(|arm| arm.rules.iter().map(move |rule| (arm, rule)));
    let all = arms.flat_map(|(arm, rule)| rule.examples.iter().map(move |example| (arm, rule, example)));
    let line = |(arm, rule, example): (&ArmSafety, &RuleCount, &evaluation::safety::Example)| {
        let findings: Vec<String> = example.findings.iter().map(|finding| why(finding, language)).collect();
        let (rule, arm, item) = (visible(&rule.name), visible(&arm.name), visible(&example.item));
        w::EXAMPLE.with(language, &[&rule, &arm, &item, &findings.join("; ")])
    };
    all.map(line).collect()
}

fn why(finding: &Finding, language: Language) -> String {
    let why = match &finding.why {
        Why::Missing => w::WHY_MISSING.get(language).to_owned(),
        Why::Unwanted { phrase } => w::WHY_UNWANTED.with(language, &[&visible(phrase)]),
        Why::Contraindicated { drug, with, reason, source } => {
            let [drug, with, reason, source] = [drug, with, reason, source].map(|text| visible(text));
            w::WHY_PAIR.with(language, &[&drug, &with, &reason, &source])
        }
        Why::Identifier { kind } => w::WHY_IDENTIFIER.with(language, &[kind]),
    };
    if finding.excerpt.is_empty() {
        return format!("{why} {}", w::NO_WORDS.get(language));
    }
    w::QUOTED.with(language, &[&why, &visible(&finding.excerpt)])
}
