//! English and international names by score: what the words are (a first or last name of the lists, also one
//! that is an everyday word; an initial; a particle), what stands on the left and on the right add or take
//! away points; a name is what reaches the threshold. Finds what the fixed patterns of the other detectors
//! miss. Called by `detect` after them. Invariants: at most four words a name; each word is looked at once
//! with its neighbours; words of medicine and eponyms before a disease or a device are no names.

use super::name_score_en_near::{Before, is_part_of_phrase, left, place_before, right};
use super::name_score_en_words::{self as words, Token};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

/// What a name must reach.
const THRESHOLD: i32 = 28;
/// Names were found in the same text, so there are likely to be more.
const NAMES_NEAR: i32 = 6;

/// Words that belong together as one name.
#[derive(Debug, Default, Clone, Copy)]
struct Chain {
    /// One past its last word.
    next: usize,
    /// One past its last byte.
    end: usize,
    /// Points of its two best words.
    best: [i32; 2],
    /// Words that are no initials.
    words: usize,
    initial: bool,
}

/// Adds the names that reach the threshold.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let tokens = words::tokens(view.text);
    let near = i32::from(hits.iter().any(|hit| hit.kind == Kind::PersonName)) * NAMES_NEAR;
    let wanted = THRESHOLD - near;
    let (mut at, mut until) = (0, 0);
    while let Some(token) = tokens.get(at) {
        let found = if token.capital || token.particle {
            capital(view, &tokens, at, until, wanted)
        } else {
            lower(view, &tokens, at, wanted)
        };
        if let Some((end, next)) = found {
            hits.push(Hit { kind: Kind::PersonName, start: token.start, end });
            (at, until) = (next, end);
        } else {
            at += 1;
        }
    }
}

/// The words from here that may be one name.
fn chain(view: &View<'_>, tokens: &[Token], from: usize) -> Option<Chain> {
    let mut chain = Chain::default();
    let mut at = from;
    let mut dotted = false;
    while let Some(token) = tokens.get(at).filter(|_| at < from + 6) {
        let between = view.text.get(chain.end..token.start).unwrap_or_default();
        if at > from && !(between == " " || (dotted && between.is_empty())) {
            break;
        }
        let word = view.text.get(token.start..token.end)?;
        let behind = view.after(token.end);
        let stop = behind.starts_with('.');
        let initial = word.len() == 1 && token.capital && word != "I" && (stop || at > from);
        if initial {
            chain.initial = true;
            chain.end = token.end + usize::from(stop);
        } else if token.particle && follows_particle(view, tokens, at) {
            // `de la Cruz`: the particles and the word behind them.
            let mut last = at + 1;
            while tokens.get(last).is_some_and(|next| next.particle) {
                last += 1;
            }
            let next = tokens.get(last)?;
            chain.add(16);
            chain.end = next.end;
            at = last;
        } else {
            if !token.capital || (chain.words > 0 && words::is_credential(word)) {
                break;
            }
            let Some(points) = words::points(word, token.flags) else { break };
            chain.add(points);
            chain.end = token.end;
        }
        dotted = initial && stop;
        at += 1;
        if chain.words + usize::from(chain.initial) >= 4 {
            break;
        }
    }
    chain.next = at;
    (chain.words > 0).then_some(chain)
}

impl Chain {
    fn add(&mut self, points: i32) {
        let [first, second] = self.best;
        self.best = match self.words {
            0 => [points, 0],
            1 => [first.max(points), first.min(points)],
            _ if points > first => [points, first],
            _ => [first, second.max(points)],
        };
        self.words += 1;
    }
}

/// Whether up to three particles with single blanks end before a word that may be a name.
fn follows_particle(view: &View<'_>, tokens: &[Token], at: usize) -> bool {
    for next in at + 1..at + 4 {
        let (Some(before), Some(token)) = (tokens.get(next - 1), tokens.get(next)) else { return false };
        if view.text.get(before.end..token.start) != Some(" ") {
            return false;
        }
        if !token.particle {
            let word = view.text.get(token.start..token.end).unwrap_or_default();
            return token.capital && words::points(word, token.flags).is_some();
        }
    }
    false
}

/// The end of a name that begins with this capital or particle, and the word behind it.
fn capital(
    view: &View<'_>,
    tokens: &[Token],
    at: usize,
    until: usize,
    wanted: i32,
) -> Option<(usize, usize)> {
    let token = tokens.get(at)?;
    if !token.capital && !follows_particle(view, tokens, at) {
        return None;
    }
    if let Some(found) = listed(view, tokens, at) {
        return Some(found);
    }
    let Some(chain) = chain(view, tokens, at) else {
        // `Cosigned: YU, LI`: words so short count behind a label only.
        return shouted_turned(view, tokens, at).filter(|_| left(view, tokens, at, until).0 >= 20);
    };
    let (left_points, before) = left(view, tokens, at, until);
    let found = turned(view, tokens, at, &chain, wanted - left_points)
        .or_else(|| shouted_turned(view, tokens, at).filter(|_| left_points >= 20));
    if let Some(found) = found {
        return Some(found);
    }
    let (right_points, after) = right(view, tokens, chain.next, chain.end);
    let single = chain.words == 1;
    let [first, second] = chain.best;
    let behind = view.after(chain.end);
    // A form is filled in: `Scrubbed: Zylstra, Abbasi`.
    let filled = before.is_label()
        && (behind.is_empty()
            || behind.starts_with([',', ';', '\n', '\t', '|', '('])
            || behind.starts_with("  "));
    // Words that no list knows need a title, a role or a credential.
    if first <= 0 && !(before.is_role() || after.is_telling() || filled) {
        return None;
    }
    if is_elsewhere(view, tokens, at, &chain, before, right_points) {
        return None;
    }
    let mut points = if single { first } else { first + second + 8 };
    points += i32::from(chain.initial) * 10 + if filled { 8 } else { 0 };
    // `[08:41] Ruth: on my way`.
    if before.is_border() && behind.starts_with(": ") && first >= 5 {
        points += if first >= 17 { 14 } else { 6 };
    }
    if single && before.is_border() && after.is_plain() {
        points -= 10;
    }
    // `review with Hill`: an everyday word that has a capital inside a sentence.
    if single && (5..10).contains(&first) && before == Before::Word && left_points >= 10 {
        points += 6;
    }
    if single && before.is_list() && first < 10 {
        points -= 6;
    }
    if single && (5..17).contains(&first) && !before.is_border() && leads_list(view, tokens, &chain) {
        points += 8;
    }
    // `the Patel family` is nobody's street.
    let place = if right_points < 20 { place_before(view, token.start) } else { 0 };
    points += left_points + right_points - place;
    (points >= wanted).then_some((chain.end, chain.next))
}

/// `Jade, Prakash`: what follows in the list is a name.
fn leads_list(view: &View<'_>, tokens: &[Token], chain: &Chain) -> bool {
    tokens.get(chain.next).is_some_and(|next| {
        next.capital
            && next.flags & (words::FIRST | words::LAST) != 0
            && next.flags & words::COMMON == 0
            && matches!(view.text.get(chain.end..next.start), Some(", " | " and " | " & " | "/"))
    })
}

/// Whether the words are no person here: part of an eponym, a ward or a street, an everyday word that begins
/// a sentence, an eponym that stands alone.
fn is_elsewhere(
    view: &View<'_>,
    tokens: &[Token],
    at: usize,
    chain: &Chain,
    before: Before,
    right_points: i32,
) -> bool {
    if before.is_role() {
        return false;
    }
    let (Some(token), Some(last)) = (tokens.get(at), chain.next.checked_sub(1).and_then(|at| tokens.get(at)))
    else {
        return false;
    };
    let single = chain.words == 1 && !chain.initial;
    let wordy = token.flags & (words::COMMON | words::ROLE) != 0 && token.flags & words::FIRST == 0;
    let word = |token: &Token| view.text.get(token.start..token.end).unwrap_or_default();
    let shouted = !word(token).contains(char::is_lowercase);
    // `from Bay 2`.
    let numbered = view
        .after(chain.end)
        .strip_prefix(' ')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    // What stands behind tells a person, or a list goes on.
    let told = right_points >= 16 || before.is_list();
    let alone = single
        && !told
        && (wordy
            || (numbered && token.flags & (words::FIRST | words::LAST) == 0)
            || token.flags & words::EPONYM_NAME != 0
            || (shouted && token.flags & (words::FIRST_WORD | words::LAST_WORD) != 0));
    let place = chain.words > 1 && last.flags & words::PLACE != 0 && !before.is_label();
    // `St Mary's`: a church or a hospital.
    let saint = chain.words > 1 && token.particle && word(token).eq_ignore_ascii_case("st");
    alone || place || saint || is_part_of_phrase(view, tokens, at, chain.next)
}

/// `SMITH Anna`, `VAN WYK Abena`: a last name in capitals and a first name that is known.
fn listed(view: &View<'_>, tokens: &[Token], at: usize) -> Option<(usize, usize)> {
    let shouted = |token: &Token| {
        view.text
            .get(token.start..token.end)
            .is_some_and(|word| word.len() > 1 && word.chars().all(|c| !c.is_lowercase()))
    };
    let joined = |next: usize| {
        let (Some(before), Some(token)) = (tokens.get(next - 1), tokens.get(next)) else { return false };
        view.text.get(before.end..token.start) == Some(" ")
    };
    let mut last = at;
    while last < at + 3
        && tokens.get(last).is_some_and(|token| token.particle && shouted(token))
        && joined(last + 1)
        && tokens.get(last + 1).is_some_and(&shouted)
    {
        last += 1;
    }
    // `DE LA CRUZ`, `GARCIA LOPEZ`.
    let (begin, known) = (tokens.get(at)?, words::LAST | words::LAST_WORD);
    if last == at
        && begin.flags & words::LAST != 0
        && joined(at + 1)
        && tokens.get(at + 1).is_some_and(|next| shouted(next) && next.flags & known != 0)
    {
        last += 1;
    }
    let token = tokens.get(last).filter(|token| token.capital && shouted(token) && shouted(begin))?;
    let first = tokens.get(last + 1).filter(|first| first.capital && !shouted(first) && joined(last + 1))?;
    let sure = first.flags & words::FIRST != 0;
    let name = token.flags & known != 0 || (sure && token.end - token.start > 3) || last > at;
    let other = words::COMMON | words::ROLE | words::TITLE | words::EPONYM_NAME;
    let head = view.text.get(token.start..token.end)?;
    if !name || token.flags & other != 0 || words::is_credential(head) {
        return None;
    }
    // A known last name and a word that may be a first name stand at the beginning of a line or cell.
    let border = begin.start == 0
        || view
            .before(begin.start)
            .trim_end_matches(' ')
            .ends_with(['\n', '|', '\t', ':', ',', '.', ';', ')']);
    let fits = sure
        || (border && token.flags & words::LAST != 0 && first.flags & (words::FIRST_WORD | words::LAST) != 0);
    (fits && first.flags & other == 0).then_some((first.end, last + 2))
}

/// `REED, TREVOR` behind a label: names of any length in capitals.
fn shouted_turned(view: &View<'_>, tokens: &[Token], at: usize) -> Option<(usize, usize)> {
    const NAME: u16 = words::FIRST | words::LAST | words::FIRST_WORD | words::LAST_WORD;
    let (last, first) = (tokens.get(at)?, tokens.get(at + 1)?);
    let name = |token: &Token| {
        token.flags & NAME != 0
            && view
                .text
                .get(token.start..token.end)
                .is_some_and(|word| word.chars().all(|c| !c.is_lowercase()))
    };
    (view.text.get(last.end..first.start) == Some(", ") && name(last) && name(first))
        .then_some((first.end, at + 2))
}

/// `GREEN, Madison`, `de Souza, Ana M.`.
fn turned(
    view: &View<'_>,
    tokens: &[Token],
    at: usize,
    chain: &Chain,
    wanted: i32,
) -> Option<(usize, usize)> {
    let (last, first) = (tokens.get(at)?, tokens.get(chain.next)?);
    if chain.words != 1 || view.text.get(chain.end..first.start) != Some(", ") || !first.capital {
        return None;
    }
    let word = view.text.get(first.start..first.end)?;
    let points = words::points(word, first.flags).filter(|points| *points >= 7)?;
    let known = chain.best[0] >= 5 && first.flags & (words::FIRST | words::FIRST_WORD) != 0;
    let shouted = view.text.get(last.start..chain.end)?.bytes().all(|byte| !byte.is_ascii_lowercase());
    // `Daughters: Maria, Anna Lopez`: two people.
    let given = last.flags & (words::FIRST | words::FIRST_WORD) != 0;
    if given && !shouted && last.flags & (words::LAST | words::LAST_WORD) == 0 {
        return None;
    }
    // `SMITH, Anna Lopez`: whosever name it is, it is one.
    let more = tokens.get(chain.next + 1).filter(|more| {
        more.capital
            && view.text.get(first.end..more.start) == Some(" ")
            && more.flags & (words::FIRST | words::LAST | words::LAST_WORD) != 0
            && more.flags & (words::COMMON | words::ROLE | words::DEED) == 0
    });
    let (end, next) = more.map_or((first.end, chain.next + 1), |more| (more.end, chain.next + 2));
    let (right_points, _) = right(view, tokens, next, end);
    let border = last.start == 0 || view.before(last.start).ends_with(['\n', '|', '\t']);
    let sum =
        chain.best[0] + points + 8 + right_points + if border { 10 } else { 0 } + if shouted { 8 } else { 0 };
    (known && sum >= wanted).then_some((end, next))
}

/// `eric mills` and, behind a role or before a deed, `sandoval`: names that somebody typed in lower case.
fn lower(view: &View<'_>, tokens: &[Token], at: usize, wanted: i32) -> Option<(usize, usize)> {
    let token = tokens.get(at)?;
    let word = view.text.get(token.start..token.end)?;
    let first = token.flags & words::FIRST != 0;
    if word.len() < 3 || (!first && token.flags & words::LAST == 0) || token.flags & words::NO_LOWER_NAME != 0
    {
        return None;
    }
    let next = tokens.get(at + 1).filter(|next| view.text.get(token.end..next.start) == Some(" "));
    if let Some(next) = next.filter(|_| first) {
        let word = view.text.get(next.start..next.end)?;
        let announced = left(view, tokens, at, 0).1.is_word();
        let last = next.flags & (words::LAST | words::FIRST) != 0
            || (next.flags & words::LAST_WORD != 0 && (announced || next.flags & words::COMMON == 0));
        if !next.capital && word.len() > 2 && last {
            return Some((next.end, at + 2));
        }
        // `siobhan von trapp`.
        let behind = tokens.get(at + 2).filter(|_| next.particle);
        if let Some(behind) = behind.filter(|behind| view.text.get(next.end..behind.start) == Some(" ")) {
            return Some((behind.end, at + 3));
        }
    }
    let (left_points, before) = left(view, tokens, at, 0);
    let (right_points, _) = right(view, tokens, at + 1, token.end);
    let announced = before.is_word() || left_points >= 20;
    let left_points = if announced { left_points } else { left_points.min(2) };
    let points = if first { 12 } else { 10 } + left_points + right_points;
    (points >= wanted).then_some((token.end, at + 1))
}

#[cfg(test)]
mod tests {
    use crate::screen::tests::names;

    #[test]
    fn names_that_no_pattern_announces() {
        assert_eq!(names("GREEN, Madison  M  13  asthma  seen, stable"), ["GREEN, Madison"]);
        assert_eq!(names("according to eric mills, pt fell in the kitchen"), ["eric mills"]);
        assert_eq!(names("Message sent to Latoya di Stefano."), ["Latoya di Stefano"]);
        assert_eq!(names("We met with the Carter family today."), ["Carter"]);
    }

    #[test]
    fn words_that_look_like_names() {
        for text in [
            "Bard-Parker blade; Metzenbaum scissors; Kelly clamp; Allis clamp.",
            "She lives in Jackson, works in Madison and was born in Austin.",
            "Mark the site, drain the bladder, and grant access to the Hickman line.",
            "Graves disease, Addison disease and Bell palsy were considered.",
            "Start Lasix 40 mg, Coumadin 5 mg and Tylenol as needed.",
            "Klebsiella pneumoniae and Candida albicans grew.",
            "Kaplan-Meier estimates and the Cox model are given in Table 2.",
            "May take with food in April. Grace period until June.",
        ] {
            assert!(names(text).is_empty(), "{text}: {:?}", names(text));
        }
    }
}
