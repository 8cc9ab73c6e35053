//! Run files with a few values replaced: the demo's `--rounds`, `--model`, `--test`, and the tests'
//! short runs, start from a file in `deploy/runs/` and write a complete one beside their state.
//!
//! Called by `demo::arguments` and by the integration tests. Works on the TOML table, not on the
//! coordinator's type: what we do not replace must arrive at the coordinator exactly as its author wrote it,
//! so that its own checks see it.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::failure::Failure;

/// Keys of a run file that hold paths relative to the file.
const PATH_KEYS: [&str; 3] = ["model", "validation", "test"];

/// A run file in memory, with absolute paths.
#[derive(Clone, Debug)]
pub struct RunFile(Table);

impl RunFile {
    /// Reads a run file and makes its paths absolute.
    ///
    /// # Errors
    /// When it cannot be read or is not TOML.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(Failure::file("read", path))?;
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| Failure::Input {
            sentence: format!("{} is not valid TOML: {}", path.display(), error.message()),
            hint: "compare it with deploy/runs/demo.toml".to_owned(),
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        for key in PATH_KEYS {
            if let Some(Value::String(relative)) = table.get_mut(key) {
                *relative = absolute(&folder.join(&*relative))?.to_string_lossy().into_owned();
            }
        }
        if let Some(Value::Array(suites)) = table.get_mut("evaluation").and_then(|it| it.get_mut("suites")) {
            for suite in suites {
                if let Value::String(relative) = suite {
                    *relative = absolute(&folder.join(&*relative))?.to_string_lossy().into_owned();
                }
            }
        }
        Ok(Self(table))
    }

    /// Replaces `model`, `validation` or `test`.
    ///
    /// # Errors
    /// When the current directory is needed and gone.
    pub fn set_path(&mut self, key: &'static str, path: &Path) -> Result<(), Failure> {
        let path = absolute(path)?;
        self.0.insert(key.to_owned(), Value::String(path.to_string_lossy().into_owned()));
        Ok(())
    }

    /// Replaces one number, `section` being empty for the top level.
    pub fn set_integer(&mut self, section: &str, key: &str, value: i64) {
        self.set(section, key, Value::Integer(value));
    }

    /// Replaces one value, `section` being empty for the top level.
    pub fn set(&mut self, section: &str, key: &str, value: Value) {
        if section.is_empty() {
            self.0.insert(key.to_owned(), value);
            return;
        }
        let entry = self.0.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = entry {
            table.insert(key.to_owned(), value);
        }
    }

    /// Takes one value out, `section` being empty for the top level.
    pub fn remove(&mut self, section: &str, key: &str) {
        let table = if section.is_empty() {
            Some(&mut self.0)
        } else {
            self.0.get_mut(section).and_then(Value::as_table_mut)
        };
        table.and_then(|table| table.remove(key));
    }

    /// One value of a section.
    pub fn get(&self, section: &str, key: &str) -> Option<&Value> {
        self.0.get(section)?.get(key)
    }

    /// A path of the file, absolute.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.0.get(key).and_then(Value::as_str).map(PathBuf::from)
    }

    /// A number at the top level.
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.0.get(key).and_then(Value::as_integer)
    }

    /// A text at the top level.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// Writes the complete file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        std::fs::write(path, self.0.to_string()).map_err(Failure::file("write", path))
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::file("resolve", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_values_are_written_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "rounds = 3\nmodel = \"m\"\n[training]\nlearning_rate = 2e-3\n").unwrap();
        let mut file = RunFile::read(&path).unwrap();
        file.set_integer("", "rounds", 1);
        file.set_integer("quorum", "sites", 2);
        file.write(&path).unwrap();
        let again = RunFile::read(&path).unwrap();
        assert_eq!(again.integer("rounds"), Some(1));
        assert_eq!(again.path("model").unwrap(), folder.path().join("m"));
        assert_eq!(again.0["training"]["learning_rate"].as_float(), Some(2e-3));
        assert_eq!(again.0["quorum"]["sites"].as_integer(), Some(2));
    }
}
