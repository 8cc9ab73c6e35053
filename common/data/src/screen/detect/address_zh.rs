//! Chinese addresses: chains of two or more levels (`浙江省杭州市西湖区`), streets with numbers, and what stands
//! behind `住址：`. Called by `detect`, with the places as cues. Invariant: a province or a city alone is no
//! finding.

use super::label;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han, leading};

/// Levels below a city, and streets. Longest first.
const LEVELS: &[&str] = &[
    "特别行政区",
    "自治区",
    "自治州",
    "自治县",
    "经济开发区",
    "开发区",
    "高新区",
    "新区",
    "地区",
    "街道",
    "居委会",
    "社区",
    "小区",
    "大道",
    "胡同",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "镇",
    "乡",
    "村",
    "路",
    "街",
    "巷",
];
/// Characters that no name of a place holds: they belong to hospitals, wards, verbs and particles.
const NEVER_IN_PLACES: &str =
    "院科病医诊的了在是和我你他她有到去来就要会吗呢吧做看住过被把从为与及或疗术患者区痛疼症炎者啊";
/// What counts behind a street or a building.
const UNITS: &[&str] = &[
    "号楼", "号院", "号", "栋", "幢", "单元", "室", "弄", "楼", "层", "座", "组", "队", "户", "房", "社",
    "街坊", "期", "排",
];

/// Length of one further level at the beginning of a text: a name of one to seven characters and its suffix.
fn level(text: &str) -> Option<usize> {
    for (count, (at, c)) in text.char_indices().enumerate() {
        let rest = text.get(at..).unwrap_or_default();
        if count >= 1
            && let Some(suffix) = LEVELS.iter().find(|suffix| rest.starts_with(**suffix))
        {
            return Some(at + suffix.len());
        }
        if count >= 7 || !is_han(c) || NEVER_IN_PLACES.contains(c) {
            return None;
        }
    }
    None
}

/// Length of house numbers at the beginning of a text: `123号5栋2单元601室`, `12-3-401`.
fn houses(text: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let skip = rest.bytes().take(1).take_while(|byte| *byte == b' ').count();
        let body = rest.get(skip..).unwrap_or_default();
        let numeral = leading(body, 6, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '#') || "甲乙丙丁一二三四五六七八九十".contains(c)
        })
        .end;
        if numeral == 0 {
            break;
        }
        let behind = body.get(numeral..).unwrap_or_default();
        match UNITS.iter().find(|unit| behind.starts_with(**unit)) {
            Some(unit) => at += skip + numeral + unit.len(),
            // The last piece may lack its unit: `3栋2-401`.
            None if at > 0
                && body.starts_with(|c: char| c.is_ascii_digit())
                && !behind.starts_with(['.', '%', '年', '月', '岁', '天']) =>
            {
                return at + skip + leading(body, 6, |c| c.is_ascii_digit() || c == '-').end;
            }
            None => break,
        }
    }
    at
}

/// Adds chains that begin with a province or city, and what stands behind an address label.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut seen = 0;
    for cue in view.cues {
        match cue.cue {
            Cue::Province | Cue::City if cue.start >= seen => {
                if let Some(end) = chain(view, cue.end) {
                    hits.push(Hit { kind: Kind::Address, start: cue.start, end });
                    seen = end;
                }
            }
            Cue::AddressLabel => {
                if let Some((start, end)) = labelled(view, cue.end) {
                    hits.push(Hit { kind: Kind::Address, start, end });
                }
            }
            _ => {}
        }
    }
}

/// The end of the chain behind a province or city; at least one further level.
fn chain(view: &View<'_>, named: usize) -> Option<usize> {
    let rest = view.after(named);
    let own = LEVELS
        .iter()
        .filter(|level| matches!(**level, "省" | "市" | "自治区" | "特别行政区" | "地区" | "自治州"))
        .find(|level| rest.starts_with(**level));
    let regional = ["维吾尔", "壮族", "回族"].iter().find(|word| rest.starts_with(**word));
    let mut at =
        named + regional.map_or_else(|| own.map_or(0, |own| own.len()), |word| word.len() + "自治区".len());
    let first = at;
    // Cities follow as cues without suffix, too: `浙江杭州西湖区`.
    for _ in 0..5 {
        let city = view.cues_at(at).find(|cue| cue.cue == Cue::City);
        if let Some(city) = city {
            let suffix = usize::from(view.after(city.end).starts_with('市')) * '市'.len_utf8();
            at = city.end + suffix;
            continue;
        }
        let Some(length) = level(view.after(at)) else { break };
        // `上海市区`, `北京地区` name no district.
        let name = view.text.get(at..at + length).unwrap_or_default();
        if matches!(name, "市区" | "郊区" | "地区" | "城区" | "农村" | "山区" | "周边地区") {
            break;
        }
        at += length;
    }
    at += houses(view.after(at));
    // `45号附12`, `1号漓江饭店507房`: a building behind the number of the street.
    if let Some(rest) = view.after(at).strip_prefix('附') {
        at += '附'.len_utf8() + leading(rest, 4, |c| c.is_ascii_digit() || c == '-' || c == '号').end;
    }
    let behind = view.after(at);
    let stretch = leading(behind, 14, |c| {
        is_han(c) && !"住于在因患者电联".contains(c) || c.is_ascii_alphanumeric() || c == '-'
    })
    .end;
    let tail = behind.get(..stretch).unwrap_or_default();
    let unit = ["房", "室", "层", "楼", "座", "单元", "号", "户", "社", "组"]
        .iter()
        .filter_map(|unit| tail.rfind(unit).map(|at| at + unit.len()))
        .max();
    let number = tail.find(|c: char| c.is_ascii_alphanumeric());
    let last = leading(tail.get(number.unwrap_or(0)..).unwrap_or_default(), 10, |c| {
        c.is_ascii_alphanumeric() || c == '-'
    })
    .end;
    if at > first
        && let Some(number) = number
    {
        at += unit.filter(|unit| *unit > number).unwrap_or(number + last).max(number + last);
    }
    (at > first).then_some(at)
}

/// The address behind a label: up to a mark, at most forty characters, and it must hold a level or a number.
fn labelled(view: &View<'_>, end: usize) -> Option<(usize, usize)> {
    let (skip, marked) = label::value(view.after(end));
    let start = end + skip;
    let rest = view.after(start);
    let length = leading(rest, 40, |c| {
        is_han(c) || c.is_ascii_alphanumeric() || matches!(c, '-' | '#' | '(' | ')' | '·')
    })
    .end;
    let value = rest.get(..length)?;
    let cut = ["电话", "联系", "邮编", "手机", "身份证", "因", "患者", "性别", "年龄", "职业"]
        .iter()
        .filter_map(|word| value.find(word))
        .min();
    let value = value.get(..cut.unwrap_or(value.len()))?.trim_end_matches('(');
    let ascii = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '院')
        || ["病区", "病房", "病室", "监护", "科"].iter().any(|word| value.contains(word));
    let ends = LEVELS.iter().filter_map(|suffix| value.rfind(suffix).map(|at| at + suffix.len())).max();
    let counted =
        UNITS.iter().any(|unit| value.contains(unit)) && value.contains(|c: char| c.is_ascii_digit());
    let chars = value.chars().count();
    if ascii || chars < 3 || (ends.is_none() && !counted) {
        return None;
    }
    // Behind a colon all of it is the address; in a sentence (`家住杭州市西湖区多年`) only up to the last level or
    // number.
    let closed = UNITS.iter().any(|unit| value.ends_with(unit));
    let end = if marked || counted || closed { value.len() } else { ends? };
    let behind = value.get(end..).unwrap_or_default();
    let digits = leading(behind, 10, |c| c.is_ascii_digit() || c == '-').end;
    let end = end + houses(behind).max(digits);
    Some((start, start + end))
}

/// Adds streets with house numbers, found from the number backwards: `文三路478号`.
pub(super) fn find_streets(view: &View<'_>, hits: &mut Vec<Hit>) {
    const STREETS: &[&str] =
        &["路", "街", "巷", "弄", "村", "小区", "大道", "胡同", "花园", "公寓", "苑", "里", "新村", "家园"];
    for run in view.runs.iter().filter(|run| run.len() <= 5) {
        let tail = houses(view.after(run.start));
        let before = view.before(run.start);
        if tail == 0 || !STREETS.iter().any(|street| before.ends_with(street)) {
            continue;
        }
        let name: Vec<(usize, char)> = before
            .char_indices()
            .rev()
            .take(12)
            .take_while(|(_, c)| is_han(*c) && !"在于住到去从往是的为至：".contains(*c))
            .collect();
        let Some((start, _)) = name.last().copied() else { continue };
        if name.len() >= 2 {
            hits.push(Hit { kind: Kind::Address, start, end: run.start + tail });
        }
    }
}
