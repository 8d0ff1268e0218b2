//! Evaluation protocols: a frozen learner and the hand-written rules on the very same episodes.
//!
//! *paper*: T examples of one split (the test split, unless hyper-parameters are being chosen) drawn without replacement, fresh label permutation and fresh projection an
//! episode, accuracy at every position asked for; position p has p − 1 shown examples before it.
//! *drawing*: raw pictures, K classes × S shots in random order, then queries of every class.

mod drawing;
mod episodes;
mod paper;
mod score;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shaders::session;

use crate::data::{self, Dataset};
use crate::train::TrainError;

pub use drawing::{Drawing, drawing};
pub(crate) use episodes::random_episode;
pub use paper::{Paper, paper};
pub(crate) use score::{Asked, score};
pub(crate) use tally::Tally;

/// How to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Episodes of each data set (of each number of shots for *drawing*).
    pub episodes: usize,
    /// Seed of the evaluation's own streams.
    pub seed: u64,
    /// Positions of *paper*, counted from 1.
    pub positions: Vec<usize>,
    /// Which half of a data set: `Test` for reported numbers, `Train` for choosing hyper-parameters.
    pub split: data::Split,
    /// *paper*: queries at each position, all with the same shown examples; the paper has 1. More make the interval
    /// narrower: the first is example p, the others follow after the longest position.
    pub queries: usize,
    /// Whether the hand-written rules and the shuffled-label and untrained controls answer too.
    pub baselines: bool,
    /// *drawing*, set learners: drawings are shown this often each, once as they are and then a little changed, and a
    /// query's chances are averaged over as many variants of it; 1 shows and asks once.
    pub ensemble: usize,
    /// *paper*, set learners: inputs are projected to this many dimensions, afresh in every episode. Learners that
    /// always project do so to their own number of inputs.
    pub project: Option<usize>,
    /// *paper*, learners with a stem: pictures are shown as mere vectors, so that only their inner products count.
    pub vectors: bool,
    /// *drawing*: one class of each episode is shown once, the others as often as the shots say.
    pub rare: bool,
}

/// One row of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// File of the learner.
    pub model: String,
    /// Data set.
    pub dataset: String,
    /// `paper`, or `drawing 10-way` and so on.
    pub protocol: String,
    /// Half of the data set.
    pub split: data::Split,
    /// Episodes.
    pub episodes: usize,
    /// Position (paper) or shots a class (drawing) of each value below.
    pub positions: Vec<usize>,
    /// Fraction right.
    pub accuracy: Vec<f64>,
    /// Half width of the 95 % confidence interval over episodes.
    pub ci95: Vec<f64>,
    /// Mean negative log-likelihood of the right label, in nats.
    pub nll: Vec<f64>,
    /// Expected calibration error of the most likely label, in 15 bins of equal width (Guo et al., 2017).
    #[serde(default)]
    pub ece: Vec<f64>,
    /// Mean confidence minus accuracy: above 0 where the learner trusts its answers too much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overconfidence: Vec<f64>,
    /// Variants of each drawing, if more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<usize>,
    /// Dimensions of the fresh projection, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<usize>,
    /// Whether a learner with a stem was shown pictures as mere vectors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vectors: bool,
    /// Fraction right of the queries of the class that was shown once, if there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rare: Vec<f64>,
    /// Fractions right by the rules and controls.
    pub baselines: std::collections::BTreeMap<String, Vec<f64>>,
    /// Half width of the 95 % confidence interval of the learner's lead over each rule, paired by episode.
    #[serde(default)]
    pub margin_ci95: std::collections::BTreeMap<String, Vec<f64>>,
}

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Data or encoding.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Data.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// A position the learner cannot reach.
    #[error("position {found} was asked for; this learner takes 1…{longest}")]
    Position {
        /// Position asked for.
        found: usize,
        /// Longest T.
        longest: usize,
    },
    /// Too few examples or classes for the protocol.
    #[error("data set `{name}`: {message}")]
    Small {
        /// Data set.
        name: String,
        /// Expected and found.
        message: String,
    },
    /// The learner refused an episode.
    #[error(transparent)]
    Session(#[from] session::SessionError),
    /// Encoding of raw pictures.
    #[error(transparent)]
    Encode(#[from] shaders::encode::EncodeError),
}

/// Data sets that are read once, for all learners and protocols that are measured on them.
pub struct Sets {
    dir: PathBuf,
    kept: Vec<(String, data::Split, Arc<Dataset>)>,
}

impl Sets {
    /// Those of a data directory.
    pub fn new(dir: &Path) -> Sets {
        Sets { dir: dir.to_owned(), kept: Vec::new() }
    }

    /// One split of a data set.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn open(&mut self, name: &str, split: data::Split) -> Result<Arc<Dataset>, data::DataError> {
        if let Some((.., set)) = self.kept.iter().find(|(of, half, _)| of == name && *half == split) {
            return Ok(set.clone());
        }
        let set = Arc::new(data::open(name, split, &self.dir)?);
        self.kept.push((name.to_owned(), split, set.clone()));
        Ok(set)
    }
}
