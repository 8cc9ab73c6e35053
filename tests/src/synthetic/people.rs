//! Who asks for whom, and how that is said in both languages. Used by `wording`.
//! Invariant: a person drawn for a condition can have it (no prostate for mothers, no cataract for toddlers).

use super::sampler::Sampler;

/// Whom a condition concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Anyone,
    Woman,
    Man,
    Elder,
    Child,
}

impl Who {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "anyone" => Self::Anyone,
            "woman" => Self::Woman,
            "man" => Self::Man,
            "elder" => Self::Elder,
            "child" => Self::Child,
            _ => return None,
        })
    }
}

struct Relation {
    /// As the asker says it, and as the doctor says it back.
    chinese: [&'static str; 2],
    english: [&'static str; 2],
    ages: [usize; 2],
    groups: &'static [Who],
}

const RELATIONS: [Relation; 9] = [
    Relation {
        chinese: ["我父亲", "您父亲"],
        english: ["My father", "your father"],
        ages: [48, 79],
        groups: &[Who::Anyone, Who::Man, Who::Elder],
    },
    Relation {
        chinese: ["我母亲", "您母亲"],
        english: ["My mother", "your mother"],
        ages: [45, 79],
        groups: &[Who::Anyone, Who::Elder],
    },
    Relation {
        chinese: ["我爷爷", "您爷爷"],
        english: ["My grandfather", "your grandfather"],
        ages: [66, 88],
        groups: &[Who::Anyone, Who::Man, Who::Elder],
    },
    Relation {
        chinese: ["我奶奶", "您奶奶"],
        english: ["My grandmother", "your grandmother"],
        ages: [65, 88],
        groups: &[Who::Anyone, Who::Elder],
    },
    Relation {
        chinese: ["我丈夫", "您丈夫"],
        english: ["My husband", "your husband"],
        ages: [50, 66],
        groups: &[Who::Anyone, Who::Man],
    },
    Relation {
        chinese: ["我姐姐", "您姐姐"],
        english: ["My sister", "your sister"],
        ages: [24, 39],
        groups: &[Who::Anyone, Who::Woman],
    },
    Relation {
        chinese: ["我表妹", "您表妹"],
        english: ["My cousin", "your cousin"],
        ages: [19, 34],
        groups: &[Who::Anyone, Who::Woman],
    },
    Relation {
        chinese: ["我儿子", "您儿子"],
        english: ["My son", "your son"],
        ages: [2, 9],
        groups: &[Who::Child],
    },
    Relation {
        chinese: ["我女儿", "您女儿"],
        english: ["My daughter", "your daughter"],
        ages: [2, 9],
        groups: &[Who::Child],
    },
];

/// A person in a record.
pub(super) struct Person {
    /// "我父亲" or "My father".
    pub(super) theirs: &'static str,
    /// "您父亲" or "your father".
    pub(super) yours: &'static str,
    pub(super) age: usize,
}

pub(super) fn draw(who: Who, chinese: bool, sampler: &mut Sampler) -> Person {
    let fitting: Vec<&Relation> =
        RELATIONS.iter().filter(|relation| relation.groups.contains(&who)).collect();
    let relation = sampler.pick(&fitting);
    let [theirs, yours] = if chinese { relation.chinese } else { relation.english };
    let [youngest, oldest] = relation.ages;
    Person { theirs, yours, age: youngest + sampler.below(oldest - youngest + 1) }
}
