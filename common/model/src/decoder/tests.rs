//! The hand-written backward pass against two oracles built from one plain formulation of the decoder in
//! stock tensor operations: burn's autodiff in f32, and central finite differences in f64. And: rows of one
//! sequence never see another.

mod oracle;

use burn_autodiff::Autodiff;
use burn_flex::{Flex, FlexDevice};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use self::oracle::{Oracle, Weights};
use super::adapter::host;
use super::*;
use crate::adapter::{Adapter, LoraSettings};
use crate::config::{Architecture, LinearKind, ModelConfig, Rope, RopeScaling};
use crate::options::{Compute, Recompute};
use crate::sample::Sample;
use crate::segments::Segments;

/// Uniform in +-`bound`.
fn random(stream: &mut ChaCha8Rng, count: usize, bound: f32) -> Vec<f32> {
    (0..count).map(|_| ((stream.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0) * bound).collect()
}

/// Every difference between the families at once: biases, head norms, scaled rotary embedding, untied head.
fn config(architecture: Architecture) -> ModelConfig {
    ModelConfig {
        architecture,
        hidden_size: 24,
        intermediate_size: 40,
        num_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        vocab_size: 30,
        rms_norm_eps: 1e-5,
        tie_word_embeddings: architecture == Architecture::Qwen2,
        qkv_bias: architecture == Architecture::Qwen2,
        query_key_norm: architecture == Architecture::Qwen3,
        max_position_embeddings: 64,
        rope: Rope {
            theta: 1e4,
            scaling: match architecture {
                Architecture::Llama => RopeScaling::Llama3 {
                    factor: 4.0,
                    low_freq_factor: 1.0,
                    high_freq_factor: 4.0,
                    original_max_position_embeddings: 32.0,
                },
                _ => RopeScaling::Default,
            },
        },
    }
}

fn sample(stream: &mut ChaCha8Rng, length: usize) -> Sample {
    Sample {
        tokens: (0..length).map(|_| stream.next_u32() % 30).collect(),
        supervised: (0..length).map(|index| index > 2 && index % 4 != 1).collect(),
    }
}

/// An adapter with both matrices random, on five of the seven linears.
fn adapter(config: &ModelConfig, stream: &mut ChaCha8Rng) -> Adapter {
    let mut settings = LoraSettings::all_linear(3, 6.0);
    settings.target_modules.retain(|name| name != "k_proj" && name != "gate_proj");
    let mut adapter = Adapter::init(config, &settings, 1).unwrap();
    for matrix in adapter.matrices_mut() {
        *matrix = random(stream, matrix.len(), 0.3);
    }
    adapter
}

struct Case {
    config: ModelConfig,
    weights: Weights,
    adapter: Adapter,
    samples: Vec<Sample>,
}

fn case(architecture: Architecture) -> Case {
    let mut stream = ChaCha8Rng::seed_from_u64(architecture as u64);
    let config = config(architecture);
    let weights = Weights::random(&config, &mut stream);
    let adapter = adapter(&config, &mut stream);
    let samples = [9, 5, 12].map(|length| sample(&mut stream, length)).to_vec();
    Case { config, weights, adapter, samples }
}

fn engine_gradients(decoder: &Decoder<Flex>, case: &Case, batches: &[Vec<&Sample>]) -> (f64, Gradients) {
    penalised_gradients(decoder, case, batches, 0.0)
}

/// Mean of cross-entropy plus weighted divergence, and its gradient.
fn penalised_gradients(
    decoder: &Decoder<Flex>,
    case: &Case,
    batches: &[Vec<&Sample>],
    kl_weight: f32,
) -> (f64, Gradients) {
    let device = DeviceAdapter::upload(&case.adapter, &FlexDevice);
    let mut gradients = Gradients::new(case.config.num_layers);
    let batches: Vec<Batch> = batches.iter().map(|batch| Batch::pack(batch.iter().copied())).collect();
    let targets: usize = batches.iter().map(Batch::supervised_tokens).sum();
    let objective = Objective { kl_weight, ..Objective::cross_entropy(1.0 / targets as f32) };
    let sum: f64 = batches
        .iter()
        .map(|batch| decoder.train(&device, batch, &objective, &mut gradients))
        .map(|result| result.loss_sum + f64::from(kl_weight) * result.divergence_sum)
        .sum();
    (sum / targets as f64, gradients)
}

const FAMILIES: [Architecture; 3] = [Architecture::Qwen2, Architecture::Qwen3, Architecture::Llama];

#[test]
fn gradients_match_autodiff() {
    for (architecture, kl_weight) in FAMILIES.into_iter().flat_map(|family| [(family, 0.0), (family, 0.8)]) {
        let case = case(architecture);
        let decoder = case.weights.decoder(&case.config, Compute::F32);
        let (loss, gradients) =
            penalised_gradients(&decoder, &case, &[case.samples.iter().collect()], kl_weight);
        let oracle = Oracle::<Autodiff<Flex>>::new(&case.config, &case.weights, &case.adapter);
        let expected_loss = oracle.mean_loss(&case.samples, f64::from(kl_weight));
        let value = f64::from(expected_loss.clone().into_scalar());
        assert!((loss / value - 1.0).abs() < 1e-5, "{architecture:?}: loss {loss}, oracle {value}");
        let graph = expected_loss.backward();
        for (layer, kind, _) in case.adapter.pairs() {
            let found = gradients.pair(layer, kind).unwrap();
            for (matrix, parameter) in oracle.pair(layer, kind).iter().enumerate() {
                let expected = host::<Flex, 2>(parameter.grad(&graph).unwrap());
                let size = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                let worst =
                    found[matrix].iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
                assert!(
                    size > 0.0 && worst < 2e-5 * size.max(1e-2),
                    "{architecture:?} {layer} {kind:?}: {worst} of {size}"
                );
            }
        }
    }
}

#[test]
fn gradients_match_finite_differences_in_f64() {
    for (architecture, kl_weight) in FAMILIES.into_iter().flat_map(|family| [(family, 0.0), (family, 0.8)]) {
        let case = case(architecture);
        let decoder = case.weights.decoder(&case.config, Compute::F32);
        let (_, gradients) =
            penalised_gradients(&decoder, &case, &[case.samples.iter().collect()], kl_weight);
        let mut stream = ChaCha8Rng::seed_from_u64(99);
        for round in 0..3 {
            let direction: Vec<Vec<f32>> = {
                let mut copy = case.adapter.clone();
                copy.matrices_mut().map(|matrix| random(&mut stream, matrix.len(), 1.0)).collect()
            };
            let loss_at = |distance: f64| {
                let oracle =
                    Oracle::<Flex>::moved(&case.config, &case.weights, &case.adapter, &direction, distance);
                oracle
                    .mean_loss(&case.samples, f64::from(kl_weight))
                    .into_data()
                    .iter::<f64>()
                    .next()
                    .unwrap()
            };
            let numeric = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5;
            let analytic: f64 = gradients
                .matrices()
                .zip(&direction)
                .flat_map(|(gradient, direction)| gradient.iter().zip(direction))
                .map(|(g, d)| f64::from(*g) * f64::from(*d))
                .sum();
            assert!(
                (numeric - analytic).abs() < 1e-5 * numeric.abs().max(1.0),
                "{architecture:?} {round}: {numeric} {analytic}"
            );
        }
    }
}

#[test]
fn packing_accumulation_and_recomputation_give_the_same_gradient() {
    for architecture in FAMILIES {
        let case = case(architecture);
        let mut decoder = case.weights.decoder(&case.config, Compute::F32);
        let [a, b, c] = [&case.samples[0], &case.samples[1], &case.samples[2]];
        let (loss, packed) = engine_gradients(&decoder, &case, &[vec![a, b, c]]);
        for split in [vec![vec![a], vec![b], vec![c]], vec![vec![c, a], vec![b]]] {
            let (split_loss, gradients) = engine_gradients(&decoder, &case, &split);
            assert!((split_loss - loss).abs() < 1e-6);
            for (one, other) in packed.matrices().flatten().zip(gradients.matrices().flatten()) {
                assert!((one - other).abs() < 1e-5 * one.abs().max(1.0), "{one} {other}");
            }
        }
        decoder.recompute = Recompute::Attention;
        let (_, half) = engine_gradients(&decoder, &case, &[vec![a, b, c]]);
        assert!(packed.matrices().eq(half.matrices()), "recomputing attention changes no bit");
        decoder.recompute = Recompute::Auto;
        decoder.activation_budget_bytes = 0;
        let (recomputed_loss, recomputed) = engine_gradients(&decoder, &case, &[vec![a, b, c]]);
        assert_eq!(loss.to_bits(), recomputed_loss.to_bits());
        assert!(packed.matrices().eq(recomputed.matrices()), "recomputation changes no bit");
    }
}

#[test]
fn an_untouched_adapter_does_not_diverge_and_its_penalty_changes_nothing() {
    let mut case = case(Architecture::Qwen2);
    // B = 0, as a new adapter is.
    for (index, matrix) in case.adapter.matrices_mut().enumerate() {
        if index % 2 == 1 {
            matrix.fill(0.0);
        }
    }
    let batches = [case.samples.iter().collect::<Vec<_>>()];
    for compute in [Compute::F32, Compute::Bf16] {
        let decoder = case.weights.decoder(&case.config, compute);
        let (loss, plain) = engine_gradients(&decoder, &case, &batches);
        let (penalised_loss, penalised) = penalised_gradients(&decoder, &case, &batches, 2.0);
        if compute == Compute::F32 {
            assert_eq!(loss.to_bits(), penalised_loss.to_bits());
            assert!(plain.matrices().eq(penalised.matrices()));
            continue;
        }
        // In bf16 the plain loss keeps rounded exponentials, not logits.
        assert!((loss / penalised_loss - 1.0).abs() < 1e-6, "{loss} and {penalised_loss}");
        for (plain, penalised) in plain.matrices().zip(penalised.matrices()) {
            let size = plain.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let worst = plain.iter().zip(penalised).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
            assert!(worst <= 0.01 * size, "{worst} of {size}");
        }
    }
}

#[test]
fn a_neighbour_in_the_batch_changes_nothing() {
    for architecture in FAMILIES {
        let case = case(architecture);
        for compute in [Compute::F32, Compute::Bf16] {
            let decoder = case.weights.decoder(&case.config, compute);
            let device = DeviceAdapter::upload(&case.adapter, &FlexDevice);
            let segments = Segments::from_lengths(&[7, 9]);
            let states = |tokens: &[u32]| host(decoder.hidden_states(Some(&device), tokens, &segments));
            let mut tokens: Vec<u32> = (0..16).map(|index| (index * 7 + 3) % 30).collect();
            let before = states(&tokens);
            let width = case.config.hidden_size;
            tokens[2] = 29;
            let after = states(&tokens);
            assert_eq!(before[..2 * width], after[..2 * width], "earlier rows");
            assert_ne!(before[2 * width..7 * width], after[2 * width..7 * width], "the sequence itself");
            assert_eq!(before[7 * width..], after[7 * width..], "the next sequence");
            tokens[2] = 17;
            tokens[10] = 0;
            let last = states(&tokens);
            assert_eq!(before[..7 * width], last[..7 * width], "the previous sequence");
        }
    }
}

#[test]
fn bf16_stays_close_to_f32() {
    let case = case(Architecture::Qwen2);
    let batches = [case.samples.iter().collect::<Vec<_>>()];
    let exact = engine_gradients(&case.weights.decoder(&case.config, Compute::F32), &case, &batches);
    let rounded = engine_gradients(&case.weights.decoder(&case.config, Compute::Bf16), &case, &batches);
    assert!((exact.0 - rounded.0).abs() < 0.02, "{} {}", exact.0, rounded.0);
    let dot = |a: &Gradients, b: &Gradients| -> f64 {
        a.matrices().flatten().zip(b.matrices().flatten()).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let cosine = dot(&exact.1, &rounded.1) / (dot(&exact.1, &exact.1) * dot(&rounded.1, &rounded.1)).sqrt();
    assert!(cosine > 0.999, "{cosine}");
}

#[test]
fn dropout_masks_are_a_function_of_their_key() {
    use super::random::dropout_mask;
    let key = Dropout { probability: 0.25, seed: 7, pass: 3 };
    let mask = dropout_mask(key, 1, LinearKind::Up, 40_000);
    assert_eq!(mask, dropout_mask(key, 1, LinearKind::Up, 40_000));
    let dropped = mask.iter().filter(|value| **value == 0.0).count() as f64 / 40_000.0;
    assert!((dropped - 0.25).abs() < 0.01, "{dropped}");
    assert!(mask.iter().all(|value| *value == 0.0 || (*value - 4.0 / 3.0).abs() < 1e-6));
    let others = [
        dropout_mask(Dropout { seed: 8, ..key }, 1, LinearKind::Up, 64),
        dropout_mask(Dropout { pass: 4, ..key }, 1, LinearKind::Up, 64),
        dropout_mask(key, 0, LinearKind::Up, 64),
        dropout_mask(key, 1, LinearKind::Down, 64),
    ];
    assert!(others.iter().all(|other| other[..] != mask[..64]));
}
