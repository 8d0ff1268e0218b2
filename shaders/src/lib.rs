//! The trained learner: its specification, its file, its CPU reference and its WGSL kernels on WebGPU.
//!
//! ```
//! use std::sync::Arc;
//! use shaders::{Model, cpu};
//!
//! let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/quick.safetensors");
//! let model = Arc::new(Model::read(file.as_ref())?);
//! let mut session = cpu::Session::new(model.clone());
//! // Two examples of inputs in two classes, then a question that is like the first.
//! let dark: Vec<f32> = (0..model.spec.inputs).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
//! let light: Vec<f32> = dark.iter().map(|value| -value).collect();
//! session.context.observe(&dark, &[0])?;
//! session.context.observe(&light, &[1])?;
//! let log_probabilities = session.predict(&dark)?;
//! assert_eq!(shaders::answer(&log_probabilities), Some(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
#[cfg(all(feature = "gpu", feature = "parity"))]
pub mod parity;
pub mod plan;
pub mod probability;
pub mod random;
pub mod reference;
pub mod session;
pub mod simd;
pub mod testing;

pub use foreign::FileKind;
pub use model::file::Model;
pub use model::spec::ModelSpec;
pub use probability::answer;
