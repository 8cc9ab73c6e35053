//! Why a record is refused, in Chinese; English is the code's own sentence. Used by the data report.

use data::Refusal;

use super::Language;

/// The reason as a sentence.
#[must_use]
pub fn sentence(refusal: Refusal, language: Language) -> String {
    match language {
        Language::En => refusal.to_string(),
        Language::Zh => chinese(refusal).to_owned(),
    }
}

const fn chinese(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownFormat => {
            "不符合任何已知格式（instruction、conversations、messages、question 与 answer、text）；可用列映射文件指定"
        }
        Refusal::MissingKey => "缺少必需的键或列",
        Refusal::WrongType => "值的类型不对",
        Refusal::UnknownRole => "对话中有未知角色",
        Refusal::AnswerNotAnOption => "答案不在选项之中",
        Refusal::NotAlternating => "提问与回答没有交替出现",
        Refusal::EmptyQuestion => "提问为空",
        Refusal::EmptyAnswer => "回答为空",
        Refusal::NoAnswer => "对话没有以回答结束",
        Refusal::TooLong => "单条记录超过 1 MiB",
        Refusal::TooManyCharacters => "文字超过字符数上限",
        Refusal::TooFewCharacters => "回答短于字符数下限",
        Refusal::TooManyTurns => "轮次超过上限",
        Refusal::DuplicateKey => "其中一个对象的同一键出现两次（例如一个轮次里有多组 from 与 value）",
        Refusal::ReasoningWithoutAnswer => "有推理过程，却没有跟在其后的回答",
        Refusal::UnreviewedAiMade => "由机器生成，且未写明审核人",
        Refusal::MissingProvenance => "未写明设置所要求的来源信息",
        Refusal::TooDeep => "JSON 嵌套超过 128 层",
        Refusal::NotJson => "不是有效的 JSON",
        Refusal::CellCount => "该行的单元格数与表头不同",
        Refusal::InvalidEncoding => "不是该文件编码的文本",
        Refusal::MixedEncoding => "与文件其余部分的编码不同",
        Refusal::ControlCharacters => "含控制字符",
        Refusal::ReplacementCharacters => "含替换字符（U+FFFD），是失败的转码留下的",
        Refusal::Mojibake => "乱码：按错误的编码读取后又保存",
        Refusal::AmbiguousAnswer => "答案或选项自带的字母有两种读法",
        Refusal::LossSwitch => {
            "损失开关（weight、train、loss、loss_mask）的值既非开也非关、互相矛盾，或要求学习非回答的轮次"
        }
        Refusal::NothingLearnt => "损失开关关闭了全部回答",
        Refusal::SpecialToken => "含该模型特殊词元的文字，会伪造对话轮次",
        Refusal::Template => "该模型的对话模板拒绝它，或改写了回答以致无法区分其词元",
        Refusal::BeyondCutoff => "截断长度（词元）之内没有回答",
    }
}
