//! Set learners: variant `equivariant`.

mod attention;
mod convolution;
mod features;
mod layer;
mod mlp;
mod neighbours;
mod places;
mod ridges;
mod rms;
mod sizes;
mod stem;
mod trainer;
mod view;
mod workspace;

pub use sizes::Episode;
pub use trainer::{Made, Trainer};
pub use workspace::{Loss, Workspace};
