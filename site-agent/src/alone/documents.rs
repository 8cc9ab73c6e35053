//! A hospital's documents that answers are made from. Called by `ask` and `serve`, behind the locks.
//! Invariants: the folder is read behind the locks alone; what of it is not read is told; where answers are
//! checked, no name and no heading with which an answer would break a rule that stops stands behind it.

use std::path::PathBuf;

use common::terminal::visible;
use evaluation::suite::Tongue;
use retrieval::{Cited, Library, Model, Sources};
use serde_json::{Value, json};

use super::checking::{Checker, language};
use crate::error::SiteError;
use crate::limits::LEFT_OUT_SHOWN_MAX;

/// A folder that answers are to be made from.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub folder: PathBuf,
    /// Passages before a question at most.
    pub most: usize,
}

/// A folder's passages, and how many of them stand before a question.
#[derive(Debug)]
pub struct Documents {
    library: Library,
    most: usize,
}

impl Documents {
    /// Reads the folder.
    ///
    /// # Errors
    /// `Data` where it cannot be read, has no passage or too much.
    pub fn open(wanted: &Wanted) -> Result<Self, SiteError> {
        let library = Library::open(&wanted.folder)
            .map_err(|error| SiteError::data(&visible(&error.to_string()), error.hint()))?;
        Ok(Self { library, most: wanted.most })
    }

    /// What a question is asked with.
    #[must_use]
    pub fn sources(&self, question: &str, model: &Model<'_>) -> Sources<'_> {
        Sources::of(&self.library, question, self.most, language(Tongue::of(question)), model)
    }

    /// What is read, for programs.
    #[must_use]
    pub fn document(&self) -> Value {
        let Self { library, most } = self;
        json!({"documents": library.documents(), "passages": library.passages(), "passages_max": most})
    }

    /// The same for a person, with what is not read: the first few by name.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let left = self.library.left_out();
        let (documents, passages) = (self.library.documents(), self.library.passages());
        let mut lines = vec![format!("documents: {documents}, {passages} passages")];
        let shown = left.iter().take(LEFT_OUT_SHOWN_MAX);
        lines.extend(shown.map(|one| format!("not read: {}: {}", visible(&one.name), one.why)));
        if left.len() > LEFT_OUT_SHOWN_MAX {
            lines.push(format!("not read: {} more", left.len() - LEFT_OUT_SHOWN_MAX));
        }
        lines
    }
}

/// The sources of an answer. What stands behind it is checked with it, as its reader gets it: `asked` has all
/// that the user said.
#[must_use]
pub fn cited(sources: &Sources<'_>, answer: &str, asked: &[&str], checker: Option<&Checker>) -> Cited {
    let breaks =
        |checker: &Checker, more: &str| checker.verdict(asked, &format!("{answer}\n{more}")).is_withheld();
    sources.cited(answer, &|more| !checker.is_some_and(|checker| breaks(checker, more)))
}

/// The sources of an answer, for programs.
#[must_use]
pub fn fields(cited: &Cited) -> [(&'static str, Value); 2] {
    [("sources", json!(cited.sources)), ("unknown_citations", json!(cited.unknown))]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use evaluation::safety::RuleFile;

    use super::*;

    const RULES: &str = r##"
name = "ours"
[[rule]]
name = "dose"
title = { zh = "剂量须提示咨询医生", en = "No dose without asking a doctor" }
severity = "stop"
said.zh = ["#克"]
wanted.zh = ["咨询医生"]
test = [
  { question = "吃多少？", answer = "5克", expect = "broken" },
  { question = "吃多少？", answer = "不吃", expect = "not-applied" },
]
"##;

    /// What an answer to a question that both documents fit cites.
    fn of(names: [&str; 2], answer: &str) -> Cited {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(names[0]), "# 阿司匹林每天5克\n\n痛风病人卧床。").unwrap();
        std::fs::write(folder.path().join(names[1]), "# 饮食\n\n痛风病人不喝啤酒。").unwrap();
        let documents = Documents::open(&Wanted { folder: folder.path().to_path_buf(), most: 3 }).unwrap();
        let file = RuleFile::parse(Path::new("rules.toml"), RULES.as_bytes()).unwrap();
        let checker = Checker::open(&file).unwrap();
        let asked = "痛风病人怎么办？";
        let sources = documents.sources(asked, &Model { is_plain: &|_| true, has_room: &|_| true });
        assert_eq!(sources.given.len(), 2, "{}", sources.prompt);
        let unchecked = cited(&sources, answer, &[asked], None);
        assert!(unchecked.note.contains("阿司匹林每天5克"), "{}", unchecked.note);
        cited(&sources, answer, &[asked], Some(&checker))
    }

    #[test]
    fn a_citation_of_the_model_is_named_and_no_place_with_which_the_answer_breaks_a_rule() {
        let found = of(["a.md", "b.md"], "卧床[1]，不喝啤酒[2]。");
        assert!(found.sources.iter().all(|source| source.is_cited) && found.unknown.is_empty());
        let of_document = |cited: &Cited, name: &str| {
            cited.sources.iter().find(|source| source.document == name).map(|source| source.heading.clone())
        };
        assert_eq!(of_document(&found, "a.md").as_deref(), Some(""));
        assert_eq!(of_document(&found, "b.md").as_deref(), Some("饮食"));
        assert!(found.note.contains("a.md") && !found.note.contains("5克"), "{}", found.note);
        let named = of(["每天5克.md", "b.md"], "卧床[1]。");
        assert!(!named.note.contains("5克") && named.note.contains("b.md, 饮食"), "{}", named.note);
        assert_eq!(of_document(&named, "").as_deref(), Some(""));
        // What the answer itself may say with its warning may stand behind it, too.
        let warned = of(["a.md", "b.md"], "卧床[1]。请咨询医生。");
        assert_eq!(of_document(&warned, "a.md").as_deref(), Some("阿司匹林每天5克"));
    }
}
