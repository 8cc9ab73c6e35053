//! Chinese names: behind a label (`姓名：`), behind a person word (`患者`, `主治医师`, `其妻`) with a surname and a
//! clear end, before a title (`王建国主任医师`), and names with a middle dot. Called by `detect`. Invariant: `张某`,
//! `李XX`, `王**`, `匿名` are no names.

use super::han;
use super::label;
use super::name_score_zh_words::is_surname_and_title;
use super::name_words::FOLLOWERS;
use super::surname::{Surname, is_given, surname};
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han, leading};

/// What stands where a name was taken out, or where none was filled in.
const NO_NAMES: &[&str] = &[
    "某",
    "匿名",
    "不详",
    "保密",
    "未知",
    "同上",
    "无",
    "略",
    "未填",
    "未提供",
    "本人",
    "患者",
    "病人",
    "家属",
    "父亲",
    "母亲",
    "丈夫",
    "妻子",
    "儿子",
    "女儿",
    "配偶",
    "医师",
    "医生",
    "护士",
    "性别",
    "年龄",
    "已隐",
    "隐去",
    "待查",
    "朋友",
    "同事",
    "亲属",
    "暂无",
    "名字",
    "签",
];

/// Adds the names that cues announce.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues {
        let before = hits.len();
        match cue.cue {
            Cue::NameLabel => labelled(view, cue.end, hits),
            Cue::Person | Cue::Kin | Cue::Named => announced(view, cue.end, cue.cue == Cue::Named, hits),
            Cue::TitleAfter => {
                before_title(view, cue.start, hits);
                announced(view, cue.end, false, hits);
            }
            _ => {}
        }
        if !matches!(cue.cue, Cue::NameLabel | Cue::Named) {
            // `报告董医生`: only a label makes a name of a surname with a title.
            let found = hits.split_off(before);
            hits.extend(
                found.into_iter().filter(|hit| {
                    !is_surname_and_title(view.text.get(hit.start..hit.end).unwrap_or_default())
                }),
            );
        }
    }
}

/// `姓名：张三`; several names apart by `、` or `/` as well. Without a surname the label must have its colon.
fn labelled(view: &View<'_>, end: usize, hits: &mut Vec<Hit>) {
    let (skip, marked) = label::value(view.after(end));
    let mut start = end + skip;
    for _ in 0..4 {
        let rest = view.after(start);
        let Some(length) = name_length(rest, marked || skip > 0, marked) else { return };
        hits.push(Hit { kind: Kind::PersonName, start, end: start + length });
        let behind = view.after(start + length);
        let Some(separator) = ["、", "/", ","].iter().find(|separator| behind.starts_with(**separator))
        else {
            return;
        };
        start += length + separator.len();
        if surname(view.after(start)).is_none() {
            return;
        }
    }
}

/// `患者张三，`: surname, one or two characters, a clear end.
fn announced(view: &View<'_>, end: usize, named: bool, hits: &mut Vec<Hit>) {
    let rest = view.after(end);
    let skip = leading(rest, 3, |c| matches!(c, ':' | ' ' | '(' | '"' | '“' | ',' | '\u{300c}')).end;
    // `患者，张三` is rare and `医生，何时` is not: a comma counts only behind `名叫`.
    if skip > 0 && rest.get(..skip).is_some_and(|between| between.contains(',')) && !named {
        return;
    }
    let start = end + skip;
    if let Some(length) = name_length(view.after(start), named, false) {
        hits.push(Hit { kind: Kind::PersonName, start, end: start + length });
    }
}

/// Length in bytes of the name at the beginning of a text. `sure` is true where a label says that a name
/// comes: then doubtful surnames count; `any` accepts two to four Han characters of any kind that stand
/// alone.
fn name_length(text: &str, sure: bool, any: bool) -> Option<usize> {
    let han = leading(text, 6, is_han).end;
    if let Some(length) = dotted(text) {
        return Some(length);
    }
    let head = text.get(..han)?;
    if NO_NAMES.iter().any(|word| head.starts_with(word)) || is_masked(text, head) {
        return None;
    }
    let chars: Vec<usize> = head.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    let family = surname(text);
    let first = chars.first().copied().unwrap_or(0);
    let lengths: &[usize] = match family {
        Some(Surname::Compound) => &[4, 3],
        Some(_) => &[3, 2],
        None => &[],
    };
    for length in lengths {
        let Some(end) = chars.get(length - 1).copied() else { continue };
        // A doubtful surname needs a given name that looks like one, and two characters of it or a mark
        // behind.
        let given = text.get(first..end).unwrap_or_default();
        let behind = text.get(end..).unwrap_or_default();
        let doubt = family == Some(Surname::Doubtful)
            && !sure
            && !(is_given(given) && (*length == 3 || behind.starts_with([',', '(', '、'])));
        // `李强因`: the last character is the next word.
        let next_word = *length == 3
            && given
                .chars()
                .next_back()
                .is_some_and(|c| han::is(c, han::FOLLOWS | han::FOLLOWS_FIRST) && !han::is(c, han::POSSIBLE));
        if (any || !next_word) && !doubt && is_end(behind) {
            return Some(end);
        }
    }
    // A label and a colon before two to four characters that stand alone: a name without a known surname.
    let alone = (2..=4).contains(&chars.len()) && any;
    alone.then(|| chars.last().copied()).flatten()
}

/// Whether a name can end before this text.
pub(super) fn is_end(behind: &str) -> bool {
    let Some(next) = behind.chars().next() else { return true };
    if !is_han(next) {
        return !matches!(next, '*' | '·' | 'X' | 'x');
    }
    han::is(next, han::FOLLOWS)
        || (han::is(next, han::FOLLOWS_FIRST) && FOLLOWERS.iter().any(|word| behind.starts_with(word)))
}

/// `张某`, `张XX`, `张**`, `张○○`.
pub(super) fn is_masked(text: &str, head: &str) -> bool {
    let second = head.chars().nth(1);
    let third = head.chars().nth(2);
    let behind = text.get(head.len()..).and_then(|rest| rest.chars().next());
    let mark = |c: Option<char>| {
        matches!(c, Some('某' | '×' | '*' | 'X' | 'x' | '○' | '〇' | '_' | '□' | '?' | '#' | '△'))
    };
    mark(second) || mark(third) || (head.chars().count() <= 2 && mark(behind))
}

/// A name of two to five Han parts with middle dots between.
fn dotted(text: &str) -> Option<usize> {
    let mut at = leading(text, 8, is_han).end;
    let mut parts = usize::from(at >= 2);
    while let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix('·')) {
        let part = leading(rest, 8, is_han).end;
        if part == 0 || parts > 4 {
            break;
        }
        at += '·'.len_utf8() + part;
        parts += 1;
    }
    // A name ends before a following word: `艾力·买买提因腹痛`.
    (parts >= 2).then(|| cut_follower(text.get(..at).unwrap_or_default()))
}

fn cut_follower(name: &str) -> usize {
    let last = name.rfind('·').map_or(0, |at| at + '·'.len_utf8());
    let tail = name.get(last..).unwrap_or_default();
    let cut = tail.char_indices().skip(2).find(|(at, _)| {
        let rest = tail.get(*at..).unwrap_or_default();
        FOLLOWERS.iter().any(|word| rest.starts_with(word))
    });
    cut.map_or(name.len(), |(at, _)| last + at)
}

/// Parts that ethnic names of the north-west and Tibet, and transcribed names, consist of.
const DOT_PARTS: &[&str] = &[
    "买买提",
    "艾力",
    "阿里",
    "阿卜",
    "阿布",
    "阿不",
    "阿依",
    "古丽",
    "吐尔",
    "吐逊",
    "努尔",
    "热合",
    "热依",
    "依布",
    "依明",
    "玉素",
    "买合",
    "麦麦",
    "艾合",
    "艾山",
    "艾买",
    "赛买",
    "沙吾",
    "肉孜",
    "库尔",
    "库尔班",
    "帕提",
    "帕尔",
    "迪丽",
    "迪里",
    "哈力",
    "哈丽",
    "木合",
    "穆罕",
    "穆合",
    "塔依",
    "托合",
    "吾甫",
    "吾买",
    "扎西",
    "卓玛",
    "次仁",
    "旺堆",
    "尼玛",
    "巴桑",
    "多吉",
    "阿孜",
    "加马",
    "玛依",
    "祖力",
    "祖丽",
    "尼亚",
    "居马",
    "叶尔",
    "达吾",
    "斯坎",
    "别克",
];

/// Names with a middle dot without any cue: at least one part must look like one.
pub(super) fn find_foreign(view: &View<'_>, hits: &mut Vec<Hit>) {
    for (dot, _) in view.text.match_indices('·') {
        let before = view.before(dot);
        let start =
            before.char_indices().rev().take(6).take_while(|(_, c)| is_han(*c)).last().map(|(at, _)| at);
        let Some(start) = start else { continue };
        // Cut what precedes the name: the last known word border among person words and prepositions.
        let head = before.get(start..).unwrap_or_default();
        let skip = [
            "患者", "病人", "我叫", "名叫", "医生", "医师", "护士", "家属", "姓名", "为", "是", "叫", "与",
            "和", "由", "请", "其", "子", "妻", "夫", "父", "母",
        ]
        .iter()
        .filter_map(|word| head.rfind(word).map(|at| at + word.len()))
        .max()
        .filter(|skip| *skip < head.len())
        .unwrap_or(0);
        let from = start + skip;
        let Some(length) = dotted(view.after(from)) else { continue };
        let name = view.text.get(from..from + length).unwrap_or_default();
        let known = name.split('·').any(|part| {
            DOT_PARTS
                .iter()
                .any(|known| part.starts_with(known) || (part.ends_with(known) && part.chars().count() >= 2))
        });
        if known {
            hits.push(Hit { kind: Kind::PersonName, start: from, end: from + length });
        }
    }
}

/// `王建国主任医师`: a full name directly before a title, at the beginning of a clause or behind a word that takes a
/// name.
fn before_title(view: &View<'_>, title: usize, hits: &mut Vec<Hit>) {
    const TAKES_NAME: &[&str] = &[
        "由", "请", "找", "经", "让", "给", "向", "对", "跟", "和", "与", "及", "、", "了", "是", "为", "的",
        "在", "科", "院", "区", "组", "者", "任", "名", "下",
    ];
    let before = view.before(title);
    let before = before.strip_suffix([' ', '(']).unwrap_or(before);
    let starts: Vec<usize> =
        before.char_indices().rev().take(4).take_while(|(_, c)| is_han(*c)).map(|(at, _)| at).collect();
    for count in [4, 3, 2] {
        let Some(start) = starts.get(count - 1).copied() else { continue };
        let name = before.get(start..).unwrap_or_default();
        if !is_whole_name(name, count)
            || is_masked("", name)
            || NO_NAMES.iter().any(|word| name.ends_with(word))
        {
            continue;
        }
        let left = before.get(..start).unwrap_or_default();
        let clear = left.chars().next_back().is_none_or(|c| !is_han(c))
            || TAKES_NAME.iter().any(|word| left.ends_with(word));
        if clear {
            hits.push(Hit { kind: Kind::PersonName, start, end: before.len() });
            return;
        }
    }
}

/// Whether Han characters are a surname and a given name of plausible length.
fn is_whole_name(name: &str, chars: usize) -> bool {
    let given =
        |skip: usize| name.char_indices().nth(skip).and_then(|(at, _)| name.get(at..)).is_some_and(is_given);
    match surname(name) {
        Some(Surname::Compound) => matches!(chars, 3 | 4),
        Some(Surname::Clear) => matches!(chars, 2 | 3),
        Some(Surname::Doubtful) => matches!(chars, 2 | 3) && given(1),
        None => false,
    }
}

/// `张三，男，45岁`: the name before the sex.
pub(super) fn before_sex(view: &View<'_>, at: usize, end: usize) -> Option<(usize, usize)> {
    let behind = view.after(end);
    let alone = behind.is_empty()
        || behind.starts_with([',', ' ', '、', '性', '。', ';', '/', '|', ')'])
        || behind.starts_with(|c: char| c.is_ascii_digit());
    alone.then(|| whole_name_before(view, at)).flatten()
}

/// Names without an announcing word before the label of another identifier: `张三，身份证号`, `李四 电话`.
pub(super) fn find_before(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues {
        if matches!(cue.cue, Cue::CitizenId | Cue::Phone | Cue::RecordNumber | Cue::Insurance | Cue::Account)
        {
            hits.extend(whole_name_before(view, cue.start).map(|(start, end)| Hit {
                kind: Kind::PersonName,
                start,
                end,
            }));
        }
    }
}

/// The name that ends before a place, with a mark or blank between, and nothing but a mark on its left.
fn whole_name_before(view: &View<'_>, at: usize) -> Option<(usize, usize)> {
    let before = view.before(at);
    let head = before.trim_end_matches([',', ' ', '(', '、', ':', '|', '/']);
    if before.len() - head.len() > 4 || before.len() == head.len() {
        return None;
    }
    let starts: Vec<usize> =
        head.char_indices().rev().take(5).take_while(|(_, c)| is_han(*c)).map(|(at, _)| at).collect();
    let start = starts.last().copied().filter(|_| (2..=4).contains(&starts.len()))?;
    let name = head.get(start..)?;
    let whole = is_whole_name(name, starts.len()) && is_likely_given(name) && !is_masked("", name);
    whole.then_some((start, head.len()))
}

/// Without any announcing word, at least the last character must be one of given names.
fn is_likely_given(name: &str) -> bool {
    name.char_indices().next_back().and_then(|(at, _)| name.get(at..)).is_some_and(is_given)
}
