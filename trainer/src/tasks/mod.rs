//! Tasks and episodes: base data (a synthetic prior or data sets), a projection, a label map.
//!
//! An episode is a pure function of (seed, split, index): the same triple gives the same bytes on any number of
//! threads, which is what makes a resumed run equal to one that was never stopped.

pub mod labels;
pub mod prior;
pub mod projection;

use std::sync::Arc;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use shaders::random::{self, Stream};

use labels::Classes;
use prior::Prior;

/// Which stream episodes come from. Evaluation draws from streams that training cannot reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Meta-training.
    Train,
    /// Choosing hyper-parameters.
    Validation,
    /// Reported numbers.
    Test,
}

impl Split {
    fn purpose(self) -> &'static str {
        match self {
            Split::Train => "episode/train",
            Split::Validation => "episode/validation",
            Split::Test => "episode/test",
        }
    }
}

/// One sequence of T examples of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// `[T, X]`
    pub inputs: Vec<f32>,
    /// `[T]`, each below C
    pub labels: Vec<u32>,
}

/// Real base data, already pooled and normalised as the spec's encoding says.
#[derive(Debug, Clone)]
pub struct Base {
    /// Name, for messages.
    pub name: String,
    /// `[n, D₀]`
    pub features: Arc<Vec<f32>>,
    /// D₀
    pub dimensions: usize,
    /// `[n]`
    pub labels: Arc<Vec<u32>>,
    /// Indices of each class.
    pub by_class: Arc<Vec<Vec<u32>>>,
}

impl Base {
    /// # Shapes
    /// `features` `[n, D₀]`, `labels` `[n]`.
    pub fn new(name: &str, features: Vec<f32>, labels: Vec<u32>) -> Base {
        let dimensions = features.len() / labels.len().max(1);
        let mut by_class = vec![Vec::new(); labels.iter().max().map_or(0, |&m| m as usize + 1)];
        for (i, &label) in labels.iter().enumerate() {
            by_class[label as usize].push(i as u32);
        }
        Base {
            name: name.to_owned(),
            features: Arc::new(features),
            dimensions,
            labels: Arc::new(labels),
            by_class: Arc::new(by_class),
        }
    }

    /// `[D₀]` of example `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.features[i * self.dimensions..(i + 1) * self.dimensions]
    }
}

/// How tasks are drawn. Keys are those of `[tasks]` in a run's TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// T: examples of an episode.
    pub length: usize,
    /// Base data by name; `prior` is the synthetic prior, all others are data sets (train split).
    pub data: Vec<String>,
    /// Share of each entry of `data`; empty for equal shares.
    pub weights: Vec<f64>,
    /// Number of different tasks as a power of two (k for 2^k tasks); −1 for endless tasks.
    pub log2_tasks: i32,
    /// Sequences drawn from one task in a row of the batch; above 1 the projection is made from its seed.
    pub sequences_per_task: usize,
    /// Probability that a task keeps the identity label map (the paper's bias curriculum).
    pub label_bias: f64,
    /// Share of tasks with fewer than C classes, uniformly 2…C.
    pub fewer_classes: f64,
    /// Share of tasks with uneven classes (Dirichlet with a random concentration).
    pub uneven: f64,
    /// The synthetic prior.
    pub prior: Prior,
}

impl Default for TaskConfig {
    fn default() -> Self {
        TaskConfig {
            length: 100,
            data: vec!["prior".into()],
            weights: Vec::new(),
            log2_tasks: -1,
            sequences_per_task: 1,
            label_bias: 0.0,
            fewer_classes: 0.0,
            uneven: 0.0,
            prior: Prior::default(),
        }
    }
}

/// A source of episodes for a learner with X inputs and C classes.
#[derive(Debug, Clone)]
pub struct Tasks {
    /// Settings.
    pub config: TaskConfig,
    /// Data sets named in the settings, in their order (`None` for the prior).
    pub bases: Vec<Option<Base>>,
    /// X
    pub inputs: usize,
    /// C
    pub classes: usize,
    /// Whether inputs are projected; without it a base's D₀ has to be X.
    pub projected: bool,
    /// Seed of everything.
    pub seed: u64,
}

impl Tasks {
    /// Episode `index` of a split.
    pub fn episode(&self, split: Split, index: u64) -> Episode {
        let mut stream = random::stream(self.seed, split.purpose(), index);
        let t = self.config.length;
        // what makes the task: its own stream, shared by every sequence of a repeated or finite task
        let mut task = if self.config.log2_tasks >= 0 {
            let id = match split {
                Split::Train => stream.random_range(0..1u64 << self.config.log2_tasks),
                // held-out ids lie beyond the training set
                _ => (1u64 << 40) + index,
            };
            random::stream(self.seed, "task", id)
        } else if self.config.sequences_per_task > 1 {
            random::stream(self.seed, split.purpose(), index / self.config.sequences_per_task as u64 + (1 << 48))
        } else {
            random::stream(self.seed, split.purpose(), index + (1 << 56))
        };
        let classes = Classes::draw(&self.config, self.classes, &mut task);
        let which = choose(&self.config.weights, self.bases.len(), &mut task);
        let (raw, dimensions, own) = match &self.bases[which] {
            None => self.config.prior.sample(&classes, t, &mut task, &mut stream),
            Some(base) => sample_base(base, &classes, t, &mut task, &mut stream),
        };
        let labels = own.iter().map(|&class| classes.label[class as usize]).collect();
        let inputs = if !self.projected {
            raw
        } else if self.config.log2_tasks >= 0 || self.config.sequences_per_task > 1 {
            projection::seeded(&raw, dimensions, self.inputs, &mut task)
        } else {
            projection::fresh(&raw, dimensions, self.inputs, &mut stream)
        };
        Episode { inputs, labels }
    }
}

/// An index by weight, or uniform if there are none.
fn choose(weights: &[f64], count: usize, stream: &mut Stream) -> usize {
    if weights.is_empty() {
        return stream.random_range(0..count);
    }
    let mut left = stream.random::<f64>() * weights.iter().sum::<f64>();
    for (i, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return i;
        }
    }
    weights.len() - 1
}

/// T examples without replacement where a class has enough, their own class numbers 0…K−1 beside them.
fn sample_base(
    base: &Base,
    classes: &Classes,
    t: usize,
    task: &mut Stream,
    stream: &mut Stream,
) -> (Vec<f32>, usize, Vec<u32>) {
    let available: Vec<usize> = (0..base.by_class.len()).filter(|&c| !base.by_class[c].is_empty()).collect();
    let k = classes.count().min(available.len());
    // with as many classes as the learner has, class c keeps its number, so that the identity label map means it
    let chosen: Vec<usize> = if available.len() == classes.count() {
        available
    } else {
        labels::permutation(available.len(), task).into_iter().take(k).map(|i| available[i as usize]).collect()
    };
    let mut used: Vec<std::collections::HashSet<u32>> = vec![Default::default(); k];
    let mut raw = Vec::with_capacity(t * base.dimensions);
    let mut own = Vec::with_capacity(t);
    for class in classes.sequence(t, stream) {
        let class = class as usize % k;
        let pool = &base.by_class[chosen[class]];
        let mut pick = pool[stream.random_range(0..pool.len())];
        for _ in 0..8 {
            if used[class].insert(pick) {
                break;
            }
            pick = pool[stream.random_range(0..pool.len())];
        }
        raw.extend_from_slice(base.row(pick as usize));
        own.push(class as u32);
    }
    (raw, base.dimensions, own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(config: TaskConfig) -> Tasks {
        Tasks { config, bases: vec![None], inputs: 32, classes: 10, projected: true, seed: 7 }
    }

    #[test]
    fn an_episode_is_a_function_of_seed_split_and_index() {
        let tasks = tasks(TaskConfig { fewer_classes: 0.5, uneven: 0.5, ..Default::default() });
        let mut all = Vec::new();
        for split in [Split::Train, Split::Validation, Split::Test] {
            for index in 0..3 {
                let episode = tasks.episode(split, index);
                assert_eq!(episode, tasks.episode(split, index));
                assert_eq!(episode.inputs.len(), 100 * 32);
                assert!(episode.inputs.iter().all(|v| v.is_finite()));
                assert!(episode.labels.iter().all(|&l| l < 10));
                assert!(all.iter().all(|other| other != &episode), "two episodes are equal");
                all.push(episode);
            }
        }
    }

    #[test]
    fn a_finite_task_set_repeats_its_tasks_with_other_examples() {
        let tasks = tasks(TaskConfig { log2_tasks: 0, ..Default::default() });
        let (a, b) = (tasks.episode(Split::Train, 0), tasks.episode(Split::Train, 1));
        assert_ne!(a.inputs, b.inputs);
        // the one task: class means of both sequences agree far better than with another task's
        let mean = |e: &Episode, label: u32| -> Vec<f32> {
            let rows: Vec<_> = (0..100).filter(|&i| e.labels[i] == label).collect();
            (0..32)
                .map(|x| rows.iter().map(|&i| e.inputs[i * 32 + x]).sum::<f32>() / rows.len().max(1) as f32)
                .collect()
        };
        let held_out = tasks.episode(Split::Test, 0);
        let distance = |p: &Episode, q: &Episode| -> f32 {
            (0..10).flat_map(|l| mean(p, l).into_iter().zip(mean(q, l))).map(|(u, v)| (u - v).powi(2)).sum()
        };
        assert!(distance(&a, &b) < 0.5 * distance(&a, &held_out));
    }

    #[test]
    fn the_identity_label_map_keeps_class_numbers() {
        let features: Vec<f32> = (0..200).map(|i| (i % 10) as f32).collect();
        let base = Base::new("ten", features, (0..200).map(|i| i % 10).collect());
        let config = TaskConfig { label_bias: 1.0, data: vec!["ten".into()], ..Default::default() };
        let tasks = Tasks { config, bases: vec![Some(base)], inputs: 1, classes: 10, projected: false, seed: 1 };
        let episode = tasks.episode(Split::Train, 3);
        for (x, y) in episode.inputs.iter().zip(&episode.labels) {
            assert_eq!(*x as u32, *y);
        }
    }
}
