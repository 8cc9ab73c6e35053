//! Small training files cut from larger ones, and files with planted records.
//!
//! Called by the integration tests, which need runs of seconds, and by nothing that ships. Formats
//! are the two a hospital exports: JSON lines (one record a line) and one JSON array.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Writes the first `records` records of `from` to `to`, in the same format.
///
/// # Errors
/// When `from` cannot be read or holds fewer records than asked for.
pub fn take(from: &Path, to: &Path, records: usize) -> Result<(), Failure> {
    let text = std::fs::read_to_string(from).map_err(Failure::file("read", from))?;
    let cut = if text.trim_start().starts_with('[') {
        take_array(&text, records)
    } else {
        take_lines(&text, records)
    };
    let cut = cut.ok_or_else(|| Failure::Input {
        sentence: format!("{} holds fewer than {records} records", from.display()),
        hint: "ask for fewer, or give a larger file".to_owned(),
    })?;
    std::fs::write(to, cut).map_err(Failure::file("write", to))
}

/// Deals the records of `from`, in turn, among as many files of JSON lines, whose folder is made.
///
/// # Errors
/// When there are fewer records than files, or a file cannot be read or written.
pub fn deal(from: &[PathBuf], to: &[&Path]) -> Result<(), Failure> {
    let mut records: Vec<serde_json::Value> = Vec::new();
    for path in from {
        let text = std::fs::read_to_string(path).map_err(Failure::file("read", path))?;
        let read: Result<Vec<serde_json::Value>, _> = if text.trim_start().starts_with('[') {
            serde_json::from_str(&text)
        } else {
            text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
        };
        records.extend(read.map_err(|error| Failure::Input {
            sentence: format!("{} is not JSON: {error}", path.display()),
            hint: "restore it from the repository".to_owned(),
        })?);
    }
    if records.len() < to.len() {
        return Err(Failure::Input {
            sentence: format!("{} records are not enough for {} sites", records.len(), to.len()),
            hint: "ask for fewer sites".to_owned(),
        });
    }
    for (at, path) in to.iter().enumerate() {
        let lines: String =
            records.iter().skip(at).step_by(to.len()).map(|record| format!("{record}\n")).collect();
        let folder = path.parent().unwrap_or(path);
        std::fs::create_dir_all(folder).map_err(Failure::file("create", folder))?;
        std::fs::write(path, lines).map_err(Failure::file("write", *path))?;
    }
    Ok(())
}

fn take_lines(text: &str, records: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(records).collect();
    (lines.len() == records).then(|| lines.join("\n") + "\n")
}

fn take_array(text: &str, records: usize) -> Option<String> {
    let mut all: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    all.truncate(records);
    (all.len() == records).then(|| serde_json::Value::Array(all).to_string())
}

/// Writes Alpaca JSON lines from (instruction, output) pairs.
///
/// # Errors
/// When `to` cannot be written.
pub fn write_alpaca<S: AsRef<str>>(to: &Path, pairs: &[(S, S)]) -> Result<(), Failure> {
    let lines: String = pairs
        .iter()
        .map(|(instruction, output)| {
            let record = serde_json::json!({
                "instruction": instruction.as_ref(), "input": "", "output": output.as_ref(),
            });
            format!("{record}\n")
        })
        .collect();
    std::fs::write(to, lines).map_err(Failure::file("write", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_dealt_once_whatever_its_file_looks_like() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.jsonl"), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n").unwrap();
        std::fs::write(path("b.json"), "[{\"b\":4},{\"b\":5}]").unwrap();
        let from = [path("a.jsonl"), path("b.json")];
        let (x, y) = (path("dealt/x.jsonl"), path("dealt/y.jsonl"));
        deal(&from, &[&x, &y]).unwrap();
        assert_eq!(std::fs::read_to_string(&x).unwrap(), "{\"a\":1}\n{\"a\":3}\n{\"b\":5}\n");
        assert_eq!(std::fs::read_to_string(&y).unwrap(), "{\"a\":2}\n{\"b\":4}\n");
        assert!(deal(&from, &[x.as_path(); 6]).is_err());
    }

    #[test]
    fn both_formats_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.jsonl"), "{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}\n").unwrap();
        take(&path("a.jsonl"), &path("b.jsonl"), 2).unwrap();
        assert_eq!(std::fs::read_to_string(path("b.jsonl")).unwrap(), "{\"a\":1}\n{\"a\":2}\n");
        std::fs::write(path("a.json"), "[{\"a\":1},{\"a\":2}]").unwrap();
        take(&path("a.json"), &path("b.json"), 1).unwrap();
        assert_eq!(std::fs::read_to_string(path("b.json")).unwrap(), "[{\"a\":1}]");
        assert!(take(&path("a.json"), &path("c.json"), 3).is_err());
    }
}
