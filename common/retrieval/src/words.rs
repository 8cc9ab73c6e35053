//! A text as the words that are looked for. Used by `index`. Invariant: the same text gives the same words,
//! in a question as in a document; words that are in every text are left out.
//!
//! Chinese is cut by jieba (0.42.1's dictionary and its model for unknown words), long words in parts, too
//! (`cut_for_search`): 高血压 is found by 血压. Others are runs of letters and digits, in lower case after
//! NFKC; of English ones plurals lose their ending by the rules of Harman 1991 ("How effective is
//! suffixing?", JASIS 42).

use std::sync::OnceLock;

use jieba_rs::Jieba;
use unicode_normalization::UnicodeNormalization as _;

/// The dictionary, unpacked when a first Chinese text is cut: some hundred milliseconds, about 100 MB.
static JIEBA: OnceLock<Jieba> = OnceLock::new();

const ENGLISH: &str = "a about after all also am an and any are as at be because been before being but by can \
    could did do does doing for from get had has have he her hers him his how i if in into is it its just may \
    me might more most must my no not of off on or our ours out own please shall she should so some such tell \
    than that the their them then there these they this those to too under up us very was we were what when \
    where which while who whom whose why will with would you your yours";

const CHINESE: &str = "的 了 吗 呢 吧 啊 呀 我 你 您 他 她 它 我们 你们 他们 咱们 是 不是 有 没有 和 与 及 或 或者 在 \
    也 都 就 还 又 很 太 更 最 不 没 要 会 能 可以 可能 应该 应当 需要 想 请 请问 什么 怎么 怎样 怎么办 怎么样 如何 哪 哪些 \
    哪个 哪里 多少 几 为什么 为何 是否 有没有 能不能 可不可以 这 那 这个 那个 这些 那些 一个 一下 一些 因为 所以 如果 但是 \
    而 且 并 并且 以及 对 对于 关于 从 到 把 被 给 让 用 为 以 于 之 其 个 上 下 中 里 时 时候 后 前 吃 说 知道 告诉 \
    注意 好 做 办";

fn is_common(word: &str) -> bool {
    static COMMON: OnceLock<std::collections::HashSet<&'static str>> = OnceLock::new();
    COMMON
        .get_or_init(|| ENGLISH.split_whitespace().chain(CHINESE.split_whitespace()).collect())
        .contains(word)
}

/// The words of a text, in order, as often as they stand there.
pub(crate) fn words(text: &str) -> Vec<String> {
    let text: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut words = Vec::new();
    for run in runs(&text) {
        if run.starts_with(is_han) {
            let cut = JIEBA.get_or_init(Jieba::new).cut_for_search(run, true);
            words
                .extend(cut.iter().filter(|token| !is_common(token.word)).map(|token| token.word.to_owned()));
        } else if !is_common(run) {
            words.push(singular(run));
        }
    }
    words
}

fn is_han(sign: char) -> bool {
    matches!(sign, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Runs of Chinese characters, and runs of other letters and digits.
fn runs(text: &str) -> Vec<&str> {
    let kind = |sign: char| match sign {
        _ if is_han(sign) => 2,
        _ if sign.is_alphanumeric() => 1,
        _ => 0,
    };
    let mut runs = Vec::new();
    let (mut start, mut now) = (0, 0);
    for (at, sign) in text.char_indices() {
        if kind(sign) != now {
            if now != 0 {
                runs.push(&text[start..at]);
            }
            (start, now) = (at, kind(sign));
        }
    }
    if now != 0 {
        runs.push(&text[start..]);
    }
    runs
}

/// Harman's three rules; the first whose ending fits is used or not.
fn singular(word: &str) -> String {
    let cut = |count: usize| word.get(..word.len() - count).unwrap_or(word);
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    if word.ends_with("ies") && !word.ends_with("eies") && !word.ends_with("aies") {
        return format!("{}y", cut(3));
    }
    if word.ends_with("es") && !["aes", "ees", "oes"].iter().any(|other| word.ends_with(other)) {
        return cut(1).to_owned();
    }
    if word.ends_with('s') && !word.ends_with("us") && !word.ends_with("ss") {
        return cut(1).to_owned();
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_cut_alike_in_question_and_document() {
        assert_eq!(words("What are the symptoms of Asthma?"), ["symptom", "asthma"]);
        assert_eq!(
            words("Allergies, viruses; COVID-19: 3.5 mg"),
            ["allergy", "viruse", "covid", "19", "3", "5", "mg"]
        );
        assert_eq!(words("请问高血压怎么办？"), ["血压", "高血压"]);
        assert_eq!(words("ＣＯＶＩＤ是什么"), ["covid"]);
        assert!(words("…。 的了吗 is it?").is_empty());
    }
}
