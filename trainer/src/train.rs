//! The meta-training loop: gradients of micro-batches, one optimiser step, a running average of the weights,
//! checkpoints by atomic rename, `metrics.jsonl`.
//!
//! On a CPU a resumed run equals an uninterrupted one bit for bit: episodes are functions of (seed, index), sums have
//! a fixed order that does not depend on the number of cores, and a checkpoint holds weights, average, optimiser state
//! and step exactly. Causal learners on a CPU take their steps in [`crate::flat`], everything else in Burn.

pub mod folder;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup};
use burn::optim::{
    AdamWConfig, AdjustLrFn, GradientsAccumulator, GradientsParams, LionConfig, ModuleOptimizer, MuonConfig,
    momentum::MomentumConfig,
};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use shaders::file::{FileError, Precision};
use shaders::{FileKind, Model};

use crate::config::{ConfigError, Optimiser, RunConfig, Training};
use crate::data::{self, DataError};
use crate::device::Chosen;
use crate::flat::{AdamW, Flat};
pub use crate::nets::batch::{batch, sequences, set_batch};
use crate::nets::research::{self, Learner};
pub use crate::nets::tensors::floats;
use crate::nets::tensors::scalar;
use crate::nets::{Inputs, Net, Predict};
use crate::tasks::{Base, Episode, Shape, Source, Split, Tasks};
use folder::{FolderError, Kind, Place, RunFolder, STATE, checkpoints, finish_checkpoint, remove_checkpoint};

/// Why a run stopped that should not have.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Base data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Encoding of base data.
    #[error("data set `{name}`: {source}")]
    Encode {
        /// Data set.
        name: String,
        /// Cause.
        source: shaders::encode::EncodeError,
    },
    /// A data set with more classes than the learner, where the learner cannot choose among them.
    #[error("data set `{name}` has {found} values an example; this learner takes {expected} and has no projection")]
    Inputs {
        /// Data set.
        name: String,
        /// X.
        expected: usize,
        /// D₀.
        found: usize,
    },
    /// Model file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Features were wanted of a learner that has none.
    #[error("{}: expected the file of a learner with a convolutional stem, such as models/drawing.safetensors", path.display())]
    NoStem {
        /// File.
        path: PathBuf,
    },
    /// Reading or writing a run's folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The folder of a run.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder of a new run is taken.
    #[error(
        "{} holds a run already; go on with it by `--resume {}`, choose another --out, or replace it with --overwrite",
        .0.display(), .0.display()
    )]
    Exists(PathBuf),
    /// A file that must not or cannot be written.
    #[error(transparent)]
    Target(#[from] crate::files::FileError),
    /// A run that could not write.
    #[error(
        "{what} could not be written: {cause}. {}. {}, then go on with `trainer train --resume {}`",
        match last {
            Some(last) => format!("What was begun of it is removed; the last checkpoint, {}, is whole", last.display()),
            None => "What was begun of it is removed; there is no checkpoint before it, so that the run begins anew".into(),
        },
        advice(*kind, *bytes),
        folder.display()
    )]
    Unwritten {
        /// What, such as `the checkpoint of step 10`.
        what: String,
        /// The folder of the run.
        folder: PathBuf,
        /// Cause.
        cause: String,
        /// Its kind.
        kind: Option<io::ErrorKind>,
        /// Bytes of a checkpoint, about.
        bytes: u64,
        /// Newest checkpoint.
        last: Option<PathBuf>,
    },
    /// Nothing to resume.
    #[error("{} holds no checkpoint; expected a folder that `trainer train` made", .0.display())]
    NoCheckpoint(PathBuf),
    /// A checkpoint that is not whole.
    #[error("checkpoint {}: {message}; remove this folder to go on from the one before", path.display())]
    Checkpoint {
        /// Folder.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The loss or its gradient is NaN or infinite.
    #[error(
        "the loss or its gradient is not finite (NaN or infinite) at step {step}, {}; lower training.rate, or set training.clip",
        last.as_ref().map_or("before the first checkpoint".into(), |p| format!("the last checkpoint is {}", p.display()))
    )]
    Diverged {
        /// Step that was not taken.
        step: u64,
        /// Newest checkpoint.
        last: Option<PathBuf>,
    },
    /// A model was wanted from the run of a research learner.
    #[error(
        "{} holds a research learner of kind `{kind}`, which lives in the trainer alone: only learners of [model] \
         (learner.kind = \"model\") can be exported", path.display()
    )]
    Research {
        /// Folder of the run.
        path: PathBuf,
        /// Its kind.
        kind: &'static str,
    },
}

/// What to do before a run goes on that could not write.
fn advice(kind: Option<io::ErrorKind>, bytes: u64) -> String {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match kind {
        // two checkpoints are kept, and the third must fit beside them
        Some(StorageFull | QuotaExceeded) => {
            format!(
                "Free some space on this disk (a checkpoint takes about {:.1} MB, three must fit)",
                bytes as f64 / 1e6
            )
        }
        Some(FileTooLarge) => format!("Allow larger files (a checkpoint takes about {:.1} MB)", bytes as f64 / 1e6),
        Some(PermissionDenied | ReadOnlyFilesystem) => "Make the folder writable".into(),
        _ => "See what is wrong with this disk".into(),
    }
}

/// What the operating system answered, somewhere among the causes of an error.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut found = chain.filter_map(|error| error.downcast_ref::<io::Error>().map(io::Error::kind));
    // some libraries keep nothing of it but its words
    found.next().or_else(|| {
        let words = error.to_string();
        let known = [
            ("No space left on device", io::ErrorKind::StorageFull),
            ("not enough space", io::ErrorKind::StorageFull),
            ("quota exceeded", io::ErrorKind::QuotaExceeded),
            ("File too large", io::ErrorKind::FileTooLarge),
        ];
        known.into_iter().find(|(part, _)| words.contains(part)).map(|(_, kind)| kind)
    })
}

impl TrainError {
    /// Whether training ran out of finite numbers, which is a finding about its settings.
    pub fn diverged(&self) -> bool {
        matches!(self, TrainError::Diverged { .. })
    }
}

/// The settings of a run, in its folder.
const CONFIG: &str = "config.toml";

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> TrainError + '_ {
    move |source| TrainError::Io { path: path.to_owned(), source }
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Optimiser steps done.
    pub step: u64,
    /// Mean cross-entropy over all positions of this step's batch, in nats.
    pub loss: f64,
    /// Positions (counted from 1) of `accuracy`; a set learner has one, 0, for all queries.
    pub positions: Vec<usize>,
    /// Fraction right at each position, a running mean over the last 10 logged batches or so.
    pub accuracy: Vec<f64>,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate.
    pub rate: f64,
    /// Wall-clock seconds of training so far, over all sessions of this run.
    pub seconds: f64,
}

/// What is saved beside the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    step: u64,
    seconds: f64,
    #[serde(with = "exact")]
    accuracy: Vec<f64>,
}

/// Numbers as their bits: a decimal that is read back may differ in its last bit, and a resumed run must not.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|v| v.to_bits()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<u64>::deserialize(deserializer)?.into_iter().map(f64::from_bits).collect())
    }
}

/// A run in memory.
pub struct Run {
    /// Settings.
    pub config: RunConfig,
    /// Folder.
    pub folder: PathBuf,
    /// Episodes.
    pub tasks: Tasks,
    device: Chosen,
    net: Net,
    average: Net,
    optimiser: ModuleOptimizer,
    saved: Saved,
    pools: Vec<rayon::ThreadPool>,
    /// Micro-batches at once, threads of each.
    threads: (usize, usize),
    /// Where a causal learner on a CPU is trained: its net, average and optimiser then follow only when asked for.
    flat: Option<Flat>,
    /// Steps done, for others to watch.
    count: Arc<AtomicU64>,
    /// Keeps other processes out of the folder; none before the run has one.
    place: Option<RunFolder>,
}

impl Run {
    /// A new run in an empty or new folder.
    ///
    /// # Errors
    /// The folder is taken, data are missing, settings do not fit them: then nothing is left behind.
    pub fn start(config: RunConfig, folder: &Path, data_dir: &Path, device: Chosen) -> Result<Run, TrainError> {
        match folder::look(folder, Kind::Run)? {
            Place::Free => {}
            Place::Taken => return Err(TrainError::Exists(folder.to_owned())),
        }
        let run = Run::ready(config, folder, data_dir, device)?;
        let place = RunFolder::create(folder, Kind::Run)?;
        // another process may have been faster
        match folder.join(CONFIG).exists() {
            true => Err(TrainError::Exists(folder.to_owned())),
            false => run.settle_in(place),
        }
    }

    /// As [`Run::start`], in the place of a run that is there: what that one wrote is removed, and nothing else.
    ///
    /// # Errors
    /// As [`Run::start`]; the old run then stays as it is.
    pub fn start_over(config: RunConfig, folder: &Path, data_dir: &Path, device: Chosen) -> Result<Run, TrainError> {
        let old = match folder::look(folder, Kind::Run)? {
            Place::Free => None,
            Place::Taken => Some(RunFolder::create(folder, Kind::Run)?),
        };
        let run = Run::ready(config, folder, data_dir, device)?;
        let place = match old {
            Some(place) => place,
            None => RunFolder::create(folder, Kind::Run)?,
        };
        place.clear()?;
        run.settle_in(place)
    }

    /// A new run in a folder that this process has already.
    ///
    /// # Errors
    /// As [`Run::start`].
    pub fn start_in(config: RunConfig, place: RunFolder, data_dir: &Path, device: Chosen) -> Result<Run, TrainError> {
        Run::ready(config, place.path(), data_dir, device)?.settle_in(place)
    }

    /// A run with its data, which has no folder yet.
    fn ready(config: RunConfig, folder: &Path, data_dir: &Path, device: Chosen) -> Result<Run, TrainError> {
        let tasks = open_tasks(&config, data_dir)?;
        let mut run = Run::new(config, folder, tasks, device)?;
        run.set_fused(true)?;
        Ok(run)
    }

    fn settle_in(mut self, place: RunFolder) -> Result<Run, TrainError> {
        self.place = Some(place);
        write_whole(&self.folder.join(CONFIG), self.config.to_toml().as_bytes())?;
        Ok(self)
    }

    /// Goes on from the newest whole checkpoint of a folder, or from the start if there is none yet; what a killed
    /// process left unfinished is removed.
    ///
    /// # Errors
    /// No run there, a folder in use, or a damaged checkpoint.
    pub fn resume(folder: &Path, data_dir: &Path, device: Chosen) -> Result<Run, TrainError> {
        if !folder.join(CONFIG).exists() {
            return Err(TrainError::NoCheckpoint(folder.to_owned()));
        }
        // both before the folder is touched: it may be another program's
        folder::expect_run(folder)?;
        RunConfig::read(&folder.join(CONFIG))?;
        Run::resume_in(RunFolder::open(folder)?, data_dir, device)
    }

    /// As [`Run::resume`], in a folder that this process has already.
    ///
    /// # Errors
    /// As [`Run::resume`].
    pub fn resume_in(place: RunFolder, data_dir: &Path, device: Chosen) -> Result<Run, TrainError> {
        let folder = place.path().to_owned();
        let config = RunConfig::read(&folder.join(CONFIG))?;
        place.remove_unfinished()?;
        let tasks = open_tasks(&config, data_dir)?;
        let mut run = Run::new(config, &folder, tasks, device)?;
        run.place = Some(place);
        if let Some(path) = newest_checkpoint(&folder)? {
            let wrong = |message: String| TrainError::Checkpoint { path: path.clone(), message };
            let state = fs::read(path.join(STATE)).map_err(io_at(&path))?;
            run.saved = serde_json::from_slice(&state).map_err(|e| wrong(e.to_string()))?;
            run.net = read_net_of(&path, "model", &run.config, &run.device.device.clone().autodiff())?;
            run.average = read_net_of(&path, "average", &run.config, &run.device.device)?;
            run.optimiser = run.optimiser.load(path.join("optimiser.bpk")).map_err(|e| wrong(e.to_string()))?;
        }
        run.forget_metrics_after(run.saved.step)?;
        run.set_fused(true)?;
        Ok(run)
    }

    /// A run before its first step.
    fn new(config: RunConfig, folder: &Path, tasks: Tasks, device: Chosen) -> Result<Run, TrainError> {
        let net = new_net(&config, config.seed, &device.device.clone().autodiff())?;
        let average = new_net(&config, config.seed, &device.device)?;
        let optimiser = optimiser(&config.training);
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let workers = if device.cpu { cores.min(config.training.batch / config.training.micro_batch) } else { 1 };
        let saved = Saved { step: 0, seconds: 0.0, accuracy: Vec::new() };
        let pools = Vec::new();
        let folder = folder.to_owned();
        let (count, threads, flat, place) = (Arc::default(), (1, 1), None, None);
        let mut run =
            Run { config, folder, tasks, device, net, average, optimiser, saved, pools, threads, flat, count, place };
        run.set_workers(workers);
        Ok(run)
    }

    /// How many micro-batches are worked on at once; changes the time and never the result. By default as many as
    /// there are cores (one on a GPU).
    pub fn set_workers(&mut self, workers: usize) {
        // one pool a worker: Burn's own parallel loops inside it then stay off the other's cores
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        self.set_threads(workers, if self.device.cpu { (cores / workers.max(1)).max(1) } else { 1 });
    }

    /// As [`Run::set_workers`], with a number of threads for each worker.
    pub fn set_threads(&mut self, workers: usize, threads: usize) {
        self.threads = (workers, threads);
        if let Some(flat) = &mut self.flat {
            self.pools.clear();
            return flat.set_threads(workers * threads);
        }
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        self.pools = (0..workers.max(1)).map(|_| pool()).collect();
    }

    /// Wall-clock seconds of training so far, over all sessions of this run.
    pub fn seconds(&self) -> f64 {
        self.saved.seconds
    }

    /// Whether a causal learner on a CPU is trained by [`crate::flat`] (by default it is) or by autodiff, as everywhere
    /// else. They differ in the last digits.
    ///
    /// # Errors
    /// The state of the optimiser cannot be handed over.
    pub fn set_fused(&mut self, fused: bool) -> Result<(), TrainError> {
        let folder = self.folder.clone();
        let wrong = |message: String| TrainError::Checkpoint { path: folder.clone(), message };
        let fused = fused && self.device.cpu && matches!(self.net, Net::Causal(_));
        match (fused, self.flat.is_some()) {
            (true, false) => {
                let (weights, average) = (values(&self.net), values(&self.average));
                let mut flat = Flat::new(self.net.spec(), weights, average, 1);
                if self.config.training.optimiser == Optimiser::Adamw {
                    let state = self.optimiser.into_bytes().map_err(|e| wrong(e.to_string()))?;
                    let state = burn_pack::Reader::from_bytes(state).map_err(|e| wrong(e.to_string()))?;
                    flat.set_moments(state).map_err(|e| wrong(e.to_string()))?;
                }
                self.flat = Some(flat);
            }
            (false, true) => {
                self.settle();
                let flat = self.flat.take().expect("just seen");
                if self.config.training.optimiser == Optimiser::Adamw {
                    let state = flat.moments().into_bytes().map_err(|e| wrong(e.to_string()))?;
                    let optimiser = optimiser(&self.config.training).from_bytes(state);
                    self.optimiser = optimiser.map_err(|e| wrong(e.to_string()))?;
                }
            }
            _ => {}
        }
        let (workers, threads) = self.threads;
        self.set_threads(workers, threads);
        Ok(())
    }

    /// Writes the weights of flat buffers into the nets.
    fn settle(&mut self) {
        if let Some(flat) = &self.flat {
            self.net = self.net.clone().map(&mut Fill(&flat.weights));
            self.average = self.average.clone().map(&mut Fill(&flat.average));
        }
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.saved.step
    }

    /// The number of steps done, which follows the run while it trains.
    pub fn counter(&self) -> Arc<AtomicU64> {
        self.count.store(self.saved.step, Ordering::Relaxed);
        self.count.clone()
    }

    /// Trains until the last step or until `stop` is set; writes metrics and checkpoints. `progress` is called after
    /// each logged step. Returns whether the run is complete.
    ///
    /// # Errors
    /// A file cannot be written, or the loss is not finite.
    pub fn train(&mut self, stop: &AtomicBool, progress: &mut dyn FnMut(&Metrics)) -> Result<bool, TrainError> {
        self.train_until(self.config.training.steps, stop, progress)?;
        self.checkpoint()?;
        Ok(self.saved.step >= self.config.training.steps)
    }

    /// As [`Run::train`], but only until step `until` is done, and without a checkpoint at its end.
    ///
    /// # Errors
    /// As [`Run::train`].
    pub fn train_until(
        &mut self,
        until: u64,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&Metrics),
    ) -> Result<(), TrainError> {
        let path = self.folder.join("metrics.jsonl");
        let mut log = fs::OpenOptions::new().create(true).append(true).open(&path).map_err(io_at(&path))?;
        let started = Instant::now();
        let before = self.saved.seconds;
        let steps = self.config.training.steps;
        let until = until.min(steps);
        // a step that cannot be taken leaves the learner of the step before
        let done = (|| {
            while self.saved.step < until && !stop.load(Ordering::Relaxed) {
                let next = self.saved.step + 1;
                let logged = next.is_multiple_of(self.config.training.log_every) || next == steps || next == 1;
                let metrics = self.advance(logged)?;
                self.count.store(self.saved.step, Ordering::Relaxed);
                self.saved.seconds = before + started.elapsed().as_secs_f64();
                if let Some(mut metrics) = metrics {
                    metrics.seconds = self.saved.seconds;
                    let line = serde_json::to_string(&metrics).expect("plain data");
                    writeln!(log, "{line}").map_err(|error| self.unwritten("metrics.jsonl", &error))?;
                    progress(&metrics);
                }
                if self.saved.step.is_multiple_of(self.config.training.checkpoint_every) && self.saved.step < steps {
                    self.settle();
                    self.checkpoint()?;
                }
            }
            Ok(())
        })();
        self.settle();
        self.saved.seconds = before + started.elapsed().as_secs_f64();
        done
    }

    /// One optimiser step.
    fn advance(&mut self, logged: bool) -> Result<Option<Metrics>, TrainError> {
        let rate = self.config.training.rate_at(self.saved.step);
        let done = (self.saved.step + 1) as f64;
        let decay = match self.config.training.average {
            0.0 => 0.0,
            most => most.min(done / (done + 10.0)),
        };
        let Advance { loss, right, norm } = match self.flat.is_some() {
            true => self.advance_flat(rate, decay, logged)?,
            false => self.advance_by_autodiff(rate, decay, logged)?,
        };
        self.saved.step += 1;
        if !logged {
            return Ok(None);
        }
        let episodes = self.config.training.batch as f64;
        if self.saved.accuracy.len() != right.len() {
            self.saved.accuracy = right.iter().map(|n| n / episodes).collect();
        }
        for (mean, n) in self.saved.accuracy.iter_mut().zip(&right) {
            *mean += 0.1 * (n / episodes - *mean);
        }
        let positions: Vec<usize> = match self.tasks.set || self.tasks.split {
            true => vec![0],
            false => [1, 10, 50, 100].into_iter().filter(|&p| p <= right.len()).collect(),
        };
        Ok(Some(Metrics {
            step: self.saved.step,
            loss,
            accuracy: positions.iter().map(|&p| self.saved.accuracy[p.max(1) - 1]).collect(),
            positions,
            gradient_norm: norm,
            rate,
            seconds: 0.0,
        }))
    }

    /// One optimiser step of a causal learner on a CPU.
    fn advance_flat(&mut self, rate: f64, decay: f64, logged: bool) -> Result<Advance, TrainError> {
        let training = &self.config.training;
        let flat = self.flat.as_mut().expect("asked for where there is one");
        let first = self.saved.step * training.batch as u64;
        let episodes = |range: std::ops::Range<usize>| {
            let episode = |i: usize| self.tasks.episode(Split::Train, first + i as u64);
            let (mut inputs, mut labels) = (Vec::new(), Vec::new());
            for episode in range.map(episode) {
                inputs.extend(episode.inputs);
                labels.extend(episode.labels);
            }
            (inputs.into(), labels.into())
        };
        let sizes = [training.batch, self.tasks.config.length, training.micro_batch];
        let score = flat.gradient(sizes, episodes, logged);
        let norm = flat.norm();
        if !(score.loss.is_finite() && norm.is_finite()) {
            return Err(TrainError::Diverged { step: self.saved.step + 1, last: newest_checkpoint(&self.folder)? });
        }
        let scale = if training.clip > 0.0 { (training.clip / (norm + 1e-9)).min(1.0) } else { 1.0 };
        match training.optimiser {
            Optimiser::Adamw => {
                let adam = AdamW {
                    rate,
                    beta_2: training.beta_2 as f32,
                    epsilon: training.epsilon as f32,
                    weight_decay: training.weight_decay as f32,
                };
                flat.step(&adam, scale as f32);
            }
            Optimiser::Muon | Optimiser::Lion => {
                flat.gradient.iter_mut().for_each(|g| *g *= scale as f32);
                let mut each = Unflatten { flat: &flat.gradient, gradients: GradientsParams::new() };
                self.net.visit(&mut each);
                self.net = self.optimiser.step(rate, self.net.clone(), each.gradients);
                flat.weights = values(&self.net);
            }
        }
        flat.follow(decay);
        Ok(Advance { loss: score.loss, right: score.right, norm })
    }

    /// One optimiser step of any learner anywhere.
    fn advance_by_autodiff(&mut self, rate: f64, decay: f64, logged: bool) -> Result<Advance, TrainError> {
        let training = &self.config.training;
        let step = self.saved.step;
        let parts = training.batch / training.micro_batch;
        let first = step * training.batch as u64;
        let part = |p: usize| {
            let from = first + (p * training.micro_batch) as u64;
            let shape = self.tasks.shape(Split::Train, step * parts as u64 + p as u64);
            let episode = |i: u64| match self.tasks.set {
                true => self.tasks.set_episode(Split::Train, i, &shape),
                false => self.tasks.episode(Split::Train, i),
            };
            let episodes: Vec<Episode> = (from..from + training.micro_batch as u64).map(episode).collect();
            // leaves of its own: Burn joins graphs that share a leaf, and one thread's backward pass would then
            // consume the other's tape
            gradient(&self.net.clone().map(&mut Leaves), &episodes, &shape, (parts, training.neighbours), logged)
        };
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
        // in the order of micro-batches, whichever thread made them
        let mut sum = GradientsAccumulator::new();
        let (mut loss, mut right) = (0.0, Vec::new());
        for result in results.into_iter().flatten() {
            sum.accumulate(&self.net, result.gradients);
            loss += result.loss / parts as f64;
            add(&mut right, &result.right);
        }
        let mut gradients = sum.grads();
        let mut norm = Norm { gradients: &gradients, square: None };
        self.net.visit(&mut norm);
        let norm = norm.square.expect("a net has parameters").sqrt();
        // Reading one number would make a GPU wait at every step. What is logged or becomes a checkpoint is looked at
        // there too, so that no checkpoint holds a NaN.
        let kept = (step + 1).is_multiple_of(training.checkpoint_every) || step + 1 == training.steps;
        if (self.device.cpu || logged || kept) && !(loss.is_finite() && scalar(norm.clone()).is_finite()) {
            return Err(TrainError::Diverged { step: step + 1, last: newest_checkpoint(&self.folder)? });
        }
        if training.clip > 0.0 {
            let scale = (norm.clone() + 1e-9).recip().mul_scalar(training.clip).clamp_max(1.0);
            self.net.visit(&mut Scale { gradients: &mut gradients, scale });
        }
        let net = self.net.clone();
        self.net = self.optimiser.step(rate, net, gradients);
        let mut values = GradientsParams::new();
        self.net.visit(&mut Collect { values: &mut values });
        self.average = self.average.clone().map(&mut Average { values, decay });
        // reading waits for the device
        let norm = if logged { scalar(norm) } else { 0.0 };
        Ok(Advance { loss, right, norm })
    }

    /// Writes `checkpoint-STEP/` whole, then removes older ones but one.
    ///
    /// # Errors
    /// What the operating system says; what was begun is removed, the checkpoints before stay.
    pub fn checkpoint(&self) -> Result<(), TrainError> {
        let name = format!("checkpoint-{:09}", self.saved.step);
        let path = self.folder.join(&name);
        if path.join(STATE).exists() {
            return Ok(());
        }
        let temporary = self.folder.join(format!("{name}.{}.tmp", std::process::id()));
        if temporary.exists() {
            remove_checkpoint(&temporary)?;
        }
        let written = self.write_checkpoint(&temporary).and_then(|()| Ok(finish_checkpoint(&temporary, &path)?));
        if let Err(error) = written {
            if temporary.exists() {
                remove_checkpoint(&temporary)?;
            }
            return Err(self.unwritten(&format!("the checkpoint of step {}", self.saved.step), &*error));
        }
        match &self.place {
            Some(place) => Ok(place.remove_checkpoints(2)?),
            None => Ok(()),
        }
    }

    /// Every file of a checkpoint, and all of it on the disk.
    fn write_checkpoint(&self, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
        fs::create_dir_all(folder)?;
        write_net(&self.net, &folder.join("model.safetensors"))?;
        write_net(&self.average, &folder.join("average.safetensors"))?;
        let optimiser = folder.join("optimiser.bpk");
        match (&self.flat, self.config.training.optimiser) {
            (Some(flat), Optimiser::Adamw) => flat.moments().write_to_file(&optimiser)?,
            _ => self.optimiser.save(&optimiser)?,
        }
        fs::write(folder.join(STATE), serde_json::to_vec(&self.saved).expect("plain data"))?;
        for entry in fs::read_dir(folder)? {
            // for writing: some systems flush nothing else
            fs::OpenOptions::new().write(true).open(entry?.path())?.sync_all()?;
        }
        Ok(())
    }

    /// The error of a run that could not write.
    fn unwritten(&self, what: &str, error: &(dyn std::error::Error + 'static)) -> TrainError {
        TrainError::Unwritten {
            what: what.to_owned(),
            folder: self.folder.clone(),
            cause: error.to_string(),
            kind: io_kind(error),
            // weights, their average and at most two moments
            bytes: 16 * self.average.num_params() as u64,
            last: newest_checkpoint(&self.folder).unwrap_or_default(),
        }
    }

    /// The learner as it would be kept now: the running average, without gradients.
    pub fn learner(&self) -> &Net {
        &self.average
    }

    /// Where it trains, in words.
    pub fn device_name(&self) -> &str {
        &self.device.name
    }

    /// Metrics of steps that will be done again are dropped, so that a step has one line.
    fn forget_metrics_after(&self, step: u64) -> Result<(), TrainError> {
        let path = self.folder.join("metrics.jsonl");
        let Ok(text) = fs::read(&path) else { return Ok(()) };
        let mut kept: Vec<(u64, &[u8])> = Vec::new();
        // a line without an end was cut off
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let Ok(metrics) = serde_json::from_slice::<Metrics>(line) else { continue };
            // a later line of the same step is of the run that went on
            while kept.last().is_some_and(|(last, _)| *last >= metrics.step) {
                kept.pop();
            }
            if metrics.step <= step {
                kept.push((metrics.step, line));
            }
        }
        let kept: Vec<u8> = kept.into_iter().flat_map(|(_, line)| line).copied().collect();
        match text.starts_with(&kept) {
            // needs no space, of which there may be none
            true => fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_len(kept.len() as u64))
                .map_err(io_at(&path)),
            false => write_whole(&path, &kept),
        }
    }
}

impl Training {
    /// Learning rate of a step, counted from 0.
    pub fn rate_at(&self, step: u64) -> f64 {
        let warm = ((step + 1) as f64 / self.warm_up.max(1) as f64).min(1.0);
        if !self.cosine {
            return self.rate * warm;
        }
        let done = step as f64 / self.steps as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.rate * warm * (self.final_rate + (1.0 - self.final_rate) * cosine)
    }
}

fn optimiser(training: &Training) -> ModuleOptimizer {
    let adamw = AdamWConfig::new()
        .with_beta_2(training.beta_2 as f32)
        .with_epsilon(training.epsilon as f32)
        .with_weight_decay(training.weight_decay as f32);
    match training.optimiser {
        Optimiser::Adamw => adamw.init(),
        Optimiser::Lion => LionConfig::new().with_weight_decay(training.weight_decay as f32).init(),
        Optimiser::Muon => {
            let muon = MuonConfig::new()
                .with_momentum(MomentumConfig { momentum: 0.9, dampening: 0.1, nesterov: true })
                .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
                .build();
            // a net's path begins with the name of its family
            let matrices = r"^Causal\.layer\.\d+\.(query|key|value|output|mlp\.up|mlp\.down)\.weight$";
            let group = ParamGroup::from_regex(matrices).expect("a valid pattern");
            adamw.init().with_group(group, muon, None)
        }
    }
}

/// Opens and encodes all base data of a run.
fn open_tasks(config: &RunConfig, data_dir: &Path) -> Result<Tasks, TrainError> {
    let spec = &config.model;
    let augment = config.tasks.augment.active();
    let stem = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
    let mut bases = Vec::new();
    for entry in &config.tasks.data {
        match entry.as_str() {
            "prior" => bases.push(Source::Prior),
            "strokes" => bases.push(Source::Strokes),
            _ => {
                let (name, classes) = class_range(entry)?;
                let base = match augment || stem {
                    true => drawn_base(&data::open(name, data::Split::Train, data_dir)?, entry)?,
                    false => encoded_base(spec, name, data::Split::Train, data_dir)?,
                };
                let fits = match spec.equivariant.is_some() {
                    true => base.dimensions <= spec.inputs,
                    false => spec.encoding.projected || base.dimensions == spec.inputs,
                };
                if !fits {
                    return Err(TrainError::Inputs {
                        name: entry.clone(),
                        expected: spec.inputs,
                        found: base.dimensions,
                    });
                }
                bases.push(Source::Set(base.with_classes(classes)));
            }
        }
    }
    Ok(Tasks {
        config: config.tasks.clone(),
        bases,
        inputs: spec.inputs,
        classes: spec.classes,
        projected: spec.encoding.projected,
        set: spec.equivariant.is_some(),
        split: config.learner.asks_queries(),
        stem,
        side: spec.encoding.side,
        seed: config.seed,
    })
}

/// `name` or `name@a-b` for classes a to b − 1.
///
/// # Errors
/// A range that is not two numbers, the first one less.
pub fn class_range(entry: &str) -> Result<(&str, std::ops::Range<usize>), ConfigError> {
    let Some((name, range)) = entry.split_once('@') else { return Ok((entry, 0..usize::MAX)) };
    let read = || {
        let (from, to) = range.split_once('-')?;
        let range = from.parse().ok()?..to.parse().ok()?;
        (!range.is_empty()).then_some(range)
    };
    read().map(|range| (name, range)).ok_or_else(|| ConfigError::Value {
        key: "tasks.data",
        message: format!("expected a name or name@a-b with class numbers a below b, found `{entry}`"),
    })
}

/// A data set of drawings after THE preprocessing, to be changed each time that one is shown.
pub(crate) fn drawn_base(set: &data::Dataset, entry: &str) -> Result<Base, TrainError> {
    if set.channels != 1 {
        return Err(TrainError::Inputs { name: entry.to_owned(), expected: 1, found: set.channels });
    }
    let mut pictures = Vec::with_capacity(set.len() * shaders::pixels::SIDE * shaders::pixels::SIDE);
    for i in 0..set.len() {
        let picture = shaders::pixels::normalise(&set.pixels(i), set.height, set.width)
            // an empty picture stays empty
            .unwrap_or_else(|_| vec![0.0; shaders::pixels::SIDE * shaders::pixels::SIDE]);
        pictures.extend(picture);
    }
    let mut base = Base::new(&set.name, Vec::new(), set.labels.clone());
    base.drawings = Some(std::sync::Arc::new(pictures));
    base.dimensions = shaders::pixels::SIDE * shaders::pixels::SIDE;
    Ok(base)
}

/// A data set as features before the projection, read once: a grid of small runs asks for the same few over and over.
///
/// # Errors
/// Data that are missing, or that the encoding cannot take.
pub(crate) fn encoded_base(
    spec: &shaders::ModelSpec,
    name: &str,
    split: data::Split,
    data_dir: &Path,
) -> Result<Base, TrainError> {
    /// Bases that are kept, the newest last.
    static KEPT: Mutex<Vec<(String, Base)>> = Mutex::new(Vec::new());
    const MOST: usize = 8;
    let encoding = serde_json::to_string(&spec.encoding).expect("plain data");
    let key = format!("{name} {split} {} {encoding}", data_dir.display());
    let kept = || KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, base)) = kept().iter().find(|(of, _)| *of == key) {
        return Ok(base.clone());
    }
    let set = data::open(name, split, data_dir)?;
    let base = encode_base(spec, &set).map_err(|source| TrainError::Encode { name: name.to_owned(), source })?;
    let mut kept = kept();
    if kept.len() == MOST {
        kept.remove(0);
    }
    kept.push((key, base.clone()));
    Ok(base)
}

/// A data set as features before the projection.
///
/// # Errors
/// Images that the encoding cannot take.
pub fn encode_base(spec: &shaders::ModelSpec, set: &data::Dataset) -> Result<Base, shaders::encode::EncodeError> {
    // the projection is drawn per episode, so the encoder's own is not needed
    let plain = shaders::ModelSpec {
        inputs: if spec.encoding.side == 0 { set.size() } else { spec.encoding.side.pow(2) * set.channels },
        encoding: shaders::spec::Encoding { projected: false, ..spec.encoding },
        ..spec.clone()
    };
    // with the inputs that it has, can its stem read these?
    let read = shaders::encode::Encoder::new(spec, set.height, set.width, set.channels, 0);
    let encoder = shaders::encode::Encoder::new(&plain, set.height, set.width, set.channels, 0)?;
    let mut features = Vec::with_capacity(set.len() * plain.inputs);
    for i in 0..set.len() {
        features.extend(encoder.features(&set.pixels(i))?);
    }
    let mut base = Base::new(&set.name, features, set.labels.clone());
    base.drawn = read.is_ok_and(|encoder| encoder.drawings());
    Ok(base)
}

/// What one step gives; the first two only where they were asked for.
struct Advance {
    loss: f64,
    right: Vec<f64>,
    norm: f64,
}

/// What one micro-batch gives.
struct Part {
    gradients: GradientsParams,
    loss: f64,
    right: Vec<f64>,
}

/// Mean cross-entropy over all positions (all queries, for a set learner), divided by the number of parts of the batch; and
/// with a weight above 0 that of the embedding's neighbours.
fn gradient(net: &Net, episodes: &[Episode], shape: &Shape, (parts, neighbours): (usize, f64), logged: bool) -> Part {
    let device = net.devices().into_iter().next().expect("a net has a device");
    let (log_probabilities, beside, answered) = match net {
        Net::Set(net) => {
            let (log_probabilities, beside) = net.forward_with_neighbours(&set_batch(episodes, shape, &device));
            (log_probabilities, beside.filter(|_| neighbours > 0.0), shape.shown)
        }
        Net::Research(research::Net::SetTransformer(net)) => {
            let (inputs, labels) = sequences(episodes, net.spec().classes, &device);
            (net.forward(inputs, labels.narrow(1, 0, shape.shown)), None, shape.shown)
        }
        _ => {
            let (inputs, labels) = sequences(episodes, net.spec().classes, &device);
            (net.predictor(Inputs::Vectors).predict(inputs, labels), None, 0)
        }
    };
    let [b, t, c] = log_probabilities.dims();
    let mut target = vec![0f32; b * t * c];
    let labels = episodes.iter().flat_map(|episode| &episode.labels[answered..]);
    target.chunks_exact_mut(c).zip(labels).for_each(|(row, &label)| row[label as usize] = 1.0);
    let target = Tensor::<3>::from_data(TensorData::new(target, [b, t, c]), &device);
    let mut loss = (log_probabilities.clone() * target).sum().div_scalar(-((b * t * parts) as f64));
    if let Some(chances) = beside {
        let [b, m, c] = chances.dims();
        let mut target = vec![0f32; b * m * c];
        let labels = episodes.iter().flat_map(|episode| &episode.labels);
        target.chunks_exact_mut(c).zip(labels).for_each(|(row, &label)| row[label as usize] = 1.0);
        let target = Tensor::<3>::from_data(TensorData::new(target, [b, m, c]), &device);
        // a class whose only example is asked about itself has no chance at all
        let logs = (chances + 1e-3).log();
        loss = loss + (logs * target).sum().mul_scalar(-neighbours / (b * m * parts) as f64);
    }
    let gradients = GradientsParams::from_grads(loss.backward(), net);
    let (mut value, mut right) = (0.0, Vec::new());
    if logged {
        (value, right) = score(&floats(log_probabilities), episodes, answered);
        if shape.queries > 0 {
            right = vec![right.iter().sum::<f64>() / t as f64];
        }
    }
    Part { gradients, loss: value, right }
}

/// Mean cross-entropy, and the number of right answers at each position after the first `answered`.
///
/// # Shapes
/// `rows` log-probabilities `[B, T, C]`; the counts `[T]`.
fn score(rows: &[f32], episodes: &[Episode], answered: usize) -> (f64, Vec<f64>) {
    let t = episodes[0].labels.len() - answered;
    let c = rows.len() / (episodes.len() * t);
    let (mut loss, mut right) = (0.0, vec![0.0; t]);
    let labels = episodes.iter().flat_map(|episode| &episode.labels[answered..]);
    for (at, (row, &label)) in rows.chunks_exact(c).zip(labels).enumerate() {
        loss -= f64::from(row[label as usize]) / (episodes.len() * t) as f64;
        right[at % t] += f64::from(u8::from(shaders::answer(row) == Some(label as usize)));
    }
    (loss, right)
}

/// Gradients by parameter from all of them in a row, in the order in which a net is visited.
struct Unflatten<'a> {
    flat: &'a [f32],
    gradients: GradientsParams,
}

impl ModuleVisitor for Unflatten<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let value = param.val().inner();
        let (own, rest) = self.flat.split_at(value.shape().num_elements());
        self.flat = rest;
        let data = TensorData::new(own.to_vec(), value.shape());
        self.gradients.register(param.id, Tensor::<R>::from_data(data, &value.device()));
    }
}

/// The values of a net in the order in which it is visited.
fn values(net: &Net) -> Vec<f32> {
    struct Flatten(Vec<f32>);
    impl ModuleVisitor for Flatten {
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            self.0.extend(floats(param.val().inner()));
        }
    }
    let mut all = Flatten(Vec::new());
    net.visit(&mut all);
    all.0
}

fn add(sum: &mut Vec<f64>, values: &[f64]) {
    sum.resize(values.len().max(sum.len()), 0.0);
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

/// Σ g² over all parameters, kept on the device.
struct Norm<'a> {
    gradients: &'a GradientsParams,
    square: Option<Tensor<1>>,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        if let Some(gradient) = self.gradients.get::<R>(param.id) {
            let square = (gradient.clone() * gradient).sum();
            self.square = Some(match self.square.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

/// Gives every parameter its values out of a flat buffer, in the order in which a net is visited.
struct Fill<'a>(&'a [f32]);

impl ModuleMapper for Fill<'_> {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        param.map(|old| {
            let (own, rest) = self.0.split_at(old.shape().num_elements());
            self.0 = rest;
            let new = Tensor::from_data(TensorData::new(own.to_vec(), old.shape()), &old.device());
            if old.device().is_autodiff() { new.require_grad() } else { new }
        })
    }
}

/// Multiplies every gradient by one number, kept on the device.
struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    scale: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        if let Some(gradient) = self.gradients.remove::<R>(param.id) {
            let scale = self.scale.clone().reshape([1; R]);
            self.gradients.register(param.id, gradient * scale);
        }
    }
}

/// Makes every parameter the leaf of a new graph; ids and values stay.
struct Leaves;

impl ModuleMapper for Leaves {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        param.map(|value| Tensor::from_inner(value.inner()).require_grad())
    }
}

/// Current values by id; the container is the one type that holds tensors of every rank.
struct Collect<'a> {
    values: &'a mut GradientsParams,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        self.values.register(param.id, param.val().inner());
    }
}

/// a ← decay·a + (1 − decay)·w
struct Average {
    values: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Average {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        let Some(value) = self.values.remove::<R>(param.id) else { return param };
        param.map(|old| old * self.decay + value * (1.0 - self.decay))
    }
}

fn newest_checkpoint(folder: &Path) -> Result<Option<PathBuf>, TrainError> {
    Ok(checkpoints(folder)?.pop())
}

/// A learner before meta-training, its weights a function of the seed.
///
/// # Errors
/// Settings that no learner can have.
pub fn new_net(config: &RunConfig, seed: u64, device: &Device) -> Result<Net, ConfigError> {
    match &config.learner {
        Learner::Model => Ok(Net::from_model(&Model::random(config.model.clone(), seed)?, device)),
        learner => research::Net::random(learner, &config.model, seed, device)
            .map(Net::Research)
            .map_err(|message| ConfigError::Value { key: "learner", message }),
    }
}

/// `name.safetensors` of a checkpoint.
fn read_net_of(checkpoint: &Path, name: &str, config: &RunConfig, device: &Device) -> Result<Net, TrainError> {
    let wrong = |message: String| TrainError::Checkpoint { path: checkpoint.to_owned(), message };
    let path = checkpoint.join(format!("{name}.safetensors"));
    match &config.learner {
        Learner::Model => {
            let model = Model::read(&path)?;
            if model.spec != config.model {
                return Err(wrong("its model is not the one of config.toml".into()));
            }
            Ok(Net::from_model(&model, device))
        }
        learner => research::Net::read(&path, learner, &config.model, device).map(Net::Research).map_err(wrong),
    }
}

fn write_net(net: &Net, path: &Path) -> Result<(), TrainError> {
    match net {
        Net::Research(net) => net.write(path).map_err(io_at(path)),
        Net::Causal(_) | Net::Set(_) => {
            let model = net.to_model().expect("only research learners are no models");
            Ok(model.write(path, Precision::F32)?)
        }
    }
}

/// A run's settings, its newest checkpoint and the steps done there.
fn open_run(folder: &Path) -> Result<(RunConfig, PathBuf, u64), TrainError> {
    if folder.is_file() {
        let mut head = Vec::new();
        fs::File::open(folder).and_then(|file| file.take(1 << 16).read_to_end(&mut head)).map_err(io_at(folder))?;
        let kind = FileKind::of(&head).map_or("a file", FileKind::name);
        let missing = format!("it is {kind}, expected a folder that `trainer train` made");
        return Err(FolderError::NoRun { path: folder.to_owned(), missing }.into());
    }
    let path = newest_checkpoint(folder)?;
    let path = path.ok_or_else(|| TrainError::NoCheckpoint(folder.to_owned()))?;
    let config = RunConfig::read(&folder.join(CONFIG))?;
    let wrong = |message: String| TrainError::Checkpoint { path: path.clone(), message };
    let state = fs::read(path.join(STATE)).map_err(io_at(&path))?;
    let saved: Saved = serde_json::from_slice(&state).map_err(|e| wrong(e.to_string()))?;
    Ok((config, path, saved.step))
}

/// The learner in a run's newest checkpoint (its average) as a model, and its settings.
///
/// # Errors
/// No checkpoint, a damaged one, or a research learner.
pub fn read_run(folder: &Path) -> Result<(Model, RunConfig, u64), TrainError> {
    let (config, path, step) = open_run(folder)?;
    match config.learner {
        Learner::Model => Ok((Model::read(&path.join("average.safetensors"))?, config, step)),
        learner => Err(TrainError::Research { path: folder.to_owned(), kind: learner.kind() }),
    }
}

/// The learner in a run's newest checkpoint (its average), of any kind, ready to be asked, and its settings.
///
/// # Errors
/// No checkpoint, or a damaged one.
pub fn read_net(folder: &Path, device: &Device) -> Result<(Net, RunConfig, u64), TrainError> {
    let (config, path, step) = open_run(folder)?;
    let net = read_net_of(&path, "average", &config, device)?;
    Ok((net, config, step))
}

/// Writes under a temporary name, then renames.
///
/// # Errors
/// What the operating system says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    crate::files::write_whole(path, bytes).map_err(io_at(path))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use burn::tensor::Distribution;
    use shaders::spec::ModelSpec;

    /// Registers a random gradient for every parameter.
    struct Noise(GradientsParams);

    impl ModuleVisitor for Noise {
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            let value = param.val().inner();
            self.0.register(param.id, Tensor::<R>::random(value.shape(), Distribution::Default, &value.device()));
        }
    }

    #[test]
    fn muon_moves_the_matrices_of_layers_and_nothing_else() {
        let model = Model::random(ModelSpec::shifted(8, 8, 1, 1), 1).unwrap();
        let net = Net::from_model(&model, &crate::device::host().autodiff());
        let mut noise = Noise(GradientsParams::new());
        net.visit(&mut noise);
        let training = Training { optimiser: Optimiser::Muon, weight_decay: 0.0, ..Training::default() };
        let moved = optimiser(&training).step(0.1, net, noise.0).to_model().expect("a net of a model");
        for tensor in model.spec.tensors() {
            let (before, after) = (model.tensor(&tensor.name), moved.tensor(&tensor.name));
            // Adam's first step is as long as the rate everywhere; that of Muon is orthogonal, its entries all differ
            let steps: Vec<f32> = before.iter().zip(after).map(|(b, a)| (a - b).abs()).collect();
            let adam = steps.iter().all(|step| (step - 0.1).abs() < 1e-3);
            let matrix = tensor.name.starts_with("layer.") && tensor.shape.len() == 2;
            assert_eq!(adam, !matrix, "{}: {steps:?}", tensor.name);
        }
    }
}
