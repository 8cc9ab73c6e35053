//! The lines of each checklist, shortened to what a dossier can answer. Used by `checklists`. Sources: there.

use common::language::Text;

use super::{Checklist, Line, line};

/// All of them.
pub(in super::super) const CHECKLISTS: [Checklist; 5] = [
    Checklist {
        title: Text {
            en: "HTI-1, source attributes (45 CFR 170.315(b)(11)(iv)(B))",
            zh: "HTI-1 来源属性（45 CFR 170.315(b)(11)(iv)(B)）",
        },
        lines: &HTI_1,
    },
    Checklist { title: Text { en: "TRIPOD-LLM", zh: "TRIPOD-LLM 报告规范" }, lines: &TRIPOD_LLM },
    Checklist {
        title: Text { en: "EU AI Act, Annex IV", zh: "欧盟《人工智能法》附件四" }, lines: &ANNEX_IV
    },
    Checklist {
        title: Text {
            en: "Good machine learning practice, IMDRF N88", zh: "良好机器学习实践（IMDRF N88）"
        },
        lines: &N88,
    },
    Checklist {
        title: Text {
            en: "China: generative services and medical software",
            zh: "中国：生成式服务与医疗软件",
        },
        lines: &CHINA,
    },
];

const HTI_1: [Line; 9] = [
    line(
        ["Details and output of the intervention", "干预的基本情况与输出"],
        &["developer", "contact", "funding", "outputs"],
        None,
    ),
    line(
        ["Purpose of the intervention", "干预的目的"],
        &["intended_use", "population", "users", "how_to_use"],
        None,
    ),
    line(["Cautioned out-of-scope use, known risks", "禁用场景与已知风险"], &["out_of_scope", "risks"], None),
    line(
        ["Development details and input features", "开发细节与输入特征"],
        &["data_selection", "data_source", "sensitive_attributes", "representativeness"],
        Some("facts.json: settings, rounds"),
    ),
    line(["Fairness of development", "开发过程的公平性"], &["bias_mitigation", "biases", "fairness"], None),
    line(["External validation", "外部验证"], &["external_validation"], None),
    line(
        ["Quantitative measures of performance", "性能的定量指标"],
        &["usefulness", "fairness", "publications"],
        Some("evaluation.json"),
    ),
    line(["Ongoing maintenance and monitoring", "持续维护与监测"], &["monitoring"], None),
    line(["Updates and correction of faults", "更新与缺陷纠正"], &["maintenance", "fault_correction"], None),
];

const TRIPOD_LLM: [Line; 19] = [
    line(["Title and abstract", "标题与摘要"], &["model_name", "summary"], None),
    line(["Background and aims", "背景与目的"], &["intended_use", "population"], None),
    line(
        ["Sources of data, dates, consent", "数据来源、时间与同意"],
        &["data_source", "data_selection", "patient_consent"],
        Some("facts.json: held_out, rounds"),
    ),
    line(
        ["Splits, contamination, knowledge cut-off", "划分、污染与知识截止"],
        &["knowledge_cutoff"],
        Some("facts.json: held_out.compared, settings; evaluation.json: openings"),
    ),
    line(
        ["Preparation and de-identification", "预处理与去标识"],
        &["data_cleaning"],
        Some("facts.json: settings, unknown"),
    ),
    line(["Gaps and imbalance", "缺失与不平衡"], &["representativeness"], None),
    line(
        ["Model, version, adaptation", "模型、版本与适配"],
        &["release_version"],
        Some("facts.json: base, adapter, settings"),
    ),
    line(["Output and its handling", "输出及其处理"], &["outputs", "generated_label"], None),
    line(["Metrics and why", "指标及理由"], &["usefulness"], Some("evaluation.json")),
    line(
        ["Assessment by people: raters, rubric, blinding, agreement", "人工评估：评分者、标准、盲法与一致性"],
        &["safety"],
        Some("evaluation.json: rubric"),
    ),
    line(["Comparators", "对照"], &[], Some("evaluation.json: base, side_by_side")),
    line(["Annotation", "标注"], &["data_cleaning"], None),
    line(["Compute", "计算资源"], &[], Some("facts.json: run.duration_s, unknown")),
    line(["Ethics, protocol, registration", "伦理、方案与注册"], &["ethics_approval", "registration"], None),
    line(["Funding and conflicts", "资金与利益冲突"], &["funding", "conflicts"], None),
    line(["Data, code, licence", "数据、代码与许可"], &["licence"], Some("facts.json: program")),
    line(["Involvement of patients", "患者参与"], &["stakeholders"], None),
    line(
        ["Performance with uncertainty and subgroups", "含不确定性与亚组的性能"],
        &["fairness"],
        Some("evaluation.json: test, suites, departments"),
    ),
    line(
        ["Limits, use, oversight, updates", "局限、使用、监督与更新"],
        &["risks", "users", "human_oversight", "maintenance"],
        None,
    ),
];

const ANNEX_IV: [Line; 9] = [
    line(
        ["1 General description", "1 总体描述"],
        &["model_name", "developer", "release_version", "intended_use"],
        Some("facts.json: program, base, adapter"),
    ),
    line(
        ["2 Development, data, oversight, tests, security", "2 开发、数据、监督、测试与安全"],
        &["data_source", "data_selection", "data_cleaning", "human_oversight", "security", "software_bill"],
        Some("facts.json; evaluation.json; the signatures of this release"),
    ),
    line(
        ["3 Monitoring, limits, accuracy by group", "3 监测、局限与分组准确性"],
        &["out_of_scope", "risks", "inputs"],
        Some("evaluation.json: departments"),
    ),
    line(["4 Why the metrics fit", "4 指标的适当性"], &["usefulness"], None),
    line(["5 Risk management", "5 风险管理"], &["risk_management"], None),
    line(
        ["6 Changes over the life cycle", "6 生命周期内的变更"],
        &["maintenance"],
        Some("facts.json: run.origin"),
    ),
    line(["7 Standards", "7 标准"], &["standards", "risk_management"], None),
    line(["8 Declaration of conformity", "8 符合性声明"], &["regulatory_approval"], None),
    line(["9 Post-market plan", "9 上市后计划"], &["monitoring"], None),
];

const N88: [Line; 10] = [
    line(["1 Intended use and team", "1 预期用途与团队"], &["intended_use", "stakeholders"], None),
    line(
        ["2 Engineering and security", "2 工程与安全"],
        &["security", "software_bill"],
        Some("facts.json: program"),
    ),
    line(["3 Representative data", "3 数据代表性"], &["representativeness", "population"], None),
    line(
        ["4 Independent training and test", "4 训练与测试独立"],
        &[],
        Some("facts.json: held_out; evaluation.json: openings"),
    ),
    line(
        ["5 Reference standards", "5 参考标准"],
        &["data_cleaning"],
        Some("evaluation.json: rubric.agreement"),
    ),
    line(
        ["6 A model that fits data and use", "6 模型适合数据与用途"],
        &["usefulness"],
        Some("facts.json: adapter, settings"),
    ),
    line(["7 Team of human and machine", "7 人机协作"], &["how_to_use", "human_oversight"], None),
    line(
        ["8 Tests under clinical conditions", "8 临床条件下的测试"],
        &["external_validation", "safety"],
        None,
    ),
    line(
        ["9 Clear information to users", "9 向使用者提供清晰信息"],
        &["how_to_use", "risks", "generated_label"],
        None,
    ),
    line(["10 Monitoring and training again", "10 监测与再训练"], &["monitoring", "maintenance"], None),
];

const CHINA: [Line; 7] = [
    line(
        ["Corpus: source, lawful content (GB/T 45652)", "语料：来源与合法性（GB/T 45652）"],
        &["data_source", "china_service"],
        Some("facts.json: settings, rounds"),
    ),
    line(["Annotation (GB/T 45674)", "标注（GB/T 45674）"], &["data_cleaning"], None),
    line(
        ["Base model that is filed (GB/T 45654)", "使用已备案基础模型（GB/T 45654）"],
        &["china_service"],
        Some("facts.json: base"),
    ),
    line(
        ["Test banks: must refuse, must answer (GB/T 45654)", "测试题库：应拒答与不应拒答（GB/T 45654）"],
        &["china_service"],
        Some("evaluation.json: suites"),
    ),
    line(["Label of generated text (GB 45438)", "生成内容标识（GB 45438）"], &["generated_label"], None),
    line(
        [
            "Algorithm: basics, risk, needs (NMPA guideline)",
            "算法：基本信息、风险与需求（国家药监局指导原则）",
        ],
        &["intended_use", "risk_level", "risks"],
        Some("facts.json: base, adapter"),
    ),
    line(
        [
            "Algorithm: data, training, validation, traceability (NMPA guideline)",
            "算法：数据、训练、验证与可追溯性（国家药监局指导原则）",
        ],
        &["data_source", "data_cleaning", "safety"],
        Some("facts.json; evaluation.json"),
    ),
];
