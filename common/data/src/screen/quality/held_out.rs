//! The held-out templates: other phrasings than [`templates`](super::templates), written after the first
//! version of the rules and before any tuning, and not tuned on. Used by `quality`. Data only. A change of a
//! rule because of a miss here makes this set useless: write a new one instead.

/// Chinese.
pub(super) const CHINESE: &[&str] = &[
    "大夫您好，我是{姓名}的女儿，我爸今年{年龄}岁，{日期}做完支架以后一直说{症}，现在每天吃{药}{剂量}，化验单上写着{化验}，要不要紧？方便的话请回我电话{手机}，谢谢！",
    "【夜班交接】{床号}床{姓名}，男，{年龄}岁，{病}。夜间{症}，测血压{血压}mmHg，遵医嘱予{药}{剂量}口服，今晨复测好转。家属{姓名}，{手机}，已告知风险。",
    "兹有我院患者{姓名}（身份证{身份证}）因{病}于{日期}至贵院就诊，烦请协助调取影像资料，检查号{检查号}。联系人：{姓名}，座机{座机}。此致 县人民医院医务科",
    "随访记录：{日期}致电{手机}，接听者为患者之子{姓名}。诉患者近期{症}，自行停用{药}。嘱复查{化验}相关项目，必要时来诊。随访人{姓名}。",
    "| 项目 | 内容 |\n| 姓名 | {姓名} |\n| 病案号 | {病案号} |\n| 诊断 | {病} |\n| 手机 | {手机} |\n| 现住址 | {住址} |\n| 用药 | {药} {剂量} |",
    "投诉内容：本人{姓名}，{日期}在你院挂号，缴费时刷的卡{银行卡}被重复扣款，要求退还。我的微信{微信}，地址{住址}。药费清单上{药}{剂量}共计{年龄}元。",
    "理赔材料补正通知：被保险人{姓名}，证件号码{身份证}，医保卡号{医保}，诊断{病}（{icd}）。请将发票寄至{住址}，邮编{邮编}。咨询热线{座机}。",
    "问诊对话\n患者：医生，我{症}三天了，吃了{药}没用。\n医生：体温多少？有没有做化验？\n患者：{化验}。我叫{姓名}，上次是在你们医院{姓名}医生那里看的。\n医生：建议加用{药}{剂量}，白天多休息。",
    "手术记录 手术日期：{日期} 术者：{姓名} 一助：{姓名} 麻醉方式：全麻 术前诊断：{病} 植入物：双腔起搏器，序列号{device}。术中出血约{剂量}，安返病房。",
    "患者{民族姓名}，女，{年龄}岁，维吾尔族，因{症}入院，由其丈夫{民族姓名}陪同翻译。既往{病}，服{药}{剂量}。",
    "车祸伤，肇事车辆{车牌}，车架号{vin}，伤者{姓名}送至急诊，{日期}由交警支队备案。查体：{化验}，予{药}{剂量}静滴。",
    "健康咨询：我妈{高龄}岁了，{病}多年，最近{症}，一直在吃{药}，请问能换成{药}吗？发我邮箱{email}也行，QQ {QQ}。",
    "军人保障卡持有人{姓名}，军官证{军官证}，护照{护照}，{日期}体检：{化验}，未见{病}。",
    "会诊意见：同意贵科诊断，考虑{病}可能性大，建议完善{化验}，加用{药}{剂量}。会诊医师：{姓名}  {日期}",
    "文献摘要：参照《中国{病}防治指南（{年}年修订版）》，主编葛均波等，推荐{药}{剂量}作为一线用药。{icd}编码患者{年龄}例，{批准文号}，批号{批号}，条码{条码}，有效率95%，P<0.05。",
    "药品说明书：{药}，规格{剂量}，{批准文号}，产品批号{批号}，商品条形码{条码}。{症}者慎用，高温避光保存，{年龄}岁以下儿童酌减。方法：每日3次，每次2片，疗程7-14天。",
];

/// English.
pub(super) const ENGLISH: &[&str] = &[
    "Hi doctor, this is {name}. My dad, {age} years old, had a stent on {date} and now takes {drug} {dose}. His labs: {lab}. Should we worry? You can reach me at {phone}.",
    "Handoff: bed {bed}, {last}, {age}M with {disease}. Overnight c/o chest tightness, BP {bp}, given {drug} {dose} with relief. Daughter {name} ({phone}) updated by RN.",
    "To whom it may concern: {name}, born {date}, has been under my care for {disease} ({icd}). Please release imaging, accession no. {accession}. Sincerely, {name}, MD, NPI {npi}",
    "Telephone encounter {date}. Caller is the patient's son, {name}. Reports that his mother stopped {drug} {dose} last week. Most recent result {lab}. Callback {phone}.",
    "| Field | Value |\n| Patient name | {name} |\n| MRN | {mrn} |\n| DOB | {date} |\n| Diagnosis | {disease} |\n| Home address | {address} |",
    "Billing dispute: I, {name}, was charged twice on card {银行卡}. Member ID {member}, account number {account}. Mail the refund to {address}. E-mail {email}.",
    "Claim form. Insured: {turned}. SSN: {ssn}. Policy number: {member}. ICD-10: {icd}. Provider: {name}. Phone: {phone}.",
    "Patient: Doctor, I have had pain for {age} days and {drug} does not help.\nDoctor: What dose are you taking?\nPatient: {dose}. Dr. {last} saw me last time, my name is {name}.\nDoctor: Let us check {lab}.",
    "OPERATIVE NOTE. Date of surgery: {date}. Surgeon: {name}. Assistant: {name}. Implant: pacemaker, serial number {device}. Estimated blood loss {dose}.",
    "Rx: {drug} {dose} PO daily, dispense 30. DEA# {dea}. Prescriber: Dr. {name}. Patient lives in {citystate}.",
    "MVC involving a vehicle with VIN {vin}. Driver's license {license}. Pt transported by EMS to ED on {date}, {lab}.",
    "My grandmother is {old} years old with {disease}; can she switch from {drug} to {drug}? Found at {url}. Our router logged {ip}.",
    "Mr. {last} and his wife {first} were counselled on {disease}. Follow up with {name}, NP, in 2 weeks. Labs ordered: {lab}.",
    "Abstract. Methods: Smith J et al. enrolled {age} patients with {disease} ({icd}) and gave {drug} {dose}. The Framingham score, Apgar score and Charlson index were recorded. Lot {lot}, version 2.1.3, p<0.05.",
    "Package insert: {drug} tablets {dose}. Store below 25 C. Keep away from children. Lot {lot}. UPC {条码}. In patients over 65 with creatinine 1.8 halve the dose; see section 5.1.2.",
];
