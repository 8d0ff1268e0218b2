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
//! Imports go one way: `spec ← kernel ← {cpu, gpu, parity}`.

pub mod cpu;
pub mod encode;
pub mod file;
pub mod foreign;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod kernel;
#[cfg(all(feature = "gpu", feature = "parity"))]
pub mod parity;
pub mod photo;
pub mod pixels;
pub mod plan;
pub mod probability;
pub mod random;
pub mod ridge;
pub mod rules;
pub mod session;
pub mod spec;
pub mod strokes;

pub use file::Model;
pub use foreign::FileKind;
pub use probability::answer;
pub use spec::ModelSpec;
