//! A program's own logs, read from their end and followed. Used by `logs` of both programs. Invariants: of
//! each file at most `LOG_READ_BYTES_MAX` are read at once, however large it is; control characters reach no
//! terminal; a reader that goes away ends it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::clock::Timestamp;
use common::log_file::{self, old};
use common::terminal;
use serde::Serialize;

use crate::duration::{Since, moment};
use crate::limits::{LOG_LINES_MAX, LOG_LOOK_BYTES_MAX, LOG_LOOK_MS_MIN, LOG_READ_BYTES_MAX};

/// What of the logs is shown; the options of `logs` in both programs.
#[derive(Debug, Clone, clap::Args)]
pub struct Wanted {
    /// Show so many lines, the newest [default: 50; with --since all that there are].
    #[arg(long, short = 'n', value_name = "N", value_parser = lines)]
    pub lines: Option<usize>,
    /// Show only what was written since then: 30m, 24h or 7d ago, or a time such as 2026-11-29T08:00:00Z.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Go on with what is written from now on, until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,
    /// Print one JSON object a line: time, source, text.
    #[arg(long)]
    pub json: bool,
}

/// Lines that are shown where nothing is said.
const LINES: usize = 50;

fn lines(text: &str) -> Result<usize, String> {
    let wrong = || format!("write a number from 1 to {LOG_LINES_MAX}");
    text.parse().ok().filter(|lines| (1..=LOG_LINES_MAX).contains(lines)).ok_or_else(wrong)
}

/// One of a program's logs.
#[derive(Debug, Clone)]
pub struct Source {
    /// Whose lines these are; nothing where there is one log only.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Line {
    /// When it was written, as it stands in the line; a line without a time was written with the one before
    /// it.
    time: Option<String>,
    source: &'static str,
    text: String,
    #[serde(skip)]
    at: Timestamp,
}

/// Prints what is wanted of these logs, in the order of its times.
///
/// # Errors
/// The path of a log that is there and cannot be read, with why.
pub fn show(sources: &[Source], wanted: &Wanted, now: Timestamp) -> Result<(), (PathBuf, io::Error)> {
    let since = wanted.since.map(|since| since.moment(now));
    let unsaid = if since.is_some() { LOG_LINES_MAX } else { LINES };
    let count = wanted.lines.unwrap_or(unsaid);
    let mut tails: Vec<Tail> = sources.iter().map(Tail::new).collect();
    let mut all = Vec::new();
    for (source, tail) in sources.iter().zip(&mut tails) {
        let at = |source_error| (source.path.clone(), source_error);
        all.extend(newest(source, tail, count, since).map_err(at)?);
    }
    // Stable: lines of one log stay in their order.
    all.sort_by_key(|line| line.at);
    for line in all.iter().skip(all.len().saturating_sub(count)) {
        print(line, wanted.json);
    }
    while wanted.follow && !terminal::is_unread() {
        terminal::flush().map_err(|error| (PathBuf::from("standard output"), error))?;
        std::thread::sleep(Duration::from_millis(LOG_LOOK_MS_MIN));
        for (source, tail) in sources.iter().zip(&mut tails) {
            for line in tail.look().map_err(|error| (source.path.clone(), error))? {
                print(&line, wanted.json);
            }
        }
    }
    Ok(())
}

fn print(line: &Line, json: bool) {
    if json {
        let text = serde_json::to_string(line).unwrap_or_default();
        terminal::print(format_args!("{text}\n"));
    } else if line.source.is_empty() {
        terminal::print(format_args!("{}\n", line.text));
    } else {
        terminal::print(format_args!("{:<8} {}\n", line.source, line.text));
    }
}

/// The newest lines of a log, and of the one before it where that is needed.
fn newest(source: &Source, tail: &mut Tail, count: usize, since: Option<Timestamp>) -> io::Result<Vec<Line>> {
    let mut lines = VecDeque::new();
    let current = tail.begin()?;
    let earlier = match current.lines().count() < count {
        true => end_of(&old(&source.path))?.1,
        false => String::new(),
    };
    let clock = &mut tail.clock;
    for text in earlier.lines().chain(current.lines()).filter(|text| !text.trim().is_empty()) {
        let line = clock.line(source.name, text);
        if since.is_some_and(|since| line.at < since) {
            continue;
        }
        if lines.len() == count {
            lines.pop_front();
        }
        lines.push_back(line);
    }
    Ok(lines.into())
}

/// Gives every line its time.
#[derive(Debug, Clone, Default)]
struct Clock(Option<(String, Timestamp)>);

impl Clock {
    fn line(&mut self, source: &'static str, text: &str) -> Line {
        let text = terminal::visible(text);
        let first = text.split(' ').next().unwrap_or_default();
        if let Some(at) = moment(first) {
            self.0 = Some((first.to_owned(), at));
        }
        let (time, at) = match &self.0 {
            Some((time, at)) => (Some(time.clone()), *at),
            None => (None, Timestamp(0)),
        };
        Line { time, source, text, at }
    }
}

/// A log, if there is one. A pipe in its place is not waited for.
fn open(path: &Path) -> io::Result<Option<File>> {
    match log_file::open_to_read(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The end of a file, beginning with a whole line, and how long the file is; nothing where there is none.
fn end_of(path: &Path) -> io::Result<(u64, String)> {
    let Some(mut file) = open(path)? else { return Ok((0, String::new())) };
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LOG_READ_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    let read = file.take(LOG_READ_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = match from {
        0 => &text[..],
        _ => text.split_once('\n').map_or("", |(_, rest)| rest),
    };
    Ok((from + read as u64, whole.to_owned()))
}

/// Where following a log has come to.
#[derive(Debug)]
struct Tail {
    name: &'static str,
    path: PathBuf,
    /// Which file it is, as the file system counts.
    file: Option<(u64, u64)>,
    offset: u64,
    /// The beginning of a line whose end has not been written.
    begun: Vec<u8>,
    clock: Clock,
}

impl Tail {
    fn new(source: &Source) -> Self {
        let Source { name, path } = source.clone();
        Self { name, path, file: None, offset: 0, begun: Vec::new(), clock: Clock::default() }
    }

    fn identity(&self) -> Option<(u64, u64)> {
        std::fs::metadata(&self.path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }

    /// What is there when it begins; what comes later is for [`Self::look`].
    fn begin(&mut self) -> io::Result<String> {
        self.file = self.identity();
        let (length, text) = end_of(&self.path)?;
        self.offset = length;
        // A line that is being written stays for the next look.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.begun = text.as_bytes()[whole..].to_vec();
        Ok(text[..whole].to_owned())
    }

    /// What was written into our file after the last look, before it became the one before this one.
    fn read_rest(&mut self) -> io::Result<()> {
        let earlier = open(&old(&self.path))?;
        let ours =
            |file: &File| file.metadata().is_ok_and(|facts| Some((facts.dev(), facts.ino())) == self.file);
        let Some(mut file) = earlier.filter(ours) else {
            // Moved elsewhere: what is begun has no end.
            self.begun.clear();
            return Ok(());
        };
        file.seek(SeekFrom::Start(self.offset))?;
        file.take(LOG_READ_BYTES_MAX).read_to_end(&mut self.begun)?;
        Ok(())
    }

    /// The whole lines that were written since the last look. A file that was replaced or shortened is read
    /// from its beginning.
    fn look(&mut self) -> io::Result<Vec<Line>> {
        let now = self.identity();
        let length = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if now != self.file || length < self.offset {
            self.read_rest()?;
            (self.file, self.offset) = (now, 0);
        }
        if length == self.offset && self.begun.is_empty() {
            return Ok(Vec::new());
        }
        let Some(mut file) = open(&self.path)? else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.take(LOG_LOOK_BYTES_MAX).read_to_end(&mut self.begun)?;
        self.offset += read as u64;
        let end = match self.begun.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            // A line without end costs no memory without end.
            None if self.begun.len() as u64 >= LOG_LOOK_BYTES_MAX => self.begun.len(),
            None => return Ok(Vec::new()),
        };
        let whole: Vec<u8> = self.begun.drain(..end).collect();
        let text = String::from_utf8_lossy(&whole);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        Ok(lines.map(|line| self.clock.line(self.name, line)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn source(path: &Path) -> Source {
        Source { name: "worker", path: path.to_owned() }
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn the_newest_lines_come_from_both_files_and_carry_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        fs::write(old(&path), "2026-11-29T08:00:00Z one\n").unwrap();
        fs::write(&path, "2026-11-29T08:00:01.5Z two\nerror: three\x1b[31m\n\nbeg").unwrap();
        let find = |count, since: Option<&str>| {
            let since = since.map(|since| moment(since).unwrap());
            newest(&source(&path), &mut Tail::new(&source(&path)), count, since).unwrap()
        };
        let all = find(10, None);
        assert_eq!(all.len(), 3, "what is being written is not a line yet: {all:?}");
        assert_eq!(all[2].time.as_deref(), Some("2026-11-29T08:00:01.5Z"));
        assert_eq!(texts(find(1, None)), ["error: three\\u{1b}[31m"]);
        assert_eq!(find(10, Some("2026-11-29T08:00:01Z")).len(), 2);
        assert_eq!(find(10, Some("2026-11-29T09:00:00Z")).len(), 0);
        let nowhere = source(Path::new("/nowhere/x.log"));
        assert!(newest(&nowhere, &mut Tail::new(&nowhere), 1, None).unwrap().is_empty());
    }

    #[test]
    fn a_large_file_is_read_from_its_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        let file = File::create(&path).unwrap();
        // 4 GiB of nothing, which takes no room.
        file.set_len(4 << 30).unwrap();
        drop(file);
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| io::Write::write_all(&mut file, b"\nlast\n"))
            .unwrap();
        let lines = newest(&source(&path), &mut Tail::new(&source(&path)), 5, None).unwrap();
        assert_eq!(texts(lines), ["last"]);
    }

    #[test]
    fn following_sees_whole_lines_also_after_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        fs::write(&path, "one\ntw").unwrap();
        let mut tail = Tail::new(&source(&path));
        assert_eq!(tail.begin().unwrap(), "one\n");
        assert!(tail.look().unwrap().is_empty());
        let add = |text: &str| {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        };
        add("o\nthree\nfo");
        assert_eq!(texts(tail.look().unwrap()), ["two", "three"]);
        // What was still written before the rotation is not lost.
        add("ur\n");
        fs::rename(&path, old(&path)).unwrap();
        add("five\n");
        assert_eq!(texts(tail.look().unwrap()), ["four", "five"]);
        let pipe = folder.path().join("pipe.log");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(Tail::new(&source(&pipe)).begin().is_err(), "a pipe is not waited for");
        File::create(&path).unwrap();
        add("six\n");
        assert_eq!(texts(tail.look().unwrap()).last().map(String::as_str), Some("six"));
    }

    #[test]
    fn the_number_of_lines_is_bounded() {
        assert_eq!((lines("1"), lines("200000")), (Ok(1), Ok(200_000)));
        for bad in ["0", "200001", "-1", "many", ""] {
            assert!(lines(bad).is_err(), "{bad}");
        }
    }
}
