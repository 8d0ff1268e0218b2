//! Tasks and episodes: base data (a synthetic prior or data sets), a projection, a label map.
//!
//! An episode is a pure function of (seed, split, index): the same triple gives the same bytes on any number of
//! threads, which is what makes a resumed run equal to one that was never stopped.

pub mod augment;
mod base;
mod characters;
mod choose;
mod colour;
mod config;
mod curriculum;
mod episode;
pub mod labels;
pub mod prior;
pub mod projection;
mod sampler;

pub use augment::Augment;
pub use base::{Base, Source};
pub use characters::characters;
pub use config::{MOST_SHOWN, Prior, TaskConfig};
pub use curriculum::{Progress, Stage, smooth};
pub use episode::{Episode, Shape, Split};
pub use sampler::Tasks;
