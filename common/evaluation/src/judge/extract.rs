//! The letters of a generated answer. Called by `judge`. The rule: after NFKC the last explicit statement
//! (`答案`, `正确选项`, `answer`) decides; without one the only group of letters does; several different groups
//! are no answer, and so are a letter that is denied (`不是A`, `not A`) and letters with an "or" between them.
//! Rules of others, such as all capital letters of the text, take letters out of words.

use unicode_normalization::UnicodeNormalization as _;

use crate::suite::letter;

/// What announces an answer, in lower case.
const ANNOUNCED: [&str; 3] = ["答案", "正确选项", "answer"];
/// What may stand between that and the letters.
const BETWEEN: [&str; 10] = ["是", "为", "应", "选", ":", "(", "[", "*", "is", "option"];
/// What may stand between two letters of one answer.
const JOINED: [&str; 7] = [",", "、", "和", "及", "与", "&", "and"];
/// What leaves open which of two letters it is.
const OPEN: [&str; 5] = ["或者", "或", "还是", "or ", "or option "];
/// What denies the letters behind it.
const DENYING: [&str; 5] = ["不", "并非", "not", "n't", "排除"];
/// What may stand between a denial and its letters.
const BEHIND_DENYING: [&str; 13] =
    ["是", "为", "应", "该", "能", "选", "(", "[", "*", "be", "the", "option", "answer"];
/// What denies the letters before it.
const DENIED: [&str; 13] = [
    "不对",
    "不正确",
    "不符",
    "也不",
    "都不",
    "均不",
    "错",
    "是错",
    "is not ",
    "are not",
    "isn't",
    "is wrong",
    "is incorrect",
];
/// Characters that are looked at before letters: the longest denial with what may stand behind it.
const BEFORE: usize = 24;

/// The places of the options that the answer names, ascending; nothing where that cannot be told.
#[must_use]
pub fn extract(answer: &str, options: usize) -> Option<Vec<usize>> {
    let text: Vec<char> = answer.nfkc().collect();
    let statements = (0..text.len()).rev().filter_map(|at| announced(&text[at..]).map(|length| at + length));
    for mut at in statements {
        while let Some(length) = between(&text[at..]) {
            at += length;
        }
        if let Some((group, end)) = group(&text, at, options, true) {
            if is_denied(&text, at, end) {
                continue;
            }
            return (!is_open(&text, end, options)).then_some(group);
        }
    }
    let (mut at, mut only) = (0, None);
    while at < text.len() {
        match group(&text, at, options, false) {
            Some((_, end)) if is_open(&text, end, options) => return None,
            Some((_, end)) if is_denied(&text, at, end) => at = end,
            Some((found, end)) => {
                if only.as_ref().is_some_and(|before| *before != found) {
                    return None;
                }
                only = Some(found);
                at = end;
            }
            None => at += 1,
        }
    }
    only
}

fn begins(text: &[char], words: &[&str]) -> Option<usize> {
    let found = words.iter().find(|word| {
        let count = word.chars().count();
        text.len() >= count && text.iter().zip(word.chars()).all(|(a, b)| a.to_ascii_lowercase() == b)
    });
    found.map(|word| word.chars().count())
}

fn announced(text: &[char]) -> Option<usize> {
    begins(text, &ANNOUNCED)
}

fn between(text: &[char]) -> Option<usize> {
    match text.first() {
        Some(c) if c.is_whitespace() => Some(1),
        _ => begins(text, &BETWEEN),
    }
}

/// The place of the first character from `at` on that is no space.
fn behind_spaces(text: &[char], at: usize) -> usize {
    at + text[at..].iter().take_while(|c| c.is_whitespace()).count()
}

/// Whether behind the letters an "or" and more letters follow.
fn is_open(text: &[char], end: usize, options: usize) -> bool {
    let from = behind_spaces(text, end);
    let lengths = OPEN.iter().filter_map(|word| begins(&text[from..], &[word]));
    lengths.map(|length| behind_spaces(text, from + length)).any(|at| run(text, at, options, true).is_some())
}

/// Whether the words around the letters say that these are not the answer.
fn is_denied(text: &[char], at: usize, end: usize) -> bool {
    if begins(&text[behind_spaces(text, end)..], &DENIED).is_some() {
        return true;
    }
    let before = text[at.saturating_sub(BEFORE)..at].iter().collect::<String>().to_ascii_lowercase();
    let mut before = before.trim_end();
    while let Some(rest) = BEHIND_DENYING.iter().find_map(|word| before.strip_suffix(word)) {
        before = rest.trim_end();
    }
    DENYING.iter().any(|word| before.ends_with(word))
}

/// A group of letters that begins at `at`, such as `B`, `ACD` or `A、C`, and where it ends.
fn group(text: &[char], at: usize, options: usize, is_announced: bool) -> Option<(Vec<usize>, usize)> {
    let (mut found, mut end) = run(text, at, options, is_announced)?;
    loop {
        let mut next = end;
        while let Some(length) =
            text.get(next).filter(|c| **c == ' ').map(|_| 1).or_else(|| begins(&text[next..], &JOINED))
        {
            next += length;
        }
        match (next > end).then(|| run(text, next, options, false)).flatten() {
            Some((more, after)) => {
                found.extend(more);
                end = after;
            }
            None => break,
        }
    }
    found.sort_unstable();
    found.dedup();
    Some((found, end))
}

/// Capital letters that name options and are no part of a word, a number or an English sentence.
fn run(text: &[char], at: usize, options: usize, is_announced: bool) -> Option<(Vec<usize>, usize)> {
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if at > 0 && is_word(text.get(at - 1)) {
        return None;
    }
    let named = text.get(at..)?.iter().map_while(|c| (0..options).find(|index| letter(*index) == *c));
    let places: Vec<usize> = named.collect();
    let end = at + places.len();
    let is_name = is_announced || places.len() != 1 || !is_of_a_sentence(text, at);
    (!places.is_empty() && !is_word(text.get(end)) && is_name).then_some((places, end))
}

/// Whether the letter at `at` is a word of the English sentence that goes on behind it: "A patient", "I
/// think", "hepatitis B infection"; but not "B is right" nor "it must be B because".
fn is_of_a_sentence(text: &[char], at: usize) -> bool {
    let behind = text.get(at + 2..).unwrap_or_default();
    let goes_on = text.get(at + 1) == Some(&' ') && behind.first().is_some_and(char::is_ascii_lowercase);
    if !goes_on || begins(behind, &["and ", "or ", "are ", "because", "since "]).is_some() {
        return false;
    }
    let before = text[..at].iter().rev().find(|c| !c.is_whitespace());
    let is_first = before.is_none_or(|c| !c.is_alphanumeric() && *c != ',');
    !is_first || (matches!(text[at], 'A' | 'I') && begins(behind, &["is "]).is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_are_found_where_people_write_them() {
        for (answer, options, expected) in [
            ("B", 4, Some(vec![1])),
            (" B. 糖尿病", 4, Some(vec![1])),
            ("答案：ＡＣ", 5, Some(vec![0, 2])),
            ("正确选项是 A、C 和 D。", 5, Some(vec![0, 2, 3])),
            ("The answer is (C).", 4, Some(vec![2])),
            ("Answer: **D**", 4, Some(vec![3])),
            ("A不对，B也不对。答案为C。", 4, Some(vec![2])),
            ("答案是A。不，答案是B。", 4, Some(vec![1])),
            ("A patient with fever most likely has B", 4, Some(vec![1])),
            ("选择B，因为B是首选", 4, Some(vec![1])),
            ("A and C", 4, Some(vec![0, 2])),
            ("A 或 B", 4, None),
            ("可能是A，也可能是B", 4, None),
            ("The answer is B because the", 4, Some(vec![1])),
            ("The answer is A because the", 4, Some(vec![0])),
            ("The correct answer is C since x", 4, Some(vec![2])),
            ("B is correct, not C.", 4, Some(vec![1])),
            ("B is the right one. A, C and D are not.", 4, Some(vec![1])),
            ("A is right.", 4, Some(vec![0])),
            ("It must be B because of this", 4, Some(vec![1])),
            ("B is not right.", 4, None),
            ("A hepatitis B infection is likely", 4, None),
            ("The answer is A or B", 4, None),
            ("The answer is not A but B", 4, Some(vec![1])),
            ("答案：A或B", 4, None),
            ("答案是A还是C？", 4, None),
            ("答案不是A", 4, None),
            ("答案不是A，而是B", 4, Some(vec![1])),
            ("答案是A不是B", 4, Some(vec![0])),
            ("不能选A", 4, None),
            ("The answer is C. Answer A is wrong.", 4, Some(vec![2])),
            ("答案A不正确，应选B", 4, Some(vec![1])),
            ("答案A是错的", 4, None),
            ("E", 4, None),
            ("DNA and COPD", 4, None),
            ("", 4, None),
            ("the answer is unclear", 4, None),
        ] {
            assert_eq!(extract(answer, options), expected, "{answer}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(text in ".{0,200}", options in 2_usize..27) {
            let found = extract(&text, options);
            prop_assert!(found.iter().flatten().all(|place| *place < options));
        }
    }
}
