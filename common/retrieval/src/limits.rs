//! Every bound of the crate, with its arithmetic. Used by all its files and by `site-agent ask` and `serve`.
//! Invariant: memory is the sum of these, about 800 MB where a folder has the most of everything: its text
//! twice while it is cut, 48 MiB each where two bytes of GB18030 become three of UTF-8; 65,536 passages with
//! a name and a heading of at most 1.4 KB, 90 MB; words, 200 MB; places, 270 MB; jieba's dictionary, 100 MB.

/// Documents of a folder: the leaflets and guidelines of a large hospital are some hundreds.
pub const DOCUMENTS_MAX: usize = 2_000;
/// Names of a folder that are looked at, documents or not: ten times that.
pub const ENTRIES_MAX: usize = 20_000;
/// Folders within folders.
pub const FOLDER_DEPTH_MAX: usize = 8;
/// One document: a guideline of 300 pages is 1 MB.
pub const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
/// All that is read, as it lies on the disk, whether it is text or not: 32 guidelines of 1 MB, or 2,000
/// leaflets of eight pages.
pub const ALL_BYTES_MAX: u64 = 32 << 20;
/// Passages: 32 MiB in passages of 400 characters of two bytes are 42,000.
pub const PASSAGES_MAX: usize = 65_536;
/// Different words: a word, where it stands and their room in the table are about 200 bytes, so 200 MB. A
/// large dictionary has 300,000 words.
pub const WORDS_MAX: usize = 1_000_000;
/// Places, of each word one for each passage that has it: one for every two bytes of the text, 8 bytes each
/// and as much again while a list grows, so 270 MB.
pub const PLACES_MAX: usize = 16 << 20;
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
/// to have to fit: one word of six that are as rare.
pub const FIT_SHARE_MIN: f64 = 0.15;

/// What a folder may have. Tests take smaller ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) documents: usize,
    pub(crate) bytes: u64,
    pub(crate) passages: usize,
    pub(crate) words: usize,
    pub(crate) places: usize,
}

impl Bounds {
    /// Those of this file.
    pub(crate) const fn all() -> Self {
        Self {
            entries: ENTRIES_MAX,
            documents: DOCUMENTS_MAX,
            bytes: ALL_BYTES_MAX,
            passages: PASSAGES_MAX,
            words: WORDS_MAX,
            places: PLACES_MAX,
        }
    }
}
