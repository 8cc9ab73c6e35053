//! What `round-bench` can be asked. Used by `main`. Invariant: an argument that is not understood is refused.

use std::path::PathBuf;

use common::limits::SITES_MAX;

/// How the program is used.
pub(crate) const USAGE: &str = "\
round-bench [--sites LIST] [--update-mb N] [--folder DIR] [--json FILE]
  --sites LIST    numbers of sites, a row each (default 2,10,20,100)
  --update-mb N   about how large an update is, in MB (default 35: rank 16 of a 0.5B model)
  --folder DIR    where the updates are written while it runs (default the folder for temporary files)
  --json FILE     also write the rows: `rounds`, a list with `sites`, `update_bytes`, `aggregate_s`,
                  `error_s`, `coordinator_peak_rss_bytes` and how the error was found";

/// Largest update, in MB.
const UPDATE_MB: std::ops::RangeInclusive<u64> = 1..=4_000;

/// Which row.
#[derive(Debug, Clone)]
pub(crate) struct RowOf {
    pub(crate) sites: usize,
    /// Where the updates are.
    pub(crate) folder: PathBuf,
    pub(crate) update_mb: u64,
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) sites: Vec<usize>,
    pub(crate) update_mb: u64,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    /// One row, in a process that the program starts itself.
    pub(crate) row: Option<RowOf>,
}

/// What went wrong, and the next step.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) reason: String,
    pub(crate) hint: String,
}

impl Failure {
    /// The caller can mend it.
    pub(crate) fn user(reason: String, hint: &str) -> Self {
        Self { code: 1, reason, hint: hint.to_owned() }
    }

    /// A fault of ours.
    pub(crate) fn ours(reason: String) -> Self {
        Self { code: 2, reason, hint: "please report this, with the log around it".to_owned() }
    }
}

/// Reads the command line.
pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments, Failure> {
    let wrong = |reason: String| Failure::user(reason, USAGE);
    let (mut sites, mut update_mb) = (vec![2, 10, 20, 100], 35);
    let (mut folder, mut json, mut row) = (None, None, None);
    while let Some(option) = given.next() {
        let value = given.next().ok_or_else(|| wrong(format!("{option} needs a value")))?;
        let number = |text: &str| {
            text.parse::<u64>().map_err(|_| wrong(format!("{option}: `{text}` is not a number")))
        };
        let count = |text: &str| match usize::try_from(number(text)?) {
            Ok(count) if (1..=SITES_MAX).contains(&count) => Ok(count),
            _ => Err(wrong(format!("{option}: `{text}` is not between 1 and {SITES_MAX}"))),
        };
        match option.as_str() {
            "--sites" => sites = value.split(',').map(count).collect::<Result<_, _>>()?,
            "--update-mb" => update_mb = number(&value)?,
            "--folder" => folder = Some(PathBuf::from(value)),
            "--json" => json = Some(PathBuf::from(value)),
            "--row" => row = Some(count(&value)?),
            _ => return Err(wrong(format!("unknown option {option}"))),
        }
    }
    if !UPDATE_MB.contains(&update_mb) {
        return Err(wrong(format!("--update-mb: {update_mb} is not between 1 and 4000")));
    }
    let row = match (row, &folder) {
        (Some(sites), Some(folder)) => Some(RowOf { sites, folder: folder.clone(), update_mb }),
        (Some(_), None) => return Err(wrong("--row needs --folder".to_owned())),
        (None, _) => None,
    };
    Ok(Arguments { sites, update_mb, folder, json, row })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, Failure> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn defaults_are_the_goals_rows() {
        let arguments = parsed("").unwrap();
        assert_eq!((arguments.sites, arguments.update_mb), (vec![2, 10, 20, 100], 35));
        assert_eq!(parsed("--sites 3,4 --update-mb 1").unwrap().sites, [3, 4]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "--sites",
            "--sites 0",
            "--sites 101",
            "--sites x",
            "--update-mb 0",
            "--update-mb 4001",
            "--what 1",
            "--row 2",
        ] {
            let failure = parsed(line).unwrap_err();
            assert_eq!((failure.code, failure.hint.as_str()), (1, USAGE), "{line}");
        }
    }
}
