//! The real records end to end, against the counts of an independent Python script (`json` module, no code in
//! common; compared by hand, see tests/README.md). Needs `data/medqa-zh` in `SHARED_DIR`, else in `../shared`
//! beside the repository; where it is missing, that is said loudly.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data::read::{Encoding, FileKind, ReadOptions, read_all};
use data::{Format, Role};

/// File, records, turns, characters of all turns, characters of the answers.
const COUNTED: [(&str, usize, usize, usize, usize); 6] = [
    ("cardiology.alpaca.jsonl", 775, 1550, 158_184, 105_727),
    ("consortium-test.alpaca.jsonl", 317, 634, 68_188, 45_518),
    ("consortium-validation.alpaca.jsonl", 317, 634, 68_416, 44_984),
    ("endocrinology.alpaca.jsonl", 404, 808, 90_443, 54_852),
    ("gastroenterology.sharegpt.json", 1017, 2034, 220_496, 155_833),
    ("neurology.alpaca.jsonl", 802, 1604, 173_874, 110_465),
];

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("SHARED_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = root.join("data/medqa-zh");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("SHARED_DIR").is_none(),
        "SHARED_DIR is set, but {} is missing",
        folder.display()
    );
    eprintln!("\n*** SKIPPED: no records in {}; set SHARED_DIR ***\n", folder.display());
    None
}

#[test]
fn real_records_are_read_to_the_last_character() {
    let Some(folder) = folder() else { return };
    let mut departments: BTreeMap<String, usize> = BTreeMap::new();
    for (name, records, turns, characters, answers) in COUNTED {
        let dataset = read_all(&[folder.join(name)], &ReadOptions::default()).unwrap();
        let mut found = (dataset.records.len(), 0, 0, 0);
        for record in &dataset.records {
            for (role, text) in record.messages() {
                let length = text.chars().count();
                found = (found.0, found.1 + 1, found.2 + length, found.3);
                if role == Role::Assistant {
                    found.3 += length;
                }
            }
            if let Some(stratum) = &record.stratum {
                *departments.entry(stratum.clone()).or_default() += 1;
            }
        }
        assert_eq!(found, (records, turns, characters, answers), "{name}");
        assert_eq!(dataset.refused, [], "{name}");
        let report = &dataset.files[0];
        let is_array = name.ends_with(".json");
        let (kind, format) = if is_array {
            (FileKind::JsonArray, Format::ShareGpt)
        } else {
            (FileKind::JsonLines, Format::Alpaca)
        };
        assert_eq!((report.kind, report.encoding, report.complete), (Some(kind), Some(Encoding::Utf8), true));
        assert_eq!(report.formats, BTreeMap::from([(format, records as u64)]));
        assert_eq!(report.with_stratum, if is_array { 0 } else { records as u64 });
    }
    let expected = [("内分泌科", 490), ("心血管科", 939), ("消化科", 214), ("神经科", 972)];
    assert_eq!(departments, expected.map(|(name, count)| (name.to_owned(), count)).into());
}
