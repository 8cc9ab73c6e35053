//! The benchmark of a round's cost, on updates so small that it takes a moment: its rows are complete, and it
//! leaves nothing behind.
//!
//! Run by `cargo test`.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::binaries::Binaries;

#[test]
fn the_round_benchmark_writes_its_rows_and_removes_its_files() -> Result<()> {
    let program = Binaries::find()?.coordinator.with_file_name("round-bench");
    let folder = tempfile::tempdir()?;
    let (under, json) = (folder.path().join("under"), folder.path().join("rounds.json"));
    std::fs::create_dir(&under)?;
    let output = Command::new(&program)
        .args(["--sites", "2,17", "--update-mb", "1", "--folder"])
        .arg(&under)
        .arg("--json")
        .arg(&json)
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&under)?.count(), 0, "its folder is gone");
    let report: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let rows = report["rounds"].as_array().context("rounds")?;
    let sites: Vec<_> = rows.iter().map(|row| row["sites"].as_u64()).collect();
    assert_eq!(sites, [Some(2), Some(17)]);
    for row in rows {
        for key in
            ["update_bytes", "aggregate_s", "error_s", "coordinator_peak_rss_bytes", "aggregation_error"]
        {
            assert!(row[key].as_f64().is_some_and(|value| value > 0.0), "{key} of {row}");
        }
    }
    // 2 x 16 columns are few, 17 x 16 are not.
    let standard_error = |row: &Value| row["aggregation_error_standard_error"].as_f64();
    assert_eq!(standard_error(&rows[0]), None);
    assert!(standard_error(&rows[1]).is_some_and(|error| error > 0.0), "{report}");
    let wrong = Command::new(&program).args(["--sites", "0"]).output()?;
    assert_eq!(wrong.status.code(), Some(1));
    Ok(())
}
