//! Likelihoods of continuations, from the reference's logits: for every row a context of a third of it, and
//! as continuations single tokens, the row's next tokens, and its whole rest. Used by `golden.rs`. Tolerance:
//! the one that lm-evaluation-harness' numbers are compared with.

use model::{Adapter, BaseModel, Likelihoods, WeightFormat};

use crate::folder::Folder;

const TOLERANCE: f64 = 1e-4;

pub(crate) fn check(folder: &Folder) {
    let dense = folder.base("model", WeightFormat::F32);
    let stored = folder.base("model-bnb-nf4", WeightFormat::Nf4);
    let adapter = folder.adapter("adapter-init", &dense);
    compare(folder, &dense, None, "base");
    compare(folder, &dense, Some(&adapter), "adapter");
    compare(folder, &stored, None, "nf4");
    compare(folder, &stored, Some(&adapter), "nf4.adapter");
}

fn compare(folder: &Folder, base: &BaseModel, adapter: Option<&Adapter>, name: &str) {
    let logits = folder.floats(&format!("logits.{name}"));
    let vocabulary = base.config().vocab_size;
    let mut asked = Likelihoods::new(base, adapter).unwrap();
    for (index, row) in folder.rows().iter().enumerate() {
        // The log-probability of a token behind the first `length` tokens of the row.
        let log_probability = |length: usize, token: u32| {
            let at = (index * folder.width() + length - 1) * vocabulary;
            let values = logits[at..at + vocabulary].iter().map(|value| f64::from(*value));
            let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = values.clone().map(|value| (value - most).exp()).sum();
            f64::from(logits[at + token as usize]) - most - sum.ln()
        };
        let (context, rest) = row.tokens.split_at(row.tokens.len() / 3);
        let ways = [vec![1], vec![7], rest[..1].to_vec(), rest[..2].to_vec(), rest.to_vec()];
        let found = asked.score(context, &ways).unwrap();
        for (value, way) in found.log_likelihoods.iter().zip(&ways) {
            // Every token of a way is behind what the reference computed: single ones, or the row's own.
            let expected: f64 =
                (0..).zip(way).map(|(at, token)| log_probability(context.len() + at, *token)).sum();
            let tolerance = TOLERANCE * way.len() as f64;
            assert!(
                (value - expected).abs() < tolerance,
                "{name} row {index}: {value} instead of {expected}"
            );
        }
    }
}
