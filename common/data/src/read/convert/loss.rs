//! The loss switches of published formats: which answers of a conversation are learnt. Called by `turns` and
//! `mapped`.
//!
//! In a turn: `weight` (OpenAI: 0 or 1), `train` (axolotl), `loss` (ms-swift), `loss_mask`; beside the turns:
//! `loss_mask`, a list with one value a turn. On and off are true and false, 1 and 0; null is absent.
//! Invariant: a switch is honoured or the record is refused.

use serde_json::Value;

use super::draft::Converted;
use crate::record::{Role, Turn};
use crate::refusal::Refusal;

/// The switches of one turn.
pub(super) const SWITCHES: [&str; 4] = ["weight", "train", "loss", "loss_mask"];
/// axolotl's switches for parts of a turn, which a mask by turns cannot honour.
const OF_PARTS: &str = "train_detail";

/// Whether the turn's answer is learnt.
pub(super) fn is_learnt(turn: &Value, role: Role) -> Converted<bool> {
    if turn.get(OF_PARTS).is_some_and(|detail| !detail.is_null()) {
        return Err(Refusal::LossSwitch);
    }
    let mut learnt = None;
    for name in SWITCHES {
        let Some(value) = turn.get(name).filter(|value| !value.is_null()) else { continue };
        let is_on = switch(value)?;
        // OpenAI gives every turn a weight and looks at the assistant's only.
        if is_on && role != Role::Assistant && name != "weight" {
            return Err(Refusal::LossSwitch);
        }
        if learnt.is_some_and(|before| before != is_on) {
            return Err(Refusal::LossSwitch);
        }
        learnt = Some(is_on);
    }
    Ok(learnt.unwrap_or(true))
}

/// Applies a record's `loss_mask` to its turns, one value each.
pub(super) fn apply(mask: &Value, turns: &mut [Turn]) -> Converted<()> {
    let values = mask.as_array().filter(|values| values.len() == turns.len()).ok_or(Refusal::LossSwitch)?;
    for (turn, value) in turns.iter_mut().zip(values) {
        let is_on = switch(value)?;
        if is_on && (turn.role != Role::Assistant || !turn.is_learnt) {
            return Err(Refusal::LossSwitch);
        }
        turn.is_learnt &= is_on || turn.role != Role::Assistant;
    }
    Ok(())
}

fn switch(value: &Value) -> Converted<bool> {
    match value {
        Value::Bool(is_on) => Ok(*is_on),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(false),
        Value::Number(number) if number.as_f64() == Some(1.0) => Ok(true),
        _ => Err(Refusal::LossSwitch),
    }
}
