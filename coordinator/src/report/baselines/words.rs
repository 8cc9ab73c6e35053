//! The words for base model, each site alone and what they trained together, in English and Chinese. Used by
//! `baselines`, `sentences`, the page and the terminal. `{}` stands for a value, in the same order in both
//! (tested).

common::texts! {
    TITLE: "Base model, each hospital alone, all together", "基础模型、各医院单独训练与共同训练";
    LEAD: "Each hospital trained a model alone ({}), and all trained one together ({}). All were measured on the same questions (runs {} and {}). Below 0 % in the last column, the model trained together is better than that hospital's own.", "各医院先单独训练一个模型（{}），再共同训练一个模型（{}）。所有模型均在同样的题目上测量（运行 {} 与 {}）。最后一列低于 0 % 表示共同训练的模型优于该医院自己的模型。";
    LEAD_ALONE: "Each hospital trained a model alone ({}). All were measured on the same questions; nothing was averaged.", "各医院单独训练一个模型（{}）。所有模型均在同样的题目上测量；未作任何平均。";
    TOGETHER: "Loss of the model trained together beside each hospital's own, on {} {} questions: {}.", "共同训练的模型与各医院单独训练的模型相比的损失，在 {} 道{}题上：{}。";
    ALONE: "Loss of each hospital's own model beside the base model, on {} {} questions: {}.", "各医院单独训练的模型与基础模型相比的损失，在 {} 道{}题上：{}。";
    ENTRY: "{} {} ({} to {})", "{} {}（{} 至 {}）";
    AND_MORE: "{}, and {} more", "{}，以及另外 {} 家";
    ALONE_AT: "{} alone", "{} 单独";
    POOLED_AT: "{}, pooled", "{} 汇总";
    POOLED_BETTER: "On {} {} questions the model trained together is surely better than one trained on the records of all in one pool, which the run file says {} has: loss beside it {} ({} to {}).", "在 {} 道{}题上，共同训练的模型确定优于在全部记录汇总后训练的模型（运行文件称 {} 拥有全部记录）：相比损失 {}（{} 至 {}）。";
    POOLED_WORSE: "On {} {} questions the model trained together is surely worse than one trained on the records of all in one pool, which the run file says {} has: loss beside it {} ({} to {}).", "在 {} 道{}题上，共同训练的模型确定差于在全部记录汇总后训练的模型（运行文件称 {} 拥有全部记录）：相比损失 {}（{} 至 {}）。";
    POOLED_NOT_SHOWN: "On {} {} questions the model trained together cannot be told apart from one trained on the records of all in one pool, which the run file says {} has: loss beside it {} ({} to {}).", "在 {} 道{}题上，共同训练的模型与在全部记录汇总后训练的模型（运行文件称 {} 拥有全部记录）无法区分：相比损失 {}（{} 至 {}）。";
    BESIDE_BASE: "Beside base", "相对基础";
    BESIDE_OWN: "Together beside it", "共同训练相对其";
    WAITING: "still to be measured", "尚待测量";
    NOT_MEASURED: "not measured", "未测量";
    QUESTIONS: "{} questions, {} scored tokens", "{} 道题，{} 个计分词元";
    LEAD_FINISHED: "{} trained one language model each, alone, for comparison. Nothing was averaged and nothing published.", "{} 家医院各自单独训练了一个语言模型，用于比较。未作平均，也未发布任何模型。";
    LEAD_GOING: "{} train one language model each, alone, for comparison. Nothing is averaged.", "{} 家医院正在各自单独训练一个语言模型，用于比较。不作平均。";
    METHOD: "Each site trained {}, alone; updates were not combined.", "各站点单独训练 {}；更新未作聚合。";
    VERDICT: "On {} {} questions the model trained together is surely better than that of {} of {} hospitals alone, and surely worse than that of {}.", "在 {} 道{}题上，共同训练的模型确定优于 {} 家（共 {} 家）医院单独训练的模型，确定差于 {} 家。";
    VERDICT_BASE: "On {} {} questions the models of {} of {} hospitals alone are surely better than the base model, and those of {} surely worse.", "在 {} 道{}题上，{} 家（共 {} 家）医院单独训练的模型确定优于基础模型，{} 家确定更差。";
    NO_VERDICT: "There is no measurement of what they trained yet.", "对其训练结果尚无测量。";
}
