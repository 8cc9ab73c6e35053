//! What a row says of its origin, under a closed list of names. Called by `convert` for every format. A
//! value is read as its field wants it or counted as unreadable; no text of it is kept.

use serde_json::Value;

use super::draft::Converted;
use super::metadata::day;
use super::row::{Row, nested, scalar};
use crate::provenance::{Provenance, ProvenanceField};

const SOURCE: &[&str] = &["source", "来源", "出处"];
const YEAR: &[&str] = &["year", "source_year", "年份", "发布年份"];
const LAST_UPDATE: &[&str] = &["last_update", "last_updated", "updated_at", "更新日期", "最后更新"];
const ANNOTATORS: &[&str] = &["annotators", "annotator_count", "标注人数", "标注者", "标注人"];
const AGREEMENT: &[&str] = &["agreement", "annotator_agreement", "一致性", "一致率"];
const AI_MADE: &[&str] =
    &["ai_made", "ai_generated", "is_ai_generated", "AI生成", "是否AI生成", "人工智能生成"];
const REVIEWED_BY: &[&str] =
    &["reviewed_by", "reviewer", "reviewed", "审核人", "审核医生", "复核人", "已审核", "是否审核"];
/// What a column of names says where there is none.
const NOBODY: [&str; 11] = ["", "-", "none", "null", "nan", "n/a", "na", "unknown", "无", "暂无", "未知"];
/// What says that nobody has looked yet; it outweighs a name in another column.
const NOT_YET: [&str; 9] =
    ["pending", "tbd", "unreviewed", "not reviewed", "未", "待定", "待审核", "待复核", "未审核"];

/// Years that a source may be of: from the oldest that a date may be in to the end of four digits' sense.
const YEARS: std::ops::RangeInclusive<u16> = 1800..=2999;

/// Takes the columns of provenance from a row.
pub(super) fn of(row: &Row<'_>) -> Converted<Provenance> {
    let mut said = Provenance::default();
    let mut note = |field: ProvenanceField, is_read: bool| {
        said.unreadable |= if is_read { 0 } else { 1 << field as u8 };
    };
    let source = value(row, SOURCE)?;
    let year = value(row, YEAR)?;
    let updated = value(row, LAST_UPDATE)?;
    let annotators = value(row, ANNOTATORS)?;
    let agreement = value(row, AGREEMENT)?;
    let (ai_made, reviewed) = (values(row, AI_MADE)?, values(row, REVIEWED_BY)?);
    let years = [&year, &updated].map(|value| value.as_ref().and_then(year_of));
    let people_counted = annotators.as_ref().and_then(people);
    let agrees = agreement.as_ref().map(is_agreement);
    let machine: Vec<Option<bool>> = ai_made.iter().map(switch).collect();
    note(ProvenanceField::Year, year.is_none() || years[0].is_some());
    note(ProvenanceField::LastUpdate, updated.is_none() || years[1].is_some());
    note(ProvenanceField::Annotators, annotators.is_none() || people_counted.is_some());
    note(ProvenanceField::Agreement, agrees != Some(false));
    note(ProvenanceField::AiMade, !machine.contains(&None));
    Ok(Provenance {
        has_source: source.is_some(),
        year: years[0],
        updated: years[1],
        annotators: people_counted,
        has_agreement: agrees == Some(true),
        // A yes and a doubtful word outweigh a no.
        ai_made: (!machine.is_empty()).then(|| machine.iter().any(|said| *said != Some(false))),
        // Somebody may be named who has not looked yet.
        is_reviewed: !reviewed.iter().any(is_denied) && reviewed.iter().any(is_reviewer),
        ..said
    })
}

/// What all of these columns hold that are not empty.
fn values(row: &Row<'_>, names: &[&str]) -> Converted<Vec<Value>> {
    names.iter().filter_map(|name| value(row, &[name]).transpose()).collect()
}

/// The first of these columns that is not empty.
fn value(row: &Row<'_>, names: &[&str]) -> Converted<Option<Value>> {
    for name in names {
        let Some((_, value)) = row.get(&[name]) else { continue };
        let value = nested(value)?;
        let is_empty = match value.as_ref() {
            Value::String(text) => text.trim().is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            _ => false,
        };
        if !is_empty {
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// `2024`, `2024年`, `2024-03`, or any day that the reader knows.
fn year_of(value: &Value) -> Option<u16> {
    let text = scalar(value)?;
    // A table with gaps writes whole numbers so.
    let text = text.trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    let year = match day(text) {
        Some(day) => day.year,
        None => {
            let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            let rest = text[4..].trim_start_matches(['-', '/', '.', '年']).trim_end_matches('月');
            let is_month = rest.is_empty()
                || (rest.len() < text.len() - 4
                    && rest.parse::<u8>().is_ok_and(|month| (1..=12).contains(&month)));
            digits.parse().ok().filter(|_| is_month)?
        }
    };
    YEARS.contains(&year).then_some(year)
}

/// How many people a number, a list of names, or a text of names means.
fn people(value: &Value) -> Option<u32> {
    let count = match value {
        Value::Number(number) => {
            // A table with gaps holds whole numbers as 2.0.
            let text = number.to_string();
            return text.strip_suffix(".0").unwrap_or(&text).parse().ok();
        }
        Value::Array(names) => names.iter().filter(|name| is_reviewer(name)).count(),
        Value::String(text) => {
            let number = text.trim().trim_end_matches(['人', '名', '位']).trim_end();
            let number = number.strip_suffix(".0").unwrap_or(number);
            if number.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
                return number.parse().ok();
            }
            if !is_reviewer(value) {
                return None;
            }
            text.split(['、', ',', '，', ';', '；']).filter(|name| !name.trim().is_empty()).count()
        }
        _ => return None,
    };
    u32::try_from(count).ok()
}

/// A coefficient from -1 to 1, or percent.
fn is_agreement(value: &Value) -> bool {
    let Some(text) = scalar(value) else { return false };
    let text = text.trim().trim_end_matches(['%', '％']).trim_end();
    text.parse::<f64>().is_ok_and(|share| (-1.0..=100.0).contains(&share))
}

/// Yes or no; nothing for any other word.
fn switch(value: &Value) -> Option<bool> {
    match scalar(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "1.0" | "yes" | "y" | "是" => Some(true),
        "false" | "0" | "0.0" | "no" | "n" | "否" => Some(false),
        _ => None,
    }
}

/// Whether a value says no, or not yet.
fn is_denied(value: &Value) -> bool {
    let not_yet = |text: &str| NOT_YET.contains(&text.trim().to_ascii_lowercase().as_str());
    switch(value) == Some(false) || scalar(value).is_some_and(|text| not_yet(&text))
}

/// Whether a value names a reviewer, or says that there was one.
fn is_reviewer(value: &Value) -> bool {
    match value {
        Value::Array(names) => names.iter().any(is_reviewer),
        Value::Object(_) => false,
        other => scalar(other).is_some_and(|text| {
            !is_denied(other) && !NOBODY.contains(&text.trim().to_ascii_lowercase().as_str())
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Place, Record};

    fn record(columns: Value) -> Record {
        let mut columns = columns.as_object().unwrap().clone();
        columns.insert("text".to_owned(), "t".into());
        let conversion = crate::read::convert::record(&columns, Place { file: 0, line: 1 }, None).unwrap();
        assert_eq!(conversion.unused, [].into(), "what is counted here is not unused");
        assert_eq!(conversion.record.fields.len(), 1, "and not trained on");
        conversion.record
    }

    #[test]
    fn both_languages_are_understood_and_no_text_is_kept() {
        let english = json!({
            "source": "guideline", "year": 2019, "last_update": "2024-03-05", "annotators": ["A", "B"],
            "agreement": 0.92, "ai_made": true, "reviewed_by": "Dr Jane Doe",
        });
        let chinese = json!({
            "来源": "指南", "年份": "2019年", "更新日期": "2024年3月", "标注人": "甲、乙",
            "一致性": "92%", "AI生成": "是", "审核人": "某医生",
        });
        let expected = Provenance {
            has_source: true,
            year: Some(2019),
            updated: Some(2024),
            annotators: Some(2),
            has_agreement: true,
            ai_made: Some(true),
            is_reviewed: true,
            unreadable: 0,
        };
        assert_eq!(record(english).provenance, expected);
        assert_eq!(record(chinese).provenance, expected);
        assert_eq!(
            record(json!({"source": "", "年份": null, "reviewed_by": []})).provenance,
            Provenance::default()
        );
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_a_doubtful_machine_is_one() {
        let odd = record(json!({
            "year": "last spring", "last_update": "2024-13", "annotators": "无", "agreement": "good",
            "ai_made": "partly",
        }));
        let said = odd.provenance;
        assert_eq!((said.year, said.updated, said.annotators, said.has_agreement), (None, None, None, false));
        assert_eq!(said.ai_made, Some(true));
        for field in ProvenanceField::ALL {
            let expected = !matches!(field, ProvenanceField::Source | ProvenanceField::ReviewedBy);
            assert_eq!(said.is_unreadable(field), expected, "{field}");
        }
        for (value, expected) in [
            (json!(true), true),
            (json!("张医生"), true),
            (json!(["", "B"]), true),
            (json!(false), false),
            (json!("否"), false),
            (json!("None"), false),
            (json!({"name": "x"}), false),
            (json!("待审核"), false),
            (json!("pending"), false),
            (json!("nan"), false),
            (json!("0.0"), false),
        ] {
            assert_eq!(record(json!({"reviewed_by": value})).provenance.is_reviewed, expected, "{value}");
        }
        let both =
            record(json!({"ai_made": false, "ai_generated": "1.0", "reviewer": "Dr X", "reviewed": "0.0"}));
        assert_eq!(
            (both.provenance.ai_made, both.provenance.is_reviewed),
            (Some(true), false),
            "assigned, not done"
        );
        for not_yet in [
            json!({"审核人": "王医生", "是否审核": "未审核"}),
            json!({"reviewer": "Dr X", "reviewed": "pending"}),
        ] {
            assert!(!record(not_yet.clone()).provenance.is_reviewed, "{not_yet}");
        }
        assert_eq!(record(json!({"是否AI生成": "0.0"})).provenance.ai_made, Some(false));
        for (value, expected) in [
            (json!("3人"), Some(3)),
            (json!(2.0), Some(2)),
            (json!("2.0"), Some(2)),
            (json!("-1"), None),
            (json!([null, null]), Some(0)),
        ] {
            assert_eq!(record(json!({"annotators": value})).provenance.annotators, expected, "{value}");
        }
        for (value, expected) in [
            (json!("2019.0"), Some(2019)),
            (json!(1799), None),
            (json!(20240305), Some(2024)),
            (json!("2024x"), None),
        ] {
            assert_eq!(record(json!({"year": value})).provenance.year, expected, "{value}");
        }
    }
}
