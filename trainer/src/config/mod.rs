//! A run's settings: presets, a TOML file, `--set` overrides. The resolved settings are saved with the run and travel in
//! the model file.

mod error;
mod merge;
mod nearest;
mod preset;
mod resolve;
mod run;
mod settings;
mod table;
mod validate;

pub use error::ConfigError;
pub use preset::{PRESETS, Preset};
pub use run::{Optimiser, RunConfig, Training};
