//! A learner as an ONNX file, for runtimes that are not this project's.
//!
//! ```
//! use onnx::{Options, export};
//! use shaders::Model;
//!
//! let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/quick.safetensors");
//! let bytes = export(&Model::read(file.as_ref())?, &Options::default())?;
//! assert!(bytes.len() > 1_000_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/onnx.md` says how such a file is used, `check.py` compares it with the engine on the CPU.

mod causal;
mod file;
mod graph;
mod inverse;
pub mod proto;
mod relations;
mod set;

pub use file::{ExportError, IR_VERSION, OPSET, Options, export, metadata};
