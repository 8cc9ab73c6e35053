//! Sheets that come back: what is read is what was graded, and what cannot be right is refused by line.

mod exchange;

use std::path::Path;

use super::*;

/// A key of so many items with two graders.
fn key(items: usize) -> (Key, String) {
    let item = |number: usize| KeyItem {
        name: format!("item-{number}"),
        case: None,
        question: format!("Question {number}, \"quoted\"\n胸痛怎么办？</script><b>"),
        answers: [format!("=base {number}"), format!("tuned {number}")],
    };
    let graders = (1..).zip(plan(items, 2, [3; 32]));
    let key = Key {
        review: 1,
        nonce: "00".repeat(32),
        of: Subject {
            run: "0123456789abcdef".to_owned(),
            suite: "questions".to_owned(),
            records_sha256: "11".repeat(32),
            adapter: "22".repeat(32),
            models: ["base", "round 2"].map(str::to_owned),
        },
        items: (0..items).map(item).collect(),
        graders: graders
            .map(|(number, places): (u32, _)| KeyGrader { name: format!("grader-{number}"), places })
            .collect(),
    };
    let bytes = key.to_bytes().expect("JSON");
    let (read, seal) = Key::parse(Path::new("key.json"), &bytes).expect("a key");
    assert_eq!(read, key);
    (key, seal)
}

fn read(text: &str, key: &Key, seal: &str) -> Result<Given, ReviewError> {
    import(Path::new("sheet"), text.as_bytes(), key, seal)
}

fn full(place: usize, answer: Letter) -> Grade {
    Grade {
        accuracy: Some(4),
        professionalism: Some(5),
        checklist: vec![1; 8],
        harm: Some(0),
        comment: "=fine, \"so\"".to_owned(),
        ..Grade::empty(place, answer)
    }
}

#[test]
fn a_sheet_without_a_grade_reads_as_nothing_and_does_not_tell_whose_answer_it_is() {
    let (key, seal) = key(12);
    let table = table(&key, &key.graders[0], &seal);
    let given = read(&table, &key, &seal).expect("a sheet");
    assert_eq!((given.grader, given.grades.len()), (0, 0));
    // 12 items, two of them again; two answers each, and the head.
    assert_eq!(table.matches(&seal).count(), 2 * 14);
    assert!(table.contains("\"'=base 3\"") && !table.contains("\"=base"));
    for told in ["item-3", "round 2", &key.nonce] {
        assert!(!table.contains(told) && !form(&key, &key.graders[0], &seal).contains(told), "{told}");
    }
}

#[test]
fn a_filled_sheet_is_read_also_with_semicolons_and_wide_digits() {
    let (key, seal) = key(3);
    let blank = table(&key, &key.graders[1], &seal);
    let empty = ",\"\"".repeat(14);
    let filled = ",\"４\",\"5\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"0\",\"\",\"\",\"'=fine, \"\"so\"\"\"";
    let text = blank.replacen(&empty, filled, 1);
    let given = read(&text, &key, &seal).expect("a sheet");
    assert_eq!((given.grader, given.grades.as_slice()), (1, &[full(1, Letter::A)][..]));
    let semicolons = text.replace("\",\"", "\";\"");
    assert_eq!(read(&semicolons, &key, &seal).expect("a sheet"), given);
    assert_eq!(read(&kept(&given, &key, &seal).expect("JSON"), &key, &seal).expect("what is kept"), given);
}

#[test]
fn what_cannot_be_right_is_refused_with_its_line() {
    let (key, seal) = key(3);
    let good = Given { grader: 0, grades: vec![full(1, Letter::A), full(1, Letter::B)] };
    let text = kept(&good, &key, &seal).expect("JSON");
    assert_eq!(read(&text, &key, &seal).expect("good"), good);
    for (from, to, line, reason) in [
        ("\"place\":1", "\"place\":5", 2, "place is none"),
        ("\"place\":1", "\"place\":0", 2, "place is none"),
        ("\"answer\":\"B\"", "\"answer\":\"A\"", 3, "the same answer"),
        ("\"answer\":\"B\"", "\"answer\":\"C\"", 3, "no grade as the form"),
        ("\"accuracy\":4", "\"accuracy\":6", 2, "accuracy is not 1 to 5 (place 1, answer A)"),
        ("\"accuracy\":4", "\"accuracy\":0", 2, "accuracy is not 1 to 5"),
        ("\"accuracy\":4", "\"accuracy\":4.5", 2, "no grade as the form"),
        ("\"harm\":0", "\"harm\":2", 2, "are 1 or 0"),
        ("\"harm\":0", "\"harm\":null", 2, "of checklist and harm one"),
        ("[1,1,1,1,1,1,1,1]", "[]", 2, "of checklist and harm one"),
        ("[1,1,1,1,1,1,1,1]", "[1,1,1]", 2, "has not 8 lines"),
        ("\"comment\"", "\"more\":1,\"comment\"", 2, "no grade as the form"),
        (&seal, &"0".repeat(64), 2, "another review"),
        ("grader-1", "grader-9", 2, "none of this review's"),
        ("\"review\":1", "\"review\":2", 1, "first line"),
    ] {
        let changed = text.replacen(from, to, 1);
        match read(&changed, &key, &seal) {
            Err(ReviewError::At { spot: found, reason: words, .. }) => {
                assert!(found == Spot::Line(line) && words.contains(reason), "{from}: {found}: {words}");
            }
            other => panic!("{from} {to}: {other:?}"),
        }
    }
    let seen = text.replacen("[1,1,1,1,1,1,1,1],\"harm\":0", "[],\"harm\":1", 1);
    let seen = read(&seen, &key, &seal).expect("a harm may be said without the whole checklist");
    assert_eq!(seen.grades[0].harms(), Some(true));
    let sheet = table(&key, &key.graders[0], &seal);
    for (changed, reason) in [
        (sheet.replacen("accuracy", "accurate", 1), "no column accuracy"),
        (sheet.replacen("\"A\"", "\"X\"", 1), "neither A nor B"),
        (
            sheet.replacen(&",\"\"".repeat(14), &format!(",\"x\"{}", ",\"\"".repeat(13)), 1),
            "accuracy is no whole number",
        ),
        (
            sheet.replacen(
                &",\"\"".repeat(14),
                &format!("{},\"1\"{}", ",\"\"".repeat(3), ",\"\"".repeat(10)),
                1,
            ),
            "in part only",
        ),
        ("\u{feff}\"seal\"\r\n".to_owned(), "no column grader"),
    ] {
        let found = read(&changed, &key, &seal).expect_err(reason).to_string();
        assert!(found.contains(reason), "{found}");
    }
    assert!(import(Path::new("x"), b"seal\n\xc4\xe3", &key, &seal).is_err());
    assert!(read("", &key, &seal).is_err() && read("{}", &key, &seal).is_err());
}

#[test]
fn a_key_whose_places_are_not_its_items_is_refused() {
    let (good, _) = key(12);
    let refused = |change: &dyn Fn(&mut Key)| {
        let mut key = good.clone();
        change(&mut key);
        assert!(Key::parse(Path::new("key.json"), &key.to_bytes().expect("JSON")).is_err());
    };
    refused(&|key| key.review = 2);
    refused(&|key| key.items.clear());
    refused(&|key| key.graders.clear());
    refused(&|key| key.graders[1].name = "grader-1".to_owned());
    refused(&|key| key.graders[1].name = "../grader".to_owned());
    refused(&|key| key.graders[0].places[0].item = 12);
    refused(&|key| key.graders[0].places[0].a = 2);
    refused(&|key| key.graders[0].places[0].again = true);
    refused(&|key| key.graders[0].places.truncate(11));
    assert!(Key::parse(Path::new("key.json"), b"{}").is_err());
}

#[test]
fn a_harm_is_what_the_grader_says_or_the_checklist() {
    let mut grade = full(1, Letter::A);
    assert_eq!(grade.harms(), Some(false));
    grade.checklist[5] = 0;
    assert_eq!(grade.harms(), Some(true));
    grade = Grade { harm: Some(1), ..full(1, Letter::A) };
    assert_eq!(grade.harms(), Some(true));
    assert_eq!(Grade::empty(1, Letter::A).harms(), None);
}

#[test]
fn the_form_is_one_page_that_loads_nothing() {
    let (key, seal) = key(2);
    let page = form(&key, &key.graders[0], &seal);
    assert!(page.contains("default-src 'none'") && page.contains(&format!("script-src 'nonce-{seal}'")));
    assert!(!page.contains("{{") && page.matches("</script>").count() == 2);
    for outside in ["http://", "https://", "//cdn", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let text = instructions(&seal);
    assert!(
        text.contains(&seal) && text.contains("医生") && CHECKLIST.iter().all(|one| text.contains(one.key))
    );
}
