//! Meta-trains learners for in-context learning, measures and exports them.
#![recursion_limit = "256"]

pub mod baselines;
pub mod card;
pub mod config;
pub mod data;
pub mod device;
pub mod eval;
pub mod experiment;
pub mod files;
#[cfg(feature = "wgpu")]
pub mod gpu_check;
pub mod launch;
pub mod learner;
pub mod model_card;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod nets;
pub mod own_file;
pub mod peer_case;
pub mod pictures;
pub mod plot;
pub mod predict;
pub mod sketches;
pub mod sources;
pub use tasks;
pub mod train;
