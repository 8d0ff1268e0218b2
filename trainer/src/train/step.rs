//! One step of a run's learner: in [`backprop`] for learners of a model file on a CPU, by autodiff for all others.

use std::ops::Range;
use std::path::Path;

use backprop::{AdamW, Exchange, Score, State, causal, schedule, set};
use backprop_gpu::StepError;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Bytes, Tensor};
use shaders::gpu::Gpu;
use shaders::model::spec::ModelSpec;

use super::checkpoint::{damaged, new_net, read_net_of, write_net};
use super::error::TrainError;
use super::finite::Watch;
use super::gradient::{Part, gradient};
use super::making::Making;
use super::moments;
use super::optimiser::optimiser;
use super::outcome::{NotTaken, Outcome, Step};
use super::parameters::{Average, Collect, Detach, Fill, Norm, Scale, Unflatten, values};
use super::recurrent;
use super::wgsl::Wgsl;
use crate::config::{ConfigError, Optimiser, RunConfig, Training};
use crate::device::TrainDevice;
use crate::launched::Launched;
use crate::nets::Net;
use crate::nets::tensors::scalar;
use tasks::{Episode, Split, Tasks};

/// Where a learner is trained by hand.
enum ByHand {
    Causal(causal::Trainer),
    Set(set::Trainer),
    Wgsl(Box<Wgsl>),
}

impl ByHand {
    /// One thread, until more are asked for; none for a research learner.
    fn new(net: &Net, average: &Net, gpu: Option<&Gpu>) -> Result<Option<ByHand>, StepError> {
        let both = || (values(net), values(average));
        Ok(match (net, net.spec(), gpu) {
            (Net::Causal(_), spec, None) => {
                let (weights, average) = both();
                Some(ByHand::Causal(causal::Trainer::new(spec, weights, average, 1)))
            }
            (Net::Set(_), spec, None) => {
                let (weights, average) = both();
                Some(ByHand::Set(set::Trainer::new(spec, weights, average, 1)))
            }
            (Net::Research(_), _, None) => None,
            (_, spec, Some(gpu)) => Some(ByHand::Wgsl(Box::new(Wgsl::new(gpu, spec, both())?))),
        })
    }

    fn state(&self) -> &State {
        match self {
            ByHand::Causal(trainer) => &trainer.state,
            ByHand::Set(trainer) => &trainer.state,
            ByHand::Wgsl(trainer) => &trainer.state,
        }
    }

    fn state_mut(&mut self) -> &mut State {
        match self {
            ByHand::Causal(trainer) => &mut trainer.state,
            ByHand::Set(trainer) => &mut trainer.state,
            ByHand::Wgsl(trainer) => &mut trainer.state,
        }
    }

    /// The state of its optimiser, as Burn's writes it.
    fn moments(&self, spec: &ModelSpec, training: &Training) -> burn_pack::Writer {
        let by_muon = match training.optimiser {
            Optimiser::Muon => self.state().by_muon(),
            Optimiser::Adamw | Optimiser::Lion => Vec::new(),
        };
        moments::write(spec, &self.state().moments, &by_muon)
    }

    /// Computes the gradient of a step, alone or as one of several processes.
    fn gradient(
        &mut self,
        training: &Training,
        tasks: &Tasks,
        step: Step,
        exchange: Option<&mut dyn Exchange>,
        making: &Making,
    ) -> Score {
        let first = step.done * training.batch as u64;
        match self {
            ByHand::Causal(trainer) => {
                let episodes = |range: Range<usize>| {
                    let episode = |i: usize| tasks.episode(Split::Train, first + i as u64);
                    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
                    making.time(|| {
                        for episode in range.map(episode) {
                            inputs.extend(episode.inputs);
                            labels.extend(episode.labels);
                        }
                    });
                    (inputs.into(), labels.into())
                };
                let sizes = [training.batch, tasks.config.length, training.micro_batch];
                trainer.gradient_among(sizes, episodes, step.logged, exchange)
            }
            ByHand::Set(trainer) => {
                let parts = training.batch / training.micro_batch;
                let episode = |i: usize| {
                    let part = step.done * parts as u64 + (i / training.micro_batch) as u64;
                    let shape = tasks.shape(Split::Train, part);
                    let make = || tasks.set_episode(Split::Train, first + i as u64, &shape);
                    let Episode { inputs, labels } = making.time(make);
                    set::Made {
                        inputs: inputs.into(),
                        labels: labels.into(),
                        shown: shape.shown,
                        classes: shape.classes,
                        images: shape.drawings,
                    }
                };
                trainer.gradient_among((training.batch, training.neighbours), episode, step.logged, exchange)
            }
            ByHand::Wgsl(_) => unreachable!("a device takes whole steps"),
        }
    }
}

/// A learner in training, its running average and its optimiser.
pub(super) struct Learner {
    /// Current weights.
    net: Net,
    /// Their running average, which is the learner that is kept.
    average: Net,
    optimiser: ModuleOptimizer,
    /// Where a learner of a model file is trained on a CPU: net, average and optimiser then follow only when asked for.
    by_hand: Option<ByHand>,
    /// Where gradients of recurrent learners are computed by hand.
    recurrent: Option<recurrent::ByHand>,
    /// Whether micro-batches run in parallel threads.
    cpu: bool,
    /// One for each micro-batch that is worked on at once.
    pools: Vec<rayon::ThreadPool>,
    /// Micro-batches at once, threads of each.
    threads: (usize, usize),
    /// On a GPU, whether its steps were finite.
    watch: Watch,
    /// Where steps are taken in WGSL.
    wgsl: Option<Gpu>,
    making: Making,
}

/// A learner as it was after some step.
#[derive(Clone)]
pub(super) struct Snapshot {
    net: Net,
    average: Net,
    optimiser: ModuleOptimizer,
}

impl Learner {
    /// A learner before its first step.
    ///
    /// # Errors
    /// Settings that no learner can have.
    pub fn new(config: &RunConfig, device: &TrainDevice) -> Result<Learner, ConfigError> {
        Ok(Learner {
            net: new_net(config, config.seed, &device.device.clone().autodiff())?,
            average: new_net(config, config.seed, &device.device)?,
            optimiser: optimiser(&config.training),
            by_hand: None,
            recurrent: None,
            cpu: device.cpu,
            pools: Vec::new(),
            threads: (1, 1),
            watch: Watch::default(),
            wgsl: device.wgsl.clone(),
            making: Making::default(),
        })
    }

    /// Reads weights, average and the state of the optimiser from a checkpoint.
    ///
    /// # Errors
    /// A checkpoint that is damaged, or of another learner.
    pub fn load(&mut self, checkpoint: &Path, config: &RunConfig, device: &TrainDevice) -> Result<(), TrainError> {
        self.net = read_net_of(checkpoint, "model", config, &device.device.clone().autodiff())?;
        self.average = read_net_of(checkpoint, "average", config, &device.device)?;
        let state = checkpoint.join("optimiser.bpk");
        self.optimiser = optimiser(&config.training).load(state).map_err(|error| damaged(checkpoint, error))?;
        Ok(())
    }

    /// Writes what [`Learner::load`] reads.
    ///
    /// # Errors
    /// The operating system's.
    pub fn save(&self, folder: &Path, training: &Training) -> Result<(), Box<dyn std::error::Error>> {
        write_net(&self.net, &folder.join("model.safetensors"))?;
        write_net(&self.average, &folder.join("average.safetensors"))?;
        let state = folder.join("optimiser.bpk");
        match (&self.by_hand, training.optimiser) {
            (Some(by_hand), Optimiser::Adamw | Optimiser::Muon) => {
                by_hand.moments(self.net.spec(), training).write_to_file(&state)?
            }
            _ => self.optimiser.save(&state)?,
        }
        Ok(())
    }

    /// What [`Learner::take_parts`] reads in another process: weights, their average, the state of the optimiser.
    ///
    /// # Errors
    /// The state of the optimiser cannot be written.
    pub fn parts(&self, training: &Training) -> Result<[Vec<u8>; 3], Box<dyn std::error::Error>> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (weights, average) = match &self.by_hand {
            Some(by_hand) => (bytes(&by_hand.state().weights), bytes(&by_hand.state().average)),
            None => (bytes(&values(&self.net)), bytes(&values(&self.average))),
        };
        let optimiser = match (&self.by_hand, training.optimiser) {
            (Some(by_hand), Optimiser::Adamw | Optimiser::Muon) => {
                by_hand.moments(self.net.spec(), training).into_bytes()?.to_vec()
            }
            _ => self.optimiser.into_bytes()?.to_vec(),
        };
        Ok([weights, average, optimiser])
    }

    /// Becomes the learner of the same settings that another process gave.
    ///
    /// # Errors
    /// The state of the optimiser cannot be read.
    pub fn take_parts(
        &mut self,
        [weights, average, state]: [Vec<u8>; 3],
        training: &Training,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let numbers = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        self.by_hand = None;
        self.net = self.net.clone().map(&mut Fill(&numbers(&weights)));
        self.average = self.average.clone().map(&mut Fill(&numbers(&average)));
        self.optimiser = optimiser(training).from_bytes(Bytes::from_bytes_vec(state))?;
        self.set_by_hand(true, training)
    }

    /// Current weights; those of the hand-written step only after [`Learner::sync_weights`].
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// The running average.
    pub fn average(&self) -> &Net {
        &self.average
    }

    /// How many micro-batches are worked on at once, and threads of each.
    pub fn set_threads(&mut self, workers: usize, threads: usize) {
        self.threads = (workers, threads);
        if let Some(by_hand) = &mut self.by_hand {
            self.pools.clear();
            return by_hand.state_mut().set_threads(workers * threads);
        }
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        self.pools = (0..workers.max(1)).map(|_| pool()).collect();
    }

    /// Whether a learner of a model file is trained by [`backprop`], where that can be: on a CPU.
    ///
    /// # Errors
    /// The state of the optimiser cannot be handed over.
    pub fn set_by_hand(&mut self, by_hand: bool, training: &Training) -> Result<(), Box<dyn std::error::Error>> {
        self.recurrent = (by_hand && self.cpu).then(recurrent::ByHand::default);
        match (by_hand && self.cpu, self.by_hand.is_some()) {
            (true, false) => {
                self.by_hand = ByHand::new(&self.net, &self.average, self.wgsl.as_ref())?;
                if let (Some(by_hand), Optimiser::Adamw | Optimiser::Muon) = (&mut self.by_hand, training.optimiser) {
                    let file = burn_pack::Reader::from_bytes(self.optimiser.into_bytes()?)?;
                    moments::read(self.net.spec(), &mut by_hand.state_mut().moments, file)?;
                }
                if let Some(ByHand::Wgsl(trainer)) = &mut self.by_hand {
                    trainer.upload()?;
                }
            }
            (false, true) => {
                self.sync_weights()?;
                let by_hand = self.by_hand.take().expect("just seen");
                if training.optimiser != Optimiser::Lion {
                    let moments = by_hand.moments(self.net.spec(), training);
                    self.optimiser = optimiser(training).from_bytes(moments.into_bytes()?)?;
                }
            }
            _ => {}
        }
        let (workers, threads) = self.threads;
        self.set_threads(workers, threads);
        Ok(())
    }

    /// Copies the weights of the hand-written step into the nets.
    ///
    /// # Errors
    /// A device that failed.
    pub fn sync_weights(&mut self) -> Result<(), StepError> {
        if let Some(ByHand::Wgsl(trainer)) = &mut self.by_hand {
            trainer.download()?;
        }
        if let Some(by_hand) = &self.by_hand {
            self.net = self.net.clone().map(&mut Fill(&by_hand.state().weights));
            self.average = self.average.clone().map(&mut Fill(&by_hand.state().average));
        }
        Ok(())
    }

    /// The learner as it is. Tensors are shared until one of them changes; not for learners that are trained by
    /// [`backprop`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { net: self.net.clone(), average: self.average.clone(), optimiser: self.optimiser.clone() }
    }

    /// Goes back to how it was; steps that were not looked at are forgotten.
    pub fn restore(&mut self, Snapshot { net, average, optimiser }: Snapshot) {
        (self.net, self.average, self.optimiser) = (net, average, optimiser);
        self.watch.clear();
    }

    /// On a GPU: looks at all but the newest `lag` steps that were taken, and gives the first that was not finite.
    pub fn first_not_finite(&mut self, lag: usize) -> Option<u64> {
        self.watch.first_not_finite(lag)
    }

    /// The share of its threads' time that went into making tasks since this was last asked.
    pub fn share_of_tasks(&mut self) -> f64 {
        let (workers, threads) = self.threads;
        // through autodiff each worker makes its own; on a device all are made before a step
        let makers = match &self.by_hand {
            Some(ByHand::Wgsl(_)) => 1,
            Some(_) => workers * threads,
            None => workers,
        };
        self.making.share(makers)
    }

    /// Kernels of a step that is taken in WGSL; none where Burn takes it, which tells of each launch itself.
    pub fn launched_in_wgsl(&self) -> Option<Launched> {
        match &self.by_hand {
            Some(ByHand::Wgsl(trainer)) => Some(trainer.launched()),
            _ => None,
        }
    }

    /// Takes one optimiser step, alone or, where [`backprop`] trains, as one of several processes.
    ///
    /// # Errors
    /// The loss or its gradient is not finite, on a CPU and in WGSL. On a GPU through Burn this is seen later: [`Learner::first_not_finite`].
    pub fn step(
        &mut self,
        training: &Training,
        tasks: &Tasks,
        step: Step,
        exchange: Option<&mut dyn Exchange>,
    ) -> Result<Outcome, NotTaken> {
        match &mut self.by_hand {
            Some(ByHand::Wgsl(trainer)) => trainer.step(training, tasks, step, &self.making),
            Some(_) => self.step_by_hand(training, tasks, step, exchange),
            None => self.step_autodiff(training, tasks, step),
        }
    }

    fn step_by_hand(
        &mut self,
        training: &Training,
        tasks: &Tasks,
        step: Step,
        exchange: Option<&mut dyn Exchange>,
    ) -> Result<Outcome, NotTaken> {
        let by_hand = self.by_hand.as_mut().expect("asked for where there is one");
        let score = by_hand.gradient(training, tasks, step, exchange, &self.making);
        let state = by_hand.state_mut();
        let norm = state.norm();
        if !(score.loss.is_finite() && norm.is_finite()) {
            return Err(NotTaken::NotFinite);
        }
        let scale = schedule::clip(norm, training.clip);
        let adam = AdamW {
            rate: step.rate,
            beta_2: training.beta_2 as f32,
            epsilon: training.epsilon as f32,
            weight_decay: training.weight_decay as f32,
        };
        match training.optimiser {
            Optimiser::Adamw => state.step(&adam, scale),
            Optimiser::Muon => state.step_muon(&adam, scale),
            Optimiser::Lion => {
                state.gradient.iter_mut().for_each(|g| *g *= scale);
                let (flat, present) = (&state.gradient[..], &state.present[..]);
                let mut each = Unflatten { flat, present, gradients: GradientsParams::new() };
                self.net.visit(&mut each);
                self.net = self.optimiser.step(step.rate, self.net.clone(), each.gradients);
                state.weights = values(&self.net);
            }
        }
        state.update_ema(step.ema_decay);
        Ok(Outcome { loss: score.loss, right: score.right, norm })
    }

    fn step_autodiff(&mut self, training: &Training, tasks: &Tasks, step: Step) -> Result<Outcome, NotTaken> {
        let parts = training.batch / training.micro_batch;
        // in the order of micro-batches, whichever thread made them
        let mut sum = GradientsAccumulator::new();
        let (mut loss, mut right, mut losses) = (0.0, Vec::new(), Vec::new());
        for result in self.gradients(training, tasks, step) {
            sum.accumulate(&self.net, result.gradients);
            losses.push(result.on_device);
            loss += result.loss / parts as f64;
            add(&mut right, &result.right);
        }
        let mut gradients = sum.grads();
        let mut norm = Norm { gradients: &gradients, square: None };
        self.net.visit(&mut norm);
        let norm = norm.square.expect("a net has parameters").sqrt();
        match self.cpu {
            true if !(loss.is_finite() && scalar(norm.clone()).is_finite()) => return Err(NotTaken::NotFinite),
            true => {}
            false => {
                losses.push(norm.clone());
                self.watch.push(step.done + 1, Tensor::cat(losses, 0));
            }
        }
        if training.clip > 0.0 {
            let scale = (norm.clone() + 1e-9).recip().mul_scalar(training.clip).clamp_max(1.0);
            self.net.visit(&mut Scale { gradients: &mut gradients, scale });
        }
        let net = self.net.clone();
        self.net = self.optimiser.step(step.rate, net, gradients);
        let mut values = GradientsParams::new();
        self.net.visit(&mut Collect { values: &mut values });
        self.average = self.average.clone().map(&mut Average { values, decay: step.ema_decay });
        // reading waits for the device
        let norm = if step.logged { scalar(norm) } else { 0.0 };
        Ok(Outcome { loss, right, norm })
    }

    /// Gradients of the micro-batches of a step, in their order.
    fn gradients(&self, training: &Training, tasks: &Tasks, step: Step) -> Vec<Part> {
        let parts = training.batch / training.micro_batch;
        let first = step.done * training.batch as u64;
        let (current, making, recurrent) = (&self.net, &self.making, &self.recurrent);
        let part = |p: usize| {
            let from = first + (p * training.micro_batch) as u64;
            let shape = tasks.shape(Split::Train, step.done * parts as u64 + p as u64);
            let episode = |i: u64| match tasks.set {
                true => tasks.set_episode(Split::Train, i, &shape),
                false => tasks.episode(Split::Train, i),
            };
            let episodes = (from..from + training.micro_batch as u64).map(episode);
            let episodes: Vec<Episode> = making.time(|| episodes.collect());
            let by_hand = recurrent.as_ref().and_then(|r| r.gradient(current, &episodes, parts, step.logged));
            if let Some(part) = by_hand {
                return part;
            }
            // leaves of its own: Burn joins graphs that share a leaf, and one thread's backward pass would then
            // consume the other's tape
            let net = current.clone().map(&mut Detach);
            gradient(&net, &episodes, &shape, (parts, training.neighbours), step.logged)
        };
        if !self.cpu {
            // in this thread, which takes the step: Burn 0.22.1 computes wrong where it fuses kernels over tensors of another
            // thread, even one that has ended (findings/burn-fusion-threads.sh)
            return (0..parts).map(part).collect();
        }
        let mut results: Vec<Option<Part>> = (0..parts).map(|_| None).collect();
        std::thread::scope(|scope| {
            let workers = self.pools.len();
            let mut shares: Vec<Vec<(usize, &mut Option<Part>)>> = (0..workers).map(|_| Vec::new()).collect();
            for (p, slot) in results.iter_mut().enumerate() {
                shares[p % workers].push((p, slot));
            }
            for (pool, share) in self.pools.iter().zip(shares) {
                let part = &part;
                scope.spawn(move || pool.install(|| share.into_iter().for_each(|(p, slot)| *slot = Some(part(p)))));
            }
        });
        results.into_iter().flatten().collect()
    }
}

fn add(sum: &mut Vec<f64>, values: &[f64]) {
    sum.resize(values.len().max(sum.len()), 0.0);
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}
