//! What people are called in Chinese besides their full names: `小韩`, `老李头`, `大刘`, `阿珍`, `曾哥`, `吴嫂`; a given
//! name behind a relation (`女儿秋菊`, `孙女“朵朵”`); what a child is called at home (`小名汤圆`). Called by `detect`.
//! Invariants: a prefix counts before a surname that ends there only, so `小便`, `老年`, `小叶` are no names; each
//! place is looked at with a bounded stretch.

use super::han;
use super::name_free::is_deed;
use super::name_score_zh_words::{Before, Behind, deed_or_right, is_word, role_or_left};
use super::name_sound::national;
use super::name_zh::{before_sex, is_end, is_masked};
use crate::screen::cue::{Cue, CueHit};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Words that begin with a prefix and a surname.
const NOT_NICKNAMES: &[&str] = &[
    "小时", "小于", "小叶", "小管", "小鱼", "小米", "小麦", "小苏", "小柴", "小青", "小梁", "小关", "小方",
    "小康", "小花", "小白", "小牛", "小房", "小计", "小包", "小车", "小儿", "小孔", "小金", "小黄", "小红",
    "小山", "小区", "小步", "小干", "小水", "小石", "小毛", "小盘", "小成", "小程", "小能", "小有", "小皮",
    "小谈", "小单", "小农", "小木", "小火", "小衣", "老师", "老年", "老家", "老花", "老路", "老农", "老平",
    "老景", "老方", "老原", "老母", "老来", "老本", "老班", "老兰", "老和", "大方", "大鱼", "大山", "大花",
    "大安", "大连", "大家", "大寒", "大于", "大米", "大包", "大计", "大车", "大路", "大水", "大石", "大干",
    "大火", "大衣", "大盘", "大成", "大年", "大全", "大黄", "大红", "大白", "大青", "大枣", "大明", "大古",
    "大江", "大海", "大伯", "大叶", "大面", "大支", "大段", "大管", "大都", "大区", "大乐", "大步", "大蓟",
];

/// Of these, what nobody is called where he is spoken to.
const NEVER_CALLED: &[&str] = &[
    "小时", "小于", "小叶", "小管", "小鱼", "小米", "小麦", "小苏", "小儿", "小区", "小步", "小干", "小水",
    "小皮", "小农", "小计", "小包", "小车", "小房", "小盘", "小山", "小花", "小木", "小火", "小衣", "小能",
    "小有", "小别", "小和", "小后", "老师", "老年", "老家", "老花", "老路", "老平", "老来", "老本", "老和",
    "老母", "老原", "老板", "大方", "大鱼", "大山", "大花", "大安", "大连", "大家", "大寒", "大于", "大米",
    "大包", "大计", "大车", "大路", "大水", "大石", "大干", "大火", "大衣", "大盘", "大成", "大年", "大全",
    "大黄", "大红", "大白", "大青", "大枣", "大明", "大古", "大江", "大海", "大叶", "大面", "大支", "大段",
    "大管", "大都", "大区", "大乐", "大步", "大能",
];

/// Beginnings of drugs, places and words with `阿`.
const NOT_A: &str = "司莫奇托替卡昔米普片是尔胶姨霉糖魏那立法哌达维仑扎加利贝伐拉里斯洛德巴比苯曲瑞折戈氯联弥房拖谀飞帕西噻格佐坝克门";

/// Adverbs of two like characters.
const NOT_DOUBLED: &str = "最伯常往慢刚天渐偶反频阵屡每时处人个种次日夜年月好久略微稍仅单区明默偷悄处等多少大小长短看想问说听试走坐谢妈爸爷奶哥姐弟妹叔伯婆公舅姑姨早晚深紧重连隐闷胀热凉干";

/// What is said of relatives in two characters that given names are made of, too.
const KIN_STATES: &[&str] = &[
    "健康", "康健", "安康", "平安", "健在", "年轻", "高龄", "年长", "善良", "聪明", "可爱", "文静", "清楚",
    "知道", "足月", "安好", "良好", "正常", "均健", "有益", "明白", "同意", "成年", "天生", "高兴", "有时",
    "可能", "生育", "安静", "中年", "在家", "从小", "平时", "平日", "爱好", "心地", "长大", "成长", "生长",
    "晚上", "明天", "今天",
];

/// Adds nicknames and given names.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut add = |start: usize, end: usize| hits.push(Hit { kind: Kind::PersonName, start, end });
    for (start, c) in view.text.char_indices() {
        if !han::is(c, han::NICKNAME) {
            continue;
        }
        let found = match c {
            '小' | '老' | '大' => prefixed(view, start),
            '阿' => called_a(view, start),
            '男' | '女' => before_sex(view, start, start + c.len_utf8()),
            '族' | '籍' => national(view, start),
            _ => suffixed(view, start, c),
        };
        if let Some((start, end)) = found {
            add(start, end);
        }
    }
    for (mark, _) in view.text.match_indices(['“', '"']) {
        if let Some((start, end)) = quoted(view, mark) {
            add(start, end);
        }
    }
    for cue in view.cues {
        let found = match cue.cue {
            Cue::Kin => given(view, cue),
            Cue::PetName => pet(view, cue),
            _ => None,
        };
        if let Some((start, end)) = found {
            add(start, end);
        }
    }
}

/// Whether a nickname can begin here: behind a mark or a word that a name follows.
fn begins(view: &View<'_>, start: usize) -> bool {
    let before = view.before(start);
    let Some(previous) = before.chars().next_back().filter(|c| is_han(*c)) else { return true };
    han::is(previous, han::PRECEDES | han::OFFICE) || cue_ends(view, start) || "床工好让".contains(previous)
}

fn cue_ends(view: &View<'_>, at: usize) -> bool {
    let until = view.cues.partition_point(|cue| cue.end <= at);
    until.checked_sub(1).and_then(|last| view.cues.get(last)).is_some_and(|cue| {
        let between = view.text.get(cue.end..at);
        matches!(cue.cue, Cue::Person | Cue::NameLabel | Cue::Kin | Cue::Named | Cue::TitleAfter)
            && matches!(between, Some("" | ":" | ": " | "“" | "\"" | "(" | " "))
    })
}

/// Whether a nickname can end before this text.
fn ends(behind: &str) -> bool {
    is_end(behind)
        || ["嘛", "啊", "呢", "吧", "也", "都", "又", "还", "去", "就", "交", "要", "不", "没"]
            .iter()
            .any(|word| behind.starts_with(word))
        || is_deed(behind)
}

/// `小韩`, `老丁`, `老李头`, `老覃叔`.
fn prefixed(view: &View<'_>, start: usize) -> Option<(usize, usize)> {
    let text = view.after(start);
    let mut chars = text.char_indices().skip(1);
    let (at, family) = chars.next()?;
    let end = at + family.len_utf8();
    let called = is_called(view, start, text.get(end..)?) && !NEVER_CALLED.contains(&text.get(..end)?);
    if called && han::is(family, han::SURNAME) {
        return Some((start, start + end));
    }
    if !han::is(family, han::SURNAME | han::TELLING)
        || NOT_NICKNAMES.contains(&text.get(..end)?)
        || !begins(view, start)
    {
        return None;
    }
    let suffix =
        chars.next().filter(|(_, c)| "头叔哥伯师总爷嫂姐".contains(*c)).map_or(0, |(_, c)| c.len_utf8());
    let behind = text.get(end + suffix..)?;
    let role = cue_ends(view, start);
    let usual = han::is(family, han::FREQUENT);
    let said = behind.starts_with([':', '@']) || is_deed(behind);
    let alone = !behind.starts_with(is_han);
    let clear = !han::is(family, han::DOUBTFUL) && han::is(family, han::SURNAME);
    let asked = ["让", "请", "找", "叫"].iter().any(|word| view.before(start).ends_with(word));
    let told = deed_or_right(behind) == Behind::Deed;
    let near =
        told || deed_or_right(behind) == Behind::Word && role_or_left(view.before(start)) != Before::Nothing;
    let niece = family == '孙' && behind.starts_with(['女', '子']);
    if behind.starts_with('病') {
        return None;
    }
    let near = near && !text.starts_with('大');
    let called = (role && (alone || ends(behind) || clear))
        || (asked && clear)
        || ((usual || (suffix > 0 && clear)) && ends(behind))
        || said
        || (clear && near)
        || (role && told)
        || (clear && alone);
    let named = called && !niece;
    let named = named && (!han::is(family, han::WORDY) || role);
    (named && !is_masked("", text.get(..end)?)).then_some((start, start + end + suffix))
}

/// Whether somebody is spoken to: `小方,你`, `老金您好`, at the beginning of a line or of what is said.
fn is_called(view: &View<'_>, start: usize, behind: &str) -> bool {
    let before = view.before(start);
    let border = before.is_empty() || before.ends_with(['\n', '“', '"', ':', '@', ']']);
    let you = |rest: &str| {
        ["你", "您", "麻烦", "辛苦", "帮", "请", "快", "谢谢", "在吗", "收到"]
            .iter()
            .any(|word| rest.starts_with(word))
    };
    let marked = behind.strip_prefix([',', '!', ':', '~', ' ']).is_some_and(|rest| {
        you(rest) || rest.starts_with(|c: char| c.is_ascii_digit()) || border && behind.starts_with(',')
    });
    (border && (marked || you(behind))) || behind.starts_with("你好") || behind.starts_with("您好")
}

/// `阿珍`, `阿may`.
fn called_a(view: &View<'_>, start: usize) -> Option<(usize, usize)> {
    let text = view.after(start);
    let next = text.chars().nth(1)?;
    let from = '阿'.len_utf8();
    if next.is_ascii_lowercase() {
        let letters = text.get(from..)?.bytes().take(12).take_while(u8::is_ascii_lowercase).count();
        return (letters >= 2 && begins(view, start)).then_some((start, start + from + letters));
    }
    let end = from + next.len_utf8();
    let behind = text.get(end..)?;
    let named = han::is(next, han::POSSIBLE | han::SURNAME) && !NOT_A.contains(next);
    let role = cue_ends(view, start);
    (named && begins(view, start) && ends(behind) && (role || han::is(next, han::GIVEN)))
        .then_some((start, start + end))
}

/// `曾哥`, `吴嫂`, `彩霞姐`: a surname or a given name before what one calls a person.
fn suffixed(view: &View<'_>, suffix: usize, c: char) -> Option<(usize, usize)> {
    let before = view.before(suffix);
    let behind = view.after(suffix + c.len_utf8());
    let (at, family) = before.char_indices().next_back()?;
    let end = suffix + c.len_utf8();
    let spoken = ends(behind) || behind.starts_with("给");
    if !spoken || !is_han(family) {
        return None;
    }
    if "哥姐嫂姨叔伯婶妈".contains(c)
        && han::is(family, han::SURNAME | han::TELLING)
        && !han::is(family, han::DOUBTFUL)
        && begins(view, at)
        && family != c
        && !"大小老".contains(family)
    {
        return Some((at, end));
    }
    let (two, first) = before.get(..at)?.char_indices().next_back()?;
    let given = han::is(first, han::TELLING) && han::is(family, han::TELLING);
    ("哥姐嫂姨叔".contains(c) && given && begins(view, two)).then_some((two, end))
}

/// `女儿秋菊`, `长女柯兰`, `孙女“朵朵”`.
fn given(view: &View<'_>, cue: &CueHit) -> Option<(usize, usize)> {
    let rest = view.after(cue.end);
    let skip = ["“", "\"", "\u{300c}", "(", ":"]
        .iter()
        .find(|mark| rest.starts_with(**mark))
        .map_or(0, |mark| mark.len());
    let text = rest.get(skip..)?;
    let mut chars = text.char_indices();
    let ((_, first), (at, second)) = (chars.next()?, chars.next()?);
    let end = at + second.len_utf8();
    let behind = text.get(end..)?;
    let doubled = first == second
        && is_han(first)
        && !NOT_DOUBLED.contains(first)
        && (skip > 0 || ends(behind) || behind.starts_with(['才', '在']));
    let alone = !behind.starts_with(is_han) || behind.starts_with('也') || is_deed(behind);
    let telling = usize::from(han::is(first, han::TELLING)) + usize::from(han::is(second, han::TELLING));
    let possible = han::is(first, han::POSSIBLE) && han::is(second, han::POSSIBLE);
    let telling = (telling == 2 && ends(behind) || telling == 1 && possible && alone)
        && !KIN_STATES.contains(&text.get(..end)?);
    let start = cue.end + skip;
    (doubled || telling).then_some((start, start + end))
}

/// `呼唤“秋菊”`: what somebody is called by.
fn quoted(view: &View<'_>, mark: usize) -> Option<(usize, usize)> {
    const CALLS: &[&str] = &["呼唤", "呼叫", "唤", "喊", "叫", "喊道", "称呼", "称其为", "唤其", "名字"];
    let head = view.before(mark).trim_end_matches([':', ',', ' ']);
    let head = head.strip_suffix(['他', '她', '其', '着', '声']).unwrap_or(head);
    if !CALLS.iter().any(|word| head.ends_with(word)) {
        return None;
    }
    let start = mark + view.after(mark).chars().next()?.len_utf8();
    let text = view.after(start);
    let end: usize = text.chars().take(4).take_while(|c| is_han(*c)).map(char::len_utf8).sum();
    let name = text.get(..end)?;
    let count = name.chars().count();
    let closed = text.get(end..)?.starts_with(['”', '"']);
    let given = name.chars().all(|c| han::is(c, han::POSSIBLE | han::SURNAME));
    let word = count == 2 && {
        let mut chars = name.chars();
        chars.next().zip(chars.next()).is_some_and(|(first, second)| is_word(&[first, second]))
    };
    (closed && given && !word && (1..=4).contains(&count)).then_some((start, start + end))
}

/// `小名汤圆`, `乳名:豆豆`, `大名叫李想`.
fn pet(view: &View<'_>, cue: &CueHit) -> Option<(usize, usize)> {
    let rest = view.after(cue.end);
    let skip = rest.len() - rest.trim_start_matches([':', ' ', '“', '"', '叫', '是', '为']).len();
    let text = rest.get(skip..)?;
    let chars = text.chars().take(5).take_while(|c| is_han(*c)).count();
    let length: usize = text.chars().take(chars).map(char::len_utf8).sum();
    let masked = ["还没", "未", "暂", "待", "没", "不"].iter().any(|word| text.starts_with(word));
    ((2..=4).contains(&chars) && skip <= 12 && !masked && !is_masked(text, text.get(..length)?))
        .then_some((cue.end + skip, cue.end + skip + length))
}
