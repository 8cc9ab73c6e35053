//! How the learning rate develops, as transformers defines it. Used by [`super::TrainSettings`]. Invariants:
//! the learning rate is a pure function of (settings, step, total steps); trainings that are parts of one
//! schedule go on where the one before ended, however many steps each has.

use std::f64::consts::PI;

use super::settings::{Schedule, SchedulePart, TrainSettings};

impl TrainSettings {
    /// Optimiser steps of the warm-up: `warmup_steps`, or else `warmup_ratio` of all, rounded up as
    /// transformers does.
    #[must_use]
    pub fn warmup_of(&self, total_steps: u64) -> u64 {
        steps_of(self.warmup_steps, self.warmup_ratio, total_steps)
    }

    /// The learning rate of optimiser step `step` of this training's `total_steps` (counted from 0), as
    /// transformers' `get_*_schedule_with_warmup` over the whole that this training is a part of.
    #[must_use]
    pub fn learning_rate_at(&self, step: u64, total_steps: u64) -> f64 {
        let SchedulePart { before, of } = self.schedule_part;
        let step = before.saturating_mul(total_steps).saturating_add(step);
        let total_steps = of.saturating_mul(total_steps);
        let warmup = self.warmup_of(total_steps);
        if step < warmup {
            return self.learning_rate * step as f64 / warmup as f64;
        }
        let progress = (step - warmup) as f64 / total_steps.saturating_sub(warmup).max(1) as f64;
        let half_cosine = |share: f64| (0.5 * (1.0 + (PI * share).cos())).max(0.0);
        let factor = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => (1.0 - progress).max(0.0),
            Schedule::Cosine => half_cosine(progress),
            Schedule::CosineWithRestarts { .. } if progress >= 1.0 => 0.0,
            Schedule::CosineWithRestarts { cycles } => half_cosine((f64::from(cycles) * progress) % 1.0),
            Schedule::Wsd { decay_steps, decay_ratio } => {
                let decay = steps_of(decay_steps, decay_ratio, total_steps);
                // Negative where warm-up and decay together are longer than the training: it then begins
                // decayed.
                let into_decay = step as f64 + decay as f64 - total_steps as f64;
                if into_decay < 0.0 {
                    1.0
                } else if step < total_steps {
                    half_cosine(into_decay / decay.max(1) as f64)
                } else {
                    0.0
                }
            }
        };
        self.learning_rate * factor
    }
}

fn steps_of(steps: u64, ratio: f64, total_steps: u64) -> u64 {
    if steps > 0 { steps } else { (ratio * total_steps as f64).ceil() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, warmup_steps: u64, total: u64) -> Vec<f64> {
        let settings = TrainSettings { learning_rate: 1.0, schedule, warmup_steps, ..Default::default() };
        (0..total).map(|step| settings.learning_rate_at(step, total)).collect()
    }

    #[track_caller]
    fn close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{got:?}");
        }
    }

    #[test]
    fn schedules_match_transformers() {
        // transformers 5.23 get_{constant,linear,cosine}_schedule_with_warmup(warmup 2, total 6), rate 1.0.
        close(&rates(Schedule::Constant, 2, 6), &[0.0, 0.5, 1.0, 1.0, 1.0, 1.0]);
        close(&rates(Schedule::Linear, 2, 6), &[0.0, 0.5, 1.0, 0.75, 0.5, 0.25]);
        let cosine = [0.0, 0.5, 1.0, 0.853_553_390_593_273_8, 0.5, 0.146_446_609_406_726_24];
        close(&rates(Schedule::Cosine, 2, 6), &cosine);
    }

    #[test]
    fn restarts_match_transformers() {
        // transformers 5.23 get_cosine_with_hard_restarts_schedule_with_warmup(warmup 2, total 12, num_cycles
        // 3).
        let expected = [
            0.0,
            0.5,
            1.0,
            0.793_892_626_146_236_5,
            0.345_491_502_812_526_2,
            0.024_471_741_852_423_29,
            0.904_508_497_187_473_7,
            0.5,
            0.095_491_502_812_526_44,
            0.975_528_258_147_576_9,
            0.654_508_497_187_473_2,
            0.206_107_373_853_763_26,
        ];
        close(&rates(Schedule::CosineWithRestarts { cycles: 3 }, 2, 12), &expected);
        close(&rates(Schedule::CosineWithRestarts { cycles: 1 }, 2, 12), &rates(Schedule::Cosine, 2, 12));
    }

    #[test]
    fn warm_up_stable_decay_matches_transformers() {
        // transformers 5.23 get_wsd_schedule(num_warmup_steps 2, num_decay_steps 4, num_training_steps 12).
        let expected = [
            0.0,
            0.5,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0,
            0.853_553_390_593_273_7,
            0.5,
            0.146_446_609_406_726_27,
        ];
        close(&rates(Schedule::Wsd { decay_steps: 4, decay_ratio: 0.9 }, 2, 12), &expected);
        // 4 of 12 steps as a share; and get_wsd_schedule(2, 3, 7).
        close(&rates(Schedule::Wsd { decay_steps: 0, decay_ratio: 0.3 }, 2, 12), &expected);
        let short = [0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.25];
        close(&rates(Schedule::Wsd { decay_steps: 3, decay_ratio: 0.0 }, 2, 7), &short);
        let settings = TrainSettings {
            schedule: Schedule::Wsd { decay_steps: 0, decay_ratio: 0.0 },
            ..Default::default()
        };
        assert_eq!(settings.learning_rate_at(9, 10), settings.learning_rate, "no decay at all");
        assert_eq!(settings.learning_rate_at(10, 10), 0.0);
    }

    #[test]
    fn the_parts_of_a_schedule_make_up_the_whole() {
        for schedule in [
            Schedule::Constant,
            Schedule::Linear,
            Schedule::Cosine,
            Schedule::CosineWithRestarts { cycles: 2 },
            Schedule::Wsd { decay_steps: 0, decay_ratio: 0.3 },
        ] {
            let whole = TrainSettings { schedule, warmup_ratio: 0.1, ..Default::default() };
            let part =
                |before| TrainSettings { schedule_part: SchedulePart { before, of: 4 }, ..whole.clone() };
            let of_parts = (0..4).flat_map(|before| {
                let part = part(before);
                (0..5).map(move |step| part.learning_rate_at(step, 5)).collect::<Vec<_>>()
            });
            let expected: Vec<f64> = (0..20).map(|step| whole.learning_rate_at(step, 20)).collect();
            close(&of_parts.collect::<Vec<_>>(), &expected);
            // A part of another length begins where the one before it ended, but for the warm-up's rounding.
            let part = |before| TrainSettings { warmup_ratio: 0.0, ..part(before) };
            let (end, begin) = (part(1).learning_rate_at(6, 6), part(2).learning_rate_at(0, 5));
            assert!((end - begin).abs() < 1e-12 * whole.learning_rate, "{schedule:?}");
        }
    }

    #[test]
    fn a_warm_up_ratio_is_rounded_up() {
        let settings = TrainSettings { warmup_ratio: 0.03, learning_rate: 1.0, ..Default::default() };
        assert_eq!([1, 100, 101].map(|total| settings.warmup_of(total)), [1, 3, 4]);
        assert_eq!(settings.learning_rate_at(1, 100), 1.0 / 3.0);
        let both = TrainSettings { warmup_steps: 5, ..settings };
        assert_eq!(both.warmup_of(100), 5, "steps go before the ratio");
    }
}
