//! The rules of `[policy]` in both languages, in the order in which people read them. Used by the officer's
//! report. Invariant: every key of the section is here, and none besides (tested).

use super::Text as Word;

macro_rules! rules {
    ($($key:literal: $en:literal, $zh:literal;)*) => {
        /// Key and meaning.
        pub const RULES: &[(&str, Word)] = &[$(($key, Word { en: $en, zh: $zh })),*];
    };
}

rules! {
    "approval": "who agrees to a run: ask, the privacy officer for each one; auto, this policy, where the officer signed it", "由谁同意一次运行：ask 为隐私负责人逐次决定；auto 为经其签名的本策略";
    "sites_min": "fewest members whose updates a round needs", "一轮所需更新的最少成员数";
    "rounds_max": "most rounds of a run", "一次运行的最多轮数";
    "rank_max": "largest rank of the adapter", "适配器的最大秩";
    "run_bytes_max": "most bytes of updates in a whole run", "一次运行全部更新的最大字节数";
    "bases": "base models that may be trained for, by fingerprint; an empty list is any", "允许用于训练的基础模型（指纹）；空列表表示任意";
    "update_norm_max": "largest norm of an update that leaves, and of the global adapter", "离开的更新以及全局适配器的最大范数";
    "update_bytes_max": "most bytes of one update", "单次更新的最大字节数";
    "update_mantissa_bits": "bits of each value that leave after the leading one, of 23", "每个数值在首位之后保留的位数（共 23 位）";
    "overlap": "records may be compared with the consortium's held-out set, by blinded hashes", "是否允许以盲化哈希与联盟留出集比对记录";
    "records_min": "fewest records that an update is trained on", "一次更新所用的最少记录数";
    "step_records_min": "fewest records in one step", "一步中的最少记录数";
    "step_tokens_min": "fewest tokens in one step, on average", "一步中的最少词元数（平均）";
    "steps_min": "fewest steps of an update", "一次更新的最少步数";
    "records_drop_max": "largest share by which the records of an update may fall below those of the last one", "一次更新的记录数相对上一次最多可减少的比例";
    "learning_rate_max": "largest learning rate", "最大学习率";
    "epsilon_max": "largest epsilon of AdamW", "AdamW 的最大 epsilon";
    "gradient_norm_max": "largest norm that gradients may be clipped to", "梯度裁剪的最大范数";
    "epochs_max": "most passes over the records in one round", "一轮中遍历记录的最多次数";
    "updates_per_day_max": "most updates in 24 hours", "24 小时内的最多更新次数";
    "adapter_growth_max": "largest factor by which a tensor of the global adapter may grow since this site last took one", "自本站点上次接收以来，全局适配器的张量最多可增长的倍数";
    "methods": "ways of combining updates that a run may have; an empty list is any", "允许的更新聚合方式；空列表表示任意";
    "bytes_per_day_max": "most bytes of updates that leave in 24 hours, over all runs", "24 小时内所有运行合计可发出的更新最大字节数";
    "hours": "hours of the day in which this site trains; outside them it waits", "本站点每日可训练的时段；此外则等待";
    "operators": "operators whose runs this site takes; an empty list is any", "本站点接受其运行的操作员；空列表表示任意";
    "own_scores": "whether it is said, once in a run that asks, how the result does on records that were held back here", "运行询问时，是否报告（每次运行一次）最终模型在本站点留出记录上的表现";
    "alone": "whether it takes part in runs in which each site trains alone and nothing is averaged", "是否参加各站点单独训练、不作平均的运行";
    "privacy_required": "a run must have differential privacy (no run of this version has)", "运行必须采用差分隐私（本版本的运行均不具备）";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::PolicyConfig;

    #[test]
    fn every_rule_has_words_and_no_others_have() {
        let keys = PolicyConfig::default().every_key().unwrap();
        let keys: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
        let described: BTreeSet<&str> = RULES.iter().map(|(key, _)| *key).collect();
        assert_eq!(described, keys);
        assert_eq!(RULES.len(), keys.len(), "each once");
        assert!(RULES.iter().all(|(_, word)| !word.en.is_empty() && !word.zh.is_empty()));
    }
}
