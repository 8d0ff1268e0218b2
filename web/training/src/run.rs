//! A run of meta-training: steps, what they reach, and the learner that comes of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use backprop::Score;
use backprop::causal::{Part, Sequences, Trainer, groups};
use backprop::schedule;
use serde::{Deserialize, Serialize};
use shaders::model::file::Precision;
use shaders::{Model, answer};
use tasks::{Base, Progress, Source, Split, Stage, Tasks, smooth};

use crate::phase::{Accuracies, Phase};
use crate::settings::{AVERAGE, CLASSES, CLIP, Data, INPUTS, LENGTH, LOG_EVERY, Optimiser, Settings};

/// Episodes of tasks that were never met, of each measurement.
const MEASURED: usize = 16;
/// Steps between measurements.
const MEASURE_EVERY: u64 = 10;
/// Positions at the end of an episode that are counted together.
const LAST: usize = 10;
/// Positions at its beginning. The very first one has nothing to go by but the task itself.
const FIRST: usize = 3;

/// The loss or the gradient of a step is not finite; the step was not taken, and the learner is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFinite {
    /// The step, counted from 1.
    pub step: u64,
}

/// One point of a run's curves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Mean cross-entropy of the batches since the last point, in nats, each before its step.
    pub loss: f64,
    /// Accuracies, averaged over the last points.
    pub accuracies: Accuracies,
}

/// What is measured, and what a checkpoint keeps of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) step: u64,
    /// Of batches, before their step, as the trainer has it: `[T]` of the present stage.
    pub(crate) logged: Vec<f64>,
    /// Right answers of the batches since the last point, `[T]`, and their episodes.
    pub(crate) right: Vec<f64>,
    episodes: f64,
    /// Losses of the steps since the last point, and how many.
    pub(crate) losses: (f64, u32),
    /// Of its own tasks, over the last points, `[T]`.
    pub(crate) seen: Vec<f64>,
    /// Of new tasks, `[T]`.
    pub(crate) unseen: Vec<f64>,
    pub(crate) progress: Progress,
    pub(crate) points: Vec<Point>,
}

/// Drawings as tasks use them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawings {
    /// `[n, D₀]`, each standardised.
    pub inputs: Vec<f32>,
    /// `[n]`
    pub labels: Vec<u32>,
}

impl Drawings {
    /// Whether tasks can be made of them: two classes, and twice as many drawings as the last class has a number.
    fn are_tasks(&self) -> bool {
        let classes: BTreeSet<u32> = self.labels.iter().copied().collect();
        let numbered = classes.last().map_or(0, |last| u64::from(*last) + 1);
        classes.len() >= 2 && self.labels.len() as u64 >= 2 * numbered && !self.inputs.is_empty()
    }
}

/// A run.
pub struct Run {
    settings: Settings,
    tasks: Tasks,
    /// Where new tasks come from: of its own tasks' kind, or the prior for a learner that met somebody's drawings alone.
    unseen: Tasks,
    stages: Vec<Stage>,
    pub(crate) trainer: Trainer,
    pub(crate) measured: Measured,
    pub(crate) drawings: Drawings,
}

/// What it says after some steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Steps done.
    pub step: u64,
    /// Points since the last report.
    pub points: Vec<Point>,
    /// Accuracy on new tasks at each position, `[T]`.
    pub unseen: Vec<f64>,
    /// Accuracy on its own tasks at each position, `[T]`.
    pub seen: Vec<f64>,
    /// Where it stands.
    pub phase: Phase,
    /// Stages of the curriculum that are done.
    pub stage: usize,
    /// Whether all its steps are done.
    pub done: bool,
}

/// mean ← mean + share·(right/episodes − mean); begins anew where the number of positions has changed.
fn average(mean: &mut Vec<f64>, right: &[f64], (episodes, share): (f64, f64)) {
    let share = if mean.len() == right.len() { share } else { 1.0 };
    mean.resize(right.len(), 0.0);
    mean.iter_mut().zip(right).for_each(|(mean, right)| *mean += share * (right / episodes - *mean));
}

/// The tasks of the stage that a run is in.
fn current<'a>(tasks: &'a Tasks, stages: &[Stage], progress: &Progress) -> Cow<'a, Tasks> {
    stages.get(progress.stage).map_or(Cow::Borrowed(tasks), |stage| Cow::Owned(stage.tasks(tasks)))
}

/// Some episodes of tasks from the `first`-th on, one after another: inputs `[n, T, X]` and labels `[n, T]`.
fn batch(tasks: &Tasks, first: u64, episodes: usize) -> (Vec<f32>, Vec<u32>) {
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    for episode in (first..first + episodes as u64).map(|i| tasks.episode(Split::Train, i)) {
        inputs.extend(episode.inputs);
        labels.extend(episode.labels);
    }
    (inputs, labels)
}

/// The mean of some values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl Run {
    /// A run before its first step, with settings that are within their bounds.
    ///
    /// # Errors
    /// No learner has such settings, or there are too few drawings.
    pub fn new(settings: Settings, drawings: Drawings) -> Result<Run, String> {
        let spec = settings.spec();
        let model = Model::random(spec.clone(), u64::from(settings.seed)).map_err(|error| error.to_string())?;
        let weights: Vec<f32> = spec.tensors().iter().flat_map(|tensor| model.tensor(&tensor.name).to_vec()).collect();
        let mut tasks = Tasks::of_prior(settings.tasks(), INPUTS, CLASSES, u64::from(settings.seed));
        let unseen = tasks.clone();
        if settings.data == Data::Drawings {
            if !drawings.are_tasks() {
                return Err(
                    "expected at least two classes with two drawings each. Teach some drawings first, or choose other data"
                        .into(),
                );
            }
            tasks.bases = vec![Source::Set(Base::new("drawings", drawings.inputs.clone(), drawings.labels.clone()))];
        }
        let trainer = Trainer::new(&spec, weights.clone(), weights, 1);
        let stages = settings.stages();
        Ok(Run { settings, tasks, unseen, stages, trainer, measured: Measured::default(), drawings })
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.measured.step
    }

    /// Weights as they are: every tensor in the order of the spec's.
    pub fn weights(&self) -> &[f32] {
        &self.trainer.state.weights
    }

    /// Their running average, which is the learner that is kept.
    pub fn average(&self) -> &[f32] {
        &self.trainer.state.average
    }

    /// Whether all steps are done.
    pub fn done(&self) -> bool {
        self.measured.step >= self.settings.steps
    }

    /// Goes on to so many steps in all.
    pub fn extend(&mut self, steps: u64) {
        self.settings.steps = steps.max(self.measured.step);
    }

    /// The batch of the next step, for a GPU or another library: inputs `[B, T, X]`, labels `[B, T]`, and T.
    #[cfg(any(feature = "gpu", feature = "bench", test))]
    pub(crate) fn batch(&self) -> (Vec<f32>, Vec<u32>, usize) {
        let tasks = current(&self.tasks, &self.stages, &self.measured.progress);
        let (inputs, labels) = batch(&tasks, self.measured.step * self.settings.batch as u64, self.settings.batch);
        (inputs, labels, tasks.config.length)
    }

    /// One step: batch, gradient, AdamW, average; now and then a measurement. Gives the loss.
    ///
    /// # Errors
    /// The loss or the gradient is not finite.
    pub fn advance(&mut self) -> Result<f64, NotFinite> {
        let whole = self.part(0..self.groups());
        self.advance_with(whole)
    }

    /// How many groups the next batch is cut into, which can be computed by as many workers.
    pub fn groups(&self) -> usize {
        let tasks = current(&self.tasks, &self.stages, &self.measured.progress);
        groups([self.settings.batch, tasks.config.length, self.settings.batch])
    }

    /// The stage of the curriculum that it is in.
    pub fn stage(&self) -> usize {
        self.measured.progress.stage
    }

    /// Stands where another run of the same settings stands, to compute parts of its next batch.
    ///
    /// # Errors
    /// Weights of another learner.
    pub fn follow(&mut self, step: u64, stage: usize, weights: &[f32]) -> Result<(), String> {
        let own = &mut self.trainer.state.weights;
        if own.len() != weights.len() {
            return Err(format!("expected {} weights, found {}", own.len(), weights.len()));
        }
        own.copy_from_slice(weights);
        (self.measured.step, self.measured.progress.stage) = (step, stage);
        Ok(())
    }

    /// What some groups of the next batch give.
    pub fn part(&mut self, own: std::ops::Range<usize>) -> Part {
        let Run { settings, tasks, stages, trainer, measured, .. } = self;
        let tasks = current(tasks, stages, &measured.progress);
        let first = measured.step * settings.batch as u64;
        let episodes = |range: std::ops::Range<usize>| {
            let (inputs, labels) = batch(&tasks, first + range.start as u64, range.len());
            (inputs.into(), labels.into())
        };
        trainer.part([settings.batch, tasks.config.length, settings.batch], episodes, own)
    }

    /// A step with what all groups of its batch gave, in their order, wherever they were computed. Gives the loss.
    ///
    /// # Errors
    /// The loss or the gradient is not finite.
    pub fn advance_with(&mut self, whole: Part) -> Result<f64, NotFinite> {
        let score = self.move_weights(whole)?;
        self.count(score.loss, &score.right);
        self.end_stage(self.logs().then_some(&score.right));
        if self.measures() {
            self.measure();
        }
        Ok(score.loss)
    }

    /// One step on a batch that was made before, without measurements: inputs `[B, T, X]` and labels `[B, T]`. Gives the loss.
    ///
    /// # Errors
    /// The loss or the gradient is not finite.
    #[cfg(any(feature = "bench", test))]
    pub fn advance_on_batch(&mut self, inputs: &[f32], labels: &[u32]) -> Result<f64, NotFinite> {
        let batch = self.settings.batch;
        let (x, t) = (inputs.len() / labels.len(), labels.len() / batch);
        let episodes = |range: std::ops::Range<usize>| {
            let (start, end) = (range.start * t, range.end * t);
            (inputs[start * x..end * x].into(), labels[start..end].into())
        };
        let sizes = [batch, t, batch];
        let whole = self.trainer.part(sizes, episodes, 0..groups(sizes));
        Ok(self.move_weights(whole)?.loss)
    }

    /// What a step is beside its tasks and measurements: gradient, AdamW or Muon, average.
    fn move_weights(&mut self, whole: Part) -> Result<Score, NotFinite> {
        let Run { settings, trainer, measured, .. } = self;
        let score = trainer.gradient_of(whole);
        let state = &mut trainer.state;
        let norm = state.norm();
        if !(score.loss.is_finite() && norm.is_finite()) {
            return Err(NotFinite { step: measured.step + 1 });
        }
        let adam = settings.adam(measured.step);
        match settings.optimiser {
            Optimiser::Adamw => state.step(&adam, schedule::clip(norm, CLIP)),
            Optimiser::Muon => state.step_muon(&adam, schedule::clip(norm, CLIP)),
        }
        state.update_ema(schedule::average_decay(AVERAGE, measured.step));
        measured.step += 1;
        Ok(score)
    }

    /// Whether the step that was just taken has a line in the log.
    pub(crate) fn logs(&self) -> bool {
        let step = self.measured.step;
        step.is_multiple_of(LOG_EVERY) || step == self.settings.steps || step == 1
    }

    /// Whether there is a measurement after the step that was just taken.
    pub(crate) fn measures(&self) -> bool {
        let step = self.measured.step;
        step.is_multiple_of(MEASURE_EVERY) || step == self.settings.steps || step == 1
    }

    /// Counts the loss of a batch and its right answers `[T]`.
    pub(crate) fn count(&mut self, loss: f64, right: &[f64]) {
        let measured = &mut self.measured;
        if measured.right.len() != right.len() {
            (measured.right, measured.episodes) = (vec![0.0; right.len()], 0.0);
        }
        measured.right.iter_mut().zip(right).for_each(|(sum, right)| *sum += right);
        measured.episodes += self.settings.batch as f64;
        measured.losses = (measured.losses.0 + loss, measured.losses.1 + 1);
    }

    /// Goes to the next stage if the one it is in has ended with the step that was just taken: by its number of steps, or by
    /// the accuracy, if that step has a line in the log: right answers `[T]`.
    pub(crate) fn end_stage(&mut self, logged: Option<&Vec<f64>>) {
        let Run { settings, stages, measured, .. } = self;
        if let Some(right) = logged {
            smooth(&mut measured.logged, right, settings.batch as f64);
        }
        let accuracy = measured.logged.last().copied().filter(|_| logged.is_some());
        if measured.progress.advance(stages, measured.step, accuracy) {
            measured.logged.clear();
        }
    }

    /// Measures the learner that would be kept now on tasks that were never met.
    pub(crate) fn measure(&mut self) {
        let Run { trainer, measured, unseen, stages, .. } = self;
        let ways = stages.get(measured.progress.stage).and_then(|stage| stage.ways);
        // always other tasks: their noise averages out
        let first = measured.step * MEASURED as u64;
        let mut right = vec![0.0; LENGTH];
        for episode in (first..first + MEASURED as u64).map(|i| unseen.episode(Split::Test, i)) {
            let sequences = Sequences { inputs: &episode.inputs, labels: &episode.labels, tokens: LENGTH };
            let rows = trainer.log_probabilities(sequences);
            for ((row, label), right) in rows.chunks_exact(CLASSES).zip(&episode.labels).zip(&mut right) {
                *right += f64::from(u8::from(answer(row) == Some(*label as usize)));
            }
        }
        // the first points are of a learner that has changed since
        let share = (2.0 / (measured.points.len() as f64 + 2.0)).max(0.25);
        average(&mut measured.unseen, &right, (MEASURED as f64, share));
        average(&mut measured.seen, &measured.right, (measured.episodes, share));
        measured.right.fill(0.0);
        measured.episodes = 0.0;
        let seen = &measured.seen;
        let accuracies = Accuracies {
            seen_first: mean(&seen[..FIRST.min(seen.len())]),
            seen_last: mean(&seen[seen.len().saturating_sub(LAST)..]),
            unseen_last: mean(&measured.unseen[LENGTH - LAST..]),
            chance_seen: 1.0 / ways.unwrap_or(CLASSES) as f64,
        };
        let (sum, count) = std::mem::take(&mut measured.losses);
        measured.points.push(Point { step: measured.step, loss: sum / f64::from(count.max(1)), accuracies });
    }

    /// What there is to say, with the points from the `known`-th on.
    pub fn report(&self, known: usize) -> Report {
        let Measured { points, step, seen, unseen, progress, .. } = &self.measured;
        Report {
            step: *step,
            points: points.get(known..).unwrap_or_default().to_vec(),
            unseen: unseen.clone(),
            seen: seen.clone(),
            phase: points.last().map_or(Phase::Guessing, |point| Phase::of(&point.accuracies, CLASSES)),
            stage: progress.stage,
            done: self.done(),
        }
    }

    /// The learner as a model file, with its card.
    pub fn file(&self) -> Vec<u8> {
        let spec = self.settings.spec();
        let mut tensors = BTreeMap::new();
        let mut rest = self.average();
        for tensor in spec.tensors() {
            let (own, after) = rest.split_at(tensor.len());
            rest = after;
            tensors.insert(tensor.name, own.to_vec());
        }
        let mut settings = self.settings.clone();
        settings.steps = self.measured.step;
        let drawn = format!("{} drawings of a visitor", self.drawings.labels.len());
        let mut metadata = BTreeMap::from([
            ("step".to_owned(), self.measured.step.to_string()),
            ("software".to_owned(), format!("the page, version {}", env!("CARGO_PKG_VERSION"))),
            ("page".to_owned(), serde_json::to_string(&settings).expect("plain data")),
        ]);
        match settings.toml() {
            Some(toml) => metadata.extend([("training".to_owned(), toml), ("data".to_owned(), "prior".to_owned())]),
            None => metadata.extend([("data".to_owned(), drawn)]),
        }
        Model::new(spec, tensors, metadata).to_bytes(Precision::F32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Kind;
    use crate::testing::{bits, run, small, take};

    #[test]
    fn a_run_on_endless_tasks_learns_to_learn_and_one_on_a_single_task_memorises() {
        let reached = |log2_tasks, steps| {
            let mut run = run(Settings { log2_tasks, steps, width: 32, ..Settings::default() });
            while !run.done() {
                run.advance().unwrap();
            }
            run.report(0)
        };
        let endless = reached(-1, 240);
        let last = endless.points.last().unwrap().accuracies;
        assert!(endless.phase == Phase::Learns && last.unseen_last > 0.5, "{last:?}");
        assert_eq!((endless.step, endless.done, endless.points.len()), (240, true, 25));
        let one = reached(0, 150);
        let last = one.points.last().unwrap().accuracies;
        assert!(one.phase == Phase::Memorises && last.unseen_last < 0.2 && last.seen_first > 0.5, "{last:?}");
    }

    #[test]
    fn a_step_on_a_batch_that_is_handed_in_is_the_step_that_makes_it() {
        let (mut usual, mut given) = (run(small()), run(small()));
        for _ in 0..4 {
            let (inputs, labels, _) = given.batch();
            let loss = given.advance_on_batch(&inputs, &labels).unwrap();
            assert_eq!(loss.to_bits(), usual.advance().unwrap().to_bits());
        }
        assert_eq!((given.step(), bits(given.weights())), (4, bits(usual.weights())));
        assert_eq!(bits(given.average()), bits(usual.average()));
    }

    #[test]
    fn workers_that_share_a_batch_take_the_same_steps() {
        let settings = Settings { batch: 10, curriculum: true, learner: Kind::Paper, ..small() };
        let (mut alone, mut first, mut second) = (run(settings.clone()), run(settings.clone()), run(settings));
        assert_eq!(first.groups(), 1);
        for _ in 0..12 {
            alone.advance().unwrap();
            first.advance().unwrap();
        }
        // the next stages have longer episodes, and so more groups
        for run in [&mut alone, &mut first] {
            run.measured.progress.stage = 1;
        }
        for _ in 0..4 {
            second.follow(first.step(), first.stage(), first.weights()).unwrap();
            let groups = first.groups();
            assert_eq!((groups, second.groups()), (3, 3));
            let mut whole = first.part(0..1);
            let part = second.part(1..groups);
            whole.sums.extend(part.sums);
            whole.numbers.extend(part.numbers);
            assert_eq!(first.advance_with(whole), alone.advance());
        }
        assert_eq!(bits(alone.average()), bits(first.average()));
        assert!(second.follow(1, 0, &[0.5; 3]).unwrap_err().contains("found 3"));
    }

    #[test]
    fn a_step_that_is_not_finite_is_not_taken() {
        let mut run = run(small());
        run.advance().unwrap();
        run.trainer.state.weights[0] = f32::NAN;
        let before = bits(run.average());
        assert_eq!(run.advance(), Err(NotFinite { step: 2 }));
        assert_eq!((run.step(), bits(run.average())), (1, before));
    }

    #[test]
    fn a_file_is_a_model_with_a_card_that_says_how_it_was_made() {
        let mut run = run(small());
        take(&mut run, 3);
        let model = Model::from_bytes(&run.file()).unwrap();
        assert_eq!(model.spec, small().spec());
        assert_eq!(model.metadata["step"], "3");
        assert!(model.metadata["training"].contains("steps = 3\n"), "{}", model.metadata["training"]);
        let first = model.spec.tensors()[0].clone();
        assert_eq!(model.tensor(&first.name), &run.average()[..first.len()]);
    }

    #[test]
    fn drawings_are_tasks_if_there_are_enough_of_them() {
        let settings = Settings { data: Data::Drawings, ..small() };
        let few = Drawings { inputs: vec![0.5; 3 * 196], labels: vec![0, 0, 1] };
        assert!(Run::new(settings.clone(), few).is_err_and(|words| words.contains("two classes with two drawings")));
        let inputs: Vec<f32> = (0..4 * 196).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        for labels in [vec![1, 1, 1, 1], vec![0, 0, 2, 2], vec![0, 0, u32::MAX, u32::MAX]] {
            assert!(Run::new(settings.clone(), Drawings { inputs: inputs.clone(), labels }).is_err());
        }
        let mut run = Run::new(settings, Drawings { inputs, labels: vec![0, 0, 1, 1] }).unwrap();
        run.advance().unwrap();
        let again = Run::resume(&run.checkpoint()).unwrap();
        assert_eq!(again.drawings, run.drawings);
        assert_eq!(Model::from_bytes(&run.file()).unwrap().metadata["data"], "4 drawings of a visitor");
    }
}
