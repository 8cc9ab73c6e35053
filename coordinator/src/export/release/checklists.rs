//! The checklists of a dossier: what each regime asks, and where in the dossier it is answered. Used by
//! `page`. Sources: 45 CFR 170.315(b)(11)(iv)(B) (HTI-1, nine groups); TRIPOD-LLM (Nat Med 2025;31:60);
//! Regulation (EU) 2024/1689, Annex IV; IMDRF/AIML WG/N88 (2025); GB/T 45654, 45652, 45674, GB 45438.
//!
//! Invariants: a line is answered by fields, by the program's facts, or by nothing, and then it says so; a
//! checklist says where an answer is, and not that the answer is enough.

mod lines;

use common::language::Text;

pub(super) use self::lines::CHECKLISTS;

/// A regime's list.
#[derive(Debug)]
pub(super) struct Checklist {
    /// Its name.
    pub(super) title: Text,
    /// Its lines.
    pub(super) lines: &'static [Line],
}

/// One line of it.
#[derive(Debug)]
pub(super) struct Line {
    /// What is asked.
    pub(super) asks: Text,
    /// The fields that answer it.
    pub(super) fields: &'static [&'static str],
    /// The part of `facts.json` or `evaluation.json` that does.
    pub(super) facts: Option<&'static str>,
}

const fn line(asks: [&'static str; 2], fields: &'static [&'static str], facts: Option<&'static str>) -> Line {
    let [en, zh] = asks;
    Line { asks: Text { en, zh }, fields, facts }
}

#[cfg(test)]
mod tests {
    use super::super::fields::{FIELDS, field};
    use super::*;

    #[test]
    fn a_line_names_fields_that_exist_and_every_needed_field_is_asked_for() {
        let lines: Vec<&Line> = CHECKLISTS.iter().flat_map(|list| list.lines).collect();
        for line in &lines {
            assert!(line.fields.iter().all(|key| field(key).is_some()), "{line:?}");
            assert!(!line.asks.en.is_empty() && !line.asks.zh.is_empty());
        }
        let unasked = FIELDS.iter().filter(|field| field.is_required);
        let unasked = unasked.filter(|field| !lines.iter().any(|line| line.fields.contains(&field.key)));
        let unasked: Vec<&str> = unasked.map(|field| field.key).collect();
        // Asked for by the CHAI card and by hubs alone.
        assert_eq!(unasked, ["release_stage", "availability"]);
        assert_eq!(CHECKLISTS.len(), 5);
    }
}
