//! The documents of a folder, and what is left out of it. Called by `library`, behind the locks.
//!
//! Invariants: no file that is a link is read, not even one that was put there while we look (`O_NOFOLLOW`),
//! and no folder that was one when we looked is walked; one that becomes a link just then leads nowhere out
//! of the folder where the lock on files holds. Every file is read or told of, but those whose names begin
//! with a dot; the order is that of the names; all bytes that are read count.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::decode;
use crate::error::{Most, RetrievalError};
use crate::limits::{Bounds, DOCUMENT_BYTES_MAX, FOLDER_DEPTH_MAX, NAME_CHARACTERS_MAX};

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its path within the folder.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A file or folder that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path within the folder, as far as it can be written.
    pub name: String,
    /// Why.
    pub why: &'static str,
}

/// What a folder has.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) documents: Vec<Document>,
    pub(crate) left_out: Vec<LeftOut>,
    bounds: Bounds,
    entries: usize,
    /// Read so far.
    bytes: u64,
}

impl Folder {
    /// Reads it.
    pub(crate) fn read(root: &Path, bounds: Bounds) -> Result<Self, RetrievalError> {
        let (documents, left_out) = (Vec::new(), Vec::new());
        let mut folder = Self { documents, left_out, bounds, entries: 0, bytes: 0 };
        folder.walk(root, root, 0)?;
        Ok(folder)
    }

    fn walk(&mut self, root: &Path, place: &Path, depth: usize) -> Result<(), RetrievalError> {
        let io = |source| RetrievalError::Io { path: place.to_path_buf(), source };
        let too_much = |what| RetrievalError::TooMuch { path: root.to_path_buf(), what };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(place).map_err(io)? {
            self.entries += 1;
            if self.entries > self.bounds.entries {
                return Err(too_much(Most::Entries));
            }
            paths.push(entry.map_err(io)?.path());
        }
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
                continue;
            }
            let kind = std::fs::symlink_metadata(&path).map(|metadata| metadata.file_type());
            let why = match kind {
                _ if !is_plain(&path, &name) => Some("its name is too long or cannot be printed"),
                Err(_) => Some("it cannot be looked at"),
                Ok(kind) if kind.is_symlink() => Some("it is a link"),
                Ok(kind) if kind.is_dir() && depth >= FOLDER_DEPTH_MAX => Some("it is too deep"),
                Ok(kind) if kind.is_dir() => {
                    self.walk(root, &path, depth + 1)?;
                    continue;
                }
                Ok(kind) if !kind.is_file() => Some("it is no file"),
                Ok(_) if !is_document(&path) => Some("it does not end in .txt or .md"),
                Ok(_) => self.take(&path, &name),
            };
            self.left_out.extend(why.map(|why| LeftOut { name, why }));
            if self.documents.len() > self.bounds.documents {
                return Err(too_much(Most::Documents));
            }
            if self.bytes > self.bounds.bytes {
                return Err(too_much(Most::Bytes));
            }
        }
        Ok(())
    }

    /// Takes a document, or says why not.
    fn take(&mut self, path: &Path, name: &str) -> Option<&'static str> {
        let bytes = match bytes(path) {
            Err(_) => return Some("it cannot be opened"),
            Ok(None) => return Some("it has more than 4 MiB"),
            Ok(Some(bytes)) => bytes,
        };
        self.bytes += bytes.len() as u64;
        let Some(text) = decode::text(&bytes) else {
            return Some("it is no text in UTF-8 or GB18030 without control characters");
        };
        if text.trim().is_empty() {
            return Some("it is empty");
        }
        self.documents.push(Document { name: name.to_owned(), text });
        None
    }
}

fn is_document(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| ["txt", "md"].iter().any(|known| extension == *known))
}

/// Whether the name can stand in a prompt, on a terminal and in JSON as it is.
fn is_plain(path: &Path, name: &str) -> bool {
    path.to_str().is_some()
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && !name.chars().any(|sign| sign.is_control() || is_format(sign))
}

/// Marks that cannot be seen, or turn the order of what is read.
pub(crate) fn is_format(sign: char) -> bool {
    matches!(sign, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The bytes of a file; `None` where it has too many, of which none is read where its length says so.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if metadata.len() > DOCUMENT_BYTES_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= DOCUMENT_BYTES_MAX).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode};

    use super::*;
    use crate::limits::ALL_BYTES_MAX;

    #[test]
    fn what_is_no_document_is_told_and_no_link_is_followed() {
        let around = tempfile::tempdir().unwrap();
        let root = around.path().join("documents");
        std::fs::create_dir_all(root.join("b/c")).unwrap();
        std::fs::write(around.path().join("secret.txt"), "secret").unwrap();
        for (name, text) in
            [("b/c/z.md", "z"), ("a.TXT", "a"), ("x.pdf", "x"), ("empty.md", " \n"), (".git", "g")]
        {
            std::fs::write(root.join(name), text).unwrap();
        }
        std::fs::write(root.join("binary.txt"), b"\0\x01").unwrap();
        std::fs::write(root.join("large.txt"), vec![b'a'; DOCUMENT_BYTES_MAX as usize + 1]).unwrap();
        std::fs::write(root.join("new\nline.txt"), "a").unwrap();
        symlink(around.path().join("secret.txt"), root.join("out.txt")).unwrap();
        symlink(around.path(), root.join("up")).unwrap();
        symlink(root.join("a.TXT"), root.join("in.txt")).unwrap();
        rustix::fs::mknodat(CWD, root.join("fifo.txt"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::fs::write(root.join(OsStr::from_bytes(b"n\xff.txt")), "a").unwrap();
        let folder = Folder::read(&root, Bounds::all()).unwrap();
        let names: Vec<&str> = folder.documents.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a.TXT", "b/c/z.md"]);
        let left: Vec<(&str, &str)> =
            folder.left_out.iter().map(|one| (one.name.as_str(), one.why)).collect();
        assert_eq!(
            left,
            [
                ("binary.txt", "it is no text in UTF-8 or GB18030 without control characters"),
                ("empty.md", "it is empty"),
                ("fifo.txt", "it is no file"),
                ("in.txt", "it is a link"),
                ("large.txt", "it has more than 4 MiB"),
                ("new\nline.txt", "its name is too long or cannot be printed"),
                ("n\u{fffd}.txt", "its name is too long or cannot be printed"),
                ("out.txt", "it is a link"),
                ("up", "it is a link"),
                ("x.pdf", "it does not end in .txt or .md"),
            ]
        );
    }

    #[test]
    fn a_folder_that_is_too_much_is_refused_and_not_read_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let large = vec![b'a'; DOCUMENT_BYTES_MAX as usize];
        for number in 0..=ALL_BYTES_MAX / DOCUMENT_BYTES_MAX {
            std::fs::write(folder.path().join(format!("{number}.txt")), &large).unwrap();
        }
        let refused = Folder::read(folder.path(), Bounds::all()).unwrap_err();
        assert!(refused.to_string().contains("more than 32 MiB of documents"), "{refused}");
        assert!(Folder::read(Path::new("/nowhere"), Bounds::all()).is_err());
    }

    #[test]
    fn the_bounds_hold_at_both_ends_and_what_is_read_counts_though_it_is_no_text() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.txt", "four"), ("b.txt", "\0\0\0\0"), ("c.pdf", "x")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let read = |bounds| Folder::read(folder.path(), bounds).map(|folder| folder.documents.len());
        let exact = Bounds { entries: 3, documents: 1, bytes: 8, ..Bounds::all() };
        assert_eq!(read(exact).unwrap(), 1);
        for (less, expected) in [
            (Bounds { entries: 2, ..exact }, Most::Entries),
            (Bounds { documents: 0, ..exact }, Most::Documents),
            (Bounds { bytes: 7, ..exact }, Most::Bytes),
        ] {
            let refused = read(less).unwrap_err();
            assert!(matches!(refused, RetrievalError::TooMuch { what, .. } if what == expected), "{refused}");
        }
        // Too long by its length alone: nothing of it is read.
        let sparse = File::create(folder.path().join("b.txt")).unwrap();
        sparse.set_len(DOCUMENT_BYTES_MAX + 1).unwrap();
        assert_eq!(read(Bounds { bytes: 4, ..exact }).unwrap(), 1);
    }

    #[test]
    fn folders_are_walked_as_deep_as_they_may_be_and_names_are_as_long() {
        let folder = tempfile::tempdir().unwrap();
        let deep = (0..FOLDER_DEPTH_MAX).fold(folder.path().to_path_buf(), |place, _| place.join("d"));
        std::fs::create_dir_all(deep.join("d")).unwrap();
        std::fs::write(deep.join("a.txt"), "a").unwrap();
        std::fs::write(deep.join("d/b.txt"), "b").unwrap();
        let name = |count: usize| format!("{}.txt", "n".repeat(count - 4));
        for count in [NAME_CHARACTERS_MAX, NAME_CHARACTERS_MAX + 1] {
            std::fs::write(folder.path().join(name(count)), "a").unwrap();
        }
        let found = Folder::read(folder.path(), Bounds::all()).unwrap();
        let names: Vec<&str> = found.documents.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, [format!("{}a.txt", "d/".repeat(FOLDER_DEPTH_MAX)), name(NAME_CHARACTERS_MAX)]);
        let why: Vec<&str> = found.left_out.iter().map(|one| one.why).collect();
        assert_eq!(why, ["it is too deep", "its name is too long or cannot be printed"]);
    }
}
