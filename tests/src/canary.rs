//! Looks for planted strings in files and bytes, also where they were re-encoded on the way.
//!
//! Called by the privacy tests: strings that occur in no language are put into the training data,
//! and must then be found in no frame, log, ledger, database or crash output. A search that only
//! knew plain UTF-8 would miss a record that left in hexadecimal, so each string is looked for in
//! every form a careless programmer could produce.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

use crate::failure::Failure;
use crate::limits::NEEDLE_BYTES_MIN;

/// One way of writing one string.
#[derive(Debug)]
struct Needle {
    bytes: Vec<u8>,
    form: &'static str,
    canary: usize,
}

/// A set of strings that must not be found.
#[derive(Debug)]
pub struct Canaries {
    strings: Vec<String>,
    needles: Vec<Needle>,
    /// `starts[a << 8 | b]`: some needle begins with the bytes a, b.
    starts: Vec<bool>,
}

/// A planted string where it must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub canary: String,
    pub form: &'static str,
    pub offset: usize,
}

impl Canaries {
    /// Prepares every form of every string.
    ///
    /// # Panics
    /// Never; strings shorter than 8 bytes are ignored in forms that would be too short to mean
    /// anything.
    pub fn new<S: AsRef<str>>(strings: &[S]) -> Self {
        let strings: Vec<String> = strings.iter().map(|string| string.as_ref().to_owned()).collect();
        let mut needles = Vec::new();
        for (canary, string) in strings.iter().enumerate() {
            for (form, bytes) in forms(string) {
                if bytes.len() >= NEEDLE_BYTES_MIN {
                    needles.push(Needle { bytes, form, canary });
                }
            }
        }
        let mut starts = vec![false; 1 << 16];
        for needle in &needles {
            starts[usize::from(needle.bytes[0]) << 8 | usize::from(needle.bytes[1])] = true;
        }
        Self { strings, needles, starts }
    }

    /// The first form of any planted string in `bytes`.
    pub fn find(&self, bytes: &[u8]) -> Option<Finding> {
        for (offset, pair) in bytes.windows(2).enumerate() {
            if !self.starts[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
                continue;
            }
            let rest = &bytes[offset..];
            if let Some(needle) = self.needles.iter().find(|needle| rest.starts_with(&needle.bytes)) {
                return Some(Finding {
                    canary: self.strings[needle.canary].clone(),
                    form: needle.form,
                    offset,
                });
            }
        }
        None
    }

    /// Scans the names and contents of all files under `folder`, except below the paths in
    /// `except`. Returns every file with a finding, and how many files and bytes were read.
    ///
    /// # Errors
    /// A folder that cannot be listed or a file that cannot be read: a scan that skips is no proof.
    pub fn scan_folder(&self, folder: &Path, except: &[PathBuf]) -> Result<Scan, Failure> {
        let mut scan = Scan::default();
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            if except.iter().any(|skipped| path.starts_with(skipped)) {
                continue;
            }
            if let Some(finding) = self.find(path.as_os_str().as_encoded_bytes()) {
                scan.findings.push((path.clone(), finding));
            }
            let kind = std::fs::symlink_metadata(&path).map_err(Failure::file("inspect", &path))?.file_type();
            if kind.is_dir() {
                for entry in std::fs::read_dir(&path).map_err(Failure::file("list", &path))? {
                    waiting.push(entry.map_err(Failure::file("list", &path))?.path());
                }
            } else if kind.is_file() {
                let bytes = std::fs::read(&path).map_err(Failure::file("read", &path))?;
                scan.files += 1;
                scan.bytes += bytes.len() as u64;
                if let Some(finding) = self.find(&bytes) {
                    scan.findings.push((path, finding));
                }
            }
        }
        Ok(scan)
    }
}

/// What a scan of a folder read and found.
#[derive(Debug, Default)]
pub struct Scan {
    pub files: u64,
    pub bytes: u64,
    pub findings: Vec<(PathBuf, Finding)>,
}

/// A string in every encoding it could be carried in.
fn forms(string: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = string.as_bytes();
    let utf16: Vec<u16> = string.encode_utf16().collect();
    let mut forms = vec![
        ("UTF-8", bytes.to_vec()),
        ("reversed", bytes.iter().rev().copied().collect()),
        ("UTF-16 little-endian", utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
        ("UTF-16 big-endian", utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
        ("UTF-32", string.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("hexadecimal", HEXLOWER.encode(bytes).into_bytes()),
        ("hexadecimal", HEXUPPER.encode(bytes).into_bytes()),
        ("percent-encoding", escaped(bytes, |text, byte| write!(text, "%{byte:02X}"))),
        ("byte escapes", escaped(bytes, |text, byte| write!(text, "\\x{byte:02x}"))),
        ("JSON escapes", escaped(&utf16, |text, unit| write!(text, "\\u{unit:04x}"))),
        ("decimal list", escaped(bytes, |text, byte| write!(text, "{byte}, "))),
    ];
    // "[99, 97]": the last number is followed by something else.
    if let Some((_, list)) = forms.last_mut() {
        list.truncate(list.len().saturating_sub(2));
    }
    for shift in 0..3 {
        forms.push(("base64", base64_inside(&BASE64, bytes, shift)));
        forms.push(("base64url", base64_inside(&BASE64URL, bytes, shift)));
    }
    forms
}

fn escaped<T: Copy>(items: &[T], mut write: impl FnMut(&mut String, T) -> std::fmt::Result) -> Vec<u8> {
    let mut text = String::new();
    for &item in items {
        // Writing to a String cannot fail.
        let _ = write(&mut text, item);
    }
    text.into_bytes()
}

/// The characters that base64 of `..bytes..` contains whatever surrounds it, when the bytes begin
/// `shift` places after a multiple of three: 6-bit groups shared with a neighbour are cut off.
fn base64_inside(encoding: &data_encoding::Encoding, bytes: &[u8], shift: usize) -> Vec<u8> {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(bytes);
    let whole_groups = padded.len() * 8 / 6;
    let first_own_group = (shift * 8).div_ceil(6);
    let mut text = encoding.encode(&padded).into_bytes();
    text.truncate(whole_groups);
    text.drain(..first_own_group);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "canary-Ж7-患者-41ff";

    /// Ways a string was seen to leak, each with something before and after it.
    fn leaks() -> Vec<Vec<u8>> {
        let around = |inner: Vec<u8>| [b"before ".as_slice(), &inner, b" after"].concat();
        let mut leaks: Vec<Vec<u8>> = forms(SECRET).into_iter().map(|(_, bytes)| around(bytes)).collect();
        for prefix in ["", "a", "ab", "abc"] {
            leaks.push(BASE64.encode(format!("{prefix}{SECRET}xyz").as_bytes()).into_bytes());
        }
        leaks.push(serde_json::to_vec(&serde_json::json!({ "text": SECRET })).unwrap());
        leaks
    }

    #[test]
    fn every_form_is_found() {
        let canaries = Canaries::new(&[SECRET]);
        for leak in leaks() {
            assert!(canaries.find(&leak).is_some(), "missed {:?}", String::from_utf8_lossy(&leak));
        }
    }

    #[test]
    fn other_text_is_not_found() {
        let canaries = Canaries::new(&[SECRET]);
        assert_eq!(canaries.find("canary-Ж7-患者-41fe and a b c".as_bytes()), None);
    }

    #[test]
    fn files_and_file_names_are_scanned_and_exceptions_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (data, logs) = (folder.path().join("data"), folder.path().join("logs"));
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&logs).unwrap();
        std::fs::write(data.join("train.jsonl"), SECRET).unwrap();
        std::fs::write(logs.join("clean.log"), "nothing here").unwrap();
        let canaries = Canaries::new(&[SECRET]);
        let clean = canaries.scan_folder(folder.path(), std::slice::from_ref(&data)).unwrap();
        assert_eq!((clean.files, clean.findings.len()), (1, 0));
        std::fs::write(logs.join(SECRET), "a name is a leak too").unwrap();
        let leaked = canaries.scan_folder(folder.path(), &[data]).unwrap();
        assert_eq!(leaked.findings.len(), 1);
    }
}
