//! Placeholders, and that nothing raw is left.

use super::{Kind, Screen, record};
use crate::screen::mask;

#[test]
fn placeholders_are_typed_and_consistent_inside_a_record() {
    let record = record(&[
        "患者王小明，电话13812345678。",
        "联系人：李芳，手机138 1234 5678；患者王小明因胸痛。",
        "Seen by Dr. Smith on May 3, 2023.",
    ]);
    let findings = Screen::default().record(&record);
    let masked = mask(&record, &findings);
    assert_eq!(masked.fields[0].text, "患者[姓名1]，电话[手机号1]。");
    assert_eq!(masked.fields[1].text, "联系人：[姓名2]，手机[手机号1]；患者[姓名1]因胸痛。");
    assert_eq!(masked.fields[2].text, "Seen by Dr. [NAME3] on [DATE1].");
    assert_eq!(masked.body, record.body);
    // What was masked is not found again.
    let again = Screen::default().record(&masked);
    assert_eq!(again, []);
}

#[test]
fn offsets_are_those_of_the_original() {
    let text = "电话：\u{200b}１３８\u{200b}１２３４５６７８！";
    let found = Screen::default().text(3, text);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].field), (Kind::MobilePhone, 3));
    assert_eq!(&text[found[0].start..found[0].end], "１３８\u{200b}１２３４５６７８");
    assert_eq!(found[0].preview(text), "１３８*******７８");
}

#[test]
fn a_name_of_one_field_is_found_in_another() {
    let record = record(&[
        "患者姓名：郗淼。",
        "术后郗淼恢复可。",
        "Seen by Ngozi Zylstra, RN.",
        "zylstra to call back",
    ]);
    let findings = Screen::default().record(&record);
    let masked = mask(&record, &findings);
    assert_eq!(masked.fields[1].text, "术后[姓名1]恢复可。");
    assert_eq!(masked.fields[3].text, "[NAME3] to call back");
}
