//! Variant `equivariant`: set learners, to which names of classes and the order of examples make no difference.

mod features;
mod layer;
mod net;
mod stem;
mod view;

pub use net::{Batch, Net, Predictor};
