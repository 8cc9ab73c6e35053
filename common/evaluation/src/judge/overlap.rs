//! How much of a reference an answer repeats: BLEU and ROUGE, as LLaMA-Factory's evaluation computes them, so
//! that figures can be compared. Called by `judge::open`. Sources: `sentence_bleu` of nltk with
//! `SmoothingFunction().method3` (Papineni and others 2002; Chen and Cherry 2014) on characters;
//! `rouge_chinese` 1.0.3 (Lin 2004) on words, n-grams as sets. Invariant: every value is from 0 to 1.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Orders of n-grams in BLEU, of equal weight.
const ORDERS: usize = 4;
/// What keeps rouge's F from a division by 0.
const TINY: f64 = 1e-8;

fn counts<T: Eq + Hash>(tokens: &[T], n: usize) -> HashMap<&[T], u64> {
    let mut counts = HashMap::new();
    for gram in tokens.windows(n) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

/// BLEU-4 of one sentence with method 3: of the orders without a match the first counts 1/2, the next 1/4 and
/// so on. 0 without a common character.
pub(super) fn bleu(answer: &[char], reference: &[char]) -> f64 {
    let (mut logs, mut without) = (0.0, 1.0);
    for n in 1..=ORDERS {
        let (said, wanted) = (counts(answer, n), counts(reference, n));
        let matched: u64 =
            said.iter().map(|(gram, count)| (*count).min(wanted.get(gram).copied().unwrap_or(0))).sum();
        if matched == 0 && n == 1 {
            return 0.0;
        }
        let all = answer.len().saturating_sub(n - 1).max(1) as f64;
        let mut matched = matched as f64;
        if matched == 0.0 {
            without /= 2.0;
            matched = without;
        }
        logs += (matched / all).ln();
    }
    let (said, wanted) = (answer.len() as f64, reference.len() as f64);
    let brevity = if said > wanted { 0.0 } else { 1.0 - wanted / said };
    (brevity + logs / ORDERS as f64).exp()
}

/// The F value of ROUGE-n: n-grams as sets.
pub(super) fn rouge_n<T: Eq + Hash>(answer: &[T], reference: &[T], n: usize) -> f64 {
    let set = |tokens| -> HashSet<&[T]> { <[T]>::windows(tokens, n).collect() };
    let (said, wanted) = (set(answer), set(reference));
    f(said.intersection(&wanted).count(), said.len(), wanted.len())
}

/// The F value of ROUGE-L: the longest common subsequence.
pub(super) fn rouge_l<T: Eq>(answer: &[T], reference: &[T]) -> f64 {
    f(common(answer, reference), answer.len(), reference.len())
}

fn f(both: usize, said: usize, wanted: usize) -> f64 {
    let share = |of: usize| if of == 0 { 0.0 } else { both as f64 / of as f64 };
    let (precision, recall) = (share(said), share(wanted));
    2.0 * (precision * recall / (precision + recall + TINY))
}

/// The length of the longest common subsequence; memory for one row of the table.
fn common<T: Eq>(a: &[T], b: &[T]) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for x in a {
        let mut before = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { before + 1 } else { above.max(row[at]) };
            before = above;
        }
    }
    row[b.len()]
}

/// The share of the n-grams that were there before: 1 less different ones by all. 0 where there is none.
pub(super) fn repeated<T: Eq + Hash>(tokens: &[T], n: usize) -> f64 {
    let all = tokens.len().saturating_sub(n - 1);
    if all == 0 { 0.0 } else { 1.0 - counts(tokens, n).len() as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::words::words;
    use super::*;

    /// Answer, reference, ROUGE-1, -2, -L and BLEU-4 by a hundred: computed with jieba 0.42.1, rouge_chinese
    /// 1.0.3 and nltk 3.10.4.
    const VECTORS: [(&str, &str, [f64; 4]); 11] = [
        ("患者有高血压病史十年。", "患者高血压病史10年。", [66.6667, 20.0000, 66.6667, 44.9733]),
        ("建议口服阿司匹林", "建议口服阿司匹林", [100.0000, 100.0000, 100.0000, 100.0000]),
        ("头痛", "患者出现头痛伴恶心呕吐三天", [25.0000, 0.0000, 25.0000, 0.2430]),
        ("The patient has fever", "The patient had a fever", [66.6667, 28.5714, 66.6667, 78.6969]),
        (
            "请立即拨打120。保持平卧，不要自行服药！等待急救人员。",
            "立即拨打120急救电话。平卧休息，等待急救，不要自行用药。",
            [71.4286, 33.3333, 56.2500, 43.6508],
        ),
        (
            "Take 5.5 mg twice a day. Call your doctor... if it hurts.",
            "Take 5 mg two times a day. Call the doctor if it hurts!",
            [68.9655, 35.7143, 66.6667, 68.3800],
        ),
        (
            "冠状动脉粥样硬化性心脏病，ACEI类药物如贝那普利10mg qd。",
            "冠心病，予贝那普利 10mg 每日一次（ACEI）。",
            [43.4783, 9.5238, 34.7826, 27.4106],
        ),
        ("血糖\n偏高", "血糖 偏高。", [80.0000, 66.6667, 80.0000, 24.7369]),
        ("a", "b", [0.0000, 0.0000, 0.0000, 0.0000]),
        ("……可能是肺炎？", "可能是肺炎。", [66.6667, 50.0000, 60.0000, 51.6973]),
        ("高高高高高高", "高血压高血压", [0.0000, 0.0000, 0.0000, 9.6524]),
    ];

    #[test]
    fn figures_are_those_of_rouge_chinese_and_nltk_to_four_decimals() {
        for (answer, reference, expected) in VECTORS {
            let (a, r) = (words(answer), words(reference));
            let characters = |text: &str| text.chars().collect::<Vec<char>>();
            let found = [
                rouge_n(&a, &r, 1),
                rouge_n(&a, &r, 2),
                rouge_l(&a, &r),
                bleu(&characters(answer), &characters(reference)),
            ];
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((100.0 * found - expected).abs() < 6e-5, "{answer}: {found} {expected}: {a:?} {r:?}");
            }
        }
    }

    #[test]
    fn what_is_said_again_is_counted() {
        assert_eq!(repeated(&["a", "b", "a", "b", "a", "b"], 2), 1.0 - 2.0 / 5.0);
        assert_eq!(repeated(&["a", "b"], 4), 0.0);
        assert_eq!(repeated::<char>(&[], 1), 0.0);
    }

    proptest! {
        #[test]
        fn any_texts_give_shares(answer in "\\PC{0,60}", reference in "\\PC{0,60}") {
            let (a, r): (Vec<char>, Vec<char>) = (answer.chars().collect(), reference.chars().collect());
            for value in [bleu(&a, &r), rouge_n(&a, &r, 2), rouge_l(&a, &r), repeated(&a, 4)] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{value}");
            }
            prop_assert!((rouge_l(&a, &a) - f64::from(u8::from(!a.is_empty()))).abs() < 1e-6);
        }
    }
}
