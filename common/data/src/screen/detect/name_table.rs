//! Names in tables and forms: the cells of a column whose heading says that names stand there (`Surname`,
//! `first_name`, `姓名`, `管床医生`), in comma-separated lines, in columns between `|` or tabs, or apart by blanks;
//! and `name: joy abara` in lower case. Called by `detect`. Invariants: each line is read once; a table ends
//! with the first line of another shape; cells that are no words of two letters or more are no names.

use std::sync::LazyLock;

use super::lists::Set;
use super::name_en::is_not_a_name;
use super::name_score_en_words::{COMMON, ROLE, flags};
use super::name_zh::is_masked;
use crate::limits::TABLE_COLUMNS_MAX;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Headings of columns of names, in lower case.
const HEADINGS: &str = "name names patient patient_name pt_name full_name first_name last_name first last surname \
    surnames forename forenames given_name given_names family_name middle_name firstname lastname nurse nurse_name \
    doctor dr consultant physician surgeon assistant anaesthetist anesthesiologist attending registrar resident \
    clinician provider gp pcp named_nurse keyworker key_worker seen_by reviewed_by reported_by requested_by \
    signed_by entered_by author staff staff_name employee contact contact_name next_of_kin nok carer relative \
    mother father spouse guardian informant caller witness operator radiologist pathologist technician therapist \
    midwife sho spr fy1 on_call oncall med_reg consultant_name responsible_clinician lead member attendee presenter \
    interpreter client service_user resident_name \
    姓名 名字 患者 患者姓名 病人 病人姓名 患儿 患儿姓名 产妇 产妇姓名 家属 家属姓名 联系人 紧急联系人 医生 医师 主治 主治医师 \
    主治医生 住院医师 管床医生 管床医师 主管医生 主管医师 经治医师 责任医生 接诊医生 首诊医生 护士 责任护士 责护 主管护士 管床护士 值班护士 \
    值班医生 值班 一线 二线 三线 白班 夜班 早班 中班 晚班 大夜 小夜 主班 副班 术者 主刀 一助 二助 助手 麻醉 麻醉医师 麻醉医生 麻醉师 \
    器械护士 巡回护士 洗手护士 检查者 检验者 报告医师 报告医生 审核医师 审核医生 审核者 审核 记录者 记录人 签名 签字 母亲 父亲 \
    监护人 陪护 陪护人 员工 职工 成员 参会人员 主讲 主讲人 负责人 经办人 随访人 受试者 组长 带教老师 学员 实习生 规培生 随访医生 \
    申请医生 申请医师 开单医生 手术医生 手术医师 操作者 药师 审方药师 技师 治疗师 母亲姓名 父亲姓名 监护人姓名 配偶 配偶姓名";

/// Headings of other columns, in lower case: half of a heading's cells must be known.
const OTHER_HEADINGS: &str = "id no no. nr # number bed bed_no room bay ward age sex gender dob date date_of_birth time diagnosis dx reason \
    complaint status plan comment comments note notes mrn nhs_number nhs_no hospital_number hospital_no unit_no phone tel \
    telephone mobile email address relationship relation role grade specialty speciality department dept shift day night \
    procedure operation op side implant test result unit units allergies allergy medication medications drug dose \
    frequency route outcome action actions due score los news ews bp hr temp resp weight height diet mobility slot \
    appointment clinic type location task priority problem problems jobs job escalation resus code signature extension bleep pager \
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun am pm \
    序号 编号 床号 床位 病床 床 房间 楼层 性别 年龄 出生日期 诊断 初步诊断 临床诊断 出院诊断 病情 饮食 护理级别 护理等级 科室 病区 部门 单位 日期 时间 电话 联系电话 \
    手机 手机号 住院号 病案号 门诊号 登记号 身份证号 职务 职称 职业 班次 班别 备注 主诉 手术 手术名称 术式 拟行手术 医嘱 用药 药物 剂量 过敏史 关系 与患者关系 结果 项目 \
    体温 血压 脉搏 地址 住址 民族 籍贯 婚姻 入院日期 出院日期 入院时间 转归 检查 检查项目 费用 内容 交班内容 星期 周一 周二 周三 周四 周五 周六 周日 次数 途径 级别 类型 状态 \
    生命体征 标本 危急值 处理 去向 分级 时段 岗位 角色 事项 部位 侧别 体重 血型";

/// What else forms put in such a column.
const NOT_CELLS: &str = "none nil unknown tbc tba vacant n/a as above same ditto self yes no male female 无 不详 未知 本人 同上 待定 空缺 男 女 \
    休息 夜休 已婚 未婚 父子 母子 夫妻 配偶 父亲 母亲 儿子 女儿 丈夫 妻子 患者 家属 医生 护士 职工 学生 工人 农民 教师 退休 正常 异常 \
    阴性 阳性 是 否 有";

static HEADS: LazyLock<Set<&'static str>> = LazyLock::new(|| HEADINGS.split_whitespace().collect());
static MORE: LazyLock<Set<&'static str>> = LazyLock::new(|| OTHER_HEADINGS.split_whitespace().collect());
static OTHERS: LazyLock<Set<&'static str>> = LazyLock::new(|| NOT_CELLS.split_whitespace().collect());

/// What stands between the cells of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Bar,
    Tab,
    Comma,
    /// Two blanks or more.
    Wide,
    Blank,
}

/// The table that is being read.
struct Table {
    between: Between,
    columns: usize,
    /// Which columns hold names.
    names: Vec<usize>,
}

/// Adds the names in the columns that a heading announces, and in forms in lower case.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut table: Option<Table> = None;
    let lines = view.text.contains('\n');
    let mut start = 0;
    for line in view.text.split('\n') {
        if let Some(head) = Some(line).filter(|_| lines).and_then(heading) {
            table = Some(head);
        } else if let Some(known) = table.as_ref().filter(|_| !line.trim().is_empty()) {
            let cells = cells(line, known.between);
            let fits = match known.between {
                Between::Blank | Between::Wide => cells.len() >= known.columns.min(2),
                _ => cells.len() + 1 >= known.columns && cells.len() <= known.columns + 1,
            };
            if fits {
                for (at, cell) in known.names.iter().filter_map(|column| cells.get(*column)) {
                    add(view, start + at, cell, hits);
                }
            } else if !is_rule(line) {
                table = None;
            }
        }
        form(start, line, hits);
        start += line.len() + 1;
    }
}

/// `---|---`: the line under a heading.
fn is_rule(line: &str) -> bool {
    line.chars().all(|c| matches!(c, '-' | '|' | '=' | '+' | ':' | ' ' | '\t'))
}

/// The table that begins with this line: two cells or more, all short, one of them a heading for names.
fn heading(line: &str) -> Option<Table> {
    if line.len() > 400 || line.ends_with(['。', '.']) {
        return None;
    }
    [Between::Bar, Between::Tab, Between::Comma, Between::Wide, Between::Blank].into_iter().find_map(
        |between| {
            let cells = cells(line, between);
            if cells.len() < 2 || cells.len() > TABLE_COLUMNS_MAX {
                return None;
            }
            let plain = |cell: &str| cell.chars().count() <= 24 && !cell.contains([':', '。', ',']);
            let numbers =
                cells.iter().filter(|(_, cell)| cell.starts_with(|c: char| c.is_ascii_digit())).count();
            let names: Vec<usize> = cells
                .iter()
                .enumerate()
                .filter(|(_, (_, cell))| is_heading(cell))
                .map(|(at, _)| at)
                .collect();
            // A line of a form (`姓名|张三`) has a value for each label, a heading has none.
            let known = cells.iter().filter(|(_, cell)| is_heading(cell) || is_other_heading(cell)).count();
            let sure = 2 * known > cells.len() || (2 * known == cells.len() && cells.len() > 3);
            // Single blanks stand in every English sentence.
            let apart = between != Between::Blank || !line.is_ascii();
            let plain = cells.iter().all(|(_, cell)| plain(cell));
            (sure && apart && plain && !names.is_empty() && numbers == 0).then_some(Table {
                between,
                columns: cells.len(),
                names,
            })
        },
    )
}

fn is_heading(cell: &str) -> bool {
    HEADS.contains(key(cell).as_str())
}

fn is_other_heading(cell: &str) -> bool {
    MORE.contains(key(cell).as_str())
}

fn key(cell: &str) -> String {
    cell.trim_matches(['"', '*']).to_lowercase().replace([' ', '-'], "_")
}

/// The cells of a line with their first bytes, blanks around them taken off.
fn cells(line: &str, between: Between) -> Vec<(usize, &str)> {
    let mark = match between {
        Between::Bar => "|",
        Between::Tab => "\t",
        Between::Comma => ",",
        Between::Wide => "  ",
        Between::Blank => " ",
    };
    let mut found = Vec::new();
    let mut at = 0;
    // `| a | b |` has no cell before its first bar.
    let (line, shift) = match line.strip_prefix('|').filter(|_| between == Between::Bar) {
        Some(rest) => (rest.strip_suffix('|').unwrap_or(rest), 1),
        None => (line, 0),
    };
    for part in line.split(mark) {
        let cell = part.trim_matches([' ', '"', '*', '\t']);
        let from = part.find(cell).unwrap_or(0);
        if !cell.is_empty() || !matches!(between, Between::Blank | Between::Wide) {
            found.push((shift + at + from, cell));
        }
        at += part.len() + mark.len();
        if found.len() > TABLE_COLUMNS_MAX {
            break;
        }
    }
    found
}

/// Adds a cell that reads as a name.
fn add(view: &View<'_>, start: usize, cell: &str, hits: &mut Vec<Hit>) {
    let mut at = 0;
    // Several people in one cell.
    for part in cell.split(['/', ';', '、', '&']) {
        let name = part.trim();
        let from = start + at + part.find(name).unwrap_or(0);
        if is_name(name) && view.text.get(from..from + name.len()) == Some(name) {
            hits.push(Hit { kind: Kind::PersonName, start: from, end: from + name.len() });
        }
        at += part.len();
        at += cell.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
}

fn is_name(cell: &str) -> bool {
    let chars = cell.chars().count();
    if cell.is_empty() || OTHERS.contains(cell.to_lowercase().as_str()) {
        return false;
    }
    if cell.chars().any(is_han) {
        let names = cell.chars().all(|c| is_han(c) || c == '·');
        return names
            && (2..=12).contains(&chars)
            && (chars <= 4 || cell.contains('·'))
            && !is_masked("", cell);
    }
    let words: Vec<&str> = cell.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let letters = |word: &&str| {
        word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '.'))
            && word.starts_with(|c: char| c.is_alphabetic())
    };
    (2..=40).contains(&chars)
        && (1..=5).contains(&words.len())
        && words.iter().all(letters)
        && !words.iter().any(|word| is_other(word))
}

/// A word of clinical English: no name fills a form with it.
fn is_other(word: &str) -> bool {
    let found = flags(word);
    (found & (COMMON | ROLE) != 0 || is_not_a_name(word)) && found & super::name_score_en_words::FIRST == 0
}

/// `name: joy abara`, `consultant = okoye`: one line of a form that somebody typed in lower case.
fn form(start: usize, line: &str, hits: &mut Vec<Hit>) {
    let Some((label, value)) = line.split_once([':', '=']).filter(|(label, _)| label.len() < 40) else {
        return;
    };
    if !is_heading(label.trim_matches([' ', '"', '*', '-', '{'])) {
        return;
    }
    let name = value.trim_matches([' ', '"', '*', '\t', '\r', '.']);
    let from = start + label.len() + 1 + value.find(name).unwrap_or(0);
    let lower = name.starts_with(|c: char| c.is_ascii_lowercase());
    if lower && name.len() < 40 && name.len() > 2 && is_name(name) {
        hits.push(Hit { kind: Kind::PersonName, start: from, end: from + name.len() });
    }
}

#[cfg(test)]
mod tests {
    use crate::screen::tests::names;

    #[test]
    fn cells_of_columns_of_names() {
        assert_eq!(
            names("First,Last,Ward\nXanthia,Quorl,B4\nOdo,Hale,C2"),
            ["Xanthia", "Quorl", "Odo", "Hale"]
        );
        assert_eq!(names("| Nurse | Bay |\n|---|---|\n| Joy Grey | 2 |"), ["Joy Grey"]);
        assert_eq!(names("床号 姓名 诊断\n3 于洋 肺炎\n4 官晴 胃癌"), ["于洋", "官晴"]);
        assert_eq!(names("序号,患者,责任护士,饮食\n1,向楠,区静,普食"), ["向楠", "区静"]);
        assert_eq!(names("surname: okorafor\nage: 40"), ["okorafor"]);
    }

    #[test]
    fn cells_that_are_no_names() {
        for text in [
            "Test,Result,Unit\nSodium,140,mmol/L",
            "Patient,Status\nUnknown,Stable\nNone,Discharged",
            "Name: unknown\nage: 40",
            "药名 剂量 用法\n黄连 3g 水煎",
            "姓名|患者本人|不详\n男|同上|无",
            "The patient, nurse and doctor agreed\non the plan, the dose and the diet",
        ] {
            assert!(names(text).is_empty(), "{text}: {:?}", names(text));
        }
    }
}
