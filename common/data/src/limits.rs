//! Every bound of the data room, with its arithmetic. Used by the readers (outside input), `validate`,
//! `dedup`, `split`, `screen`, `overlap` and `room`, by the site agent and by the coordinator. Invariant: a
//! bound is far above any honest record and far below what exhausts memory.

/// One raw record (a JSON line, an element, a CSV row, a Parquet row): 1 MiB is about 350,000 Chinese
/// characters.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// All texts of one record, in characters: 131,072 tokens (the longest context of the supported models) at
/// two characters a token. The reference sets no length in characters; its cutoff of 2,048 tokens is applied,
/// and what it takes away counted, after tokenisation.
pub const RECORD_CHARACTERS_MAX: usize = 262_144;
/// Turns of one conversation: 131,072 tokens at 256 tokens a turn.
pub const TURNS_MAX: usize = 512;
/// How far a file is searched for its first byte that is not ASCII. Beyond it the text is taken for UTF-8
/// (which ASCII is); records that are not are then refused and counted. 16 MiB is read in a few milliseconds.
pub const ENCODING_SEARCH_BYTES_MAX: u64 = 16 << 20;
/// Lines kept in a report for each reason of refusal: 100 lines * 31 reasons * 8 bytes a file.
pub const REFUSED_LINES_MAX: usize = 100;
/// Names of unused fields kept in a report: published layouts have some dozens of columns; 100 names of
/// [`FIELD_NAME_BYTES_MAX`] are 12 KB a file. Records with fields beyond are counted together.
pub const UNUSED_FIELDS_MAX: usize = 100;
/// A field that is not trained on is named if so many records have it: columns are in most records, and a
/// patient's name that somebody made a key is in the records of that patient.
pub const FIELD_RECORDS_MIN: u64 = 5;
/// And at least one record in so many: a twentieth of a file is far more than one patient.
pub const FIELD_ONE_IN_MAX: u64 = 20;
/// The name of an unused field as a report shows it; a longer one is cut. Column names are far shorter.
pub const FIELD_NAME_BYTES_MAX: usize = 120;
/// How much of a JSON file is looked at to tell its layout: one raw record of the longest.
pub const JSON_LAYOUT_BYTES_MAX: usize = RECORD_BYTES_MAX;
/// Candidate pairs that are compared: 32 Mi pairs of 8 bytes are 256 MiB (twice that while they are sorted).
/// A million records with 30 % near duplicates make about half a million.
pub const CANDIDATE_PAIRS_MAX: usize = 32 << 20;
/// In a bucket of up to this many records every pair is compared: 496 pairs.
pub const BUCKET_FULL_MAX: usize = 32;
/// In a larger bucket a record is compared with this many of the first and this many of those before it.
pub const BUCKET_NEIGHBOURS_MAX: usize = 8;

/// Folds of a cross-validation that a person may ask for; each is a training of its own.
pub const FOLDS_MAX: u32 = 100;

/// Records into copies of which the screen's self-test plants its 200 identifiers: of the longest (1 MiB) 256
/// MiB.
pub const SELF_TEST_RECORDS_MAX: usize = 256;

/// Records that the room screens and hashes together: a few hundred keep all cores busy; of the longest
/// records (1 MiB) they are 512 MiB, of ordinary ones half a megabyte.
pub const ROOM_BATCH_RECORDS_MAX: usize = 512;
/// Columns of a CSV or Parquet file: 8 bytes each in the row's buffers, so 80 KB; hospital exports have some
/// hundreds.
pub const COLUMNS_MAX: usize = 10_000;
/// A column mapping file: a thousand lines of 64 bytes.
pub const MAPPING_BYTES_MAX: u64 = 64 << 10;
/// Turns of a mapping, and pieces of one of its templates: more than fit into a mapping file of usual lines.
pub const MAPPING_PARTS_MAX: usize = 1_000;
/// Files of one mixture: each is open at once, and 1,024 is the usual limit of a process.
pub const MIX_FILES_MAX: usize = 1_000;
/// A Parquet footer: 1,000 row groups * 50 columns * 200 bytes is 10 MB.
pub const PARQUET_FOOTER_BYTES_MAX: u64 = 16 << 20;
/// Levels of a Parquet schema: a list of turns takes five; the library builds the schema by recursion.
pub const PARQUET_SCHEMA_DEPTH_MAX: usize = 64;
/// A page's header: some dozen bytes, and twice the longest value where statistics are written into it.
pub const PARQUET_PAGE_HEADER_BYTES_MAX: usize = 1 << 20;
/// One unpacked page: writers aim at 1 MiB; a value is never split, so a page may be as long as its longest
/// value. Each column holds one page and one dictionary.
pub const PARQUET_PAGE_BYTES_MAX: u64 = 64 << 20;
/// Values of a data page, which cost nothing where they are a run: writers aim at 20,000 rows.
pub const PARQUET_PAGE_VALUES_MAX: u64 = 1 << 24;
/// Elements of a list column in a row group, which might all be in one row: 2^23 * 100 bytes is 0.8 GB, the
/// worst that a hostile file can cost; a million conversations of eight turns pass.
pub const PARQUET_REPEATED_VALUES_MAX: u64 = 1 << 23;
/// Structs and lists within each other in a Parquet footer or page header: those of the format are fewer than
/// ten deep; the walk is a recursion.
pub const PARQUET_NESTING_MAX: u8 = 32;
/// Unpacked size to file size: text packs to a tenth, a constant column to a thousandth.
pub const PARQUET_RATIO_MAX: u64 = 1_000;

/// Digits of a number that the screen joins over separators: the longest that any detector wants is a bank
/// card's.
pub const NUMBER_DIGITS_MAX: usize = 19;
/// Bytes between two runs of digits of one number: blanks, a hyphen, a line break and the indent after it.
pub const NUMBER_GAP_BYTES_MAX: usize = 8;
/// Bytes of one character with its combining marks, before they are normalised: text has a few marks on a
/// character, 64 bytes hold thirty.
pub const CLUSTER_BYTES_MAX: usize = 64;
/// How far behind a label its value may begin, in bytes: a word such as `number`, a colon, blanks, a line
/// break.
pub const LABEL_REACH_BYTES_MAX: usize = 32;
/// Words of a street's name between the house number and the street word (`12 Martin Luther King Jr Blvd`).
pub const STREET_WORDS_MAX: usize = 4;
/// Speakers of a chat whose names at the beginning of its lines the screen keeps: more than talk in one note.
/// Each line is compared with as many short words.
pub const SPEAKERS_MAX: usize = 16;
/// Columns of a table whose headings the screen reads for columns of names: more than a list of a ward has. A
/// line with more cells is read up to there.
pub const TABLE_COLUMNS_MAX: usize = 32;
/// Names that the screen's self-test must find, in percent: the rules for names go by context and miss some.
/// Of the validated kinds everything must be found.
pub const SELF_TEST_NAMES_PERCENT_MIN: usize = 95;

/// The reason of a waiver, in characters: a sentence or two.
pub const WAIVER_REASON_CHARACTERS_MAX: usize = 500;
/// Single findings of a waiver; beyond this a kind is meant. 10,000 x 150 bytes are 1.5 MB of JSON.
pub const WAIVER_FINDINGS_MAX: usize = 10_000;
/// The file of a waiver: [`WAIVER_FINDINGS_MAX`] findings and room to spare.
pub const WAIVER_BYTES_MAX: u64 = 4 << 20;

/// The least a site asks: 60 records x 17 features; whoever has fewer cannot be told from whoever has 60.
pub const OVERLAP_POINTS_MIN: u32 = 1024;
/// The most a site may ask in a run: 2^25 points are 1.97 M records x 17 features, 1 GiB up and 1 GiB down.
pub const OVERLAP_POINTS_MAX: u32 = 1 << 25;
/// Entries of a published set: 2^24 are 986,000 held-out records x 17 features, 160 MiB.
pub const OVERLAP_SET_ENTRIES_MAX: usize = 1 << 24;
/// The file of a published set, checked before it is read into memory: a header of 20 bytes and all entries
/// of 10.
pub const OVERLAP_SET_BYTES_MAX: u64 = 20 + 10 * OVERLAP_SET_ENTRIES_MAX as u64;
/// A record is too close when so many of its 16 band keys are in the held-out set. 3 of 16 find half of the
/// pairs at a Jaccard similarity of 0.8 and 99 % at 0.9, and 6 % at 0.7 (see `overlap/features.rs`).
pub const OVERLAP_BAND_HITS_MIN: usize = 3;
/// Names of one record whose other places the screen looks for, the first ones that it found: more than a
/// note holds, but a record of 1 MiB may hold more. Each place of a text is compared with those that begin
/// alike.
pub const NAMES_AGAIN_MAX: usize = 256;

/// Departments that the adviser speaks of one by one, the largest: three lines of a terminal each. A column
/// of diseases may have thousands, of which it counts the small ones.
pub const ADVICE_DEPARTMENTS_MAX: usize = 12;
