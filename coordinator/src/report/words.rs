//! Every sentence of a run's report in both languages: the one table. Used by `html` and `table`. `{}` stands
//! for a value, in the same order in both.

pub use common::language::Text as Word;

common::texts! {
    PAGE: "federated fine-tuning report", "联邦微调报告";
    LEAD_FINISHED: "{} trained one language model together in {}.", "{} 家医院用 {} 轮共同训练了一个语言模型。";
    LEAD_GOING: "One language model is being trained together by {}: round {} of {}.", "{} 家医院正在共同训练一个语言模型：第 {} 轮，共 {} 轮。";
    LEAD_FAILED: "The run failed: {}. What was published until then stands.", "本次运行失败：{}。此前发布的模型仍然有效。";
    VERDICT_LOWER: "On {} test questions its loss is {} lower than the base model's.", "在 {} 道测试题上，其损失比基础模型低 {}。";
    VERDICT_HIGHER: "On {} test questions its loss is {} HIGHER than the base model's.", "在 {} 道测试题上，其损失比基础模型高 {}。";
    COMPARED: "The hospitals left out of their training what was too close to these questions.", "各医院已将与这些题目过于相近的记录排除在训练之外。";
    NOT_COMPARED: "Whether a hospital trained on some of these questions was not checked.", "未核查是否有医院用其中某些题目训练过。";
    INTERVAL_HOLDS: "The 95 % interval of the change, from {} to {}, does not contain zero.", "变化的 95 % 区间为 {} 至 {}，不包含零。";
    INTERVAL_OPEN: "The 95 % interval of the change, from {} to {}, contains zero: it may be chance.", "变化的 95 % 区间为 {} 至 {}，包含零：可能只是偶然。";
    NO_INTERVAL_OLD: "There is no interval: this run did not keep how the test questions compare one by one.", "没有区间：本次运行没有保留逐题比较的结果。";
    NO_INTERVAL_FEW: "There is no interval: {} questions are too few for one.", "没有区间：{} 道题太少，无法计算。";
    NO_TEST: "There is no measurement on a test set.", "没有测试集上的测量结果。";
    WHAT_LEFT: "Records stayed in the hospitals. Adapter updates, counts and status messages left them.", "记录都留在医院。离开医院的是适配器更新、计数和状态消息。";
    WHAT_LEFT_OVERLAP: "Records stayed in the hospitals. Adapter updates, counts, status messages and blinded points for the comparison with the held-out questions left them.", "记录都留在医院。离开医院的是适配器更新、计数、状态消息，以及用于与留出题比对的盲化点。";
    SCORES_LEFT: "So did each measuring hospital's mean losses and interval on its own held-out records.", "各测量医院在其自有留出记录上的平均损失与区间也已离开医院。";
    TILE_CHANGE: "Change of the test loss", "测试损失的变化";
    TILE_INTERVAL: "95 % interval {} to {}", "95 % 区间 {} 至 {}";
    TILE_NO_INTERVAL: "no interval", "无区间";
    TILE_QUESTIONS: "Test questions", "测试题";
    TILE_TOKENS: "{} scored tokens in their answers", "答案中 {} 个计分词元";
    TILE_ACCURACY: "Test token accuracy", "测试词元准确率";
    TILE_BASE: "base model {}", "基础模型 {}";
    TILE_SITES: "Hospitals", "医院";
    TILE_RECORDS: "{} training records, rounded", "{} 条训练记录（取整）";
    TILE_RECORDS_EXACT: "{} training records", "{} 条训练记录";
    NOT_MEASURED: "not measured", "未测量";
    MEANING: "What the numbers mean", "这些数字的含义";
    MEANING_LOSS: "Loss says how surprised the model is by the right answer, one piece of a word (a token) after the other. Lower is better; 0 would be no surprise at all.", "损失表示模型对正确答案有多“意外”，按词元（字或词的片段）逐个计算。越低越好；0 表示毫不意外。";
    MEANING_PERPLEXITY: "Perplexity is the same number as a choice: at 100 the model is as unsure as between 100 equally likely tokens.", "困惑度是同一数字的另一种说法：为 100 时，模型的不确定程度相当于在 100 个等可能的词元中选择。";
    MEANING_ACCURACY: "Token accuracy is how often the model's first guess is the next token of the right answer. It is not how often an answer is right.", "词元准确率是模型的首选恰为正确答案下一个词元的比例，并不是答案正确的比例。";
    MEANING_PAIRED: "{} of {} test questions have a lower loss than with the base model. The interval comes from these differences, question by question; it says how the number would move with other questions of the same kind, and nothing of other seeds or hospitals.", "{} 道（共 {} 道）测试题的损失低于基础模型。区间由逐题的差异得出；它说明换用同类的其他题目时数字会如何变动，不涉及其他随机种子或其他医院。";
    LEARNT: "How it learnt", "学习过程";
    LEARNT_LEAD: "After every round the shared model is measured on the consortium's validation set. The dashed line is the base model.", "每轮之后，共享模型都在联盟的验证集上测量。虚线为基础模型。";
    LOSS: "Loss", "损失";
    LOSS_NOTE: "nats per token, lower is better", "纳特/词元，越低越好";
    ACCURACY: "Token accuracy", "词元准确率";
    ACCURACY_NOTE: "share of tokens predicted, higher is better", "预测正确的词元比例，越高越好";
    LOSS_BY_ROUND: "Validation loss by round", "各轮的验证损失";
    ACCURACY_BY_ROUND: "Validation token accuracy by round", "各轮的验证词元准确率";
    BASE_SHORT: "base", "基础";
    ROUND: "round {}", "第 {} 轮";
    QUALITY: "Held-out quality", "留出集上的质量";
    QUALITY_LEAD: "The validation set steers; the test set is measured once, at the end. Aggregation error says how much averaging the two adapter factors separately differs from averaging their product.", "验证集用于调整；测试集只在最后测量一次。聚合误差表示分别平均两个适配器因子与平均其乘积之间的差异。";
    MODEL: "Model", "模型";
    SET: "Set", "数据集";
    PERPLEXITY: "Perplexity", "困惑度";
    AGGREGATION_ERROR: "Aggregation error", "聚合误差";
    ERROR_EXACT: "{} (exact)", "{}（精确）";
    ERROR_PROBES: "{} +- {} ({} probes)", "{} ± {}（{} 个探针）";
    ERROR_PENDING: "being computed", "计算中";
    ERROR_NOT_COMPUTED: "not computed", "未计算";
    ERROR_LEAD: "It is computed after a round is published: exactly with few sites, and with many from random probes, with the standard error behind +-.", "聚合误差在各轮发布之后计算：站点少时为精确值，站点多时由随机探针估计，± 之后为其标准误差。";
    NOT_ADOPTED: "not adopted", "未采用";
    IN_TURNS: "Each round is for {} of the {} sites, in turns.", "每轮安排 {} 个站点（共 {} 个）轮流训练。";
    ROUNDS_NOT_ADOPTED: "Rounds that were not adopted, because the validation loss rose too far: {}.", "因验证损失上升过多而未采用的轮次：{}。";
    BASE_MODEL: "Base model", "基础模型";
    AFTER_ROUND: "After round {}", "第 {} 轮后";
    FEDERATED: "Federated, final", "联邦模型（最终）";
    VALIDATION: "validation", "验证";
    TEST: "test", "测试";
    DEPARTMENTS: "By department", "按科室";
    DEPARTMENTS_LEAD: "The test questions by the department that the file names: loss of the base model and of the final one, the change with its 95 % interval, and token accuracy. A department of fewer than 30 questions has no interval; with many departments one is bound to stand out by chance.", "按文件所记科室划分的测试题：基础模型与最终模型的损失、变化及其 95 % 区间，以及词元准确率。不足 30 题的科室没有区间；科室多时，总会有一个偶然突出。";
    DEPARTMENT: "Department", "科室";
    OTHERS: "others", "其他";
    QUESTIONS: "Questions", "题数";
    LOSS_BEFORE: "Base loss", "基础损失";
    LOSS_AFTER: "Final loss", "最终损失";
    CHANGE: "Change", "变化";
    INTERVAL: "95 % interval", "95 % 区间";
    RANGE: "{} to {}", "{} 至 {}";
    ACCURACY_BEFORE: "Base accuracy", "基础准确率";
    ACCURACY_AFTER: "Final accuracy", "最终准确率";
    SAMPLES: "Sample questions", "样题";
    SAMPLES_LEAD_TEST: "Chosen by a hash of the record, not by hand, and answered with the models' most likely words, at most {} tokens. A few answers prove nothing. This part is text of the consortium's test set.", "按记录的哈希值选取，并非人工挑选；模型以最可能的词作答，最多 {} 个词元。几个回答不能证明什么。本部分含有联盟测试集的原文。";
    SAMPLES_LEAD_VALIDATION: "Chosen by a hash of the record, not by hand, and answered with the models' most likely words, at most {} tokens. A few answers prove nothing. This part is text of the consortium's validation set.", "按记录的哈希值选取，并非人工挑选；模型以最可能的词作答，最多 {} 个词元。几个回答不能证明什么。本部分含有联盟验证集的原文。";
    SAMPLES_FEWER: "There are fewer than were asked for: {}.", "少于要求的数量：{}。";
    QUESTION: "Question", "问题";
    REFERENCE: "Right answer", "参考答案";
    CUT: "(cut)", "（截断）";
    SAID_NOTHING: "(nothing)", "（无内容）";
    RECORDS_ROUNDED: "Record counts are rounded, as the sites report them. Bytes: since the launch of this run.", "记录数为站点报告的取整值。字节数自本次运行启动以来累计。";
    LOCAL_WORK: "Each site trains in a round", "每轮在各站点训练";
    LOCAL_WORK_IN_TURNS: "Each chosen site trains in a round", "每轮在入选的站点训练";
    SERVER_OPTIMIZER: "Server optimiser", "服务器优化器";
    METHOD: "Each site trained {} a round; server optimiser: {}.", "各站点每轮训练 {}；服务器优化器：{}。";
    METHOD_IN_TURNS: "Each chosen site trained {} a round; server optimiser: {}.", "每轮入选的站点训练 {}；服务器优化器：{}。";
    ROBUST: "Combined by", "聚合规则";
    ROBUST_METHOD: "Updates were combined by a robust rule: {}.", "更新按稳健规则聚合：{}。";
    NO_OPTIMIZER_ROBUST: "none", "无";
    NO_OPTIMIZER: "none, the mean is published", "无，直接发布平均值";
    TOOK: "Took {}.", "用时 {}。";
    TOOK_DEMO: "Took {}: set-up {}, run {}.", "用时 {}：准备 {}，运行 {}。";
    LEFT: "What left each hospital", "各医院发出的内容";
    LEFT_LEAD: "Bytes and messages that the coordinator received from each site between the launch of this run and that of its next one. Record counts are rounded, as the sites report them; the weight is the share of the last average that it was in.", "协调方自本次运行启动至各站点下一次运行启动期间收到的字节数和消息数。记录数为站点报告的取整值；权重为其在最近一次参与的平均中的份额。";
    LEFT_LEAD_LEDGER: "Every message is written to the site's own tamper-evident ledger before its first byte is sent. What two independent programs found when they checked each ledger after the run is in the last columns.", "每条消息在发出第一个字节之前都写入站点自己的防篡改台账。最后两列是运行结束后两个独立程序核验各台账的结果。";
    SITE: "Site", "站点";
    RECORDS: "Records", "记录";
    WEIGHT: "Weight", "权重";
    BYTES: "Bytes sent", "发送字节";
    MESSAGES: "Messages", "消息";
    LEDGER: "Ledger", "台账";
    LEDGER_SECOND: "Second verifier", "第二核验程序";
    VERIFIED: "verified", "已核验";
    NOT_VERIFIED: "failed", "未通过";
    NOT_RUN: "not run", "未运行";
    WARNINGS: "What the operator was warned of", "给操作员的警告";
    LIMITS: "What this does not prove", "本报告不能证明什么";
    LIMIT_PRIVACY: "That records stay is no privacy guarantee. Published attacks reconstruct training text from adapter updates, and the coordinator of this run could see each site's update.", "记录不离开医院并不等于隐私保证。已有公开的攻击能从适配器更新中还原训练文本，而本次运行的协调方能看到每个站点的更新。";
    LIMIT_LEDGER: "A ledger proves how many bytes left, when, and in which kind of message. It does not measure how much an update reveals about a patient.", "台账证明发出了多少字节、何时发出、属于哪类消息；它不衡量一次更新会透露多少患者信息。";
    LIMIT_CLINICAL: "A lower loss means better prediction of held-out answers. It is no clinical validation; nobody should be advised by this model on the strength of this report.", "损失更低意味着更好地预测留出的答案。这不是临床验证；不应仅凭本报告就让该模型为任何人提供建议。";
    CHECK: "Check it yourself", "自行核验";
    CHECK_LEAD: "At a hospital; these need no network and no trust in the coordinator.", "在医院执行；无需网络，也无需信任协调方。";
    PROVENANCE: "Provenance", "来源";
    RUN: "Run", "运行";
    PHASE: "Phase", "阶段";
    LAUNCHED: "Launched", "启动时间";
    ENDED: "Ended", "结束时间";
    GOING: "still going", "仍在进行";
    FINGERPRINT: "Base model fingerprint", "基础模型指纹";
    ADAPTER: "Published adapter", "已发布的适配器";
    NO_ADAPTER: "none yet", "尚无";
    TEST_FILE: "Test file", "测试文件";
    VALIDATION_FILE: "Validation file", "验证文件";
    OPENED: "Test set opened", "测试集打开时间";
    NEVER_OPENED: "never", "从未";
    TIME: "Time since launch", "启动以来的时间";
    OVERHEAD: "Round overhead", "每轮额外时间";
    OVERHEAD_NOTE: "at most {} s outside training and evaluation", "训练和评估之外最多 {} 秒";
    VERSION: "Report written by", "报告程序";
    SETTINGS: "Settings", "设置";
    SETTINGS_LEAD: "As in the run file, with every default; seeds included.", "与运行文件一致，含所有默认值和随机种子。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_english_and_chinese() {
        for (name, word) in ALL {
            assert!(word.en != word.zh && word.en.is_ascii(), "{name}");
        }
    }
}
