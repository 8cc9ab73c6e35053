//! The people of the unseen family: names from lists that were written for it from common knowledge, drawn in
//! about the mixture that a hospital meets. Used by `unseen`. Invariant: no word here was taken from, or
//! compared with, a list that a rule uses.

use crate::screen::synthetic::Dice;
use crate::screen::words::Language;

/// A person of a note, with the parts that notes use.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// Given name, without initials.
    pub first: String,
    /// Surname; particles and hyphens included.
    pub last: String,
    /// The name as it stands in running text.
    pub full: String,
}

/// Which people a slot's letter may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Anyone,
    Man,
    Woman,
    /// A person with a Han surname.
    Han,
}

/// Draws a person.
pub(super) fn person(language: Language, who: Who, dice: &mut Dice) -> Person {
    match language {
        Language::Chinese => chinese(who, dice),
        Language::English => english(who, dice),
    }
}

fn word(list: &str, dice: &mut Dice) -> String {
    let words: Vec<&str> = list.split_whitespace().collect();
    dice.pick(&words).to_owned()
}

const SURNAMES: &str = "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 高 罗 郑 梁 谢 宋 唐 许 韩 邓 冯 曹 彭 曾 肖 \
    田 董 袁 潘 于 蒋 蔡 余 杜 叶 程 苏 魏 吕 丁 任 沈 姚 卢 姜 崔 钟 谭 陆 汪 范 金 石 廖 贾 夏 韦 付 方 白 邹 孟 熊 秦 邱 江 \
    尹 薛 闫 段 雷 侯 龙 史 陶 黎 贺 顾 毛 郝 龚 邵 万 钱 严 覃 武 戴 莫 孔 向 汤";
const RARE: &str = "温 康 施 文 牛 樊 葛 邢 安 齐 易 乔 伍 庞 颜 倪 庄 聂 章 鲁 岳 翟 殷 詹 申 欧 耿 关 兰 焦 俞 左 柳 甘 祝 包 \
    宁 尚 符 舒 阮 柯 纪 梅 童 凌 毕 单 季 裴 霍 涂 成 苗 谷 盛 曲 翁 冉 骆 蓝 路 游 辛 靳 管 柴 蒙 鲍 华 喻 祁 蒲 房 滕 屈 饶 \
    解 牟 艾 尤 阳 时 穆 农 司 卓 古 吉 缪 简 车 项 连 芦 麦 褚 娄 窦 戚 岑 景 党 宫 费 卜 冷 晏 席 卫 米 柏 宗 瞿 桂 全 佟 应 \
    臧 闵 苟 邬 边 卞 姬 师 和 仇 栾 隋 商 刁 沙 荣 巫 寇 桑 郎 甄 丛 仲 虞 敖 巩 明 佘 池 查 麻 苑 迟 邝 官 封 谈 匡 鞠 惠 荆 \
    乐 冀 郁 胥 南 班 储 原 栗 燕 楚 鄢 劳 谌 奚 皮 粟 冼 蔺 楼 盘 满 闻 位 厉 伊 仝 区 郜 海 阚 花 权 强 帅 屠 豆 朴 盖 练 廉 禹 井";
const COMPOUND: &str =
    "欧阳 欧阳 欧阳 上官 司马 诸葛 司徒 皇甫 东方 尉迟 令狐 慕容 夏侯 端木 长孙 宇文 澹台 公孙 轩辕 钟离";
const GIVEN_ONE: &str = "伟 芳 娜 敏 静 磊 军 洋 勇 艳 杰 涛 明 超 霞 平 刚 辉 鹏 波 斌 浩 玲 丽 强 燕 红 梅 兰 英 琴 云 丹 萍 健 \
    俊 峰 帅 鑫 亮 飞 凯 琳 倩 莹 雪 颖 晶 婷 悦 欣 宇 晨 璐 蕾 岩 冰 毅 旭 昊 哲 森 淼 维 宁 莉 蓉 瑶 坤 青 楠 锋 东 林 虎 龙";
const GIVEN_TWO: &str = "秀英 桂英 秀兰 玉兰 桂兰 秀珍 玉珍 凤英 淑珍 淑华 桂芝 玉梅 春梅 建国 建军 建华 国强 志强 志明 永强 国庆 \
    卫东 文革 援朝 红卫 爱国 跃进 丽华 丽娟 晓燕 海燕 晓明 小红 小军 俊杰 志伟 文杰 子轩 梓涵 浩然 欣怡 雨桐 诗涵 宇轩 一诺 \
    子涵 若曦 思远 佳怡 嘉豪 雅婷 美玲 淑芬 俊宏 家豪 怡君 宗翰 德华 学友 福生 金水 水根 阿根 根生 满仓 来娣 招娣 引弟 有财 \
    富贵 长顺 顺利 平安 大勇 铁柱 栓柱 保国 保全 天佑 承志 鸿飞 振华 振兴 启明 光明 正义 立新 立群 建平 和平 新民 为民 海波 \
    海涛 江涛 春生 秋生 冬梅 夏莲 雪梅 雪松 青松 玉龙 金龙 凤霞 彩霞 月娥 月华 素芬 素云 慧敏 慧芳 静怡 婉婷 晓东 旭东 向阳 \
    朝阳 志远 致远 明哲 博文 文博 世杰 少华 少卿 仲文 伯平 叔平 家琪 佩珊 咏诗 嘉欣 子豪 俊熙 沐宸 语嫣 可馨 梦洁 梦瑶 紫薇";
const GIVEN_A: &str =
    "建国文志海永玉秀桂淑晓小春雪丽美佳思雨子宇浩俊嘉家明德光世天瑞景宏鸿立新振学少仲金银凤月彩素慧静梦诗";
const GIVEN_B: &str =
    "华明英兰芳珍军强平伟生林峰涛波东杰辉刚娟琴敏燕霞玲梅莲芬云轩涵怡欣琪洋宁远成良才贵福祥龙虎飞翔阳超颖";
const MINORITY: &str = "阿卜杜热合曼·买买提 迪丽努尔·艾尔肯 买买提·吐尔逊 古丽巴哈尔·阿不都拉 艾合买提·依明 热依汗古丽·玉素甫 \
    扎西次仁 卓玛 次仁拉姆 格桑曲珍 索朗多吉 丹增 旦增卓嘎 洛桑 巴桑 央金 巴特尔 乌云其木格 苏日娜 其其格 阿古拉 斯琴高娃 \
    娜仁托娅 哈斯巴根 努尔兰·哈力克 叶尔肯 巴合提古丽 马哈麦 阿依古丽 吉克阿木 阿普布且 吉木子伍 约翰·史密斯 玛丽亚·伊万诺娃 \
    大卫·威廉姆斯 阮氏明 阮文雄 金正浩 朴美兰 山田太郎 佐藤由美 穆罕默德·阿里 安娜·科瓦廖娃 艾米丽·布朗 杰克逊·奥孔库 皮埃尔·杜邦";

fn chinese(who: Who, dice: &mut Dice) -> Person {
    if who != Who::Han && dice.chance(8) {
        let full = word(MINORITY, dice);
        let (first, last) = full.split_once('·').unwrap_or((&full, &full));
        return Person { first: first.to_owned(), last: last.to_owned(), full: full.clone() };
    }
    let last = match dice.below(100) {
        0..78 => word(SURNAMES, dice),
        78..96 => word(RARE, dice),
        _ => word(COMPOUND, dice),
    };
    let first = match dice.below(100) {
        0..22 => word(GIVEN_ONE, dice),
        22..65 => word(GIVEN_TWO, dice),
        _ => letter(GIVEN_A, dice) + &letter(GIVEN_B, dice),
    };
    Person { full: format!("{last}{first}"), first, last }
}

fn letter(list: &str, dice: &mut Dice) -> String {
    let at = dice.below(list.chars().count());
    list.chars().skip(at).take(1).collect()
}

/// Men's, women's and last names of one origin.
struct Origin {
    men: &'static str,
    women: &'static str,
    last: &'static str,
}

const ANGLO: Origin = Origin {
    men: "James John Robert Michael William David Richard Charles Thomas Daniel Matthew George Edward Brian Kevin \
        Mark Paul Steven Andrew Kenneth Joshua Ronald Timothy Jason Jeffrey Ryan Gary Nicholas Eric Stephen Larry \
        Justin Scott Brandon Frank Gregory Raymond Dennis Jerry Tyler Walter Harold Douglas Henry Carl Arthur Roger \
        Albert Ralph Roy Eugene Russell Wayne Clyde Ernest Stanley Leonard Nigel Graham Trevor Clive Derek Barry \
        Simon Oliver Harry Jack Archie Alfie Mason Logan Hunter Chase Wade Earl Rex Guy Grant Miles Dale Curtis",
    women: "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty Margaret Sandra \
        Ashley Kimberly Emily Donna Michelle Carol Amanda Dorothy Melissa Deborah Stephanie Rebecca Sharon Laura \
        Cynthia Kathleen Amy Angela Shirley Anna Brenda Pamela Emma Nicole Helen Samantha Katherine Christine Debra \
        Rachel Carolyn Janet Catherine Heather Diane Ruth Julie Olivia Joyce Virginia Victoria Kelly Lauren Joan \
        Evelyn Judith Megan Cheryl Hannah Jean Alice Doris Grace Faith Hope Joy June April May Rose Lily Ivy Hazel \
        Ruby Pearl Amber Dawn Gillian Beryl Maureen Sheila Brooke Paige Madison Harper Peggy Winifred Agnes Mildred",
    last: "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Jackson Martin Thompson \
        White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Baker Nelson Carter \
        Mitchell Roberts Turner Phillips Evans Parker Edwards Collins Stewart Morris Cook Rogers Morgan Peterson \
        Cooper Reed Bailey Bell Kelly Howard Ward Cox Richardson Wood Watson Brooks Bennett Gray James Hughes Price \
        Myers Long Foster Sanders Ross Powell Sullivan Russell Fisher Henderson Cole West Jordan Hunt Black Stone \
        Rose Fields Rivers Banks Day Knight Bishop Page Lamb Fox Wolfe Swift Sharp Hart Hurst Whitfield Pemberton \
        Ashworth Birtwistle Cholmondeley Entwistle Featherstone Higginbottom Ramsbottom Sidebotham Wigglesworth \
        Thistlethwaite Ollerenshaw Garside Haigh Sykes Ackroyd Dyson Clegg Mellor Hadley Winslow Mather Holloway \
        Tuttle Pruitt Stubblefield Yarbrough Hightower Ledbetter Crenshaw Blankenship Hatfield Vandergriff Kowalczyk",
};
const CELTIC: Origin = Origin {
    men: "Patrick Sean Liam Conor Brendan Declan Eoin Cormac Aidan Fergus Ronan Niall Kieran Finbar Hamish Angus \
        Alasdair Ewan Rhys Gareth Dafydd Ieuan Owen Padraig Diarmuid Callum Duncan",
    women: "Siobhan Niamh Aoife Caoimhe Orla Sinead Roisin Brigid Bridget Deirdre Maeve Ciara Fionnuala Grainne Una \
        Morag Eilidh Isla Catriona Bronwen Cerys Angharad Sian Nuala Oonagh Ailsa Kirsty",
    last: "Murphy O'Brien O'Connor O'Sullivan Byrne Ryan Walsh Doyle McCarthy Gallagher Doherty Kennedy Lynch Quinn \
        McLaughlin Carroll Connolly Daly Brennan Burke Collins Farrell FitzGerald Fitzpatrick Nolan Moran Flynn \
        Maguire O'Neill O'Shea Keane Tierney Hegarty MacDonald McKenzie Campbell MacLeod McGregor Sinclair Buchanan \
        Mac an Bhaird Jones Davies Llewellyn Pritchard Gwynne McNamara McElroy O'Dwyer",
};
const HISPANIC: Origin = Origin {
    men: "José Juan Luis Carlos Jorge Miguel Pedro Alejandro Manuel Francisco Ramón Raúl Jesús Ángel Rafael Fernando \
        Héctor Javier Diego Mateo Santiago Emilio Esteban Guillermo Ignacio Rogelio Ezequiel Jose Angel",
    women: "María Guadalupe Rosa Carmen Ana Juana Esperanza Dolores Luz Consuelo Pilar Mercedes Socorro Yolanda Xiomara \
        Marisol Graciela Lourdes Concepción Inés Paloma Ximena Valentina Camila Lucía Milagros Soledad Rosario",
    last: "García Rodríguez Martínez Hernández López González Pérez Sánchez Ramírez Torres Flores Rivera Gómez Díaz \
        Reyes Morales Cruz Ortiz Gutiérrez Chávez Ramos Ruiz Álvarez Mendoza Vásquez Castillo Jiménez Moreno Romero \
        Herrera Medina Aguilar Vargas Castro Guzmán Méndez Fernández Salazar Garza Soto Delgado Peña Ríos Garcia \
        Martinez Lopez Hernandez Gonzalez Rodriguez Villanueva Zepeda Echeverría Iturralde Ybarra Quiñones",
};
const SOUTH_ASIAN: Origin = Origin {
    men: "Amit Rajesh Sanjay Vikram Arjun Rahul Suresh Ramesh Anil Sunil Ravi Vijay Ashok Mohammed Imran Tariq Bilal \
        Usman Harpreet Gurpreet Jaswinder Balwinder Karthik Senthil Murugan Venkatesh Srinivas Aditya Rohan Dev \
        Kamal Nimal Chaminda Sunil Anwar Rafiqul Shafiq Arun Jai",
    women: "Priya Anjali Sunita Kavita Lakshmi Meena Deepa Pooja Neha Shreya Ayesha Fatima Zainab Sana Nadia Rukhsana \
        Shabnam Manpreet Simran Jasleen Parvathi Revathi Geetha Usha Asha Rekha Nirmala Shanthi Farhana Nusrat \
        Ishani Divya Aarti Bhavna Champa Tahmina",
    last: "Patel Sharma Singh Kumar Gupta Khan Reddy Nair Iyer Menon Pillai Rao Desai Shah Mehta Joshi Kulkarni \
        Deshpande Chatterjee Mukherjee Banerjee Bose Sen Das Ghosh Ahmed Hussain Malik Chaudhry Qureshi Siddiqui \
        Butt Mirza Kaur Gill Dhillon Sandhu Grewal Subramanian Krishnamurthy Venkataraman Ramanathan Perera \
        Fernando Jayawardena Wickramasinghe Rahman Uddin Begum Chowdhury Thapa Gurung Shrestha Tamang Naidu Bhatt",
};
const EAST_ASIAN: Origin = Origin {
    men: "Wei Jian Ming Hao Jun Lei Guoqiang Jianhua Zhiwei Kenji Hiroshi Takeshi Satoshi Daisuke Min-jun Ji-hoon \
        Sung-ho Minh Tuan Hung Duc Quang Kai Chi-Wai Kwok-Keung Jose Rizalino Somchai Bambang Agus Kenny Alvin",
    women: "Mei Xiaoling Yan Hui Jing Xiu-Ying Lili Yuki Haruka Keiko Sachiko Eun-ji Soo-jin Min-ji Lan Huong Thuy Ngoc \
        Linh Mai Wai-Yee Suk-Yin Siti Dewi Malee Siriporn Grace Vivian Maricel Rowena Ligaya",
    last: "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Chan Wong Cheung Leung \
        Lam Ng Ho Yip Tsang Kwok Tan Lim Ong Goh Kim Lee Park Choi Jung Kang Yoon Tanaka Suzuki Sato Watanabe Ito \
        Yamamoto Nakamura Kobayashi Nguyen Tran Le Pham Hoang Phan Vu Dang Bui Do Santos Reyes Dela Cruz Bautista \
        Wijaya Suharto Charoensuk Ouyang Szeto Hsieh Tsai Zheng Xie Qiu",
};
const AFRICAN: Origin = Origin {
    men: "Emeka Chukwuemeka Chidi Obinna Oluwaseun Tunde Babatunde Femi Kwame Kofi Kojo Yaw Tendai Tafadzwa Thabo Sipho \
        Bongani Abebe Tesfaye Haile Mwangi Kamau Otieno Juma Ousmane Mamadou Ibrahima Sekou Moses Emmanuel Blessing",
    women: "Ngozi Chioma Adaeze Ifeoma Folake Yetunde Titilayo Ama Akosua Abena Efua Rudo Chipo Nomvula Thandiwe Lerato \
        Almaz Tigist Wanjiku Achieng Nyambura Aminata Fatou Mariama Mercy Patience Comfort Precious Zodwa",
    last: "Okafor Okonkwo Adeyemi Adebayo Ogunleye Nwosu Eze Balogun Obi Mensah Owusu Boateng Asante Osei Appiah Moyo \
        Ncube Ndlovu Dlamini Nkosi Mokoena Khumalo van Wyk Botha Tesfaye Bekele Gebremariam Kamau Mwangi Ochieng \
        Odhiambo Njoroge Diallo Traoré Keita Ndiaye Sow Cissé Kamara Sesay Banda Phiri Mwale Afolabi Nwachukwu",
};
const ARABIC: Origin = Origin {
    men: "Ahmed Mohamed Mahmoud Omar Ali Hassan Hussein Khaled Youssef Ibrahim Mustafa Abdullah Abdul Rahman Tariq Karim \
        Samir Faisal Bashar Ziad Nabil Walid Reza Mehdi Hossein Dariush Mehmet Emre",
    women: "Fatima Aisha Mariam Layla Noor Huda Salma Yasmin Amina Zahra Rania Samira Hanan Nour Dina Leila Shirin Parisa \
        Maryam Elif Ayşe Khadija Wafa Sahar Lubna",
    last: "Al-Masri El-Sayed Haddad Khoury Nasser Mansour Al-Hashimi Hassan Ibrahim Mahmoud Abdallah Saleh Farouk \
        Al Qahtani bin Salem Aziz Rahimi Hosseini Ahmadi Karimi Tehrani Yilmaz Demir Kaya Öztürk Awad Shaheen Darwish \
        Bakri Suleiman Abdi Warsame Farah Mohamud Benali Bouzid El Amrani Najjar",
};
const SLAVIC: Origin = Origin {
    men: "Piotr Krzysztof Andrzej Tomasz Marek Jan Stanisław Ivan Dmitri Sergei Vladimir Aleksandr Mykola Oleksandr Bohdan \
        Pavel Jiří Zoltán Ferenc Milan Dragan Goran Nikola Lars Anders Hans Klaus Pieter Giuseppe Antonio Jean-Pierre",
    women: "Agnieszka Katarzyna Małgorzata Ewa Zofia Halina Olga Natalia Svetlana Tatiana Irina Oksana Ludmila Jana \
        Milena Snežana Vesna Ingrid Greta Astrid Annelies Chiara Giulia Francesca Marie-Claire Eleni Ioana",
    last: "Nowak Kowalski Wiśniewska Wójcik Kowalczyk Kamińska Zieliński Ivanov Petrov Smirnova Kuznetsov Volkov Sokolova \
        Shevchenko Kovalenko Bondarenko Novák Dvořák Horváth Nagy Szabó Kovač Petrović Jovanović Popescu Ionescu \
        Papadopoulos Müller Schneider Schmidt Bauer de Vries van den Berg Jansen van Dijk Rossi Esposito Di Matteo \
        Dubois Lefèvre de la Fontaine Hansen Johansson Lindqvist Virtanen von Braun O'Hara-Nowicki Czajkowski",
};
const PARTICLES: &[&str] =
    &["de", "la", "del", "van", "den", "von", "der", "bin", "El", "Al", "Di", "Dela", "Mac", "an"];

/// Takes one last name off a list in which particles stand before the name that they belong to.
fn last(list: &str, dice: &mut Dice) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut open = String::new();
    for piece in list.split_whitespace() {
        if PARTICLES.contains(&piece) {
            open = open + piece + " ";
        } else {
            names.push(std::mem::take(&mut open) + piece);
        }
    }
    let at = dice.below(names.len());
    names.swap_remove(at)
}

fn english(who: Who, dice: &mut Dice) -> Person {
    let (origin, doubled) = match dice.below(100) {
        0..34 => (ANGLO, 5),
        34..44 => (CELTIC, 4),
        44..56 => (HISPANIC, 20),
        56..69 => (SOUTH_ASIAN, 3),
        69..80 => (EAST_ASIAN, 0),
        80..87 => (AFRICAN, 2),
        87..94 => (ARABIC, 0),
        _ => (SLAVIC, 3),
    };
    let man = match who {
        Who::Man => true,
        Who::Woman => false,
        Who::Anyone | Who::Han => dice.chance(50),
    };
    let first = word(if man { origin.men } else { origin.women }, dice);
    let mut surname = last(origin.last, dice);
    if dice.chance(doubled) {
        surname = format!("{surname}-{}", last(origin.last, dice));
    }
    let middle = letter("ABCDEFGHJKLMNPRSTW", dice);
    let full = match dice.below(100) {
        0..7 => format!("{first} {middle}. {surname}"),
        7..10 => format!("{first} {middle} {surname}"),
        _ => format!("{first} {surname}"),
    };
    Person { first, last: surname, full }
}
