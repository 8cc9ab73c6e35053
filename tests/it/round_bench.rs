//! The benchmarks of a round's cost, on updates so small that they take a moment: their rows are complete,
//! and they leave nothing behind.
//!
//! Run by `cargo test`.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::binaries::Binaries;

/// What a benchmark wrote behind the rows that were there `before`; it leaves no folder, and refuses no site.
fn rows(name: &str, arguments: &[&str], before: &[Value]) -> Result<Vec<Value>> {
    let program = Binaries::find()?.coordinator.with_file_name(name);
    let folder = tempfile::tempdir()?;
    let (under, json) = (folder.path().join("under"), folder.path().join("rounds.json"));
    std::fs::create_dir(&under)?;
    if !before.is_empty() {
        std::fs::write(&json, serde_json::json!({ "rounds": before }).to_string())?;
    }
    let paths = ["--folder".as_ref(), under.as_os_str(), "--json".as_ref(), json.as_os_str()];
    let output = Command::new(&program).args(arguments).args(paths).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(std::fs::read_dir(&under)?.count() == 0, "its folder is gone");
    let mut report: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let mut rows = std::mem::take(report["rounds"].as_array_mut().context("rounds")?);
    ensure!(rows.starts_with(before), "{rows:?}");
    let wrong = Command::new(&program).args(["--sites", "0"]).output()?;
    ensure!(wrong.status.code() == Some(1), "no site is a user's mistake");
    Ok(rows.split_off(before.len()))
}

fn are_positive(row: &Value, keys: &[&str]) {
    for key in keys {
        assert!(row[key].as_f64().is_some_and(|value| value > 0.0), "{key} of {row}");
    }
}

#[test]
fn the_round_benchmark_writes_its_rows_and_removes_its_files() -> Result<()> {
    let rows = rows("round-bench", &["--sites", "2,17", "--update-mb", "1"], &[])?;
    let sites: Vec<_> = rows.iter().map(|row| row["sites"].as_u64()).collect();
    assert_eq!(sites, [Some(2), Some(17)]);
    for row in &rows {
        are_positive(
            row,
            &["update_bytes", "aggregate_s", "error_s", "coordinator_peak_rss_bytes", "aggregation_error"],
        );
    }
    // 2 x 16 columns are few, 17 x 16 are not.
    let standard_error = |row: &Value| row["aggregation_error_standard_error"].as_f64();
    assert_eq!(standard_error(&rows[0]), None);
    assert!(standard_error(&rows[1]).is_some_and(|error| error > 0.0), "{rows:?}");
    Ok(())
}

/// Real processes; the transport's count and the ledger agree, or the site's own comparison would say so.
#[test]
fn the_overhead_benchmark_measures_rounds_of_real_processes() -> Result<()> {
    let before = [serde_json::json!({ "sites": 10 })];
    let rows = rows("overhead-bench", &["--update-mb", "3", "--rounds", "1"], &before)?;
    let [row] = rows.as_slice() else { anyhow::bail!("one row more: {rows:?}") };
    assert_eq!(row["sites"], 2);
    assert!(row["update_bytes"].as_f64().is_some_and(|bytes| (2.5e6..3.5e6).contains(&bytes)), "{row}");
    are_positive(row, &["overhead_s", "aggregate_s", "coordinator_peak_rss_bytes"]);
    assert!(row["wire_ratio"].as_f64().is_some_and(|ratio| (1.0..1.2).contains(&ratio)), "{row}");
    Ok(())
}
