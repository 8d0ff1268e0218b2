//! Steps in WGSL: a run's learner on a device, and its state here between them.

use backprop::{AdamW, State};
use backprop_gpu::{Batch, StepError, Trainer, Update};
use rayon::prelude::*;
use shaders::gpu::Gpu;
use shaders::model::spec::ModelSpec;

use super::error::TrainError;
use super::making::Making;
use super::outcome::{NotTaken, Outcome, Step};
use crate::config::{Optimiser, RunConfig, Training};
use crate::launched::Launched;
use crate::nets::research::Learner;
use tasks::{Episode, Split, Tasks};

/// A learner that is trained in WGSL.
pub(super) struct Wgsl {
    trainer: Trainer,
    /// As it was when it was last taken there or brought here.
    pub state: State,
    /// Whether a step was not finite whose numbers came late.
    bad: bool,
}

/// Whether a run's learner can be trained in WGSL.
///
/// # Errors
/// It cannot.
pub(super) fn check(config: &RunConfig) -> Result<(), TrainError> {
    let kind = config.learner.kind();
    match &config.learner {
        Learner::Model if config.model.equivariant.is_some() => Err(TrainError::NotWgsl("a set learner".into())),
        Learner::Model if config.training.optimiser == Optimiser::Lion => Err(TrainError::NotWgsl("lion".into())),
        Learner::Model => Ok(()),
        _ => Err(TrainError::NotWgsl(format!("learner.kind = \"{kind}\""))),
    }
}

impl Wgsl {
    /// A learner that is not on the device yet.
    ///
    /// # Errors
    /// A learner that the device cannot train, or a device that fails.
    pub fn new(gpu: &Gpu, spec: &ModelSpec, (weights, average): (Vec<f32>, Vec<f32>)) -> Result<Wgsl, StepError> {
        let trainer = pollster::block_on(Trainer::new(gpu, spec))?;
        Ok(Wgsl { trainer, state: State::new(spec, weights, average, 1), bad: false })
    }

    /// Takes the state to the device.
    ///
    /// # Errors
    /// A state that the device cannot go on with.
    pub fn upload(&mut self) -> Result<(), StepError> {
        self.trainer.load(&self.state)
    }

    /// Brings the state from the device, once it has taken every step.
    ///
    /// # Errors
    /// A device that failed.
    pub fn download(&mut self) -> Result<(), StepError> {
        let late = pollster::block_on(self.trainer.finish())?;
        self.bad |= !late.iter().all(backprop_gpu::Numbers::finite);
        pollster::block_on(self.trainer.save(&mut self.state))
    }

    /// Kernels of a step.
    pub fn launched(&self) -> Launched {
        let mut launched = Launched::new();
        self.trainer.launched().for_each(|kernel| *launched.entry(kernel.to_owned()).or_default() += 1);
        launched
    }

    /// Takes one step. The device does not take one that is not finite, which is seen some steps later.
    ///
    /// # Errors
    /// The device failed, or this step or one of the few before was not finite.
    pub fn step(
        &mut self,
        training: &Training,
        tasks: &Tasks,
        step: Step,
        making: &Making,
    ) -> Result<Outcome, NotTaken> {
        let first = step.done * training.batch as u64;
        let indices = (0..training.batch as u64).into_par_iter();
        let made = indices.map(|i| tasks.episode(Split::Train, first + i));
        let episodes: Vec<Episode> = making.time(|| made.collect());
        let (mut inputs, mut labels) = (Vec::new(), Vec::new());
        for episode in episodes {
            inputs.extend(episode.inputs);
            labels.extend(episode.labels);
        }
        let batch = Batch { inputs: &inputs, labels: &labels, tokens: tasks.config.length };
        let adam = AdamW {
            rate: step.rate,
            beta_2: training.beta_2 as f32,
            epsilon: training.epsilon as f32,
            weight_decay: training.weight_decay as f32,
        };
        let muon = training.optimiser == Optimiser::Muon;
        let update = Update { adam: &adam, muon, clip: training.clip, ema_decay: step.ema_decay };
        let taken = async {
            self.trainer.step(batch, &update, true).await?;
            match step.logged {
                true => self.trainer.finish().await,
                false => self.trainer.arrived(),
            }
        };
        let numbers = pollster::block_on(taken).map_err(NotTaken::Device)?;
        if self.bad || !numbers.iter().all(backprop_gpu::Numbers::finite) {
            return Err(NotTaken::NotFinite);
        }
        let last = numbers.into_iter().next_back().filter(|_| step.logged);
        Ok(last.map_or_else(
            || Outcome { loss: 0.0, right: Vec::new(), norm: 0.0 },
            |last| Outcome { loss: last.loss, right: last.right, norm: last.norm },
        ))
    }
}
