//! One record on a terminal: its fields with the findings marked, and the rendered template with the loss
//! mask over its tokens. Called by `site-agent data show`, which prints it to the person at the site and
//! nowhere else.
//!
//! Invariants: control characters of a record never reach the terminal (they could rewrite the screen);
//! without colour the marks are brackets, so nothing is said by colour alone.

use std::ops::Range;

/// Whether to colour, decided once by the caller (`NO_COLOR`, a terminal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// ANSI colours.
    Colour,
    /// Brackets.
    Plain,
}

/// A marked stretch of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Written behind the stretch: the kind of the finding.
    pub label: String,
    /// Whether it withholds the record (red) or warns (yellow).
    pub blocks: bool,
}

/// A field's text with its findings marked: `«stretch»(kind)`. Marks are in order; of overlapping ones the
/// first counts.
#[must_use]
pub fn marked(text: &str, marks: &[Mark], paint: Paint) -> String {
    let mut drawn = String::new();
    let mut at = 0;
    for mark in marks {
        let Some(stretch) = text.get(mark.range.clone()).filter(|_| mark.range.start >= at) else { continue };
        drawn.push_str(&visible(text.get(at..mark.range.start).unwrap_or_default()));
        let stretch = visible(stretch);
        match paint {
            Paint::Colour => {
                let colour = if mark.blocks { "1;31" } else { "1;33" };
                drawn.push_str(&format!(
                    "\u{1b}[{colour}m{stretch}\u{1b}[0m\u{1b}[2m({})\u{1b}[0m",
                    mark.label
                ));
            }
            Paint::Plain => drawn.push_str(&format!("«{stretch}»({})", mark.label)),
        }
        at = mark.range.end;
    }
    drawn.push_str(&visible(text.get(at..).unwrap_or_default()));
    drawn
}

/// The rendered template, cut into its tokens: `pieces` are byte ranges of `text` with their supervision.
///
/// In colour, supervised tokens are green and neighbours differ in brightness; plain, supervised stretches
/// stand in `[[ ]]` and tokens are parted by `|`.
#[must_use]
pub fn tokens(text: &str, pieces: impl IntoIterator<Item = (Range<usize>, bool)>, paint: Paint) -> String {
    let mut drawn = String::new();
    let mut was_supervised = false;
    for (index, (range, supervised)) in pieces.into_iter().enumerate() {
        let piece = visible(text.get(range).unwrap_or_default());
        match paint {
            Paint::Colour => {
                let colour = match (supervised, index % 2) {
                    (true, 0) => "32",
                    (true, _) => "1;32",
                    (false, 0) => "2",
                    (false, _) => "0",
                };
                // A colour does not cross a line: pagers and terminals differ in what they do with it.
                for (number, line) in piece.split('\n').enumerate() {
                    let feed = if number > 0 { "\n" } else { "" };
                    let line = if line.is_empty() {
                        String::new()
                    } else {
                        format!("\u{1b}[{colour}m{line}\u{1b}[0m")
                    };
                    drawn.push_str(feed);
                    drawn.push_str(&line);
                }
            }
            Paint::Plain => {
                match (was_supervised, supervised) {
                    (false, true) => drawn.push_str("[["),
                    (true, false) => drawn.push_str("]]"),
                    _ if index > 0 => drawn.push('|'),
                    _ => {}
                }
                drawn.push_str(&piece);
            }
        }
        was_supervised = supervised;
    }
    if was_supervised && paint == Paint::Plain {
        drawn.push_str("]]");
    }
    drawn
}

/// The text with every control character but the line feed replaced by its picture (U+2400 and on) or U+FFFD;
/// that also holds for the characters that turn the writing direction.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => '\n',
            '\t' => ' ',
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_marked_where_they_stand() {
        let text = "患者张三，电话13800138000。";
        let name = text.find("张三").unwrap();
        let phone = text.find("138").unwrap();
        let mark = |start: usize, end: usize, label: &str, blocks| Mark {
            range: start..end,
            label: label.into(),
            blocks,
        };
        let marks = [mark(name, name + 6, "姓名", false), mark(phone, phone + 11, "手机", true)];
        assert_eq!(marked(text, &marks, Paint::Plain), "患者«张三»(姓名)，电话«13800138000»(手机)。");
        let coloured = marked(text, &marks, Paint::Colour);
        assert!(coloured.contains("\u{1b}[1;31m13800138000\u{1b}[0m"));
        // A range outside the text, or overlaps, marks nothing and loses nothing.
        let odd =
            [mark(1, 2, "x", true), mark(name, name + 6, "a", false), mark(name + 3, name + 6, "b", false)];
        assert_eq!(marked(text, &odd, Paint::Plain), "患者«张三»(a)，电话13800138000。");
    }

    #[test]
    fn the_mask_is_drawn_over_the_tokens() {
        let text = "Q: hi\nA: yes";
        let pieces = [(0..2, false), (2..6, false), (6..9, true), (9..12, true)];
        assert_eq!(tokens(text, pieces.clone(), Paint::Plain), "Q:| hi\n[[A: |yes]]");
        assert_eq!(tokens(text, pieces, Paint::Colour).matches("\u{1b}[").count(), 8);
    }

    #[test]
    fn a_record_cannot_command_the_terminal() {
        let hostile = "a\u{1b}[2Jb\r\u{8}\u{9b}31m\u{202e}c";
        let shown = marked(hostile, &[], Paint::Plain);
        assert_eq!(shown, "a␛[2Jb␍␈\u{fffd}31m\u{fffd}c");
        assert_eq!(tokens(hostile, [(0..hostile.len(), false)], Paint::Plain), shown);
    }
}
