//! A text as words, for ROUGE. Called by `judge::open`. Chinese has no blanks: the words are those of jieba
//! (`jieba.cut` 0.42.1, with its model for unknown words), which others' figures are counted on; English
//! words come out whole. Invariant: words and sentences are those of `rouge_chinese` 1.0.3 behind
//! `jieba.cut`.

use std::sync::OnceLock;

use jieba_rs::Jieba;

/// The dictionary, unpacked when a first text is cut: some hundred milliseconds, about 100 MB.
static JIEBA: OnceLock<Jieba> = OnceLock::new();

/// What ends a sentence where something follows.
const ENDS: [char; 4] = ['。', '！', '？', '?'];
/// As many full stops as end a sentence, too.
const STOPS: &str = "......";

/// The words of a text, over all its sentences. Of a text that is nothing but white space there are none.
pub(super) fn words(text: &str) -> Vec<String> {
    let cut = JIEBA.get_or_init(Jieba::new).cut(text, true);
    let joined = cut.iter().map(|token| token.word).collect::<Vec<&str>>().join(" ");
    if joined.trim().is_empty() {
        return Vec::new();
    }
    let parted = sentences(&joined);
    let lines = parted.trim_end().split('\n').filter(|line| !line.is_empty());
    // A line of blanks is one word without a letter, as there.
    lines
        .flat_map(|line| {
            line.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The text with a line feed behind each sentence that another text follows.
fn sentences(text: &str) -> String {
    let mut parted = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with(STOPS) { STOPS.len() } else { c.len_utf8() };
        let is_end = length == STOPS.len() || ENDS.contains(&c);
        parted.push_str(&rest[..length]);
        rest = &rest[length..];
        if is_end && rest.chars().next().is_some_and(|next| !matches!(next, '”' | '’')) {
            parted.push('\n');
        }
    }
    parted
}
