//! The meta-training loop: gradients of micro-batches, one optimiser step, a running average of the weights,
//! checkpoints by atomic rename, `metrics.jsonl`.
//!
//! On a CPU a resumed run equals an uninterrupted one bit for bit: episodes are functions of (seed, index), sums have
//! a fixed order that does not depend on the number of cores, and a checkpoint holds weights, average, optimiser state
//! and step exactly. Learners of a model file take their steps on a CPU in [`backprop`], which computes the gradients of
//! LSTMs and VSML there as well; everything else is done in Burn. Several processes can train one learner of a model file
//! together on CPUs, to the same bits: [`Ranks`].

mod begin;
mod checkpoint;
mod error;
mod finite;
pub mod folder;
mod gradient;
mod making;
mod memory;
mod metrics;
mod moments;
mod optimiser;
mod outcome;
mod parameters;
pub mod probe;
mod ranks;
mod recurrent;
mod rollback;
mod run;
mod step;
pub mod timing;
mod wgsl;

pub use begin::Begin;
pub use checkpoint::{new_net, read_net, read_run};
pub use error::{TrainError, write_whole};
pub use metrics::Metrics;
pub use ranks::Ranks;
pub use run::Run;
