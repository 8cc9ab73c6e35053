//! Whether a phrase is denied: "no chest pain", "do not take aspirin", 不必拨打120. Used by `phrase`. A phrase
//! is denied where a word of denial stands before it and between them nothing but blanks and words that
//! carry a denial on (any, take, 服用). A comma ends it, and so does every other word: "do not wait, call 911"
//! and "don't hesitate to call 911" deny nothing. A denial that stands behind its phrase ("aspirin is to be
//! avoided") is not seen: words are no judgement. Invariant: bounded: it looks at the few words before a
//! phrase.

/// English words of denial, as they stand after NFKC, in lower case, with a straight apostrophe.
const ENGLISH: &str = "no not never without deny denies denied avoid avoids don't doesn't didn't isn't aren't wasn't \
    can't cannot couldn't shouldn't won't wouldn't needn't mustn't haven't hasn't hadn't neither \
    nor dont instead rather stop unnecessary";
/// English words that carry it on.
const ENGLISH_CARRIERS: &str = "any a an the have has had having been be need needs needed to take taking use using give \
    giving go necessary required recommended recommend advise advised of than your you ever feel \
    get yet reason bother";
/// Chinese words of denial; of two that fit the longer.
const CHINESE: &str = "没有 没 无 未 不 不要 不能 不用 不必 不需要 不需 无需 无须 不应 不该 不宜 不可 不可以 不得 不建议 \
    不推荐 不是 并非 而非 否认 切勿 勿 请勿 避免 禁止 禁用 禁服 千万别 请别";
/// Chinese words that carry it on.
const CHINESE_CARRIERS: &str = "有 任何 明显 出现 感到 再 去 服用 使用 应用 自行 擅自 同时 马上 立即 立刻 直接 随意 及时 尽快 急着 \
    专门 拨 需要 必要 着急 特意 特地";
/// Forms that end in a word of denial and deny nothing.
const NO_DENIAL: &[&str] = &["有无", "有没"];
/// Bytes before a phrase that are looked at: two denials with their carriers, of up to eleven bytes each.
const WINDOW_BYTES: usize = 160;
/// Words that may stand between a denial and its phrase.
const CARRIED: usize = 4;

/// Whether what stands at the end of `before`, the text before a phrase, denies it. A denial that is denied
/// itself ("do not stop aspirin") is none.
pub(super) fn denies(before: &str) -> bool {
    denial(window(before)).is_some_and(|rest| denial(rest).is_none())
}

/// The end of a text, in bytes that hold every denial and its carriers.
fn window(before: &str) -> &str {
    let start = before.floor_char_boundary(before.len().saturating_sub(WINDOW_BYTES));
    let end = &before[start..];
    // A word that was cut is another word.
    if start == 0 { end } else { end.trim_start_matches(is_word) }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '\''
}

/// The text before the word of denial that stands at the end, carriers aside.
fn denial(before: &str) -> Option<&str> {
    let mut before = before.trim_end_matches(' ');
    for _ in 0..=CARRIED {
        let word = before.rfind(|c| !is_word(c)).map_or(before, |at| {
            let behind = at + before[at..].chars().next().map_or(1, char::len_utf8);
            &before[behind..]
        });
        let rest = before.strip_suffix(word)?;
        before = if word.is_empty() {
            if let Some(rest) = chinese_denial(before) {
                return Some(rest);
            }
            let carried = CHINESE_CARRIERS.split(' ').filter_map(|carrier| before.strip_suffix(carrier));
            carried.min_by_key(|rest| rest.len())?
        } else if ENGLISH.split(' ').any(|denial| denial == word) {
            return Some(rest);
        } else if ENGLISH_CARRIERS.split(' ').any(|carrier| carrier == word) {
            rest
        } else {
            return None;
        }
        .trim_end_matches(' ');
    }
    None
}

/// The text before a Chinese denial at the end that is no question of the form A-not-A (是不是, 有没有).
fn chinese_denial(before: &str) -> Option<&str> {
    if NO_DENIAL.iter().any(|form| before.ends_with(form)) {
        return None;
    }
    let found = CHINESE.split(' ').filter_map(|word| Some((word, before.strip_suffix(word)?)));
    let (word, rest) = found.min_by_key(|(_, rest)| rest.len())?;
    let denied = word.chars().nth(1);
    let is_question = denied.is_some() && rest.chars().next_back() == denied;
    (!is_question).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_reaches_its_phrase_over_a_few_words_and_no_comma() {
        for (before, expected) in [
            ("i have no ", true),
            ("i do not have any ", true),
            ("you don't need to ", true),
            ("there is no need to ", true),
            ("it is not necessary to ", true),
            ("avoid taking ", true),
            ("do not wait, ", false),
            ("don't hesitate to ", false),
            ("i don't know why i have ", false),
            ("not only ", false),
            ("do not stop ", false),
            ("it is not without ", false),
            ("stop taking ", true),
            ("it is unnecessary to ", true),
            ("there is no reason to ", true),
            ("没有必要", true),
            ("不用着急", true),
            ("the knot ", false),
            ("", false),
            ("患者否认", true),
            ("不必", true),
            ("不需要马上", true),
            ("没有任何", true),
            ("请勿自行服用", true),
            ("不建议使用", true),
            ("没睡好", false),
            ("不要犹豫，", false),
            ("我是不是", false),
            ("要不要", false),
            ("有没有", false),
            ("有无", false),
            ("不得不", false),
            ("受不了了", false),
        ] {
            assert_eq!(denies(before), expected, "{before}");
        }
    }
}
