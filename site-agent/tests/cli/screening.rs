//! Nothing that the screen is there to find comes out again: every planted identifier is searched for in
//! everything that `data check` prints and writes. The values are synthetic.

use std::fs;

use data::screen::Language;
use data::screen::quality::{Family, labelled};

use crate::support::program;

const SEED: u64 = 77;

/// Values long enough not to stand in a report or a hash by chance.
fn is_telling(value: &str) -> bool {
    if value.is_ascii() { value.len() >= 8 } else { value.len() >= 6 }
}

#[test]
fn no_planted_identifier_is_printed_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    let mut planted = Vec::new();
    let mut lines = String::new();
    for (family, language) in [
        (Family::Tuned, Language::Chinese),
        (Family::Tuned, Language::English),
        (Family::HeldOut, Language::Chinese),
        (Family::HeldOut, Language::English),
    ] {
        for text in labelled(family, language, 60, SEED) {
            let values = text.labels.iter().map(|(_, start, end)| text.text[*start..*end].to_owned());
            planted.extend(values.filter(|value| is_telling(value)));
            let record = serde_json::json!({ "instruction": text.text, "output": "已收到，请按时复诊。 Noted, thank you." });
            lines.push_str(&format!("{record}\n"));
        }
    }
    assert!(planted.len() > 500, "only {} values are planted", planted.len());
    fs::write(&file, lines).unwrap();
    for mode in ["block", "mask", "report"] {
        for more in [&["--lang", "zh"][..], &["--lang", "en"], &["--json"]] {
            let out = folder.path().join(format!("out-{mode}"));
            let mut command = program();
            command.args(["data", "check"]).arg(&file).args(["--screen", mode, "--out"]).arg(&out).args(more);
            let output = command.output().unwrap();
            let mut said = vec![output.stdout, output.stderr];
            for written in fs::read_dir(&out).unwrap() {
                said.push(fs::read(written.unwrap().path()).unwrap());
            }
            assert!(said.iter().map(Vec::len).sum::<usize>() > 2_000, "the report is empty");
            let said: Vec<String> =
                said.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
            for value in &planted {
                assert!(!said.iter().any(|text| text.contains(value.as_str())), "{mode} {more:?}: {value}");
            }
        }
    }
}
