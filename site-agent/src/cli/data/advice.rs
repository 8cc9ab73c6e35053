//! The adviser's numbers in words: what was measured, what the reference wants, what to do next. Called by
//! `cli::data::summary`. Pure.

use common::page::grouped;
use data::advice::{
    ALPACA_PERCENT, ANSWER_CHARACTERS, Advice, DEPARTMENT_LEAST, DIALOGUE_TURNS, LOPSIDED,
    QUESTION_CHARACTERS, of,
};
use data::room::Inspection;
use data::split::Side;

use crate::data_report::summary::AdviceRow;
use crate::language::Language;
use crate::language::advice as w;
use crate::language::text as t;

/// A row for each piece of advice: what the room's inspection says, and `more` that was measured.
pub(super) fn rows(inspection: &Inspection, more: &[Advice], language: Language) -> Vec<AdviceRow> {
    of(inspection).iter().chain(more).map(|advice| row(advice, language)).collect()
}

fn row(advice: &Advice, language: Language) -> AdviceRow {
    let is_met = advice.is_met();
    let next = if is_met { w::NOTHING } else { next(advice) };
    AdviceRow {
        is_met,
        measured: measured(advice, language),
        wanted: wanted(advice, language),
        next: next.get(language).to_owned(),
    }
}

/// `12 of 775 (1.5 %)`, as the two words of a sentence.
fn share(part: u64, all: u64) -> [String; 2] {
    let percent = 100.0 * part as f64 / all.max(1) as f64;
    [grouped(part), format!("{} ({percent:.1} %)", grouped(all))]
}

fn measured(advice: &Advice, language: Language) -> String {
    let part = |part: &Side| match part {
        Side::Train => t::PART_TRAIN.get(language),
        Side::Validation => t::PART_VALIDATION.get(language),
        Side::Test => t::PART_TEST.get(language),
    };
    let of = |word: w::Word, some: u64, all: u64| {
        let [some, all] = share(some, all);
        word.with(language, &[&some, &all])
    };
    match advice {
        Advice::Amount { records, .. } => w::AMOUNT.with(language, &[&grouped(*records)]),
        Advice::Department { name, records, .. } => w::DEPARTMENT.with(language, &[name, &grouped(*records)]),
        Advice::SmallDepartments { departments, of } => {
            w::SMALL.with(language, &[&grouped(*departments), &grouped(*of), &DEPARTMENT_LEAST])
        }
        Advice::Balance { largest, smallest } => {
            w::BALANCE.with(language, &[&grouped(*largest), &grouped(*smallest)])
        }
        Advice::Questions { over, of: all } => of(w::QUESTIONS, *over, *all),
        Advice::Answers { over, of: all } => of(w::ANSWERS, *over, *all),
        Advice::Dialogues { outside, of: all } => of(w::DIALOGUES, *outside, *all),
        Advice::Mix { alpaca, share_gpt } => {
            let percent = 100.0 * *alpaca as f64 / (alpaca + share_gpt).max(1) as f64;
            let percents = [percent, 100.0 - percent].map(|percent| format!("{percent:.0}"));
            w::MIX.with(language, &[&grouped(*alpaca), &grouped(*share_gpt), &percents[0], &percents[1]])
        }
        Advice::LengthDrift { part: side, records, distance, p } => {
            let distance = format!("{distance:.3}");
            w::LENGTH_DRIFT
                .with(language, &[&part(side), &grouped(*records), &distance, &chance(*p, language)])
        }
        Advice::LossDrift { part: side, records, train_nats, nats, distance, p } => {
            let [nats, train, distance] = [nats, train_nats, distance].map(|value| format!("{value:.3}"));
            let chance = chance(*p, language);
            w::LOSS_DRIFT
                .with(language, &[&part(side), &grouped(*records), &nats, &train, &distance, &chance])
        }
        Advice::DepartmentDrift { part: side, records, chi_square, degrees, p } => {
            let statistic = format!("{chi_square:.2}");
            let chance = chance(*p, language);
            w::DEPARTMENT_DRIFT
                .with(language, &[&part(side), &grouped(*records), &statistic, degrees, &chance])
        }
    }
}

/// How often chance alone does that.
fn chance(p: f64, language: Language) -> String {
    if p < 0.0001 {
        return w::CHANCE_TINY.get(language).to_owned();
    }
    w::CHANCE.with(language, &[&format!("{:.2}", 100.0 * p)])
}

fn wanted(advice: &Advice, language: Language) -> String {
    match advice {
        Advice::Amount { least, most, .. } | Advice::Department { least, most, .. } => {
            w::WANT_AMOUNT.with(language, &[&grouped(*least), &grouped(*most)])
        }
        Advice::SmallDepartments { .. } => w::WANT_SMALL.with(language, &[&DEPARTMENT_LEAST]),
        Advice::Balance { .. } => w::WANT_BALANCE.with(language, &[&LOPSIDED]),
        Advice::Questions { .. } => w::WANT_UNDER.with(language, &[&grouped(QUESTION_CHARACTERS.into())]),
        Advice::Answers { .. } => w::WANT_UNDER.with(language, &[&grouped(ANSWER_CHARACTERS.into())]),
        Advice::Dialogues { .. } => w::WANT_TURNS.with(language, &[&DIALOGUE_TURNS[0], &DIALOGUE_TURNS[1]]),
        Advice::Mix { .. } => {
            let [least, most] = ALPACA_PERCENT;
            w::WANT_MIX.with(language, &[&least, &most, &(100 - least), &(100 - most)])
        }
        Advice::LengthDrift { .. } | Advice::DepartmentDrift { .. } | Advice::LossDrift { .. } => {
            w::WANT_ALIKE.get(language).to_owned()
        }
    }
}

fn next(advice: &Advice) -> w::Word {
    match advice {
        Advice::Amount { records, least, .. } | Advice::Department { records, least, .. }
            if records < least =>
        {
            w::NEXT_MORE
        }
        Advice::Amount { .. } | Advice::Department { .. } => w::NEXT_BEST,
        Advice::SmallDepartments { .. } => w::NEXT_SMALL,
        Advice::Balance { .. } => w::NEXT_BALANCE,
        Advice::Questions { .. } => w::NEXT_QUESTIONS,
        Advice::Answers { .. } => w::NEXT_ANSWERS,
        Advice::Dialogues { .. } => w::NEXT_TURNS,
        Advice::Mix { .. } => w::NEXT_MIX,
        Advice::LengthDrift { .. } | Advice::DepartmentDrift { .. } | Advice::LossDrift { .. } => {
            w::NEXT_DRIFT
        }
    }
}
