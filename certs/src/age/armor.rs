//! The armor of age: a file as lines of text, such as key files have. Used by `sealed`. Invariant: of one
//! file there is one armor but for line ends and white space around it; every other is refused.

use data_encoding::BASE64;

/// The first line: it says that what follows is sealed.
pub(crate) const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// The last line.
pub(crate) const END: &str = "-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;

/// With a line feed at its end.
pub(crate) fn encode(file: &[u8]) -> String {
    let body = BASE64.encode(file);
    let mut text = format!("{BEGIN}\n");
    for at in (0..body.len()).step_by(COLUMNS) {
        text += body.get(at..body.len().min(at + COLUMNS)).unwrap_or_default();
        text.push('\n');
    }
    text + END + "\n"
}

/// The file in an armor, or nothing where it is none.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut lines = text.trim().split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    if lines.next()? != BEGIN || lines.next_back()? != END {
        return None;
    }
    let lines: Vec<&str> = lines.collect();
    let (last, full) = lines.split_last()?;
    let is_whole = |line: &&str| line.len() == COLUMNS;
    if last.is_empty() || last.len() > COLUMNS || !full.iter().all(is_whole) {
        return None;
    }
    BASE64.decode(lines.concat().as_bytes()).ok()
}
