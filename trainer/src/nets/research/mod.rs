//! Learners for comparison: those of the paper besides its Transformer, and some that came after it. They are trained,
//! measured and kept like the others, but live in the trainer alone: no page runs them.
//!
//! A run chooses one by `[learner]`, whose `kind` names it and whose other keys are its hyperparameters; inputs, classes,
//! context length and encoding stay those of `[model]`. The recurrent ones read the token (x_i, y_{i−1}) of the paper, or
//! with `whole_tokens` the whole example before, (x_i, x_{i−1}, y_{i−1}), which spares them to learn to carry x_{i−1} over;
//! all predict y_i before they see it.
//!
//! One file a learner, and a line in `registry.rs`.

mod builder;
mod kind;
pub mod linear_attention;
pub mod lstm;
pub mod maml;
pub mod mlp;
pub mod outer_product_lstm;
mod parts;
mod registry;
pub mod set_transformer;
pub mod tail;
pub mod vsml;

pub use super::load::Tensors;
pub use builder::Builder;
pub use kind::{Kind, OutOfBounds};
pub use registry::{KINDS, Learner, Net};
