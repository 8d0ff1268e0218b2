//! How to measure.

use crate::data;

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
    /// *drawing*, set learners: as many queries more come from classes that were not shown, with one class more for them.
    pub outsiders: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            episodes: 100,
            seed: 0,
            positions: Vec::new(),
            split: data::Split::Test,
            queries: 1,
            baselines: false,
            ensemble: 1,
            project: None,
            vectors: false,
            rare: false,
            outsiders: false,
        }
    }
}
