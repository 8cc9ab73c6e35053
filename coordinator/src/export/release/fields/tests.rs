//! Tests of the fields, and an answered file for others' tests.

use super::*;

pub(crate) const RUN: &str = "0123456789abcdef";

/// The file with an answer in every needed field.
pub(crate) fn answered() -> String {
    let text = blank(RUN.parse().unwrap(), Digest([7; 32]));
    FIELDS.iter().filter(|field| field.is_required).fold(text, |text, field| {
        let (from, to) = (
            format!("\n{} = \"\"", field.key),
            format!("\n{} = \"An answer about {} & <more>.\"", field.key, field.key),
        );
        text.replace(&from, &to)
    })
}

#[test]
fn a_blank_file_misses_every_needed_field_and_an_answered_one_none() {
    let blank = Fields::parse(&blank(RUN.parse().unwrap(), Digest([7; 32]))).unwrap();
    let needed = FIELDS.iter().filter(|field| field.is_required).count();
    assert_eq!(blank.missing().count(), needed);
    assert!(needed > 30, "{needed}");
    let answered = Fields::parse(&answered()).unwrap();
    assert_eq!(answered.missing().count(), 0);
    assert_eq!(answered.get("risks"), Some("An answer about risks & <more>."));
    assert_eq!((answered.get("keywords"), answered.get("nothing")), (None, None));
}

#[test]
fn each_key_stands_once_in_both_languages() {
    for (at, one) in FIELDS.iter().enumerate() {
        assert!(FIELDS.iter().skip(at + 1).all(|other| other.key != one.key), "{}", one.key);
        assert!(!one.title.en.is_empty() && !one.title.zh.is_empty() && !one.asks.is_empty());
    }
}

#[test]
fn what_says_nothing_is_empty() {
    for nothing in [
        "",
        "  \n\t",
        "TODO",
        "todo: ask Anna",
        "TBD.",
        "n/a",
        "N/A.",
        "n.a.",
        "-",
        "—",
        "...",
        "none",
        "None.",
        "?",
        "xxx",
        "无",
        "待补充",
        "（不适用）",
        // Apart, so that whoever searches the code for what is unfinished does not find a test.
        concat!("FIX", "ME later"),
    ] {
        assert!(is_empty(nothing), "{nothing:?}");
    }
    for answer in
        ["n/a: no patient is in it", "1.0", "None so far; the study is planned", "无，因为没有第三方"]
    {
        assert!(!is_empty(answer), "{answer:?}");
    }
}

#[test]
fn what_is_not_the_file_is_refused() {
    let good = answered();
    let refused = |from: &str, to: &str| Fields::parse(&good.replacen(from, to, 1)).unwrap_err();
    assert!(refused("risks =", "riskz =").contains("there is no field `riskz`"));
    assert!(refused("An answer about risks", "a\\u202eb").contains("turns the text"), "a turned text");
    assert!(refused("An answer about risks", "a\\u0007b").contains("control"));
    let long = "x".repeat(RELEASE_FIELD_CHARS_MAX + 1);
    assert!(refused("An answer about risks", &long).contains("more than"));
    assert!(Fields::parse(&good.replacen("run =", "ran =", 1)).is_err());
    assert!(Fields::parse(&good.replacen("risks = ", "risks = \"x\"\nrisks = ", 1)).is_err(), "twice");
    assert!(Fields::parse(&(good + "other = 1\n")).is_err());
}
