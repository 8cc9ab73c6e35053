//! The words behind [`Cue`]s: labels, titles, relations, places; Chinese and English. Used by `cue_search`.
//! Data only; one list per cue, words apart by white space, `_` for a blank inside a word. English words
//! match in any case and on word borders only.

use super::cue::Cue;
use super::person_names;

/// Every cue with its words.
pub(super) const WORDS: &[(Cue, &str)] = &[
    (
        Cue::NameLabel,
        "姓名 患者姓名 病人姓名 患儿姓名 产妇姓名 受检者姓名 就诊人姓名 就诊人 姓名/name 真实姓名 曾用名 名字 联系人 联系人姓名 紧急联系人 家属姓名 监护人 监护人姓名 \
         签名 签字 (签章) (签字) (签名) 签章 医师签名 医师签字 医生签名 护士签名 护士签字 患者签名 患者签字 家属签名 家属签字 签名医师 签署人 记录者 记录人 记录医师 书写者 书写人 书写医师 报告者 报告人 报告医师 审核者 审核人 审核医师 审签 \
         检验者 检验人 检验医师 检查医师 检查者 操作者 申请医师 申请医生 送检医师 送检医生 主刀 主刀医师 术者 一助 二助 第一助手 助手 麻醉医师 麻醉者 巡回护士 器械护士 责任护士 主管护士 值班护士 值班医师 值班医生 经治医师 经治医生 接诊医师 接诊医生 接诊医生姓名 首诊医师 \
         主治医师 主治医生 主管医师 主管医生 住院医师 住院医生 上级医师 责任医师 会诊医师 转诊医师 转诊医生 转出医师 接收医师 开方医师 处方医师 开具医师 审方药师 审核药师 调配药师 核对药师 发药药师 调剂 收件人 缴费人 投保人 被保险人 参保人 持卡人 户主 开户名 户名 \
         陈述者 病史陈述者 供史者 病史提供者 代诉人 陪诊人 陪同人 陪护人 送诊人 接听人 来电人 呼救人 报警人 报案人 知情人 经办人 承办人 经手人 受种者 受血者 献血者 被鉴定人 鉴定人 受试者 受访者 来访者 来诊者 求助者 当事人 犬主 车主 分诊护士 主检医师 转入医师 送检者 咨询师 心理师 康复师 营养师 督导员 责任组长 护理组长 交班人 接班人 交班者 接班者 核对者 核对人 复核者 复核人 录入者 录入人 整理者 主持者 主持人 汇报人 汇报者 主讲人 授权人 被授权人 代理人 法定代理人 见证人 证明人 委托人 受托人 申请人 采样人 送检人 随访人 随访者 \
         name patient_name full_name first_name last_name surname given_name pt_name name_of_patient contact_name emergency_contact next_of_kin guardian attending attending_physician physician ordering_physician referring_physician \
         referring_provider referred_by primary_care_physician primary_care_provider pcp provider ordering_provider provider_name dictated_by signed_by electronically_signed_by transcribed_by reviewed_by reported_by prescriber prescribed_by accompanied_by discussed_with spoke_with \
         surgeon assistant_surgeon anesthesiologist radiologist pathologist cardiologist nurse rn caregiver informant interpreter subscriber policyholder policy_holder guarantor insured consultant seen_by examined_by evaluated_by followed_by_dr witness collected_by pharmacist cc attn to from dear re",
    ),
    (
        Cue::Person,
        "患者 病人 患儿 患方 产妇 孕妇 伤者 死者 受检者 家属 家长 患者家属 \
         家属方 亲属 宣教对象 患者描述 督导 主检 审核 审阅 核对 复核 记录 报告 操作 麻醉 接生 巡台 巡回 器械 到场 侍诊 主持 访视 组长 班长 队长 警官 民警 村医 公卫员 律师 社工 护理员 住持 店主 房东 雇主 老板 记者 校医 班主任 辅导员 乘客 驾驶员 院前医生 上级 下机签名 上机签名 一线 二线 三线 带教 指导老师 导师 研究生 进修生 规培生 实习生 \
         patient pt wife husband spouse partner son daughter mother father sister brother mom dad grandmother grandfather aunt uncle cousin niece nephew friend neighbor roommate child",
    ),
    (
        Cue::Kin,
        "其妻 其夫 其子 其女 其兄 其弟 其姐 其妹 其父 其母 爱人 丈夫 妻子 老公 老婆 父亲 母亲 爸爸 妈妈 儿子 女儿 哥哥 弟弟 姐姐 妹妹 爷爷 奶奶 外公 外婆 姥姥 姥爷 叔叔 伯父 姑姑 舅舅 阿姨 岳父 岳母 公公 婆婆 儿媳 女婿 孙子 孙女 配偶 患者之子 患者之女 患者之妻 患者之夫 患者父亲 患者母亲 患者妻子 患者丈夫 患者儿子 患者女儿 之子 之女 之妻 之夫 陪护 护工 保姆 同事 邻居 朋友 室友 \
         长子 次子 三子 长女 次女 三女 大儿子 小儿子 大女儿 小女儿 外孙 外孙女 外甥 外甥女 侄子 侄女 老伴 嫂子 弟媳 弟妹 妹夫 姐夫 表哥 表姐 表弟 表妹 堂哥 堂姐 堂弟 堂妹 我妹 我弟 我姐 我哥 我妹妹 我弟弟 我姐姐 我哥哥 我老公 我老婆 我女儿 我儿子 她女儿 他女儿 她儿子 他儿子 其女儿 其儿子 其妻子 其丈夫 其父亲 其母亲 其配偶 \
         孩子 宝宝 宝贝 小孩 养女 养子 继子 继女 孙儿 闺女 媳妇 女友 男友 女朋友 男朋友 未婚妻 未婚夫 前妻 前夫 同学 同桌 工友 战友 他哥 她哥 他弟 她弟 他姐 她姐 他妹 她妹 1子 1女 一子 一女 双胞胎姐姐 双胞胎妹妹 志愿者 义工 司机 翻译 学员 学生",
    ),
    (Cue::PetName, "小名 乳名 大名 昵称 绰号 外号 网名 艺名 小名叫 乳名叫"),
    (
        Cue::NamePart,
        "扎西 卓玛 次仁 旺堆 尼玛 巴桑 多吉 平措 央金 泽仁 贡布 顿珠 索朗 德吉 白玛 格桑 拉姆 丹增 旺姆 曲珍 洛桑 达瓦 边巴 米玛 普布 拉巴 仁青 罗布 强巴 加措 嘉措 益西 旦增 才让 卓嘎 桑吉 旺久 次旺 朗杰 群培 晋美 赤列 土登 阿旺 才旦 索南 多杰 央宗 拉珍 措姆 班旦 尕藏 嘎玛 仓决 玉珍 麦吉 卓么 拉毛 卡措 当知 尕玛 吉美 班玛 俄日 \
         巴特尔 其其格 娜仁 托雅 乌云 宝音 敖登 苏和 哈斯 格日勒 朝鲁 阿古拉 阿木尔 萨仁 斯琴 高娃 塔娜 图雅 毕力格 特木尔 那顺 呼和 布和 巴图 牧仁 赛罕 孟克 吉日 陶格 朝克 青格乐 通拉嘎 苏日娜 乌日娜 高乐 班布尔 乌云娜 图门 白音 那木 额尔德尼 巴雅尔 乌力吉 毕勒格 满都拉 哈达 莫日根 铁木尔 敖日格勒 阿拉坦 斯日古楞 都兰 \
         买买提 吾买尔 库尔班 吐尔逊 艾合买提 阿不都 阿卜杜 热孜万 亚森 艾尼瓦尔 肉孜 依明 帕提古丽 阿依古丽 巴哈尔 热娜 麦麦提 玉山江 拜合提 努尔 艾山 艾克拜尔 迪力 夏提 吾守尔 卡德尔 哈斯木 赛迪 艾则孜 帕尔哈提 古丽 古丽巴哈尔 阿依夏木 热合曼 穆萨 玉素甫 木合塔尔 阿迪力 迪丽 努尔江 赛力克 叶尔兰 别克 巴合提 加孜拉 阿依努尔 海热提 祖力 帕孜 热西提 司马义 伊敏 吐尼亚孜 买尔丹 古兰 马哈麦 马尕西木 尤素福 哈麦 尔洒 舍木 主麻 伊斯玛 \
         阿呷 木呷 吉克 尔古 曲比 日古 阿牛 拉日 史古 沙马 吉木 岩温 岩罕 岩龙 玉罕 玉香 玉波 岩温罕 索玛 日洛 \
         托娅 巴根 额尔敦 额尔 乌兰图雅 乌兰 萨日娜 布赫 朝格图 宝力德 阿茹娜 琪琪格 其木格 那仁 热孜 阿布都 阿不力 买合 玉苏甫 依不拉音 木拉提 热依拉 热依汗 古丽娜 波拉提 哈力克 阿斯哈尔 加娜尔 叶尔肯 叶尔江 吉木子 阿普 曲木 沙玛 俄木 尔哈 次珍 白珍 德庆 洛松 格列 贡嘎 坚赞 丹巴 泽郎 桑杰 更登 南杰 梅朵 白央 帕丽达 茹仙 美丽古 哈丽 马合 艾合麦提 麦提 帕孜来提 古丽米热 吾斯曼 艾孜 阿里木 艾比布 图尔荪 吐逊",
    ),
    (
        Cue::Named,
        "我叫 名叫 叫做 自称 自己叫 他叫 她叫 名字叫 名字是 我的名字是 姓名是 本人叫 本名 my_name_is name_is named the_name_of",
    ),
    (
        Cue::TitleBefore,
        "mr. mr mrs. mrs ms. ms miss mx. dr. dr prof. prof professor doctor sir madam nurse_practitioner",
    ),
    (
        Cue::TitleAfter,
        "主任医师 副主任医师 主任 科主任 专家 副主任 医师 医生 大夫 教授 副教授 护士长 护士 主管护师 护师 药师 主管药师 技师 治疗师 院长 副院长 先生 女士 小姐 老师 博士 同志",
    ),
    (
        Cue::CitizenId,
        "身份证 身份证号 身份证号码 身份证件号 身份证件号码 居民身份证 公民身份号码 公民身份证号 证件号 证件号码 身份号码 id_card id_card_no citizen_id national_id id_number id_no",
    ),
    (Cue::Passport, "护照 护照号 护照号码 passport passport_no passport_number"),
    (
        Cue::Permit,
        "通行证 港澳通行证 港澳居民来往内地通行证 往来港澳通行证 台湾通行证 台胞证 回乡证 居留证 居留许可 居住证 永久居留身份证 外国人居留证 travel_permit residence_permit",
    ),
    (
        Cue::Officer,
        "军官证 士兵证 军人证 文职证 军官证号 士兵证号 警官证 警号 武警证 退伍证 残疾军人证 军人保障卡",
    ),
    (
        Cue::Insurance,
        "医保号 医保卡 医保卡号 医疗保险号 医保编号 医保账号 医保账户 社保号 社保卡 社保卡号 社会保障号 社会保障卡号 社会保障卡 社会保险号 参保号 新农合号 农合号 新农合证号 医疗证号 保单号 保险单号 保险号 合作医疗证号 医保电脑号 个人编号 \
         health_plan health_plan_id health_plan_number member_id member_number member subscriber_id policy_number policy_no policy insurance_id insurance_number insurance_no medicare medicare_number medicare_id medicaid medicaid_id medicaid_number beneficiary beneficiary_id group_number mbi hicn",
    ),
    (
        Cue::Account,
        "账号 帐号 银行账号 银行卡号 银行卡 卡号 存折号 支付宝 支付宝账号 支付宝号 收款账号 退费账号 开户账号 account account_number account_no acct acct_no bank_account iban billing_account billing_number",
    ),
    (
        Cue::Licence,
        "驾驶证 驾驶证号 驾照 驾照号 执业证号 执业证书号 执业证书编号 执业医师证 医师资格证 医师资格证号 资格证书号 护士执业证 出生证号 出生医学证明编号 出生证编号 残疾证号 残疾人证号 结婚证号 学号 工号 职工号 员工号 警员编号 \
         driver's_license drivers_license driver_license license_number license_no license_# licence_number licence_no medical_license certificate_number certificate_no lic employee_id employee_number student_id",
    ),
    (
        Cue::Device,
        "序列号 设备序列号 设备编号 设备号 产品序列号 产品编号 植入物编号 起搏器编号 起搏器序列号 支架编号 支架序列号 器械编号 机身号 出厂编号 机身编号 唯一器械标识 serial_number serial_no serial s/n sn device_id device_serial device_number implant_serial implant_number udi imei mac_address mac model/serial lot/serial",
    ),
    (Cue::Wechat, "微信 微信号 微信号码 微信id 加微信 wx wx号 wechat wechat_id wechatid vx v信 威信 薇信"),
    (Cue::Qq, "qq qq号 qq号码 扣扣 企鹅号"),
    (
        Cue::RecordNumber,
        "病案号 病案号码 病案编号 病历号 病历号码 病历编号 住院号 住院号码 住院编号 住院病历号 门诊号 门诊号码 门诊编号 门诊病历号 急诊号 登记号 就诊卡 就诊卡号 就诊号 就诊编号 就诊流水号 就诊序号 诊疗卡号 诊疗卡 挂号单号 挂号号 患者编号 患者id 患者ID号 患者号 病人编号 病人id 病人号 病员号 健康卡号 居民健康卡号 健康档案号 健康档案编号 电子健康卡号 档案号 流水号 住院流水号 住院登记号 登记编号 处方号 处方编号 病理会诊号 留观号 体检号 体检编号 随访号 \
         mrn mr# mr_no medical_record_number medical_record_no medical_record medical_record_# med_rec record_number record_no chart_number chart_no chart patient_id patient_number patient_no patient_identifier pt_id hospital_number hospital_no unit_number unit_no admission_number admission_no encounter_number encounter_no encounter encounter_id visit_number visit_no visit_id csn fin case_number case_no",
    ),
    (
        Cue::ExaminationNumber,
        "检查号 检查编号 检查单号 检查流水号 影像号 影像编号 放射号 x线号 ct号 mr号 mri号 超声号 超声编号 b超号 心电图号 心电号 内镜号 胃镜号 肠镜号 病理号 病理编号 标本号 标本编号 样本号 样本编号 样品编号 条码号 条形码号 检验号 检验单号 检验编号 化验单号 化验号 报告号 报告编号 报告单号 申请单号 申请号 申请编号 切片号 蜡块号 手术编号 手术号 麻醉号 血袋号 \
         accession accession_number accession_no accession_# specimen_number specimen_no specimen_id specimen sample_id sample_number sample_no exam_number exam_id study_id study_number image_number report_number report_no requisition_number requisition_no order_number order_no slide_number barcode",
    ),
    (Cue::Bed, "床号 床位号 床位 病床号 bed bed_no bed_number bed_#"),
    (
        Cue::Phone,
        "电话 电话号码 电话号 联系电话 联系方式 联系号码 手机 手机号 手机号码 移动电话 家庭电话 单位电话 办公电话 固定电话 固话 座机 小灵通 传真 传真号 热线 咨询电话 致电 拨打 来电 电联 tel 本人电话 家属电话 \
         phone phone_number phone_no telephone telephone_number tel. cell cell_phone mobile mobile_phone home_phone work_phone contact_number fax fax_number call calling called reached reach office pager pgr beeper callback_number ph",
    ),
    (
        Cue::AddressLabel,
        "住址 地址 家庭住址 家庭地址 现住址 现住地 现住地址 户口地址 户籍地址 户籍地 户籍 户籍所在地 联系地址 通讯地址 通信地址 单位地址 工作单位 工作地址 居住地址 居住地 常住地址 收件地址 邮寄地址 籍贯 出生地 家住 现住 住 租住 租住在 租住于 借住 寄住 快递至 快递到 寄到 寄至 寄往 邮寄至 送至 生于 呼救地址 事发地址 事发地点 现场地址 老家 户籍在 门牌 现居 现居住 住在 暂住 居住于 现住于 家在 \
         address home_address mailing_address street_address residence resides_at lives_at living_at residing_at",
    ),
    (
        Cue::Province,
        "北京 上海 天津 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门",
    ),
    (
        Cue::City,
        "石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾 吕梁 呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 朝阳市 葫芦岛 长春 四平 辽源 通化 白山市 松原 白城 延边 \
         哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春 佳木斯 七台河 牡丹江 黑河 绥化 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁 杭州 宁波 温州 嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州 阜阳 宿州 六安 亳州 池州 宣城 福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德 \
         南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶 济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 平顶山 安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 武汉 黄石 十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 恩施 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 \
         广州 韶关 深圳 珠海 汕头 佛山 江门 湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮 南宁 柳州 桂林 梧州 北海 防城港 钦州 贵港 玉林 百色 贺州 河池 来宾 崇左 海口 三亚 儋州 成都 自贡 攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 贵阳 六盘水 遵义 安顺 毕节 铜仁 昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 大理 拉萨 日喀则 昌都 林芝 \
         西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 定西 陇南 西宁 海东 银川 石嘴山 吴忠 固原 中卫 乌鲁木齐 克拉玛依 吐鲁番 哈密 喀什 和田 伊犁 阿克苏",
    ),
    (Cue::PostalCode, "邮编 邮政编码 zip zip_code zipcode postal_code postcode"),
    (Cue::Ssn, "ssn ssn# social_security social_security_number social_security_no ss# soc_sec"),
    (Cue::Npi, "npi npi# npi_number national_provider_identifier"),
    (Cue::Dea, "dea dea# dea_number dea_no dea_registration"),
    (
        Cue::Month,
        "january february march april may june july august september october november december jan jan. feb feb. mar mar. apr apr. jun jun. jul jul. aug aug. sep sep. sept sept. oct oct. nov nov. dec dec.",
    ),
    (
        Cue::Age,
        "岁 周岁 年龄 高龄 享年 years_old year-old year_old yrs_old years-old y/o yo y.o. yr_old yr-old aged age yrs years_of_age",
    ),
    (
        Cue::Street,
        "street st st. ter ter. terr mews alley trace grove run gardens row hill walk quay park ridge bend crossing path pike trl avenue ave ave. road rd rd. boulevard blvd blvd. lane ln ln. drive court ct ct. place pl pl. terrace way circle cir parkway pkwy highway hwy square trail loop crescent close",
    ),
    (
        Cue::FirstName,
        "james robert john michael david william richard joseph thomas charles christopher daniel matthew anthony steven paul andrew joshua kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander patrick jack dennis jerry tyler aaron jose adam nathan henry zachary douglas peter kyle noah ethan jeremy walter keith roger terry sean gerald carl harold dylan arthur lawrence jordan jesse bryan billy bruce gabriel joe logan alan juan albert willie elijah wayne randy vincent mason roy ralph bobby russell bradley philip eugene \
         mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca sharon laura cynthia dorothy amy kathleen angela shirley emma brenda pamela nicole anna samantha katherine christine debra rachel carolyn janet maria olivia heather helen catherine diane julie victoria joyce lauren kelly christina joan evelyn judith andrea hannah megan cheryl jacqueline martha madison teresa gloria sara janice ann kathryn abigail sophia frances jean alice judy isabella julia grace amber denise danielle marilyn beverly charlotte natalie theresa diana brittany doris kayla alexis lori marie",
    ),
    (Cue::FirstName, person_names::FIRST),
    (Cue::LastName, person_names::LAST),
    (Cue::FirstName, person_names::MORE_FIRST),
    (Cue::LastName, person_names::MORE_LAST),
    (
        Cue::RecordNumber,
        "id号 病人档案号 患者档案号 患者登记号 病历档案号 住院证号 入院登记号 门急诊号 急诊编号 急诊流水号 就诊id 就诊证号 病历本号 胎儿编号 随诊号 建档号 建册号 病员编号 病员id 病人登记号 患者索引号 主索引号 \
         hospital_id hospital_id_number file_number file_no patient_file registration_number registration_no reg_no admission_id episode_number episode_no episode_id hosp_no mpi empi urn nhs_number nhs_no chart_id record_id health_record_number health_record_no clinic_number clinic_no medrec med_rec_no inpatient_number inpatient_no outpatient_number outpatient_no",
    ),
    (
        Cue::ExaminationNumber,
        "影像检查号 检查申请号 送检号 送检编号 活检号 细胞学号 彩超号 超声检查号 摄片号 片号 造影号 骨密度号 脑电图号 肌电图号 采血管号 \
         acc acc_no scan_number scan_no scan_id film_number film_no imaging_number imaging_no pathology_number pathology_no path_no lab_number lab_no exam_no study_no case_id biopsy_number biopsy_no ct_number ct_no mri_number mri_no x-ray_number x-ray_no",
    ),
    (
        Cue::Device,
        "机器编号 机器号 仪器编号 仪器号 机号 泵号 输液泵编号 监护仪编号 呼吸机编号 假体编号 假体序列号 人工晶体编号 晶体编号 晶体序列号 电极编号 导管编号 导线编号 植入体编号 植入体序列号 植入物序列号 植入器械编号 脉冲发生器编号 脉冲发生器序列号 除颤器编号 除颤器序列号 器械号 器械序列号 出厂号 出厂序列号 胰岛素泵编号 胰岛素泵序列号 助听器编号 人工耳蜗编号 耳蜗序列号 钢板编号 心脏起搏器编号 sn号 sn码 产品序号 装置编号 装置序列号 资产编号 设备资产号 设备sn \
         pump_serial device_no implant_no implant_id pump_number pump_no asset_tag asset_number asset_no ser._no",
    ),
    (
        Cue::Bed,
        "病床 床次 铺位号 床位编号 所在床位 床号为 机位 透析机位 透析床位 抢救床 留观床 铺位 bunk_no bay chair isolette incubator crib side_room cubicle ccu cvicu micu sicu nicu picu sdu icu pacu eicu ricu ticu room rm",
    ),
    (Cue::Plate, "plate license_plate licence_plate plate_no plate_number plates tag_number reg_plate"),
    (
        Cue::Licence,
        "dl badge badge_number badge_no staff_id staff_no employee_no rx# rx_number rx_no prescription_number prescription_no case subject subject_id subject_no participant participant_id kit report incident incident_no incident_number run_no run_number enrolment_id study_subject donor_id donor_number screening_no screening_number randomization_no iis_id notes_no notes_number police_report docket docket_no file_id volunteer_id pcr_no booking_no booking_number confirmation_number reference_number",
    ),
    (
        Cue::Insurance,
        "claim claim_number claim_no claim_# auth authorization authorization_number auth_no auth_number prior_auth copay_card member_card card dental_id delta payer_id plan_id coverage_id 工伤认定号 工伤号 理赔号 赔案号 报案号 结算单号 备案编号",
    ),
    (
        Cue::Device,
        "ser ser. serial# asset asset_tag_no machine monitor ventilator pump scope loaner lot_number_of_device generator_serial lead_serial unit_serial 心房电极 心室电极 主机 主机号 除颤仪 内镜编号",
    ),
    (
        Cue::Nothing,
        "drug_name brand_name generic_name trade_name product_name medication_name file_name test_name hospital_name facility_name disease_name diagnosis_name user_name department_name common_name scientific_name patient_education patient_safety patient_care patient_history pt_history 患者教育 患者安全 医生集团 医生建议 护士站 手机依赖 电话随访 药师咨询 微信支付 微信群 微信公众号 登记号码牌 电话咨询 手机软件 主任委员 老师傅 护理床位 病床位 医患者 患者群 医生们 护士们 专家共识 专家组 专家号 专家门诊 专家指南 教授级 主任务 姓名牌 签名栏 first_name_basis call_bell call_light may_be may_have may_need may_cause",
    ),
];
