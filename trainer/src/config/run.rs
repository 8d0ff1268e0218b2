//! The settings of a run and their defaults.

use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use crate::nets::research::Learner;
use tasks::{Stage, TaskConfig};

/// Everything that determines a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Seed of weights, tasks and examples.
    pub seed: u64,
    /// The learner; of a research learner, its inputs, classes, longest T and encoding.
    pub model: ModelSpec,
    /// Whether a research learner takes the model's place, and its hyperparameters.
    #[serde(default)]
    pub learner: Learner,
    /// What it meets.
    pub tasks: TaskConfig,
    /// How it is trained.
    pub training: Training,
    /// Easier tasks that come first, in stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<Stage>,
}

/// Which optimiser moves the weights; with Muon, what is no matrix inside a layer is AdamW's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// AdamW for all parameters.
    Adamw,
    /// Muon (orthogonalised momentum, scaled to AdamW's step size) for matrices inside layers.
    Muon,
    /// Lion for all parameters: every entry moves by the rate, along the sign of its momentum (Chen et al., 2023).
    Lion,
}

/// Optimisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Optimiser steps.
    pub steps: u64,
    /// B: episodes a step.
    pub batch: usize,
    /// Episodes of one gradient; a step adds batch/micro_batch of them, in parallel on a CPU. Part of the result: the
    /// order of sums follows it and not the number of cores.
    pub micro_batch: usize,
    /// Optimiser of the layers' matrices.
    pub optimiser: Optimiser,
    /// Highest learning rate.
    pub rate: f64,
    /// Steps of linear warm-up.
    pub warm_up: u64,
    /// Whether the rate follows a cosine from `rate` to `final_rate · rate`; else it stays.
    pub cosine: bool,
    /// Share of the rate that is left at the end of the cosine.
    pub final_rate: f64,
    /// AdamW's β₂.
    pub beta_2: f64,
    /// AdamW's ε, added to the root of the second moment; the paper's code has about 1e-4, which lengthens its plateau.
    #[serde(default = "usual_epsilon")]
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient; 0 for no clipping.
    pub clip: f64,
    /// Decay of the weights' running average, which is what gets exported; 0 exports the last weights.
    pub average: f64,
    /// Learners with a stem: weight of a second loss, the cross-entropy of what neighbours in the embedding alone say.
    #[serde(default)]
    pub neighbours: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between lines of metrics.jsonl.
    pub log_every: u64,
}

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            seed: 1,
            model: ModelSpec::shifted(256, 128, 2, 1),
            learner: Learner::Model,
            tasks: TaskConfig::default(),
            training: Training::default(),
            curriculum: Vec::new(),
        }
    }
}

fn usual_epsilon() -> f64 {
    1e-8
}

impl Default for Training {
    fn default() -> Self {
        Training {
            steps: 1_000,
            batch: 16,
            micro_batch: 8,
            optimiser: Optimiser::Muon,
            rate: 2e-3,
            warm_up: 50,
            cosine: true,
            final_rate: 0.03,
            beta_2: 0.999,
            epsilon: usual_epsilon(),
            weight_decay: 0.0,
            clip: 1.0,
            average: 0.99,
            neighbours: 0.0,
            checkpoint_every: 200,
            log_every: 10,
        }
    }
}
