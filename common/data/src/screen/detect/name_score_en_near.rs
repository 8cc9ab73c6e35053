//! What stands on the left and on the right of an English name, in points. Used by `name_score_en`.
//! Invariant: looks at the neighbouring words and at no more than a short stretch of the text.

use super::name_en_near::{credential_behind, person_behind};
use super::name_score_en_words::{
    COMMON, DEED, EPONYM, LEFT, PLACE, ROLE, TITLE, Token, WEAK_DEED, flags, is_phrase,
};
use crate::screen::view::View;

/// What stands on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// A title or a role.
    Role,
    /// A role with a colon: what stands behind it fills a form in.
    Label,
    /// A name before it in a list.
    List,
    /// The beginning of a line or a sentence.
    Border,
    /// Another word.
    Word,
    /// A mark.
    Mark,
}

impl Before {
    pub(super) fn is_role(self) -> bool {
        self == Self::Role
    }

    pub(super) fn is_label(self) -> bool {
        self == Self::Label
    }

    pub(super) fn is_list(self) -> bool {
        self == Self::List
    }

    pub(super) fn is_border(self) -> bool {
        self == Self::Border
    }

    /// Whether a word or a role, not a mark or a border.
    pub(super) fn is_word(self) -> bool {
        matches!(self, Self::Role | Self::Label | Self::Word)
    }
}

/// What stands on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// A credential or a relation in brackets.
    Telling,
    /// A word that says nothing.
    Plain,
    /// Anything else.
    Other,
}

impl After {
    pub(super) fn is_telling(self) -> bool {
        self == Self::Telling
    }

    pub(super) fn is_plain(self) -> bool {
        self == Self::Plain
    }
}

/// Points of what stands on the left of a word.
pub(super) fn left(view: &View<'_>, tokens: &[Token], at: usize, until: usize) -> (i32, Before) {
    let Some(token) = tokens.get(at) else { return (0, Before::Mark) };
    let list = [", ", " and ", "/", " & ", "; ", ", and ", " or ", " / "];
    if until > 0 && view.text.get(until..token.start).is_some_and(|between| list.contains(&between)) {
        return (24, Before::List);
    }
    // `Castillo 402, Delgado 403`.
    let between = view.text.get(until..token.start).filter(|between| until > 0 && between.len() < 10);
    if between.is_some_and(|between| between.trim_matches(|c: char| c.is_ascii_digit() || c == ' ') == ",") {
        return (18, Before::List);
    }
    let before = view.before(token.start);
    // `@Ruth could you`, in a chat.
    if before.ends_with('@') {
        return (30, Before::Role);
    }
    let head = before.trim_end_matches([' ', '(', '"', '“', '\'', '‘', ':', '-', '\t', '|', '*', '#']);
    let gap = before.get(head.len()..).unwrap_or_default();
    if head.is_empty() || head.ends_with('\n') || is_time_mark(head) {
        return (4, Before::Border);
    }
    let previous = at.checked_sub(1).and_then(|at| tokens.get(at));
    if let Some(previous) = previous
        && gap.len() <= 3
    {
        let between = head.get(previous.end..).unwrap_or_default();
        // `FY1 Sunita`, `ST6 Omar`: the step of a role.
        let step = previous.flags & ROLE != 0
            && between.trim_end_matches(')').trim_matches(|c: char| c.is_ascii_digit()).is_empty();
        let short = matches!(between, "" | "." | "/") || (step && between.len() < 4);
        // `438 ms. Bazett`: a unit.
        let number =
            view.before(previous.start).trim_end_matches(' ').ends_with(|c: char| c.is_ascii_digit());
        let title = previous.flags & TITLE != 0 && gap == " " && !number;
        if short && (title || between != ".") {
            return beside(view, previous, between, gap, title);
        }
    }
    match head.chars().next_back() {
        Some('.' | '!' | '?') => (if gap.contains('-') { 10 } else { -4 }, Before::Border),
        Some(',' | ';') => (2, Before::Mark),
        _ if gap.contains(':') => (8, Before::Mark),
        _ if gap.contains('|') => (10, Before::Mark),
        _ => (0, Before::Mark),
    }
}

/// The time at the beginning of a line fits into so many bytes.
const TIME_BYTES: usize = 24;

/// Whether a line begins with a time of a chat up to here: `[08:41]`, `08:41 -`.
fn is_time_mark(head: &str) -> bool {
    let near =
        head.get(head.floor_char_boundary(head.len().saturating_sub(TIME_BYTES))..).unwrap_or_default();
    let line = match near.rsplit_once('\n') {
        Some((_, line)) => line,
        None if near.len() == head.len() => near,
        None => return false,
    };
    line.starts_with(|c: char| c.is_ascii_digit() || c == '[')
        && line.contains(':')
        && line.chars().all(|c| c.is_ascii_digit() || " :[]/.,-apmAPM".contains(c))
}

/// Points of the word directly before.
fn beside(view: &View<'_>, previous: &Token, between: &str, gap: &str, title: bool) -> (i32, Before) {
    let small = view.after(previous.start).starts_with(char::is_lowercase);
    let role = previous.flags & ROLE != 0;
    // `w/ Sandra`, `d/w Sandra`.
    let named = previous.flags & LEFT != 0 || between == "/";
    if title {
        return (34, Before::Role);
    }
    if gap.contains(':') {
        return if role {
            (24, Before::Label)
        } else if named {
            (22, Before::Mark)
        } else {
            (8, Before::Mark)
        };
    }
    if gap.contains('|') {
        return (10, Before::Mark);
    }
    if gap.contains('(') {
        return (if named || role { 14 } else { 8 }, Before::Mark);
    }
    if role {
        return (if small { 18 } else { 15 }, Before::Role);
    }
    if named {
        return (if small { 12 } else { 10 }, Before::Word);
    }
    if gap != " " {
        return (0, Before::Mark);
    }
    // `Overnight Ruth had`: a sentence began with that word.
    let word = view.text.get(previous.start..previous.end).unwrap_or_default();
    // `AM Khalid`, `OT Wiktoria`.
    let short = word.len() < 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let began = short || previous.flags & (COMMON | WEAK_DEED) != 0 && begins_sentence(view, previous.start);
    (if small || began { 4 } else { -12 }, Before::Word)
}

fn begins_sentence(view: &View<'_>, start: usize) -> bool {
    let head = view.before(start).trim_end_matches(' ');
    head.is_empty() || head.ends_with(['.', '\n', '!', '?', ':', ';'])
}

/// Points of what stands behind a name that ends at `end`, `next` being the word behind.
pub(super) fn right(view: &View<'_>, tokens: &[Token], next: usize, end: usize) -> (i32, After) {
    let behind = view.after(end);
    let Some(first) = behind.chars().next().filter(|c| *c != '\n') else { return (8, After::Other) };
    if credential_behind(behind) {
        return (32, After::Telling);
    }
    if person_behind(behind) {
        return (26, After::Other);
    }
    let (owner, rest) = match behind.strip_prefix("'s") {
        Some(rest) => (true, rest),
        None => (false, behind),
    };
    // `King's.` is a hospital, behind `Patel T.` a sentence begins.
    if owner && (rest.is_empty() || rest.starts_with(['.', ',', ';', '\n'])) {
        return (-12, After::Other);
    }
    if view.before(end).ends_with('.') {
        return (-10, After::Other);
    }
    if behind.starts_with(" - ") || behind.starts_with(" – ") {
        return (6, After::Other);
    }
    if rest.starts_with([' ', '-'])
        && let Some(token) =
            tokens.get(next).filter(|token| token.start == end + behind.len() - rest.len() + 1)
    {
        return follows(view, token, rest.starts_with('-'), owner);
    }
    match first {
        _ if owner => (6, After::Other),
        ',' | '.' | ';' | ')' | '?' | '!' | '"' | '\'' | '’' => (5, After::Other),
        ':' => (0, After::Other),
        '|' | '\t' => (10, After::Other),
        _ if behind.starts_with("  ") || behind.starts_with(" |") => (10, After::Other),
        _ if behind.starts_with(" (") => (6, After::Other),
        ' ' if behind.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) => {
            (4, After::Other)
        }
        '-' | '=' | '/' => (-4, After::Other),
        _ => (0, After::Plain),
    }
}

/// Points of the word directly behind.
fn follows(view: &View<'_>, token: &Token, hyphen: bool, owner: bool) -> (i32, After) {
    let word = view.text.get(token.start..token.end).unwrap_or_default();
    // `Hill-Sachs lesions`, `Jones-type`.
    let part = word.split('-').next().unwrap_or_default();
    if token.flags & EPONYM != 0 || flags(part) & EPONYM != 0 {
        return (-60, After::Other);
    }
    if hyphen {
        return (-20, After::Other);
    }
    let small = word.starts_with(char::is_lowercase);
    let shouted = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    if owner {
        return (6, After::Other);
    }
    if token.flags & WEAK_DEED != 0 {
        return (5, After::Other);
    }
    if token.flags & DEED != 0 && (small || shouted) {
        return (16, After::Other);
    }
    // `King to arrange the biopsy`.
    if word == "to" {
        return (6, After::Other);
    }
    if matches!(word, "family" | "household" | "residence") {
        return (24, After::Other);
    }
    if token.flags & PLACE != 0 && !small {
        return (-60, After::Other);
    }
    if small {
        return (0, After::Plain);
    }
    (if token.flags & COMMON != 0 { -30 } else { -4 }, After::Plain)
}

/// Points taken away where a place or an institution is named.
pub(super) fn place_before(view: &View<'_>, start: usize) -> i32 {
    let before = view.before(start);
    let whole = [
        "St. ",
        "St ",
        "Saint ",
        "San ",
        "Santa ",
        "Mount ",
        "Lake ",
        "Fort ",
        "Port ",
        "University of ",
        "Hotel ",
        "Los ",
        "Las ",
        "Cape ",
        "Camp ",
        "New ",
        "North ",
        "South ",
        "East ",
        "West ",
    ];
    if whole.iter().any(|word| before.ends_with(word)) {
        return 50;
    }
    if [" in ", " at ", " near ", " the ", " The "].iter().any(|word| before.ends_with(word)) {
        26
    } else {
        0
    }
}

/// Whether the words up to `end` and the one behind are together an eponym, a place or an institution.
pub(super) fn is_part_of_phrase(view: &View<'_>, tokens: &[Token], at: usize, next: usize) -> bool {
    let Some(last) = next.checked_sub(1).and_then(|last| tokens.get(last)) else { return false };
    let pair = |from: Option<&Token>, to: Option<&Token>| {
        from.zip(to)
            .and_then(|(from, to)| view.text.get(from.start..to.end))
            .is_some_and(|words| words.len() < 40 && is_phrase(words))
    };
    pair(Some(last), tokens.get(next))
        || pair(at.checked_sub(1).and_then(|at| tokens.get(at)), tokens.get(at))
}
