//! The trained learner: its specification, its file, its CPU reference and its WGSL kernels on WebGPU.
//!
//! Axes have one letter each, everywhere in this project. Outermost first, row-major, so `[B, T, D]`
//! means the same bytes in Rust, WGSL and safetensors.
//!
//! | letter | axis |
//! |---|---|
//! | B | sequences (episodes) in a batch |
//! | T | position: examples of one episode |
//! | N | shown examples (the context), N < T |
//! | Q | queries asked about one context |
//! | X | inputs of the learner, after encoding |
//! | C | classes |
//! | D | width of the residual stream |
//! | H | attention heads |
//! | K | key size of a head |
//! | F | hidden units of the MLP, `mlp_factor · D` |
//! | L | layers |
//! | R | rows of one list of launches: tokens or queries |
//! | V | views of an input, in a set learner |
//! | S | scores of a class that rules give, in a set learner |
//! | A | channels of all heads of a set learner, (H + linear heads)·K |
//! | E | size of a stem's embedding |
//!
//! Imports go one way, in the order of `ARCHITECTURE.md`; a test holds them to it.

#![warn(clippy::too_many_arguments)]

pub mod baselines;
pub mod cpu;
pub mod engine;
pub mod foreign;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod input;
pub mod kernel;
pub mod linalg;
pub mod model;
mod moved;
#[cfg(all(feature = "gpu", feature = "parity"))]
pub mod parity;
pub mod plan;
pub mod probability;
pub mod random;
pub mod reference;
pub mod session;
pub mod simd;
#[cfg(any(test, feature = "parity"))]
pub mod testing;

// the paths of before, while their users move
pub use input::{encode, photo, pixels, strokes};
pub use model::ridge;
pub use moved::{file, rules, spec};

pub use foreign::FileKind;
pub use model::file::Model;
pub use model::spec::ModelSpec;
pub use probability::answer;
