//! What is said of one answer, whatever form of sheet it comes from: the one check that all forms go
//! through. Called by `table`, `label_studio` and `argilla`. Invariant: an empty field is no grade, and what
//! is on no scale is refused with its field.

use unicode_normalization::UnicodeNormalization as _;

use crate::csv::unmarked;
use crate::review::control::{COMMENT, HARM};
use crate::review::dimension::{CHECKLIST, Dimension};
use crate::review::error::Spot;
use crate::review::grade::{Grade, Head, Letter, VERSION};
use crate::review::sheet::FIXED;

/// What was said of one answer, and where.
pub(super) struct Line {
    pub spot: Spot,
    pub head: Head,
    pub grade: Grade,
    /// Question and answer as they came back, from where nobody types in them.
    pub shown: Option<[String; 2]>,
}

/// What cannot be right, and in which field.
pub(super) struct Wrong {
    pub field: Option<&'static str>,
    pub reason: String,
}

impl Wrong {
    fn of(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field: Some(field), reason: reason.into() }
    }
}

/// The text of a field, empty where nothing was filled in; or why it has none.
pub(super) type Field<'a> = dyn Fn(&'static str) -> Result<&'a str, String> + 'a;

/// Reads the fields of one answer: whose sheet, and the grades.
pub(super) fn read(field: &Field<'_>) -> Result<(Head, Grade), Wrong> {
    let raw = |name| field(name).map(|text| unmarked(text).trim()).map_err(|reason| Wrong::of(name, reason));
    // A Chinese keyboard writes wide digits and letters.
    let text = |name| raw(name).map(|text| text.nfkc().collect::<String>());
    let digit = |name| match text(name)?.as_str() {
        "" => Ok(None),
        text => whole(text).map(Some).ok_or_else(|| Wrong::of(name, format!("{name} is no whole number"))),
    };
    let [seal, grader, place, answer, ..] = FIXED;
    let letter = match text(answer)?.to_ascii_uppercase().as_str() {
        "A" => Letter::A,
        "B" => Letter::B,
        _ => return Err(Wrong::of(answer, "its answer is neither A nor B")),
    };
    let number = text(place)?.parse().map_err(|_| Wrong::of(place, "its place is no number"))?;
    let checks = CHECKLIST.iter().map(|check| digit(check.key)).collect::<Result<Vec<_>, Wrong>>()?;
    let checklist = checks.iter().copied().collect::<Option<Vec<u8>>>().unwrap_or_default();
    if checklist.is_empty() && checks.iter().any(Option::is_some) {
        return Err(Wrong { field: None, reason: "its checklist is filled in part only".to_owned() });
    }
    let grade = Grade {
        place: number,
        answer: letter,
        accuracy: digit(Dimension::Accuracy.key())?,
        professionalism: digit(Dimension::Professionalism.key())?,
        friendliness: digit(Dimension::Friendliness.key())?,
        utility: digit(Dimension::Utility.key())?,
        checklist,
        harm: digit(HARM)?,
        comment: raw(COMMENT)?.to_owned(),
    };
    Ok((Head { review: VERSION, seal: text(seal)?.to_ascii_lowercase(), grader: text(grader)? }, grade))
}

/// A number as it may be typed: 5, 5.0 or 5,00. Three digits behind the mark may be thousands.
fn whole(text: &str) -> Option<u8> {
    let (digits, zeros) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let is_whole = (1..=2).contains(&zeros.len()) && zeros.bytes().all(|byte| byte == b'0');
    digits.parse().ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_read_however_it_was_typed() {
        for (text, number) in [("5", 5), ("5.0", 5), ("5,00", 5), ("5.00", 5), ("0", 0), ("05", 5)] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in
            ["5.", "5.5", "-5", "x", ".0", "5.0.0", "300", "3/5", "5e0", "5,000", "5.000", "1.000", "0,000"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
