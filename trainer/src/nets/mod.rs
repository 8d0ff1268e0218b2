//! Burn modules: the learners that `shaders::model::spec` describes, with the same formulas, and research learners.
//!
//! Fields are named after the tensors of the model file, so a parameter's path in the module *is* its name in the
//! file, and loading and saving need no table. A test holds the two lists together.

pub mod batch;
pub mod causal;
mod load;
mod net;
mod parts;
mod predict;
pub mod research;
pub mod set;
pub mod tensors;

pub use net::Net;
pub use parts::Linear;
pub use predict::{Inputs, Predict};
