//! A folder that questions are answered from. Called by `site-agent`, behind its locks. Invariant: it is read
//! once; what changes in the folder later changes nothing.

use std::path::Path;

use crate::error::{Most, RetrievalError};
use crate::folder::{Folder, LeftOut};
use crate::index::Index;
use crate::limits::{Bounds, QUERY_CHARACTERS_MAX};
use crate::passage::{Passage, passages};

/// Documents in passages, and where their words stand.
#[derive(Debug)]
pub struct Library {
    passages: Vec<Passage>,
    index: Index,
    documents: usize,
    left_out: Vec<LeftOut>,
}

/// A passage that fits.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// The passage.
    pub passage: &'a Passage,
    /// BM25.
    pub score: f64,
}

impl Library {
    /// Reads a folder.
    ///
    /// # Errors
    /// Where the folder cannot be read, has no passage, or has more than [`crate::limits`] lets it.
    pub fn open(root: &Path) -> Result<Self, RetrievalError> {
        Self::within(root, Bounds::all())
    }

    fn within(root: &Path, bounds: Bounds) -> Result<Self, RetrievalError> {
        let Folder { documents, mut left_out, .. } = Folder::read(root, bounds)?;
        let too_much = |what| RetrievalError::TooMuch { path: root.to_path_buf(), what };
        let (mut all, mut index, mut count) = (Vec::new(), Index::default(), 0);
        for document in &documents {
            let found = passages(document);
            if found.is_empty() {
                left_out.push(LeftOut { name: document.name.clone(), why: "it has headings alone" });
                continue;
            }
            count += 1;
            for passage in found {
                index.add(&format!("{}\n{}", passage.heading, passage.text));
                all.push(passage);
                let sizes = [
                    (all.len(), bounds.passages, Most::Passages),
                    (index.words(), bounds.words, Most::Words),
                    (index.places(), bounds.places, Most::Places),
                ];
                if let Some((_, _, what)) = sizes.into_iter().find(|(size, most, _)| size > most) {
                    return Err(too_much(what));
                }
            }
        }
        if all.is_empty() {
            let first = left_out.first().map(|one| format!("{}: {}", one.name, one.why));
            return Err(RetrievalError::Empty { path: root.to_path_buf(), left_out: left_out.len(), first });
        }
        Ok(Self { passages: all, index, documents: count, left_out })
    }

    /// The passages that fit a question, the best first.
    #[must_use]
    pub fn find(&self, question: &str, most: usize) -> Vec<Hit<'_>> {
        let asked: String = question.chars().take(QUERY_CHARACTERS_MAX).collect();
        let found = self.index.find(&asked, most).into_iter();
        found.filter_map(|(at, score)| self.passages.get(at).map(|passage| Hit { passage, score })).collect()
    }

    /// How many documents there are.
    #[must_use]
    pub const fn documents(&self) -> usize {
        self.documents
    }

    /// How many passages.
    #[must_use]
    pub const fn passages(&self) -> usize {
        self.passages.len()
    }

    /// What of the folder is not read, and why.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(files: &[(&str, &str)], bounds: Bounds) -> Result<Library, RetrievalError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Library::within(folder.path(), bounds)
    }

    fn library(files: &[(&str, &str)]) -> Result<Library, RetrievalError> {
        within(files, Bounds::all())
    }

    #[test]
    fn the_right_passage_is_first_in_both_languages() {
        let library = library(&[
            ("gout.md", "# Gout\n\nA swollen toe.\n\n## Diet\n\nAvoid beer and shellfish."),
            ("asthma.txt", "Asthma: use the reliever inhaler at once."),
            ("痛风.md", "# 痛风\n\n急性期抬高患肢。\n\n## 饮食\n\n少吃海鲜，不喝啤酒。"),
            ("高血压.md", "# 高血压\n\n每天测量血压，少盐饮食。"),
        ])
        .unwrap();
        assert_eq!((library.documents(), library.passages(), library.left_out().len()), (4, 6, 0));
        let first = |question: &str| library.find(question, 3).first().map(|hit| hit.passage.place());
        assert_eq!(first("Which diet helps against gout?").as_deref(), Some("gout.md, Gout › Diet"));
        assert_eq!(first("What should I do in an asthma attack?").as_deref(), Some("asthma.txt"));
        assert_eq!(first("痛风病人饮食上要注意什么？").as_deref(), Some("痛风.md, 痛风 › 饮食"));
        assert_eq!(first("血压高怎么办？").as_deref(), Some("高血压.md, 高血压"));
        assert_eq!(first("Does my insurance pay for glasses?"), None);
    }

    #[test]
    fn a_folder_without_documents_is_refused_with_the_next_step() {
        let error = library(&[("a.pdf", "x")]).unwrap_err();
        assert!(
            error.to_string().contains("1 files were left out; the first: a.pdf: it does not end"),
            "{error}"
        );
        assert!(error.hint().contains(".md"));
        assert!(library(&[]).is_err());
        let bare = library(&[("a.md", "# Gout\n\n## Diet\n")]).unwrap_err();
        assert!(bare.to_string().contains("the first: a.md: it has headings alone"), "{bare}");
        let one = library(&[("a.md", "# Gout"), ("b.md", "Rest.")]).unwrap();
        assert_eq!((one.documents(), one.left_out().len()), (1, 1));
    }

    #[test]
    fn the_bounds_hold_at_both_ends_and_a_question_is_looked_for_as_far_as_it_may_be() {
        let files = [("a.txt", "gout pain"), ("b.txt", "gout rest")];
        let exact = Bounds { passages: 2, words: 3, places: 4, ..Bounds::all() };
        assert_eq!(within(&files, exact).unwrap().passages(), 2);
        for (less, expected) in [
            (Bounds { passages: 1, ..exact }, Most::Passages),
            (Bounds { words: 2, ..exact }, Most::Words),
            (Bounds { places: 3, ..exact }, Most::Places),
        ] {
            let refused = within(&files, less).unwrap_err();
            assert!(matches!(refused, RetrievalError::TooMuch { what, .. } if what == expected), "{refused}");
        }
        let library = library(&files).unwrap();
        let blanks = |count: usize| format!("{}gout", " ".repeat(count));
        assert_eq!(library.find(&blanks(QUERY_CHARACTERS_MAX - 4), 3).len(), 2);
        assert!(library.find(&blanks(QUERY_CHARACTERS_MAX), 3).is_empty());
    }
}
