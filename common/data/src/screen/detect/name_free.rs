//! Chinese names that nothing announces: a surname and characters that given names are made of, between a
//! place where a word can begin and one where a name can end (`今晨王建国再发`, `请李秀英到`). Called by `detect`.
//! Invariants: each Han character is looked at once with a bounded stretch on either side; the rarer the
//! surname as a surname, the more its given name must look like one.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::name_zh::is_end;
use super::surname::{Surname, is_given, surname};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// The most frequent surnames that begin few other words: enough for a given name of one character.
const FREQUENT: &str = "王李张刘陈杨赵吴周徐孙朱胡郭何罗郑梁谢宋唐许韩冯邓曹彭曾肖董袁潘蒋蔡余杜苏魏吕丁沈姚卢姜崔钟谭陆汪范廖贾韦邹孟秦邱\
    尹薛闫段侯陶黎贺郝龚邵覃戴莫葛邢乔庞倪聂翟殷詹俞柯裴翁骆靳鲍喻祁滕牟缪娄窦戚岑佟臧闵邬栾寇甄虞佘邝";

/// Characters of given names that are hardly words of a sentence.
const TELLING: &str = "伟芳娜敏丽磊军勇艳杰娟涛超秀霞刚桂英华玉兰红建国志文海波鹏飞雪梅琳婷浩宇欣怡涵梓轩晨曦佳琪俊凯嘉豪雨萍燕春荣福贵\
    永祥德淑珍凤莲彩云宏斌彬峰辉旭倩颖慧晶莹璐瑶滨昌栋菲芬枫锋翰航昊皓弘鸿虎焕惠吉佶济坚姣娇洁捷敬靖君珺钧坤蕾莉铭茗楠妮沛琦谦茜琴勤庆\
    蓉榕茹儒瑞莎珊韶升姝树松涓廷庭彤童桐婉巍薇炜雯武希熙贤骁昕馨雄勋雅妍彦阳尧耀烨亦奕逸毅茵瑜羽禹煜媛悦泽昭哲振芝智忠洲竹卓孜紫祖义香礼\
    仁旺魁奎亭岩岭宪彪龙山林花诗思康宁强洋静明东子平";

/// Words behind which a name can begin.
const BEFORE: &[&str] = &[
    "与", "和", "及", "由", "请", "经", "向", "对", "给", "让", "叫", "是", "为", "找", "跟", "到", "同",
    "把", "被", "将", "了", "的", "日", "晨", "晚", "夜", "午", "时", "天", "号", "床", "间", "后", "谢",
    "今", "昨", "称", "说", "诉", "送", "告", "知", "联系", "通知", "转告", "委托", "邀请", "陪", "嘱",
    "证明", "属", "人", "者", "儿", "妻", "夫", "父", "母", "妈", "爸", "兄", "弟", "姐", "妹", "伴", "友",
    "事", "居", "士", "师", "生", "任", "员", "长", "授", "家长", "兹有", "现有", "有", "因", "据", "随",
    "管床", "接", "受", "交", "替", "代",
];

/// Words that may follow a name besides those behind announced names.
const AFTER: &[&str] = &[
    "之", "再", "又", "仍", "还", "也", "都", "去", "下", "急", "老师", "主管", "护士", "体温", "血", "家属",
    "家", "昏", "晕", "摔", "跌", "发", "呕", "咳", "腹", "胸", "头", "精神", "情绪", "神志", "生命", "继续",
    "准备", "想", "要", "会", "能", "没", "不", "不慎", "上", "走", "跟", "带", "送", "取", "领", "办",
    "完成", "复", "目前", "此", "明", "安", "已于", "刚", "才", "这", "那", "提", "开", "做", "吃", "喝",
    "睡", "起", "进", "退", "离", "缴", "同", "所", "看", "见", "感", "觉", "共", "各", "当", "正", "即",
    "遵", "按", "书", "记", "主", "副", "夜", "晨",
];

/// Of these, the ones that a name of two characters may stand before: what people do, and titles.
const ACTS: &[&str] = &[
    "诉",
    "述",
    "称",
    "说",
    "表示",
    "签",
    "陪",
    "代",
    "因",
    "于",
    "再",
    "突",
    "已",
    "仍",
    "医",
    "护",
    "主任",
    "副主任",
    "老师",
    "教授",
    "大夫",
    "先生",
    "女士",
    "小姐",
    "同志",
    "的",
    "和",
    "与",
    "及",
    "之",
    "到",
    "去",
    "来",
    "体温",
    "准备",
    "电话",
    "手机",
    "身份",
    "住",
    "在",
    "一直",
    "会诊",
    "查房",
    "认为",
    "建议",
    "同意",
    "今",
    "昨",
];

struct Tables {
    frequent: HashSet<char>,
    telling: HashSet<char>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    frequent: FREQUENT.chars().filter(|c| !c.is_whitespace()).collect(),
    telling: TELLING.chars().filter(|c| !c.is_whitespace()).collect(),
});

/// Adds the names that stand between two borders.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut until = 0;
    for (start, c) in view.text.char_indices() {
        if start < until || !is_han(c) {
            continue;
        }
        let Some(family) = surname(view.after(start)) else { continue };
        let before = view.before(start);
        if before.chars().next_back().is_some_and(is_han) && !BEFORE.iter().any(|word| before.ends_with(word))
        {
            continue;
        }
        if let Some(length) = length(view.after(start), c, family) {
            hits.push(Hit { kind: Kind::PersonName, start, end: start + length });
            until = start + length;
        }
    }
}

/// Length in bytes of the name at the beginning of a text.
fn length(text: &str, first: char, family: Surname) -> Option<usize> {
    let family_chars = if family == Surname::Compound { 2 } else { 1 };
    for given_chars in [2, 1] {
        let ends: Vec<usize> =
            text.char_indices().take(family_chars + given_chars).map(|(at, c)| at + c.len_utf8()).collect();
        let (Some(from), Some(end)) = (ends.get(family_chars - 1), ends.get(family_chars + given_chars - 1))
        else {
            continue;
        };
        let given = text.get(*from..*end)?;
        let behind = text.get(*end..)?;
        let telling = given.chars().filter(|c| TABLES.telling.contains(c)).count();
        let looks = given.chars().all(|c| matches!(c, '大' | '长') || is_given(c.encode_utf8(&mut [0; 4])));
        let frequent = TABLES.frequent.contains(&first) || family == Surname::Compound;
        let known = match (given_chars, family) {
            (2, Surname::Doubtful) => telling == 2,
            (2, _) => telling >= if frequent { 1 } else { 2 },
            _ => frequent && telling == 1,
        };
        let alone = behind.chars().next().is_none_or(|c| !is_han(c) && !matches!(c, '*' | '·' | '氏'));
        let ends_here = match given_chars {
            2 => is_end(behind) || AFTER.iter().any(|word| behind.starts_with(word)),
            _ => alone || ACTS.iter().any(|word| behind.starts_with(word)),
        };
        if looks && known && ends_here {
            return Some(*end);
        }
    }
    None
}
