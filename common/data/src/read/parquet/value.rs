//! A Parquet row as named columns. Called by `parquet`. Dates and times become ISO days, because only days
//! are used; binary values that are not UTF-8 are left out. Invariant: a row that would take more than a
//! record's bytes is refused.

use parquet::record::{Field, Row};
use serde_json::Value;

use crate::limits::RECORD_BYTES_MAX;
use crate::read::raw::Columns;

/// The row's columns; `None` if it is too long.
pub(super) fn columns(row: &Row) -> Option<Columns> {
    let mut budget = RECORD_BYTES_MAX;
    group(row, &mut budget)
}

fn group(row: &Row, budget: &mut usize) -> Option<Columns> {
    let mut columns = Columns::new();
    for (name, field) in row.get_column_iter() {
        take(budget, name.len())?;
        columns.insert(name.clone(), value(field, budget)?);
    }
    Some(columns)
}

fn take(budget: &mut usize, bytes: usize) -> Option<()> {
    // An element costs something even if it is empty.
    *budget = budget.checked_sub(bytes + 1)?;
    Some(())
}

fn value(field: &Field, budget: &mut usize) -> Option<Value> {
    take(budget, 0)?;
    Some(match field {
        Field::Null | Field::Float16(_) => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) | Field::TimeMillis(value) => Value::from(*value),
        Field::Long(value) | Field::TimeMicros(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float(value) => Value::from(*value),
        Field::Double(value) => Value::from(*value),
        Field::Str(text) => {
            take(budget, text.len())?;
            Value::from(text.as_str())
        }
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => {
                take(budget, text.len())?;
                Value::from(text)
            }
            Err(_) => Value::Null,
        },
        Field::Date(days) => Value::from(iso_day(i64::from(*days))),
        Field::TimestampMillis(time) => Value::from(iso_day(time.div_euclid(86_400_000))),
        Field::TimestampMicros(time) => Value::from(iso_day(time.div_euclid(86_400_000_000))),
        Field::Group(row) => Value::Object(group(row, budget)?),
        Field::ListInternal(list) => {
            let elements = list.elements().iter().map(|element| value(element, budget));
            Value::Array(elements.collect::<Option<_>>()?)
        }
        Field::MapInternal(map) => {
            let mut columns = Columns::new();
            for (key, entry) in map.entries() {
                let Value::String(name) = value(key, budget)? else { continue };
                columns.insert(name, value(entry, budget)?);
            }
            Value::Object(columns)
        }
        // Exact decimals have no JSON number; no text is kept in them.
        Field::Decimal(_) => Value::Null,
    })
}

/// Days since 1 January 1970 as `YYYY-MM-DD` (H. Hinnant, "chrono-compatible low-level date algorithms",
/// civil_from_days).
fn iso_day(days: i64) -> String {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era.saturating_mul(400) + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_787, "2024-03-05"),
            (11_016, "2000-02-29"),
            (-25_567, "1900-01-01"),
        ] {
            assert_eq!(iso_day(days), expected);
        }
        for days in [i64::MIN, i64::MAX] {
            assert!(!iso_day(days).is_empty());
        }
    }

    #[test]
    fn a_row_beyond_the_budget_is_refused() {
        let row = |text: String| Row::new(vec![("text".to_owned(), Field::Str(text))]);
        assert!(columns(&row("a".repeat(RECORD_BYTES_MAX - 100))).is_some());
        assert!(columns(&row("a".repeat(RECORD_BYTES_MAX))).is_none());
    }
}
