//! What a Han character can be in a name or beside one, as flags in one table: a look-up instead of a search
//! through lists for each character of a text. Used by `surname` and the detectors of Chinese names.
//! Invariants: built once from the plain lists; a character outside the table has no flags.

use std::sync::LazyLock;

use super::{name_words, surname_words};

/// A surname that is hardly anything else, or may be.
pub(super) const SURNAME: u16 = 1;
/// A surname that is also an everyday word.
pub(super) const DOUBTFUL: u16 = 1 << 1;
/// Begins a compound surname.
pub(super) const COMPOUND: u16 = 1 << 2;
/// Given names are made of it.
pub(super) const GIVEN: u16 = 1 << 3;
/// Hardly anything else than part of a given name.
pub(super) const TELLING: u16 = 1 << 4;
/// Given names hold it now and then.
pub(super) const POSSIBLE: u16 = 1 << 5;
/// One of the most frequent surnames that begin few other words.
pub(super) const FREQUENT: u16 = 1 << 6;
/// A word on its own that may follow a name.
pub(super) const FOLLOWS: u16 = 1 << 7;
/// Begins a longer word that may follow a name.
pub(super) const FOLLOWS_FIRST: u16 = 1 << 8;
/// A word on its own behind which a name can begin.
pub(super) const PRECEDES: u16 = 1 << 9;
/// Ends a longer word behind which a name can begin.
pub(super) const PRECEDES_LAST: u16 = 1 << 10;
/// Ends the name of a department, a ward or an office.
pub(super) const OFFICE: u16 = 1 << 11;
/// A surname that is a verb or a particle far more often.
pub(super) const WORDY: u16 = 1 << 13;
/// Begins or ends a nickname, or says a sex or a nation behind a name.
pub(super) const NICKNAME: u16 = 1 << 14;
/// Stands for a province on a licence plate.
pub(super) const PROVINCE: u16 = 1 << 15;
/// Transcribed foreign names are written with it.
pub(super) const SOUND: u16 = 1 << 12;

const FIRST: u32 = 0x3400;
const LAST: u32 = 0x9fff;

/// Characters of given names besides [`surname_words::GIVEN`].
const RARE: &str = "丁朵菊芸仑幺炬钗贞丰荷洙众芸壮冉昱堃淼鑫垚焱森晗晴滢妤婕嫣婧姗妙娅婵姿娴妹娣嫦嫒恬苑菁菡萃葵蕊蕙蔓藜芊芃芮芷苒苓荔莘莞莺菀菊葳蒙蒲蓓蓝蔷薰藻笛笙筠筱箐米粟粲\
    绍绅绚绢绣绪绮绯绿缇缘罡羚翎翼耕耘聪聿肃胤臻舜舟节芹苹荃荟阿根河桥栓锁牛羊招娃囡丫桃杏梨枣柏杉柯栩桑桓梦梧棠棣棋棉槐樟橙檀欢殊毓泉泊泓泰泳洵浦浪涌涯淇淏淞淳渊渝湉湘湛\
    溢溪滔漪潇潞潮澄澜澍濂瀚灏炅炫炯炳烁烈焯煊煌照熠燃燊牧特玄玖玥玮玳珂珈珏珞珣琇琛琢琨琬琮琰琼瑄瑗瑛瑾璁璋璎璞甫田申畅畴登百皎益盼真睿瞻砚硕碧磐祎祈祐祚祜祝祯祺禄竞端笃简\
    箫纯纲纶缨罗羲翀群联肇舫艾芙苗荆莱菲落蔚薪虹蝉蝶融衍衡襄观词诠诺谊谋谐谨豹贝贡贯贺赋赐赞赢赤轶辰迅迈运远连适选逊逢遥遵邦郎郡酉野鉴钊钢钰铃铎铜铮锐锡镇镕长闯阁际隆隽集雁\
    雷霁霄霆霏霓霖霜韬项颂颉颐风飒馥驰驹骄骅骋骐鲁鲲鸣鸥鹃鹤鹿麒麟黎默鼎齐龄佑侠俞候健傲允克冕凌凝凤力劲勃化升半协南卉卿厚双发叔古台叶号司合吟和咏品哈哲唯善嗣园国圣地均坚垒城基塘境增壁士壮复多好妃妍\
    姣姬娆娥媚嫂孔存季孺守安宜宝宣宪宵容宽宾密寒察寅将尊小少尔尚屏展山岑岗岚岱岳峥峻崇崎嵘嵩川州工巨己巾布帅帆希帝常干平年并广庄序应康延建开弈弓弦弼彗影径御循微徽心必忆志忍忱念忻怀怜态怿恂恋恒恕恩悟情惜惟\
    愉意愚愫愿慈慕懋懿戎成战房所扬承技抒抗护报抱拓拥持挺捷授掌攀放政效敖教敦斐斗斯新方施旋旗日旦旬时旷旺昆昊明昕易星昙映春昶显晋晏晓晔晖智晨普景晶暄暖暮曙更曼曾最月有朋服朗望朝期木未本术朴机权杜束来杨杭极林果枚枝某柔柳树校梁梅棻棱森植楷楼榆槿横欧欣欤歆歌正步武殷比民气永汀汉汐江池汝沁沂沙治沽法洁津活流润淡清渔游湖滋漠火灵炎点热爱牡珊现球瓯生甘用留目直相知石社祖票福秉秋种稳空立章竹第笑筝米索素约纪纹终绣编缓罕美考耀肖胜自致航艳花若茂英莲萧蓬蕴虎虞融蟾行西见视言让许诗语论贤赛起超越路迎过进道那部里重量金钟铁银锁长门问闻队阳陈随雄雅雨雪雯露青静韵顺顾颜飞香马骏高鱼鹰黄龙";

/// Characters that transcriptions of foreign names use.
const SOUNDS: &str = "阿埃艾爱安奥巴贝比彼伯博布查达戴丹德蒂迪东多厄恩尔法凡菲费芬弗福夫盖格戈古哈海汉赫亨洪胡霍基吉加杰捷卡凯康科克肯库奎拉莱兰朗劳勒雷里理丽莉利连林琳龙卢鲁路伦罗洛马玛迈麦曼梅门蒙米密莫姆摩穆纳娜南内尼妮宁努诺欧帕潘佩皮普奇齐恰乔切秋邱琼丘让热日荣瑞若萨赛塞桑瑟莎沙山珊圣诗施什史舒斯丝苏索塔泰坦汤唐特提汀图托瓦万旺威韦维魏温文沃翁乌伍武西希锡夏香翔肖谢辛休许雪雅亚扬杨耶叶伊伶英尤尤于约泽扎詹珍哲朱兹佐翰蕾薇冈迭买木居逊孜合仁塞甫辉辰辽夸姬坎芭黛艺露茜翠朵邦得旦江吐玉顿敦茨岑廷滕彭庞珀采措赤代登额贡迦贾金津京坎柯匡洪穆满明莫木内年聂农涅钮努庞皮蒲奇钱乔丘曲冉茹阮撒申盛寿叔苏孙檀陶滕田铁佟屠乌仙先信雄休叙薛雅延彦央益英永有于郁元云藏增章兆珠准宗佐";

/// Signs of provinces (GA 36).
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

const OFFICES: &str = "科室办区组班部处院队房";

/// Surnames that are verbs or particles so often that even a role before them says little.
const WORDY_SURNAMES: &str =
    "有能相年从那后和时于应向别都全连强成平元计益终养居容利越双家来由本原随干步所盖占战区初母库铁承";

/// What nicknames begin with, and what is called behind a surname.
const NICKNAMES: &str = "男女族籍小老大阿哥姐嫂姨叔伯婶妈爷奶爸总工婆";

static TABLE: LazyLock<Box<[u16]>> = LazyLock::new(|| {
    let mut table = vec![0_u16; (LAST - FIRST + 1) as usize].into_boxed_slice();
    let mut set = |c: char, flag: u16| {
        if let Some(place) = place(c).and_then(|at| table.get_mut(at)) {
            *place |= flag;
        }
    };
    let lists = [
        (surname_words::CLEAR, SURNAME),
        (surname_words::DOUBTFUL, DOUBTFUL),
        (surname_words::GIVEN, GIVEN | POSSIBLE),
        (name_words::TELLING, TELLING | GIVEN | POSSIBLE),
        (RARE, POSSIBLE),
        (name_words::FREQUENT, FREQUENT),
        (OFFICES, OFFICE),
        (SOUNDS, SOUND),
        (WORDY_SURNAMES, WORDY),
        (NICKNAMES, NICKNAME),
        (PROVINCES, PROVINCE),
    ];
    for (list, flag) in lists {
        list.chars().for_each(|c| set(c, flag));
    }
    for word in surname_words::COMPOUND.split_whitespace() {
        word.chars().take(1).for_each(|c| set(c, COMPOUND));
    }
    for word in
        name_words::FOLLOWERS.iter().chain(name_words::AFTER).chain(name_words::ACTS).chain(name_words::DEEDS)
    {
        let flag = if word.chars().count() == 1 { FOLLOWS } else { FOLLOWS_FIRST };
        // Words of one character that only some names take are looked at in their lists.
        let flag =
            if flag == FOLLOWS && !name_words::FOLLOWERS.contains(word) { FOLLOWS_FIRST } else { flag };
        word.chars().take(1).for_each(|c| set(c, flag));
    }
    for word in name_words::BEFORE {
        let flag = if word.chars().count() == 1 { PRECEDES } else { PRECEDES_LAST };
        word.chars().next_back().into_iter().for_each(|c| set(c, flag));
    }
    table
});

fn place(c: char) -> Option<usize> {
    u32::from(c).checked_sub(FIRST).and_then(|at| usize::try_from(at).ok())
}

/// Everything that is known of a character.
pub(super) fn flags(c: char) -> u16 {
    place(c).and_then(|at| TABLE.get(at)).copied().unwrap_or(0)
}

/// Whether any of these flags is set.
pub(super) fn is(c: char, wanted: u16) -> bool {
    flags(c) & wanted != 0
}

/// How many characters of a text have the flag.
pub(super) fn count(text: &str, wanted: u16) -> usize {
    text.chars().filter(|c| is(*c, wanted)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_has_the_flags_of_its_lists() {
        assert!(is('王', SURNAME | FREQUENT) && !is('王', DOUBTFUL) && is('高', DOUBTFUL));
        assert!(is('欧', COMPOUND) && is('芳', TELLING) && is('科', OFFICE) && is('约', SOUND));
        assert_eq!(flags('a') | flags('，') | flags('\u{20000}'), 0);
        assert_eq!(count("建国", GIVEN), 2);
    }
}
