//! The lists of English words as sets, and how drugs end. Used by the files that look for English names.
//! Invariant: built once.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::name_en_words::{COMMON, COMMON_DEEDS, CREDENTIALS, DEEDS, RELATIONS, ROLES};

pub(super) struct Tables {
    pub(super) roles: HashSet<&'static str>,
    pub(super) credentials: HashSet<&'static str>,
    pub(super) relations: HashSet<&'static str>,
    pub(super) deeds: HashSet<&'static str>,
    pub(super) common_deeds: HashSet<&'static str>,
    pub(super) common: HashSet<&'static str>,
}

pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let set = |list: &'static str| list.split_whitespace().collect();
    Tables {
        roles: set(ROLES),
        credentials: set(CREDENTIALS),
        relations: set(RELATIONS),
        deeds: set(DEEDS),
        common_deeds: set(COMMON_DEEDS),
        common: set(COMMON),
    }
});

/// Whether a word ends like the international name of a drug.
pub(super) fn is_drug(lower: &str) -> bool {
    const ENDS: &[&str] = &[
        "codone",
        "pril",
        "olol",
        "statin",
        "mycin",
        "cillin",
        "azole",
        "dipine",
        "zepam",
        "zolam",
        "sartan",
        "prazole",
        "triptan",
        "gliptin",
        "gliflozin",
        "tidine",
        "oxacin",
        "cycline",
        "parin",
        "xaban",
        "mab",
        "tinib",
        "ciclib",
        "avir",
        "ovir",
        "setron",
        "formin",
        "lukast",
        "caine",
        "thiazide",
        "semide",
        "barbital",
        "fentanil",
        "morphone",
        "oxetine",
        "idone",
        "apine",
        "terol",
        "onide",
        "asone",
        "olone",
        "dronate",
        "platin",
        "rubicin",
        "taxel",
        "cept",
        "kinra",
        "glutide",
        "tropin",
        "itis",
        "osis",
        "emia",
        "oma",
        "ectomy",
        "opathy",
        "plasty",
        "scopy",
        "ology",
    ];
    lower.len() > 6 && ENDS.iter().any(|end| lower.ends_with(end))
}
