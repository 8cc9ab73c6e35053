//! The templates that the rules were tuned on: dialogues, notes, prescriptions, referrals, forms, and texts
//! without any identifier. Used by `quality`. Data only; a word in braces is a slot of
//! [`synthetic`](crate::screen::synthetic).

/// Chinese.
pub(super) const CHINESE: &[&str] = &[
    "患者{姓名}，男，{年龄}岁，因“{症}3天”于{日期}入院。既往{病}病史，长期服用{药}{剂量}。查体：血压{血压}mmHg。辅助检查：{化验}。",
    "姓名：{姓名}  性别：女  年龄：{年龄}岁  科室：心血管内科  床号：{床号}  住院号：{病案号}\n主诉：{症}1周。\n诊断：{病}（{icd}）\n医师签名：{姓名}  日期：{日期}",
    "出院小结\n患者姓名:{姓名} 病案号:{病案号} 入院日期:{日期} 出院日期:{日期}\n出院诊断：{病}\n出院带药：{药} {剂量} 每日一次\n主治医师：{姓名} 联系电话：{座机}",
    "患者：你好医生，我{症}好几天了，吃{药}可以吗？\n医生：你好，请问多大年纪？有没有{病}？\n患者：{年龄}岁，血压{血压}，我的手机号是{手机}。\n医生：建议查{化验}。",
    "处方笺 处方编号：{病案号}\n姓名：{姓名} 年龄：{年龄} 费别：医保 医保卡号：{医保}\nRp: {药} {剂量} ×14 片 Sig: 口服 每日两次\n{药} {剂量}\n医师：{姓名} 审核药师：{姓名}",
    "转诊单：兹将患者{姓名}，身份证号{身份证}，住址{住址}，因{病}转往上级医院进一步诊治。联系电话{手机}。转诊医生：{姓名}，{日期}",
    "{日期} 查房记录：{姓名}主任医师查房后指示：患者{症}较前好转，{化验}，继续{药}{剂量}治疗，注意监测血压。记录者：{姓名}",
    "护理记录：{日期} 08:00 患者{姓名}诉{症}，遵医嘱予{药}{剂量}，责任护士：{姓名}。",
    "急诊：{姓名}，男，{年龄}岁，被车牌{车牌}的车辆撞伤，家属{姓名}电话{手机}。",
    "其妻{姓名}代诉病史，患者既往{病}，否认{病}，长期口服{药}。家住{住址}。",
    "影像学检查报告 检查号：{检查号} 姓名：{姓名} 检查部位：胸部 影像所见：双肺纹理增粗。印象：考虑{病}。报告医师：{姓名} 审核医师：{姓名} {日期}",
    "病理号：{检查号} 送检医师：{姓名} 标本类型：胃窦活检 病理诊断：{病}。",
    "缴费通知 缴费人：{姓名}，银行卡号{银行卡}，开户名：{姓名}，请于{日期}前缴清。单位统一社会信用代码{信用代码}。",
    "您好，我加了医生微信{微信}，QQ：{QQ}，邮箱{email}，想把化验单发给您，{化验}。",
    "患者{民族姓名}因{症}就诊，护照号：{护照}，港澳通行证：{通行证}，军官证：{军官证}。",
    "患者{高龄}岁高龄，{病}，生活不能自理。监护人：{姓名}，监护人电话：{手机}。",
    "参考网址{url}，服务器{ip}，邮编：{邮编}，起搏器序列号：{device}，车架号{vin}。",
    "我叫{姓名}，今年{年龄}岁，{日期}查出{病}，医生开了{药}，请问需要忌口吗？",
    "问：{病}患者能吃{药}吗？\n答：{病}患者可以服用{药}，但{症}者慎用，成人每次{剂量}，每日3次，方便时复查{化验}。",
    "{药}的用法：口服，一次{剂量}，一日3次。{批准文号}，批号{批号}，条形码{条码}。常见不良反应为{症}，高龄患者酌情减量。",
    "患者{病}十年，患者{症}，患者应戒烟限酒，医生何时复查由病情决定。患者于昨日{症}，患者曾服{药}，患者白天明显。",
    "指南（{年}年版，主编陈灏珠）指出，{病}的诊断标准为{化验}，{icd}，比例1/2，疗程5-10天，有效率95.5%，样本量13812例。",
    "医生：何时开始的？平时吃什么药？\n患者：白天{症}，吃过{药}，{剂量}。\n医生：安静休息，常规复查{化验}，方便的话下周来。",
    "家属{姓名}签字，患者{姓名}同意手术，麻醉医师：{姓名}，手术日期{日期}，植入物编号：{device}。",
];

/// English.
pub(super) const ENGLISH: &[&str] = &[
    "Patient: {name}\nMRN: {mrn}\nDOB: {date}\nChief complaint: chest pain for 3 days. PMH: {disease}. Medications: {drug} {dose}. Labs: {lab}. Attending: Dr. {name}",
    "{name} is a {age}-year-old woman with {disease} seen on {date}. She takes {drug} {dose} daily. BP {bp}. Follow-up with Dr. {last}.",
    "Patient: Hello doctor, I have had a headache for two days. Can I take {drug}?\nDoctor: How old are you and do you have {disease}?\nPatient: I am {age}. My phone number is {phone}.\nDoctor: Please check {lab}.",
    "Referral letter. Re: {name}, SSN {ssn}, {address}. Thank you for seeing this patient with {disease} ({icd}). Phone {phone}, fax {phone}. Signed by {name}, MD. NPI: {npi}.",
    "Prescription. Name: {name}  Date: {date}\n{drug} {dose}, 1 tablet twice daily, #60\nPrescriber: {name}  DEA: {dea}",
    "Discharge summary. Patient name: {turned}. Admitted: {date}. Discharged: {date}. Diagnosis: {disease}. Primary care physician: {name}. Member ID: {member}.",
    "Radiology report. Accession number: {accession}. Exam date: {date}. Impression: no acute process. Dictated by: {name}. Reviewed by {name}.",
    "Mr. {last}, {age}, was brought in by his wife {first}. Account number: {account}. Lives at {address}.",
    "Please e-mail the results to {email} or call {phone}. Portal: {url}. Logged from {ip}.",
    "Implant record: device serial number {device}. VIN {vin}. License number: {license}. ZIP: {zip}.",
    "She is {old} years old and lives in {citystate} with her daughter {name}.",
    "Question: Can {disease} be treated with {drug}?\nAnswer: Yes, {drug} {dose} twice daily may help; may cause nausea. Check {lab} in 2 weeks.",
    "The Patient Health Questionnaire and the Glasgow Coma Scale were used. Jones et al. (2019) report that {drug} {dose} lowers mortality in {disease} by 25%. Lot {lot}.",
    "Take {drug} {dose} by mouth. Store at 20-25 C. {icd}. Normal range 3.5-5.0. Ratio 1/2. May be taken with food. UPC {条码}.",
    "Spoke with {name}, next of kin, on {date}. Encounter number {mrn}. Health plan number {member}.",
];
