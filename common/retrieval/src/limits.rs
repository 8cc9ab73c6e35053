//! Every bound of the crate, with its arithmetic. Used by all its files and by `site-agent ask` and `serve`.
//! Invariant: memory is the sum of these: 32 MiB of text once in the passages; at most one word for every
//! three bytes of it (a Chinese character) and half as many again, because long words are there in parts,
//! too: 16.8 million postings of 8 bytes, 134 MB; and jieba's dictionary, 100 MB.

/// Documents of a folder: the leaflets and guidelines of a large hospital are some hundreds.
pub const DOCUMENTS_MAX: usize = 2_000;
/// Names of a folder that are looked at, documents or not: ten times that.
pub const ENTRIES_MAX: usize = 20_000;
/// Folders within folders.
pub const FOLDER_DEPTH_MAX: usize = 8;
/// One document: a guideline of 300 pages is 1 MB.
pub const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
/// All together, as they lie on the disk: 32 guidelines of that size, or 2,000 leaflets of eight pages.
pub const ALL_BYTES_MAX: u64 = 32 << 20;
/// Passages: 32 MiB in passages of 400 characters of two bytes are 42,000.
pub const PASSAGES_MAX: usize = 65_536;
/// A passage: two paragraphs. Three of them are about 1,500 tokens of Chinese, which leaves room in every
/// context.
pub const PASSAGE_CHARACTERS_MAX: usize = 800;
/// What stands over a passage.
pub const HEADING_CHARACTERS_MAX: usize = 120;
/// A document's name with its folders.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// Passages of a prompt: ten are 8,000 characters.
pub const SOURCES_MAX: usize = 10;
/// Characters of a question that are looked for; the rest is the model's alone. Cutting them takes
/// milliseconds.
pub const QUERY_CHARACTERS_MAX: usize = 4_096;
/// Numbers in an answer that are no sources and are named; an answer can have thousands.
pub const UNKNOWN_CITATIONS_MAX: usize = 10;
/// Numbers within one pair of brackets.
pub const CITED_TOGETHER_MAX: usize = 10;
/// The share of a question's weight (the sum of its words' inverse document frequencies) that a passage has
/// to have to fit: one rare word of seven.
pub const FIT_SHARE_MIN: f64 = 0.15;
