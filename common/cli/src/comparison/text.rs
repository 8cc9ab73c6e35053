//! The report as a text for a terminal. Called by `comparison`. Invariant: no line has more than 80 columns,
//! and none needs a colour.

use common::language::Language;
use common::progress::cut;
use common::terminal::visible;
use evaluation::compare::{Comparison, Report, Scores, SuiteReport};
use evaluation::safety::SafetyReport;
use evaluation::suite::Score;

use super::classes;
use super::format::{
    became_wrong, difference, interval, name, p_value, pair_range, percent, points, range, verdict,
};
use super::safety::safety;
use super::spoken;
use super::words as w;
use crate::layout::{paragraph, table};

/// Groups shown of a comparison; the page and JSON have all.
const GROUPS_SHOWN: usize = 10;
/// Answers shown one by one; the page and JSON have all.
const CLASSES_SHOWN: usize = 10;
/// Columns of a group's name.
const GROUP_COLUMNS: usize = 12;
/// Lines named of what became wrong; JSON has all.
const LINES_SHOWN: usize = 12;

/// The whole report, with what the rules of safety say where there are some.
#[must_use]
pub fn render(report: &Report, rules: Option<&SafetyReport>, language: Language) -> String {
    let safe = rules.map(|rules| format!("\n{}", safety(rules, language))).unwrap_or_default();
    let suites = report.suites.iter().map(|suite| one(suite, report, language)).collect::<String>();
    let method = w::METHOD.with(language, &[&report.seed]);
    let foot = paragraph(&method, "") + &paragraph(w::LIMITS.get(language), "");
    format!("{}{safe}{suites}\n{foot}", summary(report, language))
}

fn summary(report: &Report, language: Language) -> String {
    let mut rows = vec![
        [w::SUITE, w::MODEL, w::DIFFERENCE, w::INTERVAL, w::SHOWN]
            .map(|word| word.get(language).to_owned())
            .to_vec(),
    ];
    for suite in &report.suites {
        rows.extend(suite.comparisons.iter().map(|pair| {
            vec![
                cut(&name(&suite.name), 16),
                cut(&name(&pair.name), 12),
                difference(pair),
                pair_range(pair, language),
                verdict(pair, language),
            ]
        }));
    }
    if rows.len() == 1 {
        return format!("{}\n", w::ONLY_BASE.get(language));
    }
    format!("{}\n{}", w::SUMMARY.get(language), table(&rows, 2))
}

/// How the questions were asked, beside prompt and score.
pub(super) fn asked(suite: &SuiteReport, language: Language) -> String {
    let mut words = String::new();
    if suite.chat {
        words += w::IN_CHAT.get(language);
    }
    if suite.description.is_some() {
        words += w::DESCRIBED.get(language);
    }
    match suite.shots {
        0 => {}
        1 => words += w::BEHIND_ONE.get(language),
        shots => words += &w::BEHIND.with(language, &[&shots]),
    }
    words
}

/// Where the examples are from, with so many characters of their file's SHA-256; nothing where there are
/// none.
pub(super) fn examples(suite: &SuiteReport, characters: usize, language: Language) -> Option<String> {
    if suite.shots == 0 {
        return None;
    }
    Some(match &suite.examples_sha256 {
        None => w::OWN_EXAMPLES.get(language).to_owned(),
        Some(sha256) => w::EXAMPLES.with(language, &[&sha256.get(..characters).unwrap_or(sha256)]),
    })
}

fn one(suite: &SuiteReport, report: &Report, language: Language) -> String {
    let chat = asked(suite, language);
    let items = w::ITEMS
        .with(language, &[&suite.items, &suite.cases, &word(&suite.prompt), &word(&suite.score), &chat]);
    let licence = suite.licence.as_deref().unwrap_or_else(|| w::NO_LICENCE.get(language));
    let short = suite.records_sha256.get(..12).unwrap_or_default();
    let records = w::RECORDS.with(language, &[&visible(&suite.records), &short, &visible(licence)]);
    let mut text = format!("\n{}", paragraph(&visible(&suite.name), ""));
    text += &paragraph(&items, "  ");
    text += &paragraph(&records, "  ");
    text += &examples(suite, 12, language).map(|line| paragraph(&line, "  ")).unwrap_or_default();
    for sentence in spoken::grading(suite, language) {
        text += &paragraph(&sentence, "  ");
    }
    text += &table(&scores(suite, language), 1);
    for (title, rows) in spoken::tables(suite, language) {
        text += &paragraph(title, "  ");
        text += &table(&rows, 2);
    }
    if let Some(rows) = classes::table(suite, CLASSES_SHOWN, language) {
        text += &paragraph(w::CLASSES.get(language), "  ");
        text += &table(&rows, 2);
    }
    text += &sees(suite, language).map(|line| paragraph(&line, "  ")).unwrap_or_default();
    for scores in &suite.arms {
        text += &notes(scores, suite.score, language)
            .iter()
            .map(|note| paragraph(note, "  "))
            .collect::<String>();
    }
    text + &suite.comparisons.iter().map(|pair| compared(pair, report, language)).collect::<String>()
}

/// What a suite of its size can see, where that is known.
pub(super) fn sees(suite: &SuiteReport, language: Language) -> Option<String> {
    let [few, many] = suite.sees?.map(|share| format!("{:.1}", 100.0 * share));
    Some(w::SEES.with(language, &[&few, &many]))
}

/// The name that JSON has for it.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The table of all models and of what needs none.
pub(super) fn scores(suite: &SuiteReport, language: Language) -> Vec<Vec<String>> {
    let has = |is: fn(&Scores) -> bool| suite.arms.iter().any(is);
    let (length, certainty) = (has(|arm| arm.right_by_length.is_some()), has(|arm| arm.brier.is_some()));
    let number = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    let right = if suite.score.is_graded() { w::CREDIT } else { w::RIGHT };
    let mut head = vec![w::MODEL, right, w::INTERVAL, w::OF];
    if length {
        head.push(w::BY_LENGTH);
    }
    if certainty {
        head.extend([w::BRIER, w::CALIBRATION]);
    }
    let mut rows = vec![head.iter().map(|word| word.get(language).to_owned()).collect::<Vec<_>>()];
    let width = head.len();
    let baselines = [(w::MAJORITY, suite.majority), (w::GUESSING, suite.guessing)];
    for (word, share) in baselines.into_iter().filter_map(|(word, share)| Some((word, share?))) {
        let mut row = vec![word.get(language).to_owned(), percent(share)];
        row.resize(width, String::new());
        rows.push(row);
    }
    for arm in &suite.arms {
        let mut row = if suite.score.is_graded() {
            spoken::credit(arm, language)
        } else {
            vec![
                name(&arm.name),
                percent(arm.right.share),
                interval(&arm.right, language),
                arm.right.of.to_string(),
            ]
        };
        if length {
            row.push(arm.right_by_length.map(|share| percent(share.share)).unwrap_or_default());
        }
        if certainty {
            row.extend([number(arm.brier), number(arm.calibration_error)]);
        }
        rows.push(row);
    }
    rows
}

/// What else is known of one model, where there is something.
pub(super) fn notes(scores: &Scores, score: Score, language: Language) -> Vec<String> {
    let mut notes = Vec::new();
    let model = name(&scores.name);
    if score == Score::Phrases {
        let wrong = &scores.wrong;
        let (none, some) =
            if scores.by_case { (w::NONE_WRONG_CASES, w::WRONG_CASES) } else { (w::NONE_WRONG, w::WRONG) };
        notes.push(match scores.wrong_below {
            Some(bound) => none.with(language, &[&model, &wrong.of, &percent(bound)]),
            None => some.with(
                language,
                &[&model, &wrong.count, &wrong.of, &percent(wrong.share), &interval(wrong, language)],
            ),
        });
    }
    notes.extend(classes::note(scores, language));
    if let Some((right, stable)) = scores.right_in_all_orders.zip(scores.stable) {
        notes.push(w::ORDERS.with(language, &[&model, &percent(right), &percent(stable.share)]));
    }
    if scores.not_graded > 0 {
        notes.push(w::NOT_GRADED.with(language, &[&model, &scores.not_graded, &scores.right.of]));
    }
    if scores.not_found > 0 {
        let word = match score {
            Score::Structured => w::NOT_READABLE,
            Score::Phrases => w::EMPTY,
            Score::Open => w::EMPTY_OPEN,
            Score::Rubric => w::EMPTY_GRADED,
            _ => w::NOT_FOUND,
        };
        notes.push(word.with(language, &[&model, &scores.not_found, &scores.right.of]));
    }
    if scores.cut > 0 {
        notes.push(w::CUT.with(language, &[&model, &scores.cut]));
    }
    notes
}

/// The sentences on one comparison.
pub(super) fn sentences(pair: &Comparison, comparisons: usize, language: Language) -> Vec<String> {
    if pair.compared == 0 {
        return vec![w::NONE_COMPARED.with(language, &[&name(&pair.name)])];
    }
    let shown = if pair.is_not_worse { w::MARGIN_SHOWN } else { w::MARGIN_NOT_SHOWN };
    let pair_words = if pair.graded { w::GRADED_PAIR } else { w::PAIR };
    let left_out = (pair.left_out > 0).then(|| {
        let all = pair.compared + pair.left_out;
        w::SOME_COMPARED.with(language, &[&pair.compared, &all])
    });
    let mut sentences = vec![
        pair_words.with(
            language,
            &[
                &name(&pair.name),
                &points(pair.difference),
                &range(pair.interval.low, pair.interval.high, language),
                &pair.better,
                &pair.worse,
            ],
        ),
        tests(pair, comparisons, language),
        became_wrong(pair, language),
        shown.with(language, &[&format!("{:.1}", 100.0 * pair.margin)]),
    ];
    sentences.extend(classes::change(pair, language));
    sentences.extend(left_out);
    sentences
}

fn tests(pair: &Comparison, comparisons: usize, language: Language) -> String {
    let [exact, mid, corrected] = [pair.exact_p, pair.mid_p, pair.corrected_p].map(p_value);
    if pair.graded {
        let case = p_value(pair.case_p);
        return w::SIGN_TESTS.with(language, &[&exact, &mid, &case, &comparisons, &corrected]);
    }
    if pair.by_case {
        let case = p_value(pair.case_p);
        return w::TESTS_CASES.with(language, &[&exact, &mid, &case, &comparisons, &corrected]);
    }
    w::TESTS.with(language, &[&exact, &mid, &comparisons, &corrected])
}

fn compared(pair: &Comparison, report: &Report, language: Language) -> String {
    let mut lines = sentences(pair, report.comparisons, language).into_iter();
    let mut text = lines.next().map(|line| paragraph(&line, "  ")).unwrap_or_default();
    text += &lines.map(|line| paragraph(&line, "    ")).collect::<String>();
    if !pair.worse_lines.is_empty() {
        let shown: Vec<String> = pair.worse_lines.iter().take(LINES_SHOWN).map(u64::to_string).collect();
        let (shown, left) = (shown.join(", "), pair.worse_lines.len().saturating_sub(LINES_SHOWN));
        let listed = if left == 0 { shown } else { w::MORE.with(language, &[&shown, &left]) };
        let lines = if pair.graded { w::LINES_LOWER } else { w::LINES };
        text += &paragraph(&lines.with(language, &[&listed]), "    ");
    }
    if !pair.groups.is_empty() {
        text += &paragraph(w::GROUPS.get(language), "  ");
        text += &table(&groups(pair, GROUPS_SHOWN, GROUP_COLUMNS, language), 1);
    }
    text
}

/// The table of the kinds of items, `most` of them, each name in so many columns.
pub(super) fn groups(pair: &Comparison, most: usize, columns: usize, language: Language) -> Vec<Vec<String>> {
    let head = [w::GROUP, w::OF, w::BASE, w::MODEL, w::INTERVAL, w::BETTER_COUNT, w::WORSE_COUNT];
    let mut rows =
        vec![head.map(|word| word.get(language).to_owned()).into_iter().chain(["p".to_owned()]).collect()];
    rows.extend(pair.groups.iter().take(most).map(|group| {
        // Of a kind without a graded pair nothing is known.
        let known = |cell: String| if group.compared == 0 { String::new() } else { cell };
        vec![
            if group.name.is_empty() {
                w::NO_GROUP.get(language).to_owned()
            } else {
                cut(&visible(&group.name), columns)
            },
            group.compared.to_string(),
            known(percent(group.means.map_or(group.base.share, |means| means[0]))),
            known(percent(group.means.map_or(group.arm.share, |means| means[1]))),
            if pair.graded { String::new() } else { interval(&group.arm, language) },
            known(group.better.to_string()),
            known(group.worse.to_string()),
            known(p_value(group.exact_p)),
        ]
    }));
    rows
}
