//! An open answer beside its reference. Called by `judge`. What decides is ROUGE-L on words; none of these
//! figures knows what is true, only what is alike.

use unicode_normalization::UnicodeNormalization as _;

use super::figure::Figure;
use super::overlap::{bleu, repeated, rouge_l, rouge_n};
use super::words::words;

/// Words of the groups that are counted for repetition (Welleck and others 2020: rep-4).
const REPEATED_WORDS: usize = 4;

/// All figures of `answer` that its text alone gives. Of an empty answer those of likeness are 0.
pub(super) fn figures(answer: &str, reference: &str) -> Vec<(Figure, f64)> {
    let (answer, reference) = (answer.trim(), reference.trim());
    let (said, wanted) = (words(answer), words(reference));
    let characters = |text: &str| text.chars().collect::<Vec<char>>();
    let (a, r) = (characters(answer), characters(reference));
    vec![
        (Figure::RougeL, rouge_l(&said, &wanted)),
        (Figure::Rouge1, rouge_n(&said, &wanted, 1)),
        (Figure::Rouge2, rouge_n(&said, &wanted, 2)),
        (Figure::RougeLCharacters, rouge_l(&a, &r)),
        (Figure::Bleu4, bleu(&a, &r)),
        (Figure::ExactMatch, f64::from(u8::from(is_same(answer, reference)))),
        (Figure::LengthRatio, a.len() as f64 / r.len().max(1) as f64),
        (Figure::Repetition, repeated(&said, REPEATED_WORDS)),
    ]
}

/// Bits for each character of the reference, of which the log-likelihood is in nats.
pub(super) fn bits_per_character(log_likelihood: f64, reference: &str) -> f64 {
    -log_likelihood / std::f64::consts::LN_2 / reference.chars().count().max(1) as f64
}

/// Whether two texts are one after NFKC, in lower case, without what stands between words and at the end.
fn is_same(answer: &str, reference: &str) -> bool {
    let plain = |text: &str| {
        let text = text.nfkc().collect::<String>().to_lowercase();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.trim_end_matches(['.', '。', '!', '?', ' ']).to_owned()
    };
    let wanted = plain(reference);
    !wanted.is_empty() && plain(answer) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &str, reference: &str, figure: Figure) -> f64 {
        figures(answer, reference).into_iter().find(|(is, _)| *is == figure).unwrap().1
    }

    #[test]
    fn an_answer_is_measured_in_every_way() {
        assert_eq!(of(" １２０！", "120", Figure::ExactMatch), 1.0);
        assert_eq!(of("Yes,  it is", "yes, it is.", Figure::ExactMatch), 1.0);
        assert_eq!(of("", "120", Figure::ExactMatch), 0.0);
        assert_eq!(of("。", "。", Figure::ExactMatch), 0.0, "nothing is like nothing");
        assert_eq!(of("高血压", "高血压病史", Figure::LengthRatio), 0.6);
        // 高 血 压 of 5: P 1, R 3/5.
        assert!((of("高血压", "高血压病史", Figure::RougeLCharacters) - 0.75).abs() < 1e-6);
        assert!((of("a b c d a b c d", "x", Figure::Repetition) - 0.2).abs() < 1e-12, "1 - 4/5");
        for figure in [Figure::Bleu4, Figure::Rouge1, Figure::RougeL, Figure::LengthRatio] {
            assert_eq!(of("", "头痛", figure), 0.0);
        }
    }

    #[test]
    fn bits_are_counted_for_each_character() {
        // Probability 1/16 is four bits, of two characters.
        assert!((bits_per_character(-(16_f64.ln()), "头痛") - 2.0).abs() < 1e-12);
    }
}
