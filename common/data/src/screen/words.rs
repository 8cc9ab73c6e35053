//! What the screen calls things in Chinese and English: kinds in reports, placeholders in masked text,
//! verdicts. One table; the command line's `--lang` picks a column. Used by the masking, the command line and
//! the HTML report.

use super::kind::{Certainty, Kind};
use super::verdict::Verdict;

/// Language of messages and placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// 中文.
    Chinese,
    /// English.
    English,
}

/// Chinese name, English name, Chinese placeholder, English placeholder of a kind.
const fn row(kind: Kind) -> [&'static str; 4] {
    match kind {
        Kind::CitizenId => ["居民身份证号", "citizen ID number", "身份证号", "CITIZEN-ID"],
        Kind::SocialCreditCode => {
            ["统一社会信用代码", "unified social credit code", "信用代码", "CREDIT-CODE"]
        }
        Kind::BankCard => ["银行卡号", "payment card number", "银行卡号", "CARD"],
        Kind::VehicleId => ["车辆识别代号", "vehicle identification number", "车架号", "VEHICLE"],
        Kind::UsSsn => ["美国社会安全号", "US social security number", "社会安全号", "SSN"],
        Kind::UsNpi => ["美国医疗提供者号", "US national provider identifier", "提供者号", "NPI"],
        Kind::UsDea => ["美国缉毒局登记号", "US DEA registration number", "登记号", "DEA"],
        Kind::MedicalRecordNumber => {
            ["病案号、住院号、门诊号", "medical record or visit number", "病案号", "RECORD-NUMBER"]
        }
        Kind::ExaminationNumber => {
            ["检查号、影像号、标本号", "examination, image or specimen number", "检查号", "EXAM-NUMBER"]
        }
        Kind::MobilePhone => ["手机号", "mobile telephone number", "手机号", "PHONE"],
        Kind::Telephone => ["固定电话或传真", "telephone or fax number", "电话", "PHONE"],
        Kind::Email => ["电子邮箱", "e-mail address", "邮箱", "EMAIL"],
        Kind::LicencePlate => ["车牌号", "licence plate", "车牌号", "PLATE"],
        Kind::CitizenIdUnverified => [
            "疑似身份证号（旧式或校验不符）",
            "citizen ID, old style or unverified",
            "身份证号",
            "CITIZEN-ID",
        ],
        Kind::Passport => ["护照号", "passport number", "护照号", "PASSPORT"],
        Kind::TravelPermit => ["通行证、居留证号", "travel or residence permit", "通行证号", "PERMIT"],
        Kind::OfficerNumber => {
            ["军官证、士兵证号", "officer or soldier number", "军官证号", "OFFICER-NUMBER"]
        }
        Kind::InsuranceNumber => {
            ["医保、社保、保单号", "insurance or health-plan number", "医保号", "INSURANCE"]
        }
        Kind::AccountNumber => ["账号", "account number", "账号", "ACCOUNT"],
        Kind::LicenceNumber => ["执照、证书号", "licence or certificate number", "证书号", "LICENCE"],
        Kind::DeviceId => ["设备或植入物序列号", "device or implant serial number", "设备号", "DEVICE"],
        Kind::WechatId => ["微信号", "WeChat name", "微信号", "WECHAT"],
        Kind::QqNumber => ["QQ 号", "QQ number", "QQ号", "QQ"],
        Kind::BedNumber => ["床号", "bed number", "床号", "BED"],
        Kind::Url => ["网址", "web address", "网址", "URL"],
        Kind::IpAddress => ["IP 地址", "IP address", "IP地址", "IP"],
        Kind::PersonName => ["姓名", "name of a person", "姓名", "NAME"],
        Kind::Address => ["住址", "address", "住址", "ADDRESS"],
        Kind::PostalCode => ["邮政编码", "postal code", "邮编", "ZIP"],
        Kind::Date => ["日期", "date", "日期", "DATE"],
        Kind::AgeOver89 => ["90 岁及以上年龄", "age of 90 or more", "高龄", "AGE-90+"],
    }
}

impl Kind {
    /// What reports call the kind.
    #[must_use]
    pub fn title(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => row(self)[0],
            Language::English => row(self)[1],
        }
    }

    /// What stands in masked text: `[姓名1]` is this word and a number.
    #[must_use]
    pub fn placeholder(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => row(self)[2],
            Language::English => row(self)[3],
        }
    }
}

impl Certainty {
    /// What reports call it.
    #[must_use]
    pub fn title(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Validated, Language::Chinese) => "已校验",
            (Self::Validated, Language::English) => "validated",
            (Self::Contextual, Language::Chinese) => "据上下文",
            (Self::Contextual, Language::English) => "from context",
        }
    }
}

impl Verdict {
    /// What reports call it.
    #[must_use]
    pub fn title(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Train, Language::Chinese) => "可训练",
            (Self::Train, Language::English) => "train",
            (Self::Warn, Language::Chinese) => "需留意",
            (Self::Warn, Language::English) => "warn",
            (Self::Block, Language::Chinese) => "已拦下",
            (Self::Block, Language::English) => "block",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_words() {
        for language in [Language::Chinese, Language::English] {
            let titles: std::collections::BTreeSet<_> =
                Kind::ALL.iter().map(|kind| kind.title(language)).collect();
            assert_eq!(titles.len(), Kind::ALL.len());
        }
    }
}
