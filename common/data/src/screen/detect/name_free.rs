//! Chinese names that nothing announces, or that a role announces without a clear end: a surname and
//! characters that given names are made of, between a place where a word can begin and one where a name can
//! end (`今晨王建国再发`, `外科全志勇、`, `责任组长庄晓曼复查`, `钱传志质问`). Called by `detect`. Invariants: each Han character is
//! looked at once with a bounded stretch on either side; the weaker the places on both sides and the rarer
//! the surname as a surname, the more its given name must look like one.

use super::han;
use super::name_words::{ACTS, AFTER, BEFORE, DEEDS};
use super::name_zh::{is_end, is_masked};
use super::surname::{Surname, surname};
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Titles behind a surname.
const TITLES: &[&str] =
    &["主任", "副主任", "医生", "医师", "大夫", "护士", "教授", "老师", "先生", "女士", "某", "院长"];

/// What stands on the left of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    /// A word behind which a name can begin, among other things.
    Word,
    /// A department or an office.
    Office,
    /// A mark or a blank.
    Border,
    /// The beginning of the text, of a line or of a sentence.
    Line,
    /// A role, a relation or a bed; a name in a list of names.
    Role,
}

/// What stands on the right of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    /// Something else.
    Nothing,
    /// A word that may follow a name, among other things.
    Word,
    /// A mark, a blank or the end.
    Alone,
    /// What people do or are called, or the sex or nationality.
    Deed,
}

/// Adds the names that stand between two borders.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let (mut until, mut cue, mut before) = (0, 0, None);
    for (start, c) in view.text.char_indices() {
        let previous = before.replace(c);
        if start < until || !han::is(c, han::SURNAME | han::COMPOUND) {
            continue;
        }
        while view.cues.get(cue).is_some_and(|cue| cue.end <= start) {
            cue += 1;
        }
        let behind_cue = cue.checked_sub(1).and_then(|at| view.cues.get(at)).filter(|cue| {
            matches!(cue.cue, Cue::Person | Cue::NameLabel | Cue::TitleAfter | Cue::Named | Cue::Kin)
        });
        let role = behind_cue.is_some_and(|cue| is_gap(view.text.get(cue.end..start).unwrap_or("-")))
            || (until > 0 && is_list(view.text.get(until..start).unwrap_or("-")));
        let Some(left) = left(view, start, previous, role) else { continue };
        let Some(family) = surname(view.after(start)) else { continue };
        let left = if left == Left::Border { border(previous, view.before(start)) } else { left };
        if let Some(length) = length(view.after(start), c, family, left) {
            hits.push(Hit { kind: Kind::PersonName, start, end: start + length });
            until = start + length;
        }
    }
}

/// What may stand between a role and a name.
fn is_gap(between: &str) -> bool {
    matches!(between, "" | ":" | ": " | " " | "(" | "“" | "\"" | ":“" | "姓名:" | "是" | "叫" | ")" | "):")
}

/// What may stand between two names of a list.
fn is_list(between: &str) -> bool {
    matches!(between, "、" | "和" | "及" | "与" | "/" | "及其" | "," | " " | "、1女" | "、1子")
}

fn left(view: &View<'_>, start: usize, previous: Option<char>, role: bool) -> Option<Left> {
    if role {
        return Some(Left::Role);
    }
    let Some(previous) = previous.filter(|c| is_han(*c)) else {
        return Some(if previous == Some('@') { Left::Role } else { Left::Border });
    };
    let flags = han::flags(previous);
    if matches!(previous, '床' | '叫') {
        return Some(Left::Role);
    }
    let word = flags & han::PRECEDES != 0
        || (flags & han::PRECEDES_LAST != 0 && {
            let before = view.before(start);
            BEFORE.iter().any(|word| before.ends_with(word))
        });
    let office = flags & han::OFFICE != 0;
    if office { Some(Left::Office) } else { word.then_some(Left::Word) }
}

/// Whether nothing else stands in the line behind, or the next column does.
fn is_closed(behind: &str) -> bool {
    behind.is_empty()
        || behind.starts_with('\n')
        || behind.starts_with("  ")
        || behind.strip_prefix(' ').is_some_and(|rest| rest.starts_with(is_han))
}

/// A border of a line or a sentence, behind which a name may stand alone.
fn border(previous: Option<char>, before: &str) -> Left {
    let line = previous.is_none_or(|c| matches!(c, '\n' | '。' | '!'))
        || before.ends_with("  ")
        || before.ends_with("。 ");
    if line { Left::Line } else { Left::Border }
}

/// What the text behind a name is; words that only names of three characters stand before are no end of a
/// shorter one.
fn right(behind: &str, short: bool) -> Right {
    let Some(next) = behind.chars().next() else { return Right::Alone };
    if !is_han(next) {
        if is_sex_or_nation(behind) {
            return Right::Deed;
        }
        return if matches!(next, '*' | '·') { Right::Nothing } else { Right::Alone };
    }
    if next == '氏' {
        return Right::Nothing;
    }
    if !han::is(next, han::FOLLOWS | han::FOLLOWS_FIRST) {
        return Right::Nothing;
    }
    if is_deed(behind) {
        return Right::Deed;
    }
    let word = if short {
        ACTS.iter().any(|word| behind.starts_with(word))
    } else {
        is_end(behind) || AFTER.iter().any(|word| behind.starts_with(word))
    };
    if word { Right::Word } else { Right::Nothing }
}

/// Whether a text begins with what people do or are called.
pub(super) fn is_deed(behind: &str) -> bool {
    behind.chars().next().is_some_and(|c| han::is(c, han::FOLLOWS | han::FOLLOWS_FIRST))
        && DEEDS.iter().any(|word| behind.starts_with(word))
}

/// `,男`, ` 女 45岁`, `,朝鲜族`, `,日本籍`: what stands behind the name of a patient.
pub(super) fn is_sex_or_nation(behind: &str) -> bool {
    let rest = behind.trim_start_matches([',', ' ', '(', '、', '/', '|']);
    if rest.len() == behind.len() {
        return false;
    }
    if let Some(sex) = rest.strip_prefix(['男', '女']) {
        return !sex.starts_with(is_han) || sex.starts_with(['性', '婴', '童']) && !sex.starts_with("性多");
    }
    let han: usize = rest.chars().take(5).take_while(|c| is_han(*c)).map(char::len_utf8).sum();
    rest.get(..han).is_some_and(|word| word.len() > 3 && word.ends_with(['族', '籍']))
}

/// Length in bytes of the name at the beginning of a text.
fn length(text: &str, first: char, family: Surname, left: Left) -> Option<usize> {
    let family_chars = if family == Surname::Compound { 2 } else { 1 };
    let mut ends = [0_usize; 4];
    let mut chars = 0;
    for (at, c) in text.char_indices().take(family_chars + 2).take_while(|(_, c)| is_han(*c)) {
        if let Some(end) = ends.get_mut(chars) {
            *end = at + c.len_utf8();
        }
        chars += 1;
    }
    if is_masked(text, text.get(..ends.get(chars.checked_sub(1)?).copied()?)?) {
        return None;
    }
    let from = *ends.get(family_chars - 1)?;
    let frequent = han::is(first, han::FREQUENT) || family == Surname::Compound;
    // `钟离主任`: a surname of two characters before a title is as telling as a name.
    if family == Surname::Compound
        && TITLES.iter().any(|title| text.get(from..).is_some_and(|rest| rest.starts_with(title)))
    {
        return Some(from);
    }
    for given_chars in [2, 1].into_iter().filter(|given| family_chars + given <= chars) {
        let end = *ends.get(family_chars + given_chars - 1)?;
        let (given, behind) = (text.get(from..end)?, text.get(end..)?);
        // `李强因`: the last character is the next word.
        let last = given.chars().next_back()?;
        let next_word = han::is(last, han::FOLLOWS | han::FOLLOWS_FIRST) && !han::is(last, han::POSSIBLE);
        if given_chars == 2 && next_word {
            continue;
        }
        let looks = Looks {
            doubtful: family == Surname::Doubtful,
            frequent,
            telling: han::count(given, han::TELLING),
            given: han::count(given, han::GIVEN),
            possible: han::count(given, han::POSSIBLE),
            wordy: han::is(first, han::WORDY),
            closed: is_closed(behind),
            drug: given.ends_with(['林', '平', '宁', '康', '松', '欣', '达', '灵', '星', '舒', '通']),
        };
        let right = right(behind, given_chars == 1 && left < Left::Role);
        let is_name = if given_chars == 2 { long(looks, left, right) } else { short(looks, left, right) };
        if is_name {
            return Some(end);
        }
    }
    None
}

/// How much a surname and a given name look like ones.
#[derive(Debug, Clone, Copy)]
struct Looks {
    doubtful: bool,
    frequent: bool,
    telling: usize,
    given: usize,
    possible: usize,
    /// The surname is a verb or a particle far more often.
    wordy: bool,
    /// Nothing else stands in the line, or two columns follow.
    closed: bool,
    /// Drugs end like this.
    drug: bool,
}

/// Whether a given name of two characters is one in this place.
fn long(looks: Looks, left: Left, right: Right) -> bool {
    let Looks { doubtful, frequent, telling, given, possible, wordy, closed, drug } = looks;
    let usual = possible == 2 && telling >= if frequent && !doubtful { 1 } else { 2 };
    match (left, right) {
        _ if wordy => usual && right != Right::Nothing,
        (Left::Role, Right::Nothing) => possible == 2 && !(doubtful && (given < 2 || telling == 0)),
        (Left::Role, _) => possible >= if doubtful { 2 } else { 1 },
        (_, Right::Nothing) => false,
        (Left::Border | Left::Line, Right::Deed) if doubtful => possible == 2 && telling >= 1,
        (Left::Line, Right::Alone) if closed => possible == 2 && (!doubtful || telling >= 1),
        (Left::Border | Left::Line | Left::Office, Right::Deed) => possible == 2,
        (Left::Border | Left::Line | Left::Office, Right::Alone) => {
            usual
                || (possible == 2 && telling >= 1 && !drug)
                || (left == Left::Office && given == 2 && !doubtful)
        }
        (Left::Word, Right::Deed) => possible == 2 && (telling >= 1 || !doubtful),
        _ => usual,
    }
}

/// Whether a given name of one character is one in this place.
fn short(looks: Looks, left: Left, right: Right) -> bool {
    let Looks { doubtful, frequent, telling, given, possible, wordy, closed, .. } = looks;
    match (left, right) {
        (_, Right::Nothing) => false,
        _ if wordy => left == Left::Role && right >= Right::Alone && telling == 1,
        (Left::Role, Right::Word) if doubtful => given == 1,
        (Left::Role, _) => possible == 1,
        (Left::Border | Left::Line | Left::Office, Right::Deed) if doubtful => telling == 1,
        (Left::Border | Left::Line | Left::Office, Right::Deed) => possible == 1,
        (Left::Line, Right::Alone) if closed => telling == 1,
        (Left::Office, Right::Alone) => given == 1 && (!doubtful || telling == 1),
        _ => frequent && !doubtful && telling == 1,
    }
}
