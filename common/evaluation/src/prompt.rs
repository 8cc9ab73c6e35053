//! The words that a model is asked with, letter for letter those of others, so that scores can be compared
//! with published ones. Called by `prepare` for each item. Sources: EleutherAI/lm-evaluation-harness (tasks
//! medqa_4options, medmcqa, pubmedqa, cmmlu, August 2026; examples joined with its `target_delimiter` and
//! `fewshot_delimiter` as these tasks have them: a blank, an empty line) and open-compass/opencompass
//! (`configs/datasets/cmb`). Invariant: pure; the same item gives the same bytes.

use crate::suite::{Item, Prompt, Score, Suite, letter};

/// The prompt of an item. `first` is the option that is shown as A; the others follow in a circle.
///
/// A context of an item whose prompt has no place for it stands in the lines before.
#[must_use]
pub fn text(prompt: Prompt, item: &Item, first: usize) -> String {
    let question = item.question.as_str();
    let context = match prompt {
        Prompt::Pubmedqa => String::new(),
        _ if item.context.is_empty() => String::new(),
        _ => format!("{}\n", item.context),
    };
    let options = |least: usize| {
        let shown = (0..item.options.len()).map(|place| &item.options[(place + first) % item.options.len()]);
        let shown = shown.enumerate().filter(|(_, option)| option.chars().count() > least);
        shown.map(|(place, option)| format!("{}. {option}", letter(place))).collect::<Vec<_>>().join("\n")
    };
    let words = match prompt {
        Prompt::Medqa => format!("Question: {question}\n{}\nAnswer:", options(0)),
        Prompt::Medmcqa => format!("Question: {question}\nChoices:\n{}\nAnswer:", options(0)),
        Prompt::Pubmedqa => format!("Abstract: {}\nQuestion: {question}\nAnswer:", item.context),
        Prompt::Cmmlu => format!("{}\n{}\n答案：", question.trim(), options(0)),
        // OpenCompass leaves out options of one character; equal scores need the same prompt.
        Prompt::Cmb => format!(
            "以下是中国{}中{}考试的一道{}，不需要做任何分析和解释，直接输出答案选项。\n{question}\n{} \n 答案: ",
            item.exam.kind,
            item.exam.class,
            item.exam.question,
            options(1)
        ),
        Prompt::Plain => format!("Question: {question}\nAnswer:"),
        Prompt::PlainZh => format!("问题：{question}\n答案："),
        Prompt::Bare => question.to_owned(),
    };
    context + &words
}

/// What a suite asks: the description, the examples with their answers behind a blank, an empty line after
/// each, and the question. In chat the description is the system's turn, and not here. `first` as in
/// [`text`]; examples stay as they are.
#[must_use]
pub fn asked(suite: &Suite, item: &Item, first: usize) -> String {
    let settings = &suite.settings;
    let mut words = match &settings.description {
        Some(description) if !settings.chat => description.clone(),
        _ => String::new(),
    };
    for example in &suite.examples {
        words += &text(settings.prompt, example, 0);
        // Also in chat, where examples and question are one turn of the user.
        let ways = continuations(example, settings.score, false);
        words += example.gold.first().and_then(|gold| ways.get(*gold)).map_or("", String::as_str);
        words += "\n\n";
    }
    words + &text(settings.prompt, item, first)
}

/// What a model may say behind the prompt, in the order that the prompt shows the options in: letters or
/// whole options, behind a blank where the prompt is no turn of a conversation.
#[must_use]
pub fn continuations(item: &Item, score: Score, chat: bool) -> Vec<String> {
    let delimiter = if chat { "" } else { " " };
    let word = |(index, option): (usize, &String)| match score {
        Score::Options => format!("{delimiter}{option}"),
        _ => format!("{delimiter}{}", letter(index)),
    };
    item.options.iter().enumerate().map(word).collect()
}

/// One text that a model may say behind the prompt, as options are written.
#[must_use]
pub fn continuation(text: &str, chat: bool) -> String {
    if chat { text.to_owned() } else { format!(" {text}") }
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
        let ours = |prompt: Prompt| text(prompt, &item(), 0);
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
            text(Prompt::Cmb, &Item { exam, ..item() }, 0),
            "以下是中国医师考试中执业医师考试的一道单项选择题，不需要做任何分析和解释，直接输出答案选项。\n\
             最常见的病因是？\nA. 高血压\nB. 糖尿病\nD. COPD \n 答案: "
        );
        let article = Item { context: "One.\nTwo.".into(), ..item() };
        assert_eq!(
            text(Prompt::Pubmedqa, &article, 0),
            "Abstract: One.\nTwo.\nQuestion: 最常见的病因是？\nAnswer:"
        );
        assert!(text(Prompt::Medqa, &article, 0).starts_with("One.\nTwo.\nQuestion: "));
    }

    #[test]
    fn options_go_round_and_letters_stay() {
        let turned = text(Prompt::Medqa, &item(), 3);
        assert!(turned.contains("\nA. COPD\nB. 高血压\nC. 糖尿病\nD. 无\n"), "{turned}");
        assert_eq!(continuations(&item(), Score::Letters, false), [" A", " B", " C", " D"]);
        assert_eq!(continuations(&item(), Score::Letters, true), ["A", "B", "C", "D"]);
        assert_eq!(continuations(&item(), Score::Options, false)[3], " COPD");
    }
}
