//! Cells of a grid: what each one does, where it lies, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shaders::ModelSpec;

use crate::config::{ConfigError, RunConfig};
use crate::data::DataError;
use crate::train::TrainError;

/// How large an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Seconds, without any data set: whether everything works.
    Smoke,
    /// Minutes on two CPU cores: whether the effect is there.
    Desk,
    /// The paper's own, for GPUs.
    Full,
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scale::Smoke => "smoke",
            Scale::Desk => "desk",
            Scale::Full => "full",
        })
    }
}

/// A value on one axis of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

/// One cell of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Experiment.
    pub experiment: String,
    /// Scale.
    pub scale: Scale,
    /// Folder below the grid's.
    pub name: String,
    /// Where it lies in the grid.
    pub axes: BTreeMap<String, Value>,
    /// What is to be done.
    #[serde(rename = "work")]
    pub job: Job,
}

impl Cell {
    /// A number of an axis; NaN where there is none.
    pub fn number(&self, axis: &str) -> f64 {
        match self.axes.get(axis) {
            Some(Value::Number(value)) => *value,
            _ => f64::NAN,
        }
    }

    /// A word of an axis; empty where there is none.
    pub fn word(&self, axis: &str) -> &str {
        match self.axes.get(axis) {
            Some(Value::Word(word)) => word,
            _ => "",
        }
    }

    /// Says whether a result was made by exactly this job.
    pub fn hash(&self) -> String {
        // raised when results of the same job would differ
        const VERSION: u32 = 1;
        let text = serde_json::to_string(&(VERSION, &self.axes, &self.job)).expect("plain data");
        Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As meant.
    Done,
    /// The loss was no longer finite: a finding, not a fault.
    Diverged,
    /// An error; it is tried again with the next call.
    Failed,
}

/// What a cell gave, as `result.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    /// The cell.
    pub cell: Cell,
    /// Its hash.
    pub hash: String,
    /// How it ended.
    pub state: State,
    /// Why, if not as meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was measured.
    pub outcome: Outcome,
    /// Commit of the trainer.
    pub commit: String,
    /// Where it ran.
    pub device: String,
}

/// What was measured in a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Parameters of the learner.
    pub parameters: usize,
    /// State size: numbers that carry what was shown to the last prediction.
    pub state_size: usize,
    /// Steps trained.
    pub steps: u64,
    /// Floating-point operations of training, from the learner's formulas.
    pub flop: f64,
    /// Wall-clock seconds of training, on one thread of a CPU.
    pub seconds: f64,
    /// Accuracies.
    pub measured: Vec<Measured>,
    /// Accuracies on the way.
    pub probes: Vec<Point>,
}

/// Why a grid cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// No experiment of this name.
    #[error("unknown experiment `{found}`; there are: {known}, and all")]
    Unknown {
        /// Name given.
        found: String,
        /// Names that exist.
        known: String,
    },
    /// Settings of a cell.
    #[error("cell {cell}: {source}")]
    Config {
        /// Cell.
        cell: String,
        /// Cause.
        source: ConfigError,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] TrainError),
    /// Data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A shard that is none.
    #[error("expected a shard i/n with 1 ≤ i ≤ n, such as 2/8, found `{0}`")]
    Shard(String),
}

/// Which cells are this machine's: every n-th, from the i-th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// i, from 1.
    pub index: usize,
    /// n.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = ExperimentError;

    fn from_str(text: &str) -> Result<Shard, ExperimentError> {
        let read = || {
            let (index, count) = text.split_once('/')?;
            let shard = Shard { index: index.trim().parse().ok()?, count: count.trim().parse().ok()? };
            (1..=shard.count).contains(&shard.index).then_some(shard)
        };
        read().ok_or_else(|| ExperimentError::Shard(text.to_owned()))
    }
}

impl Shard {
    /// This machine's cells, in their order.
    pub fn of(self, cells: Vec<Cell>) -> Vec<Cell> {
        cells.into_iter().skip(self.index - 1).step_by(self.count).collect()
    }
}

impl Cell {
    /// The cell's folder.
    pub fn folder(&self, out: &Path) -> PathBuf {
        out.join(format!("{}-{}", self.experiment, self.scale)).join(&self.name)
    }

    /// The result that this very cell has already, unless it failed.
    pub fn result(&self, out: &Path) -> Option<CellResult> {
        let result = read_result(&self.folder(out).join("result.json"))?;
        (result.hash == self.hash() && result.state != State::Failed).then_some(result)
    }
}

/// A `result.json`, if it is whole.
pub(super) fn read_result(path: &Path) -> Option<CellResult> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// What a cell does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Job {
    /// Meta-trains a learner and measures it.
    Learner {
        /// The run.
        config: Box<RunConfig>,
        /// What is measured at the end.
        measures: Vec<Measure>,
        /// What is measured on the way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probe: Option<Probe>,
        /// Frozen network whose features take the place of pixels: `random`, or a model file with a stem.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<String>,
    },
    /// Rules and learners from scratch on the same episodes.
    Rules {
        /// Inputs, classes and encoding.
        model: Box<ModelSpec>,
        /// What is measured.
        measures: Vec<Measure>,
    },
}

/// A measurement: accuracy at some positions over episodes of test examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name, by which figures find it.
    pub name: String,
    /// Data set (its test split), `prior`, or `random` for the lookup test.
    pub data: String,
    /// Tasks of the training set instead of new ones; the examples are new either way.
    #[serde(default)]
    pub seen: bool,
    /// Every class keeps its own label.
    #[serde(default)]
    pub identity: bool,
    /// Classes of every task; 0: as many as the learner has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ways: usize,
    /// Episodes.
    pub episodes: usize,
    /// Positions, counted from 1, ascending.
    pub positions: Vec<usize>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A measurement that is repeated while a learner trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What is measured; the mean over its positions counts.
    pub measure: Measure,
    /// Steps between two.
    pub every: u64,
    /// Training ends when accuracy has reached this; 1 and more never end it.
    pub until: f64,
}

/// Accuracy by one answerer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Name of the measure.
    pub name: String,
    /// Rule or learner from scratch; empty for the cell's learner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Episodes.
    pub episodes: usize,
    /// Positions, counted from 1.
    pub positions: Vec<usize>,
    /// Fraction right at each position.
    pub accuracy: Vec<f64>,
    /// Half width of the 95 % interval over episodes.
    pub ci95: Vec<f64>,
}

/// One probe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Wall-clock seconds of training, without probes.
    pub seconds: f64,
    /// Floating-point operations of training.
    pub flop: f64,
    /// Fraction right, a mean over the probe's positions.
    pub accuracy: f64,
}

impl Job {
    /// Settings of the run, if there is one.
    pub fn config(&self) -> Option<&RunConfig> {
        match self {
            Job::Learner { config, .. } => Some(config),
            Job::Rules { .. } => None,
        }
    }
}
