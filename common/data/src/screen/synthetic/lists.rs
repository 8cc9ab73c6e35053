//! Word lists of the synthetic values: common names, places, drugs. Used by `synthetic`. Data only; white
//! space apart, `_` for a blank.

pub(super) const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝";
pub(super) const COMPOUND: &str = "欧阳 上官 司马 诸葛 东方 皇甫 慕容 令狐 司徒 夏侯";
pub(super) const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文海波鹏飞雪梅琳婷浩宇欣怡子涵梓轩晨曦思远佳琪俊凯嘉豪诗雨萍燕春花荣福贵永祥德才淑珍凤莲彩云金水根生长林小龙大山宏斌彬峰辉旭东阳倩颖慧晶莹璐瑶";
pub(super) const ETHNIC: &str = "阿依古丽 买买提 吐尔逊 艾力 热依汗 努尔兰 古丽娜 阿布都拉 玉素甫 木合塔尔 帕提古丽 依明 艾合买提 阿卜杜 库尔班 迪丽努尔";
pub(super) const DIVISIONS: &str = "110105 310101 330106 440305 510104 320102 420106 370202 610113 350203 430102 230103 150102 650102 540102 130102";
pub(super) const PLACES: &str = "浙江省杭州市西湖区 北京市海淀区 上海市徐汇区 广东省深圳市南山区 四川省成都市武侯区 江苏省南京市鼓楼区 湖北省武汉市洪山区 河南省郑州市金水区 山东省青岛市市南区 湖南省长沙市岳麓区 福建省厦门市思明区 安徽省六安市霍山县 云南省大理州洱源县 黑龙江省哈尔滨市南岗区 广西南宁市青秀区 内蒙古自治区赤峰市松山区";
pub(super) const STREETS_ZH: &str =
    "文三路 人民路 中山路 解放大道 学院路 建设街 和平巷 长江路 新华街 滨河花园";
pub(super) const FIRST: &str = "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Susan Joseph Karen Thomas Sarah Emily Daniel Laura Kevin Priya Wei Fatima Carlos Aisha Hiroshi Olga Pedro Ingrid Kwame";
pub(super) const LAST: &str = "Smith Johnson Williams Brown Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson Thomas Taylor Moore Jackson Lee Thompson White O'Connor Nguyen Patel Kim Okafor Kowalski Haddad Fernandez Yamamoto Svensson";
pub(super) const CITY: &str =
    "Springfield Boston Houston Dayton Oakland Rochester Seattle Peoria Lowell Austin";
pub(super) const STREETS_EN: &str =
    "Main Oak Maple Washington Lincoln Elm Cedar Lake Hill Park Jefferson Walnut";
pub(super) const DRUGS_ZH: &str = "黄连素 白蛋白 何首乌 金银花 阿司匹林 二甲双胍 氨氯地平 阿托伐他汀 奥美拉唑 阿莫西林 黄芪颗粒 安宫牛黄丸 方氏软膏 石膏 高锰酸钾 左氧氟沙星 马来酸依那普利 白芍 华法林 毛花苷丙 孟鲁司特钠 罗红霉素 甘露醇 富马酸比索洛尔 双氯芬酸钠 金水宝 柴胡 连花清瘟胶囊 康复新液";
pub(super) const DISEASES_ZH: &str = "高血压 黄疸 白癜风 高脂血症 冠心病 2型糖尿病 白血病 慢性胃炎 房颤 肺炎 颈椎病 甲亢 水痘 马方综合征 梅尼埃病 白内障 石淋 麻疹 成人Still病 易栓症 关节炎 皮炎";
pub(super) const COMPLAINTS_ZH: &str = "高热 胸痛 白天咳嗽 黄痰 常感乏力 时有头晕 全身酸痛 明显消瘦 平卧困难 步态不稳 水肿 麻木 周身不适 安静时气促 方便时疼痛 毛发脱落 皮肤瘙痒 苏醒后头痛";
pub(super) const LABS_ZH: &str = "白细胞_12.5×10^9/L 血红蛋白_120_g/L 血小板_138×10^9/L 肌酐_88.4_μmol/L 空腹血糖_7.8_mmol/L ALT_45_U/L 尿素氮_6.2_mmol/L CRP_13.8_mg/L 甲胎蛋白_3.2_ng/ml D-二聚体_1380_μg/L 钾_4.1_mmol/L NT-proBNP_13812_pg/ml HBV-DNA_1.38E+07_IU/ml";
pub(super) const DRUGS_EN: &str =
    "aspirin metformin lisinopril atorvastatin amoxicillin warfarin omeprazole prednisone albuterol insulin";
pub(super) const DISEASES_EN: &str = "hypertension type_2_diabetes Crohn_disease Parkinson_disease Graves_disease asthma pneumonia Hodgkin_lymphoma Wilson_disease Addison_disease heart_failure";
pub(super) const LABS_EN: &str = "WBC_12.5 Hgb_13.8_g/dL platelets_250_K/uL creatinine_1.2_mg/dL glucose_138 HbA1c_7.8_% troponin_0.04 BNP_1380_pg/mL Na_138 K_4.1";
