//! What an answer cites: `[n]` in its text, compared with the sources that were in its prompt. Used by
//! `sources`. Invariant: no source is named that was not given, and a number that is none is said to be so.

use std::collections::BTreeSet;

use common::language::Language;
use serde::Serialize;

use crate::library::Hit;
use crate::limits::{CITED_TOGETHER_MAX, UNKNOWN_CITATIONS_MAX};

common::texts! {
    SOURCES: "Sources:", "资料来源：";
    NOT_CITED: "Given to the model, and not cited:", "已提供给模型、回答未引用的资料：";
    UNKNOWN: "No such source: {}", "没有这样的资料：{}";
    NO_FIT: "No document of the folder fits this question; this answer has no source.", "资料文件夹中没有与问题相符的内容；这个回答没有资料来源。";
    NO_ROOM: "No document had room beside this question; this answer has no source.", "问题太长，没有资料可以一并提供；这个回答没有资料来源。";
}

/// Why there is no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// No passage fits the question.
    Fits,
    /// None of those that fit has room before the question, or can be shown to the model.
    HasRoom,
}

/// What an answer cites.
#[derive(Clone, Debug)]
pub struct Cited<'a> {
    /// In words, to stand behind the answer.
    pub note: String,
    /// Each source that was given, in the order of its number.
    pub sources: Vec<Source<'a>>,
    /// Numbers that are no source, the first few.
    pub unknown: Vec<u32>,
}

/// A source that was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source<'a> {
    /// `[n]`.
    pub number: u32,
    /// The document's path within the folder.
    pub document: &'a str,
    /// The headings over the passage; empty where there is none.
    pub heading: &'a str,
    /// BM25.
    pub score: f64,
    /// Whether the answer cites it.
    pub is_cited: bool,
}

pub(crate) fn cited<'a>(
    given: &[Hit<'a>],
    nothing: Option<Nothing>,
    answer: &str,
    language: Language,
) -> Cited<'a> {
    let numbers = numbers(answer);
    let source = |(number, hit): (u32, &Hit<'a>)| Source {
        number,
        document: &hit.passage.document,
        heading: &hit.passage.heading,
        score: hit.score,
        is_cited: numbers.contains(&number),
    };
    let sources: Vec<Source<'a>> = (1..).zip(given).map(source).collect();
    let is_unknown = |number: &u32| *number == 0 || *number as usize > given.len();
    let unknown: Vec<u32> = numbers.iter().copied().filter(is_unknown).take(UNKNOWN_CITATIONS_MAX).collect();
    let places = |is_cited: bool| {
        let these = sources.iter().zip(given).filter(move |(source, _)| source.is_cited == is_cited);
        these
            .map(|(source, hit)| format!("\n[{}] {}", source.number, hit.passage.place()))
            .collect::<String>()
    };
    let mut parts: Vec<String> = Vec::new();
    for (title, is_cited) in [(SOURCES, true), (NOT_CITED, false)] {
        let places = places(is_cited);
        if !places.is_empty() {
            parts.push(format!("{}{places}", title.get(language)));
        }
    }
    match nothing {
        Some(Nothing::Fits) => parts.push(NO_FIT.get(language).to_owned()),
        Some(Nothing::HasRoom) => parts.push(NO_ROOM.get(language).to_owned()),
        None => {}
    }
    if !unknown.is_empty() {
        let list = unknown.iter().map(|number| format!("[{number}]")).collect::<Vec<_>>().join(" ");
        parts.push(UNKNOWN.with(language, &[&list]));
    }
    Cited { note: format!("\n\n{}", parts.join("\n")), sources, unknown }
}

/// The numbers in brackets: `[1]`, `[1, 3]`, `[1-3]`, `【1】`; of one or two digits, because longer ones are
/// years and amounts.
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

/// The numbers of a list; `None` where it is something else.
fn within(list: &str) -> Option<Vec<u32>> {
    let number = |text: &str| {
        let text = text.trim();
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

    fn passage(document: &str, heading: &str) -> Passage {
        Passage { document: document.into(), heading: heading.into(), text: "x".into() }
    }

    #[test]
    fn sources_are_named_as_cited_or_not_and_what_is_none_is_said_to_be_so() {
        let passages = [passage("gout.md", "Diet"), passage("asthma.txt", "")];
        let given: Vec<Hit<'_>> = passages.iter().map(|passage| Hit { passage, score: 1.5 }).collect();
        let one = cited(&given, None, "No beer [1]. As said [7].", Language::En);
        let expected = "\n\nSources:\n[1] gout.md, Diet\nGiven to the model, and not cited:\n[2] asthma.txt\nNo such source: [7]";
        assert_eq!((one.note.as_str(), &one.unknown), (expected, &vec![7]));
        assert_eq!((one.sources[0].is_cited, one.sources[1].is_cited), (true, false));
        let none = cited(&[], Some(Nothing::Fits), "见[1]。", Language::Zh);
        assert_eq!(
            none.note,
            "\n\n资料文件夹中没有与问题相符的内容；这个回答没有资料来源。\n没有这样的资料：[1]"
        );
        assert!(none.sources.is_empty());
        let both = cited(&given, None, "[1][2]", Language::En).note;
        assert_eq!(both, "\n\nSources:\n[1] gout.md, Diet\n[2] asthma.txt");
    }

    #[test]
    fn numbers_stand_in_brackets_alone_or_in_lists() {
        for (answer, expected) in [
            ("a [1] b [2, 3] c【4】［5、6］", vec![1, 2, 3, 4, 5, 6]),
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
