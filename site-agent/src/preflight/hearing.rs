//! What the worker says to the person while it looks at records and model: its lines, and a number. Used by
//! `preflight`. Invariants: a worker that somebody replaced moves no cursor and fills no memory: control
//! characters are made visible, lines and their sum have a bound, and what is more is read and thrown away.

use std::io::{self, Read};

use common::terminal;

use crate::limits::{LOG_LINE_BYTES_MAX, VALIDATION_BYTES_MAX};

/// Read at once.
const BLOCK_BYTES: usize = 4096;

/// Hands each line of a child to `say`, until it closes the pipe.
pub(super) fn pass_on(mut child: impl Read, say: &mut dyn FnMut(&str)) {
    let mut line = Vec::new();
    // Without the bound there would be no end to what a terminal scrolls.
    let mut heard = child.by_ref().take(VALIDATION_BYTES_MAX);
    let mut block = [0; BLOCK_BYTES];
    while let Ok(read @ 1..) = heard.read(&mut block) {
        for byte in &block[..read] {
            match byte {
                b'\n' => end_line(&mut line, say),
                _ if line.len() < LOG_LINE_BYTES_MAX => line.push(*byte),
                _ => {}
            }
        }
    }
    if !line.is_empty() {
        end_line(&mut line, say);
    }
    // So that it does not wait for us; an error is its end as well.
    let _ = io::copy(&mut child, &mut io::sink());
}

fn end_line(line: &mut Vec<u8>, say: &mut dyn FnMut(&str)) {
    say(&terminal::visible(&String::from_utf8_lossy(line)));
    line.clear();
}

/// What a child answers in a few bytes, to the end of its pipe; `None` where it says more.
pub(super) fn few_words(mut child: impl Read, most: u64) -> Option<Vec<u8>> {
    let mut words = Vec::new();
    let read = child.by_ref().take(most + 1).read_to_end(&mut words);
    (read.is_ok() && words.len() as u64 <= most).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_passed_on_visible_and_bounded() {
        let mut lines = Vec::new();
        let said = "data: 12 records\n\n患者\x1b]0;owned\x07\nhint: no end".as_bytes();
        pass_on(said, &mut |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["data: 12 records", "", "患者\\u{1b}]0;owned\\u{7}", "hint: no end"]);

        let (mut count, mut longest) = (0_u64, 0);
        let endless = io::repeat(b'\n').take(8 * VALIDATION_BYTES_MAX);
        pass_on(endless, &mut |_| count += 1);
        assert_eq!(count, VALIDATION_BYTES_MAX);
        pass_on(io::repeat(b'x').take(8 * VALIDATION_BYTES_MAX), &mut |line| longest = line.len());
        assert_eq!(longest, LOG_LINE_BYTES_MAX);
    }

    #[test]
    fn an_answer_is_a_few_bytes_or_none() {
        assert_eq!(few_words(&b"1234"[..], 4).as_deref(), Some(&b"1234"[..]));
        assert_eq!(few_words(io::repeat(b'1'), 4), None);
    }
}
