//! Meta-training in the page: a worker takes the steps of a run, to which the card on the page listens.
//!
//! The steps are those of `backprop`, on tasks of `tasks`, as the trainer takes them: a run of the page is a run of the
//! trainer's with the settings that [`Settings::toml`] writes.

#[cfg(target_arch = "wasm32")]
mod card;
mod checkpoint;
#[cfg(target_arch = "wasm32")]
mod js;
mod line;
#[cfg(any(feature = "gpu", test))]
mod on_gpu;
mod phase;
mod points;
mod run;
mod settings;
#[cfg(test)]
mod testing;

pub use line::Line;
#[cfg(any(feature = "gpu", test))]
pub use on_gpu::Stopped;
pub use phase::{Accuracies, Phase};
pub use points::{sampled, smoothed};
pub use run::{Drawings, NotFinite, Point, Report, Run};
pub use settings::{Data, Kind, LENGTH, Optimiser, Settings};
