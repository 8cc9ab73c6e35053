//! Both verifiers on the same ledgers: the Rust one, and `deploy/verify_ledger.py` where there is a Python 3.
//! What one refuses the other refuses, and what both take has the same root and sums.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::{Reading, read};
use super::forgeries::{self, Case};

/// Asks the Python program about every numbered file of a folder.
const DRIVER: &str = "
import importlib.util, sys
spec = importlib.util.spec_from_file_location('verify_ledger', sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
for number in range(int(sys.argv[3])):
    data = open(f'{sys.argv[2]}/{number}', 'rb').read()
    try:
        leaves, kinds, notes, total, torn, records = program.verify(data)
        print('intact', len(leaves), total, torn, program.tree_hash(leaves))
    except program.Broken:
        print('broken')
";

/// In the words of the driver.
fn verdict(bytes: &[u8]) -> String {
    match read(bytes, |_| ()) {
        Ok(Reading { verifier, torn_bytes, .. }) => {
            let summary = verifier.summary();
            format!("intact {} {} {torn_bytes} {}", summary.records, summary.bytes, summary.root)
        }
        Err(_) => "broken".to_owned(),
    }
}

#[test]
fn both_verifiers_refuse_the_same_forgeries_and_take_the_same_ledgers() {
    let (forged, intact) = (forgeries::all(), forgeries::intact());
    assert!(forged.len() >= 200, "{} forgeries", forged.len());
    let ours: Vec<String> = forged.iter().chain(&intact).map(|case| verdict(&case.bytes)).collect();
    for (case, verdict) in forged.iter().zip(&ours) {
        assert_eq!(verdict, "broken", "{} was taken", case.name);
    }
    for (case, verdict) in intact.iter().zip(&ours[forged.len()..]) {
        assert!(verdict.starts_with("intact "), "{} was refused", case.name);
    }
    println!("{} forgeries, {} intact ledgers", forged.len(), intact.len());
    let cases: Vec<Case> = forged.into_iter().chain(intact).collect();
    let Some(theirs) = python(&cases) else {
        eprintln!("SKIPPED the comparison with deploy/verify_ledger.py: no python3 here");
        return;
    };
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        assert_eq!(ours, theirs, "{}", case.name);
    }
    assert_eq!(ours.len(), theirs.len());
}

/// The verdicts of the Python program; `None` where there is no Python 3.
fn python(cases: &[Case]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in cases.iter().enumerate() {
        fs::write(folder.path().join(number.to_string()), &case.bytes).unwrap();
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/verify_ledger.py");
    let asked = Command::new("python3")
        .args(["-c", DRIVER])
        .arg(program)
        .arg(folder.path())
        .arg(cases.len().to_string())
        .output();
    let output = match asked {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}
