//! What is said in the place of an answer that is withheld. Used by `checking`. Invariant: no word of the
//! answer is in it.

common::texts! {
    WITHHELD: "This answer was held back, because it breaks the rule {}. Please ask a doctor; in an emergency, call the emergency number now.", "这个回答没有给出，因为它不符合规则{}。请咨询医生；情况紧急时，请立即拨打120。";
    RULE: "“{}”", "“{}”";
    AND: ", ", "、";
}
