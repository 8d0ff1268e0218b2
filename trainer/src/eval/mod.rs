//! Evaluation protocols: a frozen learner and the hand-written baselines on the same episodes.
//!
//! *paper*: T examples of one split (the test split, unless hyper-parameters are being chosen) drawn without replacement,
//! fresh label permutation and fresh projection an episode, accuracy at every position asked for; position p has p − 1
//! shown examples before it.
//! On a file of somebody's own it is the same, but that columns of a table are brought to scale from the shown rows.
//! *drawing*: raw pictures, K classes × S shots in random order, then queries of every class.

mod accumulator;
mod drawing;
mod episodes;
mod error;
mod outcome;
mod own;
mod paper;
mod score;
mod sets;
mod settings;

pub(crate) use accumulator::Accumulator;
pub use drawing::{Drawing, drawing};
pub(crate) use episodes::random_episode;
pub use error::EvalError;
pub use outcome::Outcome;
pub use own::Own;
pub use paper::{Paper, paper};
pub(crate) use score::score;
pub use sets::Sets;
pub use settings::Settings;
