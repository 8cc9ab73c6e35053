//! What an answer cites: `[n]` in its text, compared with the sources that were in its prompt. Used by
//! `sources`, and by `site-agent serve` where an answer comes back in a conversation. Invariants: no source
//! is named that was not given; a place is named as the model saw it, and only so far as the caller lets it;
//! the first numbers that are no source are said to be so.

use std::collections::BTreeSet;

use common::language::Language;
use serde::Serialize;

use crate::library::Hit;
use crate::limits::{CITED_TOGETHER_MAX, UNKNOWN_CITATIONS_MAX};
use crate::passage::place;

common::texts! {
    SOURCES: "Sources:", "资料来源：";
    NOT_CITED: "Given to the model, and not cited:", "已提供给模型、回答未引用的资料：";
    UNKNOWN: "No such source: {}", "没有这样的资料：{}";
    NO_FIT: "No document of the folder fits this question; this answer has no source.", "资料文件夹中没有与问题相符的内容；这个回答没有资料来源。";
    NOT_GIVEN: "No document that fits could be put before this question; this answer has no source.", "有与问题相符的资料，但无法随问题一并提供；这个回答没有资料来源。";
}

/// Why there is no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// No passage fits the question.
    Fits,
    /// None of those that fit has room before the question, or can be shown to the model.
    IsGiven,
}

/// A passage in the prompt.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    /// The passage.
    pub hit: Hit<'a>,
    /// Its document, as the model sees it.
    pub document: String,
    /// Its heading, as the model sees it.
    pub heading: String,
}

/// What an answer cites.
#[derive(Clone, Debug)]
pub struct Cited {
    /// In words, to stand behind the answer.
    pub note: String,
    /// Each source that was given, in the order of its number.
    pub sources: Vec<Source>,
    /// Numbers that are no source, the first few.
    pub unknown: Vec<u32>,
}

/// A source that was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// `[n]`.
    pub number: u32,
    /// The document's path within the folder; empty where it may not be shown.
    pub document: String,
    /// The headings over the passage; empty where there is none, or it may not be shown.
    pub heading: String,
    /// BM25.
    pub score: f64,
    /// Whether the answer cites it.
    pub is_cited: bool,
}

/// What was in the prompt.
pub(crate) struct Prompted<'a> {
    pub(crate) given: &'a [Given<'a>],
    pub(crate) nothing: Option<Nothing>,
    pub(crate) language: Language,
}

/// What an answer cites; `may_show` says whether a text may stand behind it.
pub(crate) fn cited(prompted: &Prompted<'_>, answer: &str, may_show: &dyn Fn(&str) -> bool) -> Cited {
    let numbers = numbers(answer);
    let source = |(number, given): (u32, &Given<'_>)| {
        let (document, heading) = shown(given, may_show);
        Source { number, document, heading, score: given.hit.score, is_cited: numbers.contains(&number) }
    };
    let mut sources: Vec<Source> = (1..).zip(prompted.given).map(source).collect();
    let is_unknown = |number: &u32| *number == 0 || *number as usize > sources.len();
    let unknown: Vec<u32> = numbers.iter().copied().filter(is_unknown).take(UNKNOWN_CITATIONS_MAX).collect();
    let mut words = note(prompted, &sources, &unknown);
    // Each may stand there, and all together may not.
    if !sources.is_empty() && !may_show(&words) {
        for source in &mut sources {
            source.document.clear();
            source.heading.clear();
        }
        words = note(prompted, &sources, &unknown);
    }
    Cited { note: words, sources, unknown }
}

/// So much of a place as may be shown: document and heading, the document alone, or nothing.
fn shown(given: &Given<'_>, may_show: &dyn Fn(&str) -> bool) -> (String, String) {
    let Given { document, heading, .. } = given;
    if may_show(&place(document, heading)) {
        return (document.clone(), heading.clone());
    }
    let document = if may_show(document) { document.clone() } else { String::new() };
    (document, String::new())
}

fn note(prompted: &Prompted<'_>, sources: &[Source], unknown: &[u32]) -> String {
    let language = prompted.language;
    let mut lines: Vec<String> = Vec::new();
    for (title, is_cited) in [(SOURCES, true), (NOT_CITED, false)] {
        let these: Vec<&Source> = sources.iter().filter(|source| source.is_cited == is_cited).collect();
        if !these.is_empty() {
            lines.push(title.get(language).to_owned());
        }
        lines.extend(these.iter().map(|source| {
            let place = place(&source.document, &source.heading);
            format!("[{}] {place}", source.number).trim_end().to_owned()
        }));
    }
    match prompted.nothing {
        Some(Nothing::Fits) => lines.push(NO_FIT.get(language).to_owned()),
        Some(Nothing::IsGiven) => lines.push(NOT_GIVEN.get(language).to_owned()),
        None => {}
    }
    if !unknown.is_empty() {
        let list = unknown.iter().map(|number| format!("[{number}]")).collect::<Vec<_>>().join(" ");
        lines.push(UNKNOWN.with(language, &[&list]));
    }
    format!("\n\n{}", lines.join("\n"))
}

/// An answer that comes back, without the note behind it: the lines behind its last empty line, where each is
/// one of ours and the first is a title. What would be empty then stays as it is.
#[must_use]
pub fn without_note(answer: &str) -> &str {
    let whole = answer.trim_end();
    let Some(at) = whole.rfind("\n\n") else { return answer };
    let (before, note) = (&whole[..at], &whole[at + 2..]);
    let has_title = note.lines().next().is_some_and(is_title);
    let is_ours = has_title && note.lines().all(|line| is_title(line) || is_place(line));
    if is_ours && !before.trim().is_empty() { before } else { answer }
}

fn is_title(line: &str) -> bool {
    let languages = [Language::En, Language::Zh];
    let titles = [SOURCES, NOT_CITED, NO_FIT, NOT_GIVEN];
    languages.iter().any(|language| titles.iter().any(|title| title.get(*language) == line))
}

fn is_place(line: &str) -> bool {
    let number = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(number, _)| number);
    let is_number = number.is_some_and(|number| number.parse::<u32>().is_ok());
    is_number || [Language::En, Language::Zh].iter().any(|one| line.starts_with(&UNKNOWN.with(*one, &[&""])))
}

/// The numbers in brackets: `[1]`, `[1, 3]`, `[1-3]`, `【１】`; of one or two digits, because longer ones are
/// years and amounts; ten of one pair of brackets.
fn numbers(answer: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for (at, open) in answer.match_indices(['[', '［', '【']) {
        let rest = &answer[at + open.len()..];
        let Some(end) = rest.find([']', '］', '】', '\n']).filter(|end| !rest[*end..].starts_with('\n'))
        else {
            continue;
        };
        numbers.extend(within(&rest[..end]).into_iter().flatten());
    }
    numbers
}

/// A digit in the width of ASCII.
fn narrow(sign: char) -> char {
    match sign {
        '０'..='９' => char::from_u32(u32::from(sign) - u32::from('０') + u32::from('0')).unwrap_or(sign),
        _ => sign,
    }
}

/// The numbers of a list; `None` where it is something else.
fn within(list: &str) -> Option<Vec<u32>> {
    let number = |text: &str| {
        let text: String = text.trim().chars().map(narrow).collect();
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let mut numbers = Vec::new();
    for part in list.split([',', '，', '、', ';']).take(CITED_TOGETHER_MAX) {
        match part.split_once(['-', '–', '~']) {
            None => numbers.push(number(part)?),
            Some((first, last)) => {
                let (first, last): (u32, u32) = (number(first)?, number(last)?);
                numbers.extend((first..=last).take(CITED_TOGETHER_MAX));
            }
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passage::Passage;

    /// What an answer in English or Chinese cites of two documents, of which is shown what `may_show` lets.
    fn of(answer: &str, language: Language, may_show: &dyn Fn(&str) -> bool) -> Cited {
        let passages = [("gout.md", "Diet"), ("asthma.txt", "")].map(|(document, heading)| Passage {
            document: document.into(),
            heading: heading.into(),
            text: "x".into(),
        });
        let given = passages.each_ref().map(|passage| {
            let (document, heading) = (passage.document.clone(), passage.heading.clone());
            Given { hit: Hit { passage, score: 1.5 }, document, heading }
        });
        cited(&Prompted { given: &given, nothing: None, language }, answer, may_show)
    }

    fn none(answer: &str, nothing: Nothing, language: Language) -> Cited {
        cited(&Prompted { given: &[], nothing: Some(nothing), language }, answer, &|_| true)
    }

    #[test]
    fn sources_are_named_as_cited_or_not_and_what_is_none_is_said_to_be_so() {
        let one = of("No beer [1]. As said [7].", Language::En, &|_| true);
        let expected = "\n\nSources:\n[1] gout.md, Diet\nGiven to the model, and not cited:\n[2] asthma.txt\nNo such source: [7]";
        assert_eq!((one.note.as_str(), &one.unknown), (expected, &vec![7]));
        assert_eq!((one.sources[0].is_cited, one.sources[1].is_cited), (true, false));
        let nothing = none("见[1]。", Nothing::Fits, Language::Zh);
        assert_eq!(
            nothing.note,
            "\n\n资料文件夹中没有与问题相符的内容；这个回答没有资料来源。\n没有这样的资料：[1]"
        );
        assert!(nothing.sources.is_empty());
        let both = of("[1][2]", Language::En, &|_| true).note;
        assert_eq!(both, "\n\nSources:\n[1] gout.md, Diet\n[2] asthma.txt");
    }

    #[test]
    fn of_a_place_is_named_what_may_be_shown() {
        let of = |may_show: &dyn Fn(&str) -> bool| of("[1]", Language::En, may_show);
        let no_heading = of(&|text| !text.contains("Diet"));
        assert_eq!(
            (no_heading.sources[0].document.as_str(), no_heading.sources[0].heading.as_str()),
            ("gout.md", "")
        );
        assert!(no_heading.note.contains("[1] gout.md\n"), "{}", no_heading.note);
        let no_name = of(&|text| !text.contains("gout"));
        assert_eq!((no_name.sources[0].document.as_str(), no_name.sources[0].heading.as_str()), ("", ""));
        assert!(
            no_name.note.contains("[1]\n") && no_name.note.contains("[2] asthma.txt"),
            "{}",
            no_name.note
        );
        // Each alone, and not both together.
        let neither = of(&|text| !(text.contains("gout") && text.contains("asthma")));
        assert_eq!(neither.note, "\n\nSources:\n[1]\nGiven to the model, and not cited:\n[2]");
        assert!(neither.sources.iter().all(|source| source.document.is_empty() && source.heading.is_empty()));
    }

    #[test]
    fn a_note_is_cut_off_an_answer_that_comes_back_and_nothing_else_is() {
        for language in [Language::En, Language::Zh] {
            for cited in [
                of("", language, &|_| true),
                of("[1] [7]", language, &|_| true),
                of("[1]", language, &|text| !text.contains("gout")),
                none("[3]", Nothing::Fits, language),
                none("", Nothing::IsGiven, language),
            ] {
                assert_eq!(
                    without_note(&format!("No beer [1].\n\nWater.{}", cited.note)),
                    "No beer [1].\n\nWater."
                );
                assert_eq!(without_note(&format!("No beer.{}\n ", cited.note)), "No beer.");
                assert_eq!(without_note(&cited.note), cited.note, "nothing would be left");
            }
        }
        for other in ["a", "a\n\nSources:\n- WHO", "a\n\n[1] gout.md", "a\nSources:\n[1] b", ""] {
            assert_eq!(without_note(other), other);
        }
    }

    #[test]
    fn numbers_stand_in_brackets_alone_or_in_lists() {
        for (answer, expected) in [
            ("a [1] b [2, 3] c【4】［5、6］", vec![1, 2, 3, 4, 5, 6]),
            ("［１］【１２】[100]", vec![1, 12]),
            ("[1-3]", vec![1, 2, 3]),
            ("[2024] [a] [] [1.5] [1", vec![]),
            ("[0] [99-1] [12–14]", vec![0, 12, 13, 14]),
            ("[1\n]", vec![]),
            ("[[2]]", vec![2]),
        ] {
            assert_eq!(numbers(answer).into_iter().collect::<Vec<_>>(), expected, "{answer}");
        }
        assert_eq!(numbers(&format!("[1-99] [{}]", "1,".repeat(50))).len(), CITED_TOGETHER_MAX);
    }
}
