//! The fields that a person answers, in the order of the file: what each is called, what it is for and which
//! regime asks for it. Used by `fields`, `page`, `chai` and `checklists`. Sources: 45 CFR
//! 170.315(b)(11)(iv)(B); the CHAI Applied Model Card v0.2; TRIPOD-LLM (Nat Med 2025;31:60); Regulation (EU)
//! 2024/1689, Annex IV; IMDRF/AIML WG/N88; GB/T 45654, 45652, 45674 and GB 45438. Invariant: each key once.

use common::language::Text;

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its key in the file.
    pub key: &'static str,
    /// Whether a release needs it.
    pub is_required: bool,
    /// What people call it.
    pub title: Text,
    /// What to write.
    pub asks: &'static str,
    /// Who asks for it.
    pub asked_by: &'static str,
}

/// All of them.
pub const FIELDS: [Field; 50] = [
    needed(
        "model_name",
        ["Name of the model", "模型名称"],
        "The name under which it is released.",
        "CHAI BasicInfo; HTI-1 (1); Annex IV 1",
    ),
    needed(
        "developer",
        ["Developer", "开发方"],
        "Who answers for the model, as a legal person.",
        "CHAI BasicInfo; HTI-1 (1); Annex IV 1",
    ),
    needed(
        "contact",
        ["Contact", "联系方式"],
        "An address that is read: mail or telephone.",
        "CHAI BasicInfo; HTI-1 (1)",
    ),
    needed(
        "funding",
        ["Funding", "资金来源"],
        "Who paid for it.",
        "CHAI TransparencyInformation; HTI-1 (1); TRIPOD-LLM",
    ),
    needed(
        "conflicts",
        ["Conflicts of interest", "利益冲突"],
        "Whoever gains by the release, or that nobody does.",
        "TRIPOD-LLM",
    ),
    needed(
        "release_stage",
        ["Stage of the release", "发布阶段"],
        "Such as research, pilot, clinical use.",
        "CHAI ReleaseInfo",
    ),
    needed(
        "release_version",
        ["Version", "版本"],
        "The version's name, such as 1.0.",
        "CHAI ReleaseInfo; Annex IV 1",
    ),
    needed(
        "availability",
        ["Where it is available", "可用范围"],
        "Countries, institutions, or that nobody else gets it.",
        "CHAI ReleaseInfo",
    ),
    needed(
        "licence",
        ["Licence", "许可证"],
        "A hub's identifier, such as apache-2.0; the base model's licence binds it.",
        "Hugging Face; TRIPOD-LLM",
    ),
    optional(
        "regulatory_approval",
        ["Regulatory approval", "监管批准"],
        "Approvals, filings, declarations of conformity, with their numbers.",
        "CHAI ReleaseInfo; Annex IV 7 and 8",
    ),
    needed(
        "summary",
        ["Summary", "摘要"],
        "What it does, for whom and how well, in a paragraph.",
        "CHAI ModelSummary; TRIPOD-LLM",
    ),
    optional("keywords", ["Keywords", "关键词"], "Words with commas between them.", "CHAI ModelSummary"),
    needed(
        "intended_use",
        ["Intended use", "预期用途"],
        "Which questions it is meant to answer, in which step of the work.",
        "HTI-1 (2); CHAI UsesAndDirections; Annex IV 1; N88 1",
    ),
    needed(
        "users",
        ["Users", "使用者"],
        "Who may use it, with which training.",
        "HTI-1 (2); CHAI UsesAndDirections; TRIPOD-LLM",
    ),
    needed(
        "population",
        ["Patients", "适用人群"],
        "Whose questions it is meant for: age, disease, setting.",
        "HTI-1 (2); CHAI UsesAndDirections; N88 3",
    ),
    needed(
        "how_to_use",
        ["How to use it", "使用方法"],
        "Which part of the decision is the model's and which the person's.",
        "HTI-1 (2); CHAI UsesAndDirections; N88 7 and 9",
    ),
    needed(
        "out_of_scope",
        ["Not to be used for", "禁用场景"],
        "Situations and questions that it must not be used in.",
        "HTI-1 (3); CHAI UsesAndDirections; Annex IV 3",
    ),
    needed(
        "risks",
        ["Risks and limits", "风险与局限"],
        "Known harms, weak spots, poor inputs.",
        "HTI-1 (3); CHAI Warnings; Annex IV 3; TRIPOD-LLM",
    ),
    needed(
        "risk_level",
        ["Clinical risk", "临床风险等级"],
        "The class of clinical risk, and by which rule.",
        "CHAI Warnings; NMPA",
    ),
    needed(
        "biases",
        ["Biases and ethics", "偏倚与伦理"],
        "Groups that it may serve worse, and other doubts.",
        "HTI-1 (5); CHAI Warnings",
    ),
    needed(
        "outputs",
        ["Outputs", "输出"],
        "What kind of output it gives, and how that is shown.",
        "HTI-1 (1); CHAI AISystemFacts",
    ),
    needed("inputs", ["Inputs", "输入"], "What is put in, and from where.", "CHAI AISystemFacts; Annex IV 3"),
    needed(
        "data_source",
        ["Source of the training data", "训练数据来源"],
        "Where the sites' records are from, of which years, and by which right.",
        "HTI-1 (4); CHAI AISystemFacts; TRIPOD-LLM; Annex IV 2; GB/T 45652",
    ),
    needed(
        "data_selection",
        ["Selection of the training data", "训练数据纳入与排除"],
        "What was taken in and what was left out, and why.",
        "HTI-1 (4); TRIPOD-LLM; Annex IV 2",
    ),
    needed(
        "data_cleaning",
        ["De-identification and annotation", "去标识与标注"],
        "Who removed identities and how; who annotated, how many, how they agreed.",
        "TRIPOD-LLM; Annex IV 2; GB/T 45674",
    ),
    needed(
        "sensitive_attributes",
        ["Sensitive attributes", "敏感属性"],
        "Race, ethnicity, language, sexual orientation, gender, sex, birth date, social factors, health status: which are inputs.",
        "HTI-1 (4)",
    ),
    needed(
        "representativeness",
        ["Representativeness", "代表性"],
        "How the records compare with the patients that it is for.",
        "HTI-1 (4); CHAI AISystemFacts; N88 3",
    ),
    needed(
        "bias_mitigation",
        ["Work against biases", "偏倚缓解"],
        "What was done about them.",
        "HTI-1 (5); CHAI AISystemFacts",
    ),
    needed(
        "knowledge_cutoff",
        ["Knowledge cut-off", "知识截止日期"],
        "Until when base model and records know.",
        "TRIPOD-LLM",
    ),
    needed(
        "ethics_approval",
        ["Ethics approval", "伦理审批"],
        "Committee and number, or why none is needed.",
        "TRIPOD-LLM",
    ),
    needed(
        "patient_consent",
        ["Consent of patients", "患者知情同意"],
        "What patients agreed to or are told.",
        "CHAI Resources",
    ),
    needed(
        "stakeholders",
        ["Who was asked", "利益相关方"],
        "Patients, nurses, doctors, lawyers that were consulted.",
        "CHAI TransparencyInformation; TRIPOD-LLM",
    ),
    needed(
        "external_validation",
        ["External validation", "外部验证"],
        "Where, by whom, on whom, how; or that there is none yet.",
        "HTI-1 (6); N88 8",
    ),
    needed(
        "usefulness",
        ["What the measurements mean", "有效性解读"],
        "Why these measures fit the use, and what they say of it.",
        "HTI-1 (7); CHAI KeyMetrics; Annex IV 4",
    ),
    needed(
        "fairness",
        ["Fairness", "公平性"],
        "What was measured by group, the goal, and what follows.",
        "HTI-1 (5) and (7); CHAI KeyMetrics",
    ),
    needed(
        "safety",
        ["Safety", "安全性"],
        "What the graders' safety check and the suites show, and what they do not.",
        "CHAI KeyMetrics; N88 8",
    ),
    needed(
        "human_oversight",
        ["Human oversight", "人工监督"],
        "Who watches over its answers, and how it is stopped.",
        "Annex IV 2; N88 7",
    ),
    needed(
        "generated_label",
        ["Label of generated text", "生成内容标识"],
        "How an answer is marked as made by a machine.",
        "Regulation (EU) 2024/1689 Art. 50; GB 45438",
    ),
    needed(
        "security",
        ["Security", "安全防护"],
        "Who can reach it, how weights and questions are protected.",
        "CHAI AISystemFacts; Annex IV 2; N88 2",
    ),
    needed(
        "monitoring",
        ["Monitoring", "上线后监测"],
        "What is watched after the release, how often, by whom, at each hospital.",
        "HTI-1 (8); Annex IV 9; N88 10",
    ),
    needed(
        "maintenance",
        ["Updates", "更新维护"],
        "When it is trained again, and how a change is released.",
        "HTI-1 (9); CHAI AISystemFacts; Annex IV 6; N88 10",
    ),
    needed(
        "fault_correction",
        ["Faults", "缺陷处理"],
        "How a fault is reported, and what is done about it.",
        "HTI-1 (9)",
    ),
    needed(
        "risk_management",
        ["Risk management", "风险管理"],
        "Which process, by which standard.",
        "Annex IV 5 and 7",
    ),
    needed(
        "publications",
        ["Publications", "发表论文"],
        "Peer-reviewed work on it, or that there is none.",
        "CHAI Resources; HTI-1 (7)",
    ),
    optional(
        "third_party",
        ["Parts of others", "第三方信息"],
        "Programs, services, data of others that it needs.",
        "CHAI TransparencyInformation",
    ),
    optional("bibliography", ["Bibliography", "参考文献"], "BibTeX.", "CHAI Bibliography"),
    optional(
        "registration",
        ["Protocol and registration", "方案与注册"],
        "Protocol, registry and number of the study.",
        "TRIPOD-LLM; CHAI Resources",
    ),
    optional(
        "china_service",
        ["Service in China", "境内服务备案"],
        "Filing, test banks and keyword list, where the public in China is served.",
        "GB/T 45654; GB/T 45652",
    ),
    optional("standards", ["Standards", "适用标准"], "Harmonised standards that were applied.", "Annex IV 7"),
    optional(
        "software_bill",
        ["Bill of materials", "软件物料清单"],
        "Parts of the software that serves it, where parts.cdx.json, which is the coordinator's, is not enough.",
        "Annex IV 2; N88 2",
    ),
];

const fn needed(
    key: &'static str,
    title: [&'static str; 2],
    asks: &'static str,
    asked_by: &'static str,
) -> Field {
    let [en, zh] = title;
    Field { key, is_required: true, title: Text { en, zh }, asks, asked_by }
}

const fn optional(
    key: &'static str,
    title: [&'static str; 2],
    asks: &'static str,
    asked_by: &'static str,
) -> Field {
    Field { is_required: false, ..needed(key, title, asks, asked_by) }
}

/// The field with this key.
#[must_use]
pub fn field(key: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.key == key)
}
