//! Learners for the browser: models with what they were shown, on WebGPU or on the CPU.
//!
//! All but `js` and `messages` is plain Rust and runs anywhere; these are what JavaScript sees of it. Everything around it (the worker, the
//! choice of the engine, the package's own interface) is JavaScript in `web/package/`.

pub mod controls;
pub mod error;
#[cfg(target_arch = "wasm32")]
mod js;
pub mod labelled_session;
pub mod learner;
#[cfg(target_arch = "wasm32")]
mod messages;
pub mod trial;
