//! What a cell costs, known before it is run.

use burn::module::Module;

use super::cell::Cell;
use crate::config::RunConfig;
use crate::device::host;
use crate::nets::research::Learner;
use crate::train::new_net;

/// What a cell will cost, before it is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Parameters of its learner.
    pub parameters: usize,
    /// Steps.
    pub steps: u64,
    /// Floating-point operations of training.
    pub flop: f64,
}

/// What is known of a cell before it is run.
pub fn estimate(cell: &Cell) -> Estimate {
    match cell.job.config() {
        Some(config) => Estimate {
            parameters: parameters(config),
            steps: config.training.steps,
            flop: step_flop(config) * config.training.steps as f64,
        },
        None => Estimate { parameters: 0, steps: 0, flop: 0.0 },
    }
}

/// Parameters of a run's learner; 0 for settings that no learner can have.
fn parameters(config: &RunConfig) -> usize {
    match config.learner {
        Learner::Model => config.model.parameters(),
        _ => new_net(config, config.seed, &host()).map_or(0, |net| net.num_params()),
    }
}

/// Floating-point operations of one training step: forward, and twice that backward. Of a research learner, two for
/// each parameter and example: a lower bound where weights are shared by many cells, as in VSML.
pub(super) fn step_flop(config: &RunConfig) -> f64 {
    let forward = match config.learner {
        Learner::Model => config.model.forward_flop(config.tasks.length),
        _ => 2.0 * (parameters(config) * config.tasks.length) as f64,
    };
    3.0 * forward * config.training.batch as f64
}
