//! What words announce an identifier, and where one stands in a text. Used by `cue_search`, which finds them,
//! by `vocabulary`, which lists them, and by all contextual detectors. Plain types.

/// What a word announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cue {
    /// A label that is followed by a name: `姓名`, `Patient name`.
    NameLabel,
    /// A word that may be followed by a name: `患者`, `医生`.
    Person,
    /// A relation whose given name alone may follow: `女儿`, `我妹`.
    Kin,
    /// `小名`: what a child is called.
    PetName,
    /// Part of a Tibetan, Mongolian, Uyghur or Yi name: `卓玛`, `其其格`.
    NamePart,
    /// `我叫`, `my name is`.
    Named,
    /// A title before an English name.
    TitleBefore,
    /// A title after a Chinese name: `主任医师`.
    TitleAfter,
    CitizenId,
    Passport,
    Permit,
    Officer,
    Insurance,
    Account,
    Licence,
    /// A word for a licence plate.
    Plate,
    Device,
    Wechat,
    Qq,
    RecordNumber,
    ExaminationNumber,
    Bed,
    Phone,
    AddressLabel,
    /// Province, region or municipality.
    Province,
    /// City below the province.
    City,
    PostalCode,
    Ssn,
    Npi,
    Dea,
    /// English month name.
    Month,
    Age,
    /// English street suffix.
    Street,
    /// English first name.
    FirstName,
    /// English last name.
    LastName,
    /// Not a cue: a longer word that holds one (`患者教育`, `门诊号脉`) and keeps it from counting.
    Nothing,
}

/// A cue in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct CueHit {
    pub(super) cue: Cue,
    pub(super) start: usize,
    pub(super) end: usize,
}
