//! The sentences of the adviser of `data check` in both languages. Used by `cli::data::advice`. `{}` stands
//! for a value, in the same order in both.

pub use super::Text as Word;

common::texts! {
    AMOUNT: "{} records are trained on; none names a department", "用于训练的记录 {} 条，均未写明科室";
    DEPARTMENT: "{}: {} records are trained on", "{}：用于训练的记录 {} 条";
    SMALL: "{} of {} departments have fewer than {} records", "{} 个科室（共 {} 个）的记录不足 {} 条";
    BALANCE: "the largest department has {} records, the smallest {}", "记录最多的科室有 {} 条，最少的 {} 条";
    QUESTIONS: "too long a question in {} of {} conversations", "提问过长的对话 {} 条，共 {}";
    ANSWERS: "too long an answer in {} of {} conversations", "回答过长的对话 {} 条，共 {}";
    DIALOGUES: "too few or too many turns in {} of {} dialogues", "轮数过少或过多的多轮对话 {} 条，共 {}";
    MIX: "{} records are Alpaca, {} ShareGPT: {} to {} percent", "Alpaca {} 条，ShareGPT {} 条：各占 {} % 和 {} %";
    LENGTH_DRIFT: "lengths, {} part ({} records) against training: distance {} (Kolmogorov-Smirnov); {}", "长度，{}（{} 条）与训练集相比：距离 {}（Kolmogorov-Smirnov 检验）；{}";
    DEPARTMENT_DRIFT: "departments, {} part ({} records) against training: chi-square {} with {} degrees of freedom; {}", "科室，{}（{} 条）与训练集相比：卡方 {}，自由度 {}；{}";
    LOSS_DRIFT: "base model's loss, {} part ({} records) against training: {} and {} nats a token, distance {} (Kolmogorov-Smirnov); {}", "基础模型的损失，{}（{} 条）与训练集相比：每词元 {} 与 {} 奈特，距离 {}（Kolmogorov-Smirnov 检验）；{}";
    CHANCE: "chance alone makes it so large in {} of 100 random splits", "随机划分 100 次，仅凭偶然就有 {} 次达到这一差异";
    CHANCE_TINY: "chance alone makes it so large in fewer than 1 of 10,000 random splits", "随机划分 10,000 次，仅凭偶然达到这一差异的不足 1 次";
    WANT_AMOUNT: "{} to {} records", "{} 至 {} 条";
    WANT_SMALL: "{} records or more of each", "每个科室至少 {} 条";
    WANT_BALANCE: "departments in balance; from {} to 1 on this report warns", "各科室数量均衡；达到 {} 比 1 时本报告即提示";
    WANT_UNDER: "under {} characters", "少于 {} 个字符";
    WANT_TURNS: "{} to {} turns, each a question and its answer", "{} 至 {} 轮，一问一答为一轮";
    WANT_MIX: "{} to {} percent Alpaca, {} to {} percent ShareGPT", "Alpaca 占 {} 至 {} %，ShareGPT 占 {} 至 {} %";
    WANT_ALIKE: "parts of a split that are alike", "划分的各部分彼此相似";
    NOTHING: "nothing to do", "无需处理";
    NEXT_MORE: "collect more, or train with others in a run", "补充收集，或与其他站点联合训练";
    NEXT_BEST: "keep the best reviewed ones; more of the same adds little", "保留审核质量最好的记录；同类再多收益有限";
    NEXT_SMALL: "collect more, or give them to a larger department", "补充收集，或并入较大的科室";
    NEXT_BALANCE: "collect more of the small ones, or mix files with --mix", "补充较少的科室，或用 --mix 按比例混合文件";
    NEXT_QUESTIONS: "shorten them to what the answer needs", "精简为回答所需的内容";
    NEXT_ANSWERS: "shorten them, or part them into turns; reasoning counts, too", "精简，或拆成多轮；推理过程也计入";
    NEXT_TURNS: "add the questions that a physician would ask, or part long ones", "补充医生会追问的问题，或拆分过长的对话";
    NEXT_MIX: "mix the files with --mix, for instance --mix 65,35", "用 --mix 混合文件，例如 --mix 65,35";
    NEXT_DRIFT: "where records have dates, divide by chance (--split-by-time false), or say with the result that old ones trained and new ones test; else say it with the result", "有日期的记录：改为随机划分（--split-by-time false），或在结果中说明旧记录训练、新记录测试；否则在结果中说明";
}
