//! A Chinese surname alone before a title or a form of address (`王主任`, `张女士`, `李奶奶`). Called by `detect`.
//! What is found is the surname: the title says nobody's name. Invariants: one character (or a compound
//! surname) between a place where a word can begin and the title; a surname that ends another word (`处方医生`,
//! `主任医师`, `任何老师`) is none; a place is looked at with a bounded stretch.

use std::sync::LazyLock;

use super::han;
use super::lists::Set;
use super::name_score_zh_words as words;
use super::surname_words::COMPOUND;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Titles and forms of address that a surname stands before.
const TITLES: &str = "主任 副主任 主治 医生 医师 大夫 护士 护师 护长 护士长 药师 技师 教授 副教授 博士 院长 副院长 \
    老师 师傅 导师 同志 同学 先生 女士 小姐 太太 夫人 老太 老伯 大伯 阿姨 阿婆 阿公 叔叔 伯伯 大爷 大妈 大叔 大婶 大娘 大姐 大哥 奶奶 爷爷 姥姥 \
    组长 班长 队长 所长 科长 处长 局长 校长 厂长 村长 书记 经理 老板 会计 警官 律师 法官 教练 社工 工程师 师兄 师姐 师弟 师妹 总监 住院总 治疗师 营养师 咨询师 麻醉师 班主任 \
    妈妈 爸爸 宝宝 家属 老先生 老太太";

/// Forms of address that nothing but a border may stand before, because parts of words are written alike.
const WEAK: &str = "妈妈 爸爸 宝宝 家属 会计 书记 主治 导师 同学 同志 班主任 社工 护长 教练";

/// Surnames that are a preposition, an adverb or an office far more often (`和医生说`, `原主任`, `全体`).
const NEVER: &str = "和向应时原代班房区从同与及当有为是在让由请给对经到过都那里后全连每各该本某正副总主大小老女男新前现首数多几两能会可要就\
    家国年月日号床科室院部处组队方便第边别步强成元计益双盘帅权名单开关上下中外内查左右南北东西师生长友人";

/// Of these, what is a surname too where nothing stands before it.
const AT_BORDER: &str = "方强成单关师时计权左南全连盘";

/// Words whose end is a surname: another word stands before the title.
const ENDS: &str = "亲戚 外戚 处方 院方 家方 校方 警方 医方 患方 护方 官方 军方 资方 己方 对方 双方 我方 一方 各方 多方 南方 北方 地方 东方 西方 \
    主任 责任 现任 前任 历任 继任 担任 兼任 调任 升任 聘任 新任 原任 首任 离任 就任 接任 时任 出任 连任 信任 任何 如何 为何 几何 因何 缘何 奈何 \
    社区 病区 院区 片区 辖区 城区 地区 小区 园区 本区 全区 郊区 专区 特区 市区 山区 主管 分管 经管 保管 监管 代管 床管 相关 有关 无关 海关 机关 公关 难关 把关 开关 攻关 \
    提高 最高 增高 升高 偏高 较高 身高 上周 下周 本周 每周 一周 两周 三周 周周 分钟 允许 也许 或许 不许 准许 感谢 谢谢 多谢 答谢 酬谢 代谢 鸣谢 业余 其余 剩余 工余 \
    开单 名单 下单 签单 菜单 清单 账单 表单 简单 孤单 外孙 子孙 儿孙 祖孙 徒孙 语文 英文 中文 作文 论文 外文 病史 历史 家史 教史 照顾 回顾 光顾 主顾 大陆 登陆 阶段 手段 时段 \
    全程 过程 课程 病程 疗程 工程 进程 日程 里程 教程 流程 规程 议程 水平 和平 公平 生平 太平 北平 和平 明白 表白 坦白 空白 蛋白 清白 独白 黑白 告白 平安 保安 公安 治安 早安 晚安 不安 西安 问安 \
    长江 浙江 黑江 珠江 镇江 祝贺 恭贺 庆贺 道贺 值班 夜班 白班 高原 平原 中原 还原 病原 抗原 草原 太原 医保 联保 社保 担保 安全 健全 完全 十万 百万 千万 几万 上万 成万 一万 \
    尊严 庄严 威严 谨严 戒严 开张 紧张 夸张 扩张 主张 纸张 慌张 一张 两张 三张 几张 每张 这张 那张 铺张 病房 查房 药房 产房 厨房 乳房 心房 门房 隐私 佩戴 穿戴 爱戴 爬楼 国王 大王 女王 \
    中华 年华 京华 精华 才华 豪华 光华 昌华 黄金 现金 基金 资金 奖金 押金 白金 冶金 租金 礼金 罚金 五金 合金 石金 结石 钻石 岩石 化石 宝石 磁石 肾石 胆石 草药 中药 西药 农药 \
    下雷 地雷 水雷 鱼雷 发毛 羽毛 睫毛 眉毛 阴毛 皮毛 绒毛 寒毛 红毛 脱毛 木柴 火柴 公牛 母牛 奶牛 黄牛 蜗牛 小牛 木马 人马 斑马 兵马 上马 下马 骑马 白马 河马 \
    鲜花 棉花 烟花 雪花 昙花 火花 眼花 桃花 梅花 梅林 园林 森林 丛林 山林 吉林 桂林 树林 雨林 大米 小米 玉米 厘米 毫米 纳米 微米 平米 立米 千米 虾米 稻米 一米 粳米 \
    台州 苏州 热汤 参汤 米汤 鸡汤 菜汤 骨汤 温泉 清泉 牙龈 沙龙 恐龙 尼龙 水龙 古龙 乌龙 打假 请假 休假 病假 事假 年假 产假 销假 放假 度假 寒假 暑假 虚假 \
    车祸 汽车 骑车 开车 停车 坐车 乘车 火车 货车 轿车 校车 单车 电车 客车 叫车 派车 打车 平车 推车 专车 乘务 年终 最终 始终 临终 中学 小学 大学 同学 上学 放学 护花 红包 面包 钱包 书包 荷包 背包 腰包 \
    病例 条例 比例 通常 正常 异常 平常 日常 经常 反常 失常 非常 照常 往常 时常 寻常 超常 容易 简易 轻易 贸易 交易 不易 平易 难易 变易 周易 内容 面容 笑容 从容 形容 宽容 包容 美容 整容 收容 阵容 \
    春秋 中秋 立秋 千秋 早秋 初秋 深秋 爱国 外国 我国 中国 全国 各国 美国 英国 法国 德国 韩国 出国 回国 祖国 该国 本国 民国 帝国 三国 乐乐 音乐 快乐 娱乐 欢乐 可乐 安乐 俱乐 喜乐 玩乐 享乐 \
    鼓励 奖励 激励 勉励 严厉 凌厉 顺利 便利 胜利 权利 有利 不利 吉利 福利 流利 锐利 盈利 保利 水利 伶俐 意大利 解解 了解 理解 溶解 缓解 讲解 分解 调解 见解 误解 谅解 辩解 和解 化解 瓦解 劝解 \
    姓名 签名 点名 报名 知名 匿名 实名 著名 改名 署名 一名 两名 三名 几名 多名 数名 该名 这名 每名 那名 某名 亲信 微信 相信 自信 来信 诚信 可信 通信 短信 守信 迷信 \
    安康 健康 康康 小康 杜康 永康 南宁 西宁 安宁 咸宁 辽宁 列宁 海宁 康宁 广宁 宁宁 东莞 牙石 党党 入党 政党 同党 全党 我党 乡党 民党 共产党 国民党 平阳 太阳 夕阳 朝阳 沈阳 洛阳 贵阳 信阳 衡阳 南阳 阴阳 重阳 壮阳 \
    湖水 脑水 抽水 开水 喝水 饮水 热水 冷水 温水 盐水 积水 口水 汗水 泪水 药水 血水 胸水 腹水 羊水 脱水 糖水 雨水 洪水 污水 下水 香水 墨水 薪水 出水 潜水 防水 浮水 缺水 打水 \
    管床 起床 卧床 临床 下床 病床 坠床 铺床 空床 加床 换床 转床 几床 一床 产床 牙床 满满 圆满 美满 充满 不满 丰满 爆满 未满 布满 客满 期满 肥满 \
    记录 目录 收录 附录 实录 名录 笔录 摘录 抄录 转录 登录 语录 录录 支支 干支 分支 收支 开支 透支 地支 超支 预支 一支 两支 三支 几支 每支 党支 皮皮 头皮 牛皮 草皮 橡皮 表皮 陈皮 植皮 包皮 眼皮 肚皮 脸皮 嘴皮 硬皮 俏皮 调皮 顽皮 赖皮 脱皮 蜕皮";

struct Tables {
    titles: Set<&'static str>,
    weak: Set<&'static str>,
    ends: Set<&'static str>,
    compound: Set<&'static str>,
    /// The first characters of titles.
    firsts: Set<char>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    titles: TITLES.split_whitespace().collect(),
    weak: WEAK.split_whitespace().collect(),
    ends: ENDS.split_whitespace().collect(),
    compound: COMPOUND.split_whitespace().collect(),
    firsts: TITLES.split_whitespace().filter_map(|title| title.chars().next()).collect(),
});

/// No title is longer, in characters.
const TITLE_CHARS: usize = 4;

/// Adds the surnames.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut before = None;
    let mut second = None;
    for (at, c) in view.text.char_indices() {
        if let Some((start, family)) = before
            && han::is(family, han::SURNAME | han::COMPOUND)
            && TABLES.firsts.contains(&c)
            && let Some(from) = surname(view, start, family, at, second)
        {
            hits.push(Hit { kind: Kind::PersonName, start: from, end: at });
        }
        second = before;
        before = Some((at, c));
    }
}

/// Where the surname begins that ends before the title at `title`, if it is one.
fn surname(
    view: &View<'_>,
    start: usize,
    family: char,
    title: usize,
    previous: Option<(usize, char)>,
) -> Option<usize> {
    let word = title_at(view.after(title))?;
    let weak = TABLES.weak.contains(word);
    // `欧阳主任`.
    if let Some((from, _)) = previous
        && view.text.get(from..title).is_some_and(|pair| TABLES.compound.contains(pair))
        && begins(view, from, false)
    {
        return Some(from);
    }
    if !han::is(family, han::SURNAME) {
        return None;
    }
    let Some((from, previous)) = previous.filter(|(_, c)| is_han(*c)) else {
        // `和医生`, `时主任`: at a border a preposition begins a clause.
        let border = !NEVER.contains(family) || (AT_BORDER.contains(family) && !weak);
        return border.then_some(start);
    };
    let pair = view.text.get(from..title)?;
    let other = NEVER.contains(family) || TABLES.ends.contains(pair) || words::is_word(&[previous, family]);
    if other {
        return None;
    }
    let usual = han::is(family, han::FREQUENT) && !weak;
    (usual || begins(view, start, weak)).then_some(start)
}

/// Whether a word can begin here.
fn begins(view: &View<'_>, start: usize, weak: bool) -> bool {
    let before = view.before(start);
    let Some(previous) = before.chars().next_back().filter(|c| is_han(*c)) else { return true };
    let near = words::role_or_left(before);
    match near {
        words::Before::Role => true,
        words::Before::ShortRole | words::Before::Word => !weak,
        words::Before::Nothing => !weak && han::is(previous, han::PRECEDES),
    }
}

/// The longest title that a text begins with; none where it goes on into another word (`主任委员会`).
fn title_at(text: &str) -> Option<&str> {
    let ends = text.char_indices().take(TITLE_CHARS).map(|(at, c)| at + c.len_utf8());
    ends.filter_map(|end| text.get(..end)).filter(|word| TABLES.titles.contains(word)).last()
}

#[cfg(test)]
mod tests {
    use crate::screen::tests::names;

    #[test]
    fn a_surname_before_a_title() {
        for (text, name) in [
            ("今日王主任查房，同意目前治疗。", "王"),
            ("请转告张女士明早空腹抽血。", "张"),
            ("白主任门诊随诊。", "白"),
            ("黄先生诉咽痛。", "黄"),
            ("已通知值班于医生。", "于"),
            ("方医生：患者血压偏低。", "方"),
            ("欧阳教授会诊意见同前。", "欧阳"),
            ("邻居李奶奶代为陪诊。", "李"),
            ("高护士长已知晓。", "高"),
        ] {
            assert_eq!(names(text), [name], "{text}");
        }
    }

    #[test]
    fn titles_behind_other_words() {
        for text in [
            "处方医生与审方药师双签。",
            "主任医师查房，副主任医师随同。",
            "和医生沟通后，向主任汇报，应老师要求。",
            "社区医生随访，病区护士长知晓，主管医生未到。",
            "任何医生均可开单，开单医生负责。",
            "高血压、黄体酮、白蛋白、金黄色葡萄球菌。",
            "现任院长、原主任、时任科长、全体护士。",
            "感谢老师，也许医生知道，上周医生说过，语文老师来访。",
            "患方同意，院方医生解释，对方律师在场。",
        ] {
            assert!(names(text).is_empty(), "{text}: {:?}", names(text));
        }
    }
}
