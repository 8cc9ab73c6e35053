//! Every sentence of the report, in English and Chinese. Used by `text` and `html`. Invariant: both have the
//! same number of `{}` (tested).

common::texts! {
    PAGE: "Evaluation", "评测报告";
    SUMMARY: "What got better, what got worse, how sure", "哪些变好，哪些变差，把握多大";
    ONLY_BASE: "No adapter was compared: name one with --adapter.", "没有与任何适配器比较：用 --adapter 指定。";
    BETTER: "better", "变好";
    WORSE: "WORSE", "变差";
    NOT_WORSE: "no worse than -{}", "不低于 -{}";
    NOT_SHOWN: "nothing is shown", "未能显示差别";
    RANGE: "{} to {}", "{} 至 {}";
    SUITE: "Suite", "题集";
    MODEL: "Model", "模型";
    DIFFERENCE: "Points", "百分点";
    INTERVAL: "95 %", "95 %";
    SHOWN: "What is shown", "结论";
    ITEMS: "{} questions of {} cases; prompt {}, scored by {}{}", "{} 题，来自 {} 个病例；提示词 {}，按 {} 评分{}";
    IN_CHAT: ", as turns of a conversation", "，作为对话轮次";
    RECORDS: "records {} (SHA-256 {}); licence: {}", "题目文件 {}（SHA-256 {}）；许可：{}";
    NO_LICENCE: "not stated", "未说明";
    RIGHT: "Right", "正确";
    CREDIT: "Score", "得分";
    OF: "of", "题数";
    MAJORITY: "one answer always", "总答最常见答案";
    GUESSING: "guessing", "随机猜测";
    BY_LENGTH: "by char.", "按字符";
    BRIER: "Brier", "Brier";
    CALIBRATION: "ECE", "ECE";
    PAIR: "{} beside the base: {} points ({}), better on {}, worse on {}", "{} 与基础模型相比：{} 个百分点（{}），{} 题变对，{} 题变错";
    TESTS: "McNemar p {}, mid-p {}; Holm, comparisons {}: p {}", "McNemar p {}，mid-p {}；Holm 校正，比较次数 {}：p {}";
    TESTS_CASES: "McNemar p {}, mid-p {} on questions; sign test on cases p {}; Holm, comparisons {}: p {}", "按题 McNemar p {}，mid-p {}；按病例符号检验 p {}；Holm 校正，比较次数 {}：p {}";
    BECAME_WRONG_CASES: "cases with a question that became wrong: {} of {}, {} ({})", "有题由对变错的病例：{} / {}，{}（{}）";
    NONE_BECAME_WRONG_CASES: "in none of {} cases a question became wrong, which proves less than {} of cases (95 %)", "{} 个病例中无一有题由对变错，只能证明病例比例低于 {}（95 %）";
    BECAME_WRONG: "became wrong: {} of {}, {} ({})", "由对变错：{} / {} 题，{}（{}）";
    NONE_BECAME_WRONG: "none of {} became wrong, which proves less than {} (95 %)", "{} 题中无一由对变错，只能证明低于 {}（95 %）";
    MARGIN_SHOWN: "not worse by {} points or more: shown", "不会变差 {} 个百分点或更多：已证明";
    MARGIN_NOT_SHOWN: "not worse by {} points or more: not shown", "不会变差 {} 个百分点或更多：未证明";
    SEES: "It sees a gain of {} points if two models disagree on 10 % of the questions, of {} if on 20 % (80 % power).", "若两个模型在 10 % 的题上答案不同，本题集能看出 {} 个百分点的差别；若为 20 %，则为 {}（把握 80 %）。";
    ORDERS: "{}: right in {} of the cyclic orders of the options; the same choice in each of them for {} of the questions", "{}：选项各循环顺序下正确率 {}；{} 的题在每种循环顺序下选择相同";
    NOT_FOUND: "{}: no choice could be found in {} of {} answers; they count as wrong", "{}：{} / {} 个回答中找不到选项，按错计";
    EMPTY: "{}: {} of {} answers are empty; they count as wrong", "{}：{} / {} 个回答为空，按错计";
    EMPTY_OPEN: "{}: {} of {} answers are empty; they are like nothing, and score 0", "{}：{} / {} 个回答为空，与参考答案无相似，得 0 分";
    EMPTY_GRADED: "{}: {} of {} answers are empty; they are graded like any other", "{}：{} / {} 个回答为空，与其他回答一样由评分者评分";
    WRONG: "{}: wrong on {} of {}, {} ({})", "{}：{} / {} 题不合要求，{}（{}）";
    NONE_WRONG: "{}: wrong on none of {}, which proves less than {} (95 %)", "{}：{} 题全部合要求，只能证明不合要求的低于 {}（95 %）";
    WRONG_CASES: "{}: wrong in {} of {} cases, {} ({})", "{}：{} / {} 个病例不合要求，{}（{}）";
    NONE_WRONG_CASES: "{}: wrong in none of {} cases, which proves less than {} of cases (95 %)", "{}：{} 个病例全部合要求，只能证明不合要求的病例低于 {}（95 %）";
    CUT: "{}: the beginning of {} prompts was cut to fit the model", "{}：{} 个提示词因超过模型长度被截去开头";
    GROUPS: "By kind of question (looked at, not tested: p is not corrected)", "按题目类别（仅供参考，p 未校正）";
    GROUP: "Kind", "类别";
    NO_GROUP: "(none)", "（无）";
    BASE: "Base", "基础模型";
    BETTER_COUNT: "better", "变对";
    WORSE_COUNT: "worse", "变错";
    LINES: "Lines (records of a JSON list or object) that became wrong: {}", "由对变错的行号（JSON 列表或对象为第几条）：{}";
    MORE: "{} and {} more", "{} 及另外 {} 题";
    GRADED_PAIR: "{} beside the base: {} points of the score ({}), higher on {}, lower on {}", "{} 与基础模型相比：得分差 {} 个百分点（{}），{} 题较高，{} 题较低";
    NONE_COMPARED: "{} beside the base: no question has grades of both answers; nothing is compared", "{} 与基础模型相比：没有一题的两个回答都已评分，无从比较";
    SOME_COMPARED: "only {} of {} questions have grades of both answers; better, or not worse, is shown when all have", "仅 {} / {} 题的两个回答都已评分；全部评分后才会判定变好或不变差";
    SIGN_TESTS: "sign test on questions p {}, mid-p {}; on cases p {}; Holm, comparisons {}: p {}", "按题符号检验 p {}，mid-p {}；按病例 p {}；Holm 校正，比较次数 {}：p {}";
    SCORED_LOWER: "cases with a question that scored lower: {} of {}, {} ({})", "有题得分下降的病例：{} / {}，{}（{}）";
    NONE_SCORED_LOWER: "in none of {} cases a question scored lower, which proves less than {} of cases (95 %)", "{} 个病例中无一有题得分下降，只能证明病例比例低于 {}（95 %）";
    LINES_LOWER: "Lines that scored lower: {}", "得分下降的行号：{}";
    TRIAGE: "TRIAGE ONLY", "仅供初筛";
    GRADED_BY_PEOPLE: "graded by people: {} graders; grades {} (SHA-256 {})", "由人评分：{} 位评分者；评分文件 {}（SHA-256 {}）";
    GRADED_BY_MODEL: "TRIAGE ONLY: graded by a model, graders {}; grades {} (SHA-256 {}). It says what people should look at first, and proves nothing; that a model is better or not worse is not said.", "仅供初筛：由模型评分，评分者 {} 个；评分文件 {}（SHA-256 {}）。只提示人先看什么，不能证明什么；不据此判定变好或不变差。";
    NOT_GRADED_YET: "no grades yet: write the answers with --sheet, have them graded, and name the file (grades, graded_by)", "尚无评分：用 --sheet 写出回答，评分后在题集中指定文件（grades、graded_by）";
    NOT_GRADED: "{}: {} of {} answers are not graded by every criterion; they are left out", "{}：{} / {} 个回答未按全部标准评分，未计入";
    FIGURES: "What else is measured (bootstrap by case; BLEU, ROUGE and shares by a hundred)", "其他指标（按病例自助法；BLEU、ROUGE 与比例乘以 100）";
    CHANGES: "The same, as differences to the base (paired)", "同样指标与基础模型的差（配对）";
    FIGURE: "Measure", "指标";
    MEAN: "Mean", "均值";
    CHANGE: "Change", "变化";
    ROUGE_L: "ROUGE-L", "ROUGE-L";
    ROUGE_1: "ROUGE-1", "ROUGE-1";
    ROUGE_2: "ROUGE-2", "ROUGE-2";
    ROUGE_L_CHARACTERS: "ROUGE-L char.", "ROUGE-L 按字";
    BLEU_4: "BLEU-4", "BLEU-4";
    EXACT_MATCH: "exact match", "完全一致";
    LENGTH_RATIO: "length ratio", "长度比";
    REPETITION: "repetition", "重复";
    BITS: "bits per char.", "每字比特";
    SECTIONS: "SOAP sections", "SOAP 段落";
    RULES: "Rules, and cases in which an answer broke them (Clopper and Pearson)", "规则，及有回答违反的病例（Clopper-Pearson）";
    RULE: "Rule", "规则";
    BROKEN: "broken", "违反";
    BELOW: "none proves", "零次证明";
    NOT_READABLE: "{}: no structure could be read in {} of {} answers; they count as wrong", "{}：{} / {} 个回答中读不出结构，按错计";
    LIMITS: "These numbers say how the models answer questions of this kind, and nothing of patients.", "这些数字只说明模型回答此类题目的表现，不说明对患者是否安全。";
    METHOD: "Intervals: Wilson for shares of right answers, on questions; for scores in part, other measures and the differences of these a bootstrap of the cases; for the difference that decides the wider of a bootstrap of the cases (10,000 draws, seed {}) and Agresti and Min; Clopper and Pearson for what became wrong, on cases. No worse than a margin is read from the interval, not corrected for the number of comparisons.", "区间：正确率按题用 Wilson 法；部分得分、其他指标及其差值按病例用自助法；作出结论的差值取按病例的自助法（10,000 次，种子 {}）与 Agresti-Min 法中较宽者；变错比例按病例用 Clopper-Pearson 法。“不低于”由区间得出，未按比较次数校正。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_values() {
        for (name, text) in ALL {
            let count = |text: &str| text.matches("{}").count();
            assert_eq!(count(text.en), count(text.zh), "{name}");
        }
    }
}
