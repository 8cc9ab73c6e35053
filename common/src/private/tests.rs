//! What a neighbour on the machine may have planted.

use std::os::unix::fs::symlink;

use super::*;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refused(result: Result<(), PrivateError>, word: &str) {
    match result {
        Err(PrivateError::Refused { reason, .. }) => assert!(reason.contains(word), "{word}: {reason}"),
        other => panic!("{word}: {other:?}"),
    }
}

#[test]
fn a_folder_is_made_for_its_owner_and_never_taken() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("new/state");
    create_folder(&path).unwrap();
    check_tree(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    for planted in [path, root.path().join("link")] {
        let _ = symlink(root.path().join("elsewhere"), root.path().join("link"));
        match create_folder(&planted) {
            Err(PrivateError::Io { source, .. }) => assert_eq!(source.kind(), io::ErrorKind::AlreadyExists),
            other => panic!("{}: {other:?}", planted.display()),
        }
    }
    assert!(!root.path().join("elsewhere").exists());
}

#[test]
fn a_folder_in_which_others_write_is_no_place_for_ours() {
    let root = tempfile::tempdir().unwrap();
    let shared = root.path().join("shared");
    fs::create_dir(&shared).unwrap();
    mode(&shared, 0o777);
    refused(create_folder(&shared.join("state")), "may be written by other users");
    // As /tmp is: others may add to it, and not exchange what is ours.
    mode(&shared, 0o1777);
    create_folder(&shared.join("state")).unwrap();
}

#[test]
fn what_others_may_have_planted_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("state");
    create_folder(&path).unwrap();
    fs::create_dir(path.join("identity")).unwrap();
    fs::write(path.join("identity/key.pem"), "k").unwrap();
    check_tree(&path).unwrap();
    mode(&path, 0o770);
    refused(check_tree(&path), "may be opened by other users");
    mode(&path, 0o700);
    symlink("/etc/passwd", path.join("identity/ca.pem")).unwrap();
    refused(check_tree(&path), "is a link");
    fs::remove_file(path.join("identity/ca.pem")).unwrap();
    symlink(&path, root.path().join("link")).unwrap();
    refused(check_tree(&root.path().join("link")), "is a link or no folder");
    // Only root can give a file away.
    if std::os::unix::fs::chown(path.join("identity/key.pem"), Some(65_534), None).is_ok() {
        refused(check_tree(&path), "belongs to another user");
    }
}

#[test]
fn a_secret_is_read_from_a_private_file_only() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("invitation");
    fs::write(&path, "line\n").unwrap();
    mode(&path, 0o640);
    refused(read_file(&path, 10).map(drop), "may be opened by other users");
    mode(&path, 0o600);
    assert_eq!(read_file(&path, 10).unwrap().as_slice(), b"line\n");
    refused(read_file(&path, 4).map(drop), "too long");
    let link = root.path().join("link");
    symlink(&path, &link).unwrap();
    refused(read_file(&link, 10).map(drop), "is a link");
    refused(read_file(root.path(), 10).map(drop), "is no file");
}

#[test]
fn an_empty_folder_of_ours_is_taken_and_closed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("state");
    fs::create_dir(&path).unwrap();
    mode(&path, 0o755);
    fs::create_dir(path.join("lost+found")).unwrap();
    take_empty_folder(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    fs::write(path.join("file"), "").unwrap();
    refused(take_empty_folder(&path), "not empty");
    symlink(&path, root.path().join("link")).unwrap();
    refused(take_empty_folder(&root.path().join("link")), "is a link");
    fs::remove_file(path.join("file")).unwrap();
    mode(root.path(), 0o777);
    refused(take_empty_folder(&path), "may be written by other users");
    mode(root.path(), 0o700);
    // Only root can give it away.
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
        refused(take_empty_folder(&path), "belongs to another user");
    }
}

#[test]
fn the_owner_of_what_cannot_be_seen_is_named() {
    let root = tempfile::tempdir().unwrap();
    let uid = fs::metadata(root.path()).unwrap().uid();
    let owner = owner_of(&root.path().join("not/there")).unwrap();
    assert!(owner == format!("number {uid}") || !owner.is_empty() && !owner.contains(':'), "{owner}");
    if uid == 0 {
        assert_eq!(owner, "root");
    }
}
