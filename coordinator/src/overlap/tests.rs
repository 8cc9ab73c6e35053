//! Keys as files: private, one for each run, refused when they are not the run's.

use std::os::unix::fs::PermissionsExt as _;

use data::overlap::Query;

use super::*;

fn folder() -> (tempfile::TempDir, StateFolder) {
    let root = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(root.path());
    folder.create().unwrap();
    (root, folder)
}

#[test]
fn a_key_is_private_used_by_its_run_only_and_goes_with_it() {
    let (_root, folder) = folder();
    let (run, other) = (RunId([1; 8]), RunId([2; 8]));
    let path = create_key(&folder, run).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let public = Point(read_key(&path, run).unwrap().public_key().to_bytes());
    let query = Query::new(&[], Zeroizing::new([1; 32])).unwrap();
    let batch = Batch::parse(&query.blinded(0).unwrap()).unwrap();
    assert_eq!(evaluate(&folder, run, public, &batch).unwrap().len(), 1024 * 32 + 4 * 64);
    // A file that was exchanged is noticed here, before a site would.
    std::fs::copy(create_key(&folder, other).unwrap(), &path).unwrap();
    assert!(matches!(evaluate(&folder, run, public, &batch), Err(Error::Config { .. })));
    delete_stray_keys(&folder, &[run].into()).unwrap();
    assert!(path.exists() && !folder.overlap_key(other).exists());
    std::fs::write(&path, b"short").unwrap();
    assert!(matches!(evaluate(&folder, run, public, &batch), Err(Error::Config { .. })));
    delete_key(&folder, run).unwrap();
    delete_key(&folder, run).unwrap();
    assert!(matches!(evaluate(&folder, run, public, &batch), Err(Error::Io { .. })));
}
