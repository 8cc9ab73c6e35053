//! Chinese identifiers.

use super::{Kind, finds, nothing};

#[test]
fn citizen_ids_of_the_reference() {
    finds("身份证号：11010519491231002X。", &[(Kind::CitizenId, "11010519491231002X")]);
    finds("440524188001010014", &[(Kind::CitizenId, "440524188001010014")]);
    finds(
        "证件１１０１０５１９４９１２３１００２Ｘ号",
        &[(Kind::CitizenId, "１１０１０５１９４９１２３１００２Ｘ")],
    );
    finds("110105 19491231 002X", &[(Kind::CitizenId, "110105 19491231 002X")]);
    finds("110105-1949-1231-002x", &[(Kind::CitizenId, "110105-1949-1231-002x")]);
    finds("身份证 1101051949\n1231002X", &[(Kind::CitizenId, "1101051949\n1231002X")]);
    finds("440524\u{200b}188001010014", &[(Kind::CitizenId, "440524\u{200b}188001010014")]);
    finds("ID440524188001010014", &[(Kind::CitizenId, "440524188001010014")]);
    // A wrong check character, a day that does not exist, a province that does not exist, a longer run.
    nothing("编码 110105194912310021");
    nothing("编码 440524188002300014");
    nothing("编码 990524188001010014");
    nothing("编码 4405241880010100147");
    nothing("编码 1440524188001010014");
    nothing("哈希 a3f440524188001010014");
    finds("身份证号：110105194912310021", &[(Kind::CitizenIdUnverified, "110105194912310021")]);
    finds("身份证：110105491231002", &[(Kind::CitizenIdUnverified, "110105491231002")]);
    nothing("条码 110105491231002");
}

#[test]
fn telephones() {
    finds("电话13812345678。", &[(Kind::MobilePhone, "13812345678")]);
    finds("打我手机 +86 138-1234-5678", &[(Kind::MobilePhone, "86 138-1234-5678")]);
    finds("138 1234 5678", &[(Kind::MobilePhone, "138 1234 5678")]);
    finds("8613812345678", &[(Kind::MobilePhone, "8613812345678")]);
    finds("手机１３８１２３４\n５６７８", &[(Kind::MobilePhone, "１３８１２３４\n５６７８")]);
    finds(
        "13812345678/13912345678",
        &[(Kind::MobilePhone, "13812345678"), (Kind::MobilePhone, "13912345678")],
    );
    nothing("批号 12812345678");
    nothing("批号 138123456789");
    nothing("批号 1381234567");
    nothing("读数 13812345678.5");
    nothing("编码 2023-13812345678-01");
    finds("0571-87654321", &[(Kind::Telephone, "0571-87654321")]);
    finds("(010)62345678", &[(Kind::Telephone, "010)62345678")]);
    finds("电话：057187654321", &[(Kind::Telephone, "057187654321")]);
    finds("科室电话：87654321", &[(Kind::Telephone, "87654321")]);
    finds("400-820-8820", &[(Kind::Telephone, "400-820-8820")]);
    nothing("编码 057187654321");
    nothing("0571-17654321");
    nothing("条码6901234567892");
}

#[test]
fn cards() {
    finds("卡号6222021234567890128", &[(Kind::BankCard, "6222021234567890128")]);
    finds("4111 1111 1111 1111", &[(Kind::BankCard, "4111 1111 1111 1111")]);
    nothing("编码 4111 1111 1111 1112");
    nothing("编码 4111111111111112");
    nothing("编码 41111111111111111111");
    nothing("120 130 145 110 105 1");
    // The Luhn vector of the reference has eleven digits: a check, not a card.
    nothing("79927398713");
}

#[test]
fn labelled_numbers() {
    finds("病案号：0012345", &[(Kind::MedicalRecordNumber, "0012345")]);
    finds("住院号 ZY20230015，", &[(Kind::MedicalRecordNumber, "ZY20230015")]);
    finds("住院号为 A-00123", &[(Kind::MedicalRecordNumber, "A-00123")]);
    finds("影像号：CT202305001", &[(Kind::ExaminationNumber, "CT202305001")]);
    finds("标本号:20230501123", &[(Kind::ExaminationNumber, "20230501123")]);
    finds("床号：12", &[(Kind::BedNumber, "12")]);
    finds("入住心内科3病区12床。", &[(Kind::BedNumber, "12床")]);
    nothing("住院3天");
    nothing("门诊 120 元");
    finds("护照号：E12345678", &[(Kind::Passport, "E12345678")]);
    finds("港澳通行证 C12345678", &[(Kind::TravelPermit, "C12345678")]);
    nothing("E12345678");
    finds("军官证：南字第1234567号", &[(Kind::OfficerNumber, "南字第1234567号")]);
    finds("医保卡号：330100123456", &[(Kind::InsuranceNumber, "330100123456")]);
    finds("微信号：wxid_a1b2c3", &[(Kind::WechatId, "wxid_a1b2c3")]);
    finds("加微信 zhang_san-88", &[(Kind::WechatId, "zhang_san-88")]);
    finds("QQ：12345678", &[(Kind::QqNumber, "12345678")]);
    nothing("QQ：0123");
    nothing("微信支付");
    finds("起搏器序列号：PJN123456", &[(Kind::DeviceId, "PJN123456")]);
    finds("邮编：310000", &[(Kind::PostalCode, "310000")]);
}

#[test]
fn plates_and_codes() {
    finds("车牌京A12345肇事", &[(Kind::LicencePlate, "京A12345")]);
    finds("浙A·F12345", &[(Kind::LicencePlate, "浙A·F12345")]);
    finds("粤B1234挂", &[(Kind::LicencePlate, "粤B1234挂")]);
    finds("沪AD12345", &[(Kind::LicencePlate, "沪AD12345")]);
    nothing("京A1234");
    nothing("京A1234567");
    nothing("京I12345");
    finds("代码 91350100M000100Y43", &[(Kind::SocialCreditCode, "91350100M000100Y43")]);
    nothing("代码 91350100M000100Y44");
    finds("车架号1M8GDM9AXKP042788", &[(Kind::VehicleId, "1M8GDM9AXKP042788")]);
    nothing("车架号1M8GDM9AXKP042789");
}

#[test]
fn names() {
    finds("姓名：张三", &[(Kind::PersonName, "张三")]);
    finds(
        "姓 名 张三 姓名：欧阳明月 性别：男",
        &[(Kind::PersonName, "张三"), (Kind::PersonName, "欧阳明月")],
    );
    finds("患者王小明，男，45岁", &[(Kind::PersonName, "王小明")]);
    finds("患者李强因胸痛入院", &[(Kind::PersonName, "李强")]);
    finds("其妻李梅陪同", &[(Kind::PersonName, "李梅")]);
    finds("由王建国主任医师查房", &[(Kind::PersonName, "王建国")]);
    finds("司马明主任医师查房", &[(Kind::PersonName, "司马明")]);
    finds("急诊：于海涛，男，31岁", &[(Kind::PersonName, "于海涛")]);
    finds("张子浩，身份证号已登记", &[(Kind::PersonName, "张子浩")]);
    finds("医师签名：刘芳", &[(Kind::PersonName, "刘芳")]);
    finds("我叫陈晓东，", &[(Kind::PersonName, "陈晓东")]);
    finds("阿依古丽·买买提，女", &[(Kind::PersonName, "阿依古丽·买买提")]);
    finds("患者艾力•吐尔逊因腹痛", &[(Kind::PersonName, "艾力•吐尔逊")]);
    for text in [
        "患者高血压十年",
        "患者白细胞升高",
        "患者黄疸加深",
        "患者于昨日入院",
        "患者方便时复查",
        "医生：何时开始的？",
        "患者：白天咳嗽",
        "姓名：张某",
        "姓名：李XX",
        "姓名：王**",
        "姓名：匿名",
        "患者金额",
        "口服黄连素",
        "白蛋白 35 g/L",
        "何首乌、金银花",
        "患者应戒烟",
        "患者曾服药",
        "患者常感乏力",
        "姓名：性别：男",
        "任何医生都会",
        "阿尔茨海默病",
        "任何，男女均可",
        "高热，男性多见",
        "白带，女性常见",
        "患者常便秘，",
        "头痛·出汗",
    ] {
        nothing(text);
    }
}

#[test]
fn addresses() {
    finds("家住浙江省杭州市西湖区文三路478号。", &[(Kind::Address, "浙江省杭州市西湖区文三路478号")]);
    finds("住址：杭州市西湖区翠苑新村3幢2单元501室", &[(Kind::Address, "杭州市西湖区翠苑新村3幢2单元501室")]);
    finds("北京市海淀区人", &[(Kind::Address, "北京市海淀区")]);
    finds("送到文三路478号", &[(Kind::Address, "文三路478号")]);
    nothing("北京协和医院");
    nothing("上海市区");
    nothing("来自浙江省");
    nothing("病区、手术区、社区");
}

#[test]
fn dates_and_ages() {
    finds("2023年5月3日入院", &[(Kind::Date, "2023年5月3日")]);
    finds("2023-05-03 10:20", &[(Kind::Date, "2023-05-03")]);
    finds("2023/5/3", &[(Kind::Date, "2023/5/3")]);
    finds("2023年5月起", &[(Kind::Date, "2023年5月")]);
    finds("５月３日", &[(Kind::Date, "５月３日")]);
    finds("二〇二三年五月三日", &[(Kind::Date, "二〇二三年五月三日")]);
    finds("出生日期：19800503", &[(Kind::Date, "19800503")]);
    nothing("2023年");
    nothing("2023-13-03");
    nothing("2月30日");
    nothing("3月10日龄");
    nothing("批号 20230503");
    nothing("血压 120/80，比例 1/2，5-10 天");
    finds("患者92岁", &[(Kind::AgeOver89, "92")]);
    finds("年龄：95", &[(Kind::AgeOver89, "95")]);
    finds("九十二岁", &[(Kind::AgeOver89, "九十二")]);
    nothing("89岁，心率99次/分，氧饱和度95%，八十九岁");
}

/// One of each kind of place and way in which records name people, and words that begin alike.
#[test]
fn names_that_no_label_announces() {
    let name = |text: &str, name: &str| finds(text, &[(Kind::PersonName, name)]);
    // Roles and relations, with and without a clear end.
    name("责任组长庄晓曼复查", "庄晓曼");
    name("接听人：项美玲（患者儿媳）", "项美玲");
    name("家属门庆国沟通病危", "门庆国");
    name("我妹凤英也有这个毛病", "凤英");
    name("孙女“朵朵”的名字", "朵朵");
    // Departments, lists, deeds and the ends of a text.
    name("外科全志勇、", "全志勇");
    finds("家属方钱传志、钱朵到会", &[(Kind::PersonName, "钱传志"), (Kind::PersonName, "钱朵")]);
    name("；边芳说：夜间突发室颤", "边芳");
    name("盼复。赵一丁", "赵一丁");
    name("钟离主任指出", "钟离");
    // Nicknames.
    name("小韩：谈了", "小韩");
    name("老李头的女儿", "老李头");
    name("让曾哥给你加塞", "曾哥");
    name("阿珍，过来", "阿珍");
    name("宝宝小名汤圆，", "汤圆");
    // Names written by their sound.
    name("患者顿珠今日体温", "顿珠");
    name("受种者：卓玛央金", "卓玛央金");
    name("约翰·史密斯，美国籍", "约翰·史密斯");
    name("竹下惠子，日本籍", "竹下惠子");
    for text in [
        "小便、老年、大黄、小于5mm、小叶增生",
        "阿司匹林，阿莫西林，阿姨",
        "孩子健康，母亲健在，女儿常常咳嗽",
        "我奶奶最近的血压",
        "期望病人能康复",
        "癫痫患者应增强营养",
        "火龙果，麦滋林，众所周知",
        "罗布麻叶，乌兰察布市",
        "桂枝汤·加减",
        "家属谈了吗？",
    ] {
        nothing(text);
    }
}

#[test]
fn numbers_whose_labels_no_list_holds() {
    finds("围产号WC23-0411。", &[(Kind::LicenceNumber, "WC23-0411")]);
    finds("内镜编号GIF-H290-2714035。", &[(Kind::DeviceId, "GIF-H290-2714035")]);
    finds("加2床腹痛", &[(Kind::BedNumber, "加2床")]);
    finds("ICU-06床的亲属", &[(Kind::BedNumber, "ICU-06床")]);
    finds("24年2月29日", &[(Kind::Date, "24年2月29日")]);
    finds("(021)3350-1128转6", &[(Kind::Telephone, "021)3350-1128转6")]);
    nothing("疾病编码 20230503，型号 AB-12345，批号：20230503，国药准字号H20051234");
    nothing("开放床位1200床，2床被子");
}

/// `女性多见` somewhere later says nothing of the name that a sex stands behind here.
#[test]
fn what_stands_much_later_hides_no_name() {
    finds("王建国,男性。此病女性多见。", &[(Kind::PersonName, "王建国")]);
}
