//! Dates more exact than the year, in digits: `2023年5月3日`, `2023年5月`, `5月3日`, `2023-05-03`, `2023/5/3`,
//! `20230503` behind a date word, `05/03/2023`; and in Chinese numerals. Called by `detect`. Invariant: month
//! and day exist; years are 1900 to 2099.

use crate::screen::checksum::is_date;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, leading};

/// A number of at most `digits_max` (nine or fewer) digits at the beginning: value and length.
pub(super) fn number(text: &str, digits_max: usize) -> Option<(u32, usize)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 || length > digits_max {
        return None;
    }
    let value = text.get(..length)?.bytes().fold(0_u32, |value, byte| value * 10 + u32::from(byte - b'0'));
    Some((value, length))
}

fn is_year(value: u32) -> bool {
    (1900..2100).contains(&value)
}

fn blanks(text: &str) -> usize {
    text.bytes().take(2).take_while(|byte| *byte == b' ').count()
}

/// Adds every date that begins with a digit run.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut seen = 0;
    for run in view.runs {
        if run.start < seen || is_inner(view.before(run.start)) {
            continue;
        }
        let text = view.after(run.start);
        let length = match run.len() {
            4 => year_first(text),
            1 | 2 => month_first(text)
                .or_else(|| short_year(text))
                .or_else(|| year_last(text))
                .or_else(|| day_only(view, run.start, text)),
            8 => compact(view, run.start, text),
            14 => compact(view, run.start, text).map(|_| 14),
            _ => None,
        };
        if let Some(length) = length {
            hits.push(Hit { kind: Kind::Date, start: run.start, end: run.start + length });
            seen = run.start + length;
        }
    }
}

/// Whether a text begins with a whole date in digits: behind `encounter` it is one, not a number.
pub(super) fn begins(text: &str) -> bool {
    year_first(text).or_else(|| year_last(text)).is_some()
}

/// Whether a run is the continuation of a decimal, a range or a code: `1.2023-5-3`, `A-12/3/2020`.
fn is_inner(before: &str) -> bool {
    matches!(before.as_bytes(), [.., digit, b'.' | b'/' | b'-'] if digit.is_ascii_digit())
        || before.as_bytes().last().is_some_and(u8::is_ascii_alphabetic)
}

/// `2023年5月3日`, `2023年5月`, `2023-5-3`.
fn year_first(text: &str) -> Option<usize> {
    let (year, mut at) = number(text, 4)?;
    if !is_year(year) {
        return None;
    }
    let rest = text.get(at..)?;
    let skip = blanks(rest);
    let (separator, han) = match rest.get(skip..)?.chars().next()? {
        '年' => ('年', true),
        c @ ('-' | '/' | '.') => (c, false),
        _ => return None,
    };
    at += skip + separator.len_utf8();
    at += blanks(text.get(at..)?);
    let (month, length) = number(text.get(at..)?, 2)?;
    at += length;
    if !(1..=12).contains(&month) {
        return None;
    }
    let rest = text.get(at..)?;
    let skip = blanks(rest);
    let next = rest.get(skip..)?.chars().next();
    let inner = if han { next == Some('月') } else { next == Some(separator) };
    if !inner {
        // `2023-05` alone may be a range or a code; `2023年5` without a month sign is not a date.
        return None;
    }
    let month_end = at + skip + next.map_or(0, char::len_utf8);
    let day_at = month_end + blanks(text.get(month_end..)?);
    match number(text.get(day_at..)?, 2).filter(|(day, _)| is_date(year, month, *day)) {
        Some((_, length)) => Some(day_at + length + day_sign(text.get(day_at + length..)?)),
        None => han.then_some(month_end),
    }
}

fn day_sign(rest: &str) -> usize {
    let skip = blanks(rest);
    let sign = rest.get(skip..).is_some_and(|rest| rest.starts_with(['日', '号']));
    if sign { skip + '日'.len_utf8() } else { 0 }
}

/// `5月3日`, `5月3号`; not `3月10日龄`.
fn month_first(text: &str) -> Option<usize> {
    let (month, mut at) = number(text, 2)?;
    at += blanks(text.get(at..)?);
    at += text.get(at..)?.starts_with('月').then_some('月'.len_utf8())?;
    at += blanks(text.get(at..)?);
    let (day, length) = number(text.get(at..)?, 2)?;
    at += length;
    let sign = day_sign(text.get(at..)?);
    let age = text.get(at + sign..)?.starts_with('龄');
    (sign > 0 && !age && is_date(2000, month, day)).then_some(at + sign)
}

/// `05/03/2023`, `3-5-2023`, `3.5.2023`, `5/3/23` with slashes.
fn year_last(text: &str) -> Option<usize> {
    let (first, mut at) = number(text, 2)?;
    let separator = text.get(at..)?.chars().next().filter(|c| matches!(c, '/' | '-' | '.'))?;
    let (second, length) = number(text.get(at + 1..)?, 2)?;
    at += 1 + length;
    let rest = text.get(at..)?.strip_prefix(separator)?;
    let (year, length) = number(rest, 4)?;
    let long = length == 4 && is_year(year);
    let short = length == 2 && (separator == '/' || first.max(second) > 12);
    let exists = is_date(2000, first, second) || is_date(2000, second, first);
    let end = at + 1 + length;
    let goes_on = text.get(end..)?.starts_with(separator)
        && text.get(end + 1..)?.starts_with(|c: char| c.is_ascii_digit());
    ((long || short) && exists && !goes_on).then_some(end)
}

/// `24年2月29日`: two digits of the year.
fn short_year(text: &str) -> Option<usize> {
    let (_, length) = number(text, 2).filter(|(_, length)| *length == 2)?;
    let rest = text.get(length..)?.strip_prefix('年')?;
    let month = month_first(rest)?;
    Some(length + '年'.len_utf8() + month)
}

/// `10/26` where a day is spoken of: behind a weekday or a word for a date, before a clock time or a word for
/// a part of the day.
fn day_only(view: &View<'_>, start: usize, text: &str) -> Option<usize> {
    const BEFORE: &[&str] = &[
        "on",
        "since",
        "until",
        "till",
        "dated",
        "signed",
        "next",
        "mon",
        "tue",
        "tues",
        "wed",
        "thu",
        "thur",
        "thurs",
        "fri",
        "sat",
        "sun",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "tomorrow",
        "today",
        "yesterday",
        "ct",
        "mri",
        "xr",
        "visit",
        "appt",
        "f/u",
        "dos",
        "d/c",
        "lmp",
    ];
    const HAN: &[&str] = &["日期", "取药", "复诊", "手术", "入院", "出院", "于", "末次", "时间", "复查"];
    const BEHIND: &[&str] = &[
        "am", "pm", "晨", "早", "上午", "下午", "晚", "夜", "凌晨", "中午", "夜班", "白班", "查房", "入院",
        "出院", "手术",
    ];
    let (month, length) = number(text, 2)?;
    let (day, day_length) = number(text.get(length..)?.strip_prefix('/')?, 2)?;
    let end = length + 1 + day_length;
    let behind = text.get(end..)?;
    let exists = is_date(2000, month, day) || is_date(2000, day, month);
    let goes_on = behind.starts_with(['/', '-', '%', 'm', '.'])
        && !behind.starts_with(". ")
        && behind != "."
        && !behind.starts_with(".\n");
    let head = view.before(start);
    let head = head.trim_end_matches([' ', ',', ':', '(']);
    let word: String = head
        .chars()
        .rev()
        .take(10)
        .take_while(|c| c.is_ascii_alphabetic() || *c == '/')
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let announced =
        BEFORE.contains(&word.to_ascii_lowercase().as_str()) || HAN.iter().any(|word| head.ends_with(word));
    let spoken = BEHIND.iter().any(|word| behind.trim_start().starts_with(word));
    (exists && !goes_on && (announced || spoken)).then_some(end)
}

/// `20230503` behind a word that announces a date.
fn compact(view: &View<'_>, start: usize, text: &str) -> Option<usize> {
    const WORDS: &[&str] = &[
        "日期",
        "时间",
        "生日",
        "出生",
        "入院",
        "出院",
        "于",
        "手术日",
        "就诊日",
        "Date",
        "date",
        "DOB",
        "dob",
        "on ",
    ];
    let part = |from: usize, to: usize| {
        text.get(from..to).and_then(|part| number(part, 4)).map_or(0, |(value, _)| value)
    };
    let exists = is_year(part(0, 4)) && is_date(part(0, 4), part(4, 6), part(6, 8));
    let line = view.before(start);
    let near: String = line.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    let announced =
        WORDS.iter().any(|word| near.trim_end_matches([':', ' ', '为', '是']).ends_with(word.trim_end()));
    (exists && announced).then_some(8)
}

/// Dates in Chinese numerals: `二〇二三年五月三日`, `五月三日`.
pub(super) fn find_han(view: &View<'_>, hits: &mut Vec<Hit>) {
    const NUMERALS: &str = "〇零一二三四五六七八九十○";
    let numerals = |text: &str| leading(text, 4, |c| NUMERALS.contains(c)).end;
    for (at, sign) in view.text.match_indices('月') {
        let before = view.before(at);
        let month = before
            .chars()
            .rev()
            .take(2)
            .take_while(|c| NUMERALS.contains(*c))
            .map(char::len_utf8)
            .sum::<usize>();
        let after = view.after(at + sign.len());
        let day = numerals(after);
        let signed =
            after.get(day..).is_some_and(|rest| rest.starts_with(['日', '号']) && !rest.starts_with("日龄"));
        let year =
            before.get(..before.len() - month).and_then(|head| head.strip_suffix('年')).and_then(|head| {
                let digits: Vec<char> =
                    head.chars().rev().take(4).take_while(|c| NUMERALS.contains(*c)).collect();
                (digits.len() == 4).then(|| head.len() - digits.iter().map(|c| c.len_utf8()).sum::<usize>())
            });
        let day_end = at + sign.len() + day + '日'.len_utf8();
        match (month > 0, year, day > 0 && signed) {
            (true, Some(start), true) => hits.push(Hit { kind: Kind::Date, start, end: day_end }),
            (true, Some(start), false) => hits.push(Hit { kind: Kind::Date, start, end: at + sign.len() }),
            (true, None, true) => hits.push(Hit { kind: Kind::Date, start: at - month, end: day_end }),
            _ => {}
        }
    }
}
