//! Units of measure behind a number: a count a litre, copies a millilitre or a dose is no telephone or card
//! number, however many digits it has. Called by `detect`. Invariant: looks at a bounded stretch behind the
//! number; a number behind a word for a telephone stays one.

/// Units that count on their own. Latin ones end at a word's border. None that is also a word beside a
/// telephone number (`cell`), nor a single letter.
const UNITS: &[&str] = &[
    "copies",
    "cells",
    "particles",
    "platelets",
    "iu",
    "ku",
    "mu",
    "cfu",
    "pfu",
    "ng",
    "pg",
    "ug",
    "μg",
    "µg",
    "mcg",
    "mg",
    "kg",
    "ml",
    "dl",
    "μl",
    "ul",
    "mmol",
    "μmol",
    "umol",
    "nmol",
    "pmol",
    "mol",
    "meq",
    "mosm",
    "kcal",
    "kj",
    "bq",
    "mbq",
    "gbq",
    "gy",
    "cgy",
    "msv",
    "cm",
    "mm",
    "nm",
    "hz",
    "khz",
    "mhz",
    "bpm",
    "rpm",
    "kb",
    "kda",
];

/// Chinese units.
const UNITS_HAN: &[&str] = &[
    "拷贝",
    "毫升",
    "微升",
    "毫克",
    "微克",
    "纳克",
    "千克",
    "公斤",
    "国际单位",
    "万单位",
    "单位/",
    "菌落",
    "毫摩尔",
    "微摩尔",
    "摩尔",
    "千卡",
    "大卡",
    "个细胞",
    "个/",
    "个每",
    "次/",
    "例/",
    "片/",
    "活菌",
    "颗粒",
    "升",
    "贝克",
];

/// What a count can be divided by behind a bare `/`.
const DIVISORS: &[&str] = &[
    "l", "dl", "ml", "μl", "ul", "µl", "mm", "cm", "升", "毫升", "微升", "立方", "g", "kg", "克", "hp",
    "hpf", "min",
];

/// Whether the text behind a number makes it a quantity.
pub(super) fn follows(behind: &str) -> bool {
    let rest = behind.trim_start_matches([' ', '\u{a0}']);
    if behind.len() - rest.len() > 4 {
        return false;
    }
    if let Some(divisor) = rest.strip_prefix('/') {
        return DIVISORS.iter().any(|unit| begins(divisor.trim_start_matches(' '), unit));
    }
    UNITS.iter().any(|unit| begins(rest, unit)) || UNITS_HAN.iter().any(|unit| rest.starts_with(unit))
}

/// Whether a text begins with a unit, in any case, that ends at a word's border; a power may follow.
fn begins(text: &str, unit: &str) -> bool {
    text.get(..unit.len()).is_some_and(|head| head.eq_ignore_ascii_case(unit))
        && !text
            .get(unit.len()..)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_makes_a_quantity_and_a_word_does_not() {
        for quantity in ["/L", " /uL", "copies/mL", " 拷贝/毫升", "个/升", " IU", "/mm3", " CFU/g", "毫克"]
        {
            assert!(follows(quantity), "{quantity}");
        }
        for word in ["", ",", " Lisa", "个人", "单位电话", " unitary", "/010", " g-mail", " 次日", "/Lee"]
        {
            assert!(!follows(word), "{word}");
        }
    }
}
