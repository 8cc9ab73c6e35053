//! Where things lie on the coordinator's machine, taken out of the sentences of a report: it goes to
//! hospitals, and `coordinator status` has the whole paths. Called by `report::collect` and by `baselines`.
//! Pure. Invariant: of a path that begins at the root nothing stays but its last part.

/// The text with each path that begins at the root cut to its last part; a path is known by its first
/// character and ends with a blank. `known` are paths of the run, which may have blanks in them.
pub fn without_folders<'a>(text: &str, known: impl IntoIterator<Item = &'a std::path::Path>) -> String {
    // The longest first: a folder may lie in another one. The slash stays, so that what is before it
    // goes, too.
    let mut known: Vec<&std::path::Path> = known.into_iter().collect();
    known.sort_by_key(|path| std::cmp::Reverse(path.as_os_str().len()));
    let mut text = text.to_owned();
    for path in known {
        if let (Some(folder), true) = (path.parent(), path.is_absolute()) {
            text = text.replace(&format!("{}/", folder.display()), "/");
        }
    }
    text.split(' ').map(last_part).collect::<Vec<_>>().join(" ")
}

/// Of a word that is a path, perhaps in quotes or brackets: what stands behind the last `/`.
fn last_part(word: &str) -> String {
    let start = word.find(|it: char| !matches!(it, '`' | '"' | '\'' | '(' | '[')).unwrap_or(0);
    let (quotes, path) = word.split_at(start);
    match path.strip_prefix('/').map(|path| path.trim_end_matches('/').rsplit('/').next()) {
        Some(Some(last)) if !last.is_empty() => format!("{quotes}{last}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn of_a_path_its_last_part_is_left_and_other_words_stay() {
        let known = ["/srv/St. Anna/exam.toml", "/srv/St. Anna/tumour board/exam.jsonl", "/models/base"];
        let cut = |text: &str| without_folders(text, known.map(Path::new));
        assert_eq!(
            cut(
                "the suite exam was not asked: /srv/x/a.jsonl: it changed; `coordinator evaluate 1 --suite /srv/St. Anna/exam.toml` asks it"
            ),
            "the suite exam was not asked: a.jsonl: it changed; `coordinator evaluate 1 --suite exam.toml` asks it"
        );
        assert_eq!(cut("cannot read `/a/b`: 3 of 4 / half"), "cannot read `b`: 3 of 4 / half");
        assert_eq!(cut("/srv/St. Anna/tumour board/exam.jsonl: it changed"), "exam.jsonl: it changed");
        assert_eq!(cut("/data/models/x: gone; /models/base: gone"), "x: gone; base: gone");
        for same in ["", "round 2 is not evaluated: x/y", "关于 1/2"] {
            assert_eq!(cut(same), same);
        }
    }
}
