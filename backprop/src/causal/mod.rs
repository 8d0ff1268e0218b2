//! Causal learners: variants `paper` and `shifted`.

mod attention;
mod gelu;
mod layer;
mod norm;
mod places;
mod trainer;
mod workspace;

pub use places::Layer;
pub use trainer::{Part, Trainer, groups};
pub use workspace::{Sequences, Workspace};
