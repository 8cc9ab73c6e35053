//! The settings that are in force, each with where it comes from. Used by `config show` of both programs.
//! Invariant: only what the caller hands over is shown; a configuration file holds no secret, and the
//! folders that do are named by their path only.

use std::fmt::Write as _;

use serde::Serialize;
use toml::{Table, Value};

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An option of this command.
    Option,
    /// A variable of the environment.
    Environment,
    /// The configuration file, or another file of the state folder.
    File,
    /// Nobody said anything.
    Default,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its name: the keys of the file with points between.
    pub key: String,
    /// What is in force; null where nothing is.
    pub value: serde_json::Value,
    /// Where that comes from.
    pub from: Source,
}

impl Setting {
    /// A setting that stands in no table.
    pub fn new(key: &str, value: impl Into<serde_json::Value>, from: Source) -> Self {
        Self { key: key.to_owned(), value: value.into(), from }
    }

    /// A variable of the environment, where it is set.
    #[must_use]
    pub fn variable(name: &str) -> Option<Self> {
        let value = std::env::var_os(name)?;
        Some(Self::new(name, value.to_string_lossy().into_owned(), Source::Environment))
    }
}

/// What is in force, against what is written: a key that is not written has its default. `renamed` are old
/// names that are still read, beside their new ones.
#[must_use]
pub fn compare(effective: &Table, written: &Table, renamed: &[(&str, &str)]) -> Vec<Setting> {
    let mut keys = Vec::new();
    leaves("", written, &mut keys);
    let mut written: Vec<String> = keys.into_iter().map(|(key, _)| key).collect();
    for key in &mut written {
        if let Some((_, new)) = renamed.iter().find(|(old, _)| key == old) {
            *key = (*new).to_owned();
        }
    }
    let mut all = Vec::new();
    leaves("", effective, &mut all);
    let setting = |(key, value): (String, &Value)| {
        let from = if written.contains(&key) { Source::File } else { Source::Default };
        let value = serde_json::to_value(value).unwrap_or_default();
        Setting { key, value, from }
    };
    all.into_iter().map(setting).collect()
}

fn leaves<'a>(prefix: &str, table: &'a Table, into: &mut Vec<(String, &'a Value)>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => leaves(&key, inner, into),
            value => into.push((key, value)),
        }
    }
}

/// A table for a terminal: key, where it comes from, value.
#[must_use]
pub fn render(settings: &[Setting]) -> String {
    let width = settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let mut text = format!("{:<width$}  {:<11}  {}\n", "setting", "from", "value");
    for Setting { key, value, from } in settings {
        let value = match value {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let _ = writeln!(text, "{key:<width$}  {:<11}  {value}", from.word());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        let effective =
            table("a = 1\n[b]\nc = 'x'\nd = [1, 2]\n[training]\nbase_in_memory = 'nf4'\n[empty]\n");
        let written = table("a = 1\n[b]\nd = [1, 2]\n[training]\nweights = 'nf4'\n");
        let found = compare(&effective, &written, &[("training.weights", "training.base_in_memory")]);
        let short: Vec<_> = found.iter().map(|setting| (setting.key.as_str(), setting.from)).collect();
        assert_eq!(
            short,
            [
                ("a", Source::File),
                ("b.c", Source::Default),
                ("b.d", Source::File),
                ("training.base_in_memory", Source::File)
            ]
        );
        let text = render(&found);
        assert!(text.contains("b.c                      default      x\n"), "{text}");
        assert!(text.contains("b.d                      file         [1,2]\n"), "{text}");
    }
}
