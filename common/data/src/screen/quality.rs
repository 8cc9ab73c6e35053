//! How good the screen is: precision and recall by kind on synthetic labelled records, on the templates that
//! the rules were tuned on and on held-out ones. Called by the tests (floors), by `selftest` and by the
//! example `screen-quality` (the table in common/data/README.md). Invariant: the labelled set is a function
//! of the seed.
//!
//! *Recall* counts an identifier only if all of its letters and digits lie inside findings of any kind: then
//! masking leaves nothing of it. *Precision* of a kind is the share of its findings that touch an identifier
//! of that kind.

mod blind;
pub mod file;
mod fresh;
mod held_out;
mod templates;
mod unseen;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::Screen;
use super::finding::Finding;
use super::kind::Kind;
use super::synthetic::{Dice, value};
use super::words::Language;

/// A set of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The templates that the rules were tuned on.
    Tuned,
    /// Other templates, on which no rule was tuned.
    HeldOut,
    /// Templates written before their author had read any rule; about half of them identify nobody.
    Blind,
    /// A second family of the same sort, with names from wide lists: the one to develop rules with.
    Fresh,
    /// A family by an author who had not read the rules, measured once; development data since.
    Unseen,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 5] = [Self::Tuned, Self::HeldOut, Self::Blind, Self::Fresh, Self::Unseen];
}

/// A synthetic text and the identifiers in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The text.
    pub text: String,
    /// Kind, first byte, one past the last byte.
    pub labels: Vec<(Kind, usize, usize)>,
}

/// Counts of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Identifiers in the texts.
    pub planted: usize,
    /// Of these, wholly inside findings.
    pub covered: usize,
    /// Findings of this kind.
    pub found: usize,
    /// Of these, on an identifier of this kind.
    pub right: usize,
}

impl Score {
    /// Share of the identifiers that were covered; 1 where there were none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.covered, self.planted)
    }

    /// Both counts together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            planted: self.planted + other.planted,
            covered: self.covered + other.covered,
            found: self.found + other.found,
            right: self.right + other.right,
        }
    }

    /// Share of the findings that were right; 1 where there were none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.found)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// The kind that a slot of a template stands for; none for words that identify nobody.
pub(super) fn kind_of(slot: &str) -> Option<Kind> {
    Some(match slot {
        "姓名" | "民族姓名" | "name" | "last" | "first" | "turned" => Kind::PersonName,
        "身份证" => Kind::CitizenId,
        "手机" => Kind::MobilePhone,
        "座机" | "phone" => Kind::Telephone,
        "银行卡" => Kind::BankCard,
        "病案号" | "mrn" => Kind::MedicalRecordNumber,
        "检查号" | "accession" => Kind::ExaminationNumber,
        "床号" | "bed" => Kind::BedNumber,
        "护照" => Kind::Passport,
        "通行证" => Kind::TravelPermit,
        "军官证" => Kind::OfficerNumber,
        "医保" | "member" => Kind::InsuranceNumber,
        "微信" => Kind::WechatId,
        "QQ" => Kind::QqNumber,
        "车牌" => Kind::LicencePlate,
        "信用代码" => Kind::SocialCreditCode,
        "住址" | "address" | "citystate" => Kind::Address,
        "日期" | "date" => Kind::Date,
        "高龄" | "old" => Kind::AgeOver89,
        "邮编" | "zip" => Kind::PostalCode,
        "ssn" => Kind::UsSsn,
        "npi" => Kind::UsNpi,
        "dea" => Kind::UsDea,
        "license" => Kind::LicenceNumber,
        "vin" => Kind::VehicleId,
        "device" => Kind::DeviceId,
        "account" => Kind::AccountNumber,
        "email" => Kind::Email,
        "url" => Kind::Url,
        "ip" => Kind::IpAddress,
        slot if fresh::is_name(slot) => Kind::PersonName,
        _ => return None,
    })
}

/// Fills a template's slots and notes where the identifiers stand.
pub(super) fn fill(template: &str, dice: &mut Dice) -> Labelled {
    let mut text = String::new();
    let mut labels = Vec::new();
    for (index, piece) in template.split(['{', '}']).enumerate() {
        if index % 2 == 0 {
            text.push_str(piece);
            continue;
        }
        let start = text.len();
        // `{person-name=王}`: a fixed text that is an identifier.
        if let Some((kind, fixed)) = piece.split_once('=') {
            text.push_str(fixed);
            labels.extend(kind.parse().ok().map(|kind| (kind, start, text.len())));
            continue;
        }
        let filled = fresh::value(piece, dice).or_else(|| value(piece, dice));
        text.push_str(&filled.unwrap_or_else(|| format!("{{{piece}}}")));
        if let Some(kind) = kind_of(piece) {
            labels.push((kind, start, text.len()));
        }
    }
    Labelled { text, labels }
}

/// `count` labelled texts of one family and language, templates in turn.
#[must_use]
pub fn labelled(family: Family, language: Language, count: usize, seed: u64) -> Vec<Labelled> {
    let (templates, clear): (&[&str], &[&str]) = match (family, language) {
        (Family::Tuned, Language::Chinese) => (templates::CHINESE, &[]),
        (Family::Tuned, Language::English) => (templates::ENGLISH, &[]),
        (Family::HeldOut, Language::Chinese) => (held_out::CHINESE, &[]),
        (Family::HeldOut, Language::English) => (held_out::ENGLISH, &[]),
        (Family::Blind, Language::Chinese) => (blind::CHINESE, blind::CHINESE_CLEAR),
        (Family::Blind, Language::English) => (blind::ENGLISH, blind::ENGLISH_CLEAR),
        (Family::Fresh, Language::Chinese) => (fresh::CHINESE, fresh::CHINESE_CLEAR),
        (Family::Fresh, Language::English) => (fresh::ENGLISH, fresh::ENGLISH_CLEAR),
        (Family::Unseen, Language::Chinese) => (unseen::CHINESE, &[]),
        (Family::Unseen, Language::English) => (unseen::ENGLISH, &[]),
    };
    let mut dice = Dice::new(seed);
    let fill = |template: &&str| match family {
        Family::Unseen => {
            let (text, labels) = unseen::fill(template, language, &mut dice, kind_of);
            Labelled { text, labels }
        }
        _ => fill(template, &mut dice),
    };
    templates.iter().chain(clear).cycle().take(count).map(fill).collect()
}

/// Whether all letters and digits of a range lie inside findings.
pub(super) fn is_covered(text: &str, start: usize, end: usize, findings: &[Finding]) -> bool {
    let inside = |at: usize| findings.iter().any(|finding| finding.start <= at && at < finding.end);
    let range = text.get(start..end).unwrap_or_default();
    range.char_indices().filter(|(_, c)| c.is_alphanumeric()).all(|(at, _)| inside(start + at))
}

/// Screens the texts and counts, by kind.
#[must_use]
pub fn measure(texts: &[Labelled]) -> BTreeMap<Kind, Score> {
    let screen = Screen::default();
    let mut scores: BTreeMap<Kind, Score> = BTreeMap::new();
    for labelled in texts {
        let findings = screen.text(0, &labelled.text);
        for (kind, start, end) in &labelled.labels {
            let score = scores.entry(*kind).or_default();
            score.planted += 1;
            score.covered += usize::from(is_covered(&labelled.text, *start, *end, &findings));
        }
        for finding in &findings {
            let touches = |(kind, start, end): &(Kind, usize, usize)| {
                *kind == finding.kind && *start < finding.end && finding.start < *end
            };
            let score = scores.entry(finding.kind).or_default();
            score.found += 1;
            score.right += usize::from(labelled.labels.iter().any(touches));
        }
    }
    scores
}
