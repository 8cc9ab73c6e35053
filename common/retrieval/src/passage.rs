//! Documents in passages: paragraphs under their headings, so long that a few have room in a prompt. Called
//! by `library`. Invariants: every character of a document but white space and headings is in one passage,
//! in order; none is longer than [`PASSAGE_CHARACTERS_MAX`].

use crate::folder::{Document, is_format};
use crate::limits::{HEADING_CHARACTERS_MAX, PASSAGE_CHARACTERS_MAX};

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The document's path within the folder.
    pub document: String,
    /// The headings over it, the outermost first; empty where there is none.
    pub heading: String,
    /// Its text, in lines.
    pub text: String,
}

impl Passage {
    /// Where it is, for people: the document, and its heading.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.document, &self.heading)
    }
}

/// A document and a heading, for people.
pub(crate) fn place(document: &str, heading: &str) -> String {
    if heading.is_empty() { document.to_owned() } else { format!("{document}, {heading}") }
}

/// The passages of a document. Headings are Markdown's (`# ...`, up to six signs, not within a fence); a
/// text file has them, too, where it writes them so.
pub(crate) fn passages(document: &Document) -> Vec<Passage> {
    let mut cutting =
        Cutting { document: &document.name, passages: Vec::new(), titles: Vec::new(), held: String::new() };
    let mut paragraph: Vec<&str> = Vec::new();
    let mut is_fenced = false;
    for line in document.text.lines().map(str::trim_end) {
        let is_fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        is_fenced ^= is_fence;
        let heading = if is_fenced || is_fence { None } else { heading(line) };
        if line.is_empty() || heading.is_some() {
            cutting.add(&paragraph.join("\n"));
            paragraph.clear();
        } else {
            paragraph.push(line);
        }
        if let Some((level, title)) = heading {
            cutting.begin(level, title);
        }
    }
    cutting.add(&paragraph.join("\n"));
    cutting.end();
    cutting.passages
}

/// A heading's level and title.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = line.get(level..)?;
    let title = rest.trim().trim_end_matches('#').trim_end();
    ((1..=6).contains(&level) && rest.starts_with([' ', '\t']) && !title.is_empty()).then_some((level, title))
}

struct Cutting<'a> {
    document: &'a str,
    passages: Vec<Passage>,
    /// The headings that are open, by level.
    titles: Vec<(usize, &'a str)>,
    held: String,
}

impl<'a> Cutting<'a> {
    fn begin(&mut self, level: usize, title: &'a str) {
        self.end();
        self.titles.retain(|(above, _)| *above < level);
        self.titles.push((level, title));
    }

    fn add(&mut self, paragraph: &str) {
        let paragraph = paragraph.trim();
        if paragraph.is_empty() {
            return;
        }
        let count = |text: &str| text.chars().count();
        if !self.held.is_empty() && count(&self.held) + 1 + count(paragraph) > PASSAGE_CHARACTERS_MAX {
            self.end();
        }
        for part in parts(paragraph) {
            if !self.held.is_empty() {
                if count(&self.held) + 1 + count(part) > PASSAGE_CHARACTERS_MAX {
                    self.end();
                } else {
                    self.held.push('\n');
                }
            }
            self.held.push_str(part);
        }
    }

    fn end(&mut self) {
        let text = std::mem::take(&mut self.held);
        if text.is_empty() {
            return;
        }
        let titles = self.titles.iter().map(|(_, title)| *title).collect::<Vec<_>>().join(" › ");
        let seen = titles.chars().filter(|sign| !is_format(*sign));
        let heading = seen.map(|sign| if sign.is_control() { ' ' } else { sign });
        let heading = heading.take(HEADING_CHARACTERS_MAX).collect();
        self.passages.push(Passage { document: self.document.to_owned(), heading, text });
    }
}

/// A paragraph in parts that are short enough: cut behind the last end of a sentence, else at the last blank,
/// else anywhere.
fn parts(mut paragraph: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some((most, _)) = paragraph.char_indices().nth(PASSAGE_CHARACTERS_MAX) {
        let head = &paragraph[..most];
        let behind = |at: usize| at + head[at..].chars().next().map_or(0, char::len_utf8);
        let full_stop = |at: &usize| !head[*at..].starts_with('.') || head[*at + 1..].starts_with(' ');
        let ends = head.rmatch_indices(['。', '！', '？', '；', '!', '?', '.', '\n']).map(|(at, _)| at);
        let cut = ends.into_iter().find(full_stop).or_else(|| head.rfind(' ')).map_or(most, behind);
        parts.push(paragraph[..cut].trim());
        paragraph = paragraph[cut..].trim_start();
    }
    parts.push(paragraph);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Vec<Passage> {
        passages(&Document { name: "d.md".into(), text: text.into() })
    }

    #[test]
    fn paragraphs_stand_under_their_headings() {
        let found = cut(
            "preface\n\n# Gout\n\nintro\n## Diagnosis ##\none\ntwo\n\nthree\n```\n# no heading\n```\n# Asthma\n#x\n",
        );
        let all: Vec<(String, &str)> = found.iter().map(|one| (one.place(), one.text.as_str())).collect();
        assert_eq!(
            all,
            [
                ("d.md".to_owned(), "preface"),
                ("d.md, Gout".to_owned(), "intro"),
                ("d.md, Gout › Diagnosis".to_owned(), "one\ntwo\nthree\n```\n# no heading\n```"),
                ("d.md, Asthma".to_owned(), "#x"),
            ]
        );
    }

    #[test]
    fn a_heading_is_as_long_as_it_may_be_and_has_no_marks_that_turn_what_is_read() {
        let found = cut(&format!("# a\u{202e}b\u{200b}\tc{}\n\ntext", "d".repeat(HEADING_CHARACTERS_MAX)));
        assert!(found[0].heading.starts_with("ab cd"), "{:?}", found[0].heading);
        assert_eq!(found[0].heading.chars().count(), HEADING_CHARACTERS_MAX);
    }

    #[test]
    fn a_long_paragraph_is_cut_at_a_sentence() {
        let sentence = "多喝水，注意休息。".repeat(100);
        let found = cut(&sentence);
        assert_eq!((found.len(), found[0].text.chars().count()), (2, 792));
        assert!(found.iter().all(|one| one.text.ends_with('。')));
        let blanks = cut(&"12.5 mg ".repeat(200));
        assert!(blanks.iter().all(|one| !one.text.ends_with("12.")), "{blanks:?}");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_long(
            text in proptest::collection::vec("[a-z。. 高#\n]{0,300}", 0..8)
        ) {
            let text = text.join("\n\n");
            let found = cut(&text);
            let bare = |text: &str| text.chars().filter(|sign| !sign.is_whitespace()).collect::<String>();
            let headings = text.lines().map(str::trim_end).filter(|line| heading(line).is_none());
            let whole: String = found.iter().map(|one| bare(&one.text)).collect();
            prop_assert_eq!(whole, headings.map(bare).collect::<String>());
            prop_assert!(found.iter().all(|one| one.text.chars().count() <= PASSAGE_CHARACTERS_MAX));
        }
    }
}
