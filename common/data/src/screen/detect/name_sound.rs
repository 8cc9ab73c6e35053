//! Names written by their sound: transcribed ones with a middle dot (`约翰·史密斯`), and Tibetan, Mongolian,
//! Uyghur and Yi names without one (`卓玛央金`, `库尔班江`, `其其格`). Called by `detect`. Invariant: one short part
//! alone is a name only behind a word for a person or before the sex; a place that holds one is none.

use super::han;
use super::name_free::{is_deed, is_sex_or_nation};
use super::name_score_zh_words as words;
use super::name_zh::is_end;
use crate::screen::cue::{Cue, CueHit};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Ends of such names behind a known part.
const TAILS: &[&str] = &[
    "古丽", "江", "汗", "提", "木", "克", "别克", "巴依", "尔", "汉", "花", "姆", "玛", "措", "吉", "珍",
    "杰", "娜", "雅", "图", "夫", "西木", "罕", "扎",
];

/// Adds both sorts.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for (dot, _) in view.text.match_indices('·') {
        if let Some((start, end)) = dotted(view, dot) {
            hits.push(Hit { kind: Kind::PersonName, start, end });
        }
    }
    for cue in view.cues {
        if let Some((start, end)) = announced(view, cue) {
            hits.push(Hit { kind: Kind::PersonName, start, end });
        }
    }
    let mut until = 0;
    for (index, cue) in view.cues.iter().enumerate() {
        if cue.cue == Cue::NamePart && cue.start >= until {
            let (start, end) = parts(view, index, cue);
            if is_name(view, start, end, cue) {
                hits.push(Hit { kind: Kind::PersonName, start, end });
            }
            until = end;
        }
    }
}

/// The name that stands between marks before `,傣族` or `,日本籍`, seen from the last character of the nation.
pub(super) fn national(view: &View<'_>, last: usize) -> Option<(usize, usize)> {
    let before = view.before(last);
    let word: usize = before.chars().rev().take(5).take_while(|c| is_han(*c)).map(char::len_utf8).sum();
    let head = before.get(..before.len() - word)?;
    let at = head.trim_end_matches([' ', ',']).len();
    let nation = before.get(head.len()..)?;
    if at == head.len()
        || word == 0
        || word > 12
        || nation.starts_with(['男', '女'])
        || view.after(last).chars().nth(1).is_some_and(is_han)
    {
        return None;
    }
    let before = view.before(at);
    let han: Vec<(usize, char)> =
        before.char_indices().rev().take(7).take_while(|(_, c)| is_han(*c) || *c == '·').collect();
    let start = han.last()?.0;
    let person = [
        "患者", "病人", "患儿", "产妇", "孕妇", "男性", "女性", "已婚", "未婚", "离异", "职员", "工人",
        "农民", "学生", "汉族", "岁", "男", "女", "婚", "民族", "籍贯",
    ];
    let named = (2..=6).contains(&han.len()) && !person.iter().any(|word| before.ends_with(word));
    named.then_some((start, at))
}

/// Both sides of a middle dot written with characters of transcriptions only.
fn dotted(view: &View<'_>, dot: usize) -> Option<(usize, usize)> {
    let sound = |c: &char| han::is(*c, han::SOUND);
    let left: Vec<char> = view.before(dot).chars().rev().take(6).take_while(sound).collect();
    let after = view.after(dot + '·'.len_utf8());
    let right: Vec<char> = after.chars().take(7).take_while(sound).collect();
    let next = after.chars().nth(right.len());
    let ends = right.len() >= 2
        && next.is_none_or(|c| {
            !is_han(c)
                || is_end(after.get(right.iter().map(|c| c.len_utf8()).sum::<usize>()..).unwrap_or_default())
        });
    let start = dot - left.iter().map(|c| c.len_utf8()).sum::<usize>();
    let end = dot + '·'.len_utf8() + right.iter().map(|c| c.len_utf8()).sum::<usize>();
    (left.len() >= 2 && ends).then_some((start, end)).or_else(|| bordered(view, dot))
}

/// `杰克逊·奥孔库` between borders or behind a role: two or more parts that hold no word of a record.
fn bordered(view: &View<'_>, dot: usize) -> Option<(usize, usize)> {
    let part = |c: &char| is_han(*c) && !words::is_never(*c);
    let before = view.before(dot);
    let left: usize = before.chars().rev().take(9).take_while(|c| is_han(*c)).map(char::len_utf8).sum();
    let behind = view.after(dot + '·'.len_utf8());
    let right: usize = behind.chars().take(9).take_while(|c| is_han(*c)).map(char::len_utf8).sum();
    let (head, tail) = (before.get(before.len() - left..)?, behind.get(..right)?);
    let sounds = |text: &str| 2 * han::count(text, han::SOUND) > text.chars().count();
    // Where no border stands, the name begins behind the longest role.
    let skip = head.char_indices().map(|(at, _)| at).find(|at| {
        *at == 0 && head.chars().count() <= 5 && sounds(head)
            || *at > 0 && words::role_or_left(head.get(..*at).unwrap_or_default()) == words::Before::Role
    })?;
    let name = head.get(skip..)?;
    let cut =
        tail.char_indices().map(|(at, c)| at + c.len_utf8()).find(|at| *at >= 6 && is_end(&behind[*at..]))?;
    let last = behind.get(..cut)?;
    let fits = |text: &str| (2..=6).contains(&text.chars().count()) && text.chars().all(|c| part(&c));
    (fits(name) && fits(last) && sounds(name) && sounds(last))
        .then_some((dot - left + skip, dot + '·'.len_utf8() + cut))
}

/// What stands behind a drug or before the name of a disease.
const NOT_BEHIND: &[&str] =
    &["病", "综合", "征", "症", "氏", "瘤", "菌", "抗", "治", "片", "胶", "素", "量", "过敏"];

/// Ends of drugs that are written with the same characters.
const DRUG_ENDS: &[&str] = &[
    "西林",
    "沙星",
    "洛尔",
    "地平",
    "普利",
    "沙坦",
    "他汀",
    "卡因",
    "替尼",
    "西泮",
    "拉唑",
    "康唑",
    "霉素",
    "米松",
    "他定",
    "西汀",
    "韦林",
    "巴比妥",
    "平",
    "汀",
    "定",
    "韦",
    "松",
    "宁",
    "明",
    "龙",
    "酮",
    "酯",
    "胺",
    "肽",
    "仑",
];

/// `患者哈斯巴根,`: three to six characters of transcriptions behind a role, before a clear end.
fn announced(view: &View<'_>, cue: &CueHit) -> Option<(usize, usize)> {
    if !matches!(cue.cue, Cue::Person | Cue::NameLabel | Cue::Kin | Cue::Named | Cue::TitleAfter) {
        return None;
    }
    let rest = view.after(cue.end);
    let skip = rest.len() - rest.trim_start_matches([':', ' ', '“', '(']).len();
    let text = rest.get(skip..)?;
    let mut end = 0;
    let mut chars = 0;
    for c in text.chars().take(7).take_while(|c| han::is(*c, han::SOUND)) {
        end += c.len_utf8();
        chars += 1;
    }
    let (name, behind) = (text.get(..end)?, text.get(end..)?);
    let other = NOT_BEHIND.iter().any(|word| behind.starts_with(word))
        || DRUG_ENDS.iter().any(|word| name.ends_with(word))
        || name.chars().any(words::is_never);
    ((3..=6).contains(&chars) && skip < 8 && !other && is_end(behind))
        .then_some((cue.end + skip, cue.end + skip + end))
}

/// A part with the parts and the tail that stand directly behind it, and up to two characters before it.
fn parts(view: &View<'_>, index: usize, first: &CueHit) -> (usize, usize) {
    let mut end = first.end;
    for cue in view.cues.get(index + 1..).unwrap_or_default().iter().take(4) {
        if cue.start != end || cue.cue != Cue::NamePart {
            break;
        }
        end = cue.end;
    }
    let behind = view.after(end);
    let tail = TAILS
        .iter()
        .find(|tail| behind.strip_prefix(**tail).is_some_and(|rest| is_end(rest) || rest.starts_with('·')));
    (first.start, end + tail.map_or(0, |tail| tail.len()))
}

fn is_name(view: &View<'_>, start: usize, end: usize, cue: &CueHit) -> bool {
    let behind = view.after(end);
    // `乌兰察布市`, `罗布麻`: the word goes on.
    let told = words::deed_or_right(behind) == words::Behind::Deed;
    if !(is_end(behind)
        || told
        || is_sex_or_nation(behind)
        || behind.starts_with(['之', '电', '的', '也', '说', '把', '想', '自', '全', '确']))
    {
        return false;
    }
    let chars = view.text.get(start..end).unwrap_or_default().chars().count();
    let part = view.text.get(cue.start..cue.end).unwrap_or_default().chars().count();
    let until = view.cues.partition_point(|other| other.end <= start);
    let role = until.checked_sub(1).and_then(|at| view.cues.get(at)).is_some_and(|other| {
        matches!(other.cue, Cue::Person | Cue::NameLabel | Cue::Kin | Cue::Named | Cue::TitleAfter)
            && matches!(
                view.text.get(other.end..start),
                Some("" | ":" | ": " | " " | "(" | "“" | "叫" | "是")
            )
    });
    let near = words::role_or_left(view.before(start));
    let role = role || near == words::Before::Role || (near == words::Before::ShortRole && told);
    let border = !view.before(start).ends_with(is_han);
    role || (chars >= 3 && (border || chars > part || part >= 3))
        || (border && (is_sex_or_nation(behind) || is_deed(behind) || behind.starts_with("确")))
}
