//! English identifiers.

use super::{Kind, Screen, finds, nothing};

#[test]
fn us_numbers() {
    finds("SSN 123-45-6789.", &[(Kind::UsSsn, "123-45-6789")]);
    finds("SSN: 123456789", &[(Kind::UsSsn, "123456789")]);
    finds("123-45-6789", &[(Kind::UsSsn, "123-45-6789")]);
    nothing("000-45-6789 666-45-6789 923-45-6789 123-00-6789 123-45-0000");
    nothing("code 123456789");
    finds("NPI: 1234567893", &[(Kind::UsNpi, "1234567893")]);
    nothing("NPI: 1234567894");
    nothing("code 1234567893");
    finds("DEA# AB1234563", &[(Kind::UsDea, "AB1234563")]);
    nothing("DEA# AB1234564");
    finds("call (212) 555-0123", &[(Kind::Telephone, "(212) 555-0123")]);
    finds("212-555-0123", &[(Kind::Telephone, "212-555-0123")]);
    finds("+1 212 555 0123", &[(Kind::Telephone, "+1 212 555 0123")]);
    finds("Phone: 2125550123", &[(Kind::Telephone, "2125550123")]);
    nothing("112-555-0123");
    nothing("code 2125550123");
    nothing("212 555 0123 345");
    finds("MRN: 00123456", &[(Kind::MedicalRecordNumber, "00123456")]);
    finds("Accession #: A23-10442", &[(Kind::ExaminationNumber, "A23-10442")]);
    finds("Member ID: XYZ123456789", &[(Kind::InsuranceNumber, "XYZ123456789")]);
    finds("Account number 12345678", &[(Kind::AccountNumber, "12345678")]);
    finds("Serial number: SN-998877", &[(Kind::DeviceId, "SN-998877")]);
    finds("driver's license D1234567", &[(Kind::LicenceNumber, "D1234567")]);
    nothing("mRNA 123456, 500 mg twice daily, ICD-10 E11.9, 10^9/L");
}

#[test]
fn a_unit_takes_no_telephone_number_away() {
    finds("Wife 617-555-0123 cell", &[(Kind::Telephone, "617-555-0123")]);
    finds("手机13812345678 U盘", &[(Kind::MobilePhone, "13812345678")]);
    finds("13812345678/天津", &[(Kind::MobilePhone, "13812345678")]);
    finds("电话010-62345678/分机8012", &[(Kind::Telephone, "010-62345678")]);
    finds("联系电话（家属）：13812345678 mg", &[(Kind::MobilePhone, "13812345678")]);
    nothing("13812345678 copies/mL, 13812345678拷贝/毫升");
}

/// A cost that grew with the square of the length would show as a test that does not end.
#[test]
fn long_lines_cost_what_they_are_long() {
    for piece in ["3床", "[王建国", "pt ", "北京 ", "1 A Street "] {
        let text = piece.repeat(200_000 / piece.len());
        assert!(Screen::default().text(0, &text).len() <= text.len());
    }
}

#[test]
fn network() {
    finds("mail john.smith@example.org.", &[(Kind::Email, "john.smith@example.org")]);
    finds("ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｏｒｇ", &[(Kind::Email, "ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｏｒｇ")]);
    nothing("5@3 and @home");
    finds("see https://example.org/p?id=1.", &[(Kind::Url, "https://example.org/p?id=1")]);
    finds("www.example.org", &[(Kind::Url, "www.example.org")]);
    finds("from 192.168.1.20:8080", &[(Kind::IpAddress, "192.168.1.20")]);
    finds("2001:db8::ff00:42:8329", &[(Kind::IpAddress, "2001:db8::ff00:42:8329")]);
    nothing("256.1.1.1, version 1.2.3, chapter 1.2.3.4, 12:30:45");
}

#[test]
fn names() {
    finds("Patient: John Smith", &[(Kind::PersonName, "John Smith")]);
    finds("Patient name: SMITH, JOHN A. DOB", &[(Kind::PersonName, "SMITH, JOHN A.")]);
    finds("Mr. O'Brien came", &[(Kind::PersonName, "O'Brien")]);
    finds("seen by Dr. Maria van der Berg today", &[(Kind::PersonName, "Maria van der Berg")]);
    finds("his wife Mary says", &[(Kind::PersonName, "Mary")]);
    finds("Emily Johnson is 40", &[(Kind::PersonName, "Emily Johnson")]);
    finds("my name is Priya", &[(Kind::PersonName, "Priya")]);
    finds("Dictated by: K. Nakamura, MD", &[(Kind::PersonName, "K. Nakamura")]);
    for text in [
        "Patient: Good morning",
        "Patient Health Questionnaire",
        "Drug name: Aspirin",
        "Thomas Jefferson University",
        "Crohn disease, Parkinson disease",
        "Smith J, Jones K. NEJM 2019",
        "Name: unknown",
        "Patient: My chest hurts",
        "Doctor: How long?",
        "Attending physician agrees",
        "the patient has pain",
    ] {
        nothing(text);
    }
}

#[test]
fn places_and_dates() {
    finds(
        "lives at 123 Main Street, Springfield, IL 62704.",
        &[(Kind::Address, "123 Main Street, Springfield, IL 62704")],
    );
    finds("4500 San Pablo Ave, Apt 4B", &[(Kind::Address, "4500 San Pablo Ave, Apt 4B")]);
    finds("P.O. Box 123", &[(Kind::Address, "P.O. Box 123")]);
    finds("Boston, MA 02115", &[(Kind::Address, "Boston, MA 02115")]);
    finds("ZIP: 02115-1234", &[(Kind::PostalCode, "02115-1234")]);
    nothing("walked 2 blocks, 3 times a day, take 5 in place");
    finds("on May 3, 2023 he", &[(Kind::Date, "May 3, 2023")]);
    finds("3rd of May 2023", &[(Kind::Date, "3rd of May 2023")]);
    finds("03-MAY-2023", &[(Kind::Date, "03-MAY-2023")]);
    finds("seen 05/03/2023", &[(Kind::Date, "05/03/2023")]);
    finds("in May 2023", &[(Kind::Date, "May 2023")]);
    nothing("may 3 mg, 13/13/2023, 1/2 tablet, in 2023");
    finds("a 93-year-old man", &[(Kind::AgeOver89, "93")]);
    finds("aged 101", &[(Kind::AgeOver89, "101")]);
    nothing("an 89-year-old, SpO2 95 %, 80-95 years old");
}
