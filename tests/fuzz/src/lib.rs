//! What the fuzz targets share: some bytes read as a file of a kind, and what must hold of the result. Called
//! by `targets/`. Invariants checked: no panic; every record that comes out is whole (its parts name fields,
//! its turns alternate); the report's counts are those of the items; nothing is read behind an error.

pub mod decisions;
pub mod kept;
pub mod messages;

use std::io::Write as _;
use std::path::PathBuf;

use data::read::{self, Item, ReadOptions};
use data::{Body, Part, Role};

/// Where this process writes its inputs: memory, if there is such a folder.
fn input_file(extension: &str) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("consilium-fuzz-{}.{extension}", std::process::id()))
}

/// Reads the bytes as a file with this extension and checks what comes out.
pub fn read_as(extension: &str, bytes: &[u8], options: &ReadOptions) {
    let path = input_file(extension);
    std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("a writable folder");
    let mut reader = read::open(&[&path], options);
    let (mut records, mut refused, mut failed) = (0_u64, 0_u64, false);
    for item in &mut reader {
        assert!(!failed, "something was read behind an error");
        match item {
            Ok(Item::Record(record)) => {
                records += 1;
                check_record(&record);
            }
            Ok(Item::Refused { .. }) => refused += 1,
            Err(error) => {
                failed = true;
                assert!(error.is_user_error(), "{error}");
            }
        }
    }
    let report = &reader.reports()[0];
    assert_eq!((report.records, report.refused_total()), (records, refused));
    assert_eq!(report.formats.values().sum::<u64>(), records);
    assert_eq!(report.complete, !failed);
}

fn check_record(record: &data::Record) {
    let whole = |parts: &[Part]| {
        parts.iter().all(|part| match part {
            Part::Field(index) => *index < record.fields.len(),
            Part::Literal(_) => true,
        })
    };
    match &record.body {
        Body::Text(parts) => assert!(whole(parts) && !record.text_of(parts).trim().is_empty()),
        Body::Conversation(turns) => {
            assert!(turns.iter().all(|turn| whole(&turn.parts)));
            assert_eq!(turns.last().map(|turn| turn.role), Some(Role::Assistant));
            let system = usize::from(turns[0].role == Role::System);
            for (index, turn) in turns[system..].iter().enumerate() {
                assert_eq!(turn.role == Role::Assistant, index % 2 == 1);
                assert!(!record.text_of(&turn.parts).trim().is_empty());
            }
        }
    }
}
