//! Codes behind a word that ends like a label (`围产号`, `透析号`, `内镜编号`, `签约码`), whatever the rest of the word
//! is. Called by `detect` for the digit runs that no listed label announces. Invariants: contextual kinds
//! only, because the label is not a known one; batch, model and approval numbers and codes of diseases are no
//! findings; a bounded stretch before each run is looked at.

use super::label;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Words whose numbers say what something is, not whom it belongs to.
const NOT_LABELS: &[&str] = &[
    "批号",
    "车架号",
    "发动机号",
    "型号",
    "准字号",
    "文号",
    "规格",
    "版本号",
    "房号",
    "门牌号",
    "楼号",
    "座位号",
    "信号",
    "符号",
    "挂号",
    "货号",
    "代码",
    "条码",
    "条形码",
    "尺码",
    "密码",
    "验证码",
    "页码",
    "注册证号",
    "许可证号",
    "备案号",
    "标准号",
    "邮政编码",
    "疾病编码",
    "诊断编码",
    "手术编码",
    "项目编码",
    "药品编码",
    "产品编码",
    "国药准字",
    "批准",
    "证书号",
    "电话号",
    "手机号",
    "章节",
    "题号",
    "图号",
    "表号",
    "期号",
    "刊号",
    "专利号",
    "基金号",
    "课题号",
    "生产",
    "引物",
    "基因",
    "登录号",
    "数码",
    "起码",
    "色号",
    "号码",
    "大号",
    "小号",
    "中号",
    "几号",
    "型码",
    "编码子",
    "字号",
    "排队号",
    "叫号",
    "加号",
    "减号",
    "等号",
    "问号",
    "句号",
    "账号",
    "帐号",
];

const DEVICES: &[&str] = &[
    "机", "设备", "仪", "器", "镜", "泵", "垫", "假体", "支架", "电极", "起搏", "导管", "晶体", "探头",
    "植入", "轮椅", "床头",
];

/// Adds the codes behind such words.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let bytes = view.text.as_bytes();
    let mut until = 0;
    for run in view.runs {
        if run.start < until {
            continue;
        }
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b' ' | b'/' | b'_');
        let left = bytes.get(..run.start).unwrap_or_default().iter().rev().take(12).take_while(part).count();
        let start = run.start - left;
        let lead = view.after(start).len() - view.after(start).trim_start_matches([' ', '-']).len();
        let start = start + lead;
        // Most runs end here: no word that ends like a label stands before them, or one that is listed does.
        if !is_label(view.before(start)) || is_listed(view, start) {
            continue;
        }
        let Some(length) = label::spaced(view.after(start), 3, 24) else { continue };
        until = start + length;
        if let Some(kind) = kind(view.before(start)) {
            hits.push(Hit { kind, start, end: until });
        }
    }
}

/// Whether the text before a code ends like a label.
fn is_label(before: &str) -> bool {
    before.trim_end_matches([' ', ':', '为', '是', '#']).ends_with(['号', '码'])
}

/// Whether a word of the vocabulary ends right before a place: then its own detector has looked.
fn is_listed(view: &View<'_>, start: usize) -> bool {
    let until = view.cues.partition_point(|cue| cue.end <= start);
    let cue = until.checked_sub(1).and_then(|last| view.cues.get(last));
    cue.is_some_and(|cue| start - cue.end <= 4 && view.before(cue.end).ends_with(['号', '码']))
}

/// The kind that the word before a code makes of it.
fn kind(before: &str) -> Option<Kind> {
    let head = before.trim_end_matches([' ', ':', '为', '是', '#']);
    let head = if before.len() - head.len() <= 4 { head } else { before };
    let head =
        head.strip_suffix("号").or_else(|| head.strip_suffix('码')).or_else(|| head.strip_suffix("编号"))?;
    let bracket = head.strip_suffix('编').is_some_and(|head| head.ends_with('('));
    let word: Vec<char> = head.chars().rev().take(6).take_while(|c| is_han(*c)).collect();
    let word: String = word.into_iter().rev().collect();
    let stem = word.strip_suffix(['编', '单', '本']).unwrap_or(&word);
    let whole = before.get(head.len() - word.len()..).unwrap_or_default();
    if (stem.is_empty() && !bracket) || NOT_LABELS.iter().any(|known| whole.contains(known)) {
        return None;
    }
    let device = DEVICES.iter().any(|device| whole.contains(device));
    Some(if device { Kind::DeviceId } else { Kind::LicenceNumber })
}
