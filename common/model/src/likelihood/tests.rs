//! Likelihoods against those of whole sequences: of the reference model of the repository, whose logits are
//! those of transformers (`tests/golden.rs`).

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use super::*;
use crate::adapter::LoraSettings;
use crate::decoder::{Batch, Dropout, Gradients, Objective, PassResult, Scored};
use crate::options::{Compute, LoadOptions, WeightFormat};
use crate::sample::Sample;

fn base(weights: WeightFormat) -> BaseModel {
    base_in(weights, Compute::F32)
}

fn base_in(weights: WeightFormat, compute: Compute) -> BaseModel {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/model");
    BaseModel::load(&folder, &LoadOptions { weights, compute }).unwrap()
}

/// A session that counts the tokens that it computes.
struct Counting<'a> {
    inner: Box<dyn Session + 'a>,
    computed: Rc<Cell<usize>>,
}

impl Counting<'_> {
    fn add(&self, tokens: usize) {
        self.computed.set(self.computed.get() + tokens);
    }
}

impl Session for Counting<'_> {
    fn set_dropout(&mut self, dropout: Option<Dropout>) {
        self.inner.set_dropout(dropout);
    }

    fn score(&self, batch: &Batch) -> Result<Scored> {
        self.inner.score(batch)
    }

    fn train(&self, batch: &Batch, objective: &Objective, gradients: &mut Gradients) -> Result<PassResult> {
        self.inner.train(batch, objective, gradients)
    }

    fn target_states(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.inner.target_states(batch)
    }

    fn head(&self, states: &[f32]) -> Result<Vec<f32>> {
        self.inner.head(states)
    }

    fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.inner.logits(tokens)
    }

    fn extend(&mut self, keep: usize, tokens: &[u32]) -> Result<Vec<f32>> {
        self.add(tokens.len());
        self.inner.extend(keep, tokens)
    }

    fn branch(&mut self, ways: &[&[u32]]) -> Result<Vec<f64>> {
        self.add(ways.iter().map(|way| way.len() - 1).sum());
        self.inner.branch(ways)
    }
}

/// An adapter that changes something.
fn adapter(base: &BaseModel) -> Adapter {
    let mut adapter = Adapter::init(base.config(), &LoraSettings::all_linear(4, 8.0), 1).unwrap();
    for (index, matrix) in adapter.matrices_mut().enumerate() {
        let value = |place: usize| ((place * 7 + index) % 11) as f32 * 0.01 - 0.05;
        matrix.iter_mut().enumerate().for_each(|(place, number)| *number = value(place));
    }
    adapter
}

fn tokens(count: u32, factor: u32) -> Vec<u32> {
    (0..count).map(|index| (index * factor + 3) % 60).collect()
}

/// By the evaluator, which computes the whole sequence at once.
fn whole(base: &BaseModel, adapter: Option<&Adapter>, context: &[u32], way: &[u32]) -> f64 {
    let tokens = [context, way].concat();
    let supervised = (0..tokens.len()).map(|index| index >= context.len()).collect();
    let samples = [Sample { tokens, supervised }];
    let (_, each) = crate::evaluate_each(base, adapter, &samples, 1, &mut |_, _| {}).unwrap();
    -each[0].loss
}

#[test]
fn one_context_for_all_gives_what_each_whole_sequence_gives() {
    for weights in [WeightFormat::F32, WeightFormat::Nf4] {
        let base = base(weights);
        let changed = adapter(&base);
        for adapter in [None, Some(&changed)] {
            let context = tokens(23, 7);
            let ways = [tokens(1, 3), tokens(6, 5), tokens(1, 9), tokens(3, 11)];
            let mut asked = Likelihoods::new(&base, adapter).unwrap();
            let found = asked.score(&context, &ways).unwrap();
            for (value, way) in found.log_likelihoods.iter().zip(&ways) {
                let expected = whole(&base, adapter, &context, way);
                assert!((value - expected).abs() < 1e-4, "{weights:?}: {value} instead of {expected}");
            }
            assert!(!found.cut);
            // The question before leaves nothing behind.
            asked.score(&tokens(40, 3), &ways).unwrap();
            assert_eq!(asked.score(&context, &ways).unwrap(), found);
        }
    }
}

#[test]
fn a_shared_beginning_is_computed_once_in_f32_and_not_shared_in_bf16() {
    for (compute, wanted) in [(Compute::F32, 37 + 14), (Compute::Bf16, 3 * 37 + 14)] {
        let base = base_in(WeightFormat::Nf4, compute);
        let computed = Rc::new(Cell::new(0));
        let inner = base.session(None).unwrap();
        let session = Box::new(Counting { inner, computed: Rc::clone(&computed) });
        let mut asked = Likelihoods { base: &base, session, shared: Vec::new(), is_held: false };
        let beginning = tokens(37, 7);
        asked.share(beginning.clone()).unwrap();
        assert_eq!(asked.shared_tokens(), if compute == Compute::F32 { 37 } else { 0 });
        for (count, factor) in [(1, 3), (9, 5), (4, 11)] {
            let context = [&beginning[..], &tokens(count, factor)].concat();
            asked.score(&context, &[tokens(1, 3), tokens(6, 5)]).unwrap();
        }
        // Of the second answer all but its last token, each time.
        assert_eq!(computed.get(), wanted + 3 * 5, "{compute:?}");
    }
}

#[test]
fn a_shared_beginning_changes_no_likelihood() {
    let both = [Compute::F32, Compute::Bf16];
    for (weights, compute) in
        [WeightFormat::F32, WeightFormat::Nf4].iter().flat_map(|it| both.map(|b| (*it, b)))
    {
        let base = base_in(weights, compute);
        // In bf16 to the last bit, for nothing is shared.
        let tolerance = if compute == Compute::F32 { 1e-4 } else { f64::MIN_POSITIVE };
        let changed = adapter(&base);
        let beginning = tokens(37, 7);
        let contexts: Vec<Vec<u32>> = [(1, 3), (9, 5), (4, 11)]
            .map(|(count, factor)| [&beginning[..], &tokens(count, factor)].concat())
            .into();
        // One goes on from less than all of it, one is it, one has nothing of it.
        let strangers = [[&beginning[..20], &tokens(9, 13)].concat(), beginning.clone(), tokens(8, 17)];
        let ways = [tokens(1, 3), tokens(6, 5), tokens(1, 9)];
        for adapter in [None, Some(&changed)] {
            let mut plain = Likelihoods::new(&base, adapter).unwrap();
            let mut sharing = Likelihoods::new(&base, adapter).unwrap();
            sharing.share(beginning.clone()).unwrap();
            let once: Vec<Likely> =
                contexts.iter().map(|context| sharing.score(context, &ways).unwrap()).collect();
            for (context, found) in contexts.iter().zip(&once) {
                let expected = plain.score(context, &ways).unwrap();
                for (value, wanted) in found.log_likelihoods.iter().zip(&expected.log_likelihoods) {
                    let is_near = (value - wanted).abs() < tolerance;
                    assert!(is_near, "{weights:?} {compute:?}: {value} instead of {wanted}");
                }
            }
            // To the last bit whatever came before: others, too, and what is refused.
            for (context, found) in contexts.iter().zip(&once).rev() {
                for stranger in &strangers {
                    assert_eq!(
                        sharing.score(stranger, &ways).unwrap(),
                        plain.score(stranger, &ways).unwrap()
                    );
                    assert_eq!(&sharing.score(context, &ways).unwrap(), found);
                }
                assert!(sharing.score(context, &[vec![u32::MAX]]).is_err());
                assert_eq!(&sharing.score(context, &ways).unwrap(), found);
            }
        }
        assert!(Likelihoods::new(&base, None).unwrap().share(vec![u32::MAX]).is_err());
    }
}

#[test]
fn a_context_that_is_too_long_loses_its_beginning() {
    let base = base(WeightFormat::F32);
    let most = base.config().max_position_embeddings;
    let (context, ways) = (tokens(u32::try_from(most).unwrap() + 9, 7), [tokens(1, 3), tokens(4, 5)]);
    let mut asked = Likelihoods::new(&base, None).unwrap();
    let found = asked.score(&context, &ways).unwrap();
    // With four tokens, of which the last is no input, there is room for all but three.
    let kept = &context[context.len() - (most - 3)..];
    assert_eq!(asked.score(kept, &ways).unwrap().log_likelihoods, found.log_likelihoods);
    assert!(found.cut && !asked.score(kept, &ways).unwrap().cut);
}

#[test]
fn what_has_no_token_or_a_strange_one_is_refused() {
    let base = base(WeightFormat::F32);
    let mut asked = Likelihoods::new(&base, None).unwrap();
    let most = base.config().max_position_embeddings;
    for (context, ways) in [
        (vec![], vec![vec![1]]),
        (vec![1], vec![vec![1], vec![]]),
        (vec![1], vec![vec![u32::MAX]]),
        (vec![1], vec![vec![1; most + 1]]),
    ] {
        assert!(matches!(asked.score(&context, &ways), Err(ModelError::Setting { .. })));
    }
}
