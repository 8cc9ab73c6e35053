//! The words for what sites say of the result on records of their own, in English and Chinese. Used by
//! `own_scores`, the page and the terminal. `{}` stands for a value, in the same order in both (tested).

common::texts! {
    TITLE: "On each hospital's own held-out records", "各医院自有留出记录上的表现";
    LEAD: "Each hospital measured the base model and the result on records that it held back from training, and says the mean loss of a record (nats per token), how much lower the result's is, and its 95 % interval (a bootstrap of the records, made there). These are each hospital's own claims: nobody else has its records.", "各医院在未参与训练的自有留出记录上测量基础模型与最终模型，报告每条记录的平均损失（纳特/词元）、最终模型低多少，以及 95 % 区间（在医院本地对记录作自助法）。这些数字是各医院自己的声明：别处没有它的记录。";
    RECORDS: "Records", "记录";
    BASE: "Base", "基础模型";
    FEDERATED: "Federated", "联邦模型";
    GAIN: "Gain", "降低";
    INTERVAL: "95 % interval", "95 % 区间";
    BETTER: "On their own held-out records, by their own word: {}.", "在各医院自有留出记录上（由医院自报）：{}。";
    ENTRY: "{} {} nats ({} to {}; {} records)", "{} {} 纳特（{} 至 {}；{} 条）";
    LOST: "NOT better for {}, by its own word: on its own held-out records the result is worse by {} nats (95 % interval {} to {}; {} records).", "据 {} 自报没有变好：在其自有留出记录上，最终模型的损失高 {} 纳特（95 % 区间 {} 至 {}；{} 条）。";
    SILENT: "On their own held-out records: {}.", "自有留出记录：{}。";
    SILENT_ENTRY: "{} ({})", "{}（{}）";
    AND_MORE: "{}, and {} more", "{}，以及另外 {} 家";
    CERTAINTY: "Hospitals are not corrected for their number: of twenty, one stands out by chance.", "医院之间未作多重比较校正：二十家医院中，平均会有一家偶然突出。";
    WAITING: "still to answer", "尚待答复";
    NO_ANSWER: "did not answer in time", "未按时答复";
    NOT_ALLOWED: "its policy does not let it say", "其策略不允许报告";
    NO_HELD_OUT: "it held no record back", "没有留出记录";
    TOO_FEW: "it held too few records back", "留出记录太少";
    FAILED: "its measurement failed", "测量失败";
}
