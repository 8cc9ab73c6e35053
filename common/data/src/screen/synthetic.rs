//! Synthetic identifiers: invented values of every kind, well formed (check digits right, dates that exist),
//! in the spellings that records use. Used by the self-test and by the labelled set. Invariant: a value is a
//! function of the seed; nobody's data is in the lists. A real person may by chance have a generated number:
//! these are patterns, not facts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::checksum::{citizen_check, credit_check, is_date, luhn, npi, vin_check};

mod lists;

/// A seeded source of choices.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `bound`; 0 for a bound of 0. The modulo's bias is far below what a test could see.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % (bound.max(1) as u64)).unwrap_or(0)
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.get(self.below(list.len())).copied().unwrap_or_default()
    }

    fn word<'a>(&mut self, list: &'a str) -> &'a str {
        let words: Vec<&str> = list.split_whitespace().collect();
        self.pick(&words)
    }

    fn character(&mut self, list: &str) -> char {
        let chars: Vec<char> = list.chars().collect();
        chars.get(self.below(chars.len())).copied().unwrap_or('1')
    }

    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0))).collect()
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
}

/// A value for a slot of a template; none for a slot that does not exist. Slots are the words in braces in
/// [`quality`](super::quality)'s templates.
pub(super) fn value(slot: &str, dice: &mut Dice) -> Option<String> {
    chinese(slot, dice).or_else(|| english(slot, dice)).or_else(|| shared(slot, dice))
}

fn chinese(slot: &str, dice: &mut Dice) -> Option<String> {
    Some(match slot {
        "姓名" => name_zh(dice),
        "民族姓名" => format!("{}·{}", dice.word(lists::ETHNIC), dice.word(lists::ETHNIC)),
        "身份证" => citizen_id(dice),
        "手机" => mobile(dice),
        "座机" => format!(
            "{}-{}{}",
            dice.word("010 021 0571 0755 028 0531 025 0591 0871"),
            dice.between(2, 8),
            dice.digits(7)
        ),
        "银行卡" => card(dice),
        "病案号" => record_number(dice),
        "检查号" => {
            format!("{}{}{}", dice.word("CT MR US DR X P S B"), dice.between(2015, 2025), dice.digits(6))
        }
        "床号" => format!("{}", dice.between(1, 60)),
        "护照" => format!("{}{}", dice.word("E EA EB G"), dice.digits(8)).chars().take(9).collect(),
        "通行证" => format!("{}{}", dice.word("H M C"), dice.digits(8)),
        "军官证" => format!("{}字第{}号", dice.word("军 南 北 空 海 政"), dice.digits(7)),
        "医保" => format!("{}{}", dice.word("3301 1101 4401 YB"), dice.digits(8)),
        "微信" => format!(
            "{}_{}{}",
            dice.word("wx zhang li happy sunny wxid"),
            dice.word("ab cd xy mm"),
            dice.digits(4)
        ),
        "QQ" => {
            let length = dice.between(6, 9);
            format!("{}{}", dice.between(1, 9), dice.digits(length))
        }
        "车牌" => plate(dice),
        "信用代码" => credit_code(dice),
        "住址" => address_zh(dice),
        "日期" => date_zh(dice),
        "高龄" => format!("{}", dice.between(90, 104)),
        "邮编" => format!("{}{}", dice.between(1, 8), dice.digits(5)),
        _ => return None,
    })
}

fn english(slot: &str, dice: &mut Dice) -> Option<String> {
    Some(match slot {
        "name" => format!("{} {}", dice.word(lists::FIRST), dice.word(lists::LAST)),
        "last" => dice.word(lists::LAST).to_owned(),
        "first" => dice.word(lists::FIRST).to_owned(),
        "turned" => format!("{}, {}", dice.word(lists::LAST), dice.word(lists::FIRST)),
        "ssn" => {
            format!("{}-{:02}-{:04}", dice.between(100, 665), dice.between(1, 99), dice.between(1, 9999))
        }
        "npi" => npi_number(dice),
        "dea" => dea_number(dice),
        "phone" => phone_us(dice),
        "mrn" => dice.digits(8),
        "accession" => format!("{}-{}-{}", dice.word("S A CT MR"), dice.between(15, 25), dice.digits(5)),
        "member" => format!("{}{}", dice.word("XYZ ABC WQA HMO"), dice.digits(9)),
        "license" => format!("{}{}", dice.word("D S MD RN A"), dice.digits(7)),
        "address" => address_en(dice),
        "citystate" => {
            format!("{}, {} {}", dice.word(lists::CITY), dice.word("IL MA TX OH CA NY WA"), dice.digits(5))
        }
        "zip" => dice.digits(5),
        "date" => date_en(dice),
        "old" => format!("{}", dice.between(90, 104)),
        _ => return None,
    })
}

fn shared(slot: &str, dice: &mut Dice) -> Option<String> {
    Some(match slot {
        "vin" => vin(dice),
        "device" => format!("{}{}{}", dice.word("PJN SN ABC MDT BSX"), dice.word("- A B"), dice.digits(7)),
        "account" => dice.digits(12),
        "email" => format!(
            "{}{}@{}",
            dice.word("zhang li.wei anna j.smith happy_cat"),
            dice.digits(3),
            dice.word("example.com mail.example.org qq.com 163.com")
        ),
        "url" => format!(
            "{}{}/{}",
            dice.word("https:// http:// www."),
            dice.word("example.com blog.example.org"),
            dice.digits(5)
        ),
        "ip" => format!(
            "{}.{}.{}.{}",
            dice.between(11, 223),
            dice.below(256),
            dice.below(256),
            dice.between(1, 254)
        ),
        // Values that identify nobody.
        "bed" => format!("{}", dice.between(1, 60)),
        "年龄" | "age" => format!("{}", dice.between(1, 89)),
        "年" => format!("{}", dice.between(2005, 2025)),
        "药" => dice.word(lists::DRUGS_ZH).to_owned(),
        "病" => dice.word(lists::DISEASES_ZH).to_owned(),
        "症" => dice.word(lists::COMPLAINTS_ZH).to_owned(),
        "剂量" => format!(
            "{}{}",
            dice.word("5 10 20 25 50 100 0.25 0.5 2.5 75 500"),
            dice.word("mg g ml 片 粒 μg IU")
        ),
        "化验" => dice.word(lists::LABS_ZH).replace('_', " "),
        "drug" => dice.word(lists::DRUGS_EN).to_owned(),
        "disease" => dice.word(lists::DISEASES_EN).replace('_', " "),
        "dose" => {
            format!("{} {}", dice.word("5 10 20 25 50 100 0.25 2.5 81 500"), dice.word("mg mcg g mL units"))
        }
        "lab" => dice.word(lists::LABS_EN).replace('_', " "),
        "icd" => dice.word("I10 E11.9 J18.901 K29.500 C34.1 M54.5 I25.103 N18.6 F41.1 G43.909").to_owned(),
        "条码" => format!("69{}", dice.digits(11)),
        "批准文号" => format!("国药准字{}{}", dice.word("H Z S"), dice.digits(8)),
        "批号" => {
            format!("{}{:02}{:02}", dice.between(2019, 2025), dice.between(1, 12), dice.between(1, 28))
        }
        "血压" | "bp" => format!("{}/{}", dice.between(90, 190), dice.between(50, 110)),
        "lot" => format!("{}{}", dice.word("LX B0 AA"), dice.digits(6)),
        _ => return None,
    })
}

fn name_zh(dice: &mut Dice) -> String {
    let family = if dice.chance(3) {
        dice.word(lists::COMPOUND).to_owned()
    } else {
        dice.character(lists::SURNAMES).to_string()
    };
    let mut name = family;
    name.push(dice.character(lists::GIVEN));
    if dice.chance(72) {
        name.push(dice.character(lists::GIVEN));
    }
    name
}

/// One of the ways in which a long number is written.
fn spelled(number: String, dice: &mut Dice, groups: &[usize]) -> String {
    let grouped = |separator: &str| {
        let mut rest = number.as_str();
        let mut pieces = Vec::new();
        for group in groups {
            let (piece, tail) = rest.split_at((*group).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces.join(separator)
    };
    match dice.below(20) {
        0 => grouped(" "),
        1 => grouped("-"),
        2 => number.chars().map(full_width).collect(),
        3 => {
            let (head, tail) = number.split_at(number.len() / 2);
            format!("{head}\n{tail}")
        }
        4 => {
            let (head, tail) = number.split_at(number.len() / 2);
            format!("{head}\u{200b}{tail}")
        }
        _ => number,
    }
}

fn full_width(c: char) -> char {
    if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c }
}

fn citizen_id(dice: &mut Dice) -> String {
    let mut body;
    loop {
        let (year, month, day) = (dice.between(1930, 2019), dice.between(1, 12), dice.between(1, 31));
        if is_date(
            u32::try_from(year).unwrap_or(0),
            u32::try_from(month).unwrap_or(0),
            u32::try_from(day).unwrap_or(0),
        ) {
            body = format!("{}{year}{month:02}{day:02}{}", dice.word(lists::DIVISIONS), dice.digits(3));
            break;
        }
    }
    body.push(char::from(citizen_check(body.as_bytes()).unwrap_or(b'0')));
    spelled(body, dice, &[6, 8])
}

fn mobile(dice: &mut Dice) -> String {
    let number = format!("1{}{}", dice.between(3, 9), dice.digits(9));
    let number = spelled(number, dice, &[3, 4]);
    if dice.chance(8) { format!("+86 {number}") } else { number }
}

fn card(dice: &mut Dice) -> String {
    let length = if dice.chance(60) { 18 } else { 15 };
    let mut number =
        format!("{}{}", dice.word("622202 621700 622848 436742 520169 356827"), dice.digits(length - 6));
    for last in '0'..='9' {
        if luhn(format!("{number}{last}").as_bytes()) {
            number.push(last);
            break;
        }
    }
    spelled(number, dice, &[4, 4, 4, 4])
}

fn record_number(dice: &mut Dice) -> String {
    let length = dice.between(5, 10);
    format!("{}{}", dice.word("ZY A B 0 1 20 M"), dice.digits(length))
}

fn plate(dice: &mut Dice) -> String {
    let letters = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    let head = format!("{}{}", dice.character("京沪粤苏浙鲁川鄂湘闽"), dice.character(letters));
    match dice.below(4) {
        0 => format!("{head}{}{}", dice.character("DF"), dice.digits(5)),
        1 => format!("{head}·{}{}", dice.character(letters), dice.digits(4)),
        _ => format!("{head}{}", dice.digits(5)),
    }
}

fn credit_code(dice: &mut Dice) -> String {
    let mut code = format!(
        "{}{}{}{}",
        dice.word("91 92 12 52"),
        dice.word(lists::DIVISIONS),
        dice.word("MA1 MA2 M00 400"),
        dice.digits(6)
    );
    code.push(char::from(credit_check(code.as_bytes()).unwrap_or(b'0')));
    code
}

fn vin(dice: &mut Dice) -> String {
    let body = format!(
        "{}0{}{}",
        dice.word("LSVAM418 1HGCM826 WBA3A5C5 JH4KA965"),
        dice.character("ABCDEFGH"),
        dice.word("K P A B")
    );
    let mut text: Vec<u8> = format!("{body}{}", dice.digits(6)).into_bytes();
    if let (Some(check), Some(place)) = (vin_check(&text), text.get_mut(8)) {
        *place = check;
    }
    String::from_utf8(text).unwrap_or_default()
}

fn npi_number(dice: &mut Dice) -> String {
    let body = format!("1{}", dice.digits(8));
    ('0'..='9').map(|last| format!("{body}{last}")).find(|number| npi(number.as_bytes())).unwrap_or_default()
}

fn dea_number(dice: &mut Dice) -> String {
    let digits: Vec<usize> = (0..6).map(|_| dice.below(10)).collect();
    let sum: usize =
        digits.iter().enumerate().map(|(at, digit)| if at % 2 == 0 { *digit } else { 2 * digit }).sum();
    let body: String = digits.iter().map(ToString::to_string).collect();
    format!("{}{}{body}{}", dice.character("ABFM"), dice.character("ABCDEFGHS"), sum % 10)
}

fn phone_us(dice: &mut Dice) -> String {
    let (area, exchange, line) = (
        dice.word("212 312 415 617 206 713 404"),
        format!("{}{}", dice.between(2, 9), dice.digits(2)),
        dice.digits(4),
    );
    match dice.below(4) {
        0 => format!("({area}) {exchange}-{line}"),
        1 => format!("{area}.{exchange}.{line}"),
        2 => format!("+1 {area} {exchange} {line}"),
        _ => format!("{area}-{exchange}-{line}"),
    }
}

fn address_zh(dice: &mut Dice) -> String {
    let place = dice.word(lists::PLACES);
    match dice.below(3) {
        0 => place.to_owned(),
        1 => format!(
            "{place}{}{}号{}栋{}室",
            dice.word(lists::STREETS_ZH),
            dice.between(1, 999),
            dice.between(1, 30),
            dice.between(101, 2805)
        ),
        _ => format!("{place}{}{}号", dice.word(lists::STREETS_ZH), dice.between(1, 999)),
    }
}

fn address_en(dice: &mut Dice) -> String {
    let street = format!(
        "{} {} {}",
        dice.between(1, 9999),
        dice.word(lists::STREETS_EN),
        dice.word("Street St Avenue Ave Road Rd Lane Drive Blvd Court")
    );
    match dice.below(3) {
        0 => street,
        1 => format!("{street}, Apt {}", dice.between(1, 40)),
        _ => format!(
            "{street}, {}, {} {}",
            dice.word(lists::CITY),
            dice.word("IL MA TX OH CA"),
            dice.digits(5)
        ),
    }
}

fn date_zh(dice: &mut Dice) -> String {
    let (year, month, day) = (dice.between(1940, 2025), dice.between(1, 12), dice.between(1, 28));
    match dice.below(6) {
        0 => format!("{year}-{month:02}-{day:02}"),
        1 => format!("{year}/{month}/{day}"),
        2 => format!("{month}月{day}日"),
        3 => format!("{year}.{month:02}.{day:02}"),
        4 => format!("{year}年{month}月"),
        _ => format!("{year}年{month}月{day}日"),
    }
}

fn date_en(dice: &mut Dice) -> String {
    let (year, month, day) = (dice.between(1940, 2025), dice.between(1, 12), dice.between(1, 28));
    let name = dice.word("January March April May June July August September October November December");
    match dice.below(6) {
        0 => format!("{month:02}/{day:02}/{year}"),
        1 => format!("{year}-{month:02}-{day:02}"),
        2 => format!("{name} {day}, {year}"),
        3 => format!("{day} {name} {year}"),
        4 => format!("{name} {day}"),
        _ => format!("{month}/{day}/{:02}", year % 100),
    }
}
