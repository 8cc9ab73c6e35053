//! A second development family: texts and names written before their author had read any rule, of kinds of
//! notes that the other families do not have, with names from wide lists. Used by `quality`. Invariant: the
//! sentences are not changed to suit a rule. A slot that starts with `~` is a surname before a title in
//! Chinese; it is labelled since 30 November 2026, when such a surname became a finding.

mod chinese;
mod english;
mod names;

pub(super) use self::chinese::{CLEAR as CHINESE_CLEAR, WITH_NAMES as CHINESE};
pub(super) use self::english::{CLEAR as ENGLISH_CLEAR, WITH_NAMES as ENGLISH};

use crate::screen::synthetic::Dice;

/// A value for a slot that only this family has; none for others.
pub(super) fn value(slot: &str, dice: &mut Dice) -> Option<String> {
    Some(match slot {
        "全" => full_zh(dice),
        "姓" | "~姓" => character(names::SURNAMES, dice),
        "名" => character(names::GIVEN_ONE, dice),
        "少" => word(names::MINORITY, dice),
        "外" => word(names::FOREIGN, dice),
        "full" => format!("{} {}", first(dice), last(dice)),
        "giv" => first(dice),
        "sur" => last(dice),
        "inv" => format!("{}, {}", last(dice).to_uppercase(), first(dice)),
        "caps" => format!("{} {}", first(dice), last(dice)).to_uppercase(),
        "capsur" => last(dice).to_uppercase(),
        "low" => format!("{} {}", first(dice), last(dice)).to_lowercase(),
        "lowgiv" => first(dice).to_lowercase(),
        "lowsur" => last(dice).to_lowercase(),
        "mid" => format!("{} {}. {}", first(dice), initial(dice), last(dice)),
        "ini" => {
            let second = if dice.chance(30) { format!("{}. ", initial(dice)) } else { String::new() };
            format!("{}. {second}{}", initial(dice), last(dice))
        }
        _ => return None,
    })
}

/// Whether the slot is a name that counts.
pub(super) fn is_name(slot: &str) -> bool {
    const NAMES: &[&str] = &[
        "全", "姓", "名", "少", "外", "full", "giv", "sur", "inv", "caps", "capsur", "low", "lowgiv",
        "lowsur", "mid", "ini",
    ];
    NAMES.contains(&slot.trim_start_matches('~'))
}

fn word(list: &str, dice: &mut Dice) -> String {
    let words: Vec<&str> = list.split_whitespace().collect();
    dice.pick(&words).replace('_', " ")
}

fn character(list: &str, dice: &mut Dice) -> String {
    let chars: Vec<String> = list.chars().filter(|c| !c.is_whitespace()).map(String::from).collect();
    chars.get(dice.below(chars.len())).cloned().unwrap_or_default()
}

fn initial(dice: &mut Dice) -> String {
    character("ABCDEFGHJKLMNPRSTVWY", dice)
}

fn first(dice: &mut Dice) -> String {
    word(names::FIRST, dice)
}

fn last(dice: &mut Dice) -> String {
    if dice.chance(6) { word(names::PARTICLES, dice) } else { word(names::LAST, dice) }
}

/// Five in a hundred have a compound surname, one in four a given name of one character.
fn full_zh(dice: &mut Dice) -> String {
    let family = if dice.chance(5) { word(names::COMPOUND, dice) } else { character(names::SURNAMES, dice) };
    let given =
        if dice.chance(25) { character(names::GIVEN_ONE, dice) } else { word(names::GIVEN_TWO, dice) };
    format!("{family}{given}")
}
