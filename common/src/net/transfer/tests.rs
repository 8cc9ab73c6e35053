//! Transfers that are cut, damaged, repeated and resumed end with the right bytes or a clear error.

use proptest::prelude::*;

use super::*;

const BLOCK: usize = UNSYNCED_BYTES_MAX as usize;

fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn partial(folder: &Path, digest: Digest, total: usize) -> PartialFile {
    match open(folder, digest, total as u64).unwrap() {
        Opened::Partial(file) => file,
        Opened::Complete(path) => panic!("{} is complete", path.display()),
    }
}

fn send(file: &mut PartialFile, bytes: &[u8], until: usize) {
    while (file.next_offset() as usize) < until {
        let from = file.next_offset() as usize;
        let to = until.min(from + CHUNK_BYTES_MAX);
        assert_eq!(file.write(from as u64, &bytes[from..to]).unwrap(), to as u64);
    }
}

#[test]
fn a_file_arrives_in_chunks_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(3 * CHUNK_BYTES_MAX + 17);
    let digest = Digest::of(&bytes);
    let mut file = partial(folder.path(), digest, bytes.len());
    assert_eq!(file.next_offset(), 0);
    send(&mut file, &bytes, bytes.len());
    let path = file.finish().unwrap();
    assert_eq!(path, final_path(folder.path(), digest));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(!part_path(folder.path(), digest).exists());
    assert!(
        matches!(open(folder.path(), digest, bytes.len() as u64).unwrap(), Opened::Complete(found) if found == path)
    );
}

/// What the disk may hold after a crash: every length, before, at and behind a boundary. Each resumes at
/// the last boundary that was passed and completes.
#[test]
fn a_crash_at_any_length_resumes_behind_the_last_synced_boundary() {
    let bytes = content(2 * BLOCK + 1000);
    let digest = Digest::of(&bytes);
    let cases = [
        (0, 0),
        (1, 0),
        (BLOCK - 1, 0),
        (BLOCK, 0),
        (BLOCK + 1, BLOCK),
        (2 * BLOCK, BLOCK),
        (2 * BLOCK + 1, 2 * BLOCK),
        (2 * BLOCK + 1000, 2 * BLOCK),
        (3 * BLOCK, 2 * BLOCK),
    ];
    for (found, kept) in cases {
        let folder = tempfile::tempdir().unwrap();
        // Behind the synced part the disk may hold anything, for example zeros, or more than we wrote.
        let mut left = bytes[..kept].to_vec();
        left.resize(found, 0);
        fs::write(part_path(folder.path(), digest), &left).unwrap();
        let mut file = partial(folder.path(), digest, bytes.len());
        assert_eq!(file.next_offset() as usize, kept, "{found} bytes found");
        send(&mut file, &bytes, bytes.len());
        assert_eq!(fs::read(file.finish().unwrap()).unwrap(), bytes, "{found} bytes found");
    }
}

#[test]
fn wrong_bytes_are_thrown_away_and_the_next_attempt_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(1000);
    let digest = Digest::of(&bytes);
    let mut wrong = bytes.clone();
    wrong[500] ^= 1;
    let mut file = partial(folder.path(), digest, bytes.len());
    send(&mut file, &wrong, bytes.len());
    let error = file.finish().unwrap_err();
    assert!(matches!(error, TransferError::DigestMismatch { expected, .. } if expected == digest));
    assert!(error.is_retryable());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    let mut file = partial(folder.path(), digest, bytes.len());
    assert_eq!(file.next_offset(), 0);
    send(&mut file, &bytes, bytes.len());
    file.finish().unwrap();
}

/// A synced prefix that rotted on the disk: resuming finds out at the end, not silently.
#[test]
fn damage_inside_the_kept_part_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(BLOCK + 10);
    let digest = Digest::of(&bytes);
    let mut damaged = bytes[..BLOCK + 1].to_vec();
    damaged[4096] ^= 0x40;
    fs::write(part_path(folder.path(), digest), &damaged).unwrap();
    let mut file = partial(folder.path(), digest, bytes.len());
    assert_eq!(file.next_offset() as usize, BLOCK);
    send(&mut file, &bytes, bytes.len());
    assert!(matches!(file.finish(), Err(TransferError::DigestMismatch { .. })));
}

#[test]
fn gaps_overruns_and_early_ends_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(100);
    let digest = Digest::of(&bytes);
    let mut file = partial(folder.path(), digest, 100);
    assert!(matches!(file.write(1, &bytes[1..50]), Err(TransferError::Gap { offset: 1, next_offset: 0 })));
    assert!(matches!(file.write(0, &[0; 101]), Err(TransferError::PastEnd { end: 101, total: 100 })));
    assert!(matches!(file.write(u64::MAX, &[0; 2]), Err(TransferError::PastEnd { .. })));
    assert_eq!(file.next_offset(), 0);
    file.write(0, &bytes[..60]).unwrap();
    assert!(matches!(file.finish(), Err(TransferError::Incomplete { next_offset: 60, total: 100 })));
    for total in [0, ADAPTER_BYTES_MAX + 1] {
        assert!(matches!(open(folder.path(), digest, total), Err(TransferError::Size { .. })));
    }
    let vast = open(folder.path(), digest, ADAPTER_BYTES_MAX);
    assert!(vast.is_ok() || matches!(vast, Err(TransferError::StorageFull { .. })));
    assert!(matches!(open(Path::new("/nonexistent"), digest, 1), Err(TransferError::Io { .. })));
}

#[test]
fn a_final_file_of_another_size_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(100);
    let digest = Digest::of(&bytes);
    fs::write(final_path(folder.path(), digest), b"short").unwrap();
    let mut file = partial(folder.path(), digest, 100);
    send(&mut file, &bytes, 100);
    assert_eq!(fs::read(file.finish().unwrap()).unwrap(), bytes);
}

#[test]
fn pieces_are_read_from_any_offset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let bytes = content(CHUNK_BYTES_MAX + 10);
    fs::write(&path, &bytes).unwrap();
    let first = read_piece(&path, 0, usize::MAX).unwrap();
    assert_eq!((first.bytes.len(), first.total), (CHUNK_BYTES_MAX, bytes.len() as u64));
    assert_eq!(read_piece(&path, CHUNK_BYTES_MAX as u64, 100).unwrap().bytes, bytes[CHUNK_BYTES_MAX..]);
    assert!(read_piece(&path, bytes.len() as u64, 100).unwrap().bytes.is_empty());
    let outside = read_piece(&path, bytes.len() as u64 + 1, 100);
    assert!(matches!(outside, Err(TransferError::OutOfRange { .. })));
    assert!(matches!(read_piece(&folder.path().join("none"), 0, 1), Err(TransferError::Io { .. })));
}

#[test]
fn unfinished_transfers_are_collected_but_for_the_live_ones() {
    let folder = tempfile::tempdir().unwrap();
    let digests = [Digest([1; 32]), Digest([2; 32]), Digest([3; 32])];
    for digest in digests {
        partial(folder.path(), digest, 10);
    }
    fs::write(folder.path().join("notes.part"), b"not ours").unwrap();
    assert_eq!(discard_parts(folder.path(), |digest| digest == digests[1]).unwrap(), 2);
    assert!(part_path(folder.path(), digests[1]).exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    discard(folder.path(), digests[0]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Chunks of any size, repeated and overlapping, with the file reopened in between.
    #[test]
    fn any_schedule_of_chunks_gives_the_file(
        length in 1_usize..5000,
        steps in proptest::collection::vec((1_usize..700, 0_usize..300, proptest::bool::weighted(0.1)), 1..60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let bytes = content(length);
        let digest = Digest::of(&bytes);
        let mut file = partial(folder.path(), digest, length);
        for (size, back, reopen) in steps {
            if reopen {
                drop(file);
                file = partial(folder.path(), digest, length);
            }
            let from = (file.next_offset() as usize).saturating_sub(back);
            let to = length.min(from + size);
            let expected = (to as u64).max(file.next_offset());
            prop_assert_eq!(file.write(from as u64, &bytes[from..to]).unwrap(), expected);
        }
        send(&mut file, &bytes, length);
        prop_assert_eq!(fs::read(file.finish().unwrap()).unwrap(), bytes);
    }
}
