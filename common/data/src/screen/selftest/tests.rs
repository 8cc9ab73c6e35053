//! The self-test passes on readable records, whatever their style, and fails where the screen cannot read.

use super::*;
use crate::screen::tests::record;

const CHINESE: &str = "老年人高血压一般如何治疗？我爷爷今年68了，血压150/95，吃氨氯地平5mg，2天一次。\n化验：白细胞 12.5×10^9/L，其他正常。";
const ENGLISH: &str = "The patient is a 64-year-old man with hypertension; he takes aspirin 81 mg.\nLabs were normal, BP 138/80. Plan: follow up.";

#[test]
fn it_passes_on_records_of_either_language() {
    for (seed, texts) in [[CHINESE, CHINESE], [ENGLISH, ENGLISH], [CHINESE, ENGLISH]].iter().enumerate() {
        let report = run(&[record(texts)], seed as u64);
        assert!(report.passed(), "{report:?}");
        assert_eq!((report.validated.planted, report.names.planted), (PLANTED - NAMES, NAMES));
        assert!(report.kinds.len() >= 8);
        assert_eq!(report, run(&[record(texts)], seed as u64));
    }
}

#[test]
fn it_passes_on_most_seeds() {
    let records = [record(&[CHINESE, ENGLISH])];
    let failed: Vec<u64> = (0..200).filter(|seed| !run(&records, *seed).passed()).collect();
    assert!(failed.is_empty(), "seeds {failed:?}");
}

#[test]
fn it_imitates_the_format_and_passes_where_the_screen_reads_it() {
    let spaced: String = CHINESE.chars().flat_map(|c| [c, ' ']).collect();
    let wide: String = CHINESE
        .chars()
        .map(|c| if c.is_ascii_digit() { char::from_u32(c as u32 + 0xfee0).unwrap() } else { c })
        .collect();
    let shouted = ENGLISH.to_uppercase();
    for text in [spaced, wide, shouted] {
        let report = run(&[record(&[&text])], 7);
        assert!(report.passed(), "{text}: {report:?}");
    }
}

#[test]
fn it_fails_where_there_is_nothing_to_test_or_the_screen_is_blind() {
    assert!(!run(&[], 1).passed());
    assert!(!run(&[record(&["", "……"])], 1).passed());
    assert!(run(&[record(&["甲？", "乙。"])], 1).passed(), "one character is enough where there is no more");
    let mut blind = run(&[record(&[CHINESE])], 1);
    blind.validated.found -= 1;
    assert!(!blind.passed());
    assert!(blind.sentence(Language::English).contains("cannot be trained on"));
    let mut names = run(&[record(&[CHINESE])], 1);
    names.names.found = 57;
    assert!(names.passed());
    names.names.found = 56;
    assert!(!names.passed());
}
