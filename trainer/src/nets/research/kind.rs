//! What a research learner is made of.

use burn::module::Module;
use shaders::model::spec::ModelSpec;

use super::super::predict::Predict;
use super::builder::Builder;

/// The hyperparameters of a kind of learner: the keys of `[learner]` in a run's TOML, besides `kind`.
pub trait Kind {
    /// Its weights and computation.
    type Net: Module + Predict;

    /// Whether it is trained on queries to shown examples rather than at every position.
    const ASKS_QUERIES: bool = false;

    /// Whether what came before can change an answer.
    const REMEMBERS: bool = true;

    /// What those keys can be that are words.
    const WORDS: &'static [(&'static str, &'static [&'static str])] = &[];

    /// The first value out of bounds.
    fn validate(&self) -> Result<(), OutOfBounds>;

    /// State size, as [`Learner::state_size`](super::Learner::state_size) defines it, after T examples.
    fn state_size(&self, spec: &ModelSpec, t: usize) -> usize;

    /// A net with these hyperparameters.
    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Self::Net;
}

/// A hyperparameter out of bounds: its key, and what was expected and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfBounds {
    /// Such as `learner.width`.
    pub key: &'static str,
    /// Expected and found.
    pub message: String,
}

/// Checks that values lie in 1…most, each given as (key, value, most).
pub(super) fn within(values: &[(&'static str, usize, usize)]) -> Result<(), OutOfBounds> {
    match values.iter().find(|(_, found, most)| !(1..=*most).contains(found)) {
        Some((key, found, most)) => Err(OutOfBounds { key, message: format!("expected 1…{most}, found {found}") }),
        None => Ok(()),
    }
}
