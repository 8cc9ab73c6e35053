//! The benchmarks of a round's cost, on updates so small that they take a moment: their rows are complete,
//! and they leave nothing behind.
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

/// Real processes; the transport's count and the ledger agree, or the site's own comparison would say so.
#[test]
fn the_overhead_benchmark_measures_rounds_of_real_processes() -> Result<()> {
    let program = Binaries::find()?.coordinator.with_file_name("overhead-bench");
    let folder = tempfile::tempdir()?;
    let (under, json) = (folder.path().join("under"), folder.path().join("rounds.json"));
    std::fs::create_dir(&under)?;
    std::fs::write(&json, "{\"rounds\":[{\"sites\":10}]}")?;
    let output = Command::new(&program)
        .args(["--update-mb", "3", "--rounds", "1", "--folder"])
        .arg(&under)
        .arg("--json")
        .arg(&json)
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&under)?.count(), 0, "its folder is gone");
    let report: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let [_, row] = report["rounds"].as_array().context("rounds")?.as_slice() else {
        anyhow::bail!("one row more: {report}");
    };
    assert_eq!(row["sites"], 2);
    assert!(row["update_bytes"].as_f64().is_some_and(|bytes| (2.5e6..3.5e6).contains(&bytes)), "{row}");
    for key in ["overhead_s", "aggregate_s", "coordinator_peak_rss_bytes"] {
        assert!(row[key].as_f64().is_some_and(|value| value > 0.0), "{key} of {row}");
    }
    assert!(row["wire_ratio"].as_f64().is_some_and(|ratio| (1.0..1.2).contains(&ratio)), "{row}");
    let wrong = Command::new(&program).args(["--sites", "0"]).output()?;
    assert_eq!(wrong.status.code(), Some(1));
    Ok(())
}
