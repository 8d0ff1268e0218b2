//! A run in its folder: trains, logs and keeps checkpoints.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use backprop::{Exchange, schedule};
use burn::module::Module;

use super::checkpoint::{Saved, newest_checkpoint};
use super::error::{TrainError, io_at, io_kind};
use super::finite::LAG;
use super::folder::{RunFolder, STATE, finish_checkpoint, remove_checkpoint};
use super::memory::{self, MemoryWatch};
use super::metrics::{METRICS, Metrics, forget_after};
use super::outcome::{NotTaken, Outcome, Step};
use super::probe;
use super::ranks::Team;
use super::rollback::{Rollback, State, Verdict};
use super::step::Learner;
use crate::config::RunConfig;
use crate::device::TrainDevice;
use crate::nets::Net;
use tasks::{Tasks, smooth};

/// A run in memory.
pub struct Run {
    /// Settings.
    pub config: RunConfig,
    /// Folder.
    pub folder: PathBuf,
    /// Episodes.
    pub tasks: Tasks,
    pub(super) device: TrainDevice,
    pub(super) learner: Learner,
    pub(super) saved: Saved,
    /// Steps done, for others to watch.
    pub(super) count: Arc<AtomicU64>,
    /// Keeps other processes out of the folder; none before the run has one.
    pub(super) place: Option<RunFolder>,
    /// On a GPU, the way back to before a step that was not finite.
    pub(super) rollback: Rollback,
    /// On a GPU, whether memory keeps growing.
    pub(super) memory: MemoryWatch,
    /// The ranks that train it together; none where this process trains alone.
    pub(super) team: Option<Team>,
}

impl Run {
    /// Threads in all on a CPU; changes the time and never the result. By default as many as there are cores.
    pub fn set_cores(&mut self, cores: usize) {
        let micro_batches = self.config.training.batch / self.config.training.micro_batch;
        let workers = if self.device.cpu { cores.clamp(1, micro_batches.max(1)) } else { 1 };
        self.set_threads(workers, if self.device.cpu { (cores / workers).max(1) } else { 1 });
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
        self.learner.set_threads(workers, threads);
    }

    /// Wall-clock seconds of training so far, over all sessions of this run.
    pub fn seconds(&self) -> f64 {
        self.saved.seconds
    }

    /// Whether a learner of a model file is trained on a CPU by [`backprop`] (by default it is) or by autodiff, as everywhere
    /// else. They differ in the last digits.
    ///
    /// # Errors
    /// The state of the optimiser cannot be handed over.
    pub fn set_by_hand(&mut self, by_hand: bool) -> Result<(), TrainError> {
        self.learner
            .set_by_hand(by_hand, &self.config.training)
            .map_err(|error| TrainError::Checkpoint { path: self.folder.clone(), message: error.to_string() })
    }

    /// How often this session went back to before a step that was not finite, on a GPU.
    pub fn rolled_back(&self) -> u64 {
        self.rollback.count
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
        let path = self.folder.join(METRICS);
        let open = || fs::OpenOptions::new().create(true).append(true).open(&path).map_err(io_at(&path));
        let mut log = self.leads().then(open).transpose()?;
        let started = Instant::now();
        let before = self.saved.seconds;
        let steps = self.config.training.steps;
        let until = until.min(steps);
        // a step that cannot be taken leaves the learner of the step before
        let done = (|| loop {
            while self.saved.step < until && !self.stops(stop) {
                let step_before = self.saved.step;
                let metrics = self.checked_step()?;
                self.count.store(self.saved.step, Ordering::Relaxed);
                self.saved.seconds = before + started.elapsed().as_secs_f64();
                if let Some(mut metrics) = metrics {
                    metrics.seconds = self.saved.seconds;
                    if let Some(log) = &mut log {
                        let line = serde_json::to_string(&metrics).expect("plain data");
                        writeln!(log, "{line}").map_err(|error| self.unwritten(METRICS, &error))?;
                    }
                    progress(&metrics);
                }
                // a run that went back has nothing new to keep
                if self.saved.step <= step_before {
                    continue;
                }
                if self.saved.step < steps && self.keeps(self.saved.step) {
                    self.sync_weights()?;
                    self.checkpoint()?;
                }
                self.watch_memory()?;
            }
            match self.learner.first_not_finite(0) {
                Some(bad) => self.roll_back(bad)?,
                None => return Ok(()),
            }
        })();
        let synced = self.sync_weights();
        self.saved.seconds = before + started.elapsed().as_secs_f64();
        done.and(synced)
    }

    /// Brings the learner here from where it is trained.
    fn sync_weights(&mut self) -> Result<(), TrainError> {
        self.learner.sync_weights().map_err(|error| self.device_failed(error))
    }

    /// The error of a device that failed during a run.
    fn device_failed(&self, error: backprop_gpu::StepError) -> TrainError {
        let last = newest_checkpoint(&self.folder).unwrap_or_default();
        TrainError::Device { step: self.saved.step + 1, last, error }
    }

    /// Whether this process writes the folder: alone, or as rank 0.
    pub(super) fn leads(&self) -> bool {
        self.team.as_ref().is_none_or(Team::leads)
    }

    /// Whether to take no further step. Ranks must end after the same one: they tell each other with its gradient.
    fn stops(&mut self, stop: &AtomicBool) -> bool {
        let asked = stop.load(Ordering::Relaxed);
        match &mut self.team {
            None => asked,
            Some(team) => {
                team.stop = asked;
                std::mem::take(&mut team.stopped)
            }
        }
    }

    /// Whether a step is one after which a checkpoint is written.
    fn keeps(&self, step: u64) -> bool {
        step.is_multiple_of(self.config.training.checkpoint_every)
    }

    /// One optimiser step. On a GPU, steps that turn out not to be finite are taken back; then this is none.
    fn checked_step(&mut self) -> Result<Option<Metrics>, TrainError> {
        if !self.device.cpu && self.rollback.wants(self.saved.step) {
            let Saved { step, accuracy, curriculum, .. } = self.saved.clone();
            self.rollback.keep(State { step, accuracy, curriculum, learner: self.learner.snapshot() });
        }
        let (steps, next) = (self.config.training.steps, self.saved.step + 1);
        let logged = next.is_multiple_of(self.config.training.log_every) || next == steps || next == 1;
        let metrics = self.step_once(logged)?;
        // nothing that is not finite is logged or kept
        let lag = if logged || self.keeps(next) { 0 } else { LAG };
        match self.learner.first_not_finite(lag) {
            Some(bad) => self.roll_back(bad).map(|()| None),
            None => Ok(metrics),
        }
    }

    /// Goes back to a state before step `bad`, which was not finite.
    ///
    /// # Errors
    /// It happens for the second time within a thousand steps.
    fn roll_back(&mut self, bad: u64) -> Result<(), TrainError> {
        let verdict = self.rollback.verdict(bad);
        let again = matches!(verdict, Verdict::Again(_));
        let (Verdict::Again(state) | Verdict::Stop(state)) = verdict;
        (self.saved.step, self.saved.accuracy, self.saved.curriculum) = (state.step, state.accuracy, state.curriculum);
        self.learner.restore(state.learner);
        let log = self.folder.join(METRICS);
        forget_after(&log, self.saved.step).map_err(io_at(&log))?;
        match again {
            true => Ok(()),
            false => Err(TrainError::Diverged { step: bad, last: newest_checkpoint(&self.folder)? }),
        }
    }

    /// On a GPU, reads now and then how much memory there is.
    ///
    /// # Errors
    /// It grew for a thousand steps; a checkpoint is written before.
    fn watch_memory(&mut self) -> Result<(), TrainError> {
        if self.device.cpu || !self.saved.step.is_multiple_of(memory::EVERY) {
            return Ok(());
        }
        let Some(bytes) = self.device.bytes_reserved() else { return Ok(()) };
        let Err(memory::Growth { from, to }) = self.memory.add(bytes) else { return Ok(()) };
        if let Some(bad) = self.learner.first_not_finite(0) {
            return self.roll_back(bad);
        }
        self.checkpoint()?;
        Err(TrainError::Memory { step: self.saved.step, from, to, folder: self.folder.clone() })
    }

    /// One optimiser step.
    fn step_once(&mut self, logged: bool) -> Result<Option<Metrics>, TrainError> {
        let rate = self.config.training.rate_at(self.saved.step);
        let ema_decay = schedule::average_decay(self.config.training.average, self.saved.step);
        let step = Step { done: self.saved.step, rate, ema_decay, logged };
        let stage = self.config.curriculum.get(self.saved.curriculum.stage);
        let tasks = stage.map_or(Cow::Borrowed(&self.tasks), |stage| Cow::Owned(stage.tasks(&self.tasks)));
        let split = tasks.set || tasks.split;
        let team = self.team.as_mut().map(|team| team as &mut dyn Exchange);
        let Outcome { loss, right, norm } = match self.learner.step(&self.config.training, &tasks, step, team) {
            Ok(outcome) => outcome,
            Err(NotTaken::NotFinite) => {
                let last = newest_checkpoint(&self.folder)?;
                return Err(TrainError::Diverged { step: self.saved.step + 1, last });
            }
            Err(NotTaken::Device(error)) => return Err(self.device_failed(error)),
        };
        self.saved.step += 1;
        let stage = stage.map(|_| self.saved.curriculum.stage + 1);
        if !logged {
            self.advance(None);
            return Ok(None);
        }
        let episodes = self.config.training.batch as f64;
        smooth(&mut self.saved.accuracy, &right, episodes);
        let positions: Vec<usize> = match split {
            true => vec![0],
            // the last one is what a curriculum looks at
            false => [1, 10, 50, 100].into_iter().filter(|&p| p < right.len()).chain([right.len()]).collect(),
        };
        let accuracy = positions.iter().map(|&p| self.saved.accuracy[p.max(1) - 1]).collect();
        self.advance(self.saved.accuracy.last().copied());
        Ok(Some(Metrics {
            step: self.saved.step,
            loss,
            accuracy,
            positions,
            stage,
            gradient_norm: norm,
            rate,
            seconds: 0.0,
            tasks: self.learner.share_of_tasks(),
            rolled_back: self.rollback.count,
        }))
    }

    /// Goes to the next stage of the curriculum where the present one ends. Its accuracy begins anew.
    fn advance(&mut self, accuracy: Option<f64>) {
        if self.saved.curriculum.advance(&self.config.curriculum, self.saved.step, accuracy) {
            self.saved.accuracy.clear();
        }
    }

    /// Writes `checkpoint-STEP/` whole, then removes older ones but one; of several ranks, rank 0 does.
    ///
    /// # Errors
    /// What the operating system says; what was begun is removed, the checkpoints before stay.
    pub fn checkpoint(&self) -> Result<(), TrainError> {
        if !self.leads() {
            return Ok(());
        }
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
        self.learner.save(folder, &self.config.training)?;
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
            bytes: 16 * self.learner.average().num_params() as u64,
            last: newest_checkpoint(&self.folder).unwrap_or_default(),
        }
    }

    /// The learner as it would be kept now: the running average, without gradients.
    pub fn learner(&self) -> &Net {
        self.learner.average()
    }

    /// On a GPU, whether it trains this run's learner, made smaller, as the CPU does; none on a CPU.
    ///
    /// # Errors
    /// It does not, or cannot be compared.
    pub fn probe(&self) -> Result<Option<probe::Probed>, probe::ProbeError> {
        match self.device.cpu && self.device.wgsl.is_none() {
            true => Ok(None),
            false => probe::check(&self.config, &self.tasks, &self.device).map(Some),
        }
    }

    /// Where it trains, in words.
    pub fn device_name(&self) -> &str {
        &self.device.name
    }
}
