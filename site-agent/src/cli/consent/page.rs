//! Words for a terminal of 80 columns: headings, and rows of a name and a text that is broken between words.
//! Used by `words`, `runs` and `officer-key sign`. Invariant: no line is wider, unless one word is.

use common::progress::COLUMNS;
use unicode_width::UnicodeWidthStr as _;

/// Where the texts of rows begin.
const NAME_COLUMNS: usize = 14;

/// A text that grows.
#[derive(Debug, Default)]
pub(in crate::cli) struct Page(String);

impl Page {
    /// A heading, with an empty line above.
    pub(in crate::cli) fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A row: a name, and what is said of it.
    pub(in crate::cli) fn row(&mut self, name: &str, text: &str) {
        let mut line = format!("  {name}");
        let mut is_begun = false;
        for word in text.split(' ') {
            if is_begun && line.width() + 1 + word.width() > COLUMNS {
                self.end(&line);
                (line, is_begun) = (String::new(), false);
            }
            if is_begun {
                line.push(' ');
            } else {
                let blanks = NAME_COLUMNS.saturating_sub(line.width()).max(1);
                line.extend(std::iter::repeat_n(' ', blanks));
            }
            line.push_str(word);
            is_begun = true;
        }
        self.end(&line);
    }

    /// A paragraph.
    pub(in crate::cli) fn plain(&mut self, text: &str) {
        let mut line = " ".to_owned();
        for word in text.split(' ') {
            if line.width() + 1 + word.width() > COLUMNS {
                self.end(&line);
                line = " ".to_owned();
            }
            line.push(' ');
            line.push_str(word);
        }
        self.end(&line);
    }

    /// A line that somebody else has laid out.
    pub(in crate::cli) fn as_it_is(&mut self, line: &str) {
        self.end(line);
    }

    /// What was written.
    pub(in crate::cli) fn finish(self) -> String {
        self.0
    }

    fn end(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_broken_between_words_and_goes_on_under_its_text() {
        let mut page = Page::default();
        page.heading("What");
        page.row("name", &"word ".repeat(30));
        page.row("a name that is long", "text");
        page.plain(&"姓名 ".repeat(40));
        let text = page.finish();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "What");
        assert!(
            lines[1].starts_with("  name        word word") && lines[2].starts_with("              word")
        );
        assert!(lines.contains(&"  a name that is long text"), "{text}");
        assert!(lines.iter().all(|line| line.width() <= COLUMNS && !line.ends_with(' ')), "{text}");
    }
}
