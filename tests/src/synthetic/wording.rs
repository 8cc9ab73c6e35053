//! How a fact becomes a question and an answer: six kinds of question in two languages, several wordings
//! each, with or without a patient. Used by `records`. Invariant: everything a doctor would have to look up
//! comes from the fact.

use super::facts::{Fact, Words};
use super::people;
use super::sampler::Sampler;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Symptom,
    Test,
    Treatment,
    Advice,
    Warning,
    Diagnosis,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Symptom, Self::Test, Self::Treatment, Self::Advice, Self::Warning, Self::Diagnosis];
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub instruction: String,
    /// The patient, or empty.
    pub input: String,
    pub output: String,
    /// What is asked for.
    pub kind: Kind,
    /// What a right answer has to name: the words of the fact that is asked for.
    pub truth: String,
}

/// Words in one of the wordings; `{}` in the order condition, symptom, test, treatment, advice, warning by
/// name.
fn fill(wording: &str, words: &Words) -> String {
    wording
        .replace("{condition}", &words.condition)
        .replace("{symptom}", &words.symptom)
        .replace("{test}", &words.test)
        .replace("{treatment}", &words.treatment)
        .replace("{advice}", &words.advice)
        .replace("{warning}", &words.warning)
}

/// The wordings of (questions, answers) in Chinese.
fn chinese(kind: Kind) -> ([&'static str; 3], [&'static str; 2]) {
    match kind {
        Kind::Symptom => (
            ["{condition}有哪些症状？", "{condition}一般有什么表现？", "怎么知道是不是得了{condition}？"],
            [
                "{condition}常见的表现是{symptom}。",
                "典型表现是{symptom}，可以做{test}确认是不是{condition}。",
            ],
        ),
        Kind::Test => (
            ["怀疑{condition}要做什么检查？", "{condition}需要查什么？", "确诊{condition}靠什么检查？"],
            ["怀疑{condition}时，一般先做{test}。", "建议做{test}，由医生结合症状判断是不是{condition}。"],
        ),
        Kind::Treatment => (
            ["{condition}怎么治疗？", "得了{condition}用什么办法治？", "{condition}现在有哪些治疗？"],
            [
                "{condition}常用的治疗是{treatment}，请在医生指导下进行。",
                "一般采用{treatment}，同时注意：{advice}。",
            ],
        ),
        Kind::Advice => (
            [
                "{condition}患者平时要注意什么？",
                "{condition}在家怎么护理？",
                "得了{condition}生活上有什么要求？",
            ],
            ["平时要注意：{advice}。", "建议{advice}，并定期复查。"],
        ),
        Kind::Warning => (
            [
                "{condition}什么情况要马上去医院？",
                "{condition}有哪些危险信号？",
                "{condition}出现什么要立即就医？",
            ],
            ["如果出现{warning}，请立即就医。", "危险信号是{warning}，一旦出现要马上去医院。"],
        ),
        Kind::Diagnosis => (
            ["{symptom}，可能是什么病？", "出现{symptom}是怎么回事？", "最近{symptom}，要看什么？"],
            ["这些表现提示可能是{condition}，建议做{test}。", "要考虑{condition}，请先做{test}再决定治疗。"],
        ),
    }
}

/// The wordings of (questions, answers) in English.
fn english(kind: Kind) -> ([&'static str; 3], [&'static str; 2]) {
    match kind {
        Kind::Symptom => (
            [
                "What are the symptoms of {condition}?",
                "How does {condition} show itself?",
                "How do I recognise {condition}?",
            ],
            [
                "Common signs of {condition} are {symptom}.",
                "Typical signs are {symptom}; {test} can confirm {condition}.",
            ],
        ),
        Kind::Test => (
            [
                "Which tests are needed for {condition}?",
                "How is {condition} diagnosed?",
                "What should be checked for {condition}?",
            ],
            [
                "For suspected {condition} we usually begin with {test}.",
                "The doctor will order {test} to look for {condition}.",
            ],
        ),
        Kind::Treatment => (
            [
                "How is {condition} treated?",
                "What helps against {condition}?",
                "Which treatment is there for {condition}?",
            ],
            [
                "The usual treatment of {condition} is {treatment}.",
                "Usually {treatment}; it also helps to {advice}.",
            ],
        ),
        Kind::Advice => (
            [
                "What should people with {condition} do at home?",
                "How can one live well with {condition}?",
                "Any daily advice for {condition}?",
            ],
            ["Every day, remember: {advice}.", "With {condition} it is important: {advice}."],
        ),
        Kind::Warning => (
            [
                "When is {condition} an emergency?",
                "What are the danger signs of {condition}?",
                "When must I go to hospital with {condition}?",
            ],
            [
                "Go to hospital at once in case of {warning}.",
                "The danger sign is {warning}; call for help at once.",
            ],
        ),
        Kind::Diagnosis => (
            [
                "There is {symptom}. What could it be?",
                "What causes {symptom}?",
                "Which illness gives {symptom}?",
            ],
            [
                "This could be {condition}; {test} would show it.",
                "Think of {condition}, and begin with {test}.",
            ],
        ),
    }
}

const CHINESE_HISTORY: [&str; 5] = ["去年确诊", "上个月体检发现", "已经三年了", "最近两周加重", "刚刚出院"];
const ENGLISH_HISTORY: [&str; 5] = [
    "was diagnosed last year",
    "heard of it at a check-up last month",
    "has had it for three years",
    "has felt worse for two weeks",
    "has just left hospital",
];

/// One exchange on a fact; three in five speak of a patient, whom the answer then wishes well.
pub fn exchange(fact: &Fact, kind: Kind, in_chinese: bool, sampler: &mut Sampler) -> Exchange {
    let words = if in_chinese { &fact.chinese } else { &fact.english };
    let (questions, answers) = if in_chinese { chinese(kind) } else { english(kind) };
    let instruction = capitalised(&fill(sampler.pick::<&str>(&questions), words));
    let mut output = capitalised(&fill(sampler.pick::<&str>(&answers), words));
    let mut input = String::new();
    // A patient's history would contradict a question about what the illness is.
    if kind != Kind::Diagnosis && sampler.below(5) < 3 {
        let person = people::draw(fact.who, in_chinese, sampler);
        if in_chinese {
            input = format!("{}{}岁，{}。", person.theirs, person.age, sampler.pick(&CHINESE_HISTORY));
            output.push_str(&format!("祝{}早日康复。", person.yours));
        } else {
            input = format!("{}, {}, {}.", person.theirs, person.age, sampler.pick(&ENGLISH_HISTORY));
            output.push_str(&format!(" I wish {} a quick recovery.", person.yours));
        }
    }
    Exchange { instruction, input, output, kind, truth: truth(kind, words).to_owned() }
}

fn truth(kind: Kind, words: &Words) -> &str {
    match kind {
        Kind::Symptom => &words.symptom,
        Kind::Test => &words.test,
        Kind::Treatment => &words.treatment,
        Kind::Advice => &words.advice,
        Kind::Warning => &words.warning,
        Kind::Diagnosis => &words.condition,
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
