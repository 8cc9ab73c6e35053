//! What a hostile worker puts into an update: each file is forged and handed to the gateway's own check.
//! Used by `attack`. Invariant: what is taken counts as stopped only where the very bytes of an honest
//! update would leave in its place.

use std::fs::File;

use common::id::{Digest, Round};
use common::limits::ADAPTER_VALUE_MAX;
use common::wire::message::RoundKey;

use super::forge::{Forge, Outcome, file, header};
use super::hostile::KEY;
use super::row::{Came, GATEWAY, Row, Verdict};

const GROUP: &str = "the update";

/// What must become of a forged file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Must {
    /// It is refused.
    Refuse,
    /// What leaves is what leaves of this honest file: what was hidden does not.
    LeaveAs(Vec<u8>),
}

/// One forged file.
struct Case {
    way: &'static str,
    bytes: Vec<u8>,
    must: Must,
}

/// Hands files in, each for a round of its own.
struct Desk<'a> {
    forge: &'a Forge,
    round: u32,
}

impl Desk<'_> {
    fn next(&mut self) -> u32 {
        self.round += 1;
        self.round
    }

    fn hand_in(&mut self, bytes: &[u8]) -> Outcome {
        let round = self.next();
        self.forge.hand_in(round, bytes)
    }

    fn judge(&mut self, attack: &str, cases: Vec<Case>) -> Row {
        let mut ways = Vec::new();
        for Case { way, bytes, must } in cases {
            let outcome = self.hand_in(&bytes);
            ways.push((way.to_owned(), self.judged(must, outcome)));
        }
        Row::checked(GROUP, attack, GATEWAY, ways)
    }

    fn judged(&mut self, must: Must, outcome: Outcome) -> Came {
        match (must, outcome) {
            (_, Outcome::Held) => Came::Through("the check did not come to its end".to_owned()),
            (_, Outcome::Failed(reason)) => Came::NotTried(reason),
            (Must::Refuse, Outcome::Refused(_)) => Came::Stopped,
            (Must::Refuse, Outcome::Taken(_)) => Came::Through("it was taken".to_owned()),
            // What hides it was not looked at.
            (Must::LeaveAs(_), Outcome::Refused(reason)) => Came::NotTried(reason),
            (Must::LeaveAs(honest), Outcome::Taken(left)) => match self.hand_in(&honest) {
                Outcome::Taken(expected) if expected == left => Came::Stopped,
                Outcome::Taken(_) => Came::Through("it left with the update".to_owned()),
                other => Came::NotTried(format!("an honest update: {other:?}")),
            },
        }
    }
}

/// Everything of this file. The first row says whether an honest update passes: without that, refusals mean
/// nothing.
pub(super) fn try_all(forge: &Forge) -> Vec<Row> {
    let honest = file(&header(), &forge.values());
    let mut desk = Desk { forge, round: 1 };
    let note = match desk.hand_in(&honest) {
        Outcome::Taken(_) => None,
        Outcome::Refused(reason) => {
            Some(format!("not even an honest update passes this site's policy: {reason}"))
        }
        Outcome::Failed(reason) => Some(format!("not even an honest update could be handed in: {reason}")),
        Outcome::Held => Some("the check of an honest update did not come to its end".to_owned()),
    };
    if let Some(note) = note {
        return vec![Row::checked(GROUP, "forge an update", GATEWAY, Vec::new()).noted(&note)];
    }
    let mut rows = vec![
        desk.judge("add, leave out, rename, double or reshape a tensor", tensors(forge)),
        desk.judge("write text into the header, or pad it", headers(forge)),
        desk.judge("leave spare bytes between or after the tensors", spare(forge)),
        desk.judge("hide bits in NaN payloads, infinities, giant values", odd_values(forge)),
        desk.judge("hide bits in tiny values, signs of zero, low bits", quiet_values(forge)),
        norm(&mut desk),
        desk.judge("cut the file, or send none of it", cut(&honest)),
    ];
    rows.push(announced(&mut desk, &honest));
    rows.push(second(&mut desk, &honest));
    rows.push(sparse(&mut desk));
    rows
}

fn case(way: &'static str, bytes: Vec<u8>, must: Must) -> Case {
    Case { way, bytes, must }
}

fn tensors(forge: &Forge) -> Vec<Case> {
    let (header, values) = (header(), forge.values());
    let of = |way, header: String, values: &[f32]| case(way, file(&header, values), Must::Refuse);
    let added =
        header.replacen('{', r#"{"c":{"dtype":"F32","shape":[1,1],"data_offsets":[131072,131076]},"#, 1);
    let first = header.split_once(r#","b""#).map_or(String::new(), |(first, _)| format!("{first}}}"));
    let doubled = header.replacen(r#""b""#, r#""a""#, 1);
    vec![
        of("one too many", added, &[values.clone(), vec![1.0]].concat()),
        of("one too few", first, &values[..values.len() / 2]),
        of("one twice", doubled, &values),
        of("another name", header.replacen(r#""b""#, r#""patient""#, 1), &values),
        of("another shape", header.replacen("[128,128]", "[64,256]", 1), &values),
        of("another type", header.replacen("F32", "I32", 1), &values),
    ]
}

fn headers(forge: &Forge) -> Vec<Case> {
    let (header, values) = (header(), forge.values());
    let of = |way, header: String, must| case(way, file(&header, &values), must);
    let clean = || Must::LeaveAs(file(&header, &values));
    vec![
        of("metadata", header.replacen('{', r#"{"__metadata__":{"note":"patient"},"#, 1), Must::Refuse),
        of("a key of its own", header.replacen(r#""dtype""#, r#""note":"patient","dtype""#, 1), Must::Refuse),
        of("a name in other letters", header.replacen(r#""a""#, r#""\u0061""#, 1), clean()),
        of("blanks at the end", format!("{header}{}", " \t\n".repeat(300)), clean()),
        of("blanks between", header.replace(':', " :  "), clean()),
        of("something after it", format!("{header}patient"), Must::Refuse),
        case("a length of all bits", [&[0xff; 8][..], header.as_bytes()].concat(), Must::Refuse),
    ]
}

fn spare(forge: &Forge) -> Vec<Case> {
    let (header, values) = (header(), forge.values());
    let half = values.len() / 2;
    let moved = header.replacen("[65536,131072]", "[65540,131076]", 1);
    let between = [&values[..half], &[1.0], &values[half..]].concat();
    let overlapping = header.replacen("[65536,131072]", "[0,65536]", 1);
    vec![
        case("between", file(&moved, &between), Must::Refuse),
        case("after", file(&header, &[values.clone(), vec![1.0; 9]].concat()), Must::Refuse),
        case("a tensor over another", file(&overlapping, &values), Must::Refuse),
    ]
}

/// As the honest one, with the first value another.
fn with_first(forge: &Forge, value: f32) -> Vec<u8> {
    let mut values = forge.values();
    values[0] = value;
    file(&header(), &values)
}

fn odd_values(forge: &Forge) -> Vec<Case> {
    let of = |way, value| case(way, with_first(forge, value), Must::Refuse);
    vec![
        of("a quiet NaN with a payload", f32::from_bits(0x7fc0_1234)),
        of("a signalling NaN with a payload", f32::from_bits(0xff80_4321)),
        of("infinity", f32::NEG_INFINITY),
        of("the largest value there is", f32::MAX),
        of("the next above the bound", f32::from_bits(ADAPTER_VALUE_MAX.to_bits() + 1)),
    ]
}

fn quiet_values(forge: &Forge) -> Vec<Case> {
    let low = forge.with_low_bits().map(|values| {
        case("low bits", file(&header(), &values), Must::LeaveAs(file(&header(), &forge.values())))
    });
    let zero = || Must::LeaveAs(with_first(forge, 0.0));
    let hidden = [("a denormal", f32::from_bits(0x0000_1234)), ("minus zero", -0.0)];
    let tiny = hidden.map(|(way, value)| case(way, with_first(forge, value), zero()));
    low.into_iter().chain(tiny).collect()
}

fn norm(desk: &mut Desk<'_>) -> Row {
    const ATTACK: &str = "send a giant norm";
    let values = vec![ADAPTER_VALUE_MAX; desk.forge.values().len()];
    let norm = f64::from(ADAPTER_VALUE_MAX) * (values.len() as f64).sqrt();
    if norm > desk.forge.policy.update_norm_max {
        let giant = case("every value at its bound", file(&header(), &values), Must::Refuse);
        return desk.judge(ATTACK, vec![giant]);
    }
    let note = format!("`[policy] update_norm_max` is above {norm:.0}, the largest norm that is tried");
    let row = Row::checked(GROUP, ATTACK, GATEWAY, Vec::new()).noted(&note);
    Row { result: Verdict::CannotBeStopped, ..row }
}

fn cut(honest: &[u8]) -> Vec<Case> {
    let part = |way, bytes: usize| case(way, honest[..bytes].to_vec(), Must::Refuse);
    vec![
        part("empty", 0),
        part("a part of the length", 7),
        part("a part of the header", 40),
        part("one byte too few", honest.len() - 1),
    ]
}

fn announced(desk: &mut Desk<'_>, honest: &[u8]) -> Row {
    let round = desk.next();
    let outcome = desk.forge.hand_in_as(round, honest, Digest([7; 32]));
    let way = ("another digest".to_owned(), desk.judged(Must::Refuse, outcome));
    Row::checked(GROUP, "hand in another file than was announced", GATEWAY, vec![way])
}

/// The first one of a round is the round's.
fn second(desk: &mut Desk<'_>, honest: &[u8]) -> Row {
    let round = desk.next();
    let ways = [honest.to_vec(), with_first(desk.forge, 0.75)].map(|bytes| {
        let outcome = desk.forge.hand_in(round, &bytes);
        ("a second".to_owned(), desk.judged(Must::LeaveAs(honest.to_vec()), outcome))
    });
    let ways = ways.into();
    Row::checked(GROUP, "hand in a second update for one round", GATEWAY, ways)
}

/// A file that claims a terabyte has no block on the disk.
fn sparse(desk: &mut Desk<'_>) -> Row {
    const ATTACK: &str = "hand in a file of a terabyte, which holds the check up";
    let key = RoundKey { round: Round(desk.next()), ..KEY };
    let made = File::create(desk.forge.raw(key)).and_then(|file| file.set_len(1 << 40));
    if let Err(error) = made {
        return Row::checked(GROUP, ATTACK, GATEWAY, Vec::new()).noted(&format!("the file system: {error}"));
    }
    let outcome = desk.forge.check(key, Digest([7; 32]));
    let way = ("a file without blocks".to_owned(), desk.judged(Must::Refuse, outcome));
    Row::checked(GROUP, ATTACK, GATEWAY, vec![way])
}
