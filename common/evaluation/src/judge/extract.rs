//! The letters of a generated answer. Called by `judge`. The rule: after NFKC the last explicit statement
//! (`答案`, `正确选项`, `answer`) decides; without one the only group of letters does; several different groups
//! are no answer. Rules of others, such as all capital letters of the text, take letters out of words.

use unicode_normalization::UnicodeNormalization as _;

use crate::suite::letter;

/// What announces an answer, in lower case.
const ANNOUNCED: [&str; 3] = ["答案", "正确选项", "answer"];
/// What may stand between that and the letters.
const BETWEEN: [&str; 10] = ["是", "为", "应", "选", ":", "(", "[", "*", "is", "option"];
/// What may stand between two letters of one answer.
const JOINED: [&str; 7] = [",", "、", "和", "及", "与", "&", "and"];

/// The places of the options that the answer names, ascending; nothing where that cannot be told.
#[must_use]
pub fn extract(answer: &str, options: usize) -> Option<Vec<usize>> {
    let text: Vec<char> = answer.nfkc().collect();
    let statements = (0..text.len()).rev().filter_map(|at| announced(&text[at..]).map(|length| at + length));
    for mut at in statements {
        while let Some(length) = between(&text[at..]) {
            at += length;
        }
        if let Some((group, _)) = group(&text, at, options) {
            return Some(group);
        }
    }
    let (mut at, mut only) = (0, None);
    while at < text.len() {
        match group(&text, at, options) {
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

/// A group of letters that begins at `at`, such as `B`, `ACD` or `A、C`, and where it ends.
fn group(text: &[char], at: usize, options: usize) -> Option<(Vec<usize>, usize)> {
    let (mut found, mut end) = run(text, at, options)?;
    loop {
        let mut next = end;
        while let Some(length) =
            text.get(next).filter(|c| **c == ' ').map(|_| 1).or_else(|| begins(&text[next..], &JOINED))
        {
            next += length;
        }
        match (next > end).then(|| run(text, next, options)).flatten() {
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
fn run(text: &[char], at: usize, options: usize) -> Option<(Vec<usize>, usize)> {
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if at > 0 && is_word(text.get(at - 1)) {
        return None;
    }
    let named = text[at..].iter().map_while(|c| (0..options).find(|index| letter(*index) == *c));
    let places: Vec<usize> = named.collect();
    let end = at + places.len();
    // "A patient", "I think": a letter before a word in lower case is a word itself.
    let is_article = places.len() == 1
        && text.get(end) == Some(&' ')
        && text.get(end + 1).is_some_and(char::is_ascii_lowercase)
        && begins(&text[end + 1..], &["and ", "or "]).is_none();
    (!places.is_empty() && !is_word(text.get(end)) && !is_article).then_some((places, end))
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
