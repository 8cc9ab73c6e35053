//! The words that a model is asked with, letter for letter those of others, so that scores can be compared with
//! published ones. Called by `prepare` for each item. Sources: EleutherAI/lm-evaluation-harness (tasks
//! medqa_4options, medmcqa, pubmedqa, cmmlu, zero-shot, August 2026) and open-compass/opencompass
//! (`configs/datasets/cmb`). Invariant: pure; the same item gives the same bytes.

use serde::{Deserialize, Serialize};

use crate::suite::{Item, Score};

/// Which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prompt {
    /// `Question: ...`, the options, `Answer:`.
    Medqa,
    /// The same with a line `Choices:`; of CareQA, too.
    Medmcqa,
    /// `Abstract: ...`, `Question: ...`, `Answer:`, without options.
    Pubmedqa,
    /// The question, the options, `答案：`; of C-Eval, too.
    Cmmlu,
    /// OpenCompass's for CMB: names the examination and asks for letters only.
    Cmb,
    /// `Question: ...`, `Answer:`, without options.
    Plain,
    /// `问题：...`, `答案：`, without options.
    PlainZh,
}

/// A, B, C and so on.
#[must_use]
pub const fn letter(index: usize) -> char {
    (b'A' + (index % 26) as u8) as char
}

impl Prompt {
    /// Whether the options stand in it.
    #[must_use]
    pub const fn lists_options(self) -> bool {
        !matches!(self, Self::Pubmedqa | Self::Plain | Self::PlainZh)
    }

    /// What usually decides with it.
    pub(crate) const fn score(self) -> Score {
        match self {
            Self::Cmb => Score::Generated,
            Self::Medqa | Self::Medmcqa | Self::Cmmlu => Score::Letters,
            Self::Pubmedqa | Self::Plain | Self::PlainZh => Score::Options,
        }
    }

    /// The prompt of an item. `first` is the option that is shown as A; the others follow in a circle.
    ///
    /// A context of an item whose prompt has no place for it stands in the lines before.
    #[must_use]
    pub fn text(self, item: &Item, first: usize) -> String {
        let question = item.question.as_str();
        let context = match self {
            Self::Pubmedqa => String::new(),
            _ if item.context.is_empty() => String::new(),
            _ => format!("{}\n", item.context),
        };
        let options = |least: usize| {
            let shown =
                (0..item.options.len()).map(|place| &item.options[(place + first) % item.options.len()]);
            let shown = shown.enumerate().filter(|(_, option)| option.chars().count() > least);
            shown.map(|(place, option)| format!("{}. {option}", letter(place))).collect::<Vec<_>>().join("\n")
        };
        let words = match self {
            Self::Medqa => format!("Question: {question}\n{}\nAnswer:", options(0)),
            Self::Medmcqa => format!("Question: {question}\nChoices:\n{}\nAnswer:", options(0)),
            Self::Pubmedqa => format!("Abstract: {}\nQuestion: {question}\nAnswer:", item.context),
            Self::Cmmlu => format!("{}\n{}\n答案：", question.trim(), options(0)),
            // OpenCompass leaves out options of one character; equal scores need the same prompt.
            Self::Cmb => format!(
                "以下是中国{}中{}考试的一道{}，不需要做任何分析和解释，直接输出答案选项。\n{question}\n{} \n 答案: ",
                item.exam.kind,
                item.exam.class,
                item.exam.question,
                options(1)
            ),
            Self::Plain => format!("Question: {question}\nAnswer:"),
            Self::PlainZh => format!("问题：{question}\n答案："),
        };
        context + &words
    }
}

/// What a model may say behind the prompt, in the order that the prompt shows the options in: letters or whole
/// options, behind a blank where the prompt is no turn of a conversation.
#[must_use]
pub fn continuations(item: &Item, score: Score, chat: bool) -> Vec<String> {
    let delimiter = if chat { "" } else { " " };
    let word = |(index, option): (usize, &String)| match score {
        Score::Options => format!("{delimiter}{option}"),
        Score::Letters | Score::Generated => format!("{delimiter}{}", letter(index)),
    };
    item.options.iter().enumerate().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Exam;

    fn item() -> Item {
        Item {
            question: "最常见的病因是？".to_owned(),
            options: ["高血压", "糖尿病", "无", "COPD"].map(str::to_owned).to_vec(),
            gold: vec![0],
            ..Item::default()
        }
    }

    #[test]
    fn prompts_are_those_of_the_harness_and_of_opencompass() {
        let ours = |prompt: Prompt| prompt.text(&item(), 0);
        let options = "A. 高血压\nB. 糖尿病\nC. 无\nD. COPD";
        assert_eq!(ours(Prompt::Medqa), format!("Question: 最常见的病因是？\n{options}\nAnswer:"));
        assert_eq!(
            ours(Prompt::Medmcqa),
            format!("Question: 最常见的病因是？\nChoices:\n{options}\nAnswer:")
        );
        assert_eq!(ours(Prompt::Cmmlu), format!("最常见的病因是？\n{options}\n答案："));
        assert_eq!(ours(Prompt::Plain), "Question: 最常见的病因是？\nAnswer:");
        let exam = Exam {
            kind: "医师考试".into(), class: "执业医师".into(), question: "单项选择题".into()
        };
        assert_eq!(
            Prompt::Cmb.text(&Item { exam, ..item() }, 0),
            "以下是中国医师考试中执业医师考试的一道单项选择题，不需要做任何分析和解释，直接输出答案选项。\n\
             最常见的病因是？\nA. 高血压\nB. 糖尿病\nD. COPD \n 答案: "
        );
        let article = Item { context: "One.\nTwo.".into(), ..item() };
        assert_eq!(
            Prompt::Pubmedqa.text(&article, 0),
            "Abstract: One.\nTwo.\nQuestion: 最常见的病因是？\nAnswer:"
        );
        assert!(Prompt::Medqa.text(&article, 0).starts_with("One.\nTwo.\nQuestion: "));
    }

    #[test]
    fn options_go_round_and_letters_stay() {
        let turned = Prompt::Medqa.text(&item(), 3);
        assert!(turned.contains("\nA. COPD\nB. 高血压\nC. 糖尿病\nD. 无\n"), "{turned}");
        assert_eq!(continuations(&item(), Score::Letters, false), [" A", " B", " C", " D"]);
        assert_eq!(continuations(&item(), Score::Letters, true), ["A", "B", "C", "D"]);
        assert_eq!(continuations(&item(), Score::Options, false)[3], " COPD");
    }
}
