//! How a run changes from step to step: its learning rate, how far gradients are scaled down, and the weights' average.

/// The learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub rate: f64,
    /// Steps of linear warm-up.
    pub warm_up: u64,
    /// Steps of a cosine from `rate`, and the share of it that is left at the end; without it the rate stays.
    pub cosine: Option<(u64, f64)>,
}

impl Schedule {
    /// Learning rate of a step, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        let warm = ((step + 1) as f64 / self.warm_up.max(1) as f64).min(1.0);
        let Some((steps, left)) = self.cosine else { return self.rate * warm };
        let done = step as f64 / steps as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.rate * warm * (left + (1.0 - left) * cosine)
    }
}

/// By what a gradient of some norm is multiplied, so that its norm is at most `most`; 0 is for no limit.
pub fn clip(norm: f64, most: f64) -> f32 {
    if most > 0.0 { (most / (norm + 1e-9)).min(1.0) as f32 } else { 1.0 }
}

/// Decay of the weights' running average in a step, counted from 0: small at first, so that the average forgets the
/// beginning, `most` in the end.
pub fn average_decay(most: f64, step: u64) -> f64 {
    let done = (step + 1) as f64;
    most.min(done / (done + 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_stays_or_falls_to_its_last_share() {
        let stays = Schedule { rate: 2e-3, warm_up: 4, cosine: None };
        assert_eq!([0, 1, 3, 4, 100].map(|step| stays.at(step) / 2e-3), [0.25, 0.5, 1.0, 1.0, 1.0]);
        let falls = Schedule { rate: 1.0, warm_up: 0, cosine: Some((100, 0.1)) };
        assert_eq!(falls.at(0), 1.0);
        assert!((falls.at(50) - 0.55).abs() < 1e-12 && (falls.at(100) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn long_gradients_are_cut_and_short_ones_stay() {
        assert_eq!((clip(0.5, 1.0), clip(3.0, 0.0)), (1.0, 1.0));
        assert!((clip(4.0, 1.0) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn the_average_begins_with_the_newest_weights() {
        assert!(average_decay(0.99, 0) < 0.1 && average_decay(0.99, 10_000) == 0.99 && average_decay(0.0, 5) == 0.0);
    }
}
