//! Chinese names by score: the surname, the given name, what stands on the left and on the right, and words
//! that the characters may belong to instead each add or take away tenths of a point; a name is what reaches
//! the threshold. Finds what the fixed patterns of the other detectors miss. Called by `detect` after them.
//! Invariants: each character is looked at once with a bounded stretch on either side; weights are set by
//! hand, in rough tenths of a natural logarithm of odds, and checked against labelled texts and real ones.

use super::han;
use super::name_free::is_sex_or_nation;
use super::name_score_zh_words as words;
use super::name_zh::is_masked;
use super::surname::{Surname, surname};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// What a name must reach.
const THRESHOLD: i32 = 30;
/// Names were found in the same text, so there are likely to be more.
const NAMES_NEAR: i32 = 16;
/// Other identifiers were.
const IDENTIFIERS_NEAR: i32 = 6;

/// What stands on the left of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// A role or a relation of two characters or more, or a name in a list of names.
    Role,
    /// Anything else.
    Other,
}

/// Adds the names that reach the threshold.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let named = hits.iter().any(|hit| hit.kind == Kind::PersonName);
    let near = if named { NAMES_NEAR } else { i32::from(!hits.is_empty()) * IDENTIFIERS_NEAR };
    let (mut until, mut before) = (0, None);
    for (start, c) in view.text.char_indices() {
        let previous = before.replace(c);
        if start < until || !words::begins_name(c) {
            continue;
        }
        if let Some(end) = name(view, start, previous, until, THRESHOLD - near) {
            hits.push(Hit { kind: Kind::PersonName, start, end });
            until = end;
        }
    }
}

/// Points and bytes of the surname at the beginning of a text.
fn family(text: &str, first: char) -> Option<(i32, usize, bool)> {
    if let Some(length) = words::compound(text) {
        return Some((40, length, false));
    }
    let one = first.len_utf8();
    match surname(text) {
        Some(Surname::Compound) => Some((40, text.chars().take(2).map(char::len_utf8).sum(), false)),
        Some(kind) => {
            let wordy = han::is(first, han::WORDY);
            let points = match kind {
                _ if wordy => -25,
                Surname::Doubtful => -5,
                _ if han::is(first, han::FREQUENT) => 20,
                _ => 10,
            };
            Some((points, one, wordy))
        }
        None => words::is_more_surname(first).then_some((10, one, false)),
    }
}

/// Points of a given name of one or two characters.
fn given(text: &str) -> i32 {
    let one = |c: char| {
        if words::is_never(c) {
            -40
        } else if han::is(c, han::TELLING) {
            15
        } else if han::is(c, han::GIVEN) {
            8
        } else if han::is(c, han::POSSIBLE) {
            0
        } else {
            -8
        }
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) => one(first) + one(second),
        (Some(only), None) => match one(only) {
            15 => 8,
            8 => 0,
            0 => -8,
            -8 => -12,
            never => never,
        },
        _ => -40,
    }
}

/// The end of the name that begins here and reaches the threshold.
fn name(view: &View<'_>, start: usize, previous: Option<char>, until: usize, wanted: i32) -> Option<usize> {
    /// The most that both sides can add.
    const SIDES: i32 = 75;
    let text = view.after(start);
    let first = text.chars().next()?;
    let (points, skip, wordy) = family(text, first)?;
    let rest = text.get(skip..)?;
    let ends: Vec<usize> = rest
        .char_indices()
        .take(2)
        .take_while(|(_, c)| is_han(*c))
        .map(|(at, c)| at + c.len_utf8())
        .collect();
    // Most surnames are words: the sides are looked at where the rest may be a name.
    let hope = ends.iter().filter_map(|end| rest.get(..*end)).map(given).max()?;
    if points + hope + SIDES < wanted {
        return None;
    }
    let (mut left_points, left) = left(view, start, previous, until);
    if wordy && left != Left::Role {
        left_points -= 10;
    }
    if left != Left::Role && previous.is_some_and(|before| words::is_word(&[before, first])) {
        left_points -= 30;
    }
    if points + hope + left_points + 40 < wanted {
        return None;
    }
    let best = ends.iter().rev().filter_map(|end| {
        let head = rest.get(..*end)?;
        let behind = rest.get(*end..)?;
        let long = head.chars().count() == 2;
        let (right_points, weak) = right(behind);
        let found = points + left_points + given(head) + right_points + doubts(text, skip, head, behind)
            - if !long && weak { 10 } else { 0 };
        let whole = text.get(..skip + end)?;
        (!is_masked(text, whole)).then_some((found, start + skip + end))
    });
    // The longer one of two alike.
    let best = best.fold(
        None,
        |best: Option<(i32, usize)>, next| {
            if best.is_none_or(|best| next.0 > best.0) { Some(next) } else { best }
        },
    );
    best.filter(|(found, _)| *found >= wanted).map(|(_, end)| end)
}

/// Points taken away for words that the characters may belong to.
fn doubts(text: &str, skip: usize, given_name: &str, behind: &str) -> i32 {
    let mut chars = given_name.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return 0 };
    let last = second.unwrap_or(first);
    let family_last = text.get(..skip).and_then(|family| family.chars().next_back());
    let mut points = 0;
    if let Some(second) = second
        && words::is_word(&[first, second])
    {
        points -= if given(given_name) >= 16 { 15 } else { 30 };
    }
    if words::is_person_word(given_name) {
        points -= 60;
    }
    if second.is_none() && family_last.is_some_and(|family| words::is_word(&[family, first])) {
        points -= 90;
    } else if family_last.is_some_and(|family| words::is_word(&[family, first])) {
        points -= 30;
    }
    if behind.chars().next().is_some_and(|next| words::is_word(&[last, next])) {
        points -= 30;
    }
    points
}

/// Points of what stands on the left.
fn left(view: &View<'_>, start: usize, previous: Option<char>, until: usize) -> (i32, Left) {
    let Some(previous) = previous else { return (10, Left::Other) };
    if until > 0 && is_list(view.text.get(until..start).unwrap_or("-")) {
        return (30, Left::Role);
    }
    let before = view.before(start);
    if is_han(previous) {
        return match words::role_or_left(before) {
            words::Before::Role => (30, Left::Role),
            words::Before::ShortRole => (30, Left::Other),
            words::Before::Word => (12, Left::Other),
            words::Before::Nothing => (-35, Left::Other),
        };
    }
    let head = before.trim_end_matches([' ', ':', '(', '"', '“', '\'', '|', '-']);
    if before.len() - head.len() <= 5
        && head.len() < before.len()
        && matches!(words::role_or_left(head), words::Before::Role | words::Before::ShortRole)
    {
        return (35, Left::Role);
    }
    // `您好,张三`.
    if previous == ',' && words::role_or_left(before) == words::Before::Role {
        return (30, Left::Role);
    }
    let points = match previous {
        '@' | '#' => 30,
        ':' => 20,
        '|' | '/' | '\t' => 18,
        ' ' => 14,
        '\n' | '(' | '“' | '"' | '、' => 10,
        '。' | '!' | ';' | '?' => 8,
        ',' => 6,
        _ if previous.is_ascii_digit() => -10,
        _ => 0,
    };
    (points, Left::Other)
}

/// What may stand between two names of a list.
fn is_list(between: &str) -> bool {
    matches!(between, "" | "、" | "和" | "及" | "与" | "/" | "," | " ")
}

/// Points of what stands on the right, and whether it says little of a name of two characters.
fn right(behind: &str) -> (i32, bool) {
    let Some(next) = behind.chars().next() else { return (14, false) };
    if !is_han(next) {
        if is_sex_or_nation(behind) {
            return (40, false);
        }
        let points = match next {
            '\n' | '(' | ':' => 14,
            '。' => 6,
            ',' => 8,
            '、' | ' ' => 10,
            '|' | '/' => 16,
            '·' | '*' => -50,
            _ => 4,
        };
        return (points, false);
    }
    match words::deed_or_right(behind) {
        words::Behind::Deed => (28, false),
        words::Behind::Word => (8, true),
        words::Behind::Nothing => (-35, true),
    }
}

#[cfg(test)]
mod tests {
    use crate::screen::tests::names;

    #[test]
    fn names_that_no_pattern_announces() {
        assert_eq!(names("排班：周一简一诺、周二党玉梅、周三独孤丹丹。"), ["简一诺", "党玉梅", "独孤丹丹"]);
        assert_eq!(names("据同室病友卜勇反映，该患昨夜未眠。"), ["卜勇"]);
        assert_eq!(names("因黄茜出差，门诊由李夏荷代诊。"), ["黄茜", "李夏荷"]);
        assert_eq!(names("麻烦转告晁继红，他爸爸的化验不太好。"), ["晁继红"]);
    }

    #[test]
    fn words_that_look_like_names() {
        for text in [
            "血压恢复到正常水平，日常生活中多吃新鲜水果。",
            "石家庄转来一例，江苏口音，对青霉素过敏。",
            "胃粘膜肠上皮化生，雷尼替丁等药物，如何进行饮食？",
            "柯萨奇病毒抗体阳性，麻疹抗体阴性，白求恩精神。",
            "方用六君子汤合白头翁汤加减，黄连、白术各10g。",
            "时间窗内可行溶栓；于餐后服用，安静休息。",
            "张某某、李XX、王**均已隐去。",
        ] {
            assert!(names(text).is_empty(), "{text}: {:?}", names(text));
        }
    }
}
