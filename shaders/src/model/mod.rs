//! What a learner is, and its file.

pub mod cost;
pub mod file;
pub mod init;
pub mod ridge;
pub mod spec;
pub mod tensors;
pub mod validate;

pub use file::{FileError, Model, Precision};
pub use spec::{ModelSpec, QueryOptions};
pub use tensors::TensorSpec;
pub use validate::SpecError;
