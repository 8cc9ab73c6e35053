//! A note with the four sections of SOAP (Weed 1968), by their headings in Chinese or English. Called by
//! `judge`. A heading begins a line, perhaps behind marks and a number, and ends with a colon or with the
//! line. Invariant: what is in a section is not judged, only that it is there.

/// The names of each section, in order; the longest first, in lower case.
const NAMES: [&[&str]; 4] = [
    &["subjective", "主观资料", "主观", "主诉与现病史", "s"],
    &["objective", "客观资料", "客观检查", "客观", "o"],
    &["assessment", "评估与诊断", "评估", "分析与评估", "a"],
    &["plan", "诊疗计划", "处理计划", "计划", "p"],
];

/// What was found of the four sections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// How many of the four are there and have a text.
    pub(super) sections: usize,
    /// Whether all four are there once, in order, each with a text.
    pub(super) is_whole: bool,
}

/// Looks for the sections.
pub(super) fn sections(answer: &str) -> Found {
    let mut order: Vec<usize> = Vec::new();
    let mut has_text: Vec<bool> = Vec::new();
    for line in answer.lines() {
        if let Some((section, rest)) = heading(line) {
            order.push(section);
            has_text.push(rest.chars().any(char::is_alphanumeric));
        } else if let Some(last) = has_text.last_mut() {
            *last |= line.chars().any(char::is_alphanumeric);
        }
    }
    let is_there = |section: &usize| order.iter().zip(&has_text).any(|(at, has)| at == section && *has);
    let sections = (0..NAMES.len()).filter(is_there).count();
    Found { sections, is_whole: order == [0, 1, 2, 3] && has_text.iter().all(|has| *has) }
}

/// The section whose heading the line begins with, and what stands behind it.
fn heading(line: &str) -> Option<(usize, &str)> {
    let is_mark = |c: char| c.is_whitespace() || c.is_ascii_digit() || "#*_-.、)（(【[>".contains(c);
    let line = line.trim_start_matches(is_mark);
    let named =
        NAMES.iter().enumerate().flat_map(|(section, names)| names.iter().map(move |name| (section, *name)));
    for (section, name) in named {
        let is_named = line.get(..name.len()).is_some_and(|start| start.to_ascii_lowercase() == name);
        if let Some(behind) = is_named.then(|| &line[name.len()..]).and_then(ended) {
            return Some((section, behind));
        }
    }
    None
}

/// What stands behind the end of a heading; nothing where it does not end. Another name of the section may
/// stand in brackets, as in `S（主观）：` or `主观资料 (Subjective)`.
fn ended(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(['*', '_', ' ', ']', '】']);
    let rest = match rest.strip_prefix(['(', '（']) {
        Some(inside) => inside.split_once([')', '）'])?.1,
        None => rest,
    };
    let rest = rest.trim_start_matches(['*', '_', ' ', ']', '】']);
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix([':', '：']) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_sections_are_found_in_both_languages() {
        for (answer, sections_found, is_whole) in [
            ("S: pain\nO: BP 120/80\nA: angina\nP: ECG", 4, true),
            ("**Subjective**\npain\n**Objective:** none\n## Assessment\nangina\n## Plan\nECG", 4, true),
            ("主观资料：胸痛。\n客观资料：血压正常。\n评估：心绞痛。\n计划：心电图。", 4, true),
            ("1. S（主观）：胸痛\n2. O（客观）：无\n3. A（评估）：x\n4. P（计划）：y", 4, true),
            ("【主观】\n胸痛\n【客观】\n无\n【评估】\nx\n【计划】\ny", 4, true),
            ("O: a\nS: b\nA: c\nP: d", 4, false),
            ("S: a\nO: b\nA: c", 3, false),
            ("S: a\nO: b\nA: c\nP:", 3, false),
            ("S: a\nO: b\nA: c\nP: d\nP: e", 4, false),
            ("A patient came.\nPlan B was better.\nSorry: no.", 0, false),
            ("", 0, false),
        ] {
            assert_eq!(sections(answer), Found { sections: sections_found, is_whole }, "{answer}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_through(text in "(\\PC|[SOAP主观:：\n]){0,120}") {
            prop_assert!(sections(&text).sections <= 4);
        }
    }
}
