//! Variable shared meta learning with one layer (Kirsch and Schmidhuber, arXiv 2012.14905): a grid of tiny LSTMs with the
//! same weights, from each input to each class, with messages both ways. The formulas stand with the learner in `trainer`.

mod sizes;
pub mod untied;
mod workspace;

pub use sizes::Sizes;
pub use workspace::Workspace;
