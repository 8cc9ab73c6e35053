//! The one spelling in which texts are compared: NFKC (so full and half width are the same), lower case,
//! without spaces and punctuation, digits kept. Called by shingles and exact hashes; a change here changes
//! every key, so `MINHASH_VERSION` must change with it.

use unicode_normalization::UnicodeNormalization as _;

use super::splitmix64::splitmix64;

/// What a text is mostly written in; decides what a shingle is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Chinese and other scripts without spaces between words: a token is a character.
    Characters,
    /// Scripts with spaces between words: a token is a word.
    Words,
}

/// A text as a sequence of comparable tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// What the tokens are.
    pub script: Script,
    /// One number for each token; equal tokens have equal numbers.
    pub tokens: Vec<u64>,
}

/// The text without what two copies of the same record may differ in: NFKC, lower case, only letters and
/// digits. A point between two digits stays, because 0.5 mg and 5 mg are not the same. May be empty (a text
/// of punctuation alone).
#[must_use]
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    walk(text, |character, _| out.push(character));
    out
}

impl Tokens {
    /// Cuts a text into characters or words, whichever it is mostly made of.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut characters: Vec<(char, bool)> = Vec::with_capacity(text.len() / 3 + 8);
        walk(text, |character, starts_word| characters.push((character, starts_word)));
        let script = script_of(&characters);
        let tokens = match script {
            Script::Characters => {
                characters.iter().map(|(character, _)| u64::from(u32::from(*character))).collect()
            }
            Script::Words => words(&characters),
        };
        Self { script, tokens }
    }
}

/// A word's number: its characters, folded.
fn words(characters: &[(char, bool)]) -> Vec<u64> {
    let mut words = Vec::with_capacity(characters.len() / 5 + 1);
    for (character, starts_word) in characters {
        let code = u64::from(u32::from(*character));
        match words.last_mut() {
            Some(word) if !starts_word => *word = splitmix64(*word ^ code),
            _ => words.push(splitmix64(code)),
        }
    }
    words
}

/// Characters when at least half of the units are: a Han character or a kana is one unit, and so is a Latin
/// word, which carries about as much.
fn script_of(characters: &[(char, bool)]) -> Script {
    let unspaced = characters.iter().filter(|(character, _)| is_unspaced(*character)).count();
    let words =
        characters.iter().filter(|(character, starts_word)| *starts_word && !is_unspaced(*character)).count();
    if unspaced >= words && unspaced > 0 { Script::Characters } else { Script::Words }
}

/// Letters of scripts that put no spaces between words: Han, kana, and the languages of South East Asia.
fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3005..=0x3007 | 0x3040..=0x30FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}

/// Hands every kept character to `each`, with whether a word begins there.
fn walk(text: &str, mut each: impl FnMut(char, bool)) {
    let mut state = Walk::default();
    if is_plain(text) {
        text.chars().map(unwiden).for_each(|character| state.take(character, &mut each));
    } else {
        text.nfkc().for_each(|character| state.take(character, &mut each));
    }
}

/// Whether every character is one whose NFKC form [`unwiden`] knows: ASCII, common Han, CJK punctuation,
/// full-width ASCII. Nearly all Chinese and English records are; the general algorithm costs ten times as
/// much.
fn is_plain(text: &str) -> bool {
    text.chars().all(|character| {
        matches!(u32::from(character),
            0..=0x7F | 0x4E00..=0x9FFF | 0x3000..=0x3003 | 0x3008..=0x3020 | 0xFF01..=0xFF5E
            | 0x2010 | 0x2012..=0x2016 | 0x2018..=0x201F)
    })
}

fn unwiden(character: char) -> char {
    match u32::from(character) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(character),
        0x3000 => ' ',
        _ => character,
    }
}

/// The state between characters: the treatment of one depends on those before it.
#[derive(Default)]
struct Walk {
    previous: Option<char>,
    /// A point after a digit, kept if a digit follows; at the end of a text it is punctuation.
    has_point: bool,
    /// Something was left out since the last kept character.
    has_gap: bool,
}

impl Walk {
    fn take(&mut self, character: char, each: &mut impl FnMut(char, bool)) {
        if !character.is_alphanumeric() {
            let after_digit = self.previous.is_some_and(|previous| previous.is_ascii_digit());
            self.has_point = character == '.' && after_digit && !self.has_gap;
            self.has_gap = true;
            return;
        }
        if self.has_point && character.is_ascii_digit() {
            each('.', false);
            self.has_gap = false;
        }
        self.has_point = false;
        let starts_word = self.has_gap
            || self.previous.is_none_or(|previous| is_unspaced(previous) != is_unspaced(character))
            || is_unspaced(character);
        self.has_gap = false;
        self.previous = Some(character);
        if character.is_ascii() {
            each(character.to_ascii_lowercase(), starts_word);
            return;
        }
        for (index, lower) in character.to_lowercase().enumerate() {
            each(lower, starts_word && index == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spelling_that_does_not_matter_is_removed() {
        for (text, expected) in [
            ("患者，男，６５岁。", "患者男65岁"),
            ("Ｂｌｏｏｄ　Pressure: 120/80 mmHg", "bloodpressure12080mmhg"),
            ("ﬁbrosis ① ㎎", "fibrosis1mg"),
            ("Ｈｂ 3.5 g/dl, 0．5mg", "hb3.5gdl0.5mg"),
            ("终于. 3 天", "终于3天"),
            ("1. 头痛", "1头痛"),
            ("12.", "12"),
            ("e\u{301}tude É", "étudeé"),
            ("……！？", ""),
            ("", ""),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
        }
        assert_ne!(normalise("口服 0.5 mg"), normalise("口服 5 mg"));
    }

    #[test]
    fn the_script_decides_what_a_token_is() {
        assert_eq!(Tokens::of("患者CT示肺炎").script, Script::Characters);
        assert_eq!(Tokens::of("患者CT示肺炎").tokens.len(), 7);
        let english = Tokens::of("The patient's CT shows pneumonia, 3.5 cm.");
        assert_eq!(english.script, Script::Words);
        // the patient s ct shows pneumonia 3.5 cm
        assert_eq!(english.tokens.len(), 8);
        assert_eq!(Tokens::of("The patient said 头痛 to the nurse").script, Script::Words);
        assert_eq!(Tokens::of("。。。").tokens.len(), 0);
        assert_eq!(Tokens::of("THE patient").tokens, Tokens::of("the, patient").tokens);
        assert_ne!(Tokens::of("the patient").tokens, Tokens::of("patient the").tokens);
    }

    proptest! {
        #[test]
        fn the_quick_way_gives_what_the_general_one_gives(text in "[ -~\u{4E00}-\u{9FFF}\u{3000}-\u{3003}\u{3008}-\u{3020}\u{FF01}-\u{FF5E}\u{2018}-\u{201F}]{0,60}") {
            let mut general = String::new();
            let mut state = Walk::default();
            text.nfkc().for_each(|character| state.take(character, &mut |kept, _| general.push(kept)));
            prop_assert_eq!(normalise(&text), general);
        }

        #[test]
        fn any_text_has_a_normal_form_without_spaces_and_it_is_stable(text in "[ -~\u{4E00}-\u{4F00}\u{FF01}-\u{FF5E}。，]{0,60}") {
            let once = normalise(&text);
            prop_assert!(once.chars().all(|c| c.is_alphanumeric() || c == '.'));
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn any_bytes_are_survived(text in any::<String>()) {
            let _ = normalise(&text);
            let _ = Tokens::of(&text);
        }
    }
}
