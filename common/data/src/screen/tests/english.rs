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

/// One of each kind of place in which notes name people without a label, with names that no list holds.
#[test]
fn names_that_no_label_announces() {
    let name = |text: &str, name: &str| finds(text, &[(Kind::PersonName, name)]);
    name("handed off to RN Zorvane.", "Zorvane");
    name("Dad (Quillon) cut the cord", "Quillon");
    name("husband, Varrick: not sleeping", "Varrick");
    name("Thx,\nZorvane", "Zorvane");
    name("Notified by T. Quillon at noon", "T. Quillon");
    name("Seen today. Zorvane Quillon, RN", "Zorvane Quillon");
    name("in bed, Zorvane Quillon, stable", "Zorvane Quillon");
    name("refill for Zorvane Quillon. INR 4", "Zorvane Quillon");
    name("twin B of Quillon.", "Quillon");
    name("TRIAGE\nQuillon, Zorvane   83 F", "Quillon, Zorvane");
    name("ask dr quillon if she", "quillon");
    finds(
        "zorv: hey\nquil: yep\nzorv: ok\nquil: k",
        &[
            (Kind::PersonName, "zorv"),
            (Kind::PersonName, "quil"),
            (Kind::PersonName, "zorv"),
            (Kind::PersonName, "quil"),
        ],
    );
    for text in [
        "Forrest IIa ulcer, Lennox-Gastaut has been stable",
        "Braxton Hicks only. NURSE: I'm here",
        "Coxsackie B. Rocky Mountain fever negative",
        "Radiology called. Ortho wants films. Pharmacy said no.",
        "QTc 438 ms. Bazett not used",
        "Nurse Practitioner, Patient Education, Medical Center",
        "Hydrocodone refused. Lisinopril stopped.",
    ] {
        nothing(text);
    }
}

#[test]
fn numbers_of_other_countries_and_labels() {
    finds("on 07700 900341 after", &[(Kind::Telephone, "07700 900341")]);
    finds("office 555-0119 ext. 4, repeat", &[(Kind::Telephone, "555-0119 ext. 4")]);
    finds("+44 7700 900 812", &[(Kind::Telephone, "+44 7700 900 812")]);
    finds("NHS no 943 476 5919, who", &[(Kind::MedicalRecordNumber, "943 476 5919")]);
    finds("plate HRX-4471.", &[(Kind::LicenceNumber, "HRX-4471")]);
    finds("comp claim WC-2023-5517.", &[(Kind::InsuranceNumber, "WC-2023-5517")]);
    finds("serial KCI 55-10932 ok", &[(Kind::DeviceId, "KCI 55-10932")]);
    finds("in MICU-11.", &[(Kind::BedNumber, "MICU-11")]);
    finds("Thursday 10/26 with", &[(Kind::Date, "10/26")]);
    finds("signed 14MAR2023.", &[(Kind::Date, "14MAR2023")]);
    finds("encounter 2023-05-03.", &[(Kind::Date, "2023-05-03")]);
    finds("at 14 Kittredge Street, Leeds LS6 2AB.", &[(Kind::Address, "14 Kittredge Street, Leeds LS6 2AB")]);
    nothing("pain 3/10, strength 5/5, range 150-4000, POD2, room 12, bed rest, ICU 2 days");
}
