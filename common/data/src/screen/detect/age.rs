//! Ages of 90 and more, which HIPAA counts as identifying: `92岁`, `年龄：95`, `九十二岁`, `93-year-old`, `aged 91`.
//! Younger ages are no finding. Called by `detect`. Invariant: 90 to 129; `99次/分` and `95%` are no ages.

use super::label;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

fn is_old(view: &View<'_>, start: usize, end: usize) -> bool {
    let value = view.text.get(start..end).and_then(|digits| digits.parse::<u32>().ok());
    value.is_some_and(|value| (90..130).contains(&value))
}

/// Adds ages next to an age word.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::Age) {
        let word = view.text.get(cue.start..cue.end).unwrap_or_default();
        let before = view.runs.partition_point(|run| run.end <= cue.start);
        let previous = before.checked_sub(1).and_then(|at| view.runs.get(at));
        if let Some(run) = previous
            && !matches!(word, "年龄" | "高龄" | "享年" | "aged" | "age" | "Age")
            && matches!(view.text.get(run.end..cue.start), Some("" | " " | "-" | "+" | "多" | "余" | "几"))
            && !view.before(run.start).ends_with(['-', '.', '~'])
            && is_old(view, run.start, run.end)
        {
            hits.push(Hit { kind: Kind::AgeOver89, start: run.start, end: run.end });
        }
        if matches!(word, "年龄" | "高龄" | "享年" | "aged" | "age" | "Age" | "AGE" | "Aged") {
            let start = cue.end + label::value(view.after(cue.end)).0;
            let at = view.runs.partition_point(|run| run.start < start);
            let behind = |end: usize| view.after(end).starts_with(['%', '.', '-', '~', '/']);
            if let Some(run) = view.runs.get(at).filter(|run| run.start == start)
                && is_old(view, run.start, run.end)
                && !behind(run.end)
            {
                hits.push(Hit { kind: Kind::AgeOver89, start: run.start, end: run.end });
            }
        }
    }
}

/// `九十二岁`, `一百零二岁`.
pub(super) fn find_han(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::Age) {
        if !view.after(cue.start).starts_with(['岁', '周']) {
            continue;
        }
        let before = view.before(cue.start);
        let starts: Vec<usize> = before
            .char_indices()
            .rev()
            .take(5)
            .take_while(|(_, c)| "零一二三四五六七八九十百".contains(*c))
            .map(|(at, _)| at)
            .collect();
        let Some(start) = starts.last().copied() else { continue };
        let numeral = before.get(start..).unwrap_or_default();
        if numeral.starts_with("九十") || numeral.starts_with("一百") {
            hits.push(Hit { kind: Kind::AgeOver89, start, end: cue.start });
        }
    }
}
