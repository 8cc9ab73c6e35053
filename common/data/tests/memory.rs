//! Bounded memory: what reading adds to the peak of this process, measured by the kernel. One test, because
//! the peak is the process's. The short form runs on every change; `--ignored` reads 300 MB and writes the
//! throughput (`deploy/long-tests`).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use data::read::{self, Item, ReadOptions};

/// The most resident memory so far, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Writes a file piece by piece until it has `bytes`.
fn write(path: &Path, head: &str, piece: &str, tail: &str, bytes: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(head.as_bytes()).unwrap();
    for _ in 0..bytes.div_ceil(piece.len()) {
        file.write_all(piece.as_bytes()).unwrap();
    }
    file.write_all(tail.as_bytes()).unwrap();
    file.into_inner().unwrap();
}

/// Streams a file; returns records, refusals, and whether it ended with an error.
fn stream(path: &Path) -> (u64, u64, bool) {
    let (mut records, mut refused, mut failed) = (0, 0, false);
    for item in read::open(&[path], &ReadOptions::default()) {
        match item {
            Ok(Item::Record(_)) => records += 1,
            Ok(Item::Refused { .. }) => refused += 1,
            Err(_) => failed = true,
        }
    }
    (records, refused, failed)
}

/// Files of `bytes` each: good ones, and ones in which a single record is nearly all of it.
fn read_all_shapes(bytes: usize) {
    const ALPACA: &str = "{\"instruction\":\"老年人高血压一般如何治疗？\",\"input\":\"68岁，头晕。\",\"output\":\"低盐饮食，规律服药，定期复查血压。\"}";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let count = |piece: usize| bytes.div_ceil(piece) as u64;
    write(&path("warm.jsonl"), "", &format!("{ALPACA}\n"), "", 1 << 20);
    stream(&path("warm.jsonl"));
    let before = peak_kib();
    let line = format!("{ALPACA}\n");
    let element = format!("{ALPACA},\n");
    let row = "老年人高血压一般如何治疗？,\"低盐饮食，\n规律服药。\"\n";
    let huge = |quote: &str| (format!("{{\"text\":{quote}"), format!("{quote}}}\n{line}"));
    let (open, close) = huge("\"");
    #[expect(
        clippy::type_complexity,
        reason = "a table of cases: name, head, piece, tail, and what comes of it"
    )]
    let cases: [(&str, &str, &str, &str, (u64, u64, bool)); 7] = [
        ("lines.jsonl", "", &line, "", (count(line.len()), 0, false)),
        ("array.json", "[", &element, &format!("{ALPACA}]"), (count(element.len()) + 1, 0, false)),
        ("rows.csv", "question,answer\n", row, "", (count(row.len()), 0, false)),
        ("one-line.jsonl", &open, "0123456789", &close, (1, 1, false)),
        ("nested.json", "[", "[[[[[[[[[[", &format!("{ALPACA}]"), (0, 0, true)),
        ("open-quote.csv", "text\n\"", "0123456789", "", (0, 0, true)),
        ("zeros.jsonl", "", "\0\0\0\0\0\0\0\0", "", (0, 1, false)),
    ];
    for (name, head, piece, tail, expected) in cases {
        write(&path(name), head, piece, tail, bytes);
        let started = Instant::now();
        assert_eq!(stream(&path(name)), expected, "{name}");
        let grown = (peak_kib() - before) / 1024;
        let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
        println!("{name}: {} MB, {rate:.0} MB/s, peak {grown} MiB above the start", bytes / 1_000_000);
        // A record of 1 MiB is held as bytes, as JSON, and as fields; buffers are 64 KiB.
        assert!(grown < 16, "{name}: memory grew by {grown} MiB");
        std::fs::remove_file(path(name)).unwrap();
    }
}

#[test]
fn memory_does_not_grow_with_the_file_or_a_record() {
    read_all_shapes(24_000_000);
}

#[test]
#[ignore = "300 MB a file, alone: run by deploy/long-tests"]
fn memory_does_not_grow_with_large_files() {
    read_all_shapes(300_000_000);
}
