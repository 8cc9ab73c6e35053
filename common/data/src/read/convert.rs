//! One row (JSON object, CSV row, Parquet row) to one record, in whichever format it is written; a file for
//! each format. Called by `read`. Invariants: a record is converted as a whole or refused with a code; texts
//! are taken as they stand, nothing is trimmed; what holds text and is not taken is named; whether texts are
//! fit to train on is `validate`'s business.

mod alpaca;
mod choice;
mod classification;
mod draft;
mod history;
mod loss;
mod mapped;
mod metadata;
mod provenance;
mod question;
mod reasoning;
mod row;
mod texts;
mod turns;

pub(super) use self::turns::{BARE, is_bare_record};

use std::collections::BTreeSet;

use self::draft::{Converted, Draft};
use self::row::Row;
use super::mapping::Mapping;
use super::raw::Columns;
use crate::record::{Body, Format, Place, Record};
use crate::refusal::Refusal;

/// A record, whether its date column holds something that is not a date, and what of its text is not used.
pub(super) struct Conversion {
    pub(super) record: Record,
    pub(super) has_unreadable_date: bool,
    /// Names of fields that hold text and are not trained on.
    pub(super) unused: BTreeSet<String>,
}

/// Makes a record of a row.
pub(super) fn record(columns: &Columns, place: Place, mapping: Option<&Mapping>) -> Converted<Conversion> {
    let row = Row::new(columns);
    let mut draft = Draft::default();
    let (format, body) = match mapping {
        Some(mapping) => (Format::Mapped, mapped::convert(&row, mapping, &mut draft)?),
        None => {
            let (format, body) = known_format(&row, &mut draft)?;
            (format, reasoning::attach(&row, &mut draft, body)?)
        }
    };
    // A mask of turns in a layout that has none to apply it to.
    if row.is_left("loss_mask") {
        return Err(Refusal::LossSwitch);
    }
    let metadata = metadata::of(&row, mapping);
    let stratum = metadata.stratum.map(|(path, text)| {
        draft.field(path, text.clone());
        text
    });
    let provenance = provenance::of(&row)?;
    let record = Record {
        place,
        format,
        fields: draft.fields,
        body,
        patient: metadata.patient,
        date: metadata.date,
        stratum,
        provenance,
    };
    let mut unused = draft.unused;
    unused.extend(row.unused().map(str::to_owned));
    Ok(Conversion { record, has_unreadable_date: metadata.has_unreadable_date, unused })
}

/// Whether a row has the keys of a format (of the mapping, where there is one), whatever is in them.
pub(super) fn is_known(columns: &Columns, place: Place, mapping: Option<&Mapping>) -> bool {
    let missing = [Refusal::UnknownFormat, Refusal::MissingKey];
    record(columns, place, mapping).map_or_else(|reason| !missing.contains(&reason), |_| true)
}

/// The format whose keys the row has, and what it means in it.
fn known_format(row: &Row<'_>, draft: &mut Draft) -> Converted<(Format, Body)> {
    Ok(if row.has(&["messages"]) {
        (Format::Messages, turns::messages(row, draft)?)
    } else if row.has(&["conversations"]) {
        (Format::ShareGpt, turns::share_gpt(row, draft)?)
    } else if row.has(&[BARE]) {
        (Format::Messages, turns::bare(row, draft)?)
    } else if turns::are_prompt_and_completion(row)? {
        (Format::PromptCompletion, turns::prompt_and_completion(row, draft)?)
    } else if alpaca::fits(row) {
        (Format::Alpaca, alpaca::convert(row, draft)?)
    } else if choice::fits(row) {
        (Format::MultipleChoice, choice::convert(row, draft)?)
    } else if question::fits(row) {
        (Format::QuestionAnswer, question::convert(row, draft)?)
    } else if classification::fits(row) {
        (Format::Classification, classification::convert(row, draft)?)
    } else if row.has(&["text"]) {
        (Format::Text, Body::Text(vec![draft.required(row, &["text"])?]))
    } else if texts::fits(row) {
        (Format::Texts, texts::convert(row, draft)?)
    } else {
        return Err(Refusal::UnknownFormat);
    })
}
