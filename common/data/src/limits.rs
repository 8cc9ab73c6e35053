//! Every limit of the data room, with its arithmetic. Used by the readers (outside input) and the screens.
//! Invariant: a limit is far above any honest record and far below what exhausts memory.

/// One raw record (a JSON line, an element, a CSV row, a Parquet row): 1 MiB is about 350,000 Chinese characters.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Points that one request of the overlap check carries: 4,096 x 32 B = 128 KiB up, and about 0.3 s of one core at
/// the coordinator, so that 100 sites at once are still answered within a request's deadline.
pub const OVERLAP_BATCH_POINTS: usize = 4096;
/// Points under one proof. A batch has 16 proofs of 64 B, made and verified on as many cores as there are.
pub const OVERLAP_PROOF_POINTS: usize = 256;
/// The least a site asks: 60 records x 17 features; whoever has fewer cannot be told from whoever has 60.
pub const OVERLAP_POINTS_MIN: u32 = 1024;
/// The most a site may ask in a run: 2^25 points are 1.97 M records x 17 features, 1 GiB up and 1 GiB down.
pub const OVERLAP_POINTS_MAX: u32 = 1 << 25;
/// Entries of a published set: 2^24 are 986,000 held-out records x 17 features, 160 MiB.
pub const OVERLAP_SET_ENTRIES_MAX: usize = 1 << 24;

const _: () = assert!(OVERLAP_BATCH_POINTS.is_multiple_of(OVERLAP_PROOF_POINTS), "a batch is whole proofs");
const _: () = assert!(
    (OVERLAP_POINTS_MIN as usize).is_multiple_of(OVERLAP_PROOF_POINTS),
    "every query is whole proofs"
);
const _: () =
    assert!(OVERLAP_POINTS_MIN.is_power_of_two() && OVERLAP_POINTS_MAX.is_power_of_two(), "padding");
/// All texts of one record, in characters: 131,072 tokens (the longest context of the supported models) at two
/// characters a token. The reference sets no length in characters; its cutoff of 2,048 tokens is applied, and what it
/// takes away counted, after tokenisation.
pub const RECORD_CHARACTERS_MAX: usize = 262_144;
/// Turns of one conversation: 131,072 tokens at 256 tokens a turn.
pub const TURNS_MAX: usize = 512;
/// How far a file is searched for its first byte that is not ASCII. Beyond it the text is taken for UTF-8 (which ASCII is);
/// records that are not are then refused and counted. 16 MiB is read in a few milliseconds.
pub const ENCODING_SEARCH_BYTES_MAX: u64 = 16 << 20;
/// The piece of text from which the encoding is told: 64 KiB are 20,000 Chinese characters.
pub const ENCODING_SAMPLE_BYTES: usize = 64 << 10;
/// Lines kept in a report for each reason of refusal: 100 lines * 21 reasons * 8 bytes a file.
pub const REFUSED_LINES_KEPT: usize = 100;
/// Candidate pairs that are compared: 32 Mi pairs of 8 bytes are 256 MiB (twice that while they are sorted). A million
/// records with 30 % near duplicates make about half a million.
pub const CANDIDATE_PAIRS_MAX: usize = 32 << 20;

/// In a bucket of up to this many records every pair is compared: 496 pairs.
pub const BUCKET_FULL_MAX: usize = 32;

/// In a larger bucket a record is compared with this many of the first and this many of those before it.
pub const BUCKET_NEIGHBOURS: usize = 8;

/// Folds of a cross-validation that a person may ask for; each is a training of its own.
pub const FOLDS_MAX: u32 = 100;

/// Records into copies of which the screen's self-test plants its 200 identifiers: of the longest (1 MiB) 256 MiB.
pub const SELF_TEST_RECORDS: usize = 256;

/// Records that the room screens and hashes together: a few hundred keep all cores busy; of the longest records (1 MiB)
/// they are 512 MiB, of ordinary ones half a megabyte.
pub const ROOM_BATCH_RECORDS: usize = 512;
/// Columns of a CSV or Parquet file: 8 bytes each in the row's buffers, so 80 KB; hospital exports have some hundreds.
pub const COLUMNS_MAX: usize = 10_000;
/// A column mapping file.
pub const MAPPING_BYTES_MAX: u64 = 64 << 10;
/// Turns of a mapping, and pieces of one of its templates.
pub const MAPPING_PARTS_MAX: usize = 1_000;
/// Files of one mixture: each is open at once, and 1,024 is the usual limit of a process.
pub const MIX_FILES_MAX: usize = 1_000;
/// A Parquet footer: 1,000 row groups * 50 columns * 200 bytes is 10 MB.
pub const PARQUET_FOOTER_BYTES_MAX: u64 = 16 << 20;
/// Levels of a Parquet schema: a list of turns takes five; the library builds the schema by recursion.
pub const PARQUET_SCHEMA_DEPTH_MAX: usize = 64;
/// A page's header: some dozen bytes, and twice the longest value where statistics are written into it.
pub const PARQUET_PAGE_HEADER_BYTES_MAX: usize = 1 << 20;
/// One unpacked page: writers aim at 1 MiB; a value is never split, so a page may be as long as its longest value. Each
/// column holds one page and one dictionary.
pub const PARQUET_PAGE_BYTES_MAX: u64 = 64 << 20;
/// Values of a data page, which cost nothing where they are a run: writers aim at 20,000 rows.
pub const PARQUET_PAGE_VALUES_MAX: u64 = 1 << 24;
/// Elements of a list column in a row group, which might all be in one row: 2^23 * 100 bytes is 0.8 GB, the worst that a
/// hostile file can cost; a million conversations of eight turns pass.
pub const PARQUET_REPEATED_VALUES_MAX: u64 = 1 << 23;
/// Unpacked size to file size: text packs to a tenth, a constant column to a thousandth.
pub const PARQUET_RATIO_MAX: u64 = 1_000;
