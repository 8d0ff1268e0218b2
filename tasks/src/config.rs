//! Settings of tasks: `[tasks]` and `[tasks.prior]` of a run's TOML.

use serde::{Deserialize, Serialize};

use super::augment::Augment;

/// How tasks are drawn. Keys are those of `[tasks]` in a run's TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// T: examples of an episode.
    pub length: usize,
    /// Base data by name; `prior` is the synthetic prior, `strokes` are procedural drawings, all others are data sets
    /// (train split). A name with `@a-b` keeps classes a to b − 1 of a set.
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
    /// Set learners: numbers of shown examples N to choose from, each as likely as any other; an entry may come twice.
    /// The set Transformer, whose N shown examples and T − N queries are an ordinary episode, takes any N below T if
    /// there is none.
    #[serde(default)]
    pub shown: Vec<usize>,
    /// Set learners: numbers of shown examples a class to choose from, in the place of `shown`; every class then has at
    /// least one.
    #[serde(default)]
    pub shots: Vec<usize>,
    /// Set learners: queries of an episode.
    #[serde(default)]
    pub queries: usize,
    /// Classes of a task that has not fewer (of set learners, not more either); 0 for all that the learner has.
    #[serde(default)]
    pub ways: usize,
    /// Set learners shown drawings by `shots`: share of micro-batches of drawings with more classes than `ways`.
    #[serde(default)]
    pub many: f64,
    /// The most classes of these; their number is log-uniform from `ways` on, and they are shown [`MOST_SHOWN`] examples at most,
    /// or one a class.
    #[serde(default)]
    pub most_ways: usize,
    /// Learners that project their inputs: a task's inputs are projected to so many dimensions first; 0 for no such step.
    #[serde(default)]
    pub dimensions: usize,
    /// Set learners: share of tasks whose labels are wrong at times (a rate of up to 0.3, uniform), so that a learner
    /// finds out how far examples can be trusted.
    #[serde(default)]
    pub label_noise: f64,
    /// Set learners: share of micro-batches with one class more, of which nothing is shown. A quarter of the queries belong to
    /// it, and they come from classes that are not in the task otherwise. So a learner finds out what belongs to none of the
    /// classes shown. Where `shots` are set, these are micro-batches of drawings alone.
    #[serde(default)]
    pub outsiders: f64,
    /// Set learners: share of tasks with superclasses, some of whose classes are each two or three classes of the data under one
    /// label. A query may then look like nothing shown and still belong to a class, so that a learner finds out how sure it
    /// may be of what looks like little it was shown.
    #[serde(default)]
    pub superclasses: f64,
    /// Set learners whose stem reads colours: share of tasks of pictures that are painted in colour.
    #[serde(default)]
    pub colour: f64,
    /// Learners with a stem: share of micro-batches of other inputs than drawings.
    #[serde(default)]
    pub vectors: f64,
    /// Changes of drawings.
    #[serde(default)]
    pub augment: Augment,
    /// The synthetic prior.
    pub prior: Prior,
}

/// The most examples shown of a task with many classes ([`TaskConfig::many`]), where they are more than one a class.
pub const MOST_SHOWN: usize = 200;

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
            shown: Vec::new(),
            shots: Vec::new(),
            queries: 0,
            ways: 0,
            many: 0.0,
            most_ways: 0,
            dimensions: 0,
            label_noise: 0.0,
            outsiders: 0.0,
            superclasses: 0.0,
            colour: 0.0,
            vectors: 0.0,
            augment: Augment::default(),
            prior: Prior::default(),
        }
    }
}

/// How often each family is drawn; the numbers are weights and need not sum to 1. A family that a stage of a curriculum does not
/// name is not drawn in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Power-law spectra, several modes a class, noise that differs by class.
    #[serde(default)]
    pub spectral: f64,
    /// The same, seen through a random ReLU layer.
    #[serde(default)]
    pub network: f64,
    /// One Gaussian a class with a random full covariance.
    #[serde(default)]
    pub clusters: f64,
    /// Plain prototypes and white noise.
    #[serde(default)]
    pub prototypes: f64,
    /// Non-negative features that are mostly zero.
    #[serde(default)]
    pub sparse: f64,
    /// Pictures of random strokes, redrawn with a shaky hand.
    #[serde(default)]
    pub strokes: f64,
    /// Pictures of smooth random fields: lines, shapes, textures.
    #[serde(default)]
    pub fields: f64,
    /// Pictures of things made of a few parts, painted anew in each example.
    #[serde(default)]
    pub shapes: f64,
    /// Gaussian modes in groups of similar classes with heavy tails and directions of their own, often seen through
    /// random ReLU layers.
    #[serde(default)]
    pub mixtures: f64,
}

impl Default for Prior {
    fn default() -> Self {
        Prior {
            spectral: 0.25,
            network: 0.2,
            clusters: 0.05,
            prototypes: 0.05,
            sparse: 0.1,
            strokes: 0.35,
            fields: 0.0,
            shapes: 0.0,
            mixtures: 0.0,
        }
    }
}

impl Prior {
    /// No family at all, to name a few.
    pub fn none() -> Prior {
        Prior {
            spectral: 0.0,
            network: 0.0,
            clusters: 0.0,
            prototypes: 0.0,
            sparse: 0.0,
            strokes: 0.0,
            fields: 0.0,
            shapes: 0.0,
            mixtures: 0.0,
        }
    }

    /// Sum of all weights.
    pub fn total(&self) -> f64 {
        let vectors = self.spectral + self.network + self.clusters + self.prototypes + self.sparse + self.mixtures;
        vectors + self.strokes + self.fields + self.shapes
    }
}
