//! The kinds of identifier that the screen looks for. Used by every detector, in reports, waivers and
//! manifests. Invariant: a kind's written name never changes once released, because waivers name kinds; a
//! kind has one certainty.
//!
//! Kinds follow the HIPAA Safe Harbor list (45 CFR 164.514(b)(2)) and Chinese practice (GB/T 35273, GB/T
//! 39725).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// A check sum, or a shape (with its label where the shape alone is common) that leaves no reasonable
    /// doubt.
    Validated,
    /// Likely from the words around it.
    Contextual,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $certainty:ident;)*) => {
        /// A kind of identifier. Where two findings overlap, the kind that stands first here wins.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable written name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// How sure a finding of this kind is.
            #[must_use]
            pub fn certainty(self) -> Certainty {
                match self { $(Self::$variant => Certainty::$certainty),* }
            }
        }
    };
}

kinds! {
    /// Chinese citizen identity number: 18 characters, ISO 7064 MOD 11-2.
    CitizenId = "citizen-id", Validated;
    /// Unified social credit code (GB 32100).
    SocialCreditCode = "social-credit-code", Validated;
    /// Payment card, 16 to 19 digits with the Luhn check.
    BankCard = "bank-card", Validated;
    /// Vehicle identification number with its check digit (ISO 3779, FMVSS 115).
    VehicleId = "vehicle-id", Validated;
    /// US social security number.
    UsSsn = "us-ssn", Validated;
    /// US national provider identifier (Luhn with prefix 80840).
    UsNpi = "us-npi", Validated;
    /// US Drug Enforcement Administration registration number with its check digit.
    UsDea = "us-dea", Validated;
    /// Medical record, admission, outpatient or visit number behind its label.
    MedicalRecordNumber = "medical-record-number", Validated;
    /// Number of an examination, image, specimen or report behind its label.
    ExaminationNumber = "examination-number", Validated;
    /// Chinese mobile number.
    MobilePhone = "mobile-phone", Validated;
    /// Chinese landline, 400/800 or US telephone or fax number.
    Telephone = "telephone", Validated;
    /// E-mail address.
    Email = "email", Validated;
    /// Chinese licence plate, new-energy plates included.
    LicencePlate = "licence-plate", Validated;
    /// 15-digit citizen identity number of before 2000, or an incomplete one behind its label.
    CitizenIdUnverified = "citizen-id-unverified", Contextual;
    /// Passport behind its label.
    Passport = "passport", Contextual;
    /// Travel permit (Hong Kong, Macau, Taiwan), residence permit behind its label.
    TravelPermit = "travel-permit", Contextual;
    /// Officer or soldier certificate number.
    OfficerNumber = "officer-number", Contextual;
    /// Medical or social insurance, health-plan or policy number.
    InsuranceNumber = "insurance-number", Contextual;
    /// Bank account or payment account number behind its label.
    AccountNumber = "account-number", Contextual;
    /// Driving, professional or other licence or certificate number behind its label.
    LicenceNumber = "licence-number", Contextual;
    /// Serial number of a device or implant, IMEI, MAC address.
    DeviceId = "device-id", Contextual;
    /// `WeChat` name.
    WechatId = "wechat-id", Contextual;
    /// QQ number.
    QqNumber = "qq-number", Contextual;
    /// Ward bed.
    BedNumber = "bed-number", Contextual;
    /// Web address.
    Url = "url", Contextual;
    /// IP address.
    IpAddress = "ip-address", Contextual;
    /// Name of a person: patient, relative, doctor.
    PersonName = "person-name", Contextual;
    /// Address below the province or state.
    Address = "address", Contextual;
    /// Postal code.
    PostalCode = "postal-code", Contextual;
    /// Date more exact than the year.
    Date = "date", Contextual;
    /// Age of 90 or more.
    AgeOver89 = "age-over-89", Contextual;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().copied().find(|kind| kind.name() == text).ok_or(UnknownKind)
    }
}

/// The text does not name a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such kind of identifier; `citizen-id` and `person-name` are two of them")]
pub struct UnknownKind;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_and_read_by_one_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
            assert!(
                kind.name()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
            );
        }
        assert_eq!("Citizen-Id".parse::<Kind>(), Err(UnknownKind));
    }
}
