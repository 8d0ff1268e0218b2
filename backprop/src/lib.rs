//! Training steps of learners on a CPU, written out by hand: loss, gradient and AdamW over flat buffers that are kept from
//! step to step.
//!
//! Autodiff takes attention, norms and GELU apart into elementwise operations, each of which makes a new tensor; on a CPU
//! that costs as much as the matrix products. Here every operation has its forward and its backward half side by side in a
//! file, works on one thread (pieces of a batch are what runs in parallel), and a step allocates next to nothing. The
//! formulas are those of [`shaders::model::spec`]. `trainer` has the same learners in Burn, which is what runs on GPUs; its
//! tests hold every gradient here to autodiff's. Several processes can share a batch ([`Exchange`]), to the same bits.
//!
//! ```
//! use backprop::{AdamW, causal::Trainer};
//! use shaders::{Model, ModelSpec};
//!
//! let model = Model::random(ModelSpec::shifted(4, 8, 1, 2), 1).unwrap();
//! let weights: Vec<f32> = model.spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
//! let mut trainer = Trainer::new(&model.spec, weights.clone(), weights, 1);
//! // two sequences of three examples
//! let inputs: Vec<f32> = (0..2 * 3 * 4).map(|i| (i as f32).sin()).collect();
//! let labels = [0, 1, 0, 2, 2, 1];
//! let mut step = || {
//!     let batch = |range: std::ops::Range<usize>| {
//!         (inputs[range.start * 12..range.end * 12].into(), labels[range.start * 3..range.end * 3].into())
//!     };
//!     let score = trainer.gradient([2, 3, 2], batch, true);
//!     trainer.state.step(&AdamW { rate: 1e-2, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.0 }, 1.0);
//!     score.loss
//! };
//! let first = step();
//! assert!((0..20).map(|_| step()).last() < Some(first));
//! ```

#![warn(clippy::too_many_arguments)]

mod adamw;
mod buffer;
pub mod causal;
mod cells;
mod exchange;
mod layout;
pub mod lstm;
mod matrix;
pub mod muon;
mod pool;
#[cfg(any(target_arch = "wasm32", test))]
mod product;
pub mod schedule;
mod sequences;
pub mod set;
pub mod simd;
mod state;
mod strides;
pub mod testing;
mod tile;
pub mod vsml;

pub use adamw::{AdamW, Moments};
pub use exchange::{Exchange, share};
pub use layout::Layout;
pub use schedule::Schedule;
pub use sequences::Token;
pub use state::{Score, State};
