//! Sheets as graders give them back, in each form: seeds of `sheet`. Called by `seeds` and by `json`.
//! Invariant: what a program adds to its tasks and records is here as that program adds it.

use anyhow::{Context as _, Result};
use evaluation::review::{CHECKLIST, argilla_dataset, label_studio_tasks, table, workbook};
use serde_json::{Value, json};

use super::kept::review;

/// What a grader says: a name, and what is filled in.
type Said<'a> = (&'a str, &'a str);

/// Two grades, eight lines that hold, no harm, and a comment.
pub(crate) fn good<'a>() -> Vec<Said<'a>> {
    let checks = CHECKLIST.iter().map(|check| (check.key, "1"));
    [("accuracy", "5"), ("professionalism", "4")]
        .into_iter()
        .chain(checks)
        .chain([("harm", "0"), ("comment", "good")])
        .collect()
}

/// One for each form.
pub(super) fn sheets() -> Result<Vec<Vec<u8>>> {
    let (key, seal) = review();
    let grader = key.graders.first().context("a grader")?;
    let filled = table(key, grader, seal).replace(
        &",\"\"".repeat(14),
        ",\"5\",\"4\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"0\",\"\",\"\",\"good\"",
    );
    let form = format!(
        "{{\"review\":1,\"seal\":\"{seal}\",\"grader\":\"grader-1\"}}\n{{\"place\":1,\"answer\":\"A\",\"accuracy\":5,\"professionalism\":4,\"friendliness\":null,\"utility\":null,\"checklist\":[],\"harm\":1,\"comment\":\"\"}}\n"
    );
    let [.., (_, records)] = argilla_dataset(key, grader, seal)?;
    Ok(vec![
        filled.into_bytes(),
        form.into_bytes(),
        workbook(key, grader, seal)?,
        annotated(&label_studio_tasks(key, grader, seal)?, &good())?.into_bytes(),
        responded(&records, &good())?.into_bytes(),
    ])
}

/// Label Studio's tasks as it exports them after a person graded every answer alike.
pub(crate) fn annotated(tasks: &str, said: &[Said<'_>]) -> Result<String> {
    let mut tasks: Vec<Value> = serde_json::from_str(tasks)?;
    for (number, task) in tasks.iter_mut().enumerate() {
        let result = said.iter().map(|(name, text)| {
            let (kind, value) = match *name {
                "accuracy" | "professionalism" => ("rating", json!({ "rating": text.parse::<u8>()? })),
                "comment" => ("textarea", json!({ "text": [text] })),
                _ => ("choices", json!({ "choices": [format!("{text} as it was shown")] })),
            };
            Ok(json!({ "id": "x", "from_name": name, "to_name": "text", "type": kind, "origin": "manual", "value": value }))
        });
        let result = result.collect::<Result<Vec<Value>>>()?;
        let annotation =
            json!({ "id": 900 + number, "completed_by": 1, "result": result, "was_cancelled": false });
        task["id"] = json!(40 + number);
        task["annotations"] = json!([annotation]);
        task["drafts"] = json!([]);
        task["predictions"] = json!([]);
    }
    Ok(serde_json::to_string(&tasks)?)
}

/// Argilla's records as version 2.8.0 writes them after a person graded every answer alike.
pub(crate) fn responded(records: &str, said: &[Said<'_>]) -> Result<String> {
    let mut records: Vec<Value> = serde_json::from_str(records)?;
    for record in &mut records {
        for (name, text) in said {
            let value = match *name {
                "accuracy" | "professionalism" => json!(text.parse::<u8>()?),
                _ => json!(text),
            };
            record["responses"][name] =
                json!([{ "value": value, "user_id": "387744b2-2d66-4198-ba10-dc563b06d953" }]);
        }
        record["status"] = json!("completed");
    }
    Ok(serde_json::to_string(&records)?)
}
