//! Text that was read in the wrong encoding and saved again, and characters that no record should have.
//! Called by `validate`.
//!
//! Three mistakes leave a pattern that honest text does not have (rules and their reasons beside the code):
//! UTF-8 read as Windows-1252 or Latin-1 (`â€™`, `ä½ å¥½`), GBK read as Latin-1 (`ÖÐÎÄ`), UTF-8 read as GBK
//! (`浣犲ソ`). What cannot be undone any more leaves U+FFFD, `锟斤拷` or `烫烫烫`. Invariant: on doubt the text
//! passes; one pass, and memory for one run of characters.

use encoding_rs::GBK;

use crate::refusal::Refusal;

/// U+FFFD twice, saved as UTF-8 and read as GBK; and uninitialised memory of Microsoft's debug builds read as
/// GBK.
const LOST: [&str; 3] = ["锟斤拷", "烫烫烫", "屯屯屯"];

/// Looks at one text.
pub(super) fn look(text: &str) -> Result<(), Refusal> {
    if text.contains('\u{fffd}') {
        return Err(Refusal::ReplacementCharacters);
    }
    if !text.is_ascii()
        && (LOST.iter().any(|lost| text.contains(lost)) || is_utf8_as_latin(text) || has_foreign_run(text))
    {
        return Err(Refusal::Mojibake);
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(Refusal::ControlCharacters);
    }
    Ok(())
}

/// The byte that Windows-1252 (Latin-1 where that has a gap) shows as this character; only those above ASCII.
fn latin_byte(c: char) -> Option<u8> {
    const WINDOWS_1252: [(char, u8); 27] = [
        ('€', 0x80),
        ('‚', 0x82),
        ('ƒ', 0x83),
        ('„', 0x84),
        ('…', 0x85),
        ('†', 0x86),
        ('‡', 0x87),
        ('ˆ', 0x88),
        ('‰', 0x89),
        ('Š', 0x8A),
        ('‹', 0x8B),
        ('Œ', 0x8C),
        ('Ž', 0x8E),
        ('‘', 0x91),
        ('’', 0x92),
        ('“', 0x93),
        ('”', 0x94),
        ('•', 0x95),
        ('–', 0x96),
        ('—', 0x97),
        ('˜', 0x98),
        ('™', 0x99),
        ('š', 0x9A),
        ('›', 0x9B),
        ('œ', 0x9C),
        ('ž', 0x9E),
        ('Ÿ', 0x9F),
    ];
    match u32::from(c) {
        code @ 0x80..=0xFF => u8::try_from(code).ok(),
        _ => WINDOWS_1252.iter().find(|(shown, _)| *shown == c).map(|(_, byte)| *byte),
    }
}

/// UTF-8 read as Windows-1252 or Latin-1: a lead byte and its continuation bytes, each shown as a character.
/// `Â°` or `â€™` once is enough; other sequences have to come twice, since French typography has `é`,
/// no-break space, `»`.
fn is_utf8_as_latin(text: &str) -> bool {
    let mut sequences = 0;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let wanted = match c {
            '\u{c2}'..='\u{df}' => 1,
            '\u{e0}'..='\u{ef}' => 2,
            '\u{f0}'..='\u{f4}' => 3,
            _ => continue,
        };
        let mut first = None;
        let mut found = 0;
        while let Some(next) = characters.peek().filter(|_| found < wanted) {
            if !latin_byte(*next).is_some_and(|byte| (0x80..=0xBF).contains(&byte)) {
                break;
            }
            first = first.or(Some(*next));
            found += 1;
            characters.next();
        }
        if found == wanted {
            let certain = match (c, first) {
                ('Â' | 'Ã', Some(next)) => ('\u{a1}'..='\u{bf}').contains(&next),
                ('â', Some(next)) => matches!(next, '€' | '\u{80}'),
                _ => false,
            };
            sequences += if certain { 2 } else { 1 };
        }
    }
    sequences >= 2
}

/// Runs of characters above ASCII which are garbled as a whole.
fn has_foreign_run(text: &str) -> bool {
    text.split(|c: char| c.is_ascii()).any(|run| is_gbk_as_latin(run) || is_utf8_as_gbk(run))
}

/// GBK read as Latin-1: both bytes of a character lie in 0xA1..=0xFE. No European word has six such letters
/// in a row.
fn is_gbk_as_latin(run: &str) -> bool {
    let mut length = 0;
    run.chars().any(|c| {
        length = if ('\u{a1}'..='\u{fe}').contains(&c) { length + 1 } else { 0 };
        length >= 6
    })
}

/// UTF-8 read as GBK: turned back into GBK's bytes, the run is UTF-8 of Chinese characters (lead bytes
/// 0xE3..=0xE9). Honest Chinese is that once in some 100,000 runs, because GBK's second bytes are seldom
/// UTF-8's continuation bytes.
fn is_utf8_as_gbk(run: &str) -> bool {
    let mut characters = run.char_indices();
    let (Some((_, _)), Some((second, _)), Some(_)) =
        (characters.next(), characters.next(), characters.next())
    else {
        return false;
    };
    // A garbled run begins with a lead byte; this spares the rest of the work for nearly all honest text.
    let (first, _, _) = GBK.encode(&run[..second]);
    if !matches!(first.first(), Some(0xE3..=0xE9)) {
        return false;
    }
    let (bytes, _, _) = GBK.encode(run);
    let (mut at, mut sequences) = (0, 0);
    while at < bytes.len() {
        if matches!(&bytes[at..], [0xE3..=0xE9, 0x80..=0xBF, 0x80..=0xBF, ..]) {
            sequences += 1;
            at += 3;
        } else {
            at += 1;
        }
    }
    // An odd byte at the end is lost, and some characters read as something else: four fifths are enough.
    sequences >= 2 && sequences * 3 * 5 >= bytes.len() * 4
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;
    use proptest::prelude::*;

    use super::*;

    const HONEST: [&str; 9] = [
        "患者男，52岁，因“反复胸闷3年”入院。体温36.5℃，血压140/90mmHg——建议复查。",
        "Patient’s café au lait spots — “stable”… 5 µg, 37 °C, ±2 %, naïve, Sjögren, Ménière, Guillain–Barré",
        "L’œuvre « résumé\u{a0}» de Zoë, Ångström, ÅÄÖ, SÃO PAULO",
        "阿司匹林 100 mg qd；心电图 ST 段压低 😟👩‍⚕️",
        "ｃｒｐ：１２．５ｍｇ／Ｌ",
        "тахикардия, αβγδ, 頭痛が続く、めまい",
        "tab\tline\r\n",
        "生僻字：龘䶮𠮷㐂",
        "锟 斤 拷，烫烫的",
    ];

    #[test]
    fn honest_text_passes() {
        for text in HONEST {
            assert_eq!(look(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn each_mistake_is_seen() {
        let chinese = "患者男，反复胸闷三年，加重一周。";
        let (gbk, _, _) = GBK.encode(chinese);
        let (as_gbk, _) = GBK.decode_without_bom_handling(chinese.as_bytes());
        let (as_latin, _) = WINDOWS_1252.decode_without_bom_handling(chinese.as_bytes());
        let (gbk_as_latin, _) = WINDOWS_1252.decode_without_bom_handling(&gbk);
        let (quote, _) = WINDOWS_1252.decode_without_bom_handling("the patient’s".as_bytes());
        let (degree, _) = WINDOWS_1252.decode_without_bom_handling("37 °C".as_bytes());
        // A lost byte at the end became U+FFFD, which would be seen first.
        let as_gbk = as_gbk.trim_end_matches('\u{fffd}').replace('\u{fffd}', "?");
        for text in [&as_gbk, &*as_latin, &*gbk_as_latin, &*quote, &*degree, "a锟斤拷锟b", "烫烫烫烫"]
        {
            assert_eq!(look(text), Err(Refusal::Mojibake), "{text}");
        }
        assert_eq!(look("心\u{fffd}图"), Err(Refusal::ReplacementCharacters));
        for text in ["a\0b", "\u{1b}[31m", "x\u{7f}", "x\u{85}y", "\u{feff}\u{1}"] {
            assert_eq!(look(text), Err(Refusal::ControlCharacters), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        // Level 1 of GB2312, the characters that text is made of, is 0xB0A1..=0xD7F9.
        #[test]
        fn common_characters_in_any_order_pass(codes in prop::collection::vec((0xB0_u8..=0xD6, 0xA1_u8..=0xFE), 1..40)) {
            let bytes: Vec<u8> = codes.iter().flat_map(|(high, low)| [*high, *low]).collect();
            let (text, _) = GBK.decode_without_bom_handling(&bytes);
            prop_assert_eq!(look(&text), Ok(()));
        }

        #[test]
        fn chinese_read_as_gbk_is_seen(text in "[\u{4e00}-\u{9fa5}]{4,40}") {
            let (garbled, _) = GBK.decode_without_bom_handling(text.as_bytes());
            prop_assert!(look(&garbled).is_err(), "{}", garbled);
        }
    }
}
