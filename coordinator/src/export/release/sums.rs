//! `SHA256SUMS` of a release, as `sha256sum --check` reads it, and the files that are there. Used by `made`
//! (writes it) and `verify`. Invariants: no link, no file more than it lists and none fewer; names are plain
//! and folders one deep; how many files and how large is bounded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::id::Digest;

use crate::error::{Error, Result};
use crate::limits::{RELEASE_FILE_BYTES_MAX, RELEASE_FILES_MAX};
use crate::state_folder::blobs;

/// The list's own name.
pub(super) const SUMS: &str = "SHA256SUMS";
/// The note over it.
pub(super) const NOTE: &str = "release.note";

/// Every file in a release but the list and the note over it: its path, and its SHA-256.
///
/// # Errors
/// There is a link, a device, a folder in a folder, a name that is not plain, too many files or too large
/// ones; a file cannot be read.
pub(super) fn found(folder: &Path) -> Result<BTreeMap<String, Digest>> {
    let digest = |path: String| Ok((path.clone(), blobs::digest_of(&folder.join(&path))?));
    names(folder)?.into_iter().map(digest).collect()
}

/// Their paths alone, in order: no file is opened.
///
/// # Errors
/// As [`found`], as far as it can be seen from outside.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    list(folder, "", &mut paths)?;
    paths.retain(|path| path != SUMS && path != NOTE);
    paths.sort();
    Ok(paths)
}

fn list(folder: &Path, prefix: &str, into: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let wrong = |reason: &str| Error::Config { path: path.clone(), reason: reason.into() };
        let facts = fs::symlink_metadata(&path).map_err(Error::io("read", &path))?;
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_plain(name));
        let name = name.ok_or_else(|| wrong("a release has no file of such a name"))?;
        if facts.is_dir() && prefix.is_empty() {
            list(&path, &format!("{name}/"), into)?;
        } else if !facts.is_file() {
            return Err(wrong("it is a link, a folder in a folder, or no file"));
        } else if facts.len() > RELEASE_FILE_BYTES_MAX {
            return Err(wrong("it is larger than any file of a release"));
        } else {
            into.push(format!("{prefix}{name}"));
        }
        if into.len() > RELEASE_FILES_MAX {
            return Err(wrong("there are more files than a release has"));
        }
    }
    Ok(())
}

/// The list's text.
#[must_use]
pub(super) fn to_text(files: &BTreeMap<String, Digest>) -> String {
    files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
}

/// The list in a text; nothing where it is none in its one spelling.
pub(super) fn parse(text: &str) -> Option<BTreeMap<String, Digest>> {
    let line = |line: &str| {
        let (digest, path) = line.split_once("  ")?;
        path.split('/').all(is_plain).then_some((path.to_owned(), digest.parse().ok()?))
    };
    let files: BTreeMap<String, Digest> = text.lines().map(line).collect::<Option<_>>()?;
    (to_text(&files) == text).then_some(files)
}

/// What differs between the list and the folder, a sentence for each file.
#[must_use]
pub(super) fn differences(
    listed: &BTreeMap<String, Digest>,
    there: &BTreeMap<String, Digest>,
) -> Vec<String> {
    let gone =
        listed.keys().filter(|path| !there.contains_key(*path)).map(|path| format!("{path} is missing"));
    let more = there
        .keys()
        .filter(|path| !listed.contains_key(*path))
        .map(|path| format!("{path} is not of the release"));
    let changed = listed
        .iter()
        .filter(|(path, digest)| there.get(*path).is_some_and(|found| found != *digest))
        .map(|(path, _)| format!("{path} was changed"));
    gone.chain(more).chain(changed).collect()
}

fn is_plain(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_spelling() {
        let files: BTreeMap<String, Digest> = [("a.json", 1), ("signatures/anna.signature", 2)]
            .map(|(path, byte)| (path.to_owned(), Digest([byte; 32])))
            .into();
        let text = to_text(&files);
        assert!(text.starts_with("0101") && text.contains("  signatures/anna.signature\n"));
        assert_eq!(parse(&text), Some(files));
        let digest = "01".repeat(32);
        for bad in [
            format!("{digest} a\n"),
            format!("{digest}  a"),
            format!("{digest}  ../a\n"),
            format!("{digest}  /a\n"),
            format!("{digest}  .a\n"),
            format!("{digest}  b\n{digest}  a\n"),
            format!("{digest}  a\n{digest}  a\n"),
            format!("{}  a\n", "AB".repeat(32)),
            "x\n".to_owned(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn links_odd_names_and_deep_folders_are_no_release() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("release");
        fs::create_dir_all(folder.join("signatures")).unwrap();
        for name in ["a.json", "signatures/anna.signature", SUMS, NOTE] {
            fs::write(folder.join(name), name).unwrap();
        }
        let files = found(&folder).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.json", "signatures/anna.signature"]);
        let mut listed = files.clone();
        listed.insert("b".into(), Digest([0; 32]));
        listed.insert("a.json".into(), Digest([0; 32]));
        listed.remove("signatures/anna.signature");
        assert_eq!(
            differences(&listed, &files),
            ["b is missing", "signatures/anna.signature is not of the release", "a.json was changed"]
        );
        let refuses = |make: &dyn Fn(&Path)| {
            let odd = folder.join("odd");
            make(&odd);
            let refused = found(&folder).is_err();
            let _ = fs::remove_file(&odd).or_else(|_| fs::remove_dir_all(&odd));
            refused
        };
        assert!(refuses(&|odd| std::os::unix::fs::symlink(folder.join("a.json"), odd).unwrap()));
        assert!(refuses(&|odd| fs::create_dir_all(odd.join("deep")).unwrap()));
        fs::write(folder.join("a b"), "x").unwrap();
        assert!(found(&folder).is_err());
    }
}
