//! AdamW with decoupled weight decay, and clipping by the global norm, as torch computes them; all in f32.
//! Called by the trainer once a step. Invariants: parameters, gradients and moments have one order (the
//! adapter's); sums run in that order, so the result does not depend on the number of threads.

use rayon::prelude::*;

use super::settings::TrainSettings;
use crate::adapter::Adapter;
use crate::decoder::Gradients;

/// What changes from one update to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Number of the update, counted from 1.
    pub(super) number: u64,
    /// Its learning rate.
    pub(super) learning_rate: f64,
    /// Factor of the gradient: clipping.
    pub(super) gradient_factor: f32,
}

/// First and second moments of every matrix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdamW {
    pub(super) first: Vec<Vec<f32>>,
    pub(super) second: Vec<Vec<f32>>,
}

impl AdamW {
    /// All moments zero.
    pub(super) fn new(adapter: &Adapter) -> Self {
        let zeros: Vec<Vec<f32>> = adapter
            .pairs()
            .flat_map(|(_, _, pair)| [vec![0.0; pair.a.len()], vec![0.0; pair.b.len()]])
            .collect();
        Self { first: zeros.clone(), second: zeros }
    }

    /// One update; gradients are multiplied by the step's factor on the fly.
    pub(super) fn update(
        &mut self,
        adapter: &mut Adapter,
        gradients: &Gradients,
        settings: &TrainSettings,
        step: Step,
    ) {
        let Step { number, learning_rate, gradient_factor } = step;
        let exponent = number as f64;
        let correction1 = 1.0 - settings.beta1.powf(exponent);
        let correction2 = (1.0 - settings.beta2.powf(exponent)).sqrt();
        let decay = (1.0 - learning_rate * settings.weight_decay) as f32;
        let rate = (learning_rate / correction1) as f32;
        let root = correction2 as f32;
        let (beta2, epsilon) = (settings.beta2 as f32, settings.epsilon as f32);
        let (toward1, toward2) = ((1.0 - settings.beta1) as f32, (1.0 - settings.beta2) as f32);
        let is_trained = settings.factors.of_pair().into_iter().cycle();
        let work: Vec<_> = adapter
            .matrices_mut()
            .zip(gradients.matrices())
            .zip(self.first.iter_mut().zip(&mut self.second))
            .zip(is_trained)
            .filter_map(|(matrix, is_trained)| is_trained.then_some(matrix))
            .collect();
        work.into_par_iter().for_each(|((parameters, gradient), (first, second))| {
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((parameter, gradient), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
                let g = gradient * gradient_factor;
                *m += (g - *m) * toward1;
                *v = *v * beta2 + g * g * toward2;
                *parameter = *parameter * decay - rate * *m / (v.sqrt() / root + epsilon);
            }
        });
    }
}

/// The 2-norm over all gradients, summed in f64 in a fixed order.
pub(super) fn global_norm(gradients: &Gradients) -> f64 {
    let matrices: Vec<_> = gradients.matrices().collect();
    let sums: Vec<f64> = matrices
        .par_iter()
        .map(|matrix| matrix.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>())
        .collect();
    sums.iter().sum::<f64>().sqrt()
}

/// `torch.nn.utils.clip_grad_norm_`: the factor that brings the norm to `most`, at most 1.
pub(super) fn clip_factor(norm: f64, most: f64) -> f32 {
    (most / (norm + 1e-6)).min(1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_never_enlarges() {
        assert_eq!(clip_factor(0.1, 1.0), 1.0);
        assert!((f64::from(clip_factor(4.0, 1.0)) * 4.0 - 1.0).abs() < 1e-6);
    }
}
