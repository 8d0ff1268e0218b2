//! Loss and gradient of a causal learner on a CPU, written out by hand: what `causal::Net` and autodiff compute, in
//! a few passes over memory that is kept from step to step.
//!
//! Autodiff takes attention, LayerNorm and GELU apart into elementwise operations, each of which makes a new tensor;
//! on a CPU that costs as much as the matrix products. Here every operation has its forward and its backward half side
//! by side in a file, works on one thread (micro-batches are what runs in parallel), and a step allocates nothing.
//! [`crate::nets::causal::Net::forward`] stays the definition: it is what runs on GPUs, and tests hold every gradient to it.

mod adamw;
mod attention;
mod buffer;
mod gelu;
mod layer;
mod layout;
mod matrix;
mod norm;
pub(crate) mod simd;
mod trainer;
mod workspace;

pub use adamw::{AdamW, MomentsError};
pub use trainer::{Score, Trainer};
pub use workspace::{Sequences, Workspace};
