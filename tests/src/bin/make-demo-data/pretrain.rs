//! Pre-training with the engine that the demo itself uses, by ReLoRA: a wide adapter is trained, merged into
//! the base, and the next one begins (Lialin et al. 2023, "ReLoRA: High-Rank Training Through Low-Rank
//! Updates"). Called by `main`. Invariant: the departments of the four hospitals are not in the records
//! trained on.

use std::path::Path;

use model::train::Work;
use model::{
    Adapter, BaseModel, ChatTokenizer, Compute, Control, LoadOptions, LoraSettings, Message, Role, Sample,
    Schedule, TrainData, TrainSettings, WeightFormat, evaluate, export_merged, train,
};
use tests::synthetic::outcome::Outcome;
use tests::synthetic::records::Record;

/// Half of the model's width: two passes can already reach every direction.
const RANK: usize = 64;
/// No record is longer.
const CUTOFF_TOKENS: usize = 256;
const BATCH: usize = 16;

pub(crate) fn run(
    folder: &Path,
    records: &[Record],
    held_out: &[Record],
    passes: u64,
    seed: u64,
) -> Outcome<()> {
    let chat = ChatTokenizer::load(folder)?;
    let samples = samples(&chat, records)?;
    let held_out = self::samples(&chat, held_out)?;
    for pass in 0..passes {
        let base = load(folder)?;
        let adapter =
            Adapter::init(base.config(), &LoraSettings::all_linear(RANK, 2.0 * RANK as f64), seed + pass)?;
        // The last passes settle; the first ones must move far.
        let learning_rate = if pass * 3 < passes * 2 { 3e-3 } else { 1e-3 };
        let settings = TrainSettings {
            work: Work::Passes(2),
            batch_size: BATCH,
            gradient_accumulation: 1,
            learning_rate,
            schedule: Schedule::Cosine,
            warmup_steps: 10,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-8,
            max_gradient_norm: 1.0,
            seed: seed + pass,
            ..TrainSettings::default()
        };
        let outcome =
            train(&base, adapter, TrainData::new(&samples), &settings, None, &mut |_, _| Control::Continue)?;
        let next = folder.with_extension("next");
        export_merged(folder, &outcome.adapter, &next)?;
        std::fs::remove_dir_all(folder)?;
        std::fs::rename(&next, folder)?;
        let held = evaluate(&load(folder)?, None, &held_out, BATCH, &mut |_, _| {})?;
        println!(
            "pass {} of {passes}: training loss {:.3}; {:.3} on the four departments it has not seen",
            pass + 1,
            outcome.mean_loss,
            held.loss
        );
    }
    Ok(())
}

fn load(folder: &Path) -> Outcome<BaseModel> {
    Ok(BaseModel::load(folder, &LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 })?)
}

/// Answers are supervised, exactly as in the demo.
fn samples(chat: &ChatTokenizer, records: &[Record]) -> Outcome<Vec<Sample>> {
    let conversations: Vec<Vec<Message>> = records.iter().map(conversation).collect();
    Ok(chat.prepare(&conversations, CUTOFF_TOKENS)?.samples)
}

fn conversation(record: &Record) -> Vec<Message> {
    let say = |role, content: &str| Message::new(role, content);
    record
        .exchanges
        .iter()
        .flat_map(|e| [say(Role::User, &e.question()), say(Role::Assistant, &e.output)])
        .collect()
}
