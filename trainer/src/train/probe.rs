//! Whether a GPU trains as the CPU does: a few steps of a run's learner, made smaller, on both.
//!
//! Drivers and shader compilers have computed wrong numbers without a word before, and a run of hours shows it only in a
//! learner that does not learn. The CPU's half is the hand-written step where there is one, so two implementations of
//! every formula are compared, not one on two devices.

use super::outcome::{NotTaken, Step};
use super::parameters::values;
use super::step::Learner;
use crate::config::{ConfigError, RunConfig};
use crate::device::{self, DeviceArg, TrainDevice};
use crate::launched::{Counter, Launched};
use tasks::Tasks;

/// Optimiser steps on each device.
const STEPS: u64 = 20;
/// Layers, episodes of a step, examples of an episode, queries of a set learner: at most so many.
const LAYERS: usize = 2;
const EPISODES: usize = 2;
const EXAMPLES: usize = 32;
const QUERIES: usize = 10;
/// Learning rate at most; larger ones blow rounding up.
const RATE: f64 = 2e-4;
/// How far two losses may be apart, in nats. Sums in another order give about 1e-5 after 20 steps, and Adam turns the
/// rounding of gradients near zero into steps of full length.
pub const TOLERANCE: f64 = 5e-3;
/// How far the norms of the first gradients may be apart, relatively: nothing has amplified rounding yet.
pub const FIRST_NORM: f64 = 1e-3;

/// Loss and norm of the gradient of each step, on both devices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probed {
    /// Name of the device.
    pub device: String,
    /// On the CPU, `[loss, norm]` a step.
    pub cpu: Vec<[f64; 2]>,
    /// On the device.
    pub gpu: Vec<[f64; 2]>,
    /// Largest difference of two weights at the end.
    pub weights: f64,
    /// Wall-clock seconds on the CPU and on the device, where it compiles its kernels.
    pub seconds: [f64; 2],
    /// Kernels launched on the device by the last step, when every kernel was chosen and compiled; none on a CPU.
    pub launched: Launched,
}

impl Probed {
    /// Largest difference of two losses, in nats.
    pub fn losses_apart(&self) -> f64 {
        let apart = self.cpu.iter().zip(&self.gpu).map(|(cpu, gpu)| (cpu[0] - gpu[0]).abs());
        // a NaN is as far as can be
        apart.fold(0.0, |worst, apart| if apart.is_nan() { f64::INFINITY } else { f64::max(worst, apart) })
    }

    /// Relative difference of the norms of the first gradients.
    pub fn first_norms_apart(&self) -> f64 {
        match (self.cpu.first(), self.gpu.first()) {
            (Some(cpu), Some(gpu)) => (gpu[1] / cpu[1] - 1.0).abs(),
            _ => f64::INFINITY,
        }
    }

    /// Whether the device trains as the CPU does.
    ///
    /// # Errors
    /// [`ProbeError::Apart`] with the first step that shows it.
    pub fn verdict(&self) -> Result<(), ProbeError> {
        let Some(step) = self.wrong_at() else { return Ok(()) };
        let of = |steps: &[[f64; 2]]| steps.get(step - 1).copied().unwrap_or([f64::NAN; 2]);
        Err(ProbeError::Apart { step, cpu: of(&self.cpu), gpu: of(&self.gpu), device: self.device.clone() })
    }

    /// The first step, counted from 1, at which the device is too far from the CPU.
    fn wrong_at(&self) -> Option<usize> {
        if self.first_norms_apart().is_nan() || self.first_norms_apart() > FIRST_NORM {
            return Some(1);
        }
        let near = |(cpu, gpu): (&[f64; 2], &[f64; 2])| (cpu[0] - gpu[0]).abs() < TOLERANCE;
        // a device that stopped at a NaN has fewer steps
        let apart = self.cpu.iter().zip(&self.gpu).position(|pair| !near(pair));
        apart.or((self.gpu.len() < self.cpu.len()).then_some(self.gpu.len())).map(|at| at + 1)
    }
}

/// Why a run should not be trained on a device.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It computes something else than the CPU.
    #[error(
        "{device} does not train as the CPU does: at step {step} of {STEPS} its loss is {} and its gradient's norm {}, \
         on the CPU {} and {}; {}train with --device cpu, with another --device gpu:n, or with a trainer built with \
         another of the features gpu, vulkan, metal and cuda. --no-probe trains all the same",
        gpu[0], gpu[1], cpu[0], cpu[1],
        if device::fuses() { "try --no-fusion first, then " } else { "" }
    )]
    Apart {
        /// Name of the device.
        device: String,
        /// Step, from 1.
        step: usize,
        /// Loss and norm on the CPU.
        cpu: [f64; 2],
        /// On the device.
        gpu: [f64; 2],
    },
    /// Its smaller settings fit no learner.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The CPU's half of it needs the CPU backend.
    #[error("the device cannot be compared with the CPU: {0}; train with --no-probe")]
    Cpu(#[from] device::DeviceError),
    /// The device failed.
    #[error("the device cannot be compared with the CPU: {0}")]
    Device(#[from] backprop_gpu::StepError),
    /// The CPU's own numbers are not finite.
    #[error(
        "on the CPU the loss or its gradient is not finite at step {0} of {STEPS}; see the settings, or --no-probe"
    )]
    NotFinite(usize),
}

impl ProbeError {
    /// Of an optimiser that is new: only a device can fail to take it.
    pub(super) fn begun(error: Box<dyn std::error::Error>) -> ProbeError {
        ProbeError::Device(*error.downcast().expect("a new optimiser is empty"))
    }
}

/// The settings of a run, smaller in all that does not choose other kernels.
fn smaller(config: &RunConfig, tasks: &Tasks) -> (RunConfig, Tasks) {
    let (mut config, mut tasks) = (config.clone(), tasks.clone());
    config.model.layers = config.model.layers.min(LAYERS);
    let training = &mut config.training;
    training.batch = training.batch.min(EPISODES);
    training.micro_batch = training.batch;
    training.rate = training.rate.min(RATE);
    training.steps = STEPS;
    let settings = &mut tasks.config;
    settings.length = settings.length.min(EXAMPLES);
    settings.queries = settings.queries.min(QUERIES);
    settings.shown.iter_mut().for_each(|shown| *shown = (*shown).min(EXAMPLES));
    if tasks.split {
        settings.shown.iter_mut().for_each(|shown| *shown = (*shown).min(settings.length - 1));
    }
    (config, tasks)
}

/// Trains the learner of a run, made smaller, on the device and on the CPU.
///
/// # Errors
/// No learner, no CPU backend, or numbers on the CPU that are not finite. Whether the two agree is for [`check`].
pub fn measure(config: &RunConfig, tasks: &Tasks, device: &TrainDevice) -> Result<Probed, ProbeError> {
    let (config, tasks) = smaller(config, tasks);
    let Trained { steps: cpu, weights: on_cpu, seconds: cpu_seconds, .. } =
        trained(&config, &tasks, &device::open(DeviceArg::Cpu)?)?;
    if let Some(at) = cpu.iter().position(|[loss, norm]| !(loss.is_finite() && norm.is_finite())) {
        return Err(ProbeError::NotFinite(at + 1));
    }
    let Trained { steps: gpu, weights: on_gpu, seconds: gpu_seconds, launched } = trained(&config, &tasks, device)?;
    let weights = on_cpu.iter().zip(&on_gpu).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs())).into();
    Ok(Probed { device: device.name.clone(), cpu, gpu, weights, seconds: [cpu_seconds, gpu_seconds], launched })
}

/// As [`measure`]; a device that is too far from the CPU is an error.
///
/// # Errors
/// As [`measure`], or [`ProbeError::Apart`].
pub fn check(config: &RunConfig, tasks: &Tasks, device: &TrainDevice) -> Result<Probed, ProbeError> {
    let probed = measure(config, tasks, device)?;
    probed.verdict().map(|()| probed)
}

/// What one device did.
struct Trained {
    /// Loss and norm of each step.
    steps: Vec<[f64; 2]>,
    /// After the last step.
    weights: Vec<f32>,
    seconds: f64,
    /// By the last step.
    launched: Launched,
}

fn trained(config: &RunConfig, tasks: &Tasks, device: &TrainDevice) -> Result<Trained, ProbeError> {
    let started = std::time::Instant::now();
    let training = &config.training;
    let mut learner = Learner::new(config, device)?;
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    learner.set_threads(1, if device.cpu { cores } else { 1 });
    learner.set_by_hand(true, training).map_err(ProbeError::begun)?;
    let (mut steps, counter) = (Vec::new(), Counter::watch());
    for done in 0..training.steps {
        counter.take();
        let step = Step { done, rate: training.rate, ema_decay: 0.0, logged: true };
        match learner.step(training, tasks, step, None) {
            Ok(outcome) => steps.push([outcome.loss, outcome.norm]),
            Err(NotTaken::Device(error)) => return Err(error.into()),
            Err(NotTaken::NotFinite) => {
                steps.push([f64::NAN; 2]);
                break;
            }
        }
    }
    let launched = learner.launched_in_wgsl().unwrap_or_else(|| counter.take());
    learner.sync_weights()?;
    Ok(Trained { steps, weights: values(learner.net()), seconds: started.elapsed().as_secs_f64(), launched })
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    fn probed(gpu: &[[f64; 2]]) -> Probed {
        let cpu = vec![[2.3, 1.0], [2.2, 0.9], [2.1, 0.8]];
        Probed { cpu, gpu: gpu.to_vec(), ..Probed::default() }
    }

    #[test]
    fn wrong_losses_wrong_gradients_and_nan_are_found_at_their_step() {
        assert_eq!(probed(&[[2.3, 1.0], [2.2001, 0.95], [2.1, 0.8]]).wrong_at(), None);
        // the loss of the first step is right even where every gradient is wrong
        assert_eq!(probed(&[[2.3, 1.01], [2.2, 0.9], [2.1, 0.8]]).wrong_at(), Some(1));
        assert_eq!(probed(&[[2.3, f64::NAN], [2.2, 0.9], [2.1, 0.8]]).wrong_at(), Some(1));
        assert_eq!(probed(&[[2.3, 1.0], [2.3, 0.9], [2.3, 0.8]]).wrong_at(), Some(2));
        assert_eq!(probed(&[[2.3, 1.0], [2.2, 0.9], [f64::NAN, 0.8]]).wrong_at(), Some(3));
        assert_eq!(probed(&[[2.3, 1.0], [2.2, 0.9], [f64::NAN, 0.8]]).losses_apart(), f64::INFINITY);
    }

    #[test]
    fn autodiff_on_the_cpu_trains_as_the_hand_written_step_does() {
        let config = RunConfig::resolve("quick", None, &[]).unwrap();
        let tasks = crate::sources::open_tasks(&config, std::path::Path::new(".")).unwrap();
        let device = TrainDevice { device: device::host(), name: "CPU by autodiff".into(), cpu: false, wgsl: None };
        let probed = check(&config, &tasks, &device).unwrap();
        assert_eq!((probed.cpu.len(), probed.gpu.len()), (20, 20));
        assert!(probed.losses_apart() < 1e-4, "{}", probed.losses_apart());
        assert!(probed.weights > 0.0, "the same step was taken twice");
    }
}
