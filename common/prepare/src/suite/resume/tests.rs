//! The file of an evaluation, whole, torn, changed and another's.

use evaluation::judge::{Certainty, Figure, Orders};

use super::*;

fn outcome(number: u32) -> Outcome {
    Outcome {
        right: number.is_multiple_of(2),
        chosen: Some(vec![0, 3]),
        right_by_length: Some(number.is_multiple_of(3)),
        // No short decimal: nothing is rounded on the way.
        certainty: Some(Certainty { confidence: 1.0 / f64::from(number + 3), brier: f64::MIN_POSITIVE }),
        orders: Some(Orders { right: 0.1 + 0.2, stable: true }),
        found: true,
        cut: number == 1,
        credit: Some(-1.0 / 3.0),
        figures: vec![(Figure::RougeL, f64::from(number) / 7.0)],
        kept: vec![true, false],
        answer: Some("胸痛请立即就医。".into()),
    }
}

fn key(what: &str) -> Key {
    let mut key = Key::new();
    key.add(what.as_bytes());
    key
}

fn kept(path: &Path) -> Kept {
    Kept { path: path.to_path_buf(), is_ours: false }
}

fn written(path: &Path, count: u32) {
    resume_file(path).unwrap();
    let mut resume = Resume::open(&kept(path), &key("a"), 10).unwrap();
    (0..count).for_each(|number| resume.note(&outcome(number)).unwrap());
}

fn read(path: &Path) -> Vec<Outcome> {
    resume_file(path).unwrap();
    let mut resume = Resume::open(&kept(path), &key("a"), 10).unwrap();
    std::iter::from_fn(|| resume.take()).collect()
}

#[test]
fn what_was_noted_is_read_to_the_last_bit_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("medqa.resume");
    written(&path, 4);
    assert_eq!(read(&path), (0..4).map(outcome).collect::<Vec<_>>());
    let mut resume = Resume::open(&kept(&path), &key("a"), 10).unwrap();
    assert_eq!(resume.known(), 4);
    while resume.take().is_some() {}
    resume.note(&outcome(4)).unwrap();
    drop(resume);
    assert_eq!(read(&path), (0..5).map(outcome).collect::<Vec<_>>());
    // For its owner alone.
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn wherever_a_crash_or_a_hand_ends_it_what_is_whole_before_counts_and_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("medqa.resume");
    written(&path, 3);
    let whole = std::fs::read(&path).unwrap();
    let mut last = 0;
    for end in MAGIC.len()..=whole.len() {
        std::fs::write(&path, &whole[..end]).unwrap();
        let found = read(&path);
        assert_eq!(found, (0..3).map(outcome).take(found.len()).collect::<Vec<_>>(), "{end}");
        assert!(found.len() >= last, "{end}");
        last = found.len();
        // The torn end is gone: what is noted next is found.
        let mut resume = Resume::open(&kept(&path), &key("a"), 10).unwrap();
        while resume.take().is_some() {}
        resume.note(&outcome(9)).unwrap();
        drop(resume);
        assert_eq!(read(&path).last(), Some(&outcome(9)), "{end}");
    }
    assert_eq!(last, 3);
    for place in HEAD_BYTES..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let found = read(&path);
        assert!(found.len() < 3, "{place}");
        assert_eq!(found, (0..3).map(outcome).take(found.len()).collect::<Vec<_>>(), "{place}");
    }
    // Two outcomes in the other order are none.
    let first = HEAD_BYTES + FRAME_BYTES + codec::encode_local(&outcome(0)).unwrap().len();
    let second = first + FRAME_BYTES + codec::encode_local(&outcome(1)).unwrap().len();
    let swapped =
        [&whole[..HEAD_BYTES], &whole[first..second], &whole[HEAD_BYTES..first], &whole[second..]].concat();
    std::fs::write(&path, swapped).unwrap();
    assert_eq!(read(&path), []);
}

#[test]
fn what_another_evaluation_or_another_program_wrote_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("medqa.resume");
    written(&path, 2);
    let before = std::fs::read(&path).unwrap();
    let error = Resume::open(&kept(&path), &key("b"), 10).err().unwrap();
    assert!(error.to_string().contains("another evaluation") && error.is_user_error(), "{error}");
    assert!(error.hint().unwrap().contains("--resume"));
    let held = Resume::open(&kept(&path), &key("a"), 10).unwrap();
    let error = Resume::open(&kept(&path), &key("a"), 10).err().unwrap().to_string();
    assert!(error.contains("is being written to"), "{error}");
    drop(held);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let ours = Kept { path: path.clone(), is_ours: true };
    assert_eq!(Resume::open(&ours, &key("b"), 10).unwrap().known(), 0, "nobody else can go on from it");
    std::fs::remove_file(&path).unwrap();
    written(&path, 2);
    let other = folder.path().join("agent.toml");
    std::fs::write(&other, "[paths]\n").unwrap();
    assert!(resume_file(&other).unwrap_err().to_string().contains("is no file of an evaluation"));
    let lock = folder.path().join("serve.lock");
    File::create(&lock).unwrap();
    assert!(resume_file(&lock).is_err(), "an empty file is somebody's, too");
    assert!(resume_file(folder.path()).unwrap_err().to_string().contains("no ordinary file"));
    assert_eq!(std::fs::read(&other).unwrap(), b"[paths]\n");
    // An evaluation of fewer questions has another key; more outcomes than it asks are none, anyway.
    assert_eq!(Resume::open(&kept(&path), &key("a"), 1).unwrap().known(), 1);
}
