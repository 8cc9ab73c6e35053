//! Base model, each site alone, and what they trained together, as sentences: beside whom training together
//! is better, beside whom not. Called by `changes`; its words by the page and the terminal. Pure. Invariant:
//! a direction is a fact of an interval.

pub mod words;

use common::language::Language;
use evaluation::compare::Verdict;

use self::words as b;
use super::{format, words as w};
use crate::admin::report::baselines::{Model, Row, SetReport, SideBySide};
use crate::round::baseline::HeldOut;

/// Sites that are named in one sentence.
const NAMED: usize = 8;

/// What is said of each direction; all of the set that is said first.
pub(super) fn of(shown: &SideBySide, language: Language) -> Vec<(Verdict, String)> {
    let Some(set) = shown.decisive() else { return Vec::new() };
    let word = if shown.together.is_some() { b::TOGETHER } else { b::ALONE };
    let (name, questions) = (set_name(set.set, language), format::grouped(set.questions.unwrap_or_default()));
    let directions = [Verdict::Better, Verdict::Worse, Verdict::NotShown].into_iter();
    directions
        .filter_map(|wanted| {
            let named = entries(shown, set, wanted, language);
            (!named.is_empty())
                .then(|| (wanted, word.with(language, &[&questions, &name, &list(named, language)])))
        })
        .collect()
}

/// How many hospitals it is better than, in one sentence; nothing before something is measured.
pub(super) fn verdict(shown: &SideBySide, language: Language) -> Option<String> {
    let set = shown.decisive()?;
    let word = if shown.together.is_some() { b::VERDICT } else { b::VERDICT_BASE };
    let (name, questions) = (set_name(set.set, language), format::grouped(set.questions.unwrap_or_default()));
    let of = |wanted| entries(shown, set, wanted, language).len();
    let (better, worse) = (of(Verdict::Better), of(Verdict::Worse));
    let (measured, _) = shown.counts(set.set);
    Some(word.with(language, &[&questions, &name, &better, &measured, &worse]))
}

/// How far the model trained together is from one that was trained on all records in one pool.
pub(super) fn pooled(shown: &SideBySide, language: Language) -> Option<String> {
    let set = shown.decisive()?;
    let row = set.pooled()?;
    let Model::Pooled(site) = &row.model else { return None };
    let (change, [low, high]) = row.together_change.zip(row.together_change_interval)?;
    let word = match (high < 0.0, low > 0.0) {
        (true, _) => b::POOLED_BETTER,
        (_, true) => b::POOLED_WORSE,
        _ => b::POOLED_NOT_SHOWN,
    };
    let [change, low, high] = [change, low, high].map(format::signed_percent);
    let (name, questions) = (set_name(set.set, language), format::grouped(set.questions.unwrap_or_default()));
    Some(word.with(language, &[&questions, &name, site, &change, &low, &high]))
}

fn entries(shown: &SideBySide, set: &SetReport, wanted: Verdict, language: Language) -> Vec<String> {
    let entry = |row: &Row| {
        let Model::Alone(site) = &row.model else { return None };
        let (change, [low, high]) = if shown.together.is_some() {
            row.together_change.zip(row.together_change_interval)?
        } else {
            row.change.zip(row.change_interval)?
        };
        let verdict = match (high < 0.0, low > 0.0) {
            (true, _) => Verdict::Better,
            (_, true) => Verdict::Worse,
            _ => Verdict::NotShown,
        };
        let [change, low, high] = [change, low, high].map(format::signed_percent);
        (verdict == wanted).then(|| b::ENTRY.with(language, &[site, &change, &low, &high]))
    };
    set.rows.iter().filter_map(entry).collect()
}

fn list(mut entries: Vec<String>, language: Language) -> String {
    let more = entries.len().saturating_sub(NAMED);
    entries.truncate(NAMED);
    let joined = entries.join(if language == Language::Zh { "；" } else { "; " });
    if more == 0 { joined } else { b::AND_MORE.with(language, &[&joined, &more]) }
}

/// `test`.
pub(super) fn set_name(set: HeldOut, language: Language) -> &'static str {
    match set {
        HeldOut::Validation => w::VALIDATION.get(language),
        HeldOut::Test => w::TEST.get(language),
    }
}

/// What a row's model is called.
pub(super) fn model_name(model: &Model, language: Language) -> String {
    match model {
        Model::Base => w::BASE_MODEL.get(language).to_owned(),
        Model::Alone(site) => b::ALONE_AT.with(language, &[site]),
        Model::Pooled(site) => b::POOLED_AT.with(language, &[site]),
        Model::Round(round) => w::AFTER_ROUND.with(language, &[round]),
        Model::Together => w::FEDERATED.get(language).to_owned(),
    }
}

/// What each of them was trained for.
pub(super) fn lead(shown: &SideBySide, language: Language) -> String {
    match (&shown.together, &shown.work_together) {
        (Some(run), Some(work)) => b::LEAD.with(language, &[&shown.work_alone, work, &shown.run, run]),
        _ => b::LEAD_ALONE.with(language, &[&shown.work_alone]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn each_hospital_stands_in_the_direction_of_its_interval() {
        let mut shown = example::report().side_by_side.unwrap();
        let said = of(&shown, Language::En);
        let verdicts: Vec<Verdict> = said.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, [Verdict::Better, Verdict::NotShown]);
        assert!(said[0].1.contains("60 test questions"), "{said:?}");
        assert!(said[0].1.contains("cardiology -6.5 % (-9.1 % to -3.9 %)"), "{said:?}");
        assert!(said[1].1.contains("a<script>") && !said[0].1.contains("oncology"), "{said:?}");
        assert!(of(&shown, Language::Zh)[0].1.contains("60 道测试题"));
        assert_eq!(pooled(&shown, Language::En), None);
        let row = &mut shown.sets[1].rows[2];
        row.model = Model::Pooled("all".to_owned());
        let said = |shown: &SideBySide| pooled(shown, Language::En).unwrap();
        assert!(
            said(&shown).contains("says all has: loss beside it +0.2 % (-1.1 % to +1.5 %)"),
            "{}",
            said(&shown)
        );
        assert!(said(&shown).contains("cannot be told apart"), "{}", said(&shown));
        assert!(!of(&shown, Language::En).iter().any(|(_, said)| said.contains("all ")));
        shown.sets[1].rows[2].together_change_interval = Some([0.001, 0.015]);
        assert!(said(&shown).contains("surely worse"), "{}", said(&shown));
        shown.sets[1].rows[2].model = Model::Alone("a<script>".to_owned());
        shown.together = None;
        let said = of(&shown, Language::En);
        assert!(
            said[0].1.contains("beside the base model") && said[0].1.contains("a<script> -12.1 %"),
            "{said:?}"
        );
    }
}
