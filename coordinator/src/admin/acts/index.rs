//! Where lines of the log of acts begin, so that a page of them costs no look at those before. Used by
//! `log::Acts::lines`. Invariants: of the file it belongs to every byte is counted once; another file, or a
//! shorter one, begins anew. A hint only: whoever gets lines verifies them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;

use crate::limits::{ACT_INDEX_LINES_MIN, ACT_LINE_BYTES_MAX};

/// Of one file.
#[derive(Debug, Default)]
pub(super) struct Index {
    file: (u64, u64),
    /// Where lines 0, `ACT_INDEX_LINES_MIN`, ... begin, as far as was read.
    begins: Vec<u64>,
}

impl Index {
    /// Whole lines from number `from` on, at most `count`; none behind one that is too long.
    pub(super) fn lines(&mut self, file: File, from: u64, count: usize) -> io::Result<Vec<String>> {
        let facts = file.metadata()?;
        let number = (facts.dev(), facts.ino());
        if self.file != number || self.begins.last().is_none_or(|begins| *begins > facts.len()) {
            *self = Self { file: number, begins: vec![0] };
        }
        let wanted = usize::try_from(from / ACT_INDEX_LINES_MIN).unwrap_or(usize::MAX);
        let known = wanted.min(self.begins.len() - 1);
        let mut at = self.begins.get(known).copied().unwrap_or(0);
        let mut number = known as u64 * ACT_INDEX_LINES_MIN;
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(at))?;
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while lines.len() < count {
            line.clear();
            let length =
                io::Read::take(&mut reader, ACT_LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
            // What is behind the last newline is no line yet.
            if line.pop_if(|byte| *byte == b'\n').is_none() {
                break;
            }
            at += length as u64;
            number += 1;
            if number == self.begins.len() as u64 * ACT_INDEX_LINES_MIN {
                self.begins.push(at);
            }
            if number > from {
                match String::from_utf8(std::mem::take(&mut line)) {
                    Ok(line) => lines.push(line),
                    Err(_) => break,
                }
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn pages_are_those_of_the_file_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let count = 3 * ACT_INDEX_LINES_MIN + 7;
        let text: String = (0..count).map(|number| format!("{{{number}}}\n")).collect();
        fs::write(&path, text.clone() + "{half").unwrap();
        let mut index = Index::default();
        let mut page = |from, size| index.lines(File::open(&path).unwrap(), from, size).unwrap();
        for from in [2 * ACT_INDEX_LINES_MIN + 3, 0, ACT_INDEX_LINES_MIN, count - 1, ACT_INDEX_LINES_MIN - 1]
        {
            assert_eq!(page(from, 1), [format!("{{{from}}}")]);
        }
        assert_eq!(page(count - 3, 9).len(), 3);
        assert!(page(count, 9).is_empty() && page(u64::MAX, 9).is_empty());
        assert_eq!(page(0, usize::MAX).len() as u64, count);
        fs::write(&path, "{new}\n").unwrap();
        assert_eq!(page(0, 9), ["{new}"]);
        fs::write(&path, vec![b'x'; 2 * ACT_LINE_BYTES_MAX]).unwrap();
        assert!(page(0, 9).is_empty());
    }
}
