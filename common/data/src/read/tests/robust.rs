//! Tests of what a path may be besides a good file, and of files that change while they are read.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::support::{Files, brief, refused};
use crate::error::DataError;
use crate::read::{Item, ReadOptions, open, read_all};
use crate::refusal::Refusal;

const LINE: &str = "{\"text\":\"a\"}\n";

fn fails(path: &Path) -> DataError {
    let started = Instant::now();
    let error = read_all(&[path], &ReadOptions::default()).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "it waited");
    assert!(error.is_user_error() && error.hint().is_some());
    error
}

#[test]
fn only_ordinary_files_are_read_and_nothing_hangs() {
    let files = Files::new();
    let error = fails(&files.path("missing.jsonl"));
    assert!(matches!(error, DataError::Io { .. }), "{error}");
    let folder = files.path("folder.jsonl");
    std::fs::create_dir(&folder).unwrap();
    assert!(fails(&folder).to_string().contains("it is a folder"));
    let fifo = files.path("fifo.jsonl");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    assert!(fails(&fifo).to_string().contains("a pipe, a socket or a device"));
    let socket = files.path("socket.jsonl");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(fails(&socket).to_string().contains("a pipe, a socket or a device"));
    assert!(fails(Path::new("/dev/zero")).to_string().contains("a pipe, a socket or a device"));
    let link = files.path("link.jsonl");
    std::os::unix::fs::symlink(files.write("target.jsonl", LINE), &link).unwrap();
    assert_eq!(read_all(&[&link], &ReadOptions::default()).unwrap().records.len(), 1);
    let dangling = files.path("dangling.jsonl");
    std::os::unix::fs::symlink(files.path("nowhere"), &dangling).unwrap();
    assert!(matches!(fails(&dangling), DataError::Io { .. }));
    let looping = files.path("loop.jsonl");
    std::os::unix::fs::symlink(&looping, &looping).unwrap();
    assert!(matches!(fails(&looping), DataError::Io { .. }));
    let secret = files.write("secret.jsonl", LINE);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything, so that there is nothing to refuse.
    if std::fs::File::open(&secret).is_err() {
        assert!(matches!(fails(&secret), DataError::Io { .. }));
    }
}

#[test]
fn files_of_another_kind_are_told_what_they_are() {
    let files = Files::new();
    for (name, bytes, words) in [
        ("a.csv", b"PK\x03\x04rest".as_slice(), "Excel"),
        ("a.jsonl", b"\x1f\x8b\x08rest", "gzip"),
        ("a.jsonl", b"%PDF-1.7", "PDF"),
        ("a.txt", b"hello", "extension"),
        ("a", b"\xEF\xBB\xBFhello", "extension"),
    ] {
        let error = fails(&files.write(name, bytes));
        assert!(error.to_string().contains(words), "{error}");
    }
    for name in ["a", "a.txt"] {
        assert_eq!(files.read(name, format!("\u{feff}\n {LINE}")).unwrap().records.len(), 1);
        assert_eq!(files.read(name, "").unwrap().records.len(), 0);
    }
}

/// Reads one record, lets `disturb` do its work, reads on; returns what it ends with.
fn disturbed(disturb: impl FnOnce(&Path)) -> Option<DataError> {
    let files = Files::new();
    // More than the reader holds in its buffers.
    let path = files.write("a.jsonl", LINE.repeat(50_000));
    // The clock of file times is coarse; the change must not fall into the tick of the creation.
    std::thread::sleep(Duration::from_millis(20));
    let mut reader = open(&[&path], &ReadOptions::default());
    assert!(matches!(reader.next(), Some(Ok(Item::Record(_)))));
    disturb(&path);
    let error = reader.by_ref().find_map(Result::err);
    assert!(reader.next().is_none());
    assert_eq!(reader.reports()[0].complete, error.is_none());
    error
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    assert!(disturbed(|_| {}).is_none());
    let changed = |disturb: fn(&Path)| {
        let error = disturbed(disturb);
        assert!(matches!(error, Some(DataError::Changed { .. })), "{error:?}");
    };
    changed(|path| {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(LINE.as_bytes()).unwrap();
    });
    changed(|path| std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(100_001).unwrap());
    changed(|path| std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap());
    changed(|path| {
        // The same length: only the time tells.
        let other = std::fs::read(path)
            .unwrap()
            .iter()
            .map(|byte| if *byte == b'a' { b'b' } else { *byte })
            .collect::<Vec<_>>();
        std::fs::write(path, other).unwrap();
    });
    changed(|path| {
        let other = path.with_extension("new");
        std::fs::copy(path, &other).unwrap();
        std::fs::rename(&other, path).unwrap();
    });
    changed(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn json_that_is_nested_too_deeply_is_a_refusal() {
    let files = Files::new();
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let text = format!("{}\n{}\n{LINE}", deep(100), deep(100_000));
    let dataset = files.read("a.jsonl", &text).unwrap();
    assert_eq!(refused(&dataset), [(1, Refusal::UnknownFormat), (2, Refusal::TooDeep)]);
    assert_eq!(brief(&dataset), ["=a"]);
    let text = format!("[{},\n{}]", deep(100_000), LINE.trim());
    assert_eq!(refused(&files.read("a.json", &text).unwrap()), [(1, Refusal::TooDeep)]);
    // A cell of a table that holds JSON is no way around it.
    let text = format!("question,options,answer\nq,\"{}\",A\n", deep(1000).replace('"', "\"\""));
    assert_eq!(refused(&files.read("a.csv", &text).unwrap()), [(2, Refusal::AnswerNotAnOption)]);
}

#[test]
fn nul_bytes_and_truncation_are_found() {
    let files = Files::new();
    let error = files.read("a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\0\"}").unwrap_err();
    assert!(matches!(error, DataError::File { line: 2, .. }), "{error}");
    let error = files.read("a.jsonl", vec![0; 5000]).unwrap_err();
    assert!(matches!(error, DataError::File { line: 1, .. }), "{error}");
    let dataset = files.read("a.csv", "text\na\0b\n").unwrap();
    assert_eq!(refused(&dataset), [(2, Refusal::ControlCharacters)]);
    let error = files.read("a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"ab").unwrap_err();
    assert!(error.to_string().contains("line 2: the JSON ends too early"), "{error}");
}

#[test]
fn who_wants_to_see_all_that_is_wrong_can_go_on() {
    let files = Files::new();
    let options = ReadOptions { refuse_broken: true, ..ReadOptions::default() };
    let path = files.write("a.jsonl", "{\"text\":\"a\"}\n{\"text\": CANARY\n{\"text\":\"b\"}\n{\"te");
    let dataset = read_all(&[path], &options).unwrap();
    assert_eq!(brief(&dataset), ["=a", "=b"]);
    assert_eq!(refused(&dataset), [(2, Refusal::NotJson), (4, Refusal::NotJson)]);
}

#[test]
fn several_files_are_read_in_order_and_numbered() {
    let files = Files::new();
    let paths =
        [files.write("a.jsonl", LINE), files.write("b.csv", "text\n\nb\n\n"), files.write("c.json", "[]")];
    let dataset = read_all(&paths, &ReadOptions::default()).unwrap();
    let places: Vec<_> =
        dataset.records.iter().map(|record| (record.place.file, record.place.line)).collect();
    assert_eq!(places, [(0, 1), (1, 3)]);
    assert_eq!(dataset.files.iter().map(|file| file.records).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(dataset.path(dataset.records[1].place), paths[1]);
}
