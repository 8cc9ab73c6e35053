//! The sentences on what changed, in English and Chinese. Used by `changes` and by the page's section on
//! suites. `{}` stands for a value, in the same order in both (tested).

common::texts! {
    TITLE: "What got better, what got worse, how sure", "哪些变好，哪些变差，把握多大";
    BETTER: "Better", "变好";
    WORSE: "WORSE", "变差";
    NOT_TOLD: "Not told apart", "无法区分";
    NOTHING: "Nothing is shown to be so.", "没有得到证明的项目。";
    MISSING: "Not known", "尚不清楚";
    TEST: "Test loss {} (95 % interval {}; {} questions).", "测试损失 {}（95 % 区间 {}；{} 题）。";
    DEPARTMENTS: "By department, test loss: {}.", "按科室，测试损失：{}。";
    DEPARTMENT_ENTRY: "{} {} ({}; {} questions)", "{} {}（{}；{} 题）";
    DEPARTMENTS_SMALL: "Too few questions to tell: {}.", "题数太少，无法判断：{}。";
    SMALL_ENTRY: "{} ({})", "{}（{} 题）";
    AND_MORE: "{}, and {} more", "{}，以及另外 {} 个";
    SHARES: "{}: {} right with the base model, {} with the final one, of {} questions ({} points, 95 % interval {} to {}", "{}：基础模型答对 {}，最终模型 {}，共 {} 题（{} 个百分点，95 % 区间 {} 至 {}";
    P: "; p {}, Holm over {} suites).", "；p {}，按 {} 个题集作 Holm 校正）。";
    P_ALONE: "; p {}).", "；p {}）。";
    MAJORITY: " One answer always: {}.", "总答最常见答案：{}。";
    MARGIN_SHOWN: " Shown: not worse by {} points or more.", "已证明：不会变差 {} 个百分点或更多。";
    MARGIN_NOT_SHOWN: " NOT shown: not worse by {} points or more; this many questions see a change of about {} points.", "未证明不会变差 {} 个百分点或更多；这些题约能看出 {} 个百分点的变化。";
    GENERAL: "General knowledge (what was forgotten)", "常识（遗忘了什么）";
    WAITING: "Evaluation suites that are still being asked, or wait: {}. They are shown when all are done.", "仍在评测或等待的题集：{} 个。全部完成后一并显示。";
    NOT_MEASURED: "{} was not asked: {}. `coordinator evaluate RUN --suite FILE` asks it by hand.", "题集 {} 未能评测：{}。可用 `coordinator evaluate RUN --suite FILE` 手动评测。";
    FORGETTING_WAITING: "What the model forgot is still being measured, or waits.", "遗忘情况仍在测量或等待测量。";
    FORGETTING_NOT_MEASURED: "What the model forgot was not measured: {}.", "未能测量模型遗忘了什么：{}。";
    CERTAINTY: "Better and worse are said only where the 95 % interval leaves out \"no change\".", "只有当 95 % 区间不包含“无变化”时，才称为变好或变差。";
    CERTAINTY_DEPARTMENTS: "Departments are not corrected for their number: of twenty, one stands out by chance.", "科室未作多重比较校正：二十个科室中，总会有一个偶然突出。";
    CERTAINTY_SUITES: "Of suites also p has to be below 5 %, corrected over the {} suites. Whether a hospital trained on some of their questions was not checked.", "对题集还要求按 {} 个题集校正后的 p 低于 5 %。未核查是否有医院用其中某些题目训练过。";
    DIVERGENCE: "Next tokens behind {} positions of {} neutral texts: KL divergence from the base {} nats (95 % interval {} to {}), so that on average no set of next tokens moves by more than {} points of probability (Pinsker).", "在 {} 个位置（{} 段中性文本）上比较下一词元：与基础模型的 KL 散度为 {} 纳特（95 % 区间 {} 至 {}），因此任何一组下一词元的概率平均变动不超过 {} 个百分点（Pinsker 不等式）。";
    SUITES: "Evaluation suites", "评测题集";
    SUITES_LEAD: "Base and final model on the same questions, after the last round. Share of right answers with its 95 % interval (Wilson); difference in points with the wider of two intervals (bootstrap of the cases, Agresti and Min); p of the exact sign test of the cases, corrected by Holm.", "最后一轮之后，基础模型与最终模型回答同样的题目。答对比例附 95 % 区间（Wilson）；差异（百分点）取两种区间中较宽者（按病例自助法，Agresti-Min）；p 为按病例的精确符号检验，经 Holm 校正。";
    SUITE: "Suite", "题集";
    BASE: "Base", "基础模型";
    FINAL: "Federated", "联邦模型";
    DIFFERENCE: "Points", "百分点";
    CORRECTED_P: "p (Holm)", "p（Holm）";
    MAJORITY_HEAD: "One answer always", "总答最常见答案";
    SHOWN: "What is shown", "结论";
    SHOWN_BETTER: "better", "变好";
    SHOWN_WORSE: "WORSE", "变差";
    SHOWN_NOT_WORSE: "not told apart; not worse", "无法区分；不会变差";
    SHOWN_NOT_TOLD: "not told apart", "无法区分";
    KINDS: "{}: by kind of question (right before, right now, became right, became wrong; looked at, not tested)", "{}：按题目类别（之前答对、现在答对、变对、变错；仅供参考，未作检验）";
    KIND: "Kind", "类别";
    BEFORE: "Before", "之前";
    NOW: "Now", "现在";
    BECAME_RIGHT: "Became right", "变对";
    BECAME_WRONG: "Became wrong", "变错";
    NOT_FOUND: "{}: no choice was found in {} answers of the base model and {} of the final one; they count as wrong.", "{}：基础模型有 {} 个、最终模型有 {} 个回答找不到选项，按错计。";
    FORGOTTEN: "What was forgotten", "遗忘了什么";
    FORGOTTEN_LEAD: "120 questions of general knowledge in English and Chinese, nothing medical, and 40 neutral texts, before and after. Built into the program; no part of the other suites' correction.", "前后各问 120 道中英文常识题（与医学无关），并比较 40 段中性文本。题目内置于程序，不参与其他题集的校正。";
}
