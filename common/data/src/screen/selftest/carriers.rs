//! Clauses that carry one identifier each. Used by `selftest`; slots as in
//! [`synthetic`](crate::screen::synthetic). Data only.

/// Names behind labels, person words and titles.
pub(super) const NAMES_ZH: &[&str] = &[
    "患者姓名：{姓名}",
    "联系人：{姓名}",
    "患者{姓名}，男",
    "我叫{姓名}",
    "家属：{姓名}（签字）",
    "主治医师：{姓名}",
    "姓名 {姓名} 性别 女",
    "由{姓名}主任医师查房",
    "记录者：{姓名}",
    "患者{民族姓名}，女",
];

/// Identifiers of the validated kinds.
pub(super) const VALIDATED_ZH: &[&str] = &[
    "身份证号{身份证}",
    "联系电话{手机}",
    "住院号：{病案号}",
    "银行卡号{银行卡}",
    "电话：{座机}",
    "检查号：{检查号}",
    "证件 {身份证}",
    "手机 {手机}",
    "病案号 {病案号}",
    "车牌{车牌}",
    "邮箱 {email}",
    "统一社会信用代码 {信用代码}",
    "车架号 {vin}",
    "门诊号：{病案号}",
];

/// Names behind labels, titles and relations.
pub(super) const NAMES_EN: &[&str] = &[
    "Patient name: {name}",
    "seen by Dr. {last}",
    "Mr. {last} agreed",
    "Patient: {turned}",
    "Attending: {name}",
    "his wife, {name}",
    "my name is {name}",
    "Dictated by: {name}",
    "Emergency contact: {name}",
    "Mrs. {name} called",
];

/// Identifiers of the validated kinds.
pub(super) const VALIDATED_EN: &[&str] = &[
    "SSN {ssn}",
    "MRN: {mrn}",
    "phone {phone}",
    "NPI: {npi}",
    "DEA# {dea}",
    "e-mail {email}",
    "Accession number: {accession}",
    "card {银行卡}",
    "VIN {vin}",
    "call {phone}",
    "Medical record number {mrn}",
    "citizen ID {身份证}",
];
