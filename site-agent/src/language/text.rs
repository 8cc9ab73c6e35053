//! Every sentence of the `data` commands in both languages: the one table. Used by `cli::data` and
//! `data_report`. `{}` stands for a value, in the
//! same order in both. Kinds of identifiers have their own table in `data::screen`.

pub use super::Text as Word;

common::texts! {
    FILE: "file", "文件";
    FORMAT: "format", "格式";
    ENCODING: "encoding", "编码";
    RECORDS: "records", "记录";
    REFUSED: "refused", "拒收";
    READ: "read", "读入";
    READ_NOTE: "records in the files", "文件中的记录";
    TRAIN: "clean", "通过";
    TRAIN_NOTE: "nothing was found", "未发现问题";
    WARN: "warned", "警告";
    WARN_NOTE: "possible identifiers by context; still trained on", "按上下文可能含标识信息，仍用于训练";
    BLOCK: "blocked", "阻止";
    BLOCK_NOTE: "confirmed identifiers; not trained on", "已确认的标识信息，不用于训练";
    REFUSE: "refused", "拒收";
    REFUSE_NOTE: "not usable as a record", "不能作为记录使用";
    DUPLICATE: "duplicates", "重复";
    DUPLICATE_NOTE: "another record says the same; left out", "与另一条记录相同，已剔除";
    USED: "trained on", "用于训练";
    USED_NOTE: "what a run at this site would use", "本站点训练时实际使用";
    HELD_BACK: "held back", "留出";
    HELD_BACK_NOTE: "kept from training by the split", "按划分留出，不用于训练";
    FIELD: "field", "字段";
    UNUSED_TITLE: "Text that is not trained on, by field", "未用于训练的文字（按字段）";
    MORE_PLACES: "{}: in {} more records (--json names them all)", "{}：另有 {} 条记录（--json 列出全部）";
    NOTE_NAMELESS: "{}: {} columns without a name are passed over.", "{}：{} 个没有列名的列已略过。";
    NOTE_CUT: "Records are cut at {} tokens: {} are longer and lose their end.", "记录在 {} 个词元处截断：{} 条更长，其末尾不参与训练。";
    NOTE_CONTEXT: "Records are cut at {} tokens, the model's context, not at the longer --cutoff-tokens: {} are longer and lose their end.", "记录在模型上下文的 {} 个词元处截断（--cutoff-tokens 更长，不起作用）：{} 条更长，其末尾不参与训练。";
    SHOW_NOTHING: "what the model sees: nothing; {}", "模型所见：无；{}";
    SHOW_CUT: "cut here: {} more tokens are beyond the cutoff", "在此截断：另有 {} 个词元超出截断长度";
    REFUSED_TITLE: "Refused records", "拒收的记录";
    SCREEN_TITLE: "Screening for identifiers", "标识信息筛查";
    SCREEN_LEAD: "Screening finds identifiers by pattern, check sum and context. It is not a proof that none is left.", "筛查依据格式、校验码和上下文查找标识信息，不能证明已无任何遗漏。";
    SCREEN_NOTHING: "nothing was found", "未发现";
    KIND: "kind", "类别";
    CERTAINTY: "certainty", "确定性";
    FINDINGS: "findings", "次数";
    VALIDATED: "confirmed", "已确认";
    CONTEXTUAL: "by context", "按上下文";
    SHAPE_TITLE: "Shape of the records", "记录概况";
    LENGTH_TOKENS: "length in tokens", "长度（词元）";
    LENGTH_CHARACTERS: "length in characters", "长度（字符）";
    TURNS: "turns", "轮次";
    STRATA: "departments", "科室";
    STRATUM: "department or disease", "科室或疾病";
    QUANTILES: "{} least, {} median, {} at 95 %, {} most, {} in all", "最少 {}，中位 {}，95 % 分位 {}，最多 {}，合计 {}";
    DUPLICATES_TITLE: "Duplicates", "重复记录";
    DUPLICATES_NONE: "none", "无";
    SAME_RECORD: "same question and answer as another; left out", "问题与回答均与另一条相同，已剔除";
    SAME_QUESTION: "same question, another answer; kept on the same side of the split", "问题相同、回答不同，划分时归同一侧";
    NEAR: "nearly the same question; kept on the same side of the split", "问题近似，划分时归同一侧";
    CONTAINED: "question contained in another; kept on the same side of the split", "问题包含于另一条之中，划分时归同一侧";
    DUPLICATE_OF: "is like", "相似的记录";
    PLACE: "place", "位置";
    SPLIT_TITLE: "Split", "划分";
    SEED: "seed", "随机种子";
    PART: "part", "部分";
    PART_TRAIN: "training", "训练集";
    PART_VALIDATION: "validation", "验证集";
    PART_TEST: "test", "测试集";
    PART_FOLD: "fold {}", "第 {} 折";
    PART_GROUPS: "groups", "组";
    PART_LEFT_OUT: "left out", "剔除";
    SCHEME_NONE: "nothing is held out", "不留出数据";
    SCHEME_GIVEN: "as the files were named", "按指定的文件";
    SCHEME_HOLDOUT: "{} / {} / {} percent for training, validation and test", "训练、验证、测试各占 {} / {} / {} %";
    SCHEME_FOLDS: "cross-validation in {} folds; a federated run trains on all of them", "{} 折交叉验证；联邦训练使用全部记录";
    SCHEME_LEAVE_ONE_OUT: "leave one out; a federated run trains on all of them", "留一法；联邦训练使用全部记录";
    SCHEME_BY_TIME: ", old to training and new to test", "，较早的训练、较新的测试";
    NOTE_FEW_GROUPS: "there are only {} groups of records; {} parts are empty", "只有 {} 组记录，{} 个部分为空";
    NOTE_RARE: "{}: {} records are too few for every part; absent from {}", "{}：{} 条记录不足以分到每一部分，缺 {} 个部分";
    NOTE_UNDATED: "{} records without a date went to training", "{} 条无日期的记录归入训练集";
    NOTE_OLDER: "{} held-out records belong to patients who came back; they are older than the newest training record", "{} 条留出的记录属于复诊患者，早于最新的训练记录";
    NOTE_LEFT_OUT: "{} records are left out: the same patient or a copy is held out", "{} 条记录被剔除：同一患者或副本已留出";
    DATASET_ROOT: "dataset", "数据集";
    REASON: "reason", "原因";
    COUNT: "records", "条数";
    PAGE_TITLE: "Data report", "数据报告";
    PAGE_EYEBROW: "Consilium · data report of one site · stays at the site", "会诊 Consilium · 站点数据报告 · 仅留存本站点";
    PAGE_LEAD: "{} of {} records would be trained on.", "{} 条（共 {} 条）将用于训练。";
    PAGE_FOOT: "This page holds no text of any record: places are file and line, findings are counts. It loads nothing from anywhere.", "本页不含任何记录的文字：位置只写文件与行号，发现只写次数；不从任何地方加载内容。";
    WROTE: "wrote {} and {}", "已写入 {} 和 {}";
    SAME_DATA: "the same records and settings as in the manifest; root {}", "记录与设置和清单一致；根 {}";
    OTHER_DATA: "these are not the records and settings of the manifest; different: {}", "记录或设置与清单不一致；不同之处：{}";
    OTHER_DATA_HINT: "give the files and the settings of the run ([data_room] in agent.toml); if they are the same, the records were changed", "请使用该次训练的文件与设置（agent.toml 的 [data_room]）；若均相同，则记录已被改动";
    SCREENING: "screening", "筛查";
    DIVIDING: "dividing", "划分";
    COMPARING: "comparing", "比对";
    SELF_TEST_HINT: "these records are written in a way the screen does not know; have them de-identified before, or report the layout to us", "筛查不熟悉这些记录的书写方式；请先行去标识，或将版式告知我们";
    NOT_A_TERMINAL: "the output is not a terminal, and this command prints the text of a record", "输出不是终端，而本命令会打印记录的文字";
    NOT_A_TERMINAL_HINT: "run it in a terminal, or add --allow-pipe if you know where the output goes", "请在终端中运行；若清楚输出去向，可加 --allow-pipe";
    NO_RECORD_AT: "no record begins at {}, line {}; the file holds {}", "{} 第 {} 行没有记录开始；文件中共有 {} 条";
    NO_SUCH_RECORD: "there is no record {}; the files hold {}", "没有第 {} 条记录；文件中共有 {} 条";
    NOTHING_LEFT: "no record may be trained on", "没有可用于训练的记录";
    SHOW_RECORD: "record {} · {} · {} · verdict: {}", "第 {} 条 · {} · {} · 结论：{}";
    SHOW_TOKENS: "what the model sees: {} tokens, {} supervised (marked)", "模型所见：{} 个词元，其中 {} 个参与损失（已标记）";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_ask_for_the_same_values() {
        for (name, text) in ALL {
            assert_eq!(text.en.matches("{}").count(), text.zh.matches("{}").count(), "{name}");
            assert!(!text.en.is_empty() && !text.zh.is_empty(), "{name}");
        }
    }
}
