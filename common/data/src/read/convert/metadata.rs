//! Who, when, which department: columns that are never trained on, but by which records are split. Called by
//! `convert` with the conventional names, and by mappings with the names they give. A date is read in the
//! forms of Chinese and ISO exports; a date that the calendar does not have is counted, not guessed.

use serde_json::Value;

use super::row::{Row, scalar};
use crate::read::mapping::Mapping;
use crate::record::Date;

/// The conventional names, in the order in which they are looked for.
const PATIENT: &[&str] = &[
    "patient_id",
    "patientid",
    "patient",
    "subject_id",
    "person_id",
    "pid",
    "患者编号",
    "患者ID",
    "病人编号",
    "病人ID",
];
const DATE: &[&str] = &[
    "date",
    "visit_date",
    "admission_date",
    "encounter_date",
    "record_date",
    "日期",
    "就诊日期",
    "入院日期",
    "就诊时间",
    "入院时间",
];
const STRATUM: &[&str] =
    &["department", "dept", "科室", "专科", "就诊科室", "disease", "疾病", "病种", "specialty"];

/// What a row says besides its texts.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) patient: Option<String>,
    pub(super) date: Option<Date>,
    /// The column, and its value.
    pub(super) stratum: Option<(String, String)>,
    pub(super) has_unreadable_date: bool,
}

/// From the mapping's columns; for a column that it does not name, or without a mapping, from the
/// conventional ones.
pub(super) fn of(row: &Row<'_>, mapping: Option<&Mapping>) -> Metadata {
    let named =
        |column: fn(&Mapping) -> &Option<String>| mapping.and_then(|mapping| column(mapping).as_deref());
    let (patient, date, stratum) = (named(|m| &m.patient), named(|m| &m.date), named(|m| &m.stratum));
    from_columns(
        row,
        patient.as_ref().map_or(PATIENT, std::slice::from_ref),
        date.as_ref().map_or(DATE, std::slice::from_ref),
        stratum.as_ref().map_or(STRATUM, std::slice::from_ref),
    )
}

fn from_columns(row: &Row<'_>, patient: &[&str], date: &[&str], stratum: &[&str]) -> Metadata {
    let text = |value: &Value| Some(scalar(value)?.trim().to_owned()).filter(|text| !text.is_empty());
    let value = |names: &[&str]| {
        let (name, value) = row.get(names)?;
        Some((name.to_owned(), text(value)?))
    };
    let found = row.get(date);
    let written = found.and_then(|(_, value)| text(value));
    let is_list = matches!(found, Some((_, Value::Array(_) | Value::Object(_))));
    let date = written.as_deref().and_then(day);
    Metadata {
        patient: value(patient).map(|(_, text)| text),
        date,
        stratum: value(stratum),
        has_unreadable_date: date.is_none() && (written.is_some() || is_list),
    }
}

/// `2024-03-05`, `2024/3/5`, `2024.3.5`, `2024年3月5日`, `20240305`; a time of day behind it is ignored.
pub(super) fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (year, month, day) = if digits == 8 && text.len() == 8 {
        (&text[..4], &text[4..6], &text[6..])
    } else {
        let (year, rest) = text.split_once(['-', '/', '.', '年'])?;
        let (month, rest) = rest.split_once(['-', '/', '.', '月'])?;
        let end = rest.bytes().take_while(u8::is_ascii_digit).count();
        let behind = rest[end..].chars().next();
        if !matches!(behind, None | Some('日' | 'T' | ' ' | '\u{3000}')) {
            return None;
        }
        (year, month, &rest[..end])
    };
    let is_number = |text: &str, max: usize| {
        (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if year.len() != 4 || !is_number(year, 4) || !is_number(month, 2) || !is_number(day, 2) {
        return None;
    }
    let date = Date { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
    (date.year >= 1800 && (1..=days_in(date)).contains(&date.day)).then_some(date)
}

/// Days of the date's month in the Gregorian calendar; 0 where there is no such month.
fn days_in(date: Date) -> u8 {
    let year = date.year;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match date.month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written_and_checked() {
        let date = |year, month, day| Some(Date { year, month, day });
        for (text, expected) in [
            ("2024-03-05", date(2024, 3, 5)),
            (" 2024/3/5 ", date(2024, 3, 5)),
            ("2024.3.5", date(2024, 3, 5)),
            ("2024年12月31日", date(2024, 12, 31)),
            ("20240229", date(2024, 2, 29)),
            ("2024-03-05T10:11:12Z", date(2024, 3, 5)),
            ("2024-03-05 10:11", date(2024, 3, 5)),
            ("20230229", None),
            ("1900-02-29", None),
            ("2000-02-29", date(2000, 2, 29)),
            ("2024-13-01", None),
            ("2024-00-10", None),
            ("2024-04-31", None),
            ("24-03-05", None),
            ("2024-3-5x", None),
            ("2024年", None),
            ("年月日", None),
            ("+024-03-05", None),
            ("", None),
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
    }
}
