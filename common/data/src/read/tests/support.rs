//! What the readers' tests share: files in a temporary folder, and short forms of what was read.

use std::path::PathBuf;

use crate::read::{Dataset, ReadOptions, read_all};
use crate::record::Role;
use crate::refusal::Refusal;

pub(super) struct Files(tempfile::TempDir);

impl Files {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn read(&self, name: &str, bytes: impl AsRef<[u8]>) -> crate::error::Result<Dataset> {
        read_all(&[self.write(name, bytes)], &ReadOptions::default())
    }
}

/// Reads a file that must be readable.
pub(super) fn read(name: &str, bytes: impl AsRef<[u8]>) -> Dataset {
    Files::new().read(name, bytes).unwrap()
}

/// `u:` and `a:` before the contents, as one line a record.
pub(super) fn brief(dataset: &Dataset) -> Vec<String> {
    let letter = |role| match role {
        Role::System => 's',
        Role::User => 'u',
        Role::Assistant => 'a',
        Role::Tool => 't',
    };
    dataset
        .records
        .iter()
        .map(|record| match &record.body {
            crate::Body::Text(parts) => format!("={}", record.text_of(parts)),
            crate::Body::Conversation(_) => {
                let turns = record.messages();
                let turns: Vec<_> =
                    turns.iter().map(|(role, text)| format!("{}:{text}", letter(*role))).collect();
                turns.join("|")
            }
        })
        .collect()
}

pub(super) fn refused(dataset: &Dataset) -> Vec<(u64, Refusal)> {
    dataset.refused.iter().map(|(place, reason)| (place.line, *reason)).collect()
}

/// What is learnt of the one record of a file, of which every column is used.
pub(super) fn one(json: &str) -> String {
    let dataset = read("a.jsonl", json);
    assert_eq!(refused(&dataset), [], "{json}");
    assert_eq!(dataset.files[0].unused, [].into(), "{json}");
    brief(&dataset).concat()
}
