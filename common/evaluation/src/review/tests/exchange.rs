//! The same sheet as a workbook, in Label Studio and in Argilla: what comes back is the same, and what cannot
//! be right is refused by its place.

use serde_json::{Value, json};

use super::*;
use crate::xlsx::{Column, Sheet, write};

/// A workbook as a grader saved it: the fields by name, of each row.
fn saved(rows: &[[(&str, &str); 5]], seal: &str) -> Vec<u8> {
    let fixed = ["seal", "grader", "place", "answer"];
    let names: Vec<&str> =
        fixed.into_iter().chain(control::Control::all().map(control::Control::name)).collect();
    let column =
        |name: &&str| Column { head: (*name).to_owned(), width: 9, choices: Vec::new(), is_open: false };
    let columns: Vec<Column> = names.iter().map(column).collect();
    let cell = |row: &[(&str, &str); 5], name: &str| {
        let named = row.iter().find(|(it, _)| *it == name).map(|(_, text)| (*text).to_owned());
        named.unwrap_or_else(|| match name {
            "seal" => seal.to_owned(),
            "grader" => "grader-1".to_owned(),
            "professionalism" => "5".to_owned(),
            "comment" => "=fine, \"so\"".to_owned(),
            "friendliness" | "utility" => String::new(),
            "harm" => "0".to_owned(),
            _ => "1".to_owned(),
        })
    };
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| names.iter().map(|name| cell(row, name)).collect()).collect();
    write(&Sheet { name: "grades", columns: &columns, rows: &rows }).expect("a workbook")
}

fn row<'a>(place: &'a str, answer: &'a str, other: (&'a str, &'a str)) -> [(&'a str, &'a str); 5] {
    [other, ("place", place), ("answer", answer), ("accuracy", "4"), ("", "")]
}

fn from(bytes: &[u8], key: &Key, seal: &str) -> Result<Given, String> {
    import(Path::new("sheet"), bytes, key, seal).map_err(|error| error.to_string())
}

#[test]
fn a_workbook_is_read_as_the_table_is() {
    let (key, seal) = key(3);
    let blank = workbook(&key, &key.graders[0], &seal).expect("a workbook");
    assert_eq!(Ok(blank.clone()), workbook(&key, &key.graders[0], &seal), "the same bytes");
    let given = from(&blank, &key, &seal).expect("a sheet");
    assert_eq!((given.grader, given.grades.len()), (0, 0));
    let whole = Given { grader: 0, grades: vec![full(1, Letter::A), full(1, Letter::B)] };
    let rows = [row("1", "A", ("", "")), row("1", "b", ("accuracy", "４.0"))];
    assert_eq!(from(&saved(&rows, &seal), &key, &seal), Ok(whole));
    for (other, told) in [
        (("accuracy", "6"), "row 3: accuracy is not 1 to 5 (place 1, answer B)"),
        (("accuracy", "3/5"), "cell E3: accuracy is no whole number"),
        (("accuracy", "4.5"), "cell E3: accuracy is no whole number"),
        (("answer", "C"), "cell D3: its answer is neither A nor B"),
        (("privacy", ""), "row 3: its checklist is filled in part only"),
        (("place", "9"), "row 3: its place is none of the grader's"),
        (("seal", "00"), "row 3: it is of another review"),
        (("grader", "grader-2"), "row 3: it is another grader's"),
        (("answer", "A"), "row 3: the same answer stood there before"),
    ] {
        let found = from(&saved(&[row("1", "A", ("", "")), row("1", "B", other)], &seal), &key, &seal);
        assert!(found.as_ref().is_err_and(|found| found.contains(told)), "{other:?}: {found:?}");
    }
    let other = "0".repeat(64);
    assert!(from(&saved(&[row("1", "A", ("", ""))], &other), &key, &seal).is_err());
    assert!(from(&blank[..blank.len() - 1], &key, &seal).is_err());
    let old = from(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 ...", &key, &seal).expect_err("an old form");
    assert!(old.contains("password"), "{old}");
}

#[test]
fn graders_are_told_of_the_forms_that_they_have() {
    let (key, seal) = key(2);
    let told = how_to_grade(&seal, &["CSV", "XLSX", "Label Studio"]);
    assert!(told.contains("\nCSV, XLSX, Label Studio.\n") && told.contains("、CSV、XLSX、Label Studio。\n"));
    assert!(told.contains(&seal) && !told.contains("Argilla"));
    // Who grades in Argilla sees neither the form nor a table.
    let files = argilla_dataset(&key, &key.graders[0], &seal).expect("JSON");
    for told in files.iter().map(|(_, text)| text).chain([&instructions(&seal)]) {
        assert!(!told.contains("browser") && !told.contains("CSV") && !told.contains("表单"));
    }
    assert!(files[0].1.contains("very poor") && files[1].1.contains("very poor"));
}

#[test]
fn a_text_that_is_longer_than_a_cell_makes_no_workbook() {
    let (mut key, seal) = key(2);
    key.items[1].question = "中".repeat(32_768);
    let found = workbook(&key, &key.graders[0], &seal).expect_err("too long").to_string();
    assert!(found.contains("32767"), "{found}");
}

/// The tasks with an annotation of each, as Label Studio exports them.
fn annotated(key: &Key, seal: &str) -> Vec<Value> {
    let tasks = label_studio_tasks(key, &key.graders[0], seal).expect("JSON");
    let tasks: Vec<Value> = serde_json::from_str(&tasks).expect("tasks");
    let result = |name: &str, kind: &str, value: Value| json!({ "id": "x", "from_name": name, "to_name": "text", "type": kind, "origin": "manual", "value": value });
    let with = |(number, task): (usize, Value)| {
        let mut results = vec![
            result("accuracy", "rating", json!({ "rating": 4 })),
            result("professionalism", "rating", json!({ "rating": 5 })),
            result("harm", "choices", json!({ "choices": ["0 does no harm 无害"] })),
            result("comment", "textarea", json!({ "text": ["=fine, \"so\""] })),
        ];
        for check in &CHECKLIST {
            results.push(result(
                check.key,
                "choices",
                json!({ "choices": ["1 holds or does not apply 符合或不适用"] }),
            ));
        }
        let annotation = json!({
            "id": 900 + number, "completed_by": { "id": 7, "email": "a@example.org" }, "was_cancelled": false,
            "result": results, "lead_time": 12.5, "ground_truth": false, "prediction": {},
        });
        json!({
            "id": 40 + number, "data": task["data"], "annotations": [annotation], "drafts": [{ "result": 3 }],
            "predictions": [{ "result": [], "model_version": "m" }], "meta": {}, "project": 2,
        })
    };
    tasks.into_iter().enumerate().map(with).collect()
}

/// Every answer graded alike.
fn whole(key: &Key) -> Given {
    let places = 1..=key.graders[0].places.len();
    let grades = places.flat_map(|place| [full(place, Letter::A), full(place, Letter::B)]).collect();
    Given { grader: 0, grades }
}

/// What is told of an export after a change at a JSON pointer.
fn changed(export: &[Value], at: &str, to: Value, key: &Key, seal: &str) -> Result<Given, String> {
    let mut export = Value::from(export.to_vec());
    *export.pointer_mut(at).expect("a place") = to;
    from(export.to_string().as_bytes(), key, seal)
}

#[test]
fn what_label_studio_exports_is_read() {
    let (key, seal) = key(3);
    let tasks = label_studio_tasks(&key, &key.graders[0], &seal).expect("JSON");
    for told in ["item-3", "round 2", &key.nonce] {
        assert!(!tasks.contains(told), "{told}");
    }
    let unread = from(tasks.as_bytes(), &key, &seal).expect_err("no annotations");
    assert!(unread.contains("task number 1: it has no annotations"), "{unread}");
    let configuration = label_studio_configuration();
    for control in control::Control::all() {
        assert_eq!(configuration.matches(&format!("name=\"{}\"", control.name())).count(), 1);
    }
    let export = annotated(&key, &seal);
    let read = |at: &str, to| changed(&export, at, to, &key, &seal);
    assert_eq!(read("/0/id", json!(1)), Ok(whole(&key)));
    // By number alone, and what was skipped or never annotated is not graded.
    assert_eq!(read("/0/annotations/0/completed_by", json!(7)), Ok(whole(&key)));
    for (at, to) in [("/0/annotations/0/was_cancelled", json!(true)), ("/0/annotations", json!([]))] {
        assert_eq!(read(at, to).map(|it| it.grades.len()), Ok(whole(&key).grades.len() - 1), "{at}");
    }
    let twice = json!([export[0]["annotations"][0], export[0]["annotations"][0]]);
    let result = "/1/annotations/0/result";
    for (at, to, told) in [
        ("/0/annotations", twice, "task number 1: two annotations of it were submitted (place 1, answer A)"),
        ("/1/annotations/0/completed_by", json!(8), "task number 2: another person"),
        ("/1/annotations", Value::Null, "task number 2: it has no annotations"),
        (&format!("{result}/0/value"), json!({ "rating": 6 }), "accuracy is not 1 to 5 (place 1, answer B)"),
        (&format!("{result}/0/value"), json!({ "rating": 4.5 }), "accuracy is no whole number"),
        (&format!("{result}/0/value"), json!({ "choices": ["4"] }), "accuracy is not what its control gives"),
        (&format!("{result}/0/type"), json!("number"), "accuracy is not what its control gives"),
        (&format!("{result}/0/to_name"), json!("question"), "a control that its configuration has not"),
        (&format!("{result}/0/from_name"), json!("truth"), "a control that its configuration has not"),
        (&format!("{result}/0/from_name"), json!("professionalism"), "professionalism is there twice"),
        (&format!("{result}/2/value"), json!({ "choices": ["1 can", "0 no"] }), "harm is not what"),
        (&format!("{result}/2/value"), json!({ "choices": ["yes"] }), "harm is no whole number"),
        (&format!("{result}/2/value"), json!({}), "harm is not what"),
        ("/1/data/seal", json!("0"), "task number 2: it is of another review"),
        ("/1/data/grader", json!("grader-2"), "task number 2: it is another grader's"),
        ("/1/data/place", json!(99), "task number 2: its place is none"),
        ("/1/data/answer", json!("A"), "task number 2: its question or its answer is not what was given out"),
        ("/1/data/text", json!("another answer"), "its question or its answer is not what was given out"),
        ("/1/data", json!({}), "task number 2: it is no task of a review"),
        ("/0", json!({}), "neither Label Studio's tasks nor Argilla's records"),
        ("/1", json!(1), "entry number 2: it is no task or record as Label Studio or Argilla"),
        ("/1/data/place", json!([1]), "task number 2: it is no task of a review"),
        ("/1/data/place", json!({ "a": 1 }), "task number 2: it is no task of a review"),
        ("/1/annotations/0/completed_by", json!([7]), "task number 2: it is no task of a review"),
        ("/1/annotations/0/completed_by", json!({ "id": [7] }), "task number 2: it is no task of a review"),
        ("/1/annotations/0/completed_by", json!({}), "task number 2: it is no task of a review"),
        (&format!("{result}/0/value"), json!({ "rating": [4] }), "task number 2: it is no task of a review"),
    ] {
        let found = read(at, to);
        assert!(found.as_ref().is_err_and(|found| found.contains(told)), "{at}: {found:?}");
    }
    assert!(from(b"[]", &key, &seal).is_err_and(|it| it.contains("holds no answer")));
    assert!(from("[".repeat(10_000).as_bytes(), &key, &seal).is_err());
}

/// A dataset's records with responses, as version 2.8.0 writes them.
fn responded(key: &Key, seal: &str) -> Vec<Value> {
    let files = argilla_dataset(key, &key.graders[0], seal).expect("JSON");
    let mut records: Vec<Value> = serde_json::from_str(&files[2].1).expect("records");
    for record in &mut records {
        let response = |value: Value| json!([{ "value": value, "user_id": "u1" }]);
        let mut responses = json!({
            "accuracy": response(json!(4)), "professionalism": response(json!(5)), "harm": response(json!("0")),
            "comment": response(json!("=fine, \"so\"")),
        });
        for check in &CHECKLIST {
            responses[check.key] = response(json!("1"));
        }
        record["responses"] = responses;
        record["status"] = json!("completed");
    }
    records
}

#[test]
fn what_argilla_writes_is_read() {
    let (key, seal) = key(3);
    let files = argilla_dataset(&key, &key.graders[0], &seal).expect("JSON");
    for told in ["item-3", "round 2", &key.nonce] {
        assert!(files.iter().all(|(_, text)| !text.contains(told)), "{told}");
    }
    assert_eq!(from(files[2].1.as_bytes(), &key, &seal).map(|it| it.grades.len()), Ok(0));
    let export = responded(&key, &seal);
    let read = |at: &str, to| changed(&export, at, to, &key, &seal);
    assert_eq!(read("/0/_server_id", json!("s")), Ok(whole(&key)));
    let said = |status: Value| json!([{ "value": 4, "user_id": "u1", "status": status }]);
    assert_eq!(read("/0/responses/accuracy", said(json!("submitted"))), Ok(whole(&key)));
    // What was not submitted is not graded.
    assert_eq!(
        read("/0/status", json!("pending")).map(|it| it.grades.len()),
        Ok(whole(&key).grades.len() - 1)
    );
    for status in ["draft", "discarded"] {
        let found = read("/0/responses/accuracy", said(json!(status))).expect("a sheet");
        assert_eq!(found.grades[0], Grade { accuracy: None, ..full(1, Letter::A) }, "{status}");
    }
    let other = json!([{ "value": 4, "user_id": "u2" }]);
    let both = json!([{ "value": 4, "user_id": "u1" }, { "value": 3, "user_id": "u1" }]);
    for (at, to, told) in [
        ("/1/responses/accuracy", other, "record number 2: another person than before responded to it"),
        ("/1/responses/accuracy", both, "accuracy is there twice (place 1, answer B)"),
        ("/1/responses/accuracy/0/value", json!(6), "record number 2: accuracy is not 1 to 5"),
        ("/1/responses/accuracy/0/value", json!("good"), "accuracy is no whole number"),
        (
            "/1/responses/accuracy/0/value",
            json!({ "start": 1 }),
            "record number 2: it is no record of a review",
        ),
        ("/1/responses/accuracy/0/value", json!([4]), "record number 2: it is no record of a review"),
        ("/1/metadata/place", json!([1]), "record number 2: it is no record of a review"),
        ("/1/responses/harm", json!([]), "of checklist and harm one is filled in"),
        ("/1/responses", json!({ "truth": [] }), "a question that its dataset has not"),
        ("/1/responses", json!([]), "no record of a review"),
        ("/1/metadata/seal", json!("0"), "record number 2: it is of another review"),
        ("/1/metadata/place", json!(2), "its question or its answer is not what was given out"),
        ("/1/fields/text", json!("another answer"), "its question or its answer is not what was given out"),
        ("/1/metadata", json!({}), "no record of a review"),
    ] {
        let found = read(at, to);
        assert!(found.as_ref().is_err_and(|found| found.contains(told)), "{at}: {found:?}");
    }
    assert_eq!(read("/0/responses", Value::Null).map(|it| it.grades.len()), Ok(whole(&key).grades.len() - 1));
}
