//! Whether a phrase is denied: "no chest pain", "do not take aspirin", 不必拨打120. Used by `phrase`, by way of
//! `text`. A phrase is closely denied where a word of denial stands before it and between them nothing but
//! blanks, quotes, brackets, and words that carry a denial on (any, take, 服用). A comma ends it, and so does
//! every other word. What is wanted is stricter: any denial earlier in the same clause makes it doubtful
//! ([`Clauses`]). A denial that stands behind its phrase ("aspirin is to be avoided") is not seen: words
//! are no judgement. Invariant: bounded: it looks at the few words before a phrase, at each place once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

/// English words of denial, as they stand after NFKC, in lower case, with a straight apostrophe.
const ENGLISH: &str = "no not never without deny denies denied avoid avoids don't doesn't didn't isn't aren't wasn't \
    can't cannot couldn't shouldn't won't wouldn't needn't mustn't haven't hasn't hadn't neither \
    nor dont unnecessary";
/// English words that deny only before one of these: "stop taking", and not "to make it stop, take".
const ENGLISH_BEFORE: [(&str, &[&str]); 3] =
    [("instead", &["of"]), ("rather", &["than"]), ("stop", &["taking", "using", "giving"])];
/// English words that carry it on.
const ENGLISH_CARRIERS: &str = "any a an the have has had having been be need needs needed to take taking use using give \
    giving go necessary required recommended recommend advise advised of than your you ever feel \
    get yet reason bother";
/// Chinese words of denial; of two that fit the longer.
const CHINESE: &str = "没有 没 无 未 不 不要 不能 不用 不必 不需要 不需 不须 无需 无须 毋须 不应 不该 不宜 不可 不可以 不得 \
    不会 不建议 不推荐 不是 并非 而非 否认 切勿 勿 请勿 避免 禁止 禁用 禁服 别 千万别 请别 甭 莫 用不着";
/// Chinese words that carry it on.
const CHINESE_CARRIERS: &str = "有 任何 明显 出现 感到 再 去 服用 使用 应用 吃 口服 含服 自行 擅自 同时 马上 立即 立刻 直接 \
    随意 及时 尽快 急着 专门 拨 需要 必要 着急 特意 特地";
/// Forms that end in a word of denial and deny nothing.
const NO_DENIAL: &[&str] =
    &["有无", "有没", "何不", "要不", "特别", "分别", "个别", "级别", "区别", "性别", "鉴别", "识别", "类别"];
/// Forms with a word of denial in them that deny nothing of what follows in their clause.
const NO_DENIAL_AHEAD: &[&str] = &[
    "不得不",
    "不适",
    "不舒服",
    "不良",
    "不妨",
    "不仅",
    "不但",
    "不论",
    "不管",
    "无论",
    "不清",
    "叫不醒",
    "止不住",
    "喘不上",
    "喘不过",
    "站不稳",
    "走不动",
    "无力",
    "未成年",
    "阿莫",
    "莫西",
    "莫匹",
    "莫沙",
    "莫昔",
    "莫司",
    "莫地",
];
/// Words that put off what follows them; denied themselves ("don't hesitate to") they do not.
const PUT_OFF: &str = "skip skipping refuse delay delaying postpone hesitate";
/// As there, in Chinese.
const PUT_OFF_CHINESE: &str = "犹豫 迟疑 拖延 耽误 延误 推迟 放弃 拒绝";
/// Bytes before a phrase that are looked at: two denials with their carriers, of up to eleven bytes each.
const WINDOW_BYTES: usize = 160;
/// Words that may stand between a denial and its phrase.
const CARRIED: usize = 4;
/// What parts clauses.
const CLAUSE_MARKS: [char; 7] = [',', '，', ';', '；', ':', '：', '、'];
/// What may stand between a denial and its phrase and says nothing.
const SILENT: [char; 17] = [
    ' ', '"', '\u{201c}', '\u{201d}', '\u{2018}', '«', '»', '「', '」', '『', '』', '(', ')', '[', ']', '【',
    '】',
];

/// The clauses of a sentence, and what is denied in them.
#[derive(Default)]
pub(super) struct Clauses {
    /// Where clauses end, in order.
    marks: Vec<usize>,
    /// Words of denial that count, in order.
    denials: Vec<Range<usize>>,
    /// What [`denies`] said of a place.
    known: RefCell<HashMap<usize, bool>>,
}

impl Clauses {
    /// Of a plain sentence; `is_denied` says that a denial before the sentence reaches into it.
    pub(super) fn new(plain: &str, is_denied: bool) -> Self {
        // "Do not: call" is one clause.
        let ends = |(at, mark): &(usize, &str)| !(is_colon(mark) && denies(&plain[..*at]));
        let marks = plain.match_indices(CLAUSE_MARKS).filter(ends).map(|(at, _)| at).collect();
        let begun = is_denied.then_some(0..0);
        let denials = begun.into_iter().chain(counted(plain)).collect();
        Self { marks, denials, known: RefCell::default() }
    }

    /// Whether what stands at this place is closely denied.
    pub(super) fn denies(&self, plain: &str, at: usize) -> bool {
        *self.known.borrow_mut().entry(at).or_insert_with(|| denies(&plain[..at]))
    }

    /// Whether a denial stands earlier in the clause of this place.
    pub(super) fn doubts(&self, at: usize) -> bool {
        let before = self.denials.partition_point(|denial| denial.end <= at);
        let Some(denial) = before.checked_sub(1).and_then(|last| self.denials.get(last)) else {
            return false;
        };
        let marks = self.marks.partition_point(|mark| *mark < at);
        marks.checked_sub(1).and_then(|last| self.marks.get(last)).is_none_or(|mark| *mark < denial.start)
    }

    /// Up to where a gap that begins here may reach: the clause's end, or a denial.
    pub(super) fn gap_end(&self, at: usize) -> usize {
        let mark = self.marks.get(self.marks.partition_point(|mark| *mark < at)).copied();
        let next = self.denials.get(self.denials.partition_point(|denial| denial.start < at));
        mark.into_iter().chain(next.map(|denial| denial.start)).min().unwrap_or(usize::MAX)
    }
}

fn is_colon(mark: &str) -> bool {
    [":", "："].contains(&mark)
}

/// Whether a sentence ends in a denial of what comes next ("Do not:" and a list).
pub(super) fn ends_denied(plain: &str) -> bool {
    denies(plain.trim_end_matches([' ', ':', '：']))
}

/// The words of denial in a sentence that count: two that follow each other cancel out.
fn counted(plain: &str) -> Vec<Range<usize>> {
    let mut found: Vec<(Range<usize>, bool)> = Vec::new();
    let mut at = 0;
    while let Some(first) = plain[at..].chars().next() {
        let rest = &plain[at..];
        if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, next) = (&rest[..length], next_word(&rest[length..]));
            if is_english(word, next)
                && !asks_why(&plain[..at])
                && !["only", "panic", "forget"].contains(&next)
                || has_word(PUT_OFF, word)
            {
                note(&mut found, plain, at..at + length);
            }
            at += length;
            continue;
        }
        let skipped = NO_DENIAL.iter().chain(NO_DENIAL_AHEAD).find(|form| rest.starts_with(**form));
        let words = CHINESE.split(' ').chain(PUT_OFF_CHINESE.split(' '));
        let denial = words.filter(|word| rest.starts_with(word)).max_by_key(|word| word.len());
        at += match (skipped, denial) {
            (Some(form), _) => form.len(),
            (None, Some(word)) => {
                if !is_question(word, &plain[..at]) {
                    note(&mut found, plain, at..at + word.len());
                }
                word.len()
            }
            (None, None) => first.len_utf8(),
        };
    }
    found.into_iter().filter_map(|(span, counts)| counts.then_some(span)).collect()
}

/// Notes a denial; one that is closely denied counts no more than the one that denies it.
fn note(found: &mut Vec<(Range<usize>, bool)>, plain: &str, span: Range<usize>) {
    let is_denied = denies(&plain[..span.start]);
    if let Some(last) = found.last_mut().filter(|_| is_denied) {
        last.1 = false;
    }
    found.push((span, !is_denied));
}

/// Whether what stands at the end of `before`, the text before a phrase, denies it. A denial that is denied
/// itself ("do not avoid aspirin") is none.
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

fn has_word(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}

/// The first word of a text, silent marks aside.
fn next_word(text: &str) -> &str {
    let text = text.trim_start_matches(SILENT);
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// Whether an English word denies, with the word behind it.
fn is_english(word: &str, next: &str) -> bool {
    has_word(ENGLISH, word)
        || ENGLISH_BEFORE.iter().any(|(denial, before)| *denial == word && before.contains(&next))
}

/// Whether the text ends in "why": "why not" advises.
fn asks_why(before: &str) -> bool {
    let before = before.trim_end_matches(SILENT);
    before.strip_suffix("why").is_some_and(|rest| !rest.ends_with(is_word))
}

/// The text before the word of denial that stands at the end, carriers aside.
fn denial(text: &str) -> Option<&str> {
    let mut before = text.trim_end_matches(SILENT);
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
        } else if is_english(word, next_word(&text[before.len()..])) {
            return (!asks_why(rest)).then_some(rest);
        } else if has_word(ENGLISH_CARRIERS, word) {
            rest
        } else {
            return None;
        }
        .trim_end_matches(SILENT);
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
    (!is_question(word, rest)).then_some(rest)
}

/// Words that end in a character of a denial, and are none of A-not-A with it: 如有需要，不要.
const NO_QUESTION: [&str; 5] = ["需要", "必要", "重要", "主要", "只要"];

/// Whether a Chinese denial asks: 是不是.
fn is_question(word: &str, before: &str) -> bool {
    let denied = word.chars().nth(1);
    let is_of_a_word = NO_QUESTION.iter().any(|form| before.ends_with(form));
    denied.is_some() && before.chars().next_back() == denied && !is_of_a_word
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
            ("如有需要不要", true),
            ("必要时不要", true),
            ("有没有", false),
            ("有无", false),
            ("不得不", false),
            ("受不了了", false),
            ("先别", true),
            ("别服用", true),
            ("甭", true),
            ("用不着", true),
            ("特别", false),
            ("鉴别", false),
            ("要不服用", false),
            ("何不服用", false),
            ("why not take ", false),
            ("to make it stop take ", false),
            ("i would rather take ", false),
            ("instead take ", false),
            ("instead of taking ", true),
            ("rather than ", true),
            ("do not \"", true),
        ] {
            assert_eq!(denies(before), expected, "{before}");
        }
    }

    #[test]
    fn a_denial_makes_the_rest_of_its_clause_doubtful() {
        for (before, expected) in [
            ("don't rush to the ", true),
            ("there is no need to visit the ", true),
            ("i see no reason to ", true),
            ("do not: ", true),
            ("do not wait, ", false),
            ("don't hesitate to ", false),
            ("without delay ", false),
            ("delay going to the ", true),
            ("不要犹豫立即", false),
            ("暂时不要去医院", true),
            ("如有不适请", false),
            ("特别建议", false),
            ("不必担心，", false),
            ("不得不", false),
            ("阿莫西林过敏请", false),
        ] {
            assert_eq!(Clauses::new(before, false).doubts(before.len()), expected, "{before}");
        }
        assert!(Clauses::new("call ", true).doubts(5) && !Clauses::new("rest, call ", true).doubts(11));
    }
}
